//! The run folder: journal, lock, resume, workers, signals; joins search to evaluation.

pub mod files;
pub mod journal;
