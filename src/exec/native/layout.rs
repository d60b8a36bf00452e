//! Where every value stands: buffers in one arena, laid out by when they are in use.
//!
//! Time runs as the [`Course`] says. What only one phase knows, and its way back does not need or makes again, has no place in the arena
//! on the way forward, but in the scratch of whoever carries a block of rows through that phase; what is made again has one on the way back.

use super::course::{Course, Keep, Use};
use super::packed::Packed;
use super::plan::{Form, Phase, Plan, Rows};
use crate::exec::kernel::Kernel;
use crate::exec::program::Axis;

/// Buffers begin at multiples of this many values: a cache line.
const ALIGN: usize = 16;

/// When a buffer ends that outlives its run.
const FOR_GOOD: usize = usize::MAX;

/// Rows of a block.
pub const BLOCK: usize = 96;

/// How many values a buffer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many for each row.
    Rows(Rows, usize),
    /// So many for each block of rows.
    Blocks(Rows, usize),
    /// So many for each sentence.
    Sentences(usize),
    /// A matrix for each sentence and head.
    Matrices([Axis; 2], usize),
    /// So many.
    Fixed(usize),
}

/// Where something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is not wanted.
    #[default]
    Nowhere,
    /// The buffer of this number.
    Arena(usize),
    /// In the scratch of a block, from so many values a row on.
    Scratch(usize),
}

#[derive(Clone, Copy, Debug)]
struct Buffer {
    extent: Extent,
    from: usize,
    to: usize,
}

/// The places of all that a plan computes.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// When everything happens.
    pub course: Course,
    /// Each value's, on the way forward.
    pub values: Vec<Place>,
    /// Each value's from the loss on: another where it is forgotten and made again.
    pub again: Vec<Place>,
    /// Each value's gradient's.
    pub gradients: Vec<Place>,
    /// Each step's packed weights: of a `linear` its transpose on the way forward, itself on the way back; its transpose again.
    pub packed: Vec<[Place; 3]>,
    /// Sums a block (or sentence) of each step's bias, gain or taps.
    pub partial: Vec<[Place; 2]>,
    /// For each step and argument whether the argument's gradient is written here first.
    pub first: Vec<Vec<bool>>,
    /// For each step and parameter whether the parameter's gradient is written here first.
    pub first_parameter: Vec<Vec<bool>>,
    /// Scratch a row, forward, backward and again, of each phase.
    pub scratch: Vec<[usize; 3]>,
    buffers: Vec<Buffer>,
}

impl Layout {
    /// The places for a plan.
    pub fn new(plan: &Plan<'_>, keep: Keep) -> Self {
        let (steps, back) = (plan.program.steps(), keep != Keep::Output);
        let mut layout = Self {
            course: Course::new(plan, keep),
            values: vec![Place::Nowhere; steps.len()],
            again: vec![Place::Nowhere; steps.len()],
            gradients: vec![Place::Nowhere; steps.len()],
            packed: vec![[Place::Nowhere; 3]; steps.len()],
            partial: vec![[Place::Nowhere; 2]; steps.len()],
            first: steps.iter().map(|step| vec![false; step.arguments.len()]).collect(),
            first_parameter: steps.iter().map(|step| vec![false; step.parameters.len()]).collect(),
            scratch: vec![[0; 3]; plan.phases.len()],
            buffers: Vec::new(),
        };
        layout.values(plan);
        layout.weights(plan, back);
        if back {
            layout.gradients(plan);
        }
        layout
    }

    /// The offset of each buffer for sentences of these lengths, and the values of the whole arena. What is kept for good comes first, at
    /// the same place whatever the sentences are.
    pub fn offsets(&self, packed: &Packed) -> (Vec<usize>, usize) {
        let (mut offsets, mut base) = (vec![0; self.buffers.len()], 0);
        let (mut passing, mut intervals) = (Vec::new(), Vec::new());
        for (number, buffer) in self.buffers.iter().enumerate() {
            let size = buffer.extent.size(packed);
            if buffer.to == FOR_GOOD {
                set(&mut offsets, number, base);
                base += size.next_multiple_of(ALIGN);
            } else {
                passing.push(number);
                intervals.push((buffer.from, buffer.to, size));
            }
        }
        let (places, total) = fit(&intervals);
        passing.into_iter().zip(places).for_each(|(number, place)| set(&mut offsets, number, base + place));
        (offsets, base + total)
    }

