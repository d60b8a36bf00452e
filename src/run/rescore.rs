//! Candidates scored again as the supernet learns: anchors, which tell how far scores drift, and parents, where that is asked for.

use super::evaluate::{adapted, budget, measured, values};
use super::journal::{Entry, Journal, Rescored};
use super::prepare::Prepared;
use super::restore::revalue;
use super::session::Work;
use super::workers::{go_on, in_order};
use crate::diagnostic::{Code, Result};
use crate::exec::Parameters;
use crate::search::{Candidate, History, ranked};
use crate::settings::{Commit, Evaluate, Method, Search};
use std::time::Instant;

/// How many candidates a search scores again: some before each generation but the first.
pub(super) fn again(search: &Search, evaluate: &Evaluate) -> (usize, usize) {
    let Method::Biws { commit, anchors, rescore_parents, refresh, .. } = &evaluate.method else { return (0, 0) };
    if *commit == Commit::None && *refresh == 0 {
        return (0, 0);
    }
    let each = (*anchors).min(search.population) + if *rescore_parents { search.parents } else { 0 };
    let later = search.evaluations.saturating_sub(search.population);
    (each, later.div_ceil(search.parents.saturating_mul(search.children).max(1)))
}

/// Scores the anchors and, where that is asked for, the best again from the supernet as it stands before this generation; the best take on
/// their new values, and this says whether they did. What the journal holds is not done again.
pub(super) fn rescore(
    work: &Work<'_>,
    prepared: &Prepared,
    supernet: &Parameters,
    history: &mut History,
    journal: &mut Journal,
    generation: usize,
) -> Result<bool> {
    let Method::Biws { commit, anchors, rescore_parents, refresh, .. } = &work.checked.evaluate()?.method else { return Ok(false) };
    // A supernet that learns nothing gives the same scores again.
    if generation == 0 || (*commit == Commit::None && *refresh == 0) {
        return Ok(false);
    }
    let first = history.candidates.iter().filter(|one| one.generation == 0 && one.finite().is_some());
    let mut wanted: Vec<(Candidate, bool)> = first.take(*anchors).map(|one| (one.clone(), false)).collect();
    if *rescore_parents {
        wanted.extend(ranked(history).best(work.checked.search()?.parents).into_iter().map(|one| (one.clone(), true)));
    }
    let done = |journal: &Journal| {
        journal
            .entries()
            .iter()
            .filter_map(|entry| if let Entry::Rescored(one) = entry { Some(one.clone()) } else { None })
            .filter(|one| one.generation == generation)
            .collect::<Vec<Rescored>>()
    };
    let todo: Vec<(Candidate, bool)> = wanted.into_iter().skip(done(journal).len()).collect();
    let job = |_: usize, (candidate, parent): &(Candidate, bool)| {
        let begun = Instant::now();
        let cost = work.models.cost(&work.checked.space, &candidate.architecture)?;
        let mut tick = || go_on(work.stop);
        let found = adapted(work, prepared, Some(supernet), &candidate.architecture, budget(work)?, &mut tick)
            .and_then(|(training, _)| measured(work, prepared, &candidate.architecture, &training.parameters, &mut tick));
        let values = match found {
            Ok(found) => values(work, &found, cost).unwrap_or_default(),
            Err(error) if error.code == Code::DIVERGED => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Rescored { generation, candidate: candidate.id, parent: *parent, values, seconds: begun.elapsed().as_secs_f64() })
    };
    in_order(&todo, work.workers, work.stop, &job, &mut |_, one: Rescored| journal.append(Entry::Rescored(one)))?;
    for one in done(journal).iter().filter(|one| one.parent) {
        revalue(history, one.candidate, &one.values);
    }
    Ok(*rescore_parents)
}
