//! Dropout's draws: a hash of (seed, path, step, example, position, element), so that neither padding nor
//! the order of the work moves them.

use super::StepKey;
use super::native::vector::vectorised;
use crate::stream::{Rng, stream};

/// Where a value's elements lie: `examples` blocks, each of `heads` × `positions` × `width` elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Sentences.
    pub examples: usize,
    /// Heads (1 outside a head).
    pub heads: usize,
    /// Rows: tokens or predicted positions.
    pub positions: usize,
    /// Elements of a row.
    pub width: usize,
}

/// What each element is multiplied by: 0 with probability `rate`, otherwise `1 / (1 - rate)`; row-major. `at` has the place of each row of
/// each example in its sentence, where the rows were picked.
pub fn dropout_factors(key: StepKey, path: &str, rate: f64, extent: Extent, at: Option<&[u32]>) -> Vec<f32> {
    let draws = Draws::new(key, path, rate);
    let mut factors = vec![0.0; extent.examples * extent.heads * extent.positions * extent.width];
    let mut rows = factors.chunks_exact_mut(extent.width.max(1));
    for example in 0..extent.examples as u32 {
        for head in 0..extent.heads as u32 {
            for (position, row) in (0..extent.positions).zip(&mut rows) {
                let own = at.and_then(|at| at.get(example as usize * extent.positions + position)).copied();
                draws.factors(example, head, own.unwrap_or(position as u32), row);
            }
        }
    }
    factors
}

/// The draws of one dropout at one step.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    base: u64,
    first: u32,
    threshold: u32,
    kept: f32,
}

impl Draws {
    /// The draws of the dropout at `path`.
    pub fn new(key: StepKey, path: &str, rate: f64) -> Self {
        let base = stream(key.seed, &format!("dropout/{path}"), key.step).next_u64();
        let threshold = (rate.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32;
        Self { base, first: key.first, threshold, kept: if rate < 1.0 { (1.0 / (1.0 - rate)) as f32 } else { 0.0 } }
    }

    /// The factors of one row, as many as it has elements.
    pub fn factors(&self, example: u32, head: u32, position: u32, row: &mut [f32]) {
        let key = mix(mix(mix(self.base ^ u64::from(self.first + example)) ^ u64::from(head)) ^ u64::from(position));
        // Each row walks through the numbers by an odd step of its own; 32 bits at a time, which vectors can multiply.
        let (start, step) = (key as u32, (key >> 32) as u32 | 1);
        let Self { threshold, kept, .. } = *self;
        vectorised!({
            for (element, factor) in (0u32..).zip(row) {
                let draw = scramble(start.wrapping_add(element.wrapping_mul(step)));
                *factor = if draw < threshold { 0.0 } else { kept };
            }
        });
    }
}

/// The finaliser of SplitMix64, over a step of its sequence: a bijection that spreads every bit.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A bijection of 32 bits that spreads every bit (the constants are those found by Wellons' search for low bias).
#[inline(always)]
fn scramble(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::{Extent, dropout_factors};
    use crate::exec::StepKey;

    const KEY: StepKey = StepKey { seed: 3, step: 5, first: 0 };

    #[test]
    fn the_share_of_zeros_is_the_rate() {
        let extent = Extent { examples: 4, heads: 1, positions: 50, width: 64 };
        let factors = dropout_factors(KEY, "a", 0.25, extent, None);
        let zeros = factors.iter().filter(|factor| **factor == 0.0).count() as f64 / factors.len() as f64;
        assert!((zeros - 0.25).abs() < 0.02, "{zeros}");
        assert!(factors.iter().all(|factor| *factor == 0.0 || (*factor - 4.0 / 3.0).abs() < 1e-6));
        assert_ne!(factors, dropout_factors(KEY, "b", 0.25, extent, None));
        assert_ne!(factors, dropout_factors(StepKey { step: 6, ..KEY }, "a", 0.25, extent, None));
    }

    #[test]
    fn padding_moves_no_draw() {
        let short = Extent { examples: 2, heads: 2, positions: 3, width: 3 };
        let long = Extent { positions: 5, width: 5, ..short };
        let (few, many) = (dropout_factors(KEY, "a", 0.5, short, None), dropout_factors(KEY, "a", 0.5, long, None));
        for (few, many) in few.chunks(9).zip(many.chunks(25)) {
            for (few, many) in few.chunks(3).zip(many.chunks(5)) {
                assert_eq!(few, &many[..3]);
            }
        }
    }
}
