//! `phyla diff`: two files compared by meaning, also at revisions of git, also as git's own external diff.

use super::source::{out, show_all, show_one};
use crate::check::{Checker, Difference, Status, World, differences};
use crate::diagnostic::{Code, Diagnostic};
use crate::run::files::reason;
use crate::run::revision::Revisions;
use crate::space::Change;
use clap::Args;
use serde_json::json;
use similar::TextDiff;

/// What is compared, and how it is told.
#[derive(Debug, Args)]
pub(super) struct Given {
    /// Two files, each a path or REV:FILE; as a git driver, what git gives
    #[arg(required = true, num_args = 1.., value_name = "FILE")]
    files: Vec<String>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    /// Take the arguments that git gives an external diff, and exit with 0
    #[arg(long, conflicts_with = "json")]
    git_driver: bool,
}

/// Exit codes of a comparison, as of `diff`.
const SAME: u8 = 0;
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

/// Compares two files; 0 where they mean the same, 1 where they do not, 2 where one has mistakes.
pub(super) fn diff(given: &Given) -> u8 {
    if given.git_driver {
        return driven(&given.files);
    }
    let [before, after] = given.files.as_slice() else {
        let message = format!("two files are compared, and {} given", given.files.len());
        show_one(&Diagnostic::error(Code::USAGE, message).help("`phyla diff HEAD:mine.phyla mine.phyla`"));
        return TROUBLE;
    };
    let keys = [before, after].map(|name| Revisions::key(name));
    let [Ok(before), Ok(after)] = keys else {
        for why in keys.into_iter().filter_map(Result::err) {
            show_one(&Diagnostic::error(Code::SOURCE, why).help("a file of a revision is written `HEAD~1:experiments/mine.phyla`"));
        }
        return TROUBLE;
    };
    let files = Revisions::default();
    match compared((&files, &before), (&files, &after), true) {
        None => TROUBLE,
        Some(found) if given.json => {
            let same = found.is_empty();
            out(&format!("{}\n", json!({"before": before, "after": after, "same": same, "differences": found})));
            u8::from(!same)
        }
        Some(found) if found.is_empty() => {
            out("no difference in meaning\n");
            SAME
        }
        Some(found) => {
            out(&told(&found));
            DIFFERENT
        }
    }
}

/// The differences; `None` where one side has mistakes, which are shown where they are asked for.
fn compared(before: (&Revisions, &str), after: (&Revisions, &str), show: bool) -> Option<Vec<Difference>> {
    let worlds = [before, after].map(|(files, key)| World::load(files, &[key.to_owned()]));
    let [left, right] = &worlds;
    let (one, other) = (Checker::new(left, before.0), Checker::new(right, after.0));
    let mut sound = true;
    for (checker, key, world) in [(&one, before.1, left), (&other, after.1, right)] {
        checker.check_module(key);
        if checker.failed() {
            sound = false;
            if show {
                let errors = checker.diagnostics().into_iter().filter(|found| found.severity == crate::diagnostic::Severity::Error);
                show_all(&errors.collect::<Vec<_>>(), &world.sources, false);
            }
        }
    }
    sound.then(|| differences((&one, before.1), (&other, after.1)))
}

/// The differences for a reader.
fn told(found: &[Difference]) -> String {
    found.iter().map(declaration).collect::<Vec<_>>().join("\n")
}

fn declaration(one: &Difference) -> String {
    let heading = match one.status {
        Status::Added => format!("+ {} {}", one.kind, one.name),
        Status::Removed => format!("- {} {}", one.kind, one.name),
        Status::Changed => match &one.renamed {
            Some(now) => format!("  {} {} → {now}", one.kind, one.name),
            None => format!("  {} {}", one.kind, one.name),
        },
    };
    let whole = one.whole.as_ref().map_or_else(String::new, |whole| format!(": {whole}"));
    let width = one.changes.iter().filter(|change| change.edits.is_empty()).map(|change| change.path.chars().count()).max().unwrap_or(0);
    let changes: String = one.changes.iter().map(|change| line(change, width.min(40))).collect();
    format!("{heading}{whole}\n{changes}")
}

fn line(change: &Change, width: usize) -> String {
    let path = &change.path;
    if !change.edits.is_empty() || change.before.iter().chain(&change.after).any(|side| side.chars().count() > 60) {
        let heading = if path.is_empty() { String::new() } else { format!("    {path}\n") };
        let side = |sign: char, side: &Option<String>| side.as_ref().map_or_else(String::new, |text| format!("    {sign} {text}\n"));
        let edits: String = change.edits.iter().map(|edit| format!("      {edit}\n")).collect();
        return format!("{heading}{}{}{edits}", side('-', &change.before), side('+', &change.after));
    }
    let text = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (Some(before), None) => format!("- {before}"),
        (None, Some(after)) => format!("+ {after}"),
        (None, None) => String::new(),
    };
    format!("    {}\n", format!("{path:width$}  {text}").trim())
}

/// Git's external diff: `path old-file old-hash old-mode new-file new-hash new-mode`. Either file lies where git has put it, and means what
/// it would mean at `path`; what it imports is read as it is now. A side with mistakes is compared line by line.
fn driven(arguments: &[String]) -> u8 {
    let [path, before, _, _, after, ..] = arguments else {
        // An unmerged file comes alone.
        out(&arguments.first().map_or_else(String::new, |path| format!("phyla: {path} is not merged\n")));
        return SAME;
    };
    let text =
        |file: &str| if file == "/dev/null" { Ok(String::new()) } else { std::fs::read_to_string(file).map_err(|error| reason(&error)) };
    let (before, after) = match (text(before), text(after)) {
        (Ok(before), Ok(after)) => (before, after),
        (before, after) => {
            for why in [before, after].into_iter().filter_map(Result::err) {
                show_one(&Diagnostic::error(Code::SOURCE, format!("`{path}` cannot be compared: {why}")));
            }
            return TROUBLE;
        }
    };
    // Git starts the command at the top of the repository.
    let over = |text: &str| Revisions { overlay: [(path.clone(), text.to_owned())].into() };
    let (old, new) = (over(&before), over(&after));
    out(&format!("phyla diff {path}\n"));
    match compared((&old, path), (&new, path), false) {
        Some(found) if found.is_empty() => out("no difference in meaning\n"),
        Some(found) => out(&told(&found)),
        None => {
            out("one side has mistakes; line by line:\n");
            let lines = TextDiff::from_lines(&before, &after);
            out(&lines.unified_diff().header(&format!("a/{path}"), &format!("b/{path}")).to_string());
        }
    }
    SAME
}
