//! Kernels that move tokens: tables, positions, picking rows, heads, selection, the lightweight convolution.

use super::memory::{tensor, values};
use super::vector::{add_scaled, exp, sum, vectorised};
use crate::exec::candle::geometry::Geometry;
use crate::exec::program::Axis;
use candle_core::{Result as Tried, Tensor};

/// Rows of a table at these indices, checked before.
pub fn rows_at(table: &Tensor, indices: &[u32], shape: &[usize]) -> Tried<Tensor> {
    let width = shape.last().copied().unwrap_or(1);
    let table = values(table)?;
    let mut data = Vec::with_capacity(indices.len() * width);
    for index in indices {
        data.extend_from_slice(table.get(*index as usize * width..).and_then(|rest| rest.get(..width)).unwrap_or_default());
    }
    tensor(data, shape)
}

/// The gradient of the table.
pub fn rows_at_pull(shape: &[usize], indices: &[u32], gradient: &Tensor) -> Tried<Tensor> {
    let width = shape.last().copied().unwrap_or(1);
    let g = values(gradient)?;
    let mut data = vec![0.0; shape.iter().product()];
    vectorised!({
        for (index, g) in indices.iter().zip(g.chunks_exact(width)) {
            if let Some(row) = data.get_mut(*index as usize * width..).and_then(|rest| rest.get_mut(..width)) {
                add_scaled(row, 1.0, g);
            }
        }
    });
    tensor(data, shape)
}

/// The indices of `rows × p` positions in the fold of all sentences.
pub fn folded(at: &[u32], geometry: &Geometry) -> Vec<u32> {
    let each = (at.len() / geometry.rows).max(1);
    let starts = (0u32..).step_by(geometry.width);
    at.chunks(each).zip(starts).flat_map(|(at, start)| at.iter().map(move |index| index + start)).collect()
}

/// x with the first rows of the table added to each sentence.
pub fn positions(x: &Tensor, table: &Tensor, geometry: &Geometry) -> Tried<Tensor> {
    let shape = x.dims();
    let (x, table) = (values(x)?, values(table)?);
    let block = x.len() / geometry.rows;
    let mut data = x.to_vec();
    vectorised!({
        for sentence in data.chunks_exact_mut(block) {
            add_scaled(sentence, 1.0, &table);
        }
    });
    tensor(data, shape)
}

/// The gradient of the table.
pub fn positions_pull(table: &Tensor, gradient: &Tensor, geometry: &Geometry) -> Tried<Tensor> {
    let g = values(gradient)?;
    let mut data = vec![0.0; table.elem_count()];
    vectorised!({
        for sentence in g.chunks_exact(g.len() / geometry.rows) {
            add_scaled(&mut data, 1.0, sentence);
        }
    });
    tensor(data, table.dims())
}

/// 0 at every padded coordinate, by selection.
pub fn select(x: &Tensor, axes: &[Axis], geometry: &Geometry) -> Tried<Tensor> {
    let x = x.contiguous()?;
    let [.., rows, columns] = x.dims() else { return Ok(x.clone()) };
    let mut data = values(&x)?.to_vec();
    let (row, column) = (axes.first() == Some(&Axis::Tokens), axes.get(1) == Some(&Axis::Tokens));
    let sentence = data.len() / geometry.rows;
    for (sentence, length) in data.chunks_exact_mut(sentence).zip(&geometry.lengths) {
        for block in sentence.chunks_exact_mut(rows * columns) {
            if row {
                block.iter_mut().skip(length * columns).for_each(|value| *value = 0.0);
            }
            if column {
                block.chunks_exact_mut(*columns).for_each(|line| line.iter_mut().skip(*length).for_each(|value| *value = 0.0));
            }
        }
    }
    tensor(data, x.dims())
}

/// `[B, n, a, d]` to `[B, a, n, d]`, or back with the two middle axes given the other way round.
pub fn swap_heads(x: &Tensor, outer: usize, inner: usize, shape: &[usize]) -> Tried<Tensor> {
    let x = values(x)?;
    let block = x.len() / shape.first().copied().unwrap_or(1).max(1);
    let width = block / (outer * inner);
    let mut data = Vec::with_capacity(x.len());
    for sentence in x.chunks_exact(block) {
        for second in 0..inner {
            for line in sentence.chunks_exact(inner * width) {
                data.extend_from_slice(line.get(second * width..).and_then(|rest| rest.get(..width)).unwrap_or_default());
            }
        }
    }
    tensor(data, shape)
}

