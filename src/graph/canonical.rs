//! Canonical form: the one graph that stands for all that compute the same by the root-local laws.
//!
//! Operands of commutative operations are ordered by a structural key that looks both at what an operand
//! computes and at where its value is used; the written order decides only between operands that are alike in
//! both. Parameter paths take no part in the key.

use super::dag::{Attr, Builder, Graph, Node, NodeKind};
use super::identity::{Digest, Hash};
use super::op::OpDef;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;

/// The same computation in canonical order.
///
/// Involutions are cancelled, repeated idempotent operations dropped, operands of commutative operations
/// ordered, equal subterms computed once where they are deterministic and own no parameters, and nodes the
/// result does not need left out. All inputs are kept, in their order.
pub fn canonical(graph: &Graph) -> Graph {
    let (slots, output) = simplify(graph);
    emit(&order_operands(slots, output), output)
}

/// The identity of a graph: equal for graphs with the same canonical form.
///
/// Names of inputs and bindings, export names and parameter paths play no part; that two nodes share a path does.
pub fn hash(graph: &Graph) -> Hash {
    let graph = canonical(graph);
    let mut order = graph.inputs().to_vec();
    order.extend(graph.order().into_iter().filter(|node| !graph.inputs().contains(node)));
    let position: BTreeMap<NodeIndex, u128> = order.iter().copied().zip(0..).collect();
    let mut owners: BTreeMap<&str, u128> = BTreeMap::new();
    let mut digest = Digest::new();
    for index in &order {
        let Some(node) = graph.node(*index) else { continue };
        let arguments = graph.arguments(*index);
        digest = digest.number(description(node).0).numbers(arguments.iter().filter_map(|node| position.get(node).copied()));
        for path in [Some(node.path.as_str()).filter(|path| !path.is_empty()), node.tied.as_deref()] {
            let next = u128::try_from(owners.len()).unwrap_or(u128::MAX);
            digest = digest.numbers(path.map(|path| *owners.entry(path).or_insert(next)));
        }
    }
    digest.numbers(position.get(&graph.output()).copied()).finish()
}

/// A node in the making: its arguments are earlier slots.
struct Slot<'a> {
    node: &'a Node,
    arguments: Vec<usize>,
    /// The node's own part of its key: position for an input, else what it computes.
    own: Hash,
}

/// Applies the laws of single operations and merges equal subterms, in the order of the graph.
fn simplify(graph: &Graph) -> (Vec<Slot<'_>>, usize) {
    let mut slots: Vec<Slot> = Vec::new();
    let mut placed: BTreeMap<NodeIndex, usize> = BTreeMap::new();
    let mut equal: BTreeMap<(Hash, Vec<usize>), usize> = BTreeMap::new();
    for (index, position) in graph.inputs().iter().zip(0u128..) {
        let Some(node) = graph.node(*index) else { continue };
        placed.insert(*index, slots.len());
        slots.push(Slot { node, arguments: Vec::new(), own: Digest::new().number(position).number(description(node).0).finish() });
    }
    for index in graph.order() {
        let Some(node) = graph.node(index) else { continue };
        if placed.contains_key(&index) {
            continue;
        }
        let arguments: Vec<usize> = graph.arguments(index).iter().filter_map(|node| placed.get(node).copied()).collect();
        let slot = match cancelled(&slots, node, &arguments) {
            Some(earlier) => earlier,
            None => {
                let own = description(node);
                let mut key = (own, arguments.clone());
                if commutes(&slots, node, &arguments) {
                    key.1.sort_unstable();
                }
                let fresh = slots.len();
                let slot = if is_pure(node) { *equal.entry(key).or_insert(fresh) } else { fresh };
                if slot == fresh {
                    slots.push(Slot { node, arguments, own });
                }
                slot
            }
        };
        placed.insert(index, slot);
    }
    let output = placed.get(&graph.output()).copied().unwrap_or_default();
    (slots, output)
}

/// The slot that `f(f(x))` is, for an involution `x`, for an idempotent operation `f(x)`.
fn cancelled(slots: &[Slot], node: &Node, arguments: &[usize]) -> Option<usize> {
    let (op, [argument]) = (lawful(node)?, arguments) else { return None };
    let inner = slots.get(*argument)?;
    if lawful(inner.node)? != op || inner.node.attrs != node.attrs {
        return None;
    }
    match (op.laws.involution, op.laws.idempotent) {
        (true, _) => inner.arguments.first().copied(),
        (false, true) => Some(*argument),
        _ => None,
    }
}

/// The operation of a node without parameters.
fn lawful(node: &Node) -> Option<&OpDef> {
    match &node.kind {
        NodeKind::Op(op) if node.path.is_empty() => Some(op),
        _ => None,
    }
}

