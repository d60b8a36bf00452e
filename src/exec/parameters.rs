//! Parameters on the host: how they start, and slices of larger ones.

use super::{Array, ParameterSpec, Parameters};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::graph::weights::Init;
use crate::stream::{Rng, Stream, stream};
use std::f64::consts::TAU;

/// The deviation of tables and kernels as they start, as BERT's.
pub const DEVIATION: f64 = 0.02;

/// The width at which a linear map starts with BERT's deviation too; at another width its gain stays what it is there. With 0.02
/// at a width of 64 every branch would begin at a sixth of its share, and training would idle at the unigram loss.
pub const WIDTH: f64 = 768.0;

/// A program's parameters as they start under a seed; each depends on the seed and its own name alone.
pub fn initialise(specs: &[ParameterSpec], seed: u64) -> Parameters {
    Parameters(specs.iter().map(|spec| (spec.name.clone(), initial(spec, seed))).collect())
}

/// One parameter as it starts under a seed.
pub fn initial(spec: &ParameterSpec, seed: u64) -> Array {
    let count = spec.shape.iter().product();
    let data = match spec.init {
        Init::Zeros => vec![0.0; count],
        Init::Ones => vec![1.0; count],
        Init::Normal => normal(&mut stream(seed, &format!("init/{}", spec.name), 0), DEVIATION, count),
        Init::Linear => {
            let inputs = spec.shape.last().copied().unwrap_or(1).max(1) as f64;
            normal(&mut stream(seed, &format!("init/{}", spec.name), 0), DEVIATION * (WIDTH / inputs).sqrt(), count)
        }
    };
    Array { shape: spec.shape.clone(), data }
}

