//! Mutation between layers and within an attention graph, closed over the space.
//!
//! A mutation is drawn as kind, then place, then operation, then operand, each among those that lead to a member
//! other than the parent; what leads nowhere is left out before the draw, so nothing is drawn in vain.

use super::domain::{Architecture, DagDomain, Domain, Filling, Space};
use super::draw::evenly;
use super::sample::Draw;
use super::spot::{Places, Spot};
use super::term::Term;
use super::vary::Variations;
use crate::settings::{Inter, Intra, Mutation};
use crate::stream::{RngExt, SliceRandom, Stream};
use std::sync::Arc;

/// The kinds of mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MutationKind {
    /// Another kind of mixer in one layer.
    SwapMixer,
    /// Another value of one choice, such as a kernel.
    ChangeKernel,
    /// Another operation in one place.
    ReplaceOp,
    /// One more operation.
    InsertOp,
    /// One operation fewer.
    DeleteOp,
    /// Another operand in one place.
    Rewire,
}

/// What a mutation did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mutated {
    /// Its kind.
    pub kind: MutationKind,
    /// The hole whose filling changed.
    pub hole: String,
    /// Which of the hole's fillings changed, from 0.
    pub layer: usize,
    /// The operation that was drawn, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
}

/// Weights of the operations that fit a place, by name, in the order given; evenly where all are 0.
pub type OpPicker<'a> = dyn Fn(&[&str]) -> Vec<f64> + 'a;

/// A child by one inter-layer then one intra-layer mutation, or by the one of them that can take place; `None` where
/// neither can.
pub fn mutate(
    space: &Space,
    parent: &Architecture,
    weights: &Mutation,
    picker: &OpPicker,
    stream: &mut Stream,
) -> Option<(Architecture, Vec<Mutated>)> {
    let first = inter(space, parent, &weights.inter, stream);
    let between = first.as_ref().map_or(parent, |(child, _)| child);
    let second = intra(space, between, &weights.intra, picker, stream);
    let mutated: Vec<Mutated> = [&first, &second].into_iter().flatten().map(|(_, what)| what.clone()).collect();
    second.or(first).map(|(child, _)| (child, mutated))
}

/// A child by one mutation between layers.
pub fn inter(space: &Space, parent: &Architecture, weights: &Inter, stream: &mut Stream) -> Option<(Architecture, Mutated)> {
    let (mut choices, mut values) = (Vec::new(), Vec::new());
    for site in sites(space, parent) {
        match (site.domain, site.filling) {
            (Domain::Choose(arms), Filling::Arm { label, .. }) => {
                let others: Vec<_> = arms.iter().filter(|arm| arm.label != *label && !arm.is_empty()).collect();
                if !others.is_empty() {
                    choices.push((site, others));
                }
            }
            (Domain::Values(all), Filling::Value(value)) => {
                let others: Vec<i64> = all.iter().copied().filter(|other| other != value).collect();
                if !others.is_empty() {
                    values.push((site, others));
                }
            }
            _ => {}
        }
    }
    let weight = |weight: f64, empty: bool| if empty { 0.0 } else { weight };
    let kinds = [weight(weights.swap_mixer, choices.is_empty()), weight(weights.change_kernel, values.is_empty())];
    let (kind, site, filling) = if pick(&kinds, stream)? == 0 {
        let (site, arms) = evenly(&choices, stream)?;
        (MutationKind::SwapMixer, site, evenly(arms, stream)?.sample(Draw::BySize, stream)?)
    } else {
        let (site, values) = evenly(&values, stream)?;
        (MutationKind::ChangeKernel, site, Filling::Value(*evenly(values, stream)?))
    };
    Some((site.filled(parent, filling), Mutated { kind, hole: site.hole.to_owned(), layer: site.layer, op: None }))
}

/// A child by one mutation within an expression.
pub fn intra(
    space: &Space,
    parent: &Architecture,
    weights: &Intra,
    picker: &OpPicker,
    stream: &mut Stream,
) -> Option<(Architecture, Mutated)> {
    let mut kinds = [
        (MutationKind::ReplaceOp, weights.replace_op),
        (MutationKind::InsertOp, weights.insert_op),
        (MutationKind::DeleteOp, weights.delete_op),
        (MutationKind::Rewire, weights.rewire),
    ];
    let sites = sites(space, parent);
    while let Some(drawn) = pick(&kinds.map(|(_, weight)| weight), stream) {
        let (kind, weight) = kinds.get_mut(drawn)?;
        // The first of the shuffled places that leads anywhere is drawn evenly among all that do.
        let mut shuffled: Vec<&Site> = sites.iter().collect();
        shuffled.shuffle(stream);
        for site in shuffled {
            let (Domain::Dag(dag), Filling::Dag(term)) = (site.domain, site.filling) else { continue };
            if let Some((child, op)) = within(dag, term, *kind, picker, stream) {
                let mutated = Mutated { kind: *kind, hole: site.hole.to_owned(), layer: site.layer, op };
                return Some((site.filled(parent, Filling::Dag(child)), mutated));
            }
        }
        *weight = 0.0;
    }
    None
}

