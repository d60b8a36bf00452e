//! What carries programs out, for each arithmetic that a `train` record may ask for.

use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Executor;
use crate::settings::{Precision, Train};

/// The executors of a run's device.
pub struct Executors {
    single: Box<dyn Executor>,
    bf16: Option<Box<dyn Executor>>,
}

impl Executors {
    /// In single precision, and in bf16 where the device has it.
    pub fn new(single: Box<dyn Executor>, bf16: Option<Box<dyn Executor>>) -> Self {
        Self { single, bf16 }
    }

    /// The one in the precision of a training; what it trains is measured with it too.
    ///
    /// # Errors
    /// Where the device has no such precision.
    pub fn of(&self, train: &Train) -> Result<&dyn Executor> {
        match train.precision {
            Precision::F32 => Ok(&*self.single),
            Precision::Bf16 => self.bf16.as_deref().ok_or_else(|| {
                Box::new(
                    Diagnostic::error(Code::DEVICE, "this device does not compute in bf16").help("`precision = f32`, or `device = cuda`"),
                )
            }),
        }
    }
}
