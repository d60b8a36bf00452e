//! GLUE: the official files, where they are; and submissions, from made-up files in its layouts.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::process::{finish, folder};
use common::{Memory, experiment};
use phyla::data::{SUBMISSION, read_part};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// An experiment on the nine tasks with few rows each.
fn source() -> String {
    let smoke = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/smoke.phyla");
    let rows = "{ rows = { train = 12, dev = 6, test = 4 } }";
    let tasks: Vec<String> = ["cola", "sst2", "mrpc", "stsb", "qqp", "qnli", "rte", "wnli"].map(|task| format!("{task} {rows}")).to_vec();
    format!(
        "use std.suites {{ glue }}
use std.tasks {{ cola, mnli, mrpc, qnli, qqp, rte, sst2, stsb, wnli }}
use std.train {{ finetune_tiny }}
use {smoke:?} {{ smoke }}

suite small = glue {{
    tasks = [
        {}
        mnli {{ rows = {{ train = 12, dev = 6, test = 4, dev2 = 5, test2 = 3, diagnostic = 2 }} }}
    ]
    data = \"glue\"
    train = finetune_tiny {{ epochs = 1, batch = 4, lr = grid(1e-3, 5e-3) }}
    seeds = 2
}}

experiment submitted = smoke {{
    evaluate.suite = small
    final = {{ pretrain = smoke_pretrain, suite = small, seeds = 2 }}
}}

train smoke_pretrain = std.train.pretrain_tiny {{ steps = 3 }}
",
        tasks.join("\n        ")
    )
}

/// A file: its header (none where it is empty), its rows, and how a row is written from its number, the words of which follow from it.
fn lay(glue: &Path, file: &str, header: &str, rows: usize, row: &dyn Fn(usize, &str, &str) -> String) {
    let words = ["a plant", "to carry", "love, of", "the \"king\"", "no"];
    let sentence = |row: usize| words.iter().cycle().skip(row % 5).take(3).copied().collect::<Vec<_>>().join(" ");
    let rows = (0..rows).map(|number| row(number, &sentence(number), &sentence(number + 2)));
    let lines: Vec<String> = (!header.is_empty()).then(|| header.to_owned()).into_iter().chain(rows).collect();
    let path = glue.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    // As some of the official ones, without a newline at the end.
    fs::write(path, lines.join("\n")).expect("written");
}

/// The experiment and its files, in the layouts of the official ones.
fn lay_out(place: &Path) {
    fs::write(place.join("own.phyla"), source()).expect("written");
    let glue = place.join("glue");
    let of = |label: usize| ["entailment", "not_entailment"].into_iter().cycle().nth(label).expect("a label");
    let three = |label: usize| ["neutral", "contradiction", "entailment"].into_iter().cycle().nth(label).expect("a label");
    let (bom, pair) = ("\u{feff}", "index\tsentence1\tsentence2");
    for (part, rows) in [("train", 12), ("dev", 6)] {
        lay(&glue, &format!("CoLA/{part}.tsv"), "", rows, &|n, a, _| format!("gj04\t{}\t\t{a}", n % 2));
        lay(&glue, &format!("SST-2/{part}.tsv"), "sentence\tlabel", rows, &|n, a, _| format!("{a} \t{}", n % 2));
        let header = format!("{bom}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String");
        lay(&glue, &format!("MRPC/{part}.tsv"), &header, rows, &|n, a, b| format!("{}\t1\t2\t{a}\t{b}", n % 2));
        let header = format!("{pair}\tscore");
        lay(&glue, &format!("STS-B/{part}.tsv"), &header, rows, &|n, a, b| format!("{n}\t{a}\t{b}\t{}.5", n % 5));
        let header = "id\tquestion1\tquestion2\tis_duplicate";
        lay(&glue, &format!("QQP/{part}.tsv"), header, rows, &|n, a, b| format!("{n}\t{a}\t{b}\t{}", n % 2));
        let header = "index\tquestion\tsentence\tlabel";
        lay(&glue, &format!("QNLI/{part}.tsv"), header, rows, &|n, a, b| format!("{n}\t{a}\t{b}\t{}", of(n)));
        let header = format!("{pair}\tlabel");
        lay(&glue, &format!("RTE/{part}.tsv"), &header, rows, &|n, a, b| format!("{n}\t{a}\t{b}\t{}", of(n)));
        lay(&glue, &format!("WNLI/{part}.tsv"), &header, rows, &|n, a, b| format!("{n}\t{a}\t{b}\t{}", n % 2));
    }
    let header = format!("{pair}\tgold_label");
    for (part, rows) in [("train", 12), ("dev_matched", 6), ("dev_mismatched", 5)] {
        lay(&glue, &format!("MNLI/{part}.tsv"), &header, rows, &|n, a, b| format!("{n}\t{a}\t{b}\t{}", three(n)));
    }
    let one: &dyn Fn(usize, &str, &str) -> String = &|n, a, _| format!("{n}\t{a}");
    let two: &dyn Fn(usize, &str, &str) -> String = &|n, a, b| format!("{n}\t{a}\t{b}");
    for (file, header, rows, row) in [
        ("CoLA/test.tsv", "index\tsentence", 4, one),
        ("SST-2/test.tsv", "index\tsentence", 4, one),
        ("MRPC/test.tsv", "index\t#1 String\t#2 String", 4, two),
        ("STS-B/test.tsv", pair, 4, two),
        ("QQP/test.tsv", "id\tquestion1\tquestion2", 4, two),
        ("QNLI/test.tsv", "index\tquestion\tsentence", 4, two),
        ("RTE/test.tsv", pair, 4, two),
        ("WNLI/test.tsv", pair, 4, two),
        ("MNLI/test_matched.tsv", pair, 4, two),
        ("MNLI/test_mismatched.tsv", pair, 3, two),
        ("diagnostic/diagnostic.tsv", pair, 2, two),
    ] {
        lay(&glue, file, header, rows, row);
    }
}

