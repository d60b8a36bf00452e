//! BERT's masked-LM task: which tokens of a row are hidden, by what, and what is to be predicted.

use super::vocabulary::Vocabulary;
use crate::batch::{Batch, Targets};
use crate::stream::{RngExt, SliceRandom, Stream, stream};
use std::collections::BTreeMap;

/// How tokens are hidden, for one vocabulary.
#[derive(Clone, Debug)]
pub struct Masking {
    /// Share of a row's tokens, special ones apart, that are predicted.
    pub share: f64,
    /// Share of those replaced by `[MASK]`.
    pub replace: f64,
    /// Share of those replaced by a random piece; the rest stay as they are.
    pub random: f64,
    /// Whether the pieces of a word are hidden together.
    pub whole_word: bool,
    mask: u32,
    pad: u32,
    /// For each id what it is to the masking.
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Special,
    Begins,
    Continues,
}

/// One row after masking.
#[derive(Clone, Debug, PartialEq)]
pub struct Masked {
    /// The tokens, some of them hidden.
    pub tokens: Vec<u32>,
    /// The places to predict, ascending, and what stood there.
    pub hidden: Vec<(u32, u32)>,
}

impl Masking {
    /// The masking of `objective = mlm { … }` for a vocabulary; shares between 0 and 1.
    pub fn new(share: f64, replace: f64, random: f64, whole_word: bool, vocabulary: &Vocabulary) -> Self {
        let s = vocabulary.specials();
        let special = [s.pad, s.unknown, s.cls, s.sep, s.mask];
        // [UNK] stands for a word of the text, so BERT predicts it as any other.
        let kind = |(id, &continues): (u32, &bool)| match (special.contains(&id) && id != s.unknown, continues) {
            (true, _) => Kind::Special,
            (false, true) => Kind::Continues,
            (false, false) => Kind::Begins,
        };
        let kinds = (0..).zip(vocabulary.continues()).map(kind).collect();
        Self { share, replace, random, whole_word, mask: s.mask, pad: s.pad, kinds }
    }

    /// The largest number of places predicted in a row of `length` tokens that `[CLS]` begins and `[SEP]` ends:
    /// the width `p` of a batch's `at`.
    pub fn places(&self, length: usize) -> usize {
        predicted(self.share, length)
    }

    /// Hides ⌈share × maskable⌉ tokens of `row`, or with whole words as many words as fit into that number.
    pub fn row(&self, row: &[u32], draws: &mut Stream) -> Masked {
        let kind = |id: u32| self.kinds.get(id as usize).copied().unwrap_or(Kind::Special);
        let mut units: Vec<Vec<usize>> = Vec::new();
        for (place, &id) in row.iter().enumerate() {
            match (kind(id), units.last_mut()) {
                (Kind::Special, _) => {}
                (Kind::Continues, Some(word)) if self.whole_word && word.last().is_some_and(|&last| last + 1 == place) => word.push(place),
                _ => units.push(vec![place]),
            }
        }
        let most = share_of(self.share, units.iter().map(Vec::len).sum());
        units.shuffle(draws);
        let mut places: Vec<usize> = Vec::with_capacity(most);
        for unit in &units {
            if places.len() + unit.len() <= most {
                places.extend(unit);
            }
        }
        // A row of one long word would otherwise teach nothing.
        if places.is_empty() {
            places.extend(units.iter().flatten().take(most));
        }
        places.sort_unstable();
        let mut tokens = row.to_vec();
        let mut hidden = Vec::with_capacity(places.len());
        for place in places {
            let Some(token) = tokens.get_mut(place) else { continue };
            hidden.push((u32::try_from(place).unwrap_or(u32::MAX), *token));
            let draw: f64 = draws.random();
            if draw < self.replace {
                *token = self.mask;
            } else if draw < self.replace + self.random {
                *token = draws.random_range(0..u32::try_from(self.kinds.len()).unwrap_or(u32::MAX));
            }
        }
        Masked { tokens, hidden }
    }

    /// A batch of rows, padded to the longest and masked: inputs `tokens` and `segments` (`rows × width`) and `at`
    /// (`rows × p`, places within their own row), targets the hidden tokens, `None` at unused places.
    ///
    /// The draws of a row come from the stream `masking/<example>` at `step`; `examples` numbers the rows.
    pub fn batch(&self, rows: &[Vec<u32>], seed: u64, step: u64, examples: impl Iterator<Item = usize>) -> Batch {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let places = self.places(width);
        let (mut tokens, mut at, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for (row, example) in rows.iter().zip(examples) {
            let masked = self.row(row, &mut stream(seed, &format!("masking/{example}"), step));
            tokens.extend(masked.tokens.into_iter().chain(std::iter::repeat_n(self.pad, width - row.len())));
            let unused = places.saturating_sub(masked.hidden.len());
            at.extend(masked.hidden.iter().map(|&(place, _)| place).chain(std::iter::repeat_n(0, unused)));
            targets.extend(masked.hidden.iter().map(|&(_, token)| Some(token)).chain(std::iter::repeat_n(None, unused)));
        }
        let segments = vec![0; tokens.len()];
        let inputs = BTreeMap::from([("tokens".to_owned(), tokens), ("segments".to_owned(), segments), ("at".to_owned(), at)]);
        Batch { rows: rows.len(), width, lengths: rows.iter().map(Vec::len).collect(), inputs, targets: Targets::Classes(targets) }
    }
}

/// The places predicted in a row of `length` tokens, two of them special, at most.
pub fn predicted(share: f64, length: usize) -> usize {
    share_of(share, length.saturating_sub(2))
}

/// ⌈share × n⌉, where rounding of the product does not make one more of a whole number.
fn share_of(share: f64, n: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a row's length is small and not negative")]
    let count = (share * n as f64 - 1e-9).ceil().max(0.0) as usize;
    count.min(n)
}

#[cfg(test)]
mod tests {
    use super::{Masking, share_of};
    use crate::batch::Targets;
    use crate::data::Vocabulary;
    use crate::stream::stream;
    use proptest::prelude::*;

