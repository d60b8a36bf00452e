//! OP-NAS: the best parents, one inter-layer then one intra-layer mutation each time, operations drawn by priority.

use super::history::{Candidate, History};
use super::priority::picker;
use super::proposal::{Proposal, Screening, Way, allowed, anew, drawn_anew, generation};
use crate::settings::Search;
use crate::space::{Space, mutate};
use crate::stream::{RngExt, stream};

/// The parents of the next generation: the best. With several objectives the best few would always be the ends of the front; there each wins a
/// tournament of two among as many as a population has, as in NSGA-II (Deb et al. 2002).
pub(super) fn parents<'h>(settings: &Search, seed: u64, history: &'h History) -> Vec<&'h Candidate> {
    if history.candidates.iter().all(|candidate| candidate.values.len() < 2) {
        return history.best(settings.parents);
    }
    let mut left = history.best(settings.population.max(settings.parents));
    let mut draws = stream(seed, "search/parents", u64::try_from(history.next_generation()).unwrap_or(u64::MAX));
    let mut parents = Vec::new();
    while parents.len() < settings.parents && !left.is_empty() {
        // They come from the best on.
        let winner = draws.random_range(0..left.len()).min(draws.random_range(0..left.len()));
        parents.push(left.remove(winner));
    }
    parents
}

/// The next generation.
pub(super) fn propose(space: &Space, settings: &Search, seed: u64, history: &History, screening: &Screening<'_>) -> Vec<Proposal> {
    let parents = parents(settings, seed, history);
    if history.candidates.is_empty() {
        return drawn_anew(space, settings, seed, history, screening, allowed(settings, history, settings.population));
    }
    if parents.is_empty() {
        // All have failed: there is nothing to mutate.
        let count = settings.parents.saturating_mul(settings.children);
        return drawn_anew(space, settings, seed, history, screening, allowed(settings, history, count));
    }
    let picker = picker(space, settings, history);
    let count = allowed(settings, history, parents.len().saturating_mul(settings.children));
    let child: Way<'_> = &|place, draws| {
        let parent = parents.get(place / settings.children.max(1))?;
        let (child, mutation) = mutate(space, &parent.architecture, &settings.mutation, &picker, draws)?;
        Some((child, Some(parent.id), mutation))
    };
    // A small space may hold nothing new near its best; the budget is spent all the same.
    generation(space, seed, history, screening, count, &[child, &|_, draws| anew(space, settings, draws)])
}
