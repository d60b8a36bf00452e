//! Holes: what `choose` and `dag` may be filled with.

use super::Checker;
use super::dag::fixed;
use super::frame::{CallKind, Callable, Frame, GraphType, Scope, Value};
use super::literal::{join, number, path_of};
use super::names::CALLABLE;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::dim::show_shape;
use crate::graph::{Builder, Graph, HoleRef, NodeIndex, NodeKind, Pattern, Shape, Symbol};
use crate::space::{Arm, Domain};
use crate::syntax::MAX_NESTING;
use crate::syntax::ast::{Expr, ExprKind, Name};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

impl Checker<'_> {
    /// Whether an expression is a choice: `choose`, `dag`, a call with one among its arguments, or a field of the space that is one.
    pub(super) fn is_hole(&self, frame: &Rc<Frame>, expr: &Expr) -> bool {
        holds_hole(frame, expr, &mut HashSet::new())
    }

    /// A choice given as a static argument: a hole of the arm it stands in.
    pub(super) fn hole_argument(&self, frame: &Rc<Frame>, param: &str, ty: Option<&GraphType>, expr: &Expr) -> Option<Value> {
        let Some(holes) = &frame.holes else { return self.space_hole(frame, ty, expr) };
        let domain = self.domain(frame, ty, expr)?;
        let mut name = param.to_owned();
        while holes.borrow().iter().any(|(taken, _)| *taken == name) {
            name.push('_');
        }
        let hole = HoleRef { name: name.clone(), repetition: None };
        let value = self.hole_value(frame, &domain, hole, ty, expr.span)?;
        holes.borrow_mut().push((name, domain));
        Some(value)
    }

    /// What stands in the place of a hole: a size, or something to be called.
    pub(super) fn hole_value(
        &self,
        frame: &Rc<Frame>,
        domain: &Domain,
        hole: HoleRef,
        ty: Option<&GraphType>,
        span: Span,
    ) -> Option<Value> {
        let (inputs, output): (Vec<(String, Shape)>, Shape) = match domain {
            Domain::Values(_) => return Some(Value::Hole(hole)),
            Domain::Dag(dag) => (dag.inputs.clone(), dag.output.clone()),
            Domain::Choose(arms) => sides(&arms.first()?.body),
        };
        // Where the parameter's type does not name its inputs, they bind in order.
        let all = match ty {
            Some(ty) if ty.named => ty.inputs.iter().map(|(name, _)| name.clone()).collect(),
            _ => inputs.iter().map(|(name, _)| name.clone()).collect(),
        };
        let path = frame.scope.next(&hole.name);
        Some(Value::Graph(Rc::new(Callable { kind: CallKind::Hole { hole, all, inputs, output }, path, span })))
    }

    /// What a choice may be filled with.
    pub(super) fn domain(&self, frame: &Rc<Frame>, ty: Option<&GraphType>, expr: &Expr) -> Option<Domain> {
        match &expr.kind {
            ExprKind::Call { callee, args } => match path_of(callee).map(|path| join(path)).as_deref() {
                // Only a hole of an arm is filled with an expression.
                Some("dag") => self.dag(frame, ty.filter(|_| frame.holes.is_some()), args, expr.span),
                Some("choose") => {
                    let values: Vec<(Option<String>, &Expr)> =
                        args.iter().map(|arg| (arg.name.as_ref().map(|name| name.text.clone()), &arg.value)).collect();
                    self.choose(frame, ty, &values, expr.span)
                }
                _ => {
                    let label = path_of(callee).map_or_else(|| "graph".to_owned(), |path| self.declared_name(frame, path));
                    Some(Domain::Choose(vec![self.arm(frame, ty, label, expr)?]))
                }
            },
            ExprKind::With { block, .. } => {
                let values: Vec<(Option<String>, &Expr)> =
                    block.fields.iter().map(|field| (field.path.first().map(|name| name.text.clone()), &field.value)).collect();
                self.choose(frame, ty, &values, expr.span)
            }
            ExprKind::Path(path) => {
                let name = path.first()?;
                let space = frame.space.clone()?;
                let (module, inner) = space.fields.get(&name.text)?;
                self.in_field(&space, &name.text, (inner.span, expr.span), || self.domain(&frame.home(*module), ty, inner))
            }
            _ => self.stray_hole(expr.span),
        }
    }

    fn choose(&self, frame: &Rc<Frame>, ty: Option<&GraphType>, values: &[(Option<String>, &Expr)], span: Span) -> Option<Domain> {
        if values.is_empty() {
            let message = "this choice has no members";
            return self.fail(
                Diagnostic::error(Code::CHOICE, message)
                    .at(span, "nothing to choose from")
                    .help("`choose(3, 5, 7)` or `choose { name = … }`"),
            );
        }
        if let [(_, only)] = values {
            let members = match &only.kind {
                ExprKind::List(items) => {
                    let items: Vec<&str> = items.iter().map(|item| self.world.sources.snippet(item.span)).collect();
                    Some(format!("`choose({})`", items.join(", ")))
                }
                ExprKind::Range { .. } => Some("one by one, as in `choose(3, 5, 7, 9)`".to_owned()),
                _ => None,
            };
            if let Some(members) = members {
                let message = "a choice names each of its members";
                return self.fail(Diagnostic::error(Code::CHOICE, message).at(only.span, "not a member by itself").help(members));
            }
            let message = "this choice has one member";
            let label = if self.is_hole(frame, only) { "only what is left open in it is" } else { "nothing is" };
            self.report(
                Diagnostic::warning(Code::ONE_MEMBER, message)
                    .at(span, format!("{label} left to a search"))
                    .help("write it without `choose`, or add another"),
            );
        }
        let numbers: Vec<Option<f64>> =
            values.iter().map(|(_, expr)| number(expr).filter(|(_, unit)| unit.is_none()).map(|(value, _)| value)).collect();
        if numbers.iter().any(Option::is_some) {
            let mut members = Vec::new();
            for ((_, expr), value) in values.iter().zip(numbers) {
                match value {
                    Some(value) if value.fract() == 0.0 && value > 0.0 && value < 9e15 => members.push(value as i64),
                    _ => {
                        let message = "a choice of sizes lists positive whole numbers";
                        return self.fail(
                            Diagnostic::error(Code::MIXED_CHOICE, message)
                                .at(expr.span, "this is none")
                                .help("sizes are whole and above 0, and stand in a choice without graphs"),
                        );
                    }
                }
            }
            members.sort_unstable();
            members.dedup();
            return Some(Domain::Values(members));
        }
        let mut arms: Vec<Arm> = Vec::new();
        let mut failed = false;
        for (label, expr) in values {
            let label = match (label, &expr.kind) {
                (Some(label), _) => label.clone(),
                (None, ExprKind::Call { callee, .. }) => {
                    path_of(callee).map_or_else(|| "graph".to_owned(), |path| self.declared_name(frame, path))
                }
                (None, ExprKind::Path(path)) => self.declared_name(frame, path),
                (None, _) => format!("arm_{}", arms.len() + 1),
            };
            if arms.iter().any(|arm| arm.label == label) {
                let message = format!("two members of this choice are called `{label}`");
                self.report(
                    Diagnostic::error(Code::SAME_LABEL, message)
                        .at(expr.span, "the same name again")
                        .help("name them: `choose { a = …, b = … }`"),
                );
                failed = true;
                continue;
            }
            match self.arm(frame, ty, label, expr) {
                Some(arm) => {
                    let first = arms.first().zip(values.first());
                    failed |= !first.is_none_or(|(first, (_, place))| self.alike(first, place.span, &arm, expr.span));
                    arms.push(arm);
                }
                None => failed = true,
            }
        }
        (!failed).then_some(Domain::Choose(arms))
    }

    /// Whether two members of a choice can stand in one place; reports where they cannot.
    fn alike(&self, first: &Arm, place: Span, other: &Arm, span: Span) -> bool {
        let shapes = |arm: &Arm| {
            let (inputs, output) = sides(&arm.body);
            (inputs.into_iter().map(|(_, shape)| shape).collect::<Vec<_>>(), output)
        };
        let (wanted, found) = (shapes(first), shapes(other));
        if wanted == found {
            return true;
        }
        let show = |(inputs, output): &(Vec<Shape>, Shape)| {
            format!("{} -> {}", inputs.iter().map(|shape| show_shape(shape)).collect::<Vec<_>>().join(", "), show_shape(output))
        };
        let message = format!("`{}` and `{}` cannot stand in one place", first.label, other.label);
        self.report(
            Diagnostic::error(Code::INPUT_SHAPE, message)
                .at(span, format!("this is {}", show(&found)))
                .at(place, format!("this is {}", show(&wanted)))
                .help("every member of a choice takes and gives the same shapes"),
        );
        false
    }

    /// The name under which what `path` names is declared: another name given by an import is no part of the meaning.
    fn declared_name(&self, frame: &Rc<Frame>, path: &[Name]) -> String {
        let declared = self.find(frame.module, path, CALLABLE).and_then(|id| self.item(id));
        declared.map(|item| item.name.text.clone()).or_else(|| path.last().map(|name| name.text.clone())).unwrap_or_default()
    }

    /// One member of a choice: a graph with holes of its own, which fits the place where that is known.
    fn arm(&self, frame: &Rc<Frame>, ty: Option<&GraphType>, label: String, expr: &Expr) -> Option<Arm> {
        let mut b = Builder::new();
        let mut inner = frame.inner(Scope::at(""));
        let holes = Rc::new(RefCell::new(Vec::new()));
        inner.holes = Some(holes.clone());
        let inner = Rc::new(inner);
        let mut callable = self.callable(&inner, &mut b, expr)?;
        let mut inputs = self.inputs_of(&callable)?;
        let known =
            |ty: &&GraphType| ty.inputs.iter().all(|(_, ty)| !ty.index && ty.axes.iter().all(|axis| matches!(axis, Pattern::Fixed(_))));
        if let Some(ty) = ty.filter(known) {
            let named = ty.named || inputs.len() != ty.inputs.len();
            let wanted = ty.inputs.iter().enumerate().map(|(number, (name, ty))| {
                let name = inputs.get(number).filter(|_| !named).map_or(name, |(name, ..)| name);
                let shape = fixed(&ty.axes);
                let per_head = shape.iter().any(|size| size.contains(Symbol::HeadWidth));
                (name.clone(), shape, per_head)
            });
            inputs = wanted.collect();
            let (path, span) = (callable.path.clone(), expr.span);
            callable = Rc::new(Callable { kind: CallKind::Typed(callable, ty.clone()), path, span });
        }
        let nodes: Vec<(NodeIndex, Span)> =
            inputs.into_iter().map(|(name, shape, per_head)| (b.input(&name, shape, false, per_head), expr.span)).collect();
        let node = self.call(&mut b, &callable, &nodes, None, expr.span)?;
        let body: Graph = b.finish(node);
        let holes = holes.take();
        Some(Arm { label, holes, body })
    }

    /// The inputs of something to be called by itself: names, shapes, and whether they live in the world of one head.
    fn inputs_of(&self, callable: &Rc<Callable>) -> Option<Vec<(String, Shape, bool)>> {
        use crate::syntax::ast::{ItemBody, Type};
        match &callable.kind {
            CallKind::Declared { item, .. } => {
                let ItemBody::Signature { inputs, .. } = &self.item(*item)?.body else { return None };
                let per_head = inputs.iter().any(|param| {
                    matches!(&param.ty, Some(Type::Shape { sizes, .. }) if sizes.iter().any(|size| matches!(&size.kind, ExprKind::Path(path) if join(path) == "d")))
                });
                let types = self.input_types(inputs, &[])?;
                Some(types.into_iter().map(|(name, ty)| (name, fixed(&ty.axes), per_head)).collect())
            }
            // Anything else passes one tensor of the encoder's width on.
            _ => Some(vec![("x".to_owned(), vec![Symbol::Tokens.into(), Symbol::Hidden.into()], false)]),
        }
    }
}

