//! Metrics of predictions, by the definitions of scikit-learn and scipy; larger is better throughout.

use super::task::Gold;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::Metric;
use std::collections::BTreeMap;

/// What was predicted, or what is right, for each example.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// Classes, numbered as the task lists its names.
    Classes(Vec<u32>),
    /// Numbers.
    Scores(Vec<f64>),
}

impl Answers {
    /// The labels of examples; `None` where one has none, classes and scores are mixed, or there are no examples.
    pub fn of(gold: &[Gold]) -> Option<Self> {
        let classes = gold.iter().map(|gold| if let Gold::Class(class) = gold { Some(*class) } else { None });
        let scores = gold.iter().map(|gold| if let Gold::Score(score) = gold { Some(*score) } else { None });
        let answers =
            classes.collect::<Option<Vec<_>>>().map(Self::Classes).or_else(|| scores.collect::<Option<Vec<_>>>().map(Self::Scores));
        answers.filter(|_| !gold.is_empty())
    }
}

/// A metric of predictions against what is right.
///
/// # Errors
/// Where the two are of different kinds or lengths, or the metric is not of their kind, or there is nothing to judge.
pub fn measure(metric: &Metric, gold: &Answers, predicted: &Answers) -> Result<f64> {
    let wrong = |why: String| Diagnostic::error(Code::DATA, why).into();
    match (gold, predicted) {
        (Answers::Classes(gold), Answers::Classes(predicted)) if gold.len() == predicted.len() && !gold.is_empty() => match metric {
            Metric::Accuracy => Ok(accuracy(gold, predicted)),
            Metric::F1 => Ok(f1(gold, predicted)),
            Metric::Matthews => Ok(matthews(gold, predicted)),
            Metric::Pearson | Metric::Spearman => wrong(format!("the metric `{}` needs scores, and the task has classes", metric.name())),
        },
        (Answers::Scores(gold), Answers::Scores(predicted)) if gold.len() == predicted.len() && !gold.is_empty() => match metric {
            Metric::Pearson => Ok(pearson(gold, predicted)),
            Metric::Spearman => Ok(spearman(gold, predicted)),
            Metric::Accuracy | Metric::F1 | Metric::Matthews => {
                wrong(format!("the metric `{}` needs classes, and the task has scores", metric.name()))
            }
        },
        _ => wrong("predictions and labels are not of the same kind and number, or there are none".into()),
    }
}

/// The share of right answers; 0 of none.
pub fn accuracy(gold: &[u32], predicted: &[u32]) -> f64 {
    ratio(pairs(gold, predicted).filter(|(g, p)| g == p).count() as f64, gold.len() as f64)
}

/// F1 of class 1; 0 where it is undefined.
pub fn f1(gold: &[u32], predicted: &[u32]) -> f64 {
    let hits = pairs(gold, predicted).filter(|&pair| pair == (1, 1)).count() as f64;
    let ones = |classes: &[u32]| classes.iter().filter(|&&class| class == 1).count() as f64;
    ratio(2.0 * hits, ones(gold) + ones(predicted))
}

/// Matthews' correlation over any number of classes (Gorodkin 2004); 0 where it is undefined.
pub fn matthews(gold: &[u32], predicted: &[u32]) -> f64 {
    let n = gold.len() as f64;
    let right = pairs(gold, predicted).filter(|(g, p)| g == p).count() as f64;
    let mut counts: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (g, p) in pairs(gold, predicted) {
        counts.entry(g).or_default().0 += 1.0;
        counts.entry(p).or_default().1 += 1.0;
    }
    let sum = |term: fn(&(f64, f64)) -> f64| counts.values().map(term).sum::<f64>();
    let (both, golds, predictions) = (sum(|(g, p)| g * p), sum(|(g, _)| g * g), sum(|(_, p)| p * p));
    ratio(right * n - both, ((n * n - golds) * (n * n - predictions)).sqrt())
}

