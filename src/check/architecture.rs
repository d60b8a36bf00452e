//! Architectures: a space with its holes filled.

use super::frame::{Frame, GraphType, Scope, Value};
use super::literal::{join, number, path_of, were};
use super::modules::ItemId;
use super::space::SpaceValue;
use super::{Checker, SharedSpace};
use crate::diagnostic::counted;
use crate::diagnostic::{Code, Diagnostic, Span, nearest};
use crate::graph::{Builder, Graph, Pattern, Type};
use crate::space::{Architecture, DagDomain, Domain, Filling, Hole, term};
use crate::syntax::ast::{Arg, Block, Expr, ExprKind, Field, ItemBody, Name};
use std::collections::BTreeMap;
use std::rc::Rc;

/// An architecture with its name and its space.
#[derive(Clone, Debug)]
pub(super) struct ArchitectureValue {
    pub name: String,
    pub space: SharedSpace,
    /// The fields its space was built from, for `first`.
    pub fields: Rc<SpaceValue>,
    pub architecture: Architecture,
}

fn renamed(value: &ArchitectureValue, path: &[Name]) -> Rc<ArchitectureValue> {
    let name = path.last().map_or_else(|| value.name.clone(), |name| name.text.clone());
    Rc::new(ArchitectureValue { name, ..value.clone() })
}

