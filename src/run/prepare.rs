//! What a run needs before it can train: text, vocabulary, tasks, and the scores that need no model.

use super::Progress;
use super::folder::Folder;
use super::journal::{Entry, Journal, Scores};
use super::pretrained::Pretrained;
use super::texts::{TaskRows, Texts};
use super::vocabulary::vocabulary;
use super::workers::go_on;
use crate::check::Checked;
use crate::data::baseline::{BagOfWords, gold, majority};
use crate::data::{Corpus, Example, Labelled, TaskScore, Vocabulary, average, drawn, measure};
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::settings::{Corpus as CorpusSettings, Evaluate, Suite, Task};
use crate::train::{SuiteScore, TaskData};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Everything encoded.
pub(super) struct Prepared {
    pub vocabulary: Vocabulary,
    /// The text to pre-train on, where there is any.
    pub corpus: Option<Corpus>,
    /// The search's tasks, judged by a hold-out of their train splits.
    pub search: Vec<TaskData>,
    /// The last table's tasks, judged by their dev splits.
    pub finals: Vec<TaskData>,
    /// Weights that the last table's models start from, where they are not drawn.
    pub pretrained: Option<Arc<Pretrained>>,
}

impl Prepared {
    /// The text to pre-train on.
    ///
    /// # Errors
    /// Where the experiment has none.
    pub(super) fn corpus(&self) -> Result<&Corpus> {
        let none =
            || Box::new(Diagnostic::error(Code::MISSING_FIELD, "there is no text to pre-train on").help("`corpus = text(\"my.txt\")`"));
        self.corpus.as_ref().ok_or_else(none)
    }
}

