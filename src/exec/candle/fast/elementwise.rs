//! Element-wise kernels and what they give back.

use super::memory::{tensor, values};
use super::vector::{gelu, map, sigmoid, soft_corner, vectorised, zip};
use crate::exec::kernel::{Binary, EPSILON, Unary};
use candle_core::{Result as Tried, Tensor};

/// An operation of one operand; `gelu` saves its slope.
pub fn unary(op: Unary, x: &Tensor) -> Tried<(Tensor, Vec<f32>)> {
    let shape = x.dims();
    let x = values(x)?;
    let mut saved = Vec::new();
    let result = match op {
        Unary::Neg => map(&x, |x| -x),
        Unary::LogSigmoid => map(&x, |x| x.min(0.0) - soft_corner(x)),
        Unary::Softsign => map(&x, |x| x / (1.0 + x.abs())),
        Unary::Relu => map(&x, |x| x.max(0.0)),
        Unary::Gelu => {
            saved = vec![0.0; x.len()];
            let mut result = vec![0.0; x.len()];
            vectorised!({
                for ((x, result), saved) in x.iter().zip(&mut result).zip(&mut saved) {
                    (*result, *saved) = gelu(*x);
                }
            });
            result
        }
        Unary::Sigmoid => map(&x, sigmoid),
        Unary::Tanh => map(&x, f32::tanh),
        Unary::Softplus => map(&x, |x| x.max(0.0) + soft_corner(x)),
        Unary::Square => map(&x, |x| x * x),
        Unary::Abs => map(&x, f32::abs),
        Unary::Sqrt => map(&x, |x| {
            let root = (x.abs() + EPSILON as f32).sqrt() - (EPSILON as f32).sqrt();
            if x < 0.0 { -root } else { root }
        }),
        Unary::Scale(factor) => map(&x, |x| x * factor as f32),
    };
    Ok((tensor(result, shape)?, saved))
}

/// The operand's gradient.
pub fn unary_pull(op: Unary, x: &Tensor, saved: &[f32], gradient: &Tensor) -> Tried<Tensor> {
    let shape = x.dims();
    let (x, g) = (values(x)?, values(gradient)?);
    let result = match op {
        Unary::Neg => map(&g, |g| -g),
        Unary::LogSigmoid => zip(&x, &g, |x, g| g * sigmoid(-x)),
        Unary::Softsign => zip(&x, &g, |x, g| g / ((1.0 + x.abs()) * (1.0 + x.abs()))),
        Unary::Relu => zip(&x, &g, |x, g| if x >= 0.0 { g } else { 0.0 }),
        Unary::Gelu => zip(saved, &g, |slope, g| slope * g),
        Unary::Sigmoid => zip(&x, &g, |x, g| g * sigmoid(x) * sigmoid(-x)),
        Unary::Tanh => zip(&x, &g, |x, g| {
            let y = x.tanh();
            g * (1.0 - y * y)
        }),
        Unary::Softplus => zip(&x, &g, |x, g| g * sigmoid(x)),
        Unary::Square => zip(&x, &g, |x, g| 2.0 * x * g),
        Unary::Abs => zip(&x, &g, |x, g| if x >= 0.0 { g } else { -g }),
        Unary::Sqrt => zip(&x, &g, |x, g| 0.5 * g / (x.abs() + EPSILON as f32).sqrt()),
        Unary::Scale(factor) => map(&g, |g| g * factor as f32),
    };
    tensor(result, shape)
}

/// An operation of two operands.
pub fn binary(op: Binary, x: &Tensor, y: &Tensor) -> Tried<Tensor> {
    let shape = x.dims();
    let (x, y) = (values(x)?, values(y)?);
    let result = match op {
        Binary::Add => zip(&x, &y, |x, y| x + y),
        Binary::Sub => zip(&x, &y, |x, y| x - y),
        Binary::Mul => zip(&x, &y, |x, y| x * y),
        Binary::Max => zip(&x, &y, f32::max),
        Binary::Min => zip(&x, &y, f32::min),
    };
    tensor(result, shape)
}

/// Both operands' gradients.
pub fn binary_pull(op: Binary, x: &Tensor, y: &Tensor, gradient: &Tensor) -> Tried<[Tensor; 2]> {
    let shape = x.dims();
    let (x, y) = (values(x)?, values(y)?);
    let g = values(gradient)?;
    let share = |x: f32, y: f32| match x.partial_cmp(&y) {
        Some(std::cmp::Ordering::Greater) => 1.0,
        Some(std::cmp::Ordering::Less) => 0.0,
        _ => 0.5,
    };
    let shares = |of: &dyn Fn(f32, f32) -> f32| x.iter().zip(&*y).zip(&*g).map(|((x, y), g)| of(*x, *y) * g).collect();
    let (left, right) = match op {
        Binary::Add => return Ok([gradient.clone(), gradient.clone()]),
        Binary::Sub => return Ok([gradient.clone(), tensor(map(&g, |g| -g), shape)?]),
        Binary::Mul => (zip(&y, &g, |y, g| y * g), zip(&x, &g, |x, g| x * g)),
        Binary::Max => (shares(&share), shares(&|x, y| share(y, x))),
        Binary::Min => (shares(&|x, y| share(y, x)), shares(&share)),
    };
    Ok([tensor(left, shape)?, tensor(right, shape)?])
}
