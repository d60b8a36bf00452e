//! Word pieces: a vocabulary, trained or read, and text encoded with it as BERT does.

use super::trainer::{self, CONTINUATION};
use super::words::Words;
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use cache::Cache;
pub(super) use cache::LONGEST;
use serde::Deserialize;
use spell::{Speller, plain_words};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use tokenizers::models::ModelWrapper;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::{BertNormalizer, NormalizerWrapper};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::tokenizer::{
    AddedToken, Model, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer,
};

mod cache;
mod spell;

/// The special pieces, in the order in which a trained vocabulary begins.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// As long a word as BERT's tokenizer reads; a longer one is `[UNK]`.
const LONGEST_WORD: usize = 100;

/// The ids of the special pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specials {
    /// `[PAD]`: fills a row up to the width of its batch.
    pub pad: u32,
    /// `[UNK]`: a word the pieces cannot spell.
    pub unknown: u32,
    /// `[CLS]`: begins every row.
    pub cls: u32,
    /// `[SEP]`: ends every sentence.
    pub sep: u32,
    /// `[MASK]`: stands for a hidden token.
    pub mask: u32,
}

/// A WordPiece vocabulary with BERT's normalisation.
pub struct Vocabulary {
    model: WordPiece,
    normalizer: BertNormalizer,
    speller: Speller,
    specials: Specials,
    size: usize,
    /// Whether the piece of an id continues a word.
    continues: Vec<bool>,
    /// The tokens of words met before: as many caches as threads have encoded at once, each of one thread while it does.
    caches: Mutex<Vec<Cache>>,
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary").field("size", &self.size).field("specials", &self.specials).finish_non_exhaustive()
    }
}

