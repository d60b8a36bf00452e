//! Kernels over rows: layer norm and softmax.

use super::memory::{tensor, values};
use super::vector::{dot, exp, sum, vectorised};
use crate::exec::candle::geometry::Geometry;
use crate::exec::kernel::LAYER_NORM_EPSILON;
use crate::exec::program::{Axis, Step};
use candle_core::{Result as Tried, Tensor};

/// Layer norm; saves each row's mean and the inverse of its deviation.
pub fn layer_norm(x: &Tensor, gain: &Tensor, bias: &Tensor) -> Tried<(Tensor, Vec<f32>)> {
    let (shape, width) = (x.dims(), gain.elem_count());
    let (x, gain, bias) = (values(x)?, values(gain)?, values(bias)?);
    let mut result = vec![0.0; x.len()];
    let mut saved = vec![0.0; x.len() / width * 2];
    vectorised!({
        for ((x, result), saved) in x.chunks_exact(width).zip(result.chunks_exact_mut(width)).zip(saved.as_chunks_mut::<2>().0) {
            let mean = sum(x) / width as f32;
            for (result, x) in result.iter_mut().zip(x) {
                *result = x - mean;
            }
            let inverse = 1.0 / (dot(result, result) / width as f32 + LAYER_NORM_EPSILON as f32).sqrt();
            for ((result, gain), bias) in result.iter_mut().zip(&*gain).zip(&*bias) {
                *result = *result * inverse * *gain + *bias;
            }
            *saved = [mean, inverse];
        }
    });
    Ok((tensor(result, shape)?, saved))
}

/// The gradients of the operand, the gain and the bias.
pub fn layer_norm_pull(x: &Tensor, gain: &Tensor, saved: &[f32], gradient: &Tensor) -> Tried<[Tensor; 3]> {
    let (shape, width) = (x.dims(), gain.elem_count());
    let (x, gain, g) = (values(x)?, values(gain)?, values(gradient)?);
    let mut result = vec![0.0; x.len()];
    let (mut gains, mut biases, mut unit, mut scaled) = (vec![0.0; width], vec![0.0; width], vec![0.0; width], vec![0.0; width]);
    vectorised!({
        let rows = x.chunks_exact(width).zip(g.chunks_exact(width)).zip(result.chunks_exact_mut(width)).zip(saved.as_chunks::<2>().0);
        for (((x, g), result), [mean, inverse]) in rows {
            for (unit, x) in unit.iter_mut().zip(x) {
                *unit = (x - mean) * inverse;
            }
            for ((scaled, g), gain) in scaled.iter_mut().zip(g).zip(&*gain) {
                *scaled = g * gain;
            }
            for ((sum, g), unit) in gains.iter_mut().zip(g).zip(&unit) {
                *sum += g * *unit;
            }
            for (sum, g) in biases.iter_mut().zip(g) {
                *sum += g;
            }
            let (mean, slope) = (sum(&scaled) / width as f32, dot(&scaled, &unit) / width as f32);
            for ((result, scaled), unit) in result.iter_mut().zip(&scaled).zip(&unit) {
                *result = (scaled - mean - unit * slope) * inverse;
            }
        }
    });
    Ok([tensor(result, shape)?, tensor(gains, &[width])?, tensor(biases, &[width])?])
}

/// The real part of each row of a value: how many rows and columns of each block are real.
fn extents<'a>(step: &Step, geometry: &'a Geometry, rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> + use<'a> {
    let real = |at: usize| step.axes.get(at) == Some(&Axis::Tokens);
    let (row, column) = (real(0), real(1));
    let heads = if step.per_head { geometry.heads } else { 1 };
    let extent = move |length: &usize| (if row { *length } else { rows }, if column { *length } else { columns });
    geometry.lengths.iter().map(extent).flat_map(move |extent| std::iter::repeat_n(extent, heads))
}

/// Softmax over the last axis of the real part; 0 elsewhere.
pub fn softmax(step: &Step, x: &Tensor, geometry: &Geometry) -> Tried<Tensor> {
    let shape = x.dims();
    let [.., rows, columns] = shape else { return Ok(x.clone()) };
    let x = values(x)?;
    let mut result = vec![0.0; x.len()];
    vectorised!({
        let block = rows * columns;
        let blocks = x.chunks_exact(block).zip(result.chunks_exact_mut(block));
        for ((x, result), (real_rows, real_columns)) in blocks.zip(extents(step, geometry, *rows, *columns)) {
            for (x, result) in x.chunks_exact(*columns).zip(result.chunks_exact_mut(*columns)).take(real_rows) {
                let (Some(x), Some(result)) = (x.get(..real_columns), result.get_mut(..real_columns)) else { continue };
                let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                for (result, x) in result.iter_mut().zip(x) {
                    *result = exp(x - largest);
                }
                let factor = 1.0 / sum(result);
                for result in result {
                    *result *= factor;
                }
            }
        }
    });
    tensor(result, shape)
}

/// The operand's gradient, from the result.
pub fn softmax_pull(step: &Step, result: &Tensor, gradient: &Tensor, geometry: &Geometry) -> Tried<Tensor> {
    let shape = result.dims();
    let [.., rows, columns] = shape else { return Ok(gradient.clone()) };
    let (y, g) = (values(result)?, values(gradient)?);
    let mut pulled = vec![0.0; y.len()];
    vectorised!({
        let block = rows * columns;
        let blocks = y.chunks_exact(block).zip(g.chunks_exact(block)).zip(pulled.chunks_exact_mut(block));
        for (((y, g), pulled), (real_rows, real_columns)) in blocks.zip(extents(step, geometry, *rows, *columns)) {
            let lines = y.chunks_exact(*columns).zip(g.chunks_exact(*columns)).zip(pulled.chunks_exact_mut(*columns));
            for ((y, g), pulled) in lines.take(real_rows) {
                let (Some(y), Some(g)) = (y.get(..real_columns), g.get(..real_columns)) else { continue };
                let mean = dot(y, g);
                for ((pulled, y), g) in pulled.iter_mut().zip(y).zip(g) {
                    *pulled = y * (g - mean);
                }
            }
        }
    });
    tensor(pulled, shape)
}
