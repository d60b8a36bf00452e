//! What a run will do and cost, told before anything is spent.

use super::Executors;
use super::feasible::acceptance;
use super::halving::work_of;
use super::memory::{Memory, Work, fits, memory};
use super::rescore::planned;
use super::session::{default_folder, models};
use crate::check::{Checked, SharedSpace};
use crate::data::{Corpus, Vocabulary};
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::exec::parameters::initialise;
use crate::graph::Cost;
use crate::settings::{Algorithm, Method, Pick, Search, Train};
use crate::space::{Architecture, Draw};
use crate::stream::stream;
use crate::supernet::Models;
use crate::train::{Training, masking, pretrain};
use num_bigint::BigUint;
use num_traits::ToPrimitive;
use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Instant;

/// Tokens of the steps that are timed, at most.
const MEASURED: usize = 1024;

/// The plan of a run.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Plan {
    /// The hash of the experiment's meaning.
    pub fingerprint: String,
    /// The folder it would run in.
    pub folder: PathBuf,
    /// Architectures in the space, exactly; `None` where nothing is searched.
    pub architectures: Option<String>,
    /// The search in a few words; empty where there is none.
    pub searched: String,
    /// The models that are trained beside what is found.
    pub compared: Vec<String>,
    /// The share of members, drawn as an initial population is, that meet the space's conditions; `None` where it has none.
    pub acceptance: Option<f64>,
    /// Parameters and forward FLOPs (one sentence of full length) of the smallest candidate's masked-LM model.
    pub smallest: (u64, u64),
    /// Likewise of the largest.
    pub largest: (u64, u64),
    /// Parameters of both without the tables of words, segments and positions.
    pub without_embeddings: (u64, u64),
    /// Warm-up steps.
    pub warmup: u64,
    /// Bytes of the supernet's weights, one safetensors file; 0 where nothing is shared.
    pub supernet: u64,
    /// Models of the rank agreement, and the masked-LM steps that all of them take; 0 where there is none.
    pub agreement: (u64, u64),
    /// Candidates.
    pub candidates: usize,
    /// Masked-LM steps of each; where a search is halved, of those that are kept to the end.
    pub adapt: u64,
    /// How many candidates are scored again from the supernet as it has become, and before how many generations, at generations of full size.
    pub again: (usize, usize),
    /// Masked-LM steps of all, what is scored again and the supernet's own included, and how often a candidate is judged.
    pub search: (u64, u64),
    /// Models of the last table, seeds included.
    pub finals: u64,
    /// Masked-LM steps of each.
    pub final_steps: u64,
    /// What training the largest candidate holds in memory; `None` on a GPU, and by candle.
    pub memory: Option<Memory>,
    /// The same by the native executor, whatever carries the experiment out on the CPU: candle holds more.
    #[serde(skip)]
    least: Option<Memory>,
    /// Estimated seconds in all; `None` where it was not asked for.
    pub seconds: Option<f64>,
}

