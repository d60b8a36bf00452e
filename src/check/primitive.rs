//! The fields of a primitive: its algebra, and for readers its formula and gradients.

use super::Checker;
use super::literal::{join, path_of};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::Laws;
use crate::syntax::ast::{Block, ExprKind, Field, Name};

/// What a primitive's `law` can be.
const LAWS: &str = "commutative, involution or idempotent";

impl Checker<'_> {
    /// The laws among the fields, all of which are checked.
    pub(super) fn laws(&self, fields: &[Field]) -> Laws {
        let mut laws = Laws::default();
        for field in fields {
            let texts = |block: &Block| block.fields.iter().all(|field| matches!(field.value.kind, ExprKind::Text(_)));
            let wrong = |wanted: &str, help: &str| {
                let message = format!("`{}` takes {wanted}", join(&field.path));
                self.report(Diagnostic::error(Code::TYPE, message).at(field.value.span, format!("{wanted} is wanted here")).help(help));
            };
            match (join(&field.path).as_str(), &field.value.kind) {
                (_, ExprKind::Error) | ("formula", ExprKind::Text(_)) => {}
                ("law", ExprKind::Path(path)) => self.law(&mut laws, path, field.value.span),
                ("law", ExprKind::List(items)) => {
                    items.iter().filter_map(path_of).for_each(|path| self.law(&mut laws, path, field.value.span))
                }
                ("law", _) => wrong("a law", LAWS),
                ("formula", _) => wrong("text in double quotes", "`formula = \"x * σ(x)\"`"),
                ("gradient", ExprKind::With { base: None, block }) if texts(block) => {}
                ("gradient", _) => wrong("a text for each operand", "`gradient = { x = \"g * y\", y = \"g * x\" }`"),
                (other, _) => {
                    let message = format!("a primitive has no field `{other}`");
                    self.report(
                        Diagnostic::error(Code::UNKNOWN_FIELD, message)
                            .at(field.span, "unknown field")
                            .help("its fields: law, formula, gradient"),
                    );
                }
            }
        }
        laws
    }

    fn law(&self, laws: &mut Laws, name: &[Name], span: Span) {
        match join(name).as_str() {
            "commutative" => laws.commutative = true,
            "involution" => laws.involution = true,
            "idempotent" => laws.idempotent = true,
            other => {
                let message = format!("there is no law `{other}`");
                self.report(Diagnostic::error(Code::UNKNOWN_LAW, message).at(span, "not a law").help(LAWS));
            }
        }
    }
}
