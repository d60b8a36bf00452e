//! Bends a source: bytes, tokens and lines left out, doubled, exchanged, replaced, or taken from another one.

use crate::dice::Dice;
use crate::inputs::real;
use crate::soup;
use phyla::syntax::lexeme::{LexemeKind, lexemes};

/// Longer sources are cut: laws about them would take long and say no more.
const LONGEST: usize = 24_000;

/// The source after so many changes.
pub fn bend(dice: &mut Dice, text: &str, times: usize) -> String {
    let mut text = text.to_owned();
    for _ in 0..times {
        text = match dice.weighted(&[(8, 0), (40, 1), (16, 2), (10, 3), (16, 4), (10, 5)]) {
            0 => bytes(dice, text),
            1 => tokens(dice, &text),
            2 => lines(dice, &text),
            3 => items(dice, &text),
            4 => insert(dice, &text),
            _ => words(dice, &text),
        };
        if text.len() > LONGEST {
            let end = text.floor_char_boundary(LONGEST);
            text.truncate(end);
        }
    }
    text
}

/// One byte becomes another.
fn bytes(dice: &mut Dice, text: String) -> String {
    let mut bytes = text.into_bytes();
    if !bytes.is_empty() {
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 << dice.below(8);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Pieces of the text, of which one is left out, doubled, exchanged or replaced.
fn change(dice: &mut Dice, mut pieces: Vec<String>, other: impl FnOnce(&mut Dice, &str) -> String) -> String {
    if pieces.is_empty() {
        return String::new();
    }
    let at = dice.below(pieces.len());
    match dice.below(5) {
        0 => drop(pieces.remove(at)),
        1 => pieces.insert(at, pieces[at].clone()),
        2 => {
            let with = dice.below(pieces.len());
            pieces.swap(at, with);
        }
        _ => pieces[at] = other(dice, &pieces[at]),
    }
    pieces.concat()
}

fn tokens(dice: &mut Dice, text: &str) -> String {
    let mut pieces: Vec<String> = Vec::new();
    for lexeme in lexemes(text, 0) {
        // Blanks go with what they follow, so that a change is one of the words.
        match pieces.last_mut() {
            Some(last) if lexeme.kind == LexemeKind::Blank => last.push_str(lexeme.text),
            _ => pieces.push(lexeme.text.to_owned()),
        }
    }
    change(dice, pieces, soup::like)
}

fn lines(dice: &mut Dice, text: &str) -> String {
    let pieces = text.split_inclusive('\n').map(str::to_owned).collect();
    change(dice, pieces, |dice, _| {
        let other: Vec<&str> = dice.pick(real()).split_inclusive('\n').collect();
        let at = dice.below(other.len());
        other.get(at).map_or_else(String::new, |line| (*line).to_owned())
    })
}

fn items(dice: &mut Dice, text: &str) -> String {
    let pieces = text.split_inclusive("\n\n").map(str::to_owned).collect();
    change(dice, pieces, |dice, piece| {
        let other: Vec<&str> = dice.pick(real()).split_inclusive("\n\n").collect();
        let at = dice.below(other.len());
        format!("{piece}{}\n", other.get(at).unwrap_or(&""))
    })
}

/// Something strange somewhere.
fn insert(dice: &mut Dice, text: &str) -> String {
    let strange = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\"\\\"",
        "// note\n",
        "// note",
        "/// doc\n",
        "//! file\n",
        "\n",
        "\n\n\n",
        "\r\n",
        "\t",
        ",",
        ", ",
        "\0",
        "\u{feff}",
        "é",
        "日本",
        "\u{2028}",
        "🦀",
        "\u{301}",
        "-",
        " - ",
        "=",
        "..=",
        "|> ",
        "\n|> relu",
        ".",
        "()",
        "{ }",
        "[]",
        " = 1",
        "-0",
    ];
    let at = text.floor_char_boundary(dice.below(text.len() + 1));
    format!("{}{}{}", &text[..at], dice.word(&strange), &text[at..])
}

/// One word becomes another one of the text, wherever it stands.
fn words(dice: &mut Dice, text: &str) -> String {
    let words: Vec<&str> = lexemes(text, 0).filter(|lexeme| lexeme.kind == LexemeKind::Word).map(|lexeme| lexeme.text).collect();
    if words.is_empty() {
        return text.to_owned();
    }
    let (old, new) = (*dice.pick(&words), *dice.pick(&words));
    let everywhere = dice.chance(40);
    let mut left = if everywhere { usize::MAX } else { 1 };
    let replaced = lexemes(text, 0).map(|lexeme| {
        if lexeme.text == old && left > 0 {
            left -= 1;
            new
        } else {
            lexeme.text
        }
    });
    replaced.collect()
}
