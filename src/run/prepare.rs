//! What a run needs before it can train: text, vocabulary, tasks, and the scores that need no model.

use super::Progress;
use super::files::{read_data, text_files};
use super::folder::Folder;
use super::journal::{Entry, Journal, Scores};
use super::vocabulary::vocabulary;
use crate::check::Checked;
use crate::data::baseline::{bag_of_words, gold, majority};
use crate::data::{Answers, Corpus, Example, Labelled, TaskScore, Vocabulary, average, measure, read_labelled};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::{CorpusSource, Experiment, Suite, Task};
use crate::train::{SuiteScore, TaskData};

/// Everything read and encoded.
pub(super) struct Prepared {
    pub vocabulary: Vocabulary,
    pub corpus: Corpus,
    /// The search's tasks, judged by a hold-out of their train splits.
    pub search: Vec<TaskData>,
    /// The last table's tasks, judged by their dev splits.
    pub finals: Vec<TaskData>,
}

/// Reads the texts and the tasks; trains the vocabulary, or takes one that was trained on these texts.
pub(super) fn prepare(settings: &Experiment, folder: &Folder, progress: &dyn Progress) -> Result<Prepared> {
    let CorpusSource::Text { files } = &settings.corpus.source;
    let mut documents = Vec::new();
    for path in files {
        for file in text_files(path).map_err(|why| unreadable(path, &why))? {
            documents.push(read_data(&file).map_err(|why| unreadable(&file, &why))?);
        }
    }
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let vocabulary = vocabulary(&documents, settings.model.vocabulary, settings.corpus.lowercase, folder, progress)?;
    if vocabulary.size() > settings.model.vocabulary {
        let message = format!("the vocabulary has {} pieces, and the model has room for {}", vocabulary.size(), settings.model.vocabulary);
        return Diagnostic::error(Code::DATA, message).help("raise `model.vocabulary`").into();
    }
    let corpus = Corpus::new(&documents, &vocabulary, settings.corpus.holdout)?;
    let length = settings.model.length;
    let search = tasks(&settings.evaluate.suite, &vocabulary, length, Some((settings.evaluate.holdout, settings.seed)))?;
    let finals = tasks(&settings.r#final.suite, &vocabulary, length, None)?;
    Ok(Prepared { vocabulary, corpus, search, finals })
}

/// The tasks of a suite; with a hold-out, dev is never read.
fn tasks(suite: &Suite, vocabulary: &Vocabulary, length: usize, holdout: Option<(f64, u64)>) -> Result<Vec<TaskData>> {
    let read = |task: &Task| {
        let (train, judge) = match holdout {
            Some((share, seed)) => {
                let train = Labelled::new(&examples(suite, task, &task.files.train)?, vocabulary, length);
                let stream = format!("holdout/{}", task.name);
                let (train, judge) = train.split(share, seed, &stream);
                (train.limited(suite.rows, seed, &format!("rows/{}", task.name)), judge)
            }
            None => {
                let train = Labelled::new(&examples(suite, task, &task.files.train)?, vocabulary, length);
                let train = train.limited(suite.rows, 0, &format!("rows/{}", task.name));
                (train, Labelled::new(&examples(suite, task, &task.files.dev)?, vocabulary, length))
            }
        };
        Ok(TaskData { task: task.clone(), train, judge })
    };
    suite.tasks.iter().map(read).collect()
}

/// The examples of one of a task's files.
pub(super) fn examples(suite: &Suite, task: &Task, file: &str) -> Result<Vec<Example>> {
    let path = format!("{}/{file}", suite.data.trim_end_matches('/'));
    let text = read_data(&path).map_err(|why| unreadable(&path, &why))?;
    Ok(read_labelled(task, &path, &text)?.rows)
}

fn unreadable(path: &str, why: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::MISSING_FILE, format!("`{path}` cannot be read: {why}")))
}

/// The corpus and the baselines, journalled once.
pub(super) fn note(checked: &Checked, prepared: &Prepared, journal: &mut Journal) -> Result<()> {
    if !journal.entries().iter().any(|entry| matches!(entry, Entry::Corpus { .. })) {
        let (train_tokens, held_out_tokens) = prepared.corpus.tokens();
        let unigram_entropy = prepared.corpus.unigram_entropy().unwrap_or(f64::NAN);
        journal.append(Entry::Corpus { train_tokens, held_out_tokens, vocabulary: prepared.vocabulary.size(), unigram_entropy })?;
    }
    let suite = &checked.settings.r#final.suite;
    for name in ["majority", "bag_of_words"] {
        if journal.entries().iter().any(|entry| matches!(entry, Entry::Baseline { name: known, .. } if known == name)) {
            continue;
        }
        let mut tasks = Vec::new();
        for task in &suite.tasks {
            let (train, dev) = (examples(suite, task, &task.files.train)?, examples(suite, task, &task.files.dev)?);
            let predicted: Answers = if name == "majority" { majority(&train, dev.len())? } else { bag_of_words(&train, &dev)? };
            let right = gold(&dev)?;
            let metrics = task.metrics.iter().map(|metric| Ok((metric.clone(), measure(metric, &right, &predicted)?)));
            tasks.push(TaskScore { task: task.name.clone(), metrics: metrics.collect::<Result<_>>()? });
        }
        let score = average(&suite.score, &tasks)?;
        journal.append(Entry::Baseline { name: name.to_owned(), scores: scores(&SuiteScore { tasks, score }) })?;
    }
    Ok(())
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
