//! `require` lines of a space.

use super::Checker;
use super::literal::{factor, join, number, path_of};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::Symbol;
use crate::settings::Unit;
use crate::space::{Condition, Order, Quantity, Require};
use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind};

/// What can be required, as an example shows it.
const HELP: &str = "`require params <= 20M`, `require flops(n = 128) <= 1.5G`, `require mixes(n)`";

impl Checker<'_> {
    /// The condition that a line states.
    pub(super) fn require(&self, expr: &Expr) -> Option<Require> {
        let condition = match &expr.kind {
            ExprKind::Call { callee, args } if path_of(callee).is_some_and(|path| join(path) == "mixes") => self.mixes(args, expr.span)?,
            ExprKind::Binary { op, left, right } => {
                let order = match op {
                    BinaryOp::AtMost => Order::AtMost,
                    BinaryOp::AtLeast => Order::AtLeast,
                    BinaryOp::Less => Order::Less,
                    BinaryOp::Greater => Order::Greater,
                    _ => return self.no_condition(expr.span),
                };
                Condition::Cost { quantity: self.quantity(left)?, order, bound: self.bound(right)? }
            }
            ExprKind::Error => return self.told_already(),
            _ => return self.no_condition(expr.span),
        };
        // As the canonical layout has it, whatever blanks were typed.
        let text = self.world.sources.snippet(expr.span).split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Require { condition, text, span: expr.span })
    }

    fn no_condition<T>(&self, span: Span) -> Option<T> {
        self.fail(Diagnostic::error(Code::CONDITION, "this is no condition on architectures").at(span, "cannot be required").help(HELP))
    }

    fn mixes(&self, args: &[Arg], span: Span) -> Option<Condition> {
        let symbol = match args {
            [Arg { name: None, value }] => path_of(value).and_then(|path| Symbol::from_letter(&join(path))),
            _ => None,
        };
        match symbol {
            Some(symbol) => Some(Condition::Mixes(symbol)),
            None => {
                let message = "`mixes` takes the size of an axis";
                self.fail(Diagnostic::error(Code::CONDITION, message).at(span, "no such size").help("`mixes(n)`: tokens see one another"))
            }
        }
    }

    fn quantity(&self, expr: &Expr) -> Option<Quantity> {
        match &expr.kind {
            ExprKind::Path(path) if join(path) == "params" => Some(Quantity::Params),
            ExprKind::Path(path) if join(path) == "flops" => Some(Quantity::Flops(None)),
            ExprKind::Call { callee, args } if path_of(callee).is_some_and(|path| join(path) == "flops") => match args.as_slice() {
                [arg] if arg.name.as_ref().is_none_or(|name| name.text == "n") => self.tokens(&arg.value, expr.span),
                _ => self.how_many(expr.span),
            }
            .map(|tokens| Quantity::Flops(Some(tokens))),
            _ => self.fail(
                Diagnostic::error(Code::CONDITION, "a bound is put on `params` or `flops`").at(expr.span, "neither of them").help(HELP),
            ),
        }
    }

    /// The number of tokens that FLOPs are told for.
    pub(super) fn tokens(&self, expr: &Expr, span: Span) -> Option<usize> {
        match number(expr) {
            Some((tokens, None)) if tokens >= 4.0 && tokens.fract() == 0.0 && tokens < 1e6 => Some(tokens as usize),
            _ => self.how_many(span),
        }
    }

    fn how_many<T>(&self, span: Span) -> Option<T> {
        let message = "`flops` takes the number of tokens, at least 4";
        self.fail(Diagnostic::error(Code::CONDITION, message).at(span, "of how many?").help("`flops(n = 128) <= 1.5G`"))
    }

    fn bound(&self, expr: &Expr) -> Option<f64> {
        let Some((value, unit)) = number(expr) else {
            return self.fail(Diagnostic::error(Code::CONDITION, "a bound is a number").at(expr.span, "not a number").help(HELP));
        };
        match factor(Unit::Plain, unit) {
            Some(factor) if !unit.is_some_and(|unit| unit.ends_with("iB")) => Some(value * factor),
            _ => {
                let message = format!("a bound is a plain number, not one in `{}`", unit.unwrap_or_default());
                self.fail(Diagnostic::error(Code::CONDITION, message).at(expr.span, "wrong unit").help("`20M` is 20,000,000"))
            }
        }
    }
}
