//! Evaluated records: values with the places they came from.

use super::architecture::ArchitectureValue;
use super::space::SpaceValue;
use crate::diagnostic::Span;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Fields by name.
pub(super) type Fields = BTreeMap<String, Val>;

/// A value of a record's field.
#[derive(Clone, Debug)]
pub(super) enum Val {
    /// A number, text or truth value.
    Plain(Value, Span),
    /// A record; fields without a value and without a default are absent.
    Record(Fields, Span),
    /// One of several: its name and its fields.
    Variant(String, Fields, Span),
    /// A list.
    List(Vec<Val>, Span),
    /// A space.
    Space(Rc<SpaceValue>, Span),
    /// An architecture.
    Architecture(Rc<ArchitectureValue>, Span),
}

impl Val {
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Plain(_, span) | Self::Record(_, span) | Self::Variant(_, _, span) => *span,
            Self::List(_, span) | Self::Space(_, span) | Self::Architecture(_, span) => *span,
        }
    }

    /// The value that the plain structs are read from; a space or an architecture is its name.
    pub(super) fn to_json(&self) -> Value {
        let object = |fields: &Fields| {
            let fields = fields.iter().map(|(name, value)| (name.clone(), value.to_json()));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        match self {
            Self::Plain(value, _) => value.clone(),
            Self::Record(fields, _) => object(fields),
            Self::Variant(name, fields, _) if fields.is_empty() => Value::String(name.clone()),
            Self::Variant(name, fields, _) => Value::Object(Map::from_iter([(name.clone(), object(fields))])),
            Self::List(items, _) => Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Space(space, _) => Value::String(space.name.clone()),
            Self::Architecture(architecture, _) => Value::String(architecture.name.clone()),
        }
    }

    /// The value behind a path of field names.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Val> {
        let [first, rest @ ..] = path else { return Some(self) };
        match self {
            Self::Record(fields, _) | Self::Variant(_, fields, _) => fields.get(*first)?.get(rest),
            _ => None,
        }
    }
}
