//! Small attention layers around an expression under test, and batches for them.

use crate::exec::program::ParameterSpec;
use crate::exec::{Array, Batch, Parameters, Program, Targets};
use crate::graph::{Attr, Builder, Dim, Laws, NodeIndex, OpDef, Sizes, Symbol};
use crate::stream::{Rng, stream};

/// A builder that declares primitives as it goes.
pub struct Sketch {
    pub builder: Builder,
    calls: usize,
}

impl Sketch {
    pub fn new() -> Self {
        Self { builder: Builder::new(), calls: 0 }
    }

    /// Applies a primitive; every call owns its parameters.
    pub fn op(&mut self, name: &str, attrs: &[(&str, Attr)], arguments: &[NodeIndex]) -> NodeIndex {
        let signature = match name {
            "add" | "sub" | "mul" | "max" | "min" => "[i, j], [i, j] -> [i, j]",
            "matmul" => "[i, j], [j, k] -> [i, k]",
            "cosine" | "euclidean" => "[i, k], [j, k] -> [i, j]",
            "transpose" => "[i, j] -> [j, i]",
            "linear" => "[i, j] -> [i, out]",
            "embedding" => "index[i] -> [i, h]",
            "positions" | "light_conv" => "[n, h] -> [n, h]",
            "unembed" => "[p, h] -> [p, v]",
            "gather" => "[n, h], index[p] -> [p, h]",
            "first" => "[n, h] -> [1, h]",
            _ => "[i, j] -> [i, j]",
        };
        let op = OpDef::declare(name, signature, Laws::default());
        let attrs = attrs.iter().map(|(name, attr)| ((*name).to_owned(), attr.clone())).collect();
        self.calls += 1;
        self.builder.apply(&op, attrs, &format!("{name}.{}", self.calls), arguments).unwrap_or_else(|error| panic!("{name}: {}", error.why))
    }

    pub fn linear(&mut self, x: NodeIndex, out: impl Into<Dim>) -> NodeIndex {
        self.op("linear", &[("out", Attr::Size(out.into()))], &[x])
    }

    /// Token embeddings, `[n, h]`, and the path of their table.
    pub fn embedded(&mut self) -> (NodeIndex, String) {
        let tokens = self.builder.input("tokens", vec![Symbol::Tokens.into()], true, false);
        let x = self.op("embedding", &[("rows", Attr::Size(Symbol::Vocabulary.into()))], &[tokens]);
        (x, self.builder.node(x).map(|node| node.path.clone()).unwrap_or_default())
    }

    /// One linear layer each for q, k and v, split into heads.
    pub fn projections(&mut self, x: NodeIndex) -> [NodeIndex; 3] {
        [(); 3].map(|()| {
            let projected = self.linear(x, Symbol::Hidden);
            self.builder.split_heads(projected).expect("[n, h]")
        })
    }

    /// Any value inside a head brought to `[n, d]` with the help of v, back in the world of `[n, h]`.
    pub fn merged(&mut self, x: NodeIndex, v: NodeIndex) -> NodeIndex {
        let (n, d): (Dim, Dim) = (Symbol::Tokens.into(), Symbol::HeadWidth.into());
        let shape = self.builder.shape(x);
        let x = match (shape[0] == n, shape[1] == d) {
            (true, true) => x,
            (true, false) => self.op("matmul", &[], &[x, v]),
            (false, true) => self.op("matmul", &[], &[v, x]),
            (false, false) => self.op("transpose", &[], &[x]),
        };
        self.builder.merge_heads(x).expect("[n, d]")
    }

    /// One score a sentence, from its first token.
    pub fn scored(&mut self, x: NodeIndex) -> NodeIndex {
        let first = self.op("first", &[], &[x]);
        self.linear(first, 1)
    }

    /// The program whose result is this node, every step on all of its rows.
    pub fn lower(self, output: NodeIndex) -> Program {
        Program::as_written(&self.builder.finish(output), &sizes()).expect("known operations")
    }
}

pub fn sizes() -> Sizes {
    let sizes = [(Symbol::Hidden, 6), (Symbol::Heads, 2), (Symbol::HeadWidth, 3), (Symbol::Vocabulary, 11), (Symbol::Positions, 9)];
    sizes.into_iter().fold(Sizes::default(), |sizes, (symbol, size)| sizes.with(symbol, size))
}

/// Sentences of these lengths, padded to `width` with tokens that must not matter.
pub fn batch(lengths: &[usize], width: usize, garbage: u32) -> Batch {
    let token = |row: usize, at: usize| (row * 5 + at * 3) as u32 % 11;
    let row = |(row, length): (usize, &usize)| {
        (0..width).map(move |at| if at < *length { token(row, at) } else { garbage }).collect::<Vec<u32>>()
    };
    let at = |(row, length): (usize, &usize)| [0, (row as u32 * 2 + 1) % (*length).max(1) as u32];
    let rows = lengths.iter().enumerate();
    Batch {
        rows: lengths.len(),
        width,
        lengths: lengths.to_vec(),
        inputs: [("tokens".to_owned(), rows.clone().flat_map(row).collect()), ("at".to_owned(), rows.clone().flat_map(at).collect())]
            .into(),
        targets: Targets::Scores(rows.map(|(row, _)| row as f32 * 0.3 - 0.5).collect()),
    }
}

/// Parameters large enough to matter: uniform in ±0.8.
pub fn parameters(specs: &[ParameterSpec], seed: u64) -> Parameters {
    let array = |spec: &ParameterSpec| {
        let mut draws = stream(seed, &spec.name, 0);
        let count = spec.shape.iter().product();
        let data = (0..count).map(|_| (f64::from(draws.next_u32()) / f64::from(u32::MAX) * 1.6 - 0.8) as f32).collect();
        Array { shape: spec.shape.clone(), data }
    };
    Parameters(specs.iter().map(|spec| (spec.name.clone(), array(spec))).collect())
}
