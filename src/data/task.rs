//! Files of a labelled task: what their rows say, and how many there are.

use super::phrases::without_phrases;
use super::rows::{Cells, Column, listed, noun, place, rows, shown, wrong};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::{Label, Part, Task};

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

/// Reads a file of a task, all of it: where `whole`, with as many rows as the task tells. Of a training file whose phrases are not wanted, what
/// is no phrase of another row.
///
/// # Errors
/// As the two above; and [`Code::ROWS`] where the file has another number of rows.
pub fn read_part(task: &Task, part: Part<'_>, whole: bool, file: &str, text: &str) -> Result<Vec<Example>> {
    let Examples { rows, skipped } = read(task, file, text, part.labelled)?;
    let Some(expected) = part.counts().filter(|_| whole && !part.rows.contains(&rows.len())) else {
        return Ok(if task.without_phrases() && part.field == "train" { without_phrases(rows) } else { rows });
    };
    let short = if skipped > 0 { format!(", and {skipped} that lack columns") } else { String::new() };
    let message = format!("{file} has {} rows{short}: expected {expected}, which `{}` has whole", rows.len(), task.name);
    let help = "fetch the file again; or say that another one is meant: `whole = false` in the suite, or `rows = {}` in the task";
    Diagnostic::error(Code::ROWS, message).help(help).into()
}

fn read(task: &Task, file: &str, text: &str, labelled: bool) -> Result<Examples> {
    let names = if labelled || task.test_text.is_empty() { &task.text } else { &task.test_text };
    if let Label::Classes { names, codes: Some(codes), .. } = &task.label
        && names.len() != codes.len()
    {
        return wrong(format!("task `{}` has {} names of labels and {} codes: each name has one", task.name, names.len(), codes.len()));
    }
    let (Label::Classes { column, .. } | Label::Score { column, .. }) = &task.label;
    let texts = names.iter().map(|name| Column { name, label: false });
    let columns: Vec<Column<'_>> = texts.chain(labelled.then_some(Column { name: column, label: true })).collect();
    let mut examples = Examples::default();
    let mut short: Option<String> = None;
    rows(file, text, &columns, task.header || !labelled, &mut |line, cells| {
        match cells {
            Cells::Short(needed, found) => {
                let why = || format!("{}: expected at least {needed} columns separated by tabs, found {found}", place(file, line));
                short.get_or_insert_with(why);
                examples.skipped += 1;
            }
            Cells::Whole(cells) => {
                let (texts, label) = cells.split_at_checked(names.len()).unwrap_or((cells, &[]));
                let place = || format!("{}, {} `{column}`", place(file, line), noun(file));
                let gold = label.first().map_or(Ok(Gold::Unknown), |text| gold(&task.label, text, &place))?;
                let mut texts = texts.iter().map(|text| text.clone().into_owned());
                examples.rows.push(Example { first: texts.next().unwrap_or_default(), second: texts.next(), gold });
            }
        }
        Ok(())
    })?;
    let all = examples.rows.len() + examples.skipped;
    match short {
        Some(why) if !labelled || examples.skipped as f64 > SHORT * all as f64 => wrong(why),
        _ if examples.rows.is_empty() => wrong(format!("{file}: expected rows of text, found none")),
        _ => Ok(examples),
    }
}

