//! The `phyla` command: flags, output, progress, exit codes.
//!
//! Exit codes: 0 done; 1 the sources or the data have mistakes, or the work failed; 2 the command line is not understood;
//! 130 interrupted, and the same command goes on where it was.

mod check;
mod commands;
mod source;

pub use commands::{Cli, run};
