//! Two ways to do the same, compared over many seeds.

use super::statistics::{holm, quantile, wilcoxon, wilson};
use serde::Serialize;

/// How often one is below another, paired by seed, and whether that may be chance.
#[derive(Clone, Debug, Serialize)]
pub struct Duel {
    /// Seeds in which the one is lower.
    pub wins: usize,
    /// Seeds in which both are equal.
    pub ties: usize,
    /// Seeds in which the other is lower.
    pub losses: usize,
    /// The share of wins, a tie being half a win, with its 95 % interval.
    pub rate: (f64, f64, f64),
    /// The median over seeds of one − other.
    pub difference: f64,
    /// Wilcoxon's signed-rank test, two-sided; 1 where no pair differs.
    pub p: f64,
    /// The same, corrected for all duels of the comparison.
    pub holm: f64,
}

impl Duel {
    /// The share of wins, the difference and both p-values, for a reader.
    pub fn told(&self) -> String {
        let (rate, low, high) = self.rate;
        let difference = if self.difference == 0.0 { "0".to_owned() } else { format!("{:+.4}", self.difference) };
        format!("rate {rate:.3} [{low:.3}, {high:.3}], median difference {difference}, p {}, Holm {}", chance(self.p), chance(self.holm))
    }
}

/// A p-value with the digits that say something.
fn chance(p: f64) -> String {
    match p {
        p if p < 0.000_95 => format!("{p:.0e}"),
        p if p < 0.095 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

/// One beside each of the others, values in order of the seeds; p-values corrected over all of them.
pub fn duels(one: &[f64], others: &[Vec<f64>]) -> Vec<Duel> {
    let mut duels: Vec<Duel> = others.iter().map(|other| duel(one, other)).collect();
    let corrected = holm(&duels.iter().map(|duel| duel.p).collect::<Vec<f64>>());
    duels.iter_mut().zip(corrected).for_each(|(duel, holm)| duel.holm = holm);
    duels
}

fn duel(one: &[f64], other: &[f64]) -> Duel {
    let differences: Vec<f64> = one.iter().zip(other).map(|(one, other)| one - other).collect();
    let count = |of: &dyn Fn(f64) -> bool| differences.iter().filter(|difference| of(**difference)).count();
    let (wins, ties) = (count(&|difference| difference < 0.0), count(&|difference| difference == 0.0));
    let (all, won) = (differences.len() as f64, wins as f64 + 0.5 * ties as f64);
    let (low, high) = wilson(won, all);
    let p = wilcoxon(one, other).map_or(1.0, |(_, p)| p);
    let losses = differences.len() - wins - ties;
    Duel { wins, ties, losses, rate: (won / all, low, high), difference: quantile(&differences, 0.5).unwrap_or(f64::NAN), p, holm: p }
}
