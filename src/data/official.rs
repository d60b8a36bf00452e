//! The official GLUE files, where they are: `PHYLA_GLUE` names their folder. Without it nothing is tested.

use super::baseline::{bag_of_words, gold, majority};
use super::metrics::{Answers, accuracy, f1, matthews, pearson, spearman};
use super::{Examples, read_labelled, read_part, read_test};
use crate::settings::{Label, Part, Task};
use serde_json::Value;
use std::path::PathBuf;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("PHYLA_GLUE").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: PHYLA_GLUE does not name the folder of the GLUE files");
    }
    folder
}

fn task(name: &str, text: &[&str], label: Label) -> Task {
    let test_text = if name == "CoLA" { vec!["sentence".into()] } else { vec![] };
    Task { header: name != "CoLA", test_text, ..Task::without_files(name, text, label) }
}

fn classes(column: &str, names: &[&str]) -> Label {
    Label::Classes { column: column.into(), names: names.iter().map(|&s| s.into()).collect(), codes: None }
}

/// The tasks whose files are complete, with the rows of train, dev and test.
fn tasks() -> Vec<(Task, [usize; 3])> {
    let entailment = || classes("label", &["entailment", "not_entailment"]);
    vec![
        (task("CoLA", &["4"], classes("2", &["0", "1"])), [8551, 1043, 1063]),
        (task("SST-2", &["sentence"], classes("label", &["0", "1"])), [67349, 872, 1821]),
        (task("MRPC", &["#1 String", "#2 String"], classes("Quality", &["0", "1"])), [3668, 408, 1725]),
        (task("STS-B", &["sentence1", "sentence2"], Label::Score { column: "score".into(), low: 0.0, high: 5.0 }), [5749, 1500, 1379]),
        (task("RTE", &["sentence1", "sentence2"], entailment()), [2490, 277, 3000]),
        (task("WNLI", &["sentence1", "sentence2"], classes("label", &["0", "1"])), [635, 71, 146]),
        (task("QNLI", &["question", "sentence"], entailment()), [0, 5463, 5463]),
    ]
}

fn mnli(name: &str) -> Task {
    task(name, &["sentence1", "sentence2"], classes("gold_label", &["contradiction", "entailment", "neutral"]))
}

fn read(folder: &std::path::Path, task: &Task, part: &str) -> Examples {
    let file = format!("{}/{part}", task.name.trim_end_matches("-m"));
    let text = std::fs::read_to_string(folder.join(&file)).unwrap();
    if part == "test.tsv" { read_test(task, &file, &text) } else { read_labelled(task, &file, &text) }.unwrap()
}

#[test]
fn every_row_of_the_official_files_is_read() {
    let Some(folder) = folder() else { return };
    for (task, counts) in tasks() {
        for (part, count) in ["train.tsv", "dev.tsv", "test.tsv"].into_iter().zip(counts).filter(|&(_, count)| count > 0) {
            let read = read(&folder, &task, part);
            assert_eq!((read.rows.len(), read.skipped), (count, 0), "{} {part}", task.name);
        }
    }
}

/// Parts of the larger files, laid out as those are: twelve and sixteen columns of MNLI, six of QQP.
#[test]
fn samples_of_the_larger_files_are_read() {
    let Some(folder) = folder() else { return };
    let qqp = task("QQP", &["question1", "question2"], classes("is_duplicate", &["0", "1"]));
    let qnli = task("QNLI", &["question", "sentence"], classes("label", &["entailment", "not_entailment"]));
    for (task, part, count) in [
        (mnli("MNLI"), "dev_matched.rebuilt.tsv", 9815),
        (mnli("MNLI"), "dev_mismatched.sample1000.tokenised.tsv", 1000),
        (mnli("MNLI"), "train.kshot_official_rows.tsv", 480),
        (mnli("MNLI"), "train.sample.tsv", 9999),
        (qqp.clone(), "dev.sample.tsv", 1000),
        (qqp.clone(), "train.kshot_official_rows.tsv", 320),
        (qqp, "train.sample.tsv", 8999),
        (qnli, "train.sample.tsv", 9999),
    ] {
        if !folder.join(&task.name).join(part).exists() {
            println!("skipped: {}/{part} is not there", task.name);
            continue;
        }
        let read = read(&folder, &task, part);
        assert_eq!((read.rows.len(), read.skipped), (count, 0), "{} {part}", task.name);
    }
}

