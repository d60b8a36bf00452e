//! The small suite that ships: three tasks in GLUE's layouts, made from the texts that ship.
//!
//! It tells encoders apart within minutes and says nothing about GLUE. Words alone do not do well: `order` keeps them, `kin` is an exclusive
//! or. `overlap` counts common words: two bags of words beside each other solve it, an encoder has to learn it. No clause stands in two rows.

use crate::diagnostic::{Code, Diagnostic, Result};
use crate::stream::{RngExt, SliceRandom, Stream, stream};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// The seed of the files that ship.
pub const SEED: u64 = 42;

/// Rows of each task's parts.
const PARTS: [(&str, usize); 3] = [("train", 2400), ("dev", 500), ("test", 500)];

/// Words of a sentence of `order`, and of each of the two of the other tasks.
const ORDER_WORDS: RangeInclusive<usize> = 9..=14;
const PAIR_WORDS: RangeInclusive<usize> = 8..=11;

/// Letters and blanks of such a sentence at most: with a vocabulary of 4096 pieces all but one or two rows in a hundred
/// then fit into 32 tokens.
const ORDER_LETTERS: usize = 80;
const PAIR_LETTERS: usize = 50;

/// Words that are put out of order; the first and the last word of a sentence stay.
const STRETCH: usize = 6;

/// Draws until something fits; a text in which nothing does is refused rather than searched for ever.
const TRIES: usize = 1000;

/// Scores of `overlap` run from 0 to this, as STS-B's do.
const TOP: f64 = 5.0;

/// The two kinds of text, as the source columns name them.
const KINDS: [&str; 2] = ["novel", "gloss"];

/// The files of the suite as (path, contents), from the two texts, one paragraph or gloss a line.
///
/// # Errors
/// Where the texts hold too few clauses.
pub fn generate(austen: &str, glosses: &str, seed: u64) -> Result<Vec<(String, String)>> {
    // A gloss begins with the word it explains, which would give it away.
    let glosses = glosses.lines().map(|line| line.split_once(" : ").map_or(line, |(_, meaning)| meaning));
    let mut texts = [Text::new(austen.lines(), seed, "mini/novel"), Text::new(glosses, seed, "mini/gloss")];
    let mut files = Vec::new();
    for (task, make) in [("order", order as Make), ("kin", kin), ("overlap", overlap)] {
        for (part, (name, count)) in PARTS.into_iter().enumerate() {
            let mut draws = stream(seed, &format!("mini/{task}"), part as u64);
            let Some(mut rows) = (0..count).map(|i| make(i, &mut texts, &mut draws)).collect::<Option<Vec<Row>>>() else {
                return Diagnostic::error(Code::DATA, format!("the texts have too few clauses for the task `{task}`")).into();
            };
            rows.shuffle(&mut draws);
            files.push((format!("{task}/{name}.tsv"), printed(task, name, &rows)));
        }
    }
    Ok(files)
}

type Make = fn(usize, &mut [Text; 2], &mut Stream) -> Option<Row>;

/// One row of a task; `second` is empty where there is one sentence.
struct Row {
    kind: &'static str,
    first: String,
    second: String,
    label: String,
}

/// Is the word order intact? Every other row is, and half of each kind of text.
fn order(i: usize, texts: &mut [Text; 2], draws: &mut Stream) -> Option<Row> {
    let mut words = texts.get_mut(i / 2 % 2)?.fragment(ORDER_WORDS, ORDER_LETTERS, draws)?;
    let intact = i.is_multiple_of(2);
    if !intact {
        let start = draws.random_range(1..words.len().checked_sub(STRETCH)?);
        let stretch = words.get_mut(start..start + STRETCH)?;
        let permuted: Vec<String> = permutation(STRETCH, draws).iter().filter_map(|&place| stretch.get(place).cloned()).collect();
        stretch.clone_from_slice(&permuted);
    }
    let kind = KINDS.get(i / 2 % 2)?;
    Some(Row { kind, first: words.join(" "), second: String::new(), label: u8::from(intact).to_string() })
}

/// Do both sentences come from the same kind of text? All four pairs of kinds are equally frequent.
fn kin(i: usize, texts: &mut [Text; 2], draws: &mut Stream) -> Option<Row> {
    let (a, b) = (i % 2, i / 2 % 2);
    let first = texts.get_mut(a)?.fragment(PAIR_WORDS, PAIR_LETTERS, draws)?.join(" ");
    let second = texts.get_mut(b)?.fragment(PAIR_WORDS, PAIR_LETTERS, draws)?.join(" ");
    let label = if a == b { "entailment" } else { "not_entailment" };
    Some(Row { kind: KINDS.get(a)?, first, second, label: label.into() })
}

