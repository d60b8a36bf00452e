//! Laws of the language over inputs without end: `cargo test --test fuzz -- --nocapture`.
//!
//! - `PHYLA_FUZZ_SECONDS`: how long all targets together look for inputs that break a law, 15 where it is not set.
//! - `PHYLA_FUZZ_SEED`: which inputs those are, 1 where it is not set.
//!
//! What is in `tests/fuzz/corpus/` is tried first. An input that breaks a law is made smaller and written to a folder that is told; put into
//! the corpus, it is tried ever after. Where the whole process ends, as after an overflow of the stack, the input that was in work is the
//! file `TARGET.running.phyla` of that folder.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod campaign;
mod checking;
mod dice;
mod editing;
mod files;
mod inputs;
mod meaning;
mod mutate;
mod programs;
mod reading;
mod rewrite;
mod shrink;
mod soup;
mod watch;

use campaign::run;
use inputs::Origin::{Bent, Bytes, Experiment, Program, Real, Soup};

/// Programs below this number tell nothing about the share of those that check.
const ENOUGH: u64 = 50;

#[test]
fn any_text_is_read() {
    run("read", reading::reads, &[(45, Real), (10, Program), (10, Bent), (20, Soup), (15, Bytes)]);
}

#[test]
fn a_layout_is_stable_and_means_the_same() {
    run("layout", reading::lays_out, &[(50, Real), (20, Program), (25, Bent), (5, Soup)]);
}

#[test]
fn any_source_is_checked() {
    let counts = run("check", checking::checks, &[(45, Real), (25, Program), (25, Bent), (5, Soup)]);
    let (all, clean) = counts.get("program").copied().unwrap_or_default();
    assert!(all < ENOUGH || clean * 10 > all * 4, "only {clean} of {all} programs check");
}

#[test]
fn what_is_checked_again_is_told_the_same_of() {
    run("edit", editing::agrees, &[(15, Real), (75, Program), (10, Bent)]);
}

#[test]
fn a_fingerprint_is_the_meaning() {
    run("fingerprint", meaning::means, &[(15, Experiment), (70, Program), (15, Bent)]);
}
