//! Records: fields against their schema, with units, defaults, changes by dotted path.

use super::Checker;
use super::changes::fields_of;
use super::literal::{join, number, path_of};
use super::modules::ItemId;
use super::value::{Fields, Val};
use crate::diagnostic::{Code, Diagnostic, Span, counted, nearest};
use crate::settings::{Field, Kind, Schema, Variant};
use crate::syntax::ast::{Arg, Block, Expr, ExprKind, ItemBody, Name};
use serde_json::Value;

/// As many values are told in full where none of them is meant.
const FEW: usize = 6;

impl<'w> Checker<'w> {
    /// The record that a declaration of this schema's kind states.
    pub(super) fn record_item(&self, id: ItemId, schema: &'static Schema, span: Span) -> Option<Val> {
        let item = self.item(id)?;
        let mut record = self.within(id, span, || match &item.body {
            ItemBody::Fields(block) => {
                let mut fields = self.defaults(schema.fields, item.name.span);
                self.fill(id.module, schema.fields, &with_article(schema.kind), &mut fields, block);
                Some(Val::Record(fields, item.name.span))
            }
            ItemBody::Value(expr) => self.record(id.module, schema, expr),
            _ => None,
        })?;
        if let Val::Record(fields, _) = &mut record
            && schema.fields.iter().any(|field| field.name == "name")
        {
            fields.insert("name".to_owned(), Val::Plain(Value::String(item.name.text.clone()), item.name.span));
        }
        Some(record)
    }

    /// A record written as an expression: a name, `{ fields }`, or `R { fields }`.
    pub(super) fn record(&self, module: usize, schema: &'static Schema, expr: &Expr) -> Option<Val> {
        if let Some(first) = self.leading_choice(module, schema, expr) {
            let mut fields = self.defaults(schema.fields, expr.span);
            fields.insert(plain(first).to_owned(), self.value(module, first, first.kind, expr)?);
            return Some(Val::Record(fields, expr.span));
        }
        match &expr.kind {
            ExprKind::Path(path) => match self.find(module, path, &[schema.kind]) {
                Some(id) => self.record_item(id, schema, expr.span),
                None => self.unknown(module, path, &[schema.kind], &[]),
            },
            ExprKind::With { base, block } => {
                let mut fields = match base {
                    None => self.defaults(schema.fields, expr.span),
                    Some(base) => match self.record(module, schema, base)? {
                        Val::Record(fields, _) => fields,
                        _ => return None,
                    },
                };
                self.fill(module, schema.fields, &with_article(schema.kind), &mut fields, block);
                Some(Val::Record(fields, expr.span))
            }
            ExprKind::Error => self.told_already(),
            _ => {
                let message = format!("{} is wanted here", with_article(schema.kind));
                let first = schema.fields.first();
                let help = match (&expr.kind, first.map(|field| field.kind)) {
                    // A choice of a source may stand for the record: `corpus = text("a.txt")`.
                    (ExprKind::Text(text), Some(Kind::OneOf(variants))) if let Some(variant) = variants().first() => {
                        format!("`{}(\"{text}\")`", variant.name)
                    }
                    _ => format!("name one, or write its fields: `{{ {} = … }}`", first.map_or("", plain)),
                };
                self.fail(Diagnostic::error(Code::RECORD_WANTED, message).at(expr.span, "this is none").help(help))
            }
        }
    }

