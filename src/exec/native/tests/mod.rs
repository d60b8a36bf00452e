//! The executor's tests: `judge` and `agreement` (against candle, which is judged by itself in double precision), `products` (matrix
//! products of every size), and here the executor's own promises.

mod agreement;
pub(crate) mod judge;
mod products;

use super::course::Course;
use super::layout::BLOCK;
use super::plan::{Phase, Plan};
use super::run::forward_blocks;
use super::tiles::Mix;
use super::{Keep, NativeExecutor};
use crate::exec::adamw::{AdamW, AdamWSettings, norm};
use crate::exec::candle::tests::fixture::{Sketch, batch, parameters};
use crate::exec::candle::tests::laws::{flat, random};
use crate::exec::candle::tests::{KEY, masked_lm};
use crate::exec::program::Program;
use crate::exec::pushdown::tests::model as two_layers;
use crate::exec::{Array, Batch, Executor, Output, Parameters, StepKey, Targets};
use crate::graph::{Attr, Symbol};
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Runs on a pool of so many threads.
pub(crate) fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// A layer of attention and one of convolution with everything a layer has.
fn layered() -> Program {
    stack(1)
}

/// Two layers of attention before a masked-LM head, of whose second the predicted places alone are computed.
fn early() -> Program {
    two_layers(true).picked_early()
}

/// As many of both, one after the other.
fn stack(layers: usize) -> Program {
    let mut sketch = Sketch::new();
    let (x, _) = sketch.embedded();
    let mut x = sketch.op("positions", &[], &[x]);
    for _ in 0..layers {
        let qkv = sketch.projections(x);
        let scores = sketch.op("cosine", &[], &[qkv[0], qkv[1]]);
        let weights = sketch.op("softmax", &[], &[scores]);
        let weights = sketch.op("dropout", &[("rate", Attr::Number(0.2))], &[weights]);
        let mixed = sketch.op("matmul", &[], &[weights, qkv[2]]);
        let mixed = sketch.merged(mixed, qkv[2]);
        let mixed = sketch.linear(mixed, Symbol::Hidden);
        let mixed = sketch.op("dropout", &[("rate", Attr::Number(0.2))], &[mixed]);
        x = sketch.op("add", &[], &[x, mixed]);
        x = sketch.op("layer_norm", &[], &[x]);
        let conv = sketch.op("light_conv", &[("kernel", Attr::Size(5.into()))], &[x]);
        let wide = sketch.linear(conv, 20);
        let wide = sketch.op("gelu", &[], &[wide]);
        let narrow = sketch.linear(wide, Symbol::Hidden);
        x = sketch.op("add", &[], &[x, narrow]);
        x = sketch.op("layer_norm", &[], &[x]);
    }
    let scored = sketch.scored(x);
    sketch.lower(scored)
}

/// Many sentences, so that there are several blocks of rows.
fn many(sentences: usize, width: usize) -> Batch {
    let lengths: Vec<usize> =
        (0..sentences).map(|row| row * 7 % 9 + usize::from(row % 5 == 0)).map(|length| length.clamp(1, width)).collect();
    batch(&lengths, width, 3)
}

/// Two weights of 36,000 values, which an update takes in two pieces.
fn wide() -> Program {
    let mut sketch = Sketch::new();
    let (x, _) = sketch.embedded();
    let wide = sketch.linear(x, 6_000);
    let wide = sketch.op("gelu", &[], &[wide]);
    let narrow = sketch.linear(wide, Symbol::Hidden);
    let scored = sketch.scored(narrow);
    sketch.lower(scored)
}

/// The norm that gradients are clipped to: all are larger.
const CLIP: f64 = 0.01;

