//! An experiment written back as one self-contained source: records resolved, declarations gathered from their files.

use super::Checker;
use super::modules::{ItemId, group};
use super::record::plain;
use super::unused::{each_path, has_local};
use super::value::Val;
use super::written::Writer;
use crate::diagnostic::Span;
use crate::settings::{Experiment, Kind};
use crate::syntax;
use crate::syntax::ast::{Expr, ItemBody};

use serde_json::Value;
use std::collections::BTreeMap;

/// What a name in a space's fields may mean.
const NAMED_IN_SPACES: &[&str] = &["graph", "op", "primitive", "ops", "space"];

/// A space as a source of its own: what `best.phyla` begins with.
#[derive(Clone, Debug)]
pub struct SpaceSource {
    /// The declarations it needs, formatted.
    pub text: String,
    /// The name it has among them.
    pub name: String,
}

/// The declarations that an experiment's space and known architectures need, each once, under names of their own.
pub(super) struct Bundle<'c, 'w> {
    checker: &'c Checker<'w>,
    experiment: ItemId,
    /// In an order in which each follows what it needs.
    items: Vec<ItemId>,
    names: BTreeMap<ItemId, String>,
    space: Span,
    compare: Vec<Span>,
}

impl<'c, 'w> Bundle<'c, 'w> {
    pub(super) fn new(checker: &'c Checker<'w>, experiment: ItemId, value: &Val) -> Self {
        let space = match value.get(&["space"]) {
            Some(Val::Space(_, span)) => *span,
            _ => Span::default(),
        };
        let compare = match value.get(&["compare"]) {
            Some(Val::List(items, _)) => items.iter().map(Val::span).collect(),
            _ => Vec::new(),
        };
        let mut bundle = Self { checker, experiment, items: Vec::new(), names: BTreeMap::new(), space, compare };
        // The space's own declarations come first and keep their names.
        bundle.gather(space);
        for span in bundle.compare.clone() {
            bundle.gather(span);
        }
        bundle
    }

    /// The space that the experiment names, on its own; `None` where it names none.
    pub(super) fn space(&self) -> Option<SpaceSource> {
        if self.space == Span::default() {
            return None;
        }
        let mut text = String::new();
        let needed = self.reachable(self.space);
        for item in self.items.iter().filter(|item| needed.contains(item)) {
            text += &self.declaration(*item);
        }
        let written = self.text(self.space);
        let name = match self.items.iter().find(|item| self.names.get(item) == Some(&written)) {
            Some(_) => written,
            None => {
                text += &format!("space searched = {written}\n");
                "searched".to_owned()
            }
        };
        Some(SpaceSource { text: formatted(&text), name })
    }

    /// The whole experiment, formatted.
    pub(super) fn experiment(&self, settings: &Experiment) -> String {
        let mut text = String::from("//! A resolved experiment: every record in full, every declaration in this file.\n\n");
        for item in &self.items {
            text += &self.declaration(*item);
        }
        let fields = serde_json::to_value(settings).unwrap_or_default();
        let mut writer = Writer::new(self.checker.files);
        let mut lines = String::new();
        for field in Experiment::schema().fields {
            let name = plain(field);
            let value = match field.kind {
                _ if name == "name" => continue,
                Kind::Space if settings.space.is_empty() => continue,
                Kind::Space => self.text(self.space),
                Kind::List(Kind::Architecture) => {
                    let known: Vec<String> = self.compare.iter().map(|span| self.text(*span)).collect();
                    format!("[{}]", known.join(", "))
                }
                kind => match fields.get(name) {
                    None | Some(Value::Null) => continue,
                    Some(value) => writer.value(kind, value),
                },
            };
            lines += &format!("{name} = {value}\n");
        }
        text += &writer.declarations;
        text += &format!("experiment {} {{\n{lines}}}\n", settings.name);
        formatted(&text)
    }

