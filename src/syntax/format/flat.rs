//! A node on one line, where it was written so.

use super::spacing::{padding, space};
use super::units::{entries, is_empty};
use super::{STEP, WIDTH};
use crate::syntax::tree::{Kind, Node};

/// The node on one line; nothing where it holds a comment or was written on several.
pub(super) fn flat(node: &Node, text: &str) -> Option<String> {
    let mut line = String::new();
    push(node, text, &mut line)?;
    Some(line)
}

fn push(node: &Node, text: &str, line: &mut String) -> Option<()> {
    if node.children.is_empty() {
        line.push_str(node.text(text));
        return Some(());
    }
    if is_broken(node, text) {
        return None;
    }
    if node.kind.is_bracketed() {
        let inside = padding(node.kind);
        let (open, close) = brackets(node, text);
        line.push_str(open);
        for (index, entry) in entries(node).enumerate() {
            line.push_str(if index == 0 { inside } else { ", " });
            push(entry, text, line)?;
        }
        line.push_str(inside);
        line.push_str(close);
        return Some(());
    }
    let mut before = None;
    for part in node.parts() {
        if space(node.kind, before, part, text) {
            line.push(' ');
        }
        push(part, text, line)?;
        before = Some(part);
    }
    Some(())
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
