//! `phyla runs`: what runs hold, and runs beside one another.

use super::source::{out, show_one};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::report::{explain, rivals};
use crate::run::files::reason;
use crate::run::journal::{Entry, read};
use clap::Subcommand;
use serde::Serialize;
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
    /// Compare the runs of two experiments or more, paired by seed: which search found the better encoder
    #[command(after_help = "Example:
  for seed in 1 2 3 4 5; do
    phyla run FILE --experiment one --set seed=$seed
    phyla run FILE --experiment other --set seed=$seed
  done
  phyla runs compare runs/one-* runs/other-*

The first experiment is set beside each other one, by the best that the search measured and by what that encoder reached when it was trained
anew. Wins are of the better value, a tie being half a win, with Wilson's 95 % interval; p-values are those of Wilcoxon's signed-rank
test, exact for few seeds, and corrected after Holm. With five seeds no p can be below 0.06.")]
    Compare {
        /// The run folders
        #[arg(required = true)]
        runs: Vec<PathBuf>,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Carries a command out.
pub(super) fn runs(command: &RunsCommand) -> u8 {
    let told = match command {
        RunsCommand::Explain { run, candidate, json } => {
            entries(run).and_then(|entries| explain(&entries, candidate)).map(|found| told(&found, *json, found.told()))
        }
        RunsCommand::Compare { runs, json } => {
            let journals: Result<Vec<_>> = runs.iter().map(|run| Ok((run.display().to_string(), entries(run)?))).collect();
            journals.and_then(|journals| rivals(&journals)).map(|found| told(&found, *json, found.told()))
        }
    };
    match told {
        Ok(text) => {
            out(&text);
            0
        }
        Err(error) => show_one(&error),
    }
}

/// What was found, as JSON or in words.
fn told(found: &impl Serialize, json: bool, words: String) -> String {
    if json { serde_json::to_string(found).unwrap_or_default() + "\n" } else { words }
}

/// The entries of a run's journal; it may be going on.
fn entries(run: &Path) -> Result<Vec<Entry>> {
    let path = run.join("journal.jsonl");
    let bytes = std::fs::read(&path).map_err(|error| {
        let message = format!("`{}` cannot be read: {}", path.display(), reason(&error));
        Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("give the folder of a run, as `runs/quickstart-1a2b3c4d-s42`"))
    })?;
    read(&bytes).map(|(entries, _)| entries).map_err(|wrong| wrong.told(&path))
}
