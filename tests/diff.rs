//! Files compared by meaning: what changed is told, what makes no difference is not, at revisions of git too.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::Memory;
use phyla::check::{Checker, Difference, Status, World, differences};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const BEFORE: &str = include_str!("compared/before.phyla");

/// Each a piece of the file and what stands in its place afterwards.
const EDITS: &[(&str, &str)] = &[
    ("x * sigmoid(x)", "tanh(x) * sigmoid(x)"),
    ("[softplus]", "[softplus, relu]"),
    ("choose(3, 7, 65)", "choose(3, 9, 65)"),
    ("depth = 2..=9", "depth = 2..=8"),
    ("layers = 2", "layers = 3"),
    ("params <= 900K", "params <= 800K"),
    ("softmax(scale(q @ transpose(k))) @ v", "softmax(q @ transpose(-k)) @ v"),
    ("|> gelu", "|> relu"),
    ("conv(kernel = 65)", "conv(kernel = 9)"),
    ("(q + k)", "(q + q)"),
    ("})\n    ]", "})\n        conv(kernel = 3)\n    ]"),
    ("steps = 800", "steps = 900, optimizer.lr = 1e-3"),
    (", std.tasks.mrpc]", "]"),
    ("task gone", "task here"),
];

fn after() -> String {
    EDITS.iter().fold(BEFORE.to_owned(), |text, (piece, other)| {
        assert_eq!(text.matches(piece).count(), 1, "{piece}");
        text.replace(piece, other)
    })
}

/// The differences between two sets of files, each compared by its first.
fn compared(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<Difference> {
    let files = [before, after].map(Memory::new);
    let keys = [before, after].map(|files| files.first().expect("a file").0.to_owned());
    let [left, right] = [0, 1].map(|side: usize| World::load(files.get(side).expect("two"), keys.get(side..=side).expect("two")));
    let (one, other) = (Checker::new(&left, &files[0]), Checker::new(&right, &files[1]));
    let [key, other_key] = &keys;
    for (checker, key) in [(&one, key), (&other, other_key)] {
        checker.check_module(key);
        assert!(!checker.failed(), "{:?}", checker.diagnostics());
    }
    differences((&one, key), (&other, other_key))
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").args(identity).args(arguments).current_dir(folder).output().expect("git is here");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn phyla(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_phyla")).arg("diff").args(arguments).current_dir(folder).output().expect("the program starts");
    (status.code(), String::from_utf8(stdout).expect("UTF-8"), String::from_utf8(stderr).expect("UTF-8"))
}

/// A default is part of what a call without it means, and a parameter's name of what one with it says.
#[test]
fn static_parameters_are_compared() {
    let graph = |statics: &str| format!("graph g({statics})(x: [n, h]) -> [n, h] {{\n    light_conv(kernel, norm)(x)\n}}\n");
    let told = |one: &str, other: &str| {
        let found = compared(&[("a.phyla", &graph(one))], &[("b.phyla", &graph(other))]);
        found
            .iter()
            .flat_map(|one| &one.changes)
            .map(|change| format!("{} {:?} {:?}", change.path, change.before, change.after))
            .collect::<Vec<_>>()
    };
    let before = "kernel: size = 7, norm: number = 1";
    assert_eq!(told(before, before), [""; 0]);
    assert_eq!(told(before, "kernel: size = 7,\n    norm: number = 1"), [""; 0]);
    assert_eq!(told(before, "kernel: size = 7, norm: number = 0"), ["norm Some(\"1\") Some(\"0\")"]);
    let without = told(before, "kernel: size, norm: number = 1");
    assert!(without.contains(&"kernel Some(\"7\") Some(\"must be given\")".to_owned()), "{without:?}");
}

#[test]
fn what_changed_is_told_in_words() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("a.phyla"), BEFORE).expect("written");
    fs::write(folder.path().join("b.phyla"), after()).expect("written");
    let (code, told, _) = phyla(folder.path(), &["a.phyla", "b.phyla"]);
    assert_eq!(code, Some(1), "{told}");
    insta::assert_snapshot!("told", told);
    let (code, told, _) = phyla(folder.path(), &["a.phyla", "b.phyla", "--json"]);
    let read: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((code, &read["same"]), (Some(1), &serde_json::Value::Bool(false)));
    assert_eq!(read["differences"].as_array().map(Vec::len), Some(compared(&[("a", BEFORE)], &[("b", &after())]).len()));
    assert_eq!(phyla(folder.path(), &["a.phyla", "a.phyla"]), (Some(0), "no difference in meaning\n".to_owned(), String::new()));
}

