//! Text to tree and back: a lossless tree with recovery, the typed view the checker reads, the formatter.
//!
//! The way of a text: [`lexeme`] knows brackets, strings, comments and lines, no more; `cut` divides the text
//! into items with it, and says which brackets are not closed; `grammar` (grammar/phyla.pest) parses each item by
//! itself; [`tree`] holds all of it, every byte once; `build` reads the typed [`ast`] off the tree; `format`
//! prints the tree in the one canonical layout.
//!
//! What holds: an item that cannot be parsed hides no other. The tree printed is the text, byte for byte, however
//! broken. Nothing here recurses deeper than [`MAX_NESTING`] brackets or [`MAX_HEIGHT`] expressions.
//! This module must not know files, or what any name means.

pub mod ast;
mod build;
mod cut;
mod format;
mod grammar;
pub mod lexeme;
mod mistake;
pub mod tree;

#[cfg(test)]
mod tests;

use crate::diagnostic::{Code, Diagnostic, FileId, Result, Span};
use std::collections::BTreeMap;
use tree::Tree;

pub use format::format;

/// The largest source that is read, in bytes.
pub const MAX_BYTES: usize = 8 << 20;
/// How many brackets may be open at once.
pub const MAX_NESTING: usize = 256;
/// How many expressions may stand one inside the other, operators included.
pub const MAX_HEIGHT: usize = 1000;

/// The kinds of declarations.
pub const KINDS: &[&str] = &[
    "primitive",
    "op",
    "ops",
    "graph",
    "space",
    "architecture",
    "model",
    "corpus",
    "mutation",
    "search",
    "evaluate",
    "train",
    "task",
    "suite",
    "experiment",
    "test",
];

/// The units a number may have.
pub const UNITS: &[&str] = &["%", "steps", "epochs", "generations", "ms", "s", "min", "h", "K", "M", "G", "KiB", "MiB", "GiB"];

/// A source that has been read as far as it could be.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// What the checker reads: the items that could be parsed.
    pub file: ast::File,
    /// All of the text, broken items included.
    pub tree: Tree,
    /// What is wrong, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

/// The items of a source that could be parsed, by their text: what [`parse_again`] need not parse.
#[derive(Clone, Debug, Default)]
pub struct Known {
    items: BTreeMap<String, tree::Node>,
}

/// Reads a source; what is wrong with it stands in the diagnostics, and hides nothing else.
pub fn parse(file: FileId, text: &str) -> Parsed {
    parse_again(file, text, &mut Known::default())
}

/// Reads a source that was read before in another state: only items whose text is not known are parsed, and those of this
/// state are known afterwards.
pub fn parse_again(file: FileId, text: &str, known: &mut Known) -> Parsed {
    if let Some(refusal) = too_large(file, text) {
        return Parsed { diagnostics: vec![refusal], ..Parsed::default() };
    }
    let mut diagnostics = Vec::new();
    let pieces = cut::cut(file, text, &mut diagnostics);
    let tree = tree::build(file, text, &pieces, known, &mut diagnostics);
    let ast = build::file(file, text, &tree, &mut diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span.start));
    Parsed { file: ast, tree, diagnostics }
}

/// Reads one expression, as the value of `--set path=value` is; the first thing wrong with it is the error.
pub fn parse_expression(file: FileId, text: &str) -> Result<ast::Expr> {
    let mut diagnostics: Vec<Diagnostic> = too_large(file, text).into_iter().collect();
    if diagnostics.is_empty() {
        cut::check_brackets(file, text, &mut diagnostics);
    }
    let mut parsed = None;
    if diagnostics.is_empty() {
        match tree::expression(file, text) {
            Ok(node) => parsed = Some(build::expression(file, text, &node, &mut diagnostics)),
            Err(mistake) => diagnostics.push(mistake),
        }
    }
    match (diagnostics.into_iter().next(), parsed) {
        (None, Some(expression)) => Ok(expression),
        (Some(mistake), _) => mistake.into(),
        (None, None) => Diagnostic::error(Code::INTERNAL, "an expression vanished while it was read").into(),
    }
}

/// The refusal of a source that is too large, if it is.
fn too_large(file: FileId, text: &str) -> Option<Diagnostic> {
    (text.len() > MAX_BYTES).then(|| {
        Diagnostic::error(Code::TOO_LARGE, format!("this source has {} MiB; at most 8 are read", text.len() >> 20))
            .at(Span::new(file, 0, 0), "")
            .help("split it into files that `use` one another")
    })
}
