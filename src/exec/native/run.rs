//! One run of a plan: forward, and back where gradients are wanted.

use super::interpret::Desk;
use super::layout::{BLOCK, Layout, Place};
use super::memory::Shared;
use super::meter::{Kind, Meter};
use super::packed::Packed;
use super::plan::{Form, Phase, Plan, Rows};
use super::threads::share;
use super::weights::{Job, Packing};
use crate::exec::StepKey;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The phases in order.
    Forward,
    /// The phases backward.
    Back,
    /// What was forgotten, once more.
    Again,
}

/// What a run works on.
pub struct Run<'a> {
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// The places of all that is computed.
    pub layout: &'a Layout,
    /// What it is doing.
    pub way: Way,
    /// Where its values stand meanwhile.
    pub values: &'a [Place],
    /// The batch's rows.
    pub packed: &'a Packed,
    /// The offset of each buffer.
    pub offsets: Vec<usize>,
    /// The arena.
    pub arena: Shared<'a>,
    /// Scratch of each thread, after the arena's buffers.
    pub scratch: Vec<Shared<'a>>,
    /// The values of each parameter, as the program wants it.
    pub parameters: &'a [Cow<'a, [f32]>],
    /// Whether the weights that stay were packed by a run before.
    pub ready: bool,
    /// The gradient of each parameter.
    pub gradients: Vec<Shared<'a>>,
    /// The indices of each input, without padding.
    pub indices: Vec<Vec<u32>>,
    /// The key of dropout's draws; `None` for none.
    pub key: Option<StepKey>,
    /// Where the time goes.
    pub meter: &'a Meter,
}

impl<'a> Run<'a> {
    /// Carries the phases out, in order.
    pub fn forward(&mut self) {
        (self.way, self.values) = (Way::Forward, &self.layout.values);
        for (number, phase) in self.plan.phases.iter().enumerate() {
            self.onward(number, phase, phase.steps());
        }
    }

    /// Carries the phases out on the way back, from the gradient of the output; what was forgotten of a segment is made again before.
    pub fn backward(&mut self) {
        let course = &self.layout.course;
        self.values = &self.layout.again;
        for segment in course.segments.iter().rev() {
            self.way = Way::Again;
            for (number, phase) in self.plan.phases.iter().enumerate().take(segment.end).skip(segment.start) {
                match course.repeated.get(number).map(Vec::as_slice).unwrap_or_default() {
                    [] => {}
                    steps => self.onward(number, phase, steps),
                }
            }
            self.way = Way::Back;
            for (number, phase) in self.plan.phases.iter().enumerate().take(segment.end).skip(segment.start).rev() {
                self.back(number, phase);
            }
        }
    }

    /// Some steps of a phase.
    fn onward(&self, number: usize, phase: &Phase, steps: &[usize]) {
        match phase {
            Phase::Rows(rows, _) => {
                if !self.ready && self.packed_during(number).is_none() {
                    self.pack(steps);
                }
                let blocks = forward_blocks(self.packed.count(*rows), self.scratch.len());
                share(self.scratch.len(), blocks.len(), &|thread, at| {
                    let Some([from, count]) = blocks.get(at).copied() else { return };
                    let block = self.block(number, *rows, thread, [at, from, count]);
                    steps.iter().for_each(|slot| self.meter.time(self.kind(*slot), || self.row_step(&block, *slot)));
                });
            }
            Phase::Tiles(tiling) => self.tiles(tiling, &self.packing_beside(number, number + 1)),
            Phase::Move(slot) => self.meter.time_of_all(self.kind(*slot), || self.carry(*slot)),
        }
    }

    /// A phase on the way back.
    fn back(&self, number: usize, phase: &Phase) {
        match phase {
            Phase::Rows(rows, steps) => self.rows_back(number, *rows, steps),
            // Carried out with the phase of rows that came before it.
            Phase::Tiles(_) if self.layout.course.joined(self.plan, number) => {}
            Phase::Tiles(tiling) => self.tiles_back(tiling, &self.packing_beside(number, number.wrapping_sub(1))),
            Phase::Move(slot) => self.meter.time_of_all(self.kind(*slot), || self.carry_back(*slot)),
        }
    }

