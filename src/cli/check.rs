//! `phyla check`: the mistakes of files and folders.

use super::source::{err, out, show_all, show_one, sources};
use crate::check::{Checker, World};
use crate::diagnostic::{Code, Diagnostic};
use crate::run::files::Disk;
use std::path::PathBuf;

/// Checks every file by itself, so that one file's mistakes do not hide another's.
pub fn check(paths: &[PathBuf], json: bool) -> u8 {
    let files = sources(paths);
    if files.is_empty() {
        let message = "there is no .phyla file in this folder";
        return show_one(&Diagnostic::error(Code::MODULE, message).help("`phyla new NAME` begins an experiment"));
    }
    let mut code = 0;
    for file in &files {
        let world = World::load(&Disk, std::slice::from_ref(file));
        let checker = Checker::new(&world, &Disk);
        checker.check_module(file);
        code = code.max(show_all(&checker.diagnostics(), &world.sources, json));
    }
    if code == 0 && !json {
        let count = files.len();
        out(&format!("{count} file{} checked, no mistakes found\n", if count == 1 { "" } else { "s" }));
    } else if !json {
        err("mistakes were found\n");
    }
    code
}
