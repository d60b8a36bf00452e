//! Kernels that multiply matrices: linear, matmul, cosine; and the distance, which subtracts instead.

use super::memory::{tensor, values};
use super::vector::{add_scaled, dot, map, vectorised};
use crate::exec::kernel::EPSILON;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result as Tried, Tensor};

/// x·Wᵀ + b, the leading axes of x folded into one.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tried<Tensor> {
    let mut shape = x.dims().to_vec();
    let width = shape.pop().unwrap_or(1);
    let result = x.reshape(((), width))?.matmul(&weight.t()?)?;
    result.inplace_op1(&AddBias(values(bias)?.to_vec()))?;
    shape.push(weight.dim(0)?);
    result.reshape(shape)
}

/// The gradients of the operand, the weight and the bias.
pub fn linear_pull(x: &Tensor, weight: &Tensor, gradient: &Tensor) -> Tried<[Tensor; 3]> {
    let (out, width) = weight.dims2()?;
    let folded = gradient.reshape(((), out))?;
    let pulled = folded.matmul(weight)?.reshape(x.shape())?;
    let weights = folded.t()?.matmul(&x.reshape(((), width))?)?;
    let g = values(&folded)?;
    let mut bias = vec![0.0; out];
    vectorised!({
        for row in g.chunks_exact(out) {
            for (bias, g) in bias.iter_mut().zip(row) {
                *bias += g;
            }
        }
    });
    Ok([pulled, weights, tensor(bias, &[out])?])
}

/// Adds a bias to every row of a product that nothing else holds.
struct AddBias(Vec<f32>);

impl InplaceOp1 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> Tried<()> {
        if let CpuStorage::F32(data) = storage {
            vectorised!({
                for row in data.chunks_exact_mut(self.0.len().max(1)) {
                    for (value, bias) in row.iter_mut().zip(&self.0) {
                        *value += bias;
                    }
                }
            });
        }
        Ok(())
    }
}

/// The product of the last two axes; operands may be transposed views.
pub fn product(x: &Tensor, y: &Tensor) -> Tried<Tensor> {
    x.matmul(y)
}

/// Both operands' gradients.
pub fn product_pull(x: &Tensor, y: &Tensor, gradient: &Tensor) -> Tried<[Tensor; 2]> {
    Ok([gradient.matmul(&y.t()?)?, x.t()?.matmul(gradient)?])
}

/// Rows divided by √(‖x‖² + ε), and those roots' inverses.
fn unit_rows(x: &Tensor) -> Tried<(Tensor, Vec<f32>)> {
    let width = x.dims().last().copied().unwrap_or(1).max(1);
    let data = values(x)?;
    let mut result = data.to_vec();
    let mut inverses = vec![0.0; data.len() / width];
    vectorised!({
        for (row, inverse) in result.chunks_exact_mut(width).zip(&mut inverses) {
            *inverse = 1.0 / (dot(row, row) + EPSILON as f32).sqrt();
            for value in row {
                *value *= *inverse;
            }
        }
    });
    Ok((tensor(result, x.dims())?, inverses))
}

/// The cosine between rows.
pub fn cosine(x: &Tensor, y: &Tensor) -> Tried<Tensor> {
    unit_rows(x)?.0.matmul(&unit_rows(y)?.0.t()?)
}

/// Both operands' gradients.
pub fn cosine_pull(x: &Tensor, y: &Tensor, gradient: &Tensor) -> Tried<[Tensor; 2]> {
    let ((x, x_inverses), (y, y_inverses)) = (unit_rows(x)?, unit_rows(y)?);
    let (left, right) = (gradient.matmul(&y)?, gradient.t()?.matmul(&x)?);
    Ok([unit_rows_pull(&x, &x_inverses, &left)?, unit_rows_pull(&y, &y_inverses, &right)?])
}