/// Whether the operands may be exchanged; operands of different shapes keep their written order.
fn commutes(slots: &[Slot], node: &Node, arguments: &[usize]) -> bool {
    let shape = |slot: &usize| slots.get(*slot).map(|slot| &slot.node.shape);
    match arguments {
        [left, right] => lawful(node).is_some_and(|op| op.laws.commutative) && shape(left) == shape(right),
        _ => false,
    }
}

/// Whether computing it twice gives the same value twice: deterministic, and without parameters of its own.
fn is_pure(node: &Node) -> bool {
    let filled = !matches!(node.kind, NodeKind::Hole(_) | NodeKind::Input { .. });
    filled && node.path.is_empty() && node.op_name() != Some("dropout")
}

/// What a node computes, without its arguments and parameters.
fn description(node: &Node) -> Hash {
    let digest = match &node.kind {
        NodeKind::Input { index, .. } => Digest::new().text("input").number(*index),
        NodeKind::Op(op) => Digest::new().text("op").text(&op.identity),
        NodeKind::SplitHeads => Digest::new().text("split heads"),
        NodeKind::MergeHeads => Digest::new().text("merge heads"),
        NodeKind::Hole(hole) => Digest::new().text("hole").text(&format!("{hole:?}")),
    };
    let digest = node.shape.iter().fold(digest.number(node.per_head), |digest, size| digest.text(&size.to_string()));
    let described = node.attrs.iter().fold(digest, |digest, (name, attr)| {
        let value = match attr {
            Attr::Size(size) => size.to_string(),
            Attr::Number(number) => format!("{:016x}", number.to_bits()),
            Attr::Hole(hole) => format!("{hole:?}"),
        };
        digest.text(name).text(&value)
    });
    described.number(node.tied.is_some()).finish()
}

/// Orders the operands of commutative operations by what they compute, then by how they are used.
fn order_operands(mut slots: Vec<Slot>, output: usize) -> Vec<Slot> {
    let mut computes: Vec<Hash> = Vec::with_capacity(slots.len());
    for slot in &slots {
        let mut arguments: Vec<Hash> = slot.arguments.iter().filter_map(|argument| computes.get(*argument).copied()).collect();
        if commutes(&slots, slot.node, &slot.arguments) {
            arguments.sort_unstable();
        }
        computes.push(Digest::new().number(slot.own.0).numbers(arguments.into_iter().map(|hash| hash.0)).finish());
    }
    let mut uses: Vec<Vec<u128>> = vec![Vec::new(); slots.len()];
    if let Some(uses) = uses.get_mut(output) {
        uses.push(0);
    }
    for (position, slot) in slots.iter().enumerate().rev() {
        let Some(used) = uses.get_mut(position).map(std::mem::take).filter(|used| !used.is_empty()) else { continue };
        let mut sorted = used;
        sorted.sort_unstable();
        let context = Digest::new().numbers(computes.get(position).map(|hash| hash.0)).numbers(sorted.iter().copied()).finish();
        let commutes = commutes(&slots, slot.node, &slot.arguments);
        for (port, argument) in (1u8..).zip(&slot.arguments) {
            let port = if commutes { 0 } else { port };
            let user = Digest::new().number(context.0).number(port).finish();
            if let Some(uses) = uses.get_mut(*argument) {
                uses.push(user.0);
            }
        }
        if let Some(uses) = uses.get_mut(position) {
            *uses = sorted;
        }
    }
    let ordered: Vec<Vec<usize>> = slots
        .iter()
        .map(|slot| {
            let mut arguments = slot.arguments.clone();
            if commutes(&slots, slot.node, &arguments) {
                arguments.sort_by_key(|argument| (computes.get(*argument), uses.get(*argument)));
            }
            arguments
        })
        .collect();
    for (slot, arguments) in slots.iter_mut().zip(ordered) {
        slot.arguments = arguments;
    }
    slots
}

/// Builds the graph: inputs first, then each node after its arguments, as the result asks for them.
fn emit(slots: &[Slot], output: usize) -> Graph {
    let mut builder = Builder::new();
    let mut placed: BTreeMap<usize, NodeIndex> = BTreeMap::new();
    for (position, slot) in slots.iter().enumerate() {
        if matches!(slot.node.kind, NodeKind::Input { .. }) {
            placed.insert(position, builder.copy(slot.node, &[]));
        }
    }
    let mut stack = vec![(output, false)];
    while let Some((position, finished)) = stack.pop() {
        let Some(slot) = slots.get(position).filter(|_| !placed.contains_key(&position)) else { continue };
        if finished {
            let arguments: Vec<NodeIndex> = slot.arguments.iter().filter_map(|argument| placed.get(argument).copied()).collect();
            placed.insert(position, builder.copy(slot.node, &arguments));
        } else {
            stack.push((position, true));
            stack.extend(slot.arguments.iter().rev().map(|argument| (*argument, false)));
        }
    }
    builder.finish(placed.get(&output).copied().unwrap_or_default())
}

#[cfg(test)]
#[path = "canonical_tests.rs"]
mod tests;
