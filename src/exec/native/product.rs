//! Matrix products: `D = start + A·B`, by kernels of six rows by sixteen columns in registers, or eight by forty-eight.
//!
//! Each element is summed over `k` in order, and a sum that is written between two chunks and read again is what it was: so a result
//! is the same bytes on one thread or many, in registers of either size, and whatever else stands in the batch. B is packed into panels of sixteen columns;
//! A is read where it lies, or, where its columns are far apart, its transpose is packed as B is: into panels of sixteen rows of A.

#[cfg(target_arch = "x86_64")]
use super::vector::Wide;
use super::vector::{Vectors, bring};

#[cfg(target_arch = "x86_64")]
mod x86;

/// Rows of a tile, at most.
const TILE: usize = 6;
/// Columns of a panel.
pub const PANEL: usize = 16;
/// How much of `k` is summed in registers before the sum is written.
pub const CHUNK: usize = 512;

/// A matrix seen through strides: element (i, j) stands at `i·row + j·column`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a> {
    /// Its values.
    pub data: &'a [f32],
    /// Elements from a row to the next.
    pub row: usize,
    /// Elements from a column to the next.
    pub column: usize,
}

impl<'a> Strided<'a> {
    /// A matrix whose rows of `width` follow one another.
    pub fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row: width, column: 1 }
    }

    /// Its transpose.
    pub fn turned(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    /// Whether all of `rows` × `columns` lies within the values.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || last(rows, self.row, columns, self.column) < self.data.len()
    }
}

/// The place of the last element of `rows` × `columns`, so many values apart; past all memory where it cannot be told.
fn last(rows: usize, row: usize, columns: usize, column: usize) -> usize {
    let along = |count: usize, each: usize| count.saturating_sub(1).saturating_mul(each);
    along(rows, row).saturating_add(along(columns, column))
}

/// The left operand of a product.
#[derive(Clone, Copy, Debug)]
pub enum Left<'a> {
    /// Read where it lies.
    Strided(Strided<'a>),
    /// Its transpose, packed by [`pack`].
    Panels(&'a [f32]),
}

impl<'a> Left<'a> {
    /// The rows from `row` on, from column `begin` on, of `k` in all.
    fn tile(self, row: usize, begin: usize, k: usize) -> Strided<'a> {
        let (from, place) = match self {
            Self::Strided(a) => (a, row * a.row + begin * a.column),
            Self::Panels(data) => (Strided { data, row: 1, column: PANEL }, row / PANEL * PANEL * k + begin * PANEL + row % PANEL),
        };
        // Where `k` is 0, there is nothing.
        Strided { data: from.data.get(place..).unwrap_or_default(), ..from }
    }

    /// How many rows from `row` on, of `m` in all, the next tile takes where `most` fit in registers: what is left, of a panel's own rows, in
    /// equal parts.
    fn high(self, row: usize, m: usize, most: usize) -> usize {
        let left = match self {
            Self::Strided(_) => m - row,
            Self::Panels(_) => (m - row).min(PANEL - row % PANEL),
        };
        left.div_ceil(left.div_ceil(most))
    }
}

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// 0: the result is overwritten.
    Zero,
    /// One value a column.
    Bias(&'a [f32]),
    /// What stands in the result.
    Result,
}

/// The length of `k` × `n` values packed.
pub fn packed_len(k: usize, n: usize) -> usize {
    n.next_multiple_of(PANEL) * k
}

/// Packs panels `first..` of B (`k` × `n`) as far as `packed` reaches: each is `k` lines of sixteen columns, 0 beyond `n`.
pub fn pack(b: Strided<'_>, k: usize, n: usize, first: usize, packed: &mut [f32]) {
    assert!(b.holds(k, n), "B is shorter than its sizes say");
    if k == 0 {
        return;
    }
    if b.column == 1 {
        return pack_lines(b.data, b.row, k, n, first, packed);
    }
    for (panel, packed) in (first..).zip(packed.chunks_exact_mut(k * PANEL)) {
        let start = panel * PANEL;
        let columns = n.saturating_sub(start).min(PANEL);
        if columns < PANEL {
            packed.fill(0.0);
        }
        if columns == 0 {
            continue;
        }
        let from = &b.data[start * b.column..];
        if b.row == 1 {
            turn(from, b.column, columns, packed);
            continue;
        }
        for (line, to) in packed.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
            for (at, to) in to[..columns].iter_mut().enumerate() {
                *to = from[line * b.row + at * b.column];
            }
        }
    }
}

/// Packs lines of values that lie together, `stride` apart: some lines at a time through all panels, so that memory is read in its order.
fn pack_lines(data: &[f32], stride: usize, k: usize, n: usize, first: usize, packed: &mut [f32]) {
    const LINES: usize = 8;
    for begin in (0..k).step_by(LINES) {
        let end = (begin + LINES).min(k);
        for (panel, packed) in (first..).zip(packed.chunks_exact_mut(k * PANEL)) {
            let start = (panel * PANEL).min(n);
            let columns = (n - start).min(PANEL);
            for (line, to) in (begin..end).zip(&mut packed.as_chunks_mut::<PANEL>().0[begin..end]) {
                let from = &data[line * stride + start..];
                bring(from.as_ptr().wrapping_add(LINES * stride));
                match from.first_chunk() {
                    Some(from) if columns == PANEL => *to = *from,
                    _ => {
                        *to = [0.0; PANEL];
                        to[..columns].copy_from_slice(&from[..columns]);
                    }
                }
            }
        }
    }
}

