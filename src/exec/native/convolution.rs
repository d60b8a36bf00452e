//! The lightweight convolution, as products: the taps are a matrix whose rows are one line, each a place further on than the last.
//!
//! In the order in which neighbours are summed they are turned around, so that the line can be read through positive strides.
//! A strip of eight tokens meets only the neighbours that its taps reach.

#![expect(unsafe_code, reason = "parts of the arena are handed out here")]

use super::packed::Packed;
use super::plan::{Plan, Rows};
use super::product::{Left, PANEL, Start, Strided, multiply, pack, packed_len};
use super::rowwise::softmax;
use super::run::Run;
use super::threads::share;
use super::vector::{add_scaled, give};
use crate::exec::kernel::Kernel;
use std::ops::Range;

/// Tokens of a strip.
const STRIP: usize = 8;
/// Zeros at both ends of a head's line of taps, which a strip's first and last tokens meet.
const MARGIN: usize = STRIP - 1;
/// Sums beyond both ends of a head's taps, which a strip and sixteen neighbours have and no tap wants.
const BEYOND: usize = STRIP + PANEL - 2;

/// Which neighbours a token sees.
#[derive(Clone, Copy)]
struct Reach {
    /// Taps of a head.
    kernel: usize,
    /// Neighbours before the token.
    left: usize,
}

impl Reach {
    fn new(kernel: usize, back: bool) -> Self {
        let left = kernel.saturating_sub(1) / 2;
        Self { kernel, left: if back { kernel.saturating_sub(1) - left } else { left } }
    }

    /// The neighbours of the tokens `from..from + rows` in a sentence.
    fn of(self, from: usize, rows: usize, length: usize) -> Range<usize> {
        from.saturating_sub(self.left)..(from + rows - 1 + self.kernel).saturating_sub(self.left).min(length)
    }
}

/// The scratch that a thread needs for a sentence; none where the step is no convolution.
pub fn scratch(plan: &Plan<'_>, slot: usize, packed: &Packed) -> usize {
    let Some(step) = plan.step(slot).filter(|step| matches!(step.kernel, Kernel::LightConv { .. })) else { return 0 };
    let taps = step.parameters.first().and_then(|number| plan.program.parameters().get(*number));
    let taps: usize = taps.map_or(0, |spec| spec.shape.iter().product());
    let (heads, length) = (plan.program.heads().max(1), packed.lengths.iter().copied().max().unwrap_or(0));
    let channels = plan.form(slot).per_row() / heads;
    (length * PANEL).max(packed_len(channels, length) + STRIP * PANEL + taps / heads + 2 * BEYOND)
}

