//! The tokens of words met before.

use foldhash::fast::RandomState;
use std::collections::HashMap;

/// A cache is emptied at this many words, so that text without end does not fill the memory.
const WORDS: usize = 1 << 19;

/// Longer stretches, in bytes, are spelt each time: in text without blanks hardly one is met twice.
pub(in crate::data) const LONGEST: usize = 64;

/// The tokens of words met before, by the word as written; only looked up, never walked through.
#[derive(Debug, Default)]
pub(in crate::data) struct Cache {
    /// Where a word's tokens lie in `tokens`, and how many they are.
    places: HashMap<Box<str>, (u32, u32), RandomState>,
    tokens: Vec<u32>,
}

impl Cache {
    /// Appends the tokens of a word, which `spell` finds where it has not been met.
    pub(super) fn append(&mut self, word: &str, tokens: &mut Vec<u32>, spell: impl FnOnce(&mut Vec<u32>)) {
        if word.len() > LONGEST {
            return spell(tokens);
        }
        if let Some((start, count)) = self.places.get(word) {
            let known = self.tokens.get(*start as usize..).and_then(|rest| rest.get(..*count as usize));
            return tokens.extend_from_slice(known.unwrap_or_default());
        }
        if self.places.len() >= WORDS {
            *self = Self::default();
        }
        let before = tokens.len();
        spell(tokens);
        let new = tokens.get(before..).unwrap_or_default();
        if let (Ok(start), Ok(count)) = (u32::try_from(self.tokens.len()), u32::try_from(new.len())) {
            self.tokens.extend_from_slice(new);
            self.places.insert(word.into(), (start, count));
        }
    }
}
