//! How often each word of a text stands in it, counted piece by piece in bounded memory.

use super::vocabulary::{LONGEST, Vocabulary, pieces_of_text, words_of};
use crate::diagnostic::Result;
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};

/// As many stretches between blanks are kept before they are cut into words.
const STRETCHES: usize = 1 << 20;

/// Beyond this many words the rarest are forgotten: they would fill the memory and hardly move a merge.
const WORDS: usize = 1 << 21;

/// Counts of the words of a text.
#[derive(Clone, Debug)]
pub struct Words {
    lowercase: bool,
    /// Stretches between blanks as they stand in the text.
    stretches: HashMap<Box<str>, u64, RandomState>,
    words: HashMap<String, u64, RandomState>,
    /// Words at most this frequent are forgotten next.
    rare: u64,
}

impl Words {
    /// None yet.
    pub fn new(lowercase: bool) -> Self {
        Self { lowercase, stretches: HashMap::default(), words: HashMap::default(), rare: 1 }
    }

    /// Counts the words of a text.
    ///
    /// # Errors
    /// Where it cannot be cut into words, which would be a defect.
    pub fn add(&mut self, text: &str) -> Result<()> {
        for stretch in pieces_of_text(text) {
            match self.stretches.get_mut(stretch) {
                Some(count) => *count += 1,
                // Text without blanks would fill the memory with stretches that are met once.
                None if stretch.len() > LONGEST => cut(stretch, self.lowercase, 1, &mut self.words)?,
                None => drop(self.stretches.insert(stretch.into(), 1)),
            }
        }
        Ok(())
    }

    /// Adds the counts of what follows in the text.
    ///
    /// # Errors
    /// Where a text cannot be cut into words, which would be a defect.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        for (stretch, count) in other.stretches {
            *self.stretches.entry(stretch).or_default() += count;
        }
        for (word, count) in other.words {
            *self.words.entry(word).or_default() += count;
        }
        self.bound(STRETCHES, WORDS)
    }

    /// Keeps the counts small. What is forgotten depends on the text alone, and on where it is cut into pieces.
    fn bound(&mut self, stretches: usize, words: usize) -> Result<()> {
        if self.stretches.len() > stretches {
            self.cut()?;
        }
        while self.words.len() > words {
            let rare = self.rare;
            self.words.retain(|_, count| *count > rare);
            self.rare += 1;
        }
        Ok(())
    }

    /// Cuts the stretches into words.
    fn cut(&mut self) -> Result<()> {
        for (stretch, count) in std::mem::take(&mut self.stretches) {
            cut(&stretch, self.lowercase, count, &mut self.words)?;
        }
        Ok(())
    }

    /// Trains at most `size` pieces on the words; the special pieces have the ids 0 to 4.
    ///
    /// # Errors
    /// Where there are no words, or `size` leaves no room for letters.
    pub fn train(mut self, size: usize) -> Result<Vocabulary> {
        self.cut()?;
        // Into an ordered map before anything depends on the order.
        let words: BTreeMap<String, u64> = self.words.into_iter().collect();
        Vocabulary::of_words(&words, size, self.lowercase)
    }
}

/// Counts the words of a stretch that is met so many times.
fn cut(stretch: &str, lowercase: bool, count: u64, words: &mut HashMap<String, u64, RandomState>) -> Result<()> {
    words_of(stretch, lowercase, &mut |word| match words.get_mut(word) {
        Some(known) => *known += count,
        None => drop(words.insert(word.to_owned(), count)),
    })
}

#[cfg(test)]
mod tests {
    use super::Words;

    /// The most frequent words are left, whatever the order of the hash map.
    #[test]
    fn rare_words_are_forgotten_first() {
        let mut words = Words::new(true);
        for word in 0..100 {
            words.add(&format!("w{word}, ").repeat(word + 1)).unwrap();
        }
        words.bound(10, 30).unwrap();
        let mut left: Vec<u64> = words.words.values().copied().collect();
        left.sort_unstable();
        // Commas are counted by themselves.
        assert_eq!(left, (72..=100).chain([5050]).collect::<Vec<u64>>());
    }
}
