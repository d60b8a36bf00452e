//! Laws of checking: whatever a source says, the checker ends, says the same twice, and knows what it says.

use crate::campaign::{Breach, Verdict, ensure};
use crate::files::{Closed, KEY};
use crate::reading::told;
use phyla::check::{Checked, Checker, World};
use phyla::diagnostic::{Severity, render_all};
use std::collections::BTreeMap;

/// A source is checked, its tests are carried out, and the same happens twice.
pub fn checks(text: &str) -> Verdict {
    let (clean, first) = all_that_is_said(text)?;
    let (_, second) = all_that_is_said(text)?;
    ensure(first == second, "two checks say different things", || format!("first:\n{first}\nsecond:\n{second}"))?;
    Ok(clean)
}

/// Whether there are no mistakes, and everything that a check and the tests say.
fn all_that_is_said(text: &str) -> Result<(bool, String), Breach> {
    let files = Closed::new(text);
    let world = World::load(&files, &[KEY.to_owned()]);
    let checker = Checker::new(&world, &files);
    checker.check_module(KEY);
    let found = checker.diagnostics();
    told(&found, &world.sources)?;
    let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
    ensure((errors > 0) == checker.failed(), "a check that failed has no mistakes", || format!("{found:?}"))?;
    let mut said = format!("{found:?}");
    if errors > 0 {
        return Ok((false, said));
    }
    for id in checker.tests(KEY) {
        if let Some(outcome) = checker.test(id) {
            told(&outcome.failures, &world.sources)?;
            said += &format!("{outcome:?}");
        }
    }
    for space in checker.spaces_of(KEY) {
        said += &space.count().to_string();
    }
    let drawn = || render_all(&checker.diagnostics(), &world.sources, false);
    ensure(!checker.failed(), "tests and counts find mistakes that the check did not", drawn)?;
    Ok((true, said))
}

/// What each experiment of a source says; `None` where the source has a mistake.
pub fn experiments(files: &Closed, key: &str) -> Option<BTreeMap<String, Checked>> {
    let world = World::load(files, &[key.to_owned()]);
    let checker = Checker::new(&world, files);
    checker.check_module(key);
    if checker.failed() {
        return None;
    }
    checker.experiments(key).into_iter().map(|(id, name)| Some((name, checker.experiment(id, &[])?))).collect()
}

/// What is wrong with a source, drawn.
pub fn mistakes(files: &Closed, key: &str) -> String {
    let world = World::load(files, &[key.to_owned()]);
    let checker = Checker::new(&world, files);
    checker.check_module(key);
    render_all(&checker.diagnostics(), &world.sources, false)
}
