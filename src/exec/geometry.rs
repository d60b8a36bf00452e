//! A batch checked against a program: sizes, lengths and indices that kernels may rely on.

use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::exec::kernel::Kernel;
use crate::exec::program::{Axis, Step};
use crate::exec::{Batch, Program, StepKey};

/// The sizes of one run of a program.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Sentences.
    pub rows: usize,
    /// Tokens of each row, padding included.
    pub width: usize,
    /// Predicted positions of each row.
    pub predictions: usize,
    /// Heads.
    pub heads: usize,
    /// Real tokens of each row.
    pub lengths: Vec<usize>,
    /// Whether any row is padded.
    pub padded: bool,
    /// The key of dropout's draws; `None` for none.
    pub key: Option<StepKey>,
}

impl Geometry {
    /// Checks a batch.
    ///
    /// # Errors
    /// Where an input is missing, has the wrong number of entries, or an index lies outside its table.
    pub fn new(program: &Program, batch: &Batch, key: Option<StepKey>) -> Result<Self> {
        let predictions = batch.inputs.get("at").map_or(0, |at| at.len().checked_div(batch.rows).unwrap_or(0));
        let geometry = Self {
            rows: batch.rows,
            width: batch.width,
            predictions,
            heads: program.heads(),
            lengths: batch.lengths.clone(),
            padded: batch.lengths.iter().any(|length| *length < batch.width),
            key,
        };
        if batch.rows == 0 || batch.width == 0 {
            return Err(failed("the batch is empty".to_owned()));
        }
        if batch.lengths.len() != batch.rows || batch.lengths.iter().any(|length| *length > batch.width) {
            return Err(failed(format!("the batch gives no length up to {} for each of its {} rows", batch.width, batch.rows)));
        }
        for step in program.steps() {
            geometry.check(program, batch, step)?;
        }
        Ok(geometry)
    }

    fn check(&self, program: &Program, batch: &Batch, step: &Step) -> Result<()> {
        let limit = match (&step.kernel, step.parameters.first()) {
            (Kernel::Embedding | Kernel::Positions, Some(table)) => {
                program.parameters().get(*table).and_then(|spec| spec.shape.first().copied())
            }
            (Kernel::Gather, _) => return self.check_picked(program, batch, step),
            (Kernel::First, _) => {
                let empty = self.lengths.iter().position(|length| *length == 0);
                return empty.map_or(Ok(()), |row| Err(failed(format!("sentence {row} of the batch has no first token"))));
            }
            _ => None,
        };
        if let (Kernel::Positions, Some(limit)) = (&step.kernel, limit)
            && self.width > limit
        {
            return Err(failed(format!("a sentence of {} tokens is longer than the model's {limit} positions", self.width)));
        }
        if let Kernel::Input(name) = &step.kernel {
            let indices = batch.inputs.get(name).ok_or_else(|| failed(format!("the batch lacks the input `{name}`")))?;
            let wanted = self.shape(step).iter().product::<usize>();
            if indices.len() != wanted {
                return Err(failed(format!("the input `{name}` has {} entries, and the batch needs {wanted}", indices.len())));
            }
        }
        let source = step.arguments.last().and_then(|slot| program.steps().get(*slot));
        if let (Some(limit), Some(Step { kernel: Kernel::Input(name), .. })) = (limit, source)
            && let Some(wrong) = batch.inputs.get(name).and_then(|indices| indices.iter().find(|index| **index as usize >= limit))
        {
            return Err(failed(format!("the input `{name}` holds {wrong}, and the table has {limit} rows")));
        }
        Ok(())
    }

    /// Whether the places of a `gather` (`rows × p`) are real tokens: there is nothing to be had from padding.
    fn check_picked(&self, program: &Program, batch: &Batch, step: &Step) -> Result<()> {
        let source = step.arguments.get(1).and_then(|slot| program.steps().get(*slot));
        let Some(Step { kernel: Kernel::Input(name), .. }) = source else { return Ok(()) };
        let at = batch.inputs.get(name).map(Vec::as_slice).unwrap_or_default();
        let each = (at.len() / self.rows.max(1)).max(1);
        for (row, (at, length)) in at.chunks(each).zip(&self.lengths).enumerate() {
            if let Some(wrong) = at.iter().find(|index| **index as usize >= *length) {
                return Err(failed(format!(
                    "the input `{name}` holds {wrong}, and sentence {row} of the batch has {}",
                    counted(*length, "token")
                )));
            }
        }
        Ok(())
    }

    /// The full shape of a step's result: batch, heads where it has them, its axes.
    pub fn shape(&self, step: &Step) -> Vec<usize> {
        let axes = step.axes.iter().map(|axis| match axis {
            Axis::Tokens => self.width,
            Axis::Predictions => self.predictions,
            Axis::Size(size) => *size,
        });
        let heads = step.per_head.then_some(self.heads);
        std::iter::once(self.rows).chain(heads).chain(axes).collect()
    }
}

/// A loss.
///
/// # Errors
/// Where it is not finite.
pub fn finite(loss: f32) -> Result<f32> {
    match loss.is_finite() {
        true => Ok(loss),
        false => Diagnostic::error(Code::DIVERGED, format!("the loss is {loss}")).into(),
    }
}

/// An error of the executor.
pub fn failed(message: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::EXECUTOR, message))
}

/// The rows of the output with a class to be told, and the classes.
///
/// # Errors
/// Where there is not one target for each row, or a class lies outside the output.
pub fn judged_rows(targets: &[Option<u32>], rows: usize, classes: usize) -> Result<(Vec<u32>, Vec<u32>)> {
    if targets.len() != rows {
        return Err(failed(format!("the output has {rows} rows, and the batch {} targets", targets.len())));
    }
    if let Some(class) = targets.iter().flatten().find(|class| **class as usize >= classes) {
        return Err(failed(format!("the target {class} lies outside the output's {classes} classes")));
    }
    Ok((0u32..).zip(targets).filter_map(|(row, class)| class.map(|class| (row, class))).unzip())
}
