//! What rows as a whole have to do with weights: packing them before a phase, their gradients after it.

#![expect(unsafe_code, reason = "parts of the arena are handed out here")]

use super::layout::{BLOCK, Place};
use super::meter::Kind;
use super::plan::{Form, Plan, Rows};
use super::product::{Left, PANEL, Start, Strided, multiply, pack, packed_len};
use super::run::{Run, Way};
use super::threads::share;
use super::vector::{Vectors, add_scaled};
use crate::exec::kernel::Kernel;
use std::cmp::Reverse;

/// Rows summed before a product of weights is written.
const CHUNK: usize = 256;
/// Rows of a part of a weight's gradient, about: more where the second cache is as large as processors with the widest vectors have it, since
/// what a part is multiplied with is packed for each; and columns worked on at a time.
const ROWS: usize = 120;
const MORE_ROWS: usize = 264;
const COLUMNS: usize = 256;
/// Panels packed at a time, and rows of a table whose gradient is summed at a time.
const PANELS: usize = 8;
const TABLE: usize = 512;

/// The scratch that the largest part of a weight's gradient takes in a phase of these steps.
pub fn scratch(plan: &Plan<'_>, steps: &[usize]) -> usize {
    let part = |(out, input): (usize, usize)| packed_len(CHUNK, out.min(2 * MORE_ROWS)) + packed_len(CHUNK, input.min(COLUMNS));
    steps.iter().filter_map(|slot| sizes(plan, *slot)).map(part).max().unwrap_or(0)
}

/// The sizes of a linear map: what comes out, what goes in.
fn sizes(plan: &Plan<'_>, slot: usize) -> Option<(usize, usize)> {
    let step = plan.step(slot)?;
    let spec = plan.program.parameters().get(*step.parameters.first()?)?;
    match (&step.kernel, spec.shape.as_slice()) {
        (Kernel::Linear | Kernel::Unembed, [out, input]) => Some((*out, *input)),
        _ => None,
    }
}

/// Panels of a step's weights to be packed, from `panel` on, of `k` × `n` values in all.
pub struct Packing {
    slot: usize,
    k: usize,
    n: usize,
    panel: usize,
}

/// A part of the gradients of a phase.
pub enum Job {
    /// Of a linear map's weight: rows from, and how many.
    Weight(usize, usize, usize),
    /// Of a bias or gain: the sums of all blocks.
    Sums(usize, usize),
    /// Of a table: rows from.
    Table(usize, usize),
}