/// Pearson's correlation; 0 where it is undefined.
pub fn pearson(gold: &[f64], predicted: &[f64]) -> f64 {
    // A constant has no correlation; its deviations from a rounded mean would have one.
    let constant = |values: &[f64]| values.iter().zip(values.iter().skip(1)).all(|(a, b)| a == b);
    if constant(gold) || constant(predicted) {
        return 0.0;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (a, b) = (mean(gold), mean(predicted));
    let sum = |term: &dyn Fn(f64, f64) -> f64| gold.iter().zip(predicted).map(|(x, y)| term(x - a, y - b)).sum::<f64>();
    ratio(sum(&|x, y| x * y), sum(&|x, _| x * x).sqrt() * sum(&|_, y| y * y).sqrt())
}

/// Spearman's correlation, equal values sharing the average of their ranks; 0 where it is undefined.
pub fn spearman(gold: &[f64], predicted: &[f64]) -> f64 {
    // What is no number has no rank.
    let unordered = gold.iter().chain(predicted).any(|value| value.is_nan());
    if unordered { 0.0 } else { pearson(&ranks(gold), &ranks(predicted)) }
}

/// The rank of each value from 1, equal values sharing the average of theirs.
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks: Vec<(usize, f64)> = Vec::with_capacity(values.len());
    for equal in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = ranks.len() as f64 + (equal.len() as f64 + 1.0) / 2.0;
        ranks.extend(equal.iter().map(|&(_, place)| (place, rank)));
    }
    ranks.sort_unstable_by_key(|&(place, _)| place);
    ranks.into_iter().map(|(_, rank)| rank).collect()
}

fn pairs<'a>(gold: &'a [u32], predicted: &'a [u32]) -> impl Iterator<Item = (u32, u32)> {
    gold.iter().copied().zip(predicted.iter().copied())
}

/// The quotient; 0 where it is undefined, a prediction that is no number included.
fn ratio(a: f64, b: f64) -> f64 {
    let ratio = a / b;
    if ratio.is_finite() { ratio } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{Answers, accuracy, f1, matthews, measure, pearson, spearman};
    use crate::settings::Metric;
    use serde_json::Value;

    const ORACLE: &str = include_str!("../../tests/oracles/metrics_oracle.json");

    fn close(case: &Value, name: &str, found: f64) {
        // The oracle gives no number where the value is undefined; it is 0 here.
        if let Some(value) = case.get(name) {
            let expected = value.as_f64().filter(|value| value.is_finite()).unwrap_or(0.0);
            assert!((found - expected).abs() < 1e-9, "{}: {name} is {found}, expected {expected}", case["name"]);
        }
    }

    #[test]
    fn metrics_agree_with_independent_programs() {
        let oracle: Value = serde_json::from_str(ORACLE).unwrap();
        let cases = oracle["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 15);
        for case in cases {
            let numbers = |name: &str| -> Vec<f64> { case[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
            let (gold, predicted) = (numbers("gold"), numbers("pred"));
            if case.get("pearson").is_some() {
                close(case, "pearson", pearson(&gold, &predicted));
                close(case, "spearman", spearman(&gold, &predicted));
            } else {
                let classes = |values: &[f64]| -> Vec<u32> { values.iter().map(|&v| v as u32).collect() };
                let (gold, predicted) = (classes(&gold), classes(&predicted));
                close(case, "accuracy", accuracy(&gold, &predicted));
                close(case, "mcc", matthews(&gold, &predicted));
                if case["kind"] == "binary" {
                    close(case, "f1", f1(&gold, &predicted));
                }
            }
        }
    }

    #[test]
    fn what_is_undefined_is_zero() {
        assert_eq!(pearson(&[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0]), 0.0);
        assert_eq!(pearson(&[1.0, 2.0], &[f64::NAN, 1.0]), 0.0);
        assert_eq!(spearman(&[1.0, 2.0], &[f64::NAN, 1.0]), 0.0);
        assert_eq!((accuracy(&[], &[]), f1(&[0], &[0]), matthews(&[1], &[1])), (0.0, 0.0, 0.0));
    }

    #[test]
    fn a_metric_fits_its_task_or_is_refused() {
        let (classes, scores) = (Answers::Classes(vec![1, 0]), Answers::Scores(vec![1.0, 0.0]));
        assert_eq!(measure(&Metric::Accuracy, &classes, &classes).unwrap(), 1.0);
        assert!((measure(&Metric::Spearman, &scores, &scores).unwrap() - 1.0).abs() < 1e-12);
        assert!(measure(&Metric::Spearman, &classes, &classes).is_err());
        assert!(measure(&Metric::F1, &scores, &scores).is_err());
        assert!(measure(&Metric::F1, &classes, &Answers::Classes(vec![1])).is_err());
    }
}
