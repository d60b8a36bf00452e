//! Expressions of a graph's body to nodes, sizes and callable graphs.

use super::Checker;
use super::frame::{CallKind, Callable, Frame, Slot, Value};
use super::literal::{join, number, path_of};
use super::names::CALLABLE;
use crate::diagnostic::{Code, Diagnostic, Span, nearest};
use crate::graph::dim::show_shape;
use crate::graph::{Builder, Dim, NodeIndex, Op, Symbol};
use crate::syntax::ast::{Arg, BinaryOp, Body, Expr, ExprKind, Name};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Checker<'_> {
    /// The result of a body. Bindings are evaluated when first used, so that the canonical path of a parameter does not depend
    /// on the order of bindings; unused ones are evaluated last, for their mistakes.
    pub(super) fn body(&self, frame: &Rc<Frame>, b: &mut Builder, body: &Body) -> Option<Value> {
        for (name, value) in &body.bindings {
            let again = frame.slots.borrow_mut().insert(name.text.clone(), Slot::Pending(Rc::new(value.clone()))).is_some();
            if again {
                let message = format!("`{}` is bound twice", name.text);
                self.report(
                    Diagnostic::error(Code::BOUND_TWICE, message).at(name.span, "bound again").help("give one of them another name"),
                );
            }
        }
        let result = match &body.result {
            Some(result) => self.eval(frame, b, result),
            None => {
                let message = "a body ends with its result";
                self.fail(
                    Diagnostic::error(Code::NO_RESULT, message)
                        .at(body.span, "no last expression")
                        .help("write the result as the last line"),
                )
            }
        };
        for (name, _) in &body.bindings {
            self.local(frame, b, &name.text);
        }
        result
    }

    /// A name in scope; `None` where there is none, `Some(None)` where it failed.
    fn local(&self, frame: &Rc<Frame>, b: &mut Builder, name: &str) -> Option<Option<Value>> {
        let slot = frame.slots.borrow().get(name).cloned();
        match slot {
            Some(Slot::Ready(value)) => Some(Some(value)),
            Some(Slot::Failed) => Some(None),
            Some(Slot::Pending(expr)) => {
                // While it is evaluated, the name stands for what it meant before.
                frame.slots.borrow_mut().remove(name);
                let value = self.eval(frame, b, &expr);
                let slot = value.clone().map_or(Slot::Failed, Slot::Ready);
                frame.slots.borrow_mut().insert(name.to_owned(), slot);
                Some(value)
            }
            None => frame.parent.as_ref().and_then(|parent| self.local(parent, b, name)),
        }
    }

    pub(super) fn eval(&self, frame: &Rc<Frame>, b: &mut Builder, expr: &Expr) -> Option<Value> {
        match &expr.kind {
            ExprKind::Path(path) => self.eval_path(frame, b, path, expr.span),
            ExprKind::Number { .. } => match number(expr) {
                Some((value, None)) if value.fract() == 0.0 && value.abs() < 9e15 => Some(Value::Size(Dim::from(value as i64))),
                Some((value, None)) => Some(Value::Number(value)),
                Some((_, Some(unit))) => {
                    let message = format!("a size has no unit `{unit}`");
                    self.fail(Diagnostic::error(Code::UNIT, message).at(expr.span, "a plain number is wanted").help("leave the unit out"))
                }
                None => None,
            },
            ExprKind::Text(text) => Some(Value::Text(text.clone())),
            ExprKind::Call { callee, args } => self.eval_call(frame, b, callee, args, expr.span),
            ExprKind::Pipe { value, into } => {
                let argument = self.eval(frame, b, value);
                let callable = self.callable(frame, b, into);
                let (argument, callable) = (self.node(argument?, value.span)?, callable?);
                self.call(b, &callable, &[(argument, value.span)], None, into.span).map(Value::Node)
            }
            ExprKind::Graph { params, body } => Some(Value::Graph(Rc::new(Callable {
                kind: CallKind::Literal { params: params.clone(), body: Rc::new(body.clone()), frame: frame.clone() },
                path: frame.scope.next("graph"),
                span: expr.span,
            }))),
            ExprKind::Repeat { args, body } => self.eval_repeat(frame, b, args, body, expr.span),
            ExprKind::Neg(inner) => match self.eval(frame, b, inner)? {
                Value::Size(size) => Some(Value::Size(Dim::default().plus(&size, -1)?)),
                Value::Number(value) => Some(Value::Number(-value)),
                value => {
                    let node = self.node(value, inner.span)?;
                    self.operator(b, "neg", &[(node, inner.span)], expr.span)
                }
            },
            ExprKind::Binary { op, left, right } => self.eval_binary(frame, b, *op, left, right, expr.span),
            ExprKind::With { base, .. } if base.as_ref().and_then(|base| path_of(base)).is_some_and(|path| join(path) == "choose") => {
                self.stray_hole(expr.span)
            }
            ExprKind::Error => self.told_already(),
            _ => {
                let message = "this has no meaning inside a graph";
                let help = "a graph is built of names, calls, operators, `graph(…) { … }` and `repeat(…) { … }`";
                self.fail(Diagnostic::error(Code::NOT_A_TENSOR, message).at(expr.span, "not a tensor, a size or a graph").help(help))
            }
        }
    }

    fn eval_path(&self, frame: &Rc<Frame>, b: &mut Builder, path: &[Name], span: Span) -> Option<Value> {
        if let [name] = path {
            if let Some(value) = self.local(frame, b, &name.text) {
                return value;
            }
            if let Some(value) = self.space_name(frame, b, &name.text, span) {
                return value;
            }
            if let Some(symbol) = Symbol::from_letter(&name.text) {
                return Some(Value::Size(symbol.into()));
            }
        }
        match self.find(frame.module, path, CALLABLE) {
            Some(item) => self.instance(frame, b, item, &[], span).map(Value::Graph),
            None => {
                let locals = frame.names();
                let fields = frame.space.iter().flat_map(|space| space.fields.keys()).map(String::as_str);
                let extra: Vec<&str> = locals.iter().map(String::as_str).chain(fields).chain(["per_head", "tie"]).collect();
                self.unknown(frame.module, path, CALLABLE, &extra)
            }
        }
    }

    fn eval_binary(&self, frame: &Rc<Frame>, b: &mut Builder, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Option<Value> {
        let name = match op {
            BinaryOp::Add => "add",
            BinaryOp::Sub => "sub",
            BinaryOp::Mul => "mul",
            BinaryOp::MatMul => "matmul",
            _ => {
                let message = "a comparison has no meaning inside a graph";
                return self.fail(Diagnostic::error(Code::COMPARISON, message).at(span, "here").help("comparisons belong in `require`"));
            }
        };
        let (x, y) = (self.eval(frame, b, left), self.eval(frame, b, right));
        match (x?, y?) {
            (Value::Size(x), Value::Size(y)) => {
                let size = match op {
                    BinaryOp::Add => x.plus(&y, 1),
                    BinaryOp::Sub => x.plus(&y, -1),
                    BinaryOp::Mul => x.times(&y),
                    _ => None,
                };
                match size {
                    Some(size) => Some(Value::Size(size)),
                    None => self.fail(
                        Diagnostic::error(Code::SIZE, "this size cannot be computed")
                            .at(span, "too large, or not + - *")
                            .help("sizes go up to 2⁶³ − 1"),
                    ),
                }
            }
            (x, y) => {
                let (x, y) = (self.node(x, left.span), self.node(y, right.span));
                self.operator(b, name, &[(x?, left.span), (y?, right.span)], span)
            }
        }
    }

    fn eval_repeat(&self, frame: &Rc<Frame>, b: &mut Builder, args: &[Arg], body: &Body, span: Span) -> Option<Value> {
        let mut count = None;
        let mut tie = 1;
        self.in_order(args)?;
        for (position, arg) in args.iter().enumerate() {
            let value = self.eval(frame, b, &arg.value)?;
            let given = if let Value::Size(size) = &value { size.constant() } else { None };
            let number = match value {
                Value::Size(size) => {
                    size.constant().and_then(|value| usize::try_from(value).ok()).filter(|value| (1..=4096).contains(value))
                }
                _ => None,
            };
            let Some(number) = number else {
                self.mistakes_of_one(frame, body, span);
                let message = "`repeat` takes a whole number from 1 to 4096";
                let this = given.map_or_else(|| "this is none".to_owned(), |given| format!("this is {given}"));
                return self.fail(
                    Diagnostic::error(Code::REPEAT, message).at(self.source_of(frame, &arg.value), this).help("write `repeat(12) { … }`"),
                );
            };
            match (position, arg.name.as_ref().map(|name| name.text.as_str())) {
                (_, Some("tie")) => tie = number,
                (0, None | Some("count")) => count = Some(number),
                _ => {
                    let message = "`repeat` takes a count and `tie`";
                    return self.fail(
                        Diagnostic::error(Code::REPEAT, message)
                            .at(arg.value.span, "not understood")
                            .help("write `repeat(12, tie = 2) { … }`"),
                    );
                }
            }
        }
        let Some(count) = count else {
            return self
                .fail(Diagnostic::error(Code::REPEAT, "`repeat` needs a count").at(span, "how often?").help("write `repeat(12) { … }`"));
        };
        let kind = CallKind::Repeat { count, tie, body: Rc::new(body.clone()), frame: frame.clone() };
        Some(Value::Graph(Rc::new(Callable { kind, path: frame.scope.stack(), span })))
    }

    /// Looks at the body of a `repeat` whose count is wrong for mistakes of its own.
    fn mistakes_of_one(&self, frame: &Rc<Frame>, body: &Body, span: Span) {
        let mut b = Builder::new();
        let x = b.input("x", vec![Symbol::Tokens.into(), Symbol::Hidden.into()], false, false);
        let kind = CallKind::Repeat { count: 1, tie: 1, body: Rc::new(body.clone()), frame: frame.clone() };
        let _mistakes = self.call(&mut b, &Rc::new(Callable { kind, path: String::new(), span }), &[(x, span)], None, span);
    }

    /// Applies the primitive behind an operator.
    fn operator(&self, b: &mut Builder, name: &str, args: &[(NodeIndex, Span)], span: Span) -> Option<Value> {
        let op = self.standard_op(name)?;
        self.apply(b, &op, BTreeMap::new(), "", args, span).map(Value::Node)
    }

    /// The value as something to be called.
    pub(super) fn callable(&self, frame: &Rc<Frame>, b: &mut Builder, expr: &Expr) -> Option<Rc<Callable>> {
        let found = self.eval(frame, b, expr)?;
        // The place decides what is meant by a name that a size has, too.
        if let (Value::Size(_), ExprKind::Path(path)) = (&found, &expr.kind)
            && let Some(item) = self.find(frame.module, path, CALLABLE)
        {
            return self.instance(frame, b, item, &[], expr.span);
        }
        match found {
            Value::Graph(callable) => Some(callable),
            other => {
                let what = self.describe(b, &other);
                let message = format!("a graph is wanted here, and this is {what}");
                self.fail(
                    Diagnostic::error(Code::GRAPH_WANTED, message)
                        .at(expr.span, "cannot be called")
                        .help("name a graph or an operation, or write `graph(x) { … }`"),
                )
            }
        }
    }

    /// The value as a tensor.
    pub(super) fn node(&self, value: Value, span: Span) -> Option<NodeIndex> {
        match value {
            Value::Node(node) => Some(node),
            Value::Graph(_) => {
                let message = "a tensor is wanted here, and this is a graph";
                self.fail(
                    Diagnostic::error(Code::NOT_A_TENSOR, message)
                        .at(span, "not called yet")
                        .help("call it with its inputs, as in `feed_forward(x)`"),
                )
            }
            _ => {
                let message = "a tensor is wanted here, and this is a number";
                self.fail(
                    Diagnostic::error(Code::NOT_A_TENSOR, message)
                        .at(span, "not a tensor")
                        .help("graphs have no constants; `scale` divides by √d"),
                )
            }
        }
    }

    pub(super) fn describe(&self, b: &Builder, value: &Value) -> String {
        match value {
            Value::Node(node) => format!("a tensor {}", show_shape(&b.shape(*node))),
            Value::Size(size) => format!("the size {size}"),
            Value::Number(value) => format!("the number {value}"),
            Value::Text(text) => format!("the text \"{text}\""),
            Value::Graph(_) => "a graph".to_owned(),
            Value::Hole(hole) => format!("the hole `{}`", hole.name),
        }
    }

    pub(super) fn stray_hole<T>(&self, span: Span) -> Option<T> {
        let message = "a choice can stand only in a space";
        let help = "make it a field of the space, as in `mixer = choose { … }`, and name the field in `body`";
        self.fail(Diagnostic::error(Code::HOLE, message).at(span, "nothing fills it here").help(help))
    }

    /// An operation met where a name of a set of operations is wanted.
    pub(super) fn op_named(&self, module: usize, path: &[Name]) -> Option<Op> {
        match self.find(module, path, &["op", "primitive"]) {
            Some(item) => self.op(item),
            None => self.unknown(module, path, &["op", "primitive"], &[]),
        }
    }

    /// Reports an argument name that nothing takes.
    pub(super) fn unknown_argument<T>(&self, what: &str, name: &Name, known: &[&str]) -> Option<T> {
        let help = match nearest(&name.text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it takes: {}", known.join(", ")),
        };
        let message = format!("{what} has no parameter `{}`", name.text);
        self.fail(Diagnostic::error(Code::UNKNOWN_PARAMETER, message).at(name.span, "unknown parameter").help(help))
    }
}
