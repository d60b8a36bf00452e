//! All data of an experiment, read and found to be what its tasks say, before anything is spent or written.

use super::corpus::CorpusText;
use super::files::read_data;
use super::pieces::sources;
use super::pretrained::{Pretrained, pretrained};
use crate::check::{Checked, NOT_TEXT};
use crate::data::baseline::gold;
use crate::data::piece::CONVERT;
use crate::data::{Example, TaskScore, average, measure, read_part, second};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::{Part, Suite, Task};
use std::collections::BTreeMap;
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
/// Where a file cannot be read, is not what its task or the corpus says, or the suites cannot be scored; it names file, line and column, and
/// the place that names the file.
pub fn texts(checked: &Checked) -> Result<Texts> {
    has_data(checked)?;
    let settings = &checked.settings;
    let mut corpus = CorpusText::default();
    for path in settings.texts() {
        corpus.add(path, sources(checked, path)).map_err(|error| placed(checked, path, *error))?;
    }
    let search = settings.evaluate.as_ref().map_or_else(|| Ok(Vec::new()), |evaluate| suite(checked, &evaluate.suite, true))?;
    let finals = suite(checked, &settings.r#final.suite, false)?;
    Ok(Texts { corpus, search, finals, pretrained: pretrained(checked)?.map(Arc::new) })
}

/// An experiment whose data lies where an environment variable says can be checked without it, and not carried out.
fn has_data(checked: &Checked) -> Result<()> {
    match checked.data.iter().find(|(_, files)| files.is_empty()) {
        None => Ok(()),
        Some((path, _)) => {
            let name = path.trim_start_matches('$').split('/').next().unwrap_or(path);
            let message = format!("`{path}` cannot be read: the environment variable `{name}` is not set");
            Err(placed(checked, path, Diagnostic::error(Code::MISSING_FILE, message).help(format!("`export {name}=<folder>`"))))
        }
    }
}

/// The tasks of a suite; in a search only what is trained on.
fn suite(checked: &Checked, suite: &Suite, search: bool) -> Result<Vec<TaskRows>> {
    let task = |task: &Task| -> Result<TaskRows> {
        let mut rows = TaskRows::new();
        for part in task.parts().filter(|part| !search || part.field == "train") {
            let read = examples(suite, task, part).and_then(|rows| {
                if part.labelled {
                    // A metric that does not fit the labels is found here, and not after hours.
                    let gold = gold(&rows)?;
                    task.metrics.iter().try_for_each(|metric| measure(metric, &gold, &gold).map(|_| ()))?;
                }
                Ok(rows)
            });
            rows.insert(part.field, read.map_err(|error| placed(checked, &suite.path(part.file), *error))?);
        }
        Ok(rows)
    };
    let rows = suite.tasks.iter().map(task).collect::<Result<_>>()?;
    let scores = suite.tasks.iter().flat_map(|task| {
        let metrics: Vec<_> = task.metrics.iter().map(|metric| (metric.clone(), 0.0)).collect();
        let names = std::iter::once(task.name.clone()).chain(task.files.dev2.as_ref().map(|_| second(&task.name)));
        names.map(move |task| TaskScore { task, metrics: metrics.clone() })
    });
    average(&suite.score, &scores.collect::<Vec<_>>())?;
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