    /// A record whose first field is a choice may be written as that choice: `corpus = text("a.txt")`.
    fn leading_choice(&self, module: usize, schema: &'static Schema, expr: &Expr) -> Option<&'static Field> {
        let first = schema.fields.first()?;
        let Kind::OneOf(variants) = first.kind else { return None };
        let base = match &expr.kind {
            ExprKind::Call { callee, .. } => path_of(callee),
            ExprKind::With { base: Some(base), .. } => path_of(base),
            _ => None,
        }?;
        let known = variants().iter().any(|variant| variant.name == join(base));
        (known && self.find(module, base, &[schema.kind]).is_none()).then_some(first)
    }

    fn defaults(&self, fields: &'static [Field], span: Span) -> Fields {
        let with_default = fields.iter().filter_map(|field| Some((field, field.default?)));
        let parsed = with_default.filter_map(|(field, text)| {
            let value = serde_json::from_str(text).ok()?;
            Some((plain(field).to_owned(), self.default_value(field.kind, value, span)))
        });
        parsed.collect()
    }

    /// A default as a value of its field's type.
    fn default_value(&self, kind: Kind, value: Value, span: Span) -> Val {
        match (kind, value) {
            (Kind::Optional(_), Value::Null) => Val::Plain(Value::Null, span),
            (Kind::Optional(kind), value) => self.default_value(*kind, value, span),
            (Kind::List(kind), Value::Array(items)) => {
                Val::List(items.into_iter().map(|item| self.default_value(*kind, item, span)).collect(), span)
            }
            (Kind::Record(schema), Value::Object(_)) => Val::Record(self.defaults(schema().fields, span), span),
            (Kind::OneOf(_), Value::String(name)) => Val::Variant(name, Fields::new(), span),
            (Kind::OneOf(variants), Value::Object(object)) => {
                let Some((name, Value::Object(given))) = object.into_iter().next() else { return Val::Plain(Value::Null, span) };
                let variant = variants().iter().find(|variant| variant.name == name);
                let kind_of = |field: &str| {
                    variant.and_then(|variant| variant.fields.iter().find(|known| plain(known) == field)).map(|known| known.kind)
                };
                let fields =
                    given.into_iter().filter_map(|(field, value)| Some((field.clone(), self.default_value(kind_of(&field)?, value, span))));
                Val::Variant(name.clone(), fields.collect(), span)
            }
            (_, value) => Val::Plain(value, span),
        }
    }

    /// Sets the fields of a block, each checked against the schema.
    fn fill(&self, module: usize, schema: &'static [Field], what: &str, fields: &mut Fields, block: &Block) {
        self.each_once(block);
        for field in &block.fields {
            self.set(module, schema, what, fields, &field.path, &field.value);
        }
        if let Some(require) = block.requires.first() {
            let message = "`require` belongs in a space";
            self.report(
                Diagnostic::error(Code::MISPLACED_REQUIRE, message).at(require.span, "here").help("move it into the `space` it constrains"),
            );
        }
    }

    /// Sets one field, by name or by dotted path.
    pub(super) fn set(&self, module: usize, schema: &'static [Field], what: &str, fields: &mut Fields, path: &[Name], value: &Expr) {
        let [name, rest @ ..] = path else { return };
        let Some(field) = schema.iter().find(|field| plain(field) == name.text && plain(field) != "name") else {
            let names = schema.iter().map(plain).filter(|known| *known != "name");
            let near = nearest(&name.text, names.clone());
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None if schema.is_empty() => "it has no fields".to_owned(),
                None if let Some(path) = further_down(schema, &name.text, 2) => format!("it is a field further down: `{path}`"),
                None => format!("its fields: {}", names.collect::<Vec<_>>().join(", ")),
            };
            // What was meant is not missing as well.
            if let Some(near) = near {
                fields.entry(near.to_owned()).or_insert(Val::Plain(Value::Null, name.span));
            }
            let message = format!("{what} has no field `{}`", name.text);
            self.report(Diagnostic::error(Code::UNKNOWN_FIELD, message).at(name.span, "unknown field").help(help));
            return;
        };
        if rest.is_empty() {
            // What failed has been reported; it is not missing as well.
            let set = self.value(module, field, field.kind, value).unwrap_or(Val::Plain(Value::Null, value.span));
            fields.insert(name.text.clone(), set);
            return;
        }
        let (inner, what): (&'static [Field], String) = match (field.kind, fields.get(&name.text)) {
            (Kind::Record(schema) | Kind::Optional(&Kind::Record(schema)), _) => (schema().fields, with_article(schema().kind)),
            (kind, Some(Val::Variant(variant, ..))) => {
                let variants = match kind {
                    Kind::OneOf(variants) | Kind::Optional(&Kind::OneOf(variants)) => variants(),
                    _ => &[],
                };
                (fields_of(variants, variant), format!("`{variant}`"))
            }
            _ => {
                let message = format!("`{}` is not a record whose fields can be set from here", name.text);
                let help = match (field.kind, rest) {
                    (Kind::Space, [inner, ..]) => format!("change it as a whole: `{} = NAME {{ {} = … }}`", name.text, inner.text),
                    _ => field.doc.trim().to_owned(),
                };
                self.report(Diagnostic::error(Code::UNKNOWN_FIELD, message).at(name.span, "not a record").help(help));
                return;
            }
        };
        let entry = fields.entry(name.text.clone()).or_insert_with(|| Val::Record(Fields::new(), name.span));
        // A record that may be left out, and was, begins with what its fields are by themselves.
        if let (Kind::Optional(&Kind::Record(schema)), Val::Plain(Value::Null, _)) = (field.kind, &*entry) {
            *entry = Val::Record(self.defaults(schema().fields, name.span), name.span);
        }
        if let Val::Record(inside, _) | Val::Variant(_, inside, _) = entry {
            self.set(module, inner, &what, inside, rest, value);
        }
    }

