//! What is worth drawing of one layer.

use super::domain::{Architecture, Domain, Filling, Space};
use super::instantiate::filled_arm;
use super::term::to_graph;
use crate::graph::Graph;

/// The graph of the filling numbered `layer`, holes and repetitions counted in order: an attention's expression over its inputs, any
/// other arm's own graph; `None` for a size or a number out of range.
pub fn layer_graph(space: &Space, architecture: &Architecture, layer: usize) -> Option<Graph> {
    let mut all = space.holes.iter().flat_map(|hole| {
        let fillings = architecture.fillings.get(&hole.name).into_iter().flatten();
        fillings.map(|filling| (&hole.domain, filling))
    });
    let (domain, filling) = all.nth(layer)?;
    graph(domain, filling)
}

fn graph(domain: &Domain, filling: &Filling) -> Option<Graph> {
    match (domain, filling) {
        (Domain::Dag(dag), Filling::Dag(term)) => to_graph(term, &dag.inputs, true),
        (Domain::Choose(arms), Filling::Arm { label, holes }) => {
            let arm = arms.iter().find(|arm| arm.label == *label)?;
            let own = arm.holes.iter().zip(holes).find_map(|((_, domain), (_, filling))| graph(domain, filling));
            own.or_else(|| filled_arm(arm, holes))
        }
        _ => None,
    }
}
