//! What differs between two values of a field's type, told field by field.

use super::experiment::describe;
use super::record::plain;
use super::value::{Fields, Val};
use super::written::Writer;
use super::{Checker, SharedSpace};
use crate::settings::{Field, Kind, Variant};
use crate::space;

/// A place where two records differ; a side that has nothing there is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The dotted path of the field.
    pub path: String,
    /// What the first says, as Phyla source.
    pub before: Option<String>,
    /// What the second says.
    pub after: Option<String>,
}

impl Checker<'_> {
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
            _ if same(before, after) => {}
            _ => into.push(Change { path: path.to_owned(), before: self.shown(kind, before), after: self.shown(kind, after) }),
        }
    }

    fn field_changes(&self, schema: &'static [Field], path: &str, before: &Fields, after: &Fields, into: &mut Vec<Change>) {
        for field in schema.iter().filter(|field| plain(field) != "name") {
            let name = plain(field);
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            match (before.get(name), after.get(name)) {
                (Some(before), Some(after)) => self.changes(field.kind, &path, before, after, into),
                (None, None) => {}
                (before, after) => {
                    let [before, after] = [before, after].map(|value| value.and_then(|value| self.shown(field.kind, value)));
                    if before != after {
                        into.push(Change { path, before, after });
                    }
                }
            }
        }
    }

    /// Lists of named records: who joined, who left, what changed in the others; their order says nothing.
    fn member_changes(&self, kind: Kind, path: &str, before: &[Val], after: &[Val], into: &mut Vec<Change>) {
        let find = |list: &'_ [Val], name: &str| list.iter().position(|item| named(item) == Some(name));
        for item in before {
            let name = named(item).unwrap_or_default();
            match find(after, name).and_then(|place| after.get(place)) {
                Some(other) => self.changes(kind, &format!("{path}.{name}"), item, other, into),
                None => into.push(Change { path: path.to_owned(), before: Some(name.to_owned()), after: None }),
            }
        }
        for item in after {
            let name = named(item).unwrap_or_default();
            if find(before, name).is_none() {
                into.push(Change { path: path.to_owned(), before: None, after: Some(name.to_owned()) });
            }
        }
    }

    /// A value as Phyla source; `None` where it is nothing.
    pub(super) fn shown(&self, kind: Kind, value: &Val) -> Option<String> {
        match value {
            value if is_null(value) => None,
            Val::Record(..) if named(value).is_some_and(|name| !name.is_empty()) => named(value).map(str::to_owned),
            Val::List(items, _) if items.iter().any(|item| matches!(item, Val::Architecture(..) | Val::Space(..))) => {
                let items: Vec<String> = items.iter().filter_map(|item| self.shown(kind, item)).collect();
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

/// Whether two values mean the same.
fn same(one: &Val, other: &Val) -> bool {
    match (one, other) {
        (Val::Space(one, _), Val::Space(other, _)) => {
            let built = |value: &std::rc::Rc<super::space::SpaceValue>| value.built.borrow().clone().flatten();
            match (built(one), built(other)) {
                (Some(one), Some(other)) => same_space(&one, &other),
                _ => std::rc::Rc::ptr_eq(one, other),
            }
        }
        (Val::Architecture(one, _), Val::Architecture(other, _)) => {
            space::hash(&one.space, &one.architecture) == space::hash(&other.space, &other.architecture)
        }
        (Val::List(one, _), Val::List(other, _)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one.to_json() == other.to_json(),
    }
}

/// Whether two spaces mean the same, whatever their names.
pub(super) fn same_space(one: &SharedSpace, other: &SharedSpace) -> bool {
    describe(one) == describe(other)
}

/// The fields of one of a field's values.
pub(super) fn fields_of(variants: &'static [Variant], name: &str) -> &'static [Field] {
    variants.iter().find(|variant| variant.name == name).map_or(&[], |variant| variant.fields)
}
