//! Searches compared on a table: many seeds each, paired by seed.

use super::{Lookup, Replay, Row, Table, replay};
use crate::check::Checked;
use crate::data::statistics::{at, bootstrap, quantile};
use crate::data::{Duel, duels};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::run::Progress;
use crate::run::workers::in_order;
use crate::settings::{Goal, Measure};
use crate::stream::stream;
use serde::Serialize;
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicBool;

/// Bootstrap samples of an interval.
const SAMPLES: usize = 2_000;
/// The evaluations at which medians are told, as shares of the budget.
const TOLD: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];

/// A comparison of searches.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The seeds.
    pub seeds: (u64, u64),
    /// Evaluations of each search.
    pub evaluations: usize,
    /// The smallest mean loss of the table's rows, and their median: the scale.
    pub scale: (f64, f64),
    /// The searches, in the order of the file.
    pub rivals: Vec<Rival>,
    /// The first search beside each other one.
    pub pairs: Vec<Pair>,
}

/// What one search reached.
#[derive(Clone, Debug, Serialize)]
pub struct Rival {
    /// The experiment's name.
    pub name: String,
    /// Evaluations, and the median over the seeds of the loss reached by then.
    pub medians: Vec<(usize, f64)>,
    /// The median over the seeds of the loss reached after each evaluation.
    pub curve: Vec<f64>,
    /// The area under the curve: the mean over evaluations and seeds of the loss reached, with its 95 % interval over seeds.
    pub area: (f64, f64, f64),
    /// Seeds whose search found nothing new before its budget was spent, and the median of the evaluations over all seeds.
    pub short: (usize, f64),
    /// Share of the seeds that ended with a function whose mean loss lies within 1 % of the table's range from its smallest.
    pub near_best: f64,
}

/// Two searches, paired by seed.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The one.
    pub one: String,
    /// The other.
    pub other: String,
    /// By the loss at the end.
    pub end: Duel,
    /// By the area under the curve.
    pub area: Duel,
}

/// Whether a table has what a search asks for: one loss of each member, of its whole training.
fn replayable(rival: &Checked) -> Result<()> {
    let name = &rival.settings.name;
    if rival.settings.objective != [Goal::Minimize { of: Measure::Loss }] {
        let message = format!("`{name}` seeks something else than the smallest loss, and the rows of a table have losses alone");
        return Diagnostic::error(Code::OBJECTIVES, message).help("`objective = minimize(loss)`").into();
    }
    match rival.search()?.halving {
        Some(_) => Diagnostic::error(Code::RUNGS, format!("`{name}` judges in rungs, and the rows of a table are whole trainings"))
            .help("leave `search.halving` out")
            .into(),
        None => Ok(()),
    }
}

/// Carries every search out on the table with each of the seeds.
///
/// # Errors
/// Where an experiment does not fit the table, asks for what it does not have, or budgets differ.
pub fn compare(
    rivals: &[Checked],
    table: &Table,
    seeds: RangeInclusive<u64>,
    workers: usize,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Comparison> {
    let budgets = rivals.iter().map(|rival| Ok(rival.search()?.evaluations)).collect::<Result<Vec<usize>>>()?;
    let evaluations = budgets.first().copied().unwrap_or(0);
    if let Some((other, budget)) = rivals.iter().zip(&budgets).find(|(_, budget)| **budget != evaluations) {
        let message = format!("`{}` has {budget} evaluations, and the first {evaluations}", other.settings.name);
        return Diagnostic::error(Code::RANGE, message).help("searches are compared at equal evaluations").into();
    }
    rivals.iter().try_for_each(replayable)?;
    if table.header.seeds < 2 {
        let message = "this table has one training of each function, and a search is judged by another than it sees";
        return Diagnostic::error(Code::USAGE, message).help("`phyla table build … --seeds 2`").into();
    }
    let all: Vec<u64> = seeds.clone().collect();
    progress.stage("compare", (all.len() * rivals.len()) as u64, "replays");
    let mut replays: Vec<Vec<Replay>> = Vec::new();
    for rival in rivals {
        let lookup = Lookup::new(rival, table)?;
        let done = (replays.len() * all.len()) as u64;
        let mut own = Vec::new();
        in_order(&all, workers, stop, &|_, seed| replay(rival, &lookup, *seed), &mut |number, replay| {
            own.push(replay);
            progress.at(done + number as u64 + 1, &rival.settings.name);
            Ok(())
        })?;
        replays.push(own);
    }
    let means: Vec<f64> = table.rows.iter().filter_map(Row::mean).collect();
    let (best, worst) = means.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), loss| (low.min(*loss), high.max(*loss)));
    let near = best + 0.01 * (worst - best);
    let each =
        |of: &dyn Fn(&Replay) -> Option<f64>| -> Vec<Vec<f64>> { replays.iter().map(|own| own.iter().filter_map(of).collect()).collect() };
    let ends = each(&|replay| replay.curve.last().copied());
    let areas = each(&|replay| Some(mean(&replay.curve)));
    let told = |rival: &Checked, own: &[Replay], area: &[f64]| {
        let reached = |count: usize| own.iter().filter_map(|replay| replay.curve.get(count).copied()).collect::<Vec<f64>>();
        let curve: Vec<f64> = (0..evaluations).filter_map(|count| quantile(&reached(count), 0.5)).collect();
        let told = |share: &f64| {
            let count = ((evaluations as f64 * share) as usize).max(1);
            Some((count, *curve.get(count - 1)?))
        };
        let mut draws = stream(0, "compare/area", 0);
        let (low, high) =
            bootstrap(area.len(), SAMPLES, &mut draws, &|places| Some(mean(&at(area, places)))).unwrap_or((f64::NAN, f64::NAN));
        let used: Vec<f64> = own.iter().map(|replay| replay.used as f64).collect();
        Rival {
            name: rival.settings.name.clone(),
            medians: TOLD.iter().filter_map(told).collect(),
            curve,
            area: (mean(area), low, high),
            short: (own.iter().filter(|replay| replay.used < evaluations).count(), quantile(&used, 0.5).unwrap_or(0.0)),
            near_best: own.iter().filter(|replay| replay.mean <= near).count() as f64 / own.len().max(1) as f64,
        }
    };
    let all = rivals.iter().zip(&replays).zip(&areas);
    let named: Vec<Rival> = all.map(|((rival, own), area)| told(rival, own, area)).collect();
    let pairs = pairs(&named, &ends, &areas);
    let scale = (best, quantile(&means, 0.5).unwrap_or(f64::NAN));
    Ok(Comparison { seeds: (*seeds.start(), *seeds.end()), evaluations, scale, rivals: named, pairs })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The first beside each other one, ends and areas apart.
fn pairs(rivals: &[Rival], ends: &[Vec<f64>], areas: &[Vec<f64>]) -> Vec<Pair> {
    let Some(first) = rivals.first() else { return Vec::new() };
    let fought = |of: &[Vec<f64>]| of.split_first().map(|(one, others)| duels(one, others)).unwrap_or_default();
    let named = rivals.iter().skip(1).zip(fought(ends)).zip(fought(areas));
    named.map(|((other, end), area)| Pair { one: first.name.clone(), other: other.name.clone(), end, area }).collect()
}
