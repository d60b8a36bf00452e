//! The editors' grammars know the words of the language, and no others.

use crate::syntax::{KINDS, UNITS};
use std::collections::BTreeSet;

const VSCODE: &str = include_str!("../../../editors/vscode/syntaxes/phyla.tmLanguage.json");
const VIM: &str = include_str!("../../../editors/vim/syntax/phyla.vim");

/// The alternatives of the group that begins with `first`.
fn group<'t>(grammar: &'t str, first: &'t str, bar: &str) -> BTreeSet<&'t str> {
    let (_, rest) = grammar.split_once(first).expect("the group is there");
    let (rest, _) = rest.split_once(')').expect("the group ends");
    let first = first.rsplit(['(', ':']).next().unwrap_or("");
    let more = rest.trim_end_matches('\\').split(bar).filter(|word| !word.is_empty());
    [first].into_iter().chain(more).collect()
}

#[test]
fn editors_know_the_kinds() {
    let kinds: BTreeSet<&str> = KINDS.iter().copied().collect();
    assert_eq!(group(VSCODE, "(primitive", "|"), kinds);
    assert_eq!(group(VIM, "\\(primitive", "\\|"), kinds);
}

#[test]
fn editors_know_the_units() {
    let units: BTreeSet<&str> = UNITS.iter().copied().filter(|unit| *unit != "%").collect();
    assert_eq!(group(VSCODE, "(?:steps", "|"), units);
    assert_eq!(group(VIM, "\\(steps", "\\|"), units);
}

#[test]
fn manifests_are_json() {
    for text in
        [VSCODE, include_str!("../../../editors/vscode/package.json"), include_str!("../../../editors/vscode/language-configuration.json")]
    {
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
    }
}
