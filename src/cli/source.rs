//! What the commands share: finding sources, showing diagnostics, writing to the terminal.

use crate::diagnostic::{Diagnostic, Severity, Sources, render, render_all, to_json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Writes to standard output. A reader that has gone away is no failure.
pub fn out(text: &str) {
    let _gone = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Writes to standard error.
pub fn err(text: &str) {
    let _gone = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The `.phyla` files that the paths stand for, in order; a path that is no folder stands for itself.
pub fn sources(paths: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let files = WalkDir::new(path).sort_by_file_name().into_iter().filter_map(Result::ok);
            let files =
                files.filter(|entry| entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == "phyla"));
            found.extend(files.map(|entry| show(entry.path())));
        } else {
            found.push(show(path));
        }
    }
    found
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

/// Shows diagnostics and gives the exit code they call for.
pub fn show_all(diagnostics: &[Diagnostic], sources: &Sources, json: bool) -> u8 {
    if json {
        diagnostics.iter().for_each(|diagnostic| out(&format!("{}\n", to_json(diagnostic, sources))));
    } else {
        err(&render_all(diagnostics, sources, std::io::stderr().is_terminal()));
    }
    u8::from(diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error))
}

/// Shows one diagnostic of an experiment with its sources.
pub fn show_in(diagnostic: &Diagnostic, sources: &Sources) -> u8 {
    show_all(std::slice::from_ref(diagnostic), sources, false)
}

/// Shows one diagnostic without its source.
pub fn show_one(diagnostic: &Diagnostic) -> u8 {
    let unplaced = Diagnostic { labels: Vec::new(), ..diagnostic.clone() };
    err(&render(&unplaced, &Sources::default(), std::io::stderr().is_terminal()));
    1
}
