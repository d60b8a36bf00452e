//! What a graph costs: parameters, and floating-point operations of its products.

use super::dag::{Attr, Graph, Node, NodeKind};
use super::dim::{Dim, Shape, Sizes, Symbol};
use super::weights::weights;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;

/// The cost of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cost {
    /// Parameters, tied ones once.
    pub params: u64,
    /// Parameters without the tables of embeddings and positions.
    pub params_without_embeddings: u64,
    /// Floating-point operations of the products of one sentence's forward pass.
    pub flops: u64,
}

/// The cost of a graph for one sentence; `sizes` gives `n`, and `p` where the graph uses it.
///
/// A product `[i, k] · [k, j]` takes 2·i·j·k (`linear`, `matmul`, `cosine`, `unembed`), `euclidean` 3·i·j·k (a difference, a square,
/// a sum), `light_conv` 2·kernel·n·h; everything else is not counted. Work per head is counted once for each head.
/// `None` where a size has no value, a hole is left, or a number is too large.
pub fn cost(graph: &Graph, sizes: &Sizes) -> Option<Cost> {
    let mut owned: BTreeMap<(String, &str), (u64, bool)> = BTreeMap::new();
    let mut cost = Cost { flops: flops(graph, None, sizes, &mut BTreeMap::new())?, ..Cost::default() };
    for index in graph.order() {
        let node = graph.node(index)?;
        if matches!(node.kind, NodeKind::Hole(_)) || node.attrs.values().any(|attr| matches!(attr, Attr::Hole(_))) {
            return None;
        }
        let arguments: Vec<Shape> =
            graph.arguments(index).iter().filter_map(|node| graph.node(*node)).map(|node| node.shape.clone()).collect();
        let table = matches!(node.op_name(), Some("embedding" | "positions"));
        for weight in weights(node, &arguments) {
            let owner = node.tied.as_ref().filter(|_| weight.role == "weight").unwrap_or(&node.path);
            let entry = owned.entry((owner.clone(), weight.role)).or_default();
            *entry = (entry.0.max(product(&weight.shape, sizes)?), entry.1 || table);
        }
    }
    for (count, table) in owned.into_values() {
        cost.params = cost.params.checked_add(count)?;
        cost.params_without_embeddings += if table { 0 } else { count };
    }
    Some(cost)
}

/// Costs of operations with a body, by identity and shapes of arguments, so that nested ones are walked once.
type Known = BTreeMap<(String, Vec<Shape>), u64>;

/// The products of a graph; `inputs` are the shapes of its inputs where they are not its own (the body of an operation).
fn flops(graph: &Graph, inputs: Option<&[Shape]>, sizes: &Sizes, known: &mut Known) -> Option<u64> {
    let given = graph.inputs().iter().copied().zip(inputs.into_iter().flatten().cloned());
    let mut shapes: BTreeMap<NodeIndex, Shape> = given.collect();
    let mut total: u64 = 0;
    for index in graph.order() {
        let node = graph.node(index)?;
        let arguments: Vec<Shape> = graph.arguments(index).iter().filter_map(|argument| shapes.get(argument).cloned()).collect();
        if let NodeKind::Op(op) = &node.kind {
            let shape = if inputs.is_some() { op.infer(&arguments, &statics(node)).ok()? } else { node.shape.clone() };
            let heads = if node.per_head { u64::try_from(sizes.get(Symbol::Heads)?).ok()? } else { 1 };
            let once = match &op.body {
                None => primitive(node, &arguments, &shape, sizes)?,
                Some(body) => {
                    let key = (op.identity.clone(), arguments.clone());
                    match known.get(&key) {
                        Some(flops) => *flops,
                        None => {
                            let found = flops(body, Some(&arguments), sizes, known)?;
                            known.insert(key, found);
                            found
                        }
                    }
                }
            };
            total = total.checked_add(once.checked_mul(heads)?)?;
            shapes.insert(index, shape);
        } else {
            shapes.entry(index).or_insert_with(|| node.shape.clone());
        }
    }
    Some(total)
}

/// The sizes among a node's static parameters.
pub(super) fn statics(node: &Node) -> BTreeMap<String, Dim> {
    let size = |(name, attr): (&String, &Attr)| match attr {
        Attr::Size(size) => Some((name.clone(), size.clone())),
        _ => None,
    };
    node.attrs.iter().filter_map(size).collect()
}

