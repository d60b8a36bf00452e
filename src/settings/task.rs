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
    }
}

record! {
    /// The files of a task.
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
    }
}

choice! {
    /// What a task predicts.
    pub enum Label {
        /// One of several classes.
        Classes = "classes" {
            /// Its column: a header name, or a number from 1.
            column: String = Text;
            /// The labels as the files write them; their order numbers the classes.
            names: Vec<String> = List(&Text);
        };
        /// A number.
        Score = "score" {
            /// Its column: a header name, or a number from 1.
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
        /// F1 of class 1.
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
        /// Fine-tuning runs of each task, on seeds of their own.
        seeds: u64 = Int(Plain, 1), "1";
        /// What is reported of several seeds.
        report: Report = OneOf(Report::variants), r#""median""#;
        /// The average over the tasks.
        score: Averaging = OneOf(Averaging::variants), r#""mean""#;
        /// Training rows of each task that are used; 0 for all.
        rows: usize = Int(Plain, 0), "0";
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

impl Task {
    /// The classes of the task's head: 1 for a score.
    pub fn classes(&self) -> usize {
        match &self.label {
            Label::Classes { names, .. } => names.len(),
            Label::Score { .. } => 1,
        }
    }
}
