//! The one renderer: a drawing over the source, or one JSON object.

use super::{Diagnostic, Severity, Sources};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};
use serde_json::{Value, json};
use std::fmt;

/// The diagnostic as drawn in a terminal, with colours or without.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    let main = diagnostic.labels.first().map(|label| label.span.file);
    let mut body = MietteDiagnostic::new(&diagnostic.message).with_code(diagnostic.code.0).with_severity(match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    });
    // A drawing shows one source; places in others are told in words.
    let mut elsewhere = String::new();
    for label in &diagnostic.labels {
        if Some(label.span.file) == main {
            let range = label.span.start as usize..label.span.end as usize;
            body = body.and_label(LabeledSpan::new_with_span(Some(label.text.clone()), range));
        } else {
            let (line, column) = sources.line_column(label.span.file, label.span.start);
            elsewhere += &format!("\n{}:{line}:{column}: {}", sources.name(label.span.file), label.text);
        }
    }
    let help = format!("{}{elsewhere}", diagnostic.help.as_deref().unwrap_or(""));
    if !help.is_empty() {
        body = body.with_help(help.trim_start_matches('\n'));
    }
    let mut report = miette::Report::new(body);
    if let Some(file) = main {
        report = report.with_source_code(NamedSource::new(sources.name(file), sources.text(file).to_owned()));
    }
    let mut drawn = String::new();
    match handler.render_report(&mut drawn, report.as_ref()) {
        Ok(()) => drawn,
        // Writing to a string cannot fail; the plain message is still better than nothing.
        Err(fmt::Error) => format!("{}: {}\n", diagnostic.code.0, diagnostic.message),
    }
}

/// All diagnostics drawn one after the other, in order of file and place.
pub fn render_all(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    ordered.iter().map(|diagnostic| format!("{}\n", render(diagnostic, sources, colour))).collect()
}

/// The diagnostic as one JSON object: severity, code, message, help, labels with file, line, column.
pub fn to_json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let (line, column) = sources.line_column(label.span.file, label.span.start);
            json!({
                "file": sources.name(label.span.file), "line": line, "column": column,
                "start": label.span.start, "end": label.span.end, "text": label.text,
            })
        })
        .collect();
    json!({
        "severity": match diagnostic.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "code": diagnostic.code.0, "message": diagnostic.message, "help": diagnostic.help, "labels": labels,
    })
}
