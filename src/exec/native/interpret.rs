//! Tiles carried out: the operations of one sentence and head on matrices that stay in the cache.
//!
//! On the way back a tile is carried out again, as far as its gradients want it: nothing of it was kept.

#![expect(unsafe_code, reason = "parts of the arena are handed out here")]

use super::elementwise::{binary, binary_back, unary, unary_back};
use super::layout::Place;
use super::memory::Shared;
use super::meter::Kind;
use super::packed::Packed;
use super::plan::{Form, Plan};
use super::product::{Left, PANEL, Start, Strided, multiply, pack, packed_len};
use super::rowwise::{euclidean, euclidean_back, softmax, softmax_back, unit_rows, unit_rows_back};
use super::run::Run;
use super::threads::share;
use super::tiles::{Door, Mix, Operation, Tiling};
use super::vector::{LANES, bring, give, give_two, vectorised};
use super::weights::Packing;
use crate::exec::draws::Draws;
use crate::exec::kernel::Kernel;

/// How many rows ahead a tile's are asked for.
const AHEAD: usize = 4;

/// Where the matrices of a tile stand in a thread's scratch, for the longest sentence.
pub struct Desk {
    values: Vec<usize>,
    slopes: Vec<usize>,
    rest: usize,
    total: usize,
}

impl Desk {
    /// The places, with those of gradients on the way back.
    pub fn new(tiling: &Tiling, packed: &Packed, back: bool) -> Self {
        let most = |list: &[usize]| list.iter().copied().max().unwrap_or(0);
        let (tokens, predictions) = (most(&packed.lengths), most(&packed.place_counts));
        let size = |matrix: usize| tiling.sizes(matrix, tokens, predictions).iter().product::<usize>().next_multiple_of(PANEL);
        let mut total = 0;
        let mut places = || {
            let mut place = |matrix| {
                total += size(matrix);
                total - size(matrix)
            };
            (0..tiling.matrices.len()).map(&mut place).collect::<Vec<usize>>()
        };
        let (values, slopes) = (places(), if back { places() } else { Vec::new() });
        let rest = total;
        // Products pack both operands; cosines keep both operands' rows twice over beside, and their inverses.
        let work = |operation: &Operation| {
            let padded = |matrix: usize| tiling.sizes(matrix, tokens, predictions).map(|size| size.next_multiple_of(PANEL) + PANEL);
            let all = operation.operands.iter().map(|operand| operand.matrix).chain([operation.result]);
            let largest = all.map(|matrix| padded(matrix).iter().product::<usize>()).max().unwrap_or(0);
            let [rows, columns] = padded(operation.result);
            match operation.mix {
                Mix::MatMul => 2 * largest,
                Mix::Cosine | Mix::Euclidean => 6 * largest,
                Mix::Dropout(_) => rows + columns,
                _ => 0,
            }
        };
        total += tiling.operations.iter().map(work).max().unwrap_or(0);
        Self { values, slopes, rest, total }
    }
}

/// The scratch that a thread needs for a phase of tiles.
pub fn scratch(tiling: &Tiling, packed: &Packed, back: bool) -> usize {
    Desk::new(tiling, packed, back).total
}

/// One sentence and head.
struct Tile<'a> {
    plan: &'a Plan<'a>,
    tiling: &'a Tiling,
    desk: &'a Desk,
    scratch: Shared<'a>,
    sentence: usize,
    head: usize,
    tokens: usize,
    predictions: usize,
    /// Predicted places before the sentence's.
    before: usize,
    /// The indices of each input.
    indices: &'a [Vec<u32>],
}

