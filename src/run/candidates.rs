//! The search: generations proposed from the history, evaluated in parallel, committed in candidate order.

use super::folder::Folder;
use super::journal::{Candidate, Entry, Journal, Scores};
use super::prepare::{Prepared, scores};
use super::session::Work;
use super::warmup::{file, supernet_specs};
use super::weights::{load_weights, save_weights};
use super::workers::{go_on, in_order};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Parameters;
use crate::exec::parameters::{inherit, initialise};
use crate::search::{self, History, Priorities, Proposal, propose};
use crate::settings::{Algorithm, Commit, Method, Pick, Stop};
use crate::space::MutationKind;
use crate::stream::derived;
use crate::supernet::commit;
use crate::train::{Training, masking, pretrain, score_suite};
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
    let settings = &work.checked.settings;
    let budget = settings.search.evaluations as u64;
    let mut history = restore(work, journal)?;
    let mut supernet = warm;
    let mut generation = committed(journal);
    let shares = matches!(settings.evaluate.method, Method::Biws { .. });
    if shares && generation > 0 {
        supernet = load_weights(folder, &file(generation), &supernet_specs(work)?)?;
    }
    if shares && supernet.is_none() && !finished(journal) {
        let message = "the supernet's weights are missing from the run folder";
        return Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`").into();
    }
    if finished(journal) {
        return Ok(history);
    }
    work.progress.stage("search", budget, "candidate");
    let wall = match &settings.search.stop {
        Some(Stop::Any { wall, .. }) if *wall > 0.0 => Some(*wall),
        _ => None,
    };
    loop {
        go_on(work.stop)?;
        // Candidates of a generation that was not committed are proposed again, and found finished.
        let pending = history.candidates.split_off(history.candidates.partition_point(|candidate| candidate.generation < generation));
        let spent: f64 =
            journal.entries().iter().map(|entry| if let Entry::Candidate(candidate) = entry { candidate.seconds } else { 0.0 }).sum();
        if wall.is_some_and(|wall| spent / work.workers as f64 > wall) && pending.is_empty() {
            work.progress.line(&format!("the search ends at its bound of time, after {} candidates", history.candidates.len()));
            return Ok(history);
        }
        let proposals = propose(&work.checked.space, &settings.search, settings.seed, &history);
        if proposals.is_empty() {
            return Ok(history);
        }
        note_priorities(work, journal, &history, generation)?;
        let todo: Vec<Proposal> = proposals.into_iter().skip(pending.len()).collect();
        history.candidates.extend(pending);
        let (steps, done) = (AtomicU64::new(0), AtomicU64::new(history.candidates.len() as u64));
        let job = |_: usize, proposal: &Proposal| evaluate(work, prepared, folder, supernet.as_ref(), generation, proposal, &steps, &done);
        let mut finished = Vec::new();
        in_order(&todo, work.workers, work.stop, &job, &mut |_, (candidate, line): (Candidate, search::Candidate)| {
            journal.append(Entry::Candidate(candidate.clone()))?;
            let best = best_so_far(&history, &finished, line.fitness);
            let score = candidate.scores.as_ref().map_or_else(|| "failed".to_owned(), |scores| format!("score {:.4}", scores.score));
            work.progress.line(&format!(
                "candidate {:>3}  generation {:>2}  {score}  best {best:.4}  {}",
                candidate.id,
                candidate.generation,
                words(&candidate)
            ));
            done.store(candidate.id as u64 + 1, Ordering::Relaxed);
            work.progress.at(candidate.id as u64 + 1, &format!("best {best:.4}"));
            finished.push(line);
            Ok(())
        })?;
        history.candidates.extend(finished);
        give_back(work, folder, supernet.as_mut(), &history, generation)?;
        let best = history.best(1);
        let (best, best_id) = best.first().map_or((0.0, 0), |best| (best.fitness.unwrap_or(0.0), best.id));
        journal.append(Entry::Generation { generation, best, best_id })?;
        folder.discard(&file(generation));
        for candidate in history.candidates.iter().filter(|candidate| candidate.generation == generation) {
            folder.discard(&weights_file(candidate.id));
        }
        generation += 1;
    }
}

fn best_so_far(history: &History, finished: &[search::Candidate], last: Option<f64>) -> f64 {
    let all = history.candidates.iter().chain(finished).filter_map(|candidate| candidate.fitness).chain(last);
    all.fold(f64::NEG_INFINITY, f64::max)
}

fn weights_file(id: usize) -> String {
    format!("work/candidate-{id}.safetensors")
}

/// Whether the last table has begun, or the run is over: the search is then complete.
fn finished(journal: &Journal) -> bool {
    journal.entries().iter().any(|entry| matches!(entry, Entry::Final(_) | Entry::Finished { .. }))
}

/// How many generations are committed.
fn committed(journal: &Journal) -> usize {
    journal.entries().iter().filter(|entry| matches!(entry, Entry::Generation { .. })).count()
}

/// The finished candidates that the journal holds.
pub(super) fn restore(work: &Work<'_>, journal: &Journal) -> Result<History> {
    let mut history = History::default();
    for entry in journal.entries() {
        let Entry::Candidate(candidate) = entry else { continue };
        history.candidates.push(search::Candidate {
            id: candidate.id,
            generation: candidate.generation,
            architecture: work.checked.space.expand(&candidate.architecture)?,
            hash: candidate.hash.parse().map_err(|why: String| Box::new(Diagnostic::error(Code::RUN_FOLDER, why)))?,
            parent: candidate.parent,
            mutation: candidate.mutated.clone(),
            fitness: candidate.scores.as_ref().map(|scores| scores.score),
        });
    }
    Ok(history)
}

/// The priorities that this generation draws by, journalled once.
fn note_priorities(work: &Work<'_>, journal: &mut Journal, history: &History, generation: usize) -> Result<()> {
    let settings = &work.checked.settings.search;
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

/// One candidate: inherits or starts fresh, adapts, is fine-tuned and scored.
#[expect(clippy::too_many_arguments, reason = "a job has no other way to its surroundings")]
fn evaluate(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    supernet: Option<&Parameters>,
    generation: usize,
    proposal: &Proposal,
    steps: &AtomicU64,
    done: &AtomicU64,
) -> Result<(Candidate, search::Candidate)> {
    let settings = &work.checked.settings;
    let (space, begun) = (&work.checked.space, Instant::now());
    let cost = work.models.cost(space, &proposal.architecture)?;
    let mut loss = None;
    let outcome: Result<Scores> = (|| {
        let program = work.models.masked_lm(space, &proposal.architecture)?;
        let parameters = match supernet {
            Some(supernet) => inherit(supernet, program.parameters())?,
            None => initialise(program.parameters(), derived(settings.seed, "scratch", 0)),
        };
        let mut training = Training { parameters, ..Training::default() };
        let train = &settings.evaluate.pretrain;
        let masking = masking(train, &prepared.vocabulary);
        // All candidates adapt on the same batches, so that luck does not rank them.
        let seed = derived(settings.seed, "adapt", 0);
        let mut last = 0.0;
        let mut watch = |_: &Training, loss: f32| {
            last = loss;
            tick(work, steps, done)
        };
        let length = settings.model.length;
        pretrain(
            work.executors.of(train)?,
            &mut |_| Ok(program.clone()),
            &prepared.corpus,
            &masking,
            train,
            length,
            seed,
            settings.evaluate.adapt,
            &mut training,
            &mut watch,
        )?;
        if settings.evaluate.adapt > 0 {
            loss = Some(f64::from(last)).filter(|loss: &f64| loss.is_finite());
        }
        let classifier = |classes: usize| work.models.classifier(space, &proposal.architecture, classes);
        let seed = derived(settings.seed, "fitness", 0);
        let suite = &settings.evaluate.suite;
        let executor = work.executors.of(&suite.train)?;
        let found = score_suite(executor, &classifier, &training.parameters, suite, &prepared.search, seed, &mut |_, _, _| {
            tick(work, steps, done)
        })?;
        if gives_back(work) {
            save_weights(folder, &weights_file(proposal.id), &training.parameters)?;
        }
        Ok(scores(&found))
    })();
    let (scores, failure) = match outcome {
        Ok(scores) if scores.score.is_finite() => (Some(scores), None),
        Ok(_) => (None, Some("its score is not finite".to_owned())),
        // A candidate may diverge; anything else is no fault of its own.
        Err(error) if error.code == Code::DIVERGED => (None, Some(error.message.clone())),
        Err(error) => return Err(error),
    };
    let candidate = Candidate {
        id: proposal.id,
        generation,
        hash: proposal.hash.to_string(),
        parent: proposal.parent,
        mutation: proposal.mutation.iter().map(say).collect(),
        mutated: proposal.mutation.clone(),
        architecture: space.compact(&proposal.architecture),
        layers: super::outputs::layers(space, &proposal.architecture),
        params: cost.params,
        flops: cost.flops,
        loss,
        scores: scores.clone(),
        failure,
        seconds: begun.elapsed().as_secs_f64(),
    };
    let line = search::Candidate {
        id: proposal.id,
        generation,
        architecture: proposal.architecture.clone(),
        hash: proposal.hash,
        parent: proposal.parent,
        mutation: proposal.mutation.clone(),
        fitness: scores.map(|scores| scores.score),
    };
    Ok((candidate, line))
}

fn tick(work: &Work<'_>, steps: &AtomicU64, done: &AtomicU64) -> Result<()> {
    let taken = steps.fetch_add(1, Ordering::Relaxed) + 1;
    if taken.is_multiple_of(10) {
        work.progress.at(done.load(Ordering::Relaxed), &format!("{taken} steps in this generation"));
    }
    go_on(work.stop)
}

/// Whether children's weights go back to the supernet.
fn gives_back(work: &Work<'_>) -> bool {
    matches!(&work.checked.settings.evaluate.method, Method::Biws { commit, .. } if *commit != Commit::None)
}

/// Commits a generation's children to the supernet and writes it whole, before the journal says so.
fn give_back(work: &Work<'_>, folder: &Folder, supernet: Option<&mut Parameters>, history: &History, generation: usize) -> Result<()> {
    let (Some(supernet), Method::Biws { commit: rule, .. }) = (supernet, &work.checked.settings.evaluate.method) else { return Ok(()) };
    let mut children: Vec<&search::Candidate> =
        history.candidates.iter().filter(|candidate| candidate.generation == generation && candidate.fitness.is_some()).collect();
    let beta = match rule {
        Commit::None => return save_weights(folder, &file(generation + 1), supernet),
        Commit::Mean { beta } => *beta as f32,
        Commit::Best => {
            let best = children.iter().copied().reduce(|best, child| if child.fitness > best.fitness { child } else { best });
            children = best.into_iter().collect();
            1.0
        }
    };
    let mut given = Vec::new();
    for child in children {
        let program = work.models.masked_lm(&work.checked.space, &child.architecture)?;
        let Some(weights) = load_weights(folder, &weights_file(child.id), program.parameters())? else {
            let message = format!("the weights of candidate {} are missing from the run folder", child.id);
            return Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`").into();
        };
        given.push((program.parameters().to_vec(), weights));
    }
    commit(supernet, &given, beta)?;
    save_weights(folder, &file(generation + 1), supernet)
}

/// A mutation in words.
fn say(mutated: &crate::space::Mutated) -> String {
    let kind = match mutated.kind {
        MutationKind::SwapMixer => "swap mixer",
        MutationKind::ChangeKernel => "change kernel",
        MutationKind::ReplaceOp => "replace op",
        MutationKind::InsertOp => "insert op",
        MutationKind::DeleteOp => "delete op",
        MutationKind::Rewire => "rewire",
    };
    let op = mutated.op.as_ref().map(|op| format!(": {op}")).unwrap_or_default();
    format!("{kind} in layer {}{op}", mutated.layer + 1)
}

fn words(candidate: &Candidate) -> String {
    match (&candidate.failure, candidate.parent) {
        (Some(failure), _) => failure.clone(),
        (None, Some(parent)) => format!("from {parent}: {}", candidate.mutation.join(", ")),
        (None, None) => "drawn anew".to_owned(),
    }
}