/// A panel from `columns` runs of values that lie `stride` apart.
fn turn(from: &[f32], stride: usize, columns: usize, packed: &mut [f32]) {
    let (lines, _) = packed.as_chunks_mut::<PANEL>();
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if let (Some(wide), PANEL) = (Wide::detect(), columns) {
        for (chunk, lines) in lines.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            x86::turn(wide, &from[chunk * 8..], stride, lines);
            done += 8;
        }
    }
    for (at, line) in lines.iter_mut().enumerate().skip(done) {
        for (run, to) in line[..columns].iter_mut().enumerate() {
            *to = from[run * stride + at];
        }
    }
}

/// D (`m` × `n`, its rows `stride` apart) = start + A·B, with B packed whole: `k` lines a panel.
#[expect(clippy::too_many_arguments, reason = "a product has these sizes and operands")]
pub fn multiply(m: usize, n: usize, k: usize, a: Left<'_>, packed: &[f32], start: Start<'_>, d: &mut [f32], stride: usize) {
    multiply_by(Vectors::widest(), m, n, k, a, packed, start, d, stride);
}

/// As [`multiply`] does, by the vectors given.
#[expect(clippy::too_many_arguments, reason = "a product has these sizes and operands")]
pub fn multiply_by(
    vectors: Vectors,
    m: usize,
    n: usize,
    k: usize,
    a: Left<'_>,
    packed: &[f32],
    start: Start<'_>,
    d: &mut [f32],
    stride: usize,
) {
    if m == 0 || n == 0 {
        return;
    }
    let held = match a {
        Left::Strided(a) => a.holds(m, k),
        Left::Panels(panels) => panels.len() >= packed_len(k, m),
    };
    assert!(held && packed.len() >= packed_len(k, n), "an operand is shorter than its sizes say");
    assert!(last(m, stride, n, 1) < d.len(), "the result is shorter than its sizes say");
    if let Start::Bias(bias) = start {
        assert!(bias.len() >= n, "the bias is shorter than a row");
    }
    // The kernel of sixteen numbers is there for rows as they lie and for panels, whose rows are 1 apart; no other operands are met but in tests.
    #[cfg(target_arch = "x86_64")]
    let (vectors, most, together) = match (vectors, a, Wide::detect()) {
        (Vectors::Wider(_), Left::Strided(a), Some(wide)) if !x86::reads(a) => (Vectors::Wide(wide), TILE, 1),
        (Vectors::Wider(_), ..) => (vectors, x86::TILE, x86::PANELS),
        _ => (vectors, TILE, 1),
    };
    #[cfg(not(target_arch = "x86_64"))]
    let (most, together) = (TILE, 1);
    let mut from = 0;
    while from < n {
        // Four panels are better two and two than three and one.
        let left = (n - from).div_ceil(PANEL);
        let panels = if left == together + 1 { left.div_ceil(2) } else { left.min(together) };
        let columns = (n - from).min(panels * PANEL);
        for begin in (0..k.max(1)).step_by(CHUNK) {
            let chunk = (k - begin).min(CHUNK);
            let b = &packed[from * k + begin * PANEL..];
            let start = match start {
                _ if begin > 0 => Start::Result,
                Start::Bias(bias) => Start::Bias(&bias[from..]),
                other => other,
            };
            let mut row = 0;
            #[cfg(target_arch = "x86_64")]
            let next = if begin + chunk < k { from * k + (begin + chunk) * PANEL } else { (from + panels * PANEL) * k };
            while row < m {
                let (tile, d, rows) = (a.tile(row, begin, k), &mut d[row * stride + from..], a.high(row, m, most));
                #[cfg(target_arch = "x86_64")]
                match vectors {
                    Vectors::Wider(wider) => {
                        let ahead = ahead(packed.get(next..).unwrap_or_default(), chunk, k, row).unwrap_or(b);
                        x86::tiles(wider, rows, columns, chunk, tile, b, k * PANEL, ahead, start, d, stride);
                    }
                    Vectors::Wide(wide) => x86::tile(wide, rows, columns, chunk, tile, b, start, d, stride),
                    Vectors::Plain => plain(rows, columns, chunk, tile, b, start, d, stride),
                }
                #[cfg(not(target_arch = "x86_64"))]
                plain(rows, columns, chunk, tile, b, start, d, stride);
                row += rows;
            }
        }
        from += columns;
    }
}

/// Of the panels of B that come next, the part that the tile at `row` asks for, so that the twelve tiles of a block ask for a chunk of three.
#[cfg(target_arch = "x86_64")]
fn ahead(next: &[f32], chunk: usize, k: usize, row: usize) -> Option<&[f32]> {
    let line = row / x86::TILE * (chunk / x86::LINES);
    let place = line / chunk.max(1) * k + line % chunk.max(1);
    next.get(place * PANEL..).filter(|_| line < x86::PANELS * chunk)
}

/// One tile without vector instructions of its own.
#[expect(clippy::too_many_arguments, reason = "a product has these sizes and operands")]
fn plain(rows: usize, columns: usize, k: usize, a: Strided<'_>, b: &[f32], start: Start<'_>, d: &mut [f32], stride: usize) {
    for row in 0..rows {
        let d = &mut d[row * stride..][..columns];
        let mut sums = [0.0f32; PANEL];
        match start {
            Start::Zero => {}
            Start::Bias(bias) => sums[..columns].copy_from_slice(&bias[..columns]),
            Start::Result => sums[..columns].copy_from_slice(d),
        }
        for (at, line) in b.as_chunks::<PANEL>().0[..k].iter().enumerate() {
            let a = a.data[row * a.row + at * a.column];
            for (sum, b) in sums.iter_mut().zip(line) {
                *sum += a * b;
            }
        }
        d.copy_from_slice(&sums[..columns]);
    }
}