impl Vocabulary {
    /// Trains at most `size` pieces on `lines` of text; the special pieces have the ids 0 to 4.
    ///
    /// # Errors
    /// Where the lines hold no words, or `size` leaves no room for letters.
    pub fn train<'a>(lines: impl IntoIterator<Item = &'a str>, size: usize, lowercase: bool) -> Result<Self> {
        let mut words = Words::new(lowercase);
        lines.into_iter().try_for_each(|line| words.add(line))?;
        words.train(size)
    }

    /// Likewise on counted words, in the order of the map.
    pub(super) fn of_words(words: &BTreeMap<String, u64>, size: usize, lowercase: bool) -> Result<Self> {
        if words.is_empty() {
            return Diagnostic::error(Code::DATA, "a vocabulary cannot be trained: the text has no words").into();
        }
        if size <= SPECIAL.len() {
            let message = format!("a vocabulary of {size} pieces has no room beside the {} special ones", SPECIAL.len());
            return Diagnostic::error(Code::DATA, message).help("ask for more pieces, such as 4096").into();
        }
        Self::from_pieces(&trainer::train(&SPECIAL, words, size)?, lowercase)
    }

    /// The vocabulary whose ids are the places in `pieces`, as a `vocab.txt` lists them.
    ///
    /// # Errors
    /// Where a special piece is missing or a piece stands twice.
    pub fn from_pieces(pieces: &[String], lowercase: bool) -> Result<Self> {
        Self::of_pieces(pieces, &Normalisation { do_lower_case: Some(lowercase), ..Normalisation::default() })
    }

    /// Likewise, normalising text as is said.
    ///
    /// # Errors
    /// As [`Vocabulary::from_pieces`].
    pub fn of_pieces(pieces: &[String], said: &Normalisation) -> Result<Self> {
        let distinct = pieces.iter().collect::<BTreeSet<_>>().len();
        if distinct < pieces.len() {
            return broken(format!("{} pieces are there twice", pieces.len() - distinct));
        }
        let vocab = WordPiece::read_bytes(pieces.join("\n").as_bytes()).or_else(|error| broken(error.to_string()))?;
        let model = WordPiece::builder().vocab(vocab).max_input_chars_per_word(LONGEST_WORD).build();
        let model = model.or_else(|error| broken(error.to_string()))?;
        Self::from_parts(model, said.normalizer())
    }

    fn from_parts(model: WordPiece, normalizer: BertNormalizer) -> Result<Self> {
        let missing = |piece: &str| broken(format!("none of its {} is {piece}", counted(model.get_vocab_size(), "piece")));
        let id = |piece: &str| model.token_to_id(piece).map_or_else(|| missing(piece), Ok);
        let [pad, unknown, cls, sep, mask] = SPECIAL.map(id);
        let specials = Specials { pad: pad?, unknown: unknown?, cls: cls?, sep: sep?, mask: mask? };
        let size = model.get_vocab_size();
        let piece = |id| u32::try_from(id).ok().and_then(|id| model.id_to_token(id));
        let continues: Option<Vec<bool>> = (0..size).map(|id| piece(id).map(|piece| piece.starts_with(CONTINUATION))).collect();
        let Some(continues) = continues else { return broken("the ids have gaps".into()) };
        let speller = Speller::new(model.get_vocab().into_iter(), specials.unknown, model.max_input_chars_per_word);
        Ok(Self { model, normalizer, speller, specials, size, continues, caches: Mutex::default() })
    }

    /// The vocabulary of a `tokenizer.json` with a WordPiece model and BERT's normaliser.
    ///
    /// # Errors
    /// Where the text is not such a file.
    pub fn from_json(text: &str) -> Result<Self> {
        let tokenizer: Tokenizer = text.parse().or_else(|error: tokenizers::Error| broken(error.to_string()))?;
        let normalizer = match tokenizer.get_normalizer() {
            Some(NormalizerWrapper::BertNormalizer(normalizer)) => *normalizer,
            _ => return broken("its normaliser is not BERT's".into()),
        };
        if !matches!(tokenizer.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_))) {
            return broken("its `pre_tokenizer` is not BERT's".into());
        }
        let added = tokenizer.get_added_tokens_decoder().into_values().find(|token| !SPECIAL.contains(&token.content.as_str()));
        if let Some(added) = added {
            return broken(format!("`added_tokens` has `{}`, and only the five special ones are understood", added.content));
        }
        match tokenizer.get_model() {
            ModelWrapper::WordPiece(model) if model.continuing_subword_prefix != CONTINUATION => {
                broken(format!("its `continuing_subword_prefix` is `{}`, and BERT's is `{CONTINUATION}`", model.continuing_subword_prefix))
            }
            ModelWrapper::WordPiece(model) if model.unk_token != SPECIAL[1] => {
                broken(format!("its `unk_token` is `{}`, and BERT's is `{}`", model.unk_token, SPECIAL[1]))
            }
            ModelWrapper::WordPiece(model) => Self::from_parts(model.clone(), normalizer),
            _ => broken("its model is not WordPiece".into()),
        }
    }

    /// Whether text is normalised as is said.
    ///
    /// # Errors
    /// Where another file says otherwise, naming the field.
    pub fn says(&self, said: &Normalisation) -> Result<()> {
        let BertNormalizer { lowercase, strip_accents, handle_chinese_chars, .. } = self.normalizer;
        let pairs = [
            ("do_lower_case", said.do_lower_case, lowercase),
            ("strip_accents", said.strip_accents, strip_accents.unwrap_or(lowercase)),
            ("tokenize_chinese_chars", said.tokenize_chinese_chars, handle_chinese_chars),
        ];
        match pairs.into_iter().find(|(_, said, own)| said.is_some_and(|said| said != *own)) {
            Some((field, _, own)) => {
                let message = format!("its normaliser has {own} for what `{field}` of tokenizer_config.json says otherwise");
                Diagnostic::error(Code::DATA, message).help("correct the one that is wrong: the model was trained with one of them").into()
            }
            None => Ok(()),
        }
    }

    /// The vocabulary as a `tokenizer.json`, which Hugging Face's libraries read too; the same bytes in every process.
    ///
    /// # Errors
    /// Where it cannot be serialised, which would be a defect.
    pub fn to_json(&self) -> Result<String> {
        let mut tokenizer = Tokenizer::new(self.model.clone());
        let defect = |error: tokenizers::Error| Diagnostic::error(Code::INTERNAL, format!("the vocabulary cannot be written: {error}"));
        let special = SPECIAL.map(|piece| AddedToken::from(piece, true));
        tokenizer.add_special_tokens(special).map_err(defect)?;
        tokenizer.with_normalizer(Some(self.normalizer)).map_err(defect)?;
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        let Specials { sep, cls, .. } = self.specials;
        tokenizer.with_post_processor(Some(BertProcessing::new(("[SEP]".into(), sep), ("[CLS]".into(), cls))));
        tokenizer.to_string(true).map_err(defect).map_err(Box::new)
    }

    /// The word pieces of a text, without special ones.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        self.with_cache(|cache| self.encode_into(text, cache, &mut tokens));
        tokens
    }

    /// Works with a cache that no other thread has meanwhile.
    pub(super) fn with_cache<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        let free = || self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cache = free().pop().unwrap_or_default();
        let done = work(&mut cache);
        free().push(cache);
        done
    }

    /// Forgets the words met so far, which a whole corpus has been.
    pub fn forget(&self) {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Appends the word pieces of a text.
    pub(super) fn encode_into(&self, text: &str, cache: &mut Cache, tokens: &mut Vec<u32>) {
        for stretch in pieces_of_text(text) {
            cache.append(stretch, tokens, |tokens| self.spell(stretch, tokens));
        }
    }

    /// `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]` in at most `length` tokens, the longer sentence
    /// giving way first, and the length of the part that belongs to segment 0.
    pub fn encode_pair(&self, first: &str, second: Option<&str>, length: usize) -> (Vec<u32>, usize) {
        let (mut a, b) = (self.encode(first), second.map(|text| self.encode(text)));
        let mut b = b.unwrap_or_default();
        let specials = if second.is_some() { 3 } else { 2 };
        while a.len() + b.len() + specials > length {
            // As BERT's own code: of two equally long ones the second gives way.
            let longer = if a.len() > b.len() { &mut a } else { &mut b };
            if longer.pop().is_none() {
                break;
            }
        }
        let mut row = vec![self.specials.cls];
        row.append(&mut a);
        row.push(self.specials.sep);
        let segment = row.len();
        if second.is_some() {
            row.append(&mut b);
            row.push(self.specials.sep);
        }
        (row, segment)
    }

    /// Appends the pieces of a stretch of text without white space.
    fn spell(&self, stretch: &str, tokens: &mut Vec<u32>) {
        let BertNormalizer { clean_text, lowercase, handle_chinese_chars, .. } = self.normalizer;
        if clean_text && plain_words(stretch, lowercase, &mut |word| self.speller.spell(word, tokens)) {
            return;
        }
        for part in parts(stretch, handle_chinese_chars) {
            match split(&self.normalizer, part) {
                Ok(words) => words.iter().for_each(|word| self.speller.spell(word, tokens)),
                // No text makes it fail; should one with a later version of the crate, it is unknown.
                Err(_) => tokens.push(self.specials.unknown),
            }
        }
    }

    /// The number of pieces.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The ids of the special pieces.
    pub fn specials(&self) -> Specials {
        self.specials
    }

    /// For each id whether its piece continues a word.
    pub fn continues(&self) -> &[bool] {
        &self.continues
    }

    /// The piece of an id.
    pub fn piece(&self, id: u32) -> Option<String> {
        self.model.id_to_token(id)
    }

    /// A hash of the meaning: two vocabularies with the same fingerprint encode alike.
    ///
    /// # Errors
    /// As [`Vocabulary::to_json`].
    pub fn fingerprint(&self) -> Result<String> {
        Ok(blake3::hash(self.to_json()?.as_bytes()).to_hex().to_string())
    }
}

