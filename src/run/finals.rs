//! The last table: the best found, known architectures and random ones, trained from scratch on the same budget and scored on dev.

use super::answers;
use super::folder::Folder;
use super::journal::{Entry, FinalModel, Journal};
use super::prepare::{Prepared, scores};
use super::session::Work;
use super::warmup::CHECKPOINT;
use super::weights::{load_training, save_training, save_weights};
use super::workers::{go_on, in_order};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::parameters::initialise;
use crate::search::History;
use crate::space::{Architecture, Space, hash};
use crate::stream::{SliceRandom, derived, stream};
use crate::train::{Training, held_out_loss, masking, pretrain, score_suite};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A model of the last table.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub name: String,
    pub space: Arc<Space>,
    pub architecture: Architecture,
    /// The file in which the weights of its first training are kept.
    pub weights: Option<&'static str>,
}

/// The best found, the known ones, and random members of the initial population, in this order.
pub(super) fn contenders(work: &Work<'_>, history: &History) -> Result<Vec<Contender>> {
    let settings = &work.checked.settings;
    let space = &work.checked.space;
    let best = history.best(1);
    let Some(best) = best.first() else {
        let message = "every candidate failed, so there is no best one to train";
        return Diagnostic::error(Code::DIVERGED, message)
            .help("the journal tells why each failed; lower the learning rates, or train longer")
            .into();
    };
    let mut all = vec![Contender {
        name: "best".to_owned(),
        space: space.clone(),
        architecture: best.architecture.clone(),
        weights: Some("best.safetensors"),
    }];
    all.extend(work.checked.compare.iter().map(|known| Contender {
        name: known.name.clone(),
        space: known.space.clone(),
        architecture: known.architecture.clone(),
        weights: None,
    }));
    let mut initial: Vec<&crate::search::Candidate> =
        history.candidates.iter().filter(|candidate| candidate.generation == 0 && candidate.id != best.id).collect();
    initial.shuffle(&mut stream(settings.seed, "compare/random", 0));
    all.extend(initial.into_iter().take(settings.compare_random).map(|candidate| Contender {
        name: format!("random (candidate {})", candidate.id),
        space: space.clone(),
        architecture: candidate.architecture.clone(),
        weights: None,
    }));
    Ok(all)
}

/// Trains and scores what the journal does not hold yet.
pub(super) fn finals(work: &Work<'_>, prepared: &Prepared, folder: &Folder, journal: &mut Journal, contenders: &[Contender]) -> Result<()> {
    let last = &work.checked.settings.r#final;
    let jobs: Vec<(&Contender, u64)> = (0..last.seeds).flat_map(|seed| contenders.iter().map(move |contender| (contender, seed))).collect();
    let done = journal.entries().iter().filter(|entry| matches!(entry, Entry::Final(_))).count();
    let steps = AtomicU64::new(0);
    let todo: Vec<(&Contender, u64)> = jobs.into_iter().skip(done).collect();
    work.progress.stage("final training", last.pretrain.steps * todo.len() as u64, "step");
    let job = |_: usize, (contender, seed): &(&Contender, u64)| train(work, prepared, folder, contender, *seed, &steps);
    in_order(&todo, work.workers, work.stop, &job, &mut |_, model: FinalModel| {
        let file = checkpoint(&model.name, model.seed);
        let line = format!("{:<28} held-out loss {:.3}  score {:.4}", model.name, model.held_out_loss, model.scores.score);
        journal.append(Entry::Final(model))?;
        work.progress.line(&line);
        folder.discard(&file);
        Ok(())
    })?;
    // The one whose weights are kept answers.
    let answering = contenders.iter().find(|contender| contender.weights.is_some());
    answering.map_or(Ok(()), |contender| answers::choose(folder, &last.suite.tasks, journal, &contender.name))
}

fn checkpoint(name: &str, seed: u64) -> String {
    let plain: String = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    format!("work/final-{plain}-{seed}.safetensors")
}

fn train(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    contender: &Contender,
    number: u64,
    steps: &AtomicU64,
) -> Result<FinalModel> {
    let settings = &work.checked.settings;
    let (last, length) = (&settings.r#final, settings.model.length);
    let begun = Instant::now();
    let Contender { name, space, architecture, weights } = contender;
    let program = work.models.masked_lm(space, architecture)?;
    let cost = work.models.cost(space, architecture)?;
    let seed = derived(settings.seed, "final", number);
    let file = checkpoint(name, number);
    let mut training = match load_training(folder, &file, program.parameters())? {
        Some(training) => training,
        None => Training { parameters: initialise(program.parameters(), seed), ..Training::default() },
    };
    steps.fetch_add(training.step, Ordering::Relaxed);
    let masking = masking(&last.pretrain, &prepared.vocabulary);
    let mut saved = Instant::now();
    let mut watch = |training: &Training, loss: f32| {
        let taken = steps.fetch_add(1, Ordering::Relaxed) + 1;
        if taken.is_multiple_of(10) {
            work.progress.at(taken, &format!("{name}: loss {loss:.3}"));
        }
        if saved.elapsed() >= CHECKPOINT || go_on(work.stop).is_err() {
            save_training(folder, &file, training)?;
            saved = Instant::now();
        }
        go_on(work.stop)
    };
    let (train, total) = (&last.pretrain, last.pretrain.steps);
    let executor = work.executors.of(train)?;
    pretrain(executor, &mut |_| Ok(program.clone()), &prepared.corpus, &masking, train, length, seed, total, &mut training, &mut watch)?;
    // Interrupted while it is scored, a model is not pre-trained again.
    save_training(folder, &file, &training)?;
    let mut quiet = |_: u64, _: u64, _: f32| go_on(work.stop);
    let held_out_loss = held_out_loss(executor, &program, &training.parameters, &prepared.corpus, &masking, length, &mut quiet)?;
    if !held_out_loss.is_finite() {
        return Diagnostic::error(Code::DIVERGED, format!("the held-out loss of `{name}` is not finite"))
            .help("lower the learning rate of `final.pretrain`")
            .into();
    }
    let classifier = |classes: usize| work.models.classifier(space, architecture, classes);
    let found = score_suite(
        work.executors.of(&last.suite.train)?,
        &classifier,
        &training.parameters,
        &last.suite,
        &prepared.finals,
        derived(seed, "suite", 0),
        weights.is_some(),
        &mut quiet,
    )?;
    answers::keep(folder, number, &last.suite.tasks, &found.answers)?;
    if let Some(file) = weights.filter(|_| number == 0) {
        save_weights(folder, file, &training.parameters)?;
    }
    Ok(FinalModel {
        name: name.clone(),
        seed: number,
        hash: hash(space, architecture).to_string(),
        layers: super::outputs::layers(space, architecture),
        params: cost.params,
        flops: cost.flops,
        held_out_loss,
        scores: scores(&found),
        seconds: begun.elapsed().as_secs_f64(),
    })
}
