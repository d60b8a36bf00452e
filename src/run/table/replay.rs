//! A search carried out on a table: of each row it sees one training, and is judged by another.

use super::{Lookup, Row};
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::search::{History, Screening, propose};
use crate::settings::Screen;
use crate::space::{Architecture, hash};
use crate::stream::{RngExt, stream};

/// A search on a table, from beginning to end.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// After each evaluation the judged loss of the member with the smallest seen loss so far; a search that ends early keeps its last.
    pub curve: Vec<f64>,
    /// The mean loss, over all its trainings, of the member it ended with.
    pub mean: f64,
    /// Evaluations until it ended.
    pub used: usize,
}

impl Row {
    /// Two of its losses, drawn: the one that the searches of a seed see, and the one that they are judged by. Were they the same for all seeds,
    /// the luck of those trainings would be taken for what the searches are worth.
    pub fn drawn(&self, seed: u64) -> (Option<f64>, Option<f64>) {
        let (count, mut draws) = (self.loss.len(), stream(seed, &format!("replay/{}", self.class), 0));
        let seen = draws.random_range(0..count.max(1));
        let step = 1 + draws.random_range(0..count.saturating_sub(1).max(1));
        let of = |place: usize| self.loss.get(place % count.max(1)).copied().flatten();
        (of(seen), of(seen + step))
    }
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
    let mut incumbent: Option<(f64, f64, f64)> = None;
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
            let (seen, judged_by) = row.drawn(seed);
            if let (Some(seen), Some(loss)) = (seen, judged_by)
                && incumbent.is_none_or(|(best, ..)| seen < best)
            {
                incumbent = Some((seen, loss, row.mean().unwrap_or(f64::NAN)));
            }
            judged.extend(incumbent.map(|(_, loss, _)| loss));
            history.candidates.push(proposal.finished(generation, seen.map(|loss| -loss).into_iter().collect()));
        }
    }
    let Some((_, last, mean)) = incumbent else {
        return Diagnostic::error(Code::DATA, "a search found no member whose training succeeded").help("see the table's rows").into();
    };
    // Failures before the first success have nothing to show: they count as the first success does.
    let first = judged.first().copied().unwrap_or(last);
    let mut whole = vec![first; history.candidates.len().saturating_sub(judged.len())];
    whole.extend(judged);
    whole.resize(settings.evaluations.max(whole.len()), last);
    Ok(Replay { curve: whole, mean, used: history.candidates.len() })
}

#[cfg(test)]
mod tests {
    use super::Row;
    use crate::graph::identity::Digest;
    use std::collections::BTreeMap;

    #[test]
    fn each_pair_of_trainings_is_drawn_as_often() {
        let loss = [1.0, 2.0, 3.0].map(Some).to_vec();
        let row = Row { class: Digest::new().finish(), members: 1, first: Vec::new(), params: 1, flops: 1, loss };
        let mut counts: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        for seed in 0..6_000 {
            let (seen, judged) = row.drawn(seed);
            *counts.entry((seen.unwrap() as u64, judged.unwrap() as u64)).or_default() += 1;
        }
        assert!(counts.keys().all(|(seen, judged)| seen != judged), "{counts:?}");
        // Six pairs, each a thousand times and some thirty more or less.
        assert!(counts.len() == 6 && counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
