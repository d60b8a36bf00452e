//! Expressions: operands with what follows them, and operators grouped by precedence.

use super::Builder;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::MAX_HEIGHT;
use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Name};
use crate::syntax::tree::{Kind, Node};
use std::iter::Peekable;

/// An expression and how many expressions stand one inside the other in it.
struct Tall {
    expr: Expr,
    height: usize,
}

/// What an operator makes of its two sides.
#[derive(Clone, Copy)]
enum Operator {
    Binary(BinaryOp),
    Range,
    Pipe,
}

impl Operator {
    fn read(text: &str) -> Self {
        match text {
            "..=" => Self::Range,
            "|>" => Self::Pipe,
            "+" => Self::Binary(BinaryOp::Add),
            "-" => Self::Binary(BinaryOp::Sub),
            "*" => Self::Binary(BinaryOp::Mul),
            "@" => Self::Binary(BinaryOp::MatMul),
            "<=" => Self::Binary(BinaryOp::AtMost),
            ">=" => Self::Binary(BinaryOp::AtLeast),
            "<" => Self::Binary(BinaryOp::Less),
            ">" => Self::Binary(BinaryOp::Greater),
            "==" => Self::Binary(BinaryOp::Equal),
            _ => Self::Binary(BinaryOp::Unequal),
        }
    }

    /// How tightly it binds, and whether several of its level group to the left.
    fn level(self) -> (u8, bool) {
        match self {
            Self::Binary(BinaryOp::Mul | BinaryOp::MatMul) => (4, true),
            Self::Binary(BinaryOp::Add | BinaryOp::Sub) => (3, true),
            Self::Range => (2, false),
            Self::Pipe => (1, true),
            Self::Binary(_) => (0, false),
        }
    }
}

impl Builder<'_, '_> {
    /// The expression of a node of kind [`Kind::Expression`].
    pub(super) fn expression(&mut self, node: &Node) -> Expr {
        let mut parts = node.parts().peekable();
        let mut operands = vec![self.operand(&mut parts)];
        let mut operators: Vec<(Operator, Span)> = Vec::new();
        let mut chained = false;
        while let Some(part) = parts.next() {
            let operator = Operator::read(part.text(self.text));
            let (level, chains) = operator.level();
            while let Some(&(before, first)) = operators.last().filter(|(before, _)| before.level().0 >= level) {
                if before.level().0 == level && !chains {
                    let both = Diagnostic::error(Code::CHAIN, "comparisons and ranges do not chain")
                        .at(self.span(part), "the second")
                        .at(first, "the first")
                        .help("a condition compares once, and a range has two ends");
                    self.diagnostics.push(both);
                    chained = true;
                }
                operators.pop();
                self.reduce(&mut operands, before);
            }
            operators.push((operator, self.span(part)));
            let operand = self.operand(&mut parts);
            operands.push(operand);
        }
        while let Some((operator, _)) = operators.pop() {
            self.reduce(&mut operands, operator);
        }
        let whole = operands.pop().unwrap_or(Tall { expr: Expr { kind: ExprKind::Error, span: self.span(node) }, height: 0 });
        self.tallest = self.tallest.max(whole.height);
        // What a chain means is not known, so nothing more is said of it.
        if chained { Expr { kind: ExprKind::Error, span: whole.expr.span } } else { whole.expr }
    }

    /// Joins the last two operands.
    fn reduce(&mut self, operands: &mut Vec<Tall>, operator: Operator) {
        let (Some(right), Some(left)) = (operands.pop(), operands.pop()) else { return };
        let height = left.height.max(right.height) + 1;
        let span = left.expr.span.to(right.expr.span);
        let (left, right) = (Box::new(left.expr), Box::new(right.expr));
        let kind = match operator {
            Operator::Binary(op) => ExprKind::Binary { op, left, right },
            Operator::Range => ExprKind::Range { from: left, to: right },
            Operator::Pipe => {
                if !matches!(right.kind, ExprKind::Path(_) | ExprKind::Call { .. } | ExprKind::Error) {
                    self.mistake(right.span, "right of `|>` stands a name or a call", "this is neither");
                }
                ExprKind::Pipe { value: left, into: right }
            }
        };
        operands.push(self.tall(kind, span, height));
    }

    /// An expression, unless it is too tall.
    fn tall(&mut self, kind: ExprKind, span: Span, height: usize) -> Tall {
        if height <= MAX_HEIGHT {
            return Tall { expr: Expr { kind, span }, height };
        }
        if !self.too_deep {
            let message = format!("operators and brackets are nested more than {MAX_HEIGHT} deep");
            let help = "give parts of it names";
            self.diagnostics.push(Diagnostic::error(Code::NESTING, message).at(span, "").help(help));
        }
        self.too_deep = true;
        Tall { expr: Expr { kind: ExprKind::Error, span }, height: 0 }
    }