#[test]
fn layout_order_and_files_make_no_difference() {
    let untidy = BEFORE.replace("    ", "  ").replace("\n\n", "\n// a comment\n\n\n");
    assert!(compared(&[("a", BEFORE)], &[("a", &untidy)]).is_empty());
    let (imports, declarations) = BEFORE.split_once("\n\n").expect("imports and declarations");
    let mut items: Vec<&str> = declarations.trim_end().split("\n\n").collect();
    items.reverse();
    let turned = format!("{imports}\n\n{}\n", items.join("\n\n"));
    assert!(compared(&[("a", BEFORE)], &[("a", &turned)]).is_empty());
    // An experiment whose space lies in another file means the same.
    let whole = format!("{BEFORE}\n{}", EXPERIMENT.replace("SPACE", "backbone"));
    let parts = [("b", EXPERIMENT.replace("SPACE", "moved")), ("parts", BEFORE.to_owned())];
    let other = format!("use \"parts\" {{ backbone as moved }}\n\n{}", parts[0].1);
    let found = compared(&[("a", &whole)], &[("b", &other), ("parts", BEFORE)]);
    assert!(found.is_empty(), "what has moved into an imported file is not gone: {found:?}");
    let found = compared(&[("b", &other), ("parts", BEFORE)], &[("a", &whole)]);
    assert!(found.is_empty(), "nor is it new the other way: {found:?}");
    let changed = BEFORE.replace("depth = 2..=9", "depth = 2..=8");
    let found = compared(&[("a", &whole)], &[("b", &other), ("parts", &changed)]);
    let told: Vec<(&str, Status)> = found.iter().map(|one| (one.kind.as_str(), one.status)).collect();
    assert!(told.contains(&("space", Status::Changed)) && told.contains(&("experiment", Status::Changed)), "{found:?}");
    assert!(told.iter().all(|(_, status)| *status == Status::Changed), "{found:?}");
}

const EXPERIMENT: &str = "experiment tried {
    model = std.models.micro
    space = SPACE
    corpus = text(\"experiments/data/austen.txt\")
    search = std.search.op_nas { population = 4, evaluations = 6 }
    evaluate = std.search.biws { suite = std.suites.mini }
    final = { pretrain = std.train.pretrain_tiny, suite = std.suites.mini }
}
";

#[test]
fn revisions_of_git_are_compared() {
    let folder = TempDir::new().expect("a folder");
    let here = folder.path();
    git(here, &["init", "-q", "."]);
    fs::create_dir(here.join("sub")).expect("a folder");
    fs::write(here.join("sub/parts.phyla"), BEFORE).expect("written");
    fs::write(here.join("words.txt"), "one two three\n").expect("written");
    let mine = EXPERIMENT.replace("SPACE", "backbone").replace("experiments/data/austen.txt", "words.txt");
    fs::write(here.join("mine.phyla"), format!("use \"sub/parts.phyla\" {{ backbone }}\n\n{mine}")).expect("written");
    git(here, &["add", "-A"]);
    git(here, &["commit", "-qm", "one"]);
    assert_eq!(phyla(here, &["HEAD:mine.phyla", "mine.phyla"]).0, Some(0));
    // The imported space and the data are those of the revision.
    fs::write(here.join("sub/parts.phyla"), after()).expect("written");
    fs::write(here.join("words.txt"), "one two four\n").expect("written");
    let (code, told, _) = phyla(here, &["HEAD:mine.phyla", "mine.phyla"]);
    assert_eq!(code, Some(1), "{told}");
    for part in ["fingerprint", "space.layers", "2 → 3", "corpus.source.files", "space.mixer.conv.kernel"] {
        assert!(told.contains(part), "{part} in:\n{told}");
    }
    // From a folder within, as git names files.
    assert_eq!(phyla(&here.join("sub"), &["HEAD:./parts.phyla", "HEAD:sub/parts.phyla"]).0, Some(0));
    for (revision, why) in [("HEAD~7:mine.phyla", "git knows no revision `HEAD~7`"), ("HEAD:none.phyla", "is not in git at `HEAD`")] {
        let (code, _, told) = phyla(here, &[revision, "mine.phyla"]);
        assert!(code == Some(2) && told.contains(why), "{code:?} {told}");
    }
    // As git's own diff.
    git(here, &["config", "diff.phyla.command", &format!("'{}' diff --git-driver", env!("CARGO_BIN_EXE_phyla"))]);
    fs::write(here.join(".gitattributes"), "*.phyla diff=phyla\n").expect("written");
    let told = git(here, &["diff", "--", "sub"]);
    assert!(told.starts_with("phyla diff sub/parts.phyla\n") && told.contains("replace k by q"), "{told}");
    fs::write(here.join("sub/parts.phyla"), BEFORE.replace("layers = 2", "layers = ")).expect("written");
    let told = git(&here.join("sub"), &["diff", "--", "parts.phyla"]);
    assert!(told.contains("line by line") && told.contains("+    layers = \n"), "{told}");
    fs::remove_file(here.join("sub/parts.phyla")).expect("removed");
    assert!(git(here, &["diff", "--", "sub"]).contains("- space backbone"));
}
