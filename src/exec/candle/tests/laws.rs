//! The law of padding on random expressions over the primitives.

use super::fixture::{Sketch, batch, parameters, sizes};
use super::{BINARY, KEY, PAIRS, UNARY};
use crate::exec::candle::CandleExecutor;
use crate::exec::candle::device::devices;
use crate::exec::program::Program;
use crate::exec::{Executor, Parameters};
use crate::graph::{Attr, Dim, NodeIndex, Symbol};
use candle_core::DType;
use proptest::prelude::*;

/// What is made of a random expression: a row for each token, a score for each sentence, a row for each predicted place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::exec) enum Ending {
    Tokens,
    Score,
    Places,
}

/// A random expression, with a row for each token, and with a score for each sentence.
pub(in crate::exec) fn random(choices: &[(u8, u8, u8)]) -> (Program, Program) {
    (ended(choices, Ending::Tokens), ended(choices, Ending::Score))
}

/// A random expression over q, k and v: each choice is an operation and two operands among those that fit.
pub(in crate::exec) fn ended(choices: &[(u8, u8, u8)], ending: Ending) -> Program {
    let mut sketch = Sketch::new();
    let (x, _) = sketch.embedded();
    let qkv = sketch.projections(x);
    let mut pool = qkv.to_vec();
    for (op, left, right) in choices {
        let x = pool[*left as usize % pool.len()];
        let shape = sketch.builder.shape(x);
        let fits = |sketch: &Sketch, wanted: &dyn Fn(&[Dim]) -> bool| {
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
    let dropped = sketch.op("dropout", &[("rate", Attr::Number(0.2))], &[merged]);
    let normed = sketch.op("layer_norm", &[], &[dropped]);
    let output = match ending {
        Ending::Tokens => normed,
        Ending::Score => sketch.scored(normed),
        Ending::Places => {
            let at = sketch.builder.input("at", vec![Symbol::Predictions.into()], true, false);
            let picked = sketch.op("gather", &[], &[normed, at]);
            sketch.linear(picked, Symbol::Vocabulary)
        }
    };
    sketch.lower(output)
}

/// How far two lists are apart, relative to the larger of 1 and the largest wanted value.
pub(in crate::exec) fn apart(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let scale = wanted.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f32::max) / scale
}

pub(in crate::exec) fn flat(parameters: &Parameters) -> Vec<f32> {
    parameters.0.values().flat_map(|array| array.data.iter().copied()).collect()
}

/// Real outputs, and gradients, are the same whatever padding follows; outputs in the padding are 0.
fn padding_law(choices: &[(u8, u8, u8)], lengths: &[usize], more: usize, garbage: u32) -> Result<(), TestCaseError> {
    let (tokens, scores) = random(choices);
    // An empty sentence has no first token to be scored by.
    let begun: Vec<usize> = lengths.iter().map(|length| (*length).max(1)).collect();
    let longest = begun.iter().copied().max().unwrap_or(1);
    let padded = |lengths: &[usize]| (batch(lengths, longest, 0), batch(lengths, longest + more, garbage));
    for executor in
        devices().into_iter().flat_map(|device| [DType::F32, DType::F64].map(|dtype| CandleExecutor::new(device.clone(), dtype)))
    {
        let values = parameters(tokens.parameters(), 5);
        let (narrow, wide) = padded(lengths);
        let (few, many) = (executor.forward(&tokens, &values, &narrow).unwrap(), executor.forward(&tokens, &values, &wide).unwrap());
        let width = sizes().get(Symbol::Hidden).unwrap();
        for (row, length) in lengths.iter().enumerate() {
            let few = &few.data[row * longest * width..][..length * width];
            let (real, padding) = many.data[row * wide.width * width..][..wide.width * width].split_at(length * width);
            prop_assume!(real.iter().all(|value| value.is_finite()));
            prop_assert!(apart(real, few) < 2e-3, "{choices:?}, {lengths:?}");
            prop_assert!(padding.iter().all(|value| *value == 0.0), "{choices:?}, {lengths:?}");
        }
        let values = parameters(scores.parameters(), 5);
        let (narrow, wide) = padded(&begun);
        let few = executor.gradients(&scores, &values, &narrow, KEY);
        let many = executor.gradients(&scores, &values, &wide, KEY);
        prop_assume!(few.is_ok() && many.is_ok());
        let ((loss, few), (padded_loss, many)) = (few.unwrap(), many.unwrap());
        prop_assert!((loss - padded_loss).abs() < 1e-3 * loss.abs().max(1.0));
        prop_assert!(apart(&flat(&many), &flat(&few)) < 2e-3, "{choices:?}, {begun:?}");
    }
    Ok(())
}

#[test]
fn a_product_over_tokens_sees_no_padding() {
    // logsigmoid(q)ᵀ·logsigmoid(q), where neither operand is 0 in the padding by itself.
    padding_law(&[(6, 0, 0), (3, 3, 0), (5, 4, 3)], &[3, 4, 1], 2, 7).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn padding_changes_nothing_real(
        choices in prop::collection::vec(any::<(u8, u8, u8)>(), 1..8),
        lengths in prop::collection::vec(0..=4usize, 1..5),
        more in 1usize..4,
        garbage in 0u32..11,
    ) {
        padding_law(&choices, &lengths, more, garbage)?;
    }
}
