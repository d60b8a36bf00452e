//! Rows whose words stand within another row's: SST-2's training file holds its sentences and the phrases they are made of.

use super::Example;
use std::collections::HashMap;

/// A tree of rows by their words: a step from a node along a word leads to another node.
#[derive(Default)]
struct Tree<'t> {
    steps: HashMap<(usize, &'t str), usize>,
    /// Where a row ends: its place, the first of equals; and whether it was met within another.
    ends: HashMap<usize, (usize, bool)>,
}

impl<'t> Tree<'t> {
    fn add(&mut self, words: &[&'t str], row: usize) {
        let end = words.iter().fold(0, |node, word| {
            let fresh = self.steps.len() + 1;
            *self.steps.entry((node, word)).or_insert(fresh)
        });
        self.ends.entry(end).or_insert((row, false));
    }

    /// Marks the rows that stand within these words, the whole of them apart.
    fn mark(&mut self, words: &[&'t str]) {
        for begin in 0..words.len() {
            let mut node = 0;
            for (count, word) in (1..).zip(words.iter().skip(begin)) {
                let Some(&next) = self.steps.get(&(node, word)) else { break };
                node = next;
                if let Some((_, within)) = self.ends.get_mut(&node).filter(|_| count < words.len()) {
                    *within = true;
                }
            }
        }
    }
}

/// The examples whose words do not stand, one after another, within another's; of equal ones the first. Words are what white space parts,
/// as they are written; the second sentence of a pair counts for nothing.
pub(super) fn without_phrases(rows: Vec<Example>) -> Vec<Example> {
    let words: Vec<Vec<&str>> = rows.iter().map(|row| row.first.split_whitespace().collect()).collect();
    let mut tree = Tree::default();
    words.iter().enumerate().for_each(|(place, words)| tree.add(words, place));
    words.iter().for_each(|words| tree.mark(words));
    let mut kept = vec![false; rows.len()];
    for (place, within) in tree.ends.into_values() {
        if let Some(kept) = kept.get_mut(place) {
            *kept = !within;
        }
    }
    rows.into_iter().zip(kept).filter_map(|(row, kept)| kept.then_some(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::without_phrases;
    use crate::data::{Example, Gold};
    use proptest::prelude::*;

    fn rows(texts: &[String]) -> Vec<Example> {
        texts.iter().map(|text| Example { first: text.clone(), second: None, gold: Gold::Unknown }).collect()
    }

    fn kept(texts: &[&str]) -> Vec<String> {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        without_phrases(rows(&texts)).into_iter().map(|row| row.first).collect()
    }

    #[test]
    fn sentences_stay_and_their_phrases_go() {
        let all = ["a fine film", "fine", "fine film", "a film", "not a  fine film", "ine", "a film"];
        assert_eq!(kept(&all), ["a film", "not a  fine film", "ine"]);
        assert_eq!(kept(&["one"]), ["one"]);
    }

    proptest! {
        #[test]
        fn what_stays_is_what_no_other_row_has_within(texts in prop::collection::vec("[ab]( [ab]){0,4}", 1..12)) {
            // With blanks around them words are found as text is.
            let within = |text: &String, other: &String| format!(" {other} ").contains(&format!(" {text} "));
            let stays = |(place, text): &(usize, &String)| {
                let mut others = texts.iter().enumerate().filter(|(other, _)| other != place);
                !others.any(|(at, other)| within(text, other) && (*text != other || at < *place))
            };
            let expected: Vec<&String> = texts.iter().enumerate().filter(stays).map(|(_, text)| text).collect();
            let found = without_phrases(rows(&texts));
            prop_assert_eq!(found.iter().map(|row| &row.first).collect::<Vec<_>>(), expected);
        }
    }
}
