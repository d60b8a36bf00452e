//! A program step by step, every kernel from candle's own differentiable operations: any device, any type, and the reference for the
//! hand-written kernels.
//!
//! In bf16, values between kernels and the factors of products are bf16. Parameters are single precision, and so is what happens
//! within a kernel wherever it sums, exponentiates, divides or takes a root; for the other types none of this does anything.

use super::broken;
use super::padding::{Masks, leaves_dirty, needs_clean};
use crate::diagnostic::Result;
use crate::exec::draws::{Extent, dropout_factors};
use crate::exec::geometry::{Geometry, failed};
use crate::exec::kernel::{Binary, EPSILON, Kernel, LAYER_NORM_EPSILON, Unary};
use crate::exec::program::{Axis, Step};
use crate::exec::{Batch, Program};
use candle_core::{D, DType, Device, Result as Tried, Tensor};

/// Carries a program out in this type; the result is clean and differentiable in `parameters`.
///
/// # Errors
/// Where the device fails.
pub fn run(program: &Program, parameters: &[Tensor], batch: &Batch, geometry: &Geometry, device: &Device, dtype: DType) -> Result<Tensor> {
    let masks = Masks::new(geometry, device)?;
    // 0 at padded coordinates, where the law of padding asks for it.
    let cleaned = |value: &Tensor, step: &Step, dirty: bool| match &masks {
        Some(masks) if dirty => masks.select(value, &step.axes),
        _ => Ok(value.clone()),
    };
    let mut values: Vec<(Tensor, bool)> = Vec::with_capacity(program.steps().len());
    for step in program.steps() {
        if let Kernel::Input(name) = &step.kernel {
            let indices = batch.inputs.get(name).cloned().unwrap_or_default();
            values.push((Tensor::from_vec(indices, geometry.shape(step), device).map_err(broken)?, false));
            continue;
        }
        let mixes = needs_clean(&step.kernel);
        let (mut operands, mut dirty_operand) = (Vec::new(), false);
        for slot in &step.arguments {
            let (Some((value, dirty)), Some(source)) = (values.get(*slot), program.steps().get(*slot)) else { continue };
            operands.push(cleaned(value, source, *dirty && mixes).map_err(broken)?);
            dirty_operand |= *dirty && !mixes;
        }
        let owned: Vec<&Tensor> = step.parameters.iter().filter_map(|number| parameters.get(*number)).collect();
        let value = apply(step, &operands, &owned, geometry, masks.as_ref());
        // Every value comes from an embedding, and takes on the type that it gives.
        let value = if step.kernel == Kernel::Embedding { value.and_then(|value| value.to_dtype(dtype)) } else { value };
        values.push((value.map_err(broken)?, leaves_dirty(step, geometry, dirty_operand)));
    }
    match (values.get(program.output()), program.steps().get(program.output())) {
        (Some((value, dirty)), Some(step)) => cleaned(value, step, *dirty).map_err(broken),
        _ => Err(failed("the program has no result".to_owned())),
    }
}

/// A value in single precision at least.
///
/// # Errors
/// Where the device fails.
pub fn widened(x: &Tensor) -> Tried<Tensor> {
    if x.dtype() == DType::BF16 { x.to_dtype(DType::F32) } else { Ok(x.clone()) }
}

