//! What the machine can do, and what a process has taken of it.

use std::hint::black_box;
use std::time::Instant;

/// Sums kept at once: enough that each waits for no other, few enough that all stay in registers.
const SUMS: usize = 12;
/// Rounds of one trial, some milliseconds.
const ROUNDS: u32 = 1 << 20;
/// Seconds of trials, of which the best counts.
const TRIALS: f64 = 0.2;

/// The most single-precision GFLOP/s that `threads` threads reach in a loop of fused multiplications and additions that touches no
/// memory, with the widest vectors the processor has.
pub(super) fn gflops(threads: usize) -> f64 {
    let trial = || {
        let begun = Instant::now();
        let lanes = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).sum::<usize>()
        });
        f64::from(ROUNDS) * (SUMS * lanes * 2) as f64 / begun.elapsed().as_secs_f64()
    };
    let (begun, mut best) = (Instant::now(), trial());
    while begun.elapsed().as_secs_f64() < TRIALS {
        best = best.max(trial());
    }
    best / 1e9
}

/// One thread's work; gives the numbers in each of its vectors.
fn work() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            #[expect(unsafe_code, reason = "the language has no safe call of a function whose features were found at run time")]
            // SAFETY: the processor has the feature that `widest` is compiled for.
            unsafe {
                widest();
            }
            return 16;
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            #[expect(unsafe_code, reason = "the language has no safe call of a function whose features were found at run time")]
            // SAFETY: the processor has the features that `wide` is compiled for.
            unsafe {
                wide();
            }
            return 8;
        }
    }
    // Where the compiler knows of no fused operation it would call a function for each number.
    match cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
        true => rounds::<4>(f32::mul_add),
        false => rounds::<4>(|sum, factor, summand| sum * factor + summand),
    }
    4
}

/// By instructions: the compiler makes no vectors this wide of a loop over numbers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn widest() {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let mut sums = black_box([_mm512_set1_ps(1.0); SUMS]);
    let (factor, summand) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, summand);
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn wide() {
    rounds::<8>(|sum, factor, summand| sum.mul_add(factor, summand));
}

#[inline(always)]
fn rounds<const LANES: usize>(round: impl Fn(f32, f32, f32) -> f32) {
    let mut sums = black_box([[1.0f32; LANES]; SUMS]);
    let (factor, summand) = (black_box(0.999f32), black_box(0.001f32));
    for _ in 0..ROUNDS {
        for sums in &mut sums {
            for sum in sums {
                *sum = round(*sum, factor, summand);
            }
        }
    }
    black_box(sums);
}

/// The most memory this process has held, in bytes, where the system tells it.
pub(super) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kib.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}

/// The processor's name, where the system tells it.
pub(super) fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

/// How many programs wanted to run during the last minute, where the system tells it.
pub(super) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::gflops;

    #[test]
    fn the_peak_is_that_of_a_processor() {
        let found = gflops(1);
        assert!(found.is_finite() && found > 0.01, "{found}");
        assert!(std::fs::read_to_string("/proc/self/status").is_err() || super::memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
