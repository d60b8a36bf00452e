//! The reference on the command line: every name is found, and what is said of it is what the sources say.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use phyla::check::{Entry, World};
use phyla::run::files::Disk;
use serde_json::Value;
use std::fs;
use std::process::Command;

fn doc(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_phyla")).arg("doc").args(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn says(arguments: &[&str], parts: &[&str]) {
    let (code, told, complaint) = doc(arguments);
    assert_eq!(code, Some(0), "{complaint}");
    parts.iter().for_each(|part| assert!(told.contains(part), "{arguments:?} does not say `{part}`:\n{told}"));
}

#[test]
fn each_name_of_the_reference_is_found() {
    let world = World::load(&Disk, &[]);
    let all = world.reference();
    for name in all.iter().flat_map(Entry::names) {
        assert!(!world.said_of(None, name).is_empty(), "{name}");
    }
    assert!(world.said_of(None, "nothing of the kind").is_empty());
}

#[test]
fn names_are_told_of() {
    says(&[], &["records\n    experiment, model,", "std.prelude\n    neg, ", "tests\n    shape,", "std.layers\n    self_attention,"]);
    says(&["train"], &["train, a record\n", "    steps: whole number ≥ 0, in steps; ", "    optimizer: `adamw`; default adamw {"]);
    says(&["adamw"], &["adamw, a value of optimizer", "    lr: number from 0 to 10; default 0.0001"]);
    says(&["objective"], &["objective of an experiment, one of", "objective of training, one of"]);
    says(&["evaluations"], &["evaluations, a field of search", "default 760"]);
    says(&["search.stop"], &["stop, a field of search"]);
    says(
        &["softmax"],
        &[
            "a primitive declared in std.prelude:",
            "shapes      (x: [i, j]) -> [i, j]\n",
            "z           exp(x) / Σ(exp(x))\n",
            "dx          z * (g",
        ],
    );
    // A primitive and a schedule.
    says(&["linear"], &["dweight     gᵀ @ x", "linear, a value of schedule"]);
    says(&["std.layers.attention"], &["std.layers.attention, a graph declared in std.layers:", "\n    graph attention(mix: graph("]);
    says(&["attention"], &["std.layers.attention, a graph"]);
    says(&["transformer"], &["std.ops.transformer, an ops declared", "ops transformer = [transpose, scale, softmax, matmul]"]);
    says(&["std.models"], &["model std.models.micro\n"]);
    says(&["contains"], &["contains(SPACE, ARCHITECTURE), in a test"]);
    says(&["units"], &["    GiB         Plain numbers"]);
    says(&["dag"], &["dag(inputs = [q, k, v]"]);
}

#[test]
fn a_file_tells_of_its_own_names_and_of_those_it_imports() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.phyla");
    let text = "use std.layers { attention as mixing }\n\n/// Its own gate.\nop swish(x: [i, j]) -> [i, j] {\n    x * sigmoid(x)\n}\n";
    fs::write(&path, text).expect("written");
    let file = path.to_str().expect("UTF-8");
    says(&[file], &["    op swish(x: [i, j]) -> [i, j]\n        Its own gate."]);
    says(&[file, "swish"], &["swish, an op declared in", "mine.phyla:4", "        x * sigmoid(x)"]);
    says(&[file, "mixing"], &["std.layers.attention, a graph"]);
    says(&[file, "train"], &["train, a record"]);
    let (code, _, complaint) = doc(&[file, "swich"]);
    assert!(code == Some(1) && complaint.contains("did you mean `swish`?"), "{complaint}");
    let (code, _, complaint) = doc(&["nowhere.phyla"]);
    assert!(code == Some(1) && complaint.contains("E0703"), "{complaint}");
}

#[test]
fn an_unknown_name_is_told_the_nearest() {
    for (given, meant) in [("sofmax", "softmax"), ("std.layers.atention", "std.layers.attention"), ("search.evalutions", "evaluations")] {
        let (code, told, complaint) = doc(&[given]);
        assert!(code == Some(1) && told.is_empty() && complaint.contains(&format!("did you mean `{meant}`?")), "{complaint}");
    }
}

#[test]
fn entries_are_json() {
    let read = |arguments: &[&str]| serde_json::from_str::<Value>(&doc(arguments).1).expect("JSON");
    let softmax = read(&["softmax", "--json"]);
    let first = softmax.get(0).expect("an entry");
    assert_eq!(first["entry"], "declaration");
    assert_eq!(first["gradient"][0]["of"], "x");
    let whole = read(&["--json"]);
    assert!(whole.as_array().expect("a list").iter().any(|entry| entry["entry"] == "record" && entry["name"] == "experiment"));
}
