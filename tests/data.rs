//! Tasks of a user's own: three layouts read alike, and what is wrong in a file is told before anything is trained or written.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::process::{finish, folder};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The file that the how-to page shows, with files of this ending, of which one has no labels and one tells its rows; and what it imports.
fn source(ending: &str) -> String {
    let page = fs::read_to_string("docs/how-to/own-task.md").expect("the page");
    let (_, after) = page.split_once("```phyla-fragment\n//! A task of our own").expect("the file it shows");
    let (shown, _) = after.split_once("```").expect("its end");
    let with_test = shown.replace("\"mine/dev.csv\" }", "\"mine/dev.csv\", test = \"mine/test.csv\" }\n    rows = { train = 60 }");
    format!("//! A task of our own{with_test}").replace(".csv", &format!(".{ending}"))
}

/// The lines of it that name the task's files and the experiment's suite.
const FILES: &str = "own.phyla:7:";

/// Rows of a file, each a label and a text; the label is left out of a test file.
fn rows(count: usize) -> impl Iterator<Item = (&'static str, String)> {
    let words = ["plant", "love", "of", "carry", "\"quoted\"", "a, comma"];
    let text = move |row: usize| words.iter().cycle().skip(row * 7 % 6).step_by(row % 3 + 1).take(5).copied().collect::<Vec<_>>().join(" ");
    (0..count).map(move |row| (if row % 2 == 0 { "novel" } else { "dictionary" }, text(row)))
}

fn table(ending: &str, count: usize, labelled: bool) -> String {
    let mut file = match (ending, labelled) {
        ("jsonl", _) => String::new(),
        ("csv", true) => "source,sentence\n".to_owned(),
        (_, true) => "source\tsentence\n".to_owned(),
        (_, false) => "sentence\n".to_owned(),
    };
    for (label, text) in rows(count) {
        match ending {
            "jsonl" if labelled => writeln!(file, "{}", serde_json::json!({ "sentence": text, "source": label })),
            "jsonl" => writeln!(file, "{}", serde_json::json!({ "sentence": text })),
            "csv" => writeln!(file, "{}\"{}\"", if labelled { format!("{label},") } else { String::new() }, text.replace('"', "\"\"")),
            _ => writeln!(file, "{}{text}", if labelled { format!("{label}\t") } else { String::new() }),
        }
        .expect("written");
    }
    file
}

/// The experiment and its files in a folder.
fn lay_out(folder: &Path, ending: &str) {
    fs::write(folder.join("own.phyla"), source(ending)).expect("written");
    let smoke = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/smoke.phyla");
    let first = format!("use {smoke:?} {{ smoke }}\n\nexperiment first = smoke {{ final.pretrain.steps = 4 }}\n");
    fs::write(folder.join("first.phyla"), first).expect("written");
    fs::create_dir_all(folder.join("data/mine")).expect("made");
    for (part, count, labelled) in [("train", 60, true), ("dev", 20, true), ("test", 9, false)] {
        // As editors leave them.
        let blank = if ending == "tsv" { "\n\r\n" } else { "" };
        fs::write(folder.join(format!("data/mine/{part}.{ending}")), table(ending, count, labelled) + blank).expect("written");
    }
}

fn phyla(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    finish(command.current_dir(folder).env_remove("PHYLA_GLUE").args(arguments))
}

#[test]
fn one_task_is_scored_the_same_in_three_layouts() {
    let scores = ["tsv", "csv", "jsonl"].map(|ending| {
        let place = folder();
        lay_out(place.path(), ending);
        let (code, _, stderr) = phyla(place.path(), &["check", "own.phyla"]);
        assert_eq!(code, Some(0), "{stderr}");
        let (code, stdout, stderr) = phyla(place.path(), &["train", "own.phyla", "std.architectures.bert.first(2)", "--out", "run"]);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains("accuracy"), "{stdout}");
        stdout
    });
    assert_eq!(scores[0], scores[1]);
    assert_eq!(scores[0], scores[2]);
}

/// A file, its ending, what it holds (nothing: it is not there), the code, and what is said.
type Mistake = (&'static str, &'static str, Option<&'static [u8]>, &'static str, &'static [&'static str]);

