//! Single precision on the CPU with hand-written gradients: a tape of steps, walked back once.
//!
//! In reading order: `vector` (loops for the processor at hand), `memory` (tensors as slices), the kernels with
//! what each gives back (`elementwise`, `rows`, `products`, `tokens`), `judge` (the loss and its gradient).
//!
//! Candle's own autograd writes zeros and adds for every edge; here a gradient is moved, and summed only where
//! a value has several users. `plain` is the reference that every kernel is tested against.

pub mod elementwise;
pub mod judge;
pub mod memory;
pub mod products;
pub mod rows;
pub mod tokens;
pub mod vector;

use super::geometry::{Geometry, broken};
use super::plain::extent;
use super::schedule::{Call, walk};
use crate::diagnostic::Result;
use crate::exec::draws::dropout_factors;
use crate::exec::kernel::Kernel;
use crate::exec::program::{Axis, Step};
use crate::exec::{Batch, Program};
use candle_core::{Device, Error, Result as Tried, Tensor};

/// A step that was carried out, with what its gradient needs.
struct Record<'a> {
    call: Call<'a>,
    result: Tensor,
    saved: Vec<f32>,
}

/// The output, without keeping anything.
///
/// # Errors
/// Where a kernel fails.
pub fn forward(program: &Program, parameters: &[Tensor], batch: &Batch, geometry: &Geometry) -> Result<Tensor> {
    let select = |value: &Tensor, axes: &[Axis]| tokens::select(value, axes, geometry);
    let output = walk(program, batch, geometry, &Device::Cpu, &select, &mut |mut call| {
        let own = owned(parameters, call.step);
        Ok(apply(&mut call, &own, geometry)?.0)
    })?;
    output.value.contiguous().map_err(broken)
}

/// The loss and the gradient of every parameter; `None` where nothing is to be judged.
///
/// # Errors
/// Where a kernel fails or the targets do not fit.
pub fn gradients(
    program: &Program,
    parameters: &[Tensor],
    batch: &Batch,
    geometry: &Geometry,
) -> Result<Option<(f32, Vec<Option<Tensor>>)>> {
    let select = |value: &Tensor, axes: &[Axis]| tokens::select(value, axes, geometry);
    let mut tape: Vec<Record<'_>> = Vec::with_capacity(program.steps().len());
    let output = walk(program, batch, geometry, &Device::Cpu, &select, &mut |mut call| {
        let own = owned(parameters, call.step);
        let (result, saved) = apply(&mut call, &own, geometry)?;
        tape.push(Record { call, result: result.clone(), saved });
        Ok(result)
    })?;
    let value = output.value.contiguous().map_err(broken)?;
    let Some((loss, mut gradient)) = judge::judge(&value, &batch.targets)? else { return Ok(None) };
    if let (true, Some(step)) = (output.cleaned, program.steps().get(program.output())) {
        gradient = select(&gradient, &step.axes).map_err(broken)?;
    }
    let mut values: Vec<Option<Tensor>> = vec![None; program.steps().len()];
    if let Some(last) = values.get_mut(program.output()) {
        *last = Some(gradient);
    }
    let mut found: Vec<Option<Tensor>> = vec![None; parameters.len()];
    while let Some(record) = tape.pop() {
        let step = record.call.step;
        let Some(gradient) = values.get_mut(record.call.slot).and_then(Option::take) else { continue };
        let gradient = gradient.contiguous().map_err(broken)?;
        let pulled = pull(&record, &owned(parameters, step), &gradient, geometry).map_err(broken)?;
        for ((slot, cleaned), pulled) in step.arguments.iter().zip(&record.call.cleaned).zip(pulled.operands) {
            let axes = program.steps().get(*slot).map(|source| source.axes.as_slice()).unwrap_or_default();
            let pulled = if *cleaned { select(&pulled, axes).map_err(broken)? } else { pulled };
            accumulate(values.get_mut(*slot), pulled).map_err(broken)?;
        }
        for (number, pulled) in step.parameters.iter().zip(pulled.parameters) {
            accumulate(found.get_mut(*number), pulled).map_err(broken)?;
        }
    }
    Ok(Some((loss, found)))
}

fn owned<'a>(parameters: &'a [Tensor], step: &Step) -> Vec<&'a Tensor> {
    step.parameters.iter().filter_map(|number| parameters.get(*number)).collect()
}

fn accumulate(place: Option<&mut Option<Tensor>>, gradient: Tensor) -> Tried<()> {
    if let Some(place) = place {
        *place = Some(match place.take() {
            Some(known) => products::sum(&known.contiguous()?, &gradient.contiguous()?)?,
            None => gradient,
        });
    }
    Ok(())
}

fn mismatch(kernel: &Kernel) -> Error {
    Error::Msg(format!("{kernel:?} is given the wrong number of arguments"))
}

fn indices(tensor: &Tensor) -> Tried<Vec<u32>> {
    tensor.flatten_all()?.to_vec1()
}