    /// A phase of rows on the way back, whose blocks begin with what is light to make; with the tiles that follow, where they need not wait for
    /// more than their own rows, and the gradients of its parameters, which want all of them. Some of the tiles come last, as they are small.
    fn rows_back(&self, number: usize, rows: Rows, steps: &[usize]) {
        if self.packed_during(number).is_none() {
            self.pack(steps);
        }
        let (total, course) = (self.packed.count(rows), &self.layout.course);
        let light = course.light.get(number).into_iter().flatten().copied();
        let light: Vec<usize> = light.filter(|slot| !course.joint.contains(slot)).collect();
        let next = number.checked_sub(1).filter(|next| course.joined(self.plan, *next));
        let tiling = next.and_then(|next| if let Some(Phase::Tiles(tiling)) = self.plan.phases.get(next) { Some(tiling) } else { None });
        let desk = tiling.map(|tiling| Desk::new(tiling, self.packed, true));
        let tiles = tiling.map_or(0, |tiling| self.packed.sentences() * tiling.heads);
        let packing = next.map_or_else(Vec::new, |next| self.packing_beside(next, next.wrapping_sub(1)));
        let [now, later] = self.parameters_back(steps);

        let done: Vec<AtomicBool> = (0..total.div_ceil(BLOCK)).map(|_| AtomicBool::new(false)).collect();
        let wait = |blocks: Range<usize>| done.get(blocks).into_iter().flatten().for_each(until);
        let block = |thread: usize, at: usize, done: &AtomicBool| {
            let _over = Over(done);
            let block = self.block(number, rows, thread, [at, at * BLOCK, (total - at * BLOCK).min(BLOCK)]);
            light.iter().for_each(|slot| self.meter.time(self.kind(*slot), || self.row_step(&block, *slot)));
            steps.iter().rev().for_each(|slot| self.meter.time(self.kind(*slot), || self.row_step_back(&block, *slot)));
        };
        let tile = |thread: usize, at: usize| {
            let (Some(tiling), Some(desk)) = (tiling, &desk) else { return };
            let (start, count) = self.packed.rows_of(rows, at / tiling.heads.max(1));
            wait(start / BLOCK..(start + count).div_ceil(BLOCK));
            self.meter.time(Kind::Attention, || self.tile_back(tiling, desk, thread, at));
        };
        let job = |thread: usize, job: &Job| {
            wait(0..done.len());
            self.job(rows, thread, job);
        };
        let (early, late) = ((0..tiles / 2).map(Part::Tile), (tiles / 2..tiles).map(Part::Tile));
        let blocks = done.iter().enumerate().map(|(at, done)| Part::Block(at, done));
        let parts: Vec<Part<'_>> =
            blocks.chain(packing.iter().map(Part::Packing)).chain(early).chain(now.iter().map(Part::Gradient)).chain(late).collect();
        share(self.scratch.len(), parts.len(), &|thread, at| match parts.get(at) {
            Some(Part::Block(at, done)) => block(thread, *at, done),
            Some(Part::Packing(one)) => self.pack_job(one),
            Some(Part::Tile(at)) => tile(thread, *at),
            Some(Part::Gradient(one)) => job(thread, one),
            None => {}
        });
        later.iter().for_each(|job| self.job(rows, 0, job));
    }

    /// The phase of tiles during which a phase's weights were packed.
    fn packed_during(&self, number: usize) -> Option<usize> {
        let [before, after] = self.layout.course.packed_during(self.plan, number);
        match self.way {
            Way::Forward => before,
            Way::Back => after,
            Way::Again => None,
        }
    }

    /// What is to be packed for the phase `next` while phase `number` is carried out.
    fn packing_beside(&self, number: usize, next: usize) -> Vec<Packing> {
        match self.plan.phases.get(next) {
            Some(Phase::Rows(_, steps)) if !self.ready && self.packed_during(next) == Some(number) => self.packing(steps),
            _ => Vec::new(),
        }
    }

    fn kind(&self, slot: usize) -> Kind {
        self.plan.step(slot).map_or(Kind::Elementwise, |step| Kind::of(&step.kernel))
    }

    fn block(&self, phase: usize, rows: Rows, thread: usize, [number, from, count]: [usize; 3]) -> Block {
        let used = self.layout.scratch.get(phase).map_or(0, |scratch| scratch[self.way as usize]) * BLOCK;
        Block { rows, number, from, count, thread, used }
    }

