//! Entries of the reference.

use super::forms::Form;
use serde::Serialize;

/// What the reference says under a name.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A declaration.
    Declaration(Declared),
    /// A record.
    Record {
        /// Its kind.
        name: &'static str,
        /// What it is.
        doc: String,
        /// Its fields.
        fields: Vec<Told>,
    },
    /// A field that takes one of several values.
    Choice {
        /// The field.
        name: &'static str,
        /// The values.
        values: Vec<Value>,
    },
    /// One of a field's values.
    Value {
        /// The field.
        of: &'static str,
        /// The value.
        #[serde(flatten)]
        value: Value,
    },
    /// A field of a record or of a value.
    Field {
        /// Whose.
        of: &'static str,
        /// The field.
        #[serde(flatten)]
        field: Told,
    },
    /// A form of the language.
    Form(Form),
    /// What a test can ask.
    Measure {
        /// Its name.
        name: &'static str,
        /// As it is written.
        written: String,
        /// What it tells.
        doc: &'static str,
    },
    /// The units of numbers.
    Units {
        /// Each with what takes it.
        units: &'static [(&'static str, &'static str)],
    },
    /// A module.
    Module {
        /// Its name, or its path.
        name: String,
        /// What it holds.
        doc: String,
        /// Its declarations.
        declarations: Vec<Declared>,
    },
}

impl Entry {
    /// The names under which it, and what it holds, is found: its own first.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Declaration(declared) => vec![&declared.name],
            Self::Record { name, fields, .. } => [*name].into_iter().chain(fields.iter().map(|field| field.name)).collect(),
            Self::Choice { name, values } => {
                let inside = |value: &Value| -> Vec<&'static str> {
                    [value.name].into_iter().chain(value.fields.iter().map(|field| field.name)).collect()
                };
                [*name].into_iter().chain(values.iter().flat_map(inside)).collect()
            }
            Self::Value { value, .. } => vec![value.name],
            Self::Field { field, .. } => vec![field.name],
            Self::Form(form) => vec![form.name],
            Self::Measure { name, .. } => vec![name],
            Self::Units { .. } => vec!["units"],
            Self::Module { name, declarations, .. } => {
                [name.as_str()].into_iter().chain(declarations.iter().map(|declared| declared.name.as_str())).collect()
            }
        }
    }

    /// What in it has fields: a record, the values of a choice.
    pub(super) fn owners(&self) -> Vec<(&'static str, &[Told])> {
        match self {
            Self::Record { name, fields, .. } => vec![(*name, fields.as_slice())],
            Self::Choice { values, .. } => values.iter().map(|value| (value.name, value.fields.as_slice())).collect(),
            _ => Vec::new(),
        }
    }
}

/// What is told of a declaration.
#[derive(Clone, Debug, Serialize)]
pub struct Declared {
    /// Its name, in full where it must be imported: `std.layers.attention`.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// What it is.
    pub doc: String,
    /// Its parameters and its result, where it has any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// The laws of a primitive.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub law: String,
    /// The formula of a primitive.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub formula: String,
    /// The gradients of a primitive, by operand and parameter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gradient: Vec<Gradient>,
    /// Module and line.
    pub place: String,
    /// Its text.
    pub source: String,
}

/// The gradient given back to an operand or a parameter.
#[derive(Clone, Debug, Serialize)]
pub struct Gradient {
    /// Whose.
    pub of: String,
    /// Its formula.
    pub formula: String,
}

/// What is told of a field.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: String,
    /// What it is where it is not given; nothing where it must be.
    pub default: Option<String>,
    /// What it means.
    pub doc: String,
}

/// What is told of a value of a choice.
#[derive(Clone, Debug, Serialize)]
pub struct Value {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: String,
    /// Its fields.
    pub fields: Vec<Told>,
}
