//! The supernet's warm-up: masked-LM on sampled paths, with checkpoints.

use super::commit::sampled;
use super::folder::Folder;
use super::journal::{Entry, Journal};
use super::prepare::Prepared;
use super::session::Work;
use super::weights::{load_training, load_weights, save_training, save_weights};
use super::workers::{go_on, pool};
use crate::diagnostic::Result;
use crate::exec::{ParameterSpec, Parameters};
use crate::settings::Method;
use crate::stream::{derived, stream};
use crate::supernet::{fresh, specifications};
use crate::train::{Training, masking, pretrain};
use std::time::{Duration, Instant};

/// The time between two checkpoints.
pub(super) const CHECKPOINT: Duration = Duration::from_secs(5);

/// The losses of the steps so far, for the mean that is told at the end, and the seconds they took.
const LOSSES: &str = "work/warmup-losses.json";

/// The file of a supernet after a generation (0: after the warm-up).
pub(super) fn file(commits: usize) -> String {
    format!("work/supernet-{commits}.safetensors")
}

/// The seed that the supernet begins with.
fn supernet_seed(work: &Work<'_>) -> u64 {
    derived(work.checked.settings.seed, "supernet", 0)
}

/// The specifications of the supernet's weights.
pub(super) fn supernet_specs(work: &Work<'_>) -> Result<Vec<ParameterSpec>> {
    specifications(&work.models, &work.checked.space, supernet_seed(work))
}

/// The warm supernet; `None` where candidates are trained from scratch.
pub(super) fn warm(work: &Work<'_>, prepared: &Prepared, folder: &Folder, journal: &mut Journal) -> Result<Option<Parameters>> {
    let settings = &work.checked.settings;
    let Method::Biws { paths, .. } = &work.checked.evaluate()?.method else { return Ok(None) };
    if journal.entries().iter().any(|entry| matches!(entry, Entry::Warmup { .. })) {
        // Later commits are read where the search goes on; here the warm one is wanted only before the first.
        return load_weights(folder, &file(0), &supernet_specs(work)?);
    }
    let train = &work.checked.evaluate()?.pretrain;
    let total = work.checked.evaluate()?.warmup;
    let seed = supernet_seed(work);
    let mut training = match load_training(folder, "work/warmup.safetensors", &supernet_specs(work)?)? {
        Some(training) => {
            work.progress.line(&format!("warm-up goes on at step {} of {total}", training.step));
            training
        }
        None => {
            let (parameters, _) = fresh(&work.models, &work.checked.space, seed)?;
            Training { parameters, ..Training::default() }
        }
    };
    work.progress.stage("warm-up", total, "steps");
    let begun = Instant::now();
    let mut saved = Instant::now();
    let kept = folder.read(LOSSES)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (mut losses, before): (Vec<f32>, f64) = kept.unwrap_or_default();
    losses.truncate(training.step as usize);
    let masking = masking(train, &prepared.vocabulary);
    let mut path = |step: u64| {
        let architecture = sampled(work, paths, None, &mut stream(seed, "supernet/path", step))?;
        work.models.masked_lm(&work.checked.space, &architecture)
    };
    let mut watch = |training: &Training, loss: f32| {
        losses.push(loss);
        let tail = losses.iter().rev().take(20);
        let mean = tail.clone().sum::<f32>() / tail.len() as f32;
        work.progress.at(training.step, &format!("loss {mean:.3}"));
        if saved.elapsed() >= CHECKPOINT || go_on(work.stop).is_err() {
            // First the losses: they then reach at least as far as whichever checkpoint is read back.
            let seconds = before + begun.elapsed().as_secs_f64();
            folder.write(LOSSES, &serde_json::to_vec(&(&losses, seconds)).unwrap_or_default())?;
            save_training(folder, "work/warmup.safetensors", training)?;
            saved = Instant::now();
        }
        go_on(work.stop)
    };
    let (executor, length) = (work.executors.of(train)?, settings.model.length);
    pool(1)?
        .install(|| pretrain(executor, &mut path, prepared.corpus()?, &masking, train, length, seed, total, &mut training, &mut watch))?;
    save_weights(folder, &file(0), &training.parameters)?;
    let tail = losses.iter().rev().take((total / 10).max(1) as usize);
    let loss = f64::from(tail.clone().sum::<f32>()) / tail.len().max(1) as f64;
    journal.append(Entry::Warmup { steps: total, loss, seconds: before + begun.elapsed().as_secs_f64() })?;
    folder.discard("work/warmup.safetensors");
    folder.discard(LOSSES);
    work.progress.line(&format!("warm-up: {total} steps on sampled paths, masked-LM loss {loss:.3}"));
    Ok(Some(training.parameters))
}