    /// One value of a field's type.
    pub(super) fn value(&self, module: usize, field: &Field, kind: Kind, expr: &Expr) -> Option<Val> {
        let wrong = |wanted: &str| -> Option<Val> {
            let message = format!("`{}` takes {wanted}", plain(field));
            self.fail(Diagnostic::error(Code::TYPE, message).at(expr.span, format!("{wanted} is wanted here")).help(field.doc.trim()))
        };
        if matches!(expr.kind, ExprKind::Error) {
            return self.told_already();
        }
        match kind {
            Kind::Optional(kind) => self.value(module, field, *kind, expr),
            Kind::Int(unit, least) => match number(expr) {
                Some((value, given)) => self.number(field, unit, value, given, expr.span, (least as f64, 9.0e15), true),
                None => wrong("a whole number"),
            },
            Kind::Real(unit, low, high) => match number(expr) {
                Some((value, given)) => self.number(field, unit, value, given, expr.span, (low, high), false),
                None => wrong("a number"),
            },
            Kind::Text => match &expr.kind {
                ExprKind::Text(text) => Some(Val::Plain(Value::String(text.clone()), expr.span)),
                _ => wrong("text in double quotes"),
            },
            Kind::DataPath => match &expr.kind {
                ExprKind::Text(text) if !text.is_empty() => self.data_path(module, text, expr.span),
                ExprKind::Text(_) => wrong("a path that is not empty"),
                _ => wrong("a path in double quotes"),
            },
            Kind::Bool => match &expr.kind {
                ExprKind::Path(path) if join(path) == "true" => Some(Val::Plain(Value::Bool(true), expr.span)),
                ExprKind::Path(path) if join(path) == "false" => Some(Val::Plain(Value::Bool(false), expr.span)),
                _ => wrong("`true` or `false`"),
            },
            Kind::List(kind) => match &expr.kind {
                ExprKind::List(items) => {
                    Some(Val::List(items.iter().filter_map(|item| self.value(module, field, *kind, item)).collect(), expr.span))
                }
                ExprKind::Call { callee, args } if matches!(&callee.kind, ExprKind::Path(path) if join(path) == "grid") => {
                    if let Some(name) = args.iter().find_map(|arg| arg.name.as_ref()) {
                        return self.unknown_argument("`grid`", name, &[]);
                    }
                    Some(Val::List(args.iter().filter_map(|arg| self.value(module, field, *kind, &arg.value)).collect(), expr.span))
                }
                ExprKind::Number { .. } => Some(Val::List(vec![self.value(module, field, *kind, expr)?], expr.span)),
                // One choice stands for a list of it: `objective = maximize(score)`.
                ExprKind::Path(_) | ExprKind::Call { .. } | ExprKind::With { .. } if matches!(kind, Kind::OneOf(_)) => {
                    Some(Val::List(vec![self.value(module, field, *kind, expr)?], expr.span))
                }
                _ => {
                    let message = format!("`{}` takes a list in `[ ]`", plain(field));
                    let help = format!("`{} = [{}]`", plain(field), self.world.sources.snippet(expr.span));
                    self.fail(Diagnostic::error(Code::TYPE, message).at(expr.span, "a list is wanted here").help(help))
                }
            },
            Kind::Record(schema) => self.record(module, schema(), expr),
            Kind::OneOf(variants) => self.one_of(module, field, variants(), expr),
            Kind::Space => Some(Val::Space(self.space_expr(module, expr)?, expr.span)),
            Kind::Architecture => Some(Val::Architecture(self.architecture_expr(module, expr)?, expr.span)),
        }
    }

