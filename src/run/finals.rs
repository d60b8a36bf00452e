//! The last table: the best found, known architectures and random ones, trained from scratch on the same budget and scored on dev.

use super::answers;
use super::folder::Folder;
use super::journal::{Entry, FinalModel, Journal};
use super::prepare::Prepared;
use super::session::Work;
use super::tuning;
use super::warmup::CHECKPOINT;
use super::weights::{load_training, load_weights, save_training, save_weights};
use super::workers::{go_on, in_order};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Parameters;
use crate::exec::parameters::initialise;
use crate::search::History;
use crate::space::{Architecture, Space};
use crate::stream::{SliceRandom, derived, stream};
use crate::train::{Training as Pretraining, held_out_loss, masking, pretrain};
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

/// The best found, the known ones, and random ones of the initial population's other members that did not fail, in this order; without a search the known
/// ones.
pub(super) fn contenders(work: &Work<'_>, history: &History) -> Result<Vec<Contender>> {
    let settings = &work.checked.settings;
    let space = &work.checked.space;
    let known = work.checked.compare.iter().map(|known| Contender {
        name: known.name.clone(),
        space: known.space.clone(),
        architecture: known.architecture.clone(),
        weights: None,
    });
    if settings.search.is_none() {
        // The first answers, and its weights are kept.
        let first = |(place, known)| Contender { weights: (place == 0).then_some("model.safetensors"), ..known };
        return Ok(known.enumerate().map(first).collect());
    }
    let Some(best) = history.best_member() else {
        if history.candidates.is_empty() {
            let message = format!("no member of `{}` that meets its conditions was found, so there is no best one to train", space.name);
            return Diagnostic::error(Code::EMPTY_SPACE, message).help("loosen a `require`, or give the space more room").into();
        }
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
    all.extend(known);
    let in_question = |one: &&crate::search::Candidate| one.generation == 0 && one.id != best.id && one.finite().is_some();
    let mut initial: Vec<&crate::search::Candidate> = history.candidates.iter().filter(in_question).collect();
    initial.shuffle(&mut stream(settings.seed, "compare/random", 0));
    all.extend(initial.into_iter().take(settings.compare_random).map(|candidate| Contender {
        name: format!("random (candidate {})", candidate.id),
        space: space.clone(),
        architecture: candidate.architecture.clone(),
        weights: None,
    }));
    Ok(all)
}

/// One training of a model of the last table: the model, and the number of its seed.
pub(super) type Training<'c> = (&'c Contender, u64);

/// Trains and scores what the journal does not hold yet: first all pre-trainings, then all fine-tunings, each beside others.
pub(super) fn finals(work: &Work<'_>, prepared: &Prepared, folder: &Folder, journal: &mut Journal, contenders: &[Contender]) -> Result<()> {
    let last = &work.checked.settings.r#final;
    let all = (0..last.seeds).flat_map(|seed| contenders.iter().map(move |contender| (contender, seed)));
    let open: Vec<Training<'_>> = all.filter(|(contender, seed)| final_of(journal, &contender.name, *seed).is_none()).collect();
    let fresh: Vec<Training<'_>> =
        open.iter().copied().filter(|(contender, seed)| pretrained_of(journal, &contender.name, *seed).is_none()).collect();
    let steps = Steps::new(work, last.pretrain.as_ref().map_or(0, |pretrain| pretrain.steps * fresh.len() as u64));
    work.executors.rest();
    tuning::announce(&steps, prepared, journal, &open);
    if last.pretrain.is_some() {
        let job = |_: usize, one: &Training<'_>| pretrain_one(work, prepared, folder, *one, &steps);
        in_order(&fresh, work.workers, work.stop, &job, &mut |place, (held_out_loss, seconds): (f64, f64)| {
            let Some((contender, seed)) = fresh.get(place) else { return Ok(()) };
            journal.append(Entry::Pretrained { name: contender.name.clone(), seed: *seed, held_out_loss, seconds })?;
            work.progress.line(&format!("{:<28} held-out loss {held_out_loss:.3}", contender.name));
            folder.discard(&checkpoint(&contender.name, *seed));
            Ok(())
        })?;
    }
    work.executors.rest();
    tuning::tune_all(work, prepared, folder, journal, &open, &steps)?;
    // The one whose weights are kept answers.
    let answering = contenders.iter().find(|contender| contender.weights.is_some());
    answering.map_or(Ok(()), |contender| answers::choose(folder, &last.suite.tasks, journal, &contender.name))
}

/// An error of one model's training names it.
pub(super) fn of_model(mut error: Box<Diagnostic>, name: &str) -> Box<Diagnostic> {
    if error.code == Code::DIVERGED {
        error.message = format!("`{name}`: {}", error.message);
    }
    error
}

/// The steps of all trainings of the last table, told as they are taken.
pub(super) struct Steps<'w> {
    pub work: &'w Work<'w>,
    taken: AtomicU64,
    /// Steps of masked-LM in all.
    pub pretraining: u64,
}

impl<'w> Steps<'w> {
    fn new(work: &'w Work<'w>, pretraining: u64) -> Self {
        Self { work, taken: AtomicU64::new(0), pretraining }
    }

    /// So many steps need not be taken.
    pub fn skip(&self, steps: u64) {
        self.taken.fetch_add(steps, Ordering::Relaxed);
    }

    /// One more step.
    pub fn take(&self, what: &str, loss: f32) {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        if taken.is_multiple_of(10) {
            self.work.progress.at(taken, &format!("{what}: loss {loss:.3}"));
        }
    }
}

