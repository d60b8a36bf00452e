//! The files of a corpus, plain or compressed, read piece by piece while the pieces before are worked on.

use super::files::{open, reason};
use super::texts::unreadable;
use crate::check::Checked;
use crate::data::piece::Piece;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::Layout;
use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// Bytes of text in a piece, about.
const PIECE: usize = 1 << 20;

/// The logarithm of the largest window of a zstd file, the format's own bound: files made with `--long` ask for more than is usual.
const WINDOW: u32 = 31;

/// No line is longer: a paragraph is not, and a line is held whole.
const LONGEST: usize = 256 << 20;

/// Pieces a thread is given at once, and the most of all threads.
const EACH: usize = 4;
const MOST: usize = 64;

/// A file of the corpus.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub file: Arc<str>,
    pub layout: Layout,
    /// The BLAKE3 of its bytes when the experiment was checked.
    pub hash: String,
}

/// The files behind a path of the corpus, as they were when the experiment was checked.
pub(super) fn sources(checked: &Checked, path: &str) -> Vec<Source> {
    let key = checked.settings.text_key();
    let files = checked.data.get(path).into_iter().flatten();
    files.map(|(file, hash)| Source { file: file.as_str().into(), layout: Layout::of(file, key), hash: hash.clone() }).collect()
}

/// What the text of these files follows from, besides the settings: their contents and how they are read.
pub(super) fn identity(sources: &[Source]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    for source in sources {
        let ending = source.file.to_ascii_lowercase();
        let compressed = Compression::of(&ending);
        hasher.update(format!("{} {compressed:?} {:?}\n", source.hash, source.layout).as_bytes());
    }
    hasher
}

/// Works on all pieces, many at once, and sees what was made of them in their order.
///
/// # Errors
/// Where a file cannot be read, is not what it was when it was checked, or `work` or `see` fails.
pub(super) fn each<T: Send>(
    sources: &[Source],
    work: &(dyn Fn(&Piece) -> Result<T> + Sync),
    see: &mut dyn FnMut(T) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader { sources: sources.iter(), open: None };
    let many = many();
    let mut pieces = reader.some(many)?;
    while !pieces.is_empty() {
        let (made, next) = rayon::join(|| pieces.par_iter().map(work).collect::<Vec<_>>(), || reader.some(many));
        for made in made {
            see(made?)?;
        }
        pieces = next?;
    }
    Ok(())
}

/// Pieces worked on at once.
fn many() -> usize {
    (rayon::current_num_threads() * EACH).min(MOST)
}

/// Bytes of text worked on at once, about; as many are read meanwhile.
pub(super) fn in_hand() -> u64 {
    (many() * PIECE) as u64
}

/// Reads files one after the other.
struct Reader<'s> {
    sources: std::slice::Iter<'s, Source>,
    open: Option<Open<'s>>,
}

impl Reader<'_> {
    /// The next pieces; none where all is read.
    fn some(&mut self, many: usize) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        while pieces.len() < many {
            match &mut self.open {
                Some(open) => {
                    let piece = open.piece()?;
                    if piece.last {
                        self.open.take().map_or(Ok(()), Open::close)?;
                    }
                    pieces.push(piece);
                }
                None => match self.sources.next() {
                    Some(source) => self.open = Some(Open::new(source)?),
                    None => break,
                },
            }
        }
        Ok(pieces)
    }
}

/// A file that is being read.
struct Open<'s> {
    source: &'s Source,
    text: Decoder,
    /// The beginning of a line whose end is not read yet.
    begun: Vec<u8>,
    /// The number of the line it begins.
    line: usize,
}

