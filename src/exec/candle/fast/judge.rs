//! The loss and the output's gradient in one pass.

use super::memory::{tensor, values};
use super::vector::{exp, sum, vectorised};
use crate::diagnostic::Result;
use crate::exec::Targets;
use crate::exec::candle::geometry::{broken, failed};
use crate::exec::candle::loss::judged_rows;
use candle_core::Tensor;

/// The loss and the gradient of the output; `None` where nothing is to be judged.
///
/// # Errors
/// Where the targets do not fit the output, or there are none.
pub fn judge(output: &Tensor, targets: &Targets) -> Result<Option<(f32, Tensor)>> {
    let shape = output.dims();
    let classes = shape.last().copied().unwrap_or(1).max(1);
    let data = values(output).map_err(broken)?;
    let mut gradient = vec![0.0; data.len()];
    let loss = match targets {
        Targets::None => return Err(failed("the batch has no targets".to_owned())),
        Targets::Scores(scores) if scores.len() != data.len() => {
            return Err(failed(format!("the output has {} scores, and the batch {} targets", data.len(), scores.len())));
        }
        Targets::Scores(scores) => {
            let count = data.len() as f32;
            for ((gradient, found), wanted) in gradient.iter_mut().zip(&*data).zip(scores) {
                *gradient = 2.0 * (found - wanted) / count;
            }
            data.iter().zip(scores).map(|(found, wanted)| (found - wanted) * (found - wanted)).sum::<f32>() / count
        }
        Targets::Classes(targets) => {
            let (rows, wanted) = judged_rows(targets, data.len() / classes, classes)?;
            if rows.is_empty() {
                return Ok(None);
            }
            let share = 1.0 / rows.len() as f32;
            let mut total = 0.0f64;
            for (row, wanted) in rows.iter().zip(&wanted) {
                let span = *row as usize * classes..(*row as usize + 1) * classes;
                if let (Some(scores), Some(gradient)) = (data.get(span.clone()), gradient.get_mut(span)) {
                    total += f64::from(row_loss(scores, *wanted as usize, share, gradient));
                }
            }
            (total * f64::from(share)) as f32
        }
    };
    Ok(Some((loss, tensor(gradient, shape).map_err(broken)?)))
}

/// −ln softmax at the wanted class; writes the gradient, scaled by the row's share.
fn row_loss(scores: &[f32], wanted: usize, share: f32, gradient: &mut [f32]) -> f32 {
    vectorised!({
        let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for (gradient, score) in gradient.iter_mut().zip(scores) {
            *gradient = exp(score - largest);
        }
        let total = sum(gradient);
        let factor = share / total;
        for gradient in gradient.iter_mut() {
            *gradient *= factor;
        }
        if let Some(gradient) = gradient.get_mut(wanted) {
            *gradient -= share;
        }
        total.ln() + largest - scores.get(wanted).copied().unwrap_or(largest)
    })
}
