//! The suite that ships is the one that is generated, and is neither trivial nor leaky.

use super::{SEED, clauses, generate};
use crate::data::baseline::{bag_of_words, gold, majority};
use crate::data::{Answers, Example, Labelled, Vocabulary, measure, read_labelled, read_test};
use crate::settings::{Label, Metric, Task};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

static TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| ["austen.txt", "wordnet_glosses.txt"].map(shipped));
static SUITE: LazyLock<Vec<(String, String)>> = LazyLock::new(|| generate(&TEXTS[0], &TEXTS[1], SEED).unwrap());

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data")
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn tasks() -> [Task; 3] {
    let task = |name: &str, text: &[&str], label, metrics: &[Metric]| Task {
        metrics: metrics.to_vec(),
        header: name != "order",
        test_text: if name == "order" { vec!["sentence".into()] } else { vec![] },
        ..Task::without_files(name, text, label)
    };
    let classes =
        |column: &str, names: [&str; 2]| Label::Classes { column: column.into(), names: names.map(String::from).into(), codes: None };
    [
        task("order", &["4"], classes("2", ["0", "1"]), &[Metric::Matthews]),
        task("kin", &["sentence1", "sentence2"], classes("label", ["entailment", "not_entailment"]), &[Metric::Accuracy]),
        task(
            "overlap",
            &["sentence1", "sentence2"],
            Label::Score { column: "score".into(), low: 0.0, high: 5.0 },
            &[Metric::Pearson, Metric::Spearman],
        ),
    ]
}

fn part(task: &Task, name: &str) -> Vec<Example> {
    let file = format!("{}/{name}.tsv", task.name);
    let text = &SUITE.iter().find(|(path, _)| *path == file).unwrap().1;
    if name == "test" { read_test(task, &file, text).unwrap().rows } else { read_labelled(task, &file, text).unwrap().rows }
}

/// With `PHYLA_BLESS` set, writes them instead.
#[test]
fn the_files_that_ship_are_what_is_generated() {
    for (path, contents) in SUITE.iter() {
        let path = folder().join("mini").join(path);
        if std::env::var_os("PHYLA_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, contents).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == *contents, "{} differs", path.display());
    }
}

#[test]
fn no_sentence_stands_in_two_parts() {
    for task in tasks() {
        let mut seen = BTreeSet::new();
        for (name, rows) in [("train", 2400), ("dev", 500), ("test", 500)] {
            let examples = part(&task, name);
            assert_eq!(examples.len(), rows);
            let sentences: BTreeSet<String> = examples.into_iter().flat_map(|e| [Some(e.first), e.second]).flatten().collect();
            assert!(seen.is_disjoint(&sentences), "{} {name}", task.name);
            seen.extend(sentences);
        }
    }
}

#[test]
fn rows_fit_into_32_tokens_of_a_vocabulary_that_is_always_the_same() {
    let lines = TEXTS.iter().flat_map(|text| text.lines());
    let vocabulary = Vocabulary::train(lines, 4096, true).unwrap();
    // Hash maps are seeded anew in every process: this vocabulary stands for those of all processes.
    let pieces: Vec<String> = (0..4096).map(|id| vocabulary.piece(id).unwrap()).collect();
    assert!(blake3::hash(pieces.join(" ").as_bytes()).to_hex().starts_with("e1fad03f6fce5764"));
    for task in tasks() {
        let examples = part(&task, "train");
        let data = Labelled::new(&examples, &vocabulary, 512);
        let long = data.by_length(1).iter().filter(|place| data.batch(place).width > 32).count();
        assert!(long * 100 <= 2 * data.len(), "{}: {long} of {} rows are longer than 32 tokens", task.name, data.len());
    }
}

#[test]
fn words_alone_solve_but_overlap() {
    // The label of `overlap` counts common words, and a bag of words is told their cosine; an encoder has to find that out.
    for (task, bounds) in tasks().iter().zip([-1.0..0.15, 0.0..0.56, 0.9..1.0]) {
        let (train, dev) = (part(task, "train"), part(task, "dev"));
        let right = gold(&dev).unwrap();
        let score = |answers: &Answers, metric| measure(metric, &right, answers).unwrap();
        let (most_frequent, bag) = (majority(&train, dev.len()).unwrap(), bag_of_words(&train, &dev).unwrap());
        for metric in &task.metrics {
            println!("{} {metric:?}: majority {:.3}, bag of words {:.3}", task.name, score(&most_frequent, metric), score(&bag, metric));
            assert!(bounds.contains(&score(&bag, metric)), "{}", task.name);
        }
    }
}

#[test]
fn a_clause_is_words() {
    let found = clauses("\"My dear Mr. Bennet,\" said his lady--it's _well_-bred; 'tis 1 day.");
    let found: Vec<String> = found.iter().filter(|clause| !clause.is_empty()).map(|clause| clause.join(" ")).collect();
    assert_eq!(found, ["my dear mr bennet", "said his lady", "it's well bred", "tis", "day"]);
}

#[test]
fn too_little_text_is_refused() {
    assert!(generate("A few words.", "Word : a few others.", SEED).is_err());
}
