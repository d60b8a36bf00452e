//! Local search: neighbours of the best of a climb, until none of them is better; then a new climb from a fresh draw.
//!
//! A neighbour is one mutation away. A climb begins with the best of the initial population, later with a candidate drawn anew, and
//! moves to the best neighbour of each generation that is better. It ends where `patience` generations brought nothing better, or where no new
//! neighbour is found.

use super::history::{Candidate, History};
use super::priority::picker;
use super::proposal::{Proposal, Screening, Way, allowed, drawn_anew, generation, one_mutation};
use crate::settings::Search;
use crate::space::Space;

/// The next generation.
pub(super) fn propose(
    space: &Space,
    settings: &Search,
    patience: usize,
    seed: u64,
    history: &History,
    screening: &Screening<'_>,
) -> Vec<Proposal> {
    if history.candidates.is_empty() {
        return drawn_anew(space, settings, seed, history, screening, allowed(settings, history, settings.population));
    }
    let count = allowed(settings, history, settings.parents.saturating_mul(settings.children));
    let next = history.next_generation();
    if let Some(top) = summit(history).filter(|top| next - top.generation <= patience.max(1)) {
        let picker = picker(space, settings, history);
        let neighbour: Way<'_> = &|_, draws| {
            let (child, mutation) = one_mutation(space, settings, &picker, &top.architecture, draws)?;
            Some((child, Some(top.id), vec![mutation]))
        };
        let neighbours = generation(space, seed, history, screening, count, &[neighbour]);
        if !neighbours.is_empty() {
            return neighbours;
        }
    }
    drawn_anew(space, settings, seed, history, screening, count.min(1))
}

/// The best of the climb that is going on: since the last candidate that was drawn without a parent, or since the beginning. `None`
/// where all have failed.
pub(super) fn summit(history: &History) -> Option<&Candidate> {
    let begun = history.candidates.iter().rev().find(|candidate| candidate.parent.is_none()).map_or(0, |first| first.generation);
    let mut best: Option<(f64, &Candidate)> = None;
    for candidate in history.candidates.iter().filter(|candidate| candidate.generation >= begun) {
        if let Some(fitness) = candidate.finite()
            && best.is_none_or(|(known, _)| fitness > known)
        {
            best = Some((fitness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
