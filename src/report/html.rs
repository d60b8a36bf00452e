//! `report.html`: one file that needs no network and no scripts.

use super::contents::Contents;
use super::words::{duration, escape, grouped, number, plural};
use super::{
    agreement::agreement, candidates::candidates, curve::curve, drift::drift, finals::finals, front::front, lineage::descent,
    population::population, priorities::priorities,
};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::run::journal::{Entry, Start};
use crate::run::rank_agreement;

/// Drawings that are shown without a click; those without a formula never are, since they are the largest.
const OPEN: usize = 4;

/// A drawn graph of the best architecture, such as the mixer of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// What is drawn, such as `layer 2, attention`.
    pub title: String,
    /// The graph as an SVG document.
    pub svg: String,
    /// The same in one line of Phyla; empty for a graph too large for one.
    pub formula: String,
}

/// The report of a run as one HTML page. `source` is the text of the experiment; `drawings` are the graphs of the best. A
/// journal without its last entry gives a report that says it is unfinished.
///
/// # Errors
/// Where a drawing is not one SVG element, or brings a script.
pub fn html(entries: &[Entry], source: &str, drawings: &[Drawing]) -> Result<String> {
    let contents = Contents::new(entries);
    let nothing = |what: &str| format!("<p class=\"nothing\">{}</p>\n", contents.so_far(what));
    let found = best(&contents).unwrap_or_else(|| nothing("No best architecture is known")) + &drawn(drawings)?;
    let search = [curve(&contents), front(&contents), descent(&contents), drift(&contents), population(&contents)]
        .into_iter()
        .flatten()
        .collect::<String>();
    let search = if search.is_empty() { nothing("No candidate has been evaluated") } else { search };
    let table = if contents.candidates.is_empty() { String::new() } else { candidates(&contents) };
    let about_search = ["best", "search", "agreement", "priorities"];
    let sections = [
        ("results", "Final table", finals(&contents).unwrap_or_else(|| nothing("No final model has been trained and no baseline scored"))),
        ("best", "The best architecture", found),
        ("search", "Search", search + &table),
        ("agreement", "Rank agreement", agreement(&contents, rank_agreement(entries).as_ref()).unwrap_or_default()),
        ("priorities", "Operation priorities", priorities(&contents).unwrap_or_else(|| nothing("No priorities have been recorded"))),
        ("experiment", "The experiment", format!("<details><summary>Its text</summary><pre>{}</pre></details>\n", escape(source))),
    ];
    let measured = rank_agreement(entries).is_some();
    let shown = || sections.iter().filter(|(id, ..)| (contents.searched || !about_search.contains(id)) && (measured || *id != "agreement"));
    let links: String = shown().map(|(id, title, _)| format!("<a href=\"#{id}\">{title}</a>\n")).collect();
    let bodies: String = shown().map(|(id, title, body)| format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{body}</section>\n")).collect();
    let name = escape(contents.experiment);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{name} – Phyla</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>{name}</h1>\n{}</header>\n<nav aria-label=\"Sections\">\n{links}</nav>\n{bodies}</main>\n</body>\n</html>\n",
        include_str!("style.css"),
        summary(&contents, entries),
    ))
}

fn summary(contents: &Contents<'_>, entries: &[Entry]) -> String {
    let state = match contents.finished {
        true => String::new(),
        false => "<p class=\"state\"><b>This run is unfinished.</b> The report shows what its journal holds so far.</p>\n".to_owned(),
    };
    let failed = contents.candidates.iter().filter(|candidate| contents.value(candidate).is_none()).count();
    let generations = if contents.candidates.is_empty() { 0 } else { contents.last_generation() + 1 };
    let failed = if failed == 0 { String::new() } else { format!(" ({failed} failed)") };
    let (evaluated, within) = (plural(contents.candidates.len(), "candidate"), plural(generations, "generation") + &failed);
    let search = match contents.best() {
        Some((best, reached)) => format!(
            "The search evaluated {evaluated} in {within} and found its best {}, <b>{}</b>, with candidate {} in generation {}.",
            contents.measure(),
            number(Some(reached)),
            best.id,
            best.generation
        ),
        None if generations == 0 => String::new(),
        None => format!("The search evaluated {evaluated} in {within}; all failed."),
    };
    let verdict = if contents.models.is_empty() { String::new() } else { format!(" On dev, {}.", escape(&contents.verdict())) };
    let facts: String =
        entries.iter().flat_map(facts).map(|(term, value)| format!("<div><dt>{term}</dt><dd>{}</dd></div>\n", escape(&value))).collect();
    format!("{state}<p class=\"lead\">{search}{verdict}</p>\n<dl>\n{facts}</dl>\n")
}

