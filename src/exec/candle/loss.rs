//! What an output is judged by: cross-entropy over the rows that have a target, or the mean squared error.

use super::broken;
use super::plain::widened;
use crate::diagnostic::Result;
use crate::exec::Targets;
use crate::exec::geometry::{failed, judged_rows};
use candle_core::{D, Result as Tried, Tensor};

/// The loss of an output of `classes` columns, differentiable, in single precision at least; `None` where nothing is to be judged.
///
/// # Errors
/// Where the targets do not fit the output, or there are none.
pub fn loss(output: &Tensor, targets: &Targets) -> Result<Option<Tensor>> {
    let output = &widened(output).map_err(broken)?;
    let classes = output.dim(D::Minus1).map_err(broken)?.max(1);
    let rows = output.elem_count() / classes;
    match targets {
        Targets::None => Err(failed("the batch has no targets".to_owned())),
        Targets::Classes(targets) => {
            let (rows_judged, wanted) = judged_rows(targets, rows, classes)?;
            if wanted.is_empty() {
                return Ok(None);
            }
            cross_entropy(output, rows, classes, rows_judged, wanted).map(Some).map_err(broken)
        }
        Targets::Scores(scores) => {
            if scores.len() != output.elem_count() {
                return Err(failed(format!("the output has {} scores, and the batch {} targets", output.elem_count(), scores.len())));
            }
            let squares = || {
                let wanted = Tensor::from_slice(scores, scores.len(), output.device())?.to_dtype(output.dtype())?;
                (output.flatten_all()? - wanted)?.sqr()?.mean_all()
            };
            squares().map(Some).map_err(broken)
        }
    }
}

fn cross_entropy(output: &Tensor, rows: usize, classes: usize, judged: Vec<u32>, wanted: Vec<u32>) -> Tried<Tensor> {
    let count = judged.len();
    let output = output.reshape((rows, classes))?;
    let output = if count == rows { output } else { output.index_select(&Tensor::from_vec(judged, count, output.device())?, 0)? };
    let wanted = Tensor::from_vec(wanted, (count, 1), output.device())?;
    candle_nn::ops::log_softmax(&output, D::Minus1)?.gather(&wanted, 1)?.mean_all()?.neg()
}
