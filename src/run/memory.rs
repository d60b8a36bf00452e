//! What a run holds in memory, told before anything is spent.

use super::Executors;
use super::files::{free_memory, size, text_files};
use super::pieces::in_hand;
use super::texts::examples;
use crate::check::Checked;
use crate::data::Example;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::native::{Keep, needs};
use crate::settings::{Device, Epoch, Goal, Measure, Phase, Suite, Task, Train};
use crate::space::{Architecture, Space};
use crate::supernet::Models;
use crate::train::{EVALUATED, masking_places, tunings};

/// The program itself, what training a vocabulary takes, and what the allocator keeps for later: measured on runs of several sizes.
const PROGRAM: u64 = 85 << 20;
/// Bytes held for each byte of the pieces in hand: their text, their tokens, and the pieces that are read meanwhile.
const TEXT: u64 = 3;
/// Bytes held for each word that is counted.
const WORD: f64 = 100.0;
/// A text of n words has about this times √n different ones (Heaps' law, with Manning, Raghavan and Schütze's constant for English news);
/// a word and its blank take 6 bytes.
const HEAPS: (f64, f64) = (44.0, 6.0);
/// More are not counted: the rarest are forgotten.
const MOST_WORDS: f64 = 3e6;

/// Bytes held for each byte of a task's files: their rows as text, and then as tokens beside it.
const ROWS: u64 = 4;

/// Tokens of a batch at most: what a plan itself takes grows with them.
const TOKENS: usize = 1 << 25;

/// A run's memory in bytes, as the native executor takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Memory {
    /// A step's values, their gradients, packed weights and scratch, of one worker with its threads: the largest of all trainings.
    pub arena: u64,
    /// Parameters, gradients and both moments of one worker.
    pub training: u64,
    /// The whole process at its largest, about.
    pub peak: u64,
}

/// What is carried out, and by how many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// Trainings as `evaluate` says: a search's candidates, or a table's members.
    pub(super) searched: usize,
    /// Models of the last table, seeds included.
    pub(super) finals: u64,
    pub(super) workers: usize,
    /// Bytes of the supernet's weights; 0 where nothing is shared.
    pub(super) supernet: u64,
}

