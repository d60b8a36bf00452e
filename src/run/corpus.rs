//! The corpus of a run: found sound, counted for its vocabulary, and made into a token file once; none of it is ever held whole.

use super::Progress;
use super::folder::Folder;
use super::mapped::mapped;
use super::pieces::{Source, each, identity};
use super::texts::unreadable;
use super::workers::go_on;
use crate::data::piece::Piece;
use crate::data::tokens::{HEADER, Header, Origin, Writer};
use crate::data::{Corpus, Vocabulary, Words, enough};
use crate::diagnostic::{Code, Diagnostic, Result};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// From this many bytes of text on, reading it is told as a stage of its own.
const LARGE: u64 = 64 << 20;

/// At most this many bytes of text are held out. Some million tokens tell a loss to a hundredth of a nat, and each model is judged by all of them.
const HELD_OUT: f64 = (4 << 20) as f64;

/// The files of a corpus with what was found when they were read through.
#[derive(Debug, Default)]
pub(super) struct CorpusText {
    sources: Vec<Source>,
    /// Lines with text in them, and their bytes.
    lines: usize,
    text: u64,
    /// Bytes of the files, after decompression.
    bytes: u64,
}

impl CorpusText {
    /// Reads the files behind a path through, and adds them.
    ///
    /// # Errors
    /// Where one cannot be read, is not what its ending says, or all are empty; it names file, line and column.
    pub(super) fn add(&mut self, path: &str, sources: Vec<Source>) -> Result<()> {
        let before = self.lines;
        each(&sources, &|piece| Ok((piece.lines()?, piece.bytes.len())), &mut |((lines, text), bytes)| {
            self.lines += lines;
            self.text += text;
            self.bytes += bytes as u64;
            Ok(())
        })?;
        if self.lines == before {
            return Diagnostic::error(Code::DATA, format!("{path} is empty: expected text, one paragraph a line")).into();
        }
        self.sources.extend(sources);
        Ok(())
    }

    /// What the text follows from.
    pub(super) fn identity(&self) -> blake3::Hasher {
        identity(&self.sources)
    }

    /// A vocabulary of at most `size` pieces, trained on it.
    ///
    /// # Errors
    /// Where it has no words, or cannot be read again.
    pub(super) fn train(&self, size: usize, lowercase: bool, progress: &dyn Progress, stop: &AtomicBool) -> Result<Vocabulary> {
        let mut words = Words::new(lowercase);
        let count = |piece: &Piece| {
            let mut words = Words::new(lowercase);
            let mut counted = Ok(());
            piece.paragraphs(&mut |paragraph| {
                if counted.is_ok() {
                    counted = words.add(paragraph.unwrap_or_default());
                }
            })?;
            counted.map(|()| words)
        };
        self.each("counting words", (progress, stop), &count, &mut |counted| words.merge(counted))?;
        words.train(size)
    }

