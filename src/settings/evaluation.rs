//! How a candidate is judged during the search.

use super::schema::{choice, record};
use super::task::Suite;
use super::train::Train;

record! {
    /// How a candidate's fitness is found.
    pub struct Evaluate: "evaluate" {
        /// Where its weights come from.
        method: Method = OneOf(Method::variants);
        /// The tasks whose training data gives the fitness.
        suite: Suite = Record(Suite::schema);
        /// Share of each task's train split that is held out to score on.
        holdout: f64 = Real(Share, 0.0, 0.9), "0.1";
        /// Masked-LM steps of the supernet's warm-up (`biws`).
        warmup: u64 = Int(Steps, 0), "0";
        /// Masked-LM steps of each candidate before fine-tuning (`scratch`: from random weights).
        adapt: u64 = Int(Steps, 0), "0";
        /// Masked-LM settings of warm-up and adaptation.
        pretrain: Train = Record(Train::schema);
    }
}

choice! {
    /// Where a candidate's weights come from.
    pub enum Method {
        /// Bi-branch weight sharing: slices of a supernet.
        Biws = "biws" {
            /// How the supernet learns from a generation.
            commit: Commit = OneOf(Commit::variants), r#"{"mean":{"beta":0.5}}"#;
            /// How paths are drawn, in the warm-up and after each generation.
            paths: PathSampling = OneOf(PathSampling::variants), r#""by_size""#;
            /// Masked-LM steps of the supernet on sampled paths after each generation.
            refresh: u64 = Int(Steps, 0), "0";
            /// Candidates of the initial population that are scored again before each later generation, to tell how far scores drift.
            anchors: usize = Int(Plain, 0), "5";
            /// Whether the best are scored again before they become parents.
            rescore_parents: bool = Bool, "false";
        };
        /// From scratch: random weights, no sharing.
        Scratch = "scratch";
    }
}

choice! {
    /// How the supernet learns from the children of a generation.
    pub enum Commit {
        /// `W <- (1 - beta) W + beta * mean` over the children that used it.
        Mean = "mean" {
            /// Share of the children.
            beta: f64 = Real(Plain, 0.0, 1.0), "0.5";
        };
        /// The generation's best child only, likewise with `beta = 1`.
        Best = "best";
        /// Not at all.
        None = "none";
    }
}

choice! {
    /// How paths of the supernet are drawn.
    pub enum PathSampling {
        /// First a size, evenly, then evenly among its members.
        BySize = "by_size";
        /// Evenly among all members.
        Uniform = "uniform";
        /// By size, those preferred whose operations have a high priority; in the warm-up, which knows no priorities, by size.
        ByPriority = "by_priority";
    }
}
