//! Searches: which architectures to evaluate next.
//!
//! In reading order: `history` (finished candidates), `pareto` (several objectives as one fitness), `priority` (operation priority),
//! `proposal` (what all algorithms share: draws without duplicates, the budget, the plateau), `op_nas`, `regularized_evolution`,
//! `local_search`, `random_search`.
//!
//! Invariants: the next generation follows from (space, settings, seed, history, screening) alone, so that a search that was
//! interrupted needs nothing but its history. This module knows no model, no data, no clock and no tensors.

mod history;
mod local_search;
mod op_nas;
mod pareto;
mod priority;
mod proposal;
mod random_search;
mod regularized_evolution;

pub use history::{Candidate, History};
pub use pareto::{dominates, fronts, ranked};
pub use priority::{OperationPriority, Priorities, occurrences};
pub use proposal::{Proposal, Screening, UNMET};

use crate::settings::{Algorithm, Search};
use crate::space::Space;

/// The next generation, in the order of its numbers; empty where the search is over: at the budget, at the plateau, or
/// where nothing new is found in the space, near parents or elsewhere.
///
/// Only what meets the space's conditions is proposed, and of several draws the one that the screening likes best. The history holds whole
/// generations only; of one that was interrupted, propose it again and keep what is finished. With several objectives it is given as
/// [`ranked`] makes it.
pub fn propose(space: &Space, settings: &Search, seed: u64, history: &History, screening: &Screening<'_>) -> Vec<Proposal> {
    match settings.algorithm {
        Algorithm::Evolution => op_nas::propose(space, settings, seed, history, screening),
        Algorithm::Aging { tournament } => regularized_evolution::propose(space, settings, tournament, seed, history, screening),
        Algorithm::Climb { patience } => local_search::propose(space, settings, patience, seed, history, screening),
        Algorithm::Random => random_search::propose(space, settings, seed, history, screening),
    }
}

/// The candidates that the next generation is made from, as far as they are known beforehand: OP-NAS's parents, the best of a population
/// that holds its tournaments, the best of a climb. The history is given as to [`propose`].
pub fn parents<'h>(settings: &Search, seed: u64, history: &'h History) -> Vec<&'h Candidate> {
    match settings.algorithm {
        Algorithm::Evolution => op_nas::parents(settings, seed, history),
        Algorithm::Aging { .. } => regularized_evolution::strongest(settings, history),
        Algorithm::Climb { .. } => local_search::summit(history).into_iter().collect(),
        Algorithm::Random => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
