//! The sources that ship: free of mistakes, in the canonical layout, drawn and planned; what their fingerprints depend on; and the
//! primitives that the standard library declares against those that the executor computes.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod common;

use common::{Memory, check, experiment};
use phyla::check::{Checker, Entry, World};
use phyla::diagnostic::FileId;
use phyla::exec::Program;
use phyla::graph::draw::{dot, svg};
use phyla::graph::weights::{owns_parameters, weights};
use phyla::graph::{Attr, Builder, Dim, Graph, NodeIndex, NodeKind, Op, Pattern, Shape, Sizes, Symbol};
use phyla::run::files::Disk;
use phyla::space::contains;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

fn phyla(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("PHYLA_GLUE").env_remove("PHYLA_CORPUS");
    let output = command.args(arguments).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_sources_that_ship_have_no_mistakes() {
    let (code, stdout, stderr) = phyla(&["check", "experiments", "stdlib"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("no mistakes found") && !stderr.contains('×'), "{stderr}");
}

#[test]
fn the_sources_that_ship_are_in_the_canonical_layout() {
    let (code, _, stderr) = phyla(&["fmt", "--check", "experiments", "stdlib"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_paper_s_experiment_is_planned() {
    let (code, stdout, stderr) = phyla(&["plan", "experiments/autobert_zero_base.phyla", "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let plan: serde_json::Value = serde_json::from_str(&stdout).expect("one object");
    // 12 layers, each of 7 kernels or one of very many expressions: more than 10^90 architectures.
    assert!(plan["architectures"].as_str().is_some_and(|count| count.len() > 90), "{stdout}");
    assert_eq!(plan["candidates"].as_u64(), Some(760));
    let params = |end: &str| plan[end][0].as_u64().expect("a number");
    assert!(80_000_000 < params("smallest") && params("smallest") < params("largest") && params("largest") < 150_000_000, "{stdout}");
    // The tables of words, of 512 positions and of two segments are the same for all.
    for (place, end) in ["smallest", "largest"].into_iter().enumerate() {
        assert_eq!(plan["without_embeddings"][place].as_u64(), Some(params(end) - (30_522 + 512 + 2) * 768), "{stdout}");
    }
    let (code, stdout, stderr) = phyla(&["plan", "experiments/autobert_zero_base.phyla"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("760") && stdout.contains("without embeddings"), "{stdout}");
}

#[test]
fn a_plan_names_the_experiment_and_its_folder() {
    let (code, stdout, stderr) = phyla(&["plan", "experiments/smoke.phyla", "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let plan: serde_json::Value = serde_json::from_str(&stdout).expect("one object");
    let fingerprint = plan["fingerprint"].as_str().expect("a text");
    let folder = format!("runs/smoke-{}-s1", fingerprint.get(..8).expect("a hash"));
    assert_eq!(plan["folder"], folder.as_str());
    let told = phyla(&["plan", "experiments/smoke.phyla"]).1;
    assert!(told.starts_with(&format!("experiment  fingerprint {fingerprint}, in {folder}\n")), "{told}");
}

/// Told at once, in words, and without the memory that they would take.
#[test]
fn sizes_that_nothing_can_hold_are_refused_by_a_plan() {
    for (change, told) in [("final.pretrain.batch=1e9", "a batch of 1000000000 sentences"), ("model.length=1M", "than can be counted")] {
        let (code, _, stderr) = phyla(&["plan", "experiments/smoke.phyla", "--set", change]);
        assert!(code == Some(1) && stderr.contains("E0908") && stderr.contains(told) && stderr.contains("help"), "{stderr}");
    }
    // No more random members than the initial population has.
    let (_, told, stderr) = phyla(&["plan", "experiments/smoke.phyla", "--set", "compare_random=100"]);
    assert!(told.contains("4 random members"), "{told}{stderr}");
}

/// By whatever would train, before anything is written.
#[test]
fn what_no_machine_holds_is_refused_with_its_bytes() {
    let place = tempfile::tempdir().expect("a folder");
    let out = place.path().join("run").display().to_string();
    let wide = ["--set", "model.hidden=65536", "--set", "final.pretrain.batch=20000", "--set", "evaluate.pretrain.batch=20000"];
    for command in [
        &["run", "experiments/smoke.phyla", "--out", &out][..],
        &["run", "experiments/smoke.phyla", "--out", &out, "--executor", "candle"],
        &["train", "experiments/smoke.phyla", "std.architectures.bert.first(2)", "--out", &out],
        &["table", "build", "experiments/attention_table.phyla", "--out", &out, "--folder", &out],
    ] {
        let (code, _, stderr) = phyla(&[command, &wide].concat());
        // Candle holds more than what is foretold, and cannot compute activations anew.
        let (takes, anew) = if command.contains(&"candle") { ("takes more than", false) } else { ("takes about", true) };
        let told = stderr.contains("E0908") && stderr.contains("bytes of memory, and") && stderr.contains("are free");
        assert!(stderr.contains(takes) && stderr.contains("recompute") == anew, "{command:?}: {stderr}");
        assert!(code == Some(1) && told, "{command:?}: {stderr}");
        assert!(!Path::new(&out).exists(), "{command:?} wrote something");
    }
}

/// The memory that is foretold goes by the trainings there are, and not by the workers that there might be.
#[test]
fn workers_without_work_hold_nothing() {
    let peak = |workers: &str, more: &[&str]| {
        let own =
            ["plan", "experiments/austen_bert.phyla", "--experiment", "austen_bert", "--json", "--set", "final.seeds=1", "--set", workers];
        let (_, stdout, stderr) = phyla(&[&own, more].concat());
        let plan: serde_json::Value = serde_json::from_str(&stdout).expect(&stderr);
        plan["memory"]["peak"].as_f64()
    };
    let [few, many] = ["workers=3", "workers=64"].map(|workers| peak(workers, &[]).expect("a number"));
    // One model, and its three tasks: what the other threads need is scratch.
    assert!(many < 2.0 * few, "{few} {many}");
    assert_eq!(peak("workers=3", &["--executor", "candle"]), None, "of candle nothing is foretold");
    // A batch in parts takes two copies of the gradients more and less for a step; the best weights are a copy.
    let kept = peak("workers=3", &["--set", "final.suite.train.keep=best"]).expect("a number");
    assert!(kept > few, "{few} {kept}");
    let [whole, halved] = ["1", "2"].map(|parts| {
        let more = format!("final.suite.train.accumulate={parts}");
        // So small a batch that what its parts save is nothing beside the copies.
        peak("workers=3", &["--set", "final.suite.train.batch=2", "--set", &more]).expect("a number")
    });
    assert!(halved > whole, "{whole} {halved}");
}

#[test]
fn what_is_drawn_is_in_the_canonical_layout() {
    for n in ["1", "3"] {
        let (code, drawn, stderr) = phyla(&["space", "sample", "experiments/quickstart.phyla", "-n", n, "--uniform"]);
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(phyla::syntax::format(&drawn).expect("sound"), drawn);
    }
}

/// Fails where tags do not nest, a text holds a bare `<` or `&`, or a number is none.
fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        for entity in before.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;", "apos;", "#"].iter().any(|known| entity.starts_with(known)), "&{entity}");
        }
        let (tag, after) = after.split_once('>').expect("a closed tag");
        rest = after;
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().expect("a name");
        match tag.as_bytes().first() {
            Some(b'?' | b'!') => {}
            Some(b'/') => assert_eq!(open.pop(), Some(name)),
            _ if tag.ends_with('/') => {}
            _ => open.push(name),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        assert!(!tag.contains("NaN") && !tag.contains("=\"inf"), "<{tag}>");
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn known_architectures_are_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "std.architectures.bert",
        "std.architectures.autobert_zero",
        "std.architectures.autobert_zero.first(2)",
        "std.layers.self_attention",
    ] {
        let path = folder.path().join("drawn.svg");
        let target = path.display().to_string();
        let (code, _, stderr) = phyla(&["graph", "experiments/autobert_zero_base.phyla", name, "--svg", &target]);
        assert_eq!(code, Some(0), "{stderr}");
        let text = fs::read_to_string(&path).expect("a drawing");
        assert!(text.contains("<svg") && text.contains("softmax"), "{name}");
        well_formed(&text);
        let (code, stdout, _) = phyla(&["graph", "experiments/autobert_zero_base.phyla", name]);
        assert_eq!(code, Some(0));
        assert!(stdout.starts_with("digraph") && stdout.trim_end().ends_with('}'), "{name}");
    }
    let (code, _, stderr) = phyla(&["graph", "experiments/smoke.phyla", "nobody"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("E0201") && stderr.contains("`nobody`"), "{stderr}");
}

#[test]
fn known_architectures_lie_in_the_paper_s_space() {
    let world = World::load(&Disk, &[]);
    let checker = Checker::new(&world, &Disk);
    let space = checker.named_space("std.spaces", "autobert_zero").expect("a space");
    for name in ["bert", "autobert_zero"] {
        let known = checker.named_architecture("std.architectures", name, FileId::default()).expect("an architecture");
        contains(&space, &known.architecture).expect("a member");
        assert_eq!(known.space.count(), space.count());
        let graph = checker.named_graph("std.architectures", name, FileId::default()).expect("a graph");
        well_formed(&svg(&graph).expect("drawn"));
        assert!(dot(&graph).contains("linear"));
    }
    assert_eq!(checker.diagnostics(), []);
}

/// A graph that applies one primitive to values of its own shapes, and the sizes to lower it for.
fn applied(op: &Op) -> (Graph, Sizes, NodeIndex) {
    let sizes = [(Symbol::Hidden, 8), (Symbol::Heads, 2), (Symbol::HeadWidth, 4), (Symbol::Positions, 16), (Symbol::Vocabulary, 32)];
    let sizes = sizes.into_iter().fold(Sizes::default(), |sizes, (symbol, size)| sizes.with(symbol, size));
    let letter = |letter: &str| match letter {
        "i" => Dim::from(Symbol::Tokens),
        _ => Dim::from(Symbol::Hidden),
    };
    let shape = |axes: &[Pattern]| -> Shape {
        let axis = |axis: &Pattern| match axis {
            Pattern::Fixed(dim) => dim.clone(),
            Pattern::Any(name) | Pattern::Static(name) => letter(name),
        };
        axes.iter().map(axis).collect()
    };
    let mut builder = Builder::new();
    let inputs: Vec<NodeIndex> = op.inputs.iter().map(|(name, ty)| builder.input(name, shape(&ty.axes), ty.index, false)).collect();
    let static_of = |name: &String| match name.as_str() {
        "name" => None,
        "normalize" => Some((name.clone(), Attr::Number(0.0))),
        "kernel" => Some((name.clone(), Attr::Size(Dim::from(3)))),
        _ => Some((name.clone(), Attr::Size(Dim::from(Symbol::Hidden)))),
    };
    let attrs: BTreeMap<String, Attr> = op.statics.iter().filter_map(static_of).collect();
    let node = builder.apply(op, attrs, "here", &inputs).unwrap_or_else(|error| panic!("{}: {}", op.name, error.why));
    (builder.finish(node), sizes, node)
}

#[test]
fn the_executor_and_the_library_know_the_same_primitives() {
    let world = World::load(&Disk, &[]);
    let checker = Checker::new(&world, &Disk);
    let primitives = checker.primitives();
    let declared: BTreeSet<String> = primitives.iter().map(|op| op.name.clone()).collect();
    // The names that the executor resolves, as its source spells them.
    let kernels = include_str!("../src/exec/kernel.rs");
    let table = kernels.split_once("Ok(match name {").and_then(|(_, rest)| rest.split_once("_ => return")).expect("the table").0;
    let known: BTreeSet<String> =
        table.lines().filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_owned())).collect();
    assert_eq!(declared, known);
    for op in &primitives {
        assert!(!op.doc.is_empty(), "{} has no documentation", op.name);
        let (graph, sizes, node) = applied(op);
        let arguments: Vec<Shape> = graph.arguments(node).iter().map(|node| graph.node(*node).expect("a node").shape.clone()).collect();
        let node = graph.node(node).expect("a node");
        let owned = weights(node, &arguments);
        assert_eq!(!owned.is_empty(), owns_parameters(op), "{}", op.name);
        // Every operand that has a gradient, and every parameter, has its formula.
        let said = world.said_of(None, &op.name).into_iter().find_map(|entry| match entry {
            Entry::Declaration(declared) if declared.kind == "primitive" => Some(declared),
            _ => None,
        });
        let said = said.expect("an entry");
        let operands = op.inputs.iter().filter(|(_, ty)| !ty.index).map(|(name, _)| name.as_str());
        let wanted: Vec<&str> = operands.chain(owned.iter().map(|weight| weight.role)).collect();
        assert_eq!(said.gradient.iter().map(|one| one.of.as_str()).collect::<Vec<_>>(), wanted, "{}", op.name);
        assert!(!said.formula.is_empty(), "{}", op.name);
        // Parameters hold no `n`, and every static size that shapes one is a static the primitive declares.
        assert!(owned.iter().all(|weight| !weight.shape.iter().any(|dim| dim.contains(Symbol::Tokens))), "{}", op.name);
        phyla::exec::Kernel::resolve(&op.name, node, &sizes).unwrap_or_else(|error| panic!("{}: {}", op.name, error.message));
        for weight in owned {
            assert!(weight.shape.iter().all(|dim| dim.evaluate(&sizes).is_some_and(|size| size > 0)), "{} {}", op.name, weight.role);
        }
        // A graph of index inputs lowers as it stands.
        let indices = graph
            .inputs()
            .iter()
            .all(|input| matches!(graph.node(*input).map(|node| &node.kind), Some(NodeKind::Input { index: true, .. })));
        if indices {
            Program::lower(&graph, &sizes).expect("lowered");
        }
    }
}

/// An experiment with an operation and a space of its own.
const EXPERIMENT: &str = "\
use std.layers { attention, encoder_layer }
use std.models { micro }
use std.search { biws, op_nas }
use std.suites { mini }
use std.train { pretrain_tiny }

op swish(x: [i, j]) -> [i, j] { x * sigmoid(x) }

ops mine = [transpose, scale, softmax, swish, matmul]

space own {
    mixer = attention(dag(inputs = [q, k, v], ops = mine, depth = 2..=5, size = 2..=6, uses = 2..=3))
    layers = 2
    body = repeat(layers) { encoder_layer(mixer) }
}

experiment law {
    model = micro
    space = own
    corpus = text(\"words.txt\", \"more.txt\")
    search = op_nas { population = 4, evaluations = 6 }
    evaluate = biws { warmup = 30 steps, pretrain = pretrain_tiny, suite = mini { rows = 64 } }
    final = { pretrain = pretrain_tiny, suite = mini { rows = 200, train.epochs = 2 } }
    compare = [std.architectures.bert.first(2)]
}
";

fn files(source: &str) -> Memory {
    Memory::new(&[("law.phyla", source), ("words.txt", "one\ntwo\n"), ("more.txt", "three\n")])
}

fn fingerprint(source: &str) -> String {
    experiment(&files(source), "law.phyla").fingerprint.to_string()
}

#[test]
fn what_means_the_same_has_one_fingerprint() {
    let wanted = fingerprint(EXPERIMENT);
    assert_eq!(fingerprint(&EXPERIMENT.replace("    layers", "    // how deep\n    layers")), wanted, "comments");
    assert_eq!(fingerprint(&EXPERIMENT.replace("\nop swish", "\n/// x·σ(x).\nop swish")), wanted, "documentation");
    assert_eq!(
        fingerprint(&EXPERIMENT.replace("{ x * sigmoid(x) }", "{\n    y = sigmoid(x)\n\n    x * y\n}")),
        wanted,
        "layout, names within"
    );
    let (uses, items) = EXPERIMENT.split_once("\n\nop").expect("two parts");
    let mut items: Vec<String> = format!("op{items}").split("\n\n").map(str::to_owned).collect();
    items.reverse();
    assert_eq!(fingerprint(&format!("{uses}\n\n{}\n", items.join("\n\n"))), wanted, "order");
    assert_eq!(fingerprint(&EXPERIMENT.replace("law {", "law {\n    workers = 7")), wanted, "workers");
    assert_eq!(fingerprint(&EXPERIMENT.replace("law {", "law {\n    device = cuda(1)")), wanted, "the device");
    assert_eq!(fingerprint(&EXPERIMENT.replace("warmup = 30 steps", "warmup = 30")), wanted, "a unit left out");
    // Split into two files.
    let (library, rest) = EXPERIMENT.split_once("space own").expect("two parts");
    let (head, ops) = library.split_once("op swish").expect("two parts");
    let mut split = files(&format!("{head}use \"ops.phyla\" {{ mine }}\n\nspace own{rest}"));
    split.0.insert("ops.phyla".to_owned(), format!("op swish{ops}"));
    assert_eq!(experiment(&split, "law.phyla").fingerprint.to_string(), wanted, "files");
    let moved = Memory::new(&[
        ("law.phyla", &EXPERIMENT.replace("words.txt", "there/zz.txt")),
        ("there/zz.txt", "one\ntwo\n"),
        ("more.txt", "three\n"),
    ]);
    assert_eq!(experiment(&moved, "law.phyla").fingerprint.to_string(), wanted, "paths");
}

#[test]
fn what_means_something_else_has_another_fingerprint() {
    let mut met = BTreeSet::from([fingerprint(EXPERIMENT)]);
    for (from, to) in [
        ("experiment law {", "experiment law {\n    seed = 7"),
        ("model = micro", "model = micro { hidden = 96 }"),
        ("softmax, swish", "softmax, swish, neg"),
        ("x * sigmoid(x)", "x + sigmoid(x)"),
        ("transpose, scale, softmax", "scale, transpose, softmax"),
        ("size = 2..=6", "size = 2..=7"),
        ("layers = 2", "layers = 3"),
        ("evaluations = 6", "evaluations = 7"),
        ("rows = 64", "rows = 65"),
        ("train.epochs = 2", "train.lr = [1e-3]"),
        ("bert.first(2)", "bert.first(3)"),
        ("\"words.txt\", \"more.txt\"", "\"more.txt\", \"words.txt\""),
    ] {
        let changed = EXPERIMENT.replacen(from, to, 1);
        assert_ne!(changed, EXPERIMENT, "{from}");
        assert!(met.insert(fingerprint(&changed)), "{to}");
    }
    // What is compared may fill a space of its own, whose graph is part of it.
    let other = EXPERIMENT.replace("compare = [std.architectures.bert.first(2)]", "compare = [rival]")
        + "
graph layer(mixer: graph([n, h]) -> [n, h])(x: [n, h]) -> [n, h] { layer_norm(x + mixer(x)) }

space second {
    mixer = attention(dag(inputs = [q, k, v], ops = mine, depth = 2..=5, size = 2..=6, uses = 2..=3))
    body = repeat(2) { layer(mixer) }
}

architecture rival = second {
    mixer = [attention(graph(q, k, v) { softmax(q @ transpose(k)) @ v }), attention(graph(q, k, v) { softmax(q @ transpose(k)) @ v })]
}
";
    assert!(met.insert(fingerprint(&other)), "another rival");
    let pre_norm = other.replace("layer_norm(x + mixer(x))", "x + mixer(layer_norm(x))");
    assert!(pre_norm != other && met.insert(fingerprint(&pre_norm)), "another layer of the rival's");
    let mut data = files(EXPERIMENT);
    data.0.insert("words.txt".to_owned(), "one\ntwO\n".to_owned());
    assert!(met.insert(experiment(&data, "law.phyla").fingerprint.to_string()), "a byte of the data");
}

#[test]
fn a_resolved_experiment_is_the_same_experiment() {
    for key in ["law.phyla", "experiments/smoke.phyla", "experiments/quickstart.phyla", "experiments/ablation_uniform.phyla"] {
        let files = files(EXPERIMENT);
        let checked = experiment(&files, key);
        let mut again = Memory::new(&[("elsewhere/resolved.phyla", &checked.source)]);
        // What is kept in memory has no place on the disk to be absolute in.
        for (name, text) in files.0 {
            let absolute = std::path::absolute(&name).expect("a path").display().to_string();
            again.0.insert(absolute, text);
        }
        assert_eq!(check(&again, "elsewhere/resolved.phyla").0, "", "{key}");
        let resolved = experiment(&again, "elsewhere/resolved.phyla");
        assert_eq!(resolved.fingerprint, checked.fingerprint, "{key}:\n{}", checked.source);
        assert_eq!(resolved.source, checked.source, "{key}");
        assert_eq!(phyla::syntax::format(&checked.source).expect("a source"), checked.source, "{key}");
        // What `best.phyla` begins with stands by itself.
        let Some(source) = &checked.space_source else {
            assert!(checked.settings.search.is_none(), "{key}");
            continue;
        };
        let space = Memory::new(&[("space.phyla", &source.text)]);
        assert_eq!(check(&space, "space.phyla").0, "", "{key}");
        let world = World::load(&space, &["space.phyla".to_owned()]);
        let checker = Checker::new(&world, &space);
        let alone = checker.named_space("space.phyla", &source.name).expect("declared");
        assert_eq!(alone.count(), checked.space.count(), "{key}");
    }
}

#[test]
fn a_change_on_the_command_line_is_checked_as_the_file_is() {
    let plan = |set: &str| phyla(&["plan", "experiments/smoke.phyla", "--json", "--set", set]);
    let (code, stdout, stderr) = plan("search.evaluations=60");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("\"candidates\":60"), "{stdout}");
    for (set, code, wanted) in [
        ("search.evaluatons=60", 1, "did you mean `evaluations`?"),
        ("search.evaluations=-1", 1, "E0303"),
        ("evaluate.warmup=3 h", 1, "E0302"),
        ("search.evaluations", 2, "is not `path=value`"),
        ("search.evaluations=", 2, "is not `path=value`"),
        ("space.layers=3", 1, "`space = NAME { layers = … }`"),
        ("model.hidden=63", 1, "[--set:1:1]"),
        ("search.evaluations=(", 2, "E0102"),
    ] {
        let (found, _, stderr) = plan(set);
        assert_eq!(found, Some(code), "{set}: {stderr}");
        assert!(stderr.contains(wanted), "{set}: {stderr}");
    }
}

#[test]
fn a_name_on_the_command_line_is_checked_where_it_stands() {
    for (name, wanted) in [
        ("std.architectures.bert.first(99)", "[NAME:1:1]"),
        ("std.architectures.bert.first(", "[NAME:1:29]"),
        ("std.architectures.bret", "did you mean `std.architectures.bert`?"),
        ("bert", "did you mean `std.architectures.bert`?"),
        ("feed_foward", "did you mean `std.layers.feed_forward`?"),
        ("smoke", "is no graph, op, architecture or space"),
    ] {
        let (code, stdout, stderr) = phyla(&["graph", "experiments/smoke.phyla", name]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{name}");
        assert!(stderr.contains(wanted), "{name}: {stderr}");
    }
    let (code, stdout, _) = phyla(&["graph", "experiments/smoke.phyla", "std.architectures.bert.first(4).first(2)"]);
    assert!(code == Some(0) && stdout.matches("query: linear").count() == 2, "{stdout}");
}

#[test]
fn what_takes_any_size_is_drawn_with_its_letters() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.phyla");
    let text = "op turned(x: [i, j]) -> [j, i] {\n    transpose(softmax(x))\n}\n\ngraph wide(out: size)(x: [n, d]) -> [n, out] {\n    x |> linear(out)\n}\n";
    fs::write(&file, text).expect("written");
    let drawn = |name: &str| phyla(&["graph", file.to_str().expect("a path"), name]);
    let (code, stdout, stderr) = drawn("turned");
    assert!(code == Some(0) && stdout.contains("softmax\\n[i, j]") && stdout.contains("transpose\\n[j, i]"), "{stdout}{stderr}");
    let (code, stdout, stderr) = drawn("wide");
    assert!(code == Some(0) && stdout.contains("[n, out]") && !stdout.contains("1000"), "{stdout}{stderr}");
}

#[test]
fn a_new_experiment_checks_once_its_text_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let phyla = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
        let output = command.current_dir(folder.path()).args(arguments).output().expect("the program starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(phyla(&["new", "mine"]), (Some(0), String::new()));
    let (code, stderr) = phyla(&["check", "mine.phyla"]);
    assert!(code == Some(1) && stderr.contains("E0801") && stderr.contains("corpus.txt"), "{stderr}");
    fs::write(folder.path().join("corpus.txt"), "a line\n").expect("written");
    assert_eq!(phyla(&["check", "mine.phyla"]), (Some(0), String::new()));
    assert_eq!(phyla(&["fmt", "--check", "mine.phyla"]), (Some(0), String::new()));
    assert_eq!(phyla(&["new", "mine"]).0, Some(1));
    assert_eq!(phyla(&["new", "Mine!"]).0, Some(2));
    // Whatever a file is called, the source names it.
    let odd = "a \"b\\n.txt";
    fs::write(folder.path().join(odd), "a line\n").expect("written");
    assert_eq!(phyla(&["new", "odd", "--corpus", odd]), (Some(0), String::new()));
    assert_eq!(phyla(&["check", "odd.phyla"]), (Some(0), String::new()));
}

/// `--diff` shows what formatting would change, and changes nothing; applied, it is the formatted text.
#[test]
fn a_diff_tells_what_formatting_would_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wide.phyla");
    let text = "use std.models { micro }\n\n// The width.\nmodel wide = micro {hidden=128}\n";
    fs::write(&file, text).expect("written");
    let fmt = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_phyla")).arg("fmt").args(more).arg(&file).output().expect("the program starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, diff) = fmt(&["--diff"]);
    assert_eq!((code, fs::read_to_string(&file).expect("there").as_str()), (Some(1), text));
    assert!(diff.contains("\n-model wide = micro {hidden=128}\n+model wide = micro { hidden = 128 }\n"), "{diff}");
    assert!(diff.starts_with("--- ") && diff.contains("@@ -1,4 +1,4 @@"), "{diff}");
    assert_eq!(fmt(&[]), (Some(0), String::new()));
    assert_eq!(fmt(&["--diff"]), (Some(0), String::new()));
    assert_eq!(fmt(&["--diff", "--check"]).0, Some(2));
}

/// Who may read a file may read it after it was formatted, nobody else, and a link stays one; what is read-only stays as it is.
#[cfg(unix)]
#[test]
fn formatting_keeps_permissions_and_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().expect("a folder");
    let (file, link) = (folder.path().join("wide.phyla"), folder.path().join("link.phyla"));
    let text = "model wide = std.models.micro {hidden=128}\n";
    let write = |mode: u32| {
        let _not_there = fs::remove_file(&file);
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
    };
    let mode = || fs::metadata(&file).expect("there").permissions().mode() & 0o777;
    let fmt = || Command::new(env!("CARGO_BIN_EXE_phyla")).arg("fmt").arg(&link).output().expect("the program starts").status.code();
    symlink(&file, &link).expect("linked");
    write(0o600);
    assert_eq!((fmt(), mode()), (Some(0), 0o600));
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_ne!(fs::read_to_string(&file).expect("there"), text);
    write(0o444);
    assert_eq!((fmt(), mode()), (Some(1), 0o444));
    assert_eq!(fs::read_to_string(&file).expect("there"), text);
}

/// Output that is lost is a failure, whatever the command; a reader that has gone away is none.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    for arguments in [&["doc"][..], &["plan", "experiments/smoke.phyla", "--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).stdout(full).output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains("E0902"), "{arguments:?}: {stderr}");
    }
}

/// First values are drawn by the names of what owns them, so a run under another name is another one.
#[test]
fn names_of_what_owns_parameters_are_part_of_the_meaning() {
    let print = |name: &str, remark: &str| {
        let text = format!(
            "use \"experiments/quickstart.phyla\" {{ quickstart }}\nuse std.layers {{ encoder_layer, light_convolution }}\n\n\
             {remark}graph {name}(x: [n, h]) -> [n, h] {{\n    x |> linear(h)\n}}\n\nspace s {{\n    mixer = choose {{ a = {name}, b = light_convolution }}\n    \
             layers = 4\n    body = repeat(layers) {{ encoder_layer(mixer) }}\n}}\n\nexperiment e = quickstart {{ space = s, compare = [] }}\n"
        );
        experiment(&Memory::new(&[("e.phyla", &text)]), "e.phyla").fingerprint
    };
    assert_eq!(print("mine", ""), print("mine", "/// A remark.\n"));
    assert_ne!(print("mine", ""), print("other", ""));
}

/// What is written back means what was written, also where names of its parts meet.
#[test]
fn a_resolved_experiment_means_the_same() {
    let head = "use \"experiments/quickstart.phyla\" { quickstart }\nuse std.layers { attention as att, encoder_layer, light_convolution, self_attention as sa }\n";
    let hidden = "op gelu(x: [i, j]) -> [i, j] {\n    relu(x)\n}\n\ngraph curved(x: [n, h]) -> [n, h] {\n    gelu(x)\n}\n\nspace s {\n    \
                  mixer = choose { a = curved, b = light_convolution(5) }\n    layers = 4\n    body = repeat(layers) { encoder_layer(mixer) }\n}\n";
    let parameter = "graph both(self_attention: graph(q: [n, d], k: [n, d], v: [n, d]) -> [n, d])(q: [n, d], k: [n, d], v: [n, d]) -> [n, d] {\n    \
                     sa(q, k, v) - self_attention(k, q, v)\n}\n\nspace s {\n    mixer = choose { a = att(both(sa)), b = light_convolution(5) }\n    \
                     layers = 4\n    body = repeat(layers) { encoder_layer(mixer) }\n}\n";
    let field = "space s {\n    attention = choose { a = att(), b = light_convolution(5) }\n    layers = 4\n    \
                 body = repeat(layers) { encoder_layer(attention) }\n}\n";
    for (text, same) in [(hidden, true), (parameter, true), (field, false)] {
        let files = Memory::new(&[("e.phyla", &format!("{head}\n{text}\nexperiment e = quickstart {{ space = s, compare = [] }}\n"))]);
        let checked = experiment(&files, "e.phyla");
        let again = experiment(&Memory::new(&[("again.phyla", &checked.source)]), "again.phyla");
        // Another name for what was captured is another path, from which first values are drawn; what is computed is the same.
        assert_eq!(again.fingerprint == checked.fingerprint, same, "{}", checked.source);
        assert_eq!(again.space.count(), checked.space.count());
        for hole in &checked.space.holes {
            let bodies =
                |space: &phyla::space::Space| match &space.holes.iter().find(|known| known.name == hole.name).expect("the hole").domain {
                    phyla::space::Domain::Choose(arms) => arms.iter().map(|arm| phyla::graph::hash(&arm.body)).collect::<Vec<_>>(),
                    _ => Vec::new(),
                };
            assert_eq!(bodies(&again.space), bodies(&checked.space), "{}", checked.source);
        }
    }
}