/// What a label's text stands for.
fn gold(label: &Label, text: &str, place: &dyn Fn() -> String) -> Result<Gold> {
    match label {
        Label::Classes { names, codes, .. } => {
            let (written, field) = codes.as_ref().map_or((names, "names"), |codes| (codes, "codes"));
            match (0..).zip(written).find(|(_, name)| name.as_str() == text) {
                Some((class, _)) => Ok(Gold::Class(class)),
                None => {
                    let known: Vec<&str> = written.iter().map(String::as_str).collect();
                    let message = format!("{}: expected a label, one of {}, found `{}`", place(), listed(&known), shown(text));
                    Diagnostic::error(Code::DATA, message).help(format!("`{field}` lists every label as the files write it")).into()
                }
            }
        }
        Label::Score { low, high, .. } => match text.parse::<f64>() {
            Ok(score) if (*low..=*high).contains(&score) => Ok(Gold::Score(score)),
            _ => {
                let message = format!("{}: expected a number from {low} to {high}, found `{}`", place(), shown(text));
                Diagnostic::error(Code::DATA, message).help("`low` and `high` of the label bound it").into()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Gold, read_labelled, read_part, read_test};
    use crate::diagnostic::Code;
    use crate::settings::{Label, Part, Task};

    fn task(text: &[&str], label: Label, header: bool) -> Task {
        Task { header, ..Task::without_files("t", text, label) }
    }

    fn classes(column: &str) -> Label {
        Label::Classes { column: column.into(), names: vec!["0".into(), "1".into()], codes: None }
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
        assert_eq!(error.message, "dev.tsv, line 2, column `label`: expected a label, one of `0`, `1`, found `yes`");
        let stsb = task(&["a", "b"], Label::Score { column: "score".into(), low: 0.0, high: 5.0 }, true);
        let read = |score: &str| read_labelled(&stsb, "dev.tsv", &format!("a\tb\tscore\nx\ty\t{score}\n"));
        assert_eq!(read("3.25").unwrap().rows[0].gold, Gold::Score(3.25));
        for wrong in ["6", "NaN", "", "inf"] {
            assert!(read(wrong).unwrap_err().message.contains("line 2, column `score`: expected a number from 0 to 5"));
        }
        let cola = task(&["sentence"], classes("2"), false);
        assert!(read_labelled(&cola, "train.tsv", "a\t1\n").unwrap_err().message.contains("without a header"));
        assert!(read_labelled(&rte, "dev.tsv", "").is_err());
    }
    #[test]
    fn columns_of_a_file_without_a_header_are_numbers_in_csv_too() {
        let cola = Task { test_text: vec!["sentence".into()], ..task(&["3"], classes("1"), false) };
        let read = read_labelled(&cola, "dev.csv", "1,x,\"One, two.\"\n0,x,Three.\n").unwrap();
        assert_eq!((read.rows[0].first.as_str(), read.rows[0].gold), ("One, two.", Gold::Class(1)));
        assert_eq!(read_test(&cola, "test.csv", "index,sentence\n0,One.\n").unwrap().rows[0].first, "One.");
        let error = read_labelled(&cola, "dev.csv", "1,x\n0,x\n").unwrap_err();
        assert_eq!(error.message, "dev.csv, line 1: expected at least 3 columns separated by commas, found 2");
    }

    #[test]
    fn codes_stand_for_the_names_in_their_order() {
        let label = |codes: &[&str]| {
            let codes = Some(codes.iter().map(|&code| code.to_owned()).collect());
            Label::Classes { column: "label".into(), names: vec!["yes".into(), "no".into()], codes }
        };
        let read = |codes: &[&str], text| read_labelled(&task(&["a"], label(codes), true), "t.tsv", text);
        let rows = read(&["1", "0"], "a\tlabel\nx\t0\ny\t1\n").unwrap().rows;
        assert_eq!([rows[0].gold, rows[1].gold], [Gold::Class(1), Gold::Class(0)]);
        let error = read(&["1", "0"], "a\tlabel\nx\tyes\n").unwrap_err();
        assert!(error.message.contains("one of `1`, `0`, found `yes`"), "{}", error.message);
        let error = read(&["1"], "a\tlabel\nx\t1\n").unwrap_err();
        assert_eq!(error.message, "task `t` has 2 names of labels and 1 codes: each name has one");
    }

    #[test]
    fn a_file_that_claims_to_be_whole_is_counted() {
        let rte = task(&["a"], classes("b"), true);
        let part = |rows| Part { field: "train", file: "", rows, labelled: true };
        let read = |rows, whole| read_part(&rte, part(rows), whole, "train.tsv", "a\tb\nx\t0\ny\t1\n");
        for (rows, whole) in [(&[][..], true), (&[2], true), (&[3, 2], true), (&[3], false)] {
            assert_eq!(read(rows, whole).unwrap().len(), 2);
        }
        let error = read(&[3, 4], true).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (Code::ROWS, "train.tsv has 2 rows: expected 3 or 4, which `t` has whole"));
        assert!(error.help.is_some());
    }
}
