//! What differs between two values of a field's type, told field by field.

use super::Checker;
use super::experiment::identity;
use super::fingerprint::describe;
use super::record::plain;
use super::space::SpaceValue;
use super::value::{Fields, Val};
use super::written::Writer;
use crate::diagnostic::counted;
use crate::settings::{Field, Kind, Variant};
use crate::space::{self, Change, Space};
use std::rc::Rc;

/// Two checkers whose values are compared; one and the same where both stand in one file.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'c> {
    pub before: &'c Checker<'c>,
    pub after: &'c Checker<'c>,
}

impl Comparison<'_> {
    /// Adds what differs between two values of one type.
    pub(super) fn changes(&self, kind: Kind, path: &str, before: &Val, after: &Val, into: &mut Vec<Change>) {
        match (kind, before, after) {
            (Kind::Optional(kind), ..) if !is_null(before) && !is_null(after) => self.changes(*kind, path, before, after, into),
            (Kind::Record(schema), Val::Record(before, _), Val::Record(after, _)) => {
                self.field_changes(schema().fields, path, before, after, into);
            }
            (Kind::OneOf(variants), Val::Variant(one, before, _), Val::Variant(other, after, _)) if one == other => {
                self.field_changes(fields_of(variants(), one), path, before, after, into);
            }
            (Kind::List(Kind::Record(schema)), Val::List(before, _), Val::List(after, _))
                if before.iter().chain(after).all(|item| named(item).is_some()) =>
            {
                self.member_changes(Kind::Record(*schema), path, before, after, into);
            }
            (Kind::Space, Val::Space(before, _), Val::Space(after, _)) => self.space_changes(path, before, after, into),
            _ if self.same(kind, before, after) => {}
            _ => into.push(Change::new(path, self.before.shown(kind, before), self.after.shown(kind, after))),
        }
    }

    fn field_changes(&self, schema: &'static [Field], path: &str, before: &Fields, after: &Fields, into: &mut Vec<Change>) {
        for field in schema.iter().filter(|field| plain(field) != "name") {
            let name = plain(field);
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            match (before.get(name), after.get(name)) {
                (Some(before), Some(after)) => self.changes(field.kind, &path, before, after, into),
                (before, after) => {
                    let before = before.and_then(|value| self.before.shown(field.kind, value));
                    let after = after.and_then(|value| self.after.shown(field.kind, value));
                    if before != after {
                        into.push(Change::new(path, before, after));
                    }
                }
            }
        }
    }

    /// Lists of named records: who left, who joined, what changed in the others; their order says nothing.
    fn member_changes(&self, kind: Kind, path: &str, before: &[Val], after: &[Val], into: &mut Vec<Change>) {
        let find = |list: &'_ [Val], name: Option<&str>| list.iter().position(|item| named(item) == name);
        for item in before {
            let name = named(item).unwrap_or_default();
            match find(after, named(item)).and_then(|place| after.get(place)) {
                Some(other) => self.changes(kind, &format!("{path}.{name}"), item, other, into),
                None => into.push(Change::new(path, Some(name.to_owned()), None)),
            }
        }
        let joined = after.iter().filter(|item| find(before, named(item)).is_none());
        into.extend(joined.map(|item| Change::new(path, None, named(item).map(str::to_owned))));
    }

    fn space_changes(&self, path: &str, before: &Rc<SpaceValue>, after: &Rc<SpaceValue>, into: &mut Vec<Change>) {
        let (Some(before), Some(after)) = (self.before.built_space(before), self.after.built_space(after)) else { return };
        if describe(&before) == describe(&after) {
            return;
        }
        let size =
            |space: &Space| Some(format!("{}, of {}", space.name, counted(space::short(&space.count().to_string()), "architecture")));
        into.push(Change::new(path, size(&before), size(&after)));
        into.extend(
            space::space_changes(&before, &after).into_iter().map(|change| Change { path: format!("{path}.{}", change.path), ..change }),
        );
    }

    /// Whether two values mean the same; a path of data means what lies there.
    fn same(&self, kind: Kind, before: &Val, after: &Val) -> bool {
        match (kind, before, after) {
            (Kind::DataPath, Val::Plain(one, _), Val::Plain(other, _)) => {
                let (Some(one), Some(other)) = (one.as_str(), other.as_str()) else { return one == other };
                let contents = |checker: &Checker<'_>, path: &str| {
                    checker.data(path).ok().map(|files| files.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>())
                };
                match (contents(self.before, one), contents(self.after, other)) {
                    (None, None) => self.before.files.shown(one) == self.after.files.shown(other),
                    (one, other) => one == other,
                }
            }
            (_, Val::Architecture(one, _), Val::Architecture(other, _)) => {
                identity(&one.space, &one.architecture) == identity(&other.space, &other.architecture)
            }
            (Kind::List(kind), Val::List(one, _), Val::List(other, _)) => {
                let alike = |(one, other): (&Val, &Val)| {
                    let mut changes = Vec::new();
                    self.changes(*kind, "", one, other, &mut changes);
                    changes.is_empty()
                };
                one.len() == other.len() && one.iter().zip(other).all(alike)
            }
            _ => before.to_json() == after.to_json(),
        }
    }
}

impl Checker<'_> {
    /// A value as Phyla source; `None` where it is nothing.
    pub(super) fn shown(&self, kind: Kind, value: &Val) -> Option<String> {
        match value {
            value if is_null(value) => None,
            Val::Record(..) if named(value).is_some_and(|name| !name.is_empty()) => named(value).map(str::to_owned),
            Val::Plain(serde_json::Value::String(path), _) if matches!(kind, Kind::DataPath) => {
                Some(format!("\"{}\"", self.files.shown(path)))
            }
            Val::List(items, _) => {
                let inner = if let Kind::List(inner) = kind { *inner } else { kind };
                let items: Vec<String> = items.iter().filter_map(|item| self.shown(inner, item)).collect();
                Some(format!("[{}]", items.join(", ")))
            }
            value => {
                let text = Writer::new(self.files).value(kind, &value.to_json());
                Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
        }
    }
}

fn is_null(value: &Val) -> bool {
    matches!(value, Val::Plain(serde_json::Value::Null, _))
}

fn named(value: &Val) -> Option<&str> {
    match value.get(&["name"]) {
        Some(Val::Plain(name, _)) => name.as_str(),
        _ => None,
    }
}

/// The fields of one of a field's values.
pub(super) fn fields_of(variants: &'static [Variant], name: &str) -> &'static [Field] {
    variants.iter().find(|variant| variant.name == name).map_or(&[], |variant| variant.fields)
}
