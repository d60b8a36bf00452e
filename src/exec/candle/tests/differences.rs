//! Every kernel, operand and parameter against finite differences, full, padded and with a sentence of one token.

use super::fixture::{Sketch, batch, parameters};
use super::{BINARY, KEY, PAIRS, UNARY, masked_lm};
use crate::exec::candle::device::devices;
use crate::exec::candle::{loss, plain, transfer};
use crate::exec::geometry::Geometry;
use crate::exec::program::Program;
use crate::exec::{Batch, Targets};
use crate::graph::{Attr, NodeIndex, Symbol};
use crate::stream::{Rng, stream};
use candle_core::{DType, Device, Tensor, Var};

/// The loss in double precision by plain operations.
fn loss_of(program: &Program, variables: &[Tensor], batch: &Batch, device: &Device) -> Tensor {
    let geometry = Geometry::new(program, batch, KEY).unwrap();
    let output = plain::run(program, variables, batch, &geometry, device, DType::F64).unwrap();
    loss::loss(&output, &batch.targets).unwrap().unwrap()
}

fn number(tensor: &Tensor) -> f64 {
    tensor.to_scalar::<f64>().unwrap()
}

fn dot(x: &Tensor, y: &Tensor) -> f64 {
    number(&(x * y).unwrap().sum_all().unwrap())
}

/// Compares plain gradients with central differences along a random direction of each parameter, on every device.
fn check(what: &str, program: &Program, batch: &Batch) {
    for device in devices() {
        check_on(what, program, batch, &device);
    }
}

fn check_on(what: &str, program: &Program, batch: &Batch, device: &Device) {
    let specs = program.parameters();
    let values = parameters(specs, 7);
    let tensors = transfer::upload(specs, &values, device, DType::F64).unwrap();
    let variables: Vec<Tensor> = tensors.iter().map(|tensor| Var::from_tensor(tensor).unwrap().as_tensor().clone()).collect();
    let begun = loss_of(program, &variables, batch, device);
    let (loss, mut steepest) = (number(&begun), 0.0f64);
    let found = begun.backward().unwrap();
    for (number_of, (spec, variable)) in specs.iter().zip(&variables).enumerate() {
        let gradient = found.get(variable).unwrap_or_else(|| panic!("{what}: no gradient for {}", spec.name));
        let mut draws = stream(3, &spec.name, 0);
        let direction: Vec<f64> = (0..variable.elem_count()).map(|_| f64::from(draws.next_u32()) / f64::from(u32::MAX) - 0.5).collect();
        let direction = Tensor::from_vec(direction, variable.dims(), device).unwrap();
        let moved = |step: f64| {
            let mut moved = tensors.clone();
            moved[number_of] = (&tensors[number_of] + (&direction * step).unwrap()).unwrap();
            number(&loss_of(program, &moved, batch, device))
        };
        let wanted = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        let slope = dot(gradient, &direction);
        // What a gradient of this size could amount to; of one that is nothing beside the loss no digit is left in the difference.
        let size = (dot(gradient, gradient) * dot(&direction, &direction)).sqrt();
        let within = 2e-5 * size.max(1e-3 * loss.abs().max(1.0));
        assert!((slope - wanted).abs() < within, "{what}, {}: {slope} instead of {wanted}", spec.name);
        steepest = steepest.max(slope.abs());
    }
    assert!(steepest > 1e-3, "{what}: nothing depends on anything");
}

/// Full, padded, and with a sentence of one token: of an empty one nothing could be picked.
pub(in crate::exec) fn batches() -> [Batch; 3] {
    [batch(&[4, 4], 4, 0), batch(&[2, 5, 1], 5, 7), batch(&[3, 1], 4, 2)]
}

/// A program with an expression over q, k and v inside the heads.
pub(in crate::exec) fn mixing(build: impl Fn(&mut Sketch, [NodeIndex; 3]) -> NodeIndex) -> Program {
    let mut sketch = Sketch::new();
    let (x, _) = sketch.embedded();
    let qkv = sketch.projections(x);
    let mixed = build(&mut sketch, qkv);
    let merged = sketch.merged(mixed, qkv[2]);
    let scored = sketch.scored(merged);
    sketch.lower(scored)
}

