//! The finished candidates of a search.

use crate::graph::Hash;
use crate::space::{Architecture, Mutated};
use std::collections::BTreeSet;

/// A finished candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its number, from 0 in the order of proposal.
    pub id: usize,
    /// The generation it was proposed in; 0 is the initial population.
    pub generation: usize,
    /// What it is.
    pub architecture: Architecture,
    /// Its identity in the space.
    pub hash: Hash,
    /// The candidate it was mutated from.
    pub parent: Option<usize>,
    /// How.
    pub mutation: Vec<Mutated>,
    /// Its fitness, larger being better: the first of its values, or what [`ranked`](super::ranked) makes of several. `None` where its
    /// evaluation failed.
    pub fitness: Option<f64>,
    /// A value for each objective, larger being better; empty where its evaluation failed.
    pub values: Vec<f64>,
}

impl Candidate {
    /// Its fitness, if it has a finite one.
    pub fn finite(&self) -> Option<f64> {
        self.fitness.filter(|fitness| fitness.is_finite())
    }
}

/// Candidates from the best on, earlier ones before later ones of the same fitness; failed ones are left out.
pub(super) fn best_of(candidates: &[Candidate]) -> impl Iterator<Item = &Candidate> {
    let mut finished: Vec<(f64, &Candidate)> = candidates.iter().filter_map(|candidate| Some((candidate.finite()?, candidate))).collect();
    finished.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    finished.into_iter().map(|(_, candidate)| candidate)
}

/// All finished candidates, in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The candidates.
    pub candidates: Vec<Candidate>,
}

impl History {
    /// The number of the next generation.
    pub fn next_generation(&self) -> usize {
        self.candidates.last().map_or(0, |last| last.generation + 1)
    }

    /// The best candidates, the best first, earlier ones before later ones of the same fitness; failed ones are left out.
    pub fn best(&self, count: usize) -> Vec<&Candidate> {
        best_of(&self.candidates).take(count).collect()
    }

    /// The best: of several objectives the one that is best by the first, among those by the second, and so on, so that nothing beats
    /// it; the earliest of equals.
    pub fn best_member(&self) -> Option<&Candidate> {
        let finished = self.candidates.iter().filter(|candidate| candidate.finite().is_some());
        // Lists are compared from their first value on.
        finished.reduce(|best, next| if next.values > best.values { next } else { best })
    }

    /// The identities of all candidates.
    pub fn hashes(&self) -> BTreeSet<Hash> {
        self.candidates.iter().map(|candidate| candidate.hash).collect()
    }

    /// How many generations in a row, up to the last, brought no better candidate: of several objectives, none that lies on the first front with
    /// values of its own. A history of several is to be [`ranked`](super::ranked).
    pub fn generations_without_gain(&self) -> u64 {
        let several = |candidate: &&Candidate| candidate.values.len() > 1;
        let on_front = self.candidates.iter().filter(several).filter(|candidate| candidate.finite().is_some_and(|fitness| fitness >= 0.0));
        let new = on_front.filter(|one| {
            let equal = self.candidates.iter().find(|other| other.values == one.values);
            equal.is_none_or(|first| first.id == one.id)
        });
        let gained = new.map(|candidate| candidate.generation).max();
        let gained = gained.or_else(|| self.best(1).first().map(|best| best.generation));
        let (Some(last), Some(gained)) = (self.candidates.last(), gained) else { return 0 };
        u64::try_from(last.generation.saturating_sub(gained)).unwrap_or(u64::MAX)
    }

    /// The standardised fitness of each candidate, over all: (fitness − mean) / deviation, 0 where the deviation is 0; a failed
    /// candidate has the lowest finite one.
    pub fn standardised(&self) -> Vec<f64> {
        let finite: Vec<f64> = self.candidates.iter().filter_map(Candidate::finite).collect();
        let count = finite.len().max(1) as f64;
        let mean = finite.iter().sum::<f64>() / count;
        let deviation = (finite.iter().map(|fitness| (fitness - mean).powi(2)).sum::<f64>() / count).sqrt();
        let z = |fitness: f64| if deviation > 0.0 { (fitness - mean) / deviation } else { 0.0 };
        let lowest = finite.iter().copied().reduce(f64::min).map_or(0.0, z);
        self.candidates.iter().map(|candidate| candidate.finite().map_or(lowest, z)).collect()
    }
}
