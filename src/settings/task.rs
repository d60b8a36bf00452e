//! Tasks and suites of tasks: where the data lies, how it reads, how it is scored.

use super::schema::{choice, record};
use super::train::Train;

record! {
    /// A labelled task over one sentence or a pair.
    pub struct Task: "task" {
        /// The name it was declared under.
        name: String = Text, "\"\"";
        /// Its files, relative to the suite's data folder.
        files: Files = Record(Files::schema);
        /// The columns of the sentence or the two sentences: header names, or numbers from 1 where there is no header.
        text: Vec<String> = List(&Text);
        /// What is predicted.
        label: Label = OneOf(Label::variants);
        /// The metrics, the task's score being their mean.
        metrics: Vec<Metric> = List(&OneOf(Metric::variants));
        /// Whether the train and dev files begin with a line of column names.
        header: bool = Bool, "true";
        /// The columns of the text in the test file, where they differ; the test file has a header.
        test_text: Vec<String> = List(&Text), "[]";
        /// How many rows its files have where they are whole; a file with another number is refused.
        rows: Rows = Record(Rows::schema), "{}";
        /// `false` leaves out training rows whose words stand, one after another, within another row's, as SST-2's phrases do in its sentences.
        phrases: Option<bool> = Optional(&Bool), "null";
        /// Training rows that are used, drawn once; 0 for all.
        limit: usize = Int(Plain, 0), "0";
    }
}

record! {
    /// The files of a task: CSV, JSON Lines or Parquet where the name ends in `.csv`, `.jsonl` or `.json`, or `.parquet`, and tab-separated everywhere else.
    pub struct Files: "files" {
        /// Training data.
        train: String = Text;
        /// Data to judge by.
        dev: String = Text;
        /// Data without labels, for submission.
        test: Option<String> = Optional(&Text), "null";
        /// A second dev set (MNLI's mismatched one).
        dev2: Option<String> = Optional(&Text), "null";
        /// A second test set.
        test2: Option<String> = Optional(&Text), "null";
        /// A diagnostic set without labels that the task's model answers too (AX beside MNLI).
        diagnostic: Option<String> = Optional(&Text), "null";
    }
}

record! {
    /// How many rows a task's files have, each under the field that names the file: several numbers where releases differ, none where any number
    /// will do.
    pub struct Rows: "rows" {
        /// Rows of the training data.
        train: Vec<usize> = List(&Int(Plain, 1)), "[]";
        /// Rows of the data to judge by.
        dev: Vec<usize> = List(&Int(Plain, 1)), "[]";
        /// Rows of the data without labels.
        test: Vec<usize> = List(&Int(Plain, 1)), "[]";
        /// Rows of the second dev set.
        dev2: Vec<usize> = List(&Int(Plain, 1)), "[]";
        /// Rows of the second test set.
        test2: Vec<usize> = List(&Int(Plain, 1)), "[]";
        /// Rows of the diagnostic set.
        diagnostic: Vec<usize> = List(&Int(Plain, 1)), "[]";
    }
}

choice! {
    /// What a task predicts.
    pub enum Label {
        /// One of several classes.
        Classes = "classes" {
            /// Its column: a header name, or a number from 1 where there is no header.
            column: String = Text;
            /// The labels; their order numbers the classes.
            names: Vec<String> = List(&Text);
            /// What the files write for each of them, such as numbers, where that is not its name.
            codes: Option<Vec<String>> = Optional(&List(&Text)), "null";
        };
        /// A number.
        Score = "score" {
            /// Its column: a header name, or a number from 1 where there is no header.
            column: String = Text;
            /// The smallest value.
            low: f64 = Real(Plain, -1e12, 1e12), "0.0";
            /// The largest value.
            high: f64 = Real(Plain, -1e12, 1e12), "5.0";
        };
    }
}

choice! {
    /// A metric; larger is better.
    pub enum Metric {
        /// Share of right answers.
        Accuracy = "accuracy";
        /// F1 of class 1; 0 where it is undefined.
        F1 = "f1";
        /// Matthews' correlation; 0 where it is undefined.
        Matthews = "matthews";
        /// Pearson's correlation; 0 where it is undefined.
        Pearson = "pearson";
        /// Spearman's rank correlation, ties by average rank; 0 where it is undefined.
        Spearman = "spearman";
    }
}

record! {
    /// Tasks that are trained and scored together.
    pub struct Suite: "suite" {
        /// The name it was declared under.
        name: String = Text, "\"\"";
        /// The tasks.
        tasks: Vec<Task> = List(&Record(Task::schema));
        /// The folder that the tasks' files are relative to; `$NAME/…` reads an environment variable.
        data: String = DataPath;
        /// How a model is fine-tuned on each.
        train: Train = Record(Train::schema);
        /// A task that others begin with; left out, every task begins with the pre-trained weights.
        intermediate: Option<Intermediate> = Optional(&Record(Intermediate::schema)), "null";
        /// Fine-tuning runs of each task, on seeds of their own.
        seeds: u64 = Int(Plain, 1), "1";
        /// What is reported of several seeds.
        report: Report = OneOf(Report::variants), r#""median""#;
        /// The average over the tasks.
        score: Averaging = OneOf(Averaging::variants), r#""mean""#;
        /// Training rows of each task that are used, beside the task's own limit; 0 for all.
        rows: usize = Int(Plain, 0), "0";
        /// Whether files must have as many rows as their task tells; `false` where cut ones are meant.
        whole: bool = Bool, "true";
    }
}