impl Checker<'_> {
    /// An architecture written as an expression: a name, `space { fillings }`, or `….first(k)`.
    pub(super) fn architecture_expr(&self, module: usize, expr: &Expr) -> Option<Rc<ArchitectureValue>> {
        match &expr.kind {
            ExprKind::Path(path) => match self.find(module, path, &["architecture"]) {
                // By the name it has here, which an import may have given it.
                Some(id) => self.architecture_item(id, expr.span).map(|value| renamed(&value, path)),
                None => self.unknown(module, path, &["architecture"], &[]),
            },
            ExprKind::Call { callee, args } => {
                let base = match &callee.kind {
                    ExprKind::Path(path) if path.last().is_some_and(|name| name.text == "first") && path.len() > 1 => {
                        let head = path.get(..path.len() - 1)?;
                        match self.find(module, head, &["architecture"]) {
                            Some(id) => {
                                let value = self.architecture_item(id, expr.span)?;
                                renamed(&value, head)
                            }
                            None => return self.unknown(module, head, &["architecture"], &[]),
                        }
                    }
                    ExprKind::Member { base, name } if name.text == "first" => self.architecture_expr(module, base)?,
                    _ => return self.no_architecture(expr.span),
                };
                self.first(&base, args, expr.span)
            }
            ExprKind::With { base: Some(base), block } => {
                let path = path_of(base);
                if let Some(id) = path.and_then(|path| self.find(module, path, &["space"])) {
                    let space = self.space_item(id, base.span)?;
                    return self.filled(&space, module, block, expr.span);
                }
                match path {
                    Some(path) => self.unknown(module, path, &["space"], &[]),
                    None => self.no_architecture(expr.span),
                }
            }
            ExprKind::Error => self.told_already(),
            _ => self.no_architecture(expr.span),
        }
    }

    fn no_architecture<T>(&self, span: Span) -> Option<T> {
        let help =
            "name one, as `std.architectures.bert`, take its first layers, `bert.first(4)`, or fill a space: `backbone { mixer = [ … ] }`";
        self.fail(Diagnostic::error(Code::ARCHITECTURE_WANTED, "an architecture is wanted here").at(span, "not an architecture").help(help))
    }

    pub(super) fn architecture_item(&self, id: ItemId, span: Span) -> Option<Rc<ArchitectureValue>> {
        let item = self.item(id)?;
        let ItemBody::Value(expr) = &item.body else {
            let message = format!("`{}` does not say which space it fills", item.name.text);
            return self.fail(
                Diagnostic::error(Code::ARCHITECTURE_WANTED, message)
                    .at(item.name.span, "of which space?")
                    .help("`architecture mine = backbone { mixer = [ … ] }`"),
            );
        };
        if let Some(known) = self.architectures.borrow().get(&id) {
            return known.clone().or_else(|| self.told_already());
        }
        let value = self.within(id, span, || self.architecture_expr(id.module, expr));
        let value = value.map(|value| Rc::new(ArchitectureValue { name: item.name.text.clone(), ..(*value).clone() }));
        self.architectures.borrow_mut().insert(id, value.clone());
        value
    }

    /// `architecture.first(k)`: its first `k` repetitions.
    fn first(&self, base: &Rc<ArchitectureValue>, args: &[Arg], span: Span) -> Option<Rc<ArchitectureValue>> {
        let count = match args {
            [arg] => number(&arg.value).filter(|(value, unit)| unit.is_none() && value.fract() == 0.0),
            _ => None,
        };
        let layers = base.space.declared.unwrap_or(base.space.layers);
        if !base.fields.fields.contains_key("layers") {
            let message = format!("the space of `{}` has no field `layers`", base.name);
            return self.fail(Diagnostic::error(Code::FIRST, message).at(span, "`first` sets it").help("`body = repeat(layers) { … }`"));
        }
        match count {
            Some((count, _)) if count >= 1.0 && count <= layers as f64 => {
                let mut fields = base.fields.fields.clone();
                let (_, written) = fields.get_mut("layers")?;
                *written = Rc::new(Expr { kind: ExprKind::Number { value: count, unit: None }, span });
                let fields = Rc::new(base.fields.with_fields(fields));
                let space = self.built_space(&fields)?;
                let mut architecture = base.architecture.clone();
                for hole in space.holes.iter().filter(|hole| hole.repetitions.is_some()) {
                    if let Some(fillings) = architecture.fillings.get_mut(&hole.name) {
                        fillings.truncate(hole.repetitions.unwrap_or(0));
                    }
                }
                let name = format!("{}.first({count})", base.name);
                if let Err(why) = crate::space::contains(&space, &architecture) {
                    let message = format!("`{name}` does not lie in its space of {}", counted(count as usize, "layer"));
                    let help = "`first` shortens what is repeated `layers` times";
                    return self.fail(Diagnostic::error(Code::NOT_A_MEMBER, message).at(span, why).help(help));
                }
                Some(Rc::new(ArchitectureValue { name, space, fields, architecture }))
            }
            _ => {
                let message = format!("`first` takes a whole number from 1 to {layers}, the layers of `{}`", base.name);
                self.fail(Diagnostic::error(Code::FIRST, message).at(span, "here").help(format!("`{}.first({layers})`", base.name)))
            }
        }
    }

    /// A space with its holes filled by the fields of a block; fields that are no holes change the space.
    fn filled(&self, base: &Rc<SpaceValue>, module: usize, block: &Block, span: Span) -> Option<Rc<ArchitectureValue>> {
        let unfilled = self.built_space(base)?;
        let is_hole = |name: &str| unfilled.holes.iter().any(|hole| hole.name == name);
        let (filled, changed) = block.fields.iter().cloned().partition(|field: &Field| is_hole(&join(&field.path)));
        self.each_once(&Block { fields: filled, ..block.clone() });
        let changes = Block { fields: changed, ..block.clone() };
        let fields = if changes.fields.is_empty() { base.clone() } else { Rc::new(self.changed(base, module, &changes, span)) };
        let space = self.built_space(&fields)?;
        let mut fillings = BTreeMap::new();
        for hole in &space.holes {
            let Some(field) = block.fields.iter().find(|field| join(&field.path) == hole.name) else {
                let message = format!("the hole `{}` is not filled", hole.name);
                return self
                    .fail(Diagnostic::error(Code::UNFILLED, message).at(span, "nothing fills it").help(format!("`{} = …`", hole.name)));
            };
            fillings.insert(hole.name.clone(), self.fillings(module, hole, &field.value)?);
        }
        let architecture = Architecture { fillings };
        if let Err(why) = crate::space::contains(&space, &architecture) {
            let message = format!("this architecture does not lie in `{}`", space.name);
            return self.fail(Diagnostic::error(Code::NOT_A_MEMBER, message).at(span, why).help("change it, or widen the space"));
        }
        Some(Rc::new(ArchitectureValue { name: base.name.clone(), space, fields, architecture }))
    }

    fn fillings(&self, module: usize, hole: &Hole, expr: &Expr) -> Option<Vec<Filling>> {
        let Some(count) = hole.repetitions else { return Some(vec![self.filling(module, &hole.domain, None, expr)?]) };
        let ExprKind::List(items) = &expr.kind else {
            let message = format!("`{}` is filled once for each of {count} repetitions", hole.name);
            return self.fail(
                Diagnostic::error(Code::FILLINGS, message).at(expr.span, "a list is wanted").help("`[ … ]` with one filling a line"),
            );
        };
        if items.len() != count {
            let message = format!("`{}` takes {}, and {} given", hole.name, counted(count, "filling"), were(items.len()));
            return self.fail(
                Diagnostic::error(Code::FILLINGS, message)
                    .at(expr.span, "one for each repetition")
                    .help(format!("add or remove some, or change the number of repetitions (`layers = {}`)", items.len())),
            );
        }
        let fillings: Vec<Option<Filling>> = items.iter().map(|item| self.filling(module, &hole.domain, None, item)).collect();
        fillings.into_iter().collect()
    }

    fn filling(&self, module: usize, domain: &Domain, ty: Option<&GraphType>, expr: &Expr) -> Option<Filling> {
        match domain {
            Domain::Values(values) => match number(expr) {
                Some((value, None)) if values.iter().any(|member| *member as f64 == value) => Some(Filling::Value(value as i64)),
                _ => {
                    let members: Vec<String> = values.iter().map(ToString::to_string).collect();
                    let message = "this is not a member of the choice";
                    self.fail(
                        Diagnostic::error(Code::NOT_A_MEMBER, message)
                            .at(expr.span, "not a member")
                            .help(format!("one of {}", members.join(", "))),
                    )
                }
            },
            Domain::Dag(dag) => self.dag_filling(module, dag, ty, expr),
            Domain::Choose(arms) => {
                let (label, args): (_, &[Arg]) = match &expr.kind {
                    ExprKind::Path(path) => (path.as_slice(), &[]),
                    ExprKind::Call { callee, args } => (path_of(callee).map_or(&[][..], Vec::as_slice), args),
                    _ => (&[][..], &[]),
                };
                let known: Vec<&str> = arms.iter().map(|arm| arm.label.as_str()).collect();
                let Some(arm) = label.first().and_then(|name| arms.iter().find(|arm| arm.label == name.text)) else {
                    let near = label.first().and_then(|name| nearest(&name.text, known.iter().copied()));
                    let help = near.map_or_else(|| format!("one of {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
                    return self.fail(
                        Diagnostic::error(Code::NOT_A_MEMBER, "this is not a member of the choice")
                            .at(expr.span, "not a member")
                            .help(help),
                    );
                };
                let mut holes = Vec::new();
                self.in_order(args)?;
                for (position, (name, domain)) in arm.holes.iter().enumerate() {
                    let arg = args.iter().find(|arg| arg.name.as_ref().is_some_and(|given| given.text == *name));
                    let Some(arg) = arg.or_else(|| args.get(position).filter(|arg| arg.name.is_none())) else {
                        let message = format!("`{}` needs `{name}`", arm.label);
                        return self.fail(
                            Diagnostic::error(Code::MISSING_ARGUMENT, message)
                                .at(expr.span, "not given")
                                .help(format!("`{}({name} = …)`", arm.label)),
                        );
                    };
                    holes.push((name.clone(), self.filling(module, domain, None, &arg.value)?));
                }
                if let Some(stranger) =
                    args.iter().filter_map(|arg| arg.name.as_ref()).find(|name| !arm.holes.iter().any(|(hole, _)| *hole == name.text))
                {
                    let known: Vec<&str> = arm.holes.iter().map(|(name, _)| name.as_str()).collect();
                    return self.unknown_argument(&format!("`{}`", arm.label), stranger, &known);
                }
                if args.len() > arm.holes.len() {
                    let message = format!("`{}` takes {}, and {} given", arm.label, counted(arm.holes.len(), "argument"), were(args.len()));
                    return self.fail(Diagnostic::error(Code::ARGUMENTS, message).at(expr.span, "here"));
                }
                Some(Filling::Arm { label: arm.label.clone(), holes })
            }
        }
    }

    /// A graph literal or a declared graph as a term over the dag's inputs.
    fn dag_filling(&self, module: usize, dag: &DagDomain, _ty: Option<&GraphType>, expr: &Expr) -> Option<Filling> {
        let mut b = Builder::new();
        let frame = Rc::new(Frame::root(module, Scope::at("")));
        let Value::Graph(callable) = self.eval(&frame, &mut b, expr)? else {
            let message = "a graph is wanted here";
            return self.fail(
                Diagnostic::error(Code::GRAPH_WANTED, message)
                    .at(expr.span, "not a graph")
                    .help("`graph(q, k, v) { … }`, or the name of a graph"),
            );
        };
        let typed = |shape: &[crate::graph::Dim]| Type { axes: shape.iter().cloned().map(Pattern::Fixed).collect(), index: false };
        let inputs = dag.inputs.iter().map(|(name, shape)| (name.clone(), typed(shape))).collect();
        let ty = GraphType { inputs, output: typed(&dag.output), named: true };
        let nodes: Vec<_> = dag.inputs.iter().map(|(name, shape)| (b.input(name, shape.clone(), false, true), expr.span)).collect();
        let typed =
            Rc::new(super::frame::Callable { kind: super::frame::CallKind::Typed(callable, ty), path: String::new(), span: expr.span });
        let output = self.call(&mut b, &typed, &nodes, None, expr.span)?;
        let graph: Graph = b.finish(output);
        match term::from_graph(&graph, &dag.inputs) {
            Ok(term) => Some(Filling::Dag(term)),
            Err(why) => {
                let help = "inside a `dag` stand only the operations of its set, on its inputs";
                self.fail(Diagnostic::error(Code::NOT_A_MEMBER, "this graph cannot fill the `dag`").at(expr.span, why).help(help))
            }
        }
    }
}
