//! Sets of operations, of which a `dag` builds its expressions.

use super::Checker;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::weights::owns_parameters;
use crate::graph::{Op, Pattern, Type};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, ItemBody, Name};

impl Checker<'_> {
    /// The operations of a set: a list, a declared set, or sets joined with `+`.
    pub(super) fn op_set(&self, module: usize, expr: &Expr) -> Option<Vec<Op>> {
        let mut ops: Vec<Op> = match &expr.kind {
            ExprKind::List(items) => {
                let found: Vec<Option<Op>> = items
                    .iter()
                    .map(|item| match &item.kind {
                        ExprKind::Path(path) => self.dag_op(module, path, item.span),
                        ExprKind::Error => self.told_already(),
                        _ => self.fail(
                            Diagnostic::error(Code::OPS_WANTED, "a set of operations lists their names")
                                .at(item.span, "not a name")
                                .help("as in `[add, matmul, softmax]`"),
                        ),
                    })
                    .collect();
                found.into_iter().collect::<Option<_>>()?
            }
            ExprKind::Path(path) => match self.find(module, path, &["ops"]) {
                Some(id) => match &self.item(id)?.body {
                    ItemBody::Value(inner) => {
                        if let Some(known) = self.sets.borrow().get(&id) {
                            return known.clone().or_else(|| self.told_already());
                        }
                        let set = self.within(id, expr.span, || self.op_set(id.module, inner));
                        self.sets.borrow_mut().insert(id, set.clone());
                        set?
                    }
                    _ => {
                        let message = "a set of operations is a list";
                        return self.fail(
                            Diagnostic::error(Code::OPS_WANTED, message)
                                .at(expr.span, "not a list")
                                .help("`ops mine = [add, matmul, softmax]`"),
                        );
                    }
                },
                None => return self.unknown(module, path, &["ops"], &[]),
            },
            ExprKind::Binary { op: BinaryOp::Add, left, right } => {
                let (left, right) = (self.op_set(module, left), self.op_set(module, right));
                left?.into_iter().chain(right?).collect()
            }
            ExprKind::Binary { .. } => {
                return self.fail(
                    Diagnostic::error(Code::OPS_WANTED, "sets of operations are joined with `+`, and nothing else is done with them")
                        .at(expr.span, "another operator")
                        .help("list the operations that are wanted: `[add, matmul]`"),
                );
            }
            _ => {
                return self.fail(
                    Diagnostic::error(Code::OPS_WANTED, "a set of operations is wanted here")
                        .at(expr.span, "not a set")
                        .help("`[add, matmul]`, a declared set, or sets joined with `+`"),
                );
            }
        };
        let mut seen = Vec::new();
        ops.retain(|op| {
            let fresh = !seen.contains(&op.identity);
            seen.push(op.identity.clone());
            fresh
        });
        if ops.is_empty() {
            return self.fail(
                Diagnostic::error(Code::EMPTY_OPS, "this set of operations is empty")
                    .at(expr.span, "no members")
                    .help("`std.ops.autobert_zero` is the paper's set"),
            );
        }
        Some(ops)
    }

    /// An operation that a `dag` may hold: parameter-free, of one or two tensors.
    fn dag_op(&self, module: usize, path: &[Name], span: Span) -> Option<Op> {
        if self.find(module, path, &["op", "primitive"]).is_none()
            && let Some(graph) = self.find(module, path, &["graph"])
        {
            let name = self.item(graph).map_or("", |item| &item.name.text);
            return self.unfit(name, span, "a graph is no operation", "declare it as an `op`: `op name(x: [i, j]) -> [i, j] { … }`");
        }
        let op = self.op_named(module, path)?;
        let any = |ty: &Type| ty.axes.iter().all(|axis| matches!(axis, Pattern::Any(_)));
        let fixed = "operations inside a `dag` are of any size: `[i, j] -> [i, j]`";
        let why = if !op.statics.is_empty() || owns_parameters(&op) {
            Some(("owns parameters", "operations inside a `dag` are primitives without parameters, or an `op` of one's own"))
        } else if op.body.is_none() && op.name == "dropout" {
            Some(("is random", "operations inside a `dag` give the same result each time"))
        } else if !(1..=2).contains(&op.inputs.len()) {
            Some(("takes neither one tensor nor two", "operations inside a `dag` take one tensor or two"))
        } else if op.inputs.iter().any(|(_, ty)| ty.index) {
            Some(("takes indices", "operations inside a `dag` take numbers"))
        } else if op.inputs.iter().any(|(_, ty)| ty.axes.len() != 2) {
            Some(("takes a tensor that has not two axes", fixed))
        } else if !any(&op.output) {
            Some(("fixes a size of its result", fixed))
        } else {
            None
        };
        match why {
            Some((why, help)) => self.unfit(&op.name, span, why, help),
            None => Some(op),
        }
    }

    fn unfit<T>(&self, name: &str, span: Span, why: &str, help: &str) -> Option<T> {
        let message = format!("`{name}` cannot be an operation of a `dag`");
        self.fail(Diagnostic::error(Code::OP_IN_DAG, message).at(span, why).help(help))
    }
}