    /// `name`, `name { fields }` or `name(arguments)`, arguments filling the fields in order.
    fn one_of(&self, module: usize, field: &Field, variants: &'static [Variant], expr: &Expr) -> Option<Val> {
        let names = || variants.iter().map(|variant| format!("`{}`", variant.name)).collect::<Vec<_>>().join(", ");
        let base = match &expr.kind {
            ExprKind::Path(path) => Some(path),
            ExprKind::With { base: Some(base), .. } => path_of(base),
            ExprKind::Call { callee, .. } => path_of(callee),
            _ => None,
        };
        let Some(base) = base else {
            let message = format!("`{}` takes one of {}", plain(field), names());
            let help = match &expr.kind {
                ExprKind::Text(text) if variants.iter().any(|variant| variant.name == text) => format!("without quotes: `{text}`"),
                _ => field.doc.trim().to_owned(),
            };
            return self.fail(Diagnostic::error(Code::ONE_OF, message).at(expr.span, "this is none of them").help(help));
        };
        let written = join(base);
        let Some(variant) = variants.iter().find(|variant| variant.name == written) else {
            // A corpus may be declared by itself; every other choice is written where it is made.
            let span = base.iter().map(|name| name.span).reduce(Span::to).unwrap_or(expr.span);
            let help = match nearest(&written, variants.iter().map(|variant| variant.name)) {
                // The nearest is a guess, and of few values all are told.
                Some(near) if variants.len() > FEW => format!("did you mean `{near}`?"),
                _ => format!("one of {}", names()),
            };
            let message = format!("`{}` cannot be `{written}`", plain(field));
            return self.fail(Diagnostic::error(Code::UNKNOWN_VALUE, message).at(span, "not one of its values").help(help));
        };
        let mut fields = self.defaults(variant.fields, expr.span);
        let what = format!("`{}`", variant.name);
        match &expr.kind {
            ExprKind::With { block, .. } => self.fill(module, variant.fields, &what, &mut fields, block),
            ExprKind::Call { args, .. } => self.arguments(module, variant, &mut fields, args),
            _ => {}
        }
        for missing in variant.fields.iter().filter(|field| !fields.contains_key(plain(field))) {
            let message = format!("{what} needs `{}`", plain(missing));
            self.report(Diagnostic::error(Code::MISSING_FIELD, message).at(expr.span, "not given here").help(missing.doc.trim()));
        }
        Some(Val::Variant(variant.name.to_owned(), fields, expr.span))
    }

    fn arguments(&self, module: usize, variant: &'static Variant, fields: &mut Fields, args: &[Arg]) {
        if self.in_order(args).is_none() {
            return;
        }
        // A list that comes first takes all positional arguments: `text("a.txt", "b.txt")`.
        if let Some(Field { kind: Kind::List(kind), .. }) = variant.fields.first()
            && let Some(field) = variant.fields.first()
        {
            let positional: Vec<&Arg> = args.iter().filter(|arg| arg.name.is_none()).collect();
            if !positional.iter().any(|arg| matches!(arg.value.kind, ExprKind::List(_)))
                && let Some(first) = positional.first()
            {
                let items = positional.iter().filter_map(|arg| self.value(module, field, **kind, &arg.value));
                fields.insert(plain(field).to_owned(), Val::List(items.collect(), first.value.span));
                let named: Vec<Arg> = args.iter().filter(|arg| arg.name.is_some()).cloned().collect();
                return self.arguments(module, variant, fields, &named);
            }
        }
        let positional = args.iter().filter(|arg| arg.name.is_none()).count();
        for (position, arg) in args.iter().enumerate() {
            let name = match &arg.name {
                Some(name) => match variant.fields.iter().take(positional).position(|field| plain(field) == name.text) {
                    None => name.clone(),
                    Some(place) => {
                        let first = args.get(place).map_or(name.span, |arg| arg.value.span);
                        let _: Option<()> = self.given_twice(&name.text, name.span, first);
                        return;
                    }
                },
                None => match variant.fields.get(position) {
                    Some(field) => Name { text: plain(field).to_owned(), span: arg.value.span },
                    None => {
                        let message = format!("`{}` takes at most {}", variant.name, counted(variant.fields.len(), "argument"));
                        self.report(
                            Diagnostic::error(Code::ARGUMENTS, message).at(arg.value.span, "one too many").help(variant.doc.trim()),
                        );
                        return;
                    }
                },
            };
            self.set(module, variant.fields, &format!("`{}`", variant.name), fields, &[name], &arg.value);
        }
    }

