//! The output as a batch has it, padding included; the loss, and the gradient of the output.

#![expect(unsafe_code, reason = "parts of the arena are handed out here")]

use super::layout::{BLOCK, Place};
use super::plan::{Form, Rows};
use super::rowwise::largest;
use super::run::Run;
use super::threads::share;
use super::vector::{exp, sum, vectorised};
use crate::exec::{Batch, Targets};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

// SAFETY of this file: after the last phase nothing but the loss touches the output, and each block of it has one thread.
impl Run<'_> {
    /// The place of the output in the arena, where it stands there as the batch has it: whole, without padding.
    pub fn in_place(&self, shape: &[usize]) -> Option<Range<usize>> {
        let slot = self.plan.program.output();
        let Form::Matrix { rows, heads: 1, width } = self.plan.form(slot) else { return None };
        let Place::Arena(number) = self.place(self.plan.root(slot)) else { return None };
        let (from, len) = (*self.offsets.get(number)?, self.packed.count(rows) * width);
        (len == shape.iter().product::<usize>()).then_some(from..from + len)
    }

    /// The output, row-major, 0 in the padding; `shape` is its full shape.
    pub fn output(&self, shape: &[usize]) -> Vec<f32> {
        let slot = self.plan.program.output();
        let mut padded = vec![0.0; shape.iter().product()];
        // SAFETY: see above.
        let values = unsafe { self.whole(self.place(self.plan.root(slot)), slot).read() };
        self.lines(slot, shape, &mut |at, to, len| {
            if let (Some(from), Some(to)) = (values.get(at..at + len), padded.get_mut(to..to + len)) {
                to.copy_from_slice(from);
            }
        });
        padded
    }

    /// The loss, leaving the output's gradient in its place. Targets were checked against the output's `shape`, and at least one is
    /// wanted.
    pub fn judge(&self, batch: &Batch, shape: &[usize]) -> f32 {
        let slot = self.plan.program.output();
        let width = shape.last().copied().unwrap_or(1).max(1);
        match (&batch.targets, self.plan.form(slot)) {
            (Targets::Classes(targets), Form::Matrix { rows: rows @ (Rows::Predictions | Rows::Each(_)), heads: 1, .. }) => {
                self.classes(rows, width, targets)
            }
            (targets, _) => {
                let mut values = self.output(shape);
                let loss = padded_loss(&mut values, width, targets);
                // SAFETY: see above.
                let to = unsafe { self.whole(self.slope(self.plan.root(slot)), slot).write() };
                self.lines(slot, shape, &mut |at, from, len| {
                    if let (Some(to), Some(from)) = (to.get_mut(at..at + len), values.get(from..from + len)) {
                        to.copy_from_slice(from);
                    }
                });
                loss
            }
        }
    }

    /// Cross-entropy over rows that lie as the batch has them.
    fn classes(&self, rows: Rows, width: usize, targets: &[Option<u32>]) -> f32 {
        let slot = self.plan.root(self.plan.program.output());
        let (total, part) = (self.packed.count(rows), 1.0 / targets.iter().flatten().count() as f32);
        let losses = Mutex::new(vec![0.0f64; total.div_ceil(BLOCK)]);
        share(self.scratch.len(), total.div_ceil(BLOCK), &|_, block| {
            let (from, count) = (block * BLOCK, (total - block * BLOCK).min(BLOCK));
            let of = |place| self.buffer(place, from * width, count * width);
            // SAFETY: see above; the gradient stands where the output stood, or has a place of its own.
            let scores = unsafe { of(self.place(slot)).write() };
            let mut loss = 0.0;
            for (row, scores) in (from..).zip(scores.chunks_exact_mut(width)) {
                let at = if rows == Rows::Predictions { self.packed.places.get(row).copied().unwrap_or(row) } else { row };
                loss += f64::from(row_loss(scores, targets.get(at).copied().flatten(), part));
            }
            if self.slope(slot) != self.place(slot) {
                // SAFETY: see above.
                unsafe { of(self.slope(slot)).write() }.copy_from_slice(scores);
            }
            if let Some(place) = losses.lock().unwrap_or_else(PoisonError::into_inner).get_mut(block) {
                *place = loss;
            }
        });
        let total: f64 = losses.into_inner().unwrap_or_else(PoisonError::into_inner).iter().sum();
        (total * f64::from(part)) as f32
    }

    /// Each line of the output: where it stands here, where in the batch's own order, and how long it is.
    fn lines(&self, slot: usize, shape: &[usize], visit: &mut dyn FnMut(usize, usize, usize)) {
        let [.., high, wide] = *shape else { return };
        for sentence in 0..self.packed.sentences() {
            match self.plan.form(slot) {
                Form::Matrix { rows, heads, width } => {
                    let (start, count) = self.packed.rows_of(rows, sentence);
                    for row in start..start + count {
                        let place = self.packed.origin(rows, row)[1] as usize;
                        for head in 0..heads {
                            visit((row * heads + head) * width, ((sentence * heads + head) * high + place) * wide, width);
                        }
                    }
                }
                Form::Blocks { axes, heads } => {
                    let [rows, columns] = axes.map(|axis| self.packed.size(axis, sentence));
                    let before = self.packed.before(axes, sentence) * heads;
                    let (start, _) = self.packed.rows_of(axes[0].into(), sentence);
                    for line in 0..heads * rows {
                        let (head, row) = (line / rows, line % rows);
                        // Of predicted places some may be left out.
                        let place = self.packed.origin(axes[0].into(), start + row)[1] as usize;
                        visit(before + line * columns, ((sentence * heads + head) * high + place) * wide, columns);
                    }
                }
                Form::Index => {}
            }
        }
    }
}

/// The loss of values as the batch has them, which become the gradient.
fn padded_loss(values: &mut [f32], width: usize, targets: &Targets) -> f32 {
    match targets {
        Targets::Classes(targets) => {
            let part = 1.0 / targets.iter().flatten().count() as f32;
            let rows = values.chunks_exact_mut(width).zip(targets);
            let total: f64 = rows.map(|(scores, wanted)| f64::from(row_loss(scores, *wanted, part))).sum();
            (total * f64::from(part)) as f32
        }
        Targets::Scores(scores) => {
            let count = values.len() as f32;
            let loss = values.iter().zip(scores).map(|(found, wanted)| (found - wanted) * (found - wanted)).sum::<f32>() / count;
            values.iter_mut().zip(scores).for_each(|(found, wanted)| *found = 2.0 * (*found - wanted) / count);
            loss
        }
        Targets::None => 0.0,
    }
}

/// −ln softmax at the wanted class; the scores become the gradient, scaled by the row's part. 0 where nothing is wanted.
fn row_loss(scores: &mut [f32], wanted: Option<u32>, part: f32) -> f32 {
    let Some(wanted) = wanted.map(|wanted| wanted as usize) else {
        scores.fill(0.0);
        return 0.0;
    };
    let own = scores.get(wanted).copied().unwrap_or(0.0);
    vectorised!({
        let largest = largest(scores);
        for score in scores.iter_mut() {
            *score = exp(*score - largest);
        }
        let total = sum(scores);
        let factor = part / total;
        for score in scores.iter_mut() {
            *score *= factor;
        }
        if let Some(score) = scores.get_mut(wanted) {
            *score -= part;
        }
        total.ln() + largest - own
    })
}
