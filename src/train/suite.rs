//! All tasks of a suite: fine-tuned, predicted, measured, averaged.

use super::{Watch, finetune, predict};
use crate::data::{Answers, Labelled, TaskScore, average, measure, second};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::{Executor, Parameters, Program};
use crate::settings::{Metric, Report, Suite, Task};
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
    /// What was answered to files without labels: task, field of its `files`, answers.
    pub answers: Vec<(String, &'static str, Answers)>,
}

/// Fine-tunes `pretrained` on each task and scores it on what the task is judged by: over the suite's seeds, and with the best of
/// its learning rates where there are several. With `ask`, the fine-tuning that scored best on dev answers what has no labels.
///
/// `classifier` gives the program for a number of classes; `watch` sees the steps of all trainings one after the other.
///
/// # Errors
/// Where a training or a metric fails.
#[expect(clippy::too_many_arguments, reason = "what is tuned, on what, how, who watches, and what more is wanted")]
pub fn score_suite(
    executor: &dyn Executor,
    classifier: &dyn Fn(usize) -> Result<Arc<Program>>,
    pretrained: &Parameters,
    suite: &Suite,
    data: &[TaskData],
    seed: u64,
    ask: bool,
    watch: &mut Watch<'_>,
) -> Result<SuiteScore> {
    let rates: Vec<Option<f64>> = if suite.train.lr.is_empty() { vec![None] } else { suite.train.lr.iter().map(|lr| Some(*lr)).collect() };
    let steps = |task: &TaskData| (task.train.len().div_ceil(suite.train.batch.max(1)) as u64) * suite.train.epochs;
    let total: u64 = data.iter().map(steps).sum::<u64>() * suite.seeds * rates.len() as u64;
    let mut done = 0;
    let (mut tasks, mut answers) = (Vec::new(), Vec::new());
    for task in data {
        let program = classifier(task.task.classes())?;
        // The metrics of each run, of the second dev set too; and the weights that did best on dev, where they have more to answer.
        let mut runs: Vec<Vec<Vec<f64>>> = Vec::new();
        let mut tuned_best: Option<(f64, Parameters)> = None;
        for run in 0..suite.seeds {
            // Each run has a seed of its own: its head, its order and its dropout.
            let seed = seed.wrapping_add(run.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let mut best: Option<Vec<Vec<f64>>> = None;
            for lr in &rates {
                let before = done;
                let mut inner = |step: u64, _: u64, loss: f32| watch(before + step, total, loss);
                let tuned = finetune(executor, &program, pretrained, &task.task, &task.train, &suite.train, *lr, seed, &mut inner)?;
                done = before + steps(task);
                let judges = std::iter::once(&task.judge).chain(&task.second);
                let judged = |judge| judge_by(executor, &program, &tuned, &task.task, judge, &mut || watch(done, total, 0.0));
                let values = judges.map(judged).collect::<Result<Vec<_>>>()?;
                let sum = |values: &[Vec<f64>]| values.first().map_or(0.0, |values| values.iter().sum::<f64>());
                if ask && !task.asked.is_empty() && tuned_best.as_ref().is_none_or(|(best, _)| sum(&values) > *best) {
                    tuned_best = Some((sum(&values), tuned));
                }
                if best.as_ref().is_none_or(|best| sum(&values) > sum(best)) {
                    best = Some(values);
                }
            }
            runs.extend(best);
        }
        let names = std::iter::once(task.task.name.clone()).chain(task.second.as_ref().map(|_| second(&task.task.name)));
        for (set, name) in names.enumerate() {
            let value = |at: usize| runs.iter().filter_map(|run| run.get(set)?.get(at)).copied().collect();
            let metrics = task.task.metrics.iter().enumerate();
            let metrics: Vec<(Metric, f64)> = metrics.map(|(at, metric)| (metric.clone(), summary(&suite.report, value(at)))).collect();
            tasks.push(TaskScore { task: name, metrics });
        }
        if let Some((_, tuned)) = tuned_best {
            for (field, asked) in &task.asked {
                let found = predict(executor, &program, &tuned, &task.task, asked, &mut || watch(done, total, 0.0))?;
                answers.push((task.task.name.clone(), *field, found));
            }
        }
    }
    let score = average(&suite.score, &with_seconds(&tasks, data))?;
    Ok(SuiteScore { tasks, score, answers })
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
    let lacks = |score: &&TaskScore| {
        data.iter().any(|data| data.task.name == score.task && data.task.files.dev2.is_some() && data.second.is_none())
    };
    let doubled = tasks.iter().filter(lacks).map(|score| TaskScore { task: second(&score.task), metrics: score.metrics.clone() });
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
