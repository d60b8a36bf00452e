//! Loops compiled for the widest vectors the processor has, chosen at run time.
//!
//! What is written as a fused product and sum (`mul_add`) is one instruction in wide vectors; where the processor has none, the same values come
//! out of a call, which takes its time. Rust fuses nothing by itself.

/// The proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Wide(());

impl Wide {
    /// Looks at the processor.
    #[inline(always)]
    pub fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return (std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")).then_some(Self(()));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// Runs work compiled for these features.
    #[inline(always)]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the language has no safe call of a function whose features were found at run time")]
        // SAFETY: only `detect` makes a `Wide`, where the processor has both features that `wide` is compiled for.
        return unsafe { wide(work) };
        #[cfg(not(target_arch = "x86_64"))]
        work()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
// Instantiated beside its caller, so that the closure, too, is at hand to be inlined.
#[inline]
fn wide<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The proof that the processor has AVX2 and FMA, and of AVX-512 the parts F, VL, BW and DQ.
#[derive(Clone, Copy)]
pub struct Wider(());

impl Wider {
    /// Looks at the processor.
    #[inline(always)]
    pub fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return (Wide::detect().is_some()
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq"))
        .then_some(Self(()));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// Runs work compiled for these features.
    #[inline(always)]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the language has no safe call of a function whose features were found at run time")]
        // SAFETY: only `detect` makes a `Wider`, where the processor has all features that `wider` is compiled for.
        return unsafe { wider(work) };
        #[cfg(not(target_arch = "x86_64"))]
        work()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
// As above.
#[inline]
fn wider<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The vectors that the processor has.
#[derive(Clone, Copy)]
pub enum Vectors {
    /// None that are known here.
    Plain,
    /// Eight numbers.
    Wide(Wide),
    /// Sixteen numbers.
    Wider(Wider),
}

impl Vectors {
    /// The widest.
    #[inline(always)]
    pub fn widest() -> Self {
        if let Some(wider) = Wider::detect() {
            Self::Wider(wider)
        } else if let Some(wide) = Wide::detect() {
            Self::Wide(wide)
        } else {
            Self::Plain
        }
    }

    /// All of them, so that none goes untested on a processor that has wider ones.
    #[cfg(test)]
    pub fn all() -> impl Iterator<Item = Self> {
        [Some(Self::Plain), Wide::detect().map(Self::Wide), Wider::detect().map(Self::Wider)].into_iter().flatten()
    }
}

/// Runs a block with the processor's widest vectors; what it calls must be `#[inline(always)]`.
///
/// A macro, since a closure is inlined for certain, and so compiled for those vectors, only where it has one caller.
macro_rules! vectorised {
    ($block:block) => {
        match $crate::exec::native::vector::Vectors::widest() {
            $crate::exec::native::vector::Vectors::Wider(wider) => wider.run(|| $block),
            $crate::exec::native::vector::Vectors::Wide(wide) => wide.run(|| $block),
            $crate::exec::native::vector::Vectors::Plain => $block,
        }
    };
}
pub(crate) use vectorised;

/// Writes f(x) to each place of `to`, or adds it where something stands there already.
#[inline(always)]
pub fn give(to: &mut [f32], first: bool, x: &[f32], f: impl Fn(f32) -> f32) {
    vectorised!({
        // By value: through an address, what it holds would be read again for each place.
        let f = f;
        if first {
            for (to, x) in to.iter_mut().zip(x) {
                *to = f(*x);
            }
        } else {
            for (to, x) in to.iter_mut().zip(x) {
                *to += f(*x);
            }
        }
    });
}

/// The same of two operands.
#[inline(always)]
pub fn give_two(to: &mut [f32], first: bool, x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) {
    vectorised!({
        if first {
            for ((to, x), y) in to.iter_mut().zip(x).zip(y) {
                *to = f(*x, *y);
            }
        } else {
            for ((to, x), y) in to.iter_mut().zip(x).zip(y) {
                *to += f(*x, *y);
            }
        }
    });
}

/// The same of three operands.
#[inline(always)]
pub fn give_three(to: &mut [f32], first: bool, x: &[f32], y: &[f32], z: &[f32], f: impl Fn(f32, f32, f32) -> f32) {
    vectorised!({
        let rows = to.iter_mut().zip(x).zip(y).zip(z);
        if first {
            for (((to, x), y), z) in rows {
                *to = f(*x, *y, *z);
            }
        } else {
            for (((to, x), y), z) in rows {
                *to += f(*x, *y, *z);
            }
        }
    });
}

/// Writes the first of f(x, y) to `one`, and the second as [`give_two`] does.
#[inline(always)]
pub fn give_both(one: &mut [f32], to: &mut [f32], first: bool, x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> (f32, f32)) {
    vectorised!({
        let rows = one.iter_mut().zip(to.iter_mut()).zip(x).zip(y);
        if first {
            for (((one, to), x), y) in rows {
                (*one, *to) = f(*x, *y);
            }
        } else {
            for (((one, to), x), y) in rows {
                let (value, more) = f(*x, *y);
                *one = value;
                *to += more;
            }
        }
    });
}

/// Asks for the line of memory at an address, which need not be one, as it will be read soon.
#[inline(always)]
pub fn bring(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "a hint to the processor, which the language has no other word for")]
    // SAFETY: every processor of this kind has the instruction, and it reads nothing that the program sees.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// A polynomial, the highest power's coefficient first.
#[inline(always)]
fn polynomial<const COUNT: usize>(x: f32, coefficients: [f32; COUNT]) -> f32 {
    coefficients.into_iter().reduce(|sum, next| sum.mul_add(x, next)).unwrap_or(0.0)
}

/// e^x to single precision, without a branch; of x below −87 or above 88 it is that of −87 or 88.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let power = rounded - ROUND;
    // ln 2 in two parts.
    let rest = power.mul_add(2.121_944_4e-4, power.mul_add(-0.693_359_4, x));
    let series = polynomial(rest, [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1]);
    let value = series.mul_add(rest * rest, rest) + 1.0;
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    value * f32::from_bits(exponent)
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// ln(1 + e^−|x|), by the series of 2·artanh(e / (2 + e)), whose argument is 1/3 at most.
#[inline(always)]
pub fn soft_corner(x: f32) -> f32 {
    let power = exp(-x.abs());
    let s = power / (2.0 + power);
    let series = polynomial(s * s, [1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0]);
    2.0 * s * series
}

/// Beyond this Φ is taken for 0 or 1: it is no further from them than 8e-8.
const FAR: f32 = 5.25;
/// (Φ(x) − ½) / x as a polynomial in 2x²/5.25² − 1, fitted so that the largest error of Φ, weighted by |x| beyond 2, is about as small as this
/// degree allows (`tests/tools/gelu_fit.py`): 3e-8 up to 5. The fourth is a little larger than in the fit, so that Φ comes out as 0 at −5.25.
const NORMAL: [f32; 15] = [
    2.151_070_4e-4,
    -6.418_498e-4,
    7.445_106e-4,
    -1.084_13e-3,
    2.792_802_6e-3,
    -5.396_953_3e-3,
    8.478_605e-3,
    -1.280_360_2e-2,
    1.851_999_2e-2,
    -2.503_445e-2,
    3.203_41e-2,
    -3.976_424_4e-2,
    4.964_564_7e-2,
    -6.712_679e-2,
    1.346_593_5e-1,
];

/// x·Φ(x) and its slope, Φ(x) + x·φ(x), without a division, which takes as long as a dozen products. Φ is off by 1.2e-7 at most, however small
/// it is itself.
#[inline(always)]
pub fn gelu(x: f32) -> (f32, f32) {
    let near = x.clamp(-FAR, FAR);
    let even = polynomial((near * near).mul_add(2.0 / (FAR * FAR), -1.0), NORMAL);
    let below = near.mul_add(even, 0.5).clamp(0.0, 1.0);
    // φ(x)·√2π; beyond 5.25 it makes any factor small, and `near` is a finite one.
    let bell = exp(x * x * -0.5);
    (x * below, (near * 0.398_942_3).mul_add(bell, below))
}

/// Sums kept apart in a long sum, which fill the widest registers.
pub const LANES: usize = 16;

/// Sixteen values made one, by halves.
#[inline(always)]
pub fn folded(lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    // Seen as sixteen values one beside the other, they are summed in one register, and not two by two as the halves here suggest.
    let mut lanes = std::hint::black_box(lanes);
    for at in 0..8 {
        lanes[at] = join(lanes[at], lanes[at + 8]);
    }
    for at in 0..4 {
        lanes[at] = join(lanes[at], lanes[at + 4]);
    }
    join(join(lanes[0], lanes[2]), join(lanes[1], lanes[3]))
}

/// The sum of x·y in sixteen lanes.
#[inline(always)]
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    let ((xs, x), (ys, y)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [0.0f32; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane = x.mul_add(*y, *lane);
        }
    }
    folded(lanes, |x, y| x + y) + x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>()
}

/// The sum of x in sixteen lanes.
#[inline(always)]
pub fn sum(x: &[f32]) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane += x;
        }
    }
    folded(lanes, |x, y| x + y) + rest.iter().sum::<f32>()
}