#[test]
fn without_its_phrases_sst2_is_the_sentences_it_was_made_of() {
    let Some(folder) = folder() else { return };
    let sst2 = Task { phrases: Some(false), ..task("SST-2", &["sentence"], classes("label", &["0", "1"])) };
    let text = std::fs::read_to_string(folder.join("SST-2/train.tsv")).unwrap();
    let train = Part { field: "train", file: "SST-2/train.tsv", rows: &[67_349], labelled: true };
    let rows = read_part(&sst2, train, true, "SST-2/train.tsv", &text).unwrap();
    // The data set began with 6,920 sentences for training, a few of which stand twice or within another; those of dev have 19.5 words.
    let words: usize = rows.iter().map(|row| row.first.split_whitespace().count()).sum();
    assert_eq!((rows.len(), words / rows.len()), (6885, 19));
}

#[test]
fn metrics_on_official_labels_agree_with_independent_programs() {
    let Some(folder) = folder() else { return };
    let oracle: Value = serde_json::from_str(include_str!("../../tests/oracles/metrics_oracle.json")).unwrap();
    for task in tasks().into_iter().map(|(task, _)| task).chain([mnli("MNLI-m")]) {
        let expected = &oracle["official_dev"][&task.name];
        let close = |name: &str, found: f64| {
            assert!((found - expected[name].as_f64().unwrap()).abs() < 1e-9, "{} {name}: {found}, expected {}", task.name, expected[name]);
        };
        let mut state = 1_u64;
        let mut draw = || {
            state = (1_103_515_245 * state + 12_345) % (1 << 31);
            state as f64 / (1_u64 << 31) as f64
        };
        let dev = if task.name == "MNLI-m" { "dev_matched.rebuilt.tsv" } else { "dev.tsv" };
        let classes = task.classes() as u32;
        match gold(&read(&folder, &task, dev).rows).unwrap() {
            Answers::Scores(gold) => {
                let predicted: Vec<f64> = gold.iter().map(|score| score + 4.0 * (draw() - 0.5)).collect();
                close("pearson", pearson(&gold, &predicted));
                close("spearman", spearman(&gold, &predicted));
            }
            Answers::Classes(gold) => {
                let predicted: Vec<u32> = gold.iter().map(|&class| if draw() < 0.8 { class } else { (class + 1) % classes }).collect();
                close("accuracy", accuracy(&gold, &predicted));
                if expected.get("f1").is_some() {
                    close("f1", f1(&gold, &predicted));
                    close("mcc", matthews(&gold, &predicted));
                }
            }
        }
    }
}

#[test]
fn baselines_on_the_official_files() {
    let Some(folder) = folder() else { return };
    for (task, _) in tasks().into_iter().filter(|(_, counts)| counts[0] > 0) {
        let (train, dev) = (read(&folder, &task, "train.tsv").rows, read(&folder, &task, "dev.tsv").rows);
        let scores = |answers: Answers| match (gold(&dev).unwrap(), answers) {
            (Answers::Classes(gold), Answers::Classes(found)) => vec![accuracy(&gold, &found), f1(&gold, &found), matthews(&gold, &found)],
            (Answers::Scores(gold), Answers::Scores(found)) => vec![pearson(&gold, &found), spearman(&gold, &found)],
            _ => panic!("answers of another kind"),
        };
        let (most, bag) = (scores(majority(&train, dev.len()).unwrap()), scores(bag_of_words(&train, &dev).unwrap()));
        println!("{}: majority {most:.3?}, bag of words {bag:.3?}", task.name);
        // What scikit-learn's TF-IDF with logistic or ridge regression reaches where it sees the pair's words as ours does: accuracy, or Pearson.
        let others = [("SST-2", 0.822), ("MRPC", 0.745), ("STS-B", 0.732), ("RTE", 0.592)];
        for (_, other) in others.iter().filter(|(name, _)| *name == task.name) {
            assert!((bag[0] - other).abs() < 0.02, "{}: {} beside {other}", task.name, bag[0]);
        }
    }
}
