//! Vocabularies are the same in every process, survive their files, and encode as the crate does.

use super::Vocabulary;
use proptest::prelude::*;

const TEXT: &str = "The cat sat on the mat.\nThe cats sit on mats, naïvely!\nA cat is a cat: the cat's mat.";

fn vocabulary() -> Vocabulary {
    Vocabulary::train(TEXT.lines(), 64, true).unwrap()
}

fn pieces(vocabulary: &Vocabulary, text: &str) -> Vec<String> {
    vocabulary.encode(text).into_iter().map(|id| vocabulary.piece(id).unwrap()).collect()
}

#[test]
fn special_pieces_come_first() {
    let vocabulary = vocabulary();
    let first: Vec<String> = (0..5).map(|id| vocabulary.piece(id).unwrap()).collect();
    assert_eq!(first, super::SPECIAL);
    assert!(vocabulary.size() <= 64);
    assert_eq!(vocabulary.continues().len(), vocabulary.size());
}

#[test]
fn words_are_spelt_by_the_longest_pieces() {
    let vocabulary = vocabulary();
    assert_eq!(pieces(&vocabulary, "The CAT, cats"), ["the", "cat", ",", "cat", "##s"]);
    assert_eq!(pieces(&vocabulary, "naive"), pieces(&vocabulary, "NAÏVE"));
    // No special piece can be written in a text, and a word with an unknown character is unknown.
    assert_eq!(pieces(&vocabulary, "[SEP] cat\u{2603} is"), ["[UNK]", "[UNK]", "[UNK]", "[UNK]", "i", "##s"]);
}

#[test]
fn a_vocabulary_survives_its_file() {
    let vocabulary = vocabulary();
    let json = vocabulary.to_json().unwrap();
    let again = Vocabulary::from_json(&json).unwrap();
    assert_eq!(again.to_json().unwrap(), json);
    assert_eq!(again.encode(TEXT), vocabulary.encode(TEXT));
    assert_eq!(again.fingerprint().unwrap(), vocabulary.fingerprint().unwrap());
    assert_ne!(Vocabulary::train(TEXT.lines(), 32, true).unwrap().fingerprint().unwrap(), vocabulary.fingerprint().unwrap());
    assert!(Vocabulary::from_json("{}").is_err());
}

/// The hash maps of the training are seeded anew in every process, so these bytes stand for all processes.
#[test]
fn a_vocabulary_is_the_same_in_every_process() {
    let vocabulary = vocabulary();
    let all: Vec<String> = (0..u32::try_from(vocabulary.size()).unwrap()).map(|id| vocabulary.piece(id).unwrap()).collect();
    let expected =
        "[PAD] [UNK] [CLS] [SEP] [MASK] ! ##a ##e ##h ##i ##l ##n ##s ##t ##v ##y ' , . : a c i m n o s t ##at cat ##he the mat on";
    assert_eq!(all.join(" "), expected);
}

#[test]
fn a_pair_fits_and_the_longer_sentence_gives_way() {
    let vocabulary = vocabulary();
    let (row, segment) = vocabulary.encode_pair("the cat the cat the cat", Some("the mat"), 9);
    assert_eq!((row.len(), segment), (9, 6));
    let (row, segment) = vocabulary.encode_pair("the cat the cat", Some("the mat the mat"), 8);
    assert_eq!((row.len(), segment), (8, 5));
    let (row, segment) = vocabulary.encode_pair("the cat", None, 99);
    assert_eq!((row.len(), segment), (4, 4));
}

#[test]
fn what_cannot_be_a_vocabulary_is_refused() {
    assert!(Vocabulary::train([" ", ""], 64, true).is_err());
    assert!(Vocabulary::train(["a"], 5, true).is_err());
    assert!(Vocabulary::from_pieces(&["[PAD]".into(), "a".into()], true).is_err());
    let twice: Vec<String> = super::SPECIAL.iter().chain(&["a", "a"]).map(|s| (*s).to_string()).collect();
    assert!(Vocabulary::from_pieces(&twice, true).unwrap_err().message.contains("twice"));
}

proptest! {
    /// Remembering stretches between blanks changes nothing: a text encodes as the crate's own tokenizer does it.
    #[test]
    fn encoding_agrees_with_the_crate(text in "(\\PC|[ \t\n\u{85}\u{b}\u{301}a-eE'.]){0,40}") {
        let vocabulary = vocabulary();
        let tokenizer: tokenizers::Tokenizer = vocabulary.to_json().unwrap().parse().unwrap();
        let theirs = tokenizer.encode(text.as_str(), false).unwrap();
        prop_assert_eq!(vocabulary.encode(&text), theirs.get_ids());
    }
}
