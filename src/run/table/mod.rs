//! A table of an enumerable space: the loss of every member, so that searches can be carried out over again in no time.
//!
//! In reading order: `build` (every class trained from scratch, on several seeds).

mod build;

pub use build::{TableOptions, build_table};

use super::prepare::Prepared;
use crate::check::Checked;
use crate::graph::Hash;
use serde::{Deserialize, Serialize};

/// What a table is of.
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

/// A table: a row for every class of a space.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it is of.
    pub header: Header,
    /// The rows, in the order in which the space is enumerated.
    pub rows: Vec<Row>,
}

impl Table {
    /// The table as text: a line for the header, then one for each row, each a JSON object.
    pub fn to_text(&self) -> String {
        let rows = self.rows.iter().map(serde_json::to_string);
        let lines = std::iter::once(serde_json::to_string(&self.header)).chain(rows);
        lines.map(|line| line.unwrap_or_default() + "\n").collect()
    }
}

fn header(checked: &Checked, prepared: &Prepared, seeds: u64, members: usize) -> Header {
    Header {
        experiment: checked.settings.name.clone(),
        evaluation: checked.evaluation,
        seed: checked.settings.seed,
        seeds,
        members,
        unigram_entropy: prepared.corpus.unigram_entropy().unwrap_or(f64::NAN),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
