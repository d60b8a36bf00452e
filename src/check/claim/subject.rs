//! What an expression of a test means: a record or a field of one, a space, an architecture, a graph.

use super::HELP;
use super::side::{Side, is_code};
use crate::check::Checker;
use crate::check::changes::fields_of;
use crate::check::frame::{CallKind, Callable, Frame, Scope, Value};
use crate::check::literal::{factor, join, number, path_of};
use crate::check::record::plain;
use crate::check::value::Val;
use crate::diagnostic::{Code, Diagnostic, Span, counted, nearest};
use crate::graph::canonical::hash;
use crate::graph::dim::show_shape;
use crate::graph::{Builder, Dim, Graph, Symbol, Type};
use crate::settings::{Experiment, Kind, RECORDS, Schema, Unit, schema_of};
use crate::space::{term, text};
use crate::syntax::ast::{Arg, Block, Expr, ExprKind, ItemBody, Name};
use num_bigint::BigUint;
use std::collections::BTreeMap;
use std::rc::Rc;

impl Checker<'_> {
    /// What a side of a comparison is worth; what is written out is read as the other side's kind.
    pub(super) fn side(&self, module: usize, expr: &Expr, other: Option<&Side>) -> Option<Side> {
        if let ExprKind::Call { callee, args } = &expr.kind
            && let Some([name]) = path_of(callee).map(Vec::as_slice)
            && let Some(measured) = self.measure(module, &name.text, args, expr.span)
        {
            return measured;
        }
        if let Some(written) = other.and_then(|other| self.written(module, expr, other)) {
            return written;
        }
        self.subject(module, expr, other)
    }

    /// What stands where a space is wanted: of a name that means several things, the space.
    pub(super) fn space_side(&self, module: usize, expr: &Expr) -> Option<Side> {
        if !self.space_of(module, expr) {
            return self.side(module, expr, None);
        }
        let space = self.space_expr(module, expr)?;
        self.built_space(&space).map(Side::Space)
    }

    /// A side that takes its meaning from the other; `None` where it has one of its own.
    fn written(&self, module: usize, expr: &Expr, other: &Side) -> Option<Option<Side>> {
        Some(match (other, &expr.kind) {
            (Side::Shape(_), ExprKind::List(sizes)) => sizes.iter().map(|size| self.size(size)).collect::<Option<_>>().map(Side::Shape),
            (Side::Truth(..), ExprKind::Path(path)) if matches!(join(path).as_str(), "true" | "false") => {
                Some(Side::Truth(join(path) == "true", None))
            }
            (Side::Codes(_), ExprKind::Path(path)) if path.len() == 1 => self.code(path.first()?),
            (Side::Record(_, kind, field), _) if self.record_of(module, expr).is_none_or(|(_, fields)| fields.is_empty()) => {
                let value = match (field, kind) {
                    (Some(field), _) => self.value(module, field, *kind, expr),
                    (None, Kind::Record(schema)) => self.record(module, schema(), expr),
                    _ => return None,
                };
                value.map(|value| Side::Record(value, *kind, *field))
            }
            (_, ExprKind::Number { .. }) => self.literal(expr),
            (Side::Count(_) | Side::Number(_), ExprKind::Neg(_)) => self.literal(expr),
            _ => return None,
        })
    }

    fn literal(&self, expr: &Expr) -> Option<Side> {
        // A whole number that no machine number holds is taken as it is written.
        let digits = self.world.sources.snippet(expr.span).replace('_', "");
        if let Ok(exact) = digits.parse::<BigUint>() {
            return Some(Side::Count(exact));
        }
        let (value, unit) = number(expr)?;
        match factor(Unit::Plain, unit) {
            Some(factor) => Some(Side::Number(value * factor)),
            None => {
                let message = format!("a count is a plain number, not one in `{}`", unit.unwrap_or_default());
                self.fail(Diagnostic::error(Code::UNIT, message).at(expr.span, "wrong unit").help("`20M` is 20,000,000"))
            }
        }
    }

    fn code(&self, name: &Name) -> Option<Side> {
        if is_code(&name.text) {
            return Some(Side::Codes(vec![(name.text.clone(), String::new())]));
        }
        let near = nearest(&name.text, crate::diagnostic::CODES.iter().map(|(code, _)| code.0));
        let help = near.map_or_else(|| "`phyla explain` lists them all".to_owned(), |near| format!("did you mean `{near}`?"));
        let message = format!("there is no code `{}`", name.text);
        self.fail(Diagnostic::error(Code::UNKNOWN_VALUE, message).at(name.span, "no code").help(help))
    }

    /// The record that an expression begins with: its kind's schema, and the names of fields that follow.
    fn record_of<'e>(&self, module: usize, expr: &'e Expr) -> Option<(&'static Schema, Vec<&'e Name>)> {
        match &expr.kind {
            ExprKind::Path(path) => (1..=path.len()).rev().find_map(|length| {
                let (head, rest) = path.split_at_checked(length)?;
                let schema = RECORDS.iter().find(|schema| self.find(module, head, &[schema().kind]).is_some())?;
                Some((schema(), rest.iter().collect()))
            }),
            ExprKind::With { base: Some(base), .. } => {
                let (schema, fields) = self.record_of(module, base)?;
                fields.is_empty().then_some((schema, fields))
            }
            ExprKind::Member { base, name } => {
                let (schema, mut fields) = self.record_of(module, base)?;
                fields.push(name);
                Some((schema, fields))
            }
            _ => None,
        }
    }

    fn subject(&self, module: usize, expr: &Expr, other: Option<&Side>) -> Option<Side> {
        if let Some((schema, fields)) = self.record_of(module, expr) {
            let whole = without(expr, fields.len());
            let value = self.record(module, schema, &whole)?;
            return self.field(value, schema, &fields);
        }
        if self.is_architecture(module, expr) || self.fills(module, expr) {
            return self.architecture_expr(module, expr).map(Side::Architecture);
        }
        if self.space_of(module, expr) {
            return self.space_side(module, expr);
        }
        self.graph_side(module, expr, other)
    }

    /// The value behind names of fields.
    fn field(&self, value: Val, schema: &'static Schema, path: &[&Name]) -> Option<Side> {
        let (mut value, mut known) = (value, schema.fields);
        let mut at = (Kind::Record(schema_of(schema.kind).unwrap_or(Experiment::schema)), None);
        let mut what = schema.kind.to_owned();
        for name in path {
            let Some(field) = known.iter().find(|field| plain(field) == name.text) else {
                let help = match nearest(&name.text, known.iter().map(plain)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => "it has no fields".to_owned(),
                    None => format!("its fields: {}", known.iter().map(plain).collect::<Vec<_>>().join(", ")),
                };
                let message = format!("`{what}` has no field `{}`", name.text);
                return self.fail(Diagnostic::error(Code::UNKNOWN_FIELD, message).at(name.span, "unknown field").help(help));
            };
            let Some(inner) = value.get(&[&name.text]).cloned() else {
                // A record that has to be there, and failed.
                if matches!(value, Val::Plain(serde_json::Value::Null, _)) && !matches!(at.0, Kind::Optional(_)) {
                    return self.told_already();
                }
                let message = format!("`{}` has no value", name.text);
                let help = format!("it has no default: {}", field.doc.trim());
                return self.fail(Diagnostic::error(Code::MISSING_FIELD, message).at(name.span, "nothing gives it one").help(help));
            };
            value = inner;
            let inner = if let Kind::Optional(inner) = field.kind { *inner } else { field.kind };
            known = match (inner, &value) {
                (Kind::Record(schema), _) => schema().fields,
                (Kind::OneOf(variants), Val::Variant(variant, ..)) => fields_of(variants(), variant),
                _ => &[],
            };
            at = (field.kind, Some(field));
            what.clone_from(&name.text);
        }
        match value {
            Val::Space(space, _) => self.built_space(&space).map(Side::Space),
            Val::Architecture(architecture, _) => Some(Side::Architecture(architecture)),
            value => Some(Side::Record(value, at.0, at.1)),
        }
    }

    /// Whether the expression begins with the name of a space.
    fn space_of(&self, module: usize, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Path(path) => self.find(module, path, &["space"]).is_some(),
            ExprKind::With { base: Some(base), .. } => self.space_of(module, base),
            _ => false,
        }
    }

    /// Whether the expression fills a hole of a space, and so is an architecture.
    fn fills(&self, module: usize, expr: &Expr) -> bool {
        let ExprKind::With { base: Some(base), block: Block { fields, .. } } = &expr.kind else { return false };
        let space = if self.space_of(module, base) { self.apart(|| self.space_expr(module, base)).0 } else { None };
        let Some(space) = space.and_then(|space| self.apart(|| self.built_space(&space)).0) else { return false };
        let frame = Rc::new(Frame::root(module, Scope::at("")));
        let filled = |field: &&crate::syntax::ast::Field| space.holes.iter().any(|hole| hole.name == join(&field.path));
        fields.iter().filter(filled).any(|field| !self.is_hole(&frame, &field.value))
    }

    fn graph_side(&self, module: usize, expr: &Expr, other: Option<&Side>) -> Option<Side> {
        let mut b = Builder::new();
        let frame = Rc::new(Frame::root(module, Scope::at("")));
        let mut lists = Vec::new();
        let expr = with_tensors(expr, &mut lists);
        let shapes: Vec<Vec<Dim>> = lists.iter().map(|sizes| sizes.iter().map(|size| self.size(size)).collect()).collect::<Option<_>>()?;
        let per_head = in_head(&shapes);
        let mut inputs: Vec<(String, Vec<Dim>)> = Vec::new();
        for (number, shape) in shapes.into_iter().enumerate() {
            let name = show_shape(&shape);
            let again = inputs.iter().filter(|(_, known)| *known == shape).count();
            let name = if again == 0 { name } else { format!("{name}.{again}") };
            frame.bind(&tensor(number), Value::Node(b.input(&name, shape.clone(), false, per_head)));
            inputs.push((name, shape));
        }
        match self.eval(&frame, &mut b, &expr)? {
            Value::Node(node) => Some(side_of(&b.finish(node), inputs)),
            Value::Graph(callable) => {
                let inputs = match other {
                    Some(Side::Graph { inputs, .. }) if matches!(callable.kind, CallKind::Literal { .. }) => inputs.clone(),
                    _ => self.tensors_of(&callable)?,
                };
                let per_head = in_head(&inputs.iter().map(|(_, shape)| shape.clone()).collect::<Vec<_>>());
                let place = |(name, shape): &(String, Vec<Dim>)| (b.input(name, shape.clone(), false, per_head), expr.span);
                let nodes: Vec<_> = inputs.iter().map(place).collect();
                let names: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
                let by_name = matches!(callable.kind, CallKind::Literal { .. }).then_some(names.as_slice());
                // Within an expression an operation of one's own is opaque; by itself it is what it computes.
                let own = path_of(&expr).and_then(|path| self.find(module, path, &["op"]));
                let node = match own.filter(|_| matches!(callable.kind, CallKind::Op { .. })) {
                    Some(item) => self.call_declared(&mut b, item, &BTreeMap::new(), "", &nodes, None, expr.span)?,
                    None => self.call(&mut b, &callable, &nodes, by_name, expr.span)?,
                };
                Some(side_of(&b.finish(node), inputs))
            }
            value => {
                let message = format!("nothing can be claimed of {}", self.describe(&b, &value));
                self.fail(Diagnostic::error(Code::CLAIM_WANTED, message).at(expr.span, "here").help(HELP))
            }
        }
    }

    /// The inputs of something that can be called; where nothing states their shapes, those of attention within a head.
    fn tensors_of(&self, callable: &Rc<Callable>) -> Option<Vec<(String, Vec<Dim>)>> {
        let hidden = || vec![Symbol::Tokens.into(), Symbol::Hidden.into()];
        let opaque = |inputs: &[(String, Type)]| {
            let mut letters = BTreeMap::new();
            inputs.iter().map(|(name, ty)| (name.clone(), self.opaque_shape(ty, &mut letters))).collect::<Vec<_>>()
        };
        Some(match &callable.kind {
            CallKind::Declared { item, statics } => match self.item(*item).map(|item| &item.body) {
                Some(ItemBody::Signature { inputs, .. }) => {
                    opaque(&self.input_types(inputs, &statics.keys().cloned().collect::<Vec<_>>())?)
                }
                _ => return None,
            },
            CallKind::Op { op, .. } => opaque(&op.inputs),
            CallKind::Typed(_, ty) | CallKind::Opaque(ty) => opaque(&ty.inputs),
            CallKind::Literal { params, .. } => {
                params.iter().map(|name| (name.text.clone(), vec![Symbol::Tokens.into(), Symbol::HeadWidth.into()])).collect()
            }
            CallKind::PerHead(inner) => self.tensors_of(inner)?.into_iter().map(|(name, _)| (name, hidden())).collect(),
            CallKind::Tied(inner, _) => self.tensors_of(inner)?,
            CallKind::Hole { .. } | CallKind::Repeat { .. } => vec![("x".to_owned(), hidden())],
        })
    }
}

