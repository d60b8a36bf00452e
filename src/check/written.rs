//! Resolved records as the language writes them.

use super::changes::fields_of;
use super::modules::Files;
use super::record::plain;
use crate::settings::{Field, Kind, Schema};
use serde_json::{Map, Value};

/// Writes records, and gathers declarations of those whose name is part of their meaning, as a task's is.
pub(super) struct Writer<'f> {
    files: &'f dyn Files,
    /// Declarations that what has been written names.
    pub declarations: String,
    declared: Vec<(&'static str, String, Map<String, Value>)>,
}

impl<'f> Writer<'f> {
    pub(super) fn new(files: &'f dyn Files) -> Self {
        Self { files, declarations: String::new(), declared: Vec::new() }
    }

    /// A field's value.
    pub(super) fn value(&mut self, kind: Kind, value: &Value) -> String {
        match (kind, value) {
            (Kind::Optional(kind), value) => self.value(*kind, value),
            // The file may come to lie elsewhere; the data stays where it is.
            (Kind::DataPath, Value::String(text)) if !text.starts_with(['$']) && !text.starts_with("std:") => {
                quoted(&self.files.absolute(text))
            }
            (Kind::Text | Kind::DataPath, Value::String(text)) => quoted(text),
            (_, Value::String(text)) => text.clone(),
            (Kind::List(kind), Value::Array(items)) => {
                let items: Vec<String> = items.iter().map(|item| self.value(*kind, item)).collect();
                format!("[{}]", items.join(", "))
            }
            (Kind::Record(schema), Value::Object(fields)) => self.record(schema(), fields),
            (Kind::OneOf(variants), Value::Object(object)) => {
                let Some((name, Value::Object(fields))) = object.iter().next() else { return String::new() };
                format!("{name} {{ {} }}", self.fields(fields_of(variants(), name), fields).join(", "))
            }
            (_, value) => value.to_string(),
        }
    }

    fn record(&mut self, schema: &'static Schema, fields: &Map<String, Value>) -> String {
        let name = fields.get("name").and_then(Value::as_str).unwrap_or("").to_owned();
        if name.is_empty() {
            return format!("{{\n{}\n}}", self.fields(schema.fields, fields).join("\n"));
        }
        let Some((.., known)) = self.declared.iter().find(|(kind, known, _)| *kind == schema.kind && *known == name) else {
            let lines = self.fields(schema.fields, fields).join("\n");
            self.declarations += &format!("{} {name} {{\n{lines}\n}}\n\n", schema.kind);
            self.declared.push((schema.kind, name.clone(), fields.clone()));
            return name;
        };
        // The same record with other fields keeps its name.
        let known = known.clone();
        let changed: Map<String, Value> = fields
            .iter()
            .filter(|(field, value)| known.get(*field) != Some(value))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        if changed.is_empty() { name } else { format!("{name} {{\n{}\n}}", self.fields(schema.fields, &changed).join("\n")) }
    }

    /// `name = value` for each field that has one.
    fn fields(&mut self, schema: &'static [Field], fields: &Map<String, Value>) -> Vec<String> {
        let given = schema.iter().filter(|field| plain(field) != "name").filter_map(|field| Some((field, fields.get(plain(field))?)));
        given
            .filter(|(_, value)| !value.is_null())
            .map(|(field, value)| format!("{} = {}", plain(field), self.value(field.kind, value)))
            .collect()
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t"))
}
