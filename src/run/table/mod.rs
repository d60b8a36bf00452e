//! A table of an enumerable space: the loss of every member, so that searches can be carried out over again in no time.
//!
//! In reading order: `build` (every class trained from scratch, on several seeds), `text` (the table as a file), `lookup` (a member's row),
//! `facts` (what the table itself shows), `replay` (a search on it), `compare` (searches beside one another).
//!
//! A member that is missing is an error, never a guess; a search sees the losses of one seed and is judged by those of another.

mod build;
mod compare;
mod facts;
mod lookup;
mod replay;
mod text;

pub use build::{TableOptions, build_table};
pub use compare::{Comparison, Pair, Rival, compare};
pub use facts::{Facts, Known, facts};
pub use lookup::Lookup;
pub use replay::{Replay, replay};

use super::prepare::Prepared;
use crate::check::Checked;
use crate::diagnostic::Result;
use crate::graph::Hash;
use serde::{Deserialize, Serialize};

/// What a table is of, and how long it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The experiment it was built from.
    pub experiment: String,
    /// What a loss depends on, besides the seed: space, model, corpus, training.
    pub evaluation: Hash,
    /// The first seed; the others follow it.
    pub seed: u64,
    /// How many seeds.
    pub seeds: u64,
    /// Members of the space.
    pub members: usize,
    /// Cross-entropy in nats of the held-out tokens under the unigram distribution of the training text.
    pub unigram_entropy: f64,
    /// Phyla's version.
    pub version: String,
    /// How many rows follow.
    pub rows: usize,
    /// A hash of the rows as they are written.
    pub blake3: String,
}

/// A class of members that compute the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its functional identity.
    pub class: Hash,
    /// How many members.
    pub members: usize,
    /// The fillings of the first, which is a smallest, in words: what was trained.
    pub first: Vec<String>,
    /// Parameters of its masked-LM model.
    pub params: u64,
    /// Forward FLOPs of its masked-LM model for one sentence of full length.
    pub flops: u64,
    /// The masked-LM loss in nats on the held-out text, for each seed; `None` where training failed.
    pub loss: Vec<Option<f64>>,
}

impl Row {
    /// The mean loss over all trainings; `None` where one of them failed.
    pub fn mean(&self) -> Option<f64> {
        let losses = self.loss.iter().copied().collect::<Option<Vec<f64>>>()?;
        Some(losses.iter().sum::<f64>() / losses.len().max(1) as f64)
    }
}

/// A table: a row for every class of a space.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it is of.
    pub header: Header,
    /// The rows, in the order in which the space is enumerated.
    pub rows: Vec<Row>,
}

fn header(checked: &Checked, prepared: &Prepared, seeds: u64, members: usize) -> Result<Header> {
    Ok(Header {
        experiment: checked.settings.name.clone(),
        evaluation: checked.evaluation,
        seed: checked.settings.seed,
        seeds,
        members,
        unigram_entropy: prepared.corpus()?.unigram_entropy().unwrap_or(f64::NAN),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rows: 0,
        blake3: String::new(),
    })
}
