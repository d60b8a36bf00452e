//! Members of the standard space, of which candidates are made: whole models of them agree between the executors.
//!
//! The rule is that of `exec::native::tests::judge`; it is applied here, since `exec` knows neither spaces nor the language.

use super::files::Disk;
use crate::check::{Checker, World};
use crate::exec::native::tests::judge::{Tally, compare};
use crate::exec::native::tests::on_threads;
use crate::exec::parameters::initialise;
use crate::exec::{Batch, Parameters, Program, Targets};
use crate::settings::Model;
use crate::space::{Draw, sizes, to_source, whole};
use crate::stream::{RngExt, Stream, stream};
use std::collections::BTreeMap;

/// Time limits their number: each is carried out eight times, forward and back, and half of them by candle, whose many small operations take
/// nearly all of it. In a debug build this is to pass within twenty seconds.
const MEMBERS: u64 = 200;

const FEW: &str = "use std.spaces { autobert_zero }\n\nspace few = autobert_zero { layers = 2 }\n";

const VOCABULARY: usize = 64;
const CLASSES: usize = 3;

/// Few sentences of drawn lengths. Of each two places are predicted, of which not all are judged, or one of the classes is told.
fn batch(masked: bool, draws: &mut Stream) -> Batch {
    let (rows, width) = (draws.random_range(1..=4usize), draws.random_range(3..=9usize));
    let lengths: Vec<usize> = (0..rows).map(|_| draws.random_range(1..=width)).collect();
    let mut below = |most: usize, count: usize| (0..count).map(|_| draws.random_range(0..most as u32)).collect::<Vec<u32>>();
    let tokens = ("tokens".to_owned(), below(VOCABULARY, rows * width));
    let mut inputs = BTreeMap::from([tokens, ("segments".to_owned(), below(2, rows * width))]);
    let targets: Vec<Option<u32>> = if masked {
        let places = lengths.iter().flat_map(|length| below(*length, 2)).collect();
        inputs.insert("at".to_owned(), places);
        below(VOCABULARY, rows * 2).into_iter().enumerate().map(|(place, word)| (place % 3 != 2).then_some(word)).collect()
    } else {
        below(CLASSES, rows).into_iter().map(Some).collect()
    };
    Batch { rows, width, lengths, inputs, targets: Targets::Classes(targets) }
}

/// Parameters as they start, each value moved by up to a quarter: biases and small tables matter too.
fn parameters(program: &Program, draws: &mut Stream) -> Parameters {
    let mut values = initialise(program.parameters(), draws.random());
    for value in values.0.values_mut().flat_map(|array| &mut array.data) {
        *value += draws.random_range(-0.25f32..0.25);
    }
    values
}

#[test]
fn members_of_the_standard_space_agree() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("few.phyla").display().to_string();
    std::fs::write(&file, FEW).unwrap();
    let world = World::load(&Disk, std::slice::from_ref(&file));
    let checker = Checker::new(&world, &Disk);
    let space = checker.named_space(&file, "few").unwrap();
    let around = checker.models().unwrap();
    assert_eq!(checker.diagnostics(), []);
    let mut tally = Tally::default();
    for number in 0..MEMBERS {
        let mut draws = stream(number, "members", 0);
        let hidden = draws.random_range(2..=4usize) * 8;
        let heads = draws.random_range(1..=2usize) * 2;
        // One in three trains without dropout.
        let dropout = if number % 3 == 0 { 0.0 } else { 0.1 };
        let model = Model { hidden, heads, feed_forward: 2 * hidden, length: 12, vocabulary: VOCABULARY, dropout };
        let (masked, draw) = (number % 2 == 0, if number % 4 < 2 { Draw::Uniform } else { Draw::BySize });
        let member = space.sample(draw, &mut draws).unwrap();
        let graph = whole(if masked { &around.masked_lm } else { &around.classifier }, &space, &member, &model).unwrap();
        let program = Program::as_written(&graph, &sizes(&model, CLASSES)).unwrap();
        let (values, batch) = (parameters(&program, &mut draws), batch(masked, &mut draws));
        let verdict = on_threads(1, || compare(&program, &batch, &values));
        tally.add(verdict, || format!("number {number}, {model:?}, {:?}, {}", batch.lengths, to_source(&space, &member, "member")));
    }
    tally.close("members");
}
