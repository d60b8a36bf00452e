//! The one renderer: a drawing over the source, or one JSON object.

use super::{Diagnostic, Severity, Sources};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError, MietteSpanContents, NamedSource, SourceCode,
    SourceSpan, SpanContents,
};
use serde_json::{Value, json};
use std::fmt;
use std::ops::Range;

/// The diagnostic as drawn in a terminal, with colours or without.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    let main = diagnostic.labels.first().map(|label| label.span.file);
    let mut body = MietteDiagnostic::new(&diagnostic.message).with_code(diagnostic.code.0).with_severity(match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    });
    let crop = main.map(|file| Crop::new(sources.text(file), diagnostic.labels.first().map_or(0, |label| label.span.start as usize)));
    // A drawing shows one source; places in others are told in words.
    let mut elsewhere = String::new();
    for label in &diagnostic.labels {
        if Some(label.span.file) == main {
            let range = label.span.start as usize..label.span.end as usize;
            let range = crop.as_ref().map_or(range.clone(), |crop| crop.place(range));
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
    if let (Some(file), Some(crop)) = (main, crop) {
        let cut = crop.line.as_ref().map(|(line, _)| (line.start, crop.columns));
        report = report.with_source_code(Shown { source: NamedSource::new(sources.name(file), crop.text), cut });
    }
    let mut drawn = String::new();
    match handler.render_report(&mut drawn, report.as_ref()) {
        Ok(()) => drawn,
        // Writing to a string cannot fail; the plain message is still better than nothing.
        Err(fmt::Error) => format!("{}: {}\n", diagnostic.code.0, diagnostic.message),
    }
}

/// Characters of a line that are drawn on either side of a mistake; a line that is no longer than both is drawn whole.
const BESIDE: usize = 80;

/// A source whose line with the mistake is cut to what is near it, where it is very long.
struct Crop {
    text: String,
    /// The bytes of that line in the source, and of what is kept of it; `None` where all is kept.
    line: Option<(Range<usize>, Range<usize>)>,
    /// The length of the source.
    whole: usize,
    /// The bytes and the columns by which places in the line move.
    moved: usize,
    columns: usize,
}

impl Crop {
    fn new(text: &str, at: usize) -> Self {
        let text = &tame(text);
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.get(start..).unwrap_or_default();
        let rest = after.split('\n').next().unwrap_or_default();
        let whole = text.len();
        if line.chars().count() + rest.chars().count() <= 2 * BESIDE {
            return Self { text: text.to_owned(), line: None, whole, moved: 0, columns: 0 };
        }
        // What takes less room than the sign for it stays.
        let back = line.char_indices().rev().nth(BESIDE - 1).map_or(0, |(byte, _)| byte);
        let back = if back < "…".len() { 0 } else { back };
        let ahead = rest.char_indices().nth(BESIDE).map_or(rest.len(), |(byte, _)| byte);
        let [left, right] = [back > 0, ahead < rest.len()].map(|cut| if cut { "…" } else { "" });
        let (kept, end) = (start + back..at + ahead, at + rest.len());
        let part = |range: Range<usize>| text.get(range).unwrap_or_default();
        Self {
            text: format!("{}{left}{}{right}{}", part(0..start), part(kept.clone()), part(end..whole)),
            line: Some((start..end, kept)),
            whole,
            moved: back - left.len(),
            columns: line.get(..back).unwrap_or_default().chars().count() - left.chars().count(),
        }
    }

    /// Where a place of the source stands in what is shown; what was left out stands at the ends of what was kept.
    fn place(&self, range: Range<usize>) -> Range<usize> {
        let place = |byte: usize| match &self.line {
            Some((line, kept)) if byte >= line.start => match byte <= line.end {
                true => byte.clamp(kept.start, kept.end) - self.moved,
                false => byte + self.text.len() - self.whole,
            },
            _ => byte,
        };
        place(range.start)..place(range.end)
    }
}

/// A text without what a terminal would obey, each sign for another of as many bytes.
fn tame(text: &str) -> String {
    let mut next = text.chars().skip(1);
    let tame = |sign: char| {
        let ends_line = next.next() == Some('\n');
        match sign {
            '\n' | '\t' => sign,
            '\r' if ends_line => sign,
            // Signs that change the direction of writing.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
            _ if !sign.is_control() && sign != '\u{61c}' => sign,
            _ if sign.len_utf8() == 1 => '?',
            _ => '¿',
        }
    };
    text.chars().map(tame).collect()
}

/// A source as it is shown; columns are those of the source itself, in characters.
struct Shown {
    source: NamedSource<String>,
    /// Where the line begins that was cut, and the columns left out at its beginning.
    cut: Option<(usize, usize)>,
}

impl SourceCode for Shown {
    fn read_span<'a>(&'a self, span: &SourceSpan, before: usize, after: usize) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.source.read_span(span, before, after)?;
        // Without the lines around it, it is the place that is asked for.
        let column = if before == 0 && after == 0 {
            let text = self.source.inner().get(..span.offset()).unwrap_or_default();
            let start = text.rfind('\n').map_or(0, |newline| newline + 1);
            let left_out = self.cut.filter(|(cut, _)| *cut == start).map_or(0, |(_, columns)| columns);
            text.get(start..).unwrap_or_default().chars().count() + left_out
        } else {
            found.column()
        };
        let (data, at, line) = (found.data(), *found.span(), found.line());
        Ok(Box::new(MietteSpanContents::new_named(self.source.name().to_owned(), data, at, line, column, found.line_count())))
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

#[cfg(test)]
mod tests {
    use super::{Crop, render};
    use crate::diagnostic::{Code, Diagnostic, Sources, Span};

    #[test]
    fn a_very_long_line_is_cut_and_its_columns_are_counted_all_the_same() {
        let text = format!("first\n{}x{}\nlast", "(".repeat(9000), "ä".repeat(9000));
        let mut sources = Sources::default();
        let file = sources.add("long.phyla", text.clone());
        let at = text.find('x').unwrap();
        let mistake = Diagnostic::error(Code::SYNTAX, "wrong").at(Span::new(file, at, at + 1), "here");
        let drawn = render(&mistake, &sources, false);
        assert!(drawn.contains("long.phyla:2:9001") && drawn.contains("…((") && drawn.contains("ä…"), "{drawn}");
        assert!(drawn.lines().all(|line| line.chars().count() < 200), "{drawn}");
        let crop = Crop::new(&text, at);
        let shown = |range| crop.text.get(crop.place(range)).unwrap();
        assert_eq!((shown(0..5), shown(at..at + 1), shown(text.len() - 4..text.len())), ("first", "x", "last"));
        assert_eq!(shown(6..7), "");
        assert_eq!(shown(at..text.len()).chars().next(), Some('x'));
    }

    /// What a terminal would obey is shown as something else, and no place moves.
    #[test]
    fn a_source_does_not_drive_the_terminal() {
        let text = "a \u{1b}[31m\u{7}\u{9b}\u{202e}\r b\r\n";
        let mut sources = Sources::default();
        let file = sources.add("wild.phyla", text);
        let at = text.find('b').unwrap();
        let drawn = render(&Diagnostic::error(Code::SYNTAX, "wrong").at(Span::new(file, at, at + 1), "here"), &sources, false);
        assert!(drawn.contains("a ?[31m?¿\u{fffd}? b"), "{drawn}");
        assert!(!drawn.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{drawn}");
    }

    #[test]
    fn other_lines_stay_whole() {
        let text = "one\ntwo\n";
        let crop = Crop::new(text, 5);
        assert_eq!((crop.text.as_str(), crop.place(4..7)), (text, 4..7));
    }
}
