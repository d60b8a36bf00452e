//! The benchmark: training, forward passes and fine-tuning against PyTorch, in short bursts in turn.
//!
//! In reading order: `work` (sizes, batches, lengths), `wire` (what the two sides are asked), `serve` (our side, a process of its
//! own), `peak` (what the machine can do), `side` (a side seen from here), `outcome` (what was found), and [`bench()`] itself.
//!
//! Both sides are processes that answer the same questions on the same lines, so that memory, threads and priority are each
//! one's own and neither waits for the other's pool. Absolute times of a shared machine mean nothing; the ratio of two bursts
//! that ran one after the other does.

mod outcome;
mod peak;
mod serve;
mod side;
mod wire;
mod work;

pub use outcome::{Machine, Measured, Outcome, Range, Timing};
pub use serve::serve;
pub use side::{Peer, peer};
pub use work::{BASE, LAYERS, MICRO, SMALL, Size, TINY};

use super::Progress;
use super::files::{Disk, free_memory};
use crate::check::{Checker, Models as Templates, NamedArchitecture, World};
use crate::diagnostic::{Code, Diagnostic, FileId, Result};
use crate::space::fillings;
use crate::supernet::Models;
use side::Side;
use wire::{Head, Message, Spec};

/// What is measured, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sizes.
    pub sizes: Vec<&'static Size>,
    /// The layers, by the names of the standard library's architectures.
    pub layers: Vec<&'static str>,
    /// Threads of either side.
    pub threads: usize,
    /// Pairs of bursts.
    pub bursts: u64,
    /// Sentences of a task that one burst of fine-tuning passes over; 0 for all.
    pub rows: usize,
    /// The rate of dropout.
    pub dropout: f64,
    /// The executor, by name.
    pub executor: String,
    /// Whether it computes activations anew on the way back.
    pub recompute: bool,
    /// PyTorch, where it is there.
    pub peer: Option<Peer>,
}

/// Seconds that a burst of steps is to take on the slower side.
const BURST: f64 = 0.4;

/// Measures and compares; `progress` is told of every burst.
///
/// # Errors
/// Where a side cannot be started or fails; the message says which and why.
pub fn bench(options: &Options, progress: &dyn Progress) -> Result<Outcome> {
    let machine = machine(options)?;
    let Options { executor, recompute, dropout, .. } = options;
    let mut outcome =
        Outcome { machine, executor: executor.clone(), recompute: *recompute, dropout: *dropout, peer: None, models: Vec::new() };
    for size in &options.sizes {
        for layers in &options.layers {
            progress.stage(&format!("{} {layers}", size.name), options.bursts * (4 + u64::from(options.threads > 1)), "bursts");
            let (measured, about) = model(options, size, layers, &mut outcome.machine.peak_gflops, progress)?;
            outcome.models.push(measured);
            outcome.peer = outcome.peer.or(about);
        }
    }
    let peak = outcome.machine.peak_gflops;
    outcome.models.iter_mut().flat_map(|model| [&mut model.step, &mut model.forward]).for_each(|timing| timing.compare(peak));
    Ok(outcome)
}

/// What the standard library means by an architecture's name, with the graphs around an encoder.
fn resolve(name: &str) -> Result<(NamedArchitecture, Templates)> {
    let world = World::load(&Disk, &[]);
    let checker = Checker::new(&world, &Disk);
    let found = checker.named_architecture("std.architectures", name, FileId::default()).zip(checker.models());
    found.ok_or_else(|| Box::new(Diagnostic::error(Code::UNKNOWN_NAME, format!("the standard library has no architecture `{name}`"))))
}

fn machine(options: &Options) -> Result<Machine> {
    let mut ours = Side::ours(options)?;
    let mut peak = |threads| ours.number(&Message::Peak { threads }, "gflops");
    Ok(Machine {
        processor: peak::processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        threads: options.threads,
        peak_gflops_of_one: peak(1)?,
        peak_gflops: peak(options.threads)?,
        real_time: side::real_time(),
        load: peak::load(),
    })
}

