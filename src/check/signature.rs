//! Signatures: shapes and sizes as declarations state them.

use super::Checker;
use super::frame::GraphType;
use super::literal::{join, number};
use crate::diagnostic::{Code, Diagnostic};
use crate::graph::{Dim, Pattern, Symbol, Type};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Name, Param, Type as AstType};

impl Checker<'_> {
    pub(super) fn input_types(&self, params: &[Param], statics: &[String]) -> Option<Vec<(String, Type)>> {
        let types = params.iter().map(|param| match &param.ty {
            Some(ty) => Some((param.name.text.clone(), self.signature_type(ty, statics)?)),
            None => {
                let message = format!("`{}` has no shape", param.name.text);
                self.fail(
                    Diagnostic::error(Code::SHAPE_WANTED, message)
                        .at(param.name.span, "add its shape")
                        .help("every tensor states its shape: `: [n, h]` of tokens, `: [i, j]` where any sizes will do"),
                )
            }
        });
        types.collect()
    }

    pub(super) fn signature_type(&self, ty: &AstType, statics: &[String]) -> Option<Type> {
        match ty {
            AstType::Shape { index, sizes, .. } => {
                let axes = sizes.iter().map(|size| self.axis(size, statics)).collect::<Option<Vec<_>>>()?;
                Some(Type { axes, index: *index })
            }
            AstType::Graph { span, .. } => self.fail(
                Diagnostic::error(Code::SHAPE_WANTED, "a graph is a static parameter")
                    .at(*span, "not a tensor")
                    .help("put it into a parameter list of its own, before the tensors"),
            ),
            AstType::Named(name) => self.fail(
                Diagnostic::error(Code::SHAPE_WANTED, format!("`{}` is no shape", name.text))
                    .at(name.span, "a tensor is wanted")
                    .help("shapes are written `[n, h]`"),
            ),
        }
    }

    fn axis(&self, size: &Expr, statics: &[String]) -> Option<Pattern> {
        if let ExprKind::Path(path) = &size.kind
            && let [name] = path.as_slice()
        {
            let text = &name.text;
            if statics.contains(text) {
                return Some(Pattern::Static(text.clone()));
            }
            if let Some(symbol) = Symbol::from_letter(text) {
                return Some(Pattern::Fixed(symbol.into()));
            }
            if text.chars().count() == 1 && text.chars().all(|letter| letter.is_ascii_lowercase()) {
                return Some(Pattern::Any(text.clone()));
            }
        }
        self.size(size).map(Pattern::Fixed)
    }

    /// A size over the model's symbols alone.
    pub(super) fn size(&self, expr: &Expr) -> Option<Dim> {
        let wrong =
            |help: &str| self.fail(Diagnostic::error(Code::SIZE_WANTED, "a size is wanted here").at(expr.span, "not a size").help(help));
        match &expr.kind {
            ExprKind::Path(path) => match Symbol::from_letter(&join(path)) {
                Some(symbol) => Some(symbol.into()),
                None => wrong("sizes are n, m, h, a, d, f, v, p, c, s, whole numbers, and letters that stand for any size"),
            },
            ExprKind::Number { .. } => match number(expr) {
                Some((value, None)) if value.fract() == 0.0 && (0.0..9e15).contains(&value) => Some(Dim::from(value as i64)),
                _ => wrong("a whole number"),
            },
            ExprKind::Binary { op, left, right } => {
                let (x, y) = (self.size(left)?, self.size(right)?);
                let size = match op {
                    BinaryOp::Add => x.plus(&y, 1),
                    BinaryOp::Sub => x.plus(&y, -1),
                    BinaryOp::Mul => x.times(&y),
                    _ => None,
                };
                size.or_else(|| wrong("sizes are built with + - *"))
            }
            _ => wrong("sizes are built of symbols and numbers"),
        }
    }

    pub(super) fn graph_type(&self, inputs: &[(Option<Name>, AstType)], output: &AstType) -> Option<GraphType> {
        let named = inputs.iter().all(|(name, _)| name.is_some());
        let types = inputs.iter().enumerate().map(|(position, (name, ty))| {
            let name = name.as_ref().map_or_else(|| format!("input {position}"), |name| name.text.clone());
            Some((name, self.signature_type(ty, &[])?))
        });
        let inputs = types.collect::<Option<Vec<_>>>()?;
        Some(GraphType { inputs, output: self.signature_type(output, &[])?, named })
    }
}
