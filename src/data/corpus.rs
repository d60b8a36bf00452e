//! Text to pre-train on: one long sequence of tokens, cut into full rows; and a part held out.

use super::masking::Masking;
use super::vocabulary::Vocabulary;
use crate::batch::Batch;
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::stream::{RngExt, stream};

/// Lines that are held out or kept together: enough that what is held out is read in its context.
const BLOCK: usize = 16;

/// At least this many blocks are held out where the text is long enough.
const BLOCKS: f64 = 4.0;

/// The masks of held-out text have a seed of their own, so that losses of different runs are comparable.
const HELD_OUT_SEED: u64 = 0;

/// A corpus as tokens, split into what is trained on and what is held out.
#[derive(Clone, Debug)]
pub struct Corpus {
    train: Vec<u32>,
    held_out: Vec<u32>,
    cls: u32,
    sep: u32,
    /// For each id whether its piece continues a word.
    continues: Vec<bool>,
}

impl Corpus {
    /// Encodes `documents`, one paragraph a line, and holds out the share `holdout` of the lines.
    ///
    /// Every n-th block of 16 lines is held out, evenly over the text and by its place alone. `[SEP]` stands
    /// where a document ends and where a held-out block was taken out.
    ///
    /// # Errors
    /// Where the documents hold no text, or too little for something to be held out.
    pub fn new(documents: &[&str], vocabulary: &Vocabulary, holdout: f64) -> Result<Self> {
        let lines: usize = documents.iter().map(|document| paragraphs(document).count()).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 16")]
        let block = (lines as f64 * holdout / BLOCKS).clamp(1.0, BLOCK as f64) as usize;
        let sep = vocabulary.specials().sep;
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        let mut line = 0;
        for document in documents {
            let mut before = None;
            for paragraph in paragraphs(document) {
                let out = holds_out(line / block, holdout);
                if before.is_some_and(|before| before != out) {
                    end(if out { &mut train } else { &mut held_out }, sep);
                }
                (if out { &mut held_out } else { &mut train }).extend(vocabulary.encode(paragraph));
                before = Some(out);
                line += 1;
            }
            end(&mut train, sep);
            end(&mut held_out, sep);
        }
        if train.is_empty() {
            return Diagnostic::error(Code::DATA, "the corpus has no text to train on").into();
        }
        if holdout > 0.0 && held_out.is_empty() {
            let message = format!("the corpus has {}: too few to hold {} % of them out", counted(lines, "line"), holdout * 100.0);
            return Diagnostic::error(Code::DATA, message).help("give more text, or hold out a larger share or none").into();
        }
        Ok(Self { train, held_out, cls: vocabulary.specials().cls, sep, continues: vocabulary.continues().to_vec() })
    }

    /// The masked batch of a step: `rows` rows of exactly `length` tokens, `[CLS] … [SEP]`, drawn from the stream
    /// `corpus/rows` at `step`, each beginning with a word anywhere in the text.
    ///
    /// It depends on its arguments alone, so training goes on from any step.
    ///
    /// # Errors
    /// Where the text to train on is shorter than a row.
    pub fn batch(&self, masking: &Masking, seed: u64, step: u64, rows: usize, length: usize) -> Result<Batch> {
        let body = body(&self.train, length)?;
        let mut draws = stream(seed, "corpus/rows", step);
        let rows: Vec<Vec<u32>> = (0..rows).map(|_| self.row(&self.train, draws.random_range(0..=self.train.len() - body), body)).collect();
        Ok(masking.batch(&rows, seed, step, 0..))
    }

    /// All held-out text in masked batches of at most `rows` rows of exactly `length` tokens; a last piece shorter
    /// than a row is left out. The masks are the same in every run, whatever `rows` is.
    ///
    /// # Errors
    /// Where the held-out text is shorter than a row.
    pub fn held_out(&self, masking: &Masking, rows: usize, length: usize) -> Result<Vec<Batch>> {
        let body = body(&self.held_out, length)?;
        let all: Vec<Vec<u32>> = self.held_out.chunks_exact(body).map(|chunk| self.wrapped(chunk)).collect();
        let batches = all.chunks(rows.max(1)).enumerate();
        Ok(batches.map(|(i, chunk)| masking.batch(chunk, HELD_OUT_SEED, 0, i * rows.max(1)..)).collect())
    }