/// What an entry says of the run as a whole.
fn facts(entry: &Entry) -> Vec<(&'static str, String)> {
    match entry {
        Entry::Start(Start { fingerprint, seed, version, executor, space_size, .. }) => {
            let facts = [("fingerprint", fingerprint.clone()), ("seed", seed.to_string()), ("Phyla", version.clone())];
            let executor = (!executor.is_empty()).then(|| ("executor", executor.clone()));
            let space = (!space_size.is_empty()).then(|| ("architectures in the space", magnitude(space_size)));
            facts.into_iter().chain(executor).chain(space).collect()
        }
        Entry::Corpus { train_tokens, held_out_tokens, vocabulary, unigram_entropy } => vec![
            ("training text", format!("{} tokens", grouped(train_tokens))),
            ("held-out text", format!("{} tokens", grouped(held_out_tokens))),
            ("vocabulary", format!("{} word pieces", grouped(vocabulary))),
            ("unigram entropy, held-out", format!("{} nats", number(Some(*unigram_entropy)))),
        ],
        Entry::Warmup { steps, loss, seconds } => {
            vec![("supernet warm-up", format!("{} steps to MLM loss {}, {}", grouped(steps), number(Some(*loss)), duration(*seconds)))]
        }
        Entry::Finished { seconds, .. } => vec![("time of the last sitting", duration(*seconds))],
        _ => Vec::new(),
    }
}

/// A count that may have dozens of digits: grouped, or in powers of ten.
fn magnitude(count: &str) -> String {
    let digits = count.len();
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return count.to_owned();
    }
    let mut leading = count.chars();
    match (leading.next(), leading.next(), leading.next()) {
        (Some(a), Some(b), Some(c)) if digits > 12 => {
            let power = (digits - 1)
                .to_string()
                .chars()
                .filter_map(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit.to_digit(10)? as usize))
                .collect::<String>();
            format!("{a}.{b}{c} × 10{power}")
        }
        _ => grouped(count),
    }
}

/// The layers of the best in words: of the final model of that name, before there is one of the search's best candidate.
fn best(contents: &Contents<'_>) -> Option<String> {
    let (layers, what) = match (contents.models.iter().find(|model| model.name == "best"), contents.best()) {
        (Some(model), _) => match contents.candidates.iter().find(|candidate| candidate.hash == model.first.hash) {
            Some(candidate) => {
                (&model.first.layers, format!("Candidate {} of the search, trained anew for the final table as “best”.", candidate.id))
            }
            None => (&model.first.layers, "The model that the final table calls “best”.".to_owned()),
        },
        (None, Some((candidate, _))) => {
            (&candidate.layers, format!("Candidate {}, the best of the search by its {}.", candidate.id, contents.measure()))
        }
        (None, None) => return None,
    };
    let layers: String = layers.iter().map(|layer| format!("<li><code>{}</code></li>\n", escape(layer))).collect();
    Some(format!("<p>{what} Its layers, from the embeddings up:</p>\n<ol class=\"layers\">\n{layers}</ol>\n"))
}

fn drawn(drawings: &[Drawing]) -> Result<String> {
    let folded = drawings.iter().enumerate().map(|(index, drawing)| {
        let (title, formula, svg) = (escape(&drawing.title), escape(&drawing.formula), inline(drawing, index)?);
        let open = if index < OPEN && !formula.is_empty() { " open" } else { "" };
        Ok(format!(
            "<details class=\"drawing\"{open}><summary>{title}</summary>\n<p><code>{formula}</code></p>\n<div class=\"paper\">{svg}</div>\n</details>\n"
        ))
    });
    let folded = folded.collect::<Result<String>>()?;
    Ok(if folded.is_empty() { "<p class=\"nothing\">There are no drawn graphs.</p>\n".to_owned() } else { folded })
}

/// The SVG element of a drawing, without the prologue and the name space that HTML does not need, its ids made the page's own.
fn inline(drawing: &Drawing, index: usize) -> Result<String> {
    let element = drawing.svg.find("<svg").and_then(|start| drawing.svg.get(start..)).map(str::trim_end);
    let whole =
        element.filter(|svg| svg.ends_with("</svg>") && svg.matches("<svg").count() == 1 && !svg.to_ascii_lowercase().contains("<script"));
    let Some(svg) = whole else {
        let message = format!("the drawing `{}` is not one SVG element without scripts", drawing.title);
        return Diagnostic::error(Code::INTERNAL, message).into();
    };
    let own = |svg: &str, mark: &str| svg.replace(mark, &format!("{mark}d{index}-"));
    let svg = [" id=\"", "url(#", "href=\"#"].iter().fold(svg.to_owned(), |svg, mark| own(&svg, mark));
    Ok(without_name_spaces(&svg))
}

fn without_name_spaces(svg: &str) -> String {
    let mut parts = svg.split(" xmlns");
    let first = parts.next().unwrap_or_default().to_owned();
    // `="…"` or `:xlink="…"` follows; the attribute ends with its second quote. Anything else was a text.
    parts.fold(first, |svg, part| match part.split_once('"').and_then(|(name, rest)| Some((name, rest.split_once('"')?.1))) {
        Some((name, rest)) if name == "=" || (name.starts_with(':') && name.ends_with('=')) => svg + rest,
        _ => svg + " xmlns" + part,
    })
}
