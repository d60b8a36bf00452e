//! The parameters that each parameterised primitive owns.

use super::dag::{Attr, Node, NodeKind};
use super::dim::{Dim, Shape, Symbol};
use super::op::OpDef;

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Normal with deviation 0.02, as BERT's.
    Normal,
    /// Normal with deviation 0.02 · √(768 / inputs): a linear map with BERT-base's gain at any width.
    Linear,
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
}

/// One parameter of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Its role within the node: `weight` or `bias`.
    pub role: &'static str,
    /// Its shape; holds no `n`.
    pub shape: Shape,
    /// How it starts.
    pub init: Init,
    /// Whether weight decay applies: not to biases and norms.
    pub decays: bool,
    /// The axis along which a smaller one is the centre slice of a larger (a convolution's kernel).
    pub centre: Option<usize>,
}

/// Whether an operation is a parameterised primitive; one of the user's own may have the name of one.
pub fn owns_parameters(op: &OpDef) -> bool {
    const PARAMETERISED: &[&str] = &["linear", "layer_norm", "embedding", "positions", "light_conv", "unembed"];
    op.body.is_none() && PARAMETERISED.contains(&op.name.as_str())
}

/// The parameters of a node, given the shapes of its arguments; empty for an operation without any.
///
/// `linear(out)`: weight `[out, in]`, bias `[out]` (PyTorch's layout). `layer_norm`: weight and bias of the last axis.
/// `embedding(rows)`: weight `[rows, h]`. `positions`: weight `[m, h]`, of which the first `n` rows are added.
/// `light_conv(kernel)`: weight `[a, kernel]`. `unembed`: the embedding's own weight `[v, h]` (tied, so it is
/// owned by that path) and a bias `[v]` of its own.
pub fn weights(node: &Node, arguments: &[Shape]) -> Vec<Weight> {
    if !matches!(&node.kind, NodeKind::Op(op) if owns_parameters(op)) {
        return Vec::new();
    }
    let input = arguments.first().and_then(|shape| shape.last()).cloned().unwrap_or_default();
    let size = |name: &str| match node.attr(name) {
        Some(Attr::Size(dim)) => dim.clone(),
        _ => Dim::default(),
    };
    let matrix =
        |rows: Dim, columns: Dim| Weight { role: "weight", shape: vec![rows, columns], init: Init::Normal, decays: true, centre: None };
    let bias = |width: Dim| Weight { role: "bias", shape: vec![width], init: Init::Zeros, decays: false, centre: None };
    let hidden = || Dim::from(Symbol::Hidden);
    match node.op_name() {
        Some("linear") => {
            let map = matrix(size("out"), input);
            vec![Weight { init: Init::Linear, ..map }, bias(size("out"))]
        }
        Some("layer_norm") => {
            let gain = Weight { role: "weight", shape: vec![input.clone()], init: Init::Ones, decays: false, centre: None };
            vec![gain, bias(input)]
        }
        Some("embedding") => vec![matrix(size("rows"), hidden())],
        Some("positions") => vec![matrix(Symbol::Positions.into(), hidden())],
        Some("light_conv") => {
            let kernel = matrix(Symbol::Heads.into(), size("kernel"));
            vec![Weight { centre: Some(1), ..kernel }]
        }
        Some("unembed") => vec![matrix(Symbol::Vocabulary.into(), hidden()), bias(Symbol::Vocabulary.into())],
        _ => Vec::new(),
    }
}