// SAFETY of this file: a tile's matrices have places of their own in the scratch of the thread that carries it out; of the values
// in the arena it reads what earlier phases wrote, or blocks of rows that were waited for (`Run::rows_back`), and writes the rows and columns of
// its own sentence and head.
impl Tile<'_> {
    fn sizes(&self, matrix: usize) -> [usize; 2] {
        self.tiling.sizes(matrix, self.tokens, self.predictions)
    }

    fn at(&self, places: &[usize], matrix: usize) -> Shared<'_> {
        self.scratch.part(places.get(matrix).copied().unwrap_or(0), self.sizes(matrix).iter().product())
    }

    fn value(&self, matrix: usize) -> &[f32] {
        // SAFETY: see above; an operation's result is no operand of its own.
        unsafe { self.at(&self.desk.values, matrix).read() }
    }

    #[expect(clippy::mut_from_ref, reason = "each matrix has a place of its own")]
    fn value_mut(&self, matrix: usize) -> &mut [f32] {
        // SAFETY: see above.
        unsafe { self.at(&self.desk.values, matrix).write() }
    }

    fn slope(&self, matrix: usize) -> &[f32] {
        // SAFETY: see above.
        unsafe { self.at(&self.desk.slopes, matrix).read() }
    }

    #[expect(clippy::mut_from_ref, reason = "each matrix has a place of its own, and one gradient is written at a time")]
    fn slope_mut(&self, matrix: usize) -> &mut [f32] {
        // SAFETY: see above.
        unsafe { self.at(&self.desk.slopes, matrix).write() }
    }

    #[expect(clippy::mut_from_ref, reason = "one operation works at a time")]
    fn rest(&self) -> &mut [f32] {
        // SAFETY: see above.
        unsafe { self.scratch.part(self.desk.rest, self.desk.total - self.desk.rest).write() }
    }

    /// An operand as it is read.
    fn strided<'b>(&self, data: &'b [f32], matrix: usize, turned: bool) -> Strided<'b> {
        let rows = Strided::rows(data, self.sizes(matrix)[1]);
        if turned { rows.turned() } else { rows }
    }

    fn run(&self, key: Option<crate::exec::StepKey>) {
        self.tiling.operations.iter().for_each(|operation| self.operate(operation, key));
    }

    /// What of it the way back wants.
    fn run_again(&self, key: Option<crate::exec::StepKey>) {
        let wanted = self.tiling.operations.iter().zip(&self.tiling.again).filter(|(_, again)| **again);
        wanted.for_each(|(operation, _)| self.operate(operation, key));
    }

    fn operate(&self, operation: &Operation, key: Option<crate::exec::StepKey>) {
        let Operation { mix, operands, result, .. } = operation;
        let [Some(x), y] = [operands.first(), operands.get(1).or(operands.first())] else { return };
        let Some(y) = y else { return };
        let (left, right, to) = (self.value(x.matrix), self.value(y.matrix), self.value_mut(*result));
        let ([rows, columns], inner) = (self.sizes(*result), self.sizes(x.matrix)[usize::from(!x.turned)]);
        match mix {
            Mix::Unary(op) => unary(*op, left, to),
            Mix::Binary(op) => binary(*op, left, right, to),
            Mix::Softmax => softmax(left, columns, to),
            Mix::Turn => turn(left, columns, rows, to, true),
            Mix::MatMul => {
                let (left, right) = (self.strided(left, x.matrix, x.turned), self.strided(right, y.matrix, y.turned));
                product([rows, columns, inner], left, right, Start::Zero, to, self.rest());
            }
            Mix::Cosine => {
                let mut rest = self.rest();
                let (unit_x, unit_y) = (cut(&mut rest, rows * inner), cut(&mut rest, columns * inner));
                let (inverse_x, inverse_y) = (cut(&mut rest, rows), cut(&mut rest, columns));
                unit_rows(left, inner, unit_x, inverse_x);
                unit_rows(right, inner, unit_y, inverse_y);
                let (x, y) = (Strided::rows(unit_x, inner), Strided::rows(unit_y, inner).turned());
                product([rows, columns, inner], x, y, Start::Zero, to, rest);
            }
            Mix::Euclidean => {
                let panels = cut(&mut self.rest(), packed_len(inner, columns));
                pack(Strided::rows(right, inner).turned(), inner, columns, 0, panels);
                euclidean(left, panels, inner, columns, to);
            }
            Mix::Dropout(slot) => {
                to.copy_from_slice(left);
                self.dropout(*slot, key, columns, &mut |row, factors| {
                    let row = to.get_mut(row * columns..(row + 1) * columns).unwrap_or_default();
                    row.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
                });
            }
        }
    }

    fn back(&self, key: Option<crate::exec::StepKey>) {
        for operation in self.tiling.operations.iter().rev().filter(|operation| !operation.first.is_empty()) {
            self.operate_back(operation, key);
        }
    }

    fn operate_back(&self, operation: &Operation, key: Option<crate::exec::StepKey>) {
        let Operation { mix, operands, result, first } = operation;
        let [Some(x), y] = [operands.first(), operands.get(1).or(operands.first())] else { return };
        let Some(y) = y else { return };
        let (first_x, first_y) = (first.first() == Some(&true), first.get(1) == Some(&true));
        let (left, right, g) = (self.value(x.matrix), self.value(y.matrix), self.slope(*result));
        let ([rows, columns], inner) = (self.sizes(*result), self.sizes(x.matrix)[usize::from(!x.turned)]);
        let start = |first: bool| if first { Start::Zero } else { Start::Result };
        match mix {
            Mix::Unary(op) => unary_back(*op, left, g, self.slope_mut(x.matrix), first_x),
            Mix::Binary(op) => {
                binary_back(*op, 0, left, right, g, self.slope_mut(x.matrix), first_x);
                binary_back(*op, 1, left, right, g, self.slope_mut(y.matrix), first_y);
            }
            Mix::Softmax => softmax_back(self.value(*result), columns, g, self.slope_mut(x.matrix), first_x),
            Mix::Turn => turn(g, rows, columns, self.slope_mut(x.matrix), first_x),
            Mix::MatMul => {
                let g = Strided::rows(g, columns);
                let (a, b) = (self.strided(left, x.matrix, x.turned), self.strided(right, y.matrix, y.turned));
                // Of a product A·B the gradients are G·Bᵀ and Aᵀ·G; of an operand that was read turned over, their transposes.
                let to = self.slope_mut(x.matrix);
                match x.turned {
                    false => product([rows, inner, columns], g, b.turned(), start(first_x), to, self.rest()),
                    true => product([inner, rows, columns], b, g.turned(), start(first_x), to, self.rest()),
                }
                let to = self.slope_mut(y.matrix);
                match y.turned {
                    false => product([inner, columns, rows], a.turned(), g, start(first_y), to, self.rest()),
                    true => product([columns, inner, rows], g.turned(), a, start(first_y), to, self.rest()),
                }
            }
            Mix::Cosine => {
                let mut rest = self.rest();
                let (unit_x, unit_y) = (cut(&mut rest, rows * inner), cut(&mut rest, columns * inner));
                let (inverse_x, inverse_y) = (cut(&mut rest, rows), cut(&mut rest, columns));
                let pulled = cut(&mut rest, rows.max(columns) * inner);
                unit_rows(left, inner, unit_x, inverse_x);
                unit_rows(right, inner, unit_y, inverse_y);
                let g = Strided::rows(g, columns);
                let pulled_x = pulled.get_mut(..rows * inner).unwrap_or_default();
                product([rows, inner, columns], g, Strided::rows(unit_y, inner), Start::Zero, pulled_x, rest);
                unit_rows_back(unit_x, inverse_x, inner, pulled_x, self.slope_mut(x.matrix), first_x);
                let pulled_y = pulled.get_mut(..columns * inner).unwrap_or_default();
                product([columns, inner, rows], g.turned(), Strided::rows(unit_x, inner), Start::Zero, pulled_y, rest);
                unit_rows_back(unit_y, inverse_y, inner, pulled_y, self.slope_mut(y.matrix), first_y);
            }
            Mix::Euclidean => {
                let mut rest = self.rest();
                let (pulled_x, pulled_y) = (cut(&mut rest, rows * inner), cut(&mut rest, columns * inner));
                pulled_x.fill(0.0);
                pulled_y.fill(0.0);
                euclidean_back(left, right, inner, self.value(*result), g, pulled_x, pulled_y);
                give(self.slope_mut(x.matrix), first_x, pulled_x, |pull| pull);
                give(self.slope_mut(y.matrix), first_y, pulled_y, |pull| pull);
            }
            Mix::Dropout(slot) => {
                let to = self.slope_mut(x.matrix);
                if !self.drops(*slot, key) {
                    return give(to, first_x, g, |g| g);
                }
                self.dropout(*slot, key, columns, &mut |row, factors| {
                    let row = row * columns..(row + 1) * columns;
                    let (to, g) = (to.get_mut(row.clone()).unwrap_or_default(), g.get(row).unwrap_or_default());
                    give_two(to, first_x, g, factors, |g, factor| g * factor);
                });
            }
        }
    }

    fn drops(&self, slot: usize, key: Option<crate::exec::StepKey>) -> bool {
        key.is_some() && self.plan.step(slot).is_some_and(|step| matches!(step.kernel, Kernel::Dropout(rate) if rate > 0.0))
    }

    /// Hands the factors of each row to `apply`; nothing where nothing is dropped.
    fn dropout(&self, slot: usize, key: Option<crate::exec::StepKey>, columns: usize, apply: &mut dyn FnMut(usize, &[f32])) {
        let (Some(key), Some(step)) = (key, self.plan.step(slot)) else { return };
        let Kernel::Dropout(rate) = step.kernel else { return };
        if rate == 0.0 {
            return;
        }
        let draws = Draws::new(key, &step.path, rate);
        let mut rest = self.rest();
        let factors = cut(&mut rest, columns);
        let rows = self
            .tiling
            .operations
            .iter()
            .find(|operation| operation.mix == Mix::Dropout(slot))
            .map_or(0, |operation| self.sizes(operation.result)[0]);
        let at = step.arguments.get(1).map(|at| &self.indices[*at]);
        for row in 0..rows {
            let place = at.map_or(row as u32, |at| at[self.before + row]);
            draws.factors(self.sentence as u32, self.head as u32, place, factors);
            apply(row, factors);
        }
    }
}

