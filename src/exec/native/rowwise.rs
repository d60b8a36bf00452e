//! Kernels over whole rows: layer norm, softmax, cosine and distance between rows, and what they give back.

use super::product::PANEL;
use super::vector::{LANES, add_scaled, dot, exp, folded, sum, vectorised};
use crate::exec::kernel::{EPSILON, LAYER_NORM_EPSILON};

/// Layer norm of rows as wide as the gain.
pub fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], y: &mut [f32]) {
    let width = gain.len();
    vectorised!({
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let mean = sum(x) / width as f32;
            for (y, x) in y.iter_mut().zip(x) {
                *y = x - mean;
            }
            let inverse = 1.0 / (dot(y, y) / width as f32 + LAYER_NORM_EPSILON as f32).sqrt();
            for ((y, gain), bias) in y.iter_mut().zip(gain).zip(bias) {
                *y = *y * inverse * *gain + *bias;
            }
        }
    });
}

/// The operand's gradient; `gains` and `biases` receive the sums over these rows. `unit` and `scaled` are as wide as a row, for
/// what is worked out anew.
#[expect(clippy::too_many_arguments, reason = "a norm gives back three gradients")]
pub fn layer_norm_back(
    x: &[f32],
    gain: &[f32],
    g: &[f32],
    to: &mut [f32],
    first: bool,
    gains: &mut [f32],
    biases: &mut [f32],
    [unit, scaled]: [&mut [f32]; 2],
) {
    let width = gain.len();
    gains.fill(0.0);
    biases.fill(0.0);
    vectorised!({
        for ((x, g), to) in x.chunks_exact(width).zip(g.chunks_exact(width)).zip(to.chunks_exact_mut(width)) {
            let mean = sum(x) / width as f32;
            for (unit, x) in unit.iter_mut().zip(x) {
                *unit = x - mean;
            }
            let inverse = 1.0 / (dot(unit, unit) / width as f32 + LAYER_NORM_EPSILON as f32).sqrt();
            for unit in unit.iter_mut() {
                *unit *= inverse;
            }
            for ((scaled, g), gain) in scaled.iter_mut().zip(g).zip(gain) {
                *scaled = g * gain;
            }
            for ((gains, biases), (g, unit)) in gains.iter_mut().zip(&mut *biases).zip(g.iter().zip(&*unit)) {
                *gains += g * *unit;
                *biases += g;
            }
            let (mean, slope) = (sum(scaled) / width as f32, dot(scaled, unit) / width as f32);
            if first {
                for ((to, scaled), unit) in to.iter_mut().zip(&*scaled).zip(&*unit) {
                    *to = (scaled - mean - unit * slope) * inverse;
                }
            } else {
                for ((to, scaled), unit) in to.iter_mut().zip(&*scaled).zip(&*unit) {
                    *to += (scaled - mean - unit * slope) * inverse;
                }
            }
        }
    });
}

/// Softmax of rows of this width.
pub fn softmax(x: &[f32], width: usize, y: &mut [f32]) {
    if width == 0 {
        return;
    }
    vectorised!({
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let largest = largest(x);
            for (y, x) in y.iter_mut().zip(x) {
                *y = exp(x - largest);
            }
            let factor = 1.0 / sum(y);
            for y in y {
                *y *= factor;
            }
        }
    });
}

/// The operand's gradient, from the result.
pub fn softmax_back(y: &[f32], width: usize, g: &[f32], to: &mut [f32], first: bool) {
    if width == 0 {
        return;
    }
    vectorised!({
        for ((y, g), to) in y.chunks_exact(width).zip(g.chunks_exact(width)).zip(to.chunks_exact_mut(width)) {
            let mean = dot(y, g);
            if first {
                for ((to, y), g) in to.iter_mut().zip(y).zip(g) {
                    *to = y * (g - mean);
                }
            } else {
                for ((to, y), g) in to.iter_mut().zip(y).zip(g) {
                    *to += y * (g - mean);
                }
            }
        }
    });
}

