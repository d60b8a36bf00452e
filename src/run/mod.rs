//! A run: the folder, the journal, resuming, workers, interruption; joins search to evaluation.
//!
//! In reading order: `executors` (one for each precision), `files` (the disk), `revision` (files at revisions of git), `folder` (layout, lock, whole writes), `journal`,
//! `weights` (checkpoints), `pieces` (a corpus's files read piece by piece), `mapped` (a file as memory), `corpus` (its text found sound, its token file), `texts` and `pretrained` (all data and weights, read and found sound), `vocabulary` (kept, cached or trained), `prepare` (text and tasks encoded, baselines), `feasible` (whether conditions can be met), `plan` and `memory` (what will be
//! done, and what it takes), `workers` (jobs in parallel, results in order), `warmup`, `functional` (what an architecture computes, told by its values), `evaluate` (one candidate judged), `agreement` (whether shared weights rank as training from scratch does), `candidates` (the search), `halving` (a generation in rungs), `restore` (where it stands), `rescore` (anchors and drift), `commit` (what the supernet learns), `answers` (to files without labels), `finals` and `tuning` (the last table), `submit` (GLUE's),
//! `outputs` (what is left behind), and [`run()`] itself; `bench` (how fast an executor is) stands by itself.
//!
//! What holds: a result counts when its journal line is on the disk; `kill -9` loses at most the candidates in work. The same
//! file, seed and binary give the same bytes, with one worker or many, interrupted or not. Nothing here prints: a [`Progress`]
//! is told.

mod agreement;
mod answers;
mod begin;
pub mod bench;
mod candidates;
mod commit;
mod corpus;
mod evaluate;
mod executors;
mod feasible;
pub mod files;
mod finals;
pub mod folder;
mod functional;
mod halving;
pub mod journal;
mod mapped;
mod memory;
mod outputs;
mod parquet;
mod pieces;
mod plan;
mod prepare;
mod pretrained;
mod rescore;
mod restore;
pub mod revision;
mod session;
mod submit;
pub mod table;
mod texts;
mod train;
mod tuning;
mod vocabulary;
mod warmup;
mod weights;
mod workers;

#[cfg(test)]
mod tests;

pub use agreement::{RankAgreement, summary as rank_agreement};
pub use executors::Executors;
pub use feasible::acceptance;
pub use functional::{functional, functional_classes};
pub use memory::Memory;
pub use plan::{Plan, plan};
pub use session::{Options, Outcome, Until, run};
pub use submit::{Submission, submission};
pub use texts::{Texts, texts};
pub use train::{TrainOptions, train_one};

/// What a run tells while it works.
pub trait Progress: Sync {
    /// A stage begins; `total` is counted in `unit`, a word for many.
    fn stage(&self, name: &str, total: u64, unit: &'static str);
    /// `done` of the stage is done; `note` says how it goes.
    fn at(&self, done: u64, note: &str);
    /// A line worth keeping.
    fn line(&self, text: &str);
}
