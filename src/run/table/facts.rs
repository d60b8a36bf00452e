//! What a table shows by itself: its noise, the ends of its scale, what follows size, where known architectures stand.

use super::{Lookup, Row, Table};
use crate::check::Checked;
use crate::data::statistics::{kendall, quantile};
use crate::diagnostic::Result;
use crate::space::{hash, lies_in};
use serde::Serialize;

/// Rows that are told of either end of the scale.
const ENDS: usize = 5;

/// What a table shows by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Members and the functions they compute.
    pub members: (usize, usize),
    /// Trainings that failed.
    pub failed: usize,
    /// The loss of guessing by frequency alone, in nats.
    pub unigram_entropy: f64,
    /// The smallest, the median and the largest mean loss over seeds, in nats.
    pub losses: (f64, f64, f64),
    /// The standard deviation of a loss over seeds, in nats: from the differences of the first two.
    pub noise: f64,
    /// Kendall's tau between the first two seeds: what one more training would agree by.
    pub between_seeds: Option<f64>,
    /// Kendall's tau of the mean loss with the parameter count.
    pub with_params: Option<f64>,
    /// Likewise with FLOPs.
    pub with_flops: Option<f64>,
    /// The rows of the smallest mean loss, the best first.
    pub best: Vec<(String, f64)>,
    /// The rows of the largest mean loss, the worst last.
    pub worst: Vec<(String, f64)>,
    /// Where the experiment's `compare` stands.
    pub known: Vec<Known>,
}

/// Where an architecture stands.
#[derive(Clone, Debug, Serialize)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its mean loss over seeds.
    pub loss: f64,
    /// Its place among all rows, from 1.
    pub rank: usize,
}

/// What the table shows; known architectures are those of the experiment's `compare` that lie in its space.
///
/// # Errors
/// Where the experiment does not fit the table.
pub fn facts(table: &Table, checked: &Checked) -> Result<Facts> {
    let lookup = Lookup::new(checked, table)?;
    let mut rows: Vec<(&Row, f64)> = table.rows.iter().filter_map(|row| Some((row, row.mean()?))).collect();
    let column = |seed: usize| rows.iter().filter_map(|(row, _)| row.loss.get(seed).copied().flatten()).collect::<Vec<f64>>();
    let (first, second) = (column(0), column(1));
    let squares: f64 = first.iter().zip(&second).map(|(one, other)| (one - other).powi(2)).sum();
    let noise = if second.is_empty() { f64::NAN } else { (squares / (2.0 * second.len() as f64)).sqrt() };
    let means: Vec<f64> = rows.iter().map(|(_, mean)| *mean).collect();
    let size = |of: &dyn Fn(&Row) -> u64| kendall(&means, &rows.iter().map(|(row, _)| of(row) as f64).collect::<Vec<f64>>());
    let (with_params, with_flops) = (size(&|row| row.params), size(&|row| row.flops));
    let between_seeds = kendall(&first, &second);
    rows.sort_by(|one, other| one.1.total_cmp(&other.1));
    let known = checked.compare.iter().filter_map(|known| {
        lies_in(&checked.space, &known.space, &known.architecture).ok()?;
        let row = lookup.row(hash(&known.space, &known.architecture))?;
        let place = rows.iter().position(|(one, _)| one.class == row.class)?;
        Some(Known { name: known.name.clone(), loss: rows.get(place)?.1, rank: place + 1 })
    });
    let known = known.collect();
    let shown = |(row, mean): &(&Row, f64)| (row.first.join("  "), *mean);
    let at = |share: f64| quantile(&means, share).unwrap_or(f64::NAN);
    Ok(Facts {
        members: (lookup.members(), table.rows.len()),
        failed: table.rows.iter().flat_map(|row| &row.loss).filter(|loss| loss.is_none()).count(),
        unigram_entropy: table.header.unigram_entropy,
        losses: (at(0.0), at(0.5), at(1.0)),
        noise,
        between_seeds,
        with_params,
        with_flops,
        best: rows.iter().take(ENDS).map(shown).collect(),
        worst: rows.iter().skip(rows.len().saturating_sub(ENDS)).map(shown).collect(),
        known,
    })
}
