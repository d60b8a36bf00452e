//! The rows of a data file: tab-separated, CSV, JSON Lines or Parquet, as the ending of its name says.

use crate::diagnostic::{Code, Diagnostic, Result, nearest};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::Read;

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Columns between tabs; quotes are ordinary characters.
    Tabs,
    /// Columns between commas, quoted as in RFC 4180.
    Commas,
    /// One JSON object a line, its keys being the columns.
    Json,
    /// Parquet, whose rows come here as JSON Lines.
    Parquet,
}

/// A column that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    /// Its name in the header, or its number from 1; a key in JSON Lines.
    pub name: &'a str,
    /// Whether it may hold a number or a truth value in JSON Lines, as labels do and texts do not.
    pub label: bool,
}

/// What is found on a row.
#[derive(Debug)]
pub(super) enum Cells<'r> {
    /// The columns that were asked for, in that order.
    Whole(&'r [Cow<'r, str>]),
    /// Fewer columns than are needed: those needed at least, and those found.
    Short(usize, usize),
}

/// Sees the rows in their order, each with the number of the line it begins on.
pub(super) type Visit<'v> = dyn FnMut(usize, Cells<'_>) -> Result<()> + 'v;

/// What a column is called in a file of this name.
pub(super) fn noun(file: &str) -> &'static str {
    if format(file) == Format::Json { "key" } else { "column" }
}

/// A row of a file, by the number of the line it begins on.
pub(super) fn place(file: &str, line: usize) -> String {
    let noun = if format(file) == Format::Parquet { "row" } else { "line" };
    format!("{file}, {noun} {line}")
}

/// Reads the rows of a file; `header` says whether it begins with a line of column names.
///
/// # Errors
/// [`Code::DATA`], naming file, line and column: a column is not there, a row is not as its format has it, or `visit` fails.
pub(super) fn rows(file: &str, text: &str, columns: &[Column<'_>], header: bool, visit: &mut Visit<'_>) -> Result<()> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return wrong(format!("{file} is empty: expected rows of text"));
    }
    match format(file) {
        Format::Tabs => tabs(file, text, columns, header, visit),
        Format::Commas => commas(file, text, columns, header, visit),
        Format::Json | Format::Parquet => json(file, text, columns, visit),
    }
}

fn format(file: &str) -> Format {
    match file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
        Some("csv") => Format::Commas,
        Some("jsonl" | "json") => Format::Json,
        Some("parquet") => Format::Parquet,
        _ => Format::Tabs,
    }
}

fn tabs(file: &str, text: &str, columns: &[Column<'_>], header: bool, visit: &mut Visit<'_>) -> Result<()> {
    // Editors leave blank lines at the end of a file; elsewhere one may be a row without text.
    let mut lines = text.trim_end_matches(['\n', '\r']).lines().zip(1..);
    let names: Option<Vec<&str>> = if header { lines.next().map(|(line, _)| line.split('\t').collect()) } else { None };
    let places = places(file, names.as_deref(), columns)?;
    let needed = places.iter().max().map_or(0, |last| last + 1);
    for (line, number) in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let wanted: Vec<Cow<'_, str>> = places.iter().filter_map(|place| cells.get(*place)).map(|cell| Cow::from(cell.trim())).collect();
        visit(number, if wanted.len() == places.len() { Cells::Whole(&wanted) } else { Cells::Short(needed, cells.len()) })?;
    }
    Ok(())
}

/// A last record that swallows this was not closed: the reader itself takes an open quote to reach to the end of the file.
const END: &str = "\nend\n";