/// What a `tokenizer_config.json` says of the normalisation of text; what it leaves out is as BERT has it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Normalisation {
    /// Whether letters become small.
    pub do_lower_case: Option<bool>,
    /// Whether accents are dropped; they are where letters become small.
    pub strip_accents: Option<bool>,
    /// Whether Chinese characters are words.
    pub tokenize_chinese_chars: Option<bool>,
}

impl Normalisation {
    /// Reads a `tokenizer_config.json`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).or_else(|error| Diagnostic::error(Code::DATA, format!("this is not as JSON has it: {error}")).into())
    }

    fn normalizer(&self) -> BertNormalizer {
        let chinese = self.tokenize_chinese_chars.unwrap_or(true);
        BertNormalizer::new(true, chinese, self.strip_accents, self.do_lower_case.unwrap_or(true))
    }
}

fn normalizer(lowercase: bool) -> BertNormalizer {
    Normalisation { do_lower_case: Some(lowercase), ..Normalisation::default() }.normalizer()
}

/// The stretches of a text between white space. Only the characters that BERT's cleaning takes for a blank
/// count: so the words of a text are the words of its stretches, and stretches can be remembered.
pub(super) fn pieces_of_text(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', '\n', '\r']).filter(|chunk| !chunk.is_empty())
}

