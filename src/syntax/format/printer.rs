//! Prints a node at a place, over as many lines as it takes.

use super::flat::{Broken, after_operator, brackets, flat, has_broken_pipe, is_open, lead};
use super::spacing::space;
use super::units::{entries, is_empty, units};
use super::{STEP, WIDTH};
use crate::syntax::tree::{Kind, Node};

/// What has been printed, and the place where it ends.
pub(super) struct Printer<'t> {
    text: &'t str,
    broken: &'t Broken,
    pub(super) out: String,
    column: usize,
    /// How far the line in hand is indented.
    indent: usize,
}

impl<'t> Printer<'t> {
    pub(super) fn new(text: &'t str, broken: &'t Broken) -> Self {
        Self { text, broken, out: String::new(), column: 0, indent: 0 }
    }

    fn token(&mut self, token: &str) {
        self.out.push_str(token);
        self.column += token.chars().count();
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', self.indent));
        self.column = self.indent;
    }

    /// Prints a node; `tail` columns of text follow it on its last line.
    pub(super) fn node(&mut self, node: &Node, tail: usize) {
        if node.children.is_empty() {
            return self.token(node.text(self.text));
        }
        let written_flat = !self.broken.has(node);
        let room = match node.kind {
            // What is around a shape is broken instead of it.
            Kind::Shape => Some(usize::MAX),
            _ if is_empty(node) => Some(WIDTH),
            _ => WIDTH.checked_sub(self.column + tail),
        };
        match room.filter(|_| written_flat).and_then(|room| flat(node, self.text, room)) {
            Some(line) => self.token(&line),
            None if node.kind.is_bracketed() => self.bracketed(node, tail, written_flat),
            None => self.row(node, tail, written_flat),
        }
    }

    /// Tokens and nodes in a row. `too_long`: they were written on one line, which they do not fit on.
    fn row(&mut self, node: &Node, tail: usize, too_long: bool) {
        let is_pipe = |node: &Node| node.kind == Kind::Operator && node.text(self.text) == "|>";
        let pipes = node.kind == Kind::Expression && (too_long || has_broken_pipe(node, self.text));
        // `fresh`: a line ended since the last token or comment; `broken`: the next token begins a line.
        let (outer, mut before, mut fresh, mut broken) = (self.indent, None, false, false);
        for (index, (child, after)) in node.children.iter().zip(after_operator(node, self.text)).enumerate() {
            match child.kind {
                Kind::Blank => continue,
                Kind::Newline => {
                    fresh = true;
                    broken |= after && node.kind == Kind::Expression;
                    continue;
                }
                Kind::Comment => {
                    if fresh {
                        self.indent = outer + STEP;
                        self.line();
                    } else {
                        self.token(" ");
                    }
                    self.token(child.text(self.text).trim_end());
                    (fresh, broken) = (false, true);
                    continue;
                }
                _ => {}
            }
            if broken || pipes && is_pipe(child) {
                self.indent = outer + STEP;
                self.line();
            } else if space(node.kind, before, child, self.text) {
                self.token(" ");
            }
            (before, fresh, broken) = (Some(child), false, false);
            if child.children.is_empty() {
                self.token(child.text(self.text));
                continue;
            }
            let rest = node.children.get(index + 1..).unwrap_or_default();
            let ends = if pipes { rest.iter().position(is_pipe) } else { None };
            let (width, stopped) = lead(node.kind, before, rest.iter().take(ends.unwrap_or(rest.len())), self.text);
            self.node(child, if stopped || ends.is_some() { width } else { width + tail });
        }
        self.indent = outer;
    }

    /// Brackets and what is in them, over several lines.
    fn bracketed(&mut self, node: &Node, tail: usize, too_long: bool) {
        let round = !matches!(node.kind, Kind::Block | Kind::List | Kind::Names);
        if round && !is_open(node) && (!too_long || holds_one(node)) {
            return self.inline(node, tail);
        }
        let (open, close) = brackets(node, self.text);
        let comma = round && node.kind != Kind::Group;
        self.token(open);
        self.indent += STEP;
        for unit in units(node) {
            if unit.is_comment() && !unit.own_line {
                self.token(" ");
            } else {
                if unit.blank_before {
                    self.out.push('\n');
                }
                self.line();
            }
            if unit.is_comment() {
                self.token(unit.node.text(self.text).trim_end());
            } else {
                self.node(unit.node, usize::from(comma));
                self.token(if comma { "," } else { "" });
            }
        }
        self.indent -= STEP;
        self.line();
        self.token(close);
    }

    /// Parentheses that hold on to what is in them, some of which takes several lines.
    fn inline(&mut self, node: &Node, tail: usize) {
        let (open, close) = brackets(node, self.text);
        self.token(open);
        let inside: Vec<&Node> = entries(node).collect();
        for (index, entry) in inside.iter().enumerate() {
            if index > 0 {
                self.token(", ");
            }
            let rest = inside.get(index + 1..).unwrap_or_default();
            let (mut width, mut stopped) = (0, false);
            for next in rest {
                let (more, stops) = lead(node.kind, None, std::iter::once(*next), self.text);
                width += 2 + more;
                stopped = stops;
                if stopped || width > WIDTH {
                    break;
                }
            }
            self.node(entry, if stopped { width } else { width + 1 + tail });
        }
        self.token(close);
    }
}

/// Whether parentheses hold one thing that ends with brackets, which are then broken in their place.
fn holds_one(node: &Node) -> bool {
    let mut inside = entries(node);
    let (Some(only), None) = (inside.next(), inside.next()) else { return false };
    let mut last = only;
    while !last.kind.is_bracketed() {
        match last.parts().last() {
            Some(part) if part.kind != Kind::Shape => last = part,
            _ => return false,
        }
    }
    !is_empty(last)
}