/// The taps spread over the channels, `[kernel, h]`, and the taps themselves as used, `[a, kernel]`.
fn spread(taps: &Tensor, normalize: bool, width: usize) -> Tried<(Vec<f32>, Vec<f32>)> {
    let (heads, kernel) = taps.dims2()?;
    let mut used = values(taps)?.to_vec();
    if normalize {
        for taps in used.chunks_exact_mut(kernel) {
            let largest = taps.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            taps.iter_mut().for_each(|tap| *tap = exp(*tap - largest));
            let factor = 1.0 / sum(taps);
            taps.iter_mut().for_each(|tap| *tap *= factor);
        }
    }
    let tap = |at: usize| used.chunks_exact(kernel).filter_map(move |taps| taps.get(at).copied());
    let channels = width / heads;
    let wide = (0..kernel).flat_map(|at| tap(at).flat_map(|tap| std::iter::repeat_n(tap, channels)));
    Ok((wide.collect(), used))
}

/// Each real pair (to, from) of tokens within the kernel's reach, by its tap: ranges of lines that match.
fn reaches(kernel: usize, length: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let left = (kernel - 1) / 2;
    (0..kernel).filter_map(move |tap| {
        let (to, from) = (left.saturating_sub(tap), tap.saturating_sub(left));
        let count = length.checked_sub(to.max(from))?;
        (count > 0).then_some((tap, to, from, count))
    })
}

/// y = y + w·x, channel by channel, over `count` lines.
#[inline(always)]
fn convolve(y: &mut [f32], w: &[f32], x: &[f32]) {
    for (y, x) in y.chunks_exact_mut(w.len()).zip(x.chunks_exact(w.len())) {
        for ((y, w), x) in y.iter_mut().zip(w).zip(x) {
            *y += w * *x;
        }
    }
}

fn lines(data: &[f32], start: usize, count: usize, width: usize) -> &[f32] {
    data.get(start * width..(start + count) * width).unwrap_or_default()
}

/// The lightweight convolution, sentence by sentence at its own length.
pub fn light_conv(x: &Tensor, taps: &Tensor, normalize: bool, geometry: &Geometry) -> Tried<Tensor> {
    let (_, tokens, width) = x.dims3()?;
    let shape = x.dims();
    let (wide, _) = spread(taps, normalize, width)?;
    let kernel = taps.dim(1)?;
    let x = values(x)?;
    let mut data = vec![0.0; x.len()];
    vectorised!({
        let sentences = x.chunks_exact(tokens * width).zip(data.chunks_exact_mut(tokens * width));
        for ((x, y), length) in sentences.zip(&geometry.lengths) {
            for (tap, to, from, count) in reaches(kernel, *length) {
                if let Some(y) = y.get_mut(to * width..(to + count) * width) {
                    convolve(y, lines(&wide, tap, 1, width), lines(x, from, count, width));
                }
            }
        }
    });
    tensor(data, shape)
}

/// The gradients of the operand and of the taps.
pub fn light_conv_pull(x: &Tensor, taps: &Tensor, normalize: bool, gradient: &Tensor, geometry: &Geometry) -> Tried<[Tensor; 2]> {
    let (_, tokens, width) = x.dims3()?;
    let (heads, kernel) = taps.dims2()?;
    let shape = x.dims();
    let (wide, used) = spread(taps, normalize, width)?;
    let (x, g) = (values(x)?, values(gradient)?);
    let (mut data, mut sums) = (vec![0.0; x.len()], vec![0.0; wide.len()]);
    vectorised!({
        let sentences = x.chunks_exact(tokens * width).zip(g.chunks_exact(tokens * width)).zip(data.chunks_exact_mut(tokens * width));
        for (((x, g), pulled), length) in sentences.zip(&geometry.lengths) {
            for (tap, to, from, count) in reaches(kernel, *length) {
                let g = lines(g, to, count, width);
                if let Some(pulled) = pulled.get_mut(from * width..(from + count) * width) {
                    convolve(pulled, lines(&wide, tap, 1, width), g);
                }
                if let Some(sums) = sums.get_mut(tap * width..(tap + 1) * width) {
                    for (x, g) in lines(x, from, count, width).chunks_exact(width).zip(g.chunks_exact(width)) {
                        for ((sum, x), g) in sums.iter_mut().zip(x).zip(g) {
                            *sum += x * *g;
                        }
                    }
                }
            }
        }
    });
    let channels = width / heads;
    let head = |head: usize| sums.chunks_exact(width).map(move |sums| sum(lines(sums, head, 1, channels)));
    let mut pulled: Vec<f32> = (0..heads).flat_map(head).collect();
    if normalize {
        for (pulled, used) in pulled.chunks_exact_mut(kernel).zip(used.chunks_exact(kernel)) {
            let mean: f32 = pulled.iter().zip(used).map(|(pulled, used)| pulled * used).sum();
            pulled.iter_mut().zip(used).for_each(|(pulled, used)| *pulled = used * (*pulled - mean));
        }
    }
    Ok([tensor(data, shape)?, tensor(pulled, taps.dims())?])
}
