//! A model from its parts: the graph around an encoder, and the encoder in its place.

use super::dag::{Attr, Builder, Graph, NodeKind, ShapeError};
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;

/// `template` with its hole `name` replaced by `filling`, paths unchanged, and `dropout` as the rate of every dropout.
///
/// # Errors
/// Where the filling's input does not fit the hole's argument.
pub fn assemble(template: &Graph, name: &str, filling: &Graph, dropout: f64) -> Result<Graph, ShapeError> {
    let mut builder = Builder::new();
    let mut placed: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    // All inputs stay, in their order, used or not.
    let order = template.inputs().iter().copied().chain(template.order());
    for index in order {
        let Some(node) = template.node(index).filter(|_| !placed.contains_key(&index)) else { continue };
        let arguments: Vec<NodeIndex> = template.arguments(index).iter().filter_map(|node| placed.get(node).copied()).collect();
        let copy = match &node.kind {
            NodeKind::Hole(hole) if hole.name == name => builder.splice(filling, &arguments, &str::to_owned)?,
            _ => builder.copy(node, &arguments),
        };
        placed.insert(index, copy);
    }
    let output = placed.get(&template.output()).copied().unwrap_or_default();
    builder.set_attr("dropout", "rate", &Attr::Number(dropout));
    Ok(builder.finish(output))
}
