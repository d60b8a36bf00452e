//! Matrix products: `D = start + A·B`, one kernel of six rows by sixteen columns in registers.
//!
//! Each element is summed over `k` in order, in chunks of [`CHUNK`] that do not depend on how the work is divided: so a result
//! is the same bytes on one thread or many, and whatever else stands in the batch. B is packed into panels of sixteen columns,
//! A is read where it lies, or packed into strips of six rows where its columns are far apart.

use super::vector::Wide;

/// Rows of a tile.
pub const TILE: usize = 6;
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
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// The left operand of a product.
#[derive(Clone, Copy, Debug)]
pub enum Left<'a> {
    /// Read where it lies.
    Strided(Strided<'a>),
    /// Packed by [`pack_strips`].
    Strips(&'a [f32]),
}

impl<'a> Left<'a> {
    /// The rows from `row` (a multiple of six) on, from column `begin` on, of `k` in all.
    fn tile(self, row: usize, begin: usize, k: usize) -> Strided<'a> {
        let (from, place) = match self {
            Self::Strided(a) => (a, row * a.row + begin * a.column),
            Self::Strips(data) => (Strided { data, row: 1, column: TILE }, row * k + begin * TILE),
        };
        Strided { data: from.data.get(place..).unwrap_or_default(), ..from }
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
        return pack_rows(b, k, n, first, packed);
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

/// Packs rows that lie together: some rows at a time through all panels, so that memory is read in its order.
fn pack_rows(b: Strided<'_>, k: usize, n: usize, first: usize, packed: &mut [f32]) {
    const ROWS: usize = 8;
    for begin in (0..k).step_by(ROWS) {
        let lines = (k - begin).min(ROWS);
        for (panel, packed) in (first..).zip(packed.chunks_exact_mut(k * PANEL)) {
            let start = (panel * PANEL).min(n);
            let columns = (n - start).min(PANEL);
            for (line, to) in packed.as_chunks_mut::<PANEL>().0[begin..begin + lines].iter_mut().enumerate() {
                let from = &b.data[(begin + line) * b.row + start..];
                match from.first_chunk::<PANEL>() {
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

/// Packs A (`m` × `k`) into strips of six rows, `k` columns each, 0 beyond `m`.
pub fn pack_strips(a: Strided<'_>, m: usize, k: usize, packed: &mut [f32]) {
    assert!(a.holds(m, k), "A is shorter than its sizes say");
    for (strip, packed) in packed.chunks_exact_mut((k * TILE).max(1)).enumerate() {
        let start = strip * TILE;
        let rows = m.saturating_sub(start).min(TILE);
        if rows == 0 {
            return;
        }
        if rows < TILE {
            packed.fill(0.0);
        }
        let from = &a.data[start * a.row..];
        if a.row == 1 && rows == TILE {
            for (at, to) in packed.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
                *to = from[at * a.column..].first_chunk::<TILE>().copied().unwrap_or_default();
            }
        } else {
            for (at, to) in packed.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
                for (row, to) in to[..rows].iter_mut().enumerate() {
                    *to = from[row * a.row + at * a.column];
                }
            }
        }
    }
}

/// D (`m` × `n`, its rows `stride` apart) = start + A·B, with B packed whole: `k` lines a panel.
#[expect(clippy::too_many_arguments, reason = "a product has these sizes and operands")]
pub fn multiply(m: usize, n: usize, k: usize, a: Left<'_>, packed: &[f32], start: Start<'_>, d: &mut [f32], stride: usize) {
    if m == 0 || n == 0 {
        return;
    }
    let held = match a {
        Left::Strided(a) => a.holds(m, k),
        Left::Strips(strips) => strips.len() >= m.next_multiple_of(TILE) * k,
    };
    assert!(held && packed.len() >= packed_len(k, n), "an operand is shorter than its sizes say");
    assert!(d.len() >= (m - 1) * stride + n, "the result is shorter than its sizes say");
    if let Start::Bias(bias) = start {
        assert!(bias.len() >= n, "the bias is shorter than a row");
    }
    let wide = Wide::detect();
    let mut begin = 0;
    loop {
        let chunk = (k - begin).min(CHUNK);
        for (panel, from) in (0..n).step_by(PANEL).enumerate() {
            let columns = (n - from).min(PANEL);
            let b = &packed[panel * k * PANEL + begin * PANEL..][..chunk * PANEL];
            let mut row = 0;
            while row < m {
                let rows = (m - row).min(TILE);
                let a = a.tile(row, begin, k);
                let d = &mut d[row * stride + from..];
                let start = match start {
                    _ if begin > 0 => Start::Result,
                    Start::Bias(bias) => Start::Bias(&bias[from..]),
                    other => other,
                };
                match wide {
                    #[cfg(target_arch = "x86_64")]
                    Some(wide) => x86::tile(wide, rows, columns, chunk, a, b, start, d, stride),
                    _ => plain(rows, columns, chunk, a, b, start, d, stride),
                }
                row += rows;
            }
        }
        begin += chunk;
        if begin >= k {
            return;
        }
    }
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

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the registers of the processor are reached by its own instructions only")]
mod x86 {
    use super::{PANEL, Start, Strided, TILE, Wide};
    use std::arch::x86_64::{
        __m256, __m256i, _mm256_broadcast_ss, _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps,
        _mm256_maskstore_ps, _mm256_permute2f128_ps, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_ps, _mm256_shuffle_ps,
        _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    /// One tile; the caller has checked that A holds `rows` × `k`, B `k` lines, and D its rows.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a product has these sizes and operands")]
    pub fn tile(_: Wide, rows: usize, columns: usize, k: usize, a: Strided<'_>, b: &[f32], start: Start<'_>, d: &mut [f32], stride: usize) {
        assert!((1..=TILE).contains(&rows) && (1..=PANEL).contains(&columns) && b.len() >= k * PANEL);
        assert!(k == 0 || (rows - 1) * a.row + (k - 1) * a.column < a.data.len());
        assert!((rows - 1) * stride + columns <= d.len());
        let (start, step) = match start {
            Start::Zero => (std::ptr::null(), 0),
            Start::Bias(bias) => {
                assert!(bias.len() >= columns);
                (bias.as_ptr(), 0)
            }
            Start::Result => (d.as_ptr(), stride),
        };
        let call =
            Call { columns, k, a: a.data.as_ptr(), row: a.row, column: a.column, b: b.as_ptr(), start, step, d: d.as_mut_ptr(), stride };
        // SAFETY: `Wide` proves the features; the lengths were asserted above, and `start` is null, or points at `columns` values
        // for each of the rows that it steps over.
        unsafe {
            match rows {
                1 => kernel::<1>(call),
                2 => kernel::<2>(call),
                3 => kernel::<3>(call),
                4 => kernel::<4>(call),
                5 => kernel::<5>(call),
                _ => kernel::<6>(call),
            }
        }
    }

    /// The arguments of one tile.
    struct Call {
        columns: usize,
        k: usize,
        a: *const f32,
        row: usize,
        column: usize,
        b: *const f32,
        start: *const f32,
        step: usize,
        d: *mut f32,
        stride: usize,
    }

    /// Sums in registers: `ROWS` × 16.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn kernel<const ROWS: usize>(call: Call) {
        let Call { columns, k, a, row, column, b, start, step, d, stride } = call;
        let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
        let masks = masks(columns);
        // SAFETY: the caller of `tile` gave lengths that cover every place touched here.
        unsafe {
            if !start.is_null() {
                for (at, sums) in sums.iter_mut().enumerate() {
                    let from = start.add(at * step);
                    *sums = if columns == PANEL {
                        [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))]
                    } else {
                        [_mm256_maskload_ps(from, masks[0]), _mm256_maskload_ps(from.wrapping_add(8), masks[1])]
                    };
                }
            }
            let mut a = a;
            let mut b = b;
            for _ in 0..k {
                let (left, right) = (_mm256_loadu_ps(b), _mm256_loadu_ps(b.add(8)));
                for (at, sums) in sums.iter_mut().enumerate() {
                    let a: __m256 = _mm256_broadcast_ss(&*a.add(at * row));
                    sums[0] = _mm256_fmadd_ps(a, left, sums[0]);
                    sums[1] = _mm256_fmadd_ps(a, right, sums[1]);
                }
                a = a.wrapping_add(column);
                b = b.add(PANEL);
            }
            for (at, sums) in sums.iter().enumerate() {
                let to = d.add(at * stride);
                if columns == PANEL {
                    _mm256_storeu_ps(to, sums[0]);
                    _mm256_storeu_ps(to.add(8), sums[1]);
                } else {
                    _mm256_maskstore_ps(to, masks[0], sums[0]);
                    _mm256_maskstore_ps(to.wrapping_add(8), masks[1], sums[1]);
                }
            }
        }
    }

    /// Eight lines of a panel from sixteen runs of eight values, `stride` apart.
    pub fn turn(_: Wide, from: &[f32], stride: usize, lines: &mut [[f32; PANEL]; 8]) {
        assert!(from.len() >= (PANEL - 1) * stride + 8);
        // SAFETY: `Wide` proves the features, and the lengths were asserted above.
        unsafe {
            for half in 0..2 {
                turn_half(from.as_ptr().add(half * 8 * stride), stride, lines.as_mut_ptr().cast::<f32>().add(half * 8));
            }
        }
    }

    /// An 8 × 8 block turned over: rows `stride` apart to rows of a panel.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn turn_half(from: *const f32, stride: usize, to: *mut f32) {
        let mut rows = [_mm256_setzero_ps(); 8];
        // SAFETY: the caller checked that eight rows of eight values are there, and eight lines to be written.
        unsafe {
            for (at, row) in rows.iter_mut().enumerate() {
                *row = _mm256_loadu_ps(from.add(at * stride));
            }
            let pairs: [__m256; 8] = std::array::from_fn(|at| {
                let (low, high) = (rows[at / 2 * 2], rows[at / 2 * 2 + 1]);
                if at % 2 == 0 { _mm256_unpacklo_ps(low, high) } else { _mm256_unpackhi_ps(low, high) }
            });
            // Quarters: (0, 1) of rows 0 to 3, (2, 3) of them, then the same of rows 4 to 7.
            let quads: [__m256; 8] = std::array::from_fn(|at| {
                let (low, high) = (pairs[at / 4 * 4 + at % 4 / 2], pairs[at / 4 * 4 + at % 4 / 2 + 2]);
                if at % 2 == 0 { _mm256_shuffle_ps::<0x44>(low, high) } else { _mm256_shuffle_ps::<0xEE>(low, high) }
            });
            for at in 0..4 {
                _mm256_storeu_ps(to.add(at * PANEL), _mm256_permute2f128_ps::<0x20>(quads[at], quads[at + 4]));
                _mm256_storeu_ps(to.add((at + 4) * PANEL), _mm256_permute2f128_ps::<0x31>(quads[at], quads[at + 4]));
            }
        }
    }

    /// All ones in the first `columns` of sixteen places.
    #[target_feature(enable = "avx2")]
    fn masks(columns: usize) -> [__m256i; 2] {
        let count = _mm256_set1_epi32(columns as i32);
        let places = [_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)];
        places.map(|places| _mm256_cmpgt_epi32(count, places))
    }
}
