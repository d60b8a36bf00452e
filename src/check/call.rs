//! Calls: static arguments make an instance with parameters of its own, tensors make nodes.

use super::Checker;
use super::elaborate::{CallKind, Callable, Frame, GraphType, Scope, Slot, Value};
use super::modules::ItemId;
use super::names::CALLABLE;
use super::record::{counted, path_of, were};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::dim::show_shape;
use crate::graph::op::show_type;
use crate::graph::weights::PARAMETERISED;
use crate::graph::{Attr, Builder, Dim, HoleRef, NodeIndex, Op, OpDef};
use crate::syntax::ast::{Arg, Expr, ExprKind, Item, ItemBody, Param, Type as AstType};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What may stand in the first parentheses of a call.
const NO_TENSOR: &str = "static arguments are sizes, numbers, texts and graphs";

/// Operations of a graph, about, at most.
const LARGEST: usize = 100_000;

impl Checker<'_> {
    pub(super) fn eval_call(&self, frame: &Rc<Frame>, b: &mut Builder, callee: &Expr, args: &[Arg], span: Span) -> Option<Value> {
        if let Some([name]) = path_of(callee).map(Vec::as_slice)
            && frame_lacks(frame, &name.text)
        {
            match name.text.as_str() {
                "choose" | "dag" => return self.stray_hole(span),
                "per_head" | "tie" => return self.builtin(frame, b, &name.text, args, span),
                _ => {}
            }
        }
        // A declared graph with two lists: the first call gives the static ones, unless all have defaults and a tensor is given.
        if let Some(path) = path_of(callee)
            && (path.len() > 1 || path.first().is_some_and(|name| frame_lacks(frame, &name.text) && !self.is_space_name(frame, &name.text)))
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
        let mut names = Vec::new();
        for arg in args {
            let value = self.eval(frame, b, &arg.value);
            nodes.push(value.and_then(|value| self.node(value, arg.value.span)).map(|node| (node, arg.value.span)));
            names.push(arg.name.as_ref().map(|name| name.text.clone()));
        }
        let callable = callable?;
        let nodes = nodes.into_iter().collect::<Option<Vec<_>>>()?;
        let names =
            if names.iter().all(Option::is_some) && !names.is_empty() { names.into_iter().collect::<Option<Vec<_>>>() } else { None };
        self.call(b, &callable, &nodes, names.as_deref(), span).map(Value::Node)
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
                [name] => slot(frame, &name.text).is_some_and(|(slot, home)| match slot {
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

    fn statics(&self, item: ItemId) -> &[Param] {
        match self.item(item).map(|item| &item.body) {
            Some(ItemBody::Signature { statics, .. }) => statics,
            _ => &[],
        }
    }

    /// An instance of a declared graph or operation: static arguments bound, a path of its own.
    pub(super) fn instance(&self, frame: &Rc<Frame>, b: &mut Builder, item: ItemId, args: &[Arg], span: Span) -> Option<Rc<Callable>> {
        let declared = self.item(item)?;
        let what = format!("`{}`", declared.name.text);
        let params = self.statics(item);
        let mut given: BTreeMap<&str, &Expr> = BTreeMap::new();
        for (position, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => params.iter().find(|param| param.name.text == name.text),
                None => params.get(position),
            };
            match (param, &arg.name) {
                (Some(param), _) => {
                    given.insert(&param.name.text, &arg.value);
                }
                (None, Some(name)) => {
                    let known: Vec<&str> = params.iter().map(|param| param.name.text.as_str()).collect();
                    return self.unknown_argument(&what, name, &known);
                }
                (None, None) => {
                    let message = format!("{what} takes {}", counted(params.len(), "static argument"));
                    return self
                        .fail(Diagnostic::error(Code::ARGUMENTS, message).at(arg.value.span, "one too many").help(self.called(declared)));
                }
            }
        }
        let mut statics = BTreeMap::new();
        for param in params {
            let name = param.name.text.as_str();
            let value = match (given.get(name), &param.default) {
                (Some(expr), _) => self.static_argument(frame, b, item, param, expr)?,
                (None, Some(default)) => {
                    // A default belongs to the declaration: it sees that module's names, and takes its path here.
                    let home = Rc::new(Frame::root(item.module, frame.scope.clone()));
                    self.static_argument(&home, b, item, param, default)?
                }
                (None, None) => {
                    let message = format!("{what} needs `{name}`");
                    return self.fail(
                        Diagnostic::error(Code::MISSING_ARGUMENT, message)
                            .at(span, format!("`{name}` is not given"))
                            .help(self.called(declared)),
                    );
                }
            };
            statics.insert(name.to_owned(), value);
        }
        let path = frame.scope.next(&declared.name.text);
        let kind = match declared.kind.text.as_str() {
            "graph" => CallKind::Declared { item, statics },
            _ => CallKind::Op { op: self.op(item)?, statics },
        };
        Some(Rc::new(Callable { kind, path, span }))
    }

    pub(super) fn static_argument(&self, frame: &Rc<Frame>, b: &mut Builder, item: ItemId, param: &Param, expr: &Expr) -> Option<Value> {
        let expected = param.ty.as_ref();
        let graph_type = match expected {
            Some(AstType::Graph { inputs, output, .. }) => Some(self.graph_type(item.module, inputs, output)?),
            _ => None,
        };
        if self.is_hole(frame, expr) {
            return self.hole_argument(frame, &param.name.text, graph_type.as_ref(), expr);
        }
        let value = self.eval(frame, b, expr)?;
        let name = &param.name.text;
        let kind = match expected {
            Some(AstType::Named(name)) => name.text.as_str(),
            Some(AstType::Graph { .. }) => "graph",
            _ => "",
        };
        match (kind, value) {
            ("graph", Value::Graph(callable)) => {
                let ty = graph_type?;
                let span = callable.span;
                let path = callable.path.clone();
                Some(Value::Graph(Rc::new(Callable { kind: CallKind::Typed(callable, ty), path, span })))
            }
            ("number", Value::Size(size)) => match size.constant() {
                Some(value) => Some(Value::Number(value as f64)),
                None => self.wrong_static(name, "a number", self.source_of(frame, expr), NO_TENSOR.to_owned()),
            },
            ("size", Value::Size(size)) if self.owns(item) && size.constant().is_some_and(|size| size < 1) => {
                let message = format!("`{name}` is at least 1");
                let this = format!("this is {size}");
                self.fail(Diagnostic::error(Code::SIZE, message).at(self.source_of(frame, expr), this).help("sizes are whole and above 0"))
            }
            ("size" | "", value @ (Value::Size(_) | Value::Hole(_))) => Some(value),
            ("number" | "", value @ Value::Number(_)) => Some(value),
            ("text" | "", value @ Value::Text(_)) => Some(value),
            ("", value) => Some(value),
            (kind, value) => {
                let called = self.item(item).map_or("linear", |item| item.name.text.as_str());
                let help = match value {
                    Value::Node(_) => format!("tensors go into parentheses of their own, behind the others: `{called}(…)(x)`"),
                    _ => NO_TENSOR.to_owned(),
                };
                self.wrong_static(name, &format!("a {kind}"), self.source_of(frame, expr), help)
            }
        }
    }

    fn wrong_static<T>(&self, name: &str, wanted: &str, place: Span, help: String) -> Option<T> {
        let message = format!("`{name}` is {wanted}");
        self.fail(Diagnostic::error(Code::STATIC_ARGUMENT, message).at(place, format!("{wanted} is wanted here")).help(help))
    }

    /// Whether it is a primitive, whose sizes are those of its parameters.
    fn owns(&self, item: ItemId) -> bool {
        self.item(item).is_some_and(|item| item.kind.text == "primitive")
    }

    /// Where the value of an expression is written: a name that is a field of the space leads to that field.
    pub(super) fn source_of(&self, frame: &Rc<Frame>, expr: &Expr) -> Span {
        let ExprKind::Path(path) = &expr.kind else { return expr.span };
        let ([name], Some(space)) = (path.as_slice(), &frame.space) else { return expr.span };
        space.fields.get(&name.text).filter(|_| frame_lacks(frame, &name.text)).map_or(expr.span, |(_, field)| field.span)
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
                let path = if PARAMETERISED.contains(&op.name.as_str()) || op.name == "dropout" { callable.path.as_str() } else { "" };
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
                    let scope = Scope::at(Scope::at(callable.path.clone()).next(&format!("layer.{number}")));
                    let mut inner = frame.inner(scope);
                    // Nested repeats number their repetitions through.
                    inner.repetition = Some(frame.repetition.unwrap_or(0) * count + number / tie);
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
            let by_name: Option<Vec<_>> =
                inputs.iter().map(|input| names.iter().position(|name| name == input).and_then(|at| args.get(at)).copied()).collect();
            if let Some(found) = by_name {
                return Some(found);
            }
        }
        if inputs.len() == args.len() {
            return Some(args.to_vec());
        }
        let message = format!("`{}` takes {}, and {} given", what.trim_matches('`'), counted(inputs.len(), "input"), were(args.len()));
        self.fail(Diagnostic::error(Code::INPUTS, message).at(span, "called here").help(help()))
    }

    pub(super) fn apply(
        &self,
        b: &mut Builder,
        op: &Op,
        attrs: BTreeMap<String, Attr>,
        path: &str,
        args: &[(NodeIndex, Span)],
        span: Span,
    ) -> Option<NodeIndex> {
        let nodes: Vec<NodeIndex> = args.iter().map(|(node, _)| *node).collect();
        let result = b.apply(op, attrs, path, &nodes);
        if let Err(error) = &result
            && !error.world
        {
            let shapes: Vec<Vec<Dim>> = nodes.iter().map(|node| b.shape(*node)).collect();
            let mut diagnostic = Diagnostic::error(
                Code::SHAPE,
                format!("`{}` cannot take {}", op.name, shapes.iter().map(|shape| show_shape(shape)).collect::<Vec<_>>().join(" and ")),
            );
            for (position, ((_, at), shape)) in args.iter().zip(&shapes).enumerate() {
                let text = if position == error.argument { error.why.clone() } else { format!("this is {}", show_shape(shape)) };
                diagnostic = diagnostic.at(*at, text);
            }
            // The place at fault comes first.
            let at_fault = error.argument.min(diagnostic.labels.len().saturating_sub(1));
            if !diagnostic.labels.is_empty() {
                diagnostic.labels.swap(0, at_fault);
            }
            return self.fail(diagnostic.help(self.mend(op, &shapes, error.argument)));
        }
        self.built(result, args, span)
    }

    /// Where transposing one operand mends a shape, says so; otherwise shows the signature.
    fn mend(&self, op: &Op, shapes: &[Vec<Dim>], at_fault: usize) -> String {
        let order = (at_fault..shapes.len()).chain(0..at_fault);
        for at in order {
            let mut turned = shapes.to_vec();
            if let Some(shape) = turned.get_mut(at).filter(|shape| shape.len() == 2) {
                shape.reverse();
            }
            if op.infer(&turned, &BTreeMap::new()).is_ok() {
                let name = op.inputs.get(at).map_or("", |(name, _)| name);
                return format!("`transpose` of the {} operand (`{name}`) would fit", if at == 0 { "first" } else { "second" });
            }
        }
        signature(op)
    }

    /// A built node, or the builder's complaint as a diagnostic.
    pub(super) fn built(
        &self,
        result: Result<NodeIndex, crate::graph::ShapeError>,
        args: &[(NodeIndex, Span)],
        span: Span,
    ) -> Option<NodeIndex> {
        match result {
            Ok(node) => Some(node),
            Err(error) => {
                let at = args.get(error.argument).map_or(span, |(_, at)| *at);
                let (code, help) = if error.world {
                    (Code::WORLD, "what is inside `per_head(…)` sees one head; pass values in as its arguments")
                } else {
                    (Code::SHAPE, "see `docs/language.md` for the shapes of the primitives")
                };
                self.fail(Diagnostic::error(code, error.why).at(at, "here").help(help))
            }
        }
    }
}