fn unit_rows_pull(unit: &Tensor, inverses: &[f32], gradient: &Tensor) -> Tried<Tensor> {
    let width = unit.dims().last().copied().unwrap_or(1).max(1);
    let (unit_values, g) = (values(unit)?, values(gradient)?);
    let mut result = g.to_vec();
    vectorised!({
        for ((row, unit), inverse) in result.chunks_exact_mut(width).zip(unit_values.chunks_exact(width)).zip(inverses) {
            let along = dot(row, unit);
            for (value, unit) in row.iter_mut().zip(unit) {
                *value = (*value - unit * along) * inverse;
            }
        }
    });
    tensor(result, unit.dims())
}

/// The sizes of a pair of stacks of rows: rows of x, rows of y, their width.
fn sizes(x: &Tensor, y: &Tensor) -> [usize; 3] {
    let of = |tensor: &Tensor, from_last: usize| tensor.dims().iter().rev().nth(from_last).copied().unwrap_or(1).max(1);
    [of(x, 1), of(y, 1), of(x, 0)]
}

/// The distance between rows, by the squares of differences.
pub fn euclidean(x: &Tensor, y: &Tensor) -> Tried<Tensor> {
    let [rows, columns, width] = sizes(x, y);
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = columns;
    }
    let (x, y) = (values(x)?, values(y)?);
    let mut result = vec![0.0; x.len() / width * columns];
    let mut difference = vec![0.0; width];
    vectorised!({
        let blocks = x.chunks_exact(rows * width).zip(y.chunks_exact(columns * width)).zip(result.chunks_exact_mut(rows * columns));
        for ((x, y), result) in blocks {
            for (x, result) in x.chunks_exact(width).zip(result.chunks_exact_mut(columns)) {
                for (y, result) in y.chunks_exact(width).zip(result) {
                    for ((difference, x), y) in difference.iter_mut().zip(x).zip(y) {
                        *difference = x - y;
                    }
                    *result = (dot(&difference, &difference) + EPSILON as f32).sqrt();
                }
            }
        }
    });
    tensor(result, &shape)
}

/// Both operands' gradients, from the result.
pub fn euclidean_pull(x: &Tensor, y: &Tensor, result: &Tensor, gradient: &Tensor) -> Tried<[Tensor; 2]> {
    let [rows, columns, width] = sizes(x, y);
    let (x_shape, y_shape) = (x.dims(), y.dims());
    let (x, y, distances, g) = (values(x)?, values(y)?, values(result)?, values(gradient)?);
    let (mut left, mut right) = (vec![0.0; x.len()], vec![0.0; y.len()]);
    let mut difference = vec![0.0; width];
    vectorised!({
        let operands = x.chunks_exact(rows * width).zip(y.chunks_exact(columns * width));
        let pulled = left.chunks_exact_mut(rows * width).zip(right.chunks_exact_mut(columns * width));
        let results = distances.chunks_exact(rows * columns).zip(g.chunks_exact(rows * columns));
        for (((x, y), (left, right)), (distances, g)) in operands.zip(pulled).zip(results) {
            let lines = distances.chunks_exact(columns).zip(g.chunks_exact(columns));
            for ((x, left), (distances, g)) in x.chunks_exact(width).zip(left.chunks_exact_mut(width)).zip(lines) {
                for ((y, right), (distance, g)) in y.chunks_exact(width).zip(right.chunks_exact_mut(width)).zip(distances.iter().zip(g)) {
                    for ((difference, x), y) in difference.iter_mut().zip(x).zip(y) {
                        *difference = x - y;
                    }
                    add_scaled(left, g / distance, &difference);
                    add_scaled(right, -g / distance, &difference);
                }
            }
        }
    });
    Ok([tensor(left, x_shape)?, tensor(right, y_shape)?])
}

/// Two gradients of one value, summed into a new tensor: either may be held elsewhere.
pub fn sum(x: &Tensor, y: &Tensor) -> Tried<Tensor> {
    super::elementwise::binary(crate::exec::kernel::Binary::Add, x, y)
}

/// Factors on a value: dropout, and what it gives back.
pub fn times(x: &Tensor, factors: &[f32]) -> Tried<Tensor> {
    let data = values(x)?;
    let result = if factors.is_empty() { map(&data, |x| x) } else { super::vector::zip(&data, factors, |x, factor| x * factor) };
    tensor(result, x.dims())
}
