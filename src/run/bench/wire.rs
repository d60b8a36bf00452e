//! What the sides are asked, one JSON object a line; `tests/peers/step_server.py` reads the same.

use super::Options;
use super::work::{SPECIAL, Size};
use crate::exec::{Batch, Targets};
use crate::settings::{Epoch, Model, Objective, Optimizer, Order, Precision, Schedule, Train};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(super) enum Message {
    /// Make this model with fresh weights: `parameters`.
    Model(Box<Spec>),
    /// Keep these batches.
    Batches { batches: Vec<Packed> },
    /// Train so many steps on the batches in turn: `seconds`, `loss`.
    Steps { count: u64 },
    /// Train as many models at once as there are threads, one thread and so many steps each: `seconds`. Only ours.
    Beside { count: u64 },
    /// Carry so many forward passes out: `seconds`.
    Forwards { count: u64 },
    /// Keep a task whose sentences have these lengths.
    Task { lengths: Vec<usize>, batch: usize },
    /// Pass over the task once, in an order of the seed's: `seconds`, `loss`.
    Epochs { seed: u64 },
    /// The seconds of each kind of kernel since it was last asked: `kernels`. Only ours.
    Kernels,
    /// The process's peak memory: `peak_bytes`.
    Memory,
    /// What the processor can do: `gflops`. Only ours.
    Peak { threads: usize },
}

/// What stands on an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Head {
    MaskedLm,
    Classifier,
}

/// A model, and what the peer needs to know of the work to come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    /// Its name in the standard library: what we build.
    pub architecture: String,
    /// Its layers in words: what the peer builds.
    pub layers: Vec<String>,
    pub hidden: usize,
    pub heads: usize,
    pub feed_forward: usize,
    pub length: usize,
    pub vocabulary: usize,
    pub dropout: f64,
    pub head: Head,
    pub classes: usize,
    /// Sentences a step, and tokens of each.
    pub rows: usize,
    pub width: usize,
    pub threads: usize,
    pub optimizer: Rule,
}

/// AdamW's settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rule {
    pub lr: f64,
    pub betas: [f64; 2],
    pub eps: f64,
    pub weight_decay: f64,
    pub clip: f64,
}

impl Spec {
    pub(super) fn new(architecture: &str, layers: Vec<String>, size: &Size, options: &Options) -> Self {
        Self {
            architecture: architecture.to_owned(),
            layers,
            hidden: size.hidden,
            heads: size.heads,
            feed_forward: size.feed_forward,
            length: size.length,
            vocabulary: size.vocabulary,
            dropout: options.dropout,
            head: Head::MaskedLm,
            classes: 2,
            rows: size.batch,
            width: size.length,
            threads: options.threads,
            optimizer: Rule { lr: 1e-4, betas: [0.9, 0.999], eps: 1e-6, weight_decay: 0.01, clip: 1.0 },
        }
    }

    /// The sizes of the model.
    pub(super) fn sizes(&self) -> Model {
        Model {
            hidden: self.hidden,
            heads: self.heads,
            feed_forward: self.feed_forward,
            length: self.length,
            vocabulary: self.vocabulary,
            dropout: self.dropout,
        }
    }

    /// An epoch of training in batches of this size, at a constant rate.
    pub(super) fn train(&self, batch: usize) -> Train {
        let Rule { lr, betas, eps, weight_decay, clip } = self.optimizer;
        Train {
            objective: Objective::Labels,
            steps: 0,
            epochs: 1,
            batch,
            accumulate: 1,
            recompute: false,
            order: Order::Shuffled,
            keep: Epoch::Last,
            patience: 0,
            lr: Vec::new(),
            phases: Vec::new(),
            optimizer: Optimizer::Adamw { lr, betas: betas.to_vec(), eps, weight_decay, clip },
            schedule: Schedule::Constant,
            precision: Precision::F32,
        }
    }

    /// The pieces of a vocabulary of this size.
    pub(super) fn pieces(&self) -> Vec<String> {
        let words = (0..self.vocabulary - SPECIAL.len()).map(|number| format!("w{number}"));
        SPECIAL.iter().map(|piece| (*piece).to_owned()).chain(words).collect()
    }
}

/// A batch on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Packed {
    pub lengths: Vec<usize>,
    pub width: usize,
    pub tokens: Vec<u32>,
    pub segments: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Vec<u32>>,
    pub targets: Vec<Option<u32>>,
}

impl From<Packed> for Batch {
    fn from(packed: Packed) -> Self {
        let mut inputs = BTreeMap::from([("tokens".to_owned(), packed.tokens), ("segments".to_owned(), packed.segments)]);
        inputs.extend(packed.at.map(|at| ("at".to_owned(), at)));
        let targets = Targets::Classes(packed.targets);
        Self { rows: packed.lengths.len(), width: packed.width, lengths: packed.lengths, inputs, targets }
    }
}
