//! What the commands share: finding sources, showing diagnostics, writing to the terminal.

use crate::diagnostic::{Code, Diagnostic, Severity, Sources, render, render_all, to_json};
use crate::run::files::reason;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use walkdir::WalkDir;

/// Why something could not be written to standard output, the first time.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Writes to standard output. A reader that has gone away is no failure; what else goes wrong is told at the end.
pub fn out(text: &str) {
    let mut output = std::io::stdout().lock();
    if let Err(error) = output.write_all(text.as_bytes()).and_then(|()| output.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _known = UNWRITTEN.set(reason(&error).to_owned());
    }
}

/// The exit code of a command, after whatever could not be written has been told.
pub fn written(code: u8) -> u8 {
    let Some(why) = UNWRITTEN.get() else { return code };
    let told = Diagnostic::error(Code::WRITE, format!("standard output cannot be written: {why}"));
    code.max(show_one(&told.help("what it would have held is incomplete; check the space left on the disk")))
}

/// Whether standard error is drawn in colours: on a terminal, unless `NO_COLOR` or `TERM=dumb` say otherwise.
pub fn coloured() -> bool {
    let plain =
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !plain
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
        err(&render_all(diagnostics, sources, coloured()));
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
    err(&render(&unplaced, &Sources::default(), coloured()));
    code_of(diagnostic)
}

/// 2 for a command line that is not understood, else 1.
fn code_of(diagnostic: &Diagnostic) -> u8 {
    if diagnostic.code == Code::USAGE { 2 } else { 1 }
}
