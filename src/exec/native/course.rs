//! The course of a step: the phases forward, the loss, and the phases backward; and what is kept from the one way to the other.
//!
//! Where activations are computed anew, the phases fall into segments, cut where the least is carried from one phase to the next.
//! What a segment makes and no later one reads is forgotten on the way forward; before its way back, the segment's steps that make
//! what is wanted there are carried out again, from what was carried into it (Chen et al. 2016).
//!
//! What a light step makes (GELU above all) and no other phase reads is not kept either: each block begins its way back by making it again, from
//! what is kept in any case. Where memory is slow, that takes no longer than writing and reading it.

use super::plan::{Form, Phase, Plan, Rows};
use super::tiles::Door;
use crate::exec::kernel::{Kernel, Unary};
use std::ops::Range;

/// What a run keeps of the way forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The output alone: there is no way back.
    Output,
    /// All that the way back needs, but for what is light to make again.
    All,
    /// What is carried from one segment to the next, and of the last one as much as with `All`.
    Segments,
}

impl Keep {
    /// What a step of training keeps.
    pub fn of(recompute: bool) -> Self {
        if recompute { Self::Segments } else { Self::All }
    }
}

/// The phases in which a value is made, last read on the way forward, and first made (so last wanted) on the way back.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// It is made here.
    pub made: usize,
    /// It is last read here, on the way forward.
    pub last: usize,
    /// The earliest phase whose way back reads it.
    pub back: Option<usize>,
}

/// The course of a run; times count its phases, the loss, and what is carried out again.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// How each value is used; `None` for inputs, and for what shares another's memory.
    pub uses: Vec<Option<Use>>,
    /// The segments, as ranges of phases.
    pub segments: Vec<Range<usize>>,
    /// The steps of each phase that are carried out again.
    pub repeated: Vec<Vec<usize>>,
    /// The light steps of each phase, which its way back begins with.
    pub light: Vec<Vec<usize>>,
    /// Of those, what no step of the way back reads before its own turn: it is made again together with its operand's gradient.
    pub joint: Vec<usize>,
    /// When a phase is carried out again.
    pub redone_at: Vec<usize>,
    /// When a phase is carried out backward.
    pub back: Vec<usize>,
}

/// Which of a step's arguments, and whether its result, the way back needs.
fn needs(kernel: &Kernel) -> (bool, bool) {
    match kernel {
        Kernel::Unary(op) => (op.is_curved(), false),
        Kernel::Binary(op) => (op.is_curved(), false),
        Kernel::LayerNorm | Kernel::Linear | Kernel::Unembed | Kernel::LightConv { .. } => (true, false),
        Kernel::Softmax => (false, true),
        _ => (false, false),
    }
}

/// Whether a step takes little to carry out, and its way back needs what it is made from, so that its result need not be kept.
fn is_light(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Unary(_) | Kernel::Binary(_) | Kernel::LayerNorm) && needs(kernel).0
}

impl Use {
    fn of(plan: &Plan<'_>, slot: usize, back: bool) -> Option<Self> {
        let made = plan.phase_of.get(slot).copied().flatten().filter(|_| plan.root(slot) == slot)?;
        let mut found = Self { made, last: made, back: None };
        let mut want = |phase: usize| found.back = Some(found.back.unwrap_or(phase).min(phase));
        for user in plan.users(slot) {
            let (Some(step), Some(phase)) = (plan.step(*user), plan.phase_of.get(*user).copied().flatten()) else { continue };
            found.last = found.last.max(phase);
            // A tile is carried out again on the way back.
            if back && (needs(&step.kernel).0 || matches!(plan.phases.get(phase), Some(Phase::Tiles(_))) && phase != made) {
                want(phase);
            }
        }
        if back && plan.step(slot).is_some_and(|step| needs(&step.kernel).1) {
            want(made);
        }
        Some(found)
    }
}

impl Course {
    /// The course of a plan's run.
    pub fn new(plan: &Plan<'_>, keep: Keep) -> Self {
        let phases = plan.phases.len();
        let uses: Vec<Option<Use>> = (0..plan.roots.len()).map(|slot| Use::of(plan, slot, keep != Keep::Output)).collect();
        let cuts = if keep == Keep::Segments { cuts(plan, &uses) } else { Vec::new() };
        let ends: Vec<usize> = cuts.into_iter().chain([phases]).collect();
        let segments = std::iter::once(0).chain(ends.iter().copied()).zip(&ends).map(|(from, to)| from..*to).collect();
        let none = vec![Vec::new(); phases];
        let mut course = Self { uses, segments, repeated: none.clone(), light: none, ..Self::default() };
        (course.redone_at, course.back) = (vec![0; phases], vec![0; phases]);
        course.find_light(plan);
        course.repeat(plan);
        let mut time = phases;
        let mut next = || {
            time += 1;
            time
        };
        for segment in course.segments.iter().rev() {
            // Of the last segment nothing is.
            segment.clone().filter(|phase| !course.repeated[*phase].is_empty()).for_each(|phase| course.redone_at[phase] = next());
            for phase in segment.clone().rev() {
                course.back[phase] = if course.joined(plan, phase) { course.back[phase + 1] } else { next() };
            }
        }
        course
    }

    /// The segment of a phase.
    fn segment(&self, phase: usize) -> usize {
        self.segments.partition_point(|segment| segment.end <= phase)
    }