/// Shows the words of a stretch of text that a vocabulary is trained on.
pub(super) fn words_of(stretch: &str, lowercase: bool, see: &mut dyn FnMut(&str)) -> Result<()> {
    let mut short = |word: &str| {
        if word.chars().count() <= LONGEST_WORD {
            see(word)
        }
    };
    if !plain_words(stretch, lowercase, &mut short) {
        let normalizer = normalizer(lowercase);
        for part in parts(stretch, normalizer.handle_chinese_chars) {
            split(&normalizer, part)?.iter().for_each(|word| short(word));
        }
    }
    Ok(())
}

/// As many bytes of a stretch without white space are normalised at once, about: it takes a hundred times their room.
const AT_ONCE: usize = 4096;

/// A long stretch in parts that are normalised by themselves: each begins with a character that begins a word whatever stands before it.
fn parts(stretch: &str, chinese: bool) -> impl Iterator<Item = &str> {
    let begins = move |letter: char| letter.is_ascii_punctuation() || chinese && ('\u{4e00}'..='\u{9fff}').contains(&letter);
    let mut rest = stretch;
    std::iter::from_fn(move || {
        let far = rest.char_indices().skip_while(|(at, _)| *at < AT_ONCE);
        let end = far.into_iter().find(|(_, letter)| begins(*letter)).map_or(rest.len(), |(at, _)| at);
        let (part, left) = rest.split_at_checked(end)?;
        rest = left;
        (!part.is_empty()).then_some(part)
    })
}

/// The words of a text after BERT's normalisation: runs of letters, and punctuation one by one.
fn split(normalizer: &BertNormalizer, text: &str) -> Result<Vec<String>> {
    let failed = |error: tokenizers::Error| Diagnostic::error(Code::DATA, format!("a text cannot be split into words: {error}"));
    let mut normalized = NormalizedString::from(text);
    normalizer.normalize(&mut normalized).map_err(failed)?;
    let mut words = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut words).map_err(failed)?;
    let words = words.get_splits(OffsetReferential::Normalized, OffsetType::None);
    Ok(words.into_iter().map(|(word, _, _)| word.to_owned()).collect())
}

fn broken<T>(why: String) -> Result<T> {
    Diagnostic::error(Code::DATA, format!("this is not a WordPiece vocabulary: {why}")).into()
}

#[cfg(test)]
mod tests;