/// Both sides with the same model.
struct Pair<'a> {
    ours: Side,
    peer: Option<Side>,
    bursts: u64,
    done: u64,
    progress: &'a dyn Progress,
}

impl Pair<'_> {
    /// Tells both the same; gives what the peer answers.
    fn tell(&mut self, message: &Message) -> Result<Option<serde_json::Value>> {
        self.ours.ask(message)?;
        self.peer.as_mut().map(|peer| peer.ask(message)).transpose()
    }

    /// The seconds that each side takes.
    fn time(&mut self, message: &Message) -> Result<(f64, Option<f64>)> {
        let peer = self.peer.as_mut().map(|peer| peer.number(message, "seconds")).transpose()?;
        Ok((self.ours.number(message, "seconds")?, peer))
    }

    /// Bursts in turn, PyTorch first; `units` of the work are in each, and `flops` in a unit.
    fn bursts(&mut self, what: &str, units: u64, flops: Option<f64>, message: &dyn Fn(u64) -> Message) -> Result<Timing> {
        let mut times = Vec::new();
        for number in 0..self.bursts {
            times.push(self.time(&message(number))?);
            self.done += 1;
            self.progress.at(self.done, what);
        }
        Ok(Timing::new(&times, units as f64, flops))
    }

    /// Our time for a step of as many models as threads at once, one thread each, over that of one after the other on all of them.
    fn at_once(&mut self, threads: usize, count: u64) -> Result<Option<Range>> {
        if threads < 2 {
            return Ok(None);
        }
        // Shared among the models, so that a burst takes about as long.
        let each = count.div_ceil(threads as u64).max(2);
        // The first pass fetches memory and is slow.
        self.ours.ask(&Message::Beside { count: each })?;
        let mut ratios = Vec::new();
        for _ in 0..self.bursts {
            let alone = self.ours.number(&Message::Steps { count }, "seconds")? / count as f64;
            let beside = self.ours.number(&Message::Beside { count: each }, "seconds")? / (each * threads as u64) as f64;
            ratios.push(beside / alone);
            self.done += 1;
            self.progress.at(self.done, "several models at once");
        }
        Ok(Range::of(ratios))
    }

    /// As many units as fill a burst, after a warm-up.
    fn units(&mut self, message: &dyn Fn(u64) -> Message) -> Result<u64> {
        self.time(&message(2))?;
        let (ours, peer) = self.time(&message(1))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
        let units = (BURST / ours.max(peer.unwrap_or(0.0))).clamp(1.0, 100.0) as u64;
        Ok(units)
    }
}

fn pair<'a>(options: &Options, spec: &Spec, progress: &'a dyn Progress) -> Result<(Pair<'a>, Option<serde_json::Value>)> {
    let ours = Side::ours(options)?;
    let peer = options.peer.as_ref().map(Side::theirs).transpose()?;
    let mut pair = Pair { ours, peer, bursts: options.bursts, done: 0, progress };
    let ours = pair.ours.number(&Message::Model(Box::new(spec.clone())), "parameters")?;
    let told = pair.peer.as_mut().map(|peer| peer.ask(&Message::Model(Box::new(spec.clone())))).transpose()?;
    let theirs = told.as_ref().and_then(|told| told.get("parameters")).and_then(serde_json::Value::as_f64);
    if theirs.is_some_and(|theirs| theirs != ours) {
        let message = format!("PyTorch's model has {} parameters and ours {ours}: they are not the same", theirs.unwrap_or(0.0));
        return Diagnostic::error(Code::INTERNAL, message).into();
    }
    Ok((pair, told.and_then(|told| told.get("about").cloned())))
}

