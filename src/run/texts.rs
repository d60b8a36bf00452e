//! All data of an experiment, read and found to be what its tasks say, before anything is spent or written.

use super::corpus::CorpusText;
use super::files::{itself, read_data};
use super::pieces::{Source, sources};
use super::pretrained::{Pretrained, pretrained};
use crate::check::{Checked, NOT_TEXT};
use crate::data::baseline::gold;
use crate::data::piece::CONVERT;
use crate::data::{Example, TaskScore, average, read_part};
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::settings::{Part, Suite, Task};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The texts and tasks of an experiment.
#[derive(Debug)]
pub struct Texts {
    /// The corpus, read through once and not kept.
    pub(super) corpus: CorpusText,
    /// The search's tasks, of which training files alone are read: candidates are judged by a part of them.
    pub(super) search: Vec<TaskRows>,
    /// The last table's tasks.
    pub(super) finals: Vec<TaskRows>,
    /// Weights to start from, with their vocabulary.
    pub(super) pretrained: Option<Arc<Pretrained>>,
}

/// The rows of a task's files, by the field that names each.
pub(super) type TaskRows = BTreeMap<&'static str, Vec<Example>>;

/// Reads all data of an experiment.
///
/// # Errors
/// Where a file cannot be read, is not what its task or the corpus says, or the suites cannot be scored; each names file, line and column, and
/// the place that names the file. What is wrong with what one path names hides nothing of another; environment variables that are not set are told
/// before anything is read.
pub fn texts(checked: &Checked) -> Result<Texts, Vec<Diagnostic>> {
    has_data(checked)?;
    let settings = &checked.settings;
    let (mut corpus, mut wrong) = (CorpusText::default(), Vec::new());
    let (mut read, mut known) = (BTreeSet::new(), BTreeMap::new());
    for path in settings.texts() {
        let sources = sources(checked, path);
        let mut again = |source: &Source| match known.insert(source.hash.clone(), source.file.clone()) {
            _ if !read.insert(itself(Path::new(&*source.file))) => Some(format!("the corpus names {} twice", source.file)),
            // Of a file without text there is nothing to be held out.
            Some(first) if source.hash != blake3::hash(b"").to_hex().as_str() => {
                Some(format!("{first} and {} of the corpus are the same text", source.file))
            }
            Some(_) => None,
            None => None,
        };
        let twice = sources.iter().find_map(&mut again).map(|why| {
            let told = Diagnostic::error(Code::DATA, why);
            Box::new(told.help("name it once: what is held out of one copy would be trained on in the other"))
        });
        let added = twice.map_or_else(|| corpus.add(path, sources), Err);
        wrong.extend(added.err().map(|error| *placed(checked, path, *error)));
    }
    let search = settings.evaluate.as_ref().map_or_else(Vec::new, |evaluate| suite(checked, &evaluate.suite, true, &mut wrong));
    let finals = suite(checked, &settings.r#final.suite, false, &mut wrong);
    let pretrained = pretrained(checked).map_err(|error| wrong.push(*error)).unwrap_or_default();
    if wrong.is_empty() { Ok(Texts { corpus, search, finals, pretrained: pretrained.map(Arc::new) }) } else { Err(wrong) }
}

/// An experiment whose data lies where an environment variable says can be checked without it, and not carried out.
fn has_data(checked: &Checked) -> Result<(), Vec<Diagnostic>> {
    let missing: BTreeMap<&str, &String> = checked
        .data
        .iter()
        .filter(|(_, files)| files.is_empty())
        .map(|(path, _)| (path.trim_start_matches('$').split('/').next().unwrap_or(path), path))
        .collect();
    let told = |(name, path): (&str, &String)| {
        let message = format!("`{path}` cannot be read: the environment variable `{name}` is not set");
        *placed(checked, path, Diagnostic::error(Code::MISSING_FILE, message).help(format!("`export {name}=<folder>`")))
    };
    if missing.is_empty() { Ok(()) } else { Err(missing.into_iter().map(told).collect()) }
}

/// The tasks of a suite, in a search only what is trained on; what is wrong with each file goes to `wrong`.
fn suite(checked: &Checked, suite: &Suite, search: bool, wrong: &mut Vec<Diagnostic>) -> Vec<TaskRows> {
    let before = wrong.len();
    let mut task = |task: &Task| -> TaskRows {
        let parts = task.parts().filter(|part| !search || part.field == "train");
        let read = parts.filter_map(|part| match sound(suite, task, part, search) {
            Ok(rows) => Some((part.field, rows)),
            Err(error) => {
                let error = *placed(checked, &suite.path(part.file), *error);
                // The search and the last table read the same training files.
                if !wrong.contains(&error) {
                    wrong.push(error);
                }
                None
            }
        });
        read.collect()
    };
    let rows = suite.tasks.iter().map(&mut task).collect();
    let scores = suite.tasks.iter().flat_map(|task| {
        let metrics: Vec<_> = task.metrics.iter().map(|metric| (metric.clone(), 0.0)).collect();
        let names = std::iter::once(task.name.clone()).chain(task.files.dev2.as_ref().map(|_| task.second()));
        names.map(move |task| TaskScore { task, metrics: metrics.clone() })
    });
    if wrong.len() == before {
        let error = average(&suite.score, &scores.collect::<Vec<_>>()).err().map(|error| *error);
        wrong.extend(error.filter(|error| !wrong.contains(error)));
    }
    rows
}

/// The rows of one of a task's files, with labels where it is to have them: found here, and not after hours.
fn sound(suite: &Suite, task: &Task, part: Part<'_>, search: bool) -> Result<Vec<Example>> {
    let rows = examples(suite, task, part)?;
    if search && rows.len() < 2 {
        let message = format!("{} has {}, and a search judges by some that it does not train on", part.file, counted(rows.len(), "row"));
        return Diagnostic::error(Code::DATA, message).help("give more rows").into();
    }
    if part.labelled {
        let _labels = gold(&rows)?;
    }
    Ok(rows)
}

/// The rows of one of a task's files.
pub(super) fn examples(suite: &Suite, task: &Task, part: Part<'_>) -> Result<Vec<Example>> {
    let path = suite.path(part.file);
    read_part(task, part, suite.whole, &path, &text(&path)?)
}

/// The text of a data file.
pub(super) fn text(path: &str) -> Result<String> {
    read_data(path).map_err(|why| unreadable(path, &why))
}

pub(super) fn unreadable(path: &str, why: &str) -> Box<Diagnostic> {
    let code = if why.starts_with(NOT_TEXT) { Code::DATA_TEXT } else { Code::MISSING_FILE };
    let told = Diagnostic::error(code, format!("`{path}` cannot be read: {why}"));
    Box::new(if code == Code::DATA_TEXT { told.help(CONVERT) } else { told })
}

/// A mistake of a data file, with the places that name the file.
pub(super) fn placed(checked: &Checked, path: &str, error: Diagnostic) -> Box<Diagnostic> {
    let places = checked.places.get(path).into_iter().flatten();
    Box::new(places.fold(error, |error, (span, text)| error.at(*span, text)))
}