/// How many words of the first sentence does the second keep? The others are words of the other kind of text.
fn overlap(i: usize, texts: &mut [Text; 2], draws: &mut Stream) -> Option<Row> {
    let words = texts.get_mut(i % 2)?.fragment(PAIR_WORDS, PAIR_LETTERS, draws)?;
    let other = texts.get((i + 1) % 2)?;
    let kept = draws.random_range(0..=words.len());
    let mut places: Vec<usize> = (0..words.len()).collect();
    places.shuffle(draws);
    let replaced = places.get(kept..)?;
    let mut with_others = || -> Option<Vec<String>> {
        let mut second = words.clone();
        for &place in replaced {
            *second.get_mut(place)? = other.word_not_in(&words, draws)?;
        }
        Some(second)
    };
    // Only the whole is bounded: words bounded one by one would be short, which tells how many there are.
    let second = (0..TRIES).filter_map(|_| with_others()).find(|second| size(second) <= PAIR_LETTERS)?;
    let score = TOP * kept as f64 / words.len() as f64;
    Some(Row { kind: KINDS.get(i % 2)?, first: words.join(" "), second: second.join(" "), label: format!("{score:.3}") })
}

/// An order of `n` things in which no two neighbours follow each other as before.
fn permutation(n: usize, draws: &mut Stream) -> Vec<usize> {
    let mut places: Vec<usize> = (0..n).collect();
    // About two in five orders of six are such.
    while places.iter().zip(places.iter().skip(1)).any(|(a, b)| a + 1 == *b) {
        places.shuffle(draws);
    }
    places
}

/// One kind of text as clauses still to be used.
struct Text {
    clauses: Vec<Vec<String>>,
    /// Every word of the clauses, as often as it stands there.
    words: Vec<String>,
    used: BTreeSet<Vec<String>>,
}

impl Text {
    fn new<'a>(lines: impl Iterator<Item = &'a str>, seed: u64, name: &str) -> Self {
        let clauses: BTreeSet<Vec<String>> = lines.flat_map(clauses).filter(|clause| clause.len() >= *PAIR_WORDS.start()).collect();
        let mut clauses: Vec<Vec<String>> = clauses.into_iter().collect();
        clauses.shuffle(&mut stream(seed, name, 0));
        let words = clauses.iter().flatten().cloned().collect();
        Self { clauses, words, used: BTreeSet::new() }
    }

    /// A stretch of an unused clause, of a number of words from `lengths` and at most `letters` letters and blanks,
    /// that was not given out before.
    fn fragment(&mut self, lengths: RangeInclusive<usize>, letters: usize, draws: &mut Stream) -> Option<Vec<String>> {
        loop {
            // A clause too short for this task may serve another.
            let place = self.clauses.iter().rposition(|clause| clause.len() >= *lengths.start())?;
            let clause = self.clauses.remove(place);
            let length = draws.random_range(*lengths.start()..=clause.len().min(*lengths.end()));
            let start = draws.random_range(0..=clause.len() - length);
            let fragment = clause.get(start..start + length)?.to_vec();
            if size(&fragment) <= letters && self.used.insert(fragment.clone()) {
                return Some(fragment);
            }
        }
    }

    /// A word of this text, as frequent as it is there, that is none of `words`.
    fn word_not_in(&self, words: &[String], draws: &mut Stream) -> Option<String> {
        let mut drawn = (0..TRIES).map_while(|_| self.words.get(draws.random_range(0..self.words.len().max(1))));
        drawn.find(|word| !words.contains(word)).cloned()
    }
}

/// Letters and blanks of a sentence.
fn size(words: &[String]) -> usize {
    words.iter().map(|word| word.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

/// The clauses of a line as words in small letters: without punctuation, so that only words and their order tell.
fn clauses(line: &str) -> Vec<Vec<String>> {
    let line = line.replace("Mr.", "Mr").replace("Mrs.", "Mrs").replace("--", ";").to_lowercase().replace('’', "'");
    let ends = |c: char| !(c.is_alphabetic() || matches!(c, ' ' | ',' | '\'' | '-' | '_'));
    let word = |word: &str| Some(word.trim_matches('\'').to_owned()).filter(|word| !word.is_empty());
    let words = |clause: &str| clause.split(|c: char| !(c.is_alphabetic() || c == '\'')).filter_map(word).collect();
    line.split(ends).map(words).collect()
}

/// A file as GLUE lays it out: `order` as CoLA, `kin` as RTE, `overlap` as STS-B.
fn printed(task: &str, part: &str, rows: &[Row]) -> String {
    let test = part == "test";
    let mut text = String::from(match (task, test) {
        ("order", false) => "",
        ("order", true) => "index\tsentence\n",
        ("kin", false) => "index\tsentence1\tsentence2\tlabel\n",
        ("kin", true) => "index\tsentence1\tsentence2\n",
        (_, false) => "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n",
        (_, true) => "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\n",
    });
    for (i, Row { kind, first, second, label }) in rows.iter().enumerate() {
        let written = match (task, test) {
            ("order", false) => writeln!(text, "{kind}\t{label}\t{}\t{first}", if label == "0" { "*" } else { "" }),
            ("order", true) => writeln!(text, "{i}\t{first}"),
            ("kin", false) => writeln!(text, "{i}\t{first}\t{second}\t{label}"),
            ("kin", true) => writeln!(text, "{i}\t{first}\t{second}"),
            (_, false) => writeln!(text, "{i}\tmini\toverlap\tnone\t{i}\t{kind}\tnone\t{first}\t{second}\t{label}"),
            (_, true) => writeln!(text, "{i}\tmini\toverlap\tnone\t{i}\t{kind}\tnone\t{first}\t{second}"),
        };
        // A string can always be written to.
        written.unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests;
