//! Named random streams: every draw of Phyla comes from one, keyed by (seed, name, step).
//!
//! A stream depends on its key alone, never on what was drawn before it or on which thread draws; so a
//! run gives the same result with one worker or with many, and after any interruption.

pub use rand::{Rng, RngExt, seq::SliceRandom};
use rand_chacha::rand_core::SeedableRng;

/// A counter-based generator with a key of its own.
pub type Stream = rand_chacha::ChaCha8Rng;

/// The stream of `name` at `step` under the experiment's `seed`.
pub fn stream(seed: u64, name: &str, step: u64) -> Stream {
    let mut key = blake3::Hasher::new();
    key.update(&seed.to_le_bytes()).update(&step.to_le_bytes()).update(name.as_bytes());
    Stream::from_seed(*key.finalize().as_bytes())
}

/// A seed of its own for the part `name` of an experiment, numbered `number`.
pub fn derived(seed: u64, name: &str, number: u64) -> u64 {
    stream(seed, name, number).next_u64()
}

#[cfg(test)]
mod tests {
    use super::{Rng, stream};

    #[test]
    fn a_stream_is_its_key() {
        let first = |seed, name, step| stream(seed, name, step).next_u64();
        assert_eq!(first(1, "mask", 7), first(1, "mask", 7));
        assert_ne!(first(1, "mask", 7), first(1, "mask", 8));
        assert_ne!(first(1, "mask", 7), first(2, "mask", 7));
        assert_ne!(first(1, "mask", 7), first(1, "dropout", 7));
    }
}
