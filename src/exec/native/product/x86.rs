//! Tiles of a product in the registers of an x86-64 processor.

#![expect(unsafe_code, reason = "the registers of the processor are reached by its own instructions only")]

use super::super::vector::{Wide, Wider};
use super::{PANEL, Start, Strided, last};
use std::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm256_broadcast_ss, _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_permute2f128_ps, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_ps,
    _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
};
use std::array::from_fn;
use std::hint::black_box;

/// Rows of what [`tiles`] does at once, at most.
pub const TILE: usize = 8;
/// Panels of B beside one another there, at most.
pub const PANELS: usize = 3;
/// Lines of B's panels that [`tiles`] takes at a time.
pub const LINES: usize = 4;

/// Whether [`tiles`] reads such an operand: its columns follow one another, or are a panel's.
pub fn reads(a: Strided<'_>) -> bool {
    a.column == 1 || (a.column == PANEL && a.row == 1)
}

/// One tile; it panics where A is shorter than `rows` × `k`, B than `k` lines, or D than its rows.
#[inline]
#[expect(clippy::too_many_arguments, reason = "a product has these sizes and operands")]
pub fn tile(_: Wide, rows: usize, columns: usize, k: usize, a: Strided<'_>, b: &[f32], start: Start<'_>, d: &mut [f32], stride: usize) {
    assert!((1..=super::TILE).contains(&rows) && (1..=PANEL).contains(&columns) && b.len() >= k.saturating_mul(PANEL));
    assert!(k == 0 || last(rows, a.row, k, a.column) < a.data.len());
    assert!(last(rows, stride, columns, 1) < d.len());
    let to = d.as_mut_ptr();
    let (start, step) = begin(start, columns, to, stride);
    let call = Call { columns, k, a: a.data.as_ptr(), row: a.row, column: a.column, b: b.as_ptr(), start, step, d: to, stride };
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

/// Where a tile's sums begin, null for 0, and how far apart its rows are there.
fn begin(start: Start<'_>, columns: usize, to: *const f32, stride: usize) -> (*const f32, usize) {
    match start {
        Start::Zero => (std::ptr::null(), 0),
        Start::Bias(bias) => {
            assert!(bias.len() >= columns);
            (bias.as_ptr(), 0)
        }
        Start::Result => (to, stride),
    }
}

/// The arguments of one tile, or of the first of several.
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
///
/// # Safety
/// Every place of A, B, D and the start that the call names is there.
#[target_feature(enable = "avx2,fma")]
unsafe fn kernel<const ROWS: usize>(call: Call) {
    let Call { columns, k, a, row, column, b, start, step, d, stride } = call;
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    let masks = masks(columns);
    // SAFETY: `tile` asserted lengths that cover every place touched here.
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

/// A tile of up to eight rows by three panels: the same sums in the same order as [`tile`]'s. The panels of B are `apart` values from one another;
/// of `ahead`, a line is asked for with every [`LINES`] lines of B.
#[inline]
#[expect(clippy::too_many_arguments, reason = "a product has these sizes and operands")]
pub fn tiles(
    _: Wider,
    rows: usize,
    columns: usize,
    k: usize,
    a: Strided<'_>,
    b: &[f32],
    apart: usize,
    ahead: &[f32],
    start: Start<'_>,
    d: &mut [f32],
    stride: usize,
) {
    let panels = columns.div_ceil(PANEL);
    assert!((1..=TILE).contains(&rows) && (1..=PANELS).contains(&panels));
    assert!(reads(a));
    assert!(b.len() >= (panels - 1).saturating_mul(apart).saturating_add(k.saturating_mul(PANEL)));
    assert!(k == 0 || last(rows, a.row, k, a.column) < a.data.len());
    assert!(last(rows, stride, columns, 1) < d.len());
    let to = d.as_mut_ptr();
    let (start, step) = begin(start, columns, to, stride);
    let call = Call { columns, k, a: a.data.as_ptr(), row: a.row, column: a.column, b: b.as_ptr(), start, step, d: to, stride };
    let ahead = ahead.as_ptr();
    // SAFETY: `Wider` proves the features; the lengths were asserted above, and `start` is null, or points at `columns` values
    // for each of the rows that it steps over.
    unsafe {
        match (panels, a.column == 1) {
            (1, true) => by_rows::<1, 1>(rows, call, apart, ahead),
            (2, true) => by_rows::<2, 1>(rows, call, apart, ahead),
            (_, true) => by_rows::<3, 1>(rows, call, apart, ahead),
            (1, false) => by_rows::<1, PANEL>(rows, call, apart, ahead),
            (2, false) => by_rows::<2, PANEL>(rows, call, apart, ahead),
            (_, false) => by_rows::<3, PANEL>(rows, call, apart, ahead),
        }
    }
}

/// Chooses the kernel for so many rows.
///
/// # Safety
/// As for [`wider_kernel`], of 1 to 8 rows.
#[target_feature(enable = "avx512f")]
unsafe fn by_rows<const PANELS: usize, const COLUMN: usize>(rows: usize, call: Call, apart: usize, ahead: *const f32) {
    // SAFETY: as the caller says.
    unsafe {
        match rows {
            1 => wider_kernel::<1, PANELS, COLUMN>(call, apart, ahead),
            2 => wider_kernel::<2, PANELS, COLUMN>(call, apart, ahead),
            3 => wider_kernel::<3, PANELS, COLUMN>(call, apart, ahead),
            4 => wider_kernel::<4, PANELS, COLUMN>(call, apart, ahead),
            5 => wider_kernel::<5, PANELS, COLUMN>(call, apart, ahead),
            6 => wider_kernel::<6, PANELS, COLUMN>(call, apart, ahead),
            7 => wider_kernel::<7, PANELS, COLUMN>(call, apart, ahead),
            _ => wider_kernel::<8, PANELS, COLUMN>(call, apart, ahead),
        }
    }
}

/// Sums in registers: `ROWS` × 16 for each panel; the panels are `apart` values from one another.
///
/// # Safety
/// `COLUMN` is the call's (of a panel's rows the distance is 1), its columns end in the last of the panels, and every place of A, B, D and the
/// start that these name is there.
#[target_feature(enable = "avx512f")]
unsafe fn wider_kernel<const ROWS: usize, const PANELS: usize, const COLUMN: usize>(call: Call, apart: usize, mut ahead: *const f32) {
    let Call { columns, k, mut a, row, b, start, step, d, stride, .. } = call;
    // Of the last panel the columns that there are.
    let rest = (0xFFFF_u32 >> (PANELS * PANEL - columns)) as u16;
    let mask = |panel: usize| if panel + 1 == PANELS { rest } else { 0xFFFF };
    let mut sums = [[_mm512_setzero_ps(); PANELS]; ROWS];
    let mut b: [_; PANELS] = from_fn(|panel| b.wrapping_add(panel * apart));
    // Hidden from the compiler, which would otherwise work them out again in every line.
    let (three, five, seven) = (black_box(3 * row), black_box(5 * row), black_box(7 * row));
    let rows = if COLUMN == 1 { [0, row, 2 * row, three, 4 * row, five, 2 * three, seven] } else { from_fn(|at| at) };
    // SAFETY: the caller gave lengths that cover every place touched here; masked places are not.
    unsafe {
        if !start.is_null() {
            for (at, sums) in sums.iter_mut().enumerate() {
                for (panel, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm512_maskz_loadu_ps(mask(panel), start.add(at * step + panel * PANEL));
                }
            }
        }
        let mut add = |a: *const f32, b: &[*const f32; PANELS], line: usize| {
            let lines = b.map(|b| _mm512_loadu_ps(b.add(line * PANEL)));
            for (sums, row) in sums.iter_mut().zip(rows) {
                let a = _mm512_set1_ps(*a.add(row + line * COLUMN));
                for (sum, line) in sums.iter_mut().zip(lines) {
                    *sum = _mm512_fmadd_ps(a, line, *sum);
                }
            }
        };
        let mut below = d;
        for group in 0..k / LINES {
            // Memory is asked for while there is something else to do: what of B comes next, and the rows that the sums will be written to.
            _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
            ahead = ahead.wrapping_add(PANEL);
            if group < ROWS {
                for panel in 0..PANELS {
                    _mm_prefetch::<_MM_HINT_T0>(below.wrapping_add(panel * PANEL).cast());
                }
                below = below.wrapping_add(stride);
            }
            for line in 0..LINES {
                add(a, &b, line);
            }
            (a, b) = (a.wrapping_add(LINES * COLUMN), b.map(|b| b.wrapping_add(LINES * PANEL)));
        }
        for line in 0..k % LINES {
            add(a, &b, line);
        }
        for (at, sums) in sums.iter().enumerate() {
            for (panel, sum) in sums.iter().enumerate() {
                _mm512_mask_storeu_ps(d.add(at * stride + panel * PANEL), mask(panel), *sum);
            }
        }
    }
}

/// Eight lines of a panel from sixteen runs of eight values, `stride` apart.
pub fn turn(_: Wide, from: &[f32], stride: usize, lines: &mut [[f32; PANEL]; 8]) {
    assert!(last(PANEL, stride, 8, 1) < from.len());
    // SAFETY: `Wide` proves the features, and the lengths were asserted above.
    unsafe {
        for half in 0..2 {
            turn_half(from.as_ptr().add(half * 8 * stride), stride, lines.as_mut_ptr().cast::<f32>().add(half * 8));
        }
    }
}

/// An 8 × 8 block turned over: rows `stride` apart to rows of a panel.
///
/// # Safety
/// Eight rows of eight values are there to be read, and half of eight lines to be written.
#[target_feature(enable = "avx2,fma")]
unsafe fn turn_half(from: *const f32, stride: usize, to: *mut f32) {
    let mut rows = [_mm256_setzero_ps(); 8];
    // SAFETY: the caller checked that eight rows of eight values are there, and eight lines to be written.
    unsafe {
        for (at, row) in rows.iter_mut().enumerate() {
            *row = _mm256_loadu_ps(from.add(at * stride));
        }
        let pairs: [__m256; 8] = from_fn(|at| {
            let (low, high) = (rows[at / 2 * 2], rows[at / 2 * 2 + 1]);
            if at % 2 == 0 { _mm256_unpacklo_ps(low, high) } else { _mm256_unpackhi_ps(low, high) }
        });
        // Quarters: (0, 1) of rows 0 to 3, (2, 3) of them, then the same of rows 4 to 7.
        let quads: [__m256; 8] = from_fn(|at| {
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
