//! Two files compared by meaning: declaration by declaration, whatever their layout, their order and the files they are split into.

use super::Checker;
use super::changes::Comparison;
use super::modules::ItemId;
use crate::diagnostic::{Span, counted};
use crate::graph::{Graph, Op, canonical, hash};
use crate::settings::{Kind, schema_of};
use crate::space::{Change, architecture_changes, edits, members, ratio, short, space_changes, term, text};
use crate::syntax::ast::Param;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What became of a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It means something else.
    Changed,
}

/// A declaration that is not the same in both files.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Its kind: `experiment`, `space`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its name in the second file, where it has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed: Option<String>,
    /// What became of it.
    pub status: Status,
    /// How it stands on either side as a whole: the size of a space and their ratio, the fingerprint of an experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// Where it changed.
    pub changes: Vec<Change>,
}

/// A file with the checker that knows it, and its key.
pub type SideOf<'c> = (&'c Checker<'c>, &'c str);

/// What differs in meaning between two files that have no mistakes: first what is gone or changed, in the order of the first, then what
/// is new. Tests and imports have no part in it.
pub fn differences(before: SideOf<'_>, after: SideOf<'_>) -> Vec<Difference> {
    let both = Comparison { before: before.0, after: after.0 };
    let (left, right) = (Side::of(before), Side::of(after));
    let mut found = Vec::new();
    for (id, kind, name) in &left.own {
        let plain = |status, whole, changes| Difference { kind: kind.clone(), name: name.clone(), renamed: None, status, whole, changes };
        match partner((id, kind, name), &left, &right) {
            None => found.push(plain(Status::Removed, None, Vec::new())),
            Some((other, _, now)) => {
                let (whole, changes) = both.declaration(kind, *id, *other);
                let renamed = (now != name).then(|| now.clone());
                if renamed.is_some() || whole.is_some() || !changes.is_empty() {
                    found.push(Difference { renamed, ..plain(Status::Changed, whole, changes) });
                }
            }
        }
    }
    for (id, kind, name) in &right.own {
        if partner((id, kind, name), &right, &left).is_none() {
            let (kind, name) = (kind.clone(), name.clone());
            found.push(Difference { kind, name, renamed: None, status: Status::Added, whole: None, changes: Vec::new() });
        }
    }
    found
}

/// A declaration with its kind and its name.
type Declared = (ItemId, String, String);

/// A file's declarations, and those of the files it imports: one that has moved there is neither gone nor new.
struct Side {
    own: Vec<Declared>,
    imported: Vec<Declared>,
}

impl Side {
    fn of((checker, key): SideOf<'_>) -> Self {
        let declared = |key: &str| {
            let items = checker.world.items_of(key).into_iter().filter_map(|id| Some((id, checker.item(id)?)));
            let items = items.filter(|(_, item)| item.kind.text != "test");
            items.map(|(id, item)| (id, item.kind.text.clone(), item.name.text.clone())).collect::<Vec<_>>()
        };
        let others = checker.world.files().filter(|other| *other != key);
        Self { own: declared(key), imported: others.flat_map(declared).collect() }
    }

    fn find(&self, kind: &str, name: &str) -> Option<&Declared> {
        self.own.iter().chain(&self.imported).find(|(_, other, same)| other == kind && same == name)
    }

    /// Its own of a kind that the other lacks.
    fn alone<'s>(&'s self, other: &Self, kind: &str) -> impl Iterator<Item = &'s Declared> {
        self.own.iter().filter(move |(_, same, name)| same == kind && other.find(kind, name).is_none())
    }
}

/// The declaration of the same kind and name; where each side has one of the kind that the other lacks, it is the same under another name.
fn partner<'d>((_, kind, name): (&ItemId, &String, &String), side: &Side, other: &'d Side) -> Option<&'d Declared> {
    if let Some(found) = other.find(kind, name) {
        return Some(found);
    }
    let mut unknown = other.alone(side, kind);
    unknown.next().filter(|_| side.alone(other, kind).count() == 1 && unknown.next().is_none())
}

/// What is said of the whole, and the changes.
type Told = (Option<String>, Vec<Change>);