fn phyla(place: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    finish(command.current_dir(place).env_remove("PHYLA_GLUE").args(arguments))
}

/// One training with what it answered, from which the others are copied.
static TRAINED: LazyLock<(TempDir, String)> = LazyLock::new(|| {
    let place = folder();
    lay_out(place.path());
    let (code, stdout, stderr) = phyla(place.path(), &["train", "own.phyla", "std.architectures.bert.first(2)", "--out", "run"]);
    assert_eq!(code, Some(0), "{stderr}");
    (place, stdout)
});

/// A copy of what the training left, to be spoiled.
fn copy() -> (TempDir, PathBuf) {
    let copy = folder();
    let run = copy.path().join("run");
    fs::create_dir_all(run.join("predictions")).expect("made");
    let trained = TRAINED.0.path().join("run");
    fs::copy(trained.join("experiment.yaml"), run.join("experiment.yaml")).expect("copied");
    for entry in fs::read_dir(trained.join("predictions")).expect("predictions").map(|entry| entry.expect("an entry")) {
        fs::copy(entry.path(), run.join("predictions").join(entry.file_name())).expect("copied");
    }
    (copy, run)
}

/// What a zip holds, by name.
fn unzipped(path: &Path) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(File::open(path).expect("a file")).expect("an archive");
    let mut held = BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        held.insert(file.name().expect("a name").into_owned(), text);
    }
    held
}

#[test]
fn a_trained_encoder_answers_all_of_glue() {
    let (place, stdout) = &*TRAINED;
    // The average of the leaderboard takes both dev sets of MNLI.
    assert!(stdout.contains("mnli_mm") && stdout.matches("score").count() >= 2, "{stdout}");
    let (code, stdout, stderr) = phyla(place.path(), &["glue", "submit", "run"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("11 files, and submission.zip") && stderr.is_empty(), "{stdout}{stderr}");
    let folder = place.path().join("run/submission");
    let held = unzipped(&folder.join("submission.zip"));
    let names: Vec<String> = SUBMISSION.iter().map(|answered| format!("{}.tsv", answered.name)).collect();
    assert_eq!(held.len(), 11);
    for (name, words) in [
        ("CoLA", &["0", "1"][..]),
        ("QNLI", &["entailment", "not_entailment"]),
        ("MNLI-m", &["contradiction", "entailment", "neutral"]),
        ("MNLI-mm", &["contradiction", "entailment", "neutral"]),
        ("AX", &["contradiction", "entailment", "neutral"]),
    ] {
        let text = held.get(&format!("{name}.tsv")).expect("a file");
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            (text.lines().next(), rows.len()),
            (
                Some("index\tprediction"),
                if name == "AX" {
                    2
                } else if name == "MNLI-mm" {
                    3
                } else {
                    4
                }
            )
        );
        for (index, row) in rows.into_iter().enumerate() {
            let (number, word) = row.split_once('\t').expect("two columns");
            assert!(number == index.to_string() && words.contains(&word), "{name}: {row}");
        }
    }
    for name in &names {
        assert_eq!(held.get(name), fs::read_to_string(folder.join(name)).ok().as_ref(), "{name}");
    }
    let before = fs::read(folder.join("submission.zip")).expect("an archive");
    let (code, ..) = phyla(place.path(), &["glue", "submit", "run", "--out", "again"]);
    assert_eq!(code, Some(0));
    assert!(fs::read(place.path().join("again/submission.zip")).expect("an archive") == before, "it differs each time");
}

