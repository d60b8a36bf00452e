//! Calls: of a declared graph with static arguments, and of anything with tensors, which makes nodes.

use super::Checker;
use super::apply::{attributes, signature};
use super::frame::below;
use super::frame::{CallKind, Callable, Frame, GraphType, Scope, Slot, Value};
use super::literal::{path_of, were};
use super::names::CALLABLE;
use crate::diagnostic::counted;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::dim::show_shape;
use crate::graph::op::show_type;
use crate::graph::weights::owns_parameters;
use crate::graph::{Builder, Dim, HoleRef, NodeIndex, OpDef};
use crate::syntax::ast::{Arg, Expr, ExprKind, Item};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Operations of a graph, about, at most.
pub(super) const LARGEST: usize = 100_000;

impl Checker<'_> {
    pub(super) fn eval_call(&self, frame: &Rc<Frame>, b: &mut Builder, callee: &Expr, args: &[Arg], span: Span) -> Option<Value> {
        if let Some([name]) = path_of(callee).map(Vec::as_slice)
            && frame.lacks(&name.text)
        {
            match name.text.as_str() {
                "choose" | "dag" => return self.stray_hole(span),
                "per_head" | "tie" => return self.builtin(frame, b, &name.text, args, span),
                _ => {}
            }
        }
        // A declared graph with two lists: the first call gives the static ones, unless all have defaults and a tensor is given.
        if let Some(path) = path_of(callee)
            && (path.len() > 1 || path.first().is_some_and(|name| frame.lacks(&name.text) && !self.is_space_name(frame, &name.text)))
        {
            let Some(item) = self.find(frame.module, path, CALLABLE) else {
                return self.eval(frame, b, callee).and(None);
            };
            let statics = self.statics(item);
            let all_default = statics.iter().all(|param| param.default.is_some());
            let tensors_only = all_default && self.gives_tensor(frame, args);
            if !statics.is_empty() && !tensors_only {
                return self.instance(frame, b, item, args, span).map(Value::Graph);
            }
        }
        let callable = self.callable(frame, b, callee);
        let mut nodes = Vec::new();
        for arg in args {
            let value = self.eval(frame, b, &arg.value);
            nodes.push(value.and_then(|value| self.node(value, arg.value.span)).map(|node| (node, arg.value.span)));
        }
        let callable = callable?;
        let nodes = nodes.into_iter().collect::<Option<Vec<_>>>()?;
        self.in_order(args)?;
        let nodes = self.by_name(&callable, args, nodes)?;
        self.call(b, &callable, &nodes, None, span).map(Value::Node)
    }

    fn builtin(&self, frame: &Rc<Frame>, b: &mut Builder, name: &str, args: &[Arg], span: Span) -> Option<Value> {
        let graphs: Vec<Rc<Callable>> = args.iter().map(|arg| self.callable(frame, b, &arg.value)).collect::<Option<_>>()?;
        let kind = match (name, graphs.as_slice()) {
            ("per_head", [body]) => CallKind::PerHead(body.clone()),
            ("tie", [a, with]) => CallKind::Tied(a.clone(), with.clone()),
            _ => {
                let (count, help) = if name == "tie" {
                    (2, "`tie(unembed, word)` gives `unembed` the weight of `word`")
                } else {
                    (1, "`per_head(mix)(q, k, v)`")
                };
                let message = format!("`{name}` takes {}, and {} given", counted(count, "graph"), were(graphs.len()));
                return self.fail(Diagnostic::error(Code::INPUTS, message).at(span, "here").help(help));
            }
        };
        Some(Value::Graph(Rc::new(Callable { kind, path: frame.scope.path.clone(), span })))
    }

    /// Whether the first argument is a tensor.
    fn gives_tensor(&self, frame: &Rc<Frame>, args: &[Arg]) -> bool {
        match args.first() {
            Some(Arg { name: None, value }) => self.is_tensor(frame, value),
            _ => false,
        }
    }

    /// Whether an expression is a tensor, told from its form and from the names in scope.
    fn is_tensor(&self, frame: &Rc<Frame>, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Path(path) => match path.as_slice() {
                [name] => frame.slot(&name.text).is_some_and(|(slot, home)| match slot {
                    Slot::Ready(Value::Node(_)) => true,
                    // While it is looked at, the name stands for what it meant before, as when it is evaluated.
                    Slot::Pending(expr) => {
                        home.slots.borrow_mut().remove(&name.text);
                        let tensor = self.is_tensor(&home, &expr);
                        home.slots.borrow_mut().insert(name.text.clone(), Slot::Pending(expr));
                        tensor
                    }
                    _ => false,
                }),
                _ => false,
            },
            ExprKind::Pipe { .. } => true,
            ExprKind::Neg(inner) => self.is_tensor(frame, inner),
            ExprKind::Binary { left, right, .. } => self.is_tensor(frame, left) || self.is_tensor(frame, right),
            // A call gives a tensor where its own arguments are tensors.
            ExprKind::Call { args, .. } => args.iter().any(|arg| self.is_tensor(frame, &arg.value)),
            _ => false,
        }
    }

    /// Calls with tensors; `names` tell which input each argument is, where inputs bind by name.
    pub(super) fn call(
        &self,
        b: &mut Builder,
        callable: &Rc<Callable>,
        args: &[(NodeIndex, Span)],
        names: Option<&[String]>,
        span: Span,
    ) -> Option<NodeIndex> {
        // Calls within calls double a graph with each line.
        if b.nodes() > LARGEST {
            // Whoever else calls the outermost one need not come as far to know it.
            self.enormous.borrow_mut().extend(self.busy.borrow().first());
            let message = format!("this graph has more than {LARGEST} operations");
            return self.fail(
                Diagnostic::error(Code::GRAPH_SIZE, message)
                    .at(span, "it becomes too large here")
                    .help("a graph that calls another twice is twice as large; bind what is used twice to a name: `y = f(x)`"),
            );
        }
        match &callable.kind {
            CallKind::Op { op, statics } => {
                let wanted: Vec<String> = op.inputs.iter().map(|(name, _)| name.clone()).collect();
                let ordered = self.bind_inputs(&wanted, args, names, &op.name, &|| signature(op), span)?;
                let attrs = attributes(statics);
                let draws = op.body.is_none() && op.name == "dropout";
                let path = if owns_parameters(op) || draws { callable.path.as_str() } else { "" };
                let node = self.apply(b, op, attrs, path, &ordered, span)?;
                if let Some(Value::Text(label)) = statics.get("name")
                    && !label.is_empty()
                {
                    b.annotate(node, Some(label.clone()), None);
                }
                Some(node)
            }
            CallKind::Declared { item, statics } => self.call_declared(b, *item, statics, &callable.path, args, names, span),
            CallKind::Literal { params, body, frame } => {
                self.distinct(params.iter());
                let wanted: Vec<String> = params.iter().map(|name| name.text.clone()).collect();
                if let Some(names) = names
                    && let Some(stranger) = params.iter().find(|param| !names.contains(&param.text))
                {
                    let message = format!("there is no input `{}` here", stranger.text);
                    let help = match names {
                        [] => "a graph of q, k and v gets its inputs from `attention(…)`".to_owned(),
                        _ => format!("the inputs are: {}", names.join(", ")),
                    };
                    return self.fail(Diagnostic::error(Code::UNKNOWN_INPUT, message).at(stranger.span, "not an input").help(help));
                }
                let ordered =
                    self.bind_inputs(&wanted, args, names, "this graph", &|| format!("its inputs: {}", wanted.join(", ")), span)?;
                let inner = Rc::new(frame.inner(Scope::at(callable.path.clone())));
                for (name, (node, _)) in wanted.iter().zip(&ordered) {
                    inner.bind(name, Value::Node(*node));
                }
                let result = self.body(&inner, b, body)?;
                self.node(result, body.result.as_ref().map_or(body.span, |result| result.span))
            }
            CallKind::PerHead(inner) => {
                let inside: Vec<(NodeIndex, Span)> = args
                    .iter()
                    .map(|(node, at)| self.built(b.split_heads(*node), args, span).map(|node| (node, *at)))
                    .collect::<Option<_>>()?;
                let result = self.call(b, inner, &inside, names, span)?;
                self.built(b.merge_heads(result), &[(result, inner.span)], span)
            }
            CallKind::Tied(inner, with) => {
                let node = self.call(b, inner, args, names, span)?;
                b.annotate(node, None, Some(with.path.clone()));
                Some(node)
            }
            CallKind::Hole { hole, all, inputs, output } => {
                let all = names.unwrap_or(all);
                if all.len() != args.len() {
                    let message = format!("`{}` takes {}, and {} given", hole.name, counted(all.len(), "input"), were(args.len()));
                    let help = format!("it takes {}", all.join(", "));
                    return self.fail(Diagnostic::error(Code::INPUTS, message).at(span, "called here").help(help));
                }
                let mut used: Vec<NodeIndex> = Vec::new();
                for (input, shape) in inputs {
                    let Some((node, at)) = all.iter().position(|name| name == input).and_then(|at| args.get(at)) else { continue };
                    let found = b.shape(*node);
                    if found != *shape {
                        let message = format!("what fills `{}` cannot take this", hole.name);
                        let diagnostic = Diagnostic::error(Code::INPUT_SHAPE, message)
                            .at(*at, format!("this is {}", show_shape(&found)))
                            .at(callable.span, format!("its members take {}", show_shape(shape)));
                        return self.fail(diagnostic.help("every member of a choice takes what it is given"));
                    }
                    used.push(*node);
                }
                let node = self.built(b.hole(hole.clone(), output.clone(), &used), args, span)?;
                b.place(node, &callable.path);
                Some(node)
            }
            CallKind::Repeat { count, tie, body, frame } => {
                let [(first, at)] = args else {
                    let message = format!("`repeat` passes one tensor on, and {} given", were(args.len()));
                    return self.fail(Diagnostic::error(Code::INPUTS, message).at(span, "here"));
                };
                let mut value = *first;
                for number in 0..*count {
                    let scope = Scope::at(below(&callable.path, &format!("layer.{number}")));
                    let mut inner = frame.inner(scope);
                    // Nested repeats number their repetitions through.
                    inner.repetition = Some(frame.repetition.unwrap_or(0) * count.div_ceil(*tie) + number / tie);
                    let inner = Rc::new(inner);
                    let result = self.body(&inner, b, body)?;
                    let Value::Graph(layer) = result else {
                        let message = "the body of `repeat` is a graph, to be called again and again";
                        return self.fail(
                            Diagnostic::error(Code::GRAPH_WANTED, message)
                                .at(body.span, "this is no graph")
                                .help("as in `repeat(12) { encoder_layer(mixer) }`"),
                        );
                    };
                    value = self.call(b, &layer, &[(value, *at)], None, body.span)?;
                }
                Some(value)
            }
            CallKind::Typed(inner, ty) => self.call_typed(b, inner, ty, args, span),
            CallKind::Opaque(ty) => {
                let shape = self.expected(ty, b, args, span)?;
                let nodes: Vec<NodeIndex> = args.iter().map(|(node, _)| *node).collect();
                self.built(b.hole(HoleRef { name: callable.path.clone(), repetition: None }, shape, &nodes), args, span)
            }
        }
    }

    /// A graph passed as an argument: its result is checked against what the parameter promises.
    fn call_typed(
        &self,
        b: &mut Builder,
        inner: &Rc<Callable>,
        ty: &GraphType,
        args: &[(NodeIndex, Span)],
        span: Span,
    ) -> Option<NodeIndex> {
        let wanted = self.expected(ty, b, args, span)?;
        let names: Vec<String> = ty.inputs.iter().map(|(name, _)| name.clone()).collect();
        let node = self.call(b, inner, args, ty.named.then_some(&names), span)?;
        let found = b.shape(node);
        if found != wanted {
            let message = format!("this graph is to give {} and gives {}", show_shape(&wanted), show_shape(&found));
            return self.fail(
                Diagnostic::error(Code::RESULT_SHAPE, message)
                    .at(inner.span, format!("gives {}", show_shape(&found)))
                    .help(transposed(&wanted, &found)),
            );
        }
        Some(node)
    }

    /// The result shape that a graph's type promises for these arguments.
    fn expected(&self, ty: &GraphType, b: &Builder, args: &[(NodeIndex, Span)], span: Span) -> Option<Vec<Dim>> {
        let signature = OpDef {
            name: String::new(),
            identity: String::new(),
            doc: String::new(),
            statics: Vec::new(),
            inputs: ty.inputs.clone(),
            output: ty.output.clone(),
            laws: crate::graph::Laws::default(),
            body: None,
        };
        let shapes: Vec<Vec<Dim>> = args.iter().map(|(node, _)| b.shape(*node)).collect();
        if shapes.len() != ty.inputs.len() {
            let message = format!("this graph takes {}, and {} given", counted(ty.inputs.len(), "input"), were(shapes.len()));
            let inputs: Vec<String> = ty.inputs.iter().map(|(_, ty)| show_type(ty)).collect();
            return self
                .fail(Diagnostic::error(Code::INPUTS, message).at(span, "called here").help(format!("it takes {}", inputs.join(", "))));
        }
        match signature.infer(&shapes, &BTreeMap::new()) {
            Ok(shape) => Some(shape),
            Err((at, why)) => {
                let span = args.get(at).map_or(span, |(_, span)| *span);
                self.fail(Diagnostic::error(Code::INPUT_SHAPE, "a shape does not fit the graph's input").at(span, why))
            }
        }
    }

    /// A declared graph or operation as it is called.
    pub(super) fn called(&self, declared: &Item) -> String {
        format!("`{}{}`", declared.name.text, self.world.signature(declared))
    }

    /// Arguments in the order of `inputs`: by position, or by name where names are known.
    pub(super) fn bind_inputs(
        &self,
        inputs: &[String],
        args: &[(NodeIndex, Span)],
        names: Option<&[String]>,
        what: &str,
        help: &dyn Fn() -> String,
        span: Span,
    ) -> Option<Vec<(NodeIndex, Span)>> {
        if let Some(names) = names {
            let places: Vec<Option<usize>> = inputs.iter().map(|input| names.iter().position(|name| name == input)).collect();
            if let Some(found) = places.iter().map(|at| args.get((*at)?).copied()).collect::<Option<Vec<_>>>() {
                return Some(found);
            }
            // Inputs with names of their own bind in order; where a known one stands elsewhere, either way would surprise.
            let moved = places.iter().enumerate().any(|(place, at)| at.is_some_and(|at| at != place));
            if let Some((stranger, _)) = inputs.iter().zip(&places).find(|(_, at)| at.is_none()).filter(|_| moved) {
                let message = format!("{} takes `{stranger}`, and is given {}", quoted(what), names.join(", "));
                let told =
                    Diagnostic::error(Code::UNKNOWN_INPUT, message).at(span, "some of its inputs have these names, and some have not");
                return self.fail(told.help("name its inputs as those that it is given, or none of them so"));
            }
        }
        if inputs.len() == args.len() {
            return Some(args.to_vec());
        }
        let message = format!("{} takes {}, and {} given", quoted(what), counted(inputs.len(), "input"), were(args.len()));
        self.fail(Diagnostic::error(Code::INPUTS, message).at(span, "called here").help(help()))
    }
}

fn quoted(what: &str) -> String {
    if what.contains(' ') { what.to_owned() } else { format!("`{what}`") }
}

fn transposed(wanted: &[Dim], found: &[Dim]) -> String {
    if wanted.iter().rev().eq(found) {
        "`transpose` of the result would fit".to_owned()
    } else {
        "every input and the result have the shapes that the parameter's type states".to_owned()
    }
}
