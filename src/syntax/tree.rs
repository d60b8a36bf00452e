//! The lossless tree: every byte of the text in one leaf, in order.
//!
//! A node is a kind and a range of bytes; the text itself stays with its owner. The children of a node cover it
//! without gap or overlap, blanks, newlines and comments included, so the leaves in order are the text.

use super::Known;
use super::cut::Piece;
use super::grammar::{Grammar, Rule};
use super::lexeme::{LexemeKind, lexemes};
use super::mistake;
use crate::diagnostic::{Diagnostic, FileId};
use pest::Parser;
use pest::iterators::Pair;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// The whole text.
    #[default]
    File,
    /// What could not be parsed as an item.
    Error,
    /// `use … { … }`.
    Import,
    /// The braces of an import.
    Names,
    /// One name of an import.
    UseName,
    /// A dotted path: of an import or a field.
    Path,
    /// An item that is no import.
    Declaration,
    /// A list of parameters.
    Parameters,
    /// A parameter.
    Parameter,
    /// A shape.
    Shape,
    /// The type of a graph.
    GraphType,
    /// The inputs in the type of a graph.
    TypeInputs,
    /// An input in the type of a graph.
    TypeInput,
    /// `{ … }`.
    Block,
    /// `name = value` in a block.
    Field,
    /// `require …` in a block.
    Require,
    /// An expression: operands and operators in a row.
    Expression,
    /// `.name` after an operand.
    Member,
    /// `( … )` around an expression.
    Group,
    /// `[ … ]`.
    List,
    /// `( … )` after what is called.
    Arguments,
    /// One argument.
    Argument,
    /// Leaf: a name.
    Name,
    /// Leaf: the kind of a declaration, or one of `use`, `as`, `index`, `graph`, `require`.
    Keyword,
    /// Leaf: a number with its unit.
    Number,
    /// Leaf: a string.
    Text,
    /// Leaf: an operator between operands, `|>` included.
    Operator,
    /// Leaf: `-` before an operand.
    Minus,
    /// Leaf: a bracket that opens.
    Open,
    /// Leaf: a bracket that closes.
    Close,
    /// Leaf: `=`, `:`, `->`, `,`, `.`; anything at all in an error.
    Mark,
    /// Leaf: spaces, tabs, carriage returns.
    Blank,
    /// Leaf: a newline.
    Newline,
    /// Leaf: a comment, documentation included, without its newline.
    Comment,
}

impl Kind {
    /// Whether this says nothing to the checker.
    pub fn is_trivia(self) -> bool {
        matches!(self, Self::Blank | Self::Newline | Self::Comment)
    }

    /// Whether this is brackets with what is in them.
    pub fn is_bracketed(self) -> bool {
        matches!(self, Self::Names | Self::Parameters | Self::TypeInputs | Self::Block | Self::Group | Self::List | Self::Arguments)
    }
}

/// A node: kind, range of bytes, children. A leaf has no children.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
    /// What it consists of, in order and without gaps; nothing for a leaf.
    pub children: Vec<Node>,
}

impl Node {
    /// The text of the node within the source.
    pub fn text<'t>(&self, source: &'t str) -> &'t str {
        source.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    /// The same node where it begins at byte `start`.
    fn moved(&self, start: u32) -> Self {
        let children = self.children.iter().map(|child| child.moved(start + (child.start - self.start))).collect();
        Self { kind: self.kind, start, end: start + (self.end - self.start), children }
    }

    /// The children that are not blanks, newlines or comments.
    pub fn parts(&self) -> impl Iterator<Item = &Node> {
        self.children.iter().filter(|child| !child.kind.is_trivia())
    }

    /// The leaves in order; together they are the text of the node.
    pub fn leaves(&self) -> impl Iterator<Item = &Node> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            loop {
                let node = waiting.pop()?;
                if node.children.is_empty() {
                    return Some(node);
                }
                waiting.extend(node.children.iter().rev());
            }
        })
    }

    /// The deepest node that holds the byte, with those around it, outermost first.
    pub fn at(&self, byte: u32) -> Vec<&Node> {
        let mut path = vec![self];
        let mut node = self;
        while let Some(child) = node.children.iter().find(|child| child.start <= byte && byte < child.end) {
            path.push(child);
            node = child;
        }
        path
    }
}

/// The tree of a whole source.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The node of kind [`Kind::File`].
    pub root: Node,
}

impl Tree {
    /// The source again, put together from the leaves.
    pub fn print(&self, source: &str) -> String {
        self.root.leaves().map(|leaf| leaf.text(source)).collect()
    }
}

/// Parses every piece by itself and joins the trees.
///
/// Items that are `known` are taken from there, and those of this text are known afterwards.
pub(super) fn build(file: FileId, text: &str, pieces: &[Piece], known: &mut Known, diagnostics: &mut Vec<Diagnostic>) -> Tree {
    let mut children = Vec::new();
    let mut before = std::mem::take(&mut known.items);
    let mut at = 0;
    for piece in pieces {
        fill(text, at, piece.start, &mut children);
        let source = text.get(piece.start..piece.end).unwrap_or("");
        let last = if piece.sound { before.remove_entry(source).or_else(|| known.items.remove_entry(source)) } else { None };
        let parsed = match &last {
            Some((_, node)) => Some(Ok(node.moved(small(piece.start)))),
            None if piece.sound => Some(parse(Rule::whole_item, file, source, piece.start)),
            None => None,
        };
        children.push(match parsed {
            Some(Ok(node)) => {
                let (source, item) = last.unwrap_or_else(|| (source.to_owned(), node.moved(0)));
                known.items.insert(source, item);
                node
            }
            broken => {
                diagnostics.extend(broken.and_then(Result::err));
                let mut inner = Vec::new();
                fill(text, piece.start, piece.end, &mut inner);
                Node { kind: Kind::Error, start: small(piece.start), end: small(piece.end), children: inner }
            }
        });
        at = piece.end;
    }
    fill(text, at, text.len(), &mut children);
    Tree { root: Node { kind: Kind::File, start: 0, end: small(text.len()), children } }
}