/// One mutation of this kind somewhere in a term, with the operation drawn for it.
fn within(
    dag: &DagDomain,
    term: &Arc<Term>,
    kind: MutationKind,
    picker: &OpPicker,
    stream: &mut Stream,
) -> Option<(Arc<Term>, Option<String>)> {
    let places = Places::new(term);
    let mut left: Vec<usize> = (0..places.len()).collect();
    while !left.is_empty() {
        let path = places.path(left.swap_remove(stream.random_range(0..left.len())));
        let Some(mut variations) = Spot::new(dag, term, &path).and_then(|spot| Variations::new(spot, kind)) else { continue };
        let op = match kind {
            MutationKind::ReplaceOp | MutationKind::InsertOp => {
                let ops = variations.operations(stream);
                let names: Vec<&str> = ops.iter().filter_map(|op| dag.ops.get(*op)).map(|op| op.name.as_str()).collect();
                let mut weights = if names.is_empty() { continue } else { picker(&names) };
                if weights.len() != names.len() || !weights.iter().any(|weight| *weight > 0.0) {
                    weights = vec![1.0; names.len()];
                }
                pick(&weights, stream).and_then(|drawn| ops.get(drawn).copied())
            }
            _ => None,
        };
        variations.drawn_for(op, stream);
        let drawn = evenly(&variations.all(op), stream).cloned();
        if let Some(child) = drawn.and_then(|new| variations.build(new)) {
            return Some((child, op.and_then(|op| dag.ops.get(op)).map(|op| op.name.clone())));
        }
    }
    None
}

/// One of these, by weight; `None` where no weight is above 0.
fn pick(weights: &[f64], stream: &mut Stream) -> Option<usize> {
    let weight = |weight: &f64| if weight.is_finite() { weight.max(0.0) } else { 0.0 };
    let total: f64 = weights.iter().map(weight).sum();
    let last = weights.iter().rposition(|one| weight(one) > 0.0)?;
    let mut left = stream.random::<f64>() * total;
    let falls = weights.iter().map(weight).position(|weight| {
        left -= weight;
        left < 0.0
    });
    Some(falls.unwrap_or(last))
}

/// A hole and what fills it, at any depth of an architecture.
struct Site<'a> {
    hole: &'a str,
    layer: usize,
    /// Numbers of the holes of arms that lead to it.
    path: Vec<usize>,
    domain: &'a Domain,
    filling: &'a Filling,
}

impl Site<'_> {
    /// The architecture with another filling here.
    fn filled(&self, architecture: &Architecture, filling: Filling) -> Architecture {
        let mut architecture = architecture.clone();
        let fillings = architecture.fillings.get_mut(self.hole);
        let mut target = fillings.and_then(|fillings| fillings.get_mut(self.layer));
        for hole in &self.path {
            target = match target {
                Some(Filling::Arm { holes, .. }) => holes.get_mut(*hole).map(|(_, filling)| filling),
                _ => None,
            };
        }
        if let Some(target) = target {
            *target = filling;
        }
        architecture
    }
}

fn sites<'a>(space: &'a Space, architecture: &'a Architecture) -> Vec<Site<'a>> {
    let mut sites = Vec::new();
    for hole in &space.holes {
        for (layer, filling) in architecture.fillings.get(&hole.name).into_iter().flatten().enumerate() {
            collect(Site { hole: &hole.name, layer, path: Vec::new(), domain: &hole.domain, filling }, &mut sites);
        }
    }
    sites
}

fn collect<'a>(site: Site<'a>, into: &mut Vec<Site<'a>>) {
    if let (Domain::Choose(arms), Filling::Arm { label, holes }) = (site.domain, site.filling) {
        let own = arms.iter().find(|arm| arm.label == *label).into_iter().flat_map(|arm| &arm.holes);
        for (number, ((_, domain), (_, filling))) in own.zip(holes).enumerate() {
            let path = [site.path.as_slice(), &[number]].concat();
            collect(Site { hole: site.hole, layer: site.layer, path, domain, filling }, into);
        }
    }
    into.push(site);
}
