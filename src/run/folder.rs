//! The run folder: where everything lies, one run at a time, files written whole or not at all.

use super::files::reason;
use crate::diagnostic::{Code, Diagnostic, Result};
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// How each line of a journal begins.
const JOURNAL: &[u8] = b"{\"sum\":\"";

/// An open run folder; locked until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens or makes the folder; with `fresh`, what an earlier run left in it is removed first.
    ///
    /// # Errors
    /// Where it cannot be made, another process runs in it, or it holds something that is no run.
    pub fn open(path: &Path, fresh: bool) -> Result<Self> {
        let failed = |what: &str, error: &std::io::Error| {
            let message = format!("the run folder `{}` cannot be {what}: {}", path.display(), reason(error));
            Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("choose another with `--out DIR`"))
        };
        // What a run makes before its journal.
        let begun = |entry: &fs::DirEntry| {
            let empty = || fs::read_dir(entry.path()).is_ok_and(|mut entries| entries.next().is_none());
            entry.file_name() == "lock" || (entry.file_name() == "work" && empty())
        };
        let strange = path.is_dir()
            && !is_journal(&path.join("journal.jsonl"))
            && fs::read_dir(path).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| !begun(&entry))));
        if strange {
            let message = format!("`{}` is not empty and is no run folder", path.display());
            return Diagnostic::error(Code::RUN_FOLDER, message).help("choose another with `--out DIR`").into();
        }
        fs::create_dir_all(path).map_err(|error| failed("made", &error))?;
        let lock = File::create(path.join("lock")).map_err(|error| failed("used", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process is running in `{}`", path.display());
                return Diagnostic::error(Code::RUN_FOLDER, message).help("wait for it, or choose another folder with `--out DIR`").into();
            }
            Err(TryLockError::Error(error)) => return Err(failed("locked", &error)),
        }
        if fresh {
            for name in ["work", "predictions", "submission"] {
                match fs::remove_dir_all(path.join(name)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("emptied", &error)),
                    _ => {}
                }
            }
            // The journal last: without it what is left would be taken for something else than a run.
            for name in [
                "experiment.phyla",
                "experiment.yaml",
                "vocabulary.json",
                "best.phyla",
                "best.safetensors",
                "model.safetensors",
                "results.csv",
                "report.html",
                "journal.jsonl",
            ] {
                match fs::remove_file(path.join(name)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("emptied", &error)),
                    _ => {}
                }
            }
        }
        fs::create_dir_all(path.join("work")).map_err(|error| failed("used", &error))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The cache that runs share in the folder of their own. Beside a folder of the user's choice nothing is written.
    pub fn cache(&self) -> Option<PathBuf> {
        self.path.parent().filter(|parent| *parent == Path::new("runs")).map(|runs| runs.join("cache"))
    }

    /// Writes a file whole: beside, then renamed into its place.
    ///
    /// # Errors
    /// Where it cannot be written; a file of that name is then as it was.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_by(name, &mut |out| out.write_all(bytes))
    }

    /// Likewise, of what `write` writes piece by piece.
    ///
    /// # Errors
    /// As [`Folder::write`].
    pub fn write_by(&self, name: &str, write: &mut Written<'_>) -> Result<()> {
        let path = self.join(name);
        // Where this fails, so does the writing, which tells why; a run folder that is gone is not made again.
        let _is_there = path.parent().map(fs::create_dir);
        // What a run that was killed left half-written is its own.
        write_whole_by(&path, &beside(&path, 0), write)
    }

    /// The contents of a file, if it is there.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let message = format!("`{}` cannot be read: {}", self.join(name).display(), reason(&error));
                Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`").into()
            }
        }
    }

    /// Removes a file that is no longer needed; it does no harm where it stays.
    pub fn discard(&self, name: &str) {
        let _stays = fs::remove_file(self.join(name));
    }

    /// Removes the files that only an unfinished run needs.
    pub fn tidy(&self) {
        let _stays = fs::remove_dir_all(self.join("work"));
    }
}

/// Whether a file begins as a run's journal does, as far as it goes; one that is empty does.
fn is_journal(path: &Path) -> bool {
    let mut head = [0; JOURNAL.len()];
    let read = File::open(path).and_then(|mut file| {
        let mut length = 0;
        while let count @ 1.. = file.read(head.get_mut(length..).unwrap_or_default())? {
            length += count;
        }
        Ok(length)
    });
    // A crash may leave the first block unwritten.
    read.is_ok_and(|length| head.get(..length) == JOURNAL.get(..length) || head.iter().all(|byte| *byte == 0))
}

/// Writes a file whole: beside it, flushed, then renamed into its place, also behind a link, with the permissions of what stood there. What is no
/// file, and `/dev/stdout` even where it is one, is written to.
///
/// # Errors
/// Where it cannot be written; a file of that name is then as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    // Of `/dev` its own names alone: `/dev/shm` holds files like any other folder.
    let stream = ["/dev", "/dev/fd", "/proc/self/fd"].iter().any(|place| path.parent() == Some(Path::new(place)));
    if stream || fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
        let open = fs::OpenOptions::new().write(true).open(path);
        return open.and_then(|mut file| file.write_all(bytes)).map_err(|error| unwritten(path, &error));
    }
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // A file that only happens to have the name of what is written beside stays.
    let reserved = |beside: &PathBuf| File::create_new(beside).is_ok();
    let free = (0..100).map(|number| beside(&place, number)).find(reserved).unwrap_or_else(|| beside(&place, 0));
    write_whole_by(&place, &free, &mut |out| out.write_all(bytes))
}

/// The file that is written before it takes the place of another.
fn beside(path: &Path, number: usize) -> PathBuf {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let number = if number == 0 { String::new() } else { number.to_string() };
    path.with_extension(format!("{extension}.part{number}"))
}

/// What writes a file's contents.
pub type Written<'w> = dyn FnMut(&mut dyn Write) -> std::io::Result<()> + 'w;

fn write_whole_by(path: &Path, beside: &Path, write: &mut Written<'_>) -> Result<()> {
    let written = File::create(beside).and_then(|file| {
        // Whoever may read a file may read it afterwards, and nobody else.
        if let Some(known) = fs::metadata(path).ok().map(|known| known.permissions())
            && file.metadata()?.permissions() != known
        {
            file.set_permissions(known)?;
        }
        let mut buffered = BufWriter::with_capacity(1 << 16, file);
        write(&mut buffered)?;
        buffered.flush()?;
        buffered.get_ref().sync_all()
    });
    written.and_then(|()| fs::rename(beside, path)).map_err(|error| {
        let _stays = fs::remove_file(beside);
        unwritten(path, &error)
    })
}

fn unwritten(path: &Path, error: &std::io::Error) -> Box<Diagnostic> {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "its folder is not there".to_owned(),
        _ => reason(error),
    };
    let message = format!("`{}` cannot be written: {why}", path.display());
    Box::new(
        Diagnostic::error(Code::WRITE, message).help("check that its folder is there, the permissions, and the space left on the disk"),
    )
}
