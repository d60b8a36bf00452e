//! The least that has to be known of a text before it is parsed: brackets, strings, comments and lines.

/// What a lexeme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexemeKind {
    /// Spaces, tabs, carriage returns; a byte order mark.
    Blank,
    /// One newline.
    Newline,
    /// `// …` up to the end of its line.
    Comment,
    /// A string; whether it is closed before its line ends.
    Text {
        /// Whether the closing quote is there.
        closed: bool,
    },
    /// Letters, digits and `_`.
    Word,
    /// Any other character, by itself.
    Mark(char),
}

impl LexemeKind {
    /// Whether this says nothing to the grammar.
    pub fn is_trivia(self) -> bool {
        matches!(self, Self::Blank | Self::Newline | Self::Comment)
    }
}

/// A piece of text of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Lexeme<'t> {
    /// What it is.
    pub kind: LexemeKind,
    /// Its first byte in the text.
    pub start: usize,
    /// What it says.
    pub text: &'t str,
}

impl Lexeme<'_> {
    /// The byte after its last.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The lexemes of a text, which together are the text; the first one stands at byte `start`.
pub fn lexemes(text: &str, start: usize) -> impl Iterator<Item = Lexeme<'_>> {
    let mut rest = text;
    let mut start = start;
    std::iter::from_fn(move || {
        let (kind, length) = first(rest)?;
        let (text, after) = rest.split_at_checked(length)?;
        let lexeme = Lexeme { kind, start, text };
        rest = after;
        start += length;
        Some(lexeme)
    })
}

/// The kind of the first lexeme and its length in bytes.
fn first(text: &str) -> Option<(LexemeKind, usize)> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\u{feff}');
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let run = |of: &dyn Fn(char) -> bool| text.find(|c| !of(c)).unwrap_or(text.len());
    let found = match text.chars().next()? {
        '\n' => (LexemeKind::Newline, 1),
        c if blank(c) => (LexemeKind::Blank, run(&blank)),
        c if word(c) => (LexemeKind::Word, run(&word)),
        '/' if text.starts_with("//") => (LexemeKind::Comment, run(&|c| c != '\n')),
        '"' => string(text),
        c => (LexemeKind::Mark(c), c.len_utf8()),
    };
    Some(found)
}

/// A string ends with its quote, or unclosed with its line.
fn string(text: &str) -> (LexemeKind, usize) {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return (LexemeKind::Text { closed: false }, at),
            '"' if !escaped => return (LexemeKind::Text { closed: true }, at + 1),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    (LexemeKind::Text { closed: false }, text.len())
}
