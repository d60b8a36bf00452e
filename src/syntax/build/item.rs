//! Imports and declarations: which parts each kind has.

use super::Builder;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::KINDS;
use crate::syntax::ast::{Item, ItemBody, Name, Param, Type, Use, UseSource};
use crate::syntax::tree::{Kind, Node};

/// The parts of a declaration, whatever its kind.
#[derive(Default)]
struct Parts<'n> {
    kind: Option<&'n Node>,
    name: Option<&'n Node>,
    lists: Vec<&'n Node>,
    output: Option<&'n Node>,
    block: Option<&'n Node>,
    value: Option<&'n Node>,
}

impl<'n> Parts<'n> {
    fn of(node: &'n Node) -> Self {
        let mut parts = Self::default();
        for part in node.parts() {
            match part.kind {
                Kind::Keyword => parts.kind = Some(part),
                Kind::Name | Kind::Text if parts.name.is_none() => parts.name = Some(part),
                Kind::Parameters => parts.lists.push(part),
                Kind::Shape | Kind::GraphType | Kind::Name => parts.output = Some(part),
                Kind::Block => parts.block = Some(part),
                Kind::Expression => parts.value = Some(part),
                _ => {}
            }
        }
        parts
    }
}

impl Builder<'_, '_> {
    pub(super) fn import(&mut self, node: &Node) -> Option<Use> {
        let mut source = None;
        let mut names = Vec::new();
        for part in node.parts() {
            match part.kind {
                Kind::Path => source = Some(UseSource::Module(self.path(part))),
                Kind::Text => source = Some(UseSource::File { path: self.unescape(part), span: self.span(part) }),
                Kind::Names => {
                    for used in part.parts().filter(|part| part.kind == Kind::UseName) {
                        let mut both = self.path(used).into_iter();
                        names.extend(both.next().map(|name| (name, both.next())));
                    }
                }
                _ => {}
            }
        }
        Some(Use { source: source?, names, span: self.span(node) })
    }

    pub(super) fn declaration(&mut self, node: &Node, doc: Vec<String>) -> Option<Item> {
        let parts = Parts::of(node);
        let (kind, titled) = (self.name(parts.kind?), parts.name?);
        let mut name = self.name(titled);
        if titled.kind == Kind::Text {
            name.text = self.unescape(titled);
        }
        if (titled.kind == Kind::Text) != (kind.text == "test") {
            let message = if titled.kind == Kind::Text {
                format!("the name of {} `{}` stands without quotes", article(&kind.text), kind.text)
            } else {
                "the title of a `test` stands in quotes".to_owned()
            };
            self.mistake(name.span, message, "");
        }
        let body = match kind.text.as_str() {
            "primitive" | "op" | "graph" => self.signature(&kind, &name, &parts),
            _ => self.record(&kind, &name, &parts),
        }?;
        Some(Item { kind, name, doc, body, span: self.span(node) })
    }

    /// The rest of a declaration that may have parameters.
    fn signature(&mut self, kind: &Name, name: &Name, parts: &Parts<'_>) -> Option<ItemBody> {
        if let Some(extra) = parts.lists.get(2) {
            self.mistake(
                self.span(extra),
                format!("{} `{}` has at most two lists of parameters", article(&kind.text), kind.text),
                "a third",
            );
        }
        let mut lists: Vec<Vec<Param>> = parts.lists.iter().take(2).map(|list| self.parameters(list)).collect();
        let inputs = lists.pop().unwrap_or_default();
        let statics = lists.pop().unwrap_or_default();
        let output = parts.output.and_then(|output| self.ty(output));
        if let Some(value) = parts.value {
            if let Some(list) = parts.lists.first().or(parts.output.as_ref()) {
                let message = Diagnostic::error(Code::SIGNATURE, "what has parameters has a body in `{ }`")
                    .at(self.span(value), "this is a value")
                    .at(self.span(list), "here it is given a signature")
                    .help("write `{ … }` in place of `= …`");
                self.diagnostics.push(message);
            }
            return Some(ItemBody::Value(self.expression(value)));
        }
        let (mut body, mut fields) = (None, Vec::new());
        match parts.block {
            Some(block) if kind.text == "primitive" => fields = self.fields(block, false).fields,
            Some(block) => body = Some(self.body(block)),
            None if kind.text == "primitive" => {}
            None => return self.empty(kind, name),
        }
        Some(ItemBody::Signature { statics, inputs, output, body, fields })
    }

