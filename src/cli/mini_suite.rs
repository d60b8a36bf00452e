//! `phyla mini-suite`: the small tasks that ship, made from text.

use super::source::{out, show_one};
use crate::data::mini::generate;
use crate::diagnostic::{Code, Diagnostic};
use crate::run::files::{read_data, reason};
use crate::run::folder::write_whole;
use std::path::Path;

/// Writes the tasks' files below `folder`.
pub(super) fn mini_suite(prose: &Path, glosses: &Path, folder: &Path, seed: u64) -> u8 {
    let read = |path: &Path| {
        let name = path.display().to_string();
        read_data(&name).map_err(|why| Box::new(Diagnostic::error(Code::MISSING_FILE, format!("`{name}` cannot be read: {why}"))))
    };
    let written: crate::diagnostic::Result<usize> = (|| {
        let files = generate(&read(prose)?, &read(glosses)?, seed)?;
        for (name, text) in &files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| {
                    Box::new(Diagnostic::error(Code::WRITE, format!("`{}` cannot be made: {}", parent.display(), reason(&error))))
                })?;
            }
            write_whole(&path, text.as_bytes())?;
        }
        Ok(files.len())
    })();
    match written {
        Ok(count) => {
            out(&format!("{count} files are written below {}\n", folder.display()));
            0
        }
        Err(error) => show_one(&error),
    }
}
