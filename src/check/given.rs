//! What is given: each thing once, and in an order that leaves no doubt which is which.

use super::Checker;
use super::frame::{CallKind, Callable};
use crate::diagnostic::{Code, Diagnostic, Span, nearest};
use crate::syntax::ast::{Arg, Block, ItemBody, Name};
use std::rc::Rc;

impl Checker<'_> {
    /// Reports fields of a block that are given again, and wholes behind a part of theirs, which would be lost.
    pub(super) fn each_once(&self, block: &Block) {
        let mut seen: Vec<(String, Span)> = Vec::new();
        for field in &block.fields {
            let written = field.path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
            let span = field.path.iter().map(|name| name.span).reduce(Span::to).unwrap_or(field.span);
            let part = format!("{written}.");
            if let Some((earlier, first)) = seen.iter().find(|(name, _)| *name == written || name.starts_with(&part)) {
                let (message, help) = match *earlier == written {
                    true => (format!("`{written}` is given twice"), "keep one of them".to_owned()),
                    false => (
                        format!("`{written}` is given as a whole behind its part `{earlier}`, which is lost"),
                        format!("give the whole first, or `{earlier}` within it"),
                    ),
                };
                let told = Diagnostic::error(Code::DUPLICATE_FIELD, message).at(span, "given again").at(*first, "given here first");
                self.report(told.help(help));
            }
            seen.push((written, span));
        }
    }

    /// Whether no argument without a name stands behind one with a name, and no name is there twice; reports what does.
    pub(super) fn in_order(&self, args: &[Arg]) -> Option<()> {
        let mut named: Vec<&Name> = Vec::new();
        for arg in args {
            match (&arg.name, named.last()) {
                (Some(name), _) => {
                    if let Some(first) = named.iter().find(|other| other.text == name.text) {
                        return self.given_twice(&name.text, name.span, first.span);
                    }
                    named.push(name);
                }
                (None, Some(before)) => {
                    let message = "an argument without a name stands behind one with a name";
                    let told =
                        Diagnostic::error(Code::ARGUMENTS, message).at(arg.value.span, "which one is this?").at(before.span, "named");
                    return self.fail(told.help("name it, or put it first"));
                }
                (None, None) => {}
            }
        }
        Some(())
    }

    pub(super) fn given_twice<T>(&self, name: &str, again: Span, first: Span) -> Option<T> {
        let told = Diagnostic::error(Code::DUPLICATE_FIELD, format!("`{name}` is given twice")).at(again, "given again");
        self.fail(told.at(first, "given here first").help("keep one of them"))
    }

    /// Reports names of parameters that stand twice.
    pub(super) fn distinct<'n>(&self, names: impl Iterator<Item = &'n Name>) {
        let mut seen: Vec<&Name> = Vec::new();
        for name in names {
            if let Some(first) = seen.iter().find(|other| other.text == name.text) {
                let told = Diagnostic::error(Code::BOUND_TWICE, format!("two parameters are called `{}`", name.text));
                self.report(told.at(name.span, "the same name again").at(first.span, "here first").help("give one of them another name"));
            }
            seen.push(name);
        }
    }

    /// The values of arguments in the order of what is called, some of which are named; `None` where names are wrong, which is reported.
    pub(super) fn by_name<T>(&self, callable: &Rc<Callable>, args: &[Arg], values: Vec<T>) -> Option<Vec<T>> {
        let Some(name) = args.iter().find_map(|arg| arg.name.as_ref()) else { return Some(values) };
        let Some(inputs) = self.names_of(callable) else {
            let told = Diagnostic::error(Code::UNKNOWN_PARAMETER, "the tensors of this call have no names").at(name.span, "a name");
            return self.fail(told.help("give them in their order"));
        };
        let mut placed: Vec<(usize, T)> = Vec::new();
        let mut spans: Vec<(usize, Span)> = Vec::new();
        for ((number, arg), value) in args.iter().enumerate().zip(values) {
            let place = match &arg.name {
                None => number,
                Some(name) => match inputs.iter().position(|input| *input == name.text) {
                    Some(place) => place,
                    None => {
                        let told = Diagnostic::error(Code::UNKNOWN_PARAMETER, format!("there is no input `{}`", name.text));
                        let near = nearest(&name.text, inputs.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
                        let help = near.unwrap_or_else(|| format!("its inputs: {}", inputs.join(", ")));
                        return self.fail(told.at(name.span, "no such input").help(help));
                    }
                },
            };
            let span = arg.name.as_ref().map_or(arg.value.span, |name| name.span);
            if let Some((_, first)) = spans.iter().find(|(other, _)| *other == place) {
                return self.given_twice(inputs.get(place).map_or("", String::as_str), span, *first);
            }
            spans.push((place, span));
            placed.push((place, value));
        }
        placed.sort_by_key(|(place, _)| *place);
        Some(placed.into_iter().map(|(_, value)| value).collect())
    }

    /// The names of the tensors that something takes, where it has any.
    fn names_of(&self, callable: &Rc<Callable>) -> Option<Vec<String>> {
        match &callable.kind {
            CallKind::Op { op, .. } => Some(op.inputs.iter().map(|(name, _)| name.clone()).collect()),
            CallKind::Declared { item, .. } => match &self.item(*item)?.body {
                ItemBody::Signature { inputs, .. } => Some(inputs.iter().map(|param| param.name.text.clone()).collect()),
                _ => None,
            },
            CallKind::Literal { params, .. } => Some(params.iter().map(|name| name.text.clone()).collect()),
            CallKind::PerHead(inner) | CallKind::Tied(inner, _) => self.names_of(inner),
            CallKind::Hole { all, .. } => Some(all.clone()),
            CallKind::Typed(_, ty) | CallKind::Opaque(ty) => ty.named.then(|| ty.inputs.iter().map(|(name, _)| name.clone()).collect()),
            CallKind::Repeat { .. } => None,
        }
    }
}