    /// A data path as seen from the file that names it; `$NAME/…` begins with an environment variable.
    fn data_path(&self, module: usize, text: &str, span: Span) -> Option<Val> {
        let from = self.world.modules.get(module).map_or("", |module| &module.key);
        let path = match text.strip_prefix('$') {
            _ if text.starts_with("std:") => text.to_owned(),
            None => self.files.join(from, text),
            Some(rest) => {
                let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
                match self.variable(name) {
                    Some(value) => format!("{}/{below}", value.trim_end_matches('/')).trim_end_matches('/').to_owned(),
                    // Left as it is: only an experiment that reads it needs the variable.
                    None => text.to_owned(),
                }
            }
        };
        Some(Val::Plain(Value::String(path), span))
    }

    /// Reports the fields that an experiment needs and nothing gives.
    pub(super) fn complete(&self, value: &Val, schema: &'static Schema, path: &str) {
        let Val::Record(fields, span) = value else { return };
        for field in schema.fields {
            let name = plain(field);
            match (fields.get(name), field.kind) {
                (None, _) => {
                    let below = if path.is_empty() { String::new() } else { format!(" of `{}`", path.trim_end_matches("[]")) };
                    let message = format!("`{name}`{below} is missing");
                    let mut help = field.doc.trim().to_owned();
                    if !path.is_empty() && !path.ends_with(']') {
                        help += &format!(" To change single fields and keep the others: `{path}.… = …`, without braces.");
                    }
                    let text = format!("this {} has no `{name}`", schema.kind);
                    self.report(Diagnostic::error(Code::MISSING_FIELD, message).at(*span, text).help(help));
                }
                (Some(value), Kind::Record(inner) | Kind::Optional(&Kind::Record(inner))) => {
                    self.complete(value, inner(), &dotted(path, name));
                }
                (Some(Val::List(items, _)), Kind::List(Kind::Record(inner))) => {
                    // A member of a list has no path of its own.
                    items.iter().for_each(|item| self.complete(item, inner(), &format!("{}[]", dotted(path, name))));
                }
                _ => {}
            }
        }
    }
}

fn with_article(kind: &str) -> String {
    format!("{} {kind}", article(kind))
}

/// `a` or `an`.
pub(super) fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The field of this name that a record or a value further down has, as a path.
fn further_down(schema: &'static [Field], name: &str, depth: usize) -> Option<String> {
    // The last stages of a run are the last fields: `steps` are those of the final training.
    schema.iter().rev().filter(|_| depth > 0).find_map(|field| {
        let variants = |all: &'static [Variant]| all.iter().find_map(|variant| found(variant.fields, name, depth - 1));
        let below = match field.kind {
            Kind::Record(inner) | Kind::Optional(&Kind::Record(inner)) => found(inner().fields, name, depth - 1),
            Kind::OneOf(all) | Kind::Optional(&Kind::OneOf(all)) => variants(all()),
            _ => None,
        };
        below.map(|below| format!("{}.{below}", plain(field)))
    })
}

/// The field of this name among these, or further down.
fn found(schema: &'static [Field], name: &str, depth: usize) -> Option<String> {
    let here = schema.iter().any(|field| plain(field) == name && name != "name");
    if here { Some(name.to_owned()) } else { further_down(schema, name, depth) }
}

fn dotted(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The field's name in the language.
pub(super) fn plain(field: &Field) -> &'static str {
    field.plain()
}