fn commas(file: &str, text: &str, columns: &[Column<'_>], header: bool, visit: &mut Visit<'_>) -> Result<()> {
    let bytes = text.as_bytes().chain(END.as_bytes());
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut lines = Lines { text, byte: 0, line: 1 };
    let mut known: Option<(Vec<usize>, usize)> = None;
    let mut records = reader.into_records().peekable();
    while let Some(record) = records.next() {
        let whole = record.map_err(|error| Box::new(Diagnostic::error(Code::DATA, format!("{file}: {error}"))))?;
        let number = lines.of(&whole);
        if records.peek().is_none() {
            let closed = whole.iter().eq([END.trim()]);
            return if closed { Ok(()) } else { wrong(format!("{file}, line {number}: a quote is opened in this row and never closed")) };
        }
        let (places, width) = match &known {
            Some(known) => known,
            None => {
                let names: Vec<&str> = whole.iter().collect();
                let found = places(file, header.then_some(names.as_slice()), columns)?;
                let known = known.insert((found, whole.len()));
                if header {
                    continue;
                }
                known
            }
        };
        let wanted: Vec<Cow<'_, str>> = places.iter().filter_map(|place| whole.get(*place)).map(|cell| Cow::from(cell.trim())).collect();
        if whole.len() != *width || wanted.len() != places.len() {
            let needed = places.iter().max().map_or(0, |last| last + 1);
            let expected = if needed > *width { format!("at least {needed}") } else { width.to_string() };
            let message = format!("{file}, line {number}: expected {expected} columns separated by commas, found {}", whole.len());
            let help = "a column that holds a comma, a quote or a line break stands in quotes, and a quote in it is doubled";
            return Diagnostic::error(Code::DATA, message).help(help).into();
        }
        visit(number, Cells::Whole(&wanted))?;
    }
    Ok(())
}

/// The lines that records begin on, counted on from one record to the next.
struct Lines<'t> {
    text: &'t str,
    byte: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, record: &csv::StringRecord) -> usize {
        let start = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.byte);
        let passed = self.text.get(self.byte..start).unwrap_or("");
        self.line += passed.matches('\n').count();
        self.byte = start;
        // The reader stops before the end of a line it has read, and passes blank lines over.
        let blank = self.text.get(start..).unwrap_or("");
        self.line + blank.chars().take_while(|letter| matches!(letter, '\r' | '\n')).filter(|letter| *letter == '\n').count()
    }
}

fn json(file: &str, text: &str, columns: &[Column<'_>], visit: &mut Visit<'_>) -> Result<()> {
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let object = object(line).map_err(|why| no_object(file, number, &why, "`{\"text\": \"…\", \"label\": \"…\"}`"))?;
        let cells = columns.iter().map(|column| cell(file, number, &object, column)).collect::<Result<Vec<_>>>()?;
        visit(number, Cells::Whole(&cells))?;
    }
    Ok(())
}

/// The text under a key of a line of JSON Lines.
///
/// # Errors
/// [`Code::DATA`], naming file, line and column: the line is no object, or has no text under the key.
pub(super) fn text_under(file: &str, number: usize, line: &str, key: &str) -> Result<String> {
    let object = object(line).map_err(|why| no_object(file, number, &why, "`{\"text\": \"…\"}`"))?;
    let text = cell(file, number, &object, &Column { name: key, label: false });
    let told = |error: Box<Diagnostic>| Box::new((*error).help("`text(…, key = \"body\")` names the key of the text"));
    Ok(text.map_err(told)?.into_owned())
}

/// The complaint about a line that is no object.
fn no_object(file: &str, number: usize, why: &str, example: &str) -> Box<Diagnostic> {
    let message = format!("{}{why}", place(file, number));
    Box::new(Diagnostic::error(Code::DATA, message).help(format!("each line is one object, as {example}")))
}

/// The object of a line, or what is there in its place.
fn object(line: &str) -> std::result::Result<Map<String, Value>, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!(": expected one JSON object a line, found {}", kind(&other))),
        Err(error) => {
            let character = line.char_indices().take_while(|(byte, _)| *byte < error.column()).count();
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            Err(format!(", character {character}: expected one JSON object a line: {why}"))
        }
    }
}

