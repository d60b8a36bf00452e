//! Whether a graph lets the places along an axis see one another.

use super::dag::{Graph, Node, NodeKind};
use super::dim::{Shape, Symbol};
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;

/// Whether something that the result needs sums, normalises or convolves along an axis of this size.
///
/// Where nothing does, what stands at one place of that axis depends on that place of the inputs alone.
pub fn mixes(graph: &Graph, along: Symbol) -> bool {
    walk(graph, None, along)
}

/// `inputs` are the shapes of the graph's inputs where they are not its own (the body of an operation).
fn walk(graph: &Graph, inputs: Option<&[Shape]>, along: Symbol) -> bool {
    let given = graph.inputs().iter().copied().zip(inputs.into_iter().flatten().cloned());
    let mut shapes: BTreeMap<NodeIndex, Shape> = given.collect();
    for index in graph.order() {
        let Some(node) = graph.node(index) else { continue };
        let arguments: Vec<Shape> = graph.arguments(index).iter().filter_map(|argument| shapes.get(argument).cloned()).collect();
        let mut shape = node.shape.clone();
        if let NodeKind::Op(op) = &node.kind {
            let mixed = match &op.body {
                Some(body) => walk(body, Some(&arguments), along),
                None => primitive(node, &arguments, along),
            };
            if mixed {
                return true;
            }
            if inputs.is_some() {
                shape = op.infer(&arguments, &super::cost::statics(node)).unwrap_or(shape);
            }
        }
        shapes.entry(index).or_insert(shape);
    }
    false
}

fn primitive(node: &Node, arguments: &[Shape], along: Symbol) -> bool {
    let Some(first) = arguments.first() else { return false };
    let axis = match node.op_name() {
        Some("matmul" | "cosine" | "euclidean" | "softmax" | "linear" | "unembed" | "layer_norm") => first.last(),
        Some("light_conv") => first.first(),
        _ => None,
    };
    axis.is_some_and(|axis| axis.contains(along))
}

#[cfg(test)]
mod tests {
    use super::mixes;
    use crate::graph::{Builder, Laws, OpDef, Symbol};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn what_joins_tokens_is_seen_through_operations_of_the_users_own() {
        let op = |name: &str, signature: &str| OpDef::declare(name, signature, Laws::default());
        let (softmax, transpose) = (op("softmax", "[i, j] -> [i, j]"), op("transpose", "[i, j] -> [j, i]"));
        let matmul = op("matmul", "[i, j], [j, k] -> [i, k]");
        let mut body = Builder::new();
        let inner = body.input("x", vec![3.into(), 4.into()], false, false);
        let inner = body.apply(&softmax, BTreeMap::new(), "", &[inner]).unwrap();
        let mut own = (*op("own", "[i, j] -> [i, j]")).clone();
        own.body = Some(body.finish(inner));
        let own = Arc::new(own);

        let mut b = Builder::new();
        let q = b.input("q", vec![Symbol::Tokens.into(), Symbol::HeadWidth.into()], false, true);
        let mut apply = |op, arguments: &[_]| b.apply(op, BTreeMap::new(), "", arguments).unwrap();
        let turned = apply(&transpose, &[q]);
        let scores = apply(&matmul, &[q, turned]);
        let (alone, across) = (apply(&own, &[q]), apply(&own, &[turned]));
        let mixed = apply(&matmul, &[scores, q]);
        let along = |output| mixes(&b.clone().finish(output), Symbol::Tokens);
        // Each score joins two tokens, but over `d`: only a sum or a softmax over `n` lets a token see all others.
        assert_eq!([turned, scores, alone].map(along), [false; 3]);
        assert_eq!([across, mixed].map(along), [true; 2]);
    }
}
