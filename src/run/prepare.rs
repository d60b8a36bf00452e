//! What a run needs before it can train: text, vocabulary, tasks, and the scores that need no model.

use super::Progress;
use super::folder::Folder;
use super::journal::{Entry, Journal, Scores};
use super::texts::{TaskRows, Texts};
use super::vocabulary::vocabulary;
use crate::check::Checked;
use crate::data::baseline::{bag_of_words, gold, majority};
use crate::data::{Corpus, Labelled, TaskScore, Vocabulary, average, measure, second};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::{Suite, Task};
use crate::train::{SuiteScore, TaskData};

/// Everything encoded.
pub(super) struct Prepared {
    pub vocabulary: Vocabulary,
    pub corpus: Corpus,
    /// The search's tasks, judged by a hold-out of their train splits.
    pub search: Vec<TaskData>,
    /// The last table's tasks, judged by their dev splits.
    pub finals: Vec<TaskData>,
}

/// Encodes the texts and the tasks; trains the vocabulary, or takes one that was trained on these texts; journals the corpus and the baselines.
pub(super) fn prepare(
    checked: &Checked,
    texts: &Texts,
    folder: &Folder,
    journal: &mut Journal,
    progress: &dyn Progress,
) -> Result<Prepared> {
    let settings = &checked.settings;
    let documents: Vec<&str> = texts.documents.iter().map(String::as_str).collect();
    let vocabulary = vocabulary(&documents, settings.model.vocabulary, settings.corpus.lowercase, folder, progress)?;
    if vocabulary.size() > settings.model.vocabulary {
        let message = format!("the vocabulary has {} pieces, and the model has room for {}", vocabulary.size(), settings.model.vocabulary);
        return Diagnostic::error(Code::DATA, message).help("raise `model.vocabulary`").into();
    }
    let corpus = Corpus::new(&documents, &vocabulary, settings.corpus.holdout)?;
    note(checked, &corpus, &vocabulary, &texts.finals, journal)?;
    let encode = |rows: &TaskRows, field: &str| rows.get(field).map(|rows| Labelled::new(rows, &vocabulary, settings.model.length));
    let (suite, seed) = (&settings.evaluate.suite, settings.seed);
    let held_out = |(task, rows): (&Task, &TaskRows)| {
        let train = encode(rows, "train")?;
        let (train, judge) = train.split(settings.evaluate.holdout, seed, &format!("holdout/{}", task.name));
        let train = train.limited(suite.rows, seed, &format!("rows/{}", task.name));
        Some(TaskData { task: task.clone(), train, judge, second: None, asked: Vec::new() })
    };
    let search = suite.tasks.iter().zip(&texts.search).filter_map(held_out).collect();
    let suite = &settings.r#final.suite;
    let whole = |(task, rows): (&Task, &TaskRows)| {
        let train = encode(rows, "train")?.limited(suite.rows, 0, &format!("rows/{}", task.name));
        let asked = task.parts().filter(|part| !part.labelled).filter_map(|part| Some((part.field, encode(rows, part.field)?))).collect();
        Some(TaskData { task: task.clone(), train, judge: encode(rows, "dev")?, second: encode(rows, "dev2"), asked })
    };
    let finals = suite.tasks.iter().zip(&texts.finals).filter_map(whole).collect();
    Ok(Prepared { vocabulary, corpus, search, finals })
}

/// The corpus and the baselines, journalled once.
fn note(checked: &Checked, corpus: &Corpus, vocabulary: &Vocabulary, rows: &[TaskRows], journal: &mut Journal) -> Result<()> {
    if !journal.entries().iter().any(|entry| matches!(entry, Entry::Corpus { .. })) {
        let (train_tokens, held_out_tokens) = corpus.tokens();
        let unigram_entropy = corpus.unigram_entropy().unwrap_or(f64::NAN);
        journal.append(Entry::Corpus { train_tokens, held_out_tokens, vocabulary: vocabulary.size(), unigram_entropy })?;
    }
    for name in ["majority", "bag_of_words"] {
        if journal.entries().iter().any(|entry| matches!(entry, Entry::Baseline { name: known, .. } if known == name)) {
            continue;
        }
        let scores = scores(&baseline(name, &checked.settings.r#final.suite, rows)?);
        journal.append(Entry::Baseline { name: name.to_owned(), scores })?;
    }
    Ok(())
}

/// The scores of a baseline on the dev sets.
fn baseline(name: &str, suite: &Suite, rows: &[TaskRows]) -> Result<SuiteScore> {
    let mut tasks = Vec::new();
    for (task, rows) in suite.tasks.iter().zip(rows) {
        let train = rows.get("train").map_or(&[][..], Vec::as_slice);
        for (scored, dev) in [(task.name.clone(), rows.get("dev")), (second(&task.name), rows.get("dev2"))] {
            let Some(dev) = dev else { continue };
            let predicted = if name == "majority" { majority(train, dev.len())? } else { bag_of_words(train, dev)? };
            let right = gold(dev)?;
            let metrics = task.metrics.iter().map(|metric| Ok((metric.clone(), measure(metric, &right, &predicted)?)));
            tasks.push(TaskScore { task: scored, metrics: metrics.collect::<Result<_>>()? });
        }
    }
    let score = average(&suite.score, &tasks)?;
    Ok(SuiteScore { tasks, score, answers: Vec::new() })
}

/// Scores as the journal keeps them.
pub(super) fn scores(found: &SuiteScore) -> Scores {
    let metric = |metric: &crate::settings::Metric| {
        serde_json::to_value(metric).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let tasks =
        found.tasks.iter().map(|task| (task.task.clone(), task.metrics.iter().map(|(name, value)| (metric(name), *value)).collect()));
    Scores { tasks: tasks.collect(), score: found.score }
}