/// The memory of training this architecture by the native executor; `None` for a GPU.
///
/// # Errors
/// Where the architecture cannot be lowered.
pub(super) fn memory(
    checked: &Checked,
    models: &Models,
    (space, architecture): (&Space, &Architecture),
    Work { searched, finals, workers, supernet }: Work,
) -> Result<Option<Memory>> {
    let settings = &checked.settings;
    if settings.device != Device::Cpu {
        return Ok(None);
    }
    // A batch is drawn at once, however it is carried out.
    if let Some(train) = settings.trainings().find(|train| train.batch.saturating_mul(settings.model.length) > TOKENS) {
        let message = format!("a batch of {} sentences of {} tokens is more than a step can hold", train.batch, settings.model.length);
        return Diagnostic::error(Code::MEMORY, message).help("lower `batch`; the largest in use have some ten thousand sentences").into();
    }
    let program = models.masked_lm(space, architecture)?;
    let rows = |train: &Train| train.batch.div_ceil(train.accumulate.max(1));
    let length = settings.model.length;
    let predicting = |train: &Train, judged: bool, threads: usize| -> Result<u64> {
        let longest = train.phases.iter().map(|Phase::Phase { length, .. }| *length).max().unwrap_or(length);
        let step = needs(&program, rows(train), longest, masking_places(train, longest), threads, Keep::of(train.recompute))?;
        let held_out = || needs(&program, EVALUATED, length, masking_places(train, length), threads, Keep::Output);
        Ok(if judged { step.arena.max(held_out()?.arena) } else { step.arena })
    };
    let tuning = |suite: &Suite, threads: usize| -> Result<u64> {
        let mut arena = 0;
        for task in &suite.tasks {
            let program = models.classifier(space, architecture, task.classes())?;
            let (rows, lengths) = (rows(&suite.train), Lengths::of(suite, task, length));
            let step = needs(&program, rows, lengths.shuffled(rows), 0, threads, Keep::of(suite.train.recompute))?;
            let judged = needs(&program, EVALUATED, lengths.longest(EVALUATED), 0, threads, Keep::Output)?;
            arena = arena.max(step.arena).max(judged.arena);
        }
        Ok(arena)
    };
    let values: usize = program.parameters().iter().map(|spec| spec.shape.iter().product::<usize>()).sum();
    let weights = (values * size_of::<f32>()) as u64;
    let training = 4 * weights;
    // Of a batch in parts the sum of the gradients, and a part's own beside the executor's.
    let in_parts = |train: &Train| if train.accumulate > 1 { 2 * weights } else { 0 };
    let of_tuning = |suite: &Suite| in_parts(&suite.train) + if suite.train.keep == Epoch::Best { weights } else { 0 };
    // With fewer jobs than workers each has several threads, which hold scratch of their own.
    let mut arena = 0;
    let mut stage = |jobs: usize, more: u64, of: &dyn Fn(usize) -> Result<u64>| -> Result<u64> {
        if jobs == 0 {
            return Ok(0);
        }
        let beside = workers.clamp(1, jobs);
        let each = of((workers / beside).max(1))?;
        arena = arena.max(each);
        // Each holds beside its own weights those it started from.
        Ok(beside as u64 * (each + training + weights + more) + weights)
    };
    let last = &settings.r#final;
    let evaluate = settings.evaluate.as_ref();
    let finals = usize::try_from(finals).unwrap_or(usize::MAX);
    // The loss on held-out text is measured where it is asked for, and always of a table's members, which are not fine-tuned, and where
    // models are ranked.
    let asked = |goal: &Goal| goal.sought().0 == &Measure::Loss;
    let table = finals == 0;
    let judged = table || settings.agreement.is_some() || settings.objective.iter().any(asked);
    let more = evaluate.map_or(0, |evaluate| in_parts(&evaluate.pretrain).max(if table { 0 } else { of_tuning(&evaluate.suite) }));
    let searching = stage(evaluate.map_or(0, |_| searched), more, &|threads| {
        evaluate.map_or(Ok(0), |evaluate| {
            Ok(predicting(&evaluate.pretrain, judged, threads)?.max(if table { 0 } else { tuning(&evaluate.suite, threads)? }))
        })
    })?;
    let pretraining = stage(last.pretrain.as_ref().map_or(0, |_| finals), last.pretrain.as_ref().map_or(0, in_parts), &|threads| {
        last.pretrain.as_ref().map_or(Ok(0), |train| predicting(train, true, threads))
    })?;
    // Models are fine-tuned on several tasks at once.
    let tuned = stage(finals.saturating_mul(tunings(&last.suite).len()), of_tuning(&last.suite), &|threads| tuning(&last.suite, threads))?;
    // The warm-up holds the supernet with both moments, and the gradients of a path. Later the supernet stands beside the one that a
    // generation makes of it.
    let warming = if supernet > 0 { arena + 3 * supernet + weights } else { 0 };
    // What the allocator keeps of one candidate's steps for the next is about its weights again: measured.
    let kept = workers.clamp(1, searched.max(1)) as u64 * weights;
    let searching = if searching > 0 { searching + kept + 2 * supernet } else { 0 };
    let text: u64 = settings.texts().iter().flat_map(|path| text_files(path).unwrap_or_default()).map(|file| size(&file)).sum();
    let read = |(field, suite): (&str, &Suite)| -> u64 {
        let parts = suite.tasks.iter().flat_map(Task::parts).filter(|part| field == "final" || part.field == "train");
        parts.map(|part| size(&suite.path(part.file))).sum()
    };
    let rows: u64 = settings.suites().map(read).sum();
    let words = (HEAPS.0 * (text as f64 / HEAPS.1).sqrt()).min(MOST_WORDS);
    let reading = TEXT * text.min(in_hand()) + (WORD * words) as u64;
    let peak = PROGRAM + reading + ROWS * rows + searching.max(warming).max(pretraining).max(tuned);
    Ok(Some(Memory { arena, training, peak }))
}

