//! What a plan foretells of the executor's memory, and members of the standard space, of which candidates are made: whole models of them
//! agree between the executors.
//!
//! The rule of agreement is that of `exec::native::tests::judge`; it is applied here, since `exec` knows neither spaces nor the language.

use super::files::Disk;
use super::memory::{Work, memory};
use super::session::models;
use crate::check::{Checker, World};
use crate::exec::native::tests::judge::{Tally, compare};
use crate::exec::native::tests::on_threads;
use crate::exec::parameters::initialise;
use crate::exec::{Batch, Executor, NativeExecutor, Parameters, Program, Targets};
use crate::settings::Model;
use crate::space::{Draw, sizes, to_source, whole};
use crate::stream::{RngExt, Stream, stream};
use crate::train::masking_places;
use std::collections::BTreeMap;

/// Time limits their number: each is carried out eight times, forward and back, and half of them by candle, whose many small operations take
/// nearly all of it. `PHYLA_MEMBERS` asks for another number.
const MEMBERS: u64 = 200;

const SPACES: &str = "use std.spaces { autobert_zero }

space one = autobert_zero { layers = 1 }
space two = autobert_zero { layers = 2 }
space four = autobert_zero { layers = 4 }
";

const VOCABULARY: usize = 64;
const CLASSES: usize = 3;

/// Few sentences of drawn lengths, of at most `most` tokens each. Of each two places are predicted, of which not all are judged, or one of
/// the classes is told.
fn batch(masked: bool, most: usize, draws: &mut Stream) -> Batch {
    let (rows, width) = (draws.random_range(1..=4usize), draws.random_range(3..=most));
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

/// The arena that a plan tells is what the step of a training takes, by as many threads as one model has.
#[test]
fn the_arena_that_is_foretold_is_taken_to_the_byte() {
    let data = std::path::absolute("experiments/data").unwrap().display().to_string();
    let smoke = std::fs::read_to_string("experiments/smoke.phyla").unwrap().replace("\"data", &format!("\"{data}"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("smoke.phyla").display().to_string();
    for (train, rows) in [("batch = 192", 192), ("batch = 400, accumulate = 3", 134), ("batch = 500, recompute = true", 500)] {
        // More than its held-out text and its fine-tuning take.
        std::fs::write(&file, smoke.replace("pretrain_tiny { steps = 40 }", &format!("pretrain_tiny {{ steps = 40, {train} }}"))).unwrap();
        let world = World::load(&Disk, std::slice::from_ref(&file));
        let checker = Checker::new(&world, &Disk);
        let checked = checker.experiments(&file).iter().find_map(|(id, _)| checker.experiment(*id, &[])).unwrap();
        let (models, known) = (models(&checked), checked.compare.first().unwrap());
        let work = Work { searched: 0, finals: 1, workers: 2, supernet: 0 };
        let told = memory(&checked, &models, (&known.space, &known.architecture), work).unwrap().unwrap();

        let (program, pretrain) =
            (models.masked_lm(&known.space, &known.architecture).unwrap(), checked.settings.r#final.pretrain.as_ref().unwrap());
        let (length, places) = (checked.settings.model.length, masking_places(pretrain, checked.settings.model.length));
        let inputs = [("tokens", rows * length), ("segments", rows * length), ("at", rows * places)];
        let batch = Batch {
            rows,
            width: length,
            lengths: vec![length; rows],
            inputs: inputs.map(|(name, count)| (name.to_owned(), vec![1; count])).into(),
            targets: Targets::Classes(vec![Some(1); rows * places]),
        };
        let executor = NativeExecutor::new().recomputing(pretrain.recompute);
        on_threads(2, || executor.gradients(&program, &initialise(program.parameters(), 1), &batch, None)).unwrap();
        assert_eq!(executor.arenas(), [told.arena], "{train}");
    }
}

#[test]
fn members_of_the_standard_space_agree() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("few.phyla").display().to_string();
    std::fs::write(&file, SPACES).unwrap();
    let world = World::load(&Disk, std::slice::from_ref(&file));
    let checker = Checker::new(&world, &Disk);
    let spaces = ["one", "two", "four"].map(|name| checker.named_space(&file, name).unwrap());
    let around = checker.models().unwrap();
    assert_eq!(checker.diagnostics(), []);
    let mut tally = Tally::default();
    let members = std::env::var("PHYLA_MEMBERS").ok().map_or(MEMBERS, |told| told.parse().expect("PHYLA_MEMBERS is a number"));
    for (number, space) in (0..members).zip(spaces.iter().cycle()) {
        let mut draws = stream(number, "members", 0);
        // One in ten has heads and sentences of a real model's sizes.
        let (unit, most) = if draws.random_ratio(1, 10) { (40, 70) } else { (8, 9) };
        let hidden = draws.random_range(2..=4usize) * unit;
        let heads = draws.random_range(1..=2usize) * 2;
        // One in three trains without dropout.
        let dropout = if draws.random_ratio(1, 3) { 0.0 } else { 0.1 };
        let model = Model { hidden, heads, feed_forward: 2 * hidden, length: most + 3, vocabulary: VOCABULARY, dropout };
        let (masked, draw) = (number % 2 == 0, if number % 4 < 2 { Draw::Uniform } else { Draw::BySize });
        let member = space.sample(draw, &mut draws).unwrap();
        let graph = whole(if masked { &around.masked_lm } else { &around.classifier }, space, &member, &model).unwrap();
        let program = Program::as_written(&graph, &sizes(&model, CLASSES)).unwrap();
        let (values, batch) = (parameters(&program, &mut draws), batch(masked, most, &mut draws));
        let verdict = on_threads(1, || compare(&program, &batch, &values));
        tally.add(verdict, || format!("number {number}, {model:?}, {:?}, {}", batch.lengths, to_source(space, &member, "member")));
    }
    // One whole model in forty has been seen to.
    tally.close("members", 10);
}
