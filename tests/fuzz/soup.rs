//! Tokens and bytes without sense, and tokens that are interesting in another's place.

use crate::dice::Dice;
use phyla::syntax::{KINDS, UNITS};

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "use",
    "as",
    "graph",
    "index",
    "require",
    "choose",
    "dag",
    "repeat",
    "per_head",
    "tie",
    "grid",
    "mixes",
    "params",
    "flops",
    "count",
    "shape",
    "size",
    "depth",
    "error",
    "contains",
    "distance",
    "body",
    "layers",
    "mixer",
    "inputs",
    "ops",
    "uses",
    "output",
    "kernel",
    "first",
    "name",
    "law",
    "q",
    "k",
    "v",
    "x",
    "y",
    "n",
    "h",
    "d",
    "m",
    "f",
    "a",
    "p",
    "c",
    "s",
    "i",
    "j",
    "std",
    "std.ops.all",
    "std.ops.autobert_zero",
    "micro",
    "autobert_zero",
    "op_nas",
    "biws",
    "scratch",
    "mini",
    "pretrain_tiny",
    "attention",
    "encoder_layer",
    "light_convolution",
    "linear",
    "softmax",
    "matmul",
    "add",
    "neg",
    "relu",
    "embedding",
    "positions",
    "gather",
    "dropout",
    "commutative",
    "true",
    "false",
    "E0401",
    "text",
    "number",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "64",
    "100",
    "4096",
    "4097",
    "65_536",
    "1e9",
    "1e15",
    "9007199254740993",
    "18446744073709551616",
    "1e308",
    "1e309",
    "1e-320",
    "0.5",
    "0.1",
    "00",
    "1_0",
    "1e",
    "1.",
    "-1",
    "15%",
    "0%",
    "100%",
    "101%",
    "3 steps",
    "2 epochs",
    "5 generations",
    "10 min",
    "2h",
    "1 KiB",
    "20M",
    "3 G",
    "1e400%",
    "256",
    "257",
    "1000",
];
const MARKS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "@",
    "|>",
    "..=",
    "..",
    ".",
    ",",
    ":",
    "->",
    "\n",
    "\n\n",
    "\"",
    "\"text\"",
    "\"\\n\"",
    "\"std:mini\"",
    "\"data/austen.txt\"",
    "\"fuzz.txt\"",
    "\"$NAME/x\"",
    "// note\n",
    "/// doc\n",
    "//! file\n",
    "/",
    "\\",
    "'",
    "#",
    "$",
    "&",
    "?",
    ";",
    "~",
];

/// A token that may stand where this one stands, or is strange there.
pub fn like(dice: &mut Dice, token: &str) -> String {
    let bare = token.trim_end();
    let blank = &token[bare.len()..];
    let kin = match bare.chars().next() {
        Some(first) if first.is_ascii_digit() => NUMBERS,
        Some(first) if first.is_ascii_alphabetic() => WORDS,
        _ => MARKS,
    };
    let new = if dice.chance(75) { dice.word(kin) } else { any(dice) };
    format!("{new}{blank}")
}

fn any(dice: &mut Dice) -> &'static str {
    let from = [WORDS, NUMBERS, MARKS, MARKS, KINDS, UNITS][dice.below(6)];
    dice.word(from)
}

/// Tokens in a row, now and then begun like a declaration.
pub fn tokens(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..dice.within(1, 6) {
        if dice.chance(60) {
            text += &format!("{} {} {} ", dice.word(KINDS), dice.word(WORDS), dice.word(&["{", "=", "(x: [n, h]) -> [n, h] {"]));
        }
        for _ in 0..dice.below(40) {
            text += any(dice);
            text += dice.word(&[" ", " ", "", "\n"]);
        }
        text += dice.word(&["}\n", "\n", "\n\n"]);
    }
    text
}

/// Any bytes, of a few kinds, as far as they are text.
pub fn bytes(dice: &mut Dice) -> String {
    let ascii = dice.chance(60);
    let length = [8, 80, 800, 4000][dice.below(4)];
    let bytes: Vec<u8> = (0..dice.below(length)).map(|_| dice.below(if ascii { 128 } else { 256 }) as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
