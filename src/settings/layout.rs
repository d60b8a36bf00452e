//! How the files of a corpus are laid out, as the endings of their names tell.

use std::sync::Arc;

/// How a file of a corpus is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One document, one paragraph a line.
    Text,
    /// JSON Lines: one document a line, in the text under this key.
    Json(Arc<str>),
}

impl Layout {
    /// The layout that the ending of a file's name tells; `key` is where JSON Lines keep their text.
    pub fn of(file: &str, key: &str) -> Self {
        let name = file.to_ascii_lowercase();
        let plain = plain(&name);
        if plain.ends_with(".jsonl") || plain.ends_with(".json") { Self::Json(key.into()) } else { Self::Text }
    }
}

/// The endings of compressed files.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];

/// Whether a file in a folder belongs to a corpus, by the ending of its name.
pub fn is_text(file: &str) -> bool {
    let name = file.to_ascii_lowercase();
    let plain = plain(&name);
    plain.ends_with(".txt") || plain.ends_with(".jsonl")
}

/// A name without the ending that tells its compression.
fn plain(name: &str) -> &str {
    COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::is_text;

    #[test]
    fn files_of_a_folder_that_belong_to_a_corpus() {
        assert!(["a.txt", "A.TXT", "a.txt.gz", "a.Txt.GZ", "a.jsonl", "a.jsonl.zst"].iter().all(|name| is_text(name)));
        assert!(!["a.md", "a.gz", "a.tar.gz", "a.json", "a.tsv"].iter().any(|name| is_text(name)));
    }
}
