//! Operation priority: operations that did well are proposed more often, and rare ones get a bonus.
//!
//! `u_i = μ_i + alpha · √(2 ln N / N_i)`, drawn with probability softmax(u / temperature) among those that fit. With
//! `occurrences`, `μ_i = Σ n_i z / Σ n_i` and `N_i = Σ n_i`, where n_i counts the uses of operation i in a canonical
//! candidate and z is its standardised fitness; with `drawn`, μ_i is the mean of z(child) − z(parent) over the N_i
//! mutations that drew i. N is the sum of all N_i.

use super::history::History;
use crate::settings::{Credit, Pick, Search};
use crate::space::{Architecture, Domain, Filling, Space};
use std::collections::{BTreeMap, BTreeSet};

/// The standing of one operation.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OperationPriority {
    /// Its name.
    pub op: String,
    /// How often it was seen: N_i.
    pub seen: u64,
    /// Its mean credit, μ_i; 0 where it was never seen.
    pub mean: f64,
    /// Its priority u_i; `None` where it was never seen, which goes before all others.
    pub priority: Option<f64>,
    /// The probability of drawing it where every operation fits.
    pub probability: f64,
}

/// The priorities of all operations of a space, frozen for one generation.
#[derive(Clone, Debug, PartialEq)]
pub struct Priorities {
    temperature: f64,
    priorities: BTreeMap<String, (u64, f64, Option<f64>)>,
}

impl Priorities {
    /// The priorities after a history.
    pub fn new(space: &Space, history: &History, alpha: f64, temperature: f64, credit: &Credit) -> Self {
        let mut credits: BTreeMap<String, (u64, f64)> = operations(space).into_iter().map(|op| (op, (0, 0.0))).collect();
        let z = history.standardised();
        let z_of: BTreeMap<usize, f64> = history.candidates.iter().map(|candidate| candidate.id).zip(z.iter().copied()).collect();
        for (candidate, z) in history.candidates.iter().zip(z) {
            let credited: Vec<(String, u64, f64)> = match credit {
                Credit::Occurrences => occurrences(&candidate.architecture).into_iter().map(|(op, uses)| (op, uses, z)).collect(),
                Credit::Drawn => {
                    let gain = candidate.parent.and_then(|parent| z_of.get(&parent)).map(|parent| z - parent);
                    let drawn = candidate.mutation.iter().filter_map(|mutated| mutated.op.clone());
                    gain.map_or_else(Vec::new, |gain| drawn.map(|op| (op, 1, gain)).collect())
                }
            };
            for (op, uses, credit) in credited {
                if let Some((seen, sum)) = credits.get_mut(&op) {
                    *seen += uses;
                    *sum += uses as f64 * credit;
                }
            }
        }
        let all: u64 = credits.values().map(|(seen, _)| seen).sum();
        let priority = |(seen, sum): (u64, f64)| {
            let mean = if seen == 0 { 0.0 } else { sum / seen as f64 };
            (seen, mean, (seen > 0).then(|| mean + alpha * (2.0 * (all as f64).ln() / seen as f64).sqrt()))
        };
        Self { temperature, priorities: credits.into_iter().map(|(op, credit)| (op, priority(credit))).collect() }
    }

    /// The probabilities of drawing each of these operations where just these fit: evenly among those never seen while
    /// there are any, else by priority.
    pub fn probabilities(&self, fitting: &[&str]) -> Vec<f64> {
        let priorities: Vec<Option<f64>> =
            fitting.iter().map(|op| self.priorities.get(*op).and_then(|(_, _, priority)| *priority)).collect();
        let unseen = priorities.iter().filter(|priority| priority.is_none()).count();
        if unseen > 0 {
            return priorities.iter().map(|priority| if priority.is_none() { 1.0 / unseen as f64 } else { 0.0 }).collect();
        }
        let highest = priorities.iter().copied().flatten().fold(f64::NEG_INFINITY, f64::max);
        let raised: Vec<f64> = priorities.iter().flatten().map(|priority| ((priority - highest) / self.temperature).exp()).collect();
        let total: f64 = raised.iter().sum();
        raised.into_iter().map(|raised| raised / total).collect()
    }

    /// All operations with their standing, by name.
    pub fn standing(&self) -> Vec<OperationPriority> {
        let names: Vec<&str> = self.priorities.keys().map(String::as_str).collect();
        let probabilities = self.probabilities(&names);
        let standing = self.priorities.iter().zip(probabilities).map(|((op, (seen, mean, priority)), probability)| OperationPriority {
            op: op.clone(),
            seen: *seen,
            mean: *mean,
            priority: *priority,
            probability,
        });
        standing.collect()
    }

    /// Whether the largest probability exceeds the smallest by less than half of the smallest: then the priority hardly
    /// differs from an even draw. Never while an operation has not been seen.
    pub fn says_nothing(&self) -> bool {
        let standing = self.standing();
        let probabilities = || standing.iter().map(|one| one.probability);
        let all_seen = standing.len() > 1 && standing.iter().all(|one| one.seen > 0);
        all_seen && probabilities().fold(0.0, f64::max) < 1.5 * probabilities().fold(1.0, f64::min)
    }
}

/// How operations are drawn in the next generation: by the priorities after this history, or evenly, as the mutation policy says.
pub(super) fn picker(space: &Space, settings: &Search, history: &History) -> impl Fn(&[&str]) -> Vec<f64> + use<> {
    let priorities = match &settings.mutation.pick {
        Pick::Ucb { alpha, temperature, credit } => Some(Priorities::new(space, history, *alpha, *temperature, credit)),
        Pick::Uniform => None,
    };
    move |fitting| priorities.as_ref().map_or_else(|| vec![1.0; fitting.len()], |known| known.probabilities(fitting))
}

/// The names of all operations that a space's expressions may hold.
fn operations(space: &Space) -> BTreeSet<String> {
    fn collect(domain: &Domain, into: &mut BTreeSet<String>) {
        match domain {
            Domain::Dag(dag) => into.extend(dag.ops.iter().map(|op| op.name.clone())),
            Domain::Values(_) => {}
            Domain::Choose(arms) => arms.iter().flat_map(|arm| &arm.holes).for_each(|(_, domain)| collect(domain, into)),
        }
    }
    let mut names = BTreeSet::new();
    space.holes.iter().for_each(|hole| collect(&hole.domain, &mut names));
    names
}

/// How often each operation occurs in the expressions of an architecture, written out.
pub fn occurrences(architecture: &Architecture) -> BTreeMap<String, u64> {
    fn collect(filling: &Filling, into: &mut BTreeMap<String, u64>) {
        match filling {
            Filling::Dag(term) => term.occurrences(into),
            Filling::Value(_) => {}
            Filling::Arm { holes, .. } => holes.iter().for_each(|(_, filling)| collect(filling, into)),
        }
    }
    let mut found = BTreeMap::new();
    architecture.fillings.values().flatten().for_each(|filling| collect(filling, &mut found));
    found
}
