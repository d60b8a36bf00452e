//! What a run will do and cost, told before anything is spent.

use super::Executors;
use super::feasible::acceptance;
use super::files::free_memory;
use super::halving::work_of;
use super::memory::{Memory, memory};
use super::session::{default_folder, models};
use crate::check::Checked;
use crate::data::{Corpus, Vocabulary};
use crate::diagnostic::{Result, counted};
use crate::exec::parameters::initialise;
use crate::settings::{Method, Train};
use crate::space::{Architecture, Draw};
use crate::stream::stream;
use crate::train::{Training, masking, pretrain};
use num_bigint::BigUint;
use num_traits::ToPrimitive;
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
    /// Architectures in the space, exactly.
    pub architectures: String,
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
    /// Masked-LM steps of all, and how often one is judged.
    pub search: (u64, u64),
    /// Models of the last table, seeds included.
    pub finals: u64,
    /// Masked-LM steps of each.
    pub final_steps: u64,
    /// What training the largest candidate holds in memory; `None` on a GPU.
    pub memory: Option<Memory>,
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
    let cost = |architecture: &Architecture| models.cost(&checked.space, architecture).ok().map(|cost| (cost.params, cost.flops));
    let extremes = crate::space::extremes(&checked.space, settings.seed, &cost);
    let without = |architecture: &Architecture| models.cost(&checked.space, architecture).map_or(0, |cost| cost.params_without_embeddings);
    let without_embeddings = extremes.as_ref().map_or((0, 0), |[(small, _), (large, _)]| (without(small), without(large)));
    let memory = extremes.as_ref().map(|[_, (large, _)]| memory(checked, &models, large)).transpose()?.flatten();
    let [smallest, largest] = extremes.map_or([(0, 0); 2], |[(_, smallest), (_, largest)]| [smallest, largest]);
    let finals = (1 + checked.compare.len() + settings.compare_random) as u64 * settings.r#final.seeds;
    let warmup = if settings.evaluate.method == Method::Scratch { 0 } else { settings.evaluate.warmup };
    let supernet = match settings.evaluate.method {
        Method::Scratch => 0,
        Method::Biws { .. } => {
            let specs = crate::supernet::specifications(&models, &checked.space, settings.seed)?;
            specs.iter().map(|spec| spec.shape.iter().product::<usize>() as u64 * 4).sum()
        }
    };
    let agreement = settings.agreement.as_ref().map_or((0, 0), |agreement| {
        let models = agreement.models as u64;
        (models, models * (2 * settings.evaluate.adapt + agreement.steps * agreement.seeds) + settings.evaluate.warmup)
    });
    let mut plan = Plan {
        fingerprint: checked.fingerprint.to_string(),
        folder: default_folder(checked),
        architectures: checked.space.count().to_string(),
        acceptance,
        smallest,
        largest,
        without_embeddings,
        warmup,
        supernet,
        agreement,
        candidates: settings.search.evaluations,
        adapt: settings.evaluate.adapt,
        search: work_of(&settings.search, settings.evaluate.adapt),
        finals,
        final_steps: settings.r#final.pretrain.steps,
        memory,
        seconds: None,
    };
    // What does not fit is not tried either.
    let fits = plan.memory.is_none_or(|memory| memory.fits(free_memory()).is_ok());
    if let Some(executors) = executors.filter(|_| fits) {
        plan.seconds = Some(estimate(checked, executors, &plan)?);
    }
    Ok(plan)
}

/// Steps that are timed, and the width from which on only two are.
const STEPS: u64 = 12;
const LARGE: usize = 512;

