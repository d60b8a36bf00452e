//! The standard library's models beside PyTorch's, and `phyla bench`.
//!
//! Losses, gradients and counts of operations are compared with PyTorch where it is there (`sh tests/peers/setup.sh`, or a Python
//! with torch in PHYLA_PEER_PYTHON); what it counted last time stands in `tests/peers/flops.json` and is compared always.
//! `PHYLA_BLESS=1 cargo test --test peers` writes that file anew.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr, reason = "a test fails by panicking")]
mod common;

use common::Memory;
use common::executors::{Tested, executors};
use phyla::check::{Checker, World};
use phyla::diagnostic::FileId;
use phyla::exec::checkpoint::{from_safetensors, to_safetensors};
use phyla::exec::parameters::initial;
use phyla::exec::{Array, Batch, Parameters, Program, Targets};
use phyla::graph::cost::{Cost, cost};
use phyla::graph::{Graph, Symbol, assemble};
use phyla::run::bench::{BASE, LAYERS, SMALL, Size, TINY};
use phyla::settings::Model;
use phyla::space::fillings;
use phyla::space::sizes;
use phyla::stream::{RngExt, SliceRandom, derived, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A Python with torch; `None`, with a word on how to get one, where there is none.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("PHYLA_PEER_PYTHON").filter(|name| !name.is_empty()).map(PathBuf::from);
    let python = named.unwrap_or_else(|| "target/peers/venv/bin/python".into());
    let found = Command::new(&python).args(["-c", "import torch; torch.__version__"]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    common::skipped("there is no torch: run `sh tests/peers/setup.sh`, or name a Python that has it in PHYLA_PEER_PYTHON");
    None
}

/// What a script of `tests/peers` answers.
fn asked(python: &PathBuf, script: &str, question: &str) -> String {
    let mut command = Command::new(python);
    command.arg(format!("tests/peers/{script}")).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    child.stdin.take().expect("a line").write_all(question.as_bytes()).expect("asked");
    let output = child.wait_with_output().expect("an answer");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

/// A model of the standard library, for both sides.
struct Peered {
    graph: Graph,
    model: Model,
    /// As `step_server.py` takes it.
    spec: Value,
}

const CLASSES: usize = 2;

fn peered(architecture: &str, model: Model, masked: bool, width: usize) -> Peered {
    let files = Memory::default();
    let world = World::load(&files, &[]);
    peered_by(&Checker::new(&world, &files), architecture, model, masked, width)
}

fn peered_by(checker: &Checker<'_>, architecture: &str, model: Model, masked: bool, width: usize) -> Peered {
    let named = checker.named_architecture("std.architectures", architecture, FileId::default()).expect("an architecture");
    let encoder = checker.named_graph("std.architectures", architecture, FileId::default()).expect("its graph");
    let templates = checker.models().expect("the standard library");
    let template = if masked { templates.masked_lm } else { templates.classifier };
    let spec = json!({
        "do": "model", "architecture": architecture, "layers": fillings(&named.space, &named.architecture),
        "hidden": model.hidden, "heads": model.heads, "feed_forward": model.feed_forward, "length": model.length,
        "vocabulary": model.vocabulary, "dropout": 0.0, "head": if masked { "masked_lm" } else { "classifier" }, "classes": CLASSES,
        "rows": 3, "width": width, "threads": 1,
        "optimizer": { "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-6, "weight_decay": 0.01, "clip": 1.0 },
    });
    Peered { graph: assemble(&template, "body", &encoder, 0.0).expect("it fits"), model, spec }
}

impl Peered {
    /// The cost of one sentence of `width` tokens, of which training would predict 15 %.
    fn cost(&self, width: usize) -> Cost {
        let sizes = sizes(&self.model, CLASSES).with(Symbol::Tokens, width);
        cost(&self.graph, &sizes.with(Symbol::Predictions, ((width - 2) as f64 * 0.15).ceil() as usize)).expect("a cost")
    }

    /// The peer's name of each parameter: by its owner's export name, and the layer it lies in.
    fn names(&self, program: &Program) -> BTreeMap<String, String> {
        let (mut norms, mut linears) = (0, 0);
        let mut layer = 0;
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for node in self.graph.order().into_iter().filter_map(|index| self.graph.node(index)).filter(|node| !node.path.is_empty()) {
            let name = node.label.as_deref().filter(|label| !label.is_empty()).or(node.op_name()).expect("an operation");
            let theirs = match name {
                "word" | "segments" | "positions" | "transform" => name.to_owned(),
                "query" | "key" | "value" | "gate" | "output" => format!("layers.{layer}.mixer.{name}"),
                "light_conv" => format!("layers.{layer}.mixer.taps"),
                "up" | "down" => format!("layers.{layer}.{name}"),
                "layer_norm" => {
                    norms += 1;
                    match norms {
                        1 => "norm".to_owned(),
                        // Each layer ends with its second norm.
                        last if last == 2 * self.spec["layers"].as_array().expect("layers").len() + 2 => "head_norm".to_owned(),
                        number if number % 2 == 0 => format!("layers.{layer}.norm1"),
                        _ => {
                            layer += 1;
                            format!("layers.{}.norm2", layer - 1)
                        }
                    }
                }
                "unembed" => String::new(),
                "linear" => {
                    linears += 1;
                    ["pooler", "classifier"][linears - 1].to_owned()
                }
                "dropout" => continue,
                other => panic!("{other} at {}", node.path),
            };
            owners.insert(node.path.clone(), theirs);
        }
        let theirs = |name: &str| {
            let (path, role) = name.rsplit_once('/').expect("path/role");
            match owners[path].as_str() {
                "" => role.to_owned(),
                owner if owner == "positions" || owner.ends_with(".taps") => owner.to_owned(),
                owner => format!("{owner}.{role}"),
            }
        };
        program.parameters().iter().map(|spec| (spec.name.clone(), theirs(&spec.name))).collect()
    }
}

fn renamed(parameters: &Parameters, names: &BTreeMap<String, String>) -> Parameters {
    Parameters(parameters.0.iter().map(|(name, array)| (names[name].clone(), array.clone())).collect())
}

/// The largest difference, as a share of the largest value.
fn apart(found: &Array, wanted: &Array) -> f32 {
    assert_eq!(found.shape, wanted.shape);
    let largest = wanted.data.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let difference = found.data.iter().zip(&wanted.data).fold(0.0f32, |largest, (a, b)| largest.max((a - b).abs()));
    // Gradients that are 0 but for rounding, as of a key's bias, have no scale of their own.
    difference / largest.max(1e-3)
}

fn agrees(python: &PathBuf, architecture: &str, masked: bool) {
    let model = Model { hidden: 24, heads: 3, feed_forward: 40, length: 14, vocabulary: 50, dropout: 0.0 };
    let peered = peered(architecture, model, masked, 12);
    let program = Program::lower(&peered.graph, &sizes(&peered.model, CLASSES)).expect("lowered");
    let mut draws = stream(7, architecture, u64::from(masked));
    // Every parameter matters: no bias is 0, no gain 1.
    let mut random = |shape: &[usize], middle: f32| {
        let data = (0..shape.iter().product()).map(|_| middle + (draws.random::<f32>() - 0.5) * 0.8);
        Array { shape: shape.to_vec(), data: data.collect() }
    };
    let middle = |shape: &[usize], name: &str| if shape.len() == 1 && name.ends_with("weight") { 1.0 } else { 0.0 };
    let specs = program.parameters().iter();
    let parameters = Parameters(specs.map(|spec| (spec.name.clone(), random(&spec.shape, middle(&spec.shape, &spec.name)))).collect());

    // The second and third sentence are padded.
    let (width, lengths) = (12, vec![12, 7, 3]);
    let tokens: Vec<u32> = (0..3 * width as u32).map(|place| 5 + place * 7 % 45).collect();
    let segments: Vec<u32> = (0..3 * width as u32).map(|place| u32::from(place % 12 > 5)).collect();
    let mut inputs = BTreeMap::from([("tokens".to_owned(), tokens.clone()), ("segments".to_owned(), segments.clone())]);
    let mut packed = json!({ "lengths": lengths, "width": width, "tokens": tokens, "segments": segments });
    let targets: Vec<Option<u32>> = if masked {
        let at: Vec<u32> = vec![1, 10, 2, 6, 1, 0];
        packed["at"] = json!(at);
        inputs.insert("at".to_owned(), at);
        vec![Some(3), Some(49), Some(17), Some(8), Some(30), None]
    } else {
        vec![Some(1), Some(0), Some(1)]
    };
    packed["targets"] = json!(targets);
    let batch = Batch { rows: 3, width, lengths, inputs, targets: Targets::Classes(targets) };

    let folder = tempfile::tempdir().expect("a folder");
    let (weights, gradients) = (folder.path().join("weights"), folder.path().join("gradients"));
    let names = peered.names(&program);
    std::fs::write(&weights, to_safetensors(&renamed(&parameters, &names), &BTreeMap::new())).expect("written");
    let questions = [
        peered.spec.clone(),
        json!({ "do": "batches", "batches": [packed] }),
        json!({ "do": "gradients", "weights": weights, "gradients": gradients }),
    ];
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let answers = asked(python, "step_server.py", &lines);
    let last: Value = serde_json::from_str(answers.lines().last().expect("an answer")).expect("JSON");
    assert!(answers.lines().count() == questions.len() && last["error"].is_null(), "{answers}");
    let theirs = from_safetensors(&std::fs::read(&gradients).expect("gradients")).expect("safetensors");

    for Tested { name, executor, .. } in executors() {
        let (loss, found) = executor.gradients(&program, &parameters, &batch, None).expect("a step");
        let (wanted, place) = (last["loss"].as_f64().expect("a loss"), format!("{architecture}, {name}"));
        assert!((f64::from(loss) - wanted).abs() < 1e-4, "{place}: a loss of {loss} instead of {wanted}");
        let found = renamed(&found, &names);
        assert_eq!(found.0.keys().collect::<BTreeSet<_>>(), theirs.0.keys().collect(), "{place}");
        for (name, wanted) in &theirs.0 {
            let apart = apart(&found.0[name], wanted);
            assert!(apart < 1e-4, "{place}: the gradient of {name} is {apart} apart");
        }
    }
    eprintln!("{architecture}, {}: loss and {} gradients as PyTorch's", peered.spec["head"], theirs.0.len());
}

#[test]
fn losses_and_gradients_are_pytorchs() {
    let Some(python) = python() else { return };
    for architecture in ["std.architectures.bert.first(2)", "std.architectures.autobert_zero.first(4)", "std.architectures.autobert_zero"] {
        for masked in [true, false] {
            agrees(&python, architecture, masked);
        }
    }
}

fn model(size: &Size) -> Model {
    let Size { hidden, heads, feed_forward, length, vocabulary, .. } = *size;
    Model { hidden, heads, feed_forward, length, vocabulary, dropout: 0.0 }
}

/// The models that are counted: both kinds of layers at every size, and at base size one layer of AutoBERT-Zero after the other.
fn counted() -> Vec<(Peered, usize)> {
    let files = Memory::default();
    let world = World::load(&files, &[]);
    let checker = Checker::new(&world, &files);
    let one = |layers: &str, count: usize, size: &Size, masked: bool, width: usize| {
        (peered_by(&checker, &format!("std.architectures.{layers}.first({count})"), model(size), masked, width), width)
    };
    let mut found = Vec::new();
    for layers in LAYERS {
        found.extend([&TINY, &SMALL].map(|size| one(layers, size.layers, size, true, size.length)));
        let counts = (1..=BASE.layers).filter(|count| layers == "autobert_zero" || [1, BASE.layers].contains(count));
        found.extend(counts.map(|count| one(layers, count, &BASE, true, BASE.length)));
        found.push(one(layers, BASE.layers, &BASE, false, 53));
    }
    found
}

const TABLE: &str = "tests/peers/flops.json";

#[test]
fn costs_are_pytorchs() {
    let counted = counted();
    if let Some(python) = python() {
        let specs: Vec<&Value> = counted.iter().map(|(peered, _)| &peered.spec).collect();
        let mut told: Value = serde_json::from_str(&asked(&python, "flops.py", &json!(specs).to_string())).expect("JSON");
        for (count, spec) in told["counts"].as_array_mut().expect("counts").iter_mut().zip(specs) {
            for key in ["architecture", "head", "hidden", "width"] {
                count[key] = spec[key].clone();
            }
        }
        if std::env::var_os("PHYLA_BLESS").is_some() {
            let rows: Vec<String> = told["counts"].as_array().expect("counts").iter().map(|count| format!("    {count}")).collect();
            let text = format!("{{\n  \"torch\": {},\n  \"counts\": [\n{}\n  ]\n}}\n", told["torch"], rows.join(",\n"));
            std::fs::write(TABLE, text).expect("written");
        }
        let known: Value = serde_json::from_str(&std::fs::read_to_string(TABLE).expect("the table")).expect("JSON");
        assert_eq!(told["counts"], known["counts"], "PyTorch {} counts otherwise than {} did", told["torch"], known["torch"]);
    }
    let known: Value = serde_json::from_str(&std::fs::read_to_string(TABLE).expect("the table")).expect("JSON");
    assert_eq!(known["counts"].as_array().map(Vec::len), Some(counted.len()));
    for ((peered, width), known) in counted.iter().zip(known["counts"].as_array().expect("counts")) {
        let place = format!("{} {} {width}", peered.spec["architecture"], peered.spec["hidden"]);
        assert_eq!((&peered.spec["architecture"], &peered.spec["head"]), (&known["architecture"], &known["head"]), "{place}");
        let cost = peered.cost(*width);
        assert_eq!(Some(cost.flops), known["flops"].as_u64(), "{place}");
        assert_eq!(Some(cost.params), known["parameters"].as_u64(), "{place}");
        // A step back costs two products for each one forward, as `phyla bench` counts. PyTorch counts the gradient of a depthwise
        // convolution's taps as if every channel met every other, which no kernel computes.
        let kernel = |layer: &Value| layer.as_str()?.strip_prefix("conv(kernel = ")?.strip_suffix(')')?.parse::<usize>().ok();
        let taps: usize = peered.spec["layers"].as_array().expect("layers").iter().filter_map(kernel).sum();
        let (hidden, extra) = (peered.model.hidden, 2 * width * taps);
        assert_eq!(Some(3 * cost.flops + (extra * hidden * (hidden - 1)) as u64), known["step_flops"].as_u64(), "{place}");
    }
}

/// An experiment whose model is `std.models.base`.
const BASE_SIZED: &str = "\
use std.search { biws, op_nas }

experiment base_sized {
    model = std.models.base
    space = std.spaces.autobert_zero
    corpus = text(\"words.txt\")
    search = op_nas
    evaluate = biws { suite = std.suites.mini }
    final = { pretrain = std.train.pretrain, suite = std.suites.mini }
}
";

/// 109.5 million with the pooler, as BERT-base is known for; the task's head comes to that.
#[test]
fn bert_base_has_as_many_parameters_as_it_should() {
    let files = Memory::new(&[("base.phyla", BASE_SIZED), ("words.txt", "one\ntwo\n")]);
    let base = common::experiment(&files, "base.phyla").settings.model;
    let peered = peered("std.architectures.bert", base, false, 512);
    let cost = peered.cost(512);
    let (hidden, head) = (768, 768 * CLASSES as u64 + CLASSES as u64);
    assert_eq!(cost.params - head, 109_482_240);
    assert_eq!(cost.params - cost.params_without_embeddings, (30_522 + 512 + 2) * hidden);
    assert_eq!(cost.params_without_embeddings - head, 85_646_592);
}

/// The outcome of a small benchmark.
fn bench(arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let output = command.args(["bench", "--sizes", "tiny", "--bursts", "1", "--rows", "8"]).args(arguments).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_benchmark_without_a_peer_tells_of_our_side_alone() {
    let (json, progress) = bench(&["--no-peer", "--json", "--threads", "2"]);
    assert!(progress.contains("tiny autobert_zero"), "{progress}");
    let outcome: Value = serde_json::from_str(&json).expect("one JSON object");
    assert!(outcome.get("peer").is_none() && !json.contains("ratio") && !json.contains("peer_"), "{json}");
    assert_eq!((&outcome["executor"], &outcome["machine"]["threads"]), (&json!("native"), &json!(2)));
    assert!(outcome["machine"]["peak_gflops"].as_f64().is_some_and(|peak| peak > 0.0));
    let models = outcome["models"].as_array().expect("models");
    assert_eq!(models.iter().map(|model| &model["layers"]).collect::<Vec<_>>(), LAYERS);
    for (model, layers) in models.iter().zip(LAYERS) {
        let peered = peered(&format!("std.architectures.{layers}.first(4)"), self::model(&TINY), true, 64);
        assert_eq!(model["flops"].as_u64(), Some(peered.cost(64).flops));
        for key in ["step", "forward"] {
            let seconds = &model[key]["seconds"];
            assert!(seconds["low"].as_f64() > Some(0.0) && seconds["low"] == seconds["high"], "one burst: {model}");
            assert!(model[key]["gflops"].as_f64() > Some(0.0) && model[key]["share_of_peak"].as_f64() > Some(0.0), "{model}");
        }
        let kernels: Vec<(String, f64)> = serde_json::from_value(model["kernels"].clone()).expect("shares");
        let kernels: BTreeMap<String, f64> = kernels.into_iter().collect();
        assert!((kernels.values().sum::<f64>() - 1.0).abs() < 1e-6 && kernels["linear"] > 0.1 && kernels["planning"] < 0.1, "{model}");
        assert!(model["at_once"]["median"].as_f64() > Some(0.0), "{model}");
        let tasks: Vec<&Value> = model["fine_tuning"].as_array().expect("tasks").iter().map(|task| &task[0]).collect();
        assert_eq!(tasks, ["MRPC", "CoLA"]);
        assert!(!cfg!(target_os = "linux") || model["peak_bytes"].as_f64() > Some(1e6), "{model}");
    }
}

#[test]
fn a_benchmark_beside_pytorch_gives_ratios() {
    let Some(python) = python() else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let command = command.args(["bench", "--sizes", "tiny", "--layers", "bert", "--bursts", "2", "--rows", "8", "--json"]);
    let output = command.args(["--dropout", "0.1"]).env("PHYLA_PEER_PYTHON", python).output().expect("it starts");
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(outcome["peer"]["torch"].is_string());
    let model = &outcome["models"][0];
    for timing in [&model["step"], &model["forward"], &model["fine_tuning"][0][2], &model["fine_tuning"][1][2]] {
        let ratio = |key: &str| timing["ratio"][key].as_f64().expect("a ratio");
        assert!(0.0 < ratio("low") && ratio("low") <= ratio("median") && ratio("median") <= ratio("high"), "{timing}");
    }
    assert!(model["peer_peak_bytes"].as_f64() > Some(1e6));
}

#[test]
fn a_benchmark_that_finds_no_peer_says_how_to_get_one() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let command = command.args(["bench", "--sizes", "tiny", "--layers", "bert", "--bursts", "1", "--rows", "8"]);
    let output = command.env("PHYLA_PEER_PYTHON", "no/such/python").output().expect("it starts");
    let (told, shown) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(told.contains("no/such/python") && told.contains("tests/peers/setup.sh"), "{told}");
    assert!(shown.contains("alone") && shown.contains("| tiny bert |") && shown.contains(" ms "), "{shown}");
}

/// The head that a fine-tuning of `experiments/glue_minilm.phyla` begins with: what each class gives to each value of the pooler.
fn first_head(classes: usize, seed: u64) -> Vec<f32> {
    let model = Model { hidden: 384, heads: 12, feed_forward: 1536, length: 128, vocabulary: 30_522, dropout: 0.1 };
    let peered = peered("bert.first(6)", model, false, 12);
    let program = Program::lower(&peered.graph, &sizes(&peered.model, classes)).expect("lowered");
    let names = peered.names(&program);
    let head = program.parameters().iter().find(|spec| names[&spec.name] == "classifier.weight").expect("a head");
    initial(head, seed).data
}

/// The order in which `experiments/glue_minilm.phyla` trains, for `glue_minilm.py`: the rows that are used, of each run and epoch the
/// places among them, and each run's first head.
#[test]
#[ignore = "writes a file for tests/peers/glue_minilm.py"]
fn glue_order() {
    const RUN: u64 = 0x9E37_79B9_7F4A_7C15;
    let shuffled = |count: usize, seed: u64, name: &str, step: u64| {
        let mut places: Vec<usize> = (0..count).collect();
        places.shuffle(&mut stream(seed, name, step));
        places
    };
    let given = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let [runs, epochs] = ["GLUE_RUNS", "GLUE_EPOCHS"].map(|name| given(name).unwrap_or(2));
    let suite = derived(derived(42, "final", 0), "suite", 0);
    let task = |(name, rows, limit, classes): (&str, usize, usize, usize)| {
        let limit = given("GLUE_ROWS").map_or(limit, |rows| limit.min(rows as usize));
        let mut used = shuffled(rows, 0, &format!("rows/{name}"), 0).split_off(rows - limit);
        used.sort_unstable();
        let seeds = || (0..runs).map(|run| suite.wrapping_add(run.wrapping_mul(RUN)));
        let trained = |seed: u64| (0..epochs).map(|epoch| shuffled(limit, seed, &format!("finetune/{name}"), epoch)).collect::<Vec<_>>();
        let heads: Vec<Vec<f32>> = seeds().map(|seed| first_head(classes, seed)).collect();
        (name.to_owned(), json!({ "rows": rows, "used": used, "runs": seeds().map(trained).collect::<Vec<_>>(), "heads": heads }))
    };
    // Of SST-2 the sentences alone are drawn from: `phrases = false`.
    let tasks =
        [("cola", 8551, 8551, 2), ("sst2", 6885, 4000, 2), ("mrpc", 3668, 3668, 2), ("stsb", 5749, 5749, 1), ("rte", 2490, 2490, 2)];
    let order: serde_json::Map<String, Value> = tasks.into_iter().map(task).collect();
    std::fs::create_dir_all("target/peers").expect("a folder");
    std::fs::write("target/peers/glue_order.json", Value::Object(order).to_string()).expect("written");
}
