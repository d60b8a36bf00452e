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

/// The complaint about folders in which there is nothing to do.
pub(super) fn no_sources() -> Diagnostic {
    Diagnostic::error(Code::SOURCE, "there is no .phyla file in this folder")
        .help("name a file or its folder; `phyla new NAME` begins an experiment")
}

/// The `.phyla` files that the paths stand for, in order, and what of their folders cannot be read; a path that is no folder stands for
/// itself, links within folders are not followed.
pub fn sources(paths: &[PathBuf]) -> (Vec<String>, Vec<Diagnostic>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            found.push(show(path));
            continue;
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_source(entry.path()) => found.push(show(entry.path())),
                Ok(_) => {}
                Err(error) => {
                    let place = error.path().unwrap_or(path).display().to_string();
                    let why = error.io_error().map_or_else(|| error.to_string(), reason);
                    let told = Diagnostic::error(Code::SOURCE, format!("`{place}` cannot be read: {why}"));
                    wrong.push(told.help("allow it to be read, or name the files that are meant"));
                }
            }
        }
    }
    (found, wrong)
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "phyla")
}

/// Refuses to write what is drawn or trained over a source, over what it is made of, or to a folder; before it is made.
///
/// # Errors
/// Where something else is there.
pub fn free(target: &Path, inputs: &[&Path]) -> crate::diagnostic::Result<()> {
    let itself = |path: &Path| path.canonicalize().ok();
    let what = match () {
        () if target.is_dir() => "is a folder",
        () if target.exists() && is_source(target) => "is a source, which would be lost",
        () if inputs.iter().any(|input| itself(input).is_some_and(|input| Some(input) == itself(target))) => "is what this is made of",
        () => return Ok(()),
    };
    Diagnostic::error(Code::WRITE, format!("`{}` {what}", target.display())).help("name another file").into()
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
