//! All tasks of a suite: fine-tuned, predicted, measured, averaged.

use super::{Watch, finetune, predict};
use crate::data::{Answers, Labelled, TaskScore, average, measure};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::{Executor, Parameters, Program};
use crate::settings::{Metric, Report, Suite, Task};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A task's data: what is trained on, and what is judged by (a hold-out of train, or dev).
#[derive(Clone, Debug)]
pub struct TaskData {
    /// The task.
    pub task: Task,
    /// What is trained on.
    pub train: Labelled,
    /// What is judged by.
    pub judge: Labelled,
    /// The second dev set, where there is one; of a hold-out there is none.
    pub second: Option<Labelled>,
    /// What has no labels and is to be answered, by the field of the task's `files`.
    pub asked: Vec<(&'static str, Labelled)>,
}

/// The scores of a suite's tasks and their average.
#[derive(Clone, Debug, PartialEq)]
pub struct SuiteScore {
    /// Each task's metrics.
    pub tasks: Vec<TaskScore>,
    /// The average.
    pub score: f64,
}

/// One fine-tuning of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tuning {
    /// The task, by its place in the suite.
    pub task: usize,
    /// The run, from 0; each has a seed of its own: its head, its order and its dropout.
    pub run: u64,
    /// The learning rate, by its place among those to choose from.
    pub rate: usize,
}

/// What a fine-tuning came to.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The metrics on what the task is judged by, and on its second dev set, where there is one.
    pub metrics: Vec<Vec<f64>>,
    /// What was answered to files without labels, by the field of the task's `files`.
    pub answers: Vec<(&'static str, Answers)>,
    /// The weights.
    pub weights: Parameters,
}

/// The fine-tunings of a suite: task by task, run by run, rate by rate; a task that others begin with comes first.
pub fn tunings(suite: &Suite) -> Vec<Tuning> {
    let first = |task: &usize| usize::from(!suite.tasks.get(*task).is_some_and(|task| is_intermediate(suite, task)));
    let mut order: Vec<usize> = (0..suite.tasks.len()).collect();
    order.sort_by_key(first);
    let rates = suite.train.lr.len().max(1);
    let of = |task: usize| (0..suite.seeds).flat_map(move |run| (0..rates).map(move |rate| Tuning { task, run, rate }));
    order.into_iter().flat_map(of).collect()
}

/// Whether others begin with the weights of this task.
pub fn is_intermediate(suite: &Suite, task: &Task) -> bool {
    suite.intermediate.as_ref().is_some_and(|intermediate| intermediate.task == task.name)
}

/// Whether a task begins with the weights of the one that is learnt first.
pub fn begins_later(suite: &Suite, task: &Task) -> bool {
    suite.intermediate.as_ref().is_some_and(|intermediate| intermediate.before.contains(&task.name))
}

/// The steps of a fine-tuning of a task, where it does not end early.
pub fn tuning_steps(suite: &Suite, data: &TaskData) -> u64 {
    (data.train.len().div_ceil(suite.train.batch.max(1)) as u64) * suite.train.epochs
}

/// About what a fine-tuning of a task costs, in tokens passed forward; a step costs three of them. With `ask` it answers what has no labels.
pub fn tuning_tokens(suite: &Suite, data: &TaskData, ask: bool) -> u64 {
    let answered = data.asked.iter().filter(|_| ask).map(|(_, rows)| rows);
    let judged: u64 = std::iter::once(&data.judge).chain(&data.second).chain(answered).map(Labelled::tokens).sum();
    3 * suite.train.epochs * data.train.tokens() + judged
}

