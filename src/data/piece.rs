//! The text of a corpus piece by piece, so that none of its files is ever held whole: paragraphs and the ends of documents.

use super::rows;
use super::vocabulary::Vocabulary;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::Layout;
use std::sync::Arc;

/// How text in another encoding is mended.
pub const CONVERT: &str = "convert it, as with `iconv -f LATIN1 -t UTF-8`";

/// Whole lines of a file.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The file.
    pub file: Arc<str>,
    /// How it is laid out.
    pub layout: Layout,
    /// The number of the first line, from 1.
    pub line: usize,
    /// The lines.
    pub bytes: Vec<u8>,
    /// Whether the file ends here.
    pub last: bool,
}

/// Tokens of a piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Those of all paragraphs.
    pub(super) tokens: Vec<u32>,
    /// Where each paragraph ends in them; `None` where a document ends.
    pub(super) ends: Vec<Option<usize>>,
}

impl Piece {
    /// A whole text.
    pub fn of(text: &str) -> Self {
        Self { file: "".into(), layout: Layout::Text, line: 1, bytes: text.as_bytes().to_vec(), last: true }
    }

    /// Shows each line with text in it, and `None` where a document ends.
    ///
    /// # Errors
    /// Where the piece is not UTF-8 text, or not JSON Lines with text under the key; the message names file, line and column.
    pub fn paragraphs(&self, see: &mut dyn FnMut(Option<&str>)) -> Result<()> {
        let text = std::str::from_utf8(&self.bytes).map_err(|_| {
            let (line, character) = not_text(&self.bytes);
            let line = self.line - 1 + line;
            let message = format!("`{}` cannot be read: it is not UTF-8 text (line {line}, character {character})", self.file);
            Diagnostic::error(Code::DATA_TEXT, message).help(CONVERT)
        })?;
        let mut document = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| see(Some(line)));
        match &self.layout {
            Layout::Text => {
                document(text);
                if self.last {
                    see(None);
                }
            }
            Layout::Json(key) => {
                let text = if self.line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
                for (line, number) in text.lines().zip(self.line..).filter(|(line, _)| !line.trim().is_empty()) {
                    let text = rows::text_under(&self.file, number, line, key)?;
                    text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| see(Some(line)));
                    see(None);
                }
            }
        }
        Ok(())
    }

    /// The number of lines with text in them, and their bytes.
    ///
    /// # Errors
    /// As for [`Piece::paragraphs`].
    pub fn lines(&self) -> Result<(usize, u64)> {
        let (mut lines, mut bytes) = (0, 0);
        self.paragraphs(&mut |paragraph| {
            lines += usize::from(paragraph.is_some());
            bytes += paragraph.map_or(0, str::len) as u64;
        })?;
        Ok((lines, bytes))
    }

    /// Its tokens.
    ///
    /// # Errors
    /// As for [`Piece::paragraphs`].
    pub fn encode(&self, vocabulary: &Vocabulary) -> Result<Encoded> {
        let Encoded { mut tokens, mut ends } = Encoded::default();
        vocabulary.with_cache(|cache| {
            self.paragraphs(&mut |paragraph| {
                ends.push(paragraph.map(|paragraph| {
                    vocabulary.encode_into(paragraph, cache, &mut tokens);
                    tokens.len()
                }));
            })
        })?;
        Ok(Encoded { tokens, ends })
    }
}

/// The line and the character, both from 1, at which bytes stop being UTF-8 text.
pub fn not_text(bytes: &[u8]) -> (usize, usize) {
    let end = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let good = bytes.get(..end).unwrap_or_default();
    let last = good.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    (good.iter().filter(|byte| **byte == b'\n').count() + 1, String::from_utf8_lossy(last).chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::{Layout, Piece};

    fn paragraphs(layout: Layout, line: usize, text: &[u8]) -> Result<Vec<Option<String>>, String> {
        let piece = Piece { file: "a".into(), layout, line, bytes: text.to_vec(), last: true };
        let mut seen = Vec::new();
        piece.paragraphs(&mut |paragraph| seen.push(paragraph.map(str::to_owned))).map_err(|error| error.message)?;
        Ok(seen)
    }

    #[test]
    fn each_line_of_json_is_a_document() {
        let text = "{\"text\": \"one\\n\\ntwo\", \"id\": 1}\n\n{\"text\": \"three\"}\n";
        let found = paragraphs(Layout::of("a.JSONL.gz", "text"), 1, text.as_bytes()).unwrap();
        assert_eq!(found, [Some("one"), Some("two"), None, Some("three"), None].map(|one| one.map(str::to_owned)));
        let found = paragraphs(Layout::of("a.txt", "text"), 1, b"one\n\ntwo").unwrap();
        assert_eq!(found, [Some("one"), Some("two"), None].map(|one| one.map(str::to_owned)));
    }

    #[test]
    fn mistakes_are_at_their_line_of_the_file() {
        let json = || Layout::Json("text".into());
        for (layout, text, expected) in [
            (json(), &b"{\"text\": \"one\"}\n{\"text\": 1}"[..], "line 8"),
            (json(), b"{\"text\": \"one\"}\n{\"body\": \"two\"}", "line 8"),
            (json(), b"{\"text\": \"one\"}\n{\"text\": \"tw", "line 8"),
            (Layout::Text, b"one\nno\xfft", "line 8, character 3"),
        ] {
            let told = paragraphs(layout, 7, text).expect_err("a mistake");
            assert!(told.contains(expected), "{told}");
        }
    }
}