/// Makes the plan; given `executors`, it also times some steps of a middling candidate on them.
///
/// # Errors
/// Where a candidate cannot be lowered.
pub fn plan(checked: &Checked, executors: Option<&Executors>) -> Result<Plan> {
    let settings = &checked.settings;
    let acceptance = acceptance(checked)?;
    let models = models(checked);
    let [smallest, largest] = extremes(checked, &models)?;
    let found = usize::from(settings.search.is_some());
    // Of the initial population, which the best may belong to.
    let random = settings.search.as_ref().map_or(0, |search| settings.compare_random.min(search.population.min(search.evaluations)));
    let finals = (found + checked.compare.len() + random) as u64 * settings.r#final.seeds;
    let (method, warmup, adapt) =
        settings.evaluate.as_ref().map_or((&Method::Scratch, 0, 0), |evaluate| (&evaluate.method, evaluate.warmup, evaluate.adapt));
    let warmup = if *method == Method::Scratch { 0 } else { warmup };
    let supernet = match method {
        Method::Scratch => 0,
        Method::Biws { .. } => {
            let specs = crate::supernet::specifications(&models, &checked.space, settings.seed)?;
            specs.iter().map(|spec| spec.shape.iter().product::<usize>() as u64 * 4).sum()
        }
    };
    let agreement = settings.agreement.as_ref().map_or((0, 0), |agreement| {
        let models = u64::try_from(checked.space.count()).unwrap_or(u64::MAX).min(agreement.models as u64);
        (models, models * (2 * adapt + agreement.steps * agreement.seeds) + warmup)
    });
    // A generation's candidates at once, or all trainings of the rank agreement.
    let together = |search: &Search| search.population.max(search.parents.saturating_mul(search.children)).min(search.evaluations);
    let ranked = settings.agreement.as_ref().map_or(0, |of| agreement.0.saturating_mul(2 + of.seeds));
    let searched = settings.search.as_ref().map_or(0, together).max(usize::try_from(ranked).unwrap_or(usize::MAX));
    let work = Work { searched, finals, workers: settings.workers, supernet };
    let memory = memory(checked, &models, (&largest.space, &largest.architecture), work)?;
    let own = settings.search.as_ref().map_or((0, 0), |search| work_of(search, adapt));
    let both = settings.search.as_ref().zip(settings.evaluate.as_ref());
    let again = both.map_or((0, 0), |(search, evaluate)| planned(search, evaluate));
    let scored = (again.0 * again.1) as u64;
    let refresh = if let Method::Biws { refresh, .. } = method { refresh * again.1 as u64 } else { 0 };
    let random = (random > 0).then(|| counted(random, "random member"));
    let mut plan = Plan {
        fingerprint: checked.fingerprint.to_string(),
        folder: default_folder(checked),
        architectures: settings.search.as_ref().map(|_| checked.space.count().to_string()),
        searched: settings.search.as_ref().map(in_words).unwrap_or_default(),
        compared: checked.compare.iter().map(|known| known.name.clone()).chain(random).collect(),
        acceptance,
        smallest: (smallest.cost.params, smallest.cost.flops),
        largest: (largest.cost.params, largest.cost.flops),
        without_embeddings: (smallest.cost.params_without_embeddings, largest.cost.params_without_embeddings),
        warmup,
        supernet,
        agreement,
        candidates: settings.search.as_ref().map_or(0, |search| search.evaluations),
        adapt,
        again,
        search: (own.0 + scored * adapt + refresh, own.1 + scored),
        finals,
        final_steps: settings.r#final.pretrain.as_ref().map_or(0, |pretrain| pretrain.steps),
        memory: memory.filter(|_| executors.is_none_or(Executors::foretold)),
        least: memory,
        seconds: None,
    };
    // What does not fit is not tried either.
    if let Some(executors) = executors.filter(|executors| plan.fits(executors).is_ok()) {
        plan.seconds = Some(estimate(checked, executors, &plan)?);
    }
    Ok(plan)
}

/// A model that is trained, with what it costs.
struct Priced {
    space: SharedSpace,
    architecture: Architecture,
    cost: Cost,
}

/// Refuses to train members of the space that is searched, where the memory of as many as train at once is not free.
///
/// # Errors
/// Where more is wanted than there is, or a member cannot be lowered.
pub(super) fn members_fit(checked: &Checked, executors: &Executors, (searched, workers): (usize, usize)) -> Result<()> {
    let models = models(checked);
    let [_, largest] = ends_of_space(checked, &models)?;
    let work = Work { searched, finals: 0, workers, supernet: 0 };
    fits(executors, memory(checked, &models, (&largest.space, &largest.architecture), work)?)
}

impl Priced {
    fn new(models: &Models, space: &SharedSpace, architecture: &Architecture) -> Result<Self> {
        Ok(Self { cost: models.cost(space, architecture)?, space: space.clone(), architecture: architecture.clone() })
    }
}

fn nothing() -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::EMPTY_SPACE, "there is nothing to train"))
}

/// The cheapest and the dearest model of an experiment: of the space that is searched, or of what is compared.
fn extremes(checked: &Checked, models: &Models) -> Result<[Priced; 2]> {
    if checked.settings.search.is_some() {
        return ends_of_space(checked, models);
    }
    let weight = |priced: &Priced| (priced.cost.params, priced.cost.flops);
    let pick = |keep: fn(std::cmp::Ordering) -> bool| {
        let compared = checked.compare.iter().map(|known| Priced::new(models, &known.space, &known.architecture));
        let all = compared.collect::<Result<Vec<Priced>>>()?;
        let picked = all.into_iter().reduce(|one, other| if keep(weight(&other).cmp(&weight(&one))) { other } else { one });
        picked.ok_or_else(nothing)
    };
    Ok([pick(std::cmp::Ordering::is_lt)?, pick(std::cmp::Ordering::is_gt)?])
}

/// The cheapest and the dearest member of an experiment's space.
fn ends_of_space(checked: &Checked, models: &Models) -> Result<[Priced; 2]> {
    // A model that cannot be built says why.
    let why = RefCell::new(None);
    let cost = |architecture: &Architecture| match models.cost(&checked.space, architecture) {
        Ok(cost) => Some((cost.params, cost.flops)),
        Err(error) => {
            why.replace(Some(error));
            None
        }
    };
    let found = crate::space::extremes(&checked.space, checked.settings.seed, &cost);
    let [(small, _), (large, _)] = found.ok_or_else(|| why.take().unwrap_or_else(nothing))?;
    Ok([Priced::new(models, &checked.space, &small)?, Priced::new(models, &checked.space, &large)?])
}

