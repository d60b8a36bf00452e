//! Masked-LM pre-training, resumable at any step.

use super::explained;
use super::{EVALUATED, Watch, rate};
use crate::data::Corpus;
use crate::data::Masking;
use crate::data::Vocabulary;
use crate::diagnostic::Result;
use crate::exec::adamw::{AdamW, AdamWSettings};
use crate::exec::{Executor, Output, ParameterSpec, Parameters, Program, StepKey, Targets};
use crate::settings::{Objective, Optimizer, Phase, Train};
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;

/// Weights in training, with all that goes on from one step to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// The weights.
    pub parameters: Parameters,
    /// The optimiser's state.
    pub optimizer: AdamW,
    /// Steps taken.
    pub step: u64,
}

impl Training {
    /// The weights alone, where nothing more is trained: the optimiser's state is as large again, twice.
    pub fn into_parameters(self) -> Parameters {
        self.parameters
    }
}

/// The optimiser's settings, with its learning rate, for parameters of these specifications.
pub fn optimizer<'a>(train: &Train, specs: impl IntoIterator<Item = &'a ParameterSpec>) -> (AdamWSettings, f64) {
    let Optimizer::Adamw { lr, betas, eps, weight_decay, clip } = &train.optimizer;
    let beta = |at: usize, default: f64| betas.get(at).copied().unwrap_or(default);
    let settings = AdamWSettings {
        betas: [beta(0, 0.9), beta(1, 0.999)],
        eps: *eps,
        weight_decay: *weight_decay,
        decays: specs.into_iter().filter(|spec| spec.decays).map(|spec| spec.name.clone()).collect(),
        clip: (*clip > 0.0).then_some(*clip),
    };
    (settings, *lr)
}

/// The masking that an objective asks for.
pub fn masking(train: &Train, vocabulary: &Vocabulary) -> Masking {
    match train.objective {
        Objective::Mlm { mask, replace, random, whole_word } => Masking::new(mask, replace, random, whole_word, vocabulary),
        Objective::Labels => Masking::new(0.15, 0.8, 0.1, false, vocabulary),
    }
}

/// The places predicted in a sentence of `length` tokens, at most.
pub fn masking_places(train: &Train, length: usize) -> usize {
    let share = if let Objective::Mlm { mask, .. } = train.objective { mask } else { 0.15 };
    crate::data::predicted(share, length)
}

/// Trains by masked-LM from `training.step` on to `total` steps, on batches keyed by (`seed`, step).
///
/// `program` gives the program of a step: the same each time, or a sampled path of a supernet. `total` rules the schedule, so a
/// training that is interrupted and resumed is the same as one that is not.
///
/// # Errors
/// Where a step fails, the loss is not finite, or `watch` ends the training.
#[expect(clippy::too_many_arguments, reason = "what is trained, on what, how, and who watches")]
pub fn pretrain(
    executor: &dyn Executor,
    program: &mut dyn FnMut(u64) -> Result<Arc<Program>>,
    corpus: &Corpus,
    masking: &Masking,
    train: &Train,
    length: usize,
    seed: u64,
    total: u64,
    training: &mut Training,
    watch: &mut dyn FnMut(&Training, f32) -> Result<()>,
) -> Result<()> {
    pretrain_until(executor, program, corpus, masking, train, length, seed, (total, total), training, watch)
}

/// Likewise up to a step before the last of those that rule the schedule: `(until, total)`.
///
/// # Errors
/// As for [`pretrain`].
#[expect(clippy::too_many_arguments, reason = "what is trained, on what, how, and who watches")]
pub fn pretrain_until(
    executor: &dyn Executor,
    program: &mut dyn FnMut(u64) -> Result<Arc<Program>>,
    corpus: &Corpus,
    masking: &Masking,
    train: &Train,
    length: usize,
    seed: u64,
    (until, total): (u64, u64),
    training: &mut Training,
    watch: &mut dyn FnMut(&Training, f32) -> Result<()>,
) -> Result<()> {
    while training.step < until.min(total) {
        let step = training.step;
        let program = program(step)?;
        let (settings, lr) = optimizer(train, program.parameters());
        let batch = corpus.batch(masking, seed, step, train.batch, phase_length(&train.phases, step, total, length))?;
        let key = Some(StepKey { seed, step, first: 0 });
        let rate = lr * rate(&train.schedule, step, total);
        let Training { parameters, optimizer, .. } = training;
        let parts = batch.parts(train.accumulate);
        let loss = executor.step(&program, &parts, key, &settings, rate, optimizer, parameters).map_err(|error| {
            explained(error, || format!("step {} of pre-training", step + 1), "lower the learning rate, or lengthen the warm-up")
        })?;
        training.step += 1;
        watch(training, loss)?;
    }
    Ok(())
}

/// The length of the sentences at a step: the phase it falls into, or the model's.
fn phase_length(phases: &[Phase], step: u64, total: u64, length: usize) -> usize {
    let mut end = 0.0;
    for Phase::Phase { share, length } in phases {
        end += share * total as f64;
        if (step as f64) < end {
            return *length;
        }
    }
    phases.last().map_or(length, |Phase::Phase { length, .. }| *length)
}

/// The masked-LM loss in nats on all held-out text, under masks that are the same for every model.
///
/// # Errors
/// Where the executor fails or there is too little held-out text.
pub fn held_out_loss(
    executor: &dyn Executor,
    program: &Program,
    parameters: &Parameters,
    corpus: &Corpus,
    masking: &Masking,
    length: usize,
    watch: &mut Watch<'_>,
) -> Result<f64> {
    let batches = corpus.held_out(masking, EVALUATED, length)?;
    let total = batches.len() as u64;
    let (mut sum, mut count, mut number) = (0.0, 0.0, 0);
    let mut see = |output: Output<'_>| {
        number += 1;
        let Targets::Classes(targets) = &output.batch.targets else { return Ok(()) };
        let rows: Vec<(&[f32], &Option<u32>)> = output.rows().zip(targets).collect();
        let surprises: Vec<Option<f64>> =
            rows.par_iter().map(|(row, target)| target.map(|target| surprise(row, target as usize))).collect();
        // In their order, so that any number of threads gives the same sum.
        for surprise in surprises.into_iter().flatten() {
            sum += surprise;
            count += 1.0;
        }
        watch(number, total, (sum / count) as f32)
    };
    executor.outputs(program, parameters, &mut batches.map(Cow::Owned), &mut see)?;
    Ok(sum / count)
}

/// -log softmax(row)[target], in double precision.
fn surprise(row: &[f32], target: usize) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = row.iter().map(|value| f64::from(*value - largest).exp()).sum();
    total.ln() - f64::from(row.get(target).copied().unwrap_or(f32::NAN) - largest)
}

#[cfg(test)]
mod tests {
    use super::phase_length;
    use crate::settings::Phase;

    #[test]
    fn phases_follow_each_other_and_the_last_takes_the_rest() {
        let phase = |share, length| Phase::Phase { share, length };
        let lengths = |phases: &[Phase]| (0..10).map(|step| phase_length(phases, step, 10, 64)).collect::<Vec<_>>();
        // BERT's own two: nine tenths of the steps short, the rest long.
        assert_eq!(lengths(&[phase(0.9, 16), phase(0.1, 32)]), [16, 16, 16, 16, 16, 16, 16, 16, 16, 32]);
        assert_eq!(lengths(&[phase(0.3, 8), phase(0.2, 16)]), [8, 8, 8, 16, 16, 16, 16, 16, 16, 16]);
        assert_eq!(lengths(&[]), [64; 10]);
    }
}
