//! The documents: their Phyla checks, their tables are the code's own, their links lead somewhere.
//!
//! `PHYLA_BLESS=1 cargo test --test docs` writes the tables anew.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::string_slice, reason = "a test fails by panicking")]

mod common;

use clap::CommandFactory;
use common::Memory;
use phyla::check::{Checker, MEASURES, World};
use phyla::diagnostic::{CODES, Severity, Sources, render_all};
use phyla::run::files::Disk;
use phyla::settings::{self, Field, Kind, Schema, Unit, Variant};
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
    modules().iter().for_each(|(name, _)| told("module", &format!("std.{name}")));
}

#[test]
fn the_tables_are_the_codes_own() {
    let tables: [(&str, &str, String); 7] = [
        ("README.md", "commands", commands()),
        ("docs/language.md", "primitives", primitives()),
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

/// The modules of the standard library, by name, with their texts.
fn modules() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir("stdlib").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())).collect()
}

/// The declarations of a module: kind, name, documentation, signature as written.
fn declarations(text: &str) -> Vec<(String, String, String, String)> {
    let mut sources = Sources::default();
    let file = sources.add("stdlib", text);
    let parsed = syntax::parse(file, text);
    assert!(parsed.diagnostics.is_empty());
    let items = parsed.file.items.into_iter().filter(|item| item.kind.text != "test").map(|item| {
        let written = sources.snippet(item.span).trim_start_matches(&item.kind.text).trim_start().trim_start_matches(&item.name.text);
        let signature = written.split(" {").next().unwrap_or_default().to_owned();
        (item.kind.text, item.name.text, one_line(&item.doc.join(" ")), signature)
    });
    items.collect()
}

fn measures() -> String {
    let mut table = header(&["measure", "what it tells"]);
    for measure in MEASURES {
        table += &row(&[&format!("`{}({})`", measure.name, measure.arguments.join(", ")), measure.doc]);
    }
    table
}

fn primitives() -> String {
    let text = fs::read_to_string("stdlib/prelude.phyla").unwrap();
    let mut sources = Sources::default();
    let file = sources.add("prelude", text.as_str());
    let parsed = syntax::parse(file, &text);
    let mut table = header(&["primitive", "shapes", "law", "meaning"]);
    for (item, (_, name, doc, signature)) in parsed.file.items.iter().zip(declarations(&text)) {
        let syntax::ast::ItemBody::Signature { fields, .. } = &item.body else { panic!("{name} is no primitive") };
        let laws: Vec<&str> = fields.iter().map(|field| sources.snippet(field.value.span)).collect();
        table += &row(&[&format!("`{name}`"), &format!("`{signature}`"), &laws.join(", "), &doc]);
    }
    table
}

fn library() -> String {
    let mut text = String::new();
    for (module, source) in modules().iter().filter(|(name, _)| name != "prelude") {
        text += &format!("**`std.{module}`**\n\n{}", header(&["declaration", "kind", "what it is"]));
        for (kind, name, doc, _) in declarations(source) {
            text += &row(&[&format!("`{name}`"), &kind, &doc]);
        }
        text.push('\n');
    }
    text
}

/// The records, in the order a reader meets them.
const RECORDS: &[fn() -> &'static Schema] = &[
    settings::Experiment::schema,
    settings::Model::schema,
    settings::Corpus::schema,
    settings::Search::schema,
    settings::Halving::schema,
    settings::Mutation::schema,
    settings::Inter::schema,
    settings::Intra::schema,
    settings::Evaluate::schema,
    settings::Agreement::schema,
    settings::Final::schema,
    settings::Train::schema,
    settings::Suite::schema,
    settings::Task::schema,
    settings::Files::schema,
    settings::Rows::schema,
];

type Variants = fn() -> &'static [Variant];

/// The choices, each under the Rust name that no reader sees and the name of the field that takes it.
const CHOICES: &[(&str, Variants)] = &[
    ("objective of an experiment", settings::Goal::variants),
    ("measure", settings::Measure::variants),
    ("device", settings::Device::variants),
    ("source of a corpus", settings::CorpusSource::variants),
    ("algorithm", settings::Algorithm::variants),
    ("initial", settings::Initial::variants),
    ("screen", settings::Screen::variants),
    ("what a screen tells", settings::Cheap::variants),
    ("dedupe", settings::Dedupe::variants),
    ("pick", settings::Pick::variants),
    ("credit", settings::Credit::variants),
    ("stop", settings::Stop::variants),
    ("method", settings::Method::variants),
    ("commit", settings::Commit::variants),
    ("paths", settings::PathSampling::variants),
    ("objective of training", settings::Objective::variants),
    ("phases", settings::Phase::variants),
    ("optimizer", settings::Optimizer::variants),
    ("schedule", settings::Schedule::variants),
    ("precision", settings::Precision::variants),
    ("label", settings::Label::variants),
    ("metrics", settings::Metric::variants),
    ("report", settings::Report::variants),
    ("score", settings::Averaging::variants),
];

