//! Sources and data as they lie on the disk, and the small tasks that ship inside the binary.

use crate::check::{Files, NOT_TEXT};
use crate::data::piece::not_text;
use crate::settings::is_text;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;
use walkdir::WalkDir;

/// Files of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

macro_rules! mini {
    ($($file:literal),*) => { &[$((concat!("std:mini/", $file), include_str!(concat!("../../experiments/data/mini/", $file)))),*] };
}

/// The mini suite's files; they are also in `experiments/data/mini/`, to be read.
const SHIPPED: &[(&str, &str)] = mini![
    "order/train.tsv",
    "order/dev.tsv",
    "order/test.tsv",
    "kin/train.tsv",
    "kin/dev.tsv",
    "kin/test.tsv",
    "overlap/train.tsv",
    "overlap/dev.tsv",
    "overlap/test.tsv"
];

/// The text of a data file; of a Parquet file its rows, as JSON Lines.
///
/// # Errors
/// Why it cannot be read, in a few words.
pub fn read_data(path: &str) -> Result<String, String> {
    if let Some((_, text)) = SHIPPED.iter().find(|(name, _)| *name == path) {
        return Ok((*text).to_owned());
    }
    if path.to_ascii_lowercase().ends_with(".parquet") {
        return super::parquet::lines(path);
    }
    let bytes = fs::read(path).map_err(|error| reason(&error))?;
    String::from_utf8(bytes).map_err(|error| {
        let (line, character) = not_text(error.as_bytes());
        format!("{NOT_TEXT} (line {line}, character {character})")
    })
}

/// A data file to be read from its beginning.
///
/// # Errors
/// Where there is none that may be read.
pub(super) fn open(path: &str) -> std::io::Result<Box<dyn Read + Send>> {
    match SHIPPED.iter().find(|(name, _)| *name == path) {
        Some((_, text)) => Ok(Box::new(text.as_bytes())),
        None => Ok(Box::new(fs::File::open(path)?)),
    }
}

/// The bytes of a data file; 0 where it cannot be told.
pub(super) fn size(path: &str) -> u64 {
    let shipped = SHIPPED.iter().find(|(name, _)| *name == path).map(|(_, text)| text.len() as u64);
    shipped.or_else(|| fs::metadata(path).ok().map(|metadata| metadata.len())).unwrap_or(0)
}

/// The memory that is free here, in bytes: on the machine, or within the limit of the container (cgroup v2); `None` where the system does
/// not tell.
pub fn free_memory() -> Option<u64> {
    let facts = fs::read_to_string("/proc/meminfo").ok()?;
    let line = facts.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10;
    let told = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok();
    let group = || free_in_group(&told("max")?, &told("current")?, &told("stat")?);
    Some(group().map_or(machine, |group| group.min(machine)))
}

/// What a control group's limit leaves, from its files `memory.max`, `memory.current` and `memory.stat`: pages of files that were not used
/// lately are given up where memory is wanted. `None` without a limit.
fn free_in_group(max: &str, current: &str, stat: &str) -> Option<u64> {
    let (max, current) = (max.trim().parse::<u64>().ok()?, current.trim().parse::<u64>().ok()?);
    let idle = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")).and_then(|bytes| bytes.trim().parse::<u64>().ok());
    Some(max.saturating_sub(current.saturating_sub(idle.unwrap_or(0))))
}

/// The text files that a corpus path stands for: itself, or the `.txt` and `.jsonl` files below a folder, also those that end in `.gz`
/// or `.zst` behind that, in the order of their names; links are followed.
///
/// # Errors
/// Why they cannot be found, in a few words.
pub fn text_files(path: &str) -> Result<Vec<String>, String> {
    if SHIPPED.iter().any(|(name, _)| *name == path) {
        return Ok(vec![path.to_owned()]);
    }
    let metadata = fs::metadata(path).map_err(|error| reason(&error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = match entry {
            // A link back to a folder around it, or to nowhere, has nothing to read; a text that is not there is missing.
            Err(error) if error.loop_ancestor().is_some() => continue,
            Err(error) if error.path().is_some_and(|path| path.is_symlink() && !path.to_str().is_some_and(is_text)) => continue,
            entry => entry.map_err(|error| format!("its folder cannot be read: {error}"))?,
        };
        let text = entry.file_type().is_file() && entry.file_name().to_str().is_some_and(is_text);
        // A file and a link to it are one.
        if text && seen.insert(itself(entry.path())) {
            found.push(entry.path().display().to_string());
        }
    }
    if found.is_empty() { Err("there is no .txt or .jsonl file in this folder".to_owned()) } else { Ok(found) }
}

/// A path without the links on the way; as it is where it cannot be followed.
pub(super) fn itself(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// An error of the operating system in a few words.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => "there is a file where a folder is wanted".to_owned(),
        _ => error.to_string(),
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        let metadata = fs::metadata(path).map_err(|error| reason(&error))?;
        // The parser refuses what is larger; there is no need to read it first.
        if metadata.len() > (64 << 20) {
            return Err("it is larger than 8 MiB, which no source is".to_owned());
        }
        read_data(path)
    }

    fn join(&self, from: &str, path: &str) -> String {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let joined = if from.starts_with("std.") { PathBuf::from(path) } else { folder.join(path) };
        normal(&joined).display().to_string()
    }

    fn absolute(&self, path: &str) -> String {
        std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.display().to_string())
    }

    fn data(&self, path: &str) -> Result<Vec<(String, String)>, String> {
        let files = text_files(path)?;
        let hashed = files.into_iter().map(|file| {
            let hash = match SHIPPED.iter().find(|(name, _)| **name == *file) {
                Some((_, text)) => blake3::hash(text.as_bytes()),
                None => {
                    let mut hasher = blake3::Hasher::new();
                    let reader = fs::File::open(&file).map_err(|error| reason(&error))?;
                    hasher.update_reader(reader).map_err(|error| reason(&error))?;
                    hasher.finalize()
                }
            };
            Ok((file, hash.to_hex().to_string()))
        });
        hashed.collect()
    }

    fn stamp(&self, path: &str) -> Result<String, String> {
        let mut stamp = String::new();
        for file in text_files(path)? {
            let told = fs::metadata(&file).ok().map(|metadata| (metadata.len(), metadata.modified().ok()));
            stamp += &format!("{file}: {told:?}\n");
        }
        Ok(stamp)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// The path without `.` and, where a name stands before it, without `..`; the folder itself is `.`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.components().next_back().is_some_and(|last| matches!(last, Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// The seconds since 1970, for folders' notes; never part of a result.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::free_in_group;

    #[test]
    fn a_container_s_limit_counts_and_idle_pages_of_files_do_not() {
        let stat = "anon 300\nfile 500\ninactive_file 400\nactive_file 100\n";
        assert_eq!(free_in_group("1000\n", "800\n", stat), Some(600));
        assert_eq!(free_in_group("max\n", "800\n", stat), None);
        assert_eq!(free_in_group("1000\n", "1200\n", ""), Some(0));
    }
}
