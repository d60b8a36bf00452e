//! Outputs, losses and gradients against candle's, by the rule of `judge`. Members of the standard space are compared by it in `run`, which
//! knows the language that they are declared in.

use super::super::NativeExecutor;
use super::judge::{Tally, Verdict, compare};
use super::{KEY, layered, many, on_threads};
use crate::exec::candle::tests::differences::{batches, mixing};
use crate::exec::candle::tests::fixture::{Sketch, batch, parameters};
use crate::exec::candle::tests::laws::{Ending, ended};
use crate::exec::candle::tests::{BINARY, PAIRS, UNARY, masked_lm};
use crate::exec::program::Program;
use crate::exec::pushdown::tests::model as two_layers;
use crate::exec::{Batch, Executor, Targets};
use crate::graph::{Attr, NodeIndex, Sizes, Symbol};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn agrees(what: &str, program: &Program, batch: &Batch) {
    let verdict = compare(program, batch, &parameters(program.parameters(), 7));
    assert!(matches!(verdict, Verdict::Agrees | Verdict::Nearby), "{what}: {verdict:?}");
}

#[test]
fn every_primitive() {
    let turn = |s: &mut Sketch, x: NodeIndex| s.op("transpose", &[], &[x]);
    let mut programs = Vec::new();
    for name in UNARY.into_iter().chain(["dropout"]) {
        let attrs: &[(&str, Attr)] = if name == "dropout" { &[("rate", Attr::Number(0.3))] } else { &[] };
        programs.push((name.to_owned(), mixing(|s, [q, _, _]| s.op(name, attrs, &[q]))));
        programs.push((
            format!("{name} over tokens"),
            mixing(|s, [q, k, _]| {
                let k = turn(s, k);
                let scores = s.op("matmul", &[], &[q, k]);
                s.op(name, attrs, &[scores])
            }),
        ));
        programs.push((
            format!("{name} transposed"),
            mixing(|s, [q, _, _]| {
                let q = turn(s, q);
                s.op(name, attrs, &[q])
            }),
        ));
    }
    for name in BINARY {
        programs.push((name.to_owned(), mixing(|s, [q, k, _]| s.op(name, &[], &[q, k]))));
        programs.push((format!("{name} of one"), mixing(|s, [q, _, _]| s.op(name, &[], &[q, q]))));
        programs.push((
            format!("{name}, one transposed"),
            mixing(|s, [q, k, v]| {
                let k = turn(s, k);
                let scores = s.op("matmul", &[], &[q, k]);
                let turned = turn(s, scores);
                let mixed = s.op(name, &[], &[scores, turned]);
                s.op("matmul", &[], &[mixed, v])
            }),
        ));
    }
    for name in PAIRS {
        programs.push((name.to_owned(), mixing(|s, [q, k, _]| s.op(name, &[], &[q, k]))));
        programs.push((format!("{name} of one"), mixing(|s, [q, _, _]| s.op(name, &[], &[q, q]))));
        programs.push((
            format!("{name} over tokens"),
            mixing(|s, [q, k, _]| {
                let (q, k) = (turn(s, q), turn(s, k));
                s.op(name, &[], &[q, k])
            }),
        ));
    }
    for (left, right) in [(false, true), (true, false), (true, true)] {
        let name = format!("matmul, {left} {right}");
        programs.push((
            name,
            mixing(|s, [q, k, v]| {
                let square = |s: &mut Sketch, x, y| {
                    let y = turn(s, y);
                    s.op("matmul", &[], &[x, y])
                };
                let (mut x, mut y) = (square(s, q, k), square(s, k, v));
                if left {
                    x = turn(s, x);
                }
                if right {
                    y = turn(s, y);
                }
                s.op("matmul", &[], &[x, y])
            }),
        ));
    }
    programs.push((
        "linear attention".to_owned(),
        mixing(|s, [q, k, v]| {
            let k = turn(s, k);
            let state = s.op("matmul", &[], &[k, v]);
            s.op("matmul", &[], &[q, state])
        }),
    ));
    for (what, program) in &programs {
        for batch in batches() {
            agrees(what, program, &batch);
        }
    }
}

#[test]
fn every_parameterised_primitive() {
    let number = |name: &'static str, value: f64| (name, Attr::Number(value));
    let size = |name: &'static str, value: i64| (name, Attr::Size(value.into()));
    for (name, attrs) in [
        ("layer_norm", vec![]),
        ("linear", vec![("out", Attr::Size(Symbol::Hidden.into()))]),
        ("gelu", vec![]),
        ("softmax", vec![]),
        ("positions", vec![]),
        ("dropout", vec![number("rate", 0.4)]),
        ("light_conv", vec![size("kernel", 3), number("normalize", 1.0)]),
        ("light_conv", vec![size("kernel", 4), number("normalize", 1.0)]),
        ("light_conv", vec![size("kernel", 5), number("normalize", 0.0)]),
        ("light_conv", vec![size("kernel", 15), number("normalize", 1.0)]),
    ] {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let x = sketch.linear(x, Symbol::Hidden);
        let x = sketch.op(name, &attrs, &[x]);
        let scored = sketch.scored(x);
        let program = sketch.lower(scored);
        for batch in batches() {
            agrees(name, &program, &batch);
        }
    }
}

