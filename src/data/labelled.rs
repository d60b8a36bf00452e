//! A labelled data set as tokens: shuffled into batches for training, sorted by length for evaluation, split.

use super::task::{Example, Gold};
use super::vocabulary::Vocabulary;
use crate::batch::{Batch, Targets};
use crate::stream::{SliceRandom, stream};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Batches that are drawn together and sorted by length.
const STRETCH: usize = 50;

/// Examples as tokens, in the order of their file.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    rows: Vec<Row>,
    pad: u32,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    tokens: Vec<u32>,
    /// Tokens of segment 0; the rest is segment 1.
    segment: usize,
    gold: Gold,
}

impl Labelled {
    /// Encodes examples in at most `length` tokens each, the longer sentence of a pair giving way first.
    pub fn new(examples: &[Example], vocabulary: &Vocabulary, length: usize) -> Self {
        let row = |example: &Example| {
            let (tokens, segment) = vocabulary.encode_pair(&example.first, example.second.as_deref(), length);
            Row { tokens, segment, gold: example.gold }
        };
        Self { rows: examples.iter().map(row).collect(), pad: vocabulary.specials().pad }
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The tokens of all examples.
    pub fn tokens(&self) -> u64 {
        self.rows.iter().map(|row| row.tokens.len() as u64).sum()
    }

    /// The labels, in order.
    pub fn gold(&self) -> Vec<Gold> {
        self.rows.iter().map(|row| row.gold).collect()
    }

    /// The batch of the examples at `places`, padded to the longest of them: inputs `tokens` and `segments`
    /// (`rows × width`); targets where every example has a label.
    pub fn batch(&self, places: &[usize]) -> Batch {
        let rows: Vec<&Row> = places.iter().filter_map(|&place| self.rows.get(place)).collect();
        let lengths: Vec<usize> = rows.iter().map(|row| row.tokens.len()).collect();
        let width = lengths.iter().copied().max().unwrap_or(0);
        let (mut tokens, mut segments) = (Vec::with_capacity(rows.len() * width), Vec::with_capacity(rows.len() * width));
        for row in &rows {
            tokens.extend(row.tokens.iter().copied().chain(std::iter::repeat(self.pad)).take(width));
            // Padding is of segment 0, as in BERT.
            segments.extend((0..width).map(|place| u32::from((row.segment..row.tokens.len()).contains(&place))));
        }
        let inputs = BTreeMap::from([("tokens".to_owned(), tokens), ("segments".to_owned(), segments)]);
        Batch { rows: rows.len(), width, lengths, inputs, targets: targets(&rows) }
    }

    /// The places of an epoch's batches: all examples once, in an order from the stream `name` at `epoch`; the last
    /// batch may be smaller.
    pub fn epoch(&self, seed: u64, name: &str, epoch: u64, batch: usize) -> Vec<Vec<usize>> {
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        places.shuffle(&mut stream(seed, name, epoch));
        places.chunks(batch.max(1)).map(<[usize]>::to_vec).collect()
    }

    /// Likewise with sentences of like length together: stretches of 50 batches are sorted by length, and the batches then shuffled.
    pub fn epoch_by_length(&self, seed: u64, name: &str, epoch: u64, batch: usize) -> Vec<Vec<usize>> {
        let mut draws = stream(seed, name, epoch);
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        places.shuffle(&mut draws);
        let length = |place: &usize| self.rows.get(*place).map_or(0, |row| row.tokens.len());
        places.chunks_mut(batch.max(1) * STRETCH).for_each(|stretch| stretch.sort_by_key(length));
        let mut batches: Vec<Vec<usize>> = places.chunks(batch.max(1)).map(<[usize]>::to_vec).collect();
        batches.shuffle(&mut draws);
        batches
    }

    /// The places of batches for evaluation, sorted by length so that little is padding, the longest first, so that memory is taken once;
    /// give the outputs to [`restored`].
    pub fn by_length(&self, batch: usize) -> Vec<Vec<usize>> {
        let mut places: Vec<(usize, usize)> = self.rows.iter().map(|row| row.tokens.len()).zip(0..).collect();
        places.sort_unstable_by_key(|place| Reverse(*place));
        let places: Vec<usize> = places.into_iter().map(|(_, place)| place).collect();
        places.chunks(batch.max(1)).map(<[usize]>::to_vec).collect()
    }

    /// The examples apart from about the share `held` of them, and those; drawn from the stream `name`, each part in
    /// its old order. Both parts have an example where there are two or more and the share is not 0.
    pub fn split(&self, held: f64, seed: u64, name: &str) -> (Self, Self) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the number of examples")]
        let count = (self.rows.len() as f64 * held).round() as usize;
        let least = usize::from(held > 0.0 && self.rows.len() > 1);
        self.divided(count.clamp(least, self.rows.len().saturating_sub(1).max(least)), seed, name)
    }

    /// At most `rows` examples, drawn from the stream `name`, in their old order; all where no number is given.
    pub fn limited(self, rows: Option<usize>, seed: u64, name: &str) -> Self {
        match rows.filter(|rows| *rows < self.rows.len()) {
            Some(rows) => self.divided(rows, seed, name).1,
            None => self,
        }
    }

