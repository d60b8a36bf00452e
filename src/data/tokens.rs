//! A corpus as tokens, in the bytes of a file or in memory: what is trained on, what is held out, and how often each id is trained on.
//!
//! The layout, numbers with their least byte first: a header of [`HEADER`] bytes, the tokens to train on, those held out, and for each
//! id its count. A token takes two bytes where the vocabulary has at most 65,536 pieces, else four.

use super::piece::Encoded;
use super::vocabulary::Vocabulary;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

/// Bytes before the tokens.
pub const HEADER: usize = 256;

/// What every token file begins with.
const MAGIC: &[u8; 8] = b"phylatok";

/// The version of the layout, and of the way in which text becomes tokens.
const VERSION: u64 = 1;

/// Lines that are held out or kept together: enough that what is held out is read in its context.
const BLOCK: usize = 16;

/// At least this many blocks are held out where the text is long enough.
const BLOCKS: f64 = 4.0;

/// Bytes copied at once.
const COPIED: usize = 1 << 20;

/// The bytes of a token file, wherever they lie.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// What the tokens of a file follow from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The vocabulary's fingerprint.
    pub vocabulary: [u8; 32],
    /// A hash of the texts, and of what is held out of them.
    pub corpus: [u8; 32],
}

/// What a token file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What its tokens follow from.
    pub origin: Origin,
    /// Whether a token takes four bytes.
    wide: bool,
    /// Tokens to train on.
    pub train: u64,
    /// Tokens held out.
    pub held_out: u64,
    /// Ids that are counted.
    pieces: u64,
    /// Lines with text in them.
    pub lines: u64,
    /// A hash of all that follows the header.
    checksum: [u8; 32],
}

impl Header {
    /// The header at the beginning of these bytes; `None` where there is none that is whole and of this version.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (told, rest) = bytes.get(..HEADER)?.split_at_checked(HEADER - 32)?;
        if blake3::hash(told).as_bytes() != rest || told.get(..8)? != MAGIC {
            return None;
        }
        let number = |place: usize| Some(u64::from_le_bytes(told.get(8 + 8 * place..16 + 8 * place)?.try_into().ok()?));
        let hash = |place: usize| <[u8; 32]>::try_from(told.get(56 + 32 * place..88 + 32 * place)?).ok();
        let origin = Origin { vocabulary: hash(0)?, corpus: hash(1)? };
        let wide = match number(1)? {
            2 => false,
            4 => true,
            _ => return None,
        };
        let header =
            Self { origin, wide, train: number(2)?, held_out: number(3)?, pieces: number(4)?, lines: number(5)?, checksum: hash(2)? };
        (number(0)? == VERSION).then_some(header)
    }

    fn bytes(&self) -> Vec<u8> {
        let width = if self.wide { 4 } else { 2 };
        let mut bytes = MAGIC.to_vec();
        for number in [VERSION, width, self.train, self.held_out, self.pieces, self.lines] {
            bytes.extend(number.to_le_bytes());
        }
        for hash in [&self.origin.vocabulary, &self.origin.corpus, &self.checksum] {
            bytes.extend(hash);
        }
        bytes.resize(HEADER - 32, 0);
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        bytes
    }

    /// The places of the three parts; `None` where they would be larger than any file.
    fn parts(&self) -> Option<[Range<usize>; 3]> {
        let width = if self.wide { 4 } else { 2 };
        let mut start = HEADER;
        let mut part = |count: u64, width: usize| {
            let end = start.checked_add(usize::try_from(count).ok()?.checked_mul(width)?)?;
            Some(std::mem::replace(&mut start, end)..end)
        };
        Some([part(self.train, width)?, part(self.held_out, width)?, part(self.pieces, 8)?])
    }

    /// Whether `body`, all that follows the header, is what was written; it is read through once, a stretch at a time.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn verify(&self, mut body: impl Read) -> io::Result<bool> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut body)?;
        Ok(*hasher.finalize().as_bytes() == self.checksum)
    }
}

/// A part of a token file.
#[derive(Clone)]
pub(super) struct Tokens {
    bytes: Bytes,
    range: Range<usize>,
    wide: bool,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("range", &self.range).field("wide", &self.wide).finish_non_exhaustive()
    }
}

impl Tokens {
    fn width(&self) -> usize {
        if self.wide { 4 } else { 2 }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.range.len() / self.width()
    }