/// Carries one fine-tuning out from `begun` weights, and scores it; with `ask` it answers what has no labels.
///
/// `classifier` gives the program for a number of classes; `seed` is the suite's.
///
/// # Errors
/// Where the training or a metric fails.
#[expect(clippy::too_many_arguments, reason = "what is tuned, on what, how, who watches, and what more is wanted")]
pub fn tune(
    executor: &dyn Executor,
    classifier: &dyn Fn(usize) -> Result<Arc<Program>>,
    begun: &Parameters,
    suite: &Suite,
    data: &TaskData,
    tuning: Tuning,
    seed: u64,
    ask: bool,
    watch: &mut Watch<'_>,
) -> Result<Tuned> {
    let program = classifier(data.task.classes())?;
    let seed = seed.wrapping_add(tuning.run.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let rate = suite.train.lr.get(tuning.rate).copied();
    let total = tuning_steps(suite, data);
    // Judging an epoch takes no steps; whoever watches may still end it.
    let watched = std::cell::RefCell::new(watch);
    let tick = |step: u64, loss: f32| (*watched.borrow_mut())(step, total, loss);
    let done = std::cell::Cell::new(0);
    let scored = |weights: &Parameters, judge: &Labelled| {
        judge_by(executor, &program, weights, &data.task, judge, &mut || tick(done.get(), f32::NAN))
    };
    let mut epoch = |weights: &Parameters| Ok(scored(weights, &data.judge)?.iter().sum());
    let mut step = |step: u64, _: u64, loss: f32| {
        done.set(step);
        tick(step, loss)
    };
    let weights = finetune(executor, &program, begun, &data.task, &data.train, &suite.train, rate, seed, &mut epoch, &mut step)?;
    let judges = std::iter::once(&data.judge).chain(&data.second);
    let metrics = judges.map(|judge| scored(&weights, judge)).collect::<Result<Vec<_>>>()?;
    let asked = data.asked.iter().filter(|_| ask);
    let answered = asked
        .map(|(field, rows)| Ok((*field, predict(executor, &program, &weights, &data.task, rows, &mut || tick(done.get(), f32::NAN))?)));
    let answers = answered.collect::<Result<Vec<_>>>()?;
    Ok(Tuned { metrics, answers, weights })
}

/// The place of the fine-tuning with the best metrics on what the task is judged by; the first of equals.
pub fn best_of<'m>(metrics: impl IntoIterator<Item = &'m [Vec<f64>]>) -> Option<usize> {
    let sums = metrics.into_iter().map(|sets| sets.first().map_or(f64::NEG_INFINITY, |values| values.iter().sum::<f64>()));
    sums.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(place, _)| place)
}

/// The scores of a suite from the metrics of all its fine-tunings: of each run the best of its rates, of the runs what the suite reports.
///
/// # Errors
/// Where the average cannot be taken.
pub fn scored(suite: &Suite, data: &[TaskData], found: &BTreeMap<Tuning, Vec<Vec<f64>>>) -> Result<SuiteScore> {
    let mut tasks = Vec::new();
    for (task, data) in data.iter().enumerate() {
        let runs: Vec<&[Vec<f64>]> = (0..suite.seeds)
            .filter_map(|run| {
                let rates: Vec<&[Vec<f64>]> =
                    found.iter().filter(|(one, _)| (one.task, one.run) == (task, run)).map(|(_, metrics)| metrics.as_slice()).collect();
                rates.get(best_of(rates.iter().copied())?).copied()
            })
            .collect();
        let names = std::iter::once(data.task.name.clone()).chain(data.second.as_ref().map(|_| data.task.second()));
        for (set, name) in names.enumerate() {
            let value = |at: usize| runs.iter().filter_map(|run| run.get(set)?.get(at)).copied().collect();
            let metrics = data.task.metrics.iter().enumerate();
            let metrics: Vec<(Metric, f64)> = metrics.map(|(at, metric)| (metric.clone(), summary(&suite.report, value(at)))).collect();
            tasks.push(TaskScore { task: name, metrics });
        }
    }
    let score = average(&suite.score, &with_seconds(&tasks, data))?;
    Ok(SuiteScore { tasks, score })
}

