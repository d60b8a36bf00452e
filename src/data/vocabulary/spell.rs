//! A stretch of text cut into words, and a word into pieces: what the `tokenizers` crate does, in a tenth of its time.

use super::super::trainer::CONTINUATION;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Shows the words of a stretch without white space after BERT's normalisation, where it is so plain that the characters tell them:
/// control characters are dropped, punctuation stands by itself. Gives whether it is.
pub(super) fn plain_words(stretch: &str, lowercase: bool, see: &mut dyn FnMut(&str)) -> bool {
    if !stretch.is_ascii() {
        return false;
    }
    let mut word = String::with_capacity(stretch.len());
    for letter in stretch.chars().filter(|letter| !letter.is_ascii_control()) {
        if letter.is_ascii_punctuation() {
            if !word.is_empty() {
                see(&word);
            }
            see(letter.encode_utf8(&mut [0; 4]));
            word.clear();
        } else {
            word.push(if lowercase { letter.to_ascii_lowercase() } else { letter });
        }
    }
    if !word.is_empty() {
        see(&word);
    }
    true
}

/// The pieces of a vocabulary, to be looked up by their letters.
#[derive(Debug, Default)]
pub(super) struct Speller {
    begins: Pieces,
    continues: Pieces,
    unknown: u32,
    /// As many characters as a word has at most; a longer one becomes `unknown`.
    most: usize,
}

#[derive(Debug, Default)]
struct Pieces {
    ids: HashMap<Box<str>, u32, RandomState>,
    /// The bytes of the longest.
    longest: usize,
}

impl Pieces {
    fn insert(&mut self, letters: &str, id: u32) {
        self.longest = self.longest.max(letters.len());
        self.ids.insert(letters.into(), id);
    }

    /// The longest piece that the text begins with, and what is left of the text.
    fn longest<'t>(&self, text: &'t str) -> Option<(u32, &'t str)> {
        let ends = (1..=self.longest.min(text.len())).rev();
        ends.filter_map(|end| text.split_at_checked(end)).find_map(|(piece, rest)| Some((*self.ids.get(piece)?, rest)))
    }
}

impl Speller {
    /// For pieces with their ids; what cannot be spelt, or has more than `most` characters, becomes `unknown`.
    pub(super) fn new(pieces: impl Iterator<Item = (String, u32)>, unknown: u32, most: usize) -> Self {
        let mut speller = Self { unknown, most, ..Self::default() };
        for (piece, id) in pieces {
            // A word may begin with the mark itself.
            if let Some(letters) = piece.strip_prefix(CONTINUATION) {
                speller.continues.insert(letters, id);
            }
            speller.begins.insert(&piece, id);
        }
        speller
    }

    /// Appends the pieces of a word, the longest first at each place, as WordPiece has it.
    pub(super) fn spell(&self, word: &str, tokens: &mut Vec<u32>) {
        let before = tokens.len();
        let (mut rest, mut pieces) = (word, &self.begins);
        let short = word.len() <= self.most || word.chars().count() <= self.most;
        while short && !rest.is_empty() {
            let Some((id, left)) = pieces.longest(rest) else { break };
            tokens.push(id);
            (rest, pieces) = (left, &self.continues);
        }
        if !rest.is_empty() {
            tokens.truncate(before);
            tokens.push(self.unknown);
        }
    }
}