impl<'s> Open<'s> {
    fn new(source: &'s Source) -> Result<Self> {
        let failed = |error: io::Error| unreadable(&source.file, &reason(&error));
        let raw = BufReader::with_capacity(PIECE / 4, Hashed { file: open(&source.file).map_err(failed)?, hasher: blake3::Hasher::new() });
        let text = match Compression::of(&source.file.to_ascii_lowercase()) {
            Compression::None => Decoder::Plain(raw),
            Compression::Gzip => Decoder::Gzip(MultiGzDecoder::new(raw)),
            Compression::Zstd => {
                let mut text = zstd::Decoder::with_buffer(raw).map_err(failed)?;
                text.window_log_max(WINDOW).map_err(failed)?;
                Decoder::Zstd(text)
            }
        };
        Ok(Self { source, text, begun: Vec::new(), line: 1 })
    }

    /// The lines that come next.
    fn piece(&mut self) -> Result<Piece> {
        let mut bytes = std::mem::take(&mut self.begun);
        let mut last = false;
        loop {
            let (before, wanted) = (bytes.len(), PIECE.saturating_sub(bytes.len()).max(PIECE / 4));
            let read = (&mut self.text).take(wanted as u64).read_to_end(&mut bytes).map_err(|error| self.broken(&bytes, &error))?;
            if read == 0 {
                last = true;
                break;
            }
            // A line begun before is not searched again.
            let end = bytes.get(before..).unwrap_or_default().iter().rposition(|byte| *byte == b'\n').map(|end| before + end + 1);
            if let Some(end) = end.filter(|_| bytes.len() >= PIECE) {
                self.begun = bytes.split_off(end);
                break;
            }
            if bytes.len() > LONGEST && end.is_none() {
                let (file, line) = (&self.source.file, self.line + newlines(&bytes));
                let message = format!("{file}, line {line}: a line is longer than {} MiB", LONGEST >> 20);
                return Diagnostic::error(Code::DATA, message).help("a corpus has one paragraph a line").into();
            }
        }
        let line = self.line;
        self.line += newlines(&bytes);
        Ok(Piece { file: Arc::clone(&self.source.file), layout: self.source.layout.clone(), line, bytes, last })
    }

    fn broken(&self, bytes: &[u8], error: &io::Error) -> Box<Diagnostic> {
        match self.text {
            Decoder::Plain(_) => unreadable(&self.source.file, &reason(error)),
            _ => {
                let line = self.line + newlines(bytes);
                let message = format!("{}, line {line}: the compressed file is damaged or cut short: {error}", self.source.file);
                Box::new(
                    Diagnostic::error(Code::DATA, message).help("make or fetch it anew; `gzip -t` or `zstd -t` tells whether it is whole"),
                )
            }
        }
    }

    /// Whether it was what it is known as.
    fn close(self) -> Result<()> {
        let failed = |error: io::Error| unreadable(&self.source.file, &reason(&error));
        let mut raw = match self.text {
            Decoder::Plain(raw) => raw,
            Decoder::Gzip(text) => text.into_inner(),
            Decoder::Zstd(text) => text.finish(),
        };
        io::copy(&mut raw, &mut io::sink()).map_err(failed)?;
        if raw.into_inner().hasher.finalize().to_hex().as_str() != self.source.hash {
            let message = format!("`{}` was changed after the experiment was checked", self.source.file);
            return Diagnostic::error(Code::DATA, message).help("start again, when nothing writes to it").into();
        }
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// How a file is compressed, as the ending of its name tells.
#[derive(Debug)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(file: &str) -> Self {
        match file.rsplit_once('.') {
            Some((_, "gz")) => Self::Gzip,
            Some((_, "zst")) => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// A file whose bytes are hashed as they pass.
struct Hashed {
    file: Box<dyn Read + Send>,
    hasher: blake3::Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

type Raw = BufReader<Hashed>;

/// The text of a file; several compressed parts one behind the other are one text, as their tools have it.
enum Decoder {
    Plain(Raw),
    Gzip(MultiGzDecoder<Raw>),
    Zstd(zstd::Decoder<'static, Raw>),
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Gzip(text) => text.read(buffer),
            Self::Zstd(text) => text.read(buffer),
        }
    }
}
