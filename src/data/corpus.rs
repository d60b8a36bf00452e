//! Text to pre-train on: one long sequence of tokens, cut into rows, full ones or of whole sentences; and a part held out.

use super::masking::Masking;
use super::piece::Piece;
use super::sentences::Sentences;
use super::tokens::{Bytes, Header, Origin, Tokens, Writer, parts};
use super::vocabulary::Vocabulary;
use crate::batch::Batch;
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::stream::{RngExt, stream};
use std::io::Cursor;
use std::sync::Arc;

/// The masks of held-out text have a seed of their own, so that losses of different runs are comparable.
const HELD_OUT_SEED: u64 = 0;

/// A corpus as tokens, split into what is trained on and what is held out.
#[derive(Clone, Debug)]
pub struct Corpus {
    train: Tokens,
    held_out: Tokens,
    /// How often each id is trained on, boundaries left out.
    counts: Vec<u64>,
    cls: u32,
    sep: u32,
    /// For each id whether its piece continues a word.
    continues: Vec<bool>,
    /// Where rows to train on are whole sentences.
    sentences: Option<Sentences>,
}

impl Corpus {
    /// Encodes `documents`, one paragraph a line, in memory, and holds out the share `holdout` of the lines.
    ///
    /// # Errors
    /// Where the documents hold no text, or too little for something to be held out.
    pub fn new(documents: &[&str], vocabulary: &Vocabulary, holdout: f64) -> Result<Self> {
        let pieces: Vec<Piece> = documents.iter().map(|document| Piece::of(document)).collect();
        let lines = pieces.iter().map(|piece| Ok(piece.lines()?.0)).sum::<Result<usize>>()?;
        let failed = |error: std::io::Error| Box::new(Diagnostic::error(Code::INTERNAL, format!("tokens cannot be kept: {error}")));
        let memory = Cursor::<Vec<u8>>::default;
        let mut writer = Writer::new(memory(), memory(), vocabulary, holdout, lines).map_err(failed)?;
        for piece in pieces {
            writer.add(&piece.encode(vocabulary)?).map_err(failed)?;
        }
        let (file, header) = writer.finish(Origin::default()).map_err(failed)?;
        enough(&header, holdout)?;
        let read = Self::read(&(Arc::new(file.into_inner()) as Bytes), vocabulary);
        read.ok_or_else(|| Box::new(Diagnostic::error(Code::INTERNAL, "tokens cannot be read again")))
    }

    /// The corpus in a token file that was made with this vocabulary; `None` where the bytes are no such file.
    pub fn read(bytes: &Bytes, vocabulary: &Vocabulary) -> Option<Self> {
        let (_, train, held_out, counts) = parts(bytes)?;
        let specials = vocabulary.specials();
        let continues = vocabulary.continues().to_vec();
        Some(Self { train, held_out, counts, cls: specials.cls, sep: specials.sep, continues, sentences: None })
    }

    /// The corpus with rows to train on that begin and end with a sentence, across boundaries of documents: RoBERTa's FULL-SENTENCES (Liu et
    /// al. 2019). Rows of held-out text stay full.
    #[must_use]
    pub fn in_sentences(self, vocabulary: &Vocabulary) -> Self {
        Self { sentences: Some(Sentences::new(vocabulary)), ..self }
    }

    /// The masked batch of a step: `rows` rows of exactly `length` tokens, `[CLS] … [SEP]`, drawn from the stream
    /// `corpus/rows` at `step`, each beginning with a word anywhere in the text; or of as many sentences as fit
    /// into `length` tokens, padded to the longest.
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

    /// All held-out text in masked batches of at most `rows` rows of exactly `length` tokens, made one at a time; a last piece shorter
    /// than a row is left out. The masks are the same in every run, whatever `rows` is.
    ///
    /// # Errors
    /// Where the held-out text is shorter than a row.
    pub fn held_out<'a>(&'a self, masking: &'a Masking, rows: usize, length: usize) -> Result<impl ExactSizeIterator<Item = Batch> + 'a> {
        let body = body(&self.held_out, length)?;
        let (all, rows) = (self.held_out.len() / body, rows.max(1));
        Ok((0..all.div_ceil(rows)).map(move |batch| {
            let first = batch * rows;
            let chunk: Vec<Vec<u32>> = (first..all.min(first + rows)).map(|row| self.wrapped(&self.held_out, row * body, body)).collect();
            masking.batch(&chunk, HELD_OUT_SEED, 0, first..)
        }))
    }

    /// The loss in nats of guessing held-out tokens by their frequency alone, which a masked-LM must beat: the
    /// cross-entropy of all held-out tokens (every token is as likely as another to be a target; boundaries are none)
    /// under the training text's unigram distribution with one added to every count. `None` without held-out text.
    pub fn unigram_entropy(&self) -> Option<f64> {
        let total = self.counts.iter().map(|count| count + 1).sum::<u64>() as f64;
        let losses: Vec<f64> = self.counts.iter().map(|count| (total / (count + 1) as f64).ln()).collect();
        let (mut sum, mut tokens) = (0.0, 0_u64);
        for token in self.held_out.from(0).filter(|token| *token != self.sep) {
            if let Some(loss) = losses.get(token as usize) {
                (sum, tokens) = (sum + loss, tokens + 1);
            }
        }
        (tokens > 0).then(|| sum / tokens as f64)
    }

