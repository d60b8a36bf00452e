//! What is said to the user when something is wrong: sources, spans, codes, labels and help.
//!
//! Every error of Phyla is a [`Diagnostic`]: data first, text second. One renderer turns it into the
//! drawing a terminal shows, into one line, or into JSON. This module knows nothing of the language.

mod code;
mod nearest;
mod pages;
mod render;
mod source;

pub use code::{CODES, Code};
pub use nearest::nearest;
pub use pages::{Page, page, pages};
pub use render::{render, render_all, to_json};
pub use source::{FileId, Sources, Span};

/// The result of everything that can go wrong in one way at a time.
pub type Result<T, E = Box<Diagnostic>> = std::result::Result<T, E>;

/// A count and its noun: `1 input`, `2 inputs`.
pub fn counted(count: impl std::fmt::Display, noun: &str) -> String {
    let count = count.to_string();
    let more = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{more}")
}

/// Whether a diagnostic stops the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The work cannot go on.
    Error,
    /// The work goes on; the reader should know.
    Warning,
}

/// A place in a source and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What stands there, in a few words; may be empty.
    pub text: String,
}

/// One mistake: its stable code, a concise first line, the places concerned and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the work.
    pub severity: Severity,
    /// The stable code, such as `E0203`.
    pub code: Code,
    /// One line in the user's terms.
    pub message: String,
    /// The places concerned, the main one first.
    pub labels: Vec<Label>,
    /// How to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), labels: Vec::new(), help: None }
    }

    /// A warning without a place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same diagnostic with one more labelled place.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// The same diagnostic with its mend.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl<T> From<Diagnostic> for Result<T> {
    fn from(diagnostic: Diagnostic) -> Self {
        Err(Box::new(diagnostic))
    }
}
