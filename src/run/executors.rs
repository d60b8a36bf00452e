//! What carries programs out, for each arithmetic that a `train` record may ask for.

use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::Executor;
use crate::settings::{Experiment, Precision, Train};

/// The executors of a run's device.
pub struct Executors {
    single: Box<dyn Executor>,
    bf16: Option<Box<dyn Executor>>,
    recomputing: Option<Box<dyn Executor>>,
}

impl Executors {
    /// One in single precision.
    pub fn new(single: Box<dyn Executor>) -> Self {
        Self { single, bf16: None, recomputing: None }
    }

    /// With one in bf16.
    #[must_use]
    pub fn in_bf16(self, executor: Box<dyn Executor>) -> Self {
        Self { bf16: Some(executor), ..self }
    }

    /// With one that computes activations anew on the way back.
    #[must_use]
    pub fn recomputing(self, executor: Box<dyn Executor>) -> Self {
        Self { recomputing: Some(executor), ..self }
    }

    /// Their name, as `--executor` takes it.
    pub fn name(&self) -> &'static str {
        self.single.name()
    }

    /// Whether what they hold in memory is foretold: the native one's is.
    pub fn foretold(&self) -> bool {
        self.name() == "native"
    }

    /// The one that trains as a training asks; what it trains is measured with it too.
    ///
    /// # Errors
    /// Where the device has no such precision, or what carries programs out keeps all activations.
    pub fn of(&self, train: &Train) -> Result<&dyn Executor> {
        match (&train.precision, train.recompute) {
            (Precision::F32, false) => Ok(&*self.single),
            (Precision::F32, true) => self.recomputing.as_deref().ok_or_else(|| self.keeps_all()),
            (Precision::Bf16, true) => Err(self.keeps_all()),
            (Precision::Bf16, false) => self.bf16.as_deref().ok_or_else(|| {
                Box::new(
                    Diagnostic::error(Code::DEVICE, "this device does not compute in bf16").help("`precision = f32`, or `device = cuda`"),
                )
            }),
        }
    }

    /// Gives back the memory that they keep for further steps: the next stage's are others, and there may be more of them at once.
    pub fn rest(&self) {
        [Some(&self.single), self.bf16.as_ref(), self.recomputing.as_ref()].into_iter().flatten().for_each(|executor| executor.rest());
    }

    /// Whether all trainings of an experiment can be carried out.
    ///
    /// # Errors
    /// As for [`Self::of`], of the first that cannot.
    pub fn carry_out(&self, settings: &Experiment) -> Result<()> {
        settings.trainings().try_for_each(|train| self.of(train).map(|_| ()))
    }

    fn keeps_all(&self) -> Box<Diagnostic> {
        let message = format!("the executor `{}` keeps all activations", self.name());
        Box::new(Diagnostic::error(Code::DEVICE, message).help("leave `recompute` out, and raise `accumulate` where memory is short"))
    }
}