/// One step on its operands and parameters.
///
/// # Errors
/// Where the device fails.
pub fn apply(step: &Step, operands: &[Tensor], parameters: &[&Tensor], geometry: &Geometry, masks: Option<&Masks>) -> Tried<Tensor> {
    match (&step.kernel, operands, parameters) {
        (Kernel::Unary(op), [x], _) => unary(*op, x),
        (Kernel::Binary(op), [x, y], _) => match op {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::Max => x.maximum(y),
            Binary::Min => x.minimum(y),
        },
        (Kernel::Softmax, [x], _) => softmax(&widened(x)?, &step.axes, masks)?.to_dtype(x.dtype()),
        (Kernel::Transpose, [x], _) => x.t(),
        (Kernel::MatMul, [x, y], _) => product(x, y),
        (Kernel::Cosine, [x, y], _) => product(&unit_rows(x)?, &unit_rows(y)?.t()?),
        (Kernel::Euclidean, [x, y], _) => {
            let (left, right) = (widened(x)?.unsqueeze(D::Minus2)?, widened(y)?.unsqueeze(y.rank() - 2)?);
            (left.broadcast_sub(&right)?.sqr()?.sum(D::Minus1)? + EPSILON)?.sqrt()?.to_dtype(x.dtype())
        }
        (Kernel::Linear | Kernel::Unembed, [x], [weight, bias]) => linear(x, weight, bias),
        (Kernel::LayerNorm, [x], [gain, bias]) => {
            let wide = widened(x)?;
            let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
            let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + LAYER_NORM_EPSILON)?.sqrt()?;
            centred.broadcast_div(&deviation)?.broadcast_mul(gain)?.broadcast_add(bias)?.to_dtype(x.dtype())
        }
        (Kernel::Dropout(rate), [x, at @ ..], _) => match geometry.key {
            Some(key) if *rate > 0.0 => {
                let at = at.first().map(|at| at.flatten_all()?.to_vec1::<u32>()).transpose()?;
                let factors = dropout_factors(key, &step.path, *rate, extent(step, geometry), at.as_deref());
                x * Tensor::from_vec(factors, x.dims(), x.device())?.to_dtype(x.dtype())?
            }
            _ => Ok(x.clone()),
        },
        (Kernel::Embedding, [ids], [table]) => table.index_select(&ids.flatten_all()?, 0)?.reshape(geometry.shape(step)),
        (Kernel::Positions, [x], [table]) => widened(x)?.broadcast_add(&table.narrow(0, 0, geometry.width)?)?.to_dtype(x.dtype()),
        (Kernel::LightConv { normalize }, [x], [taps]) => light_conv(x, taps, *normalize, geometry),
        (Kernel::Gather, [x, at], _) => {
            let (rows, tokens, width) = x.dims3()?;
            let start = Tensor::arange_step(0u32, (rows * tokens) as u32, tokens as u32, x.device())?.unsqueeze(1)?;
            let flat = at.broadcast_add(&start)?.flatten_all()?;
            x.reshape((rows * tokens, width))?.index_select(&flat, 0)?.reshape(geometry.shape(step))
        }
        (Kernel::First, [x], _) => x.narrow(1, 0, 1),
        (Kernel::SplitHeads, [x], _) => {
            let (rows, tokens, width) = x.dims3()?;
            x.reshape((rows, tokens, geometry.heads, width / geometry.heads))?.transpose(1, 2)?.contiguous()
        }
        (Kernel::MergeHeads, [x], _) => x.transpose(1, 2)?.contiguous()?.reshape(geometry.shape(step)),
        (kernel, ..) => Err(candle_core::Error::Msg(format!("{kernel:?} is given the wrong number of arguments"))),
    }
}

/// How a step's result is keyed for its draws.
pub fn extent(step: &Step, geometry: &Geometry) -> Extent {
    let shape = geometry.shape(step);
    let (positions, width) = (shape.iter().rev().nth(1).copied().unwrap_or(1), shape.last().copied().unwrap_or(1));
    Extent { examples: geometry.rows, heads: if step.per_head { geometry.heads } else { 1 }, positions, width }
}

fn unary(op: Unary, x: &Tensor) -> Tried<Tensor> {
    let narrow = x.dtype();
    // These round once anyway.
    let x = &if matches!(op, Unary::Neg | Unary::Relu | Unary::Abs | Unary::Scale(_)) { x.clone() } else { widened(x)? };
    let y = match op {
        Unary::Neg => x.neg(),
        Unary::LogSigmoid => softplus(&x.neg()?)?.neg(),
        Unary::Softsign => x / (x.abs()? + 1.0)?,
        // At the kink both have no slope, as in PyTorch.
        Unary::Relu => x.gt(0.0)?.where_cond(x, &x.zeros_like()?),
        Unary::Gelu => x.gelu_erf(),
        Unary::Sigmoid => ((x * 0.5)?.tanh()? + 1.0)? * 0.5,
        Unary::Tanh => x.tanh(),
        Unary::Softplus => softplus(x),
        Unary::Square => x.sqr(),
        Unary::Abs => x * x.sign()?.detach(),
        Unary::Sqrt => {
            let root = ((x.abs()? + EPSILON)?.sqrt()? - EPSILON.sqrt())?;
            x.ge(0.0)?.where_cond(&root, &root.neg()?)
        }
        Unary::Scale(factor) => x * factor,
    };
    y?.to_dtype(narrow)
}

