//! Dropout's draws: a hash of (seed, path, step, example, position, element), so that neither padding nor
//! the order of the work moves them.

use super::StepKey;
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

/// What each element is multiplied by: 0 with probability `rate`, otherwise `1 / (1 - rate)`; row-major.
pub fn dropout_factors(key: StepKey, path: &str, rate: f64, extent: Extent) -> Vec<f32> {
    let base = stream(key.seed, &format!("dropout/{path}"), key.step).next_u64();
    let threshold = (rate.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32;
    let kept = if rate < 1.0 { (1.0 / (1.0 - rate)) as f32 } else { 0.0 };
    let mut factors = Vec::with_capacity(extent.examples * extent.heads * extent.positions * extent.width);
    for example in 0..extent.examples as u64 {
        for head in 0..extent.heads as u64 {
            for position in 0..extent.positions as u64 {
                let row = mix(mix(mix(base ^ example) ^ head) ^ position);
                factors.extend((0..extent.width as u64).map(|element| {
                    let draw = (mix(row ^ element) >> 32) as u32;
                    if draw < threshold { 0.0 } else { kept }
                }));
            }
        }
    }
    factors
}

/// The finaliser of SplitMix64, over a step of its sequence: a bijection that spreads every bit.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Extent, dropout_factors};
    use crate::exec::StepKey;

    const KEY: StepKey = StepKey { seed: 3, step: 5 };

    #[test]
    fn the_share_of_zeros_is_the_rate() {
        let extent = Extent { examples: 4, heads: 1, positions: 50, width: 64 };
        let factors = dropout_factors(KEY, "a", 0.25, extent);
        let zeros = factors.iter().filter(|factor| **factor == 0.0).count() as f64 / factors.len() as f64;
        assert!((zeros - 0.25).abs() < 0.02, "{zeros}");
        assert!(factors.iter().all(|factor| *factor == 0.0 || (*factor - 4.0 / 3.0).abs() < 1e-6));
        assert_ne!(factors, dropout_factors(KEY, "b", 0.25, extent));
        assert_ne!(factors, dropout_factors(StepKey { step: 6, ..KEY }, "a", 0.25, extent));
    }

    #[test]
    fn padding_moves_no_draw() {
        let short = Extent { examples: 2, heads: 2, positions: 3, width: 3 };
        let long = Extent { positions: 5, width: 5, ..short };
        let (few, many) = (dropout_factors(KEY, "a", 0.5, short), dropout_factors(KEY, "a", 0.5, long));
        for (few, many) in few.chunks(9).zip(many.chunks(25)) {
            for (few, many) in few.chunks(3).zip(many.chunks(5)) {
                assert_eq!(few, &many[..3]);
            }
        }
    }
}
