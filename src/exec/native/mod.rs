//! The executor of the CPU: a program is planned for the sentences of each batch, and the plan carried out in one arena that all steps share.
//!
//! In reading order: `plan` and `tiles` (a program in phases), `packed` (a batch without its padding), `course` and `layout` (when everything
//! happens, and where it stands), `memory`, `threads` and `meter` (the arena, who works on it, and how long), `run` (a plan carried out), its kernels (`rows`,
//! `weights`, `interpret`, `convolution`, `moves`, `judge`) and what they are made of (`product`, `elementwise`, `rowwise`, `vector`).
//!
//! Invariants: padding is never computed, so no result depends on it. What is summed over rows is summed in blocks and chunks whose
//! sizes do not depend on the threads, in their order: the same bytes on one thread or many.

#![expect(
    clippy::indexing_slicing,
    reason = "the kernels' lengths were checked where they are called; an index that is wrong all the same ends the program, as it should"
)]

mod convolution;
mod course;
mod elementwise;
mod interpret;
mod judge;
mod layout;
mod memory;
mod meter;
mod moves;
mod packed;
mod plan;
mod product;
mod rows;
mod rowwise;
mod run;
mod threads;
mod tiles;
pub(in crate::exec) mod vector;
mod weights;

#[cfg(test)]
pub(crate) mod tests;

use super::adamw::{AdamW, AdamWSettings};
use super::geometry::{Geometry, failed, finite, judged_rows};
use super::kernel::Kernel;
use super::parameters::{centre, place_centre};
use super::program::Axis;
use super::{Array, Batch, Executor, Output, ParameterSpec, Parameters, Program, StepKey, Targets, accumulate};
use crate::diagnostic::Result;
pub use course::Keep;
use layout::Layout;
use memory::{Shared, Workspace};
use meter::{Kind, Meter};
use packed::Packed;
use plan::{Phase, Plan};
use run::{Run, Way};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

/// Carries programs out on the CPU, in single precision.
#[derive(Debug, Default)]
pub struct NativeExecutor {
    /// Memory of steps that are over; each step takes one, so that several may run at once.
    workspaces: Mutex<Vec<Workspace>>,
    meter: Meter,
    recompute: bool,
}

impl NativeExecutor {
    /// An executor without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An executor that counts where its time goes, by this clock, in seconds.
    pub fn metered(clock: fn() -> f64) -> Self {
        Self { meter: Meter::new(clock), ..Self::default() }
    }

    /// The same, computing activations anew on the way back or keeping them: what comes out is the same to the byte.
    #[must_use]
    pub fn recomputing(self, recompute: bool) -> Self {
        Self { recompute, ..self }
    }

    /// The bytes of the arenas that are kept for further steps.
    #[cfg(test)]
    pub(crate) fn arenas(&self) -> Vec<u64> {
        let workspaces = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        workspaces.iter().map(|workspace| size_of_val(workspace.arena.as_slice()) as u64).collect()
    }

    /// Runs `work` with memory of its own.
    fn with<R>(&self, work: impl FnOnce(&mut Workspace) -> R) -> R {
        let mut workspace = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let result = work(&mut workspace);
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
        result
    }

    /// A program in phases, and how what they make is laid out for sentences of any length.
    fn planned<'p>(&self, program: &'p Program, keep: Keep) -> Result<(Plan<'p>, Layout)> {
        self.meter.time_of_all(Kind::Planning, || {
            let plan = Plan::new(program)?;
            let layout = Layout::new(&plan, keep);
            Ok((plan, layout))
        })
    }

    /// The loss; the gradients of the parameters stand in the workspace, one after the other.
    fn slopes(
        &self,
        program: &Program,
        parameters: &Parameters,
        batch: &Batch,
        dropout: Option<StepKey>,
        workspace: &mut Workspace,
    ) -> Result<f32> {
        let geometry = Geometry::new(program, batch, dropout)?;
        let shape = shape(program, &geometry)?;
        let judged = check_targets(&batch.targets, &shape)?;
        let values = wanted(program, parameters)?;
        let (plan, layout) = self.planned(program, Keep::of(self.recompute))?;
        // Where nothing mixes predicted places, those without a target give nothing to the loss and are left out. Only what has them in
        // its columns can be summed over them.
        let apart = program.steps().iter().all(|step| step.axes.get(1) != Some(&Axis::Predictions));
        let wanted = |place: usize| match &batch.targets {
            Targets::Classes(targets) if apart && targets.len() == batch.rows * geometry.predictions => {
                targets.get(place).copied().flatten().is_some()
            }
            _ => true,
        };
        let packed = self.meter.time_of_all(Kind::Planning, || Packed::new(&batch.lengths, geometry.predictions, wanted));
        if !judged {
            let total = program.parameters().iter().map(|spec| spec.shape.iter().product::<usize>()).sum();
            workspace.take(0, total).1.fill(0.0);
            return Ok(0.0);
        }
        let loss = prepare(&plan, &layout, &packed, (&values, false), batch, dropout, workspace, &self.meter, |run| {
            run.forward();
            let loss = self.meter.time_of_all(Kind::Loss, || run.judge(batch, &shape));
            run.backward();
            loss
        });
        finite(loss)
    }
}

