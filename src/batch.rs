//! What a model is fed with: the plain values that pass from `data` to `exec`.
//!
//! This module knows neither text nor tensors.

use std::collections::BTreeMap;

/// One batch: index inputs by name, the real length of each sentence, and what the output is judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Sentences.
    pub rows: usize,
    /// Tokens of each row, padding included: the value of `n`.
    pub width: usize,
    /// Real tokens of each row.
    pub lengths: Vec<usize>,
    /// `tokens` and `segments` (`rows × width`), `at` (`rows × p`): indices by the name of the graph's input.
    pub inputs: BTreeMap<String, Vec<u32>>,
    /// Targets: one for each row of the output (`rows × p` for a masked-LM head, `rows` for a classifier).
    pub targets: Targets,
}

/// What an output is judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Targets {
    /// Nothing: only the output is wanted.
    #[default]
    None,
    /// Cross-entropy, averaged over the targets that are not `None`.
    Classes(Vec<Option<u32>>),
    /// Mean squared error, averaged over all.
    Scores(Vec<f32>),
}