/// Three steps with clipping: the losses, the parameters and both moments after them, to the bit, and each parameter's updates.
fn trained(program: &Program, batch: &Batch, values: &Parameters) -> ([Vec<u32>; 4], BTreeMap<String, u64>) {
    let decays = program.parameters().iter().filter(|spec| spec.decays).map(|spec| spec.name.clone()).collect();
    let settings = AdamWSettings { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.1, decays, clip: Some(CLIP) };
    let (executor, mut optimizer, mut values) = (NativeExecutor::new(), AdamW::default(), values.clone());
    let mut losses = Vec::new();
    for step in 0..3 {
        let key = Some(StepKey { seed: 1, step, first: 0 });
        let parts = std::slice::from_ref(batch);
        let loss = executor.step(program, parts, key, &settings, 0.01, &mut optimizer, &mut values).unwrap();
        losses.push(loss.to_bits());
    }
    let bits = |values: &Parameters| values.0.values().flat_map(|array| &array.data).map(|value| value.to_bits()).collect::<Vec<u32>>();
    ([losses, bits(&values), bits(&optimizer.first), bits(&optimizer.second)], optimizer.steps)
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for (program, batch) in [(layered(), many(100, 9)), (early(), judged(&[5; 150])), (wide(), many(40, 9))] {
        let values = parameters(program.parameters(), 3);
        let step = |threads| on_threads(threads, || NativeExecutor::new().gradients(&program, &values, &batch, KEY).unwrap());
        let one = step(1);
        assert!(one.1.0.values().all(|gradient| gradient.data.iter().any(|slope| *slope != 0.0)));
        for threads in [2, 3, 7] {
            assert_eq!(step(threads), one, "{threads} threads");
        }
        // Memory that was used before changes nothing.
        let executor = NativeExecutor::new();
        executor.gradients(&masked_lm(), &parameters(masked_lm().parameters(), 1), &judged(&[4, 2]), KEY).unwrap();
        assert_eq!(executor.gradients(&program, &values, &batch, KEY).unwrap(), one);
        // Nor does a training depend on them.
        assert!(norm(one.1.0.values().map(|gradient| gradient.data.as_slice())) > CLIP);
        let training = |threads| on_threads(threads, || trained(&program, &batch, &values));
        let alone = training(1);
        assert!(alone.1.values().all(|updates| *updates == 3));
        for threads in [2, 3] {
            assert!(training(threads) == alone, "{threads} threads");
        }
    }
}

fn judged(lengths: &[usize]) -> Batch {
    let batch = batch(lengths, 5, 0);
    Batch { targets: Targets::Classes((0..batch.rows * 2).map(|row| (row != 1).then_some((row as u32 + 2) % 11)).collect()), ..batch }
}

#[test]
fn places_without_a_target_are_left_out() {
    let program = masked_lm();
    let values = parameters(program.parameters(), 1);
    let (whole, executor) = (judged(&[4, 3]), NativeExecutor::new());
    let (loss, gradients) = executor.gradients(&program, &values, &whole, None).unwrap();
    // What stands at a place that is not judged is never looked at.
    let mut other = whole.clone();
    other.inputs.get_mut("at").unwrap()[1] = 0;
    assert_eq!(executor.gradients(&program, &values, &other, None).unwrap(), (loss, gradients));
}

#[test]
fn what_a_step_takes_is_known_to_the_byte() {
    for (program, batch, predictions) in
        [(layered(), batch(&[9; 40], 9, 0), 0), (masked_lm(), judged(&[5; 8]), 2), (early(), judged(&[5; 8]), 2)]
    {
        let batch = match batch.targets {
            Targets::Classes(classes) => Batch { targets: Targets::Classes(vec![Some(1); classes.len()]), ..batch },
            _ => batch,
        };
        for (threads, recompute) in [(1, false), (2, false), (1, true), (2, true)] {
            let executor = NativeExecutor::new().recomputing(recompute);
            let values = parameters(program.parameters(), 3);
            on_threads(threads, || executor.gradients(&program, &values, &batch, KEY)).unwrap();
            let taken = executor.workspaces.lock().unwrap();
            let needs = super::needs(&program, batch.rows, batch.width, predictions, threads, Keep::of(recompute)).unwrap();
            assert_eq!((taken[0].arena.len() * 4) as u64, needs.arena);
            assert_eq!((taken[0].gradients.len() * 4) as u64, needs.gradients);
            let executor = NativeExecutor::new();
            on_threads(threads, || executor.forward(&program, &values, &batch)).unwrap();
            let needs = super::needs(&program, batch.rows, batch.width, predictions, threads, Keep::Output).unwrap();
            assert_eq!((executor.workspaces.lock().unwrap()[0].arena.len() * 4) as u64, needs.arena);
        }
    }
}

#[test]
fn what_rests_holds_nothing_and_goes_on_to_the_same_bytes() {
    let (executor, program) = (NativeExecutor::new(), layered());
    let (values, batch) = (parameters(program.parameters(), 3), batch(&[4, 2], 4, 0));
    let step = || executor.gradients(&program, &values, &batch, KEY).unwrap();
    let before = step();
    assert_eq!(executor.arenas().len(), 1);
    executor.rest();
    assert_eq!(executor.arenas(), [0; 0]);
    assert_eq!(step(), before);
}

