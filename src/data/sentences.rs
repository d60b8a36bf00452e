//! Where sentences begin and end among tokens, as far as their marks tell.

use super::vocabulary::Vocabulary;

/// What a piece is to the sentences of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    /// It ends a sentence.
    Ends,
    /// It belongs to the sentence that has just ended, if it follows an end.
    Closes,
    /// It parts documents.
    Parts,
    /// Anything else.
    Within,
}

/// The marks of a vocabulary's pieces.
///
/// A full stop ends a sentence, in `Mr. Darcy` too: tokens do not tell, and little depends on it.
#[derive(Clone, Debug)]
pub(super) struct Sentences {
    marks: Vec<Mark>,
}

impl Sentences {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        let separator = vocabulary.specials().sep;
        let mark = |id: u32| match vocabulary.piece(id).as_deref() {
            _ if id == separator => Mark::Parts,
            Some("." | "!" | "?" | "…" | "。" | "！" | "？") => Mark::Ends,
            Some("\"" | "'" | ")" | "]" | "”" | "’" | "»" | "」" | "』") => Mark::Closes,
            _ => Mark::Within,
        };
        Self { marks: (0..).take(vocabulary.size()).map(mark).collect() }
    }

    fn mark(&self, id: u32) -> Mark {
        self.marks.get(id as usize).copied().unwrap_or(Mark::Within)
    }

    /// How many tokens come before the first sentence that begins after one of these; `None` where none begins among them.
    pub(super) fn begin(&self, tokens: impl Iterator<Item = u32>) -> Option<usize> {
        let mut ended = false;
        for (place, id) in tokens.enumerate() {
            match self.mark(id) {
                Mark::Parts => return Some(place + 1),
                Mark::Ends => ended = true,
                Mark::Within if ended => return Some(place),
                Mark::Closes | Mark::Within => {}
            }
        }
        None
    }

    /// How many of these tokens, the first on, are whole sentences, a boundary after them left out; all where no sentence ends among them.
    pub(super) fn whole(&self, tokens: &[u32]) -> usize {
        let (mut whole, mut ended) = (0, false);
        for (place, &id) in tokens.iter().enumerate() {
            match self.mark(id) {
                Mark::Parts => whole = place,
                Mark::Ends => whole = place + 1,
                Mark::Closes if ended => whole = place + 1,
                Mark::Closes | Mark::Within => {}
            }
            ended = whole == place + 1;
        }
        if whole == 0 { tokens.len() } else { whole }
    }
}

#[cfg(test)]
mod tests {
    use super::Sentences;
    use crate::data::Vocabulary;

    fn vocabulary() -> Vocabulary {
        let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", ".", "?", "\"", "("];
        Vocabulary::from_pieces(&pieces.map(str::to_owned), true).unwrap()
    }

    /// Tokens of a text, `|` parting documents.
    fn tokens(text: &str) -> Vec<u32> {
        let vocabulary = vocabulary();
        let documents: Vec<Vec<u32>> = text.split('|').map(|document| vocabulary.encode(document)).collect();
        documents.join(&vocabulary.specials().sep)
    }

    #[test]
    fn a_sentence_begins_after_an_end_and_what_closes_it() {
        let begin = |text: &str| Sentences::new(&vocabulary()).begin(tokens(text).into_iter());
        assert_eq!(begin("a b . a"), Some(3));
        assert_eq!(begin("a ? \" b"), Some(3));
        assert_eq!(begin("a . . ( b"), Some(3));
        assert_eq!(begin("a \" b | \" b"), Some(4));
        assert_eq!(begin("a b ."), None);
    }

    #[test]
    fn whole_sentences_end_with_their_marks() {
        let whole = |text: &str| Sentences::new(&vocabulary()).whole(&tokens(text));
        assert_eq!(whole("a . b . a"), 4);
        assert_eq!(whole("a . \" b \""), 3);
        assert_eq!(whole("a . | b . | a b"), 5);
        assert_eq!(whole("a . | b a"), 2);
        assert_eq!(whole("a b"), 2);
    }
}
