//! What a generation gives back to the supernet, and what the supernet learns besides.

use super::evaluate::weights_file;
use super::folder::Folder;
use super::journal::Journal;
use super::prepare::Prepared;
use super::restore::candidates;
use super::session::Work;
use super::warmup::file;
use super::weights::{load_weights, save_weights};
use super::workers::{go_on, pool};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Parameters;
use crate::search::{self, History, Priorities, UNMET};
use crate::settings::{Commit, Dedupe, Method, PathSampling, Pick};
use crate::space::{Architecture, Draw};
use crate::stream::{RngExt, Stream, derived, stream};
use crate::supernet::commit;
use crate::train::{Training, masking, pretrain};
use std::collections::{BTreeMap, BTreeSet};

/// Members drawn by size, of which one is taken by the priorities of its operations.
const AMONG: usize = 8;

/// Commits a generation's children to the supernet and writes it whole, before the journal says so.
pub(super) fn give_back(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    journal: &Journal,
    supernet: Option<&mut Parameters>,
    history: &History,
    generation: usize,
) -> Result<()> {
    let Method::Biws { commit: rule, paths, refresh, .. } = &work.checked.evaluate()?.method else { return Ok(()) };
    let Some(supernet) = supernet else { return Ok(()) };
    take(work, folder, journal, supernet, history, (rule, generation))?;
    if *refresh > 0 {
        learn(work, prepared, supernet, history, (paths, *refresh, generation))?;
    }
    save_weights(folder, &file(generation + 1), supernet)
}

/// Commits the children's weights as the rule says.
fn take(
    work: &Work<'_>,
    folder: &Folder,
    journal: &Journal,
    supernet: &mut Parameters,
    history: &History,
    (rule, generation): (&Commit, usize),
) -> Result<()> {
    // Whoever took over another's results was not trained, and whoever left the halving early not in full.
    let reuses = work.checked.search()?.dedupe == Dedupe::Functional;
    let full = work.checked.evaluate()?.adapt;
    let trained = candidates(journal).filter(|one| (!reuses || one.same_as.is_none()) && one.steps == full);
    let trained: BTreeSet<usize> = trained.map(|one| one.id).collect();
    let finished = history.candidates.iter().filter(|candidate| candidate.generation == generation && candidate.fitness.is_some());
    let mut children: Vec<&search::Candidate> = finished.filter(|candidate| trained.contains(&candidate.id)).collect();
    let beta = match rule {
        Commit::None => return Ok(()),
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
    commit(supernet, &given, beta)
}

/// Trains the supernet by masked-LM on sampled paths, its moments beginning at zero.
fn learn(
    work: &Work<'_>,
    prepared: &Prepared,
    supernet: &mut Parameters,
    history: &History,
    (paths, steps, generation): (&PathSampling, u64, usize),
) -> Result<()> {
    let settings = &work.checked.settings;
    let seed = derived(settings.seed, "supernet/refresh", generation as u64);
    let priorities = priorities(work, history)?;
    let mut path = |step: u64| {
        let architecture = sampled(work, paths, priorities.as_ref(), &mut stream(seed, "supernet/path", step))?;
        work.models.masked_lm(&work.checked.space, &architecture)
    };
    let mut training = Training { parameters: std::mem::take(supernet), ..Training::default() };
    let train = &work.checked.evaluate()?.pretrain;
    let (executor, masking, length) = (work.executors.of(train)?, masking(train, &prepared.vocabulary), settings.model.length);
    let mut watch = |_: &Training, _: f32| go_on(work.stop);
    let learnt = pool(1)?
        .install(|| pretrain(executor, &mut path, prepared.corpus()?, &masking, train, length, seed, steps, &mut training, &mut watch));
    *supernet = training.parameters;
    learnt
}

/// The priorities after a history, where operations are drawn by them.
fn priorities(work: &Work<'_>, history: &History) -> Result<Option<BTreeMap<String, f64>>> {
    let Pick::Ucb { alpha, temperature, credit } = &work.checked.search()?.mutation.pick else { return Ok(None) };
    let known = Priorities::new(&work.checked.space, history, *alpha, *temperature, credit).standing();
    // What has never occurred comes before all others; here it counts as the first of them.
    let first = known.iter().filter_map(|one| one.priority).fold(f64::NEG_INFINITY, f64::max);
    let first = if first.is_finite() { first } else { 0.0 };
    Ok(Some(known.into_iter().map(|one| (one.op, one.priority.unwrap_or(first))).collect()))
}

/// A path of the supernet: a member that meets the space's conditions. By priority, one of eight drawn by size, with a probability that
/// grows as e to the mean priority of its operations; before there are priorities, that is by size.
pub(super) fn sampled(
    work: &Work<'_>,
    paths: &PathSampling,
    priorities: Option<&BTreeMap<String, f64>>,
    draws: &mut Stream,
) -> Result<Architecture> {
    let draw = if *paths == PathSampling::Uniform { Draw::Uniform } else { Draw::BySize };
    let mut member = || {
        let mut one = || work.checked.space.sample(draw, draws);
        let found = (0..UNMET).find_map(|_| one().filter(|architecture| work.meets(architecture)));
        found.ok_or_else(|| Diagnostic::error(Code::EMPTY_SPACE, "no member of the space that meets its conditions was found"))
    };
    let Some(priorities) = priorities.filter(|_| *paths == PathSampling::ByPriority) else { return Ok(member()?) };
    let members = (0..AMONG).map(|_| member()).collect::<std::result::Result<Vec<Architecture>, Diagnostic>>()?;
    let weights: Vec<f64> = members.iter().map(|member| mean(member, priorities).exp()).collect();
    let mut left = draws.random::<f64>() * weights.iter().sum::<f64>();
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    let place = chosen.unwrap_or(members.len() - 1);
    members.into_iter().nth(place).ok_or_else(|| Box::new(Diagnostic::error(Code::EMPTY_SPACE, "the space has no member")))
}

/// The mean priority of the operations of an architecture, each as often as it occurs; 0 where it has none.
fn mean(architecture: &Architecture, priorities: &BTreeMap<String, f64>) -> f64 {
    let uses = search::occurrences(architecture);
    let count: u64 = uses.values().sum();
    let sum: f64 = uses.iter().map(|(op, uses)| priorities.get(op).copied().unwrap_or(0.0) * *uses as f64).sum();
    if count == 0 { 0.0 } else { sum / count as f64 }
}
