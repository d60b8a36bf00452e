//! The formulas and gradients that the prelude states, computed as they are written and compared with the executors.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
mod formulas {
    pub mod matrix;
    pub mod reader;
}

use common::executors::{Tested, executors};
use formulas::matrix::Matrix;
use formulas::reader::{Names, evaluate};
use phyla::batch::{Batch, Targets};
use phyla::check::{Checker, Declared, Entry, World};
use phyla::exec::{Array, Parameters, Program};
use phyla::graph::{Attr, Builder, NodeIndex, Sizes, Symbol};
use phyla::run::files::Disk;
use phyla::stream::{Rng, stream};
use std::collections::BTreeMap;

/// Those whose formulas pick rows, which are told in words.
const IN_WORDS: &[&str] = &["embedding", "positions", "light_conv", "gather", "first", "dropout"];

const TOKENS: usize = 5;
const WIDTH: usize = 6;
const WORDS: usize = 7;

fn sizes() -> Sizes {
    let sizes = Sizes::default().with(Symbol::Hidden, WIDTH).with(Symbol::Heads, 2).with(Symbol::HeadWidth, WIDTH / 2);
    sizes.with(Symbol::Vocabulary, WORDS).with(Symbol::Positions, TOKENS)
}

/// An operation on tables of its own, and what it takes to train them: the loss reaches every element of the result.
struct Trial<'c> {
    checker: &'c Checker<'c>,
    builder: Builder,
}

impl Trial<'_> {
    fn apply(&mut self, name: &str, attrs: &[(&str, Attr)], path: &str, arguments: &[NodeIndex]) -> NodeIndex {
        let op = self.checker.standard_op(name).expect("a primitive");
        let attrs = attrs.iter().map(|(name, attr)| ((*name).to_owned(), attr.clone())).collect();
        self.builder.apply(&op, attrs, path, arguments).unwrap_or_else(|error| panic!("{name}: {}", error.why))
    }

    /// `[n, h]`, the rows of a table.
    fn table(&mut self, tokens: NodeIndex, path: &str) -> NodeIndex {
        self.apply("embedding", &[("rows", Attr::Size(Symbol::Vocabulary.into()))], path, &[tokens])
    }
}

/// The program that gives an operation's result, and the one that trains its operands; whether `y` and `z` are turned over.
fn programs(checker: &Checker<'_>, declared: &Declared) -> (Program, Program) {
    let built = |whole: bool| {
        let mut trial = Trial { checker, builder: Builder::new() };
        let tokens = trial.builder.input("tokens", vec![Symbol::Tokens.into()], true, false);
        let mut operands = vec![trial.table(tokens, "x")];
        if declared.signature.contains("y:") {
            let y = trial.table(tokens, "y");
            operands.push(if declared.name == "matmul" { trial.apply("transpose", &[], "", &[y]) } else { y });
        }
        let attrs: &[_] = if declared.name == "linear" { &[("out", Attr::Size(Symbol::Hidden.into()))] } else { &[] };
        if declared.name == "unembed" {
            let at = trial.builder.input("at", vec![Symbol::Predictions.into()], true, false);
            operands = vec![trial.apply("gather", &[], "", &[operands[0], at])];
        }
        let z = trial.apply(&declared.name, attrs, "own", &operands);
        if !whole {
            return Program::lower(&trial.builder.finish(z), &sizes()).expect("lowered");
        }
        let z = match declared.name.as_str() {
            "transpose" => trial.apply("transpose", &[], "", &[z]),
            // Products of tokens with tokens are brought back by another table.
            "matmul" | "cosine" | "euclidean" => {
                let back = trial.table(tokens, "back");
                trial.apply("matmul", &[], "", &[z, back])
            }
            _ => z,
        };
        let output = if declared.name == "unembed" {
            z
        } else {
            let probe = trial.table(tokens, "probe");
            let sum = trial.apply("add", &[], "", &[z, probe]);
            let at = trial.builder.input("at", vec![Symbol::Predictions.into()], true, false);
            let picked = trial.apply("gather", &[], "", &[sum, at]);
            trial.apply("linear", &[("out", Attr::Size(Symbol::Vocabulary.into()))], "head", &[picked])
        };
        Program::lower(&trial.builder.finish(output), &sizes()).expect("lowered")
    };
    (built(false), built(true))
}