// SAFETY of this file: jobs of one phase write to parts that do not meet (panels, parts of a weight's gradient, rows of a table),
// and read what no one writes meanwhile, as all blocks of rows are done; the scratch is the thread's own.
impl Run<'_> {
    /// Packs the weights of linear maps: themselves for the way back, else their transposes.
    pub(super) fn pack(&self, steps: &[usize]) {
        let jobs = self.packing(steps);
        share(self.scratch.len(), jobs.len(), &|_, number| jobs.get(number).into_iter().for_each(|job| self.pack_job(job)));
    }

    /// What there is to be packed for these steps.
    pub(super) fn packing(&self, steps: &[usize]) -> Vec<Packing> {
        let mut jobs = Vec::new();
        for slot in steps {
            let Some((out, input)) = sizes(self.plan, *slot) else { continue };
            let (k, n) = if self.way == Way::Back { (out, input) } else { (input, out) };
            jobs.extend((0..n.div_ceil(PANEL)).step_by(PANELS).map(|panel| Packing { slot: *slot, k, n, panel }));
        }
        jobs
    }

    /// Packs some panels.
    pub(super) fn pack_job(&self, job: &Packing) {
        let Packing { slot, k, n, panel } = *job;
        let back = self.way == Way::Back;
        let weight = Strided::rows(self.parameter(slot, 0), if back { n } else { k });
        let place = self.layout.packed.get(slot).map(|packed| packed[self.way as usize]).unwrap_or_default();
        let panels = (n.div_ceil(PANEL) - panel).min(PANELS);
        // SAFETY: see above.
        let to = unsafe { self.buffer(place, panel * PANEL * k, panels * PANEL * k).write() };
        self.meter.time(Kind::Packing, || pack(if back { weight } else { weight.turned() }, k, n, panel, to));
    }

    /// The parts of the gradients of a phase's parameters: those that may be made at the same time, and those that are then made in their order.
    pub(super) fn parameters_back(&self, steps: &[usize]) -> [Vec<Job>; 2] {
        let mut jobs = Vec::new();
        let most = if matches!(Vectors::widest(), Vectors::Wider(_)) { MORE_ROWS } else { ROWS };
        // A thread has two parts or more.
        let share_of_all = steps.iter().filter_map(|slot| sizes(self.plan, *slot)).map(|(out, input)| out * input).sum::<usize>()
            / (2 * self.scratch.len()).max(1);
        for slot in steps.iter().rev() {
            let (Some(step), true) = (self.plan.step(*slot), self.slope(*slot) != Place::Nowhere) else { continue };
            match step.kernel {
                Kernel::Linear | Kernel::Unembed => {
                    let (out, input) = sizes(self.plan, *slot).unwrap_or_default();
                    let rows = (share_of_all / input.max(1)).clamp(ROWS, most);
                    let part = out.div_ceil((out / rows).max(1)).next_multiple_of(PANEL);
                    jobs.extend((0..out).step_by(part).map(|row| Job::Weight(*slot, row, (out - row).min(part))));
                    jobs.push(Job::Sums(*slot, 1));
                }
                Kernel::LayerNorm => jobs.extend([Job::Sums(*slot, 0), Job::Sums(*slot, 1)]),
                Kernel::Embedding | Kernel::Positions => {
                    let width = self.plan.form(*slot).per_row().max(1);
                    let table = self.parameter(*slot, 0).len() / width;
                    jobs.extend((0..table).step_by(TABLE).map(|row| Job::Table(*slot, row)));
                }
                _ => {}
            }
        }
        // Where a parameter is shared within the phase, its gradients are added one step after the other.
        let shared = |job: &Job| {
            let (slot, number) = match job {
                Job::Weight(slot, ..) | Job::Table(slot, _) => (*slot, 0),
                Job::Sums(slot, number) => (*slot, *number),
            };
            !self.parameter_slope(slot, number).1
        };
        let (later, mut now): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(shared);
        // The largest first, so that the threads end together.
        let size = |job: &Job| match job {
            Job::Weight(slot, _, high) => high * sizes(self.plan, *slot).map_or(0, |(_, input)| input),
            _ => 0,
        };
        now.sort_by_key(|job| Reverse(size(job)));
        [now, later]
    }

    /// Makes a part of the gradients.
    pub(super) fn job(&self, rows: Rows, thread: usize, job: &Job) {
        match *job {
            Job::Weight(slot, row, high) => self.meter.time(Kind::Weights, || self.weight_back(rows, thread, slot, row, high)),
            Job::Sums(slot, number) => self.meter.time(Kind::Weights, || self.sums_back(rows, slot, number)),
            Job::Table(slot, row) => self.meter.time(Kind::Tables, || self.table_back(rows, slot, row)),
        }
    }

    /// `high` rows of gᵀ·x, summed over all rows of the batch in chunks.
    fn weight_back(&self, rows: Rows, thread: usize, slot: usize, row: usize, high: usize) {
        let (Some((out, input)), Some(argument)) = (sizes(self.plan, slot), self.plan.arguments(slot).next()) else { return };
        let Form::Matrix { heads, .. } = self.plan.form(slot) else { return };
        let count = self.packed.count(rows) * heads;
        let (to, first) = self.parameter_slope(slot, 0);
        let (left_len, scratch) = (packed_len(CHUNK, high), self.scratch_of(thread));
        // SAFETY: see above.
        let (x, g, to, left, right) = unsafe {
            (
                self.whole(self.place(argument), argument).read(),
                self.whole(self.slope(slot), slot).read(),
                to.part(row * input, high * input).write(),
                scratch.part(0, left_len).write(),
                scratch.part(left_len, packed_len(CHUNK, input.min(COLUMNS))).write(),
            )
        };
        for begin in (0..count.max(1)).step_by(CHUNK) {
            let chunk = (count - begin).min(CHUNK);
            let start = if begin == 0 && first { Start::Zero } else { Start::Result };
            let left = left.get_mut(..packed_len(chunk, high)).unwrap_or_default();
            pack(Strided::rows(g.get(begin * out + row..).unwrap_or_default(), out), chunk, high, 0, left);
            for column in (0..input).step_by(COLUMNS) {
                let wide = (input - column).min(COLUMNS);
                let right = right.get_mut(..packed_len(chunk, wide)).unwrap_or_default();
                pack(Strided::rows(x.get(begin * input + column..).unwrap_or_default(), input), chunk, wide, 0, right);
                multiply(high, wide, chunk, Left::Panels(left), right, start, to.get_mut(column..).unwrap_or_default(), input);
            }
        }
    }

    /// The sums of all blocks, in their order.
    fn sums_back(&self, rows: Rows, slot: usize, number: usize) {
        let Form::Matrix { width, .. } = self.plan.form(slot) else { return };
        let place = self.layout.partial.get(slot).map(|partial| partial[number]).unwrap_or_default();
        let blocks = self.packed.count(rows).div_ceil(BLOCK);
        let (to, first) = self.parameter_slope(slot, number);
        // SAFETY: see above.
        let (to, sums) = unsafe { (to.write(), self.buffer(place, 0, blocks * width).read()) };
        if first {
            to.fill(0.0);
        }
        sums.chunks_exact(width.max(1)).for_each(|sums| add_scaled(to, 1.0, sums));
    }

    /// The rows of a table from `from` on: each is the sum over the places that used it, in their order.
    fn table_back(&self, rows: Rows, slot: usize, from: usize) {
        let (Some(step), width) = (self.plan.step(slot), self.plan.form(slot).per_row().max(1)) else { return };
        let (to, first) = self.parameter_slope(slot, 0);
        let table = self.parameter(slot, 0).len() / width;
        // SAFETY: see above.
        let (to, g) =
            unsafe { (to.part(from * width, (table - from).min(TABLE) * width).write(), self.whole(self.slope(slot), slot).read()) };
        if first {
            to.fill(0.0);
        }
        let ids = step.arguments.first().map(|ids| self.indices(*ids)).unwrap_or_default();
        for (row, g) in g.chunks_exact(width).enumerate() {
            let used = match step.kernel {
                Kernel::Embedding => ids.get(row).copied().unwrap_or(u32::MAX) as usize,
                _ => self.packed.origin(rows, row)[1] as usize,
            };
            if let Some(to) = used.checked_sub(from).and_then(|used| to.get_mut(used * width..(used + 1) * width)) {
                add_scaled(to, 1.0, g);
            }
        }
    }
}
