//! Text turned into batches, and outputs turned into scores: vocabularies, corpora, masking, tasks, metrics.
//!
//! Everything here is a function of texts, settings and named streams, so a batch can be made again from its
//! step alone. This module knows no files (it is handed their contents), no tensors, no clock and no language.

mod corpus;
mod masking;
mod trainer;
mod vocabulary;

pub use corpus::Corpus;
pub use masking::Masking;
pub use vocabulary::{Specials, Vocabulary};
