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

/// The gradients by name, each in its parameter's own shape: 0 outside a centre slice, and where none came.
///
/// # Errors
/// Where the device fails.
pub fn gradients<'a>(
    specs: &[ParameterSpec],
    parameters: &Parameters,
    found: impl Iterator<Item = Option<&'a Tensor>>,
) -> Result<Parameters> {
    let mut gradients = Parameters::default();
    for (spec, found) in specs.iter().zip(found) {
        let own = parameters.0.get(&spec.name).map_or(spec.shape.as_slice(), |array| array.shape.as_slice());
        let gradient = match found {
            Some(tensor) => place_centre(download(tensor)?, own, spec),
            None => Array { shape: own.to_vec(), data: vec![0.0; own.iter().product()] },
        };
        gradients.0.insert(spec.name.clone(), gradient);
    }
    Ok(gradients)
}
