//! The `phyla` command: flags, output, progress, exit codes.
//!
//! Exit codes: 0 done; 1 the sources or the data have mistakes, or the work failed; 2 the command line is not understood;
//! 130 interrupted, and the same command goes on where it was. One file a command; `source` and `experiment` are what they share.

mod bench;
mod check;
mod commands;
mod diff;
mod doc;
mod experiment;
mod explain;
mod fmt;
mod glue;
mod graph;
mod mini_suite;
mod new;
mod progress;
mod run;
mod runs;
mod source;
mod space;
mod table;
mod test;
mod train;

pub use commands::{Cli, run};
