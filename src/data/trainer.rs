//! Training of a WordPiece vocabulary with the `tokenizers` crate: characters, merged pair by pair, the most frequent pair first.
//!
//! The result is the same in every process. Left to itself the crate numbers the pieces behind the first character in the order of
//! a hash map, and with them its ties. What it calls special pieces it numbers first and in the order given, so every one-character
//! piece is given as one. Then no number depends on a hash map: merges are taken by count, then by the numbers of the pair, and no
//! pair waits in its queue twice, for a piece can arise from one pair only (all places of a pair are merged at once, so the same
//! letters between the same two borders are always spelt alike).

use crate::diagnostic::{Code, Diagnostic, Result};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::tokenizer::AddedToken;

/// What marks a piece that stands behind another of its word.
pub(super) const CONTINUATION: &str = "##";

/// A pair seen less often says nothing about words to come.
const LEAST: u64 = 2;

/// As many one-character pieces any vocabulary may have; one of more than twice as many pieces has up to a half of them. Without a bound
/// a few lines in a script of thousands of characters would take all room from the words.
const LETTERS: usize = 256;

/// The pieces of a vocabulary of at most `size`: `specials`, the characters sorted, the merges in order.
///
/// Where merges leave room, as in scripts whose characters are words, it goes to more characters.
pub(super) fn train(specials: &[&str], words: &BTreeMap<String, u64>, size: usize) -> Result<Vec<String>> {
    let most = size.saturating_sub(specials.len()).min(LETTERS.max(size / 2));
    let letters = alphabet(words, most);
    let pieces = merged(specials, words, size, &letters)?;
    let more = alphabet(words, most + size.saturating_sub(pieces.len()));
    if more.len() > letters.len() { merged(specials, words, size, &more) } else { Ok(pieces) }
}

/// The pieces of a vocabulary with this alphabet.
fn merged(specials: &[&str], words: &BTreeMap<String, u64>, size: usize, alphabet: &BTreeSet<String>) -> Result<Vec<String>> {
    // The crate reads a character only where it knows it without its mark, too. What begins no word is taken out again.
    let bare = alphabet.iter().filter_map(|piece| piece.strip_prefix(CONTINUATION)).filter(|bare| !alphabet.contains(*bare));
    let bare: BTreeSet<&str> = bare.collect();
    let first = specials.iter().copied().chain(alphabet.iter().map(String::as_str)).chain(bare.iter().copied());
    let trainer = BpeTrainer::builder()
        .special_tokens(first.map(|piece| AddedToken::from(piece, true)).collect())
        .continuing_subword_prefix(CONTINUATION.to_owned())
        .min_frequency(LEAST)
        .vocab_size(size + bare.len())
        .show_progress(false)
        .build();
    // A word with a character that found no place in the alphabet becomes [UNK] whole: nothing of it can be used.
    let usable = words.iter().filter(|(word, _)| characters(word).all(|piece| alphabet.contains(&piece)));
    let mut model = BPE::default();
    let trained = trainer.do_train(&usable.map(|(word, &count)| (word.as_str().into(), count)).collect(), &mut model);
    trained.map_err(|error| Diagnostic::error(Code::DATA, format!("a vocabulary cannot be trained: {error}")))?;
    let numbered = model.get_vocab().into_iter().map(|(piece, id)| (id, piece));
    let kept: BTreeMap<u32, String> = numbered.filter(|(_, piece)| !bare.contains(piece.as_str())).collect();
    Ok(kept.into_values().collect())
}

/// A word as its one-character pieces.
fn characters(word: &str) -> impl Iterator<Item = String> {
    word.chars().enumerate().map(|(i, c)| if i == 0 { c.to_string() } else { format!("{CONTINUATION}{c}") })
}

/// The one-character pieces; the most frequent `most` where there are more.
fn alphabet(words: &BTreeMap<String, u64>, most: usize) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (word, &count) in words {
        characters(word).for_each(|piece| *counts.entry(piece).or_default() += count);
    }
    let mut kept: Vec<(Reverse<u64>, String)> = counts.into_iter().map(|(piece, count)| (Reverse(count), piece)).collect();
    kept.sort_unstable();
    kept.into_iter().take(most).map(|(_, piece)| piece).collect()
}

#[cfg(test)]
mod tests {
    use super::train;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn words(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
        list.iter().map(|&(word, count)| (word.to_owned(), count)).collect()
    }

    #[test]
    fn the_most_frequent_pair_is_merged_first() {
        let words = words(&[("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)]);
        let pieces = train(&["[PAD]"], &words, 1 + 11 + 4).unwrap();
        // The crate also needs `d`, `e`, `i` and others that begin no word; they are not kept, and take no room.
        let alphabet = ["##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w", "l", "n", "w"];
        assert_eq!(pieces[1..12], alphabet);
        // e s: 6 + 3; then es t: the same; then o w: 5 + 2, as often as l o but with the smaller numbers; then l ow.
        assert_eq!(pieces[12..], ["##es", "##est", "##ow", "low"]);
    }

    #[test]
    fn rare_characters_give_way_and_rare_pairs_are_left() {
        let words = words(&[("ab", 9), ("ac", 1), ("cab", 1)]);
        assert_eq!(train(&[], &words, 2).unwrap(), ["##b", "a"]);
        assert_eq!(train(&[], &words, 99).unwrap(), ["##a", "##b", "##c", "a", "c", "ab"]);
    }

    #[test]
    fn overlapping_pairs_are_merged_from_the_left() {
        assert_eq!(train(&[], &words(&[("xaaab", 3)]), 99).unwrap(), ["##a", "##b", "x", "##aa", "##ab", "xaa", "xaaab"]);
    }

    #[test]
    fn characters_leave_room_for_merges_and_take_what_these_leave() {
        let mut list: BTreeMap<String, u64> = (0..1000).filter_map(|at| char::from_u32(0x4e00 + at)).map(|c| (c.to_string(), 1)).collect();
        list.insert("low".to_owned(), 5);
        let pieces = train(&["[PAD]"], &list, 600).unwrap();
        assert_eq!((pieces.len(), &pieces[598..]), (600, &["##ow".to_owned(), "low".to_owned()][..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Few letters, many ties, runs of one letter: each training seeds its hash maps anew, and all give the same pieces.
        #[test]
        fn ties_are_broken_alike(list in prop::collection::btree_map("[ab]{1,12}|[abcd]{1,8}|(ab|ba|aab){1,5}", 1_u64..4, 1..60)) {
            let once = train(&["[PAD]"], &list, 4096).unwrap();
            for _ in 0..5 {
                prop_assert_eq!(&train(&["[PAD]"], &list, 4096).unwrap(), &once);
            }
            let half = once.len() / 2;
            prop_assert!(train(&["[PAD]"], &list, half).unwrap().len() <= half.max(1));
        }
    }
}
