//! Weights trained: masked-LM pre-training, fine-tuning on tasks, scoring.
//!
//! In reading order: `schedule` (the learning rate), `pretrain` (masked-LM, resumable at any
//! step), `finetune` (a task's head and its scores), `suite` (all tasks of a suite). Everything depends on (settings, seed,
//! step) alone. This module knows no language, no files and no clock.

mod finetune;
mod pretrain;
mod schedule;
mod suite;

pub use finetune::{finetune, predict};
pub use pretrain::{Training, held_out_loss, masking, masking_places, optimizer, pretrain, pretrain_until};
pub use schedule::rate;
pub use suite::{
    SuiteScore, TaskData, Tuned, Tuning, begins_later, best_of, is_intermediate, score_suite, scored, tune, tuning_steps, tuning_tokens,
    tunings, without_head,
};

use crate::diagnostic::{Code, Diagnostic, Result};

/// Sentences whose results are computed together where nothing is trained.
pub const EVALUATED: usize = 64;

/// A step's error; where training diverged, with what was trained and what may mend it.
fn explained(error: Box<Diagnostic>, what: impl FnOnce() -> String, help: &str) -> Box<Diagnostic> {
    if error.code != Code::DIVERGED {
        return error;
    }
    Box::new(Diagnostic::error(Code::DIVERGED, format!("{} diverged: {}", what(), error.message)).help(help))
}

/// Called after each step with its number (from 1), the number of all and the loss; an error from it ends the training.
pub type Watch<'a> = dyn FnMut(u64, u64, f32) -> Result<()> + 'a;
