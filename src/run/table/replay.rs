//! A search carried out on a table: it sees the losses of one seed, and is judged by those of another.

use super::Lookup;
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::search::{History, Screening, propose};
use crate::settings::Screen;
use crate::space::{Architecture, hash};

/// The place in a row of the loss that a search sees, and of the one that it is judged by.
const SEEN: usize = 0;
const JUDGED: usize = 1;

/// A search on a table, from beginning to end.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// After each evaluation the judged loss of the member with the smallest seen loss so far; a search that ends early keeps its last.
    pub curve: Vec<f64>,
    /// Evaluations until it ended.
    pub used: usize,
}

/// Carries a search out on a table. A member whose training failed is a failed candidate.
///
/// # Errors
/// Where a member is missing from the table, or every candidate failed.
pub fn replay(checked: &Checked, lookup: &Lookup<'_>, seed: u64) -> Result<Replay> {
    let (space, settings) = (&checked.space, checked.search()?);
    let row = |architecture: &Architecture| lookup.row(hash(space, architecture));
    let meets = |architecture: &Architecture| row(architecture).is_some();
    let worth = |architecture: &Architecture| {
        let told = row(architecture).zip(settings.screen.as_ref());
        told.map_or(0.0, |(row, screen)| screen.worth(row.params, row.flops))
    };
    let among = settings.screen.as_ref().map_or(1, Screen::among);
    let screening = Screening { meets: &meets, worth: &worth, among };
    let mut history = History::default();
    let mut incumbent: Option<(f64, f64)> = None;
    let mut judged = Vec::with_capacity(settings.evaluations);
    loop {
        let proposals = propose(space, settings, seed, &history, &screening);
        if proposals.is_empty() {
            break;
        }
        let generation = history.next_generation();
        for proposal in proposals {
            let Some(row) = lookup.row(proposal.hash) else {
                return Diagnostic::error(Code::INTERNAL, "a search left the table's space").into();
            };
            let seen = row.loss.get(SEEN).copied().flatten();
            if let (Some(seen), Some(loss)) = (seen, row.loss.get(JUDGED).copied().flatten())
                && incumbent.is_none_or(|(best, _)| seen < best)
            {
                incumbent = Some((seen, loss));
            }
            judged.extend(incumbent.map(|(_, loss)| loss));
            history.candidates.push(proposal.finished(generation, seen.map(|loss| -loss).into_iter().collect()));
        }
    }
    let Some(last) = judged.last().copied() else {
        return Diagnostic::error(Code::DATA, "a search found no member whose training succeeded").help("see the table's rows").into();
    };
    // Failures before the first success have nothing to show: they count as the first success does.
    let first = judged.first().copied().unwrap_or(last);
    let mut whole = vec![first; history.candidates.len().saturating_sub(judged.len())];
    whole.extend(judged);
    whole.resize(settings.evaluations.max(whole.len()), last);
    Ok(Replay { curve: whole, used: history.candidates.len() })
}