fn side_of(graph: &Graph, inputs: Vec<(String, Vec<Dim>)>) -> Side {
    let term = term::from_graph(graph, &inputs).ok();
    let names: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
    let formula = match &term {
        Some(term) => text::to_source(term, &names),
        None => format!("a graph of {}", counted(graph.order().len().saturating_sub(inputs.len()), "operation")),
    };
    let output = graph.node(graph.output()).map(|node| node.shape.clone()).unwrap_or_default();
    Side::Graph { hash: hash(graph), graph: Rc::new(graph.clone()), term, formula, inputs, output }
}

/// Whether tensors of these shapes live in the world of one head, which holds nothing of the hidden width.
fn in_head(shapes: &[Vec<Dim>]) -> bool {
    !shapes.iter().flatten().any(|size| size.contains(Symbol::Hidden))
}

/// The name of a tensor that a list stands for; no name that can be written.
fn tensor(number: usize) -> String {
    format!("[{number}]")
}

/// The expression with a name in place of every list of sizes.
fn with_tensors(expr: &Expr, lists: &mut Vec<Vec<Expr>>) -> Expr {
    let mut inner = |expr: &Expr| Box::new(with_tensors(expr, lists));
    let kind = match &expr.kind {
        ExprKind::List(sizes) => {
            lists.push(sizes.clone());
            ExprKind::Path(vec![Name { text: tensor(lists.len() - 1), span: expr.span }])
        }
        ExprKind::Call { callee, args } => {
            let callee = inner(callee);
            let args = args.iter().map(|arg| Arg { name: arg.name.clone(), value: *inner(&arg.value) }).collect();
            ExprKind::Call { callee, args }
        }
        ExprKind::Neg(value) => ExprKind::Neg(inner(value)),
        ExprKind::Binary { op, left, right } => ExprKind::Binary { op: *op, left: inner(left), right: inner(right) },
        ExprKind::Pipe { value, into } => ExprKind::Pipe { value: inner(value), into: inner(into) },
        other => other.clone(),
    };
    Expr { kind, span: expr.span }
}

/// The expression without the last names of fields.
fn without(expr: &Expr, fields: usize) -> Expr {
    match &expr.kind {
        ExprKind::Path(path) if fields > 0 => {
            let head: Vec<Name> = path.iter().take(path.len().saturating_sub(fields)).cloned().collect();
            let span = head.iter().map(|name| name.span).reduce(Span::to).unwrap_or(expr.span);
            Expr { kind: ExprKind::Path(head), span }
        }
        ExprKind::Member { base, .. } if fields > 0 => without(base, fields - 1),
        _ => expr.clone(),
    }
}
