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

impl Batch {
    /// The batch in so many parts of about the same number of sentences; fewer where there are fewer sentences.
    pub fn parts(self, count: usize) -> Vec<Self> {
        let rows = self.rows.div_ceil(count.max(1)).max(1);
        if rows >= self.rows {
            return vec![self];
        }
        let part = |from: usize| {
            let until = (from + rows).min(self.rows);
            let inputs = self.inputs.iter().map(|(name, values)| (name.clone(), cut(values, self.rows, from, until)));
            Self {
                rows: until - from,
                width: self.width,
                lengths: cut(&self.lengths, self.rows, from, until),
                inputs: inputs.collect(),
                targets: match &self.targets {
                    Targets::None => Targets::None,
                    Targets::Classes(classes) => Targets::Classes(cut(classes, self.rows, from, until)),
                    Targets::Scores(scores) => Targets::Scores(cut(scores, self.rows, from, until)),
                },
            }
        };
        (0..self.rows).step_by(rows).map(part).collect()
    }
}

/// What belongs to some of the rows.
fn cut<T: Clone>(values: &[T], rows: usize, from: usize, until: usize) -> Vec<T> {
    let each = values.len() / rows.max(1);
    values.get(from * each..until * each).unwrap_or_default().to_vec()
}

impl Targets {
    /// How many targets the loss is averaged over.
    pub fn judged(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Classes(classes) => classes.iter().flatten().count(),
            Self::Scores(scores) => scores.len(),
        }
    }
}
