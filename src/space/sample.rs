//! Whole architectures: counted, drawn, enumerated.

use super::domain::{Architecture, Arm, Domain, Filling, Hole, Space};
use super::draw::{evenly, weighted};
use crate::stream::Stream;
use num_bigint::BigUint;
use num_traits::{One, ToPrimitive, Zero};
use std::collections::BTreeMap;

/// How something is drawn from a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Evenly among all members.
    Uniform,
    /// At a choice an arm, evenly; at a `dag` a size, evenly, then evenly among its members.
    BySize,
}

impl Domain {
    /// The number of fillings.
    pub fn count(&self) -> BigUint {
        match self {
            Self::Dag(dag) => dag.count(),
            Self::Values(values) => BigUint::from(values.len()),
            Self::Choose(arms) => arms.iter().map(Arm::count).sum(),
        }
    }

    /// Whether there is no filling.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Dag(dag) => dag.is_empty(),
            Self::Values(values) => values.is_empty(),
            Self::Choose(arms) => arms.iter().all(Arm::is_empty),
        }
    }

    /// A filling; `None` where there is none.
    pub fn sample(&self, draw: Draw, stream: &mut Stream) -> Option<Filling> {
        match (self, draw) {
            (Self::Dag(dag), Draw::Uniform) => dag.sample_uniform(stream).map(Filling::Dag),
            (Self::Dag(dag), Draw::BySize) => dag.sample_by_size(stream).map(Filling::Dag),
            (Self::Values(values), _) => evenly(values, stream).map(|value| Filling::Value(*value)),
            (Self::Choose(arms), Draw::Uniform) => {
                weighted(arms.iter().map(|arm| (arm.count(), arm)).collect(), stream)?.sample(draw, stream)
            }
            (Self::Choose(arms), Draw::BySize) => {
                let filled: Vec<&Arm> = arms.iter().filter(|arm| !arm.is_empty()).collect();
                evenly(&filled, stream)?.sample(draw, stream)
            }
        }
    }

    /// Every filling; `None` where there are more than `limit`.
    pub fn enumerate(&self, limit: usize) -> Option<Vec<Filling>> {
        if self.count().to_usize().is_none_or(|count| count > limit) {
            return None;
        }
        Some(match self {
            Self::Dag(dag) => dag.enumerate().into_iter().map(Filling::Dag).collect(),
            Self::Values(values) => values.iter().map(|value| Filling::Value(*value)).collect(),
            Self::Choose(arms) => {
                let filled = |arm: &Arm| {
                    let domains = arm.holes.iter().map(|(_, domain)| domain.enumerate(limit)).collect::<Option<Vec<_>>>()?;
                    Some(product(&domains).into_iter().map(|fillings| arm.filling(fillings)).collect::<Vec<_>>())
                };
                arms.iter().filter(|arm| !arm.count().is_zero()).filter_map(filled).flatten().collect()
            }
        })
    }
}

impl Arm {
    /// The number of ways to fill its holes.
    pub fn count(&self) -> BigUint {
        self.holes.iter().map(|(_, domain)| domain.count()).product()
    }

    /// Whether one of its holes has no filling.
    pub fn is_empty(&self) -> bool {
        self.holes.iter().any(|(_, domain)| domain.is_empty())
    }

    /// The arm with its holes filled at random; `None` where one has no filling.
    pub fn sample(&self, draw: Draw, stream: &mut Stream) -> Option<Filling> {
        let fillings: Option<Vec<Filling>> = self.holes.iter().map(|(_, domain)| domain.sample(draw, stream)).collect();
        Some(self.filling(fillings?))
    }

    pub(super) fn filling(&self, fillings: Vec<Filling>) -> Filling {
        Filling::Arm { label: self.label.clone(), holes: self.holes.iter().map(|(name, _)| name.clone()).zip(fillings).collect() }
    }
}

impl Space {
    /// The number of architectures.
    pub fn count(&self) -> BigUint {
        let ways = |hole: &Hole| u32::try_from(hole.fillings()).map_or(BigUint::zero(), |fillings| hole.domain.count().pow(fillings));
        self.holes.iter().map(ways).fold(BigUint::one(), |count, ways| count * ways)
    }

    /// An architecture; `None` where the space is empty.
    pub fn sample(&self, draw: Draw, stream: &mut Stream) -> Option<Architecture> {
        let mut fillings = BTreeMap::new();
        for hole in &self.holes {
            let filled: Option<Vec<Filling>> = (0..hole.fillings()).map(|_| hole.domain.sample(draw, stream)).collect();
            fillings.insert(hole.name.clone(), filled?);
        }
        Some(Architecture { fillings })
    }

    /// Every architecture; `None` where there are more than `limit`.
    pub fn enumerate(&self, limit: usize) -> Option<Vec<Architecture>> {
        if self.count().to_usize().is_none_or(|count| count > limit) {
            return None;
        }
        let mut architectures = vec![Architecture::default()];
        for hole in &self.holes {
            let one = if self.count().is_zero() { Vec::new() } else { hole.domain.enumerate(limit)? };
            let lists = product(&vec![one; hole.fillings()]);
            architectures = architectures
                .iter()
                .flat_map(|architecture| lists.iter().map(|list| (architecture.clone(), list.clone())))
                .map(|(mut architecture, list)| {
                    architecture.fillings.insert(hole.name.clone(), list);
                    architecture
                })
                .collect();
        }
        Some(architectures)
    }
}

/// Every way to take one of each.
pub(super) fn product<T: Clone>(choices: &[Vec<T>]) -> Vec<Vec<T>> {
    choices.iter().fold(vec![Vec::new()], |taken, next| {
        taken.iter().flat_map(|taken| next.iter().map(move |one| [taken.as_slice(), std::slice::from_ref(one)].concat())).collect()
    })
}
