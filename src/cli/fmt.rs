//! `phyla fmt`: the canonical layout.

use super::source::{err, no_sources, out, show_all, show_one, sources};
use crate::check::{Files, NOT_TEXT};
use crate::diagnostic::{Code, Diagnostic, Sources};
use crate::run::files::Disk;
use crate::run::folder::write_whole;
use crate::syntax;
use similar::TextDiff;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

/// What is done about a file in another layout.
#[derive(Clone, Copy)]
pub(super) enum Change {
    /// It is written.
    Write,
    /// It is named.
    Check,
    /// The lines that would change are shown.
    Diff,
}

impl Change {
    /// By the flags; both cannot be given.
    pub(super) fn new(check: bool, diff: bool) -> Self {
        match (check, diff) {
            (true, _) => Self::Check,
            (_, true) => Self::Diff,
            _ => Self::Write,
        }
    }
}

/// Formats files in place, or standard input to standard output; or only tells which would change, or how.
pub(super) fn fmt(paths: &[PathBuf], change: Change) -> u8 {
    let (input, paths): (Vec<PathBuf>, Vec<PathBuf>) = paths.iter().cloned().partition(|path| path.as_os_str() == "-");
    let mut code = 0;
    if !input.is_empty() {
        let mut text = String::new();
        if let Err(error) = std::io::stdin().lock().read_to_string(&mut text) {
            return show_one(&Diagnostic::error(Code::NOT_TEXT, format!("standard input cannot be read: {error}")));
        }
        code = one("standard input", &text, change, &|formatted| {
            out(formatted);
            Ok(())
        });
    }
    let (files, wrong) = sources(&paths);
    if !paths.is_empty() && files.is_empty() && wrong.is_empty() {
        return show_one(&no_sources());
    }
    code = code.max(show_all(&wrong, &Sources::default(), false));
    for file in files {
        code = code.max(match Disk.read(&file) {
            Ok(text) => one(&file, &text, change, &|formatted| if formatted == text { Ok(()) } else { rewrite(&file, formatted) }),
            Err(why) => {
                let code = if why.starts_with(NOT_TEXT) { Code::NOT_TEXT } else { Code::SOURCE };
                show_one(&Diagnostic::error(code, format!("`{file}` cannot be read: {why}")).help("name a `.phyla` file, or a folder"))
            }
        });
    }
    code
}

/// Writes a file anew where it lies, also behind a link.
fn rewrite(file: &str, text: &str) -> crate::diagnostic::Result<()> {
    let place = fs::canonicalize(file).unwrap_or_else(|_| PathBuf::from(file));
    if fs::metadata(&place).is_ok_and(|known| known.permissions().readonly()) {
        return Diagnostic::error(Code::WRITE, format!("`{file}` cannot be written: it is read-only"))
            .help("allow it to be written")
            .into();
    }
    write_whole(&place, text.as_bytes())
}

fn one(name: &str, text: &str, change: Change, write: &dyn Fn(&str) -> crate::diagnostic::Result<()>) -> u8 {
    match syntax::format(text) {
        Ok(formatted) if formatted == text && !matches!(change, Change::Write) => 0,
        Ok(_) if matches!(change, Change::Check) => {
            err(&format!("{name} is not in the canonical layout\n"));
            1
        }
        Ok(formatted) if matches!(change, Change::Diff) => {
            let lines = TextDiff::from_lines(text, &formatted);
            out(&lines.unified_diff().header(name, &format!("{name}, formatted")).to_string());
            1
        }
        Ok(formatted) => match write(&formatted) {
            Ok(()) => 0,
            Err(error) => show_one(&error),
        },
        Err(error) => {
            let mut sources = Sources::default();
            sources.add(name, text);
            show_all(&[*error], &sources, false)
        }
    }
}
