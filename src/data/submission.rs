//! GLUE's submission: eleven files of predictions, in the words and the order that its server reads.

use super::metrics::Answers;
use crate::settings::{Label, Part, Task};
use std::fmt::Write;

/// A file of a submission.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Its name, without the ending.
    pub name: &'static str,
    /// The task whose rows are answered; AX is MNLI's model's.
    pub task: &'static str,
    /// The field of its `files` that names them.
    pub field: &'static str,
    /// The labels as GLUE's server reads them; none for a score from 0 to 5.
    pub words: &'static [&'static str],
}

const BINARY: &[&str] = &["0", "1"];
const ENTAILMENT: &[&str] = &["entailment", "not_entailment"];
const MNLI: &[&str] = &["contradiction", "entailment", "neutral"];

/// The files of a submission.
pub const SUBMISSION: [Answered; 11] = [
    answered("CoLA", "cola", "test", BINARY),
    answered("SST-2", "sst2", "test", BINARY),
    answered("MRPC", "mrpc", "test", BINARY),
    answered("STS-B", "stsb", "test", &[]),
    answered("MNLI-m", "mnli", "test", MNLI),
    answered("MNLI-mm", "mnli", "test2", MNLI),
    answered("QNLI", "qnli", "test", ENTAILMENT),
    answered("QQP", "qqp", "test", BINARY),
    answered("RTE", "rte", "test", ENTAILMENT),
    answered("WNLI", "wnli", "test", BINARY),
    answered("AX", "mnli", "diagnostic", MNLI),
];

const fn answered(name: &'static str, task: &'static str, field: &'static str, words: &'static [&'static str]) -> Answered {
    Answered { name, task, field, words }
}

/// The first line of every file.
const HEADER: &str = "index\tprediction";

/// Answers as a file: a header, then for each row its number from 0, and the label as the training file writes it or the score.
pub fn predictions(task: &Task, answers: &Answers) -> String {
    let words: Vec<String> = match (answers, &task.label) {
        (Answers::Classes(classes), Label::Classes { names, .. }) => classes
            .iter()
            .map(|class| usize::try_from(*class).ok().and_then(|class| names.get(class).cloned()).unwrap_or_default())
            .collect(),
        (Answers::Classes(classes), Label::Score { .. }) => classes.iter().map(u32::to_string).collect(),
        (Answers::Scores(scores), _) => scores.iter().map(f64::to_string).collect(),
    };
    words.iter().enumerate().fold(format!("{HEADER}\n"), |mut file, (row, word)| {
        let _never_fails = writeln!(file, "{row}\t{word}");
        file
    })
}

/// Why a file of predictions is not to be submitted, if it is not: its rows are as many as the task tells, numbered from 0, and its words are
/// those that the server reads.
pub fn unfit(words: &[&str], part: &Part<'_>, text: &str) -> Option<String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Some("line 1 is not `index` and `prediction` with a tab between".to_owned());
    }
    let mut rows = 0;
    for line in lines {
        let number = rows + 2;
        let Some((index, word)) = line.split_once('\t') else { return Some(format!("line {number} has no tab")) };
        if index.parse() != Ok(rows) {
            return Some(format!("line {number} has the index `{index}`, and {rows} is due"));
        }
        let fits = if words.is_empty() { word.parse().is_ok_and(|score| (0.0..=5.0).contains(&score)) } else { words.contains(&word) };
        if !fits {
            let wanted = if words.is_empty() { "a score from 0 to 5".to_owned() } else { words.join(", ") };
            return Some(format!("line {number} predicts `{word}`, and GLUE reads {wanted}"));
        }
        rows += 1;
    }
    match part.counts() {
        None => Some(format!("the task does not tell how many rows its `{}` file has whole (`rows.{}`)", part.field, part.field)),
        Some(counts) if !part.rows.contains(&rows) => Some(format!("it has {rows} rows, and the whole test file has {counts}")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ENTAILMENT, predictions, unfit};
    use crate::data::Answers;
    use crate::settings::{Label, Part, Task};

    fn part(rows: &[usize]) -> Part<'_> {
        Part { field: "test", file: "", rows, labelled: false }
    }

    #[test]
    fn classes_are_words_and_scores_numbers() {
        let names = vec!["entailment".to_owned(), "not_entailment".to_owned()];
        let rte = Task::without_files("rte", &["a"], Label::Classes { column: "b".into(), names, codes: None });
        let text = predictions(&rte, &Answers::Classes(vec![1, 0]));
        assert_eq!(text, "index\tprediction\n0\tnot_entailment\n1\tentailment\n");
        assert_eq!(unfit(ENTAILMENT, &part(&[2]), &text), None);
        let stsb = Task::without_files("stsb", &["a"], Label::Score { column: "b".into(), low: 0.0, high: 5.0 });
        let text = predictions(&stsb, &Answers::Scores(vec![0.0, 3.25, 5.0]));
        assert_eq!(text, "index\tprediction\n0\t0\n1\t3.25\n2\t5\n");
        assert_eq!(unfit(&[], &part(&[2, 3]), &text), None);
        let wrong =
            [("0\t5.5\n", "predicts `5.5`"), ("0\tNaN\n", "predicts `NaN`"), ("1\t2\n", "index `1`, and 0 is due"), ("0 2\n", "no tab")];
        for (row, why) in wrong {
            assert!(unfit(&[], &part(&[1]), &format!("index\tprediction\n{row}")).unwrap().contains(why));
        }
        assert!(unfit(&[], &part(&[]), &text).unwrap().contains("does not tell"));
        assert_eq!(unfit(&[], &part(&[1379]), &text).unwrap(), "it has 3 rows, and the whole test file has 1379");
        assert!(unfit(&[], &part(&[3]), text.trim_start_matches("index")).unwrap().contains("line 1"));
    }
}
