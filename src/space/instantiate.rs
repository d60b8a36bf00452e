//! The graph of an architecture: a space's body with its fillings in place of the holes.

use super::domain::{Architecture, Arm, Domain, Filling, Space};
use super::member::contains;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::graph::{Attr, Builder, Dim, Graph, HoleRef, NodeIndex, NodeKind};
use std::collections::BTreeMap;

/// The graph of an architecture.
///
/// Parameters of an arm get the path of the hole, the arm's label and their own path:
/// `layer.3/encoder_layer/mixer` filled with `attention` owns `layer.3/encoder_layer/mixer.attention/linear.0`.
///
/// # Errors
/// Where the architecture is no member of the space.
pub fn instantiate(space: &Space, architecture: &Architecture) -> Result<Graph> {
    contains(space, architecture).or_else(|why| {
        let message = format!("this architecture does not lie in `{}`", space.name);
        Diagnostic::error(Code::NOT_A_MEMBER, message).help(why).into()
    })?;
    let filling = |hole: &HoleRef| {
        let declared = space.holes.iter().find(|declared| declared.name == hole.name)?;
        let filling = architecture.fillings.get(&hole.name)?.get(declared.filling_of(hole.repetition))?;
        Some((&declared.domain, filling))
    };
    fill(&space.body, &filling).map_err(|why| Box::new(Diagnostic::error(Code::INTERNAL, why)))
}

type Lookup<'a> = dyn Fn(&HoleRef) -> Option<(&'a Domain, &'a Filling)> + 'a;

/// A copy of a graph with its holes filled.
fn fill<'a>(body: &Graph, filling: &Lookup<'a>) -> std::result::Result<Graph, String> {
    let mut builder = Builder::new();
    let mut placed: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    for index in body.inputs() {
        if let Some(node) = body.node(*index) {
            placed.insert(*index, builder.copy(node, &[]));
        }
    }
    for index in body.order() {
        let Some(node) = body.node(index).filter(|_| !placed.contains_key(&index)) else { continue };
        let arguments: Vec<NodeIndex> = body.arguments(index).iter().filter_map(|node| placed.get(node).copied()).collect();
        let made = match &node.kind {
            NodeKind::Hole(hole) => {
                let (domain, filling) = filling(hole).ok_or_else(|| format!("`{}` has no filling", hole.name))?;
                graph_hole(&mut builder, &node.path, (domain, filling), &arguments)?
            }
            _ => {
                let mut node = node.clone();
                for attr in node.attrs.values_mut() {
                    if let Attr::Hole(hole) = attr {
                        let Some((_, Filling::Value(value))) = filling(hole) else { return Err(format!("`{}` has no value", hole.name)) };
                        *attr = Attr::Size(Dim::from(*value));
                    }
                }
                builder.copy(&node, &arguments)
            }
        };
        placed.insert(index, made);
    }
    let output = placed.get(&body.output()).copied().ok_or("the graph has no result")?;
    Ok(builder.finish(output))
}

/// Puts what fills a hole over the hole's arguments.
fn graph_hole(
    builder: &mut Builder,
    path: &str,
    (domain, filling): (&Domain, &Filling),
    arguments: &[NodeIndex],
) -> std::result::Result<NodeIndex, String> {
    match (domain, filling) {
        (_, Filling::Dag(term)) => term.place(builder, arguments).ok_or_else(|| "a filling does not fit its hole".to_owned()),
        (Domain::Choose(arms), Filling::Arm { label, holes }) => {
            let arm = arms.iter().find(|arm| arm.label == *label).ok_or_else(|| format!("`{label}` is not among the choices"))?;
            let body = fill(&arm.body, &|hole: &HoleRef| own_hole(arm, holes, hole))?;
            let prefix = if path.is_empty() { label.clone() } else { format!("{path}.{label}") };
            builder.splice(&body, arguments, &|inner| format!("{prefix}/{inner}")).map_err(|error| error.why)
        }
        _ => Err("a size stands where a graph should be".to_owned()),
    }
}

/// The graph of an arm with its own holes filled; `None` where a filling is missing.
pub(super) fn filled_arm(arm: &Arm, holes: &[(String, Filling)]) -> Option<Graph> {
    fill(&arm.body, &|hole: &HoleRef| own_hole(arm, holes, hole)).ok()
}

fn own_hole<'a>(arm: &'a Arm, fillings: &'a [(String, Filling)], hole: &HoleRef) -> Option<(&'a Domain, &'a Filling)> {
    let (_, domain) = arm.holes.iter().find(|(name, _)| *name == hole.name)?;
    let (_, filling) = fillings.iter().find(|(name, _)| *name == hole.name)?;
    Some((domain, filling))
}
