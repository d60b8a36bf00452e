//! Reads the typed [`ast`](super::ast) off the tree, and says what the grammar leaves open: what a block may hold,
//! how operators group, which parts a declaration of its kind has.

mod block;
mod expression;
mod item;
mod literal;

use super::ast;
use super::tree::{Kind, Node, Tree};
use crate::diagnostic::{Code, Diagnostic, FileId, Span};

/// The typed view of a file. Broken items are left out, but for the names they seem to declare.
pub(super) fn file(file: FileId, text: &str, tree: &Tree, diagnostics: &mut Vec<Diagnostic>) -> ast::File {
    let mut builder = Builder::new(file, text, diagnostics);
    let mut read = ast::File::default();
    let mut doc = Vec::new();
    for node in &tree.root.children {
        // One complaint about depth for each item is enough.
        builder.too_deep = false;
        match node.kind {
            Kind::Comment => match documentation(node.text(text)) {
                Some((true, line)) => read.doc.push(line),
                Some((false, line)) => doc.push(line),
                None => {}
            },
            Kind::Blank | Kind::Newline => {}
            Kind::Import => {
                doc.clear();
                read.uses.extend(builder.import(node));
            }
            Kind::Declaration => read.items.extend(builder.declaration(node, std::mem::take(&mut doc))),
            _ => {
                doc.clear();
                builder.broken(node, &mut read.broken);
            }
        }
    }
    read
}

/// The typed view of an expression that was parsed by itself.
pub(super) fn expression(file: FileId, text: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> ast::Expr {
    Builder::new(file, text, diagnostics).expression(node)
}

/// A line of documentation without its marks, and whether it is of the file.
fn documentation(comment: &str) -> Option<(bool, String)> {
    let (of_file, line) = match (comment.strip_prefix("//!"), comment.strip_prefix("///")) {
        (Some(line), _) => (true, line),
        // Four slashes and more are a ruler.
        (_, Some(line)) if !line.starts_with('/') => (false, line),
        _ => return None,
    };
    Some((of_file, line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()))
}

struct Builder<'t, 'd> {
    file: FileId,
    text: &'t str,
    diagnostics: &'d mut Vec<Diagnostic>,
    /// The height of the tallest expression finished since this was last set to 0.
    tallest: usize,
    /// Whether the item in hand has been found too deep.
    too_deep: bool,
}

impl<'t, 'd> Builder<'t, 'd> {
    fn new(file: FileId, text: &'t str, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        Self { file, text, diagnostics, tallest: 0, too_deep: false }
    }

    fn span(&self, node: &Node) -> Span {
        Span { file: self.file, start: node.start, end: node.end }
    }

    fn name(&self, node: &Node) -> ast::Name {
        ast::Name { text: node.text(self.text).to_owned(), span: self.span(node) }
    }

    /// The names of a dotted path.
    fn path(&self, node: &Node) -> Vec<ast::Name> {
        node.parts().filter(|part| part.kind == Kind::Name).map(|part| self.name(part)).collect()
    }

    fn mistake(&mut self, span: Span, message: impl Into<String>, label: &str) {
        self.diagnostics.push(Diagnostic::error(Code::SYNTAX, message).at(span, label));
    }
}
