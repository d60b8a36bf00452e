//! Matrix products of every small size, and across the edges of tiles, panels and chunks.

use super::super::product::{CHUNK, Left, Start, Strided, multiply, multiply_by, pack, packed_len};
use super::super::vector::Vectors;
use proptest::prelude::*;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7 + seed * 13) % 23) as f32 * 0.125 - 1.0).collect()
}

/// A product by its definition, in double precision.
fn defined(m: usize, n: usize, k: usize, a: Strided<'_>, b: Strided<'_>, start: &dyn Fn(usize, usize) -> f32) -> Vec<f32> {
    let at = |x: Strided<'_>, i: usize, j: usize| f64::from(x.data[i * x.row + j * x.column]);
    let element = |i, j| f64::from(start(i, j)) + (0..k).map(|l| at(a, i, l) * at(b, l, j)).sum::<f64>();
    (0..m * n).map(|place| element(place / n, place % n) as f32).collect()
}

fn check(m: usize, n: usize, k: usize, turned: (bool, bool), panels_left: bool) {
    let (left, right) = (numbers(m * k, 1), numbers(k * n, 2));
    let a = if turned.0 { Strided::rows(&left, m).turned() } else { Strided::rows(&left, k) };
    let b = if turned.1 { Strided::rows(&right, k).turned() } else { Strided::rows(&right, n) };
    let mut panels = vec![f32::NAN; packed_len(k, n)];
    pack(b, k, n, 0, &mut panels);
    let mut packed = vec![f32::NAN; packed_len(k, m)];
    if panels_left {
        pack(a.turned(), k, m, 0, &mut packed);
    }
    let operand = if panels_left { Left::Panels(&packed) } else { Left::Strided(a) };
    let (bias, before) = (numbers(n, 3), numbers(m * n, 4));
    let wanted =
        [defined(m, n, k, a, b, &|_, _| 0.0), defined(m, n, k, a, b, &|_, j| bias[j]), defined(m, n, k, a, b, &|i, j| before[i * n + j])];
    for vectors in Vectors::all() {
        let mut thrice = [vec![f32::NAN; m * n], vec![f32::NAN; m * n], before.clone()];
        multiply_by(vectors, m, n, k, operand, &panels, Start::Zero, &mut thrice[0], n);
        multiply_by(vectors, m, n, k, operand, &panels, Start::Bias(&bias), &mut thrice[1], n);
        multiply_by(vectors, m, n, k, operand, &panels, Start::Result, &mut thrice[2], n);
        for (found, wanted) in thrice.iter().zip(&wanted) {
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() <= 1e-5 * (k as f32).max(1.0), "{m}×{n}×{k} {turned:?}: {found} instead of {wanted}");
            }
        }
    }
}

proptest! {
    #[test]
    fn products_are_what_they_are_defined_to_be(
        m in 0usize..20, n in 0usize..110, k in 0usize..40, left in any::<bool>(), right in any::<bool>(), packed in any::<bool>()
    ) {
        check(m, n, k, (left, right), packed);
    }
}

#[test]
fn long_sums_are_cut_into_chunks() {
    for k in [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7] {
        check(7, 17, k, (false, true), false);
        check(7, 17, k, (true, false), true);
        check(19, 64, k, (true, false), true);
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    let (m, n, k) = (13, 33, 29);
    let (a, b) = (numbers(m * k, 5), numbers(k * n, 6));
    let mut panels = vec![0.0; packed_len(k, n)];
    pack(Strided::rows(&b, n), k, n, 0, &mut panels);
    let mut whole = vec![0.0; m * n];
    multiply(m, n, k, Left::Strided(Strided::rows(&a, k)), &panels, Start::Zero, &mut whole, n);
    for row in 0..m {
        let mut alone = vec![0.0; n];
        multiply(1, n, k, Left::Strided(Strided::rows(&a[row * k..], k)), &panels, Start::Zero, &mut alone, n);
        assert_eq!(alone, whole[row * n..][..n], "row {row}");
    }
}

/// Rows of the result lie further apart than they are long; what is between them is not touched.
#[test]
fn nothing_is_written_beside_the_result() {
    for ((m, n, k), vectors) in [(13, 5, 9), (12, 17, 8), (25, 31, 3), (7, 48, 4), (9, 55, 6), (17, 100, 5), (1, 16, 1)]
        .into_iter()
        .flat_map(|sizes| Vectors::all().map(move |vectors| (sizes, vectors)))
    {
        let (stride, guard) = (n + 3, -7.5);
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let mut panels = vec![f32::NAN; packed_len(k, n)];
        pack(Strided::rows(&b, n), k, n, 0, &mut panels);
        let mut d = vec![guard; m * stride];
        multiply_by(vectors, m, n, k, Left::Strided(Strided::rows(&a, k)), &panels, Start::Zero, &mut d, stride);
        assert!(d.chunks(stride).all(|row| row[..n].iter().all(|x| *x != guard) && row[n..].iter().all(|x| *x == guard)), "{m}×{n}×{k}");
    }
}

/// However many rows and columns are in registers at once, each element is the same sum.
#[test]
fn a_row_is_the_same_bytes_alone_and_among_others_by_any_vectors() {
    let rounding = |count: usize, seed: f32| -> Vec<f32> { (0..count).map(|at| (at as f32 * 0.731 + seed).sin()).collect() };
    for (m, n, k) in [(29, 37, CHUNK + 90), (12, 32, 64), (31, 81, 7), (16, 48, 1024), (21, 64, 9)] {
        let (left, right, bias) = (rounding(m * k, 0.1), rounding(k * n, 0.2), rounding(n, 0.3));
        let mut panels = vec![0.0; packed_len(k, n)];
        pack(Strided::rows(&right, n), k, n, 0, &mut panels);
        let mut rows = vec![0.0; packed_len(k, m)];
        pack(Strided::rows(&left, k).turned(), k, m, 0, &mut rows);
        let Some(narrow) = Vectors::all().nth(1).or(Vectors::all().next()) else { return };
        for (operand, vectors) in [Left::Strided(Strided::rows(&left, k)), Left::Panels(&rows)]
            .into_iter()
            .flat_map(|left| Vectors::all().map(move |vectors| (left, vectors)))
        {
            // Without vectors a sum's products are rounded, so that it is another.
            let alone_by = if matches!(vectors, Vectors::Plain) { vectors } else { narrow };
            let mut whole = vec![0.0; m * n];
            multiply_by(vectors, m, n, k, operand, &panels, Start::Bias(&bias), &mut whole, n);
            for (row, found) in left.chunks(k).zip(whole.chunks(n)) {
                let mut alone = vec![0.0; n];
                multiply_by(alone_by, 1, n, k, Left::Strided(Strided::rows(row, k)), &panels, Start::Bias(&bias), &mut alone, n);
                assert!(found.iter().zip(&alone).all(|(found, alone)| found.to_bits() == alone.to_bits()));
            }
        }
    }
}