    fn vocabulary() -> Vocabulary {
        let pieces: Vec<String> =
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##x", "##y"].iter().map(|s| (*s).to_string()).collect();
        Vocabulary::from_pieces(&pieces, true).unwrap()
    }

    fn rows() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(5u32..10, 1..40).prop_map(|body| [vec![2], body, vec![3]].concat())
    }

    proptest! {
        #[test]
        fn hidden_tokens_are_what_stood_there_and_the_rest_is_untouched(row in rows(), share in 0.0..1.0f64, whole in any::<bool>(), seed in 0u64..99) {
            let masking = Masking::new(share, 0.8, 0.1, whole, &vocabulary());
            let masked = masking.row(&row, &mut stream(seed, "test", 0));
            prop_assert!(masked.hidden.len() <= masking.places(row.len()));
            prop_assert!(whole || masked.hidden.len() == share_of(share, row.len() - 2));
            prop_assert!(masked.hidden.is_sorted());
            let mut back = masked.tokens.clone();
            for &(place, token) in &masked.hidden {
                back[place as usize] = token;
            }
            prop_assert_eq!(&back, &row);
            prop_assert!(masked.hidden.iter().all(|&(_, token)| token > 4));
        }

        #[test]
        fn whole_words_are_hidden_whole(row in rows(), seed in 0u64..99) {
            let masking = Masking::new(0.5, 1.0, 0.0, true, &vocabulary());
            let masked = masking.row(&row, &mut stream(seed, "test", 0));
            let pieces: Vec<(u32, bool)> = row.iter().zip(&masked.tokens).map(|(&id, &token)| (id, token == 4)).collect();
            let words: Vec<_> = pieces[1..row.len() - 1].chunk_by(|_, &(id, _)| id >= 8).collect();
            let fits = |word: &&[(u32, bool)]| word.len() <= share_of(0.5, row.len() - 2);
            // Where no word fits, a part of one is hidden.
            if words.iter().any(fits) {
                prop_assert!(words.iter().all(|word| word.iter().all(|&(_, hidden)| hidden == word[0].1)));
            }
            prop_assert!(!masked.hidden.is_empty());
        }
    }

    #[test]
    fn four_fifths_are_masked_and_a_tenth_is_random() {
        let masking = Masking::new(1.0, 0.8, 0.1, false, &vocabulary());
        let row = [vec![2], vec![5; 20_000], vec![3]].concat();
        let masked = masking.row(&row, &mut stream(1, "test", 0));
        let share = |id: u32| masked.tokens.iter().filter(|&&token| token == id).count() as f64 / 20_000.0;
        // A tenth of the random tenth is [MASK], another is the token itself.
        assert!((share(4) - 0.81).abs() < 0.01, "{}", share(4));
        assert!((share(5) - 0.11).abs() < 0.01, "{}", share(5));
    }

    #[test]
    fn a_batch_is_its_seed_and_step_and_a_row_its_example() {
        let masking = Masking::new(0.3, 0.8, 0.1, false, &vocabulary());
        let rows = vec![[vec![2], vec![6; 10], vec![3]].concat(); 3];
        let batch = masking.batch(&rows, 1, 5, 0..);
        assert_eq!((batch.rows, batch.width, batch.lengths.as_slice()), (3, 12, [12, 12, 12].as_slice()));
        assert_eq!(batch.inputs["at"].len(), 9);
        assert_eq!(batch.targets, Targets::Classes(vec![Some(6); 9]));
        assert_eq!(batch, masking.batch(&rows, 1, 5, 0..));
        assert_ne!(batch, masking.batch(&rows, 1, 6, 0..));
        let tail = masking.batch(&rows[1..], 1, 5, 1..);
        assert_eq!(batch.inputs["tokens"][12..], tail.inputs["tokens"]);
    }

    #[test]
    fn a_share_is_rounded_up() {
        assert_eq!([share_of(0.15, 20), share_of(0.15, 21), share_of(0.0, 9), share_of(1.0, 9)], [3, 4, 0, 9]);
    }
}
