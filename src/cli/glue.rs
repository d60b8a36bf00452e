//! `phyla glue`: what GLUE's server wants.

use super::source::{err, out, show_one};
use crate::run::submission;
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum GlueCommand {
    /// Write the eleven files of a submission, and the zip of them, from a finished run's predictions
    #[command(after_help = "Examples:
  phyla glue submit runs/base-1a2b3c4d-s42
  phyla glue submit runs/base-1a2b3c4d-s42 --out mine

The run's `final.suite` is `glue`, or has its tasks by their names. Its best encoder, pre-trained and fine-tuned on the seeds and with the
learning rate that scored best on dev, has answered the test files (`predictions/` in the run folder); MNLI's model has answered AX.
Rows, indices and labels are checked, and nothing is written where one is wrong or missing.")]
    Submit {
        /// The run folder
        run: PathBuf,
        /// The folder to write [default: submission/ in the run folder]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Leave out what is missing; the server takes whole submissions only
        #[arg(long)]
        partial: bool,
    },
}

/// Carries a command out.
pub(super) fn glue(command: &GlueCommand) -> u8 {
    let GlueCommand::Submit { run, out: folder, partial } = command;
    let folder = folder.clone().unwrap_or_else(|| run.join("submission"));
    match submission(run, *partial).and_then(|found| found.write(&folder).map(|()| found)) {
        Ok(found) => {
            if !found.missing.is_empty() {
                err(&format!("left out: {}\nthe server takes whole submissions only\n", found.missing.join(", ")));
            }
            out(&format!("{} files, and submission.zip: {}\n", found.files.len(), folder.display()));
            0
        }
        Err(error) => show_one(&error),
    }
}