    fn buffer(&mut self, extent: Extent, from: usize, to: usize) -> Place {
        self.buffers.push(Buffer { extent, from, to });
        Place::Arena(self.buffers.len() - 1)
    }

    fn values(&mut self, plan: &Plan<'_>) {
        let (phases, end) = (plan.phases.len(), plan.root(plan.program.output()));
        let mut local: [Vec<Vec<(usize, usize, usize)>>; 2] = [vec![Vec::new(); phases], vec![Vec::new(); phases]];
        for slot in 0..plan.roots.len() {
            let Some(Use { made, last, back }) = self.course.uses.get(slot).copied().flatten() else { continue };
            let (tile, rows) = match plan.phases.get(made) {
                Some(Phase::Tiles(_)) => (true, false),
                Some(Phase::Rows(..)) => (false, true),
                _ => (false, false),
            };
            if tile && last == made && slot != end {
                continue;
            }
            let order = |slot: usize| plan.phases.get(made).and_then(|phase| phase.steps().iter().position(|step| *step == slot));
            let users = || plan.users(slot).iter().copied();
            let span = || {
                let from = order(slot).unwrap_or(0);
                (from, users().filter_map(order).max().unwrap_or(0).max(from), slot)
            };
            let kept = self.course.kept(plan, slot);
            let repeats = |user: &usize| self.course.repeats(plan, *user);
            let readers: Vec<usize> = users().filter(repeats).filter_map(|user| plan.phase_of.get(user).copied().flatten()).collect();
            // Segments are carried out again from the last to the first: of several readers it is an earlier one that comes last.
            let again = readers.iter().map(|phase| self.course.redone_at[*phase]).max();
            // The last time that what stands in the arena is wanted, from the loss on.
            // A tile that is carried out again writes all that leaves it, what was kept included.
            let remade = self.course.repeats(plan, slot).then_some(self.course.redone_at[made]);
            let until = again.max(back.map(|phase| self.course.back[phase])).max(remade);
            if rows && last == made && (back.is_none() || !kept) && slot != end {
                local[0][made].push(span());
            } else {
                let to = if slot == end { phases } else { last };
                let place = self.buffer(extent(plan.form(slot)), made, until.filter(|_| kept).unwrap_or(0).max(to));
                set(&mut self.values, slot, place);
            }
            // In the arena, since the gradients of weights want all of its rows.
            if self.course.light[made].contains(&slot) {
                let time = self.course.back[made];
                let place = self.buffer(extent(plan.form(slot)), time, time);
                set(&mut self.again, slot, place);
            }
            if kept || !self.course.repeats(plan, slot) {
                continue;
            }
            if rows && back.is_none() && readers.iter().all(|phase| *phase == made) {
                local[1][made].push(span());
            } else {
                let from = self.course.redone_at[made];
                let place = self.buffer(extent(plan.form(slot)), from, until.unwrap_or(from));
                set(&mut self.again, slot, place);
            }
        }
        let [forward, again] = local;
        for (phase, (forward, again)) in forward.into_iter().zip(again).enumerate() {
            let forward = self.scratch(plan, forward, |layout, slot, place| set(&mut layout.values, slot, place));
            let again = self.scratch(plan, again, |layout, slot, place| set(&mut layout.again, slot, place));
            set(&mut self.scratch, phase, [forward, 0, again]);
        }
        for slot in (0..plan.roots.len()).filter(|slot| self.course.kept(plan, *slot)) {
            let place = self.values.get(slot).copied().unwrap_or_default();
            set(&mut self.again, slot, place);
        }
    }

    /// Places in the scratch of a phase; gives the values a row that all of them take.
    fn scratch(&mut self, plan: &Plan<'_>, local: Vec<(usize, usize, usize)>, mut set: impl FnMut(&mut Self, usize, Place)) -> usize {
        let intervals: Vec<(usize, usize, usize)> =
            local.iter().map(|(from, to, slot)| (*from, *to, plan.form(*slot).per_row().next_multiple_of(ALIGN))).collect();
        let (offsets, total) = fit(&intervals);
        for ((.., slot), offset) in local.iter().zip(offsets) {
            set(self, *slot, Place::Scratch(offset));
        }
        total
    }

