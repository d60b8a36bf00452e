//! `phyla check`: the mistakes of files and folders.

use super::source::{err, no_sources, out, show_all, sources};
use crate::check::{Checker, World, counted};
use crate::diagnostic::{Sources, to_json};
use crate::run::acceptance;
use crate::run::files::Disk;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Checks every file by itself, so that one file's mistakes do not hide another's.
pub fn check(paths: &[PathBuf], json: bool) -> u8 {
    let (files, wrong) = sources(paths);
    if files.is_empty() && wrong.is_empty() {
        return show_all(&[no_sources()], &Sources::default(), json);
    }
    let mut code = show_all(&wrong, &Sources::default(), json);
    // What is wrong in a file that several import is told once.
    let mut told: BTreeSet<String> = BTreeSet::new();
    for file in &files {
        let world = World::load(&Disk, std::slice::from_ref(file));
        let checker = Checker::new(&world, &Disk);
        checker.check_module(file);
        let mut found = checker.diagnostics();
        // Whether a space's conditions can be met is known once everything else is right.
        if !checker.failed() {
            let experiments = checker.experiments(file).into_iter().filter_map(|(id, _)| checker.experiment(id, &[]));
            found.extend(experiments.filter_map(|checked| acceptance(&checked).err()).map(|error| *error));
        }
        found.retain(|one| told.insert(to_json(one, &world.sources).to_string()));
        code = code.max(show_all(&found, &world.sources, json));
    }
    if code == 0 && !json {
        out(&format!("{} checked, no mistakes found\n", counted(files.len(), "file")));
    } else if !json {
        err("mistakes were found; `phyla explain CODE` says more of each\n");
    }
    code
}
