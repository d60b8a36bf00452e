//! Regularised evolution (Real et al. 2019): the population is the youngest; each parent wins a tournament among some of it.
//!
//! One mutation makes a child, within an expression or between layers. With
//! `parents = 1, children = 1` this is the original, one child at a time; larger generations draw all their tournaments from the same
//! population.

use super::history::{Candidate, History, best_of};
use super::priority::picker;
use super::proposal::{Proposal, Screening, Way, allowed, anew, drawn_anew, generation, one_mutation};
use crate::settings::Search;
use crate::space::Space;
use crate::stream::RngExt;

/// The next generation.
pub(super) fn propose(
    space: &Space,
    settings: &Search,
    tournament: usize,
    seed: u64,
    history: &History,
    screening: &Screening<'_>,
) -> Vec<Proposal> {
    let first = history.candidates.is_empty();
    let wanted = if first { settings.population } else { settings.parents.saturating_mul(settings.children) };
    let count = allowed(settings, history, wanted);
    let population = youngest(history, settings.population);
    if population.iter().all(|candidate| candidate.finite().is_none()) {
        return drawn_anew(space, settings, seed, history, screening, count);
    }
    let picker = picker(space, settings, history);
    let child: Way<'_> = &|_, draws| {
        let mut best: Option<(f64, &Candidate)> = None;
        for _ in 0..tournament.max(1) {
            let drawn = population.get(draws.random_range(0..population.len()))?;
            let fitness = drawn.finite().unwrap_or(f64::NEG_INFINITY);
            if best.is_none_or(|(known, _)| fitness > known) {
                best = Some((fitness, drawn));
            }
        }
        let (_, parent) = best?;
        let (child, mutation) = one_mutation(space, settings, &picker, &parent.architecture, draws)?;
        Some((child, Some(parent.id), vec![mutation]))
    };
    // As for OP-NAS.
    generation(space, seed, history, screening, count, &[child, &|_, draws| anew(space, settings, draws)])
}

/// The best of the population, as many as a generation has parents.
pub(super) fn strongest<'h>(settings: &Search, history: &'h History) -> Vec<&'h Candidate> {
    best_of(youngest(history, settings.population)).take(settings.parents).collect()
}

/// The last of the history, as many as the population holds.
fn youngest(history: &History, population: usize) -> &[Candidate] {
    let all = history.candidates.as_slice();
    all.get(all.len().saturating_sub(population)..).unwrap_or_default()
}