impl Executor for NativeExecutor {
    fn name(&self) -> &'static str {
        "native"
    }

    fn outputs(
        &self,
        program: &Program,
        parameters: &Parameters,
        batches: &mut dyn Iterator<Item = Cow<'_, Batch>>,
        see: &mut dyn FnMut(Output<'_>) -> Result<()>,
    ) -> Result<()> {
        let values = wanted(program, parameters)?;
        let (plan, layout) = self.planned(program, Keep::Output)?;
        self.with(|workspace| {
            let mut ready = false;
            for batch in batches {
                let geometry = Geometry::new(program, &batch, None)?;
                let shape = shape(program, &geometry)?;
                let packed = self.meter.time_of_all(Kind::Planning, || Packed::new(&batch.lengths, geometry.predictions, |_| true));
                let found = prepare(&plan, &layout, &packed, (&values, ready), &batch, None, workspace, &self.meter, |run| {
                    run.forward();
                    run.in_place(&shape).ok_or_else(|| run.output(&shape))
                });
                ready = true;
                let values = match &found {
                    Ok(place) => workspace.arena.get(place.clone()).unwrap_or_default(),
                    Err(copied) => copied,
                };
                see(Output { batch: &batch, shape: &shape, values })?;
            }
            Ok(())
        })
    }

    fn gradients(&self, program: &Program, parameters: &Parameters, batch: &Batch, dropout: Option<StepKey>) -> Result<(f32, Parameters)> {
        self.with(|workspace| {
            let loss = self.slopes(program, parameters, batch, dropout, workspace)?;
            let mut gradients = Parameters::default();
            let mut at = 0;
            for spec in program.parameters() {
                let size: usize = spec.shape.iter().product();
                let data = workspace.gradients.get(at..at + size).unwrap_or_default().to_vec();
                at += size;
                let own = parameters.0.get(&spec.name).map_or(spec.shape.as_slice(), |array| array.shape.as_slice());
                gradients.0.insert(spec.name.clone(), place_centre(Array { shape: spec.shape.clone(), data }, own, spec));
            }
            Ok((loss, gradients))
        })
    }

    fn step(
        &self,
        program: &Program,
        parts: &[Batch],
        dropout: Option<StepKey>,
        settings: &AdamWSettings,
        lr: f64,
        optimizer: &mut AdamW,
        parameters: &mut Parameters,
    ) -> Result<f32> {
        let [batch] = parts else {
            let (loss, gradients) = accumulate(self, program, parameters, parts, dropout)?;
            return optimizer.update(settings, lr, parameters, &gradients).map(|_| loss);
        };
        self.with(|workspace| {
            let loss = self.slopes(program, parameters, batch, dropout, workspace)?;
            let mut rest = workspace.gradients.as_slice();
            let mut placed = Vec::new();
            for spec in program.parameters() {
                let (gradient, after) = rest.split_at(spec.shape.iter().product());
                rest = after;
                let own = parameters.0.get(&spec.name).map_or(spec.shape.as_slice(), |array| array.shape.as_slice());
                let gradient = match own == spec.shape {
                    true => Cow::Borrowed(gradient),
                    false => Cow::Owned(place_centre(Array { shape: spec.shape.clone(), data: gradient.to_vec() }, own, spec).data),
                };
                placed.push((spec.name.as_str(), gradient));
            }
            let gradients = placed.iter().map(|(name, gradient)| (*name, &**gradient)).collect();
            self.meter.time_of_all(Kind::Update, || optimizer.update_from(settings, lr, parameters, &gradients))?;
            Ok(loss)
        })
    }

    fn rest(&self) {
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn profile(&self) -> Vec<(&'static str, f64)> {
        self.meter.take()
    }
}

/// The bytes that training a program takes, beside the parameters' own and their moments': all of it is taken once, and used by every step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Values, their gradients, packed weights and the threads' scratch.
    pub arena: u64,
    /// The gradients of the parameters; the parameters take as much, and so does each of the optimiser's two moments.
    pub gradients: u64,
}

/// What a run on `rows` sentences of `length` tokens, of which `predictions` are predicted, takes on so many threads.
///
/// # Errors
/// Where the program cannot be planned.
pub fn needs(program: &Program, rows: usize, length: usize, predictions: usize, threads: usize, keep: Keep) -> Result<Needs> {
    let plan = Plan::new(program)?;
    let packed = Packed::new(&vec![length; rows], predictions, |_| true);
    let layout = Layout::new(&plan, keep);
    let (_, used) = layout.offsets(&packed);
    let values: usize = program.parameters().iter().map(|spec| spec.shape.iter().product::<usize>()).sum();
    let bytes = |values: usize| (values * size_of::<f32>()) as u64;
    Ok(Needs { arena: bytes(used + threads * scratch(&plan, &layout, &packed)), gradients: bytes(values) })
}

