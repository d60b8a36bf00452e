//! Where every value stands: buffers in one arena, laid out by when they are in use.
//!
//! Time runs through the phases forward, the loss, and the phases backward. What only one phase knows, and its way back does not
//! need, has no place in the arena but in the scratch of whoever carries a block of rows through that phase.

use super::packed::Packed;
use super::plan::{Form, Phase, Plan, Rows};
use crate::exec::kernel::{Binary, Kernel, Unary};
use crate::exec::program::Axis;

/// Buffers begin at multiples of this many values: a cache line.
const ALIGN: usize = 16;

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
    /// Each value's.
    pub values: Vec<Place>,
    /// Each value's gradient's.
    pub gradients: Vec<Place>,
    /// Each step's packed weights: of a `linear` its transpose on the way forward, itself on the way back.
    pub packed: Vec<[Place; 2]>,
    /// Sums a block (or sentence) of each step's bias, gain or taps.
    pub partial: Vec<[Place; 2]>,
    /// For each step and argument whether the argument's gradient is written here first.
    pub first: Vec<Vec<bool>>,
    /// For each step and parameter whether the parameter's gradient is written here first.
    pub first_parameter: Vec<Vec<bool>>,
    /// Scratch a row, forward and backward, of each phase.
    pub scratch: Vec<[usize; 2]>,
    buffers: Vec<Buffer>,
}

/// Which of a step's arguments, and whether its result, the way back needs.
fn needs(kernel: &Kernel) -> (bool, bool) {
    match kernel {
        Kernel::Unary(Unary::Neg | Unary::Scale(_)) | Kernel::Binary(Binary::Add | Binary::Sub) | Kernel::Dropout(_) => (false, false),
        Kernel::Unary(_) | Kernel::Binary(_) | Kernel::LayerNorm | Kernel::Linear | Kernel::Unembed | Kernel::LightConv { .. } => {
            (true, false)
        }
        Kernel::Softmax => (false, true),
        _ => (false, false),
    }
}

impl Layout {
    /// The places for a plan; `back` says whether gradients are wanted.
    pub fn new(plan: &Plan<'_>, back: bool) -> Self {
        let steps = plan.program.steps();
        let mut layout = Self {
            values: vec![Place::Nowhere; steps.len()],
            gradients: vec![Place::Nowhere; steps.len()],
            packed: vec![[Place::Nowhere; 2]; steps.len()],
            partial: vec![[Place::Nowhere; 2]; steps.len()],
            first: steps.iter().map(|step| vec![false; step.arguments.len()]).collect(),
            first_parameter: steps.iter().map(|step| vec![false; step.parameters.len()]).collect(),
            scratch: vec![[0; 2]; plan.phases.len()],
            buffers: Vec::new(),
        };
        layout.values(plan, back);
        layout.weights(plan, back);
        if back {
            layout.gradients(plan);
        }
        layout
    }

    /// The offset of each buffer for sentences of these lengths, and the values of the whole arena.
    pub fn offsets(&self, packed: &Packed) -> (Vec<usize>, usize) {
        let sizes: Vec<usize> = self.buffers.iter().map(|buffer| buffer.extent.size(packed)).collect();
        fit(&self.buffers.iter().zip(sizes).map(|(buffer, size)| (buffer.from, buffer.to, size)).collect::<Vec<_>>())
    }

    fn buffer(&mut self, extent: Extent, from: usize, to: usize) -> Place {
        self.buffers.push(Buffer { extent, from, to });
        Place::Arena(self.buffers.len() - 1)
    }

    fn values(&mut self, plan: &Plan<'_>, back: bool) {
        let (phases, end) = (plan.phases.len(), plan.root(plan.program.output()));
        let mut local: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); phases];
        for slot in 0..plan.roots.len() {
            let Some(made) = plan.phase_of.get(slot).copied().flatten().filter(|_| plan.root(slot) == slot) else { continue };
            let (mut last, mut wanted_back) = (made, None::<usize>);
            let mut within = Vec::new();
            for user in plan.users(slot) {
                let (Some(step), Some(phase)) = (plan.step(*user), plan.phase_of.get(*user).copied().flatten()) else { continue };
                last = last.max(phase);
                // A tile is carried out again on the way back.
                if back && (needs(&step.kernel).0 || matches!(plan.phases.get(phase), Some(Phase::Tiles(_))) && phase != made) {
                    wanted_back = Some(wanted_back.unwrap_or(phase).min(phase));
                }
                within.push(*user);
            }
            if back && plan.step(slot).is_some_and(|step| needs(&step.kernel).1) {
                wanted_back = Some(wanted_back.unwrap_or(made).min(made));
            }
            let tile = matches!(plan.phases.get(made), Some(Phase::Tiles(_)));
            if tile && last == made && slot != end {
                continue;
            }
            let rows = matches!(plan.phases.get(made), Some(Phase::Rows(..)));
            if rows && last == made && wanted_back.is_none() && slot != end {
                let order = |slot: usize| plan.phases.get(made).and_then(|phase| phase.steps().iter().position(|step| *step == slot));
                let (from, to) = (order(slot).unwrap_or(0), within.iter().filter_map(|user| order(*user)).max().unwrap_or(0));
                if let Some(local) = local.get_mut(made) {
                    local.push((from, to.max(from), slot));
                }
                continue;
            }
            let mut to = if slot == end { phases } else { last };
            if let Some(phase) = wanted_back {
                to = to.max(backward(phases, phase));
            }
            let place = self.buffer(extent(plan.form(slot)), made, to);
            set(&mut self.values, slot, place);
        }
        for (phase, local) in local.into_iter().enumerate() {
            let scratch = self.scratch(plan, local, |layout, slot, place| set(&mut layout.values, slot, place));
            if let Some([forward, _]) = self.scratch.get_mut(phase) {
                *forward = scratch;
            }
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

    /// Packed weights live through their phase alone, and so do sums a block.
    fn weights(&mut self, plan: &Plan<'_>, back: bool) {
        let phases = plan.phases.len();
        for (phase, steps) in plan.phases.iter().enumerate() {
            let later = backward(phases, phase);
            for slot in steps.steps() {
                let (Some(step), Form::Matrix { rows, heads, width }) = (plan.step(*slot), plan.form(*slot)) else { continue };
                let input = plan.arguments(*slot).next().map_or(0, |argument| plan.form(argument).per_row() / heads.max(1));
                let (mut packed, mut partial) = ([Place::Nowhere; 2], [Place::Nowhere; 2]);
                if matches!(step.kernel, Kernel::Linear | Kernel::Unembed) {
                    packed[0] = self.buffer(Extent::Fixed(super::product::packed_len(input, width)), phase, phase);
                    if back {
                        packed[1] = self.buffer(Extent::Fixed(super::product::packed_len(width, input)), later, later);
                        partial[1] = self.buffer(Extent::Blocks(rows, width), later, later);
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
                    buffer.to = backward(phases, made);
                }
                set(&mut self.gradients, slot, Place::Arena(number));
                continue;
            }
            let from = if slot == end { phases } else { backward(phases, last) };
            let place = self.buffer(extent(plan.form(slot)), from, backward(phases, made));
            set(&mut self.gradients, slot, place);
        }
        for (phase, local) in local.into_iter().enumerate() {
            let scratch = self.scratch(plan, local, |layout, slot, place| set(&mut layout.gradients, slot, place));
            if let Some([_, back]) = self.scratch.get_mut(phase) {
                *back = scratch;
            }
        }
    }
}

/// The time of a phase on the way back: the loss comes between.
fn backward(phases: usize, phase: usize) -> usize {
    2 * phases - phase
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
