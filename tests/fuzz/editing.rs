//! The law of editing: a file that was checked in other states before is told the same of as if it were new.

use crate::campaign::{Verdict, ensure};
use crate::dice::Dice;
use crate::files::{Closed, KEY};
use crate::{mutate, rewrite};
use phyla::check::{Checker, Memory, World};
use phyla::diagnostic::{Diagnostic, Severity, Sources, render_all};

/// States of a source after its first.
const STATES: usize = 8;

/// A source is changed again and again, and checked with and without what the state before told.
pub fn agrees(text: &str) -> Verdict {
    let seed = blake3::hash(text.as_bytes()).as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let mut dice = Dice::new(seed, "edits", 0);
    let mut memory = Memory::default();
    let mut state = text.to_owned();
    let mut clean = false;
    for number in 0..=STATES {
        let files = Closed::new(&state);
        let (world, found) = memory.check(&files, KEY);
        let new = World::load(&files, &[KEY.to_owned()]);
        let checker = Checker::new(&new, &files);
        checker.check_module(KEY);
        let (again, fresh) = (drawn(&found, &world.sources), drawn(&checker.diagnostics(), &new.sources));
        ensure(again == fresh, "a source checked again is told otherwise of", || {
            format!("state {number}:\n{state}\nagain:\n{again}\nas if new:\n{fresh}")
        })?;
        clean |= number > 0 && found.iter().all(|one| one.severity != Severity::Error);
        state = match dice.below(6) {
            0 => text.to_owned(),
            1 => rewrite::with_blanks(&mut dice, &state),
            2 => without(&mut dice, &state),
            3 => rewrite::reordered(&mut dice, &state),
            _ => mutate::bend(&mut dice, &state, 1),
        };
    }
    Ok(clean)
}

/// The diagnostics with their places.
fn drawn(found: &[Diagnostic], sources: &Sources) -> String {
    format!("{}{found:?}", render_all(found, sources, false))
}

/// The source without one of its paragraphs, which mostly is a declaration.
fn without(dice: &mut Dice, text: &str) -> String {
    let mut paragraphs: Vec<&str> = text.split("\n\n").collect();
    paragraphs.remove(dice.below(paragraphs.len()));
    paragraphs.join("\n\n")
}
