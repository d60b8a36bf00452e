//! One candidate judged: its weights inherited or fresh, adapted, and what the objectives ask for measured.

use super::folder::Folder;
use super::journal::{Candidate, Scores};
use super::prepare::{Prepared, scores};
use super::session::Work;
use super::weights::save_weights;
use crate::diagnostic::{Code, Result};
use crate::exec::Parameters;
use crate::exec::parameters::{inherit, initialise};
use crate::graph::{Cost, Hash};
use crate::search::Proposal;
use crate::settings::{Commit, Goal, Measure, Method};
use crate::space::{Architecture, MutationKind};
use crate::stream::derived;
use crate::train::{Training, held_out_loss, masking, pretrain_until, score_suite};
use std::time::Instant;

/// The masked-LM weights of a candidate after so many steps, from the supernet's or from random ones, and the loss of its last step.
///
/// All candidates of a seed begin with the same draws and train on the same batches, so that luck does not rank them.
///
/// # Errors
/// Where a step fails, the loss is not finite, or `tick` ends it.
pub(super) fn adapted(
    work: &Work<'_>,
    prepared: &Prepared,
    supernet: Option<&Parameters>,
    architecture: &Architecture,
    (seed, steps): (u64, u64),
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<(Training, Option<f64>)> {
    let mut training = begun(work, supernet, architecture, seed)?;
    let loss = further(work, prepared, architecture, &mut training, (seed, steps, steps), tick)?;
    Ok((training, loss))
}

/// A candidate before its first step.
///
/// # Errors
/// Where it cannot be lowered, or does not fit the supernet.
pub(super) fn begun(work: &Work<'_>, supernet: Option<&Parameters>, architecture: &Architecture, seed: u64) -> Result<Training> {
    let program = work.models.masked_lm(&work.checked.space, architecture)?;
    let parameters = match supernet {
        Some(supernet) => inherit(supernet, program.parameters())?,
        None => initialise(program.parameters(), derived(seed, "scratch", 0)),
    };
    Ok(Training { parameters, ..Training::default() })
}

/// Trains a candidate on, `until` a step of the `total` that rule the schedule; gives the loss of the last step it took.
///
/// # Errors
/// Where a step fails, the loss is not finite, or `tick` ends it.
pub(super) fn further(
    work: &Work<'_>,
    prepared: &Prepared,
    architecture: &Architecture,
    training: &mut Training,
    (seed, until, total): (u64, u64, u64),
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Option<f64>> {
    let settings = &work.checked.settings;
    let program = work.models.masked_lm(&work.checked.space, architecture)?;
    let train = &work.checked.evaluate()?.pretrain;
    let masking = masking(train, &prepared.vocabulary);
    let mut last = None;
    let mut watch = |_: &Training, loss: f32| {
        last = Some(f64::from(loss));
        tick()
    };
    let (executor, seed) = (work.executors.of(train)?, derived(seed, "adapt", 0));
    let (corpus, length) = (prepared.corpus()?, settings.model.length);
    let mut same = |_: u64| Ok(program.clone());
    pretrain_until(executor, &mut same, corpus, &masking, train, length, seed, (until, total), training, &mut watch)?;
    Ok(last)
}

/// The seed and the steps of a candidate's adaptation.
///
/// # Errors
/// Where the experiment judges no candidates.
pub(super) fn budget(work: &Work<'_>) -> Result<(u64, u64)> {
    Ok((work.checked.settings.seed, work.checked.evaluate()?.adapt))
}

/// The masked-LM loss in nats of a candidate's weights on the held-out text.
///
/// # Errors
/// Where the executor fails or `tick` ends it.
pub(super) fn held_out(
    work: &Work<'_>,
    prepared: &Prepared,
    architecture: &Architecture,
    weights: &Parameters,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<f64> {
    let settings = &work.checked.settings;
    let program = work.models.masked_lm(&work.checked.space, architecture)?;
    let train = &work.checked.evaluate()?.pretrain;
    let (executor, masking) = (work.executors.of(train)?, masking(train, &prepared.vocabulary));
    held_out_loss(executor, &program, weights, prepared.corpus()?, &masking, settings.model.length, &mut |_, _, _| tick())
}

/// A candidate to be judged, with what is known of it before.
#[derive(Clone, Debug)]
pub(super) struct Proposed {
    pub proposal: Proposal,
    pub generation: usize,
    /// The identity of what it computes.
    pub function: Hash,
    /// The first candidate that computes the same.
    pub same_as: Option<usize>,
}

/// What is measured of a candidate.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub held_out_loss: Option<f64>,
    pub scores: Option<Scores>,
}

/// One candidate of a generation, judged: inherits or starts fresh, adapts, and is measured as the objectives ask.
pub(super) fn evaluate(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    supernet: Option<&Parameters>,
    one: &Proposed,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Candidate> {
    let begun = Instant::now();
    let (seed, steps) = budget(work)?;
    let outcome = adapted(work, prepared, supernet, &one.proposal.architecture, (seed, steps), tick).and_then(|(training, loss)| {
        let parameters = training.into_parameters();
        let found = measured(work, prepared, &one.proposal.architecture, &parameters, tick)?;
        if gives_back(work) {
            save_weights(folder, &weights_file(one.proposal.id), &parameters)?;
        }
        Ok((found, loss))
    });
    record(work, one, outcome, steps, begun.elapsed().as_secs_f64())
}

/// A candidate as the journal keeps it, after so many steps of adaptation.
///
/// # Errors
/// Where its evaluation failed for another reason than that it diverged.
pub(super) fn record(
    work: &Work<'_>,
    one: &Proposed,
    outcome: Result<(Measured, Option<f64>)>,
    steps: u64,
    seconds: f64,
) -> Result<Candidate> {
    let cost = work.models.cost(&work.checked.space, &one.proposal.architecture)?;
    let ((found, loss), failure) = match outcome {
        Ok(found) => (found, None),
        // A candidate may diverge; anything else is no fault of its own.
        Err(error) if error.code == Code::DIVERGED => (Default::default(), Some(error.message.clone())),
        Err(error) => return Err(error),
    };
    let values = values(work, &found, cost).filter(|_| failure.is_none());
    let failure = failure.or_else(|| values.is_none().then(|| "what was measured of it is not finite".to_owned()));
    Ok(Candidate {
        steps,
        loss,
        held_out_loss: found.held_out_loss,
        scores: found.scores.filter(|_| failure.is_none()),
        values: values.unwrap_or_default(),
        failure,
        seconds,
        ..unjudged(work, one, cost)
    })
}

/// A candidate as the journal keeps it, before anything was measured of it.
pub(super) fn unjudged(work: &Work<'_>, one: &Proposed, cost: Cost) -> Candidate {
    let (space, proposal) = (&work.checked.space, &one.proposal);
    Candidate {
        id: proposal.id,
        generation: one.generation,
        hash: proposal.hash.to_string(),
        parent: proposal.parent,
        mutation: proposal.mutation.iter().map(say).collect(),
        mutated: proposal.mutation.clone(),
        architecture: space.compact(&proposal.architecture),
        layers: super::outputs::layers(space, &proposal.architecture),
        params: cost.params,
        flops: cost.flops,
        steps: 0,
        loss: None,
        held_out_loss: None,
        scores: None,
        values: Vec::new(),
        function: one.function.to_string(),
        same_as: one.same_as,
        failure: None,
        seconds: 0.0,
    }
}

/// What the objectives ask for, of weights after adaptation.
pub(super) fn measured(
    work: &Work<'_>,
    prepared: &Prepared,
    architecture: &Architecture,
    weights: &Parameters,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Measured> {
    let settings = &work.checked.settings;
    let asks = |measure: &Measure| settings.objective.iter().any(|goal| goal.sought().0 == measure);
    let mut found = Measured::default();
    if asks(&Measure::Loss) {
        found.held_out_loss = Some(held_out(work, prepared, architecture, weights, tick)?);
    }
    if asks(&Measure::Score) {
        let classifier = |classes: usize| work.models.classifier(&work.checked.space, architecture, classes);
        let seed = derived(settings.seed, "fitness", 0);
        let suite = &work.checked.evaluate()?.suite;
        let executor = work.executors.of(&suite.train)?;
        let scored = score_suite(executor, &classifier, weights, suite, &prepared.search, seed, &mut |_, _, _| tick())?;
        found.scores = Some(scores(&scored));
    }
    Ok(found)
}

/// A value for each objective, larger being better; `None` where one is not finite.
pub(super) fn values(work: &Work<'_>, found: &Measured, cost: Cost) -> Option<Vec<f64>> {
    let value = |goal: &Goal| {
        let value = match goal.sought().0 {
            Measure::Score => found.scores.as_ref()?.score,
            Measure::Loss => found.held_out_loss?,
            Measure::Params => cost.params as f64,
            Measure::Flops => cost.flops as f64,
        };
        Some(goal.signed(value)).filter(|value| value.is_finite())
    };
    work.checked.settings.objective.iter().map(value).collect()
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

/// The file of a candidate's weights, until its generation is committed.
pub(super) fn weights_file(id: usize) -> String {
    format!("work/candidate-{id}.safetensors")
}

/// Whether children's weights go back to the supernet.
pub(super) fn gives_back(work: &Work<'_>) -> bool {
    let method = work.checked.evaluate().map(|evaluate| &evaluate.method);
    matches!(method, Ok(Method::Biws { commit, .. }) if *commit != Commit::None)
}
