//! Training of a WordPiece vocabulary: characters, merged pair by pair, the most frequent pair first.
//!
//! The result is the same in every process. The `tokenizers` crate numbers the pieces behind the first
//! character in the order of a hash map, and with them its ties, so no two of its processes agree; its
//! normaliser, its pre-tokenizer and its encoder are used, its trainer is not.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What marks a piece that stands behind another of its word.
pub(super) const CONTINUATION: &str = "##";

/// A pair seen less often says nothing about words to come.
const LEAST: u64 = 2;

type Pair = (u32, u32);

/// The pieces of a vocabulary of at most `size`: `specials`, the characters sorted, the merges in order.
pub(super) fn train(specials: &[&str], words: &BTreeMap<String, u64>, size: usize) -> Vec<String> {
    let mut pieces: Vec<String> = specials.iter().map(|&s| s.to_owned()).collect();
    pieces.extend(alphabet(words, size.saturating_sub(specials.len())));
    let mut ids: BTreeMap<String, u32> = pieces.iter().cloned().zip(0..).collect();
    let spelt = |(word, &count): (&String, &u64)| {
        let letters: Option<Vec<u32>> = characters(word).map(|piece| ids.get(&piece).copied()).collect();
        letters.map(|letters| (letters, count))
    };
    // A word with a character that found no place in the alphabet becomes [UNK] whole: nothing of it can be used.
    let mut pairs = Pairs { words: words.iter().filter_map(spelt).collect(), ..Pairs::default() };
    pairs.count();
    while pieces.len() < size {
        let Some((a, b)) = pairs.best() else { break };
        let text = |id: u32| pieces.get(id as usize).map_or("", String::as_str);
        let merged = format!("{}{}", text(a), text(b).strip_prefix(CONTINUATION).unwrap_or_default());
        // Two ways may lead to the same piece: a ##bc, ab ##c.
        let id = *ids.entry(merged.clone()).or_insert(u32::try_from(pieces.len()).unwrap_or(u32::MAX));
        if id as usize == pieces.len() {
            pieces.push(merged);
        }
        pairs.merge((a, b), id);
    }
    pieces
}

/// A word as its one-character pieces.
fn characters(word: &str) -> impl Iterator<Item = String> {
    word.chars().enumerate().map(|(i, c)| if i == 0 { c.to_string() } else { format!("{CONTINUATION}{c}") })
}

/// The one-character pieces, sorted; the most frequent `most` where there are more.
fn alphabet(words: &BTreeMap<String, u64>, most: usize) -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (word, &count) in words {
        characters(word).for_each(|piece| *counts.entry(piece).or_default() += count);
    }
    let mut kept: Vec<(Reverse<u64>, String)> = counts.into_iter().map(|(piece, count)| (Reverse(count), piece)).collect();
    kept.sort_unstable();
    kept.truncate(most);
    let mut kept: Vec<String> = kept.into_iter().map(|(_, piece)| piece).collect();
    kept.sort_unstable();
    kept
}

/// The words as pieces so far, with the count of every neighbouring pair and the words it stands in.
#[derive(Default)]
struct Pairs {
    words: Vec<(Vec<u32>, u64)>,
    counts: BTreeMap<Pair, u64>,
    places: BTreeMap<Pair, BTreeSet<usize>>,
    /// The counts again, in order: the last entry is the most frequent pair, the first-numbered among equals.
    queue: BTreeSet<(u64, Reverse<Pair>)>,
}

impl Pairs {
    fn count(&mut self) {
        for (i, (letters, count)) in self.words.iter().enumerate() {
            for pair in neighbours(letters) {
                *self.counts.entry(pair).or_default() += count;
                self.places.entry(pair).or_default().insert(i);
            }
        }
        self.queue = self.counts.iter().map(|(&pair, &count)| (count, Reverse(pair))).collect();
    }

    fn best(&self) -> Option<Pair> {
        self.queue.last().filter(|(count, _)| *count >= LEAST).map(|&(_, Reverse(pair))| pair)
    }

    /// Puts `id` in place of `pair` in every word that has it.
    fn merge(&mut self, pair: Pair, id: u32) {
        for place in self.places.remove(&pair).unwrap_or_default() {
            let Some((letters, count)) = self.words.get_mut(place) else { continue };
            let count = *count;
            let before = std::mem::take(letters);
            *letters = replaced(&before, pair, id);
            let after = letters.clone();
            for old in neighbours(&before) {
                self.change(old, |n| n.saturating_sub(count));
            }
            for new in neighbours(&after) {
                self.change(new, |n| n + count);
                self.places.entry(new).or_default().insert(place);
            }
        }
    }

    fn change(&mut self, pair: Pair, count: impl Fn(u64) -> u64) {
        let old = self.counts.remove(&pair).unwrap_or_default();
        let new = count(old);
        self.queue.remove(&(old, Reverse(pair)));
        if new > 0 {
            self.counts.insert(pair, new);
            self.queue.insert((new, Reverse(pair)));
        }
    }
}

fn neighbours(letters: &[u32]) -> impl Iterator<Item = Pair> {
    letters.iter().copied().zip(letters.iter().copied().skip(1))
}

/// `letters` with `id` for each `pair`, from the left.
fn replaced(letters: &[u32], pair: Pair, id: u32) -> Vec<u32> {
    let mut out = Vec::with_capacity(letters.len());
    let mut rest = letters;
    while let Some((&first, tail)) = rest.split_first() {
        let hit = first == pair.0 && tail.first() == Some(&pair.1);
        out.push(if hit { id } else { first });
        rest = if hit { tail.get(1..).unwrap_or_default() } else { tail };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{replaced, train};
    use std::collections::BTreeMap;

    fn words(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
        list.iter().map(|&(word, count)| (word.to_owned(), count)).collect()
    }

    #[test]
    fn the_most_frequent_pair_is_merged_first() {
        let words = words(&[("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)]);
        let pieces = train(&["[PAD]"], &words, 1 + 16 + 4);
        let alphabet = ["##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w", "l", "n", "w"];
        assert_eq!(pieces[1..12], alphabet);
        // e s: 6 + 3; then es t: the same; then o w: 5 + 2, as often as l o but with the smaller numbers; then l ow.
        assert_eq!(pieces[12..16], ["##es", "##est", "##ow", "low"]);
    }

    #[test]
    fn rare_characters_give_way_and_rare_pairs_are_left() {
        let words = words(&[("ab", 9), ("ac", 1)]);
        assert_eq!(train(&[], &words, 2), ["##b", "a"]);
        assert_eq!(train(&[], &words, 99), ["##b", "##c", "a", "ab"]);
    }

    #[test]
    fn overlapping_pairs_are_replaced_from_the_left() {
        assert_eq!(replaced(&[1, 1, 1, 2], (1, 1), 7), [7, 1, 2]);
    }
}
