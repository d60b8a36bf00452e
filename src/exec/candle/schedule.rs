//! The order of work that both ways of carrying a program out share: steps in turn, operands cleaned where
//! the law of padding asks for it.

use super::broken;
use super::padding::{leaves_dirty, needs_clean};
use crate::diagnostic::Result;
use crate::exec::geometry::{Geometry, failed};
use crate::exec::kernel::Kernel;
use crate::exec::program::{Axis, Step};
use crate::exec::{Batch, Program};
use candle_core::{Device, Result as Tried, Tensor};

/// One step with its operands as it reads them.
pub struct Call<'a> {
    /// The slot of its result.
    pub slot: usize,
    /// The step.
    pub step: &'a Step,
    /// Its operands, cleaned where it needs them so.
    pub operands: Vec<Tensor>,
    /// Which operands were cleaned: their gradients must be, too.
    pub cleaned: Vec<bool>,
}

/// The program's result.
pub struct Output {
    /// Its value, clean.
    pub value: Tensor,
    /// Whether it was cleaned at the end.
    pub cleaned: bool,
}

/// Carries every step out by `apply`; `select` writes 0 at padded coordinates.
///
/// # Errors
/// Where the device fails.
pub fn walk<'a>(
    program: &'a Program,
    batch: &Batch,
    geometry: &Geometry,
    device: &Device,
    select: &dyn Fn(&Tensor, &[Axis]) -> Tried<Tensor>,
    apply: &mut dyn FnMut(Call<'a>) -> Tried<Tensor>,
) -> Result<Output> {
    let mut values: Vec<(Tensor, bool)> = Vec::with_capacity(program.steps().len());
    for (slot, step) in program.steps().iter().enumerate() {
        if let Kernel::Input(name) = &step.kernel {
            let indices = batch.inputs.get(name).cloned().unwrap_or_default();
            values.push((Tensor::from_vec(indices, geometry.shape(step), device).map_err(broken)?, false));
            continue;
        }
        let mixes = needs_clean(&step.kernel);
        let mut call = Call { slot, step, operands: Vec::new(), cleaned: Vec::new() };
        let mut dirty_operand = false;
        for slot in &step.arguments {
            let (Some((value, dirty)), Some(source)) = (values.get(*slot), program.steps().get(*slot)) else { continue };
            let clean = *dirty && mixes;
            call.operands.push(if clean { select(value, &source.axes).map_err(broken)? } else { value.clone() });
            call.cleaned.push(clean);
            dirty_operand |= *dirty && !clean;
        }
        let value = apply(call).map_err(broken)?;
        values.push((value, leaves_dirty(step, geometry, dirty_operand)));
    }
    let (Some((value, dirty)), Some(step)) = (values.get(program.output()), program.steps().get(program.output())) else {
        return Err(failed("the program has no result".to_owned()));
    };
    let clean = if *dirty { select(value, &step.axes).map_err(broken)? } else { value.clone() };
    Ok(Output { value: clean, cleaned: *dirty })
}