    /// Tokens to train on and tokens held out, boundaries included.
    pub fn tokens(&self) -> (usize, usize) {
        (self.train.len(), self.held_out.len())
    }

    /// The row whose text begins at the first word at or after `start`, or at `start` where that would leave the text. Of sentences it begins
    /// with the first after `start`, where one begins within a row's length.
    fn row(&self, text: &Tokens, start: usize, body: usize) -> Vec<u32> {
        if let Some(sentences) = &self.sentences
            && let Some(skip) = sentences.begin(text.from(start).take(body)).filter(|skip| start + skip < text.len())
        {
            let tokens: Vec<u32> = text.from(start + skip).take(body).collect();
            return self.wrapped(text, start + skip, sentences.whole(&tokens));
        }
        let continues = |id: u32| self.continues.get(id as usize).copied().unwrap_or(false);
        let room = text.len().saturating_sub(start).saturating_sub(body);
        let skip = text.from(start).position(|id| !continues(id)).unwrap_or(0).min(room);
        self.wrapped(text, start + skip, body)
    }

    fn wrapped(&self, text: &Tokens, start: usize, body: usize) -> Vec<u32> {
        std::iter::once(self.cls).chain(text.from(start).take(body)).chain([self.sep]).collect()
    }
}

/// Whether there is something to train on, and something held out where that is asked for.
///
/// # Errors
/// Where there is not.
pub fn enough(header: &Header, holdout: f64) -> Result<()> {
    if header.train == 0 {
        return Diagnostic::error(Code::DATA, "the corpus has no text to train on").into();
    }
    if holdout > 0.0 && header.held_out == 0 {
        let lines = counted(header.lines, "line");
        let message = format!("the corpus has {lines}: too few to hold {} % of them out", (holdout * 1e4).round() / 1e2);
        return Diagnostic::error(Code::DATA, message).help("give more text, or hold out a larger share").into();
    }
    Ok(())
}

/// The tokens of text in a row of `length`.
fn body(text: &Tokens, length: usize) -> Result<usize> {
    let body = length.saturating_sub(2);
    if body == 0 || text.len() < body {
        let message = format!("a row of {length} tokens cannot be cut from a text of {}", text.len());
        return Diagnostic::error(Code::DATA, message).help("give more text, or shorter rows").into();
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::Corpus;
    use crate::batch::Targets;
    use crate::data::tokens::holds_out;
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
    fn rows_of_sentences_begin_and_end_with_one_and_documents_are_parted() {
        let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "."].map(str::to_owned);
        let vocabulary = Vocabulary::from_pieces(&pieces, true).unwrap();
        let [cls, sep, a, c, stop] = [2, 3, 5, 7, 8];
        // Every sentence begins with an `a`, and every document ends with a `c .`
        let document = |sentences: usize| (0..sentences).map(|i| format!("a {}. ", "b ".repeat(i % 4))).collect::<String>() + "a c .";
        let documents: Vec<String> = (0..50).map(|i| document(3 + i % 5)).collect();
        let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
        let corpus = Corpus::new(&documents, &vocabulary, 0.0).unwrap().in_sentences(&vocabulary);
        let masking = Masking::new(0.0, 0.8, 0.1, false, &vocabulary);
        let (mut parted, mut shorter) = (0, 0);
        for step in 0..50 {
            let batch = corpus.batch(&masking, 3, step, 4, 20).unwrap();
            assert!(batch.width <= 20 && batch.lengths.iter().max() == Some(&batch.width));
            for (row, &length) in batch.inputs["tokens"].chunks(batch.width).zip(&batch.lengths) {
                let (row, padding) = row.split_at(length);
                assert!(padding.iter().all(|&id| id == vocabulary.specials().pad), "{padding:?}");
                assert!(matches!(row, [first, begin, .., end, last] if [*first, *begin, *end, *last] == [cls, a, stop, sep]), "{row:?}");
                // A boundary stands after a document's last sentence and before the first of the next.
                for place in (1..length - 1).filter(|&place| row[place] == sep) {
                    assert_eq!(row[place - 2..=place + 1], [c, stop, sep, a]);
                    parted += 1;
                }
                // The next sentence, of at most five tokens and a boundary, had no room.
                assert!(length + 6 > 20, "{length}");
                shorter += usize::from(length < 20);
            }
        }
        assert!(parted > 100 && shorter > 50, "{parted} {shorter}");
        let text = "no sentence ends here\n".repeat(50);
        let unmarked = Corpus::new(&[&text], &vocabulary, 0.0).unwrap();
        let batch = |corpus: &Corpus| corpus.batch(&masking, 3, 1, 4, 20).unwrap();
        assert_eq!(batch(&unmarked), batch(&unmarked.clone().in_sentences(&vocabulary)), "without marks rows are full");
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
            corpus.held_out(&masking, rows, 22).unwrap().flat_map(|batch| classes(&batch)).collect()
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
