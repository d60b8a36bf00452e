//! Laws of parsing and of the layout.

use crate::campaign::{Breach, Verdict, ensure};
use phyla::diagnostic::{CODES, Diagnostic, FileId, Severity, Sources, render_all, to_json};
use phyla::syntax::tree::{Kind, Node};
use phyla::syntax::{Parsed, format, parse, parse_expression};

/// Any text is read: nothing of it is lost, and what is wrong with it can be told.
pub fn reads(text: &str) -> Verdict {
    let (parsed, sources) = read(text);
    let printed = parsed.tree.print(text);
    ensure(printed == text, "the tree prints another text", || printed.clone())?;
    covers(&parsed.tree.root)?;
    told(&parsed.diagnostics, &sources)?;
    let mut sources = Sources::default();
    let file = sources.add("value", text);
    if let Err(mistake) = parse_expression(file, text) {
        told(&[*mistake], &sources)?;
    }
    Ok(parsed.diagnostics.is_empty())
}

/// The children of a node cover it without gap or overlap.
fn covers(node: &Node) -> Result<(), Breach> {
    let mut at = node.start;
    for child in &node.children {
        ensure(child.start == at && child.end >= at, "children leave a gap", || format!("{node:?}"))?;
        at = child.end;
        covers(child)?;
    }
    ensure(node.children.is_empty() || at == node.end, "children leave a gap", || format!("{node:?}"))
}

/// Diagnostics have known codes and places within their sources, and can be drawn.
pub fn told(diagnostics: &[Diagnostic], sources: &Sources) -> Result<(), Breach> {
    for one in diagnostics {
        ensure(CODES.iter().any(|(code, _)| *code == one.code), "a code that is not listed", || format!("{one:?}"))?;
        ensure(one.code.0 != "E0999", "a defect that the program tells of itself", || format!("{one:?}"))?;
        for label in &one.labels {
            let place = label.span.start as usize..label.span.end as usize;
            ensure(sources.text(label.span.file).get(place).is_some(), "a place outside of its source", || format!("{one:?}"))?;
            let nowhere = sources.name(label.span.file).starts_with("std.") && label.span.end == 0;
            ensure(!nowhere, "a place that is nowhere", || format!("{one:?}"))?;
        }
        to_json(one, sources);
    }
    for colour in [false, true] {
        render_all(diagnostics, sources, colour);
    }
    Ok(())
}

fn read(text: &str) -> (Parsed, Sources) {
    let mut sources = Sources::default();
    let file = sources.add("fuzz.phyla", text);
    (parse(file, text), sources)
}

/// A text that can be laid out keeps its meaning and its comments, and is laid out once and for all.
pub fn lays_out(text: &str) -> Verdict {
    let Ok(once) = format(text) else { return Ok(false) };
    let (before, _) = read(text);
    let (after, sources) = read(&once);
    let both = || format!("laid out:\n{once}");
    ensure(errors(&after) == 0, "a layout does not parse", || format!("{}\n{}", both(), render_all(&after.diagnostics, &sources, false)))?;
    ensure(after.diagnostics.len() == before.diagnostics.len(), "a layout has other warnings", both)?;
    ensure(comments(&after, &once) == comments(&before, text), "a layout loses or moves comments", both)?;
    ensure(meaning(&after) == meaning(&before), "a layout changes the meaning", both)?;
    ensure(once.lines().all(|line| line == line.trim_end()), "a layout leaves blanks at the end of a line", both)?;
    let twice = format(&once).map_err(|mistake| Breach { law: "a layout cannot be laid out".to_owned(), told: format!("{mistake:?}") })?;
    ensure(twice == once, "a layout is laid out otherwise", || format!("once:\n{once}\ntwice:\n{twice}"))?;
    Ok(true)
}

fn errors(parsed: &Parsed) -> usize {
    parsed.diagnostics.iter().filter(|one| one.severity == Severity::Error).count()
}

/// The texts of the comments, in order.
fn comments(parsed: &Parsed, text: &str) -> Vec<String> {
    let leaves = parsed.tree.root.leaves().filter(|leaf| leaf.kind == Kind::Comment);
    leaves.map(|leaf| leaf.text(text).trim_end().to_owned()).collect()
}

/// The typed view without its places.
pub fn meaning(parsed: &Parsed) -> String {
    let debug = format!("{:?}", parsed.file);
    let mut pieces = debug.split("Span {");
    let first = pieces.next().unwrap_or("").to_owned();
    pieces.fold(first, |all, piece| all + piece.split_once(" }").map_or("", |(_, rest)| rest))
}

/// The source of this text alone, numbered as `parse` wants it.
pub fn parsed(text: &str) -> Parsed {
    parse(FileId::default(), text)
}
