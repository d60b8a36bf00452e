//! The standard space as the language declares it: whatever is drawn or mutated is well-shaped, inside the space, and blind to padding.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::executors::{Tested, executors};
use common::{Memory, check};
use phyla::batch::{Batch, Targets};
use phyla::check::{Checker, World};
use phyla::diagnostic::FileId;
use phyla::exec::parameters::initialise;
use phyla::exec::{Executor, Parameters, Program};
use phyla::graph::{NodeKind, Symbol, dim::show_shape};
use phyla::run::files::Disk;
use phyla::settings::Model;
use phyla::space::{Architecture, Draw, MutationKind, OpPicker, Space, contains, hash, instantiate, mutate, to_source};
use phyla::stream::{RngExt, Stream, stream};
use phyla::supernet::Models;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

const SOURCE: &str = "
use std.spaces { autobert_zero }

space four = autobert_zero { layers = 4 }
";

/// The space at 4 and at 12 layers, and the models around its members.
static STANDARD: LazyLock<(Arc<Space>, Arc<Space>, Models)> = LazyLock::new(|| {
    let files = Memory::new(&[("space.phyla", SOURCE)]);
    let world = World::load(&files, &["space.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let space = |name: &str| checker.named_space("space.phyla", name).expect("a space");
    let (four, twelve) = (space("four"), space("std.spaces.autobert_zero"));
    let models = checker.models().expect("the standard library");
    assert_eq!(checker.diagnostics(), []);
    let model = Model { hidden: 16, heads: 2, feed_forward: 32, length: 12, vocabulary: 64, dropout: 0.0 };
    (four, twelve, Models { masked_lm: models.masked_lm, classifier: models.classifier, model })
});

/// A member, its graph well-shaped and its two models ready for the executor.
fn sound(space: &Space, architecture: &Architecture) {
    let models = &STANDARD.2;
    contains(space, architecture).expect("a member");
    let graph = instantiate(space, architecture).expect("well-shaped");
    let output = graph.node(graph.output()).expect("an output");
    assert_eq!(show_shape(&output.shape), "[n, h]");
    let hole = |node: phyla::graph::NodeIndex| matches!(graph.node(node).map(|node| &node.kind), Some(NodeKind::Hole(_)));
    assert!(!graph.order().into_iter().any(hole));
    models.masked_lm(space, architecture).expect("lowered");
}

fn even(names: &[&str]) -> Vec<f64> {
    vec![1.0; names.len()]
}

/// Draws members and mutates each some times; gives how often each kind of mutation took place.
fn walk(space: &Space, members: usize, children: usize, name: &str) -> BTreeMap<String, usize> {
    let mut draws: Stream = stream(17, name, 0);
    let weights = common::experiment(&Disk, "experiments/smoke.phyla").settings.search.expect("a search").mutation;
    let (mut kinds, mut met) = (BTreeMap::new(), BTreeSet::new());
    let picker: &OpPicker = &even;
    for number in 0..members {
        let draw = if number % 2 == 0 { Draw::Uniform } else { Draw::BySize };
        let mut architecture = space.sample(draw, &mut draws).expect("a member");
        sound(space, &architecture);
        met.insert(hash(space, &architecture).to_string());
        for _ in 0..children {
            let (child, mutated) = mutate(space, &architecture, &weights, picker, &mut draws).expect("a child");
            sound(space, &child);
            assert!(!mutated.is_empty());
            for what in mutated {
                assert!(what.layer < space.layers);
                *kinds.entry(format!("{:?}", what.kind)).or_default() += 1;
            }
            met.insert(hash(space, &child).to_string());
            architecture = child;
        }
    }
    // The space is so large that hardly anything is met twice.
    assert!(met.len() > members * (children + 1) * 9 / 10, "{} of {}", met.len(), members * (children + 1));
    kinds
}

#[test]
fn what_is_drawn_and_mutated_is_a_member() {
    let kinds = walk(&STANDARD.0, 200, 10, "four");
    let all = [
        MutationKind::SwapMixer,
        MutationKind::ChangeKernel,
        MutationKind::ReplaceOp,
        MutationKind::InsertOp,
        MutationKind::DeleteOp,
        MutationKind::Rewire,
    ];
    for kind in all {
        assert!(kinds.get(&format!("{kind:?}")).is_some_and(|count| *count > 20), "{kind:?}: {kinds:?}");
    }
}

#[test]
fn the_same_holds_at_full_depth() {
    walk(&STANDARD.1, 60, 10, "twelve");
}

#[test]
fn a_member_written_as_source_is_the_same_member() {
    let space = &STANDARD.0;
    let mut draws = stream(3, "source", 0);
    let named = Space { name: "four".to_owned(), ..(**space).clone() };
    let members: Vec<Architecture> = (0..40).map(|_| space.sample(Draw::BySize, &mut draws).expect("a member")).collect();
    let texts: Vec<String> = members.iter().enumerate().map(|(number, member)| to_source(&named, member, &format!("a{number}"))).collect();
    let text = format!("{SOURCE}\n{}", texts.join("\n"));
    let files = Memory::new(&[("members.phyla", &text)]);
    assert_eq!(check(&files, "members.phyla").0, "");
    let world = World::load(&files, &["members.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    for (number, member) in members.iter().enumerate() {
        let read = checker.named_architecture("members.phyla", &format!("a{number}"), FileId::default()).expect("declared");
        assert_eq!(read.architecture, *member, "{}", texts[number]);
        assert_eq!(hash(&read.space, &read.architecture), hash(space, member));
        let compact = space.compact(member);
        assert_eq!(space.expand(&compact).expect("a member"), *member);
    }
}

/// Three sentences of these lengths in `width` columns; what stands in the padding is drawn.
fn batch(lengths: &[usize], width: usize, classes: bool, garbage: u64) -> Batch {
    let mut real = stream(5, "tokens", 0);
    let mut noise = stream(garbage, "padding", width as u64);
    let mut inputs: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (name, most) in [("tokens", 64), ("segments", 2)] {
        let rows = lengths.iter().flat_map(|length| {
            let row: Vec<u32> = (0..*length).map(|_| real.random_range(0..most)).collect();
            let padding: Vec<u32> = (*length..width).map(|_| noise.random_range(0..most)).collect();
            [row, padding].concat()
        });
        inputs.insert(name.to_owned(), rows.collect());
    }
    let targets = if classes {
        Targets::Classes(vec![Some(0), Some(2), Some(1)])
    } else {
        let places = lengths.iter().flat_map(|length| [*length as u32 / 4, *length as u32 - 1]);
        inputs.insert("at".to_owned(), places.collect());
        Targets::Classes(vec![Some(7), Some(9), Some(0), Some(63), Some(20), None])
    };
    Batch { rows: 3, width, lengths: lengths.to_vec(), inputs, targets }
}

/// How far two lists are apart, relative to the larger of 1 and the largest wanted value.
fn apart(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let scale = wanted.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f32::max) / scale
}

fn flat(parameters: &Parameters) -> Vec<f32> {
    parameters.0.values().flat_map(|array| array.data.iter().copied()).collect()
}

/// Outputs, loss and gradients are the same whatever padding follows: to the byte natively, in double precision nearly, and in candle's single
/// precision as far as it is right at all. Its products sum in another order where there is padding, and some members magnify
/// what rounding does: so it may differ by sixteen times what it is off by without padding.
fn blind_to_padding(program: &Program, classes: bool, lengths: &[usize], more: usize, garbage: u64) -> Result<(), TestCaseError> {
    let parameters = initialise(program.parameters(), garbage);
    let longest = lengths.iter().copied().max().expect("a sentence");
    let (narrow, wide) = (batch(lengths, longest, classes, 0), batch(lengths, longest + more, classes, garbage));
    // Output, loss, gradients.
    let run = |executor: &dyn Executor, batch: &Batch| {
        let output = executor.forward(program, &parameters, batch).expect("a run").data;
        let (loss, gradients) = executor.gradients(program, &parameters, batch, None).expect("a step");
        [output, vec![loss], flat(&gradients)]
    };
    let all = executors();
    let exact = run(&*all.iter().find(|tested| tested.double).expect("candle in double precision").executor, &narrow);
    for Tested { name, executor, double } in &all {
        let (few, many) = (run(&**executor, &narrow), run(&**executor, &wide));
        prop_assert!(few.iter().flatten().all(|value| value.is_finite()), "{name}");
        for (what, ((few, many), exact)) in ["output", "loss", "gradients"].iter().zip(few.iter().zip(&many).zip(&exact)) {
            let tolerance = match name.as_str() {
                "native" => 0.0,
                _ if *double => 1e-5,
                _ => 2e-3f32.max(16.0 * apart(few, exact)),
            };
            prop_assert!(apart(many, few) <= tolerance, "{name}, {what}: {}, and {tolerance} is allowed", apart(many, few));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_member_is_blind_to_padding(
        seed in any::<u64>(),
        lengths in prop::collection::vec(1..=5usize, 3),
        more in 1usize..6,
        uniform in any::<bool>(),
    ) {
        member_blind_to_padding(seed, &lengths, more, uniform)?;
    }
}

fn member_blind_to_padding(seed: u64, lengths: &[usize], more: usize, uniform: bool) -> Result<(), TestCaseError> {
    let (space, _, models) = &*STANDARD;
    let draw = if uniform { Draw::Uniform } else { Draw::BySize };
    let member = space.sample(draw, &mut stream(seed, "padding/member", 0)).expect("a member");
    for (program, classes) in [(models.masked_lm(space, &member), false), (models.classifier(space, &member, 3), true)] {
        blind_to_padding(&program.expect("lowered"), classes, lengths, more, seed)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{lengths:?} {}", to_source(space, &member, "member"))))?;
    }
    Ok(())
}

/// In candle's single precision its gradients differ by 0.003 and 0.004 where padding follows.
#[test]
fn a_member_that_magnifies_rounding_is_blind_to_padding() {
    member_blind_to_padding(8_112_215_745_724_695_892, &[3, 5, 1], 1, true).expect("blind");
}

#[test]
fn the_letters_of_a_model_have_values() {
    // Every symbol but `n` and `p`, which each batch gives.
    let sizes = phyla::space::sizes(&STANDARD.2.model, 1);
    for symbol in Symbol::ALL.into_iter().filter(|symbol| !["n", "p"].contains(&symbol.letter())) {
        assert!(sizes.get(symbol).is_some(), "{}", symbol.letter());
    }
}

/// `phyla space` with these arguments after the name of a file with small spaces: exit code, standard output, standard error.
fn told(arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("spaces.phyla");
    std::fs::write(&file, SMALL).expect("written");
    let (command, rest) = arguments.split_first().expect("a command");
    let mut phyla = std::process::Command::new(env!("CARGO_BIN_EXE_phyla"));
    let output = phyla.args(["space", command]).arg(&file).args(rest).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code().expect("a code"), text(&output.stdout), text(&output.stderr))
}

const SMALL: &str = "
use std.layers { attention, encoder_layer, light_convolution, self_attention }
use std.ops { transformer }
use std.spaces { autobert_zero }

space little {
    mixer = choose {
        attention = attention(dag(inputs = [q, k, v], ops = transformer, depth = 1..=5, size = 1..=5, uses = 1..=3))
        conv      = light_convolution(kernel = choose(3, 5))
    }
    body = repeat(2) { encoder_layer(mixer) }
}

space few {
    mixer = choose {
        attention = attention(dag(inputs = [q, k, v], ops = transformer, depth = 1..=3, size = 1..=3, uses = 1..=3))
        conv      = light_convolution(kernel = choose(3, 5))
    }
    body = repeat(2) { encoder_layer(mixer) }
}

space paper = autobert_zero { layers = 4 }

architecture plain = little { mixer = [attention(self_attention), conv(kernel = 3)] }
architecture other = little { mixer = [attention(graph(q, k, v) { softmax(q @ transpose(k)) @ v }), conv(kernel = 5)] }
";

#[test]
fn a_space_is_counted_drawn_from_and_listed() {
    let (code, text, _) = told(&["count", "--space", "few", "--json"]);
    let told_count: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let all = told_count["architectures"].as_str().expect("digits").to_owned();
    let each: usize = told_count["holes"][0]["each"].as_str().expect("digits").parse().expect("a number");
    assert_eq!((code, each * each), (0, all.parse().expect("a number")));
    let (code, text, _) = told(&["enumerate", "--space", "few", "--limit", &all]);
    let members: BTreeSet<&str> = text.lines().collect();
    assert_eq!((code, members.len()), (0, each * each));
    let (code, _, why) = told(&["enumerate", "--space", "few", "--limit", "5"]);
    assert!(code == 2 && why.contains(&format!("--limit {all}")), "{why}");
    let (code, _, why) = told(&["enumerate", "--space", "paper"]);
    assert!(code == 2 && why.contains("phyla space sample"), "{why}");
    let (code, text, _) = told(&["count", "--space", "paper"]);
    assert!(code == 0 && text.contains("conv: 7\n") && text.contains("of 4 operations: "), "{text}");
    // What is drawn is Phyla source, and lies in the space.
    let (code, drawn, _) = told(&["sample", "--space", "few", "-n", "3", "--uniform", "--seed", "4"]);
    assert_eq!((code, drawn.matches("architecture drawn_").count()), (0, 3));
    let files = Memory::new(&[("drawn.phyla", &format!("{SMALL}{drawn}"))]);
    let world = World::load(&files, &["drawn.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    checker.check_module("drawn.phyla");
    assert_eq!(checker.diagnostics(), []);
    assert_eq!(told(&["sample", "--space", "few", "-n", "3", "--uniform", "--seed", "4"]).1, drawn);
    assert_eq!(told(&["sample", "--space", "few", "-n", "2", "--json"]).1.lines().count(), 2);
}

#[test]
fn a_space_is_asked_about_architectures() {
    let paper = ["--space", "std.spaces.autobert_zero"];
    for name in ["std.architectures.bert", "std.architectures.autobert_zero"] {
        let (code, text, _) = told(&[&["contains", name], &paper[..]].concat());
        assert!(code == 0 && text.contains("lies in"), "{text}");
    }
    let (code, text, _) = told(&["contains", "other", "--space", "paper"]);
    assert!(code == 1 && text.contains("2 are given"), "{text}");
    assert_eq!(told(&["distance", "plain", "other", "--space", "little"]), (0, "2\n".to_owned(), String::new()));
    assert_eq!(told(&["distance", "plain", "plain", "--space", "little", "--json"]).1, "{\"distance\":0}\n");
    let (code, _, why) = told(&["distance", "plain", "std.architectures.bert", "--space", "little"]);
    assert!(code == 1 && why.contains("first(4)"), "{why}");
    let (code, _, why) = told(&["contains", "plein", "--space", "little"]);
    assert!(code == 1 && why.contains("did you mean `plain`?"), "{why}");
    let (code, _, why) = told(&["count"]);
    assert!(code == 2 && why.contains("--space"), "{why}");
}

const CONDITIONS: &str = "
use std.layers { attention, encoder_layer }
use std.models { micro }
use std.ops { autobert_zero }
use std.search { op_nas, scratch }
use std.suites { mini }
use std.train { pretrain_tiny }

space any {
    mixer = attention(dag(inputs = [q, k, v], ops = autobert_zero, depth = 1..=2, size = 1..=2, uses = 1..=3))
    body = repeat(2, tie = 2) { encoder_layer(mixer) }
}

experiment searched {
    model = micro { hidden = 16, feed_forward = 16, vocabulary = 512 }
    space = any { WRITTEN }
    corpus = text(\"words.txt\")
    search = op_nas { evaluations = 200 }
    evaluate = scratch { pretrain = pretrain_tiny, suite = mini }
    final = { pretrain = pretrain_tiny, suite = mini }
}
";

/// An experiment over a small space with these conditions.
fn under(conditions: &str) -> phyla::check::Checked {
    let source = CONDITIONS.replace("WRITTEN", conditions);
    let files = Memory::new(&[("space.phyla", &source), ("words.txt", "one\ntwo\n")]);
    let world = World::load(&files, &["space.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let id = checker.experiments("space.phyla").first().expect("an experiment").0;
    let checked = checker.experiment(id, &[]);
    assert_eq!(checker.diagnostics(), []);
    checked.expect("an experiment")
}

#[test]
fn conditions_are_met_by_whatever_is_proposed_and_belong_to_the_meaning() {
    let free = under("");
    let asked = under("require mixes(n), require params <= 12_500");
    let models = |checked: &phyla::check::Checked| Models {
        masked_lm: checked.models.masked_lm.clone(),
        classifier: checked.models.classifier.clone(),
        model: checked.settings.model.clone(),
    };
    // By hand: what joins tokens where at most two operations are.
    let joins = |architecture: &Architecture| {
        let words = phyla::space::fillings(&asked.space, architecture).concat();
        ["softmax(transpose", "cosine(", "euclidean(", "@"].iter().any(|op| words.contains(op))
    };
    let members = free.space.enumerate(10_000).expect("few");
    assert_eq!(asked.space.count(), free.space.count(), "conditions are no part of the count");
    let cost = |architecture: &Architecture| models(&asked).cost(&asked.space, architecture).expect("a member").params;
    let met: Vec<&Architecture> =
        members.iter().filter(|one| models(&asked).unmet(&asked.space, one).expect("a member").is_none()).collect();
    assert!(!met.is_empty() && met.len() < members.len());
    for one in &members {
        let unmet = models(&asked).unmet(&asked.space, one).expect("a member").map(|require| require.text.clone());
        let expected = match (joins(one), cost(one) <= 12_500) {
            (false, _) => Some("mixes(n)".to_owned()),
            (true, false) => Some("params <= 12_500".to_owned()),
            (true, true) => None,
        };
        assert_eq!(unmet, expected, "{:?}", phyla::space::fillings(&asked.space, one));
    }
    let share = phyla::run::acceptance(&asked).expect("some").expect("a share");
    assert!(share > 0.0 && share < 1.0);
    // Layout and order change nothing; a bound does.
    let same = under("require   params <=  12_500\n require mixes( n )");
    assert_eq!((same.fingerprint, same.evaluation), (asked.fingerprint, asked.evaluation));
    for other in ["", "require mixes(n)", "require mixes(n), require params <= 12_501", "require mixes(n), require params < 12_500"] {
        assert_ne!(under(other).fingerprint, asked.fingerprint, "{other}");
    }
    assert!(asked.source.contains("require mixes(n)"), "{}", asked.source);
    for (impossible, said) in [("require params <= 10", "the smallest has"), ("require flops(n = 8) >= 1G", "the largest has")] {
        let error = phyla::run::acceptance(&under(impossible)).expect_err("refused");
        assert_eq!(error.code, phyla::diagnostic::Code::EMPTY_SPACE);
        assert!(error.help.as_ref().is_some_and(|help| help.contains(said)), "{error:?}");
    }
}
