//! What is computed: sizes, masked batches, the lengths of tasks.

use super::wire::Packed;
use crate::data::Vocabulary;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::run::files::read_data;
use crate::stream::{RngExt, SliceRandom, stream};

/// A size of model and batch.
#[derive(Debug)]
pub struct Size {
    /// Its name.
    pub name: &'static str,
    /// Layers.
    pub layers: usize,
    /// Width.
    pub hidden: usize,
    /// Heads.
    pub heads: usize,
    /// Width of the feed-forward block.
    pub feed_forward: usize,
    /// Tokens a sentence.
    pub length: usize,
    /// Sentences a step.
    pub batch: usize,
    /// Word pieces.
    pub vocabulary: usize,
}

/// Four layers of width 128.
pub const TINY: Size = Size { name: "tiny", layers: 4, hidden: 128, heads: 2, feed_forward: 512, length: 64, batch: 32, vocabulary: 4096 };

/// The quickstart's models, a step of theirs.
pub const MICRO: Size = Size { name: "micro", layers: 4, hidden: 64, heads: 2, feed_forward: 256, length: 32, batch: 8, vocabulary: 4096 };

/// Six layers of width 256.
pub const SMALL: Size =
    Size { name: "small", layers: 6, hidden: 256, heads: 4, feed_forward: 1024, length: 128, batch: 16, vocabulary: 8192 };

/// BERT-base on short sentences.
pub const BASE: Size =
    Size { name: "base", layers: 12, hidden: 768, heads: 12, feed_forward: 3072, length: 128, batch: 8, vocabulary: 30_522 };

/// The architectures of the standard library that are measured.
pub const LAYERS: [&str; 2] = ["bert", "autobert_zero"];

/// Share of a sentence's tokens that are predicted, as in BERT.
const MASKED: f64 = 0.15;

/// Sentences a step of fine-tuning, as `std.suites.glue` has it.
pub(super) const TASK_BATCH: usize = 32;

/// A middling width of a padded batch, at which the peer chooses between its ways.
pub(super) const TASK_WIDTH: usize = 48;

/// Different batches, so that no cache keeps a whole step.
const BATCHES: u64 = 4;

/// Special pieces come first in every vocabulary made here.
pub(super) const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

impl Size {
    /// Places that are predicted in each sentence.
    pub(super) fn places(&self) -> usize {
        ((self.length - 2) as f64 * MASKED).ceil() as usize
    }
}

/// Batches for masked-LM: random tokens, as many places to predict in each sentence as training has.
pub(super) fn masked(size: &Size) -> Vec<Packed> {
    let places = size.places();
    let batch = |number| {
        let mut draws = stream(0, "bench", number);
        let special = SPECIAL.len() as u32;
        let mut token = || draws.random_range(special..size.vocabulary as u32);
        let tokens = (0..size.batch * size.length).map(|_| token()).collect();
        let targets = (0..size.batch * places).map(|_| Some(token())).collect();
        let at = |_| {
            let mut all: Vec<u32> = (1..size.length as u32 - 1).collect();
            all.shuffle(&mut draws);
            all.truncate(places);
            all.sort_unstable();
            all
        };
        let at = (0..size.batch).flat_map(at).collect();
        let segments = vec![0; size.batch * size.length];
        Packed { lengths: vec![size.length; size.batch], width: size.length, tokens, segments, at: Some(at), targets }
    };
    (0..BATCHES).map(batch).collect()
}

/// A task whose lengths are used.
#[derive(Debug)]
pub(super) struct Task {
    pub name: &'static str,
    /// Its training sentences.
    rows: usize,
    /// Its training file below PHYLA_GLUE.
    file: &'static str,
    /// Whether the file begins with names of columns.
    header: bool,
    /// The columns of its sentences.
    columns: &'static [usize],
    /// Shares of the sentences, and the lengths in word pieces that such a share does not exceed, [CLS] and [SEP] included.
    quantiles: [(f64, f64); 6],
}

