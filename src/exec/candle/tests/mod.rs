//! The executor's tests, on every device here: `fixture` (graphs and batches), `differences` (every kernel against finite differences),
//! `laws` (padding), `brief` (bf16 against single precision), and here the executor's contract.

mod brief;
pub(in crate::exec) mod differences;
pub(in crate::exec) mod fixture;
pub(in crate::exec) mod laws;

use super::CandleExecutor;
use super::device::devices;
use crate::exec::adamw::{AdamW, AdamWSettings};
use crate::exec::program::Program;
use crate::exec::{Batch, Executor, NativeExecutor, Parameters, StepKey, Targets};
use crate::graph::{Attr, Symbol};
use candle_core::{DType, Device};
use fixture::{Sketch, batch, parameters};
use laws::{apart, flat};
use std::collections::BTreeSet;

pub(in crate::exec) const KEY: Option<StepKey> = Some(StepKey { seed: 1, step: 2, first: 0 });
pub(in crate::exec) const UNARY: [&str; 13] =
    ["neg", "logsigmoid", "softsign", "relu", "gelu", "sigmoid", "tanh", "softplus", "square", "abs", "sqrt", "scale", "softmax"];
pub(in crate::exec) const BINARY: [&str; 5] = ["add", "sub", "mul", "max", "min"];
pub(in crate::exec) const PAIRS: [&str; 2] = ["cosine", "euclidean"];

/// Single precision on every device here, and on the CPU natively.
fn singles() -> Vec<Box<dyn Executor>> {
    let candle = devices().into_iter().map(|device| Box::new(CandleExecutor::new(device, DType::F32)) as Box<dyn Executor>);
    candle.chain([Box::new(NativeExecutor::new()) as Box<dyn Executor>]).collect()
}

/// A masked-LM head tied to the embedding.
pub(in crate::exec) fn masked_lm() -> Program {
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
fn nothing_to_judge_gives_zeros_and_bad_batches_say_why() {
    let program = masked_lm();
    let values = parameters(program.parameters(), 1);
    let good = Batch { targets: Targets::Classes(vec![None; 4]), ..batch(&[4, 4], 4, 0) };
    for executor in singles() {
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
        says(&Batch { lengths: vec![4, 1], ..good.clone() }, &values, "sentence 1 of the batch has 1 token");
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
    let batch = batch(&[3, 4], 4, 0);
    for executor in singles() {
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
}

/// Two steps of AdamW, of a batch at once and in three parts; dropout goes by each sentence's place in the whole.
#[test]
fn a_batch_in_parts_is_trained_as_one() {
    let mut sketch = Sketch::new();
    let (x, _) = sketch.embedded();
    let x = sketch.linear(x, Symbol::Hidden);
    let x = sketch.op("dropout", &[("rate", Attr::Number(0.4))], &[x]);
    let at = sketch.builder.input("at", vec![Symbol::Predictions.into()], true, false);
    let x = sketch.op("gather", &[], &[x, at]);
    let x = sketch.linear(x, Symbol::Vocabulary);
    let program = sketch.lower(x);
    // The parts have one, four and four places to judge.
    let whole = Batch {
        targets: Targets::Classes((0..12).map(|place| (place > 2).then_some(place % 11)).collect()),
        ..batch(&[3, 4, 2, 4, 1, 3], 4, 0)
    };
    let settings = AdamWSettings { betas: [0.9, 0.999], eps: 1e-6, weight_decay: 0.01, decays: BTreeSet::new(), clip: Some(1.0) };
    for executor in singles() {
        let [one, three] = [1, 3].map(|accumulate| {
            let (mut optimizer, mut values) = (AdamW::default(), parameters(program.parameters(), 1));
            let losses = [0, 1].map(|step| {
                let key = Some(StepKey { seed: 1, step, first: 0 });
                executor.step(&program, &whole.clone().parts(accumulate), key, &settings, 1e-3, &mut optimizer, &mut values).unwrap()
            });
            (losses, flat(&values), flat(&optimizer.first))
        });
        assert!(apart(&three.0, &one.0) < 1e-5 && apart(&three.1, &one.1) < 1e-5, "{}", executor.name());
        assert!(apart(&three.2, &one.2) < 1e-5 && one.2.iter().any(|value| value.abs() > 1e-4), "{}", executor.name());
    }
}

#[test]
fn steps_on_several_threads_give_the_same_bytes() {
    let program = masked_lm();
    let values = parameters(program.parameters(), 1);
    let batch = Batch { targets: Targets::Classes(vec![Some(3); 4]), ..batch(&[3, 4], 4, 0) };
    // A GPU promises no bytes.
    let on_the_cpu: [Box<dyn Executor>; 2] = [Box::new(CandleExecutor::new(Device::Cpu, DType::F32)), Box::new(NativeExecutor::new())];
    for executor in on_the_cpu {
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
}
