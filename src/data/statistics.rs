//! Statistics of comparisons: rank correlation, paired tests, intervals.

use super::metrics::ranks;
use crate::stream::{RngExt, Stream};

/// Kendall's tau-b, which counts tied pairs in neither direction; `None` where one side is constant or the lengths differ.
pub fn kendall(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.len() != other.len() {
        return None;
    }
    let (mut agreement, mut ranked_one, mut ranked_other) = (0i64, 0i64, 0i64);
    for (place, (a, b)) in one.iter().zip(other).enumerate() {
        for (c, d) in one.iter().zip(other).skip(place + 1) {
            let (left, right) = (sign(a - c), sign(b - d));
            agreement += left * right;
            ranked_one += left.abs();
            ranked_other += right.abs();
        }
    }
    let pairs = (ranked_one as f64 * ranked_other as f64).sqrt();
    (pairs > 0.0).then(|| agreement as f64 / pairs)
}

fn sign(difference: f64) -> i64 {
    i64::from(difference > 0.0) - i64::from(difference < 0.0)
}

/// The interval that holds a statistic in 95 of 100 bootstrap samples of `count` places (percentiles; Efron 1979); `None` where it is
/// undefined in half of them.
pub fn bootstrap(count: usize, samples: usize, draws: &mut Stream, of: &dyn Fn(&[usize]) -> Option<f64>) -> Option<(f64, f64)> {
    if count == 0 {
        return None;
    }
    let mut sample = || (0..count).map(|_| draws.random_range(0..count)).collect::<Vec<usize>>();
    let found: Vec<f64> = (0..samples).filter_map(|_| of(&sample())).collect();
    if found.len() * 2 < samples {
        return None;
    }
    Some((quantile(&found, 0.025)?, quantile(&found, 0.975)?))
}

/// The values at these places; places beyond the end are left out.
pub fn at(values: &[f64], places: &[usize]) -> Vec<f64> {
    places.iter().filter_map(|place| values.get(*place)).copied().collect()
}

/// A quantile, interpolated in a straight line between neighbours; `None` of nothing.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

/// Wilcoxon's signed-rank test of paired values: the smaller sum of ranks and the two-sided p, exact up to 50 pairs where all differ by
/// different amounts, otherwise by the normal approximation, corrected for ties; pairs without a difference are left out. `None` where no
/// pair differs.
pub fn wilcoxon(one: &[f64], other: &[f64]) -> Option<(f64, f64)> {
    let differences: Vec<f64> = one.iter().zip(other).map(|(a, b)| a - b).filter(|difference| *difference != 0.0).collect();
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    let ranks = ranks(&sizes);
    let sum = |positive: bool| {
        differences.iter().zip(&ranks).filter(|(difference, _)| (**difference > 0.0) == positive).map(|(_, rank)| rank).sum::<f64>()
    };
    let statistic = sum(true).min(sum(false));
    let count = differences.len() as f64;
    let mut sorted = sizes;
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(|equal| equal.len() as f64).map(|equal| equal.powi(3) - equal).sum();
    if ties == 0.0 && (1..=EXACT).contains(&differences.len()) {
        return Some((statistic, exact(differences.len(), statistic as usize)));
    }
    let variance = (count * (count + 1.0) * (2.0 * count + 1.0) - ties / 2.0) / 24.0;
    let z = (statistic - count * (count + 1.0) / 4.0) / variance.sqrt();
    (variance > 0.0).then(|| (statistic, (2.0 * normal_below(z)).min(1.0)))
}

/// The most pairs of which the test is exact.
const EXACT: usize = 50;

/// The chance, two-sided, of a sum of ranks of at most `statistic` where each of `count` ranks is as likely to be in the sum as not.
fn exact(count: usize, statistic: usize) -> f64 {
    // Of each sum, the share of all ways to choose ranks that give it.
    let mut shares = vec![0.0; count * (count + 1) / 2 + 1];
    shares.iter_mut().take(1).for_each(|share| *share = 1.0);
    for rank in 1..=count {
        shares = shares
            .iter()
            .enumerate()
            .map(|(sum, share)| 0.5 * (share + sum.checked_sub(rank).and_then(|less| shares.get(less)).unwrap_or(&0.0)))
            .collect();
    }
    (2.0 * shares.iter().take(statistic + 1).sum::<f64>()).min(1.0)
}