    /// Adds what stands behind the names within a place, what that needs first.
    fn gather(&mut self, span: Span) {
        for target in self.targets(span) {
            if self.names.contains_key(&target) || target == self.experiment {
                continue;
            }
            let Some(item) = self.checker.item(target) else { continue };
            // Its own check evaluates all that it names, defaults included.
            if item.kind.text == "graph" {
                self.checker.graph(target);
            }
            // Fields that another space has changed are written out as well, and have never been looked at.
            match &item.body {
                ItemBody::Fields(block) if item.kind.text == "space" => {
                    block.fields.iter().for_each(|field| self.name_all(target.module, &field.value));
                }
                ItemBody::Value(changed) if item.kind.text == "space" => self.name_all(target.module, changed),
                _ => {}
            }
            let mut name = item.name.text.clone();
            // In a table `best` is what the search finds.
            let reserved = |name: &str| name == "best" && item.kind.text == "architecture";
            while reserved(&name)
                || self.captured(target, &name)
                || self.names.iter().any(|(other, taken)| *taken == name && self.group(*other) == self.group(target))
            {
                name.push_str("_2");
            }
            self.names.insert(target, name);
            self.gather(item.span);
            self.items.push(target);
        }
    }

    /// Whether something within what names a declaration is called so itself, as where an import gave it another name.
    fn captured(&self, target: ItemId, name: &str) -> bool {
        if !NAMED_IN_SPACES.contains(&self.checker.item(target).map_or("", |item| item.kind.text.as_str())) {
            return false;
        }
        let named = |span: Span| self.targets(span).contains(&target);
        let mut items = self.checker.world.modules.iter().flat_map(|module| &module.ast.items);
        items.any(|item| has_local(item, name) && named(item.span))
    }

    /// Notes what the names within an expression mean, where evaluation has not done so.
    fn name_all(&self, module: usize, expr: &Expr) {
        each_path(expr, &mut |path, span| {
            let known = self.checker.references.borrow().contains_key(&span);
            if !known {
                let _noted = self.checker.find(module, path, NAMED_IN_SPACES);
            }
        });
    }

    fn reachable(&self, span: Span) -> Vec<ItemId> {
        let mut found = Vec::new();
        let mut open = vec![span];
        while let Some(span) = open.pop() {
            for target in self.targets(span) {
                if !found.contains(&target) {
                    found.push(target);
                    open.extend(self.checker.item(target).map(|item| item.span));
                }
            }
        }
        found
    }

    /// Whether two declarations of one name would be a mistake.
    fn group(&self, id: ItemId) -> &str {
        group(self.checker.item(id).map_or("", |item| &item.kind.text))
    }

    /// The declarations, primitives aside, that names within a place mean.
    fn targets(&self, span: Span) -> Vec<ItemId> {
        let references = self.checker.references.borrow();
        let inside = references.iter().filter(|(place, _)| place.file == span.file && place.start >= span.start && place.end <= span.end);
        inside
            .map(|(_, target)| *target)
            .filter(|target| self.checker.item(*target).is_some_and(|item| item.kind.text != "primitive"))
            .collect()
    }

    /// The text of a place with every name replaced by the one it has here.
    fn text(&self, span: Span) -> String {
        let sources = &self.checker.world.sources;
        let references = self.checker.references.borrow();
        let mut text = String::new();
        let mut at = span.start;
        for (place, target) in
            references.iter().filter(|(place, _)| place.file == span.file && place.start >= span.start && place.end <= span.end)
        {
            let Some(name) = self.written(*target).filter(|_| place.start >= at) else { continue };
            text += sources.snippet(Span { start: at, end: place.start, ..span });
            text += &name;
            at = place.end;
        }
        text + sources.snippet(Span { start: at, ..span })
    }

    /// The name of a declaration here; `None` where it keeps the one that is written.
    fn written(&self, target: ItemId) -> Option<String> {
        if let Some(name) = self.names.get(&target) {
            return Some(name.clone());
        }
        // A primitive that a declaration of this file hides is told by its whole name.
        let item = self.checker.item(target).filter(|item| item.kind.text == "primitive")?;
        let hidden = self.names.values().any(|taken| *taken == item.name.text);
        hidden.then(|| format!("std.prelude.{}", item.name.text))
    }

    fn declaration(&self, id: ItemId) -> String {
        let (Some(item), Some(name)) = (self.checker.item(id), self.names.get(&id)) else { return String::new() };
        let docs: String =
            item.doc.iter().map(|line| format!("///{}{line}\n", if line.is_empty() || line.starts_with(' ') { "" } else { " " })).collect();
        let head = Span { end: item.name.span.start, ..item.span };
        let tail = Span { start: item.name.span.end, ..item.span };
        format!("{docs}{}{name}{}\n\n", self.checker.world.sources.snippet(head), self.text(tail))
    }
}

/// In the canonical layout; the text as it is where the formatter refuses it, which would be a defect the checker shows next.
fn formatted(text: &str) -> String {
    syntax::format(text).unwrap_or_else(|_| text.to_owned())
}