    /// Those from `start` on.
    pub(super) fn from(&self, start: usize) -> impl ExactSizeIterator<Item = u32> + '_ {
        let whole = self.bytes.as_ref().as_ref().get(self.range.clone()).unwrap_or_default();
        let bytes = whole.get(start.saturating_mul(self.width())..).unwrap_or_default();
        bytes.chunks_exact(self.width()).map(|token| match *token {
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        })
    }
}

/// The parts of a token file: tokens to train on, tokens held out, and the counts of the former; `None` where the bytes are no such file.
pub(super) fn parts(bytes: &Bytes) -> Option<(Header, Tokens, Tokens, Vec<u64>)> {
    let all = bytes.as_ref().as_ref();
    let header = Header::read(all)?;
    let [train, held_out, counts] = header.parts()?;
    if all.len() != counts.end {
        return None;
    }
    let part = |range| Tokens { bytes: Arc::clone(bytes), range, wide: header.wide };
    let counts = all.get(counts)?.chunks_exact(8).filter_map(|count| Some(u64::from_le_bytes(count.try_into().ok()?)));
    let (train, held_out, counts) = (part(train), part(held_out), counts.collect());
    Some((header, train, held_out, counts))
}

/// Writes a token file, piece by piece in their order.
///
/// Every n-th block of 16 lines is held out, evenly over the text and by its place alone. `[SEP]` stands where a document ends and
/// where a held-out block was taken out.
#[derive(Debug)]
pub struct Writer<F> {
    train: Side<F>,
    held_out: Side<F>,
    counts: Vec<u64>,
    hasher: blake3::Hasher,
    sep: u32,
    holdout: f64,
    /// Lines in a block.
    block: usize,
    line: usize,
    /// Whether the line before, of the same document, was held out.
    before: Option<bool>,
}

impl<F: Read + Write + Seek> Writer<F> {
    /// Into `train`, which becomes the file, and through `held_out`, which may be removed afterwards; both empty. `lines` is the number
    /// of lines with text in the whole corpus.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn new(train: F, held_out: F, vocabulary: &Vocabulary, holdout: f64, lines: usize) -> io::Result<Self> {
        let wide = vocabulary.size() > 1 << 16;
        let mut train = Side { file: train, wide, last: None, count: 0, bytes: Vec::new() };
        train.file.write_all(&[0; HEADER])?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 16")]
        let block = (lines as f64 * holdout / BLOCKS).clamp(1.0, BLOCK as f64) as usize;
        Ok(Self {
            train,
            held_out: Side { file: held_out, wide, last: None, count: 0, bytes: Vec::new() },
            counts: vec![0; vocabulary.size()],
            hasher: blake3::Hasher::new(),
            sep: vocabulary.specials().sep,
            holdout,
            block,
            line: 0,
            before: None,
        })
    }

    /// Adds what follows.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn add(&mut self, encoded: &Encoded) -> io::Result<()> {
        let mut start = 0;
        for end in &encoded.ends {
            let Some(end) = *end else {
                self.train.end(self.sep);
                self.held_out.end(self.sep);
                self.before = None;
                continue;
            };
            let tokens = encoded.tokens.get(start..end).unwrap_or_default();
            let out = holds_out(self.line / self.block, self.holdout);
            let (side, other) = if out { (&mut self.held_out, &mut self.train) } else { (&mut self.train, &mut self.held_out) };
            if self.before.is_some_and(|before| before != out) {
                other.end(self.sep);
            }
            side.push(tokens);
            if !out {
                for token in tokens.iter().filter(|token| **token != self.sep) {
                    if let Some(count) = self.counts.get_mut(*token as usize) {
                        *count += 1;
                    }
                }
            }
            (self.before, self.line, start) = (Some(out), self.line + 1, end);
        }
        self.hasher.update(&self.train.bytes);
        self.train.flush()?;
        self.held_out.flush()
    }

    /// The whole file, and what it says of itself.
    ///
    /// # Errors
    /// Where a file cannot be written or read again.
    pub fn finish(mut self, origin: Origin) -> io::Result<(F, Header)> {
        let held_out = &mut self.held_out.file;
        held_out.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; COPIED];
        loop {
            let read = held_out.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            self.hasher.update(bytes);
            self.train.file.write_all(bytes)?;
        }
        let counts: Vec<u8> = self.counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        self.hasher.update(&counts);
        self.train.file.write_all(&counts)?;
        let header = Header {
            origin,
            wide: self.train.wide,
            train: self.train.count,
            held_out: self.held_out.count,
            pieces: self.counts.len() as u64,
            lines: self.line as u64,
            checksum: *self.hasher.finalize().as_bytes(),
        };
        self.train.file.seek(SeekFrom::Start(0))?;
        self.train.file.write_all(&header.bytes())?;
        Ok((self.train.file, header))
    }
}

