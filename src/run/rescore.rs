//! Candidates scored again as the supernet learns: anchors, which tell how far scores drift, and parents, where that is asked for.

use super::evaluate::{adapted, budget, measured, values};
use super::journal::{Entry, Journal, Rescored};
use super::prepare::Prepared;
use super::restore::revalue;
use super::session::Work;
use super::workers::{go_on, in_order};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Parameters;
use crate::search::{History, parents, ranked};
use crate::settings::{Algorithm, Commit, Evaluate, Method, Search};
use std::collections::BTreeMap;
use std::time::Instant;

/// How many candidates a search scores again, about: some before each generation but the first. A parent that loses its place to another
/// makes it more, an anchor that is a parent less.
pub(super) fn planned(search: &Search, evaluate: &Evaluate) -> (usize, usize) {
    let Method::Biws { commit, anchors, rescore_parents, refresh, .. } = &evaluate.method else { return (0, 0) };
    if *commit == Commit::None && *refresh == 0 {
        return (0, 0);
    }
    let parents = match search.algorithm {
        _ if !*rescore_parents => 0,
        Algorithm::Random => 0,
        Algorithm::Climb { .. } => 1,
        Algorithm::Evolution | Algorithm::Aging { .. } => search.parents,
    };
    let each = (*anchors).min(search.population) + parents;
    let later = search.evaluations.saturating_sub(search.population);
    (each, later.div_ceil(search.parents.saturating_mul(search.children).max(1)))
}

/// Scores the anchors and, where that is asked for, the next parents again from the supernet as it stands before this generation. Parents take
/// on their new values, and whoever then takes the place of one is scored again, too; this says whether any did. What the journal
/// holds is not done again.
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
    let mut wanted: Vec<(usize, bool)> = first.take(*anchors).map(|one| (one.id, false)).collect();
    let mut over: Vec<(usize, bool)> = Vec::new();
    loop {
        if *rescore_parents {
            let ranked = ranked(history);
            let parents = parents(work.checked.search()?, work.checked.settings.seed, &ranked);
            wanted.extend(parents.into_iter().map(|one| (one.id, true)));
        }
        wanted.retain(|one| !over.contains(one));
        if wanted.is_empty() {
            return Ok(*rescore_parents);
        }
        let now = |one: &&Rescored| one.generation == generation;
        let known: Vec<Rescored> = rescored(journal).filter(now).cloned().collect();
        over.append(&mut wanted);
        // An anchor that is a parent, too, is scored once, and written down as both.
        let mut open: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
        for (id, parent) in over.iter().filter(|(id, parent)| !known.iter().any(|one| (one.candidate, one.parent) == (*id, *parent))) {
            match known.iter().find(|one| one.candidate == *id) {
                Some(found) => journal.append(Entry::Rescored(Rescored { parent: *parent, ..found.clone() }))?,
                None => open.entry(*id).or_default().push(*parent),
            }
        }
        let todo: Vec<(usize, Vec<bool>)> = open.into_iter().collect();
        let one = |_: usize, (id, _): &(usize, Vec<bool>)| again(work, prepared, supernet, history, *id, generation);
        in_order(&todo, work.workers, work.stop, &one, &mut |number, one: Rescored| {
            let roles = todo.get(number).into_iter().flat_map(|(_, roles)| roles);
            roles.copied().try_for_each(|parent| journal.append(Entry::Rescored(Rescored { parent, ..one.clone() })))
        })?;
        // Whoever is scored again takes on all values at once, so that it does not matter where a run was interrupted.
        for one in rescored(journal).filter(now).filter(|one| one.parent && over.contains(&(one.candidate, true))) {
            revalue(history, one.candidate, &one.values);
        }
    }
}

/// One candidate scored again.
fn again(work: &Work<'_>, prepared: &Prepared, supernet: &Parameters, history: &History, id: usize, generation: usize) -> Result<Rescored> {
    let begun = Instant::now();
    let Some(candidate) = history.candidates.iter().find(|one| one.id == id) else {
        return Diagnostic::error(Code::INTERNAL, format!("there is no candidate {id} to be scored again")).into();
    };
    let cost = work.models.cost(&work.checked.space, &candidate.architecture)?;
    let mut tick = || go_on(work.stop);
    let found = adapted(work, prepared, Some(supernet), &candidate.architecture, budget(work)?, &mut tick)
        .and_then(|(training, _)| measured(work, prepared, &candidate.architecture, &training.into_parameters(), &mut tick));
    let values = match found {
        Ok(found) => values(work, &found, cost).unwrap_or_default(),
        Err(error) if error.code == Code::DIVERGED => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(Rescored { generation, candidate: id, parent: false, values, seconds: begun.elapsed().as_secs_f64() })
}

/// What was scored again so far.
pub(super) fn rescored(journal: &Journal) -> impl Iterator<Item = &Rescored> {
    journal.entries().iter().filter_map(|entry| if let Entry::Rescored(one) = entry { Some(one) } else { None })
}
