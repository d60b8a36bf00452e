//! `phyla table`: every member of a small space trained once and for all.

use super::commands::Which;
use super::experiment::{executor, load};
use super::progress::Shown;
use super::run::{failed, interrupts};
use super::source::{out, show_one};
use crate::run::folder::write_whole;
use crate::run::table::{TableOptions, build_table};
use clap::Subcommand;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum TableCommand {
    /// Train every function of an experiment's space from scratch, on several seeds; it goes on where it stopped
    #[command(after_help = "Example:\n  phyla table build experiments/table.phyla --out table.jsonl")]
    Build {
        /// The file that declares the experiment: its space, model, text, and `evaluate.adapt` steps of `evaluate.pretrain`
        file: PathBuf,
        #[command(flatten)]
        which: Which,
        /// The table to write, one JSON object a line
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Trainings of each function, on seeds of their own
        #[arg(long, value_name = "N", default_value = "2")]
        seeds: NonZeroU64,
        /// The folder to work in [default: the table's name with `.work`]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Trainings at the same time, one thread each; changes no result [default: the experiment's]
        #[arg(long, value_name = "N")]
        workers: Option<NonZeroUsize>,
    },
}

/// Carries a command out.
pub(super) fn table(command: TableCommand) -> u8 {
    match command {
        TableCommand::Build { file, which, out: to, seeds, folder, workers } => {
            let (checked, executors) = match load(&file, &which).and_then(|checked| {
                let executors = executor(&checked, &which).map_err(|error| show_one(&error))?;
                Ok((checked, executors))
            }) {
                Ok(loaded) => loaded,
                Err(code) => return code,
            };
            let folder = folder.unwrap_or_else(|| to.with_extension("work"));
            let options = TableOptions { seeds: seeds.get(), folder, workers: workers.map(NonZeroUsize::get) };
            let (progress, stop) = (Shown::new(), interrupts());
            let result = build_table(&checked, &executors, &options, &progress, &stop);
            progress.finish();
            match result.and_then(|table| write_whole(&to, table.to_text().as_bytes()).map(|()| table)) {
                Ok(table) => {
                    out(&format!("{} rows: {}\n", table.rows.len(), to.display()));
                    0
                }
                Err(error) => failed(&error),
            }
        }
    }
}
