//! A table built: every class of an enumerable space trained from scratch, on several seeds.

use super::{Row, Table};
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::run::begin::begin;
use crate::run::evaluate::{adapted, budget, held_out};
use crate::run::folder::Folder;
use crate::run::journal::{Entry, Journal, Start};
use crate::run::plan::members_fit;
use crate::run::prepare::{self, Prepared};
use crate::run::session::{Work, models};
use crate::run::texts::Texts;
use crate::run::workers::{go_on, in_order};
use crate::run::{Executors, Progress, functional_classes, outputs};
use crate::space::Architecture;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Members that a space may have for a table: each is looked at, though only classes are trained.
const LARGEST: usize = 100_000;

/// How a table is built; none of it changes a result.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Trainings of each class; their seeds are the experiment's and those that follow.
    pub seeds: u64,
    /// The folder to work in.
    pub folder: PathBuf,
    /// Classes trained at the same time, in place of the experiment's `workers`.
    pub workers: Option<usize>,
}

/// Trains every class of the experiment's space from scratch, `evaluate.adapt` steps on each seed, and measures the masked-LM loss on the
/// held-out text. It goes on where its folder says it stopped.
///
/// # Errors
/// Where the space has too many members, training fails for another reason than divergence, or it was interrupted.
pub fn build_table(
    checked: &Checked,
    texts: Texts,
    executors: &Executors,
    options: &TableOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Table> {
    let members = members(checked)?;
    let classes = functional_classes(&checked.space, &members);
    progress.line(&format!(
        "{}, computed by {}; each is trained on {}",
        counted(classes.len(), "function"),
        counted(members.len(), "member"),
        counted(options.seeds, "seed")
    ));
    let workers = options.workers.unwrap_or(checked.settings.workers).max(1);
    // What goes on was admitted when it began.
    let begins = !options.folder.exists();
    if begins {
        members_fit(checked, executors, (classes.len().saturating_mul(usize::try_from(options.seeds).unwrap_or(usize::MAX)), workers))?;
    }
    let folder = Folder::open(&options.folder, false)?;
    let mut journal = Journal::open(&folder.join("journal.jsonl"))?;
    let own = Start::new(checked, executors, format!("table {}", checked.settings.name), checked.evaluation.to_string());
    let own = Start { space_size: members.len().to_string(), ..own };
    let same = |known: &Start, own: &Start| known.fingerprint == own.fingerprint && known.seed == own.seed;
    begin(checked, &folder, &mut journal, own, same, progress)?;
    progress.stage("data", 1, "texts");
    let prepared = prepare::prepare(checked, &texts, &folder, &mut journal, progress, stop)?;
    drop(texts);
    let known: BTreeMap<(String, u64), Option<f64>> = results(&journal);
    let seeds = checked.settings.seed..checked.settings.seed + options.seeds;
    let todo: Vec<(String, u64, &Architecture)> = seeds
        .clone()
        .flat_map(|seed| classes.iter().filter_map(move |(class, all)| Some((class.to_string(), seed, *all.first()?))))
        .filter(|(class, seed, _)| !known.contains_key(&(class.clone(), *seed)))
        .collect();
    progress.stage("table", todo.len() as u64, "trainings");
    let reseeded: BTreeMap<u64, Checked> = seeds.map(|seed| (seed, with_seed(checked, seed))).collect();
    let done = AtomicU64::new(0);
    let job = |_: usize, (_, seed, architecture): &(String, u64, &Architecture)| {
        let checked = reseeded.get(seed).unwrap_or(checked);
        let work = Work { checked, models: models(checked), executors, progress, stop, workers };
        train(&work, &prepared, architecture)
    };
    in_order(&todo, workers, stop, &job, &mut |number, (loss, failure): (Option<f64>, Option<String>)| {
        let Some((class, seed, _)) = todo.get(number) else { return Ok(()) };
        journal.append(Entry::Tabled { class: class.clone(), seed: *seed, loss, failure })?;
        let count = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress.at(count, &loss.map_or_else(|| "failed".to_owned(), |loss| format!("loss {loss:.3}")));
        Ok(())
    })?;
    let known = results(&journal);
    let models = models(checked);
    let row = |(class, first, count): (crate::graph::Hash, &Architecture, usize)| {
        let cost = models.cost(&checked.space, first)?;
        let loss = |seed: u64| known.get(&(class.to_string(), checked.settings.seed + seed)).copied().flatten();
        Ok(Row {
            class,
            members: count,
            first: outputs::layers(&checked.space, first),
            params: cost.params,
            flops: cost.flops,
            loss: (0..options.seeds).map(loss).collect(),
        })
    };
    let rows = classes.iter().filter_map(|(class, all)| Some((*class, *all.first()?, all.len()))).map(row).collect::<Result<_>>()?;
    Ok(Table { header: super::header(checked, &prepared, options.seeds, members.len())?, rows })
}

/// Every member that meets the space's conditions.
pub(super) fn members(checked: &Checked) -> Result<Vec<Architecture>> {
    let all = checked.space.enumerate(LARGEST).ok_or_else(|| {
        let message =
            format!("`{}` has {}, and a table takes {LARGEST} at most", checked.space.name, counted(checked.space.count(), "member"));
        Box::new(Diagnostic::error(Code::USAGE, message).help("lower the `size` of its `dag`, or take fewer operations"))
    })?;
    let models = models(checked);
    let meets = |architecture: &Architecture| Ok((models.unmet(&checked.space, architecture)?.is_none()).then(|| architecture.clone()));
    all.iter().filter_map(|architecture| meets(architecture).transpose()).collect()
}

fn with_seed(checked: &Checked, seed: u64) -> Checked {
    let mut checked = checked.clone();
    checked.settings.seed = seed;
    checked
}

/// The results so far, by class and seed.
fn results(journal: &Journal) -> BTreeMap<(String, u64), Option<f64>> {
    let tabled = |entry: &Entry| match entry {
        Entry::Tabled { class, seed, loss, .. } => Some(((class.clone(), *seed), *loss)),
        _ => None,
    };
    journal.entries().iter().filter_map(tabled).collect()
}

/// One training from scratch: the loss on the held-out text, or why there is none.
fn train(work: &Work<'_>, prepared: &Prepared, architecture: &Architecture) -> Result<(Option<f64>, Option<String>)> {
    let mut tick = || go_on(work.stop);
    let found = adapted(work, prepared, None, architecture, budget(work)?, &mut tick)
        .and_then(|(training, _)| held_out(work, prepared, architecture, &training.parameters, &mut tick));
    match found {
        Ok(loss) if loss.is_finite() => Ok((Some(loss), None)),
        Ok(loss) => Ok((None, Some(format!("the held-out loss is {loss}")))),
        Err(error) if error.code == Code::DIVERGED => Ok((None, Some(error.message.clone()))),
        Err(error) => Err(error),
    }
}
