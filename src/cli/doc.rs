//! `phyla doc`: the reference, by name.

use super::source::{out, show_all, show_one};
use crate::check::{Checker, Declared, Entry, Told, World};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::run::files::Disk;

/// How wide prose is set.
const WIDTH: usize = 100;

/// Prints what the reference says of a name, of a file, or what there is to be named.
pub(super) fn doc(first: Option<&str>, second: Option<&str>, json: bool) -> u8 {
    let (file, name) = match (first, second) {
        (Some(file), Some(name)) => (Some(file), Some(name)),
        (Some(file), None) if file.ends_with(".phyla") => (Some(file), None),
        (name, _) => (None, name),
    };
    let files: Vec<String> = file.into_iter().map(str::to_owned).collect();
    let world = World::load(&Disk, &files);
    if file.is_some_and(|file| world.module_of(file).is_none()) {
        return show_all(&Checker::new(&world, &Disk).diagnostics(), &world.sources, false);
    }
    let found = match (file, name) {
        (_, Some(name)) => world.said_of(file, name),
        (Some(file), None) => world.file_entry(file).into_iter().collect(),
        (None, None) => world.reference(),
    };
    if let (Some(name), []) = (name, found.as_slice()) {
        return show_one(&unknown(&world, file, name));
    }
    let text = match name.or(file) {
        _ if json => serde_json::to_string(&found).unwrap_or_default() + "\n",
        Some(_) => found.iter().map(told).collect::<Vec<_>>().join("\n\n") + "\n",
        None => topics(&found),
    };
    out(&text);
    0
}

/// The complaint about a name that nothing goes by.
fn unknown(world: &World, file: Option<&str>, name: &str) -> Diagnostic {
    let all: Vec<Entry> = file.and_then(|file| world.file_entry(file)).into_iter().chain(world.reference()).collect();
    let names: Vec<&str> = all.iter().flat_map(Entry::names).collect();
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let short: Vec<String> = names.iter().map(|name| last(name)).collect();
    let near = nearest(name, names.iter().copied()).map(str::to_owned);
    let near = near.or_else(|| nearest(&last(name), short.iter().map(String::as_str)).map(str::to_owned));
    let help = near.map_or_else(
        || "`phyla doc` lists the names it knows, and `phyla doc FILE NAME` sees those of a file too".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::error(Code::UNKNOWN_NAME, format!("the reference has nothing called `{name}`")).help(help)
}

/// What there is to be named, by what it is.
fn topics(all: &[Entry]) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for entry in all {
        let (title, names) = match entry {
            Entry::Form(form) => ("forms".to_owned(), vec![form.name]),
            Entry::Record { name, .. } => ("records".to_owned(), vec![*name]),
            Entry::Choice { name, .. } => ("choices".to_owned(), vec![*name]),
            Entry::Units { .. } => ("numbers".to_owned(), vec!["units"]),
            Entry::Measure { name, .. } => ("tests".to_owned(), vec![*name]),
            Entry::Module { name, declarations, .. } => {
                (name.clone(), declarations.iter().filter_map(|declared| declared.name.rsplit('.').next()).collect())
            }
            Entry::Declaration(_) | Entry::Value { .. } | Entry::Field { .. } => continue,
        };
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, known)) => known.extend(names.into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>()),
            None => groups.push((title, names)),
        }
    }
    let lines: String = groups.iter().map(|(title, names)| format!("{title}\n{}\n", wrapped(&names.join(", "), 4))).collect();
    format!(
        "{lines}\n`phyla doc NAME` says more of each, and of a field or one of its values: `phyla doc evaluations`, `phyla doc adamw`\n"
    )
}

/// An entry for a terminal.
fn told(entry: &Entry) -> String {
    match entry {
        Entry::Declaration(declared) => declaration(declared),
        Entry::Record { name, doc, fields } => titled(&format!("{name}, a record"), doc, &listed(fields)),
        Entry::Choice { name, values } => {
            let lines = values.iter().map(|value| {
                let fields: Vec<&str> = value.fields.iter().map(|field| field.name).collect();
                let block = if fields.is_empty() { String::new() } else { format!(" {{ {} }}", fields.join(", ")) };
                line(&format!("{}{block}", value.name), &value.doc)
            });
            let values: Vec<String> = lines.collect();
            titled(&format!("{name}, one of several values"), "", &values.join("\n"))
        }
        Entry::Value { of, value } => titled(&format!("{}, a value of {of}", value.name), &value.doc, &listed(&value.fields)),
        Entry::Field { of, field } => titled(&format!("{}, a field of {of}", field.name), "", &listed(std::slice::from_ref(field))),
        Entry::Form(form) => titled(form.written, form.doc, ""),
        Entry::Measure { written, doc, .. } => titled(&format!("{written}, in a test"), doc, ""),
        Entry::Units { units } => {
            let units: Vec<String> = units.iter().map(|(unit, doc)| format!("    {unit:<12}{doc}")).collect();
            titled("units", "A unit follows its number; a bare number is taken in the field's own unit.", &units.join("\n"))
        }
        Entry::Module { name, doc, declarations } => {
            let lines: Vec<String> =
                declarations.iter().map(|known| line(&format!("{} {}{}", known.kind, known.name, known.signature), &known.doc)).collect();
            titled(name, doc, &lines.join("\n"))
        }
    }
}

fn declaration(declared: &Declared) -> String {
    let title = format!("{}, {} {} declared in {}", declared.name, article(&declared.kind), declared.kind, declared.place);
    if declared.formula.is_empty() {
        let source: Vec<String> = declared.source.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect();
        return titled(&title, &declared.doc, &source.join("\n"));
    }
    let mut lines = vec![("shapes".to_owned(), declared.signature.as_str()), ("z".to_owned(), &declared.formula)];
    lines.extend(declared.gradient.iter().map(|one| (format!("d{}", one.of), one.formula.as_str())));
    lines.extend(Some(("law".to_owned(), declared.law.as_str())).filter(|(_, law)| !law.is_empty()));
    let lines: Vec<String> = lines.iter().map(|(name, text)| format!("    {name:<12}{text}")).collect();
    let notation = "`phyla doc std.prelude` tells how formulas are read: `z` is the result, `g` its gradient.";
    titled(&title, &declared.doc, &format!("{}\n\n{notation}", lines.join("\n")))
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// A heading, what it is, and what follows.
fn titled(title: &str, doc: &str, rest: &str) -> String {
    let parts = [title.to_owned(), wrapped(doc, 0), rest.to_owned()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn listed(fields: &[Told]) -> String {
    let field = |field: &Told| {
        let default = field.default.as_ref().map_or_else(|| "must be given".to_owned(), |default| format!("default {default}"));
        line(&format!("{}: {}; {default}", field.name, field.takes), &field.doc)
    };
    fields.iter().map(field).collect::<Vec<_>>().join("\n")
}

/// A name and what is said of it, below and further in.
fn line(name: &str, doc: &str) -> String {
    format!("    {name}\n{}", wrapped(doc, 8))
}

/// Prose set to the width, so far in.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{:indent$}{word}", "")),
        }
    }
    lines.join("\n")
}
