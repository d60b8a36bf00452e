//! Where a search stands, from its journal.

use super::journal::{Candidate, Entry, Journal};
use super::session::Work;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::search::{self, History};

/// Whether the search is complete: it came to its bound of time, the last table has begun, or the run is over.
pub(super) fn finished(journal: &Journal) -> bool {
    let after = |entry: &Entry| {
        matches!(entry, Entry::Wall { .. } | Entry::Pretrained { .. } | Entry::Tuned { .. } | Entry::Final(_) | Entry::Finished { .. })
    };
    journal.entries().iter().any(after)
}

/// How many generations are committed.
pub(super) fn committed(journal: &Journal) -> usize {
    journal.entries().iter().filter(|entry| matches!(entry, Entry::Generation { .. })).count()
}

/// The candidates that a journal holds.
pub(super) fn candidates(journal: &Journal) -> impl Iterator<Item = &Candidate> {
    journal.entries().iter().filter_map(|entry| if let Entry::Candidate(candidate) = entry { Some(candidate) } else { None })
}

/// The complaint about an identity that is none.
pub(super) fn damaged(why: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::RUN_FOLDER, why).help("start over with `--fresh`"))
}

/// The finished candidates that the journal holds, parents with the values they were last given before this generation was proposed.
pub(super) fn restore(work: &Work<'_>, journal: &Journal, generation: usize) -> Result<History> {
    let mut history = History::default();
    for candidate in candidates(journal) {
        history.candidates.push(search::Candidate {
            id: candidate.id,
            generation: candidate.generation,
            architecture: work.checked.space.expand(&candidate.architecture)?,
            hash: candidate.hash.parse().map_err(damaged)?,
            parent: candidate.parent,
            mutation: candidate.mutated.clone(),
            fitness: candidate.values.first().copied(),
            values: candidate.values.clone(),
        });
    }
    for entry in journal.entries() {
        if let Entry::Rescored(one) = entry
            && one.parent
            && one.generation < generation
        {
            revalue(&mut history, one.candidate, &one.values);
        }
    }
    Ok(history)
}

/// Gives a candidate other values; a failure now leaves it as it was.
pub(super) fn revalue(history: &mut History, id: usize, values: &[f64]) {
    if let Some(candidate) = history.candidates.iter_mut().find(|candidate| candidate.id == id && !values.is_empty()) {
        candidate.fitness = values.first().copied();
        candidate.values = values.to_vec();
    }
}