/// Whether no binding in scope has this name.
fn frame_lacks(frame: &Rc<Frame>, name: &str) -> bool {
    slot(frame, name).is_none()
}

fn slot(frame: &Rc<Frame>, name: &str) -> Option<(Slot, Rc<Frame>)> {
    let mut frame = Some(frame.clone());
    while let Some(current) = frame {
        if let Some(slot) = current.slots.borrow().get(name) {
            return Some((slot.clone(), current.clone()));
        }
        frame = current.parent.clone();
    }
    None
}

fn attributes(statics: &BTreeMap<String, Value>) -> BTreeMap<String, Attr> {
    let attr = |value: &Value| match value {
        Value::Size(size) => Some(Attr::Size(size.clone())),
        Value::Number(value) => Some(Attr::Number(*value)),
        Value::Hole(hole) => Some(Attr::Hole(hole.clone())),
        _ => None,
    };
    statics.iter().filter_map(|(name, value)| Some((name.clone(), attr(value)?))).collect()
}

/// An operation with what it takes and gives.
fn signature(op: &Op) -> String {
    let inputs: Vec<String> = op.inputs.iter().map(|(name, ty)| format!("{name}: {}", show_type(ty))).collect();
    format!("`{}({}) -> {}`", op.name, inputs.join(", "), show_type(&op.output))
}

fn transposed(wanted: &[Dim], found: &[Dim]) -> String {
    if wanted.iter().rev().eq(found) {
        "`transpose` of the result would fit".to_owned()
    } else {
        "every input and the result have the shapes that the parameter's type states".to_owned()
    }
}
