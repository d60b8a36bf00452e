//! The search: generations proposed from the history, evaluated in parallel, committed in candidate order.

use super::commit::give_back;
use super::evaluate::{Measured, Proposed, evaluate, unjudged, values, weights_file};
use super::folder::Folder;
use super::functional::{Functions, functional};
use super::halving::{self, halved};
use super::journal::{Candidate, Entry, Journal};
use super::prepare::Prepared;
use super::rescore::{rescore, rescored};
use super::restore::{candidates, committed, damaged, finished, restore};
use super::session::Work;
use super::warmup::{file, supernet_specs};
use super::weights::load_weights;
use super::workers::{go_on, in_order};
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::exec::Parameters;
use crate::search::{self, History, Priorities, Screening, propose, ranked};
use crate::settings::{Algorithm, Dedupe, Goal, Measure, Method, Pick, Screen, Stop};
use crate::space::Architecture;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Carries the search out, from wherever the journal says it is; gives all finished candidates.
pub(super) fn search(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    journal: &mut Journal,
    warm: Option<Parameters>,
) -> Result<History> {
    let (seed, settings) = (work.checked.settings.seed, work.checked.search()?);
    let budget = settings.evaluations as u64;
    let mut supernet = warm;
    let mut generation = committed(journal);
    let mut history = restore(work, journal, if finished(journal) { usize::MAX } else { generation })?;
    let reuses = settings.dedupe == Dedupe::Functional;
    let mut functions = Functions::default();
    for candidate in candidates(journal) {
        functions.first(candidate.function.parse().map_err(damaged)?, candidate.id);
    }
    let shares = matches!(work.checked.evaluate()?.method, Method::Biws { .. });
    let over = finished(journal) || history.candidates.iter().filter(|one| one.generation < generation).count() >= settings.evaluations;
    if shares && generation > 0 && !over {
        supernet = load_weights(folder, &file(generation), &supernet_specs(work)?)?;
    }
    if shares && supernet.is_none() && !over {
        let message = "the supernet's weights are missing from the run folder, or damaged";
        return Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`").into();
    }
    if over {
        return Ok(history);
    }
    work.progress.stage("search", budget, "candidates");
    let wall = match &settings.stop {
        Some(Stop::Any { wall, .. }) if *wall > 0.0 => Some(*wall),
        _ => None,
    };
    loop {
        go_on(work.stop)?;
        // Candidates of a generation that was not committed are proposed again, and found finished.
        let pending = history.candidates.split_off(history.candidates.partition_point(|candidate| candidate.generation < generation));
        let begun = Instant::now();
        if wall.is_some_and(|wall| spent(journal) > wall) && pending.is_empty() {
            work.progress.line(&format!("the search ends at its bound of time, after {}", counted(history.candidates.len(), "candidate")));
            journal.append(Entry::Wall { evaluations: history.candidates.len() })?;
            return Ok(history);
        }
        let (meets, worth) =
            (|architecture: &Architecture| work.meets(architecture), |architecture: &Architecture| work.worth(architecture));
        let among = settings.screen.as_ref().map_or(1, Screen::among);
        let screening = Screening { meets: &meets, worth: &worth, among };
        let next = |history: &History| propose(&work.checked.space, settings, seed, &ranked(history), &screening);
        let mut proposals = next(&history);
        if proposals.is_empty() {
            let (made, budget) = (history.candidates.len(), settings.evaluations);
            if made < budget {
                let why = "nothing new was found, or nothing better for as long as `stop` says";
                work.progress.line(&format!("the search ends after {made} of {budget} candidates: {why}"));
            }
            return Ok(history);
        }
        if let Some(supernet) = &supernet
            && rescore(work, prepared, supernet, &mut history, journal, generation)?
        {
            proposals = next(&history);
            // With other values the best may have been found long ago, and the search is at its plateau.
            if proposals.is_empty() {
                return Ok(history);
            }
        }
        note_priorities(work, journal, &ranked(&history), generation)?;
        let proposed: Vec<Proposed> = proposals
            .into_iter()
            .map(|proposal| {
                let function = functional(&work.checked.space, &proposal.architecture);
                let same_as = functions.first(function, proposal.id);
                Proposed { proposal, generation, function, same_as }
            })
            .collect();
        if proposed.iter().zip(&pending).any(|(one, known)| one.proposal.hash != known.hash) {
            let message = "the candidates of the generation that was interrupted are not those that this program proposes";
            return Diagnostic::error(Code::RUN_FOLDER, message)
                .help("go on with the version of Phyla that began the run, or start over with `--fresh`")
                .into();
        }
        let known = pending.len();
        history.candidates.extend(pending);
        let (steps, done) = (AtomicU64::new(0), AtomicU64::new(history.candidates.len() as u64));
        let judged = match &settings.halving {
            Some(halving) => {
                let own: Vec<&Proposed> = proposed.iter().filter(|one| !reuses || one.same_as.is_none()).collect();
                let tick = || tick(work, &steps, &done);
                halved(work, prepared, folder, supernet.as_ref(), journal, &own, halving, &tick)?
            }
            None => BTreeMap::new(),
        };
        let todo = proposed.get(known..).unwrap_or_default();
        let job = |_: usize, one: &Proposed| match one.same_as.filter(|_| reuses) {
            // Whose results it takes may be in work; they are there when its turn comes to be written down.
            Some(_) => Ok(None),
            None if settings.halving.is_some() => Ok(judged.get(&one.proposal.id).cloned()),
            None => evaluate(work, prepared, folder, supernet.as_ref(), one, &mut || tick(work, &steps, &done)).map(Some),
        };
        let mut finished = Vec::new();
        in_order(todo, work.workers, work.stop, &job, &mut |number, evaluated: Option<Candidate>| {
            let Some(one) = todo.get(number) else { return Ok(()) };
            let candidate = match evaluated {
                Some(candidate) => candidate,
                None => reused(work, journal, one)?,
            };
            journal.append(Entry::Candidate(candidate.clone()))?;
            finished.push(one.proposal.clone().finished(generation, candidate.values.clone()));
            let best = best_so_far(work, &history, &finished);
            work.progress.line(&format!(
                "candidate {:>3}  generation {:>2}  {}  best {best}  {}",
                candidate.id,
                candidate.generation,
                told(work, &candidate.values),
                words(&candidate)
            ));
            done.store(candidate.id as u64 + 1, Ordering::Relaxed);
            work.progress.at(candidate.id as u64 + 1, &format!("best {best}"));
            Ok(())
        })?;
        history.candidates.extend(finished);
        // Nobody starts from the supernet after the last candidate.
        if history.candidates.len() < settings.evaluations {
            give_back(work, prepared, folder, journal, supernet.as_mut(), &ranked(&history), generation)?;
        }
        let (best, best_id) = history.best_member().map_or((0.0, 0), |best| (best.fitness.unwrap_or(0.0), best.id));
        journal.append(Entry::Generation { generation, best, best_id, seconds: begun.elapsed().as_secs_f64() })?;
        folder.discard(&file(generation));
        for candidate in history.candidates.iter().filter(|candidate| candidate.generation == generation) {
            folder.discard(&weights_file(candidate.id));
            folder.discard(&halving::file(candidate.id));
        }
        generation += 1;
    }
}

/// The seconds of the generations that are over; what an interruption took from one is not among them.
fn spent(journal: &Journal) -> f64 {
    journal.entries().iter().map(|entry| if let Entry::Generation { seconds, .. } = entry { *seconds } else { 0.0 }).sum()
}

/// The best value of the first objective so far, in words.
fn best_so_far(work: &Work<'_>, history: &History, finished: &[search::Candidate]) -> String {
    let all = history.candidates.iter().chain(finished).filter_map(search::Candidate::finite);
    let best = all.reduce(f64::max);
    best.map_or_else(|| "none".to_owned(), |best| told(work, &[best]).split_whitespace().last().unwrap_or_default().to_owned())
}

/// The values of some objectives in words, as they were measured: `loss 5.213`.
fn told(work: &Work<'_>, values: &[f64]) -> String {
    let value = |(goal, value): (&Goal, &f64)| {
        let value = goal.signed(*value);
        match goal.sought().0 {
            Measure::Score => format!("score {value:.4}"),
            Measure::Loss => format!("loss {value:.4}"),
            Measure::Params => format!("params {value:.0}"),
            Measure::Flops => format!("FLOPs {value:.0}"),
        }
    };
    let all: Vec<String> = work.checked.settings.objective.iter().zip(values).map(value).collect();
    if all.is_empty() { "failed".to_owned() } else { all.join("  ") }
}

/// A candidate with the results of the one that computes the same.
fn reused(work: &Work<'_>, journal: &Journal, one: &Proposed) -> Result<Candidate> {
    let Some(known) = candidates(journal).find(|candidate| Some(candidate.id) == one.same_as).cloned() else {
        return Diagnostic::error(Code::INTERNAL, "the results that a candidate takes over are not in the journal").into();
    };
    let cost = work.models.cost(&work.checked.space, &one.proposal.architecture)?;
    let Candidate { steps, loss, held_out_loss, scores, failure, .. } = known;
    // The same function need not cost the same: (q·kᵀ)·v and q·(kᵀ·v) do not.
    let mut values = match failure {
        None => values(work, &Measured { held_out_loss, scores: scores.clone() }, cost).unwrap_or_default(),
        Some(_) => Vec::new(),
    };
    // What was measured again counts as it was last: the others of its generation are judged by the supernet of today, too.
    let last = rescored(journal).filter(|again| Some(again.candidate) == one.same_as && !again.values.is_empty()).last();
    for ((value, goal), last) in values.iter_mut().zip(&work.checked.settings.objective).zip(last.iter().flat_map(|last| &last.values)) {
        if matches!(goal.sought().0, Measure::Score | Measure::Loss) {
            *value = *last;
        }
    }
    Ok(Candidate { steps, loss, held_out_loss, scores, values, failure, ..unjudged(work, one, cost) })
}

fn tick(work: &Work<'_>, steps: &AtomicU64, done: &AtomicU64) -> Result<()> {
    let taken = steps.fetch_add(1, Ordering::Relaxed) + 1;
    if taken.is_multiple_of(10) {
        work.progress.at(done.load(Ordering::Relaxed), &format!("{taken} steps in this generation"));
    }
    go_on(work.stop)
}

/// The priorities that this generation draws by, journalled once.
fn note_priorities(work: &Work<'_>, journal: &mut Journal, history: &History, generation: usize) -> Result<()> {
    let settings = work.checked.search()?;
    let known = journal.entries().iter().any(|entry| matches!(entry, Entry::Priority { generation: noted, .. } if *noted == generation));
    let (Algorithm::Evolution | Algorithm::Aging { .. } | Algorithm::Climb { .. }, Pick::Ucb { alpha, temperature, credit }, false) =
        (&settings.algorithm, &settings.mutation.pick, known || history.candidates.is_empty())
    else {
        return Ok(());
    };
    let priorities = Priorities::new(&work.checked.space, history, *alpha, *temperature, credit);
    let says_nothing = priorities.says_nothing();
    if says_nothing {
        work.progress.line("warning: the operation priorities hardly differ: the largest probability is less than 1.5 times the smallest; lower `temperature` or change `alpha`");
    }
    let operations = priorities.standing().into_iter().map(|op| (op.op, op.mean, op.seen as f64, op.probability)).collect();
    journal.append(Entry::Priority { generation, operations, says_nothing })
}

fn words(candidate: &Candidate) -> String {
    match (&candidate.failure, candidate.parent) {
        (Some(failure), _) => failure.clone(),
        (None, Some(parent)) => format!("from {parent}: {}", candidate.mutation.join(", ")),
        (None, None) => "drawn anew".to_owned(),
    }
}
