//! GLUE's submission: eleven files of predictions, in the words and the order that its server reads.

use super::metrics::Answers;
use crate::settings::{Label, Part, Task};
use std::fmt::Write;

/// The files of a submission: the name, and the task and the field of its `files` whose rows are answered. AX is MNLI's model's.
pub const SUBMISSION: [(&str, &str, &str); 11] = [
    ("CoLA", "cola", "test"),
    ("SST-2", "sst2", "test"),
    ("MRPC", "mrpc", "test"),
    ("STS-B", "stsb", "test"),
    ("MNLI-m", "mnli", "test"),
    ("MNLI-mm", "mnli", "test2"),
    ("QNLI", "qnli", "test"),
    ("QQP", "qqp", "test"),
    ("RTE", "rte", "test"),
    ("WNLI", "wnli", "test"),
    ("AX", "mnli", "diagnostic"),
];

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
/// the task's.
pub fn unfit(task: &Task, part: &Part<'_>, text: &str) -> Option<String> {
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
        let fits = match &task.label {
            Label::Classes { names, .. } => names.iter().any(|name| name == word),
            Label::Score { low, high, .. } => word.parse::<f64>().is_ok_and(|score| (*low..=*high).contains(&score)),
        };
        if !fits {
            return Some(format!("line {number} predicts `{word}`, which is no label of `{}`", task.name));
        }
        rows += 1;
    }
    match part.counts() {
        None => Some(format!("`{}` does not tell how many rows its `{}` file has whole (`rows.{}`)", task.name, part.field, part.field)),
        Some(counts) if !part.rows.contains(&rows) => Some(format!("it has {rows} rows, and the whole test file has {counts}")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{predictions, unfit};
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
        assert_eq!(unfit(&rte, &part(&[2]), &text), None);
        let stsb = Task::without_files("stsb", &["a"], Label::Score { column: "b".into(), low: 0.0, high: 5.0 });
        let text = predictions(&stsb, &Answers::Scores(vec![0.0, 3.25, 5.0]));
        assert_eq!(text, "index\tprediction\n0\t0\n1\t3.25\n2\t5\n");
        assert_eq!(unfit(&stsb, &part(&[2, 3]), &text), None);
        let wrong =
            [("0\t5.5\n", "predicts `5.5`"), ("0\tNaN\n", "predicts `NaN`"), ("1\t2\n", "index `1`, and 0 is due"), ("0 2\n", "no tab")];
        for (row, why) in wrong {
            assert!(unfit(&stsb, &part(&[1]), &format!("index\tprediction\n{row}")).unwrap().contains(why));
        }
        assert!(unfit(&stsb, &part(&[]), &text).unwrap().contains("does not tell"));
        assert_eq!(unfit(&stsb, &part(&[1379]), &text).unwrap(), "it has 3 rows, and the whole test file has 1379");
        assert!(unfit(&stsb, &part(&[3]), text.trim_start_matches("index")).unwrap().contains("line 1"));
    }
}
