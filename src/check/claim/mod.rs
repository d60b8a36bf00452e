//! Tests in the language: what a `test` block claims of shapes, canonical forms, spaces, values and mistakes.
//!
//! In reading order: `subject` (what an expression of a test means, whatever its kind), `measure` (`count(…)`, `shape(…)` and the
//! like), `side` (what a side of a comparison is worth, how two compare, how one is shown).
//!
//! In a test a list of sizes stands for a tensor of that shape: `shape([n, d] @ transpose([n, d])) == [n, n]`. Claims are evaluated
//! like everything else, on demand; a mistake in a claim is told as a mistake of the file, a claim that is false only by the test.

mod measure;
mod side;
mod subject;

use super::Checker;
use super::declare::{lettered, letters};
use super::modules::ItemId;
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, ItemBody};
pub use measure::{MEASURES, Measure};
use side::Side;

/// What became of a test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its title.
    pub title: String,
    /// How many claims it makes.
    pub claims: usize,
    /// Claims that are false, and mistakes in claims.
    pub failures: Vec<Diagnostic>,
}

/// What can be claimed, as examples show it.
const HELP: &str = "a comparison, as `shape(mine([n, d])) == [n, d]` and `count(backbone) > 1_000`, or what is true or false, as \
                    `contains(backbone, bert)`";

impl Checker<'_> {
    /// The tests that a module declares.
    pub fn tests(&self, key: &str) -> Vec<ItemId> {
        let items = self.world.items_of(key).into_iter();
        items.filter(|id| self.item(*id).is_some_and(|item| item.kind.text == "test")).collect()
    }

    /// Carries a test out.
    pub fn test(&self, id: ItemId) -> Option<Outcome> {
        let item = self.item(id)?;
        let ItemBody::Statements(claims) = &item.body else { return None };
        let mut failures = Vec::new();
        for claim in claims {
            let (held, mistakes) = self.apart(|| self.claim(id.module, claim));
            failures.extend(mistakes.into_iter().filter(|mistake| mistake.severity == Severity::Error));
            failures.extend(held.and_then(Result::err));
        }
        let letters = letters();
        let failures = failures.into_iter().map(|failure| lettered(failure, &letters)).collect();
        Some(Outcome { title: item.name.text.clone(), claims: claims.len(), failures })
    }

    /// Reports the mistakes in a test's claims, true or false.
    pub(super) fn check_test(&self, id: ItemId) {
        let failures = self.test(id).map_or_else(Vec::new, |outcome| outcome.failures);
        failures.into_iter().filter(|failure| failure.code != Code::FALSE_CLAIM).for_each(|mistake| self.report(mistake));
    }

    /// Does some work, and keeps what it reports apart.
    pub(super) fn apart<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Diagnostic>) {
        let before = self.diagnostics.borrow().len();
        let result = work();
        let found = self.diagnostics.borrow_mut().split_off(before);
        (result, found)
    }

    /// Whether a claim holds, or how it fails; `None` where it has a mistake.
    fn claim(&self, module: usize, claim: &Expr) -> Option<Result<(), Diagnostic>> {
        if let ExprKind::Binary { op, left, right } = &claim.kind
            && let BinaryOp::Equal | BinaryOp::Unequal | BinaryOp::AtMost | BinaryOp::AtLeast | BinaryOp::Less | BinaryOp::Greater = op
        {
            return self.comparison(module, *op, left, right, claim.span);
        }
        match self.side(module, claim, None)? {
            Side::Truth(true, _) => Some(Ok(())),
            Side::Truth(false, why) => {
                let failure = Diagnostic::error(Code::FALSE_CLAIM, "this does not hold");
                Some(Err(failure.at(claim.span, why.unwrap_or_else(|| "false".to_owned()))))
            }
            other => {
                let message = format!("a test claims what is true or false, and this is {}", other.what());
                self.fail(Diagnostic::error(Code::CLAIM_WANTED, message).at(claim.span, "claims nothing").help(HELP))
            }
        }
    }

    fn comparison(&self, module: usize, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Option<Result<(), Diagnostic>> {
        // What is written out takes its meaning from what it is compared with.
        let turned = rank(left) > rank(right);
        let (first, second) = if turned { (right, left) } else { (left, right) };
        if rank(first) == Rank::Written {
            let message = "both sides are written out, so that nothing is tested";
            return self.fail(Diagnostic::error(Code::CLAIM_WANTED, message).at(span, "nothing is asked here").help(HELP));
        }
        let one = self.side(module, first, None)?;
        let other = self.side(module, second, Some(&one))?;
        let (one, other) = if turned { (other, one) } else { (one, other) };
        match one.compare(op, &other, self) {
            Some(true) => Some(Ok(())),
            Some(false) => {
                let failure = Diagnostic::error(Code::FALSE_CLAIM, "this does not hold");
                let differences = one.differences(&other, self);
                Some(Err(match differences.is_empty() {
                    true => failure
                        .at(left.span, format!("this is {}", one.show(self)))
                        .at(right.span, format!("and this {}", other.show(self))),
                    false => failure
                        .at(left.span, "this")
                        .at(right.span, "and this")
                        .help(format!("they differ in:\n{}", differences.join("\n"))),
                }))
            }
            None => {
                let message = format!("{} and {} cannot be compared so", one.what(), other.what());
                let both = Diagnostic::error(Code::INCOMPARABLE, message).at(left.span, one.what()).at(right.span, other.what());
                self.fail(both.help("compare two of a kind; only numbers are more or less than one another"))
            }
        }
    }
}

/// How much of its meaning an expression has by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// All of it.
    Meaning,
    /// A graph whose inputs' shapes are not stated.
    Untyped,
    /// A number, a text, a list, a truth value, a code: nothing that a program could get wrong.
    Written,
}

fn rank(expr: &Expr) -> Rank {
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::Text(_) | ExprKind::List(_) | ExprKind::With { base: None, .. } => Rank::Written,
        ExprKind::Neg(inner) if matches!(inner.kind, ExprKind::Number { .. }) => Rank::Written,
        ExprKind::Path(path) if matches!(path.as_slice(), [name] if side::is_word(&name.text)) => Rank::Written,
        ExprKind::Graph { .. } => Rank::Untyped,
        _ => Rank::Meaning,
    }
}
