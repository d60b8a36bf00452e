//! Every kernel against finite differences, the fast way against the plain one, and the law of padding.

use super::fixture::{Sketch, batch, parameters, sizes};
use super::geometry::Geometry;
use super::{CandleExecutor, fast, loss, plain, transfer};
use crate::exec::program::Program;
use crate::exec::{Batch, Executor, Parameters, StepKey, Targets};
use crate::graph::{Attr, NodeIndex, Symbol};
use crate::stream::{Rng, stream};
use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

const KEY: Option<StepKey> = Some(StepKey { seed: 1, step: 2 });
const UNARY: [&str; 13] =
    ["neg", "logsigmoid", "softsign", "relu", "gelu", "sigmoid", "tanh", "softplus", "square", "abs", "sqrt", "scale", "softmax"];
const BINARY: [&str; 5] = ["add", "sub", "mul", "max", "min"];
const PAIRS: [&str; 2] = ["cosine", "euclidean"];

/// The loss in double precision by plain operations.
fn loss_of(program: &Program, variables: &[Tensor], batch: &Batch) -> Tensor {
    let geometry = Geometry::new(program, batch, KEY).unwrap();
    let output = plain::run(program, variables, batch, &geometry, &Device::Cpu).unwrap();
    loss::loss(&output, &batch.targets).unwrap().unwrap()
}

fn number(tensor: &Tensor) -> f64 {
    tensor.to_scalar::<f64>().unwrap()
}

fn dot(x: &Tensor, y: &Tensor) -> f64 {
    number(&(x * y).unwrap().sum_all().unwrap())
}

/// Compares plain gradients with central differences along a random direction of each parameter, and the fast
/// ones with the plain.
fn check(what: &str, program: &Program, batch: &Batch) {
    let specs = program.parameters();
    let values = parameters(specs, 7);
    let tensors = transfer::upload(specs, &values, &Device::Cpu, DType::F64).unwrap();
    let variables: Vec<Tensor> = tensors.iter().map(|tensor| Var::from_tensor(tensor).unwrap().as_tensor().clone()).collect();
    let found = loss_of(program, &variables, batch).backward().unwrap();
    for (number_of, (spec, variable)) in specs.iter().zip(&variables).enumerate() {
        let gradient = found.get(variable).unwrap_or_else(|| panic!("{what}: no gradient for {}", spec.name));
        let mut draws = stream(3, &spec.name, 0);
        let direction: Vec<f64> = (0..variable.elem_count()).map(|_| f64::from(draws.next_u32()) / f64::from(u32::MAX) - 0.5).collect();
        let direction = Tensor::from_vec(direction, variable.dims(), &Device::Cpu).unwrap();
        let moved = |step: f64| {
            let mut moved = tensors.clone();
            moved[number_of] = (&tensors[number_of] + (&direction * step).unwrap()).unwrap();
            number(&loss_of(program, &moved, batch))
        };
        let wanted = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        let slope = dot(gradient, &direction);
        assert!((slope - wanted).abs() < 2e-5 * wanted.abs().max(1.0), "{what}, {}: {slope} instead of {wanted}", spec.name);
    }
    let geometry = Geometry::new(program, batch, KEY).unwrap();
    let single = transfer::upload(specs, &values, &Device::Cpu, DType::F32).unwrap();
    let (_, quick) = fast::gradients(program, &single, batch, &geometry).unwrap().unwrap();
    for ((spec, variable), quick) in specs.iter().zip(&variables).zip(quick) {
        let quick = quick.unwrap_or_else(|| panic!("{what}: no fast gradient for {}", spec.name));
        let wanted = found.get(variable).unwrap();
        let apart = largest(&(quick.to_dtype(DType::F64).unwrap() - wanted).unwrap());
        assert!(apart < 1e-4 * largest(wanted).max(1.0), "{what}, {}: fast is {apart} apart", spec.name);
    }
}

fn largest(tensor: &Tensor) -> f64 {
    number(&tensor.abs().unwrap().max_all().unwrap())
}

/// Full, padded, and with an empty sentence.
fn batches() -> [Batch; 3] {
    [batch(&[4, 4], 4, 0), batch(&[2, 5, 1], 5, 7), batch(&[3, 0], 4, 2)]
}

/// A program with an expression over q, k and v inside the heads.
fn mixing(build: impl Fn(&mut Sketch, [NodeIndex; 3]) -> NodeIndex) -> Program {
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
    }
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
        ("light_conv", vec![size("kernel", 3), number("normalize", 1.0)]),
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