/// Encodes the texts and the tasks; trains the vocabulary, or takes one that was trained on these texts; journals the corpus and the baselines.
pub(super) fn prepare(
    checked: &Checked,
    texts: &Texts,
    folder: &Folder,
    journal: &mut Journal,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Prepared> {
    let settings = &checked.settings;
    let lowercase = settings.corpus.as_ref().is_none_or(|corpus| corpus.lowercase);
    let vocabulary = match &texts.pretrained {
        Some(pretrained) => {
            let vocabulary = Vocabulary::from_json(&pretrained.tokenizer)?;
            folder.write("vocabulary.json", pretrained.tokenizer.as_bytes())?;
            vocabulary
        }
        None => vocabulary(&texts.corpus, settings.model.vocabulary, lowercase, folder, progress, stop)?,
    };
    if vocabulary.size() > settings.model.vocabulary {
        let message = format!("the vocabulary has {} pieces, and the model has room for {}", vocabulary.size(), settings.model.vocabulary);
        return Diagnostic::error(Code::DATA, message).help("raise `model.vocabulary`").into();
    }
    let tokens = |corpus: &CorpusSettings| -> Result<Corpus> {
        let tokens = texts.corpus.tokens(&vocabulary, corpus.holdout, folder, progress, stop)?;
        Ok(if corpus.whole_sentences == Some(true) { tokens.in_sentences(&vocabulary) } else { tokens })
    };
    let corpus = settings.corpus.as_ref().map(tokens).transpose()?;
    if let Some(corpus) = &corpus {
        rows_of(corpus, settings.model.length)?;
    }
    note(corpus.as_ref(), &vocabulary, journal)?;
    baselines(&settings.r#final.suite, &texts.finals, journal, progress, stop)?;
    let encode = |rows: &TaskRows, field: &str| rows.get(field).map(|rows| Labelled::new(rows, &vocabulary, settings.model.length));
    // A task goes by its place among those of its suite: none may be left out.
    let there = |task: &Task, part: &str, rows: Option<Labelled>| {
        let missing = || Box::new(Diagnostic::error(Code::INTERNAL, format!("the rows of `{}.{part}` were not read", task.name)));
        rows.ok_or_else(missing)
    };
    let seed = settings.seed;
    let held_out = |(evaluate, task, rows): (&Evaluate, &Task, &TaskRows)| {
        let train = there(task, "train", encode(rows, "train"))?;
        let (train, judge) = train.split(evaluate.holdout, seed, &format!("holdout/{}", task.name));
        let train = train.limited(evaluate.suite.limit(task), seed, &format!("rows/{}", task.name));
        Ok(TaskData { task: task.clone(), train, judge, second: None, asked: Vec::new() })
    };
    let judged = settings.evaluate.iter().flat_map(|evaluate| evaluate.suite.tasks.iter().map(move |task| (evaluate, task)));
    let search = judged.zip(&texts.search).map(|((evaluate, task), rows)| held_out((evaluate, task, rows))).collect::<Result<_>>()?;
    let suite = &settings.r#final.suite;
    let whole = |(task, rows): (&Task, &TaskRows)| {
        let train = there(task, "train", encode(rows, "train"))?.limited(suite.limit(task), 0, &format!("rows/{}", task.name));
        let asked = task.parts().filter(|part| !part.labelled).filter_map(|part| Some((part.field, encode(rows, part.field)?))).collect();
        let judge = there(task, "dev", encode(rows, "dev"))?;
        Ok(TaskData { task: task.clone(), train, judge, second: encode(rows, "dev2"), asked })
    };
    let finals = suite.tasks.iter().zip(&texts.finals).map(whole).collect::<Result<_>>()?;
    Ok(Prepared { vocabulary, corpus, search, finals, pretrained: texts.pretrained.clone() })
}

/// Whether rows of full length can be cut from both parts of a corpus.
fn rows_of(corpus: &Corpus, length: usize) -> Result<()> {
    let (train, held_out) = corpus.tokens();
    for (part, tokens) in [("to train on", train), ("held out", held_out)] {
        if tokens + 2 < length {
            let message = format!("the text {part} has {}, and a row takes {length}", counted(tokens, "token"));
            return Diagnostic::error(Code::DATA, message).help("give more text, or lower `model.length`").into();
        }
    }
    Ok(())
}

/// The corpus, journalled once.
fn note(corpus: Option<&Corpus>, vocabulary: &Vocabulary, journal: &mut Journal) -> Result<()> {
    if let Some(corpus) = corpus.filter(|_| !journal.entries().iter().any(|entry| matches!(entry, Entry::Corpus { .. }))) {
        let (train_tokens, held_out_tokens) = corpus.tokens();
        let unigram_entropy = corpus.unigram_entropy().unwrap_or(f64::NAN);
        journal.append(Entry::Corpus { train_tokens, held_out_tokens, vocabulary: vocabulary.size(), unigram_entropy })?;
    }
    Ok(())
}

/// The scores of the baselines on the dev sets, learnt from the rows that models are trained on, and journalled once.
fn baselines(suite: &Suite, rows: &[TaskRows], journal: &mut Journal, progress: &dyn Progress, stop: &AtomicBool) -> Result<()> {
    for name in ["majority", "bag_of_words"] {
        if journal.entries().iter().any(|entry| matches!(entry, Entry::Baseline { name: known, .. } if known == name)) {
            continue;
        }
        progress.stage(&name.replace('_', " "), suite.tasks.len() as u64, "tasks");
        let mut tasks = Vec::new();
        for ((task, rows), done) in suite.tasks.iter().zip(rows).zip(0..) {
            progress.at(done, &task.name);
            tasks.extend(baseline(name, task, suite.limit(task), rows, stop)?);
        }
        let score = average(&suite.score, &tasks)?;
        journal.append(Entry::Baseline { name: name.to_owned(), scores: scores(&SuiteScore { tasks, score }) })?;
    }
    Ok(())
}

/// The scores of a baseline on the dev sets of a task.
fn baseline(name: &str, task: &Task, limit: Option<usize>, rows: &TaskRows, stop: &AtomicBool) -> Result<Vec<TaskScore>> {
    let all = rows.get("train").map_or(&[][..], Vec::as_slice);
    let places = drawn(all.len(), limit.unwrap_or(all.len()), 0, &format!("rows/{}", task.name));
    let train: Vec<Example> = places.into_iter().filter_map(|place| all.get(place).cloned()).collect();
    let bag = if name == "majority" { None } else { Some(BagOfWords::learn(&train, &mut || go_on(stop))?) };
    let mut scores = Vec::new();
    for (scored, dev) in [(task.name.clone(), rows.get("dev")), (task.second(), rows.get("dev2"))] {
        let Some(dev) = dev else { continue };
        let predicted = bag.as_ref().map_or_else(|| majority(&train, dev.len()), |bag| Ok(bag.predict(dev)))?;
        let right = gold(dev)?;
        let metrics = task.metrics.iter().map(|metric| Ok((metric.clone(), measure(metric, &right, &predicted)?)));
        scores.push(TaskScore { task: scored, metrics: metrics.collect::<Result<_>>()? });
    }
    Ok(scores)
}

/// Scores as the journal keeps them.
pub(super) fn scores(found: &SuiteScore) -> Scores {
    let metrics = |task: &TaskScore| task.metrics.iter().map(|(metric, value)| (metric.name().to_owned(), *value)).collect();
    Scores { tasks: found.tasks.iter().map(|task| (task.task.clone(), metrics(task))).collect(), score: found.score }
}