// SAFETY of this file: a phase of its own reads whole values and writes whole others; the threads have a sentence each, and
// scratch of their own.
impl Run<'_> {
    /// The taps as they are used, and how many a head has.
    fn taps(&self, slot: usize, normalize: bool) -> (Vec<f32>, usize) {
        let taps = self.parameter(slot, 0);
        let kernel = taps.len() / self.plan.program.heads().max(1);
        let mut used = taps.to_vec();
        if normalize {
            softmax(taps, kernel, &mut used);
        }
        (used, kernel)
    }

    /// Forward.
    pub(super) fn convolution(&self, slot: usize, argument: usize, normalize: bool, width: usize) {
        let (taps, kernel) = self.taps(slot, normalize);
        let lines = lines(&taps, kernel, false);
        share(self.scratch.len(), self.packed.sentences(), &|thread, sentence| {
            let (start, length) = self.packed.rows_of(Rows::Tokens, sentence);
            let part = |place, slot| self.whole(place, slot).part(start * width, length * width);
            // SAFETY: see above.
            let (x, to, scratch) = unsafe {
                (
                    part(self.place(argument), argument).read(),
                    part(self.place(slot), slot).write(),
                    self.scratch_of(thread).part(0, length * PANEL).write(),
                )
            };
            convolve(x, width, &lines, Reach::new(kernel, false), Start::Zero, to, scratch);
        });
    }

    /// Back.
    pub(super) fn convolution_back(&self, slot: usize, argument: usize, normalize: bool, width: usize) {
        let (taps, kernel) = self.taps(slot, normalize);
        let lines = lines(&taps, kernel, true);
        let sums = self.layout.partial.get(slot).map(|partial| partial[0]).unwrap_or_default();
        let start = if self.first(slot, 0) { Start::Zero } else { Start::Result };
        share(self.scratch.len(), self.packed.sentences(), &|thread, sentence| {
            let (at, length) = self.packed.rows_of(Rows::Tokens, sentence);
            let part = |place, slot| self.whole(place, slot).part(at * width, length * width);
            // SAFETY: see above.
            let (x, g, to, sums, scratch) = unsafe {
                (
                    part(self.place(argument), argument).read(),
                    part(self.slope(slot), slot).read(),
                    part(self.slope(argument), argument).write(),
                    self.buffer(sums, sentence * taps.len(), taps.len()).write(),
                    self.scratch_of(thread).part(0, scratch(self.plan, slot, self.packed)).write(),
                )
            };
            convolve(g, width, &lines, Reach::new(kernel, true), start, to, scratch);
            taps_back(x, g, width, Reach::new(kernel, false), sums, scratch);
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
        give(unsafe { to.write() }, first, &pulled, |pull| pull);
    }
}

/// Each head's taps with the last neighbour's first (on the way back the first's), between zeros.
fn lines(taps: &[f32], kernel: usize, back: bool) -> Vec<Vec<f32>> {
    let line = |taps: &[f32]| {
        let mut line = vec![0.0; kernel + 2 * MARGIN];
        line[MARGIN..MARGIN + kernel].copy_from_slice(taps);
        if !back {
            line.reverse();
        }
        line
    };
    taps.chunks_exact(kernel.max(1)).map(line).collect()
}

/// Each token the sum of its neighbours, weighted by the taps of the channel's head.
fn convolve(x: &[f32], width: usize, lines: &[Vec<f32>], reach: Reach, start: Start<'_>, to: &mut [f32], scratch: &mut [f32]) {
    let (length, channels) = (x.len() / width.max(1), width / lines.len().max(1));
    let panel = &mut scratch[..length * PANEL];
    for (head, line) in lines.iter().enumerate() {
        for channel in (head * channels..(head + 1) * channels).step_by(PANEL) {
            let columns = ((head + 1) * channels - channel).min(PANEL);
            for (row, to) in x.chunks_exact(width).rev().zip(panel.as_chunks_mut::<PANEL>().0) {
                to[..columns].copy_from_slice(&row[channel..channel + columns]);
            }
            for from in (0..length).step_by(STRIP) {
                let rows = (length - from).min(STRIP);
                let seen = reach.of(from, rows, length);
                // The last neighbour comes first; its tap for the first token stands here.
                let place = (MARGIN + from + reach.kernel) - (reach.left + seen.end);
                let taps = Strided { data: &line[place..], row: 1, column: 1 };
                let panel = &panel[(length - seen.end) * PANEL..];
                multiply(rows, columns, seen.len(), Left::Strided(taps), panel, start, &mut to[from * width + channel..], width);
            }
        }
    }
}

/// The gradients of the taps over one sentence: products of each token's gradient with its neighbours, summed along diagonals.
fn taps_back(x: &[f32], g: &[f32], width: usize, reach: Reach, sums: &mut [f32], scratch: &mut [f32]) {
    let (length, heads) = (x.len() / width.max(1), sums.len() / reach.kernel.max(1));
    let channels = width / heads.max(1);
    let (panels, scratch) = scratch.split_at_mut(packed_len(channels, length));
    let (tile, scratch) = scratch.split_at_mut(STRIP * PANEL);
    let pulled = &mut scratch[..reach.kernel + 2 * BEYOND];
    for (head, sums) in sums.chunks_exact_mut(reach.kernel.max(1)).enumerate() {
        pulled.fill(0.0);
        if length > 0 {
            pack(Strided::rows(&x[head * channels..], width).turned(), channels, length, 0, panels);
        }
        for from in (0..length).step_by(STRIP) {
            let rows = (length - from).min(STRIP);
            let seen = reach.of(from, rows, length);
            let own = Left::Strided(Strided::rows(&g[from * width + head * channels..], width));
            for neighbour in (seen.start / PANEL * PANEL..seen.end).step_by(PANEL) {
                let columns = (length - neighbour).min(PANEL);
                multiply(rows, columns, channels, own, &panels[neighbour * channels..], Start::Zero, tile, PANEL);
                for (row, tile) in tile.chunks_exact(PANEL).take(rows).enumerate() {
                    let tap = (BEYOND + neighbour + reach.left) - (from + row);
                    give(&mut pulled[tap..tap + columns], false, tile, |pull| pull);
                }
            }
        }
        sums.copy_from_slice(&pulled[BEYOND..BEYOND + reach.kernel]);
    }
}