/// The products of a primitive: the elements of its result, each a sum over what is joined.
fn primitive(node: &Node, arguments: &[Shape], result: &Shape, sizes: &Sizes) -> Option<u64> {
    let (joined, each) = match node.op_name() {
        Some("linear" | "matmul" | "cosine" | "unembed") => (arguments.first().and_then(|shape| shape.last()), 2),
        Some("euclidean") => (arguments.first().and_then(|shape| shape.last()), 3),
        Some("light_conv") => match node.attr("kernel") {
            Some(Attr::Size(kernel)) => (Some(kernel), 2),
            _ => return None,
        },
        _ => return Some(0),
    };
    let joined = u64::try_from(joined?.evaluate(sizes)?).ok()?;
    product(result, sizes)?.checked_mul(joined)?.checked_mul(each)
}

fn product(shape: &[Dim], sizes: &Sizes) -> Option<u64> {
    shape.iter().try_fold(1u64, |product, size| product.checked_mul(u64::try_from(size.evaluate(sizes)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Cost, cost};
    use crate::graph::{Attr, Builder, Dim, HoleRef, Laws, OpDef, Sizes, Symbol};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn sizes() -> Sizes {
        let values = [(Symbol::Tokens, 5), (Symbol::Hidden, 8), (Symbol::Heads, 2), (Symbol::HeadWidth, 4), (Symbol::Vocabulary, 100)];
        values.into_iter().fold(Sizes::default(), |sizes, (symbol, value)| sizes.with(symbol, value))
    }

    fn size(name: &str, value: impl Into<Dim>) -> BTreeMap<String, Attr> {
        BTreeMap::from([(name.to_owned(), Attr::Size(value.into()))])
    }

    #[test]
    fn each_product_is_counted() {
        let mut builder = Builder::new();
        let op = |name: &str, signature: &str| OpDef::declare(name, signature, Laws::default());
        let x = builder.input("tokens", vec![Symbol::Tokens.into()], true, false);
        let x = builder.apply(&op("embedding", "index[n] -> [n, h]"), size("rows", Symbol::Vocabulary), "embedding", &[x]).unwrap();
        let x = builder.apply(&op("linear", "[i, j] -> [i, out]"), size("out", Symbol::Hidden), "linear", &[x]).unwrap();
        let x = builder.apply(&op("linear", "[i, j] -> [i, out]"), size("out", Symbol::Hidden), "linear", &[x]).unwrap();
        let x = builder.apply(&op("light_conv", "[n, h] -> [n, h]"), size("kernel", 3), "conv", &[x]).unwrap();
        let q = builder.split_heads(x).unwrap();
        let distances = builder.apply(&op("euclidean", "[i, k], [j, k] -> [i, j]"), BTreeMap::new(), "", &[q, q]).unwrap();
        let mixed = builder.apply(&op("matmul", "[i, j], [j, k] -> [i, k]"), BTreeMap::new(), "", &[distances, q]).unwrap();
        let x = builder.merge_heads(mixed).unwrap();
        let y = builder.apply(&op("unembed", "[i, h] -> [i, v]"), BTreeMap::new(), "unembed", &[x]).unwrap();
        builder.annotate(y, None, Some("embedding".to_owned()));
        let graph = builder.finish(y);
        let flops = 2 * (2 * 5 * 8 * 8) + 2 * 3 * 5 * 8 + 2 * (3 * 5 * 5 * 4) + 2 * (2 * 5 * 5 * 4) + 2 * 5 * 8 * 100;
        let without = (8 * 8 + 8) + 2 * 3 + 100;
        assert_eq!(cost(&graph, &sizes()), Some(Cost { params: without + 800, params_without_embeddings: without, flops }));
        assert_eq!(cost(&graph, &Sizes::default()), None);
    }

    #[test]
    fn an_operation_costs_what_its_body_does() {
        let mut body = Builder::new();
        let x = body.input("x", vec![Symbol::Tokens.into(), Symbol::Hidden.into()], false, false);
        let cosine = OpDef::declare("cosine", "[i, k], [j, k] -> [i, j]", Laws::default());
        let square = body.apply(&cosine, BTreeMap::new(), "", &[x, x]).unwrap();
        let mut own = (*OpDef::declare("own", "[i, j] -> [i, i]", Laws::default())).clone();
        own.body = Some(body.finish(square));
        let mut builder = Builder::new();
        let x = builder.input("x", vec![Symbol::HeadWidth.into(), Symbol::Tokens.into()], false, false);
        let y = builder.apply(&Arc::new(own), BTreeMap::new(), "", &[x]).unwrap();
        assert_eq!(cost(&builder.finish(y), &sizes()).map(|cost| cost.flops), Some(2 * 4 * 4 * 5));
    }

    #[test]
    fn a_hole_has_no_cost() {
        let mut builder = Builder::new();
        let x = builder.input("x", vec![Symbol::Tokens.into()], false, false);
        let hole = builder.hole(HoleRef { name: "mixer".to_owned(), repetition: None }, vec![Symbol::Tokens.into()], &[x]).unwrap();
        assert_eq!(cost(&builder.finish(hole), &sizes()), None);
    }
}