/// The full shape of a program's output: batch, heads where it has them, its axes.
fn shape(program: &Program, geometry: &Geometry) -> Result<Vec<usize>> {
    program.steps().get(program.output()).map(|step| geometry.shape(step)).ok_or_else(|| failed("the program has no result".to_owned()))
}

/// Whether there is anything to be judged.
fn check_targets(targets: &Targets, shape: &[usize]) -> Result<bool> {
    let (elements, classes) = (shape.iter().product::<usize>(), shape.last().copied().unwrap_or(1).max(1));
    match targets {
        Targets::None => Err(failed("the batch has no targets".to_owned())),
        Targets::Classes(targets) => judged_rows(targets, elements / classes, classes).map(|(rows, _)| !rows.is_empty()),
        Targets::Scores(scores) if scores.len() != elements => {
            Err(failed(format!("the output has {elements} scores, and the batch {} targets", scores.len())))
        }
        Targets::Scores(_) => Ok(true),
    }
}

/// Lays everything out and hands the run to `work`, inside a pool of threads. The parameters come with whether those weights that stay packed
/// are so from a run before.
#[expect(clippy::too_many_arguments, reason = "a run has these parts")]
fn prepare<R: Send>(
    plan: &Plan<'_>,
    layout: &Layout,
    packed: &Packed,
    (parameters, ready): (&[Cow<'_, [f32]>], bool),
    batch: &Batch,
    key: Option<StepKey>,
    workspace: &mut Workspace,
    meter: &Meter,
    work: impl FnOnce(&mut Run<'_>) -> R + Send,
) -> R {
    let specs = plan.program.parameters();
    let threads = threads::threads();
    let place = || (layout.offsets(packed), scratch(plan, layout, packed), indices(plan, packed, batch));
    let ((offsets, used), each, indices) = meter.time_of_all(Kind::Planning, place);
    let sizes: Vec<usize> = specs.iter().map(|spec| spec.shape.iter().product()).collect();
    let ready = ready && workspace.holds(used + threads * each);
    let (arena, gradients) = workspace.take(used + threads * each, sizes.iter().sum());
    let (arena, gradients) = (Shared::new(arena), Shared::new(gradients));
    let mut at = 0;
    let gradients = sizes.iter().map(|size| {
        at += size;
        gradients.part(at - size, *size)
    });
    let mut run = Run {
        plan,
        layout,
        way: Way::Forward,
        values: &layout.values,
        packed,
        offsets,
        arena: arena.part(0, used),
        scratch: (0..threads).map(|thread| arena.part(used + thread * each, each)).collect(),
        parameters,
        ready,
        gradients: if layout.gradients.is_empty() { Vec::new() } else { gradients.collect() },
        indices,
        key,
        meter,
    };
    // Outside of a pool every parallel loop would have to wake one up.
    if rayon::current_thread_index().is_some() { work(&mut run) } else { rayon::scope(|_| work(&mut run)) }
}

/// A program's parameters as it wants them: the centre of a larger one is copied.
fn wanted<'a>(program: &Program, parameters: &'a Parameters) -> Result<Vec<Cow<'a, [f32]>>> {
    let value = |spec: &ParameterSpec| {
        let array = parameters.0.get(&spec.name).ok_or_else(|| failed(format!("the parameter `{}` is missing", spec.name)))?;
        Ok(centre(array, spec)?.map_or(Cow::Borrowed(array.data.as_slice()), |slice| Cow::Owned(slice.data)))
    };
    program.parameters().iter().map(value).collect()
}

/// The scratch that each thread needs.
fn scratch(plan: &Plan<'_>, layout: &Layout, packed: &Packed) -> usize {
    let widest = (0..plan.roots.len()).map(|slot| plan.form(slot).per_row()).max().unwrap_or(0);
    let phase = |(phase, scratch): (&Phase, &[usize; 3])| match phase {
        Phase::Rows(_, steps) => {
            (scratch.iter().max().copied().unwrap_or(0) * layout::BLOCK + 2 * widest).max(weights::scratch(plan, steps))
        }
        Phase::Tiles(tiling) => interpret::scratch(tiling, packed, true),
        Phase::Move(slot) => convolution::scratch(plan, *slot, packed),
    };
    plan.phases.iter().zip(&layout.scratch).map(phase).max().unwrap_or(0).next_multiple_of(16)
}

/// The indices of each input, without padding.
fn indices(plan: &Plan<'_>, packed: &Packed, batch: &Batch) -> Vec<Vec<u32>> {
    let rows = |step: &super::program::Step| {
        let Kernel::Input(name) = &step.kernel else { return Vec::new() };
        let all = batch.inputs.get(name).map(Vec::as_slice).unwrap_or_default();
        match step.axes.first() {
            Some(Axis::Tokens) => {
                packed.tokens.iter().filter_map(|[row, at]| all.get(*row as usize * batch.width + *at as usize)).copied().collect()
            }
            Some(Axis::Predictions) => packed.places.iter().filter_map(|place| all.get(*place)).copied().collect(),
            _ => all.to_vec(),
        }
    };
    plan.program.steps().iter().map(rows).collect()
}