/// Steps that are timed, and the width from which on only two are.
const STEPS: u64 = 12;
const LARGE: usize = 512;

/// Times some masked-LM steps of a candidate on words of its own making, and scales up: fine-tuning is taken to cost as much a
/// row and token, and half as much again for what surrounds it.
fn estimate(checked: &Checked, executors: &Executors, plan: &Plan) -> Result<f64> {
    let settings = &checked.settings;
    let models = models(checked);
    let program = match (&settings.search, checked.compare.first()) {
        (None, Some(first)) => models.masked_lm(&first.space, &first.architecture)?,
        _ => {
            let drawn = checked.space.sample(Draw::BySize, &mut stream(settings.seed, "plan", 0));
            let Some(architecture) = drawn else { return Ok(0.0) };
            models.masked_lm(&checked.space, &architecture)?
        }
    };
    // The cost of a step does not depend on the words.
    let text = "the quick brown fox jumps over the lazy dog and the dog sleeps on\n".repeat(400);
    let vocabulary = Vocabulary::train(text.lines(), settings.model.vocabulary, true)?;
    let corpus = Corpus::new(&[&text], &vocabulary, 0.0)?;
    // As many sentences as memory surely holds: a step of a large model at its whole batch may take a cluster's.
    let length = settings.model.length;
    let last = &settings.r#final;
    let timed = last.pretrain.as_ref().unwrap_or(&last.suite.train);
    let train = &Train { batch: timed.batch.min((MEASURED / length).max(1)), phases: Vec::new(), ..timed.clone() };
    let masking = masking(train, &vocabulary);
    let executor = executors.of(train)?;
    let mut training = Training { parameters: initialise(program.parameters(), 0), ..Training::default() };
    // The first steps fetch memory and are slow; the fastest is what the rest will be like.
    let (mut before, mut fastest) = (Instant::now(), f64::INFINITY);
    // A large model takes seconds a step, and its first one tells enough.
    let total = if models.model.hidden >= LARGE { 2 } else { STEPS };
    let mut watch = |_: &Training, _: f32| {
        fastest = fastest.min(before.elapsed().as_secs_f64());
        before = Instant::now();
        Ok(())
    };
    super::workers::pool(1)?.install(|| {
        pretrain(executor, &mut |_| Ok(program.clone()), &corpus, &masking, train, length, 0, total, &mut training, &mut watch)
    })?;
    let one = fastest / train.batch as f64;
    let rows = |suite: &crate::settings::Suite| {
        // Without reading them: as many rows as the setting allows, or some thousands.
        let each: f64 = suite.tasks.iter().map(|task| suite.limit(task).unwrap_or(2_500) as f64).sum();
        each * suite.train.epochs as f64 * suite.seeds as f64 * suite.train.lr.len().max(1) as f64 * 0.7
    };
    let (batch, tuned) = settings.evaluate.as_ref().map_or((0.0, 0.0), |judge| (judge.pretrain.batch as f64, rows(&judge.suite)));
    let agreed = settings.agreement.as_ref().map_or(0.0, |agreement| (agreement.models as u64 * (2 + agreement.seeds)) as f64);
    let warmup = plan.warmup as f64 * batch;
    let agreement = plan.agreement.1 as f64 * batch + agreed * tuned;
    let search = plan.search.0 as f64 * batch + plan.search.1 as f64 * tuned;
    let pretrained = last.pretrain.as_ref().map_or(0.0, |pretrain| (pretrain.steps as usize * pretrain.batch) as f64);
    let finals = plan.finals as f64 * (pretrained + rows(&last.suite));
    Ok(one * 1.2 * (warmup + (agreement + search + finals) / settings.workers as f64))
}

impl Plan {
    /// Refuses what these executors would hold and is not free.
    ///
    /// # Errors
    /// Where more is wanted than there is; the message gives both.
    pub fn fits(&self, executors: &Executors) -> Result<()> {
        fits(executors, self.least)
    }

    fn accepted(&self) -> String {
        self.acceptance.map_or_else(String::new, |share| format!(", of which about {:.2} % meet its conditions", 100.0 * share))
    }