#[test]
fn batches_one_after_the_other_come_out_as_each_alone() {
    let executor = NativeExecutor::new();
    // Longer and shorter, with padding and without; the weights of one program lie where those of another lay.
    for (program, batches) in [
        (masked_lm(), [judged(&[4, 2]), judged(&[5; 30]), judged(&[1, 5, 3]), judged(&[5; 2])]),
        (early(), [judged(&[4, 2]), judged(&[5; 30]), judged(&[1, 5, 3]), judged(&[5; 2])]),
        (layered(), [many(3, 9), many(100, 9), batch(&[9; 4], 9, 0), many(1, 9)]),
    ] {
        for seed in [3, 4] {
            let values = parameters(program.parameters(), seed);
            let alone = batches.iter().map(|batch| NativeExecutor::new().forward(&program, &values, batch).unwrap());
            let mut found = Vec::new();
            let mut see = |output: Output<'_>| {
                found.push(Array { shape: output.shape.to_vec(), data: output.values.to_vec() });
                Ok(())
            };
            executor.outputs(&program, &values, &mut batches.iter().map(Cow::Borrowed), &mut see).unwrap();
            assert_eq!(found, alone.collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_is_computed_anew_is_not_kept() {
    let program = stack(12);
    let bytes = |recompute| super::needs(&program, 32, 24, 0, 1, Keep::of(recompute)).unwrap().arena;
    assert!(bytes(true) * 3 < bytes(false), "{} bytes, and {} where all is kept", bytes(true), bytes(false));
    let (values, batch) = (parameters(program.parameters(), 3), many(40, 9));
    let step = |recompute| NativeExecutor::new().recomputing(recompute).gradients(&program, &values, &batch, KEY).unwrap();
    assert_eq!(step(true), step(false));
}

#[test]
fn what_is_light_to_make_is_not_kept() {
    let mut sketch = Sketch::new();
    let (x, _) = sketch.embedded();
    let wide = sketch.linear(x, 40);
    let curve = sketch.op("gelu", &[], &[wide]);
    let square = sketch.op("square", &[], &[curve]);
    let narrow = sketch.linear(square, Symbol::Hidden);
    // Attention, in a phase of its own, reads what this norm makes.
    let normal = sketch.op("layer_norm", &[], &[narrow]);
    let qkv = sketch.projections(normal);
    let scores = sketch.op("cosine", &[], &[qkv[0], qkv[1]]);
    let mixed = sketch.op("matmul", &[], &[scores, qkv[2]]);
    let mixed = sketch.merged(mixed, qkv[2]);
    let last = sketch.op("add", &[], &[normal, mixed]);
    let scored = sketch.scored(last);
    let program = sketch.lower(scored);
    let plan = Plan::new(&program).unwrap();
    let light = |keep| {
        let course = Course::new(&plan, keep);
        let steps = course.light.into_iter().flatten().filter_map(|slot| plan.step(slot));
        steps.map(|step| format!("{:?}", step.kernel)).collect::<Vec<String>>()
    };
    assert_eq!(light(Keep::All), ["Unary(Gelu)", "Unary(Square)"]);
    assert!(light(Keep::Output).is_empty());
    // The square's way back reads this curve before the curve's own turn.
    assert!(Course::new(&plan, Keep::All).joint.is_empty());
}

#[test]
fn what_only_weights_read_is_made_again_with_its_gradient() {
    let program = layered();
    let plan = Plan::new(&program).unwrap();
    let course = Course::new(&plan, Keep::All);
    let kernels: Vec<String> = course.joint.iter().map(|slot| format!("{:?}", plan.step(*slot).unwrap().kernel)).collect();
    assert!(!kernels.is_empty() && kernels.iter().all(|kernel| kernel == "Unary(Gelu)"), "{kernels:?}");
    assert!(course.joint.iter().all(|slot| course.light.iter().flatten().any(|light| light == slot)));
}

#[test]
fn of_a_tile_that_is_made_again_its_last_product_is_not() {
    let program = layered();
    let plan = Plan::new(&program).unwrap();
    let tiling = plan.phases.iter().find_map(|phase| if let Phase::Tiles(tiling) = phase { Some(tiling) } else { None }).unwrap();
    let again: Vec<Mix> =
        tiling.operations.iter().zip(&tiling.again).filter(|(_, again)| **again).map(|(operation, _)| operation.mix).collect();
    assert!(matches!(again[..], [Mix::Cosine, Mix::Softmax, Mix::Dropout(_)]), "{again:?}");
    assert_eq!(tiling.operations.last().unwrap().mix, Mix::MatMul);
}

#[test]
fn tiles_go_backward_with_the_rows_after_them() {
    let program = layered();
    let plan = Plan::new(&program).unwrap();
    let tiles = plan.phases.iter().position(|phase| matches!(phase, Phase::Tiles(_))).unwrap();
    let course = Course::new(&plan, Keep::All);
    assert!(course.joined(&plan, tiles) && course.back[tiles] == course.back[tiles + 1]);
    assert!((0..tiles).all(|phase| course.back[phase] > course.back[tiles]));
}

#[test]
fn blocks_hold_every_row_once() {
    for (total, threads) in [(0, 2), (1, 2), (95, 1), (97, 1), (320, 2), (2048, 2), (2048, 7), (5000, 3)] {
        let blocks = forward_blocks(total, threads);
        let ends = blocks.iter().map(|[from, count]| from + count);
        assert!(blocks.iter().map(|[from, _]| *from).eq([0].into_iter().chain(ends).take(blocks.len())));
        assert_eq!(blocks.iter().map(|[_, count]| count).sum::<usize>(), total);
        assert!(blocks.iter().all(|[_, count]| (1..=BLOCK).contains(count)));
    }
}

#[test]
fn a_batch_in_parts_is_the_batch() {
    for (program, whole) in [(layered(), many(30, 9)), (masked_lm(), judged(&[4, 3, 5, 1, 2]))] {
        let values = parameters(program.parameters(), 3);
        let executor = NativeExecutor::new();
        let (loss, gradients) = executor.gradients(&program, &values, &whole, KEY).unwrap();
        for count in [2, 3, 100] {
            let parts = whole.clone().parts(count);
            assert_eq!(parts.iter().map(|part| part.rows).sum::<usize>(), whole.rows);
            let (summed, slopes) = crate::exec::accumulate(&executor, &program, &values, &parts, KEY).unwrap();
            assert!((summed - loss).abs() < 1e-5 * loss.abs().max(1.0), "{summed} instead of {loss}");
            let largest = flat(&gradients).iter().fold(0.0f32, |largest, slope| largest.max(slope.abs()));
            for (found, wanted) in flat(&slopes).iter().zip(flat(&gradients)) {
                assert!((found - wanted).abs() < 2e-5 * largest, "{found} instead of {wanted}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// The law of padding, to the byte.
    #[test]
    fn padding_changes_no_byte(
        choices in prop::collection::vec(any::<(u8, u8, u8)>(), 1..8),
        lengths in prop::collection::vec(0..=4usize, 1..5),
        more in 1usize..4,
        garbage in 0u32..11,
    ) {
        let (tokens, scores) = random(&choices);
        let (narrow, wide) = (batch(&lengths, 4, 0), batch(&lengths, 4 + more, garbage));
        let executor = NativeExecutor::new();
        let values = parameters(tokens.parameters(), 5);
        let (few, many) = (executor.forward(&tokens, &values, &narrow).unwrap(), executor.forward(&tokens, &values, &wide).unwrap());
        let width = few.shape[2];
        for (row, length) in lengths.iter().enumerate() {
            let few = &few.data[row * 4 * width..][..length * width];
            let (real, padding) = many.data[row * wide.width * width..][..wide.width * width].split_at(length * width);
            prop_assert!(real.iter().zip(few).all(|(real, few)| real.to_bits() == few.to_bits()), "{:?}, {:?}", choices, lengths);
            prop_assert!(padding.iter().all(|value| *value == 0.0), "{:?}", choices);
        }
        // An empty sentence has no first token to be scored by.
        let begun: Vec<usize> = lengths.iter().map(|length| (*length).max(1)).collect();
        let (narrow, wide) = (batch(&begun, 4, 0), batch(&begun, 4 + more, garbage));
        let values = parameters(scores.parameters(), 5);
        let (few, many) = (executor.gradients(&scores, &values, &narrow, KEY), executor.gradients(&scores, &values, &wide, KEY));
        prop_assume!(few.is_ok());
        let bytes = |(loss, gradients): &(f32, Parameters)| {
            gradients.0.values().flat_map(|array| &array.data).chain([loss]).map(|value| value.to_bits()).collect::<Vec<u32>>()
        };
        prop_assert_eq!(bytes(&few.unwrap()), bytes(&many.unwrap()), "{:?}", choices);
    }
}
