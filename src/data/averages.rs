//! The averages over the tasks of a suite. Three are in use for GLUE, and numbers of different ones do not compare.

use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::{Averaging, Metric, Task};
use std::collections::BTreeMap;

/// The metrics of one task; a second dev set (MNLI's mismatched) is a task of its own, named `<task>_mm`.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskScore {
    /// The task's name.
    pub task: String,
    /// Its metrics with their values, on any one scale.
    pub metrics: Vec<(Metric, f64)>,
}

/// Columns of an average, each the mean of its parts.
type Columns = &'static [&'static [(&'static str, Metric)]];

/// GLUE's leaderboard: nine tasks, several numbers of a task averaged inside it.
const LEADERBOARD: Columns = &[
    &[("cola", Metric::Matthews)],
    &[("sst2", Metric::Accuracy)],
    &[("mrpc", Metric::Accuracy), ("mrpc", Metric::F1)],
    &[("stsb", Metric::Pearson), ("stsb", Metric::Spearman)],
    &[("qqp", Metric::Accuracy), ("qqp", Metric::F1)],
    &[("mnli", Metric::Accuracy), ("mnli_mm", Metric::Accuracy)],
    &[("qnli", Metric::Accuracy)],
    &[("rte", Metric::Accuracy)],
    &[("wnli", Metric::Accuracy)],
];

/// Table 1 of Devlin et al. 2019: MNLI as two columns, no WNLI.
const BERT: Columns = &[
    &[("mnli", Metric::Accuracy)],
    &[("mnli_mm", Metric::Accuracy)],
    &[("qqp", Metric::F1)],
    &[("qnli", Metric::Accuracy)],
    &[("sst2", Metric::Accuracy)],
    &[("cola", Metric::Matthews)],
    &[("stsb", Metric::Spearman)],
    &[("mrpc", Metric::F1)],
    &[("rte", Metric::Accuracy)],
];

/// One number a task, no WNLI, as in Clark et al. 2020.
const EIGHT: Columns = &[
    &[("cola", Metric::Matthews)],
    &[("sst2", Metric::Accuracy)],
    &[("mrpc", Metric::Accuracy)],
    &[("stsb", Metric::Spearman)],
    &[("qqp", Metric::Accuracy)],
    &[("mnli", Metric::Accuracy)],
    &[("qnli", Metric::Accuracy)],
    &[("rte", Metric::Accuracy)],
];

/// The average over the tasks, on the scale of the metrics.
///
/// # Errors
/// Where a task or metric that the average is made of is missing.
pub fn average(averaging: &Averaging, scores: &[TaskScore]) -> Result<f64> {
    match averaging {
        Averaging::Mean => mean_of_tasks(scores),
        Averaging::Leaderboard => columns("leaderboard", LEADERBOARD, scores),
        Averaging::Bert => columns("bert", BERT, scores),
        Averaging::Eight => columns("eight", EIGHT, scores),
    }
}

/// The mean of the tasks' scores, each the mean of its metrics and of its dev sets.
fn mean_of_tasks(scores: &[TaskScore]) -> Result<f64> {
    let mut tasks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for score in scores {
        let values: Vec<f64> = score.metrics.iter().map(|&(_, value)| value).collect();
        if values.is_empty() {
            return Diagnostic::error(Code::DATA, format!("task `{}` has no metric to average", score.task)).into();
        }
        tasks.entry(Task::scored(&score.task)).or_default().push(mean(&values));
    }
    if tasks.is_empty() {
        return Diagnostic::error(Code::DATA, "there is no task to average over").into();
    }
    Ok(mean(&tasks.values().map(|sets| mean(sets)).collect::<Vec<_>>()))
}

fn columns(name: &str, columns: Columns, scores: &[TaskScore]) -> Result<f64> {
    let find = |task: &str, metric: &Metric| {
        let metrics = scores.iter().find(|score| score.task == task).map_or(&[][..], |score| &score.metrics);
        metrics.iter().find(|(known, _)| known == metric).map(|&(_, value)| value)
    };
    let missing = columns.iter().flat_map(|parts| parts.iter()).filter(|(task, metric)| find(task, metric).is_none());
    let missing: Vec<String> = missing.map(|(task, metric)| format!("`{task}` ({})", metric.name())).collect();
    if !missing.is_empty() {
        let message = format!("the average `{name}` cannot be formed without {}", missing.join(", "));
        return Diagnostic::error(Code::DATA, message).help("add the tasks, or use `score = mean`").into();
    }
    let column = |parts: &&[(&str, Metric)]| mean(&parts.iter().filter_map(|(task, metric)| find(task, metric)).collect::<Vec<_>>());
    Ok(mean(&columns.iter().map(column).collect::<Vec<_>>()))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::{TaskScore, average};
    use crate::settings::{Averaging, Metric::*};

    fn score(task: &str, metrics: &[(crate::settings::Metric, f64)]) -> TaskScore {
        TaskScore { task: task.into(), metrics: metrics.to_vec() }
    }

    /// The row of BERT-large on GLUE's leaderboard, as the oracle has it.
    fn bert_large() -> Vec<TaskScore> {
        vec![
            score("cola", &[(Matthews, 60.5)]),
            score("sst2", &[(Accuracy, 94.9)]),
            score("mrpc", &[(F1, 89.3), (Accuracy, 85.4)]),
            score("stsb", &[(Pearson, 87.6), (Spearman, 86.5)]),
            score("qqp", &[(F1, 72.1), (Accuracy, 89.3)]),
            score("mnli", &[(Accuracy, 86.7)]),
            score("mnli_mm", &[(Accuracy, 85.9)]),
            score("qnli", &[(Accuracy, 92.7)]),
            score("rte", &[(Accuracy, 70.1)]),
            score("wnli", &[(Accuracy, 65.1)]),
        ]
    }

    #[test]
    fn the_averages_are_the_published_ones() {
        let is = |averaging, scores: &[TaskScore], expected: f64| {
            let found = average(&averaging, scores).unwrap();
            assert!((found - expected).abs() < 1e-9, "{averaging:?}: {found}, expected {expected}");
        };
        is(Averaging::Leaderboard, &bert_large(), 80.522_222_222_222_21);
        is(Averaging::Mean, &bert_large(), 80.522_222_222_222_21);
        let base: Vec<TaskScore> = [
            ("mnli", Accuracy, 84.6),
            ("mnli_mm", Accuracy, 83.4),
            ("qqp", F1, 71.2),
            ("qnli", Accuracy, 90.5),
            ("sst2", Accuracy, 93.5),
            ("cola", Matthews, 52.1),
            ("stsb", Spearman, 85.8),
            ("mrpc", F1, 88.9),
            ("rte", Accuracy, 66.4),
        ]
        .map(|(task, metric, value)| score(task, &[(metric, value)]))
        .into();
        is(Averaging::Bert, &base, 79.6);
        let electra: Vec<TaskScore> = [
            ("cola", Matthews, 57.0),
            ("sst2", Accuracy, 91.2),
            ("mrpc", Accuracy, 88.0),
            ("stsb", Spearman, 87.5),
            ("qqp", Accuracy, 89.0),
            ("mnli", Accuracy, 81.3),
            ("qnli", Accuracy, 88.4),
            ("rte", Accuracy, 66.7),
        ]
        .map(|(task, metric, value)| score(task, &[(metric, value)]))
        .into();
        is(Averaging::Eight, &electra, 81.1375);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut scores = bert_large();
        scores.retain(|score| score.task != "wnli" && score.task != "mnli_mm");
        let error = average(&Averaging::Leaderboard, &scores).unwrap_err();
        assert_eq!(error.message, "the average `leaderboard` cannot be formed without `mnli_mm` (accuracy), `wnli` (accuracy)");
        assert!(average(&Averaging::Eight, &scores).is_ok());
        assert!(average(&Averaging::Mean, &[]).is_err());
        assert!(average(&Averaging::Mean, &[score("a", &[])]).is_err());
    }
}