    /// All but `count` examples, and those.
    fn divided(&self, count: usize, seed: u64, name: &str) -> (Self, Self) {
        let out = drawn(self.rows.len(), count, seed, name);
        let pick = |part: bool| {
            let rows = self.rows.iter().enumerate().filter(|(place, _)| out.binary_search(place).is_ok() == part);
            Self { rows: rows.map(|(_, row)| row.clone()).collect(), pad: self.pad }
        };
        (pick(false), pick(true))
    }
}

/// At most `count` of the places below `of`, drawn from the stream `name`, in order.
pub fn drawn(of: usize, count: usize, seed: u64, name: &str) -> Vec<usize> {
    let mut places: Vec<usize> = (0..of).collect();
    places.shuffle(&mut stream(seed, name, 0));
    let mut out = places.split_off(of.saturating_sub(count));
    out.sort_unstable();
    out
}

/// Outputs of batches in the order of the examples: `outputs` holds one value for each place of `batches`, in order.
pub fn restored<T: Clone>(batches: &[Vec<usize>], outputs: &[T]) -> Vec<T> {
    let mut pairs: Vec<(usize, &T)> = batches.iter().flatten().copied().zip(outputs).collect();
    pairs.sort_by_key(|&(place, _)| place);
    pairs.into_iter().map(|(_, output)| output.clone()).collect()
}

fn targets(rows: &[&Row]) -> Targets {
    let class = |row: &&Row| if let Gold::Class(class) = row.gold { Some(Some(class)) } else { None };
    #[expect(clippy::cast_possible_truncation, reason = "models compute in 32 bits")]
    let score = |row: &&Row| if let Gold::Score(score) = row.gold { Some(score as f32) } else { None };
    let classes = rows.iter().map(class).collect::<Option<Vec<_>>>().map(Targets::Classes);
    classes.or_else(|| rows.iter().map(score).collect::<Option<Vec<_>>>().map(Targets::Scores)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Labelled, restored};
    use crate::batch::Targets;
    use crate::data::{Example, Gold, Vocabulary};
    use proptest::prelude::*;

    fn data(lengths: &[usize]) -> Labelled {
        let pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"].iter().map(|s| (*s).to_string()).collect();
        let vocabulary = Vocabulary::from_pieces(&pieces, true).unwrap();
        let example = |(&n, class): (&usize, u32)| Example { first: "a ".repeat(n), second: Some("b".into()), gold: Gold::Class(class) };
        Labelled::new(&lengths.iter().zip(0..).map(example).collect::<Vec<_>>(), &vocabulary, 16)
    }

    #[test]
    fn a_batch_is_padded_to_its_longest() {
        let batch = data(&[2, 40, 1]).batch(&[0, 2]);
        assert_eq!((batch.rows, batch.width, batch.lengths.as_slice()), (2, 6, [6, 5].as_slice()));
        assert_eq!(batch.inputs["tokens"], [2, 5, 5, 3, 6, 3, 2, 5, 3, 6, 3, 0]);
        assert_eq!(batch.inputs["segments"], [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0]);
        assert_eq!(batch.targets, Targets::Classes(vec![Some(0), Some(2)]));
        assert_eq!(data(&[2, 40, 1]).batch(&[1]).width, 16);
    }

    #[test]
    fn scores_are_targets_and_missing_labels_are_none() {
        let mut data = data(&[1, 2]);
        data.rows.iter_mut().for_each(|row| row.gold = Gold::Score(2.5));
        assert_eq!(data.batch(&[0, 1]).targets, Targets::Scores(vec![2.5, 2.5]));
        data.rows[1].gold = Gold::Unknown;
        assert_eq!(data.batch(&[0, 1]).targets, Targets::None);
    }

    proptest! {
        #[test]
        fn every_example_comes_once(lengths in prop::collection::vec(0usize..20, 1..40), size in 1usize..9, epoch in 0u64..9) {
            let data = data(&lengths);
            let all: Vec<usize> = (0..lengths.len()).collect();
            let sorted = data.epoch_by_length(1, "fine-tuning/t", epoch, size);
            for batches in [data.epoch(1, "fine-tuning/t", epoch, size), sorted, data.by_length(size)] {
                let flat: Vec<usize> = batches.iter().flatten().copied().collect();
                prop_assert_eq!(restored(&batches, &flat), all.clone());
            }
            prop_assert_eq!(data.epoch(1, "x", epoch, size), data.epoch(1, "x", epoch, size));
            // To be answered, the longest come first, so that memory is taken once.
            let lengths: Vec<usize> = data.by_length(size).iter().flatten().map(|place| data.batch(&[*place]).lengths[0]).collect();
            prop_assert!(lengths.is_sorted_by(|one, next| one >= next), "{:?}", lengths);
        }

        #[test]
        fn a_split_loses_nothing(n in 2usize..60, held in 0.01..0.99f64) {
            let data = data(&vec![1; n]);
            let (kept, out) = data.split(held, 7, "held");
            prop_assert!(!kept.is_empty() && !out.is_empty());
            let class = |gold: Gold| if let Gold::Class(class) = gold { class } else { u32::MAX };
            let mut classes: Vec<u32> = kept.gold().into_iter().chain(out.gold()).map(class).collect();
            classes.sort_unstable();
            prop_assert_eq!(classes, (0..u32::try_from(n).unwrap()).collect::<Vec<_>>());
            prop_assert_eq!(data.clone().limited(Some(1), 7, "few").len(), 1);
            prop_assert_eq!(data.clone().limited(None, 7, "few"), data);
        }
    }
}
