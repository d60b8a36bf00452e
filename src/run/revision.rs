//! Sources and data as they stood at a revision of git, and text that stands for a file: what a comparison reads.

use super::files::{Disk, reason};
use crate::check::{Files, NOT_TEXT};
use crate::settings::is_text;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Files of the machine, of revisions (`HEAD~1:experiments/mine.phyla`), and texts that stand for a file.
#[derive(Clone, Debug, Default)]
pub struct Revisions {
    /// Texts by the key of the file they stand for.
    pub overlay: BTreeMap<String, String>,
}

impl Revisions {
    /// The key of a file as a user names it: a path that is there, or `REV:FILE`; a path that begins with `./` is seen from this folder.
    ///
    /// # Errors
    /// Why the revision cannot be read, in a few words.
    pub fn key(name: &str) -> Result<String, String> {
        let Some((revision, path)) = split(name) else { return Ok(name.to_owned()) };
        let known = git(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?;
        if !known.status.success() {
            if !git(&["rev-parse", "--git-dir"])?.status.success() {
                return Err("this folder belongs to no git repository".to_owned());
            }
            return Err(format!("git knows no revision `{revision}`"));
        }
        if !path.starts_with("./") && !path.starts_with("../") {
            return Ok(name.to_owned());
        }
        let prefix = String::from_utf8_lossy(&git(&["rev-parse", "--show-prefix"])?.stdout).trim().to_owned();
        Ok(format!("{revision}:{}", Disk.join(&format!("{prefix}x"), path)))
    }

    /// The bytes of a file at a revision.
    fn at(revision: &str, path: &str) -> Result<Vec<u8>, String> {
        let found = git(&["cat-file", "blob", &format!("{revision}:{path}")])?;
        if found.status.success() { Ok(found.stdout) } else { Err(format!("`{path}` is not in git at `{revision}`")) }
    }

    /// The files that a path of data stands for at a revision: itself, or the texts below a folder.
    fn data_at(revision: &str, path: &str) -> Result<Vec<(String, String)>, String> {
        let hashed = |file: &str| Self::at(revision, file).map(|bytes| (file.to_owned(), blake3::hash(&bytes).to_hex().to_string()));
        if let Ok(one) = hashed(path) {
            return Ok(vec![one]);
        }
        let listed = git(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", revision, "--", &format!("{path}/")])?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut texts: Vec<&str> = listed.split('\0').filter(|file| is_text(file)).collect();
        // In the order in which folders are read: name by name.
        texts.sort_by(|one, other| Path::new(one).cmp(Path::new(other)));
        match texts.is_empty() {
            // Data is often too large for git; then what lies there now is all there is.
            true => Disk.data(path),
            false => texts.into_iter().map(hashed).collect(),
        }
    }
}

/// `REV:FILE`, where no file of that name is there.
fn split(name: &str) -> Option<(&str, &str)> {
    let (revision, path) = name.split_once(':')?;
    (!revision.is_empty() && revision != "std" && !Path::new(name).exists()).then_some((revision, path))
}

fn git(arguments: &[&str]) -> Result<Output, String> {
    let mut command = Command::new("git");
    command.args(arguments).stdin(Stdio::null());
    command.output().map_err(|error| format!("git cannot be started: {}", reason(&error)))
}

impl Files for Revisions {
    fn read(&self, path: &str) -> Result<String, String> {
        if let Some(text) = self.overlay.get(path) {
            return Ok(text.clone());
        }
        let Some((revision, file)) = split(path) else { return Disk.read(path) };
        let bytes = Self::at(revision, file)?;
        String::from_utf8(bytes).map_err(|error| format!("{NOT_TEXT} (byte {})", error.utf8_error().valid_up_to()))
    }

    fn join(&self, from: &str, path: &str) -> String {
        match split(from) {
            Some((revision, file)) if Path::new(path).is_relative() => format!("{revision}:{}", Disk.join(file, path)),
            _ => Disk.join(from, path),
        }
    }

    fn shown(&self, path: &str) -> String {
        split(path).map_or(path, |(_, file)| file).to_owned()
    }

    fn absolute(&self, path: &str) -> String {
        if split(path).is_some() { path.to_owned() } else { Disk.absolute(path) }
    }

    fn data(&self, path: &str) -> Result<Vec<(String, String)>, String> {
        split(path).map_or_else(|| Disk.data(path), |(revision, file)| Self::data_at(revision, file))
    }

    fn variable(&self, name: &str) -> Option<String> {
        Disk.variable(name)
    }
}
