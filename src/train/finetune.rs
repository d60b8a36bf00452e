//! Fine-tuning: a pre-trained encoder with a fresh head learns a task's labels.

use super::explained;
use super::{EVALUATED, Training, Watch, optimizer, rate};
use crate::batch::{Batch, Targets};
use crate::data::Answers;
use crate::data::{Labelled, restored};
use crate::diagnostic::Result;
use crate::exec::parameters::initial;
use crate::exec::{Executor, Output, Parameters, Program, StepKey};
use crate::settings::{Epoch, Label, Order, Task, Train};
use std::borrow::Cow;

/// Trains a classifier (or, with one class, a regressor) from `pretrained` weights; parameters that it lacks, the head's, start
/// from the stream of `seed`. `lr` overrides the optimiser's rate; `judge` scores weights after an epoch, where that matters.
///
/// # Errors
/// Where a step fails, the loss is not finite, or `watch` ends the training.
#[expect(clippy::too_many_arguments, reason = "what is trained, on what, how, who judges, and who watches")]
pub fn finetune(
    executor: &dyn Executor,
    program: &Program,
    pretrained: &Parameters,
    task: &Task,
    data: &Labelled,
    train: &Train,
    lr: Option<f64>,
    seed: u64,
    judge: &mut dyn FnMut(&Parameters) -> Result<f64>,
    watch: &mut Watch<'_>,
) -> Result<Parameters> {
    let mut training = Training::default();
    for spec in program.parameters() {
        let known = pretrained.0.get(&spec.name).filter(|array| array.shape == spec.shape);
        training.parameters.0.insert(spec.name.clone(), known.cloned().unwrap_or_else(|| initial(spec, seed)));
    }
    let (settings, own) = optimizer(train, program.parameters());
    let lr = lr.unwrap_or(own);
    let total = (data.len().div_ceil(train.batch.max(1)) as u64) * train.epochs;
    let stream = format!("finetune/{}", task.name);
    let judged = train.keep == Epoch::Best || train.patience > 0;
    // The best score so far, its epoch, and its weights where they are wanted.
    let mut best: Option<(f64, u64, Parameters)> = None;
    for epoch in 0..train.epochs {
        let batches = match train.order {
            Order::Shuffled => data.epoch(seed, &stream, epoch, train.batch),
            Order::ByLength => data.epoch_by_length(seed, &stream, epoch, train.batch),
        };
        for places in batches {
            let batch = scaled(data.batch(&places), task);
            let key = Some(StepKey { seed, step: training.step, first: 0 });
            let Training { parameters, optimizer, step } = &mut training;
            let (parts, rate) = (batch.parts(train.accumulate), lr * rate(&train.schedule, *step, total));
            let loss = executor.step(program, &parts, key, &settings, rate, optimizer, parameters).map_err(|error| {
                let what = || format!("step {} of fine-tuning on `{}`", *step + 1, task.name);
                explained(error, what, "lower the learning rate of the suite's `train`")
            })?;
            *step += 1;
            watch(*step, total, loss)?;
        }
        if judged {
            let score = judge(&training.parameters)?;
            if best.as_ref().is_none_or(|(known, ..)| score > *known) {
                let kept = if train.keep == Epoch::Best { training.parameters.clone() } else { Parameters::default() };
                best = Some((score, epoch, kept));
            }
            if best.as_ref().is_some_and(|(_, at, _)| train.patience > 0 && epoch - at >= train.patience) {
                break;
            }
        }
    }
    Ok(match best {
        Some((.., kept)) if train.keep == Epoch::Best => kept,
        _ => training.parameters,
    })
}

/// The predictions for all examples, in their order; `tick` is called after each batch.
///
/// # Errors
/// Where the executor fails, or `tick` ends it.
pub fn predict(
    executor: &dyn Executor,
    program: &Program,
    parameters: &Parameters,
    task: &Task,
    data: &Labelled,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Answers> {
    let batches = data.by_length(EVALUATED);
    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(data.len());
    let mut questions = batches.iter().map(|places| Cow::Owned(Batch { targets: Targets::None, ..data.batch(places) }));
    let mut see = |output: Output<'_>| {
        rows.extend(output.rows().map(<[f32]>::to_vec));
        tick()
    };
    executor.outputs(program, parameters, &mut questions, &mut see)?;
    let rows = restored(&batches, &rows);
    Ok(match &task.label {
        Label::Classes { .. } => Answers::Classes(rows.iter().map(|row| largest(row)).collect()),
        Label::Score { low, high, .. } => {
            let value = |row: &Vec<f32>| unscaled(f64::from(row.first().copied().unwrap_or(0.0)), *low, *high);
            Answers::Scores(rows.iter().map(value).collect())
        }
    })
}

/// The place of the largest value, the first of equals.
fn largest(row: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, value) in (0u32..).zip(row) {
        if *value > best.1 {
            best = (place, *value);
        }
    }
    best.0
}

/// Scores are learnt on the scale from -1 to 1, where a fresh head begins in the middle.
fn scaled(mut batch: Batch, task: &Task) -> Batch {
    if let (Label::Score { low, high, .. }, Targets::Scores(scores)) = (&task.label, &mut batch.targets) {
        for score in scores {
            *score = ((f64::from(*score) - low) / (high - low) * 2.0 - 1.0) as f32;
        }
    }
    batch
}

fn unscaled(value: f64, low: f64, high: f64) -> f64 {
    (low + (value + 1.0) / 2.0 * (high - low)).clamp(low, high)
}
