//! `phyla new`: the beginning of an experiment.

use super::source::{out, show_one};
use crate::diagnostic::{Code, Diagnostic};
use crate::run::folder::write_whole;
use crate::syntax;
use std::path::Path;

/// Writes `NAME.phyla`, which nothing may stand in the way of.
pub(super) fn new(name: &str, corpus: &[String]) -> u8 {
    let plain = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if !plain || !name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        let message = format!("`{name}` cannot be the name of an experiment");
        return show_one(&Diagnostic::error(Code::USAGE, message).help("small letters, digits and `_`, a letter first")).max(2);
    }
    let file = format!("{name}.phyla");
    if Path::new(&file).exists() {
        return show_one(&Diagnostic::error(Code::WRITE, format!("`{file}` is there already")).help("choose another name"));
    }
    if let Some(path) = corpus.iter().find(|path| path.is_empty() || path.contains('\r')) {
        let message = format!("a corpus cannot be called {path:?} in a source");
        return show_one(&Diagnostic::error(Code::USAGE, message).help("rename it, or name its folder"));
    }
    let path = |path: &String| if cfg!(windows) { path.replace('\\', "/") } else { path.replace('\\', "\\\\") };
    let escaped = |given: &String| path(given).replace('"', "\\\"").replace('\n', "\\n");
    let corpus: Vec<String> = corpus.iter().map(|given| format!("\"{}\"", escaped(given))).collect();
    let text = format!(
        "//! {name}: what is searched, and why.

use std.models {{ micro }}
use std.search {{ biws, op_nas }}
use std.spaces {{ autobert_zero }}
use std.suites {{ mini }}
use std.train {{ pretrain_tiny }}

experiment {name} {{
    model = micro
    space = autobert_zero {{ layers = 4 }}
    // Plain text, one paragraph a line; a folder stands for the .txt files in it.
    corpus = text({})
    search = op_nas {{ population = 12, parents = 3, children = 3, evaluations = 30 }}
    evaluate = biws {{ warmup = 1200 steps, adapt = 800 steps, pretrain = pretrain_tiny, suite = mini {{ train.epochs = 1 }} }}
    final = {{ pretrain = pretrain_tiny {{ steps = 3200 }}, suite = mini }}
    compare = [std.architectures.bert.first(4)]
}}
",
        corpus.join(", ")
    );
    let text = syntax::format(&text).unwrap_or(text);
    match write_whole(Path::new(&file), text.as_bytes()) {
        Ok(()) => {
            out(&format!("{file} is written; `phyla check {file}` says what it still needs, `phyla run {file}` carries it out\n"));
            0
        }
        Err(error) => show_one(&error),
    }
}
