//! The tree as the checker reads it: typed, with spans, without trivia.

use crate::diagnostic::Span;

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A whole source.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Lines of `//!` documentation, without the marks.
    pub doc: Vec<String>,
    /// Its imports, in order.
    pub uses: Vec<Use>,
    /// Its declarations, in order.
    pub items: Vec<Item>,
    /// The names that broken items seem to declare or import: a diagnostic has been given, and that they are
    /// not known is no second mistake.
    pub broken: Vec<Name>,
}

/// `use std.a.b { x, y as z }` or `use "path.phyla" { x }`.
#[derive(Clone, Debug)]
pub struct Use {
    /// Where the names come from.
    pub source: UseSource,
    /// The names, each with the name it gets here.
    pub names: Vec<(Name, Option<Name>)>,
    /// The whole import.
    pub span: Span,
}

/// Where imported names come from.
#[derive(Clone, Debug)]
pub enum UseSource {
    /// A module of the standard library: `std.a.b`.
    Module(Vec<Name>),
    /// A file, relative to the one that says it.
    File {
        /// The path as written.
        path: String,
        /// Where it stands.
        span: Span,
    },
}

/// A declaration.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its kind: `graph`, `space`, `experiment`, …
    pub kind: Name,
    /// Its name; for a `test` the text of its title.
    pub name: Name,
    /// Lines of `///` documentation, without the marks.
    pub doc: Vec<String>,
    /// What it says.
    pub body: ItemBody,
    /// The whole declaration, without its documentation.
    pub span: Span,
}

/// What a declaration says.
#[derive(Clone, Debug)]
pub enum ItemBody {
    /// `graph`, `op`, `primitive`: parameters, result and what stands in the braces.
    Signature {
        /// The first parameter list where there are two: sizes and graphs.
        statics: Vec<Param>,
        /// The tensor parameters.
        inputs: Vec<Param>,
        /// The result, if it is stated.
        output: Option<Type>,
        /// The body of a `graph` or `op`; `None` for a `primitive`.
        body: Option<Body>,
        /// The fields of a `primitive`.
        fields: Vec<Field>,
    },
    /// `kind name { fields }`.
    Fields(Block),
    /// `kind name = expression`.
    Value(Expr),
    /// `test "title" { statements }`.
    Statements(Vec<Expr>),
}

/// A parameter: name, type, default.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type; a static parameter may leave it out.
    pub ty: Option<Type>,
    /// Its default.
    pub default: Option<Expr>,
}

/// The type of a parameter or result.
#[derive(Clone, Debug)]
pub enum Type {
    /// `[n, h]`, or `index[n]`.
    Shape {
        /// Whether `index` stands before it.
        index: bool,
        /// The sizes.
        sizes: Vec<Expr>,
        /// The whole type.
        span: Span,
    },
    /// `graph(q: [n, d], …) -> [n, d]`; the names may be left out.
    Graph {
        /// Inputs.
        inputs: Vec<(Option<Name>, Type)>,
        /// Result.
        output: Box<Type>,
        /// The whole type.
        span: Span,
    },
    /// A name such as `size`, `number` or `text`.
    Named(Name),
}

/// Fields between braces, with the `require` lines of a space.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// `name = value`.
    pub fields: Vec<Field>,
    /// `require expression`.
    pub requires: Vec<Expr>,
    /// From brace to brace.
    pub span: Span,
}

/// `name = value` or `dotted.path = value`.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name, or the dotted path.
    pub path: Vec<Name>,
    /// The value.
    pub value: Expr,
    /// The whole field.
    pub span: Span,
}

/// Bindings and a result: the body of a graph.
#[derive(Clone, Debug)]
pub struct Body {
    /// `name = value`, in order.
    pub bindings: Vec<(Name, Expr)>,
    /// The last expression; `None` in a body that has none, which is an error the checker reports.
    pub result: Option<Box<Expr>>,
    /// From brace to brace.
    pub span: Span,
}

/// An argument, by position or by name.
#[derive(Clone, Debug)]
pub struct Arg {
    /// Its name, if it has one.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
}

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `40_000`, `1e-4`, `15%`, `300 steps`.
    Number {
        /// Its value as written, the unit not applied.
        value: f64,
        /// Its unit, as written.
        unit: Option<String>,
    },
    /// `"text"`, unescaped.
    Text(String),
    /// `a` or `std.architectures.bert`.
    Path(Vec<Name>),
    /// `f(a, name = b)`.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// The arguments.
        args: Vec<Arg>,
    },
    /// `value.name` where `value` is no path: `f(x).first`.
    Member {
        /// What it is a member of.
        base: Box<Expr>,
        /// The member.
        name: Name,
    },
    /// `R { fields }`, or `{ fields }` with no base. `choose { name = value }` is this too.
    With {
        /// The record that is changed.
        base: Option<Box<Expr>>,
        /// The fields.
        block: Block,
    },
    /// `choose { a, b }` written with values instead of fields, and `[a, b]` (no base).
    List(Vec<Expr>),
    /// `graph(q, k) { … }`.
    Graph {
        /// The inputs it names.
        params: Vec<Name>,
        /// Its body.
        body: Body,
    },
    /// `repeat(layers) { … }`.
    Repeat {
        /// The count, and `tie = k`.
        args: Vec<Arg>,
        /// Its body.
        body: Body,
    },
    /// `-x`.
    Neg(Box<Expr>),
    /// `a + b` and its like.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left of it.
        left: Box<Expr>,
        /// Right of it.
        right: Box<Expr>,
    },
    /// `4..=10`.
    Range {
        /// The first.
        from: Box<Expr>,
        /// The last, included.
        to: Box<Expr>,
    },
    /// `value |> into`.
    Pipe {
        /// What goes in.
        value: Box<Expr>,
        /// A name or a call.
        into: Box<Expr>,
    },
    /// What could not be read; a diagnostic has been given.
    Error,
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `@`
    MatMul,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}
