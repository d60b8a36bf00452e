//! What targets are fed: real sources bent, programs written anew, soup of tokens, bytes.

use crate::dice::Dice;
use crate::files::sources;
use crate::{mutate, programs, soup};
use std::sync::LazyLock;

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A real source as it is, or bent.
    Real,
    /// A real source with an experiment, as it is, or bent a little.
    Experiment,
    /// A program that means something.
    Program,
    /// Such a program, bent.
    Bent,
    /// Tokens in a row.
    Soup,
    /// Any bytes, as far as they are text.
    Bytes,
}

/// How often which origin is drawn.
pub type Mix = &'static [(usize, Origin)];

/// All sources of the repository: experiments, the library, mistakes, and the blocks of the documents.
static REAL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folders = ["experiments", "stdlib", "tests/mistakes", "src/syntax/tests"];
    let files = folders.into_iter().flat_map(sources).map(|(_, text)| text);
    files.chain(blocks()).collect()
});

/// Those with an experiment.
static EXPERIMENTS: LazyLock<Vec<String>> =
    LazyLock::new(|| REAL.iter().filter(|text| text.contains("experiment ") && text.len() < 4_000).cloned().collect());

/// The blocks of Phyla in the documents.
fn blocks() -> Vec<String> {
    let folders = ["docs", "docs/errors"].into_iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder of the repository"));
    let mut documents: Vec<_> = folders.map(|entry| entry.expect("it can be listed").path()).collect();
    documents.sort();
    let mut found = Vec::new();
    for document in documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(document).expect("a document is text");
        let fenced = text.split("\n```").skip(1).step_by(2);
        found.extend(
            fenced
                .filter_map(|block| block.split_once('\n'))
                .filter(|(info, _)| info.starts_with("phyla"))
                .map(|(_, text)| text.to_owned()),
        );
    }
    found
}

/// The real sources.
pub fn real() -> &'static [String] {
    &REAL
}

/// The next input, with the name of its origin.
pub fn draw(dice: &mut Dice, mix: Mix) -> (&'static str, String) {
    match dice.weighted(mix) {
        Origin::Real => {
            let text = dice.pick(real()).clone();
            let times = [0, 1, 1, 2, 3, 8][dice.below(6)];
            ("real", mutate::bend(dice, &text, times))
        }
        Origin::Experiment => {
            let text = dice.pick(&EXPERIMENTS).clone();
            let times = dice.below(2);
            ("experiment", mutate::bend(dice, &text, times))
        }
        Origin::Program => ("program", programs::write(dice)),
        Origin::Bent => {
            let text = programs::write(dice);
            let times = dice.within(1, 3);
            ("bent", mutate::bend(dice, &text, times))
        }
        Origin::Soup => ("soup", soup::tokens(dice)),
        Origin::Bytes => ("bytes", soup::bytes(dice)),
    }
}