    /// Where something of `each` values a row stands for the rows of a block.
    pub fn of_block(&self, place: Place, each: usize, block: &Block) -> Shared<'a> {
        match place {
            Place::Arena(_) => self.buffer(place, block.from * each, block.count * each),
            Place::Scratch(offset) => self.scratch_of(block.thread).part(offset * BLOCK, block.count * each),
            Place::Nowhere => self.arena.part(0, 0),
        }
    }

    /// A part of a buffer.
    pub fn buffer(&self, place: Place, at: usize, len: usize) -> Shared<'a> {
        match place {
            Place::Arena(number) => self.arena.part(self.offsets.get(number).copied().unwrap_or(0) + at, len),
            _ => self.arena.part(0, 0),
        }
    }

    /// The scratch of a thread.
    pub fn scratch_of(&self, thread: usize) -> Shared<'a> {
        self.scratch.get(thread).copied().unwrap_or_else(|| self.arena.part(0, 0))
    }

    /// The place of a value, as things stand.
    pub fn place(&self, slot: usize) -> Place {
        self.values.get(slot).copied().unwrap_or_default()
    }

    /// The place of a value's gradient.
    pub fn slope(&self, slot: usize) -> Place {
        self.layout.gradients.get(slot).copied().unwrap_or_default()
    }

    /// All rows of a value, or of its gradient.
    pub fn whole(&self, place: Place, slot: usize) -> Shared<'a> {
        match self.plan.form(slot) {
            Form::Matrix { rows, .. } => self.buffer(place, 0, self.packed.count(rows) * self.plan.form(slot).per_row()),
            Form::Blocks { axes, heads } => self.buffer(place, 0, self.packed.matrices(axes) * heads),
            Form::Index => self.arena.part(0, 0),
        }
    }

    /// A step's parameter.
    pub fn parameter(&self, slot: usize, number: usize) -> &[f32] {
        let number = self.plan.step(slot).and_then(|step| step.parameters.get(number));
        number.and_then(|number| self.parameters.get(*number)).map(|values| &**values).unwrap_or_default()
    }

    /// The gradient of a step's parameter, and whether it is written here first.
    pub fn parameter_slope(&self, slot: usize, number: usize) -> (Shared<'a>, bool) {
        let known = self.plan.step(slot).and_then(|step| step.parameters.get(number));
        let place = known.and_then(|known| self.gradients.get(*known)).copied();
        let first = self.layout.first_parameter.get(slot).and_then(|first| first.get(number)).copied();
        (place.unwrap_or_else(|| self.arena.part(0, 0)), first.unwrap_or(true))
    }

    /// The indices of an input.
    pub fn indices(&self, slot: usize) -> &[u32] {
        self.indices.get(slot).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the gradient of a step's argument is written here first.
    pub fn first(&self, slot: usize, number: usize) -> bool {
        self.layout.first.get(slot).and_then(|first| first.get(number)).copied().unwrap_or(true)
    }
}

/// What a phase of rows is shared out in, on the way back.
enum Part<'a> {
    /// A block of rows, and whether it is done.
    Block(usize, &'a AtomicBool),
    /// Weights that the next phase of rows wants packed.
    Packing(&'a Packing),
    /// A tile of the phase before, by its number.
    Tile(usize),
    /// A part of the gradients of the phase's parameters.
    Gradient(&'a Job),
}

/// Says when it goes that a block is done, as it does in a panic, too: no one is to wait for good.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Waits for a block that another thread is at.
fn until(done: &AtomicBool) {
    while !done.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
}

/// Rows in blocks for the way forward, from where and how many; towards the end in halves, so that no thread waits long for another.
pub(super) fn forward_blocks(total: usize, threads: usize) -> Vec<[usize; 2]> {
    let (mut blocks, mut from) = (Vec::new(), 0);
    while from < total {
        let left = total - from;
        let count = if threads > 1 && left <= threads * BLOCK { left.min(BLOCK / 2) } else { left.min(BLOCK) };
        blocks.push([from, count]);
        from += count;
    }
    blocks
}

/// Rows carried through a phase together.
pub struct Block {
    /// What the rows are.
    pub rows: Rows,
    /// Its number.
    pub number: usize,
    /// The first row.
    pub from: usize,
    /// How many.
    pub count: usize,
    /// The thread, by whose scratch it is carried out.
    pub thread: usize,
    /// Scratch in use by the phase's values.
    pub used: usize,
}
