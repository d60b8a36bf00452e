//! Text to tree and back: a lossless tree with recovery, the typed view the checker reads, the formatter.

pub mod ast;