/// A step's result and what it saves; operands that a kernel reads as slices are made contiguous in place.
fn apply(call: &mut Call<'_>, parameters: &[&Tensor], geometry: &Geometry) -> Tried<(Tensor, Vec<f32>)> {
    let step = call.step;
    // Matrix products take transposed views as they are.
    if !matches!(step.kernel, Kernel::MatMul | Kernel::Transpose) {
        for operand in &mut call.operands {
            *operand = operand.contiguous()?;
        }
    }
    let mut saved = Vec::new();
    let result = match (&step.kernel, call.operands.as_slice(), parameters) {
        (Kernel::Unary(op), [x], _) => return elementwise::unary(*op, x),
        (Kernel::Binary(op), [x, y], _) => elementwise::binary(*op, x, y)?,
        (Kernel::Softmax, [x], _) => rows::softmax(step, x, geometry)?,
        (Kernel::Transpose, [x], _) => x.t()?,
        (Kernel::MatMul, [x, y], _) => products::product(x, y)?,
        (Kernel::Cosine, [x, y], _) => products::cosine(x, y)?,
        (Kernel::Euclidean, [x, y], _) => products::euclidean(x, y)?,
        (Kernel::Linear | Kernel::Unembed, [x], [weight, bias]) => products::linear(x, weight, bias)?,
        (Kernel::LayerNorm, [x], [gain, bias]) => return rows::layer_norm(x, gain, bias),
        (Kernel::Dropout(rate), [x], _) => match geometry.key {
            Some(key) if *rate > 0.0 => {
                saved = dropout_factors(key, &step.path, *rate, extent(step, geometry));
                products::times(x, &saved)?
            }
            _ => x.clone(),
        },
        (Kernel::Embedding, [ids], [table]) => tokens::rows_at(table, &indices(ids)?, &geometry.shape(step))?,
        (Kernel::Positions, [x], [table]) => tokens::positions(x, table, geometry)?,
        (Kernel::LightConv { normalize }, [x], [taps]) => tokens::light_conv(x, taps, *normalize, geometry)?,
        (Kernel::Gather, [x, at], _) => tokens::rows_at(x, &tokens::folded(&indices(at)?, geometry), &geometry.shape(step))?,
        (Kernel::First, [x], _) => x.narrow(1, 0, 1)?.contiguous()?,
        (Kernel::SplitHeads, [x], _) => tokens::swap_heads(x, geometry.width, geometry.heads, &geometry.shape(step))?,
        (Kernel::MergeHeads, [x], _) => tokens::swap_heads(x, geometry.heads, geometry.width, &geometry.shape(step))?,
        (kernel, ..) => return Err(mismatch(kernel)),
    };
    Ok((result, saved))
}

/// What a step gives back.
#[derive(Default)]
struct Pulled {
    operands: Vec<Tensor>,
    parameters: Vec<Tensor>,
}

fn pull(record: &Record<'_>, parameters: &[&Tensor], g: &Tensor, geometry: &Geometry) -> Tried<Pulled> {
    let Record { call, result, saved } = record;
    let step = call.step;
    let (operands, parameters) = match (&step.kernel, call.operands.as_slice(), parameters) {
        (Kernel::Unary(op), [x], _) => (vec![elementwise::unary_pull(*op, x, saved, g)?], vec![]),
        (Kernel::Binary(op), [x, y], _) => (elementwise::binary_pull(*op, x, y, g)?.into(), vec![]),
        (Kernel::Softmax, ..) => (vec![rows::softmax_pull(step, result, g, geometry)?], vec![]),
        (Kernel::Transpose, ..) => (vec![g.t()?], vec![]),
        (Kernel::MatMul, [x, y], _) => (products::product_pull(x, y, g)?.into(), vec![]),
        (Kernel::Cosine, [x, y], _) => (products::cosine_pull(x, y, g)?.into(), vec![]),
        (Kernel::Euclidean, [x, y], _) => (products::euclidean_pull(x, y, result, g)?.into(), vec![]),
        (Kernel::Linear | Kernel::Unembed, [x], [weight, _]) => {
            let [x, weight, bias] = products::linear_pull(x, weight, g)?;
            (vec![x], vec![weight, bias])
        }
        (Kernel::LayerNorm, [x], [gain, _]) => {
            let [x, gain, bias] = rows::layer_norm_pull(x, gain, saved, g)?;
            (vec![x], vec![gain, bias])
        }
        (Kernel::Dropout(_), ..) if saved.is_empty() => (vec![g.clone()], vec![]),
        (Kernel::Dropout(_), ..) => (vec![products::times(g, saved)?], vec![]),
        (Kernel::Embedding, [ids], [table]) => (vec![], vec![tokens::rows_at_pull(table.dims(), &indices(ids)?, g)?]),
        (Kernel::Positions, _, [table]) => (vec![g.clone()], vec![tokens::positions_pull(table, g, geometry)?]),
        (Kernel::LightConv { normalize }, [x], [taps]) => {
            let [x, taps] = tokens::light_conv_pull(x, taps, *normalize, g, geometry)?;
            (vec![x], vec![taps])
        }
        (Kernel::Gather, [x, at], _) => (vec![tokens::rows_at_pull(x.dims(), &tokens::folded(&indices(at)?, geometry), g)?], vec![]),
        (Kernel::First, [x], _) => (vec![g.pad_with_zeros(1, 0, x.dim(1)? - 1)?], vec![]),
        (Kernel::SplitHeads, [x], _) => (vec![tokens::swap_heads(g, geometry.heads, geometry.width, x.dims())?], vec![]),
        (Kernel::MergeHeads, [x], _) => (vec![tokens::swap_heads(g, geometry.width, geometry.heads, x.dims())?], vec![]),
        (kernel, ..) => return Err(mismatch(kernel)),
    };
    Ok(Pulled { operands, parameters })
}