/// Parses a text that is one expression.
pub(super) fn expression(file: FileId, text: &str) -> Result<Node, Diagnostic> {
    parse(Rule::whole_expression, file, text, 0)
}

/// Parses a stretch of a source that begins at byte `start`.
fn parse(rule: Rule, file: FileId, text: &str, start: usize) -> Result<Node, Diagnostic> {
    let translate = |error| mistake::translate(file, text, start, &error);
    let whole = Grammar::parse(rule, text).map_err(translate)?.next();
    match whole.and_then(|whole| whole.into_inner().next()) {
        Some(pair) => Ok(node(pair, text, start)),
        None => Err(mistake::nothing(file, start)),
    }
}

/// The node of a pair. Pairs cover the tokens; what lies between them is filled in.
fn node(pair: Pair<'_, Rule>, text: &str, start: usize) -> Node {
    let (kind, leaf) = kind(pair.as_rule());
    let span = pair.as_span();
    let mut children = Vec::new();
    if !leaf {
        let mut at = span.start();
        for inner in pair.into_inner() {
            let (from, to) = (inner.as_span().start(), inner.as_span().end());
            fill_from(text, at, from, start, &mut children);
            children.push(node(inner, text, start));
            at = to;
        }
        fill_from(text, at, span.end(), start, &mut children);
        // Most nodes have one child or two, and there may be millions.
        children.shrink_to_fit();
    }
    Node { kind, start: small(start + span.start()), end: small(start + span.end()), children }
}

fn fill(text: &str, from: usize, to: usize, children: &mut Vec<Node>) {
    fill_from(text, from, to, 0, children);
}

/// Adds the leaves of `text[from..to]`, which stands at byte `offset + from` of the source.
fn fill_from(text: &str, from: usize, to: usize, offset: usize, children: &mut Vec<Node>) {
    let between = text.get(from..to).unwrap_or("");
    children.extend(lexemes(between, offset + from).map(|lexeme| {
        let kind = match lexeme.kind {
            LexemeKind::Blank => Kind::Blank,
            LexemeKind::Newline => Kind::Newline,
            LexemeKind::Comment => Kind::Comment,
            LexemeKind::Text { .. } => Kind::Text,
            LexemeKind::Word => Kind::Name,
            LexemeKind::Mark('(' | '[' | '{') => Kind::Open,
            LexemeKind::Mark(')' | ']' | '}') => Kind::Close,
            LexemeKind::Mark(_) => Kind::Mark,
        };
        Node { kind, start: small(lexeme.start), end: small(lexeme.end()), children: Vec::new() }
    }));
}

/// Sources are at most [`super::MAX_BYTES`] long.
fn small(byte: usize) -> u32 {
    u32::try_from(byte).unwrap_or(u32::MAX)
}

/// What the tree calls a rule, and whether it is a leaf.
fn kind(rule: Rule) -> (Kind, bool) {
    match rule {
        Rule::import => (Kind::Import, false),
        Rule::names => (Kind::Names, false),
        Rule::use_name => (Kind::UseName, false),
        Rule::path => (Kind::Path, false),
        Rule::declaration => (Kind::Declaration, false),
        Rule::parameters => (Kind::Parameters, false),
        Rule::parameter => (Kind::Parameter, false),
        Rule::shape => (Kind::Shape, false),
        Rule::graph_type => (Kind::GraphType, false),
        Rule::type_inputs => (Kind::TypeInputs, false),
        Rule::type_input => (Kind::TypeInput, false),
        Rule::block => (Kind::Block, false),
        Rule::field => (Kind::Field, false),
        Rule::require => (Kind::Require, false),
        Rule::expression => (Kind::Expression, false),
        Rule::member => (Kind::Member, false),
        Rule::group => (Kind::Group, false),
        Rule::list => (Kind::List, false),
        Rule::arguments => (Kind::Arguments, false),
        Rule::argument => (Kind::Argument, false),
        Rule::name => (Kind::Name, true),
        Rule::kind | Rule::use_word | Rule::as_word | Rule::index_word | Rule::graph_word | Rule::require_word => (Kind::Keyword, true),
        Rule::number => (Kind::Number, true),
        Rule::text => (Kind::Text, true),
        Rule::operator | Rule::pipe => (Kind::Operator, true),
        Rule::minus => (Kind::Minus, true),
        Rule::open_brace | Rule::open_bracket | Rule::open_paren => (Kind::Open, true),
        Rule::close_brace | Rule::close_bracket | Rule::close_paren => (Kind::Close, true),
        Rule::newline => (Kind::Newline, true),
        // What is left are marks, and rules that never stand within an item.
        _ => (Kind::Mark, true),
    }
}