#[test]
fn primitives_agree_with_finite_differences() {
    let mut programs = Vec::new();
    for name in UNARY {
        programs.push((name.to_owned(), mixing(|s, [q, _, _]| s.op(name, &[], &[q]))));
        let over_tokens = |s: &mut Sketch, [q, k, _]: [NodeIndex; 3]| {
            let k = s.op("transpose", &[], &[k]);
            let scores = s.op("matmul", &[], &[q, k]);
            s.op(name, &[], &[scores])
        };
        programs.push((format!("{name} over tokens"), mixing(over_tokens)));
        let transposed = |s: &mut Sketch, [q, _, _]: [NodeIndex; 3]| {
            let q = s.op("transpose", &[], &[q]);
            s.op(name, &[], &[q])
        };
        programs.push((format!("{name} transposed"), mixing(transposed)));
    }
    for name in BINARY {
        programs.push((name.to_owned(), mixing(|s, [q, k, _]| s.op(name, &[], &[q, k]))));
        programs.push((format!("{name} of one"), mixing(|s, [q, _, _]| s.op(name, &[], &[q, q]))));
    }
    for name in PAIRS {
        programs.push((name.to_owned(), mixing(|s, [q, k, _]| s.op(name, &[], &[q, k]))));
        let transposed = |s: &mut Sketch, [q, k, _]: [NodeIndex; 3]| {
            let (q, k) = (s.op("transpose", &[], &[q]), s.op("transpose", &[], &[k]));
            s.op(name, &[], &[q, k])
        };
        programs.push((format!("{name} over tokens"), mixing(transposed)));
        programs.push((format!("{name} of one"), mixing(|s, [q, _, _]| s.op(name, &[], &[q, q]))));
    }
    programs.push(("dropout".to_owned(), mixing(|s, [q, _, _]| s.op("dropout", &[("rate", Attr::Number(0.4))], &[q]))));
    let contracted = |s: &mut Sketch, [q, k, _]: [NodeIndex; 3]| {
        let k = s.op("transpose", &[], &[k]);
        let k = s.op("logsigmoid", &[], &[k]);
        s.op("matmul", &[], &[k, q])
    };
    programs.push(("matmul over tokens".to_owned(), mixing(contracted)));
    for (what, program) in &programs {
        for batch in batches() {
            check(what, program, &batch);
        }
    }
}

#[test]
fn parameterised_kernels_agree_with_finite_differences() {
    let number = |name: &'static str, value: f64| (name, Attr::Number(value));
    let size = |name: &'static str, value: i64| (name, Attr::Size(value.into()));
    for (name, attrs) in [
        ("layer_norm", vec![]),
        ("gelu", vec![]),
        ("positions", vec![]),
        ("dropout", vec![number("rate", 0.4)]),
        ("linear", vec![("out", Attr::Size(Symbol::Hidden.into()))]),
        ("softmax", vec![]),
        ("light_conv", vec![size("kernel", 3), number("normalize", 1.0)]),
        ("light_conv", vec![size("kernel", 4), number("normalize", 1.0)]),
        ("light_conv", vec![size("kernel", 5), number("normalize", 0.0)]),
        ("light_conv", vec![size("kernel", 15), number("normalize", 1.0)]),
    ] {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let x = sketch.linear(x, Symbol::Hidden);
        let x = sketch.op(name, &attrs, &[x]);
        let conv = sketch.op("light_conv", &[size("kernel", 3)], &[x]);
        let scored = sketch.scored(conv);
        let program = sketch.lower(scored);
        for batch in batches() {
            check(name, &program, &batch);
        }
    }
}

#[test]
fn the_masked_lm_head_agrees_with_finite_differences() {
    let program = masked_lm();
    assert_eq!(program.parameters().iter().filter(|spec| spec.shape == [11, 6]).count(), 1);
    for batch in batches() {
        let targets = (0..batch.rows * 2).map(|row| (row != 1).then_some(row as u32 + 2)).collect();
        check("unembed", &program, &Batch { targets: Targets::Classes(targets), ..batch });
    }
}
