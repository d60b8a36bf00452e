//! The reference: what there is to be named, and what is said of it. It is read off the declarations of the standard library and of a
//! file, the records' own descriptions, and the few lists (forms, measures, units) of what is declared nowhere.
//!
//! In reading order: `entry` (what is said), `forms` (the language's own), and here where it comes from.

mod entry;
mod forms;

pub use entry::{Declared, Entry, Gradient, Told, Value};
pub use forms::{DECLARED, Form, OF_GRAPHS, OF_SPACES};

use super::claim::MEASURES;
use super::literal::join;
use super::modules::{Module, World};
use crate::settings::{CHOICES, Field, RECORDS, Schema, UNITS, Variant};
use crate::syntax::ast::{ExprKind, Field as Written, Item, ItemBody};

impl World {
    /// The whole reference, in the order in which a reader meets it.
    pub fn reference(&self) -> Vec<Entry> {
        let record = |schema: &Schema| Entry::Record { name: schema.kind, doc: one_line(schema.doc), fields: told(schema.fields) };
        let records = RECORDS.iter().map(|schema| record(schema()));
        let choices = CHOICES.iter().map(|(name, variants)| Entry::Choice { name, values: variants().iter().map(value).collect() });
        let forms = [DECLARED, OF_GRAPHS, OF_SPACES].into_iter().flatten().map(|form| Entry::Form(*form));
        let measures = MEASURES.iter().map(|measure| {
            let written = format!("{}({})", measure.name, measure.arguments.join(", "));
            Entry::Measure { name: measure.name, written, doc: measure.doc }
        });
        let modules = self.modules.iter().filter(|module| module.key.starts_with("std.")).map(|module| self.contents(module));
        forms.chain(records).chain(choices).chain([Entry::Units { units: UNITS }]).chain(measures).chain(modules).collect()
    }

    /// All that goes by this name: what the file declares or imports, otherwise what the reference has.
    pub fn said_of(&self, file: Option<&str>, name: &str) -> Vec<Entry> {
        let own = file.map_or_else(Vec::new, |file| self.seen(file, name));
        if !own.is_empty() {
            return own;
        }
        let all = self.reference();
        let found: Vec<Entry> = all.iter().flat_map(|entry| within(entry, name)).collect();
        if found.is_empty() { fields(&all, name) } else { found }
    }

    /// What a file declares, as a module; `None` where it cannot be read.
    pub fn file_entry(&self, key: &str) -> Option<Entry> {
        self.module_of(key).and_then(|module| self.modules.get(module)).map(|module| self.contents(module))
    }

    /// What a file declares or imports under a name.
    fn seen(&self, file: &str, name: &str) -> Vec<Entry> {
        let Some(module) = self.module_of(file).and_then(|module| self.modules.get(module)) else { return Vec::new() };
        let named = |module: &Module, name: &str| -> Vec<Entry> {
            let items = module.items().filter(|item| item.name.text == name);
            items.map(|item| Entry::Declaration(self.declared(module, item))).collect()
        };
        let imported = module.imports.iter().filter(|(local, ..)| local == name);
        let imported = imported.filter_map(|(_, target, there, _)| Some((self.modules.get(*target)?, there)));
        named(module, name).into_iter().chain(imported.flat_map(|(module, there)| named(module, there))).collect()
    }

    fn contents(&self, module: &Module) -> Entry {
        let declarations = module.items().map(|item| self.declared(module, item)).collect();
        Entry::Module { name: module.key.clone(), doc: one_line(&module.ast.doc.join(" ")), declarations }
    }

    fn declared(&self, module: &Module, item: &Item) -> Declared {
        let source = self.sources.snippet(item.span);
        let mut declared = Declared {
            name: full(module, item),
            kind: item.kind.text.clone(),
            doc: one_line(&item.doc.join(" ")),
            signature: String::new(),
            law: String::new(),
            formula: String::new(),
            gradient: Vec::new(),
            place: format!("{}:{}", module.key, self.sources.line_column(item.span.file, item.span.start).0),
            source: source.to_owned(),
        };
        if let ItemBody::Signature { fields, .. } = &item.body {
            declared.signature = self.signature(item);
            fields.iter().for_each(|field| self.stated(field, &mut declared));
        }
        declared
    }

