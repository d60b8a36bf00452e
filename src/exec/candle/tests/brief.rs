//! bf16 against single precision: the way a GPU goes, on whatever device is here.

use super::fixture::{Sketch, batch, parameters};
use super::{BINARY, KEY, PAIRS, UNARY, masked_lm};
use crate::exec::adamw::{AdamW, AdamWSettings};
use crate::exec::candle::CandleExecutor;
use crate::exec::candle::device::devices;
use crate::exec::program::Program;
use crate::exec::{Batch, Executor, Targets};
use crate::graph::{Attr, NodeIndex, Symbol};
use candle_core::DType;
use std::collections::BTreeSet;

/// Eight bits of mantissa round by 2⁻⁹, and a small graph rounds some ten times over.
const TOLERANCE: f32 = 0.025;

/// Whether loss and gradients in bf16 are those of single precision but for rounding.
fn near(what: &str, program: &Program, batch: &Batch) {
    let values = parameters(program.parameters(), 7);
    for device in devices() {
        let single = CandleExecutor::new(device, DType::F32);
        let (wanted_loss, wanted) = single.gradients(program, &values, batch, KEY).unwrap();
        let (loss, found) = single.in_bf16().gradients(program, &values, batch, KEY).unwrap();
        assert!((loss - wanted_loss).abs() < TOLERANCE * wanted_loss.abs().max(1.0), "{what}: {loss} instead of {wanted_loss}");
        // Against the largest of all: where gradients cancel, what is left of them is rounding.
        let size = |data: &[f32]| data.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let largest = wanted.0.values().map(|array| size(&array.data)).fold(0.0, f32::max);
        for (name, wanted) in &wanted.0 {
            let apart: Vec<f32> = found.0[name].data.iter().zip(&wanted.data).map(|(found, wanted)| found - wanted).collect();
            let apart = size(&apart) / largest.max(1e-3);
            assert!(apart < TOLERANCE, "{what}, {name}: {apart} apart");
        }
        let output = |executor: &CandleExecutor| executor.forward(program, &values, batch).unwrap();
        assert_eq!(output(&single.in_bf16()).shape, output(&single).shape);
    }
}

/// A layer around an expression over q, k and v, normalised as a model's layers are.
fn layer(build: impl Fn(&mut Sketch, [NodeIndex; 3]) -> NodeIndex) -> Program {
    let mut sketch = Sketch::new();
    let (x, _) = sketch.embedded();
    let x = sketch.op("positions", &[], &[x]);
    let x = sketch.op("layer_norm", &[], &[x]);
    let qkv = sketch.projections(x);
    let mixed = build(&mut sketch, qkv);
    let merged = sketch.merged(mixed, qkv[2]);
    let x = sketch.op("add", &[], &[merged, x]);
    let x = sketch.op("light_conv", &[("kernel", Attr::Size(3.into()))], &[x]);
    let x = sketch.linear(x, Symbol::Hidden);
    let x = sketch.op("gelu", &[], &[x]);
    let x = sketch.op("dropout", &[("rate", Attr::Number(0.2))], &[x]);
    let scored = sketch.scored(x);
    sketch.lower(scored)
}

#[test]
fn bf16_differs_by_rounding_alone() {
    let padded = batch(&[2, 5, 1], 5, 7);
    for name in UNARY {
        near(name, &layer(|s, [q, _, _]| s.op(name, &[], &[q])), &padded);
    }
    for name in BINARY.into_iter().chain(PAIRS) {
        near(name, &layer(|s, [q, k, _]| s.op(name, &[], &[q, k])), &padded);
    }
    let attention = |s: &mut Sketch, [q, k, v]: [NodeIndex; 3]| {
        let k = s.op("transpose", &[], &[k]);
        let scores = s.op("matmul", &[], &[q, k]);
        let weights = s.op("softmax", &[], &[scores]);
        s.op("matmul", &[], &[weights, v])
    };
    near("attention", &layer(attention), &padded);
    let classes = Batch { targets: Targets::Classes(vec![Some(3), None, Some(1), Some(10), Some(0), Some(2)]), ..padded };
    near("the masked-LM head", &masked_lm(), &classes);
}

#[test]
fn steps_below_the_resolution_of_bf16_add_up() {
    let program = masked_lm();
    let batch = Batch { targets: Targets::Classes(vec![Some(3); 4]), ..batch(&[3, 4], 4, 0) };
    // A step of 1e-4 is lost on a weight of 0.5 whose neighbours in bf16 are 0.002 away.
    let settings = AdamWSettings { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, decays: BTreeSet::new(), clip: None };
    for device in devices() {
        let single = CandleExecutor::new(device, DType::F32);
        let gain = |executor: &CandleExecutor| {
            let (mut optimizer, mut values) = (AdamW::default(), parameters(program.parameters(), 1));
            let mut step =
                || executor.step(&program, std::slice::from_ref(&batch), None, &settings, 1e-4, &mut optimizer, &mut values).unwrap();
            let first = step();
            (0..60).fold(0.0, |_, _| first - step())
        };
        let (wanted, found) = (gain(&single), gain(&single.in_bf16()));
        assert!(wanted > 0.0 && (found - wanted).abs() < 0.3 * wanted, "{found} instead of {wanted}");
    }
}
