//! The one canonical layout, printed from the lossless tree.
//!
//! What is in brackets stands on one line if it was written so and fits; otherwise one entry stands on each line.
//! Parentheses around a block that takes several lines hold on to it. A shape is not broken. Comments stay where they stand, of several blank
//! lines one is kept. A decision rests only on the tokens and on where a line was broken before, and what is broken
//! stays so: formatting twice is formatting once.

mod file;
mod flat;
mod printer;
mod spacing;
mod units;

use super::parse;
use crate::diagnostic::{FileId, Result, Severity};

/// How many columns a line should have at most.
const WIDTH: usize = 100;
/// How far what stands in brackets is indented.
const STEP: usize = 4;

/// The text in the canonical layout; the first mistake of a text that has any.
pub fn format(text: &str) -> Result<String> {
    let parsed = parse(FileId::default(), text);
    match parsed.diagnostics.into_iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
        Some(mistake) => mistake.into(),
        None => Ok(file::print(&parsed.tree.root, text)),
    }
}
