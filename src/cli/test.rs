//! `phyla test`: the `test` blocks of files, carried out.

use super::source::{coloured, err, out, show_all, show_one, sources};
use crate::check::{Checker, STANDARD_LIBRARY, World, counted};
use crate::diagnostic::{Code, Diagnostic, Severity, Sources, render_all, to_json};
use crate::run::files::Disk;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How many tests there were, and how many of them failed.
#[derive(Default)]
struct Count {
    tests: usize,
    claims: usize,
    failed: usize,
}

/// Carries out the tests of files and folders whose title holds `filter`; `std` and `std.layers` name modules of the standard library.
pub(super) fn test(paths: &[PathBuf], filter: Option<&str>, json: bool) -> u8 {
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.display().to_string();
        let standard = STANDARD_LIBRARY.iter().map(|(module, _)| (*module).to_owned());
        match name.as_str() {
            _ if Path::new(&name).exists() => {
                let (found, unread) = sources(std::slice::from_ref(path));
                files.extend(found);
                wrong.extend(unread);
            }
            "std" => files.extend(standard),
            name if name.starts_with("std.") && standard.clone().any(|module| module == name) => files.push(name.to_owned()),
            _ => files.push(name),
        }
    }
    let mut count = Count::default();
    let mut code = show_all(&wrong, &Sources::default(), json);
    for file in &files {
        code = code.max(one(file, filter, json, &mut count));
    }
    if count.tests == 0 && code == 0 {
        let message = match filter {
            Some(filter) => format!("no test has `{filter}` in its title"),
            None => "there are no tests in these files".to_owned(),
        };
        return show_one(
            &Diagnostic::error(Code::USAGE, message).help("a test is a block of a file: `test \"title\" { count(backbone) > 1_000 }`"),
        );
    }
    // Of files with mistakes nothing is claimed, and these have been told.
    if !json && count.tests > 0 {
        let failed = if count.failed == 0 { String::new() } else { format!(", {} failed", count.failed) };
        out(&format!("{} with {}{failed}\n", counted(count.tests, "test"), counted(count.claims, "claim")));
    }
    code
}

/// Carries out the tests of one file; nothing is claimed of a file with mistakes.
fn one(file: &str, filter: Option<&str>, json: bool, count: &mut Count) -> u8 {
    let world = World::load(&Disk, &[file.to_owned()]);
    let checker = Checker::new(&world, &Disk);
    checker.check_module(file);
    if checker.failed() {
        let mistakes: Vec<Diagnostic> = checker.diagnostics().into_iter().filter(|found| found.severity == Severity::Error).collect();
        return show_all(&mistakes, &world.sources, json);
    }
    let mut code = 0;
    let mut named = false;
    for id in checker.tests(file) {
        let Some(outcome) = checker.test(id).filter(|outcome| filter.is_none_or(|filter| outcome.title.contains(filter))) else { continue };
        let failed = !outcome.failures.is_empty();
        count.tests += 1;
        count.claims += outcome.claims;
        count.failed += usize::from(failed);
        code = code.max(u8::from(failed));
        if json {
            let failures: Vec<Value> = outcome.failures.iter().map(|failure| to_json(failure, &world.sources)).collect();
            out(&format!(
                "{}\n",
                json!({"file": file, "test": outcome.title, "claims": outcome.claims, "ok": !failed, "failures": failures})
            ));
            continue;
        }
        if !named {
            out(&format!("{file}\n"));
            named = true;
        }
        out(&format!("  {}  {}\n", if failed { "FAILED" } else { "ok    " }, outcome.title));
        err(&render_all(&outcome.failures, &world.sources, coloured()));
    }
    code
}
