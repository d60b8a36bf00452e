//! The fine-tunings of the last table, several at once, each a line of the journal.

use super::answers;
use super::finals::{Contender, Steps, Training, begun, final_of, of_model, plain, pretrained_of, seed_of};
use super::folder::Folder;
use super::journal::{Entry, FinalModel, Journal};
use super::outputs::layers;
use super::prepare::{Prepared, scores};
use super::session::Work;
use super::weights::{save_weights, sound};
use super::workers::{as_done, go_on};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Parameters;
use crate::settings::{Suite, Task};
use crate::space::hash;
use crate::stream::derived;
use crate::train::{Tuning, begins_later, best_of, is_intermediate, scored, tune, tuning_steps, tuning_tokens, tunings, without_head};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

/// One fine-tuning of one training.
type Job<'c> = (Training<'c>, Tuning);

/// Tells how many steps are left to be taken, pre-training included.
pub(super) fn announce(steps: &Steps<'_>, prepared: &Prepared, journal: &Journal, open: &[Training<'_>]) {
    let suite = &steps.work.checked.settings.r#final.suite;
    let left = |training: &Training<'_>| -> u64 {
        let known = known(journal, suite, &training.0.name, training.1);
        let todo = tunings(suite).into_iter().filter(|tuning| !known.contains_key(tuning));
        todo.filter_map(|tuning| prepared.finals.get(tuning.task)).map(|data| tuning_steps(suite, data)).sum()
    };
    steps.work.progress.stage("final training", steps.pretraining + open.iter().map(left).sum::<u64>(), "steps");
}

/// Carries out what the journal does not hold yet; a model of which all is there gets its line.
pub(super) fn tune_all(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    journal: &mut Journal,
    open: &[Training<'_>],
    steps: &Steps<'_>,
) -> Result<()> {
    let suite = &work.checked.settings.r#final.suite;
    let of = |tuning: &Tuning| suite.tasks.get(tuning.task);
    // What others begin with has to be done before them.
    for first in [true, false] {
        let known: Vec<_> = open.iter().map(|(contender, seed)| known(journal, suite, &contender.name, *seed)).collect();
        let mut todo: Vec<Job<'_>> = open
            .iter()
            .zip(&known)
            .flat_map(|(training, known)| tunings(suite).into_iter().filter(|one| !known.contains_key(one)).map(|one| (*training, one)))
            .filter(|(_, tuning)| of(tuning).is_some_and(|task| is_intermediate(suite, task)) == first)
            .collect();
        // The longest first, so that none is left to end alone while the other threads have nothing to do.
        let cost = |((contender, _), tuning): &Job<'_>| {
            prepared.finals.get(tuning.task).map(|data| tuning_tokens(suite, data, contender.weights.is_some()))
        };
        todo.sort_by_cached_key(|job| Reverse(cost(job)));
        let bases: BTreeMap<(&str, u64), Tuning> = open
            .iter()
            .zip(&known)
            .filter_map(|((contender, seed), known)| Some(((contender.name.as_str(), *seed), best_intermediate(suite, known)?)))
            .collect();
        let job = |_: usize, (training, tuning): &Job<'_>| {
            let base = bases.get(&(training.0.name.as_str(), training.1)).copied();
            one(work, prepared, folder, (*training, *tuning), base, steps)
        };
        // As they come, so that none that is done waits for a longer one and is lost with it.
        as_done(&todo, work.workers, work.stop, &job, &mut |place, (metrics, seconds): (Vec<Vec<f64>>, f64)| {
            let Some(((contender, seed), tuning)) = todo.get(place) else { return Ok(()) };
            let (name, task) = (contender.name.clone(), of(tuning).map(|task| task.name.clone()).unwrap_or_default());
            work.progress.line(&told(suite, &name, tuning, &metrics));
            journal.append(Entry::Tuned { name, seed: *seed, task, run: tuning.run, rate: tuning.rate, metrics, seconds })
        })?;
    }
    // The models' own lines come in their order, whichever was done first.
    open.iter().try_for_each(|training| finish(work, prepared, journal, *training))
}

/// What the journal holds of a training's fine-tunings: the metrics of each.
fn known(journal: &Journal, suite: &Suite, wanted: &str, number: u64) -> BTreeMap<Tuning, Vec<Vec<f64>>> {
    let of = |entry: &Entry| match entry {
        Entry::Tuned { name, seed, task, run, rate, metrics, .. } if name == wanted && *seed == number => {
            let task = suite.tasks.iter().position(|known| known.name == *task)?;
            Some((Tuning { task, run: *run, rate: *rate }, metrics.clone()))
        }
        _ => None,
    };
    journal.entries().iter().filter_map(of).collect()
}

