//! Phyla: a small declarative language for finding better BERT-like encoders, and the interpreter that
//! carries its experiments out.
//!
//! The way of an experiment: text → `syntax` → `check` → (`graph`, `space`, `settings`) → `run` →
//! `search` ⇄ `supernet`/`train` → `exec` → `run` → `report`. Straight down, then back up once. A module
//! uses modules on lower floors only; `tests/floors.rs` holds it to that.

// Floor 0
pub mod batch;
pub mod diagnostic;
pub mod stream;

// Floor 1
pub mod data;
pub mod graph;
pub mod settings;
pub mod syntax;

// Floor 2
pub mod exec;
pub mod space;

// Floor 3
pub mod check;
pub mod search;
pub mod train;

// Floor 4
pub mod supernet;

// Floor 5
pub mod run;

// Floor 6
pub mod report;

// Floor 7
pub mod cli;