/// Fine-tunes `pretrained` on each task of a suite, one after the other, and scores it.
///
/// # Errors
/// Where a training or a metric fails.
pub fn score_suite(
    executor: &dyn Executor,
    classifier: &dyn Fn(usize) -> Result<Arc<Program>>,
    pretrained: &Parameters,
    suite: &Suite,
    data: &[TaskData],
    seed: u64,
    watch: &mut Watch<'_>,
) -> Result<SuiteScore> {
    let mut found: BTreeMap<Tuning, Vec<Vec<f64>>> = BTreeMap::new();
    // The best weights so far of the task that others begin with.
    let mut intermediate: Option<(Vec<Vec<f64>>, Parameters)> = None;
    for tuning in tunings(suite) {
        let Some(data) = data.get(tuning.task) else { continue };
        let begun = intermediate.as_ref().filter(|_| begins_later(suite, &data.task)).map_or(pretrained, |(_, weights)| weights);
        let tuned = tune(executor, classifier, begun, suite, data, tuning, seed, false, watch)?;
        let better = |known: &[Vec<f64>]| best_of([known, &tuned.metrics]) == Some(1);
        if is_intermediate(suite, &data.task) && intermediate.as_ref().is_none_or(|(known, _)| better(known)) {
            intermediate = Some((tuned.metrics.clone(), without_head(classifier, tuned.weights)?));
        }
        found.insert(tuning, tuned.metrics);
    }
    scored(suite, data, &found)
}

/// Weights as another task may begin with them: without the head, the parameters whose shape goes by the number of classes.
///
/// # Errors
/// Where the classifier cannot be lowered.
pub fn without_head(classifier: &dyn Fn(usize) -> Result<Arc<Program>>, mut weights: Parameters) -> Result<Parameters> {
    let (one, two) = (classifier(1)?, classifier(2)?);
    // The same graph lowered twice has the same parameters in the same order.
    for (head, _) in one.parameters().iter().zip(two.parameters()).filter(|(one, two)| one.shape != two.shape) {
        weights.0.remove(&head.name);
    }
    Ok(weights)
}

/// The metrics of a model on one set.
fn judge_by(
    executor: &dyn Executor,
    program: &Program,
    tuned: &Parameters,
    task: &Task,
    judge: &Labelled,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<f64>> {
    let unlabelled = || Box::new(Diagnostic::error(Code::DATA, format!("`{}` has examples without labels to be judged by", task.name)));
    let gold = Answers::of(&judge.gold()).ok_or_else(unlabelled)?;
    let predicted = predict(executor, program, tuned, task, judge, tick)?;
    task.metrics.iter().map(|metric| measure(metric, &gold, &predicted)).collect()
}

/// The scores to be averaged: a hold-out stands for both dev sets of a task that has two.
fn with_seconds(tasks: &[TaskScore], data: &[TaskData]) -> Vec<TaskScore> {
    let doubled = tasks.iter().filter_map(|score| {
        let lacks = |data: &&TaskData| data.task.name == score.task && data.task.files.dev2.is_some() && data.second.is_none();
        let data = data.iter().find(lacks)?;
        Some(TaskScore { task: data.task.second(), metrics: score.metrics.clone() })
    });
    tasks.iter().cloned().chain(doubled).collect()
}

fn summary(report: &Report, mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
    match report {
        Report::Mean => values.iter().sum::<f64>() / values.len().max(1) as f64,
        Report::Best => values.last().copied().unwrap_or(0.0),
        Report::Median if values.len() % 2 == 1 => at(middle),
        Report::Median => (at(middle.wrapping_sub(1)) + at(middle)) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::summary;
    use crate::settings::Report;

    #[test]
    fn several_runs_are_reported_as_asked() {
        let of = |report: &Report, values: &[f64]| summary(report, values.to_vec());
        for (values, [median, mean, best]) in
            [(&[3.0, 1.0, 8.0][..], [3.0, 4.0, 8.0]), (&[3.0, 1.0, 8.0, 4.0], [3.5, 4.0, 8.0]), (&[2.0], [2.0; 3])]
        {
            let found = [Report::Median, Report::Mean, Report::Best].map(|report| of(&report, values));
            assert_eq!(found, [median, mean, best], "{values:?}");
        }
    }
}
