//! Text turned into batches, and outputs turned into scores: vocabularies, corpora, masking, tasks, metrics.
//!
//! Everything here is a function of texts, settings and named streams, so a batch can be made again from its
//! step alone. This module knows no files (it is handed their contents), no tensors, no clock and no language.

mod averages;
pub mod baseline;
mod corpus;
mod duel;
mod labelled;
mod masking;
pub mod metrics;
pub mod mini;
#[cfg(test)]
mod official;
mod phrases;
pub mod piece;
mod rows;
mod sentences;
pub mod statistics;
mod submission;
mod task;
pub mod tokens;
mod trainer;
mod vocabulary;
mod words;

pub use averages::{TaskScore, average};
pub use corpus::{Corpus, enough};
pub use duel::{Duel, duels};
pub use labelled::{Labelled, drawn, restored};
pub use masking::{Masked, Masking, predicted};
pub use metrics::{Answers, measure};
pub use submission::{Answered, SUBMISSION, predictions, unfit};
pub use task::{Example, Examples, Gold, read_labelled, read_part, read_test};
pub use vocabulary::{Normalisation, Specials, Vocabulary};
pub use words::Words;
