//! The documents: their Phyla checks, their tables are the code's own, their links lead somewhere.
//!
//! `PHYLA_BLESS=1 cargo test --test docs` writes the tables anew.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::string_slice, reason = "a test fails by panicking")]

mod common;

use clap::CommandFactory;
use common::Memory;
use phyla::check::{Checker, DECLARED, Declared, Entry, Form, OF_GRAPHS, OF_SPACES, Told, World};
use phyla::diagnostic::{CODES, Severity, Sources, render_all};
use phyla::run::files::Disk;
use phyla::settings::{self, CHOICES, Kind, RECORDS, UNITS, Variant};
use phyla::syntax;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The documents, by their paths below the repository.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("README.md"), PathBuf::from("CHANGELOG.md")];
    let docs = walkdir::WalkDir::new("docs").into_iter().map(|entry| entry.unwrap().into_path());
    found.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    found.sort();
    found
}

/// A fenced block: the line it begins on, what stands behind the fence, the text.
struct Block {
    line: usize,
    info: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                found.push(Block { line: number + 1, info: info.trim().to_owned(), text: String::new() });
            }
            None if open => {
                let block = found.last_mut().unwrap();
                block.text += line;
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "a fence is not closed");
    found
}

#[test]
fn every_whole_block_checks() {
    let mut count = 0;
    for document in documents() {
        for block in blocks(&fs::read_to_string(&document).unwrap()) {
            if block.info != "phyla" {
                continue;
            }
            // As if it lay among the experiments, where the data is.
            let place = format!("{} line {}", document.display(), block.line);
            let path = format!("experiments/block_of_line_{}.phyla", block.line);
            let formatted = syntax::format(&block.text).unwrap_or_else(|error| panic!("{place}: {error:?}"));
            assert_eq!(formatted, block.text, "{place} is not in the canonical layout");
            let files = Memory::new(&[(&path, &block.text)]);
            let world = World::load(&files, std::slice::from_ref(&path));
            let checker = Checker::new(&world, &files);
            checker.check_module(&path);
            let found: Vec<_> = checker.diagnostics().into_iter().filter(|one| one.severity == Severity::Error).collect();
            assert!(found.is_empty(), "{place}:\n{}", render_all(&found, &world.sources, false));
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} blocks were found");
}

#[test]
fn every_fragment_parses() {
    for document in documents() {
        for block in blocks(&fs::read_to_string(&document).unwrap()) {
            if block.info != "phyla-fragment" {
                continue;
            }
            let parses = |text: &str| {
                let mut sources = Sources::default();
                let file = sources.add("fragment", text);
                let found = syntax::parse(file, text).diagnostics;
                if found.is_empty() { Ok(()) } else { Err(render_all(&found, &sources, false)) }
            };
            // Declarations, or lines of a body or of fields.
            let result = parses(&block.text).or_else(|_| parses(&format!("graph g(x: [n, h]) -> [n, h] {{\n{}}}\n", block.text)));
            let result = result.or_else(|_| parses(&format!("experiment e {{\n{}}}\n", block.text)));
            if let Err(why) = result {
                panic!("{} line {}:\n{why}", document.display(), block.line);
            }
        }
    }
}

#[test]
fn changes_on_the_command_line_fit_the_quickstart() {
    let path = "experiments/quickstart.phyla".to_owned();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for change in text.split("--set ").skip(1) {
            let change = change.split(|letter: char| letter.is_whitespace() || letter == '`').next().unwrap_or_default();
            // `--set PATH=VALUE` stands for all of them, `$seed` for a value.
            let Some((field, value)) = change.split_once('=').filter(|(field, value)| *field != "PATH" && !value.starts_with('$')) else {
                continue;
            };
            let mut world = World::load(&Disk, std::slice::from_ref(&path));
            let mut expression = |text: &str| {
                let file = world.sources.add("--set", text);
                syntax::parse_expression(file, text).unwrap()
            };
            let (field, value) = (expression(field), expression(value));
            let syntax::ast::ExprKind::Path(field) = field.kind else { panic!("{change} names no field") };
            let checker = Checker::new(&world, &Disk);
            let (id, _) = checker.experiments(&path).into_iter().next().unwrap();
            let checked = checker.experiment(id, &[(field, value)]);
            assert!(
                checked.is_some(),
                "{}: --set {change}\n{}",
                document.display(),
                render_all(&checker.diagnostics(), &world.sources, false)
            );
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap_or(Path::new("."));
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { document.clone() } else { folder.join(file) };
            assert!(file.exists(), "{} links to {target}, which is not there", document.display());
            if !heading.is_empty() {
                let there = fs::read_to_string(&file).unwrap();
                let anchors: Vec<String> = there.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
                assert!(
                    anchors.iter().any(|known| known == heading),
                    "{} links to the heading {target}, which is not there",
                    document.display()
                );
            }
        }
        // Paths of the repository in running text.
        for word in text.split('`').skip(1).step_by(2) {
            let ours =
                ["experiments/", "stdlib/", "docs/", "src/", "tests/", "grammar/", "editors/"].iter().any(|root| word.starts_with(root));
            let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_.-".contains(letter));
            assert!(!(ours && plain) || Path::new(word).exists(), "{} names `{word}`, which is not there", document.display());
        }
    }
}