    /// Whether a phase of tiles is carried out backward together with the phase of rows after it: where what comes into its tiles and leaves them
    /// are rows of that kind, a sentence's tiles may begin as soon as the blocks of its rows are done.
    pub fn joined(&self, plan: &Plan<'_>, tiles: usize) -> bool {
        let (Some(Phase::Tiles(tiling)), Some(Phase::Rows(kind, _))) = (plan.phases.get(tiles), plan.phases.get(tiles + 1)) else {
            return false;
        };
        let fits = |door: &Door| matches!(plan.form(door.slot), Form::Matrix { rows, .. } if rows == *kind);
        self.segment(tiles) == self.segment(tiles + 1) && tiling.inputs.iter().chain(&tiling.outputs).all(fits)
    }

    /// The phase of tiles during which the weights of a phase of rows are packed, on the way forward and on the way back; where there is none
    /// just before, they are packed by themselves.
    pub fn packed_during(&self, plan: &Plan<'_>, phase: usize) -> [Option<usize>; 2] {
        let tiles = |phase: &usize| matches!(plan.phases.get(*phase), Some(Phase::Tiles(_)));
        let together = |other: &usize| self.segment(*other) == self.segment(phase);
        [phase.checked_sub(1).filter(tiles), Some(phase + 1).filter(tiles).filter(together)]
    }

    /// Whether a value is kept from its making on, however late it is wanted.
    pub fn kept(&self, plan: &Plan<'_>, slot: usize) -> bool {
        self.uses.get(slot).copied().flatten().is_none_or(|known| {
            let segment = self.segment(known.made);
            !self.light[known.made].contains(&slot)
                && (slot == plan.root(plan.program.output()) || segment + 1 == self.segments.len() || self.segment(known.last) > segment)
        })
    }

    /// Whether a step is carried out again.
    pub fn repeats(&self, plan: &Plan<'_>, slot: usize) -> bool {
        plan.phase_of.get(slot).copied().flatten().is_some_and(|phase| self.repeated[phase].contains(&slot))
    }

    /// Finds the light steps whose results no other phase reads. Segments that are carried out again make theirs on that occasion.
    fn find_light(&mut self, plan: &Plan<'_>) {
        let last = self.segments.last().map_or(0, |segment| segment.start);
        for (number, phase) in plan.phases.iter().enumerate().skip(last) {
            let Phase::Rows(_, steps) = phase else { continue };
            let made_anew = |slot: &usize| {
                let known = self.uses.get(*slot).copied().flatten();
                known.is_some_and(|known| known.last == number && known.back.is_some())
                    && *slot != plan.root(plan.program.output())
                    && plan.step(*slot).is_some_and(|step| is_light(&step.kernel))
            };
            self.light[number] = steps.iter().copied().filter(made_anew).collect();
        }
        // A linear map's weights are multiplied with all rows, when the blocks are done.
        let linear = |user: &usize| plan.step(*user).is_some_and(|step| matches!(step.kernel, Kernel::Linear | Kernel::Unembed));
        let is_gelu = |slot: &usize| plan.step(*slot).is_some_and(|step| step.kernel == Kernel::Unary(Unary::Gelu));
        self.joint = self.light.iter().flatten().copied().filter(|slot| is_gelu(slot) && plan.users(*slot).iter().all(linear)).collect();
    }

    /// Finds the steps that are carried out again: what the way back wants, and what they are made from.
    fn repeat(&mut self, plan: &Plan<'_>) {
        let last = self.segments.last().map_or(0, |segment| segment.start);
        for (number, phase) in plan.phases.iter().enumerate().take(last).rev() {
            let mut again = Vec::new();
            for slot in phase.steps().iter().rev() {
                let wanted = self.uses.get(*slot).copied().flatten().is_some_and(|known| known.back.is_some());
                let read = plan.users(*slot).iter().any(|user| again.contains(user) || self.repeats(plan, *user));
                if !self.kept(plan, *slot) && (wanted || read) {
                    again.push(*slot);
                }
            }
            again.reverse();
            self.repeated[number] = match phase {
                // A tile is carried out whole.
                Phase::Tiles(tiling) if !again.is_empty() => tiling.steps.clone(),
                _ => again,
            };
        }
    }
}

/// Tokens of a sentence, as far as the width of a matrix over them is compared with that of others.
const TOKENS: usize = 64;

/// The phases before which the least is carried over from earlier ones.
fn cuts(plan: &Plan<'_>, uses: &[Option<Use>]) -> Vec<usize> {
    let width = |slot: usize| match plan.form(slot) {
        Form::Matrix { rows: Rows::Tokens, .. } => TOKENS * plan.form(slot).per_row(),
        Form::Matrix { rows: Rows::Predictions, .. } => TOKENS / 4 * plan.form(slot).per_row(),
        Form::Matrix { .. } | Form::Index => plan.form(slot).per_row(),
        Form::Blocks { heads, .. } => TOKENS * TOKENS * heads,
    };
    let mut carried = vec![0usize; plan.phases.len() + 1];
    for (slot, known) in uses.iter().enumerate() {
        if let Some(Use { made, last, .. }) = known {
            carried[made + 1..=*last].iter_mut().for_each(|carried| *carried += width(slot));
        }
    }
    // Nothing is cut off at either end.
    let before = |phase: usize| if phase > 1 { carried[phase - 1] } else { usize::MAX };
    let after = |phase: usize| if phase + 1 < plan.phases.len() { carried[phase + 1] } else { usize::MAX };
    (1..plan.phases.len()).filter(|phase| carried[*phase] < before(*phase) && carried[*phase] <= after(*phase)).collect()
}
