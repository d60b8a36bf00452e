//! What several test files share.

#![allow(dead_code, reason = "each test file uses a part of this")]
pub mod executors;
pub mod process;

use phyla::check::{Checked, Checker, Files, World};
use phyla::diagnostic::{Diagnostic, render_all};
use phyla::run::files::Disk;
use std::collections::BTreeMap;
use std::io::Write;

/// Says that a test is skipped, and why: past what the harness captures, which nobody sees where a test passes.
pub fn skipped(why: &str) {
    // In one piece, so that nothing comes between.
    let _said = std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes());
}

/// Sources in memory; data and everything else on the disk.
#[derive(Default)]
pub struct Memory(pub BTreeMap<String, String>);

impl Memory {
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().map_or_else(|| Disk.read(path), Ok)
    }

    fn join(&self, from: &str, path: &str) -> String {
        Disk.join(from, path)
    }

    fn absolute(&self, path: &str) -> String {
        Disk.absolute(path)
    }

    fn data(&self, path: &str) -> Result<Vec<(String, String)>, String> {
        match self.0.get(path) {
            Some(text) => Ok(vec![(path.to_owned(), text.clone())]),
            None => Disk.data(path),
        }
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// What is found in a file, drawn without colour, and the mistakes themselves.
pub fn check(files: &dyn Files, key: &str) -> (String, Vec<Diagnostic>) {
    let world = World::load(files, &[key.to_owned()]);
    let checker = Checker::new(&world, files);
    checker.check_module(key);
    let found = checker.diagnostics();
    (render_all(&found, &world.sources, false), found)
}

/// The first experiment of a file.
///
/// # Panics
/// Where the file has a mistake.
pub fn experiment(files: &dyn Files, key: &str) -> Checked {
    let world = World::load(files, &[key.to_owned()]);
    let checker = Checker::new(&world, files);
    let (id, _) = checker.experiments(key).into_iter().next().expect("an experiment");
    let checked = checker.experiment(id, &[]);
    checked.ok_or_else(|| render_all(&checker.diagnostics(), &world.sources, false)).expect("no mistakes")
}