/// One size with one kind of layers. `peak` is raised where the machine reaches more than it did before: beside another's load it
/// reaches less.
fn model(
    options: &Options,
    size: &'static Size,
    layers: &'static str,
    peak: &mut f64,
    progress: &dyn Progress,
) -> Result<(Measured, Option<serde_json::Value>)> {
    let name = format!("std.architectures.{layers}.first({})", size.layers);
    let (named, templates) = resolve(&name)?;
    let spec = Spec::new(&name, fillings(&named.space, &named.architecture), size, options);
    let models = Models { masked_lm: templates.masked_lm, classifier: templates.classifier, model: spec.sizes() };
    let cost = models.cost(&named.space, &named.architecture)?;
    // Of the last layer most rows are wanted by no one: what is carried out is less than what the graph says.
    let program = models.masked_lm(&named.space, &named.architecture)?;
    let forward_flops = (program.flops(size.length, size.places()) * size.batch as u64) as f64;

    let (mut pair, about) = pair(options, &spec, progress)?;
    pair.tell(&Message::Batches { batches: work::masked(size) })?;
    let steps = |count| Message::Steps { count };
    let units_of_steps = pair.units(&steps)?;
    // A step back costs two products for each one forward: one for the operand, one for the weights.
    let step = pair.bursts("training steps", units_of_steps, Some(3.0 * forward_flops), &|_| steps(units_of_steps))?;
    let kernels = pair.ours.kernels(&steps(units_of_steps))?;
    let forwards = |count| Message::Forwards { count };
    let units = pair.units(&forwards)?;
    let forward = pair.bursts("forward passes", units, Some(forward_flops), &|_| forwards(units))?;
    *peak = peak.max(pair.ours.number(&Message::Peak { threads: options.threads }, "gflops")?);
    let memory = pair.ours.number(&Message::Memory, "peak_bytes").ok();
    let peer_memory = pair.peer.as_mut().map(|peer| peer.number(&Message::Memory, "peak_bytes")).transpose()?;
    // What follows is ours alone, and the peer's memory may be wanted.
    pair.peer = None;
    let copies = memory.map_or(0.0, |bytes| bytes * options.threads as f64);
    let fit = free_memory().is_none_or(|free| copies < free as f64);
    let at_once = if fit { pair.at_once(options.threads, units_of_steps)? } else { None };
    let done = pair.done;
    drop(pair);

    let spec = Spec { head: Head::Classifier, rows: work::TASK_BATCH, width: size.length.min(work::TASK_WIDTH), ..spec };
    let (mut pair, _) = self::pair(options, &spec, progress)?;
    pair.done = done;
    let mut fine_tuning = Vec::new();
    for task in work::TASKS {
        let (lengths, real) = task.lengths(size, options.rows)?;
        pair.tell(&Message::Task { lengths, batch: work::TASK_BATCH })?;
        let epochs = |seed| Message::Epochs { seed };
        // The first pass fetches memory and is slow.
        pair.time(&epochs(options.bursts))?;
        let timing = pair.bursts(&format!("fine-tuning, {}", task.name), 1, None, &epochs)?;
        fine_tuning.push((task.name, real, timing));
    }
    let measured = Measured {
        size: size.name,
        layers,
        params: cost.params,
        params_without_embeddings: cost.params_without_embeddings,
        flops: cost.flops,
        step,
        at_once,
        forward,
        fine_tuning,
        peak_bytes: memory,
        peer_peak_bytes: peer_memory,
        kernels,
    };
    Ok((measured, about))
}

#[cfg(test)]
mod tests {
    use super::{BASE, Size, resolve};
    use crate::exec::native::{Keep, needs};
    use crate::settings::Model;
    use crate::supernet::Models;

    #[test]
    fn a_step_of_base_models_takes_less_than_six_gibibytes() {
        let Size { layers, hidden, heads, feed_forward, length, vocabulary, batch, .. } = BASE;
        assert_eq!((layers, hidden, length, batch), (12, 768, 128, 8));
        for name in super::LAYERS {
            let (named, templates) = resolve(&format!("std.architectures.{name}.first({layers})")).unwrap();
            let model = Model { hidden, heads, feed_forward, length, vocabulary, dropout: 0.1 };
            let models = Models { masked_lm: templates.masked_lm, classifier: templates.classifier, model };
            let program = models.masked_lm(&named.space, &named.architecture).unwrap();
            let needs = needs(&program, batch, length, BASE.places(), 2, Keep::All).unwrap();
            assert!(needs.arena + 4 * needs.gradients < 6 << 30, "{name}: {needs:?}");
        }
    }
}