    /// Packed weights live through their phase and the one during which they are packed, sums a block through their phase alone; where there
    /// is no way back, the weights stay as they are for all runs to come.
    fn weights(&mut self, plan: &Plan<'_>, back: bool) {
        for (phase, steps) in plan.phases.iter().enumerate() {
            let (later, again) = (self.course.back[phase], self.course.redone_at[phase]);
            let [before, after] = self.course.packed_during(plan, phase);
            let (from, sooner) = (before.unwrap_or(phase), after.map_or(later, |after| self.course.back[after]));
            for slot in steps.steps() {
                let (Some(step), Form::Matrix { rows, heads, width }) = (plan.step(*slot), plan.form(*slot)) else { continue };
                let input = plan.arguments(*slot).next().map_or(0, |argument| plan.form(argument).per_row() / heads.max(1));
                let (mut packed, mut partial) = ([Place::Nowhere; 3], [Place::Nowhere; 2]);
                if matches!(step.kernel, Kernel::Linear | Kernel::Unembed) {
                    let until = if back { phase } else { FOR_GOOD };
                    packed[0] = self.buffer(Extent::Fixed(super::product::packed_len(input, width)), from, until);
                    if back {
                        packed[1] = self.buffer(Extent::Fixed(super::product::packed_len(width, input)), sooner, later);
                        partial[1] = self.buffer(Extent::Blocks(rows, width), later, later);
                    }
                    if self.course.repeats(plan, *slot) {
                        packed[2] = self.buffer(Extent::Fixed(super::product::packed_len(input, width)), again, again);
                    }
                }
                if back && matches!(step.kernel, Kernel::LayerNorm) {
                    partial = [(); 2].map(|()| self.buffer(Extent::Blocks(rows, width), later, later));
                }
                if let (true, Kernel::LightConv { .. }) = (back, &step.kernel) {
                    let taps = step.parameters.first().and_then(|number| plan.program.parameters().get(*number));
                    let taps = taps.map_or(0, |spec| spec.shape.iter().product());
                    partial[0] = self.buffer(Extent::Sentences(taps), later, later);
                }
                set(&mut self.packed, *slot, packed);
                set(&mut self.partial, *slot, partial);
            }
        }
    }