/// The inputs of a graph with their shapes, and the shape of its result.
fn sides(graph: &Graph) -> (Vec<(String, Shape)>, Shape) {
    let inputs = graph.inputs().iter().filter_map(|input| graph.node(*input)).filter_map(|node| match &node.kind {
        NodeKind::Input { name, .. } => Some((name.clone(), node.shape.clone())),
        _ => None,
    });
    (inputs.collect(), graph.node(graph.output()).map(|node| node.shape.clone()).unwrap_or_default())
}

/// Whether a value is a hole or has one among its arguments. A field is looked at once: one seen through itself is a circle, which is
/// reported where it is evaluated, and so is a chain that is too long.
fn holds_hole(frame: &Rc<Frame>, expr: &Expr, seen: &mut HashSet<*const Expr>) -> bool {
    match &expr.kind {
        ExprKind::Call { callee, args } => match path_of(callee).map(|path| join(path)).as_deref() {
            Some("choose" | "dag") => true,
            _ => args.iter().any(|arg| holds_hole(frame, &arg.value, seen)),
        },
        ExprKind::With { base: Some(base), .. } => path_of(base).is_some_and(|path| join(path) == "choose"),
        ExprKind::Path(path) => match (path.as_slice(), &frame.space) {
            ([name], Some(space)) if frame.lacks(&name.text) => {
                let inner = space.fields.get(&name.text);
                inner.is_some_and(|(_, inner)| seen.len() < MAX_NESTING && seen.insert(Rc::as_ptr(inner)) && holds_hole(frame, inner, seen))
            }
            _ => false,
        },
        _ => false,
    }
}