/// max(x, 0) + ln(1 + e^−|x|): no large number is ever exponentiated.
fn softplus(x: &Tensor) -> Tried<Tensor> {
    x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?
}

fn product(x: &Tensor, y: &Tensor) -> Tried<Tensor> {
    x.contiguous()?.matmul(&y.contiguous()?)
}

fn unit_rows(x: &Tensor) -> Tried<Tensor> {
    let wide = widened(x)?;
    wide.broadcast_div(&(wide.sqr()?.sum_keepdim(D::Minus1)? + EPSILON)?.sqrt()?)?.to_dtype(x.dtype())
}

fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tried<Tensor> {
    let shape = x.dims();
    let width = shape.last().copied().unwrap_or(1);
    let mut result = shape.to_vec();
    if let Some(last) = result.last_mut() {
        *last = weight.dim(0)?;
    }
    let product = x.reshape(((), width))?.matmul(&weight.to_dtype(x.dtype())?.t()?)?;
    // The gradient of the bias is a sum over all rows.
    widened(&product)?.broadcast_add(bias)?.to_dtype(x.dtype())?.reshape(result)
}

fn softmax(x: &Tensor, axes: &[Axis], masks: Option<&Masks>) -> Tried<Tensor> {
    let Some(masks) = masks.filter(|_| axes.contains(&Axis::Tokens)) else {
        return candle_nn::ops::softmax(x, D::Minus1);
    };
    // Selection before the exponential keeps what stands in the padding, however large, out of the gradient.
    let x = masks.select(x, axes)?;
    let columns = if axes.last() == Some(&Axis::Tokens) { Some(masks.along(x.rank() - 1, &x)?) } else { None };
    let largest = match &columns {
        Some(columns) => columns.where_cond(&x, &x.ones_like()?.affine(0.0, f64::from(f32::MIN))?)?.max_keepdim(D::Minus1)?,
        None => x.max_keepdim(D::Minus1)?,
    };
    let powers = x.broadcast_sub(&largest.detach())?;
    let powers = match &columns {
        Some(columns) => columns.where_cond(&powers, &powers.zeros_like()?)?.exp()?,
        None => powers.exp()?,
    };
    let powers = masks.select(&powers, axes)?;
    let sums = powers.sum_keepdim(D::Minus1)?;
    let sums = sums.gt(0.0)?.where_cond(&sums, &sums.ones_like()?)?;
    powers.broadcast_div(&sums)
}

/// A Toeplitz matrix a head, gathered from the taps, times the head's channels of all sentences at once.
fn light_conv(x: &Tensor, taps: &Tensor, normalize: bool, geometry: &Geometry) -> Tried<Tensor> {
    let (rows, tokens, width) = x.dims3()?;
    let (heads, kernel) = taps.dims2()?;
    let taps = if normalize { candle_nn::ops::softmax(taps, D::Minus1)? } else { (*taps).clone() };
    let taps = taps.pad_with_zeros(1, 0, 1)?;
    let left = (kernel - 1) / 2;
    let tap = |(to, from): (usize, usize)| (from + left).checked_sub(to).filter(|tap| *tap < kernel).unwrap_or(kernel) as u32;
    let pattern: Vec<u32> = (0..tokens).flat_map(|to| (0..tokens).map(move |from| (to, from))).map(tap).collect();
    let pattern = Tensor::from_vec(pattern, tokens * tokens, x.device())?;
    let matrix = taps.contiguous()?.index_select(&pattern, 1)?.reshape((heads, tokens, tokens))?.to_dtype(x.dtype())?;
    let channels = width / geometry.heads;
    let x = x.reshape((rows, tokens, heads, channels))?.permute((2, 1, 0, 3))?.contiguous()?.reshape((heads, tokens, rows * channels))?;
    let y = matrix.matmul(&x)?.reshape((heads, tokens, rows, channels))?;
    y.permute((2, 1, 0, 3))?.contiguous()?.reshape((rows, tokens, width))
}