    /// The plan as lines for a reader.
    pub fn show(&self) -> String {
        let steps = self.warmup + self.agreement.1 + self.search.0 + self.finals * self.final_steps;
        let mut lines = vec![format!("experiment  fingerprint {}, in {}", self.fingerprint, self.folder.display())];
        if let Some(architectures) = &self.architectures {
            lines.push(format!("space       {}{}", counted(short(architectures), "architecture"), self.accepted()));
            lines.push(format!("search      {}", self.searched));
        }
        if !self.compared.is_empty() {
            lines.push(format!("compared    {}", self.compared.join(", ")));
        }
        lines.push(format!(
            "{:<11} {} parameters ({} without embeddings), {} FLOPs a sentence",
            if self.architectures.is_some() { "candidates" } else { "models" },
            range(&grouped(self.smallest.0), &grouped(self.largest.0)),
            range(&grouped(self.without_embeddings.0), &grouped(self.without_embeddings.1)),
            range(&amount(self.smallest.1), &amount(self.largest.1))
        ));
        let mut stages = Vec::new();
        if self.warmup > 0 {
            stages.push(format!("warm-up {}", counted(grouped(self.warmup), "step")));
        }
        if let (models @ 1.., steps) = self.agreement {
            stages.push(format!("rank agreement of {}, {}", counted(models, "model"), counted(grouped(steps), "step")));
        }
        if self.candidates > 0 {
            let halved = if self.search.1 > (self.candidates + self.again.0 * self.again.1) as u64 { "at most " } else { "" };
            let adapt = counted(grouped(self.adapt), "step");
            let again = match self.again {
                (0, _) | (_, 0) => String::new(),
                (each, 1) => format!(", {each} of them once more"),
                (each, times) => format!(", {each} of them {times} more times"),
            };
            stages.push(format!("search {} × {halved}{adapt}{again}", counted(self.candidates, "candidate")));
        }
        let finals = counted(self.finals, "model");
        stages.push(match self.final_steps {
            0 => format!("final {finals}, fine-tuned alone"),
            each => format!(
                "final {finals} × {}; {} in all, and fine-tuning",
                counted(grouped(each), "step"),
                counted(grouped(steps), "masked-LM step")
            ),
        });
        lines.push(format!("stages      {}", stages.join("; ")));
        if self.supernet > 0 {
            lines.push(format!("supernet    {}, in one file", bytes(self.supernet)));
        }
        if let Some(Memory { arena, training, peak }) = self.memory {
            let [arena, training, peak] = [arena, training, peak].map(bytes);
            lines.push(format!("memory      about {peak} in all; of each worker {arena} for a step and {training} for its weights"));
        }
        if let Some(seconds) = self.seconds {
            lines.push(format!("time        about {}", duration(seconds)));
        }
        lines.join("\n") + "\n"
    }
}

/// A search's algorithm and its numbers.
fn in_words(search: &Search) -> String {
    let Search { population, parents, children, .. } = search;
    let pick = match search.mutation.pick {
        Pick::Uniform => "evenly",
        Pick::Ucb { .. } => "by priority",
    };
    let each = parents.saturating_mul(*children);
    let first = format!("{} at first", counted(*population, "candidate"));
    let changed = format!("operations drawn {pick}");
    match search.algorithm {
        Algorithm::Evolution => {
            let parents = counted(*parents, "parent");
            format!("evolution: {first}, then generations of {parents} with {} each, {changed}", children_of(*children))
        }
        Algorithm::Aging { tournament } => {
            format!("regularised evolution: {first}, then {each} at a time, parents by tournaments of {tournament}, {changed}")
        }
        Algorithm::Climb { patience } => {
            let patience = counted(patience, "generation");
            format!(
                "local search: {first}, then {each} neighbours of the best at a time, anew after {patience} without a better, {changed}"
            )
        }
        Algorithm::Random => "random: every candidate drawn anew".to_owned(),
    }
}

fn children_of(number: usize) -> String {
    if number == 1 { "1 child".to_owned() } else { format!("{number} children") }
}

/// A whole number in groups of three, to two digits where it is long: `4.1e77`.
pub(super) fn short(digits: &str) -> String {
    let text = crate::space::short(digits);
    text.parse().map_or(text, grouped)
}

/// Two ends, told once where they are one.
fn range(low: &str, high: &str) -> String {
    if low == high { low.to_owned() } else { format!("{low} to {high}") }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

fn amount(number: u64) -> String {
    let value = BigUint::from(number).to_f64().unwrap_or(0.0);
    match value {
        value if value >= 1e12 => format!("{:.1} T", value / 1e12),
        value if value >= 1e9 => format!("{:.1} G", value / 1e9),
        value if value >= 1e6 => format!("{:.1} M", value / 1e6),
        value => format!("{value:.0}"),
    }
}

fn bytes(number: u64) -> String {
    match number as f64 / f64::from(1 << 20) {
        mebibytes if mebibytes < 10_240.0 => format!("{mebibytes:.1} MiB"),
        mebibytes => format!("{:.1} GiB", mebibytes / 1024.0),
    }
}

/// Seconds as a reader says them.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 10.0 => "10 s, or less".to_owned(),
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.0} h", seconds / 3600.0),
        seconds => format!("{:.0} days", seconds / 86400.0),
    }
}