record! {
    /// Intermediate training (Phang et al. 2018): some tasks begin with weights fine-tuned on another, as MRPC, RTE and STS-B do on MNLI.
    pub struct Intermediate: "intermediate" {
        /// The name of the task that is learnt first; the fine-tuning that scored best gives the weights.
        task: String = Text;
        /// The names of the tasks that begin with them.
        before: Vec<String> = List(&Text);
    }
}

choice! {
    /// What is reported of several seeds.
    pub enum Report {
        /// The median.
        Median = "median";
        /// The mean.
        Mean = "mean";
        /// The best, as the field often does, which flatters.
        Best = "best";
    }
}

choice! {
    /// The average over the tasks of a suite.
    pub enum Averaging {
        /// The mean of the tasks' scores, each the mean of its metrics.
        Mean = "mean";
        /// GLUE's leaderboard: nine tasks.
        Leaderboard = "leaderboard";
        /// BERT's table: no WNLI, MNLI as two columns.
        Bert = "bert";
        /// One number a task, no WNLI.
        Eight = "eight";
    }
}

/// A file of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'t> {
    /// The field of `files` that names it.
    pub field: &'static str,
    /// Its path, relative to the suite's data folder.
    pub file: &'t str,
    /// The numbers of rows it may have; any where none is told.
    pub rows: &'t [usize],
    /// Whether it has labels.
    pub labelled: bool,
}

impl Suite {
    /// The training rows of a task that are used: the smaller of the suite's number and the task's own; `None` for all.
    pub fn limit(&self, task: &Task) -> Option<usize> {
        [self.rows, task.limit].into_iter().filter(|rows| *rows > 0).min()
    }

    /// The path of a file of one of its tasks.
    pub fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.data.trim_end_matches('/'))
    }
}

impl Part<'_> {
    /// Whether a search reads it; the last table reads all.
    pub fn searched(&self) -> bool {
        matches!(self.field, "train" | "dev")
    }

    /// The numbers of rows it may have, in words.
    pub fn counts(&self) -> Option<String> {
        self.rows.iter().map(usize::to_string).reduce(|all, more| format!("{all} or {more}"))
    }
}

/// What follows the name of a task on its second dev set, MNLI's mismatched.
const SECOND: &str = "_mm";

impl Task {
    /// Whether training rows that are phrases of others are left out.
    pub fn without_phrases(&self) -> bool {
        self.phrases == Some(false)
    }

    /// The name under which it is scored on its second dev set.
    pub fn second(&self) -> String {
        format!("{}{SECOND}", self.name)
    }

    /// The task that is scored under a name, which may be that on its second dev set.
    pub fn scored(name: &str) -> &str {
        name.strip_suffix(SECOND).unwrap_or(name)
    }

    /// A task without files, for rows that come from elsewhere.
    pub fn without_files(name: &str, text: &[&str], label: Label) -> Self {
        let none = Vec::new;
        Self {
            name: name.to_owned(),
            files: Files { train: String::new(), dev: String::new(), test: None, dev2: None, test2: None, diagnostic: None },
            text: text.iter().map(|&column| column.to_owned()).collect(),
            metrics: vec![if matches!(label, Label::Classes { .. }) { Metric::Accuracy } else { Metric::Pearson }],
            label,
            header: true,
            test_text: Vec::new(),
            rows: Rows { train: none(), dev: none(), test: none(), dev2: none(), test2: none(), diagnostic: none() },
            phrases: None,
            limit: 0,
        }
    }

    /// The files it has, in the order of their fields.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let (files, rows) = (&self.files, &self.rows);
        let all = [
            ("train", Some(&files.train), &rows.train, true),
            ("dev", Some(&files.dev), &rows.dev, true),
            ("test", files.test.as_ref(), &rows.test, false),
            ("dev2", files.dev2.as_ref(), &rows.dev2, true),
            ("test2", files.test2.as_ref(), &rows.test2, false),
            ("diagnostic", files.diagnostic.as_ref(), &rows.diagnostic, false),
        ];
        all.into_iter().filter_map(|(field, file, rows, labelled)| Some(Part { field, file: file?, rows, labelled }))
    }

    /// The classes of the task's head: 1 for a score.
    pub fn classes(&self) -> usize {
        match &self.label {
            Label::Classes { names, .. } => names.len(),
            Label::Score { .. } => 1,
        }
    }
}
