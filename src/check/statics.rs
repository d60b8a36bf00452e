//! Static arguments: sizes, numbers, texts and graphs that make an instance with parameters of its own.

use super::Checker;
use super::apply::varies;
use super::frame::{CallKind, Callable, Frame, Value};
use super::modules::ItemId;
use crate::diagnostic::{Code, Diagnostic, Span, counted};
use crate::graph::Builder;
use crate::syntax::ast::{Arg, Expr, ExprKind, ItemBody, Param, Type as AstType};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What may stand in the first parentheses of a call.
const NO_TENSOR: &str = "static arguments are sizes, numbers, texts and graphs";

impl Checker<'_> {
    pub(super) fn statics(&self, item: ItemId) -> &[Param] {
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
        self.in_order(args)?;
        for (position, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => params.iter().find(|param| param.name.text == name.text),
                None => params.get(position),
            };
            match (param, &arg.name) {
                (Some(param), _) => {
                    if let Some(first) = given.insert(&param.name.text, &arg.value) {
                        return self.given_twice(&param.name.text, arg.value.span, first.span);
                    }
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
            Some(AstType::Graph { inputs, output, .. }) => Some(self.graph_type(inputs, output)?),
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
            ("size", Value::Size(size)) if self.owns(item) && varies(&size) => {
                let message = format!("`{name}` is the size of a parameter, and {size} differs from sentence to sentence");
                let told = Diagnostic::error(Code::SIZE, message).at(self.source_of(frame, expr), "not known before a sentence is");
                self.fail(told.help("a parameter's sizes are numbers, or those of the model: h, f, d, a, v, m"))
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
        space.fields.get(&name.text).filter(|_| frame.lacks(&name.text)).map_or(expr.span, |(_, field)| field.span)
    }
}
