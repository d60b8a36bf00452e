//! Numbers and strings.

use super::Builder;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::ast::ExprKind;
use crate::syntax::tree::Node;

impl Builder<'_, '_> {
    /// A number and its unit.
    pub(super) fn number(&mut self, node: &Node) -> ExprKind {
        let written = node.text(self.text);
        let digits = written.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
        let unit = written.get(digits.len()..).filter(|unit| !unit.is_empty()).map(str::to_owned);
        match digits.trim_end().replace('_', "").parse::<f64>() {
            Ok(value) if value.is_finite() => ExprKind::Number { value, unit },
            _ => {
                let message = "this number is larger than any that can be represented";
                self.diagnostics
                    .push(Diagnostic::error(Code::NUMBER, message).at(self.span(node), "too large").help("numbers go up to 1.7e308"));
                ExprKind::Error
            }
        }
    }

    /// What a string says.
    pub(super) fn unescape(&mut self, node: &Node) -> String {
        let quoted = node.text(self.text);
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or("");
        let mut said = String::with_capacity(inner.len());
        let mut characters = inner.char_indices();
        while let Some((at, c)) = characters.next() {
            if c != '\\' {
                said.push(c);
                continue;
            }
            match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => said.push('\n'),
                Some('t') => said.push('\t'),
                Some(same @ ('"' | '\\')) => said.push(same),
                other => {
                    let escaped = other.map(String::from).unwrap_or_default();
                    let start = node.start as usize + 1 + at;
                    let message = Diagnostic::error(Code::ESCAPE, format!("there is no escape `\\{escaped}`"))
                        .at(Span::new(self.file, start, start + 1 + escaped.len()), "")
                        .help("the escapes are `\\\"`, `\\\\`, `\\n` and `\\t`");
                    self.diagnostics.push(message);
                }
            }
        }
        said
    }
}
