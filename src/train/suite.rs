//! All tasks of a suite: fine-tuned, predicted, measured, averaged.

use super::{Watch, finetune, predict};
use crate::data::Labelled;
use crate::data::{Answers, measure};
use crate::data::{TaskScore, average};
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
}

/// The scores of a suite's tasks and their average.
#[derive(Clone, Debug, PartialEq)]
pub struct SuiteScore {
    /// Each task's metrics.
    pub tasks: Vec<TaskScore>,
    /// The average.
    pub score: f64,
}

/// Fine-tunes `pretrained` on each task and scores it on what the task is judged by: over the suite's seeds, and with the best of
/// its learning rates where there are several.
///
/// `classifier` gives the program for a number of classes; `watch` sees the steps of all trainings one after the other.
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
    let rates: Vec<Option<f64>> = if suite.train.lr.is_empty() { vec![None] } else { suite.train.lr.iter().map(|lr| Some(*lr)).collect() };
    let steps = |task: &TaskData| (task.train.len().div_ceil(suite.train.batch.max(1)) as u64) * suite.train.epochs;
    let total: u64 = data.iter().map(steps).sum::<u64>() * suite.seeds * rates.len() as u64;
    let mut done = 0;
    let mut tasks = Vec::new();
    for task in data {
        let program = classifier(task.task.classes())?;
        let unlabelled =
            || Box::new(Diagnostic::error(Code::DATA, format!("`{}` has examples without labels to be judged by", task.task.name)));
        let gold = Answers::of(&task.judge.gold()).ok_or_else(unlabelled)?;
        let mut runs: Vec<Vec<f64>> = Vec::new();
        for run in 0..suite.seeds {
            // Each run has a seed of its own: its head, its order and its dropout.
            let seed = seed.wrapping_add(run.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let mut best: Option<Vec<f64>> = None;
            for lr in &rates {
                let before = done;
                let mut inner = |step: u64, _: u64, loss: f32| watch(before + step, total, loss);
                let tuned = finetune(executor, &program, pretrained, &task.task, &task.train, &suite.train, *lr, seed, &mut inner)?;
                done = before + steps(task);
                let predicted = predict(executor, &program, &tuned, &task.task, &task.judge)?;
                let values = task.task.metrics.iter().map(|metric| measure(metric, &gold, &predicted)).collect::<Result<Vec<f64>>>()?;
                if best.as_ref().is_none_or(|best| values.iter().sum::<f64>() > best.iter().sum()) {
                    best = Some(values);
                }
            }
            runs.extend(best);
        }
        let metrics = task.task.metrics.iter().enumerate();
        let metrics: Vec<(Metric, f64)> = metrics
            .map(|(at, metric)| (metric.clone(), summary(&suite.report, runs.iter().filter_map(|run| run.get(at)).copied().collect())))
            .collect();
        tasks.push(TaskScore { task: task.task.name.clone(), metrics });
    }
    let score = average(&suite.score, &tasks)?;
    Ok(SuiteScore { tasks, score })
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