impl Run<'_> {
    /// Forward; weights are packed beside.
    pub(super) fn tiles(&self, tiling: &Tiling, packing: &[Packing]) {
        let desk = Desk::new(tiling, self.packed, false);
        let tile = |thread: usize, number: usize| {
            let tile = self.tile(tiling, &desk, thread, number);
            tiling.inputs.iter().for_each(|door| self.enter(&tile, door, self.place(door.slot), tile.value_mut(door.matrix), true));
            tile.run(self.key);
            tiling.outputs.iter().for_each(|door| self.leave(&tile, door, self.place(door.slot), tile.value(door.matrix), true));
        };
        self.tiled(tiling, packing, &tile);
    }

    /// Back.
    pub(super) fn tiles_back(&self, tiling: &Tiling, packing: &[Packing]) {
        let desk = Desk::new(tiling, self.packed, true);
        self.tiled(tiling, packing, &|thread, number| self.tile_back(tiling, &desk, thread, number));
    }

    /// A tile carried out again, then its gradients.
    pub(super) fn tile_back(&self, tiling: &Tiling, desk: &Desk, thread: usize, number: usize) {
        let tile = self.tile(tiling, desk, thread, number);
        tiling.inputs.iter().for_each(|door| self.enter(&tile, door, self.place(door.slot), tile.value_mut(door.matrix), true));
        tile.run_again(self.key);
        for (at, door) in tiling.outputs.iter().enumerate() {
            let first = tiling.outputs.iter().take(at).all(|other| other.matrix != door.matrix);
            self.enter(&tile, door, self.slope(door.slot), tile.slope_mut(door.matrix), first);
        }
        tile.back(self.key);
        for door in tiling.inputs.iter() {
            let passed = tiling.outputs.iter().any(|other| other.matrix == door.matrix);
            if !passed && tiling.read.get(door.matrix) != Some(&true) {
                tile.slope_mut(door.matrix).fill(0.0);
            }
            let first = tiling.steps.iter().any(|slot| {
                self.plan.arguments(*slot).enumerate().any(|(number, argument)| argument == door.slot && self.first(*slot, number))
            });
            self.leave(&tile, door, self.slope(door.slot), tile.slope(door.matrix), first);
        }
    }

    /// Packs what is to be packed, and carries out each tile of a phase.
    fn tiled(&self, tiling: &Tiling, packing: &[Packing], tile: &(dyn Fn(usize, usize) + Sync)) {
        share(self.scratch.len(), packing.len() + self.packed.sentences() * tiling.heads, &|thread, part| match packing.get(part) {
            Some(job) => self.pack_job(job),
            None => self.meter.time(Kind::Attention, || tile(thread, part - packing.len())),
        });
    }

    fn tile<'b>(&'b self, tiling: &'b Tiling, desk: &'b Desk, thread: usize, number: usize) -> Tile<'b> {
        let (sentence, head) = (number / tiling.heads.max(1), number % tiling.heads.max(1));
        let at = |list: &[usize]| list.get(sentence).copied().unwrap_or(0);
        let (tokens, predictions, before) = (at(&self.packed.lengths), at(&self.packed.place_counts), at(&self.packed.place_starts));
        let (plan, scratch, indices) = (self.plan, self.scratch_of(thread), self.indices.as_slice());
        Tile { plan, tiling, desk, scratch, sentence, head, tokens, predictions, before, indices }
    }

    /// The span of a value in the arena that is a tile's, its rows' width there, and the first column of the tile's own.
    fn span(&self, tile: &Tile<'_>, door: &Door, place: Place) -> (Shared<'_>, usize, usize) {
        let [rows, columns] = tile.sizes(door.matrix);
        let form = self.plan.form(door.slot);
        match form {
            Form::Matrix { rows: kind, .. } => {
                let (start, count) = self.packed.rows_of(kind, tile.sentence);
                let each = form.per_row();
                (self.buffer(place, start * each, count.min(rows) * each), each, tile.head * columns)
            }
            Form::Blocks { axes, heads } => {
                let at = self.packed.before(axes, tile.sentence) * heads + tile.head * rows * columns;
                (self.buffer(place, at, rows * columns), columns, 0)
            }
            Form::Index => (self.buffer(place, 0, 0), 0, 0),
        }
    }

    /// From the arena into a tile's matrix.
    fn enter(&self, tile: &Tile<'_>, door: &Door, place: Place, to: &mut [f32], first: bool) {
        let ((span, each, column), columns) = (self.span(tile, door, place), tile.sizes(door.matrix)[1]);
        if columns == 0 || each == 0 {
            return;
        }
        vectorised!({
            for (row, to) in to.chunks_exact_mut(columns).enumerate() {
                // SAFETY: see above; only this tile's own columns are read.
                let from = unsafe { span.part(row * each + column, columns).read() };
                hand_over(to, from, from.as_ptr().wrapping_add(AHEAD * each), first);
            }
        });
    }

    /// From a tile's matrix into the arena.
    fn leave(&self, tile: &Tile<'_>, door: &Door, place: Place, from: &[f32], first: bool) {
        let ((span, each, column), columns) = (self.span(tile, door, place), tile.sizes(door.matrix)[1]);
        if columns == 0 || each == 0 {
            return;
        }
        vectorised!({
            for (row, from) in from.chunks_exact(columns).enumerate() {
                // SAFETY: see above; only this tile's own columns are written.
                let to = unsafe { span.part(row * each + column, columns).write() };
                hand_over(to, from, to.as_ptr().wrapping_add(AHEAD * each), first);
            }
        });
    }
}