/// The largest value in sixteen lanes.
#[inline(always)]
pub fn largest(x: &[f32]) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    let larger = |x, y| if x > y { x } else { y };
    rest.iter().copied().fold(folded(lanes, larger), larger)
}

/// Rows divided by √(‖x‖² + ε), and those roots' inverses.
pub fn unit_rows(x: &[f32], width: usize, unit: &mut [f32], inverses: &mut [f32]) {
    vectorised!({
        for ((x, unit), inverse) in x.chunks_exact(width.max(1)).zip(unit.chunks_exact_mut(width.max(1))).zip(inverses) {
            *inverse = 1.0 / (dot(x, x) + EPSILON as f32).sqrt();
            for (unit, x) in unit.iter_mut().zip(x) {
                *unit = x * *inverse;
            }
        }
    });
}

/// The gradient of rows from that of the unit rows they were divided to.
pub fn unit_rows_back(unit: &[f32], inverses: &[f32], width: usize, g: &[f32], to: &mut [f32], first: bool) {
    let width = width.max(1);
    vectorised!({
        let rows = unit.chunks_exact(width).zip(g.chunks_exact(width)).zip(to.chunks_exact_mut(width)).zip(inverses);
        for (((unit, g), to), inverse) in rows {
            let along = dot(g, unit);
            if first {
                for ((to, unit), g) in to.iter_mut().zip(unit).zip(g) {
                    *to = (g - unit * along) * inverse;
                }
            } else {
                for ((to, unit), g) in to.iter_mut().zip(unit).zip(g) {
                    *to += (g - unit * along) * inverse;
                }
            }
        }
    });
}

/// The distances between rows of x and rows of y, by the squares of differences; `panels` holds y's transpose, packed.
pub fn euclidean(x: &[f32], panels: &[f32], width: usize, columns: usize, z: &mut [f32]) {
    let width = width.max(1);
    if columns == 0 {
        return;
    }
    vectorised!({
        for (x, z) in x.chunks_exact(width).zip(z.chunks_exact_mut(columns)) {
            for (panel, z) in panels.chunks_exact(width * PANEL).zip(z.chunks_mut(PANEL)) {
                let mut squares = [EPSILON as f32; PANEL];
                for (x, line) in x.iter().zip(panel.as_chunks::<PANEL>().0) {
                    for (square, y) in squares.iter_mut().zip(line) {
                        *square += (x - y) * (x - y);
                    }
                }
                for (z, square) in z.iter_mut().zip(squares.map(f32::sqrt)) {
                    *z = square;
                }
            }
        }
    });
}

/// Adds to the gradients of both operands, from the distances and their gradient.
pub fn euclidean_back(x: &[f32], y: &[f32], width: usize, z: &[f32], g: &[f32], to_x: &mut [f32], to_y: &mut [f32]) {
    let width = width.max(1);
    let columns = y.len() / width;
    if columns == 0 {
        return;
    }
    vectorised!({
        let lines = z.chunks_exact(columns).zip(g.chunks_exact(columns));
        for ((x, to_x), (z, g)) in x.chunks_exact(width).zip(to_x.chunks_exact_mut(width)).zip(lines) {
            for ((y, to_y), (z, g)) in y.chunks_exact(width).zip(to_y.chunks_exact_mut(width)).zip(z.iter().zip(g)) {
                let slope = g / z;
                for (((x, y), to_x), to_y) in x.iter().zip(y).zip(&mut *to_x).zip(to_y) {
                    let pull = (x - y) * slope;
                    *to_x += pull;
                    *to_y -= pull;
                }
            }
        }
    });
}

/// The sums over rows of this width.
pub fn column_sums(g: &[f32], width: usize, sums: &mut [f32]) {
    sums.fill(0.0);
    vectorised!({
        for row in g.chunks_exact(width.max(1)) {
            add_scaled(sums, 1.0, row);
        }
    });
}