fn cell<'r>(file: &str, line: usize, object: &'r Map<String, Value>, column: &Column<'_>) -> Result<Cow<'r, str>> {
    let Some(value) = object.get(column.name.trim()) else {
        let names: Vec<&str> = object.keys().map(String::as_str).collect();
        let message = format!("{}: expected a {} `{}`, found {}", place(file, line), noun(file), column.name, listed(&names));
        return missing(message, column.name, &names);
    };
    match value {
        Value::String(text) => Ok(Cow::from(text.trim())),
        Value::Number(_) | Value::Bool(_) if column.label => Ok(Cow::from(value.to_string())),
        other => {
            let wanted = if column.label { "a label" } else { "text" };
            wrong(format!("{}, {} `{}`: expected {wanted}, found {}", place(file, line), noun(file), column.name, kind(other)))
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The places of columns: by their names in the header, or by their numbers from 1 where there is none.
fn places(file: &str, header: Option<&[&str]>, columns: &[Column<'_>]) -> Result<Vec<usize>> {
    columns.iter().map(|column| column_of(file, header, column.name)).collect()
}

fn column_of(file: &str, header: Option<&[&str]>, name: &str) -> Result<usize> {
    let number = name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let place = match header {
        Some(header) => header.iter().position(|cell| cell.trim() == name.trim()),
        None => number,
    };
    if let Some(place) = place {
        return Ok(place);
    }
    let Some(header) = header else {
        let help = "without a header, columns are given by number from 1, such as \"4\"";
        return Diagnostic::error(Code::DATA, format!("{file} is read without a header, so it has no column `{name}`")).help(help).into();
    };
    let message = format!("{file}, line 1: expected a column `{name}`, found {}", listed(header));
    match header {
        // The whole line is one cell.
        [only] if only.split([';', ',', '\t']).any(|cell| cell.trim() == name.trim()) => {
            let help = "cells are parted by commas in files that end in `.csv`, and by tabs in others";
            Diagnostic::error(Code::DATA, message).help(help).into()
        }
        _ if number.is_some() => {
            let help = "numbers count where there is no line of names; a file to be answered has one, and `test_text` names its columns";
            Diagnostic::error(Code::DATA, message).help(help).into()
        }
        _ if nearest(name, header.iter().copied()).is_some() => missing(message, name, header),
        _ => {
            let help =
                "`text` and `label` of the task name the columns; of a file without a line of names, `header = false` and numbers from 1";
            Diagnostic::error(Code::DATA, message).help(help).into()
        }
    }
}

/// The complaint about a name that is not there, with the nearest that is.
fn missing<T>(message: String, name: &str, known: &[&str]) -> Result<T> {
    let error = Diagnostic::error(Code::DATA, message);
    match nearest(name, known.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")).into(),
        None => error.help("`text` and `label` of the task name the columns").into(),
    }
}

/// The first names of a list, each short.
pub(super) fn listed(names: &[&str]) -> String {
    let some: Vec<String> = names.iter().take(12).map(|name| format!("`{}`", shown(name))).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    if names.len() > some.len() { format!("{} and {} more", some.join(", "), names.len() - some.len()) } else { some.join(", ") }
}

/// The beginning of a text that may be long.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

pub(super) fn wrong<T>(message: String) -> Result<T> {
    Diagnostic::error(Code::DATA, message).into()
}

#[cfg(test)]
mod tests {
    use super::{Cells, Column, rows};
    use crate::diagnostic::Diagnostic;
    use proptest::prelude::*;

    /// What a file says in the columns `text` and `label`, or why it cannot be read.
    fn read(file: &str, text: &str) -> Result<Vec<(usize, String, String)>, String> {
        let columns = [Column { name: "text", label: false }, Column { name: "label", label: true }];
        let mut found = Vec::new();
        let read = rows(file, text, &columns, true, &mut |line, cells| {
            match cells {
                Cells::Whole(cells) => found.push((line, cells[0].to_string(), cells[1].to_string())),
                Cells::Short(needed, cells) => found.push((line, format!("{needed}"), format!("{cells}"))),
            }
            Ok(())
        });
        read.map(|()| found).map_err(|error| {
            let Diagnostic { message, help, .. } = *error;
            help.map_or(message.clone(), |help| format!("{message} ({help})"))
        })
    }

    fn row(line: usize, text: &str, label: &str) -> (usize, String, String) {
        (line, text.to_owned(), label.to_owned())
    }

    #[test]
    fn one_set_of_rows_reads_the_same_in_three_layouts() {
        let tabs = "label\tid\ttext\n1\ta\tOne, \"two\"\n0\tb\tThree\n";
        let commas = "label,id,text\r\n1,a,\"One, \"\"two\"\"\"\r\n0,b,Three\r\n";
        let json = "{\"label\": 1, \"id\": \"a\", \"text\": \"One, \\\"two\\\"\"}\n{\"text\": \"Three\", \"label\": \"0\"}";
        for (lines, file, text) in [([2, 3], "a.tsv", tabs), ([2, 3], "a.CSV", commas), ([1, 2], "a.jsonl", json), ([1, 2], "a.json", json)]
        {
            for text in [text.to_owned(), format!("\u{feff}{text}")] {
                assert_eq!(read(file, &text).unwrap(), [row(lines[0], "One, \"two\"", "1"), row(lines[1], "Three", "0")], "{file}");
            }
        }
    }

    #[test]
    fn quoted_columns_may_hold_line_breaks_and_lines_are_counted_on() {
        for end in ["\n", "\r\n"] {
            let text = ["text,label", "\"one", "", "two\",1", "", "three,end", "end,\"a \"\"b\"\"\""].join(end);
            let found = read("a.csv", &text).unwrap();
            assert_eq!(found, [row(2, &format!("one{end}{end}two"), "1"), row(6, "three", "end"), row(7, "end", "a \"b\"")]);
        }
    }

    #[test]
    fn a_csv_file_that_is_none_is_told() {
        let help = " (a column that holds a comma, a quote or a line break stands in quotes, and a quote in it is doubled)";
        let wrong = |text: &str| read("a.csv", text).unwrap_err();
        assert_eq!(wrong("text,label\na,1\nb, c,0\n"), format!("a.csv, line 3: expected 2 columns separated by commas, found 3{help}"));
        assert_eq!(wrong("text,label\na,1\n\nb\n"), format!("a.csv, line 4: expected 2 columns separated by commas, found 1{help}"));
        let open = "a.csv, line 3: a quote is opened in this row and never closed";
        for text in ["text,label\na,1\nb,\"0\nc,1\n", "text,label\na,1\n\"b,0\nc,1\n\n", "text,label\na,1\nb,\""] {
            assert_eq!(wrong(text), open);
        }
        let parted = " (cells are parted by commas in files that end in `.csv`, and by tabs in others)";
        assert_eq!(wrong("text;label\na;1\n"), format!("a.csv, line 1: expected a column `text`, found `text;label`{parted}"));
        let told = wrong("good,1\nbad,0\n");
        assert!(
            told.starts_with("a.csv, line 1: expected a column `text`, found `good`, `1`") && told.contains("`header = false`"),
            "{told}"
        );
    }

    /// A number would take a row of text for the line of names, and shift all answers.
    #[test]
    fn numbers_count_only_where_there_is_no_header() {
        let columns = [Column { name: "2", label: false }];
        let text = |header: bool| {
            let mut seen = Vec::new();
            let read = rows("a.tsv", "0\tfirst\n1\tsecond\n", &columns, header, &mut |_, cells| {
                seen.push(format!("{cells:?}"));
                Ok(())
            });
            read.map(|()| seen.len()).map_err(|error| error.help.unwrap_or_default())
        };
        assert_eq!(text(false), Ok(2));
        assert!(text(true).unwrap_err().contains("`test_text` names its columns"));
    }

    #[test]
    fn a_json_file_that_is_none_is_told() {
        let wrong = |text: &str| read("a.jsonl", text).unwrap_err();
        let lines = " (each line is one object, as `{\"text\": \"…\", \"label\": \"…\"}`)";
        let good = "{\"text\": \"a\", \"label\": true}\n\n";
        assert_eq!(read("a.jsonl", good).unwrap(), [row(1, "a", "true")]);
        let line = |rest: &str| wrong(&format!("{good}{rest}"));
        assert_eq!(line("[1]"), format!("a.jsonl, line 3: expected one JSON object a line, found a list{lines}"));
        let object = "a.jsonl, line 3, character";
        let eof = "expected one JSON object a line: EOF while parsing a string";
        assert_eq!(line("{\"text\": \"ä"), format!("{object} 11: {eof}{lines}"));
        assert_eq!(line("{}"), "a.jsonl, line 3: expected a key `text`, found none (`text` and `label` of the task name the columns)");
        let near = "a.jsonl, line 3: expected a key `label`, found `text`, `labels` (did you mean `labels`?)";
        assert_eq!(line("{\"text\": \"a\", \"labels\": 1}"), near);
        assert_eq!(line("{\"text\": 3, \"label\": 1}"), "a.jsonl, line 3, key `text`: expected text, found a number");
        assert_eq!(line("{\"text\": \"a\", \"label\": null}"), "a.jsonl, line 3, key `label`: expected a label, found null");
    }

    #[test]
    fn an_empty_file_is_told_in_every_layout() {
        for file in ["a.tsv", "a.csv", "a.jsonl", "a"] {
            for text in ["", "\n\n", "\u{feff}"] {
                assert_eq!(read(file, text).unwrap_err(), format!("{file} is empty: expected rows of text"));
            }
        }
    }
    proptest! {
        #[test]
        fn nothing_crashes_the_readers(text in "[ab,\"\t\r\n{}:\\[\\]\u{feff}é]{0,60}", header in any::<bool>(), name in "a|b|1|2") {
            let columns = [Column { name: &name, label: false }, Column { name: "1", label: true }];
            for file in ["a.tsv", "a.csv", "a.jsonl"] {
                let _found_or_refused = rows(file, &text, &columns, header, &mut |_, _| Ok(()));
            }
        }

        /// What a writer of CSV wrote comes back, on the lines where it stands.
        #[test]
        fn written_csv_is_read_back(cells in prop::collection::vec(("[a,\"\r\n;é]{1,6}", "[01]"), 1..9), windows in any::<bool>()) {
            let end = if windows { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(Vec::new());
            writer.write_record(["text", "label"]).unwrap();
            let mut expected = Vec::new();
            for (text, label) in &cells {
                writer.flush().unwrap();
                let line = writer.get_ref().iter().filter(|byte| **byte == b'\n').count() + 1;
                writer.write_record([text, label]).unwrap();
                expected.push(row(line, text.trim(), label));
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(read("a.csv", &text), Ok(expected));
        }
    }
}
