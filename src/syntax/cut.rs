//! Cuts a text into items, and finds the brackets and strings that are not closed.

use super::lexeme::{Lexeme, LexemeKind, lexemes};
use super::{KINDS, MAX_NESTING};
use crate::diagnostic::{Code, Diagnostic, FileId, Span};

/// A stretch of text that should be one item, from its first to its last token; what lies between pieces is trivia.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub start: usize,
    pub end: usize,
    /// Whether its brackets and strings are in order; otherwise a diagnostic has been given.
    pub sound: bool,
}

/// The pieces of a text in order.
pub(super) fn cut(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Piece> {
    let mut cutter = Cutter { file, text, diagnostics, pieces: Vec::new(), open: Vec::new(), suspect: None, last: None };
    let mut line = Line { start: 0, fresh: true, indent: 0 };
    for lexeme in lexemes(text, 0) {
        match lexeme.kind {
            LexemeKind::Newline => line = Line { start: lexeme.end(), fresh: true, indent: 0 },
            kind if kind.is_trivia() => {}
            _ => {
                if line.fresh {
                    line.indent = lexeme.start - line.start;
                }
                cutter.token(lexeme, line);
                line.fresh = false;
            }
        }
    }
    cutter.unclosed();
    cutter.pieces
}

/// Reports what [`cut`] reports, where the text is one expression.
pub(super) fn check_brackets(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) {
    cut(file, text, diagnostics);
}

/// The line the cutter stands in.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    /// Whether no token of it has been seen.
    fresh: bool,
    indent: usize,
}

/// A bracket that is open, and how far its line is indented.
#[derive(Clone, Copy)]
struct Open {
    mark: char,
    at: usize,
    indent: usize,
}

struct Cutter<'t, 'd> {
    file: FileId,
    text: &'t str,
    diagnostics: &'d mut Vec<Diagnostic>,
    pieces: Vec<Piece>,
    open: Vec<Open>,
    /// An opener whose closer stood further to the left than it should: if one is missing, it is this one's.
    suspect: Option<Open>,
    last: Option<LexemeKind>,
}

impl Cutter<'_, '_> {
    fn token(&mut self, lexeme: Lexeme<'_>, line: Line) {
        if line.fresh && self.starts_item(lexeme, line) {
            self.unclosed();
            self.suspect = None;
            self.pieces.push(Piece { start: lexeme.start, end: lexeme.end(), sound: true });
        }
        match lexeme.kind {
            LexemeKind::Mark(mark @ ('(' | '[' | '{')) => self.opens(mark, lexeme, line),
            LexemeKind::Mark(mark @ (')' | ']' | '}')) => self.closes(mark, lexeme, line),
            LexemeKind::Text { closed: false } => {
                let message = Diagnostic::error(Code::UNCLOSED, "this string is not closed")
                    .at(self.span(lexeme), "the string begins here")
                    .help("a string ends with `\"` on the line it begins on; a newline in it is written `\\n`");
                self.fault(message);
            }
            _ => {}
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.end = lexeme.end();
        }
        self.last = Some(lexeme.kind);
    }

    /// Whether the first token of a line begins an item.
    fn starts_item(&self, lexeme: Lexeme<'_>, line: Line) -> bool {
        let rest = self.text.get(lexeme.start..).unwrap_or("");
        if self.pieces.is_empty() || line.indent == 0 && surely_item(rest) {
            return true;
        }
        if !self.open.is_empty() || rest.starts_with("|>") {
            return false;
        }
        match lexeme.kind {
            LexemeKind::Word => !matches!(self.last, Some(LexemeKind::Mark('=' | '+' | '-' | '*' | '@' | '<' | '>'))),
            LexemeKind::Mark(')' | ']' | '}') => true,
            _ => self.last == Some(LexemeKind::Mark('}')),
        }
    }

    fn opens(&mut self, mark: char, lexeme: Lexeme<'_>, line: Line) {
        self.open.push(Open { mark, at: lexeme.start, indent: line.indent });
        if self.open.len() == MAX_NESTING + 1 {
            let message = Diagnostic::error(Code::NESTING, format!("brackets are nested more than {MAX_NESTING} deep"))
                .at(self.span(lexeme), "this one is too deep");
            self.fault(message);
        }
    }

    fn closes(&mut self, mark: char, lexeme: Lexeme<'_>, line: Line) {
        let opener = match mark {
            ')' => '(',
            ']' => '[',
            _ => '{',
        };
        let Some(depth) = self.open.iter().rposition(|open| open.mark == opener) else {
            let message = Diagnostic::error(Code::CLOSES_NOTHING, format!("this `{mark}` closes nothing"))
                .at(self.span(lexeme), "one too many")
                .help(format!("remove it, or write the `{opener}` that it closes"));
            return self.fault(message);
        };
        if let Some(inner) = self.open.get(depth + 1).copied() {
            let message = unclosed(self.file, inner).at(self.span(lexeme), format!("this `{mark}` comes first"));
            self.fault(message);
        }
        if let Some(open) = self.open.get(depth).copied()
            && line.fresh
            && line.indent < open.indent
        {
            self.suspect.get_or_insert(open);
        }
        self.open.truncate(depth);
    }

    /// What is open now will not be closed any more.
    fn unclosed(&mut self) {
        if let Some(open) = self.open.last().copied() {
            self.fault(unclosed(self.file, self.suspect.unwrap_or(open)));
        }
        self.open.clear();
    }

    /// Reports what is wrong with the piece in hand, unless something is already: the second is often a consequence.
    fn fault(&mut self, message: Diagnostic) {
        if let Some(piece) = self.pieces.last_mut() {
            if piece.sound {
                self.diagnostics.push(message);
            }
            piece.sound = false;
        }
    }

    fn span(&self, lexeme: Lexeme<'_>) -> Span {
        Span::new(self.file, lexeme.start, lexeme.end())
    }
}

fn unclosed(file: FileId, open: Open) -> Diagnostic {
    let closer = match open.mark {
        '(' => ')',
        '[' => ']',
        _ => '}',
    };
    Diagnostic::error(Code::UNCLOSED, format!("this `{}` is not closed", open.mark))
        .at(Span::new(file, open.at, open.at + 1), "it is opened here")
        .help(format!("add the `{closer}` that belongs to it"))
}

/// Whether a line can be nothing but the first one of an item, whatever is open: `kind name {`, `kind name =`,
/// `kind name(`, `test "…"`, `use std.`, `use "…"`. No field or value looks like this.
fn surely_item(line: &str) -> bool {
    let mut tokens = lexemes(line, 0).filter(|lexeme| lexeme.kind != LexemeKind::Blank);
    let (Some(first), Some(second)) = (tokens.next(), tokens.next()) else { return false };
    let third = tokens.next().map(|lexeme| lexeme.kind);
    match (first.text, second.kind) {
        ("use" | "test", LexemeKind::Text { .. }) => true,
        ("use", LexemeKind::Word) => third == Some(LexemeKind::Mark('.')),
        (kind, LexemeKind::Word) => KINDS.contains(&kind) && matches!(third, Some(LexemeKind::Mark('{' | '=' | '('))),
        _ => false,
    }
}