    /// Signs, a primary, and what follows it.
    fn operand<'n>(&mut self, parts: &mut Peekable<impl Iterator<Item = &'n Node>>) -> Tall {
        let mut signs = Vec::new();
        while let Some(sign) = parts.next_if(|part| part.kind == Kind::Minus) {
            signs.push(self.span(sign));
        }
        let mut operand = self.primary(parts.next());
        while let Some(part) = parts.next_if(|part| matches!(part.kind, Kind::Member | Kind::Arguments | Kind::Block)) {
            let body = if part.kind == Kind::Arguments { parts.next_if(|next| next.kind == Kind::Block) } else { None };
            let outer = std::mem::take(&mut self.tallest);
            let span = operand.expr.span.to(self.span(body.unwrap_or(part)));
            let kind = self.postfix(operand.expr, part, body);
            let height = operand.height.max(self.tallest) + 1;
            self.tallest = outer;
            operand = self.tall(kind, span, height);
        }
        for sign in signs.into_iter().rev() {
            let span = sign.to(operand.expr.span);
            operand = self.tall(ExprKind::Neg(Box::new(operand.expr)), span, operand.height + 1);
        }
        operand
    }

    fn primary(&mut self, part: Option<&Node>) -> Tall {
        let Some(part) = part else {
            return Tall { expr: Expr { kind: ExprKind::Error, span: Span::default() }, height: 0 };
        };
        let outer = std::mem::take(&mut self.tallest);
        let kind = match part.kind {
            Kind::Name => ExprKind::Path(vec![self.name(part)]),
            Kind::Number => self.number(part),
            Kind::Text => ExprKind::Text(self.unescape(part)),
            Kind::List => ExprKind::List(self.expressions(part)),
            Kind::Block => ExprKind::With { base: None, block: self.fields(part, true) },
            Kind::Group => self.expressions(part).pop().map_or(ExprKind::Error, |inner| inner.kind),
            _ => ExprKind::Error,
        };
        let height = self.tallest + 1;
        self.tallest = outer;
        self.tall(kind, self.span(part), height)
    }

    /// What a postfix makes of the expression it follows; `body` is the block after arguments.
    fn postfix(&mut self, base: Expr, part: &Node, body: Option<&Node>) -> ExprKind {
        match (part.kind, body) {
            (Kind::Member, _) => self.member(base, part),
            (Kind::Arguments, None) => ExprKind::Call { callee: Box::new(base), args: self.arguments(part) },
            (Kind::Arguments, Some(body)) => {
                let args = self.arguments(part);
                match single(&base) {
                    Some("graph") => ExprKind::Graph { params: self.inputs(args), body: self.body(body) },
                    Some("repeat") => ExprKind::Repeat { args, body: self.body(body) },
                    _ => {
                        let message = "a call is not followed by `{ … }`";
                        let diagnostic = Diagnostic::error(Code::BLOCK_AFTER_CALL, message)
                            .at(self.span(body), "this block belongs to nothing")
                            .help("`graph(…)` and `repeat(…)` take a body; a name takes fields: `name { field = value }`");
                        self.diagnostics.push(diagnostic);
                        ExprKind::Error
                    }
                }
            }
            _ if !matches!(base.kind, ExprKind::Path(_)) => {
                self.mistake(self.span(part), "only a name is followed by `{ … }`", "this block belongs to nothing");
                ExprKind::Error
            }
            _ => self.with(base, part),
        }
    }

    fn member(&mut self, base: Expr, part: &Node) -> ExprKind {
        let names = self.path(part);
        match (base.kind, names.into_iter().next()) {
            (ExprKind::Path(mut path), Some(name)) => {
                path.push(name);
                ExprKind::Path(path)
            }
            (kind, Some(name)) => ExprKind::Member { base: Box::new(Expr { kind, span: base.span }), name },
            _ => ExprKind::Error,
        }
    }

    /// `R { fields }`, and `choose { a, b }`, which is `choose(a, b)`.
    fn with(&mut self, base: Expr, part: &Node) -> ExprKind {
        let values = part.parts().any(|entry| entry.kind == Kind::Expression);
        let fields = part.parts().any(|entry| matches!(entry.kind, Kind::Field | Kind::Require));
        if single(&base) == Some("choose") && values && !fields {
            let args = self.expressions(part).into_iter().map(|value| Arg { name: None, value }).collect();
            return ExprKind::Call { callee: Box::new(base), args };
        }
        ExprKind::With { base: Some(Box::new(base)), block: self.fields(part, true) }
    }

    /// The expressions directly in a node.
    fn expressions(&mut self, node: &Node) -> Vec<Expr> {
        node.parts().filter(|part| part.kind == Kind::Expression).map(|part| self.expression(part)).collect()
    }

    /// The arguments of a call.
    fn arguments(&mut self, node: &Node) -> Vec<Arg> {
        let mut args = Vec::new();
        for argument in node.parts().filter(|part| part.kind == Kind::Argument) {
            let mut name = None;
            for part in argument.parts() {
                match part.kind {
                    Kind::Name => name = Some(self.name(part)),
                    Kind::Expression => args.push(Arg { name: name.take(), value: self.expression(part) }),
                    _ => {}
                }
            }
        }
        args
    }

    /// The inputs a graph literal names.
    fn inputs(&mut self, args: Vec<Arg>) -> Vec<Name> {
        let mut names = Vec::new();
        for arg in args {
            match (arg.name, arg.value.kind) {
                (None, ExprKind::Path(path)) if path.len() == 1 => names.extend(path),
                _ => self.mistake(arg.value.span, "`graph(…) { … }` names its inputs", "this is no name"),
            }
        }
        names
    }
}

/// The text of a path of one name.
fn single(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Path(path) => match path.as_slice() {
            [only] => Some(&only.text),
            _ => None,
        },
        _ => None,
    }
}