#[test]
fn what_is_wrong_in_a_file_is_told_before_anything_is_written() {
    let place = folder();
    let mistakes: [Mistake; 12] = [
        (
            "dev",
            "tsv",
            Some(b"source\tsentence\nnovel\ta\nnovels\tb\n"),
            "E0802",
            &["data/mine/dev.tsv, line 3, column `source`", "one of `dictionary`, `novel`, found", "`names`"],
        ),
        (
            "train",
            "csv",
            Some(b"source,sentense\n0,a\n"),
            "E0802",
            &["data/mine/train.csv, line 1: expected a column `sentence`", "did you mean `sentense`?"],
        ),
        (
            "dev",
            "jsonl",
            Some(b"{\"source\": \"novel\", \"sentence\": \"a\"}\n{\"source\": 0}\n"),
            "E0802",
            &["data/mine/dev.jsonl, line 2: expected a key `sentence`"],
        ),
        (
            "dev",
            "jsonl",
            Some(b"{\"source\": 0, \"sentence\": 7}\n"),
            "E0802",
            &["data/mine/dev.jsonl, line 1, key `sentence`: expected text, found a number"],
        ),
        (
            "dev",
            "csv",
            Some(b"source,sentence\nnovel,a, b\n"),
            "E0802",
            &["data/mine/dev.csv, line 2: expected 2 columns separated by commas, found 3"],
        ),
        ("dev", "tsv", Some(b""), "E0802", &["data/mine/dev.tsv is empty: expected rows of text"]),
        ("dev", "tsv", Some(b"source\tsentence\n"), "E0802", &["data/mine/dev.tsv: expected rows of text, found none"]),
        ("test", "csv", Some(b"test\na\n"), "E0802", &["data/mine/test.csv, line 1: expected a column `sentence`"]),
        (
            "train",
            "tsv",
            Some(b"source\tsentence\nnovel\tna\xefve\n"),
            "E0804",
            &["`data/mine/train.tsv` cannot be read", "(line 2, character 9)", "iconv"],
        ),
        (
            "train",
            "tsv",
            Some(b"source\tsentence\nnovel\ta\nnovel\tb\n"),
            "E0803",
            &["data/mine/train.tsv has 2 rows: expected 60", "60 rows are expected here", "whole = false"],
        ),
        ("train", "csv", None, "E0801", &["`data/mine/train.csv` cannot be read: there is no such file", "60 rows are expected here"]),
        ("test", "jsonl", None, "E0801", &["`data/mine/test.jsonl` cannot be read", "its suite's `data`"]),
    ];
    for (part, ending, contents, code, said) in mistakes {
        lay_out(place.path(), ending);
        let path = place.path().join(format!("data/mine/{part}.{ending}"));
        match contents {
            Some(contents) => fs::write(&path, contents).expect("written"),
            None => fs::remove_file(&path).expect("removed"),
        }
        for arguments in [&["run", "own.phyla", "--out", "run"][..], &["train", "own.phyla", "std.architectures.bert.first(2)"]] {
            let (exit, stdout, stderr) = phyla(place.path(), arguments);
            // What is drawn is wrapped where the terminal ends.
            let drawn: String = stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(exit == Some(1) && stderr.contains(code), "{arguments:?}: {stderr}");
            said.iter().for_each(|words| assert!(drawn.contains(words), "{words} is not in:\n{stderr}"));
            assert!(stderr.contains(FILES) && stderr.contains("in this suite"), "it names no place:\n{stderr}");
            assert!(!stderr.contains("vocabulary") && !stdout.contains("stages"), "it came too late: {stdout}{stderr}");
            assert!(!place.path().join("run").exists() && !place.path().join("runs").exists(), "a folder was made");
        }
    }
}

/// Of one row nothing can be held out, and of a text that is there twice what is held out would be trained on.
#[test]
fn what_cannot_be_held_out_is_told_before_anything_is_written() {
    let place = folder();
    lay_out(place.path(), "tsv");
    fs::write(place.path().join("own.phyla"), source("tsv").replace("rows = { train = 60 }", "")).expect("written");
    fs::write(place.path().join("data/mine/train.tsv"), table("tsv", 1, true)).expect("written");
    let (code, _, stderr) = phyla(place.path(), &["run", "own.phyla", "--out", "run"]);
    assert!(code == Some(1) && stderr.contains("has 1 row, and a search judges by some") && stderr.contains(FILES), "{stderr}");

    lay_out(place.path(), "tsv");
    let first = fs::read_to_string(place.path().join("first.phyla")).expect("a source");
    let first = first.replace("final.pretrain", "corpus = text(\"a.txt\", \"b.txt\"), final.pretrain");
    fs::write(place.path().join("first.phyla"), first).expect("written");
    for name in ["a.txt", "b.txt"] {
        fs::write(place.path().join(name), "one two three\n".repeat(500)).expect("written");
    }
    let (code, _, stderr) = phyla(place.path(), &["run", "own.phyla", "--out", "run"]);
    assert!(code == Some(1) && stderr.contains("are the same text"), "{stderr}");
    assert!(!place.path().join("run").exists());
}

