//! The commands and their flags.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Searches, trains and compares encoders, as an experiment file says.
#[derive(Debug, Parser)]
#[command(name = "phyla", version, about, max_term_width = 100, after_help = "Examples:
  phyla run experiments/quickstart.phyla      carry an experiment out
  phyla check experiments/                    find the mistakes in every file of a folder
  phyla graph FILE bert --svg bert.svg        draw an architecture

Exit codes: 0 done, 1 mistakes or failure, 2 command line not understood, 130 interrupted.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the mistakes in files and folders of `.phyla` sources
    #[command(after_help = "Example:\n  phyla check experiments/ --json")]
    Check {
        /// Files, or folders whose `.phyla` files are all checked
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// One JSON object a diagnostic, one a line
        #[arg(long)]
        json: bool,
    },
}

/// Carries a command line out and gives the exit code.
pub fn run(cli: Cli) -> u8 {
    match cli.command {
        Command::Check { paths, json } => super::check::check(&paths, json),
    }
}
