//! Nodes on one line: which were written so, and what they look like.

use super::spacing::{padding, space};
use super::units::{entries, is_empty};
use super::{STEP, WIDTH};
use crate::syntax::tree::{Kind, Node};
use std::collections::BTreeSet;

/// The ranges of the nodes that hold a comment or were written on several lines. Two nodes of the same range are
/// broken alike: what breaks the inner one stands in the outer one too, and between them there is nothing.
pub(super) struct Broken(BTreeSet<(u32, u32)>);

impl Broken {
    pub(super) fn find(root: &Node, text: &str) -> Self {
        let mut broken = Self(BTreeSet::new());
        broken.visit(root, text);
        broken
    }

    fn visit(&mut self, node: &Node, text: &str) -> bool {
        // Only a comment breaks a shape, however it was written.
        if node.kind == Kind::Shape && !node.leaves().any(|leaf| leaf.kind == Kind::Comment) {
            return false;
        }
        let mut is_broken = is_broken(node, text);
        for child in &node.children {
            is_broken |= self.visit(child, text);
        }
        if is_broken {
            self.0.insert((node.start, node.end));
        }
        is_broken
    }

    pub(super) fn has(&self, node: &Node) -> bool {
        self.0.contains(&(node.start, node.end))
    }
}

/// A node that is not broken on one line of at most `room` columns; nothing where it does not fit.
pub(super) fn flat(node: &Node, text: &str, room: usize) -> Option<String> {
    let mut line = Line { text: String::new(), room };
    line.node(node, text)?;
    Some(line.text)
}

/// A line in the making.
struct Line {
    text: String,
    room: usize,
}

impl Line {
    fn add(&mut self, token: &str) -> Option<()> {
        self.room = self.room.checked_sub(token.chars().count())?;
        self.text.push_str(token);
        Some(())
    }

    fn node(&mut self, node: &Node, text: &str) -> Option<()> {
        if node.children.is_empty() {
            return self.add(node.text(text));
        }
        if node.kind.is_bracketed() {
            let inside = padding(node.kind);
            let (open, close) = brackets(node, text);
            self.add(open)?;
            for (index, entry) in entries(node).enumerate() {
                self.add(if index == 0 { inside } else { ", " })?;
                self.node(entry, text)?;
            }
            self.add(inside)?;
            return self.add(close);
        }
        let mut before = None;
        for part in node.parts() {
            self.add(if space(node.kind, before, part, text) { " " } else { "" })?;
            self.node(part, text)?;
            before = Some(part);
        }
        Some(())
    }
}

/// The brackets of a node.
pub(super) fn brackets<'t>(node: &Node, text: &'t str) -> (&'t str, &'t str) {
    let mark = |node: Option<&Node>| node.map_or("", |node| node.text(text));
    (mark(node.children.first()), mark(node.children.last()))
}

/// Whether the node itself, whatever is in its children, has to take several lines.
fn is_broken(node: &Node, text: &str) -> bool {
    if node.children.iter().any(|child| child.kind == Kind::Comment) {
        return true;
    }
    match node.kind {
        Kind::Expression => {
            has_broken_pipe(node, text)
                || node.children.iter().zip(after_operator(node, text)).any(|(child, after)| after && child.kind == Kind::Newline)
        }
        kind if kind.is_bracketed() => !is_empty(node) && is_open(node),
        _ => false,
    }
}

/// Whether brackets were written with a line for each entry, or nearly.
pub(super) fn is_open(node: &Node) -> bool {
    node.children.iter().any(|child| matches!(child.kind, Kind::Newline | Kind::Comment))
}

/// For each child of an expression whether nothing but blanks lies between it and a binary operator before it, where a
/// break of the line is kept. Before `|>` is where a pipe is broken, not after it.
pub(super) fn after_operator(node: &Node, text: &str) -> impl Iterator<Item = bool> {
    let mut after = false;
    node.children.iter().map(move |child| {
        let here = after;
        if !child.kind.is_trivia() {
            after = child.kind == Kind::Operator && child.text(text) != "|>";
        }
        here
    })
}

/// Whether a line of the expression begins with `|>`.
pub(super) fn has_broken_pipe(node: &Node, text: &str) -> bool {
    let mut fresh = false;
    node.children.iter().any(|child| {
        let broken = fresh && child.kind == Kind::Operator && child.text(text) == "|>";
        fresh = child.kind == Kind::Newline || fresh && child.kind.is_trivia();
        broken
    })
}

/// How many columns the text of these nodes takes up to the first bracket that could be broken, that bracket included,
/// and whether there is one. It does not look at how anything was laid out, and not much further than a line.
pub(super) fn lead<'n>(parent: Kind, mut before: Option<&'n Node>, nodes: impl Iterator<Item = &'n Node>, text: &str) -> (usize, bool) {
    let mut width = 0;
    for node in nodes {
        if width > WIDTH + STEP {
            return (width, true);
        }
        if node.kind.is_trivia() {
            continue;
        }
        width += usize::from(space(parent, before, node, text));
        before = Some(node);
        if node.children.is_empty() {
            width += node.text(text).chars().count();
        } else if node.kind == Kind::Shape {
            let Some(shape) = flat(node, text, WIDTH + STEP) else { return (WIDTH + STEP, true) };
            width += shape.chars().count();
        } else if node.kind.is_bracketed() {
            if !is_empty(node) {
                return (width + 1, true);
            }
            width += 2 + padding(node.kind).len();
        } else {
            let (inner, stopped) = lead(node.kind, None, node.children.iter(), text);
            width += inner;
            if stopped {
                return (width, true);
            }
        }
    }
    (width, false)
}
