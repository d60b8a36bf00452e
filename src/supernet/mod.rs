//! Bi-branch weight sharing: one set of weights from which every candidate inherits.
//!
//! In reading order: `models` (an architecture's programs), `weights` (the supernet: every branch of every layer at its largest),
//! `commit` (what a generation gives back). A candidate takes the parameters of its own paths, a smaller kernel being the centre
//! slice of the largest. This module knows no files and no clock.

mod commit;
mod models;
mod weights;

pub use commit::commit;
pub use models::Models;
pub use weights::{covering, fresh, specifications};
