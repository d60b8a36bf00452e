//! Element-wise kernels, and what they give back. `first` says whether a gradient is written or added to.

use super::vector::{gelu, give, give_both, give_three, give_two, sigmoid, soft_corner};
use crate::exec::kernel::{Binary, EPSILON, Unary};

const EPS: f32 = EPSILON as f32;

/// An operation of one operand.
pub fn unary(op: Unary, x: &[f32], y: &mut [f32]) {
    match op {
        Unary::Neg => give(y, true, x, |x| -x),
        Unary::LogSigmoid => give(y, true, x, |x| x.min(0.0) - soft_corner(x)),
        Unary::Softsign => give(y, true, x, |x| x / (1.0 + x.abs())),
        Unary::Relu => give(y, true, x, |x| x.max(0.0)),
        Unary::Gelu => give(y, true, x, |x| gelu(x).0),
        Unary::Sigmoid => give(y, true, x, sigmoid),
        Unary::Tanh => give(y, true, x, f32::tanh),
        Unary::Softplus => give(y, true, x, |x| x.max(0.0) + soft_corner(x)),
        Unary::Square => give(y, true, x, |x| x * x),
        Unary::Abs => give(y, true, x, f32::abs),
        Unary::Sqrt => give(y, true, x, |x| ((x.abs() + EPS).sqrt() - EPS.sqrt()).copysign(x)),
        Unary::Scale(factor) => {
            let factor = factor as f32;
            give(y, true, x, move |x| x * factor);
        }
    }
}

/// The operand's gradient, from the operand (not read by `Neg` and `Scale`) and the result's gradient. At a kink it is 0, as in
/// PyTorch.
pub fn unary_back(op: Unary, x: &[f32], g: &[f32], to: &mut [f32], first: bool) {
    match op {
        Unary::Neg => give(to, first, g, |g| -g),
        Unary::LogSigmoid => give_two(to, first, x, g, |x, g| g * sigmoid(-x)),
        Unary::Softsign => give_two(to, first, x, g, |x, g| g / ((1.0 + x.abs()) * (1.0 + x.abs()))),
        Unary::Relu => give_two(to, first, x, g, |x, g| if x > 0.0 { g } else { 0.0 }),
        Unary::Gelu => give_two(to, first, x, g, |x, g| gelu(x).1 * g),
        Unary::Sigmoid => give_two(to, first, x, g, |x, g| g * sigmoid(x) * sigmoid(-x)),
        Unary::Tanh => give_two(to, first, x, g, |x, g| g * (1.0 - x.tanh() * x.tanh())),
        Unary::Softplus => give_two(to, first, x, g, |x, g| g * sigmoid(x)),
        Unary::Square => give_two(to, first, x, g, |x, g| 2.0 * x * g),
        Unary::Abs => give_two(to, first, x, g, |x, g| {
            if x > 0.0 {
                g
            } else if x < 0.0 {
                -g
            } else {
                0.0
            }
        }),
        Unary::Sqrt => give_two(to, first, x, g, |x, g| 0.5 * g / (x.abs() + EPS).sqrt()),
        Unary::Scale(factor) => {
            let factor = factor as f32;
            give(to, first, g, move |g| g * factor);
        }
    }
}

/// GELU once more, and its operand's gradient: the one takes what the other does.
pub fn gelu_again_and_back(x: &[f32], y: &mut [f32], g: &[f32], to: &mut [f32], first: bool) {
    give_both(y, to, first, x, g, |x, g| {
        let (value, slope) = gelu(x);
        (value, slope * g)
    });
}

/// An operation of two operands.
pub fn binary(op: Binary, x: &[f32], y: &[f32], z: &mut [f32]) {
    match op {
        Binary::Add => give_two(z, true, x, y, |x, y| x + y),
        Binary::Sub => give_two(z, true, x, y, |x, y| x - y),
        Binary::Mul => give_two(z, true, x, y, |x, y| x * y),
        Binary::Max => give_two(z, true, x, y, f32::max),
        Binary::Min => give_two(z, true, x, y, f32::min),
    }
}

/// The gradient of operand `number` (0 or 1), from the operands (not read by `Add` and `Sub`).
pub fn binary_back(op: Binary, number: usize, x: &[f32], y: &[f32], g: &[f32], to: &mut [f32], first: bool) {
    // Equal operands share the gradient.
    let share = |own: f32, other: f32| {
        if own > other {
            1.0
        } else if own < other {
            0.0
        } else {
            0.5
        }
    };
    let (own, other) = if number == 0 { (x, y) } else { (y, x) };
    match (op, number) {
        (Binary::Add, _) | (Binary::Sub, 0) => give(to, first, g, |g| g),
        (Binary::Sub, _) => give(to, first, g, |g| -g),
        (Binary::Mul, _) => give_two(to, first, other, g, |other, g| other * g),
        (Binary::Max, _) => give_three(to, first, own, other, g, |own, other, g| share(own, other) * g),
        (Binary::Min, _) => give_three(to, first, own, other, g, |own, other, g| share(other, own) * g),
    }
}
