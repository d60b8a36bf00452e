//! What all algorithms share: candidates without duplicates, the budget, the plateau.

use super::history::{Candidate, History};
use crate::graph::Hash;
use crate::settings::{Initial, Search, Stop};
use crate::space::{Architecture, Draw, Mutated, OpPicker, Space, hash, inter, intra};
use crate::stream::{RngExt, Stream, stream};
use std::collections::BTreeSet;

/// Draws in search of one candidate that is new, at most.
const REDRAWS: usize = 20;
/// Members drawn in search of one that meets the space's conditions, at most.
pub const UNMET: usize = 10_000;

/// What is known of an architecture before it is evaluated.
#[derive(Clone, Copy)]
pub struct Screening<'a> {
    /// Whether it meets the conditions of its space.
    pub meets: &'a dyn Fn(&Architecture) -> bool,
    /// What costs nothing to tell, larger being better: of several draws the best is proposed.
    pub worth: &'a dyn Fn(&Architecture) -> f64,
    /// How many draws.
    pub among: usize,
}

impl Screening<'_> {
    /// Nothing is known.
    pub const NONE: Screening<'static> = Screening { meets: &|_| true, worth: &|_| 0.0, among: 1 };
}

/// A candidate to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Its number: the history's length and on.
    pub id: usize,
    /// What it is.
    pub architecture: Architecture,
    /// Its identity in the space.
    pub hash: Hash,
    /// The candidate it was mutated from; `None` where it was drawn anew.
    pub parent: Option<usize>,
    /// How it was mutated.
    pub mutation: Vec<Mutated>,
}

impl Proposal {
    /// The candidate it is once its evaluation is over, with a value for each objective; none where that failed.
    pub fn finished(self, generation: usize, values: Vec<f64>) -> Candidate {
        let Self { id, architecture, hash, parent, mutation } = self;
        Candidate { id, generation, architecture, hash, parent, mutation, fitness: values.first().copied(), values }
    }
}

/// A candidate before it has a number.
pub(super) type Drawn = (Architecture, Option<usize>, Vec<Mutated>);

/// How many candidates the next generation may hold, given how many it would: fewer at the end of the budget, 0 at the
/// plateau.
pub(super) fn allowed(settings: &Search, history: &History, wanted: usize) -> usize {
    let plateau = match settings.stop {
        Some(Stop::Any { plateau, .. }) => plateau > 0 && history.generations_without_gain() >= plateau,
        None => false,
    };
    if plateau { 0 } else { wanted.min(settings.evaluations.saturating_sub(history.candidates.len())) }
}

/// How a place of a generation is filled.
pub(super) type Way<'w> = &'w dyn Fn(usize, &mut Stream) -> Option<Drawn>;

/// A generation of `count` candidates, each new to the history and to the others and meeting the space's conditions. Where one way finds none
/// for a place the next is taken; a place for which no way does stays empty.
pub(super) fn generation(
    space: &Space,
    seed: u64,
    history: &History,
    screening: &Screening<'_>,
    count: usize,
    ways: &[Way<'_>],
) -> Vec<Proposal> {
    let mut known = history.hashes();
    let mut proposals: Vec<Proposal> = Vec::new();
    let generation = u64::try_from(history.next_generation()).unwrap_or(u64::MAX);
    for place in 0..count {
        let mut draws = stream(seed, &format!("search/{place}"), generation);
        let mut tries = BTreeSet::new();
        let mut best: Option<(f64, Hash, Drawn)> = None;
        let mut left = ways.iter();
        let mut way = left.next();
        for _ in 0..screening.among.max(1) {
            let found = loop {
                let Some(current) = way else { break None };
                match fresh(space, screening, &known, &tries, &mut || current(place, &mut draws)) {
                    // What one way has found for a place is not set aside for what another finds.
                    None if best.is_none() => way = left.next(),
                    found => break found,
                }
            };
            let Some((hash, drawn)) = found else { break };
            tries.insert(hash);
            // A single draw need not be judged.
            let worth = if screening.among > 1 { (screening.worth)(&drawn.0) } else { 0.0 };
            if best.as_ref().is_none_or(|(known, ..)| worth > *known) {
                best = Some((worth, hash, drawn));
            }
        }
        if let Some((_, hash, (architecture, parent, mutation))) = best {
            known.insert(hash);
            let id = history.candidates.len() + proposals.len();
            proposals.push(Proposal { id, architecture, hash, parent, mutation });
        }
    }
    proposals
}

/// A draw that is new and meets the space's conditions.
fn fresh(
    space: &Space,
    screening: &Screening<'_>,
    known: &BTreeSet<Hash>,
    tries: &BTreeSet<Hash>,
    draw: &mut dyn FnMut() -> Option<Drawn>,
) -> Option<(Hash, Drawn)> {
    let mut repeated = 0;
    // What does not meet the conditions counts once: where little else is left, the same few come again and again.
    let mut unmet = BTreeSet::new();
    loop {
        let drawn = draw()?;
        let hash = hash(space, &drawn.0);
        if known.contains(&hash) || tries.contains(&hash) || unmet.contains(&hash) {
            repeated += 1;
        } else if (screening.meets)(&drawn.0) {
            return Some((hash, drawn));
        } else {
            unmet.insert(hash);
        }
        if repeated > REDRAWS || unmet.len() > UNMET {
            return None;
        }
    }
}

/// A child by one mutation: within an expression or between layers, evenly where both can be.
pub(super) fn one_mutation(
    space: &Space,
    settings: &Search,
    picker: &OpPicker,
    parent: &Architecture,
    draws: &mut Stream,
) -> Option<(Architecture, Mutated)> {
    let within = |draws: &mut Stream| intra(space, parent, &settings.mutation.intra, picker, draws);
    let between = |draws: &mut Stream| inter(space, parent, &settings.mutation.inter, draws);
    if draws.random_bool(0.5) { within(draws).or_else(|| between(draws)) } else { between(draws).or_else(|| within(draws)) }
}

/// A generation drawn without parents.
pub(super) fn drawn_anew(
    space: &Space,
    settings: &Search,
    seed: u64,
    history: &History,
    screening: &Screening<'_>,
    count: usize,
) -> Vec<Proposal> {
    generation(space, seed, history, screening, count, &[&|_, draws| anew(space, settings, draws)])
}

/// A candidate without a parent, as those of the initial population are.
pub(super) fn anew(space: &Space, settings: &Search, draws: &mut Stream) -> Option<Drawn> {
    let draw = match settings.initial {
        Initial::BySize => Draw::BySize,
        Initial::Uniform => Draw::Uniform,
    };
    Some((space.sample(draw, draws)?, None, Vec::new()))
}
