//! Kernels that carry rows from one place to another.

#![expect(unsafe_code, reason = "parts of the arena are handed out here")]

use super::layout::Place;
use super::plan::{Form, Rows};
use super::run::Run;
use super::vector::add_scaled;
use crate::exec::kernel::Kernel;

// SAFETY of this file: a phase of its own reads whole values and writes whole others.
impl Run<'_> {
    /// Forward.
    pub(super) fn carry(&self, slot: usize) {
        let (Some(step), Some(argument)) = (self.plan.step(slot), self.plan.arguments(slot).next()) else { return };
        let width = self.plan.form(slot).per_row();
        if let Kernel::LightConv { normalize } = step.kernel {
            return self.convolution(slot, argument, normalize, width);
        }
        // SAFETY: see above.
        let (x, to) = unsafe { (self.whole(self.place(argument), argument).read(), self.whole(self.place(slot), slot).write()) };
        for (row, to) in to.chunks_exact_mut(width.max(1)).enumerate() {
            let from = self.source(slot, row);
            to.copy_from_slice(x.get(from * width..(from + 1) * width).unwrap_or_default());
        }
    }

    /// Back.
    pub(super) fn carry_back(&self, slot: usize) {
        let (Some(step), Some(argument)) = (self.plan.step(slot), self.plan.arguments(slot).next()) else { return };
        if self.slope(slot) == Place::Nowhere {
            return;
        }
        let width = self.plan.form(slot).per_row();
        if let Kernel::LightConv { normalize } = step.kernel {
            return self.convolution_back(slot, argument, normalize, width);
        }
        // SAFETY: see above.
        let (g, to) = unsafe { (self.whole(self.slope(slot), slot).read(), self.whole(self.slope(argument), argument).write()) };
        if self.first(slot, 0) {
            to.fill(0.0);
        }
        for (row, g) in g.chunks_exact(width.max(1)).enumerate() {
            let from = self.source(slot, row);
            add_scaled(to.get_mut(from * width..(from + 1) * width).unwrap_or_default(), 1.0, g);
        }
    }

    /// The row that a picked row is taken from, which is a real token's (`Geometry`).
    fn source(&self, slot: usize, row: usize) -> usize {
        let (Some(step), Form::Matrix { rows, .. }) = (self.plan.step(slot), self.plan.form(slot)) else { return 0 };
        let sentence = self.packed.origin(rows, row)[0] as usize;
        let place = step.arguments.get(1).map_or(0, |at| self.indices(*at)[row] as usize);
        self.packed.rows_of(Rows::Tokens, sentence).0 + place
    }
}
