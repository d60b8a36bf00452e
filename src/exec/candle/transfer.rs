//! Parameters to the device and gradients back, centre slices included.

use super::broken;
use crate::diagnostic::Result;
use crate::exec::geometry::failed;
use crate::exec::parameters::{centre, place_centre};
use crate::exec::{Array, ParameterSpec, Parameters};
use candle_core::{DType, Device, Tensor};

/// A program's parameters on the device, in the order of its specifications.
///
/// # Errors
/// Where a parameter is missing or its shape does not fit.
pub fn upload(specs: &[ParameterSpec], parameters: &Parameters, device: &Device, dtype: DType) -> Result<Vec<Tensor>> {
    let upload = |spec: &ParameterSpec| {
        let array = parameters.0.get(&spec.name).ok_or_else(|| failed(format!("the parameter `{}` is missing", spec.name)))?;
        let tensor = match centre(array, spec)? {
            None => Tensor::from_slice(&array.data, spec.shape.as_slice(), device),
            Some(slice) => Tensor::from_vec(slice.data, spec.shape.as_slice(), device),
        };
        tensor.and_then(|tensor| tensor.to_dtype(dtype)).map_err(broken)
    };
    specs.iter().map(upload).collect()
}

/// A value as single precision on the host.
///
/// # Errors
/// Where the device fails.
pub fn download(tensor: &Tensor) -> Result<Array> {
    let data = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.flatten_all()?.to_vec1::<f32>()).map_err(broken)?;
    Ok(Array { shape: tensor.dims().to_vec(), data })
}

/// The gradients by name, each in its parameter's own shape: 0 outside a centre slice.
///
/// # Errors
/// Where the device fails, or a parameter received nothing: an operation of candle's that passes no gradient on says nothing of it.
pub fn gradients<'a>(
    specs: &[ParameterSpec],
    parameters: &Parameters,
    found: impl Iterator<Item = Option<&'a Tensor>>,
) -> Result<Parameters> {
    let mut gradients = Parameters::default();
    for (spec, found) in specs.iter().zip(found) {
        let tensor = found.ok_or_else(|| failed(format!("the parameter `{}` received no gradient", spec.name)))?;
        gradients.0.insert(spec.name.clone(), place_centre(download(tensor)?, own(spec, parameters), spec));
    }
    Ok(gradients)
}

/// No gradients, in the parameters' own shapes.
pub fn zeros(specs: &[ParameterSpec], parameters: &Parameters) -> Parameters {
    let zeros = |spec: &ParameterSpec| {
        let shape = own(spec, parameters).to_vec();
        (spec.name.clone(), Array { data: vec![0.0; shape.iter().product()], shape })
    };
    Parameters(specs.iter().map(zeros).collect())
}

/// The shape of a parameter as it is, of which a program may use a slice.
fn own<'a>(spec: &'a ParameterSpec, parameters: &'a Parameters) -> &'a [usize] {
    parameters.0.get(&spec.name).map_or(spec.shape.as_slice(), |array| array.shape.as_slice())
}

#[cfg(test)]
mod tests {
    use super::{gradients, zeros};
    use crate::exec::Parameters;
    use crate::exec::program::ParameterSpec;
    use crate::graph::weights::Init;

    #[test]
    fn a_parameter_without_a_gradient_is_named() {
        let spec = ParameterSpec { name: "taps".to_owned(), shape: vec![2, 3], init: Init::Zeros, decays: true, centre: None };
        let error = gradients(std::slice::from_ref(&spec), &Parameters::default(), [None].into_iter()).unwrap_err();
        assert!(error.message.contains("`taps` received no gradient"), "{}", error.message);
        assert_eq!(zeros(&[spec], &Parameters::default()).0["taps"].data, [0.0; 6]);
    }
}
