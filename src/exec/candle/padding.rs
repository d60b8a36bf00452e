//! The law of padding, kept lazily: which operations need clean operands, and which leave clean results.
//!
//! A value is *clean* where every padded coordinate is 0. Operations that treat tokens one by one may leave
//! other finite values there, since nothing reads them: whatever mixes coordinates cleans first, by selection.

use super::broken;
use crate::diagnostic::Result;
use crate::exec::geometry::Geometry;
use crate::exec::kernel::{Kernel, Unary};
use crate::exec::program::{Axis, Step};
use candle_core::{Device, Tensor};

/// Whether a step reads other coordinates of its operands than those it writes.
pub fn needs_clean(kernel: &Kernel) -> bool {
    matches!(
        kernel,
        Kernel::MatMul | Kernel::Cosine | Kernel::Euclidean | Kernel::LightConv { .. } | Kernel::SplitHeads | Kernel::MergeHeads
    )
}

/// Whether a step's result may be other than 0 at padded coordinates, given whether an operand's may.
pub fn leaves_dirty(step: &Step, geometry: &Geometry, operand: bool) -> bool {
    if !geometry.padded || !step.axes.contains(&Axis::Tokens) {
        return false;
    }
    match step.kernel {
        Kernel::Unary(Unary::LogSigmoid | Unary::Sigmoid | Unary::Softplus) => true,
        Kernel::Unary(_) | Kernel::Binary(_) | Kernel::Transpose | Kernel::Dropout(_) => operand,
        Kernel::Linear | Kernel::LayerNorm | Kernel::Embedding | Kernel::Positions | Kernel::Unembed | Kernel::Euclidean => true,
        Kernel::LightConv { .. } => true,
        _ => false,
    }
}

/// The masks of a batch: 1 at real tokens.
#[derive(Debug)]
pub struct Masks {
    tokens: Tensor,
}

impl Masks {
    /// The masks for these lengths; `None` where no row is padded.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn new(geometry: &Geometry, device: &Device) -> Result<Option<Self>> {
        if !geometry.padded {
            return Ok(None);
        }
        let real = |length: &usize| (0..geometry.width).map(|token| u8::from(token < *length)).collect::<Vec<u8>>();
        let tokens: Vec<u8> = geometry.lengths.iter().flat_map(real).collect();
        let tokens = Tensor::from_vec(tokens, (geometry.rows, geometry.width), device).map_err(broken)?;
        Ok(Some(Self { tokens }))
    }

    /// The mask of one axis, broadcast to a value's shape.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn along(&self, axis: usize, value: &Tensor) -> candle_core::Result<Tensor> {
        let shape: Vec<usize> = value.dims().iter().enumerate().map(|(at, size)| if at == 0 || at == axis { *size } else { 1 }).collect();
        self.tokens.reshape(shape)?.broadcast_as(value.shape())
    }

    /// The value with 0 at every padded coordinate, by selection.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn select(&self, value: &Tensor, axes: &[Axis]) -> candle_core::Result<Tensor> {
        let first = value.rank() - axes.len();
        let mut value = value.clone();
        for (axis, _) in axes.iter().enumerate().filter(|(_, axis)| **axis == Axis::Tokens) {
            value = self.along(first + axis, &value)?.where_cond(&value, &value.zeros_like()?)?;
        }
        Ok(value)
    }
}
