//! What stands in brackets or in a file, one thing after the other: entries and comments.

use crate::syntax::tree::{Kind, Node};

/// An entry or a comment.
pub(super) struct Unit<'n> {
    pub node: &'n Node,
    /// Whether it begins a line.
    pub own_line: bool,
    /// Whether a blank line stands before it.
    pub blank_before: bool,
}

impl Unit<'_> {
    pub(super) fn is_comment(&self) -> bool {
        self.node.kind == Kind::Comment
    }
}

/// The entries and comments directly in a node, without brackets and separators.
pub(super) fn units(node: &Node) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    // A file begins with a line, brackets need not.
    let mut lines = usize::from(node.kind == Kind::File);
    for child in &node.children {
        match child.kind {
            Kind::Newline => lines += 1,
            Kind::Open | Kind::Close | Kind::Mark | Kind::Blank => {}
            _ => {
                units.push(Unit { node: child, own_line: lines > 0, blank_before: lines > 1 && !units.is_empty() });
                lines = 0;
            }
        }
    }
    units
}

/// The entries of brackets.
pub(super) fn entries(node: &Node) -> impl Iterator<Item = &Node> {
    node.parts().filter(|part| !matches!(part.kind, Kind::Open | Kind::Close | Kind::Mark))
}

/// Whether brackets hold neither entries nor comments.
pub(super) fn is_empty(node: &Node) -> bool {
    node.children.iter().all(|child| matches!(child.kind, Kind::Open | Kind::Close | Kind::Blank | Kind::Newline))
}
