//! Rank agreement: whether shared weights rank models as training from scratch does.
//!
//! Models are drawn by size, not found by a search, and judged from the supernet as it is after the warm-up: nothing is committed. Both
//! ways fine-tune alike. Beside them stands a training from scratch in as many steps as sharing took: whether sharing adds anything to short
//! training is the question that tau alone does not answer.

use super::evaluate::{adapted, budget, measured, values};
use super::journal::{Agreed, Entry, Journal, Way};
use super::prepare::Prepared;
use super::session::Work;
use super::workers::{go_on, in_order};
use crate::data::statistics::{at, bootstrap, kendall};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Parameters;
use crate::search::UNMET;
use crate::space::{Architecture, Draw, hash};
use crate::stream::{derived, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bootstrap samples of the interval.
const SAMPLES: usize = 2_000;

/// Judges what the journal does not hold yet.
pub(super) fn agreement(work: &Work<'_>, prepared: &Prepared, journal: &mut Journal, warm: Option<&Parameters>) -> Result<()> {
    let Some(settings) = &work.checked.settings.agreement else { return Ok(()) };
    // A search has begun from the supernet that all were judged by.
    if journal.entries().iter().any(|entry| matches!(entry, Entry::Candidate(_))) {
        return Ok(());
    }
    let mut models = members(work, settings.models);
    let judged =
        |of: fn(&Agreed) -> bool| journal.entries().iter().filter(move |entry| matches!(entry, Entry::Agreed(one) if of(one))).count();
    // Once all are judged with shared weights, it is known how many there are, to whoever goes on.
    if judged(|one| one.way != Way::Shared) > 0 {
        models.truncate(judged(|one| one.way == Way::Shared));
    }
    let found = models.len();
    let ways = [Way::Shared, Way::Short].into_iter().chain((0..settings.seeds).map(Way::Scratch));
    let jobs: Vec<(usize, Way)> = ways.flat_map(|way| (0..models.len()).map(move |model| (model, way))).collect();
    let done = journal.entries().iter().filter(|entry| matches!(entry, Entry::Agreed(_))).count();
    let todo: Vec<(usize, Way)> = jobs.into_iter().skip(done).collect();
    if todo.is_empty() {
        return Ok(());
    }
    if found < settings.models {
        let wanted = settings.models;
        work.progress.line(&format!("rank agreement of {found} models: {wanted} were asked for, and no more were found"));
    }
    let Some(warm) = warm else {
        let message = "the supernet's weights are missing from the run folder, or damaged";
        return Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`").into();
    };
    work.progress.stage("rank agreement", todo.iter().map(|(_, way)| length(work, found, *way)).sum::<Result<u64>>()?, "steps");
    let steps = AtomicU64::new(0);
    let job = |_: usize, (model, way): &(usize, Way)| match models.get(*model) {
        Some(architecture) => {
            let budget = length(work, found, *way)?;
            judge(work, prepared, warm, (*model, architecture), (*way, budget), &steps)
        }
        None => Diagnostic::error(Code::INTERNAL, "a model of the rank agreement is missing").into(),
    };
    in_order(&todo, work.workers, work.stop, &job, &mut |_, judged: Agreed| {
        let way = match judged.way {
            Way::Shared => "shared weights".to_owned(),
            Way::Short => "from scratch, in as many steps".to_owned(),
            Way::Scratch(seed) => format!("from scratch, seed {seed}"),
        };
        let value = judged.value.map_or_else(|| "failed".to_owned(), |value| format!("{value:.4}"));
        work.progress.line(&format!("model {:>3}  {way}  {value}", judged.model));
        journal.append(Entry::Agreed(judged))
    })?;
    if let Some(found) = summary(journal.entries()) {
        work.progress.line(&found.told());
    }
    Ok(())
}

/// Distinct members that meet the space's conditions, drawn by size.
fn members(work: &Work<'_>, count: usize) -> Vec<Architecture> {
    let space = &work.checked.space;
    let mut draws = stream(work.checked.settings.seed, "agreement/members", 0);
    let mut known = BTreeSet::new();
    let mut next = || {
        let mut fresh = || space.sample(Draw::BySize, &mut draws).filter(|one| work.meets(one) && known.insert(hash(space, one)));
        (0..UNMET).find_map(|_| fresh())
    };
    (0..count).map_while(|_| next()).collect()
}

fn judge(
    work: &Work<'_>,
    prepared: &Prepared,
    warm: &Parameters,
    (model, architecture): (usize, &Architecture),
    (way, length): (Way, u64),
    steps: &AtomicU64,
) -> Result<Agreed> {
    let (settings, begun) = (&work.checked.settings, Instant::now());
    let cost = work.models.cost(&work.checked.space, architecture)?;
    let mut tick = || {
        let taken = steps.fetch_add(1, Ordering::Relaxed) + 1;
        if taken.is_multiple_of(10) {
            work.progress.at(taken, "");
        }
        go_on(work.stop)
    };
    let (from, budget) = match way {
        Way::Shared => (Some(warm), budget(work)?),
        Way::Short => (None, (settings.seed, length)),
        Way::Scratch(seed) => (None, (derived(settings.seed, "agreement", seed), length)),
    };
    let mut quiet = || go_on(work.stop);
    let found = adapted(work, prepared, from, architecture, budget, &mut tick)
        .and_then(|(training, _)| measured(work, prepared, architecture, &training.into_parameters(), &mut quiet));
    let value = match found {
        Ok(found) => values(work, &found, cost).and_then(|values| values.first().copied()),
        Err(error) if error.code == Code::DIVERGED => None,
        Err(error) => return Err(error),
    };
    Ok(Agreed {
        model,
        way,
        layers: super::outputs::layers(&work.checked.space, architecture),
        params: cost.params,
        flops: cost.flops,
        value,
        steps: budget.1,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Steps of a training, where so many models are judged.
fn length(work: &Work<'_>, models: usize, way: Way) -> Result<u64> {
    let full = work.checked.settings.agreement.as_ref().map_or(0, |agreement| agreement.steps);
    let evaluate = work.checked.evaluate()?;
    Ok(match way {
        Way::Shared => evaluate.adapt,
        Way::Short => evaluate.adapt + evaluate.warmup.div_ceil(models.max(1) as u64),
        Way::Scratch(_) => full,
    })
}

/// What the rank agreement shows.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RankAgreement {
    /// Models judged every way.
    pub models: usize,
    /// Kendall's tau of shared weights with a training from scratch, the mean over seeds.
    pub tau: f64,
    /// Its 95 % bootstrap interval over models.
    pub interval: Option<(f64, f64)>,
    /// Tau between two trainings from scratch, the mean over pairs of seeds; `None` with one seed. What has less noise than a training may agree better.
    pub between: Option<f64>,
    /// Tau of a training from scratch in as many steps as sharing took: what sharing adds lies above it.
    pub short: Option<f64>,
    /// Tau of the parameter count with a training from scratch, the mean over seeds.
    pub params: Option<f64>,
    /// Likewise of FLOPs.
    pub flops: Option<f64>,
    /// Steps of training from scratch for one of shared weights, the warm-up counted.
    pub speed_up_steps: f64,
    /// Likewise in seconds.
    pub speed_up_seconds: f64,
    /// For each model its value with shared weights, and its mean value from scratch.
    pub points: Vec<(f64, f64)>,
}

impl RankAgreement {
    /// In one line.
    pub fn told(&self) -> String {
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let interval = self.interval.map_or_else(String::new, |(low, high)| format!(" [{low:.2}, {high:.2}]"));
        format!(
            "rank agreement over {} models: tau {:.2}{interval}; between two trainings from scratch {}, from scratch in as many steps {}, of parameters {}, of FLOPs {}; {:.1} times fewer steps, {:.1} times less time",
            self.models,
            self.tau,
            number(self.between),
            number(self.short),
            number(self.params),
            number(self.flops),
            self.speed_up_steps,
            self.speed_up_seconds
        )
    }
}

/// What a journal's rank agreement shows; `None` where it is not complete for at least three models.
pub fn summary(entries: &[Entry]) -> Option<RankAgreement> {
    let (warm_steps, warm_seconds) = entries.iter().find_map(|entry| match entry {
        Entry::Warmup { steps, seconds, .. } => Some((*steps as f64, *seconds)),
        _ => None,
    })?;
    let judged: Vec<&Agreed> =
        entries.iter().filter_map(|entry| if let Entry::Agreed(judged) = entry { Some(judged) } else { None }).collect();
    let seed = |one: &Agreed| if let Way::Scratch(seed) = one.way { Some(seed) } else { None };
    let seeds = judged.iter().filter_map(|one| seed(one)).max()? + 1;
    let mut of: BTreeMap<usize, Vec<&Agreed>> = BTreeMap::new();
    judged.iter().for_each(|one| of.entry(one.model).or_default().push(one));
    let whole: Vec<&Vec<&Agreed>> =
        of.values().filter(|ways| ways.len() as u64 == seeds + 2 && ways.iter().all(|way| way.value.is_some())).collect();
    if whole.len() < 3 {
        return None;
    }
    let column = |way: Way, what: &dyn Fn(&Agreed) -> f64| {
        whole.iter().flat_map(|ways| ways.iter().find(|one| one.way == way).map(|one| what(one))).collect::<Vec<f64>>()
    };
    let value = |one: &Agreed| one.value.unwrap_or(f64::NAN);
    let shared = column(Way::Shared, &value);
    let scratch: Vec<Vec<f64>> = (0..seeds).map(|seed| column(Way::Scratch(seed), &value)).collect();
    let mean_tau = |with: &[f64], places: &[usize]| {
        let taus: Option<Vec<f64>> = scratch.iter().map(|one| kendall(&at(with, places), &at(one, places))).collect();
        taus.map(|taus| taus.iter().sum::<f64>() / taus.len() as f64)
    };
    let all: Vec<usize> = (0..whole.len()).collect();
    let tau = mean_tau(&shared, &all)?;
    let interval = bootstrap(whole.len(), SAMPLES, &mut stream(0, "agreement/interval", 0), &|places| mean_tau(&shared, places));
    let pairs: Vec<f64> = scratch
        .iter()
        .enumerate()
        .flat_map(|(place, one)| scratch.iter().skip(place + 1).filter_map(|other| kendall(one, other)))
        .collect();
    let between = (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64);
    let total = |way: &dyn Fn(&Agreed) -> bool, what: &dyn Fn(&Agreed) -> f64| {
        judged.iter().filter(|one| way(one)).map(|one| what(one)).sum::<f64>()
    };
    let ratio = |what: &dyn Fn(&Agreed) -> f64, warm: f64| {
        total(&|one| seed(one).is_some(), what) / seeds as f64 / (warm + total(&|one| one.way == Way::Shared, what)).max(1e-9)
    };
    let mean = |place: usize| scratch.iter().filter_map(|one| one.get(place)).sum::<f64>() / seeds as f64;
    Some(RankAgreement {
        models: whole.len(),
        tau,
        interval,
        between,
        short: mean_tau(&column(Way::Short, &value), &all),
        params: mean_tau(&column(Way::Shared, &|one| one.params as f64), &all),
        flops: mean_tau(&column(Way::Shared, &|one| one.flops as f64), &all),
        speed_up_steps: ratio(&|one| one.steps as f64, warm_steps),
        speed_up_seconds: ratio(&|one| one.seconds, warm_seconds),
        points: shared.iter().enumerate().map(|(place, value)| (*value, mean(place))).collect(),
    })
}