/// A masked-LM head tied to the embedding.
fn masked_lm() -> Program {
    let mut sketch = Sketch::new();
    let (x, table) = sketch.embedded();
    let x = sketch.op("light_conv", &[("kernel", Attr::Size(3.into()))], &[x]);
    let at = sketch.builder.input("at", vec![Symbol::Predictions.into()], true, false);
    let x = sketch.op("gather", &[], &[x, at]);
    let x = sketch.op("unembed", &[], &[x]);
    sketch.builder.annotate(x, None, Some(table));
    sketch.lower(x)
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

#[test]
fn nothing_to_judge_gives_zeros_and_bad_batches_say_why() {
    let program = masked_lm();
    let values = parameters(program.parameters(), 1);
    let good = Batch { targets: Targets::Classes(vec![None; 4]), ..batch(&[4, 4], 4, 0) };
    for executor in [CandleExecutor::new(Device::Cpu, DType::F32), CandleExecutor::plain(Device::Cpu, DType::F32)] {
        let (loss, gradients) = executor.gradients(&program, &values, &good, None).unwrap();
        assert!(loss == 0.0 && gradients.0.values().all(|gradient| gradient.data.iter().all(|value| *value == 0.0)));
        assert_eq!(gradients.0.len(), values.0.len());
        let says = |batch: &Batch, values: &Parameters, what: &str| {
            let message = executor.gradients(&program, values, batch, None).unwrap_err().message;
            assert!(message.contains(what), "{message}");
        };
        let mut wild = good.clone();
        wild.inputs.insert("tokens".to_owned(), vec![11; 8]);
        says(&wild, &values, "`tokens`");
        let mut short = good.clone();
        short.inputs.remove("tokens");
        says(&short, &values, "`tokens`");
        says(&Batch { lengths: vec![5, 4], ..good.clone() }, &values, "length");
        says(&Batch { targets: Targets::Classes(vec![Some(11); 4]), ..good.clone() }, &values, "11");
        says(&Batch { targets: Targets::None, ..good.clone() }, &values, "targets");
        says(&good, &Parameters::default(), "missing");
    }
}

#[test]
fn a_larger_kernel_is_used_by_its_centre() {
    let with_kernel = |kernel: i64| {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let x = sketch.op("light_conv", &[("kernel", Attr::Size(kernel.into()))], &[x]);
        let scored = sketch.scored(x);
        sketch.lower(scored)
    };
    let (large, small) = (with_kernel(7), with_kernel(3));
    let supernet = parameters(large.parameters(), 1);
    let inherited = crate::exec::parameters::inherit(&supernet, small.parameters()).unwrap();
    let executor = CandleExecutor::new(Device::Cpu, DType::F32);
    let batch = batch(&[3, 4], 4, 0);
    let (loss, gradients) = executor.gradients(&small, &supernet, &batch, None).unwrap();
    let (wanted, sliced) = executor.gradients(&small, &inherited, &batch, None).unwrap();
    assert_eq!(loss, wanted);
    let taps = |parameters: &Parameters| {
        parameters.0.iter().find(|(name, _)| name.contains("light_conv")).map(|(_, array)| array.clone()).unwrap()
    };
    assert_eq!(taps(&gradients).shape, [2, 7]);
    assert_eq!(taps(&gradients).data[2..5], taps(&sliced).data[..3]);
    assert!(taps(&gradients).data[..2].iter().all(|value| *value == 0.0));
}

#[test]
fn steps_on_several_threads_give_the_same_bytes() {
    let program = masked_lm();
    let values = parameters(program.parameters(), 1);
    let batch = Batch { targets: Targets::Classes(vec![Some(3); 4]), ..batch(&[3, 4], 4, 0) };
    let executor = CandleExecutor::new(Device::Cpu, DType::F32);
    let step = || executor.gradients(&program, &values, &batch, KEY).unwrap();
    let alone = step();
    let alone_in_pool = || rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(step);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(alone_in_pool)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

/// A random expression over q, k and v: each choice is an operation and two operands among those that fit.
fn random(choices: &[(u8, u8, u8)]) -> (Program, Program) {
    let build = |tokens_out: bool| {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let qkv = sketch.projections(x);
        let mut pool = qkv.to_vec();
        for (op, left, right) in choices {
            let x = pool[*left as usize % pool.len()];
            let shape = sketch.builder.shape(x);
            let fits = |sketch: &Sketch, wanted: &dyn Fn(&[crate::graph::Dim]) -> bool| {
                let fitting: Vec<NodeIndex> = pool.iter().copied().filter(|y| wanted(&sketch.builder.shape(*y))).collect();
                (!fitting.is_empty()).then(|| fitting[*right as usize % fitting.len()])
            };
            let same = fits(&sketch, &|other| other == shape).unwrap_or(x);
            let node = match op % 6 {
                0 | 1 => sketch.op(UNARY[*op as usize / 6 % UNARY.len()], &[], &[x]),
                2 => sketch.op(BINARY[*op as usize / 6 % BINARY.len()], &[], &[x, same]),
                3 => sketch.op("transpose", &[], &[x]),
                4 => match fits(&sketch, &|other| other[1] == shape[1]) {
                    Some(y) => sketch.op(PAIRS[*op as usize / 6 % 2], &[], &[x, y]),
                    None => continue,
                },
                _ => match fits(&sketch, &|other| other[0] == shape[1]) {
                    Some(y) => sketch.op("matmul", &[], &[x, y]),
                    None => continue,
                },
            };
            pool.push(node);
        }
        let last = pool[pool.len() - 1];
        let merged = sketch.merged(last, qkv[2]);
        let normed = sketch.op("layer_norm", &[], &[merged]);
        let output = if tokens_out { normed } else { sketch.scored(normed) };
        sketch.lower(output)
    };
    (build(true), build(false))
}

/// How far two lists are apart, relative to the larger of 1 and the largest wanted value.
fn apart(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let scale = wanted.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f32::max) / scale
}

fn flat(parameters: &Parameters) -> Vec<f32> {
    parameters.0.values().flat_map(|array| array.data.iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn padding_changes_nothing_real(choices in prop::collection::vec(any::<(u8, u8, u8)>(), 1..8), more in 1usize..4, garbage in 0u32..11) {
        let (tokens, scores) = random(&choices);
        let lengths = [3, 4, 1];
        let (narrow, wide) = (batch(&lengths, 4, 0), batch(&lengths, 4 + more, garbage));
        for executor in [CandleExecutor::new(Device::Cpu, DType::F32), CandleExecutor::new(Device::Cpu, DType::F64)] {
            let values = parameters(tokens.parameters(), 5);
            let (few, many) = (executor.forward(&tokens, &values, &narrow).unwrap(), executor.forward(&tokens, &values, &wide).unwrap());
            let width = sizes().get(Symbol::Hidden).unwrap();
            for (row, length) in lengths.iter().enumerate() {
                let few = &few.data[row * 4 * width..][..length * width];
                let (real, padding) = many.data[row * wide.width * width..][..wide.width * width].split_at(length * width);
                prop_assume!(real.iter().all(|value| value.is_finite()));
                prop_assert!(apart(real, few) < 2e-3, "{choices:?}");
                prop_assert!(padding.iter().all(|value| *value == 0.0), "{choices:?}");
            }
            let values = parameters(scores.parameters(), 5);
            let few = executor.gradients(&scores, &values, &narrow, None);
            let many = executor.gradients(&scores, &values, &wide, None);
            prop_assume!(few.is_ok() && many.is_ok());
            let ((loss, few), (padded_loss, many)) = (few.unwrap(), many.unwrap());
            prop_assert!((loss - padded_loss).abs() < 1e-3 * loss.abs().max(1.0));
            prop_assert!(apart(&flat(&many), &flat(&few)) < 2e-3, "{choices:?}");
        }
    }

    #[test]
    fn the_fast_way_errs_no_more_than_the_plain(choices in prop::collection::vec(any::<(u8, u8, u8)>(), 1..8)) {
        let (_, scores) = random(&choices);
        let (batch, values) = (batch(&[3, 4, 1], 5, 3), parameters(scores.parameters(), 9));
        let run = |executor: CandleExecutor| executor.gradients(&scores, &values, &batch, KEY);
        let judge = run(CandleExecutor::new(Device::Cpu, DType::F64));
        prop_assume!(judge.as_ref().is_ok_and(|(_, gradients)| flat(gradients).iter().all(|value| value.abs() < 1e6)));
        let judge = flat(&judge.unwrap().1);
        let plain = flat(&run(CandleExecutor::plain(Device::Cpu, DType::F32)).unwrap().1);
        let fast = flat(&run(CandleExecutor::new(Device::Cpu, DType::F32)).unwrap().1);
        prop_assert!(apart(&fast, &judge) <= 4.0 * apart(&plain, &judge) + 2e-5, "{choices:?}: {} {}", apart(&fast, &judge), apart(&plain, &judge));
    }
}
