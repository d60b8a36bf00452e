//! What nothing uses: imports of a file and bindings of a body, told by their names alone.

use super::Checker;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::ast::{Block, Body, Expr, ExprKind, Field, File, Item, ItemBody, Name, Param, Type};
use std::collections::BTreeSet;

impl Checker<'_> {
    /// Reports the imports and bindings of a file that nothing uses.
    pub(super) fn unused(&self, file: &File) {
        let mut met = Met::default();
        file.items.iter().for_each(|item| met.item(item));
        for (name, alias) in file.uses.iter().flat_map(|import| &import.names) {
            let local = alias.as_ref().unwrap_or(name);
            if !met.names.contains(local.text.as_str()) && !file.broken.iter().any(|broken| broken.text == local.text) {
                let message = format!("`{}` is imported, and nothing uses it", local.text);
                self.report(Diagnostic::warning(Code::UNUSED_IMPORT, message).at(local.span, "not used").help("remove it"));
            }
        }
        file.items.iter().for_each(|item| self.unused_fields(item));
        for body in met.bodies {
            for (place, (name, _)) in body.bindings.iter().enumerate() {
                let mut around = Met::default();
                let others = body.bindings.iter().enumerate().filter(|(other, _)| *other != place);
                others.for_each(|(_, (_, value))| around.expression(value));
                body.result.iter().for_each(|result| around.expression(result));
                if !around.names.contains(name.text.as_str()) {
                    let message = format!("`{}` is computed, and nothing uses it", name.text);
                    let help = "remove it; what a graph does not use is never computed";
                    self.report(Diagnostic::warning(Code::UNUSED_BINDING, message).at(name.span, "not used").help(help));
                }
            }
        }
    }
}

impl Checker<'_> {
    /// Warns of fields of a new space that none of its others uses: they are no choice, and change nothing.
    fn unused_fields(&self, item: &Item) {
        let ItemBody::Fields(block) = &item.body else { return };
        let is = |field: &Field, name: &str| matches!(field.path.as_slice(), [only] if only.text == name);
        if item.kind.text != "space" || !block.fields.iter().any(|field| is(field, "body")) {
            return;
        }
        for field in block.fields.iter().filter(|field| !is(field, "body") && !is(field, "require")) {
            let Some(name) = field.path.first() else { continue };
            let mut around = Met::default();
            block.fields.iter().filter(|other| other.span != field.span).for_each(|other| around.expression(&other.value));
            block.requires.iter().for_each(|require| around.expression(require));
            if !around.names.contains(name.text.as_str()) {
                let message = format!("the space has a field `{}`, and nothing in it uses that", name.text);
                let told = Diagnostic::warning(Code::IDLE_FIELD, message).at(name.span, "not used");
                self.report(told.help("remove it, or use it in `body`"));
            }
        }
    }
}

/// Calls `each` with every path within an expression, and where it stands.
pub(super) fn each_path(expr: &Expr, each: &mut dyn FnMut(&[Name], Span)) {
    let mut met = Met::default();
    met.expression(expr);
    for path in met.paths {
        if let Some(span) = path.iter().map(|name| name.span).reduce(Span::to) {
            each(path, span);
        }
    }
}

/// Whether something within a declaration is called so by itself: a parameter, a binding or a field.
pub(super) fn has_local(item: &Item, name: &str) -> bool {
    let mut met = Met::default();
    met.item(item);
    met.locals.contains(name)
}

/// The paths that are met with their first names, the names that are given on the way, and all bodies.
#[derive(Default)]
struct Met<'a> {
    names: BTreeSet<&'a str>,
    paths: Vec<&'a [Name]>,
    locals: BTreeSet<&'a str>,
    bodies: Vec<&'a Body>,
}

impl<'a> Met<'a> {
    fn item(&mut self, item: &'a Item) {
        match &item.body {
            ItemBody::Signature { statics, inputs, output, body, fields } => {
                statics.iter().chain(inputs).for_each(|param| self.parameter(param));
                output.iter().for_each(|ty| self.ty(ty));
                body.iter().for_each(|body| self.body(body));
                fields.iter().for_each(|field| self.expression(&field.value));
            }
            ItemBody::Fields(block) => {
                self.locals.extend(block.fields.iter().filter_map(|field| field.path.first()).map(|name| name.text.as_str()));
                self.block(block);
            }
            ItemBody::Value(value) => self.expression(value),
            ItemBody::Statements(all) => all.iter().for_each(|statement| self.expression(statement)),
        }
    }

    fn parameter(&mut self, param: &'a Param) {
        self.locals.insert(&param.name.text);
        param.ty.iter().for_each(|ty| self.ty(ty));
        param.default.iter().for_each(|value| self.expression(value));
    }

    fn ty(&mut self, ty: &'a Type) {
        match ty {
            Type::Shape { sizes, .. } => sizes.iter().for_each(|size| self.expression(size)),
            Type::Graph { inputs, output, .. } => {
                inputs.iter().for_each(|(_, ty)| self.ty(ty));
                self.ty(output);
            }
            Type::Named(_) => {}
        }
    }

    fn block(&mut self, block: &'a Block) {
        block.fields.iter().map(|field| &field.value).chain(&block.requires).for_each(|value| self.expression(value));
    }

    fn body(&mut self, body: &'a Body) {
        self.bodies.push(body);
        self.locals.extend(body.bindings.iter().map(|(name, _)| name.text.as_str()));
        body.bindings.iter().map(|(_, value)| value).chain(body.result.as_deref()).for_each(|value| self.expression(value));
    }

    fn expression(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Number { .. } | ExprKind::Text(_) | ExprKind::Error => {}
            ExprKind::Path(path) => {
                self.names.extend(path.first().map(|name| name.text.as_str()));
                self.paths.push(path);
            }
            ExprKind::Call { callee, args } => {
                self.expression(callee);
                args.iter().for_each(|arg| self.expression(&arg.value));
            }
            ExprKind::Member { base, .. } | ExprKind::Neg(base) => self.expression(base),
            ExprKind::With { base, block } => {
                base.iter().for_each(|base| self.expression(base));
                self.block(block);
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.expression(item)),
            ExprKind::Graph { params, body } => {
                self.locals.extend(params.iter().map(|name| name.text.as_str()));
                self.body(body);
            }
            ExprKind::Repeat { args, body } => {
                args.iter().for_each(|arg| self.expression(&arg.value));
                self.body(body);
            }
            ExprKind::Binary { left, right, .. } => [left, right].into_iter().for_each(|side| self.expression(side)),
            ExprKind::Range { from, to } => [from, to].into_iter().for_each(|end| self.expression(end)),
            ExprKind::Pipe { value, into } => [value, into].into_iter().for_each(|side| self.expression(side)),
        }
    }
}