    /// The rest of a declaration without parameters.
    fn record(&mut self, kind: &Name, name: &Name, parts: &Parts<'_>) -> Option<ItemBody> {
        if let Some(extra) = parts.lists.first().or(parts.output.as_ref()) {
            let message = format!("{} `{}` has no parameters and no type", article(&kind.text), kind.text);
            let help = format!("to change another one: `{} {} = another {{ … }}`", kind.text, name.text);
            self.diagnostics.push(Diagnostic::error(Code::SYNTAX, message).at(self.span(extra), "not here").help(help));
        }
        match (parts.block, parts.value) {
            (Some(block), _) if kind.text == "test" => Some(ItemBody::Statements(self.statements(block))),
            (Some(block), _) => Some(ItemBody::Fields(self.fields(block, kind.text == "space"))),
            (None, Some(value)) if kind.text == "test" => {
                self.mistake(self.span(value), "a `test` holds statements in `{ }`", "this is a value");
                None
            }
            (None, Some(value)) => Some(ItemBody::Value(self.expression(value))),
            (None, None) => self.empty(kind, name),
        }
    }

    /// Reports a declaration that ends with its name.
    fn empty(&mut self, kind: &Name, name: &Name) -> Option<ItemBody> {
        let message = format!("{} `{}` says nothing", kind.text, name.text);
        let help = "what it is follows on the same line: `{ … }`, or `= …`";
        self.diagnostics.push(Diagnostic::error(Code::SAYS_NOTHING, message).at(kind.span.to(name.span), "").help(help));
        None
    }

    fn parameters(&mut self, node: &Node) -> Vec<Param> {
        node.parts().filter(|part| part.kind == Kind::Parameter).filter_map(|part| self.parameter(part)).collect()
    }

    fn parameter(&mut self, node: &Node) -> Option<Param> {
        let mut name = None;
        let mut ty = None;
        let mut default = None;
        for part in node.parts() {
            match part.kind {
                Kind::Name if name.is_none() => name = Some(self.name(part)),
                Kind::Expression => default = Some(self.expression(part)),
                Kind::Mark => {}
                _ => ty = self.ty(part),
            }
        }
        Some(Param { name: name?, ty, default })
    }

    fn ty(&mut self, node: &Node) -> Option<Type> {
        let span = self.span(node);
        match node.kind {
            Kind::Name => Some(Type::Named(self.name(node))),
            Kind::Shape => {
                let index = node.parts().any(|part| part.kind == Kind::Keyword);
                let list = node.parts().find(|part| part.kind == Kind::List)?;
                let sizes = list.parts().filter(|part| part.kind == Kind::Expression).map(|part| self.expression(part)).collect();
                Some(Type::Shape { index, sizes, span })
            }
            Kind::GraphType => {
                let list = node.parts().find(|part| part.kind == Kind::TypeInputs)?;
                let inputs = list.parts().filter(|part| part.kind == Kind::TypeInput).filter_map(|part| self.input(part)).collect();
                let output = Box::new(self.ty(node.parts().last()?)?);
                Some(Type::Graph { inputs, output, span })
            }
            _ => None,
        }
    }

    /// An input in the type of a graph: its name, if it has one, and its type.
    fn input(&mut self, node: &Node) -> Option<(Option<Name>, Type)> {
        let named = node.parts().any(|part| part.kind == Kind::Mark);
        let name = node.parts().next().filter(|_| named).map(|part| self.name(part));
        Some((name, self.ty(node.parts().last()?)?))
    }

    /// The names a broken item seems to declare: after its kind, or in the braces of an import.
    pub(super) fn broken(&mut self, node: &Node, names: &mut Vec<Name>) {
        let is_name = |part: &&Node| {
            let word = part.text(self.text);
            part.kind == Kind::Name && word != "as" && !word.starts_with(|c: char| c.is_ascii_digit())
        };
        let mut words = node.parts().skip_while(|part| part.kind != Kind::Name);
        let first = words.next().map_or("", |word| word.text(self.text));
        if first == "use" {
            let braces = words.skip_while(|part| part.text(self.text) != "{");
            names.extend(braces.filter(is_name).map(|part| self.name(part)));
        } else if KINDS.contains(&first) {
            names.extend(words.next().filter(is_name).map(|part| self.name(part)));
        }
    }
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