    /// The loss in nats of guessing held-out tokens by their frequency alone, which a masked-LM must beat: the
    /// cross-entropy of all held-out tokens (every token is as likely as another to be a target; boundaries are none)
    /// under the training text's unigram distribution with one added to every count. `None` without held-out text.
    pub fn unigram_entropy(&self) -> Option<f64> {
        let mut counts = vec![1.0_f64; self.continues.len()];
        for &token in self.train.iter().filter(|&&token| token != self.sep) {
            if let Some(count) = counts.get_mut(token as usize) {
                *count += 1.0;
            }
        }
        let total: f64 = counts.iter().sum();
        let losses = self.held_out.iter().filter(|&&token| token != self.sep);
        let losses: Vec<f64> = losses.filter_map(|&token| counts.get(token as usize)).map(|count| (total / count).ln()).collect();
        (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
    }

    /// Tokens to train on and tokens held out, boundaries included.
    pub fn tokens(&self) -> (usize, usize) {
        (self.train.len(), self.held_out.len())
    }

    /// The row whose text begins at the first word at or after `start`, or at `start` where that would leave the text.
    fn row(&self, text: &[u32], start: usize, body: usize) -> Vec<u32> {
        let continues = |id: u32| self.continues.get(id as usize).copied().unwrap_or(false);
        let tail = text.get(start..).unwrap_or_default();
        let skip = tail.iter().position(|&id| !continues(id)).unwrap_or(0).min(tail.len().saturating_sub(body));
        self.wrapped(tail.get(skip..skip + body).unwrap_or_default())
    }

    fn wrapped(&self, body: &[u32]) -> Vec<u32> {
        [&[self.cls], body, &[self.sep]].concat()
    }
}

/// The lines with text in them.
fn paragraphs(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter(|line| !line.trim().is_empty())
}

/// Whether the block is held out: as often as the share says, evenly, the first in the middle of its stretch.
fn holds_out(block: usize, share: f64) -> bool {
    let held = |blocks: usize| (blocks as f64).mul_add(share, 0.5).floor();
    held(block + 1) > held(block)
}

/// Ends a stretch of text.
fn end(text: &mut Vec<u32>, sep: u32) {
    if text.last().is_some_and(|&last| last != sep) {
        text.push(sep);
    }
}

/// The tokens of text in a row of `length`.
fn body(text: &[u32], length: usize) -> Result<usize> {
    let body = length.saturating_sub(2);
    if body == 0 || text.len() < body {
        let message = format!("a row of {length} tokens cannot be cut from a text of {}", text.len());
        return Diagnostic::error(Code::DATA, message).help("give more text, or shorter rows").into();
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::{Corpus, holds_out};
    use crate::batch::Targets;
    use crate::data::{Masking, Vocabulary};

    fn text(lines: usize) -> String {
        (0..lines).map(|i| format!("line {} of the text says {}\n", i % 7, "very ".repeat(i % 3))).collect()
    }

    fn corpus() -> (Corpus, Vocabulary, Masking) {
        let text = text(800);
        let vocabulary = Vocabulary::train(text.lines(), 80, true).unwrap();
        let masking = Masking::new(0.15, 0.8, 0.1, false, &vocabulary);
        (Corpus::new(&[&text, "another text"], &vocabulary, 0.1).unwrap(), vocabulary, masking)
    }

    #[test]
    fn rows_are_full_and_resumable() {
        let (corpus, vocabulary, masking) = corpus();
        let batch = corpus.batch(&masking, 3, 7, 5, 22).unwrap();
        assert_eq!((batch.rows, batch.width, batch.inputs["tokens"].len(), batch.inputs["at"].len()), (5, 22, 110, 15));
        for row in batch.inputs["tokens"].chunks(22) {
            assert_eq!((row[0], row[21]), (vocabulary.specials().cls, vocabulary.specials().sep));
        }
        assert_eq!(batch, corpus.batch(&masking, 3, 7, 5, 22).unwrap());
        assert_ne!(batch, corpus.batch(&masking, 3, 8, 5, 22).unwrap());
        assert!(corpus.batch(&masking, 3, 8, 5, 100_000).is_err());
    }

    #[test]
    fn a_tenth_is_held_out_and_its_masks_do_not_depend_on_the_batch() {
        let (corpus, _, masking) = corpus();
        let (train, held_out) = corpus.tokens();
        let share = held_out as f64 / (train + held_out) as f64;
        assert!((share - 0.1).abs() < 0.02, "{share}");
        let targets = |rows: usize| -> Vec<Option<u32>> {
            let classes = |batch: &crate::batch::Batch| match &batch.targets {
                Targets::Classes(classes) => classes.clone(),
                _ => panic!("not classes"),
            };
            corpus.held_out(&masking, rows, 22).unwrap().iter().flat_map(classes).collect()
        };
        assert_eq!(targets(4), targets(3));
    }

    #[test]
    fn held_out_blocks_are_spread_evenly() {
        let held: Vec<usize> = (0..100).filter(|&block| holds_out(block, 0.04)).collect();
        assert_eq!(held, [12, 37, 62, 87]);
        assert!((0..100).all(|block| !holds_out(block, 0.0)));
    }

    #[test]
    fn the_baseline_is_the_cross_entropy_of_the_counts() {
        let pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"].iter().map(|s| (*s).to_string()).collect();
        let vocabulary = Vocabulary::from_pieces(&pieces, true).unwrap();
        // Of four lines the second is held out. With one more of each the training text has 3 a, 2 b and 5 others.
        let corpus = Corpus::new(&["a\na b\na\nb"], &vocabulary, 0.25).unwrap();
        let expected = ((10.0_f64 / 3.0).ln() + (10.0_f64 / 2.0).ln()) / 2.0;
        assert!((corpus.unigram_entropy().unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn too_little_text_is_said_so() {
        let vocabulary = Vocabulary::train(["a word"], 64, true).unwrap();
        assert!(Corpus::new(&["", "\n"], &vocabulary, 0.0).is_err());
        assert!(Corpus::new(&["one line"], &vocabulary, 0.02).unwrap_err().message.contains("too few"));
        assert_eq!(Corpus::new(&["one line"], &vocabulary, 0.0).unwrap().unigram_entropy(), None);
    }
}