/// Times some masked-LM steps of a candidate on words of its own making, and scales up: fine-tuning is taken to cost as much a
/// row and token, and half as much again for what surrounds it.
fn estimate(checked: &Checked, executors: &Executors, plan: &Plan) -> Result<f64> {
    let settings = &checked.settings;
    let models = models(checked);
    let Some(architecture) = checked.space.sample(Draw::BySize, &mut stream(settings.seed, "plan", 0)) else { return Ok(0.0) };
    let program = models.masked_lm(&checked.space, &architecture)?;
    // The cost of a step does not depend on the words.
    let text = "the quick brown fox jumps over the lazy dog and the dog sleeps on\n".repeat(400);
    let vocabulary = Vocabulary::train(text.lines(), settings.model.vocabulary, true)?;
    let corpus = Corpus::new(&[&text], &vocabulary, 0.0)?;
    // As many sentences as memory surely holds: a step of a large model at its whole batch may take a cluster's.
    let length = settings.model.length;
    let batch = settings.r#final.pretrain.batch.min((MEASURED / length).max(1));
    let train = &Train { batch, phases: Vec::new(), ..settings.r#final.pretrain.clone() };
    let masking = masking(train, &vocabulary);
    let executor = executors.of(train)?;
    let mut training = Training { parameters: initialise(program.parameters(), 0), ..Training::default() };
    // The first steps fetch memory and are slow; the fastest is what the rest will be like.
    let (mut last, mut fastest) = (Instant::now(), f64::INFINITY);
    // A large model takes seconds a step, and its first one tells enough.
    let total = if models.model.hidden >= LARGE { 2 } else { STEPS };
    let mut watch = |_: &Training, _: f32| {
        fastest = fastest.min(last.elapsed().as_secs_f64());
        last = Instant::now();
        Ok(())
    };
    super::workers::pool(1)?.install(|| {
        pretrain(executor, &mut |_| Ok(program.clone()), &corpus, &masking, train, length, 0, total, &mut training, &mut watch)
    })?;
    let one = fastest / train.batch as f64;
    let rows = |suite: &crate::settings::Suite| {
        // Without reading them: as many rows as the setting allows, or some thousands.
        let each = if suite.rows == 0 { 2_500.0 } else { suite.rows as f64 };
        each * suite.tasks.len() as f64 * suite.train.epochs as f64 * suite.seeds as f64 * suite.train.lr.len().max(1) as f64 * 0.7
    };
    let warmup = plan.warmup as f64 * settings.evaluate.pretrain.batch as f64;
    let tuned = settings.agreement.as_ref().map_or(0.0, |agreement| (agreement.models as u64 * (2 + agreement.seeds)) as f64);
    let agreement = plan.agreement.1 as f64 * settings.evaluate.pretrain.batch as f64 + tuned * rows(&settings.evaluate.suite);
    let search = plan.search.0 as f64 * settings.evaluate.pretrain.batch as f64 + plan.search.1 as f64 * rows(&settings.evaluate.suite);
    let finals = plan.finals as f64 * (plan.final_steps as f64 * settings.r#final.pretrain.batch as f64 + rows(&settings.r#final.suite));
    Ok(one * 1.2 * (warmup + (agreement + search + finals) / settings.workers as f64))
}

impl Plan {
    fn accepted(&self) -> String {
        self.acceptance.map_or_else(String::new, |share| format!(", of which about {:.2} % meet its conditions", 100.0 * share))
    }

    /// The plan as lines for a reader.
    pub fn show(&self) -> String {
        let steps = self.warmup + self.agreement.1 + self.search.0 + self.finals * self.final_steps;
        let agreement = match self.agreement {
            (0, _) => String::new(),
            (models, steps) => format!("; rank agreement of {}, {}", counted(models, "model"), counted(grouped(steps), "step")),
        };
        let halved = if self.search.1 > self.candidates as u64 { "at most " } else { "" };
        let mut lines = vec![
            format!("experiment  fingerprint {}, in {}", self.fingerprint, self.folder.display()),
            format!("space       {}{}", counted(short(&self.architectures), "architecture"), self.accepted()),
            format!(
                "candidates  {} to {} parameters ({} to {} without embeddings), {} to {} FLOPs a sentence",
                grouped(self.smallest.0),
                grouped(self.largest.0),
                grouped(self.without_embeddings.0),
                grouped(self.without_embeddings.1),
                amount(self.smallest.1),
                amount(self.largest.1)
            ),
            format!(
                "stages      warm-up {}{agreement}; search {} × {halved}{}; final {} × {}; {} in all, and fine-tuning",
                counted(grouped(self.warmup), "step"),
                counted(self.candidates, "candidate"),
                counted(grouped(self.adapt), "step"),
                counted(self.finals, "model"),
                counted(grouped(self.final_steps), "step"),
                counted(grouped(steps), "masked-LM step")
            ),
        ];
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

/// A whole number in groups of three, to two digits where it is long: `4.1e77`.
pub(super) fn short(digits: &str) -> String {
    let text = crate::space::short(digits);
    text.parse().map_or(text, grouped)
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
