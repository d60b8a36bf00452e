//! Files of a labelled task, as GLUE has them: tab-separated, quotes being ordinary characters.

use crate::diagnostic::{Code, Diagnostic, Result, nearest};
use crate::settings::{Label, Task};

/// One row of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The sentence, or the first of two.
    pub first: String,
    /// The second sentence of a pair.
    pub second: Option<String>,
    /// What is to be predicted.
    pub gold: Gold,
}

/// The label of an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gold {
    /// A class, numbered as the task lists its names.
    Class(u32),
    /// A number.
    Score(f64),
    /// Not given, as in a test file.
    Unknown,
}

/// The examples of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// The examples in the order of the file.
    pub rows: Vec<Example>,
    /// Rows left out because they lack columns, as a few do in the official QQP.
    pub skipped: usize,
}

/// More short rows than this share are no accident but a wrong file.
const SHORT: f64 = 0.01;

/// Reads a file with labels; `file` is its name in diagnostics, `text` its contents.
///
/// # Errors
/// [`Code::DATA`], naming file and line: a column is missing, a label is none of the task's, a score is no number or
/// out of range, more than one row in a hundred is short, or the file has no rows.
pub fn read_labelled(task: &Task, file: &str, text: &str) -> Result<Examples> {
    read(task, file, text, true)
}

/// Reads a test file: it has a header and no labels, and no row may be short, since each wants a prediction.
///
/// # Errors
/// [`Code::DATA`], naming file and line: a column is missing, a row is short, or the file has no rows.
pub fn read_test(task: &Task, file: &str, text: &str) -> Result<Examples> {
    read(task, file, text, false)
}

fn read(task: &Task, file: &str, text: &str, labelled: bool) -> Result<Examples> {
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().zip(1_usize..);
    let header: Option<Vec<&str>> = if task.header || !labelled { lines.next().map(|(line, _)| line.split('\t').collect()) } else { None };
    let find = |name: &String| column(file, header.as_deref(), name);
    let names = if labelled || task.test_text.is_empty() { &task.text } else { &task.test_text };
    let (first, second) = match names.as_slice() {
        [first] => (find(first)?, None),
        [first, second] => (find(first)?, Some(find(second)?)),
        _ => return wrong(format!("task `{}` has {} columns of text: one or two are possible", task.name, names.len())),
    };
    let label = match &task.label {
        _ if !labelled => None,
        Label::Classes { column, .. } | Label::Score { column, .. } => Some(find(column)?),
    };
    let mut examples = Examples::default();
    let mut short: Option<(usize, usize)> = None;
    for (line, number) in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |column: usize| cells.get(column).map(|cell| cell.trim());
        let rest = (second.map_or(Some(None), |column| cell(column).map(Some)), label.map_or(Some(None), |column| cell(column).map(Some)));
        let (Some(a), (Some(b), Some(text))) = (cell(first), rest) else {
            short.get_or_insert((number, cells.len()));
            examples.skipped += 1;
            continue;
        };
        let gold = text.map_or(Ok(Gold::Unknown), |text| gold(&task.label, text, file, number))?;
        examples.rows.push(Example { first: a.to_owned(), second: b.map(str::to_owned), gold });
    }
    let all = examples.rows.len() + examples.skipped;
    match short {
        Some((line, cells)) if !labelled || examples.skipped as f64 > SHORT * all as f64 => {
            let needed = [Some(first), second, label].into_iter().flatten().max().unwrap_or(0) + 1;
            wrong(format!("{file}, line {line}: expected at least {needed} columns separated by tabs, found {cells}"))
        }
        _ if examples.rows.is_empty() => wrong(format!("{file}: expected rows of text, found none")),
        _ => Ok(examples),
    }
}

/// The place of a column: by its name in the header, else by its number from 1.
fn column(file: &str, header: Option<&[&str]>, name: &str) -> Result<usize> {
    let names = header.unwrap_or_default();
    let named = names.iter().position(|cell| cell.trim() == name.trim());
    let numbered = || name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    if let Some(place) = named.or_else(numbered) {
        return Ok(place);
    }
    let Some(header) = header else {
        let help = "without a header, columns are given by number from 1, such as \"4\"";
        return Diagnostic::error(Code::DATA, format!("{file} is read without a header, so it has no column `{name}`")).help(help).into();
    };
    let message = format!("{file}, line 1: expected a column `{name}`, found {}", listed(header));
    let error = Diagnostic::error(Code::DATA, message);
    match nearest(name, header.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")).into(),
        None => error.into(),
    }
}

/// What a label's text stands for.
fn gold(label: &Label, text: &str, file: &str, line: usize) -> Result<Gold> {
    match label {
        Label::Classes { names, .. } => match (0..).zip(names).find(|(_, name)| name.as_str() == text) {
            Some((class, _)) => Ok(Gold::Class(class)),
            None => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                wrong(format!("{file}, line {line}: expected a label, one of {}, found `{}`", listed(&names), shown(text)))
            }
        },
        Label::Score { low, high, .. } => match text.parse::<f64>() {
            Ok(score) if (*low..=*high).contains(&score) => Ok(Gold::Score(score)),
            _ => wrong(format!("{file}, line {line}: expected a number from {low} to {high}, found `{}`", shown(text))),
        },
    }
}

