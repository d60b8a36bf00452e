//! `phyla runs`: what finished and unfinished runs hold.

use super::source::{out, show_one};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::report::explain;
use crate::run::files::reason;
use crate::run::journal::{Entry, read};
use clap::Subcommand;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// Explain one candidate: formula, parent, mutation, the priorities at that moment, scores, why it failed
    #[command(after_help = "Example:\n  phyla runs explain runs/quickstart-1a2b3c4d-s42 17")]
    Explain {
        /// The run folder
        run: PathBuf,
        /// The candidate's number, or the beginning of its hash
        candidate: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Carries a command out.
pub(super) fn runs(command: &RunsCommand) -> u8 {
    let RunsCommand::Explain { run, candidate, json } = command;
    match entries(run).and_then(|entries| explain(&entries, candidate)) {
        Ok(found) => {
            out(&if *json { serde_json::to_string(&found).unwrap_or_default() + "\n" } else { found.told() });
            0
        }
        Err(error) => show_one(&error),
    }
}

/// The entries of a run's journal; it may be going on.
fn entries(run: &Path) -> Result<Vec<Entry>> {
    let path = run.join("journal.jsonl");
    let bytes = std::fs::read(&path).map_err(|error| {
        let message = format!("`{}` cannot be read: {}", path.display(), reason(&error));
        Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("give the folder of a run, as `runs/quickstart-1a2b3c4d-s42`"))
    })?;
    let damaged = |line| {
        let message = format!("line {line} of the journal `{}` is damaged", path.display());
        Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("restore it from a copy"))
    };
    read(&bytes).map(|(entries, _)| entries).map_err(damaged)
}