/// Writes or adds one row; memory is asked for at `ahead`, where a later row stands.
#[inline(always)]
fn hand_over(to: &mut [f32], from: &[f32], ahead: *const f32, first: bool) {
    let ((to, to_rest), (from, from_rest)) = (to.as_chunks_mut::<LANES>(), from.as_chunks::<LANES>());
    for (line, (to, from)) in to.iter_mut().zip(from).enumerate() {
        bring(ahead.wrapping_add(line * LANES));
        if first {
            *to = *from;
        } else {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = if first { *from } else { *to + from };
    }
}

/// The first values of a buffer; the rest stays in it.
fn cut<'b>(rest: &mut &'b mut [f32], len: usize) -> &'b mut [f32] {
    let (front, back) = std::mem::take(rest).split_at_mut(len);
    *rest = back;
    front
}

/// D (`m` × `n`) = start + A·B over `k`.
fn product([m, n, k]: [usize; 3], a: Strided<'_>, b: Strided<'_>, start: Start<'_>, d: &mut [f32], scratch: &mut [f32]) {
    let (panels, scratch) = scratch.split_at_mut(packed_len(k, n));
    pack(b, k, n, 0, panels);
    let left = if a.column == 1 {
        Left::Strided(a)
    } else {
        let rows = scratch.get_mut(..packed_len(k, m)).unwrap_or_default();
        pack(a.turned(), k, m, 0, rows);
        Left::Panels(rows)
    };
    multiply(m, n, k, left, panels, start, d, n);
}

/// A matrix of `rows` × `columns` written, or added, with its rows and columns changed.
fn turn(x: &[f32], rows: usize, columns: usize, to: &mut [f32], first: bool) {
    if rows == 0 || columns == 0 {
        return;
    }
    for (column, to) in to.chunks_exact_mut(rows).enumerate().take(columns) {
        for (to, x) in to.iter_mut().zip(x.iter().skip(column).step_by(columns)) {
            *to = if first { *x } else { *to + *x };
        }
    }
}