#[test]
fn a_run_of_the_training_again_leaves_the_same_answers() {
    let (place, _) = &*TRAINED;
    let read = || {
        let files = fs::read_dir(place.path().join("run/predictions")).expect("predictions").map(|entry| entry.expect("an entry").path());
        files.map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect::<BTreeMap<_, _>>()
    };
    let before = read();
    assert_eq!(before.len(), 11);
    let other = folder();
    lay_out(other.path());
    let (code, _, stderr) = phyla(other.path(), &["train", "own.phyla", "std.architectures.bert.first(2)", "--out", "run"]);
    assert_eq!(code, Some(0), "{stderr}");
    for (path, text) in before {
        let name = path.file_name().expect("a name");
        assert_eq!(fs::read_to_string(other.path().join("run/predictions").join(name)).expect("text"), text, "{name:?}");
    }
}

#[test]
fn what_is_wrong_is_refused_and_nothing_written() {
    let spoilt = |file: &str, from: &str, to: &str, more: &[&str]| {
        let (copy, run) = copy();
        let path = run.join("predictions").join(file);
        let text = fs::read_to_string(&path).expect("predictions");
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).expect("written");
        let (code, _, stderr) = phyla(copy.path(), &[&["glue", "submit", "run"], more].concat());
        assert_eq!(code, Some(1), "{stderr}");
        assert!(!run.join("submission").exists(), "something was written");
        assert!(stderr.contains("E0805") && stderr.contains("help:"), "{stderr}");
        stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for more in [&[][..], &["--partial"]] {
        let said = spoilt("rte.test.tsv", "\n1\t", "\n1\tno_", more);
        assert!(said.contains("RTE.tsv: line 3 predicts"), "{said}");
        let said = spoilt("qqp.test.tsv", "\n2\t", "\n3\t", more);
        assert!(said.contains("QQP.tsv: line 4 has the index `3`, and 2 is due"), "{said}");
        let said = spoilt("mnli.diagnostic.tsv", "\n1\t", "\n1\tneutral\n2\t", more);
        assert!(said.contains("AX.tsv: it has 3 rows, and the whole test file has 2"), "{said}");
    }
}

#[test]
fn what_is_missing_is_named_and_may_be_left_out() {
    let (copy, run) = copy();
    fs::remove_file(run.join("predictions/qqp.test.tsv")).expect("removed");
    fs::remove_file(run.join("predictions/mnli.diagnostic.tsv")).expect("removed");
    let (code, _, stderr) = phyla(copy.path(), &["glue", "submit", "run"]);
    assert!(code == Some(1) && stderr.contains("QQP.tsv") && stderr.contains("AX.tsv") && stderr.contains("--partial"), "{stderr}");
    assert!(!run.join("submission").exists());
    // Of a whole submission that lay there before, nothing stays.
    fs::create_dir_all(run.join("submission")).expect("made");
    fs::write(run.join("submission/AX.tsv"), "old").expect("written");
    let (code, stdout, stderr) = phyla(copy.path(), &["glue", "submit", "run", "--partial"]);
    assert!(code == Some(0) && stdout.contains("9 files") && stderr.contains("left out: QQP.tsv"), "{stdout}{stderr}");
    assert_eq!(unzipped(&run.join("submission/submission.zip")).len(), 9);
    assert!(!run.join("submission/AX.tsv").exists());
    for name in ["nowhere", "."] {
        let (code, _, stderr) = phyla(copy.path(), &["glue", "submit", name]);
        assert!(code == Some(1) && stderr.contains("E0901") && stderr.contains("give the folder of a run"), "{stderr}");
    }
}

#[test]
fn the_official_files_are_read_as_they_are() {
    let Some(glue) = std::env::var_os("PHYLA_GLUE").map(PathBuf::from) else {
        common::skipped("PHYLA_GLUE does not name the folder of the GLUE files");
        return;
    };
    let key = "experiments/glue.phyla";
    let files =
        Memory::new(&[(key, "use std.suites { glue }\nuse \"smoke.phyla\" { smoke }\nexperiment all = smoke { final.suite = glue }\n")]);
    let suite = experiment(&files, key).settings.r#final.suite;
    assert_eq!(suite.tasks.len(), 9);
    let mut read = 0;
    for task in &suite.tasks {
        for part in task.parts() {
            assert!(!part.rows.is_empty(), "{} does not tell the rows of its {} file", task.name, part.field);
            let path = glue.join(part.file);
            let Ok(text) = fs::read_to_string(&path) else {
                println!("not here: {}", part.file);
                continue;
            };
            read_part(task, part, true, part.file, &text).expect("a whole file");
            // A file that lost its last row is another one.
            let cut = text.trim_end().rsplit_once('\n').expect("rows").0;
            let error = read_part(task, part, true, part.file, cut).expect_err("a cut file");
            assert!(error.code.0 == "E0803" && error.message.contains(&part.counts().expect("counts")), "{}", error.message);
            read += 1;
        }
    }
    println!("{read} official files were read");
}
