//! Where arithmetic is treacherous: values and gradients stay finite, and every parameter of a model learns. Each law holds for
//! every executor.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod common;

use common::Memory;
use common::executors::{Tested, executors};
use phyla::batch::{Batch, Targets};
use phyla::check::{Checker, World};
use phyla::diagnostic::FileId;
use phyla::exec::parameters::initialise;
use phyla::exec::{Array, ParameterSpec, Parameters, Program};
use phyla::graph::{Graph, assemble};
use phyla::settings::Model;
use phyla::space::sizes;
use phyla::stream::{RngExt, stream};
use std::collections::BTreeSet;

const MODEL: Model = Model { hidden: 16, heads: 2, feed_forward: 32, length: 12, vocabulary: 64, dropout: 0.0 };
const CLASSES: usize = 3;

/// A graph over the embedding `x` of the tokens.
fn graph(shape: &str, expression: &str) -> Graph {
    let source = format!("graph trap(tokens: index[n]) -> {shape} {{\n    x = embedding(v)(tokens)\n    {expression}\n}}\n");
    let files = Memory::new(&[("trap.phyla", &source)]);
    let world = World::load(&files, &["trap.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let graph = checker.named_graph("trap.phyla", "trap", FileId::default());
    assert_eq!(checker.diagnostics(), [], "{source}");
    graph.expect("a graph")
}

fn lowered(graph: &Graph) -> Program {
    Program::lower(graph, &sizes(&MODEL, CLASSES)).expect("known operations")
}

/// Sentences of 3 and 5 tokens, and a third.
fn batch(third: usize, targets: Targets) -> Batch {
    let (lengths, width) = (vec![3, 5, third], 6);
    let row = |seed: u32| (0..width as u32).map(move |at| (seed * 7 + at * 3) % 64);
    let tokens: Vec<u32> = (0..3).flat_map(row).collect();
    let segments = tokens.iter().map(|token| token % 2).collect();
    let inputs = [("tokens".to_owned(), tokens), ("segments".to_owned(), segments), ("at".to_owned(), vec![0, 2, 1, 4, 0, 0])];
    Batch { rows: 3, width, lengths, inputs: inputs.into(), targets }
}

/// Parameters drawn from ±0.5, but the embedding's elements in turn from `table`.
fn parameters(specs: &[ParameterSpec], table: &[f32]) -> Parameters {
    let array = |spec: &ParameterSpec| {
        let mut draws = stream(1, &spec.name, 0);
        let count = spec.shape.iter().product();
        let data = match spec.name.starts_with("embedding") {
            true => table.iter().copied().cycle().take(count).collect(),
            false => (0..count).map(|_| draws.random_range(-0.5..0.5)).collect(),
        };
        Array { shape: spec.shape.clone(), data }
    };
    Parameters(specs.iter().map(|spec| (spec.name.clone(), array(spec))).collect())
}

/// The same with an empty one, and a class for each token.
fn tokens() -> Batch {
    let class = |place: usize| (place % 6 < [3, 5, 0][place / 6]).then_some(place as u32 % 3);
    batch(0, Targets::Classes((0..18).map(class).collect()))
}

/// Outputs, loss and gradients of a graph that gives each token a class are finite, whatever the embedding's table holds.
fn finite(what: &str, scored: &Graph, table: &[f32]) {
    let program = lowered(scored);
    let (values, batch) = (parameters(program.parameters(), table), tokens());
    for Tested { name, executor, .. } in executors() {
        let output = executor.forward(&program, &values, &batch).expect("a run");
        assert!(output.data.iter().all(|value| value.is_finite()), "{what}, {name}: {:?}", output.data);
        let (loss, gradients) = executor.gradients(&program, &values, &batch, None).expect("a step");
        assert!(loss.is_finite(), "{what}, {name}: {loss}");
        for (parameter, gradient) in gradients.0 {
            assert!(gradient.data.iter().all(|value| value.is_finite()), "{what}, {name}, {parameter}: {:?}", gradient.data);
        }
    }
}

/// An expression gives what is wanted in the second sentence, whose five tokens have five columns of it.
fn gives(expression: &str, shape: &str, table: &[f32], wanted: &dyn Fn(usize, usize) -> f32) {
    let program = lowered(&graph(shape, expression));
    let (values, batch) = (parameters(program.parameters(), table), batch(0, Targets::None));
    for Tested { name, executor, .. } in executors() {
        let output = executor.forward(&program, &values, &batch).expect("a run");
        let width = output.shape[2];
        for token in 0..5 {
            for column in 0..5 {
                let (found, wanted) = (output.data[(6 + token) * width + column], wanted(token, column));
                assert!((found - wanted).abs() <= 1e-5 * wanted.abs().max(1.0), "{expression}, {name}: {found} instead of {wanted}");
            }
        }
        let empty = &output.data[12 * width..];
        assert!(empty.iter().all(|value| *value == 0.0), "{expression}, {name}: an empty sentence has values");
    }
}

#[test]
fn a_root_at_zero() {
    gives("sqrt(x)", "[n, h]", &[0.0], &|_, _| 0.0);
    finite("sqrt", &graph("[n, c]", "sqrt(x) |> linear(c)"), &[0.0]);
    finite("sqrt, on both sides", &graph("[n, c]", "sqrt(x) |> linear(c)"), &[0.0, 1e-30, -1e-30, 1e30, -1e30]);
}

#[test]
fn a_kink_has_no_slope() {
    for op in ["relu", "abs"] {
        let program = lowered(&graph("[n, c]", &format!("{op}(x) |> linear(c)")));
        let batch = tokens();
        for Tested { name, executor, .. } in executors() {
            let slopes = |value: f32| {
                let values = parameters(program.parameters(), &[value]);
                let (_, gradients) = executor.gradients(&program, &values, &batch, None).expect("a step");
                gradients.0.into_iter().find(|(name, _)| name.starts_with("embedding")).expect("a table").1.data
            };
            assert!(slopes(0.5).iter().any(|slope| *slope != 0.0), "{op}, {name}");
            assert!(slopes(0.0).iter().all(|slope| *slope == 0.0), "{op}, {name}");
        }
    }
}

#[test]
fn saturated_gates() {
    let far = [1e4, -1e4];
    let even = |column: usize| column.is_multiple_of(2);
    gives("logsigmoid(x)", "[n, h]", &far, &|_, column| if even(column) { 0.0 } else { -1e4 });
    gives("softplus(x)", "[n, h]", &far, &|_, column| if even(column) { 1e4 } else { 0.0 });
    gives("sigmoid(x)", "[n, h]", &far, &|_, column| if even(column) { 1.0 } else { 0.0 });
    gives("tanh(x)", "[n, h]", &far, &|_, column| if even(column) { 1.0 } else { -1.0 });
    gives("gelu(x)", "[n, h]", &far, &|_, column| if even(column) { 1e4 } else { 0.0 });
    for op in ["logsigmoid", "softplus", "sigmoid", "tanh", "gelu", "softsign", "relu", "abs"] {
        finite(op, &graph("[n, c]", &format!("{op}(x) |> linear(c)")), &[1e4, -1e4, 0.0]);
    }
}

#[test]
fn a_softmax_of_nothing_and_of_much() {
    // The empty sentence is part of every batch here; its rows have no column left.
    gives("softmax(x @ transpose(x))", "[n, n]", &[0.5], &|_, _| 0.2);
    for table in [&[0.0][..], &[0.5], &[1e4, -1e4], &[1e15]] {
        finite("softmax", &graph("[n, c]", "softmax(x @ transpose(x)) @ x |> linear(c)"), table);
    }
}

#[test]
fn equal_rows_have_the_least_distance() {
    // √ε, and its slope is 0.
    gives("euclidean(x, x)", "[n, n]", &[0.25], &|_, _| 1e-3);
    gives("euclidean(x, x)", "[n, n]", &[1e4], &|_, _| 1e-3);
    for table in [0.0, 0.25, 1e4] {
        finite("euclidean", &graph("[n, c]", "euclidean(x, x) @ x |> linear(c)"), &[table]);
    }
}

#[test]
fn a_row_of_zeros_is_like_no_other() {
    gives("cosine(x, x)", "[n, n]", &[0.0], &|_, _| 0.0);
    gives("cosine(x, x)", "[n, n]", &[0.5], &|_, _| 1.0);
    for table in [0.0, 1e-20, 1e15] {
        finite("cosine", &graph("[n, c]", "cosine(x, x) @ x |> linear(c)"), &[table]);
    }
}

#[test]
fn large_logits() {
    for table in [&[1e4, -1e4, 1e4][..], &[1e30], &[0.0]] {
        finite("logits", &graph("[n, c]", "x |> linear(c)"), table);
    }
}

#[test]
fn a_norm_of_equal_elements() {
    for table in [0.0, 1e4] {
        finite("layer_norm", &graph("[n, c]", "layer_norm(x) |> linear(c)"), &[table]);
    }
}

/// The names of all architectures that the standard library declares.
fn architectures() -> Vec<String> {
    let declared = include_str!("../stdlib/architectures.phyla").lines().filter_map(|line| line.strip_prefix("architecture "));
    declared.map(|line| format!("std.architectures.{}", line.split_whitespace().next().expect("a name"))).collect()
}

#[test]
fn every_parameter_of_every_known_architecture_learns() {
    let files = Memory::new(&[("all.phyla", "")]);
    let world = World::load(&files, &["all.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let models = checker.models().expect("the standard library");
    let names = architectures();
    assert!(names.len() > 1, "{names:?}");
    for architecture in names {
        let encoder = checker.named_graph("all.phyla", &architecture, FileId::default()).expect("an architecture");
        assert_eq!(checker.diagnostics(), []);
        let words = Targets::Classes(vec![Some(7), Some(9), Some(0), Some(63), None, None]);
        let labels = Targets::Classes(vec![Some(0), Some(2), Some(1)]);
        for (template, targets) in [(&models.masked_lm, words), (&models.classifier, labels)] {
            let program = lowered(&assemble(template, "body", &encoder, 0.0).expect("it fits"));
            let (values, batch) = (initialise(program.parameters(), 1), batch(1, targets));
            // Where a key goes into the scores as it is, its bias adds the same to a whole row, which a softmax does not see.
            let nodes = program.graph.order().into_iter().filter_map(|index| program.graph.node(index));
            let keys: BTreeSet<String> =
                nodes.filter(|node| node.label.as_deref() == Some("key")).map(|node| format!("{}/bias", node.path)).collect();
            for Tested { name, executor, .. } in executors() {
                let (_, gradients) = executor.gradients(&program, &values, &batch, None).expect("a step");
                assert_eq!(gradients.0.len(), program.parameters().len());
                let size = |array: &Array| array.data.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
                let least = 1e-6 * gradients.0.values().map(size).fold(0.0, f32::max);
                let idle: Vec<&String> = gradients.0.iter().filter(|(_, gradient)| size(gradient) <= least).map(|(name, _)| name).collect();
                let idle: Vec<&&String> = idle.iter().filter(|name| !keys.contains(name.as_str())).collect();
                assert!(idle.is_empty(), "{architecture}, {name}: no gradient for {idle:?}");
                assert!(gradients.0.values().flat_map(|gradient| &gradient.data).all(|value| value.is_finite()), "{architecture}, {name}");
            }
        }
    }
}