/// How long a task's sentences are in tokens, about: from their words, since there is no vocabulary yet.
struct Lengths {
    /// The longest first.
    sorted: Vec<f64>,
    /// No sentence is longer.
    most: usize,
}

impl Lengths {
    /// Pieces of a word or mark, on average.
    const PIECES: f64 = 1.3;

    /// Those of a task's files; where they cannot be read, which is told elsewhere, every sentence is taken to be of full length.
    fn of(suite: &Suite, task: &Task, most: usize) -> Self {
        let words = |text: &str| {
            let marks = text.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()).count();
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count() + marks
        };
        let tokens = |example: Example| {
            let special = 2 + usize::from(example.second.is_some());
            let words = words(&example.first) + example.second.as_deref().map_or(0, words);
            (special as f64 + Self::PIECES * words as f64).min(most as f64)
        };
        let files = task.parts().filter_map(|part| examples(suite, task, part).ok());
        let mut sorted: Vec<f64> = files.flatten().map(tokens).collect();
        sorted.sort_by(|left, right| right.total_cmp(left));
        Self { sorted, most }
    }

    /// The mean length of a batch of `rows` drawn at random, of the largest among thousands: four deviations above.
    fn shuffled(&self, rows: usize) -> usize {
        let count = self.sorted.len().max(1) as f64;
        let mean = self.sorted.iter().sum::<f64>() / count;
        let deviation = (self.sorted.iter().map(|length| (length - mean).powi(2)).sum::<f64>() / count).sqrt();
        self.whole(mean + 4.0 * deviation / (rows.max(1) as f64).sqrt())
    }

    /// The mean length of the `rows` longest.
    fn longest(&self, rows: usize) -> usize {
        let rows = rows.clamp(1, self.sorted.len().max(1));
        self.whole(self.sorted.iter().take(rows).sum::<f64>() / rows as f64)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length between 1 and the model's")]
    fn whole(&self, length: f64) -> usize {
        if self.sorted.is_empty() { self.most } else { (length.ceil() as usize).clamp(1, self.most) }
    }
}

/// Refuses to train an architecture as the last table's models are, where its memory is not free.
///
/// # Errors
/// Where more is wanted than there is, or the architecture cannot be lowered.
pub(super) fn fits_alone(checked: &Checked, executors: &Executors, models: &Models, one: (&Space, &Architecture)) -> Result<()> {
    let settings = &checked.settings;
    fits(
        executors,
        memory(checked, models, one, Work { searched: 0, finals: settings.r#final.seeds, workers: settings.workers, supernet: 0 })?,
    )
}

/// Refuses what these executors would hold and is not free. What candle holds is not foretold: it keeps what each operation makes, and so
/// more than the native executor, whose memory is then the least.
///
/// # Errors
/// Where more is wanted than there is.
pub(super) fn fits(executors: &Executors, memory: Option<Memory>) -> Result<()> {
    memory.map_or(Ok(()), |memory| memory.fits(free_memory(), executors.foretold()))
}

impl Memory {
    /// Refuses what does not fit into the memory that is free. Where it is not `foretold`, more is held than the figure, and all
    /// activations are kept.
    ///
    /// # Errors
    /// Where more is wanted than there is; the message gives both.
    fn fits(&self, free: Option<u64>, foretold: bool) -> Result<()> {
        match free {
            Some(free) if self.peak > free => {
                let (nearly, anew) = if foretold { ("about", ", set `recompute = true`") } else { ("more than", "") };
                let message = format!("this run takes {nearly} {} bytes of memory, and {free} are free", self.peak);
                Diagnostic::error(Code::MEMORY, message)
                    .help(format!("lower `batch` or the model's sizes, raise `accumulate`{anew}, or run with fewer `workers`"))
                    .into()
            }
            _ => Ok(()),
        }
    }
}
