//! Successive halving: a generation judged in rungs, of which only the better candidates reach the next.

use super::evaluate::{Proposed, begun, budget, further, gives_back, measured, record, weights_file};
use super::folder::Folder;
use super::journal::{Candidate, Entry, Journal};
use super::prepare::Prepared;
use super::session::Work;
use super::weights::{load_training, save_training, save_weights};
use super::workers::in_order;
use crate::diagnostic::Result;
use crate::exec::Parameters;
use crate::search::{History, ranked};
use crate::settings::{Halving, Search};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Called after each step of a candidate, from any thread.
type Tick<'a> = dyn Fn() -> Result<()> + Sync + 'a;

/// The candidates of a generation, each as its last rung left it, by number. What the journal holds is not done again.
#[expect(clippy::too_many_arguments, reason = "a stage has no other way to its surroundings")]
pub(super) fn halved(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    supernet: Option<&Parameters>,
    journal: &mut Journal,
    generation: &[&Proposed],
    halving: &Halving,
    tick: &Tick<'_>,
) -> Result<BTreeMap<usize, Candidate>> {
    let mut judged: BTreeMap<usize, Candidate> = BTreeMap::new();
    let mut alive: Vec<&Proposed> = generation.to_vec();
    for rung in 0..halving.rungs {
        let until = halving.steps(work.checked.evaluate()?.adapt, rung);
        let done = on_rung(journal, rung);
        let todo: Vec<&Proposed> = alive.iter().copied().filter(|one| !done.contains_key(&one.proposal.id)).collect();
        let job = |_: usize, one: &&Proposed| {
            let before = judged.get(&one.proposal.id).map_or(0.0, |candidate| candidate.seconds);
            train(work, prepared, folder, supernet, one, (until, before), tick)
        };
        in_order(&todo, work.workers, work.stop, &job, &mut |_, candidate: Candidate| {
            work.progress.line(&format!("candidate {:>3}  rung {rung} of {}, {until} steps", candidate.id, halving.rungs));
            journal.append(Entry::Rung { rung, candidate })
        })?;
        let done = on_rung(journal, rung);
        let mut field = History::default();
        for one in &alive {
            let Some(candidate) = done.get(&one.proposal.id) else { continue };
            field.candidates.push(one.proposal.clone().finished(one.generation, candidate.values.clone()));
            judged.insert(candidate.id, candidate.clone());
        }
        // Whoever failed has nothing to go on with.
        let field = ranked(&field);
        let kept: BTreeSet<usize> = field.best(kept(halving, alive.len())).into_iter().map(|one| one.id).collect();
        alive.retain(|one| kept.contains(&one.proposal.id));
    }
    Ok(judged)
}

/// What a search's candidates take in all where none fails: masked-LM steps of adaptation, and how often one is judged.
pub(super) fn work_of(search: &Search, adapt: u64) -> (u64, u64) {
    let Some(halving) = &search.halving else { return (search.evaluations as u64 * adapt, search.evaluations as u64) };
    let (mut left, mut taken) = (search.evaluations, (0, 0));
    let mut generation = search.population;
    while left > 0 {
        let mut alive = generation.clamp(1, left);
        left -= alive;
        for rung in 0..halving.rungs {
            let before = rung.checked_sub(1).map_or(0, |before| halving.steps(adapt, before));
            taken.0 += alive as u64 * (halving.steps(adapt, rung) - before);
            taken.1 += alive as u64;
            alive = kept(halving, alive);
        }
        generation = search.parents.saturating_mul(search.children);
    }
    taken
}

/// How many of a rung's candidates reach the next.
fn kept(halving: &Halving, alive: usize) -> usize {
    // Without the rounding of a product such as 70 · 0.1, which is a little more than 7.
    (alive as f64 * halving.keep - 1e-9).ceil() as usize
}

/// The candidates that were judged on a rung, by number.
fn on_rung(journal: &Journal, rung: usize) -> BTreeMap<usize, Candidate> {
    let judged = journal.entries().iter().filter_map(|entry| match entry {
        Entry::Rung { rung: known, candidate } if *known == rung => Some((candidate.id, candidate.clone())),
        _ => None,
    });
    judged.collect()
}

/// The file in which a candidate waits for its next rung.
pub(super) fn file(id: usize) -> String {
    format!("work/rung-{id}.safetensors")
}

/// Trains a candidate on to its next rung and measures it; `before` are the seconds that it took so far.
fn train(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    supernet: Option<&Parameters>,
    one: &Proposed,
    (until, before): (u64, f64),
    tick: &Tick<'_>,
) -> Result<Candidate> {
    let (time, id, architecture) = (Instant::now(), one.proposal.id, &one.proposal.architecture);
    let (seed, total) = budget(work)?;
    let outcome = (|| {
        let specs = work.models.masked_lm(&work.checked.space, architecture)?;
        // What is not there is trained from the beginning: the same steps on the same batches. So is what came as far as this rung
        // and was not written down, since the loss of its last step is not kept.
        let mut training = match load_training(folder, &file(id), specs.parameters())? {
            Some(training) if training.step < until => training,
            _ => begun(work, supernet, architecture, seed)?,
        };
        let loss = further(work, prepared, architecture, &mut training, (seed, until, total), &mut || tick())?;
        save_training(folder, &file(id), &training)?;
        let found = measured(work, prepared, architecture, &training.parameters, &mut || tick())?;
        if until == total && gives_back(work) {
            save_weights(folder, &weights_file(id), &training.parameters)?;
        }
        Ok((found, loss))
    })();
    record(work, one, outcome, until, before + time.elapsed().as_secs_f64())
}
