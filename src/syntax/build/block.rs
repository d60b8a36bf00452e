//! Blocks, read as what stands before them says: as fields, as a body, as statements.

use super::Builder;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::ast::{Block, Body, Expr, ExprKind, Field};
use crate::syntax::tree::{Kind, Node};

impl Builder<'_, '_> {
    /// `name = value` lines, and `require` lines where they may stand.
    pub(super) fn fields(&mut self, node: &Node, requires: bool) -> Block {
        let mut block = Block { span: self.span(node), ..Block::default() };
        for entry in node.parts() {
            match entry.kind {
                Kind::Field => block.fields.push(self.field(entry)),
                Kind::Require if requires => block.requires.extend(self.value(entry)),
                Kind::Require => self.mistake(self.span(entry), "only a `space` has `require` lines", "not here"),
                Kind::Expression => {
                    let message = Diagnostic::error(Code::UNNAMED_FIELD, "a field is written `name = value`")
                        .at(self.span(entry), "this has no name")
                        .help(self.named(entry, requires));
                    self.diagnostics.push(message);
                }
                _ => {}
            }
        }
        block
    }

    /// What an entry without a name may have meant.
    fn named(&self, entry: &Node, requires: bool) -> String {
        let text = entry.text(self.text).trim();
        let name = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        let after = text.get(name.len()..).unwrap_or_default().trim_start();
        match after.chars().next() {
            Some('(' | '<' | '>') if requires && matches!(name, "mixes" | "params" | "flops") => format!("`require {text}`"),
            Some('{') if !name.is_empty() => format!("`{name} = … {{ … }}`"),
            _ => "a list of values is written `[a, b]`".to_owned(),
        }
    }

    /// `name = value` lines and a result.
    pub(super) fn body(&mut self, node: &Node) -> Body {
        let mut body = Body { bindings: Vec::new(), result: None, span: self.span(node) };
        for entry in node.parts() {
            if let Some(result) = body.result.as_ref().filter(|_| matches!(entry.kind, Kind::Field | Kind::Expression)) {
                let message = Diagnostic::error(Code::AFTER_RESULT, "a body ends with its result")
                    .at(result.span, "a value without a name is the result")
                    .at(self.span(entry), "but this follows")
                    .help("give the value a name with `name = …`, or remove it");
                self.diagnostics.push(message);
            }
            match entry.kind {
                Kind::Field => {
                    let field = self.field(entry);
                    let mut names = field.path.into_iter();
                    match (names.next(), names.next()) {
                        (Some(name), None) => body.bindings.push((name, field.value)),
                        _ => self.mistake(field.span, "a name bound in a body has no dots", "a dotted path"),
                    }
                }
                Kind::Expression => body.result = Some(Box::new(self.expression(entry))),
                Kind::Require => self.mistake(self.span(entry), "only a `space` has `require` lines", "not here"),
                _ => {}
            }
        }
        body
    }

    /// The statements of a test.
    pub(super) fn statements(&mut self, node: &Node) -> Vec<Expr> {
        let mut statements = Vec::new();
        for entry in node.parts() {
            match entry.kind {
                Kind::Expression => statements.push(self.expression(entry)),
                Kind::Field => {
                    let message = Diagnostic::error(Code::STATEMENT, "a test holds statements, not fields")
                        .at(self.span(entry), "this gives a field its value")
                        .help("equality is written `==`");
                    self.diagnostics.push(message);
                }
                Kind::Require => self.mistake(self.span(entry), "only a `space` has `require` lines", "not here"),
                _ => {}
            }
        }
        statements
    }

    fn field(&mut self, node: &Node) -> Field {
        let path = node.parts().find(|part| part.kind == Kind::Path).map_or_else(Vec::new, |path| self.path(path));
        let value = self.value(node).unwrap_or(Expr { kind: ExprKind::Error, span: self.span(node) });
        Field { path, value, span: self.span(node) }
    }

    /// The one expression in a node.
    pub(super) fn value(&mut self, node: &Node) -> Option<Expr> {
        node.parts().find(|part| part.kind == Kind::Expression).map(|part| self.expression(part))
    }
}
