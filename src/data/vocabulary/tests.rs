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

/// A `tokenizer.json` says more than pieces: what is not carried out is refused.
#[test]
fn a_tokenizer_that_cuts_otherwise_is_refused() {
    let json: serde_json::Value = serde_json::from_str(&vocabulary().to_json().unwrap()).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = json.clone();
        change(&mut json);
        Vocabulary::from_json(&json.to_string())
    };
    let why = |change: &dyn Fn(&mut serde_json::Value)| with(change).unwrap_err().message;
    assert!(why(&|json| json["pre_tokenizer"] = serde_json::json!({ "type": "Whitespace" })).contains("`pre_tokenizer`"));
    assert!(why(&|json| json["pre_tokenizer"] = serde_json::Value::Null).contains("`pre_tokenizer`"));
    let added = why(&|json| {
        let mut more = json["added_tokens"][0].clone();
        (more["id"], more["content"]) = (64.into(), "covid".into());
        json["added_tokens"].as_array_mut().unwrap().push(more);
    });
    assert!(added.contains("`covid`"), "{added}");
    // How long a word may be is carried out.
    let short = with(&|json| json["model"]["max_input_chars_per_word"] = 2.into()).unwrap();
    assert_eq!(pieces(&short, "the a"), ["[UNK]", "a"]);
}

#[test]
fn what_a_list_of_pieces_leaves_open_is_said_beside_it() {
    let list: Vec<String> = super::SPECIAL.iter().chain(&["a", "\u{e4}", "\u{4e00}", "##\u{4e00}"]).map(|s| (*s).to_string()).collect();
    let said = |text: &str| Vocabulary::of_pieces(&list, &super::Normalisation::read(text).unwrap()).unwrap();
    assert_eq!(pieces(&said("{}"), "\u{c4} \u{4e00}\u{4e00}"), ["a", "\u{4e00}", "\u{4e00}"]);
    assert_eq!(pieces(&said(r#"{"strip_accents": false}"#), "\u{c4}"), ["\u{e4}"]);
    assert_eq!(pieces(&said(r#"{"do_lower_case": false}"#), "\u{e4}"), ["\u{e4}"]);
    assert_eq!(pieces(&said(r#"{"tokenize_chinese_chars": false}"#), "\u{4e00}\u{4e00}"), ["\u{4e00}", "##\u{4e00}"]);
    assert!(said("{}").says(&super::Normalisation::read(r#"{"strip_accents": false}"#).unwrap()).is_err());
    assert!(super::Normalisation::read("[").is_err());
}

#[test]
fn long_stretches_without_blanks_are_cut_where_words_begin() {
    let stretch = "\u{e9}t\u{e9}\u{4e00}\u{301}\u{4e8c}x,\u{3a3}\u{3002}".repeat(2000);
    for chinese in [true, false] {
        let normalizer = tokenizers::normalizers::BertNormalizer::new(true, chinese, None, true);
        let parts: Vec<&str> = super::parts(&stretch, chinese).collect();
        assert!(parts.len() > 5 && parts.concat() == stretch);
        let words: Vec<String> = parts.iter().flat_map(|part| super::split(&normalizer, part).unwrap()).collect();
        assert_eq!(words, super::split(&normalizer, &stretch).unwrap());
    }
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