/// A heading as a link names it.
fn anchor(line: &str) -> String {
    let text = line.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|letter| letter.is_alphanumeric() || *letter == ' ' || *letter == '-').collect::<String>().replace(' ', "-")
}

#[test]
fn every_kind_unit_symbol_and_module_is_told_of() {
    let text = fs::read_to_string("docs/language.md").unwrap();
    let told =
        |what: &str, name: &str| assert!(text.contains(&format!("`{name}`")), "docs/language.md says nothing of the {what} `{name}`");
    syntax::KINDS.iter().for_each(|kind| told("kind", kind));
    syntax::UNITS.iter().for_each(|unit| told("unit", unit));
    phyla::graph::Symbol::ALL.iter().for_each(|symbol| told("symbol", symbol.letter()));
    modules().for_each(|(name, _)| told("module", &name));
    // Kinds that are records are described by their fields, all others by how they are written.
    let described: BTreeSet<&str> = DECLARED.iter().map(|form| form.name).chain(RECORDS.iter().map(|schema| schema().kind)).collect();
    assert!(syntax::KINDS.iter().all(|kind| described.contains(kind)));
    assert_eq!(UNITS.iter().map(|(unit, _)| *unit).collect::<Vec<_>>(), syntax::UNITS);
}

#[test]
fn the_tables_are_the_codes_own() {
    let tables: [(&str, &str, String); 12] = [
        ("README.md", "commands", commands()),
        ("docs/language.md", "declarations", forms(DECLARED)),
        ("docs/language.md", "graphs", forms(OF_GRAPHS)),
        ("docs/language.md", "formulas", formulas()),
        ("docs/language.md", "primitives", primitives()),
        ("docs/language.md", "spaces", forms(OF_SPACES)),
        ("docs/language.md", "units", units()),
        ("docs/language.md", "measures", measures()),
        ("docs/language.md", "records", records()),
        ("docs/language.md", "choices", choices()),
        ("docs/language.md", "library", library()),
        ("docs/language.md", "codes", codes()),
    ];
    let bless = std::env::var_os("PHYLA_BLESS").is_some();
    for (document, name, table) in tables {
        let text = fs::read_to_string(document).unwrap();
        let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
        let at = text.find(&begin).unwrap_or_else(|| panic!("{document} has no mark for {name}")) + begin.len();
        let rest = text.get(at..).unwrap();
        let length = rest.find(end).unwrap_or_else(|| panic!("{document}: {name} has no end"));
        if bless {
            fs::write(document, format!("{}{table}{}", &text[..at], &rest[length..])).unwrap();
        } else {
            assert_eq!(rest[..length], *table, "the table {name} of {document} is out of date: PHYLA_BLESS=1 cargo test --test docs");
        }
    }
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn header(cells: &[&str]) -> String {
    row(cells) + &row(&vec!["---"; cells.len()])
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn commands() -> String {
    let command = phyla::cli::Cli::command();
    let mut table = header(&["command", "what it does"]);
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        table += &row(&[&format!("`phyla {}`", sub.get_name()), &about]);
    }
    table
}

/// The whole reference.
fn reference() -> Vec<Entry> {
    World::load(&Disk, &[]).reference()
}

/// The modules of the standard library with what they declare.
fn modules() -> impl Iterator<Item = (String, Vec<Declared>)> {
    reference().into_iter().filter_map(|entry| match entry {
        Entry::Module { name, declarations, .. } => Some((name, declarations)),
        _ => None,
    })
}

fn measures() -> String {
    let mut table = header(&["measure", "what it tells"]);
    for entry in reference() {
        if let Entry::Measure { written, doc, .. } = entry {
            table += &row(&[&format!("`{written}`"), doc]);
        }
    }
    table
}

/// How formulas are read, as the prelude says it.
fn formulas() -> String {
    let prelude = reference().into_iter().find_map(|entry| match entry {
        Entry::Module { name, doc, .. } if name == "std.prelude" => Some(doc),
        _ => None,
    });
    prelude.unwrap() + "\n"
}

fn primitives() -> String {
    let (_, declarations) = modules().find(|(name, _)| name == "std.prelude").unwrap();
    let mut table = header(&["primitive", "shapes", "law", "meaning", "formula", "gradient"]);
    for known in declarations {
        let gradient: Vec<String> = known.gradient.iter().map(|one| format!("`d{} = {}`", one.of, one.formula)).collect();
        let (name, signature, formula) = (format!("`{}`", known.name), format!("`{}`", known.signature), format!("`{}`", known.formula));
        table += &row(&[&name, &signature, &known.law, &known.doc, &formula, &gradient.join("<br>")]);
    }
    table
}

fn library() -> String {
    let mut text = String::new();
    for (module, declarations) in modules().filter(|(name, _)| name != "std.prelude") {
        text += &format!("**`{module}`**\n\n{}", header(&["declaration", "kind", "what it is"]));
        for known in declarations {
            let name = known.name.rsplit('.').next().unwrap_or_default();
            text += &row(&[&format!("`{name}`"), &known.kind, &known.doc]);
        }
        text.push('\n');
    }
    text
}

/// Every record and choice a field leads to is in the reference's lists.
#[test]
fn no_record_is_left_out() {
    let mut met = BTreeSet::new();
    fn follow(kind: Kind, met: &mut BTreeSet<String>) {
        match kind {
            Kind::List(inner) | Kind::Optional(inner) => follow(*inner, met),
            Kind::Record(schema) if met.insert(schema().kind.to_owned()) => {
                schema().fields.iter().for_each(|field| follow(field.kind, met))
            }
            Kind::OneOf(variants) if met.insert(key(variants())) => {
                variants().iter().flat_map(|variant| variant.fields).for_each(|field| follow(field.kind, met));
            }
            _ => {}
        }
    }
    follow(Kind::Record(settings::Experiment::schema), &mut met);
    let listed: BTreeSet<String> =
        RECORDS.iter().map(|schema| schema().kind.to_owned()).chain(CHOICES.iter().map(|(_, variants)| key(variants()))).collect();
    assert_eq!(met, listed);
}

fn key(variants: &[Variant]) -> String {
    variants.iter().map(|variant| format!("{} {}", variant.name, one_line(variant.doc))).collect::<Vec<_>>().join("|")
}

fn records() -> String {
    let mut text = String::new();
    for entry in reference() {
        if let Entry::Record { name, doc, fields: of } = entry {
            text += &format!("#### `{name}`\n\n{doc}\n\n{}\n", fields(&of));
        }
    }
    text
}

fn choices() -> String {
    let mut text = String::new();
    for entry in reference() {
        let Entry::Choice { name, values } = entry else { continue };
        text += &format!("#### {name}\n\n");
        values.iter().for_each(|value| text += &format!("- `{}`: {}\n", value.name, value.doc));
        text.push('\n');
        for value in values.iter().filter(|value| !value.fields.is_empty()) {
            text += &format!("Fields of `{}`:\n\n{}\n", value.name, fields(&value.fields));
        }
    }
    text
}

fn fields(fields: &[Told]) -> String {
    let mut table = header(&["field", "type", "default", "meaning"]);
    for field in fields {
        let default = match field.default.as_deref() {
            None => "must be given".to_owned(),
            Some("none") => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        table += &row(&[&format!("`{}`", field.name), &field.takes, &default, &field.doc]);
    }
    table
}

fn forms(of: &[Form]) -> String {
    let mut table = header(&["written", "means"]);
    of.iter().for_each(|form| table += &row(&[&format!("`{}`", form.written), form.doc]));
    table
}

fn units() -> String {
    let mut table = header(&["unit", "taken by"]);
    UNITS.iter().for_each(|(unit, doc)| table += &row(&[&format!("`{unit}`"), doc]));
    table
}

fn codes() -> String {
    let mut table = header(&["code", "what it stands for"]);
    for (code, title) in CODES {
        table += &row(&[&format!("`{}`", code.0), title]);
    }
    table
}
