//! Kernels that carry rows from one place to another: picking rows, and the lightweight convolution.

#![expect(unsafe_code, reason = "parts of the arena are handed out here")]

use super::layout::Place;
use super::plan::{Form, Rows};
use super::rowwise::softmax;
use super::run::Run;
use super::threads::share;
use super::vector::{add_scaled, sum, vectorised};
use crate::exec::kernel::Kernel;

/// Channels of a convolution summed in registers.
const CHANNELS: usize = 32;

// SAFETY of this file: a phase of its own reads whole values and writes whole others; the threads of a convolution have a sentence
// each.
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
            match self.source(slot, row) {
                Some(from) => to.copy_from_slice(x.get(from * width..(from + 1) * width).unwrap_or_default()),
                None => to.fill(0.0),
            }
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
            if let Some(to) = self.source(slot, row).and_then(|from| to.get_mut(from * width..(from + 1) * width)) {
                add_scaled(to, 1.0, g);
            }
        }
    }

    /// The row that a picked row is taken from; `None` where it would be padding, which is 0.
    fn source(&self, slot: usize, row: usize) -> Option<usize> {
        let (step, Form::Matrix { rows, .. }) = (self.plan.step(slot)?, self.plan.form(slot)) else { return None };
        let sentence = self.packed.origin(rows, row)[0] as usize;
        let place = match step.kernel {
            Kernel::Gather => self.indices(*step.arguments.get(1)?).get(row).copied()? as usize,
            _ => 0,
        };
        let (start, length) = self.packed.rows_of(Rows::Tokens, sentence);
        (place < length).then_some(start + place)
    }

    /// The taps as they are used, and their number.
    fn taps(&self, slot: usize, normalize: bool) -> (Vec<f32>, usize) {
        let taps = self.parameter(slot, 0);
        let kernel = taps.len() / self.plan.program.heads().max(1);
        let mut used = taps.to_vec();
        if normalize {
            softmax(taps, kernel, &mut used);
        }
        (used, kernel)
    }

    fn convolution(&self, slot: usize, argument: usize, normalize: bool, width: usize) {
        let (taps, kernel) = self.taps(slot, normalize);
        share(self.scratch.len(), self.packed.sentences(), &|_, sentence| {
            let (start, length) = self.packed.rows_of(Rows::Tokens, sentence);
            let part = |place, slot| self.whole(place, slot).part(start * width, length * width);
            // SAFETY: see above.
            let (x, to) = unsafe { (part(self.place(argument), argument).read(), part(self.place(slot), slot).write()) };
            convolve(x, width, &taps, kernel, false, to, true);
        });
    }

    fn convolution_back(&self, slot: usize, argument: usize, normalize: bool, width: usize) {
        let (taps, kernel) = self.taps(slot, normalize);
        let sums = self.layout.partial.get(slot).map(|partial| partial[0]).unwrap_or_default();
        share(self.scratch.len(), self.packed.sentences(), &|_, sentence| {
            let (start, length) = self.packed.rows_of(Rows::Tokens, sentence);
            let part = |place, slot| self.whole(place, slot).part(start * width, length * width);
            // SAFETY: see above.
            let (x, g, to, sums) = unsafe {
                (
                    part(self.place(argument), argument).read(),
                    part(self.slope(slot), slot).read(),
                    part(self.slope(argument), argument).write(),
                    self.buffer(sums, sentence * taps.len(), taps.len()).write(),
                )
            };
            convolve(g, width, &taps, kernel, true, to, self.first(slot, 0));
            taps_back(x, g, width, kernel, sums);
        });
        let mut pulled = vec![0.0f32; taps.len()];
        for sentence in 0..self.packed.sentences() {
            // SAFETY: see above.
            add_scaled(&mut pulled, 1.0, unsafe { self.buffer(sums, sentence * taps.len(), taps.len()).read() });
        }
        if normalize {
            for (pulled, taps) in pulled.chunks_exact_mut(kernel.max(1)).zip(taps.chunks_exact(kernel.max(1))) {
                let mean: f32 = pulled.iter().zip(taps).map(|(pulled, tap)| pulled * tap).sum();
                pulled.iter_mut().zip(taps).for_each(|(pulled, tap)| *pulled = tap * (*pulled - mean));
            }
        }
        let (to, first) = self.parameter_slope(slot, 0);
        // SAFETY: see above.
        let to = unsafe { to.write() };
        if first {
            to.fill(0.0);
        }
        add_scaled(to, 1.0, &pulled);
    }
}