impl Comparison<'_> {
    fn declaration(&self, kind: &str, before: ItemId, after: ItemId) -> Told {
        let told = match kind {
            "experiment" => Some(self.experiment(before, after)),
            "space" => self.space(before, after),
            "architecture" => self.architecture(before, after),
            "graph" => self.graph(before, after).map(|changes| (None, changes)),
            "op" | "primitive" => self.op(before, after).map(|changes| (None, changes)),
            "ops" => self.set(before, after).map(|changes| (None, changes)),
            kind => schema_of(kind).map(|schema| (None, self.record(schema, before, after))),
        };
        told.unwrap_or_default()
    }

    fn record(&self, schema: fn() -> &'static crate::settings::Schema, before: ItemId, after: ItemId) -> Vec<Change> {
        let of = |checker: &Checker<'_>, id| checker.record_item(id, schema(), Span::default());
        let mut changes = Vec::new();
        if let (Some(one), Some(other)) = (of(self.before, before), of(self.after, after)) {
            self.changes(Kind::Record(schema), "", &one, &other, &mut changes);
        }
        changes
    }

    fn experiment(&self, before: ItemId, after: ItemId) -> Told {
        let changes = self.record(crate::settings::Experiment::schema, before, after);
        let (one, other) = (self.before.experiment(before, &[]), self.after.experiment(after, &[]));
        let whole = one.zip(other).filter(|(one, other)| one.fingerprint != other.fingerprint).map(|(one, other)| {
            let mut text = format!("fingerprint {:.8} → {:.8}", one.fingerprint.to_string(), other.fingerprint.to_string());
            let (counts, others) = (one.space.count(), other.space.count());
            if counts != others {
                text += &format!(", architectures {}", ratio(&counts, &others));
            }
            text
        });
        (whole, changes)
    }

    fn space(&self, before: ItemId, after: ItemId) -> Option<Told> {
        let of = |checker: &Checker<'_>, id| checker.space_item(id, Span::default()).and_then(|space| checker.built_space(&space));
        let (one, other) = (of(self.before, before)?, of(self.after, after)?);
        let changes = space_changes(&one, &other);
        let (counts, others) = (one.count(), other.count());
        let whole = (!changes.is_empty()).then(|| {
            format!("{} → {}, {}", short(&counts.to_string()), counted(short(&others.to_string()), "architecture"), ratio(&counts, &others))
        });
        Some((whole, changes))
    }

    fn architecture(&self, before: ItemId, after: ItemId) -> Option<Told> {
        let one = self.before.architecture_item(before, Span::default())?;
        let other = self.after.architecture_item(after, Span::default())?;
        let changes = architecture_changes((&one.space, &one.architecture), (&other.space, &other.architecture));
        let whole = crate::space::distance(&one.space, &one.architecture, &other.architecture)
            .filter(|edits| *edits > 0)
            .map(|edits| format!("{edits} edit{}", if edits == 1 { "" } else { "s" }));
        Some((whole.filter(|_| !changes.is_empty()), changes))
    }

    fn graph(&self, before: ItemId, after: ItemId) -> Option<Vec<Change>> {
        let mut changes = graph_changes(&self.before.graph(before)?, &self.after.graph(after)?);
        // Callers give static parameters by name, or leave them at their defaults.
        let (one, other) = (defaults(self.before, before), defaults(self.after, after));
        let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        let differ = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
        changes.extend(differ.map(|name| Change::new(name, one.get(name).cloned(), other.get(name).cloned())));
        Some(changes)
    }

    fn op(&self, before: ItemId, after: ItemId) -> Option<Vec<Change>> {
        let (one, other) = (self.before.op(before)?, self.after.op(after)?);
        if one == other && one.laws == other.laws {
            return Some(Vec::new());
        }
        let changes = one.body.as_ref().zip(other.body.as_ref()).map_or_else(Vec::new, |(one, other)| graph_changes(one, other));
        let signature = |op: &Op| {
            let inputs: Vec<String> = op.inputs.iter().map(|(name, ty)| format!("{name}: {}", crate::graph::op::show_type(ty))).collect();
            Some(format!("({}) -> {}", inputs.join(", "), crate::graph::op::show_type(&op.output)))
        };
        Some(if changes.is_empty() { vec![Change::new("signature", signature(&one), signature(&other))] } else { changes })
    }

    fn set(&self, before: ItemId, after: ItemId) -> Option<Vec<Change>> {
        let of = |checker: &Checker<'_>, id: ItemId| match &checker.item(id)?.body {
            crate::syntax::ast::ItemBody::Value(expr) => checker.op_set(id.module, expr),
            _ => None,
        };
        let named = |ops: Vec<Op>| ops.iter().map(|op| (op.name.clone(), op.identity.clone())).collect();
        let mut changes = Vec::new();
        members("", named(of(self.before, before)?), named(of(self.after, after)?), &mut changes);
        Some(changes)
    }
}

/// The static parameters of a declared graph with their defaults.
fn defaults(checker: &Checker<'_>, id: ItemId) -> BTreeMap<String, String> {
    let written = |param: &Param| match &param.default {
        Some(default) => checker.world.sources.snippet(default.span).split_whitespace().collect::<Vec<_>>().join(" "),
        None => "must be given".to_owned(),
    };
    checker.statics(id).iter().map(|param| (param.name.text.clone(), written(param))).collect()
}

/// How two graphs differ: their formulas and the edits between them where they are expressions, else their sizes.
fn graph_changes(before: &Graph, after: &Graph) -> Vec<Change> {
    if hash(before) == hash(after) {
        return Vec::new();
    }
    let inputs = |graph: &Graph| {
        let nodes = graph.inputs().iter().filter_map(|index| graph.node(*index));
        let named = nodes.filter_map(|node| match &node.kind {
            crate::graph::NodeKind::Input { name, .. } => Some((name.clone(), node.shape.clone())),
            _ => None,
        });
        named.collect::<Vec<_>>()
    };
    let (left, right) = (inputs(before), inputs(after));
    let names: Vec<String> = left.iter().map(|(name, _)| name.clone()).collect();
    if let (Ok(one), Ok(other)) = (term::from_graph(before, &left), term::from_graph(after, &left)) {
        let (before, after) = (text::to_source(&one, &names), text::to_source(&other, &names));
        return vec![Change { path: String::new(), before: Some(before), after: Some(after), edits: edits(&one, &other, &names) }];
    }
    let told = |graph: &Graph, inputs: usize| {
        Some(format!("a graph of {}", counted(canonical(graph).order().len().saturating_sub(inputs), "operation")))
    };
    let (one, other) = (told(before, left.len()), told(after, right.len()));
    let mut changes = if one == other { Vec::new() } else { vec![Change::new("", one, other)] };
    let operations = |graph: &Graph| {
        let mut counts = BTreeMap::<String, usize>::new();
        graph
            .order()
            .iter()
            .filter_map(|index| graph.node(*index)?.op_name())
            .for_each(|name| *counts.entry(name.to_owned()).or_default() += 1);
        counts
    };
    let (one, other) = (operations(before), operations(after));
    for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
        let (one, other) = (one.get(name), other.get(name));
        if one != other {
            changes.push(Change::new(name, one.map(ToString::to_string), other.map(ToString::to_string)));
        }
    }
    if changes.is_empty() { vec![Change::new("", None, Some("the same operations, joined another way".to_owned()))] } else { changes }
}