/// The share of the standard normal distribution below a negative value: a continued fraction in the tail, a series near 0.
fn normal_below(z: f64) -> f64 {
    let x = -z;
    let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if x > 3.0 {
        // Mills' ratio as Laplace's continued fraction.
        let fraction = (1..=60).rev().fold(x, |fraction, term| x + f64::from(term) / fraction);
        return density / fraction;
    }
    let (mut term, mut sum) = (x, x);
    for place in 1..200 {
        term *= x * x / f64::from(2 * place + 1);
        sum += term;
    }
    0.5 - density * sum
}

/// The 95 % interval of a share after `count` trials (Wilson 1927).
pub fn wilson(wins: f64, count: f64) -> (f64, f64) {
    let z = 1.959_963_984_540_054;
    let share = wins / count;
    let middle = share + z * z / (2.0 * count);
    let half = z * (share * (1.0 - share) / count + z * z / (4.0 * count * count)).sqrt();
    let scale = 1.0 + z * z / count;
    ((middle - half) / scale, (middle + half) / scale)
}

/// p-values of several tests, each made larger so that the chance of any false finding stays what a single one's is (Holm 1979); in their
/// order.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    let at = |place: usize| p.get(place).copied().unwrap_or(1.0);
    order.sort_by(|a, b| at(*a).total_cmp(&at(*b)));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0f64;
    for (before, place) in order.into_iter().enumerate() {
        largest = largest.max(at(place) * (p.len() - before) as f64).min(1.0);
        if let Some(entry) = adjusted.get_mut(place) {
            *entry = largest;
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::{at, bootstrap, holm, kendall, quantile, wilcoxon, wilson};
    use crate::stream::stream;
    use serde_json::Value;

    #[test]
    fn statistics_are_scipys() {
        let oracle: Value = serde_json::from_str(include_str!("../../tests/oracles/statistics.json")).unwrap();
        let cases = oracle["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 7);
        for case in cases {
            let values = |name: &str| case[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<f64>>();
            let (x, y) = (values("x"), values("y"));
            let near = |found: f64, expected: &Value, within: f64| {
                let expected = expected.as_f64().unwrap();
                assert!((found - expected).abs() <= within * expected.abs().max(1e-300), "{}: {found} for {expected}", case["name"]);
            };
            near(kendall(&x, &y).unwrap(), &case["kendall"], 1e-12);
            let (statistic, p) = wilcoxon(&x, &y).unwrap();
            near(statistic, &case["wilcoxon"]["statistic"], 1e-12);
            near(p, &case["wilcoxon"]["p"], 1e-9);
            let (low, high) = wilson(case["wins"].as_f64().unwrap(), x.len() as f64);
            near(low, &case["wilson"][0], 1e-9);
            near(high, &case["wilson"][1], 1e-9);
        }
    }

    #[test]
    fn what_is_undefined_is_none() {
        assert_eq!(kendall(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(kendall(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(wilcoxon(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0, 1.0, 2.0, 4.0], 0.5), Some(2.5));
        let mut draws = stream(1, "none", 0);
        assert_eq!(bootstrap(5, 50, &mut draws, &|places| kendall(&at(&[1.0; 5], places), &at(&[2.0; 5], places))), None);
        assert_eq!(bootstrap(0, 50, &mut draws, &|_| Some(1.0)), None);
    }

    /// By hand: 0.01 · 3, then 0.02 · 2, then 0.03 · 1 held up by the one before.
    #[test]
    fn holm_is_as_defined() {
        assert_eq!(holm(&[0.02, 0.03, 0.01]), [0.04, 0.04, 0.03]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[test]
    fn the_interval_holds_the_statistic_and_shrinks_with_more_pairs() {
        let width = |count: u32| {
            let one: Vec<f64> = (0..count).map(f64::from).collect();
            let other: Vec<f64> = (0..count).map(|place| f64::from(place) + 20.0 * f64::from(place * 7 % 11)).collect();
            let tau = kendall(&one, &other).unwrap();
            let (low, high) =
                bootstrap(one.len(), 400, &mut stream(2, "interval", 0), &|places| kendall(&at(&one, places), &at(&other, places)))
                    .unwrap();
            assert!(low < tau && tau < high, "{low} {tau} {high}");
            high - low
        };
        assert!(width(200) < width(25));
    }
}
