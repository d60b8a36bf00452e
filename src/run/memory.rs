//! What a run holds in memory, told before anything is spent.

use super::files::{size, text_files};
use super::pieces::in_hand;
use super::texts::examples;
use crate::check::Checked;
use crate::data::Example;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::native::{Keep, needs};
use crate::settings::{Device, Suite, Task, Train};
use crate::space::{Architecture, Space};
use crate::supernet::Models;
use crate::train::{EVALUATED, masking_places};

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
    /// A step's values, their gradients, packed weights and scratch, of one worker.
    pub arena: u64,
    /// Parameters, gradients and both moments of one worker.
    pub training: u64,
    /// The whole process at its largest, about.
    pub peak: u64,
}

/// The memory of training this architecture, by as many workers as train at once, beside the `supernet`'s bytes; `None` for a GPU.
///
/// # Errors
/// Where the architecture cannot be lowered.
pub(super) fn memory(
    checked: &Checked,
    models: &Models,
    (space, architecture): (&Space, &Architecture),
    supernet: u64,
) -> Result<Option<Memory>> {
    let settings = &checked.settings;
    if settings.device != Device::Cpu {
        return Ok(None);
    }
    let program = models.masked_lm(space, architecture)?;
    let rows = |train: &Train| train.batch.div_ceil(train.accumulate.max(1));
    // Its rows are drawn at once, however it is carried out.
    if let Some(train) = settings.trainings().find(|train| train.batch.saturating_mul(settings.model.length) > TOKENS) {
        let message = format!("a batch of {} sentences of {} tokens is more than a step can hold", train.batch, settings.model.length);
        return Diagnostic::error(Code::MEMORY, message).help("lower `batch`; the largest in use have some ten thousand sentences").into();
    }
    let of = |train: &Train| {
        let length = train.phases.iter().map(|crate::settings::Phase::Phase { length, .. }| *length).max().unwrap_or(settings.model.length);
        needs(&program, rows(train), length, masking_places(train, length), 1, Keep::of(train.recompute))
    };
    let length = settings.model.length;
    let values = |specs: &[crate::exec::ParameterSpec]| specs.iter().map(|spec| spec.shape.iter().product::<usize>() as u64).sum::<u64>();
    let weights = values(program.parameters()) * size_of::<f32>() as u64;
    let mut arena = 0;
    for (_, train) in settings.pretrainings() {
        arena = arena.max(of(train)?.arena);
        arena = arena.max(needs(&program, EVALUATED, length, masking_places(train, length), 1, Keep::Output)?.arena);
    }
    for (_, suite) in settings.suites() {
        for task in &suite.tasks {
            let program = models.classifier(space, architecture, task.classes())?;
            let rows = rows(&suite.train);
            let lengths = Lengths::of(suite, task, length);
            for (rows, length, keep) in
                [(rows, lengths.shuffled(rows), Keep::of(suite.train.recompute)), (EVALUATED, lengths.longest(EVALUATED), Keep::Output)]
            {
                arena = arena.max(needs(&program, rows, length, 0, 1, keep)?.arena);
            }
        }
    }
    let training = 4 * weights;
    let text: u64 = settings.texts().iter().flat_map(|path| text_files(path).unwrap_or_default()).map(|file| size(&file)).sum();
    let read = |(field, suite): (&str, &Suite)| -> u64 {
        let parts = suite.tasks.iter().flat_map(Task::parts).filter(|part| field == "final" || part.field == "train");
        parts.map(|part| size(&suite.path(part.file))).sum()
    };
    let rows: u64 = settings.suites().map(read).sum();
    let words = (HEAPS.0 * (text as f64 / HEAPS.1).sqrt()).min(MOST_WORDS);
    let reading = TEXT * text.min(in_hand()) + (WORD * words) as u64;
    // The warm-up holds the supernet with both moments, and the gradients of a path. Later each worker holds beside its own weights those it
    // started from, and the supernet stands beside the one that a generation makes of it.
    let warming = arena + 3 * supernet + weights;
    let searching = settings.workers as u64 * (arena + training + weights) + weights + 2 * supernet;
    let peak = PROGRAM + reading + ROWS * rows + searching.max(if supernet > 0 { warming } else { 0 });
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

impl Memory {
    /// Refuses what does not fit into the memory that is free.
    ///
    /// # Errors
    /// Where more is wanted than there is; the message gives both.
    pub fn fits(&self, free: Option<u64>) -> Result<()> {
        match free {
            Some(free) if self.peak > free => {
                let message = format!("this run takes about {} bytes of memory, and {free} are free", self.peak);
                Diagnostic::error(Code::MEMORY, message)
                    .help("lower `batch` or the model's sizes, raise `accumulate`, set `recompute = true`, or run with fewer `workers`")
                    .into()
            }
            _ => Ok(()),
        }
    }
}
