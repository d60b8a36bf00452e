//! The executor over candle: any device it has, in single or double precision, or in bf16 from single-precision masters.
//!
//! In reading order: `device` (the GPUs there are, and `driver`, by which they are asked), `padding` (the law of padding, kept lazily),
//! `plain` (the order of work, and kernels of candle's own differentiable operations), `loss`, `transfer` (parameters up, gradients down).
//! It is the reference that the executor of the CPU is tested against, and the way of every other device.
//!
//! Invariants: nothing is shared between runs, so several threads may run steps at once, one after the other where they share
//! a GPU; indices were checked before a kernel sees them. This module knows nothing of optimisers and schedules.

pub mod device;
#[cfg(all(feature = "cuda", target_os = "linux", target_arch = "x86_64"))]
mod driver;
mod loss;
mod padding;
pub(in crate::exec) mod plain;
mod transfer;

#[cfg(test)]
pub(in crate::exec) mod tests;

use super::geometry::{Geometry, failed, finite};
use super::{Batch, Executor, Output, Parameters, Program, StepKey};
use crate::diagnostic::{Diagnostic, Result};
use candle_core::{DType, Device, Tensor, Var};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Carries programs out with candle.
#[derive(Clone, Debug)]
pub struct CandleExecutor {
    device: Device,
    dtype: DType,
    turns: Arc<Mutex<()>>,
}

impl CandleExecutor {
    /// An executor on this device; `dtype` is `F32`, `F64`, or `BF16`: products in bf16, parameters and whatever sums or
    /// exponentiates in single precision. A GPU is had from [`device::gpu`], which looks the driver up.
    pub fn new(device: Device, dtype: DType) -> Self {
        Self { device, dtype, turns: Arc::default() }
    }

    /// The same in bf16; both take turns on a GPU.
    #[must_use]
    pub fn in_bf16(&self) -> Self {
        Self { dtype: DType::BF16, ..self.clone() }
    }

    /// On a GPU one step at a time, so that its memory need hold the activations of one; the CPU lets all in.
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        (!self.device.is_cpu()).then(|| self.turns.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The type that parameters are kept in on the device.
    fn masters(&self) -> DType {
        if self.dtype == DType::BF16 { DType::F32 } else { self.dtype }
    }
}

impl Executor for CandleExecutor {
    fn name(&self) -> &'static str {
        "candle"
    }

    fn outputs(
        &self,
        program: &Program,
        parameters: &Parameters,
        batches: &mut dyn Iterator<Item = Cow<'_, Batch>>,
        see: &mut dyn FnMut(Output<'_>) -> Result<()>,
    ) -> Result<()> {
        let uploaded = {
            let _turn = self.turn();
            transfer::upload(program.parameters(), parameters, &self.device, self.masters())?
        };
        for batch in batches {
            let geometry = Geometry::new(program, &batch, None)?;
            let found = {
                let _turn = self.turn();
                transfer::download(&plain::run(program, &uploaded, &batch, &geometry, &self.device, self.dtype)?)?
            };
            see(Output { batch: &batch, shape: &found.shape, values: &found.data })?;
        }
        Ok(())
    }

    fn gradients(&self, program: &Program, parameters: &Parameters, batch: &Batch, dropout: Option<StepKey>) -> Result<(f32, Parameters)> {
        let geometry = Geometry::new(program, batch, dropout)?;
        let specs = program.parameters();
        let _turn = self.turn();
        let uploaded = transfer::upload(specs, parameters, &self.device, self.masters())?;
        let variables = uploaded
            .iter()
            .map(|tensor| Var::from_tensor(tensor).map(|variable| variable.as_tensor().clone()))
            .collect::<candle_core::Result<Vec<Tensor>>>()
            .map_err(broken)?;
        let output = plain::run(program, &variables, batch, &geometry, &self.device, self.dtype)?;
        let Some(loss) = loss::loss(&output, &batch.targets)? else {
            return Ok((0.0, transfer::zeros(specs, parameters)));
        };
        let found = loss.backward().map_err(broken)?;
        let gradients = transfer::gradients(specs, parameters, variables.iter().map(|variable| found.get(variable)))?;
        finite(loss.to_dtype(DType::F32).and_then(|loss| loss.to_scalar::<f32>()).map_err(broken)?).map(|loss| (loss, gradients))
    }
}

/// An error of candle.
pub fn broken(error: candle_core::Error) -> Box<Diagnostic> {
    failed(format!("the device failed: {error}"))
}