/// Parameters within ±1, with zeros and equal operands among them.
fn parameters(program: &Program) -> Parameters {
    let array = |name: &str, shape: &[usize]| {
        let mut draws = stream(5, name, 0);
        let count = shape.iter().product();
        let data = (0..count).map(|_| (f64::from(draws.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0) as f32);
        let mut data: Vec<f32> = data.collect();
        if name.starts_with(['x', 'y']) {
            data[..3].copy_from_slice(&[0.0, 0.5, -0.5]);
        }
        Array { shape: shape.to_vec(), data }
    };
    Parameters(program.parameters().iter().map(|spec| (spec.name.clone(), array(&spec.name, &spec.shape))).collect())
}

/// One sentence, every token another word, every place predicted.
fn batch() -> Batch {
    let all = || (0..TOKENS as u32).collect::<Vec<u32>>();
    Batch {
        rows: 1,
        width: TOKENS,
        lengths: vec![TOKENS],
        inputs: BTreeMap::from([("tokens".to_owned(), all()), ("at".to_owned(), all())]),
        targets: Targets::Classes((0..TOKENS as u32).map(|word| Some((word + 3) % WORDS as u32)).collect()),
    }
}

fn matrix(array: &Array) -> Matrix {
    let columns = array.shape.last().copied().unwrap_or(1);
    Matrix::new(columns, array.data.iter().map(|value| f64::from(*value)).collect())
}

/// The rows of a table that the sentence uses.
fn used(parameters: &Parameters, name: &str) -> Matrix {
    let whole = matrix(parameters.0.get(name).unwrap_or_else(|| panic!("no {name} among {:?}", parameters.0.keys())));
    Matrix::new(whole.columns, whole.values[..TOKENS * whole.columns].to_vec())
}

fn compare(what: &str, executor: &str, found: &Matrix, wanted: &Matrix) {
    assert_eq!(found.values.len(), wanted.values.len(), "{what}");
    for (found, wanted) in found.values.iter().zip(&wanted.values) {
        assert!((found - wanted).abs() < 2e-5 * wanted.abs().max(1.0), "{what} by {executor}: {found}, and as it is written {wanted}");
    }
}

fn primitives() -> Vec<Declared> {
    let prelude = World::load(&Disk, &[]).said_of(None, "std.prelude");
    match prelude.into_iter().next() {
        Some(Entry::Module { declarations, .. }) => declarations,
        _ => panic!("no prelude"),
    }
}

#[test]
fn formulas_and_gradients_are_what_the_executors_compute() {
    let world = World::load(&Disk, &[]);
    let checker = Checker::new(&world, &Disk);
    let executors = executors();
    let mut compared = 0;
    for declared in primitives().iter().filter(|known| !IN_WORDS.contains(&known.name.as_str())) {
        let (result, training) = programs(&checker, declared);
        let values = parameters(&training);
        let turned = declared.name == "matmul";
        for Tested { name: by, executor, .. } in &executors {
            let z = matrix(
                &executor.forward(&result, &values, &batch()).unwrap_or_else(|error| panic!("{}: {}", declared.name, error.message)),
            );
            let (_, slopes) = executor.gradients(&training, &values, &batch(), None).expect("gradients");
            // What the loss gives back to a table that is added to the result is what it gives to the result.
            let g = match declared.name.as_str() {
                "unembed" => None,
                "transpose" => Some(used(&slopes, "probe/weight").turned()),
                "matmul" | "cosine" | "euclidean" => Some(used(&slopes, "probe/weight").product(&used(&values, "back/weight").turned())),
                _ => Some(used(&slopes, "probe/weight")),
            };
            // The gradient of cross-entropy.
            let g = g.unwrap_or_else(|| {
                let powers = z.map(f64::exp);
                let shares = powers.with(&powers.sums(), |power, sum| power / sum);
                let columns = z.columns;
                let hit = |(at, share): (usize, &f64)| share - f64::from(u8::from(at % columns == (at / columns + 3) % WORDS));
                Matrix::new(columns, shares.values.iter().enumerate().map(hit).map(|slope| slope / TOKENS as f64).collect())
            });
            let mut names = Names::from([("x".to_owned(), used(&values, "x/weight")), ("g".to_owned(), g)]);
            names.insert("d".to_owned(), Matrix::number((WIDTH / 2) as f64));
            if values.0.contains_key("y/weight") {
                let y = used(&values, "y/weight");
                names.insert("y".to_owned(), if turned { y.turned() } else { y });
            }
            for role in ["weight", "bias"] {
                names.extend(values.0.get(&format!("own/{role}")).map(|array| (role.to_owned(), matrix(array))));
            }
            let (formula, clauses) = declared.formula.split_once(" with ").unwrap_or((&declared.formula, ""));
            for (name, clause) in clauses.split(", ").filter_map(|clause| clause.split_once(" = ")) {
                let value = evaluate(clause, &names);
                names.insert(name.to_owned(), value);
            }
            names.insert("z".to_owned(), z.clone());
            // Rows chosen by number are no matter of matrices.
            if declared.name != "euclidean" {
                compare(&format!("`{}` = {formula}", declared.name), by, &z, &evaluate(formula, &names));
            }
            for one in &declared.gradient {
                let found = match one.of.as_str() {
                    "x" => used(&slopes, "x/weight"),
                    "y" if turned => used(&slopes, "y/weight").turned(),
                    "y" => used(&slopes, "y/weight"),
                    role => matrix(&slopes.0[&format!("own/{role}")]),
                };
                compare(&format!("`{}`: d{} = {}", declared.name, one.of, one.formula), by, &found, &evaluate(&one.formula, &names));
                compared += 1;
            }
        }
    }
    assert!(compared >= executors.len() * 30, "{compared}");
}