    fn gradients(&mut self, plan: &Plan<'_>) {
        let (phases, end) = (plan.phases.len(), plan.root(plan.program.output()));
        let mut written = vec![false; plan.roots.len()];
        set(&mut written, end, true);
        let mut parameters = vec![false; plan.program.parameters().len()];
        for phase in plan.phases.iter().rev() {
            for slot in phase.steps().iter().rev() {
                let arguments: Vec<usize> = plan.arguments(*slot).collect();
                for (number, argument) in arguments.into_iter().enumerate() {
                    // A tile gives a value's gradient back once, however often it is read there.
                    let inside = matches!(phase, Phase::Tiles(tiling) if !tiling.inputs.iter().any(|door| door.slot == argument));
                    if let (Some(written), false) = (written.get_mut(argument), inside) {
                        if let Some(first) = self.first.get_mut(*slot).and_then(|first| first.get_mut(number)) {
                            *first = !*written;
                        }
                        *written = true;
                    }
                }
                let owned = plan.step(*slot).map(|step| step.parameters.as_slice()).unwrap_or_default();
                for (number, parameter) in owned.iter().enumerate() {
                    if let Some(written) = parameters.get_mut(*parameter) {
                        if let Some(first) = self.first_parameter.get_mut(*slot).and_then(|first| first.get_mut(number)) {
                            *first = !*written;
                        }
                        *written = true;
                    }
                }
            }
        }
        let mut local: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); phases];
        for slot in 0..plan.roots.len() {
            let Some(made) = plan.phase_of.get(slot).copied().flatten() else { continue };
            let tile = matches!(plan.phases.get(made), Some(Phase::Tiles(_)));
            if plan.root(slot) != slot || written.get(slot) != Some(&true) {
                continue;
            }
            let last = plan.users(slot).iter().filter_map(|user| plan.phase_of.get(*user).copied().flatten()).max().unwrap_or(made);
            if tile && last == made && slot != end {
                continue;
            }
            // What a matrix of weights is multiplied with is wanted whole, after the rows have passed.
            let whole = plan.step(slot).is_some_and(|step| !step.parameters.is_empty() && step.kernel != Kernel::LayerNorm);
            if last == made && !whole && slot != end && matches!(plan.phases.get(made), Some(Phase::Rows(..))) {
                let order = |slot: usize| plan.phases.get(made).and_then(|phase| phase.steps().iter().rev().position(|step| *step == slot));
                let from = plan.users(slot).iter().filter_map(|user| order(*user)).min().unwrap_or(0);
                if let Some(local) = local.get_mut(made) {
                    local.push((from, order(slot).unwrap_or(from).max(from), slot));
                }
                continue;
            }
            // The gradient of scores takes their place: no way back needs them.
            if let (true, true, Place::Arena(number)) =
                (slot == end && plan.users(slot).is_empty(), whole, self.values.get(slot).copied().unwrap_or_default())
            {
                if let Some(buffer) = self.buffers.get_mut(number) {
                    buffer.to = self.course.back[made];
                }
                set(&mut self.gradients, slot, Place::Arena(number));
                continue;
            }
            let from = if slot == end { phases } else { self.course.back[last] };
            let place = self.buffer(extent(plan.form(slot)), from, self.course.back[made]);
            set(&mut self.gradients, slot, place);
        }
        for (phase, local) in local.into_iter().enumerate() {
            let scratch = self.scratch(plan, local, |layout, slot, place| set(&mut layout.gradients, slot, place));
            if let Some([_, back, _]) = self.scratch.get_mut(phase) {
                *back = scratch;
            }
        }
    }
}

fn extent(form: Form) -> Extent {
    match form {
        Form::Matrix { rows, heads, width } => Extent::Rows(rows, heads * width),
        Form::Blocks { axes, heads } => Extent::Matrices(axes, heads),
        Form::Index => Extent::Fixed(0),
    }
}

impl Extent {
    fn size(self, packed: &Packed) -> usize {
        match self {
            Self::Rows(rows, each) => packed.count(rows) * each,
            Self::Blocks(rows, each) => packed.count(rows).div_ceil(BLOCK) * each,
            Self::Sentences(each) => packed.sentences() * each,
            Self::Matrices(axes, heads) => packed.matrices(axes) * heads,
            Self::Fixed(size) => size,
        }
    }
}

fn set<T>(list: &mut [T], at: usize, value: T) {
    if let Some(place) = list.get_mut(at) {
        *place = value;
    }
}

/// Offsets of intervals `(from, to, size)` such that those in use at the same time lie apart, and the size of all: the largest
/// first, each at the lowest place that is free.
fn fit(intervals: &[(usize, usize, usize)]) -> (Vec<usize>, usize) {
    let mut order: Vec<(usize, usize, usize, usize)> =
        intervals.iter().enumerate().map(|(number, (from, to, size))| (size.next_multiple_of(ALIGN), number, *from, *to)).collect();
    order.sort_by_key(|(size, number, ..)| (std::cmp::Reverse(*size), *number));
    let mut placed: Vec<(usize, usize, usize, usize)> = Vec::with_capacity(order.len());
    let mut offsets = vec![0; intervals.len()];
    let mut total = 0;
    for (size, number, from, to) in order {
        let mut offset = 0;
        // In the order of their offsets, those that are in use at the same time.
        for (start, end, ..) in placed.iter().filter(|(.., begin, until)| *begin <= to && from <= *until) {
            if offset + size <= *start {
                break;
            }
            offset = offset.max(*end);
        }
        let at = placed.partition_point(|(start, ..)| *start <= offset);
        placed.insert(at, (offset, offset + size, from, to));
        set(&mut offsets, number, offset);
        total = total.max(offset + size);
    }
    (offsets, total)
}