/// y += factor·x.
#[inline(always)]
pub fn add_scaled(y: &mut [f32], factor: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::{dot, exp, gelu, sigmoid, soft_corner, sum};

    #[test]
    fn the_exponential_is_right_to_single_precision() {
        for step in -870..880 {
            let x = step as f32 * 0.1;
            let wanted = f64::from(x).exp();
            assert!((f64::from(exp(x)) / wanted - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exp(-1e30) < 1e-37 && exp(0.0) == 1.0);
    }

    #[test]
    fn the_corner_and_the_sigmoid_are_right_to_single_precision() {
        for step in -400..400 {
            let x = step as f32 * 0.1;
            let (corner, logistic) = ((-f64::from(x).abs()).exp().ln_1p(), 1.0 / (1.0 + (-f64::from(x)).exp()));
            assert!((f64::from(soft_corner(x)) / corner - 1.0).abs() < 5e-7, "{x}");
            assert!((f64::from(sigmoid(x)) / logistic - 1.0).abs() < 5e-7, "{x}");
        }
    }

    #[test]
    fn gelu_and_its_slope_agree_with_the_error_function() {
        // Φ by its own series, in double precision.
        let normal = |x: f64| {
            let (mut term, mut sum) = (x, x);
            for power in 1..200 {
                term *= -x * x / f64::from(2 * power);
                sum += term / f64::from(2 * power + 1);
            }
            0.5 + sum / std::f64::consts::TAU.sqrt()
        };
        for step in -6_000..=6_000 {
            let x = step as f32 * 1e-3;
            let (phi, bell) = (normal(f64::from(x)), (-0.5 * f64::from(x * x)).exp() / std::f64::consts::TAU.sqrt());
            let (value, slope) = gelu(x);
            let off = [f64::from(value) - f64::from(x) * phi, f64::from(slope) - phi - f64::from(x) * bell];
            assert!(off[0].abs() < 2e-7 * f64::from(x.abs()).max(0.01) && off[1].abs() < 4e-7, "{x}: {off:?}");
        }
        for x in [f32::INFINITY, 1e30, 100.0] {
            assert_eq!(gelu(x), (x, 1.0));
        }
        assert!(gelu(0.0) == (0.0, 0.5) && gelu(-100.0).0 == 0.0 && gelu(-100.0).1.abs() < 1e-30);
        assert!(gelu(f32::NAN).0.is_nan() && gelu(f32::NAN).1.is_nan());
    }

    #[test]
    fn sums_take_the_rest_too() {
        let x: Vec<f32> = (0..37).map(|x| x as f32).collect();
        assert_eq!(sum(&x), 666.0);
        assert_eq!(dot(&x, &x), x.iter().map(|x| x * x).sum::<f32>());
    }
}
