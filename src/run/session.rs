//! A run from beginning to end, or from where it stopped.

use super::begin::{begin, same_experiment};
use super::candidates::search;
use super::finals::{contenders, finals};
use super::folder::Folder;
use super::journal::{Entry, Journal, Start};
use super::prepare::Prepared;
use super::restore::restore;
use super::texts::Texts;
use super::{Executors, Progress, agreement, outputs, prepare, warmup};
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::search::History;
use crate::space::Architecture;
use crate::supernet::Models;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// How a run is carried out; none of it changes a result.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The run folder; by default `runs/<experiment>-<fingerprint>-s<seed>`.
    pub out: Option<PathBuf>,
    /// Whether to start over.
    pub fresh: bool,
    /// Candidates evaluated at the same time, in place of the experiment's.
    pub workers: Option<usize>,
    /// The stage after which it stops; started again without one, it goes on.
    pub until: Option<Until>,
}

/// A stage of a run that it may stop after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The supernet's warm-up.
    Warmup,
    /// The rank agreement.
    Agreement,
    /// The search.
    Search,
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run folder.
    pub folder: PathBuf,
    /// All entries of its journal.
    pub entries: Vec<Entry>,
    /// Whether it was finished before it began.
    pub already: bool,
    /// The best found and its space; `None` where nothing was searched, or the run stopped before there was one.
    pub best: Option<(std::sync::Arc<crate::space::Space>, Architecture)>,
}

/// What all stages share.
pub(super) struct Work<'a> {
    pub checked: &'a Checked,
    pub models: Models,
    pub executors: &'a Executors,
    pub progress: &'a dyn Progress,
    pub stop: &'a AtomicBool,
    pub workers: usize,
}

impl Work<'_> {
    /// Whether a member meets the conditions of the searched space.
    pub fn meets(&self, architecture: &Architecture) -> bool {
        self.models.unmet(&self.checked.space, architecture).is_ok_and(|unmet| unmet.is_none())
    }

    /// What the search's screen thinks of an architecture, larger being better.
    pub fn worth(&self, architecture: &Architecture) -> f64 {
        let Some(screen) = self.checked.settings.search.as_ref().and_then(|search| search.screen.as_ref()) else { return 0.0 };
        // What has no cost is drawn last.
        let cost = self.models.cost(&self.checked.space, architecture);
        cost.map_or(f64::NEG_INFINITY, |cost| screen.worth(cost.params, cost.flops))
    }
}

/// The graphs around an encoder with the experiment's sizes.
pub(super) fn models(checked: &Checked) -> Models {
    Models {
        masked_lm: checked.models.masked_lm.clone(),
        classifier: checked.models.classifier.clone(),
        model: checked.settings.model.clone(),
    }
}

/// The folder of an experiment's run, where none is named.
pub(super) fn default_folder(checked: &Checked) -> PathBuf {
    let fingerprint: String = checked.fingerprint.to_string().chars().take(8).collect();
    Path::new("runs").join(format!("{}-{fingerprint}-s{}", checked.settings.name, checked.settings.seed))
}

/// Carries an experiment out on its texts, going on where its folder says it stopped. `stop` ends it at the next step.
///
/// # Errors
/// Where the folder cannot be used, training fails, or it was interrupted.
pub fn run(
    checked: &Checked,
    texts: Texts,
    executors: &Executors,
    options: &Options,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let begun = Instant::now();
    if checked.settings.search.is_none() && options.until.is_some() {
        let message = format!("`{}` searches nothing, and `--until` names a stage of a search", checked.settings.name);
        return Diagnostic::error(Code::NO_SEARCH, message).help("leave `--until` out").into();
    }
    executors.carry_out(&checked.settings)?;
    let folder = Folder::open(&options.out.clone().unwrap_or_else(|| default_folder(checked)), options.fresh)?;
    let mut journal = Journal::open(&folder.join("journal.jsonl"))?;
    let own = Start {
        space_size: checked.settings.search.as_ref().map(|_| checked.space.count().to_string()).unwrap_or_default(),
        objectives: checked.settings.objective.clone(),
        ..Start::new(checked, executors, checked.settings.name.clone(), checked.fingerprint.to_string())
    };
    let finished = journal.entries().iter().any(|entry| matches!(entry, Entry::Finished { .. }));
    if begin(checked, &folder, &mut journal, own, same_experiment, progress)? && !finished {
        going_on(checked, &folder, &journal, progress);
    }
    let workers = options.workers.unwrap_or(checked.settings.workers).max(1);
    let work = Work { checked, models: models(checked), executors, progress, stop, workers };
    if finished {
        let history = restore(&work, &journal, usize::MAX)?;
        folder.tidy();
        return outcome(&work, &folder, &journal, &history, true);
    }
    progress.stage("data", 1, "texts");
    let prepared = prepare::prepare(checked, &texts, &folder, &mut journal, progress, stop)?;
    drop(texts);
    let history = match searched(&work, &prepared, &folder, &mut journal, options.until)? {
        Some(history) => history,
        None => return Ok(Outcome { folder: folder.path().to_owned(), entries: journal.entries().to_vec(), already: false, best: None }),
    };
    let contenders = contenders(&work, &history)?;
    if let (Some(found), Some(best)) = (history.best_member(), contenders.first()) {
        outputs::best(checked, &folder, best, found.id)?;
    }
    finals(&work, &prepared, &folder, &mut journal, &contenders)?;
    let seconds = begun.elapsed().as_secs_f64();
    journal.append(Entry::Finished { evaluations: history.candidates.len(), seconds })?;
    folder.tidy();
    outcome(&work, &folder, &journal, &history, false)
}

/// The stages of the search, where there is one; `None` where the run stops after one of them.
fn searched(work: &Work<'_>, prepared: &Prepared, folder: &Folder, journal: &mut Journal, until: Option<Until>) -> Result<Option<History>> {
    if work.checked.settings.search.is_none() {
        return Ok(Some(History::default()));
    }
    let warm = warmup::warm(work, prepared, folder, journal)?;
    if until == Some(Until::Warmup) {
        return Ok(None);
    }
    agreement::agreement(work, prepared, journal, warm.as_ref())?;
    if until == Some(Until::Agreement) {
        return Ok(None);
    }
    let history = search(work, prepared, folder, journal, warm)?;
    Ok((until != Some(Until::Search)).then_some(history))
}

/// Says what is done already of a run that is gone on with.
fn going_on(checked: &Checked, folder: &Folder, journal: &Journal, progress: &dyn Progress) {
    let count = |of: fn(&Entry) -> bool| journal.entries().iter().filter(|entry| of(entry)).count();
    let mut done = Vec::new();
    if checked.settings.search.is_some() {
        done.push(counted(count(|entry| matches!(entry, Entry::Candidate(_))), "candidate"));
    }
    for (number, what) in [
        (count(|entry| matches!(entry, Entry::Pretrained { .. })), "pre-training"),
        (count(|entry| matches!(entry, Entry::Tuned { .. })), "fine-tuning"),
    ] {
        if number > 0 || done.is_empty() {
            done.push(counted(number, what));
        }
    }
    progress.line(&format!("going on with the run in `{}`: {} done", folder.path().display(), done.join(", ")));
}

fn outcome(work: &Work<'_>, folder: &Folder, journal: &Journal, history: &History, already: bool) -> Result<Outcome> {
    let best = match work.checked.settings.search {
        Some(_) => contenders(work, history)?.into_iter().next().map(|best| (best.space, best.architecture)),
        None => None,
    };
    Ok(Outcome { folder: folder.path().to_owned(), entries: journal.entries().to_vec(), already, best })
}
