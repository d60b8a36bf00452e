//! Kernels that treat rows one by one, on a block of rows.

#![expect(unsafe_code, reason = "parts of the arena are handed out here")]

use super::elementwise::{binary, binary_back, gelu_again_and_back, unary, unary_back};
use super::layout::Place;
use super::plan::Form;
use super::product::{Left, Start, Strided, multiply, packed_len};
use super::rowwise::{column_sums, layer_norm, layer_norm_back, softmax, softmax_back};
use super::run::{Block, Run};
use super::vector::{add_scaled, give, give_two};
use crate::exec::draws::Draws;
use crate::exec::kernel::{Kernel, Unary};

// SAFETY of this file: a block's rows belong to one thread; a step's result, its operands and their gradients have places of their
// own while the phase lasts, and the tiles that are shared out with it (`Layout`); a phase's parameters and packed weights are written by
// no one during it.
impl Run<'_> {
    /// Forward.
    pub(super) fn row_step(&self, block: &Block, slot: usize) {
        let Some(step) = self.plan.step(slot) else { return };
        let Form::Matrix { heads, width, .. } = self.plan.form(slot) else { return };
        let arguments: Vec<usize> = self.plan.arguments(slot).collect();
        let read = |number: usize| {
            let argument = arguments.get(number).copied().unwrap_or(slot);
            // SAFETY: see above.
            unsafe { self.of_block(self.place(argument), self.plan.form(argument).per_row(), block).read() }
        };
        // SAFETY: see above.
        let to = unsafe { self.of_block(self.place(slot), heads * width, block).write() };
        match &step.kernel {
            Kernel::Unary(op) => unary(*op, read(0), to),
            Kernel::Binary(op) => binary(*op, read(0), read(1), to),
            Kernel::Softmax => softmax(read(0), width, to),
            Kernel::LayerNorm => layer_norm(read(0), self.parameter(slot, 0), self.parameter(slot, 1), to),
            Kernel::Dropout(rate) => {
                to.copy_from_slice(read(0));
                self.dropout(block, slot, *rate, heads, width, &mut |row, factors| {
                    let row = to.get_mut(row * width..(row + 1) * width).unwrap_or_default();
                    row.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
                });
            }
            Kernel::Linear | Kernel::Unembed => {
                let (x, rows) = (read(0), block.count * heads);
                let input = x.len() / rows.max(1);
                let packed = self.packed_weights(slot, packed_len(input, width));
                let bias = Start::Bias(self.parameter(slot, 1));
                multiply(rows, width, input, Left::Strided(Strided::rows(x, input)), packed, bias, to, width);
            }
            Kernel::Embedding => {
                let table = self.parameter(slot, 0);
                let ids = step.arguments.first().map_or(&[][..], |ids| self.indices(*ids));
                for (to, id) in to.chunks_exact_mut(width.max(1)).zip(ids.get(block.from..).unwrap_or_default()) {
                    if let Some(row) = table.get(*id as usize * width..(*id as usize + 1) * width) {
                        to.copy_from_slice(row);
                    }
                }
            }
            Kernel::Positions => {
                let table = self.parameter(slot, 0);
                to.copy_from_slice(read(0));
                for (row, to) in (block.from..).zip(to.chunks_exact_mut(width.max(1))) {
                    let [_, place] = self.packed.origin(block.rows, row);
                    add_scaled(to, 1.0, table.get(place as usize * width..).unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    /// Back: what the step's operands receive; sums over the block for the parameters.
    pub(super) fn row_step_back(&self, block: &Block, slot: usize) {
        let Some(step) = self.plan.step(slot) else { return };
        let Form::Matrix { heads, width, .. } = self.plan.form(slot) else { return };
        if self.slope(slot) == Place::Nowhere {
            return;
        }
        let arguments: Vec<usize> = self.plan.arguments(slot).collect();
        let argument = |number: usize| arguments.get(number).copied().unwrap_or(slot);
        let read = |number: usize| {
            // SAFETY: see above.
            unsafe { self.of_block(self.place(argument(number)), self.plan.form(argument(number)).per_row(), block).read() }
        };
        let give_to = |number: usize| {
            // SAFETY: see above; of two operands that are one value, the gradients are written one after the other.
            unsafe { self.of_block(self.slope(argument(number)), self.plan.form(argument(number)).per_row(), block).write() }
        };
        // SAFETY: see above.
        let g = unsafe { self.of_block(self.slope(slot), heads * width, block).read() };
        let first = |number: usize| self.first(slot, number);
        match &step.kernel {
            Kernel::Unary(Unary::Gelu) if self.layout.course.joint.contains(&slot) => {
                // SAFETY: see above; no other step of this block reads or writes the result.
                let y = unsafe { self.of_block(self.place(slot), heads * width, block).write() };
                gelu_again_and_back(read(0), y, g, give_to(0), first(0));
            }
            Kernel::Unary(op) => {
                let x = if op.is_curved() { read(0) } else { g };
                unary_back(*op, x, g, give_to(0), first(0));
            }
            Kernel::Binary(op) => {
                let (x, y) = if op.is_curved() { (read(0), read(1)) } else { (g, g) };
                for number in 0..2 {
                    binary_back(*op, number, x, y, g, give_to(number), first(number));
                }
            }
            Kernel::Softmax => {
                // SAFETY: see above.
                let y = unsafe { self.of_block(self.place(slot), heads * width, block).read() };
                softmax_back(y, width, g, give_to(0), first(0));
            }
            Kernel::LayerNorm => {
                let [gains, biases] = [0, 1].map(|number| self.sums(slot, number, width, block));
                // SAFETY: the rest of the thread's scratch belongs to this step.
                let rest = unsafe { self.scratch_of(block.thread).part(block.used, 2 * width).write() };
                let (unit, scaled) = rest.split_at_mut(width);
                layer_norm_back(read(0), self.parameter(slot, 0), g, give_to(0), first(0), gains, biases, [unit, scaled]);
            }
            Kernel::Dropout(rate) => {
                let (to, first) = (give_to(0), first(0));
                if self.key.is_none() || *rate == 0.0 {
                    return give(to, first, g, |g| g);
                }
                self.dropout(block, slot, *rate, heads, width, &mut |row, factors| {
                    let row = row * width..(row + 1) * width;
                    let (to, g) = (to.get_mut(row.clone()).unwrap_or_default(), g.get(row).unwrap_or_default());
                    give_two(to, first, g, factors, |g, factor| g * factor);
                });
            }
            Kernel::Linear | Kernel::Unembed => {
                let (to, rows) = (give_to(0), block.count * heads);
                let input = to.len() / rows.max(1);
                let packed = self.packed_weights(slot, packed_len(width, input));
                let start = if first(0) { Start::Zero } else { Start::Result };
                multiply(rows, input, width, Left::Strided(Strided::rows(g, width)), packed, start, to, input);
                column_sums(g, width, self.sums(slot, 1, width, block));
            }
            Kernel::Positions => give(give_to(0), first(0), g, |g| g),
            _ => {}
        }
    }

    /// A step's packed weights, for the way that the run goes.
    fn packed_weights(&self, slot: usize, len: usize) -> &[f32] {
        let place = self.layout.packed.get(slot).map(|packed| packed[self.way as usize]).unwrap_or_default();
        // SAFETY: see above.
        unsafe { self.buffer(place, 0, len).read() }
    }

    /// The place of a block's sums for one of a step's parameters.
    #[expect(clippy::mut_from_ref, reason = "each block has a place of its own")]
    fn sums(&self, slot: usize, number: usize, width: usize, block: &Block) -> &mut [f32] {
        let place = self.layout.partial.get(slot).map(|partial| partial[number]).unwrap_or_default();
        // SAFETY: see above.
        unsafe { self.buffer(place, block.number * width, width).write() }
    }

    /// Hands the factors of each row (and head) of a block to `apply`; nothing where nothing is dropped.
    fn dropout(&self, block: &Block, slot: usize, rate: f64, heads: usize, width: usize, apply: &mut dyn FnMut(usize, &[f32])) {
        let (Some(key), Some(step)) = (self.key.filter(|_| rate > 0.0), self.plan.step(slot)) else { return };
        let draws = Draws::new(key, &step.path, rate);
        // SAFETY: the rest of the thread's scratch belongs to this step.
        let factors = unsafe { self.scratch_of(block.thread).part(block.used, width).write() };
        let at = step.arguments.get(1).map(|at| self.indices(*at));
        for row in block.from..block.from + block.count {
            let [sentence, number] = self.packed.origin(block.rows, row);
            let place = at.map_or(number, |at| at[row]);
            for head in 0..heads {
                draws.factors(sentence, head as u32, place, factors);
                apply((row - block.from) * heads + head, factors);
            }
        }
    }
}