/// The tokens on their way into a file.
#[derive(Debug)]
struct Side<F> {
    file: F,
    wide: bool,
    last: Option<u32>,
    count: u64,
    /// What is not written yet.
    bytes: Vec<u8>,
}

impl<F: Write> Side<F> {
    fn push(&mut self, tokens: &[u32]) {
        if self.wide {
            self.bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
        } else {
            // Ids are below the vocabulary's size.
            self.bytes.extend(tokens.iter().flat_map(|token| u16::try_from(*token).unwrap_or(u16::MAX).to_le_bytes()));
        }
        self.count += tokens.len() as u64;
        self.last = tokens.last().copied().or(self.last);
    }

    /// Ends a stretch of text.
    fn end(&mut self, sep: u32) {
        if self.last.is_some_and(|last| last != sep) {
            self.push(&[sep]);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

/// Whether the block is held out: as often as the share says, evenly, the first in the middle of its stretch.
pub(super) fn holds_out(block: usize, share: f64) -> bool {
    let held = |blocks: usize| (blocks as f64).mul_add(share, 0.5).floor();
    held(block + 1) > held(block)
}

#[cfg(test)]
mod tests {
    use super::{Bytes, HEADER, Header, Origin, Writer, parts};
    use crate::data::Vocabulary;
    use crate::data::piece::Piece;
    use crate::settings::Layout;
    use proptest::prelude::*;
    use std::io::Cursor;
    use std::sync::{Arc, LazyLock};

    static VOCABULARY: LazyLock<Vocabulary> =
        LazyLock::new(|| Vocabulary::train(["one two three four five six seven"], 64, true).expect("words"));

    /// The token file of a text that is read in pieces of so many lines.
    fn written(lines: &[String], each: usize) -> Vec<u8> {
        let memory = Cursor::<Vec<u8>>::default;
        let mut writer = Writer::new(memory(), memory(), &VOCABULARY, 0.2, lines.len()).unwrap();
        let count = lines.chunks(each).len();
        for (part, at) in lines.chunks(each).zip(0..) {
            let bytes = (part.join("\n") + "\n").into_bytes();
            let piece = Piece { file: "a.txt".into(), layout: Layout::Text, line: at * each + 1, bytes, last: at + 1 == count };
            writer.add(&piece.encode(&VOCABULARY).unwrap()).unwrap();
        }
        writer.finish(Origin { vocabulary: [1; 32], corpus: [2; 32] }).unwrap().0.into_inner()
    }

    proptest! {
        /// Where a file is cut into pieces changes no byte, and its tokens are those of its lines.
        #[test]
        fn pieces_change_nothing(lines in proptest::collection::vec("[a-z]{1,5}( [a-z]{1,5}){0,4}", 20..60), each in 1_usize..20) {
            let whole = written(&lines, lines.len());
            prop_assert_eq!(&whole, &written(&lines, each));
            let (header, train, held_out, counts) = parts(&(Arc::new(whole) as Bytes)).expect("a token file");
            prop_assert_eq!((header.train, header.held_out, header.lines), (train.len() as u64, held_out.len() as u64, lines.len() as u64));
            let sep = VOCABULARY.specials().sep;
            let mut all: Vec<u32> = train.from(0).chain(held_out.from(0)).filter(|token| *token != sep).collect();
            let mut expected: Vec<u32> = lines.iter().flat_map(|line| VOCABULARY.encode(line)).collect();
            prop_assert_eq!(counts.iter().sum::<u64>(), train.from(0).filter(|token| *token != sep).count() as u64);
            all.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(all, expected);
        }

        /// A file with another byte anywhere, or cut short, is found out.
        #[test]
        fn damage_is_found_out(at in any::<prop::sample::Index>(), change in 1_u8.., cut in any::<bool>()) {
            let mut bytes = written(&["one two".to_owned(), "three".to_owned(), "four five six".to_owned()], 1);
            let sound = |bytes: &[u8]| {
                let Some(header) = Header::read(bytes) else { return false };
                header.verify(&bytes[HEADER..]).unwrap() && parts(&(Arc::new(bytes.to_vec()) as Bytes)).is_some()
            };
            prop_assert!(sound(&bytes));
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= change }
            prop_assert!(!sound(&bytes));
        }
    }
}