/// Box and Muller's transform: two uniform draws give two normal ones.
fn normal(stream: &mut Stream, deviation: f64, count: usize) -> Vec<f32> {
    let mut data = Vec::with_capacity(count + 1);
    // The upper 53 bits, shifted into (0, 1] so that the logarithm is finite.
    let mut uniform = || ((stream.next_u64() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    while data.len() < count {
        let radius = deviation * (-2.0 * uniform().ln()).sqrt();
        let (sine, cosine) = (TAU * uniform()).sin_cos();
        data.extend([(radius * cosine) as f32, (radius * sine) as f32]);
    }
    data.truncate(count);
    data
}

/// Copies of a supernet's parameters for a program, by centre slices where the program's are smaller.
///
/// # Errors
/// Where a parameter is missing or its shape does not fit.
pub fn inherit(supernet: &Parameters, specs: &[ParameterSpec]) -> Result<Parameters> {
    let inherit = |spec: &ParameterSpec| {
        let array = supernet
            .0
            .get(&spec.name)
            .ok_or_else(|| Box::new(Diagnostic::error(Code::EXECUTOR, format!("the supernet has no parameter `{}`", spec.name))))?;
        Ok((spec.name.clone(), centre(array, spec)?.unwrap_or_else(|| array.clone())))
    };
    specs.iter().map(inherit).collect::<Result<_>>().map(Parameters)
}

/// The centre slice of a larger array that a specification asks for; `None` where the shapes are equal.
///
/// # Errors
/// Where the shapes differ otherwise.
pub fn centre(array: &Array, spec: &ParameterSpec) -> Result<Option<Array>> {
    if array.shape == spec.shape && array.data.len() == spec.shape.iter().product::<usize>() {
        return Ok(None);
    }
    let Some(fold) = Fold::new(&array.shape, spec).filter(|fold| array.data.len() == fold.outer * fold.large * fold.inner) else {
        let message = format!("the parameter `{}` has shape {:?}, and {:?} is wanted", spec.name, array.shape, spec.shape);
        return Diagnostic::error(Code::EXECUTOR, message).into();
    };
    let data =
        array.data.chunks_exact(fold.large * fold.inner).flat_map(|block| block.iter().skip(fold.start()).take(fold.taken()).copied());
    Ok(Some(Array { shape: spec.shape.clone(), data: data.collect() }))
}

/// A centre slice put into zeros of the larger shape; the array itself where the shapes are equal.
pub fn place_centre(array: Array, own: &[usize], spec: &ParameterSpec) -> Array {
    let Some(fold) = Fold::new(own, spec).filter(|_| own != spec.shape) else { return array };
    let mut data = vec![0.0; own.iter().product()];
    for (block, slice) in data.chunks_exact_mut(fold.large * fold.inner).zip(array.data.chunks_exact(fold.taken())) {
        for (to, from) in block.iter_mut().skip(fold.start()).zip(slice) {
            *to = *from;
        }
    }
    Array { shape: own.to_vec(), data }
}

/// The axes around the centre axis, folded to three.
struct Fold {
    outer: usize,
    large: usize,
    small: usize,
    inner: usize,
}

impl Fold {
    fn new(own: &[usize], spec: &ParameterSpec) -> Option<Self> {
        let axis = spec.centre?;
        let fits =
            own.len() == spec.shape.len() && own.iter().zip(&spec.shape).enumerate().all(|(at, (own, wanted))| at == axis || own == wanted);
        let (large, small) = (*own.get(axis)?, *spec.shape.get(axis)?);
        let fold = Self { outer: own.iter().take(axis).product(), large, small, inner: own.iter().skip(axis + 1).product() };
        (fits && large >= small && (large - small).is_multiple_of(2)).then_some(fold)
    }

    /// Where the slice begins within a block.
    fn start(&self) -> usize {
        (self.large - self.small) / 2 * self.inner
    }

    /// The elements of the slice within a block.
    fn taken(&self) -> usize {
        self.small * self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::{centre, inherit, initialise, place_centre};
    use crate::exec::{Array, ParameterSpec, Parameters};
    use crate::graph::weights::Init;

    fn spec(name: &str, shape: &[usize], init: Init, centre: Option<usize>) -> ParameterSpec {
        ParameterSpec { name: name.to_owned(), shape: shape.to_vec(), init, decays: true, centre }
    }

    #[test]
    fn normal_parameters_have_the_deviation_of_bert_and_depend_on_their_name_alone() {
        let specs = [spec("a", &[101, 99], Init::Normal, None), spec("b", &[3], Init::Ones, None)];
        let parameters = initialise(&specs, 1);
        let data = &parameters.0["a"].data;
        let mean = data.iter().map(|x| f64::from(*x)).sum::<f64>() / data.len() as f64;
        let square = data.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / data.len() as f64;
        assert!(mean.abs() < 1e-3 && (square.sqrt() - 0.02).abs() < 5e-4, "{mean} {square}");
        assert_eq!(parameters.0["b"].data, [1.0; 3]);
        assert_eq!(initialise(&specs[..1], 1).0["a"], parameters.0["a"]);
        assert_ne!(initialise(&specs, 2).0["a"], parameters.0["a"]);
    }

    #[test]
    fn a_slice_is_the_centre_and_goes_back_there() {
        let large = Array { shape: vec![2, 5], data: (0..10).map(|x| x as f32).collect() };
        let small = spec("taps", &[2, 3], Init::Normal, Some(1));
        let slice = centre(&large, &small).unwrap().unwrap();
        assert_eq!(slice.data, [1., 2., 3., 6., 7., 8.]);
        let back = place_centre(slice, &[2, 5], &small);
        assert_eq!(back.data, [0., 1., 2., 3., 0., 0., 6., 7., 8., 0.]);
        let supernet = Parameters([("taps".to_owned(), large)].into());
        assert_eq!(inherit(&supernet, std::slice::from_ref(&small)).unwrap().0["taps"].shape, [2, 3]);
        let wrong = spec("taps", &[3, 3], Init::Normal, Some(1));
        assert!(inherit(&supernet, &[wrong]).unwrap_err().message.contains("taps"));
        let missing = spec("other", &[3], Init::Normal, None);
        assert!(inherit(&supernet, &[missing]).unwrap_err().message.contains("other"));
    }
}