/// The first names of a list, each short.
fn listed(names: &[&str]) -> String {
    let some: Vec<String> = names.iter().take(12).map(|name| format!("`{}`", shown(name))).collect();
    if names.len() > some.len() { format!("{} and {} more", some.join(", "), names.len() - some.len()) } else { some.join(", ") }
}

/// The beginning of a text that may be long.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

fn wrong<T>(message: String) -> Result<T> {
    Diagnostic::error(Code::DATA, message).into()
}

#[cfg(test)]
mod tests {
    use super::{Gold, read_labelled, read_test};
    use crate::settings::{Files, Label, Metric, Task};

    pub fn task(text: &[&str], label: Label, header: bool) -> Task {
        Task {
            name: "t".into(),
            files: Files { train: String::new(), dev: String::new(), test: None, dev2: None, test2: None },
            text: text.iter().map(|&s| s.into()).collect(),
            label,
            metrics: vec![Metric::Accuracy],
            header,
            test_text: vec![],
        }
    }

    fn classes(column: &str) -> Label {
        Label::Classes { column: column.into(), names: vec!["0".into(), "1".into()] }
    }

    #[test]
    fn quotes_are_ordinary_and_the_last_newline_may_be_missing() {
        let cola = task(&["4"], classes("2"), false);
        let read = read_labelled(&cola, "dev.tsv", "gj04\t1\t\tHe said \"no.\nr67\t0\t*\tNo \"he said\"").unwrap();
        assert_eq!(read.rows.iter().map(|row| row.first.as_str()).collect::<Vec<_>>(), ["He said \"no.", "No \"he said\""]);
        assert_eq!(read.rows.iter().map(|row| row.gold).collect::<Vec<_>>(), [Gold::Class(1), Gold::Class(0)]);
    }

    #[test]
    fn a_test_file_has_a_header_and_columns_of_its_own() {
        let cola = Task { test_text: vec!["sentence".into()], ..task(&["4"], classes("2"), false) };
        let read = read_test(&cola, "test.tsv", "index\tsentence\n0\tOne.\n1\tTwo.\n").unwrap();
        assert_eq!(read.rows[1].first, "Two.");
        assert_eq!(read.rows[1].gold, Gold::Unknown);
        assert!(read_test(&cola, "test.tsv", "index\tsentence\n0\tOne.\n1\n").unwrap_err().message.contains("line 3"));
    }

    #[test]
    fn a_byte_order_mark_and_carriage_returns_are_no_part_of_a_name() {
        let mrpc = task(&["#1 String", "#2 String"], classes("Quality"), true);
        let read =
            read_labelled(&mrpc, "train.tsv", "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\tA a\tB b\r\n").unwrap();
        assert_eq!((read.rows[0].first.as_str(), read.rows[0].second.as_deref()), ("A a", Some("B b")));
    }

    #[test]
    fn a_few_short_rows_are_counted_and_many_refused() {
        let qqp = task(&["question1", "question2"], classes("is_duplicate"), true);
        let rows = "1\tA?\tB?\t0\n".repeat(200);
        let read = read_labelled(&qqp, "train.tsv", &format!("id\tquestion1\tquestion2\tis_duplicate\n{rows}2\tA?\n")).unwrap();
        assert_eq!((read.rows.len(), read.skipped), (200, 1));
        let error = read_labelled(&qqp, "train.tsv", "id\tquestion1\tquestion2\tis_duplicate\n1\tA?\tB?\t0\n2\tA?\n").unwrap_err();
        assert_eq!(error.message, "train.tsv, line 3: expected at least 4 columns separated by tabs, found 2");
    }

    #[test]
    fn mistakes_name_file_line_expected_and_found() {
        let rte = task(&["sentence1", "sentence2"], classes("label"), true);
        let error = read_labelled(&rte, "dev.tsv", "index\tsentence1\tsentence2\tlabels\n").unwrap_err();
        assert_eq!(error.message, "dev.tsv, line 1: expected a column `label`, found `index`, `sentence1`, `sentence2`, `labels`");
        assert_eq!(error.help.as_deref(), Some("did you mean `labels`?"));
        let error = read_labelled(&rte, "dev.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tyes\n").unwrap_err();
        assert_eq!(error.message, "dev.tsv, line 2: expected a label, one of `0`, `1`, found `yes`");
        let stsb = task(&["a", "b"], Label::Score { column: "score".into(), low: 0.0, high: 5.0 }, true);
        let read = |score: &str| read_labelled(&stsb, "dev.tsv", &format!("a\tb\tscore\nx\ty\t{score}\n"));
        assert_eq!(read("3.25").unwrap().rows[0].gold, Gold::Score(3.25));
        for wrong in ["6", "NaN", "", "inf"] {
            assert!(read(wrong).unwrap_err().message.contains("line 2: expected a number from 0 to 5"));
        }
        let cola = task(&["sentence"], classes("2"), false);
        assert!(read_labelled(&cola, "train.tsv", "a\t1\n").unwrap_err().message.contains("without a header"));
        assert!(read_labelled(&rte, "dev.tsv", "").is_err());
    }
}