/// What a graph may ask for beside layers: parameters inside heads, values that leave a head in any shape, tokens mixed outside.
#[test]
fn graphs_of_any_build() {
    let mut programs = vec![
        ("a model", layered()),
        ("heads with parameters", {
            let mut sketch = Sketch::new();
            let (x, _) = sketch.embedded();
            let [q, k, v] = sketch.projections(x);
            let k = sketch.op("transpose", &[], &[k]);
            let scores = sketch.op("matmul", &[], &[q, k]);
            // Between two parts of the same head stand a linear map and a norm of its own.
            let v = sketch.linear(v, Symbol::HeadWidth);
            let v = sketch.op("layer_norm", &[], &[v]);
            let v = sketch.op("tanh", &[], &[v]);
            let mixed = sketch.op("matmul", &[], &[scores, v]);
            let merged = sketch.builder.merge_heads(mixed).unwrap();
            let scored = sketch.scored(merged);
            sketch.lower(scored)
        }),
    ];
    programs.push(("tokens mixed outside of heads", {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let y = sketch.linear(x, Symbol::Hidden);
        let turned = sketch.op("transpose", &[], &[y]);
        let scores = sketch.op("matmul", &[], &[x, turned]);
        let scores = sketch.op("softmax", &[], &[scores]);
        let x = sketch.op("matmul", &[], &[scores, x]);
        let scored = sketch.scored(x);
        sketch.lower(scored)
    }));
    for (what, program) in &programs {
        // A batch of many sentences has several blocks of rows.
        for batch in batches().into_iter().chain([many(60, 9)]) {
            agrees(what, program, &batch);
        }
    }
}

#[test]
fn outputs_of_any_shape() {
    let scores = |finish: &dyn Fn(&mut Sketch, NodeIndex, [NodeIndex; 3]) -> NodeIndex| {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let qkv = sketch.projections(x);
        let output = finish(&mut sketch, x, qkv);
        sketch.lower(output)
    };
    let square = |s: &mut Sketch, [q, k, _]: [NodeIndex; 3]| {
        let k = s.op("transpose", &[], &[k]);
        s.op("matmul", &[], &[q, k])
    };
    for (what, program) in [
        ("a score a pair of tokens and head", scores(&|s, _, qkv| square(s, qkv))),
        ("a value a head", scores(&|s, _, [q, _, _]| s.op("square", &[], &[q]))),
        (
            "heads merged",
            scores(&|s, _, qkv| {
                let mixed = s.op("max", &[], &[qkv[0], qkv[1]]);
                s.builder.merge_heads(mixed).unwrap()
            }),
        ),
        ("a row a token", scores(&|s, x, _| s.linear(x, 4))),
        ("transposed", scores(&|s, x, _| s.op("transpose", &[], &[x]))),
    ] {
        for batch in batches() {
            let size = NativeExecutor::new().forward(&program, &parameters(program.parameters(), 7), &batch).unwrap().data.len();
            let batch = Batch { targets: Targets::Scores((0..size).map(|at| at as f32 * 0.1 % 1.0).collect()), ..batch };
            agrees(what, &program, &batch);
        }
    }
}

#[test]
fn the_masked_lm_head() {
    let scores = {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let x = sketch.linear(x, Symbol::Hidden);
        let at = sketch.builder.input("at", vec![Symbol::Predictions.into()], true, false);
        let picked = sketch.op("gather", &[], &[x, at]);
        let turned = sketch.op("transpose", &[], &[x]);
        let scores = sketch.op("matmul", &[], &[picked, turned]);
        sketch.lower(scores)
    };
    for (what, program, classes) in
        [("unembed", masked_lm(), 11), ("layers before it", two_layers(true), 11), ("a score a place and token", scores, 1)]
    {
        for batch in batches().into_iter().chain([many(60, 9)]) {
            // Of the first sentence no place is judged, of the second one.
            let targets = (0..batch.rows * 2).map(|row| (row > 2).then_some((row as u32 + 2) % classes)).collect();
            agrees(what, &program, &Batch { targets: Targets::Classes(targets), ..batch });
        }
    }
}