/// The taps that reach a token from real ones: `at` sees token `at + tap − left`, or `at − tap + left` on the way back.
fn reach(at: usize, length: usize, kernel: usize, back: bool) -> std::ops::Range<usize> {
    let left = if back { kernel - 1 - (kernel - 1) / 2 } else { (kernel - 1) / 2 };
    let from = left.saturating_sub(at);
    let to = (length + left).saturating_sub(at).min(kernel);
    from..to.max(from)
}

/// Each token the sum of its neighbours, weighted by the taps of the channel's head; mirrored on the way back.
fn convolve(x: &[f32], width: usize, taps: &[f32], kernel: usize, back: bool, to: &mut [f32], first: bool) {
    let (length, channels) = (x.len() / width.max(1), width * kernel / taps.len().max(1));
    let left = if back { kernel - 1 - (kernel - 1) / 2 } else { (kernel - 1) / 2 };
    vectorised!({
        for (at, to) in to.chunks_exact_mut(width.max(1)).enumerate() {
            let reach = reach(at, length, kernel, back);
            for (taps, (head, to)) in taps.chunks_exact(kernel.max(1)).zip(to.chunks_exact_mut(channels.max(1)).enumerate()) {
                for (part, to) in to.chunks_mut(CHANNELS).enumerate() {
                    let mut sums = [0.0f32; CHANNELS];
                    for tap in reach.clone() {
                        let weight = taps.get(if back { kernel - 1 - tap } else { tap }).copied().unwrap_or(0.0);
                        let from = (at + tap - left) * width + head * channels + part * CHANNELS;
                        if let Some(x) = x.get(from..).and_then(<[f32]>::first_chunk::<CHANNELS>).filter(|_| to.len() == CHANNELS) {
                            for (sum, x) in sums.iter_mut().zip(x) {
                                *sum += weight * x;
                            }
                        } else {
                            for (sum, x) in sums.iter_mut().zip(x.get(from..from + to.len()).unwrap_or_default()) {
                                *sum += weight * x;
                            }
                        }
                    }
                    if first {
                        to.iter_mut().zip(&sums).for_each(|(to, sum)| *to = *sum);
                    } else {
                        to.iter_mut().zip(&sums).for_each(|(to, sum)| *to += sum);
                    }
                }
            }
        }
    });
}

/// The gradients of the taps over one sentence.
fn taps_back(x: &[f32], g: &[f32], width: usize, kernel: usize, sums: &mut [f32]) {
    let (length, channels) = (x.len() / width.max(1), width * kernel / sums.len().max(1));
    let left = (kernel - 1) / 2;
    vectorised!({
        for (head, sums) in sums.chunks_exact_mut(kernel.max(1)).enumerate() {
            for (tap, to) in sums.iter_mut().enumerate() {
                let mut lanes = [0.0f32; 16];
                let mut rest = 0.0;
                // Tokens that see a real one through this tap.
                for at in left.saturating_sub(tap)..(length + left).saturating_sub(tap).min(length) {
                    let (x, g) = (x.get((at + tap - left) * width + head * channels..), g.get(at * width + head * channels..));
                    let (Some(x), Some(g)) = (x.and_then(|x| x.get(..channels)), g.and_then(|g| g.get(..channels))) else { continue };
                    let ((xs, x), (gs, g)) = (x.as_chunks::<16>(), g.as_chunks::<16>());
                    for (x, g) in xs.iter().zip(gs) {
                        for ((lane, x), g) in lanes.iter_mut().zip(x).zip(g) {
                            *lane += x * g;
                        }
                    }
                    rest += x.iter().zip(g).map(|(x, g)| x * g).sum::<f32>();
                }
                *to = sum(&lanes) + rest;
            }
        }
    });
}