    /// What a declared graph or operation takes and gives, as it is written there, without its name; nothing of other declarations.
    pub(super) fn signature(&self, item: &Item) -> String {
        let ItemBody::Signature { body, .. } = &item.body else { return String::new() };
        let text = self.sources.text(item.span.file);
        let to = body.as_ref().map_or(item.span.end, |body| body.span.start) as usize;
        let written = text.get(item.name.span.end as usize..to).unwrap_or_default();
        one_line(if body.is_some() { written } else { written.split(" {").next().unwrap_or_default() })
    }

    /// What a primitive's field states.
    fn stated(&self, field: &Written, declared: &mut Declared) {
        match (join(&field.path).as_str(), &field.value.kind) {
            ("formula", ExprKind::Text(text)) => declared.formula.clone_from(text),
            ("gradient", ExprKind::With { block, .. }) => {
                let texts = block.fields.iter().filter_map(|field| match &field.value.kind {
                    ExprKind::Text(text) => Some(Gradient { of: join(&field.path), formula: text.clone() }),
                    _ => None,
                });
                declared.gradient.extend(texts);
            }
            ("law", _) => self.sources.snippet(field.value.span).clone_into(&mut declared.law),
            _ => {}
        }
    }
}

impl Module {
    /// What it declares for others.
    fn items(&self) -> impl Iterator<Item = &Item> {
        self.ast.items.iter().filter(|item| item.kind.text != "test")
    }
}

/// The name under which a declaration is known everywhere.
fn full(module: &Module, item: &Item) -> String {
    match module.key.as_str() {
        key if key.starts_with("std.") && key != "std.prelude" => format!("{key}.{}", item.name.text),
        _ => item.name.text.clone(),
    }
}

/// What an entry, or something in it, says under a name.
fn within(entry: &Entry, name: &str) -> Vec<Entry> {
    let itself = match entry {
        // Of two fields called `objective` each tells whose it is.
        Entry::Choice { name: known, .. } => *known == name || known.strip_prefix(name).is_some_and(|rest| rest.starts_with(" of ")),
        entry => entry.names().first().is_some_and(|known| *known == name),
    };
    let mut found: Vec<Entry> = itself.then(|| entry.clone()).into_iter().collect();
    match entry {
        Entry::Choice { name: of, values } => {
            let named = values.iter().filter(|value| value.name == name);
            found.extend(named.map(|value| Entry::Value { of, value: value.clone() }));
        }
        Entry::Module { declarations, .. } => {
            let named = declarations.iter().filter(|known| known.name == name || known.name.rsplit('.').next() == Some(name));
            found.extend(named.cloned().map(Entry::Declaration));
        }
        _ => {}
    }
    found
}

/// Fields of that name, of all records and values; `search.evaluations` of one alone.
fn fields(all: &[Entry], name: &str) -> Vec<Entry> {
    let (owner, name) = name.rsplit_once('.').map_or((None, name), |(owner, name)| (owner.rsplit('.').next(), name));
    let owners = all.iter().flat_map(Entry::owners).filter(|(of, _)| owner.is_none_or(|owner| owner == *of));
    let named = owners.flat_map(|(of, fields)| fields.iter().filter(|field| field.name == name).map(move |field| (of, field)));
    named.map(|(of, field)| Entry::Field { of, field: field.clone() }).collect()
}

fn value(variant: &Variant) -> Value {
    Value { name: variant.name, doc: one_line(variant.doc), fields: told(variant.fields) }
}

/// What is told of fields. The name of a record is that of its declaration.
fn told(fields: &[Field]) -> Vec<Told> {
    let given = fields.iter().filter(|field| field.name != "name");
    given
        .map(|field| Told { name: field.plain(), takes: field.kind.words(), default: field.fallback(), doc: one_line(field.doc) })
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
