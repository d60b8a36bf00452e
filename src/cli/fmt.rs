//! `phyla fmt`: the canonical layout.

use super::source::{err, out, show_all, show_one, sources};
use crate::check::Files;
use crate::diagnostic::{Code, Diagnostic, Sources};
use crate::run::files::Disk;
use crate::run::folder::write_whole;
use crate::syntax;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Formats files in place, or standard input to standard output; with `check` only names those that would change.
pub(super) fn fmt(paths: &[PathBuf], check: bool) -> u8 {
    let (input, paths): (Vec<PathBuf>, Vec<PathBuf>) = paths.iter().cloned().partition(|path| path.as_os_str() == "-");
    let mut code = 0;
    if !input.is_empty() {
        let mut text = String::new();
        if let Err(error) = std::io::stdin().lock().read_to_string(&mut text) {
            return show_one(&Diagnostic::error(Code::NOT_TEXT, format!("standard input cannot be read: {error}")));
        }
        code = one("standard input", &text, check, &|formatted| {
            out(formatted);
            Ok(())
        });
    }
    for file in sources(&paths) {
        code = code.max(match Disk.read(&file) {
            Ok(text) => one(&file, &text, check, &|formatted| {
                if formatted == text { Ok(()) } else { write_whole(Path::new(&file), formatted.as_bytes()) }
            }),
            Err(why) => show_one(&Diagnostic::error(Code::MODULE, format!("`{file}` cannot be read: {why}"))),
        });
    }
    code
}

fn one(name: &str, text: &str, check: bool, write: &dyn Fn(&str) -> crate::diagnostic::Result<()>) -> u8 {
    match syntax::format(text) {
        Ok(formatted) if check => {
            if formatted == text {
                return 0;
            }
            err(&format!("{name} is not in the canonical layout\n"));
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