    /// Its tokens: those that an earlier run left in the cache, or in this run's folder, where they are whole; else new ones.
    ///
    /// # Errors
    /// Where they cannot be written or read, or there is too little text.
    pub(super) fn tokens(
        &self,
        vocabulary: &Vocabulary,
        holdout: f64,
        folder: &Folder,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<Corpus> {
        let holdout = holdout.min(HELD_OUT / self.text.max(1) as f64);
        let corpus = *self.identity().update(format!("{holdout}").as_bytes()).finalize().as_bytes();
        let origin = Origin { vocabulary: *blake3::hash(vocabulary.fingerprint()?.as_bytes()).as_bytes(), corpus };
        let both = blake3::hash(&[origin.vocabulary, origin.corpus].concat()).to_hex();
        let name = format!("tokens-{}.bin", both.chars().take(16).collect::<String>());
        // Without a cache they last as long as the run.
        let place = folder.cache().unwrap_or_else(|| folder.join("work")).join(name);
        if let Some(corpus) = read(&place, &origin, vocabulary) {
            return Ok(corpus);
        }
        self.write(&place, &origin, vocabulary, holdout, (progress, stop))?;
        vocabulary.forget();
        read(&place, &origin, vocabulary)
            .ok_or_else(|| unreadable(&place.display().to_string(), "it was damaged as soon as it was written"))
    }

    /// Writes a token file: beside it, flushed, then renamed into its place.
    fn write(&self, place: &Path, origin: &Origin, vocabulary: &Vocabulary, holdout: f64, watched: Watched<'_>) -> Result<()> {
        let failed = |error: io::Error| {
            let message = format!("`{}` cannot be written: {}", place.display(), super::files::reason(&error));
            Box::new(Diagnostic::error(Code::WRITE, message).help("check the permissions, and the space left on the disk"))
        };
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        // Two runs may write at the same time: each beside, under a name of its own. What a killed one left is in nobody's way for long.
        sweep(place);
        let (train, into) = Beside::create(place).map_err(failed)?;
        let (_held_out, through) = Beside::create(place).map_err(failed)?;
        let mut writer = Writer::new(into, through, vocabulary, holdout, self.lines).map_err(failed)?;
        self.each("tokens", watched, &|piece| piece.encode(vocabulary), &mut |encoded| writer.add(&encoded).map_err(failed))?;
        let (file, header) = writer.finish(*origin).map_err(failed)?;
        enough(&header, holdout)?;
        file.sync_all().and_then(|()| train.arrive(place)).map_err(failed)
    }

    /// Works on all pieces, and tells how far it is where there are many.
    fn each<T: Send>(
        &self,
        stage: &str,
        (progress, stop): Watched<'_>,
        work: &(dyn Fn(&Piece) -> Result<T> + Sync),
        see: &mut dyn FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let large = self.bytes >= LARGE;
        if large {
            progress.stage(stage, self.bytes >> 20, "MiB");
        }
        let done = AtomicU64::new(0);
        let counted = |piece: &Piece| {
            done.fetch_add(piece.bytes.len() as u64, Ordering::Relaxed);
            work(piece)
        };
        each(&self.sources, &counted, &mut |made| {
            go_on(stop)?;
            if large {
                progress.at(done.load(Ordering::Relaxed) >> 20, "");
            }
            see(made)
        })
    }
}

/// Who is told how far the work is, and what ends it.
type Watched<'a> = (&'a dyn Progress, &'a AtomicBool);

/// The ending of files on their way.
const PART: &str = "part";

/// Files on their way that nobody has written to for so long were left by a run that was killed.
const LEFT: Duration = Duration::from_secs(3600);

/// Removes what killed runs left beside a file.
fn sweep(place: &Path) {
    let Some((folder, stem)) = place.parent().zip(place.file_stem()) else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let own = path.extension().is_some_and(|ending| ending == PART) && path.file_name().is_some_and(|name| begins(name, stem));
        let old = || entry.metadata().and_then(|facts| facts.modified()).is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT));
        if own && old() {
            let _someone_else_did = fs::remove_file(path);
        }
    }
}

fn begins(name: &OsStr, stem: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(stem.as_encoded_bytes())
}

/// A file on its way; removed where it does not arrive. Once it has, its name may be another run's.
struct Beside(Option<PathBuf>);

impl Beside {
    /// A new file that no other process has, whatever machine it runs on.
    fn create(place: &Path) -> io::Result<(Self, File)> {
        let mut number = 0_u32;
        loop {
            let path = place.with_extension(format!("{number}.{PART}"));
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Self(Some(path)), file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the file its name.
    fn arrive(mut self, place: &Path) -> io::Result<()> {
        if let Some(path) = &self.0 {
            fs::rename(path, place)?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _is_gone = self.0.as_ref().map(fs::remove_file);
    }
}

/// The corpus in a token file; nothing where that is missing, damaged, or of something else.
fn read(place: &Path, origin: &Origin, vocabulary: &Vocabulary) -> Option<Corpus> {
    let mut file = File::open(place).ok()?;
    let mut bytes = vec![0; HEADER];
    file.read_exact(&mut bytes).ok()?;
    let header = Header::read(&bytes).filter(|header| header.origin == *origin)?;
    // By reading, not through the mapping: pages of the file need not stay in this process's memory.
    file.seek(SeekFrom::Start(HEADER as u64)).ok()?;
    header.verify(&file).ok()?.then_some(())?;
    Corpus::read(&mapped(&file).ok()?, vocabulary)
}