/// A model that the journal holds whole.
pub(super) fn final_of<'j>(journal: &'j Journal, name: &str, seed: u64) -> Option<&'j FinalModel> {
    journal.entries().iter().find_map(|entry| match entry {
        Entry::Final(model) if model.name == name && model.seed == seed => Some(model),
        _ => None,
    })
}

/// The held-out loss of a model after pre-training, and the seconds it took, where the journal holds them.
pub(super) fn pretrained_of(journal: &Journal, wanted: &str, number: u64) -> Option<(f64, f64)> {
    journal.entries().iter().find_map(|entry| match entry {
        Entry::Pretrained { name, seed, held_out_loss, seconds } if name == wanted && *seed == number => Some((*held_out_loss, *seconds)),
        _ => None,
    })
}

/// A model's name as part of a file's; different names stay different.
pub(super) fn plain(name: &str) -> String {
    let written = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_string() } else { format!("_{:x}_", u32::from(letter)) };
    name.chars().map(written).collect()
}

fn checkpoint(name: &str, seed: u64) -> String {
    format!("work/final-{}-{seed}.safetensors", plain(name))
}

/// The weights of a model after pre-training.
fn weights_file(name: &str, seed: u64) -> String {
    format!("work/pretrained-{}-{seed}.safetensors", plain(name))
}

/// The seed of a training.
pub(super) fn seed_of(work: &Work<'_>, number: u64) -> u64 {
    derived(work.checked.settings.seed, "final", number)
}

/// What a model starts from that was learnt elsewhere: of the encoder, of the masked-LM head, and of the pooler, which only a task's
/// head has. Empty where weights are drawn.
fn given(work: &Work<'_>, prepared: &Prepared, contender: &Contender) -> Result<Parameters> {
    let Some(pretrained) = &prepared.pretrained else { return Ok(Parameters::default()) };
    let (space, architecture) = (&contender.space, &contender.architecture);
    let (masked_lm, classifier) = (work.models.masked_lm(space, architecture)?, work.models.classifier(space, architecture, 1)?);
    pretrained.parameters([&masked_lm, &classifier])
}

/// The weights that a model's fine-tunings begin with.
pub(super) fn begun(work: &Work<'_>, prepared: &Prepared, folder: &Folder, (contender, number): Training<'_>) -> Result<Parameters> {
    let mut weights = given(work, prepared, contender)?;
    if work.checked.settings.r#final.pretrain.is_some() {
        let program = work.models.masked_lm(&contender.space, &contender.architecture)?;
        let Some(trained) = load_weights(folder, &weights_file(&contender.name, number), program.parameters())? else {
            let message = format!("the pre-trained weights of `{}` are missing from the run folder", contender.name);
            return Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`").into();
        };
        weights.0.extend(trained.0);
    }
    Ok(weights)
}

/// Pre-trains a model and leaves its weights in the folder; gives the held-out loss and the seconds it took.
fn pretrain_one(
    work: &Work<'_>,
    prepared: &Prepared,
    folder: &Folder,
    (contender, number): Training<'_>,
    steps: &Steps<'_>,
) -> Result<(f64, f64)> {
    let settings = &work.checked.settings;
    let Some(train) = &settings.r#final.pretrain else { return Ok((f64::NAN, 0.0)) };
    let (begun, length, seed) = (Instant::now(), settings.model.length, seed_of(work, number));
    let Contender { name, space, architecture, weights } = contender;
    let program = work.models.masked_lm(space, architecture)?;
    let file = checkpoint(name, number);
    let mut training = match load_training(folder, &file, program.parameters())? {
        Some(training) => training,
        None => {
            let mut parameters = initialise(program.parameters(), seed);
            for (name, array) in given(work, prepared, contender)?.0 {
                parameters.0.entry(name).and_modify(|drawn| *drawn = array);
            }
            Pretraining { parameters, ..Pretraining::default() }
        }
    };
    steps.skip(training.step);
    let (corpus, masking) = (prepared.corpus()?, masking(train, &prepared.vocabulary));
    let mut saved = Instant::now();
    let mut watch = |training: &Pretraining, loss: f32| {
        steps.take(name, loss);
        if saved.elapsed() >= CHECKPOINT || go_on(work.stop).is_err() {
            save_training(folder, &file, training)?;
            saved = Instant::now();
        }
        go_on(work.stop)
    };
    let executor = work.executors.of(train)?;
    pretrain(executor, &mut |_| Ok(program.clone()), corpus, &masking, train, length, seed, train.steps, &mut training, &mut watch)
        .map_err(|error| of_model(error, name))?;
    // Interrupted while it is scored, a model is not pre-trained again.
    save_training(folder, &file, &training)?;
    let mut quiet = |_: u64, _: u64, _: f32| go_on(work.stop);
    let loss = held_out_loss(executor, &program, &training.parameters, corpus, &masking, length, &mut quiet)?;
    if !loss.is_finite() {
        return Diagnostic::error(Code::DIVERGED, format!("the held-out loss of `{name}` is not finite"))
            .help("lower the learning rate of `final.pretrain`")
            .into();
    }
    save_weights(folder, &weights_file(name, number), &training.parameters)?;
    if let Some(file) = weights.filter(|_| number == 0) {
        save_weights(folder, file, &training.parameters)?;
    }
    Ok((loss, begun.elapsed().as_secs_f64()))
}