/// Every record and choice a field leads to is in the lists above.
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
    for schema in RECORDS {
        let schema = schema();
        text += &format!("#### `{}`\n\n{}\n\n{}\n", schema.kind, one_line(schema.doc), fields(schema.fields));
    }
    text
}

fn choices() -> String {
    let mut text = String::new();
    for (name, variants) in CHOICES {
        text += &format!("#### {name}\n\n");
        for variant in variants() {
            text += &format!("- `{}`: {}\n", variant.name, one_line(variant.doc));
        }
        text.push('\n');
        for variant in variants().iter().filter(|variant| !variant.fields.is_empty()) {
            text += &format!("Fields of `{}`:\n\n{}\n", variant.name, fields(variant.fields));
        }
    }
    text
}

fn fields(fields: &[Field]) -> String {
    let mut table = header(&["field", "type", "default", "meaning"]);
    // The name of a record is that of its declaration.
    for field in fields.iter().filter(|field| field.name != "name") {
        let name = field.name.trim_start_matches("r#");
        let default = field
            .default
            .map_or_else(|| "must be given".to_owned(), |text| format!("`{}`", written(field.kind, &serde_json::from_str(text).unwrap())));
        let default = default.replace("`none`", "none");
        table += &row(&[&format!("`{name}`"), &kind(field.kind), &default, &one_line(field.doc)]);
    }
    table
}

fn kind(kind: Kind) -> String {
    let unit = |unit: Unit| match unit {
        Unit::Plain => "",
        Unit::Share => ", a share",
        Unit::Steps => ", in steps",
        Unit::Epochs => ", in epochs",
        Unit::Generations => ", in generations",
        Unit::Seconds => ", a time",
    };
    match kind {
        Kind::Int(of, least) => format!("whole number ≥ {least}{}", unit(of)),
        Kind::Real(of, low, high) if high >= 1e9 && low <= -1e9 => format!("number{}", unit(of)),
        Kind::Real(of, low, high) if high >= 1e9 => format!("number ≥ {low}{}", unit(of)),
        Kind::Real(of, low, high) => format!("number from {low} to {high}{}", unit(of)),
        Kind::Text => "text".to_owned(),
        Kind::DataPath => "path of data".to_owned(),
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::List(inner) => format!("list of: {}", self::kind(*inner)),
        Kind::Record(schema) => format!("record `{}`", schema().kind),
        Kind::OneOf(variants) => variants().iter().map(|variant| format!("`{}`", variant.name)).collect::<Vec<_>>().join(", "),
        Kind::Optional(inner) => format!("{}, or left out", self::kind(*inner)),
        Kind::Space => "space".to_owned(),
        Kind::Architecture => "architecture".to_owned(),
    }
}

/// A default as the language writes it.
fn written(kind: Kind, value: &serde_json::Value) -> String {
    use serde_json::Value;
    match (kind, value) {
        (_, Value::Null) => "none".to_owned(),
        (Kind::Optional(inner), value) => written(*inner, value),
        (Kind::Int(Unit::Share, _) | Kind::Real(Unit::Share, ..), Value::Number(number)) => {
            let share = (number.as_f64().unwrap() * 1e6).round() / 1e4;
            format!("{share}%")
        }
        (Kind::Int(..) | Kind::Real(..), Value::Number(number)) => number.to_string().trim_end_matches(".0").to_owned(),
        (Kind::Text | Kind::DataPath, Value::String(text)) => format!("{text:?}"),
        (Kind::List(inner), Value::Array(items)) => {
            format!("[{}]", items.iter().map(|item| written(*inner, item)).collect::<Vec<_>>().join(", "))
        }
        (Kind::OneOf(_), Value::String(name)) => name.clone(),
        (Kind::OneOf(variants), Value::Object(object)) => {
            let (name, given) = object.iter().next().unwrap();
            let variant = variants().iter().find(|variant| variant.name == name).unwrap();
            let fields =
                variant.fields.iter().filter_map(|field| Some(format!("{} = {}", field.name, written(field.kind, given.get(field.name)?))));
            format!("{name} {{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        (_, value) => value.to_string(),
    }
}

fn codes() -> String {
    let mut table = header(&["code", "what it stands for"]);
    for (code, title) in CODES {
        table += &row(&[&format!("`{}`", code.0), title]);
    }
    table
}
