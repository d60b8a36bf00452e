//! Random search: every candidate drawn anew, in generations of the same sizes as those of OP-NAS.

use super::history::History;
use super::proposal::{Proposal, Screening, allowed, drawn_anew};
use crate::settings::Search;
use crate::space::Space;

/// The next generation.
pub(super) fn propose(space: &Space, settings: &Search, seed: u64, history: &History, screening: &Screening<'_>) -> Vec<Proposal> {
    let first = history.candidates.is_empty();
    let wanted = if first { settings.population } else { settings.parents.saturating_mul(settings.children) };
    drawn_anew(space, settings, seed, history, screening, allowed(settings, history, wanted))
}
