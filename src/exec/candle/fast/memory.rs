//! Tensors of the CPU as slices, and slices as tensors, without a copy where none is needed.

use candle_core::{CpuStorage, Device, Error, Layout, Result as Tried, Storage, Tensor};
use std::ops::Deref;

/// The values of a contiguous tensor, borrowed.
pub struct Values<'a, S> {
    storage: S,
    layout: &'a Layout,
}

/// Borrows a tensor's values.
///
/// # Errors
/// Where it is not contiguous, or no single-precision tensor of the CPU.
pub fn values(tensor: &Tensor) -> Tried<Values<'_, impl Deref<Target = Storage>>> {
    let (storage, layout) = tensor.storage_and_layout();
    let values = Values { storage, layout };
    match layout.is_contiguous() && values.get().is_some() {
        true => Ok(values),
        false => Err(Error::Msg("a kernel was given a tensor it cannot read".to_owned())),
    }
}

impl<S: Deref<Target = Storage>> Values<'_, S> {
    fn get(&self) -> Option<&[f32]> {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(data)) => data.get(self.layout.start_offset()..)?.get(..self.layout.shape().elem_count()),
            _ => None,
        }
    }
}

impl<S: Deref<Target = Storage>> Deref for Values<'_, S> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.get().unwrap_or_default()
    }
}

/// A tensor that takes these values over.
pub fn tensor(data: Vec<f32>, shape: &[usize]) -> Tried<Tensor> {
    Tensor::from_vec(data, shape, &Device::Cpu)
}