/// Medians, 99th percentiles and largest lengths are those of the official dev sets under BERT's vocabulary, and quartiles follow the
/// words of the training sets; between them, lengths grow by the same factor for the same share of sentences.
pub(super) const TASKS: &[Task] = &[
    Task {
        name: "MRPC",
        rows: 3668,
        file: "MRPC/train.tsv",
        header: true,
        columns: &[3, 4],
        quantiles: [(0.0, 20.0), (0.25, 43.0), (0.5, 53.0), (0.75, 62.0), (0.99, 80.0), (1.0, 86.0)],
    },
    Task {
        name: "CoLA",
        rows: 8551,
        file: "CoLA/train.tsv",
        header: false,
        columns: &[3],
        quantiles: [(0.0, 5.0), (0.25, 8.0), (0.5, 10.0), (0.75, 13.0), (0.99, 29.0), (1.0, 35.0)],
    },
];

impl Task {
    /// The lengths of `rows` sentences (0 for all), none longer than the model's, and whether they are the real data's.
    ///
    /// # Errors
    /// Where the folder PHYLA_GLUE is named and lacks the task, or its sentences make no vocabulary.
    pub(super) fn lengths(&self, size: &Size, rows: usize) -> Result<(Vec<usize>, bool)> {
        let (all, real) = match std::env::var("PHYLA_GLUE").ok().filter(|folder| !folder.is_empty()) {
            Some(folder) => (self.read(&folder, size)?, true),
            None => ((0..self.rows).map(|row| self.quantile((row as f64 + 0.5) / self.rows as f64)).collect(), false),
        };
        let mut lengths: Vec<usize> = all.into_iter().map(|length| length.min(size.length)).collect();
        lengths.shuffle(&mut stream(0, self.name, 0));
        if rows > 0 {
            lengths.truncate(rows);
        }
        Ok((lengths, real))
    }

    fn quantile(&self, share: f64) -> usize {
        let pairs = self.quantiles.iter().zip(self.quantiles.iter().skip(1));
        let within = pairs.into_iter().find(|(_, (end, _))| share <= *end);
        let length = within.map_or(2.0, |((start, short), (end, long))| short * (long / short).powf((share - start) / (end - start)));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length of some tens")]
        let length = length.round() as usize;
        length
    }

    fn read(&self, folder: &str, size: &Size) -> Result<Vec<usize>> {
        let path = format!("{folder}/{}", self.file);
        let missing = |why: String| Box::new(Diagnostic::error(Code::MISSING_FILE, format!("`{path}` cannot be read: {why}")));
        let text = read_data(&path).map_err(missing)?;
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(usize::from(self.header))
            .map(|line| {
                let cells: Vec<&str> = line.split('\t').collect();
                self.columns.iter().filter_map(|column| cells.get(*column).copied()).collect()
            })
            .collect();
        let vocabulary = Vocabulary::train(rows.iter().flatten().copied(), size.vocabulary, true)?;
        let length = |row: &Vec<&str>| vocabulary.encode_pair(row.first()?, row.get(1).copied(), size.length).0.len().into();
        Ok(rows.iter().filter_map(length).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{TASKS, TINY, masked};

    #[test]
    fn made_lengths_have_the_medians_of_the_tasks() {
        for (task, median) in TASKS.iter().zip([53, 10]) {
            let mut lengths: Vec<usize> = (0..task.rows).map(|row| task.quantile((row as f64 + 0.5) / task.rows as f64)).collect();
            assert!(lengths.is_sorted() && lengths.len() == task.rows);
            assert_eq!(lengths.remove(task.rows / 2), median);
        }
    }

    #[test]
    fn a_masked_batch_has_the_places_of_training() {
        for batch in masked(&TINY) {
            assert_eq!((batch.tokens.len(), batch.targets.len()), (32 * 64, 32 * 10));
            let at = batch.at.unwrap();
            assert!(at.chunks(10).all(|row| row.is_sorted_by(|a, b| a < b) && row.iter().all(|place| (1..63).contains(place))));
        }
    }
}