/// The fine-tuning of the intermediate task whose weights others begin with.
fn best_intermediate(suite: &Suite, known: &BTreeMap<Tuning, Vec<Vec<f64>>>) -> Option<Tuning> {
    let all: Vec<(&Tuning, &Vec<Vec<f64>>)> =
        known.iter().filter(|(one, _)| suite.tasks.get(one.task).is_some_and(|task| is_intermediate(suite, task))).collect();
    all.get(best_of(all.iter().map(|(_, metrics)| metrics.as_slice()))?).map(|(one, _)| **one)
}

/// The file of an intermediate task's weights.
fn tuned_file(name: &str, seed: u64, tuning: Tuning) -> String {
    format!("work/tuned-{}-{seed}-{}-{}-{}.safetensors", plain(name), tuning.task, tuning.run, tuning.rate)
}

/// One fine-tuning: its metrics, and the seconds it took. Answers are left in the folder where the model's weights are kept.
fn one(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    ((contender, number), tuning): Job<'_>,
    base: Option<Tuning>,
    steps: &Steps<'_>,
) -> Result<(Vec<Vec<f64>>, f64)> {
    let start = Instant::now();
    let suite = &work.checked.settings.r#final.suite;
    let Some(data) = prepared.finals.get(tuning.task) else { return Ok((Vec::new(), 0.0)) };
    let Contender { name, space, architecture, weights } = contender;
    let begun = match base.filter(|_| begins_later(suite, &data.task)) {
        Some(base) => intermediate(folder, &tuned_file(name, number, base))?,
        None => begun(work, prepared, folder, (contender, number))?,
    };
    let classifier = |classes: usize| work.models.classifier(space, architecture, classes);
    let (seed, what) = (derived(seed_of(work, number), "suite", 0), format!("{name} on {}", data.task.name));
    let mut taken = 0;
    let mut watch = |step: u64, _: u64, loss: f32| {
        if step > taken {
            taken = step;
            steps.take(&what, loss);
        }
        go_on(work.stop)
    };
    let executor = work.executors.of(&suite.train)?;
    let ask = weights.is_some();
    let tuned = tune(executor, &classifier, &begun, suite, data, tuning, seed, ask, &mut watch).map_err(|error| of_model(error, name))?;
    // What an early end leaves over.
    steps.skip(tuning_steps(suite, data).saturating_sub(taken));
    answers::keep(folder, (number, tuning), &data.task, &tuned.answers)?;
    if is_intermediate(suite, &data.task) {
        save_weights(folder, &tuned_file(name, number, tuning), &without_head(&classifier, tuned.weights)?)?;
    }
    Ok((tuned.metrics, start.elapsed().as_secs_f64()))
}

fn intermediate(folder: &Folder, file: &str) -> Result<Parameters> {
    let found = folder.read(file)?.and_then(|bytes| sound(&bytes)).map(|(parameters, _)| parameters);
    found.ok_or_else(|| {
        let message = format!("`{file}` is missing from the run folder, or damaged");
        Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`"))
    })
}

/// A fine-tuning in a line.
fn told(suite: &Suite, name: &str, tuning: &Tuning, metrics: &[Vec<f64>]) -> String {
    let task: Option<&Task> = suite.tasks.get(tuning.task);
    let values = metrics.first().into_iter().flatten().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(" / ");
    let rate = suite.train.lr.get(tuning.rate).map_or_else(String::new, |rate| format!(" at {rate:e}"));
    let run = if suite.seeds > 1 { format!(", run {} of {}", tuning.run + 1, suite.seeds) } else { String::new() };
    format!("{name:<28} {}{rate}{run}: {values}", task.map_or("", |task| task.name.as_str()))
}

/// Journals a model all of whose fine-tunings are there, once.
fn finish(work: &Work<'_>, prepared: &Prepared, journal: &mut Journal, (contender, number): Training<'_>) -> Result<()> {
    let suite = &work.checked.settings.r#final.suite;
    let known = known(journal, suite, &contender.name, number);
    if known.len() < tunings(suite).len() || final_of(journal, &contender.name, number).is_some() {
        return Ok(());
    }
    let seconds = |entry: &Entry| match entry {
        Entry::Tuned { name, seed, seconds, .. } if *name == contender.name && *seed == number => *seconds,
        _ => 0.0,
    };
    let Contender { name, space, architecture, .. } = contender;
    let cost = work.models.cost(space, architecture)?;
    let pretrained = pretrained_of(journal, name, number);
    let found = scored(suite, &prepared.finals, &known)?;
    let model = FinalModel {
        name: name.clone(),
        seed: number,
        hash: hash(space, architecture).to_string(),
        layers: layers(space, architecture),
        params: cost.params,
        flops: cost.flops,
        held_out_loss: pretrained.map(|(loss, _)| loss),
        scores: scores(&found),
        seconds: journal.entries().iter().map(seconds).sum::<f64>() + pretrained.map_or(0.0, |(_, seconds)| seconds),
    };
    let loss = model.held_out_loss.map_or_else(String::new, |loss| format!("held-out loss {loss:.3}  "));
    work.progress.line(&format!("{name:<28} {loss}score {:.4}", model.scores.score));
    journal.append(Entry::Final(model))
}
