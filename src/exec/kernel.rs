//! The kernels: everything an executor must be able to compute.

use crate::diagnostic::{Code, Diagnostic, Result};
use crate::graph::{Attr, Node, Sizes, Symbol};

/// Added under the roots of `sqrt`, `cosine` and `euclidean`, whose slopes would be infinite without it.
pub const EPSILON: f64 = 1e-6;

/// Added to the variance in `layer_norm`, as BERT does.
pub const LAYER_NORM_EPSILON: f64 = 1e-12;

/// An element-wise operation of one operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// −x.
    Neg,
    /// min(x, 0) − ln(1 + e^−|x|).
    LogSigmoid,
    /// x / (1 + |x|).
    Softsign,
    /// max(x, 0).
    Relu,
    /// x·Φ(x), by the error function.
    Gelu,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// ln(1 + e^x).
    Softplus,
    /// x².
    Square,
    /// |x|.
    Abs,
    /// sign(x)·(√(|x| + ε) − √ε).
    Sqrt,
    /// x times this: 1/√d.
    Scale(f64),
}

impl Unary {
    /// Whether the operand's gradient depends on the operand.
    pub fn is_curved(self) -> bool {
        !matches!(self, Self::Neg | Self::Scale(_))
    }
}

/// An element-wise operation of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// x + y.
    Add,
    /// x − y.
    Sub,
    /// x·y.
    Mul,
    /// The larger; equal operands share the gradient.
    Max,
    /// The smaller; equal operands share the gradient.
    Min,
}

impl Binary {
    /// Whether the operands' gradients depend on the operands.
    pub fn is_curved(self) -> bool {
        !matches!(self, Self::Add | Self::Sub)
    }
}

/// What a step computes. Shapes leave out the batch axis and, inside a head, the heads axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Kernel {
    /// An index input of the batch.
    Input(String),
    /// Element-wise, one operand.
    Unary(Unary),
    /// Element-wise, two operands.
    Binary(Binary),
    /// Over the last axis; padded columns get no weight and an empty row is 0.
    Softmax,
    /// `[i, j] -> [j, i]`.
    Transpose,
    /// `[i, j], [j, k] -> [i, k]`.
    MatMul,
    /// `[i, k], [j, k] -> [i, j]`: the cosine between rows.
    Cosine,
    /// `[i, k], [j, k] -> [i, j]`: the distance between rows.
    Euclidean,
    /// x·Wᵀ + b.
    Linear,
    /// Over the last axis, with gain and bias.
    LayerNorm,
    /// Elements set to 0 with this probability, the others scaled up; a second argument has the places that picked rows draw for.
    Dropout(f64),
    /// Rows of a table: `index[n] -> [n, h]`.
    Embedding,
    /// The first `n` rows of a table added to `[n, h]`.
    Positions,
    /// One kernel a head, shared by its channels; `normalize` puts a softmax over the taps.
    LightConv {
        /// Whether the taps are normalised.
        normalize: bool,
    },
    /// x·Wᵀ + b with the embedding's table.
    Unembed,
    /// Rows of `[n, h]` at `index[p]`.
    Gather,
    /// The first row of `[n, h]`.
    First,
    /// `[n, h]` to `[n, d]` a head.
    SplitHeads,
    /// `[n, d]` a head to `[n, h]`.
    MergeHeads,
}

impl Kernel {
    /// The kernel of a primitive.
    ///
    /// # Errors
    /// Where the operation is not known, or `scale` is used without a head's width.
    pub fn resolve(name: &str, node: &Node, sizes: &Sizes) -> Result<Self> {
        Ok(match name {
            "neg" => Self::Unary(Unary::Neg),
            "logsigmoid" => Self::Unary(Unary::LogSigmoid),
            "softsign" => Self::Unary(Unary::Softsign),
            "relu" => Self::Unary(Unary::Relu),
            "gelu" => Self::Unary(Unary::Gelu),
            "sigmoid" => Self::Unary(Unary::Sigmoid),
            "tanh" => Self::Unary(Unary::Tanh),
            "softplus" => Self::Unary(Unary::Softplus),
            "square" => Self::Unary(Unary::Square),
            "abs" => Self::Unary(Unary::Abs),
            "sqrt" => Self::Unary(Unary::Sqrt),
            "scale" => Self::Unary(Unary::Scale(head_scale(sizes)?)),
            "add" => Self::Binary(Binary::Add),
            "sub" => Self::Binary(Binary::Sub),
            "mul" => Self::Binary(Binary::Mul),
            "max" => Self::Binary(Binary::Max),
            "min" => Self::Binary(Binary::Min),
            "softmax" => Self::Softmax,
            "transpose" => Self::Transpose,
            "matmul" => Self::MatMul,
            "cosine" => Self::Cosine,
            "euclidean" => Self::Euclidean,
            "linear" => Self::Linear,
            "layer_norm" => Self::LayerNorm,
            "dropout" => Self::Dropout(number(node, "rate")?.unwrap_or(0.0)),
            "embedding" => Self::Embedding,
            "positions" => Self::Positions,
            "light_conv" => Self::LightConv { normalize: number(node, "normalize")?.unwrap_or(1.0) != 0.0 },
            "unembed" => Self::Unembed,
            "gather" => Self::Gather,
            "first" => Self::First,
            _ => return Diagnostic::error(Code::UNKNOWN_OP, format!("no kernel computes `{name}`")).into(),
        })
    }
}

fn head_scale(sizes: &Sizes) -> Result<f64> {
    let width = sizes.get(Symbol::HeadWidth).or_else(|| sizes.get(Symbol::Hidden)?.checked_div(sizes.get(Symbol::Heads)?));
    match width {
        Some(width @ 1..) => Ok(1.0 / (width as f64).sqrt()),
        _ => Diagnostic::error(Code::SHAPE, "`scale` needs the width of a head, and the model gives none").into(),
    }
}

fn number(node: &Node, name: &str) -> Result<Option<f64>> {
    match node.attr(name) {
        None => Ok(None),
        Some(Attr::Number(value)) => Ok(Some(*value)),
        Some(Attr::Size(dim)) => Ok(dim.constant().map(|value| value as f64)),
        Some(Attr::Hole(hole)) => Diagnostic::error(Code::HOLE, format!("the hole `{}` is not filled", hole.name)).into(),
    }
}
