//! Makes a failing input smaller while it still fails.

use phyla::syntax::lexeme::lexemes;
use std::time::{Duration, Instant};

/// Divides a text; the pieces together are the text.
type Cut = fn(&str) -> Vec<String>;

/// How long is spent on one input.
const TIME: Duration = Duration::from_secs(30);

/// The smallest input found that still fails: lines are left out, then lexemes, then characters.
pub fn shrink(text: &str, fails: &mut dyn FnMut(&str) -> bool) -> String {
    let end = Instant::now() + TIME;
    let lines = |text: &str| text.split_inclusive('\n').map(str::to_owned).collect();
    let tokens = |text: &str| lexemes(text, 0).map(|lexeme| lexeme.text.to_owned()).collect();
    let letters = |text: &str| text.chars().map(String::from).collect();
    let cuts: [Cut; 3] = [lines, tokens, letters];
    let mut text = text.to_owned();
    loop {
        let before = text.len();
        for cut in cuts {
            text = without(cut(&text), fails, end);
        }
        if text.len() == before || Instant::now() > end {
            return text;
        }
    }
}

/// Leaves out runs of pieces, long ones first.
fn without(mut pieces: Vec<String>, fails: &mut dyn FnMut(&str) -> bool, end: Instant) -> String {
    let mut length = pieces.len().div_ceil(2);
    while length > 0 {
        let mut at = 0;
        while at < pieces.len() {
            if Instant::now() > end {
                return pieces.concat();
            }
            let rest: Vec<String> = pieces.iter().take(at).chain(pieces.iter().skip(at + length)).cloned().collect();
            if fails(&rest.concat()) {
                pieces = rest;
            } else {
                at += length;
            }
        }
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    pieces.concat()
}
