//! The laws of spaces, as tests.

mod counts;
mod distances;
mod forms;
mod mutations;

use super::*;
use crate::graph::{Attr, Builder, Graph, HoleRef, Laws, Op, OpDef, Shape, Symbol};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn op(name: &str) -> Op {
    let (commutative, involution, idempotent) = (
        Laws { commutative: true, ..Laws::default() },
        Laws { involution: true, ..Laws::default() },
        Laws { idempotent: true, ..Laws::default() },
    );
    let (signature, laws) = match name {
        "transpose" => ("[i, j] -> [j, i]", involution),
        "neg" => ("[i, j] -> [i, j]", involution),
        "relu" | "abs" => ("[i, j] -> [i, j]", idempotent),
        "add" | "mul" | "max" => ("[i, j], [i, j] -> [i, j]", commutative),
        "sub" => ("[i, j], [i, j] -> [i, j]", Laws::default()),
        "matmul" => ("[i, j], [j, k] -> [i, k]", Laws::default()),
        "cosine" | "euclidean" => ("[i, k], [j, k] -> [i, j]", Laws::default()),
        "linear" => ("[i, j] -> [i, out]", Laws::default()),
        "light_conv" => ("[n, h] -> [n, h]", Laws::default()),
        _ => ("[i, j] -> [i, j]", Laws::default()),
    };
    OpDef::declare(name, signature, laws)
}

pub fn ops(names: &str) -> Vec<Op> {
    names.split_whitespace().map(op).collect()
}

pub const PAPER: &str = "neg transpose scale softmax logsigmoid softsign add matmul cosine euclidean";

pub fn narrow() -> Shape {
    vec![Symbol::Tokens.into(), Symbol::HeadWidth.into()]
}

pub fn wide() -> Shape {
    vec![Symbol::Tokens.into(), Symbol::Hidden.into()]
}

pub fn inputs(count: usize) -> Vec<(String, Shape)> {
    ["q", "k", "v", "p"].iter().take(count).map(|name| ((*name).to_owned(), narrow())).collect()
}

/// A domain of `count` inputs; bounds are `lowest, highest` of depth, size and uses.
pub fn dag(count: usize, names: &str, bounds: [u32; 6]) -> Arc<DagDomain> {
    let [d, dd, s, ss, u, uu] = bounds;
    DagDomain::new(inputs(count), ops(names), d..=dd, s..=ss, u..=uu, narrow()).unwrap()
}

fn hole(name: &str, repetition: Option<usize>) -> HoleRef {
    HoleRef { name: name.to_owned(), repetition }
}

fn projection(builder: &mut Builder, x: crate::graph::NodeIndex, path: &str) -> crate::graph::NodeIndex {
    let attrs = BTreeMap::from([("out".to_owned(), Attr::Size(Symbol::Hidden.into()))]);
    builder.apply(&op("linear"), attrs, path, &[x]).unwrap()
}

fn attention() -> Graph {
    let mut builder = Builder::new();
    let x = builder.input("x", wide(), false, false);
    let heads: Vec<_> = ["linear.0", "linear.1", "linear.2"]
        .iter()
        .map(|path| {
            let projected = projection(&mut builder, x, &format!("attention/{path}"));
            builder.split_heads(projected).unwrap()
        })
        .collect();
    let mixed = builder.hole(hole("mix", None), narrow(), &heads).unwrap();
    let merged = builder.merge_heads(mixed).unwrap();
    let output = projection(&mut builder, merged, "attention/linear.3");
    builder.finish(output)
}

fn convolution() -> Graph {
    let mut builder = Builder::new();
    let x = builder.input("x", wide(), false, false);
    let attrs = BTreeMap::from([("kernel".to_owned(), Attr::Hole(hole("kernel", None)))]);
    let output = builder.apply(&op("light_conv"), attrs, "light_conv.0", &[x]).unwrap();
    builder.finish(output)
}

/// A small copy of the backbone of the language's first example.
pub fn backbone(layers: usize, tie: usize, dag: Arc<DagDomain>) -> Space {
    let mut builder = Builder::new();
    let mut x = builder.input("x", wide(), false, false);
    for layer in 0..layers {
        let mixed = builder.hole(hole("mixer", Some(layer)), wide(), &[x]).unwrap();
        builder.place(mixed, &format!("layer.{layer}/mixer"));
        x = builder.apply(&op("add"), BTreeMap::new(), "", &[x, mixed]).unwrap();
    }
    let arms = vec![
        Arm { label: "attention".to_owned(), holes: vec![("mix".to_owned(), Domain::Dag(dag))], body: attention() },
        Arm { label: "conv".to_owned(), holes: vec![("kernel".to_owned(), Domain::Values(vec![3, 5, 7]))], body: convolution() },
    ];
    let holes = vec![Hole { name: "mixer".to_owned(), repetitions: Some(layers), tie, domain: Domain::Choose(arms) }];
    Space { name: "backbone".to_owned(), holes, body: builder.finish(x), layers, declared: Some(layers), requires: Vec::new() }
}
