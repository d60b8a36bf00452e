//! What a parameter-free graph computes, told by its values on fixed inputs.
//!
//! Two graphs with the same fingerprint agree, to some eight digits, on every probe: they may be taken for the same function, which no
//! algebra of the canonical form need know. Graphs that differ no more than rounding does may, very rarely, be told apart.

use super::Program;
use super::candle::plain::apply;
use super::geometry::Geometry;
use super::kernel::Kernel;
use crate::graph::identity::Digest;
use crate::graph::{Graph, Hash, Sizes, Symbol};
use crate::stream::{RngExt, Stream, stream};
use candle_core::{Device, Result as Tried, Tensor};

/// Tokens, and the factor on inputs that are drawn from the standard normal distribution, of each probe.
const PROBES: [(usize, f64); 3] = [(5, 1.0), (4, 0.3), (6, 2.0)];
/// Weighted sums of a probe's values that go into the fingerprint.
const SUMS: usize = 4;
/// Quanta in a sum of the size of the values' norm, and in a norm's leading digit.
const QUANTA: f64 = 1e8;

/// The fingerprint of the function that a parameter-free graph computes; `None` where a value is not finite, or the graph has
/// parameters or inputs that are indices.
pub fn fingerprint(graph: &Graph) -> Option<Hash> {
    let program = Program::over_values(graph, &sizes()).ok().filter(|program| program.parameters().is_empty())?;
    let mut digest = Digest::new();
    for (number, (tokens, factor)) in (0..).zip(PROBES) {
        let values = values(&program, tokens, factor, number)?;
        let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return None;
        }
        digest = digest.number(values.len() as u128).number(leading(norm));
        let mut weights = stream(number, "probe/weights", 0);
        for _ in 0..SUMS {
            let drawn: Vec<f64> = values.iter().map(|_| weights.random::<f64>() - 0.5).collect();
            let length = drawn.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
            let sum: f64 = values.iter().zip(&drawn).map(|(value, weight)| value * weight).sum();
            let share = if norm < 1e-12 { 0.0 } else { sum / (norm * length) };
            digest = digest.number(((share + 1.0) * QUANTA).round() as u128);
        }
    }
    Some(digest.finish())
}

/// A positive number by its leading digits and its order; 0 for what rounding makes of 0.
fn leading(norm: f64) -> u128 {
    if norm < 1e-12 {
        return 0;
    }
    let order = norm.log10().floor();
    let digits = (norm / 10f64.powf(order) * QUANTA).round() as u128;
    digits * 1000 + (order + 500.0) as u128
}

/// Small sizes, no two alike, so that no two axes agree by chance.
fn sizes() -> Sizes {
    let values = [(Symbol::Hidden, 6), (Symbol::Heads, 2), (Symbol::Positions, 9), (Symbol::FeedForward, 7), (Symbol::Vocabulary, 11)];
    let sizes = values.into_iter().fold(Sizes::default(), |sizes, (symbol, value)| sizes.with(symbol, value));
    sizes.with(Symbol::HeadWidth, 3).with(Symbol::Classes, 10).with(Symbol::Segments, 2)
}

/// The result on one probe, in double precision.
fn values(program: &Program, tokens: usize, factor: f64, number: u64) -> Option<Vec<f64>> {
    let (heads, lengths) = (program.heads(), vec![tokens]);
    let geometry = Geometry { rows: 1, width: tokens, predictions: 0, heads, lengths, padded: false, key: None };
    let mut slots: Vec<Tensor> = Vec::with_capacity(program.steps().len());
    for step in program.steps() {
        let value = match &step.kernel {
            Kernel::Input(name) => input(&geometry.shape(step), factor, &mut stream(number, &format!("probe/{name}"), 0)),
            _ => {
                let operands: Vec<Tensor> = step.arguments.iter().filter_map(|slot| slots.get(*slot).cloned()).collect();
                apply(step, &operands, &[], &geometry, None)
            }
        };
        slots.push(value.ok()?);
    }
    slots.get(program.output())?.flatten_all().and_then(|values| values.to_vec1::<f64>()).ok()
}

/// Standard normal values times a factor (Box and Muller).
fn input(shape: &[usize], factor: f64, draws: &mut Stream) -> Tried<Tensor> {
    let mut normal = || {
        let (radius, turn): (f64, f64) = (1.0 - draws.random::<f64>(), draws.random());
        factor * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    };
    let values: Vec<f64> = (0..shape.iter().product::<usize>()).map(|_| normal()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}
