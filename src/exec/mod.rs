//! Graphs carried out: lowered programs, executors, named parameters, random streams, optimisers, checkpoints.
//!
//! This module knows no language. Values at padded coordinates are 0 by selection (`docs/language.md`), so no
//! result depends on how much padding follows a sentence.

pub mod adamw;
pub mod candle;
pub mod checkpoint;
pub mod draws;
pub mod geometry;
pub mod hugging_face;
pub mod kernel;
pub mod native;
pub mod parameters;
pub mod probe;
pub mod program;
mod pushdown;

pub use self::candle::CandleExecutor;
pub use kernel::Kernel;
pub use native::NativeExecutor;
pub use program::{ParameterSpec, Program};

pub use crate::batch::{Batch, Targets};

use crate::diagnostic::Result;
use adamw::{AdamW, AdamWSettings};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Named tensors on the host, in the order of their names: parameters, gradients or moments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(pub BTreeMap<String, Array>);

/// A tensor on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub data: Vec<f32>,
}

/// A batch's output, as long as it stands where it was computed.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// The output's sizes.
    pub shape: &'a [usize],
    /// Its values, row-major.
    pub values: &'a [f32],
}

impl Output<'_> {
    /// The rows along its last axis.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.shape.last().copied().unwrap_or(1).max(1))
    }
}

/// The key of a step's random draws: dropout is keyed by (seed, path, step, example, position).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepKey {
    /// The experiment's seed.
    pub seed: u64,
    /// The step.
    pub step: u64,
    /// The number of the batch's first sentence among those of the step: not 0 where a batch is carried out in parts.
    pub first: u32,
}

/// What carries programs out.
pub trait Executor: Send + Sync {
    /// Its name, as `--executor` takes it.
    fn name(&self) -> &'static str;

    /// Shows the output of each batch in turn, without gradients and without dropout. The parameters are the same for all, so what is made
    /// of them alone is made once.
    ///
    /// # Errors
    /// Where a parameter is missing, the device fails, or `see` does.
    fn outputs(
        &self,
        program: &Program,
        parameters: &Parameters,
        batches: &mut dyn Iterator<Item = Cow<'_, Batch>>,
        see: &mut dyn FnMut(Output<'_>) -> Result<()>,
    ) -> Result<()>;

    /// The output of one batch.
    ///
    /// # Errors
    /// As for [`Executor::outputs`].
    fn forward(&self, program: &Program, parameters: &Parameters, batch: &Batch) -> Result<Array> {
        let mut found = Array::default();
        let mut see = |output: Output<'_>| {
            found = Array { shape: output.shape.to_vec(), data: output.values.to_vec() };
            Ok(())
        };
        self.outputs(program, parameters, &mut std::iter::once(Cow::Borrowed(batch)), &mut see)?;
        Ok(found)
    }

    /// The loss and the gradient of every parameter the program uses; dropout where a key is given.
    ///
    /// A parameter larger than the program asks for along its `centre` axis is used by its centre slice; its
    /// gradient has the parameter's own shape.
    ///
    /// # Errors
    /// Where a parameter is missing or receives no gradient, the batch has no targets, or the device fails.
    fn gradients(&self, program: &Program, parameters: &Parameters, batch: &Batch, dropout: Option<StepKey>) -> Result<(f32, Parameters)>;

    /// One training step: gradients, summed over the parts of a batch, clipping, AdamW at learning rate `lr`. Gives the loss before
    /// the update.
    ///
    /// # Errors
    /// Where the gradients cannot be had, or the loss or a gradient is not finite; the parameters are then as before.
    #[expect(clippy::too_many_arguments, reason = "a step has these parts, and a record of borrowed parts would say no more")]
    fn step(
        &self,
        program: &Program,
        parts: &[Batch],
        dropout: Option<StepKey>,
        settings: &AdamWSettings,
        lr: f64,
        optimizer: &mut AdamW,
        parameters: &mut Parameters,
    ) -> Result<f32> {
        let (loss, gradients) = accumulate(self, program, parameters, parts, dropout)?;
        optimizer.update(settings, lr, parameters, &gradients)?;
        Ok(loss)
    }

    /// Gives back the memory that is kept for further steps, where those to come are of another kind.
    fn rest(&self) {}

    /// The seconds spent in each kind of kernel since this was last asked; empty where the executor does not count them.
    fn profile(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// The loss and the gradients of a batch from those of its parts, each weighing as much as it has to judge.
///
/// # Errors
/// As for [`Executor::gradients`].
pub fn accumulate<E: Executor + ?Sized>(
    executor: &E,
    program: &Program,
    parameters: &Parameters,
    parts: &[Batch],
    dropout: Option<StepKey>,
) -> Result<(f32, Parameters)> {
    let total: usize = parts.iter().map(|part| part.targets.judged()).sum();
    let (mut loss, mut sum, mut first) = (0.0, Parameters::default(), 0);
    for part in parts {
        let key = dropout.map(|key| StepKey { first: key.first + first, ..key });
        let (own, gradients) = executor.gradients(program, parameters, part, key)?;
        first += part.rows as u32;
        let share = if parts.len() == 1 { 1.0 } else { part.targets.judged() as f32 / total.max(1) as f32 };
        loss += share * own;
        for (name, mut gradient) in gradients.0 {
            gradient.data.iter_mut().for_each(|value| *value *= share);
            match sum.0.get_mut(&name) {
                Some(known) => known.data.iter_mut().zip(&gradient.data).for_each(|(known, value)| *known += value),
                None => drop(sum.0.insert(name, gradient)),
            }
        }
    }
    Ok((loss, sum))
}
