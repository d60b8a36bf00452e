//! The rows of a batch without its padding: sentence after sentence, each at its own length.

use super::plan::Rows;
use crate::exec::program::Axis;

/// Where the rows of a batch come from.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// Tokens of each sentence.
    pub lengths: Vec<usize>,
    /// Tokens before each sentence.
    pub starts: Vec<usize>,
    /// The predicted places that are carried out, as places in the batch's own order.
    pub places: Vec<usize>,
    /// Predicted places of each sentence that are carried out.
    pub place_counts: Vec<usize>,
    /// Places before each sentence.
    pub place_starts: Vec<usize>,
    /// For each token its sentence and its place there.
    pub tokens: Vec<[u32; 2]>,
    /// For each predicted place its sentence and its place there, as the batch numbers it.
    pub predictions: Vec<[u32; 2]>,
}

impl Packed {
    /// Packs sentences of these lengths with `each` predicted places, of which `wanted` are carried out.
    pub fn new(lengths: &[usize], each: usize, wanted: impl Fn(usize) -> bool) -> Self {
        let mut packed = Self { lengths: lengths.to_vec(), ..Self::default() };
        for (sentence, length) in lengths.iter().enumerate() {
            packed.starts.push(packed.tokens.len());
            packed.place_starts.push(packed.predictions.len());
            packed.tokens.extend((0..*length).map(|place| [sentence as u32, place as u32]));
            let wanted = (0..each).filter(|place| wanted(sentence * each + place));
            packed.predictions.extend(wanted.clone().map(|place| [sentence as u32, place as u32]));
            packed.places.extend(wanted.clone().map(|place| sentence * each + place));
            packed.place_counts.push(wanted.count());
        }
        packed
    }

    /// Sentences.
    pub fn sentences(&self) -> usize {
        self.lengths.len()
    }

    /// How many rows there are.
    pub fn count(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.tokens.len(),
            Rows::Predictions => self.predictions.len(),
            Rows::Each(each) => self.lengths.len() * each,
        }
    }

    /// A row's sentence, and its number there.
    pub fn origin(&self, rows: Rows, row: usize) -> [u32; 2] {
        let found = match rows {
            Rows::Tokens => self.tokens.get(row).copied(),
            Rows::Predictions => self.predictions.get(row).copied(),
            Rows::Each(each) => Some([(row / each.max(1)) as u32, (row % each.max(1)) as u32]),
        };
        found.unwrap_or_default()
    }

    /// The rows of a sentence: the first, and how many.
    pub fn rows_of(&self, rows: Rows, sentence: usize) -> (usize, usize) {
        let at = |list: &[usize]| list.get(sentence).copied().unwrap_or(0);
        match rows {
            Rows::Tokens => (at(&self.starts), at(&self.lengths)),
            Rows::Predictions => (at(&self.place_starts), at(&self.place_counts)),
            Rows::Each(each) => (sentence * each, each),
        }
    }

    /// The size of an axis in a sentence.
    pub fn size(&self, axis: Axis, sentence: usize) -> usize {
        match axis {
            Axis::Size(size) => size,
            axis => self.rows_of(axis.into(), sentence).1,
        }
    }

    /// The values of a matrix for each sentence, all together.
    pub fn matrices(&self, axes: [Axis; 2]) -> usize {
        (0..self.sentences()).map(|sentence| axes.iter().map(|axis| self.size(*axis, sentence)).product::<usize>()).sum()
    }

    /// The values of such matrices before a sentence's.
    pub fn before(&self, axes: [Axis; 2], sentence: usize) -> usize {
        (0..sentence).map(|sentence| axes.iter().map(|axis| self.size(*axis, sentence)).product::<usize>()).sum()
    }
}