/// Many phases that read what others made long before: what is computed anew must still lie there when its last reader comes.
#[test]
fn stacks_of_any_build_are_computed_anew_to_the_same_bytes() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let choices = prop::collection::vec((0..7u8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 3..16);
    let (batch, mut tally) = (batch(&[5, 2, 4], 5, 3), Tally::default());
    for number in 0..600 {
        let choices = choices.new_tree(&mut runner).unwrap().current();
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let mut made = vec![x];
        for (kind, one, other) in &choices {
            let (x, y) = (*one.get(&made), *other.get(&made));
            let next = match kind {
                0 => sketch.linear(x, Symbol::Hidden),
                1 => sketch.op("softmax", &[], &[x]),
                2 => sketch.op("tanh", &[], &[x]),
                3 => sketch.op("add", &[], &[x, y]),
                4 => sketch.op("layer_norm", &[], &[x]),
                5 => sketch.op("light_conv", &[("kernel", Attr::Size(3.into())), ("normalize", Attr::Number(1.0))], &[x]),
                _ => {
                    let alike = sketch.op("cosine", &[], &[x, x]);
                    sketch.op("matmul", &[], &[alike, y])
                }
            };
            made.push(next);
        }
        let all = made.into_iter().reduce(|sum, next| sketch.op("add", &[], &[sum, next])).unwrap();
        let scored = sketch.scored(all);
        let program = sketch.lower(scored);
        let values = parameters(program.parameters(), number);
        let step = |anew| on_threads(1, || NativeExecutor::new().recomputing(anew).gradients(&program, &values, &batch, KEY).unwrap());
        assert_eq!(step(true), step(false), "{choices:?}");
        if number % 10 == 0 {
            tally.add(compare(&program, &batch, &values), || format!("{choices:?}"));
        }
    }
    tally.close("stacks", 20);
}

/// Heads, sentences and kernels of real models: tiles of several panels and strips, gradients of weights in several parts, taps that reach
/// beyond a sentence on both sides or on none.
#[test]
fn sizes_of_real_models() {
    let sizes = [(Symbol::Hidden, 144), (Symbol::Heads, 2), (Symbol::HeadWidth, 72), (Symbol::Vocabulary, 11), (Symbol::Positions, 80)];
    let sizes = sizes.into_iter().fold(Sizes::default(), |sizes, (symbol, size)| sizes.with(symbol, size));
    let batch = batch(&[70, 17, 33, 1], 70, 3);
    for (kernel, pair) in [(3, "cosine"), (31, "euclidean"), (65, "matmul"), (8, "matmul")] {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let x = sketch.op("positions", &[], &[x]);
        let [q, k, v] = sketch.projections(x);
        let scores = if pair == "matmul" {
            let k = sketch.op("transpose", &[], &[k]);
            sketch.op("matmul", &[], &[q, k])
        } else {
            sketch.op(pair, &[], &[q, k])
        };
        let scores = sketch.op("scale", &[], &[scores]);
        let weights = sketch.op("softmax", &[], &[scores]);
        let weights = sketch.op("dropout", &[("rate", Attr::Number(0.2))], &[weights]);
        let mixed = sketch.op("matmul", &[], &[weights, v]);
        let mixed = sketch.builder.merge_heads(mixed).unwrap();
        let x = sketch.op("add", &[], &[x, mixed]);
        let x = sketch.op("layer_norm", &[], &[x]);
        let conv = sketch.op("light_conv", &[("kernel", Attr::Size(kernel.into())), ("normalize", Attr::Number(1.0))], &[x]);
        let wide = sketch.linear(conv, 300);
        let wide = sketch.op("gelu", &[], &[wide]);
        let narrow = sketch.linear(wide, Symbol::Hidden);
        let x = sketch.op("add", &[], &[x, narrow]);
        let x = sketch.op("layer_norm", &[], &[x]);
        // All tokens count, not the first one's reach alone.
        let turned = sketch.op("transpose", &[], &[x]);
        let alike = sketch.op("matmul", &[], &[turned, x]);
        let x = sketch.op("matmul", &[], &[x, alike]);
        let x = sketch.op("layer_norm", &[], &[x]);
        let scored = sketch.scored(x);
        let program = Program::as_written(&sketch.builder.finish(scored), &sizes).unwrap();
        agrees(&format!("{pair}, {kernel} taps"), &program, &batch);
    }
}

/// Thousands of random graphs.
#[test]
fn random_graphs() {
    const GRAPHS: u64 = 2_000;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let choices = prop::collection::vec(any::<(u8, u8, u8)>(), 1..10);
    let mut tally = Tally::default();
    for number in 0..GRAPHS {
        let choices = choices.new_tree(&mut runner).unwrap().current();
        // Of an empty sentence nothing can be picked.
        let last = if number % 4 == 0 { 0 } else { 1 };
        let batch = batch(&[[3, 4, 1], [5, 2, 5], [1, last, 4]][number as usize % 3], 5, 3);
        let (ending, targets) = match number % 4 {
            0 => (Ending::Tokens, Targets::Scores(vec![0.25; 3 * 5 * 6])),
            1 => (Ending::Places, Targets::Classes((0..6).map(|place| (place != 3).then_some(place + 1)).collect())),
            _ => (Ending::Score, batch.targets.clone()),
        };
        let (program, batch) = (ended(&choices, ending), Batch { targets, ..batch });
        let values = parameters(program.parameters(), number);
        let verdict = on_threads(1, || compare(&program, &batch, &values));
        tally.add(verdict, || format!("{choices:?}"));
    }
    // One in a thousand has been seen to.
    tally.close("random graphs", 100);
}
