//! Where the time of a step goes, by kinds of kernels. The clock is given: this floor reads none.

use crate::exec::kernel::Kernel;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kinds of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Linear maps, forward, and what their operands receive.
    Linear,
    /// The gradients of weights, and the sums for biases and gains.
    Weights,
    /// Weights packed for products.
    Packing,
    /// What mixes the tokens of a head.
    Attention,
    /// The lightweight convolution.
    Convolution,
    /// Layer norms.
    Norm,
    /// Element-wise kernels and dropout.
    Elementwise,
    /// Tables, positions, rows picked.
    Tables,
    /// The loss.
    Loss,
    /// Clipping and AdamW.
    Update,
    /// The plan for a batch: phases, places in the arena, indices. One thread does it, and the others wait.
    Planning,
}

/// The kinds' names, in their order.
const NAMES: [&str; 11] =
    ["linear", "weights", "packing", "attention", "convolution", "norm", "element-wise", "tables", "loss", "update", "planning"];

impl Kind {
    /// The kind of a kernel on rows.
    pub fn of(kernel: &Kernel) -> Self {
        match kernel {
            Kernel::Linear | Kernel::Unembed => Self::Linear,
            Kernel::LayerNorm => Self::Norm,
            Kernel::Embedding | Kernel::Positions | Kernel::Gather | Kernel::First => Self::Tables,
            Kernel::LightConv { .. } => Self::Convolution,
            _ => Self::Elementwise,
        }
    }
}

/// Seconds by kinds, summed over threads.
#[derive(Debug, Default)]
pub struct Meter {
    clock: Option<fn() -> f64>,
    nanoseconds: [AtomicU64; NAMES.len()],
}

impl Meter {
    /// A meter that reads this clock, in seconds.
    pub fn new(clock: fn() -> f64) -> Self {
        Self { clock: Some(clock), ..Self::default() }
    }

    /// Does one thread's `work`, and counts its time where there is a clock.
    #[inline]
    pub fn time<R>(&self, kind: Kind, work: impl FnOnce() -> R) -> R {
        self.count(kind, 1, work)
    }

    /// The same for work that all threads share, or wait for.
    pub fn time_of_all<R>(&self, kind: Kind, work: impl FnOnce() -> R) -> R {
        self.count(kind, rayon::current_num_threads(), work)
    }

    #[inline]
    fn count<R>(&self, kind: Kind, threads: usize, work: impl FnOnce() -> R) -> R {
        let Some(clock) = self.clock else { return work() };
        let begun = clock();
        let result = work();
        if let Some(place) = self.nanoseconds.get(kind as usize) {
            place.fetch_add(((clock() - begun) * 1e9) as u64 * threads as u64, Ordering::Relaxed);
        }
        result
    }

    /// What was counted since this was last asked; empty without a clock.
    pub fn take(&self) -> Vec<(&'static str, f64)> {
        if self.clock.is_none() {
            return Vec::new();
        }
        let seconds = self.nanoseconds.iter().map(|place| place.swap(0, Ordering::Relaxed) as f64 / 1e9);
        NAMES.into_iter().zip(seconds).filter(|(_, seconds)| *seconds > 0.0).collect()
    }
}
