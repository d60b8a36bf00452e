//! One architecture trained and scored as the last table's models are, without a search.

use super::begin::{begin, same_experiment};
use super::folder::Folder;
use super::journal::{Entry, FinalModel, Journal, Start};
use super::memory::fits_alone;
use super::session::{Work, models};
use super::texts::Texts;
use super::{Executors, Progress, finals, prepare, pretrained};
use crate::check::{Checked, NamedArchitecture};
use crate::diagnostic::Result;
use crate::graph::identity::Digest;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// How one architecture is trained.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// The folder; by default `runs/train-<architecture>-<fingerprint>-s<seed>`.
    pub out: Option<PathBuf>,
    /// Whether to start over.
    pub fresh: bool,
}

/// Trains one architecture on an experiment's texts and its `final` budget; it goes on where it stopped.
///
/// # Errors
/// As for a run.
pub fn train_one(
    checked: &Checked,
    texts: Texts,
    architecture: &NamedArchitecture,
    executors: &Executors,
    options: &TrainOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<(PathBuf, Vec<FinalModel>)> {
    if let Some(pretrained) = &texts.pretrained {
        pretrained::fits(checked, pretrained, architecture)?;
    }
    executors.carry_out(&checked.settings)?;
    let identity = architecture.identity().to_string();
    let fingerprint = checked.fingerprint.to_string();
    let short = |hash: &str| hash.chars().take(8).collect::<String>();
    let default = || PathBuf::from("runs").join(format!("train-{}-{}-s{}", short(&identity), short(&fingerprint), checked.settings.seed));
    let place = options.out.clone().unwrap_or_else(default);
    // What goes on was admitted when it began.
    if options.fresh || !place.exists() {
        fits_alone(checked, executors, &models(checked), (&architecture.space, &architecture.architecture))?;
    }
    let folder = Folder::open(&place, options.fresh)?;
    let mut journal = Journal::open(&folder.join("journal.jsonl"))?;
    let experiment = format!("train {}", architecture.name);
    // The experiment's own says nothing of an architecture that it does not name.
    let both = Digest::new().text(&fingerprint).text(&identity).finish().to_string();
    let own = Start { space_size: "1".to_owned(), ..Start::new(checked, executors, experiment, both) };
    begin(checked, &folder, &mut journal, own, same_experiment, progress)?;
    let work = Work { checked, models: models(checked), executors, progress, stop, workers: checked.settings.workers };
    progress.stage("data", 1, "texts");
    let prepared = prepare::prepare(checked, &texts, &folder, &mut journal, progress, stop)?;
    drop(texts);
    let contender = finals::Contender {
        name: architecture.name.clone(),
        space: architecture.space.clone(),
        architecture: architecture.architecture.clone(),
        weights: Some("model.safetensors"),
    };
    finals::finals(&work, &prepared, &folder, &mut journal, &[contender])?;
    folder.tidy();
    let found = journal.entries().iter().filter_map(|entry| if let Entry::Final(model) = entry { Some(model.clone()) } else { None });
    Ok((folder.path().to_owned(), found.collect()))
}