#[test]
fn what_is_wrong_in_one_file_hides_nothing_of_another() {
    let place = folder();
    lay_out(place.path(), "csv");
    fs::write(place.path().join("data/mine/train.csv"), "source,sentence\nnovels,a\n").expect("written");
    fs::write(place.path().join("data/mine/dev.csv"), "source,sentense\nnovel,a\n").expect("written");
    fs::write(place.path().join("data/mine/test.csv"), "").expect("written");
    for arguments in [&["run", "own.phyla"][..], &["train", "own.phyla", "std.architectures.bert.first(2)"]] {
        let (code, _, stderr) = phyla(place.path(), arguments);
        assert_eq!(code, Some(1), "{stderr}");
        for told in ["train.csv, line 2", "dev.csv, line 1", "test.csv is empty"] {
            assert_eq!(stderr.matches(told).count(), 1, "{told}:\n{stderr}");
        }
        assert!(!place.path().join("runs").exists(), "a folder was made");
    }
}

#[test]
fn data_may_lie_beside_the_file_that_names_it() {
    let place = folder();
    lay_out(place.path(), "csv");
    fs::rename(place.path().join("data/mine"), place.path().join("mine")).expect("moved");
    for data in [".", "./", "mine/.."] {
        fs::write(place.path().join("own.phyla"), source("csv").replace("data = \"data\"", &format!("data = \"{data}\"")))
            .expect("written");
        let (code, _, stderr) = phyla(place.path(), &["check", "own.phyla"]);
        assert_eq!(code, Some(0), "{data}: {stderr}");
    }
}

#[test]
fn a_cut_file_can_be_meant() {
    let place = folder();
    lay_out(place.path(), "csv");
    fs::write(place.path().join("data/mine/train.csv"), table("csv", 30, true)).expect("written");
    let train = |more: &[&str]| {
        let arguments = ["train", "own.phyla", "std.architectures.bert.first(2)", "--fresh", "--out", "run"];
        phyla(place.path(), &[&arguments, more].concat())
    };
    let (code, _, stderr) = train(&[]);
    assert!(code == Some(1) && stderr.contains("E0803"), "{stderr}");
    let (code, _, stderr) = train(&["--set", "evaluate.suite.whole=false", "--set", "final.suite.whole=false"]);
    assert_eq!(code, Some(0), "{stderr}");
    let text = source("csv").replace("rows = { train = 60 }", "rows = { train = [60, 30] }");
    fs::write(place.path().join("own.phyla"), text).expect("written");
    let (code, _, stderr) = train(&[]);
    assert_eq!(code, Some(0), "{stderr}");
    let (exit, _, stderr) = phyla(place.path(), &["run", "own.phyla", "--set", "final.suite.score=leaderboard", "--out", "other"]);
    assert!(exit == Some(1) && stderr.contains("the average `leaderboard` cannot be formed without"), "{stderr}");
    assert!(!place.path().join("other").exists());
}

#[test]
fn the_parts_of_a_task_are_told_though_nothing_uses_it() {
    let place = folder();
    let label = "label = classes { column = \"4\", names = [\"0\", \"1\"], codes = [\"no\"] }";
    let text = format!("use std.tasks {{ cola }}\n\ntask lone = cola {{ metrics = [pearson] }}\n\ntask coded = cola {{ {label} }}\n");
    fs::write(place.path().join("own.phyla"), text).expect("written");
    let (code, _, stderr) = phyla(place.path(), &["check", "own.phyla"]);
    assert!(code == Some(1) && stderr.matches("E0619").count() == 2, "{stderr}");
    assert!(stderr.contains("`pearson` measures a score") && stderr.contains("has 2 names of labels and 1 code"), "{stderr}");
}

#[test]
fn a_metric_that_does_not_fit_is_told_by_check_and_an_empty_corpus_before_anything_is_trained() {
    let place = folder();
    lay_out(place.path(), "tsv");
    fs::write(place.path().join("own.phyla"), source("tsv").replace("accuracy, f1", "pearson")).expect("written");
    let (code, _, stderr) = phyla(place.path(), &["check", "own.phyla"]);
    assert!(code == Some(1) && stderr.contains("`pearson` measures a score"), "{stderr}");
    // The search and the last table have the same task.
    assert_eq!(stderr.matches("E0619").count(), 1, "{stderr}");
    fs::write(place.path().join("own.phyla"), source("tsv").replace("text = [", "text = [\"one\", \"two\", ")).expect("written");
    let (code, _, stderr) = phyla(place.path(), &["check", "own.phyla"]);
    assert!(code == Some(1) && stderr.contains("reads a sentence or a pair of them"), "{stderr}");
    fs::write(place.path().join("words.txt"), "\n \n").expect("written");
    let text = source("tsv").replace("    final.suite", "    corpus = text(\"words.txt\")\n    final.suite");
    fs::write(place.path().join("own.phyla"), text).expect("written");
    let (code, _, stderr) = phyla(place.path(), &["run", "own.phyla", "--out", "run"]);
    assert!(code == Some(1) && stderr.contains("words.txt is empty") && stderr.contains("own.phyla:18:"), "{stderr}");
    assert!(!place.path().join("run").exists());
}
