//! The vocabulary of a run: the one its folder keeps, one that another run trained on the same text, or a new one.

use super::Progress;
use super::corpus::CorpusText;
use super::folder::{Folder, write_whole};
use crate::data::Vocabulary;
use crate::diagnostic::Result;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// A vocabulary as the cache keeps it: a bit that flips on the disk must not change a result unnoticed.
#[derive(Serialize, Deserialize)]
struct Kept {
    blake3: String,
    tokenizer: String,
}

/// The vocabulary of a corpus, of at most `size` pieces.
pub(super) fn vocabulary(
    corpus: &CorpusText,
    size: usize,
    lowercase: bool,
    folder: &Folder,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Vocabulary> {
    let own = folder.read("vocabulary.json")?.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(Ok(vocabulary)) = own.map(|text| Vocabulary::from_json(&text)) {
        return Ok(vocabulary);
    }
    let cache = folder.cache().map(|cache| file(&cache, corpus.identity(), size, lowercase));
    let vocabulary = match cache.as_deref().and_then(read) {
        Some(vocabulary) => {
            progress.line(&format!("vocabulary: {} pieces, trained by an earlier run on the same text", vocabulary.size()));
            vocabulary
        }
        None => {
            let vocabulary = corpus.train(size, lowercase, progress, stop)?;
            if let Some(cache) = &cache {
                write(cache, vocabulary.to_json()?);
            }
            progress.line(&format!("vocabulary: {} pieces trained", vocabulary.size()));
            vocabulary
        }
    };
    folder.write("vocabulary.json", vocabulary.to_json()?.as_bytes())?;
    Ok(vocabulary)
}

/// The place in the cache, named after all that the vocabulary follows from.
fn file(cache: &Path, mut corpus: blake3::Hasher, size: usize, lowercase: bool) -> PathBuf {
    // Another version may train otherwise.
    corpus.update(format!("{} {size} {lowercase}\n", env!("CARGO_PKG_VERSION")).as_bytes());
    let hash: String = corpus.finalize().to_hex().chars().take(16).collect();
    cache.join(format!("vocabulary-{hash}.json"))
}

/// What the cache keeps there; nothing where that is missing or damaged.
fn read(path: &Path) -> Option<Vocabulary> {
    let kept: Kept = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let sound = blake3::hash(kept.tokenizer.as_bytes()).to_hex().as_str() == kept.blake3;
    if sound { Vocabulary::from_json(&kept.tokenizer).ok() } else { None }
}

/// Keeps a vocabulary; one that cannot be kept is trained again next time.
fn write(path: &Path, tokenizer: String) {
    let kept = Kept { blake3: blake3::hash(tokenizer.as_bytes()).to_hex().to_string(), tokenizer };
    // Two runs may write at the same time: each beside, under a name of its own.
    let own = path.with_extension(std::process::id().to_string());
    let _stays = path.parent().map(fs::create_dir_all);
    if write_whole(&own, &serde_json::to_vec(&kept).unwrap_or_default()).is_ok() {
        let _stays = fs::rename(&own, path);
    }
}

#[cfg(test)]
mod tests {
    use super::{file, read, write};
    use crate::data::Vocabulary;
    use std::path::Path;

    fn corpus(text: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new();
        hasher.update(text.as_bytes());
        hasher
    }

    #[test]
    fn a_cached_vocabulary_is_the_trained_one_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder.path().join("cache"), corpus("a"), 64, true);
        assert!(read(&path).is_none());
        let json = Vocabulary::train(["a cat", "a mat"], 64, true).unwrap().to_json().unwrap();
        write(&path, json.clone());
        assert_eq!(read(&path).unwrap().to_json().unwrap(), json);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let whole = std::fs::read_to_string(&path).unwrap();
        for damaged in ["", whole.trim_end_matches("}"), &whole.replace("##at", "##ut"), "{}"] {
            assert_ne!(damaged, whole);
            std::fs::write(&path, damaged).unwrap();
            assert!(read(&path).is_none(), "{damaged}");
        }
    }

    #[test]
    fn the_place_in_the_cache_follows_from_all_that_matters() {
        let place = |text: &str, size, lowercase| file(Path::new("runs/cache"), corpus(text), size, lowercase);
        let one = place("a", 64, true);
        assert_eq!(one.parent().unwrap(), Path::new("runs/cache"));
        assert_eq!(one.file_name().unwrap().len(), "vocabulary-.json".len() + 16);
        assert_eq!(one, place("a", 64, true));
        for other in [place("b", 64, true), place("a", 65, true), place("a", 64, false)] {
            assert_ne!(one, other);
        }
    }
}
