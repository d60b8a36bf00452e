//! Fine-tuning: a pre-trained encoder with a fresh head learns a task's labels.

use super::explained;
use super::{EVALUATED, Training, Watch, optimizer, rate};
use crate::batch::{Batch, Targets};
use crate::data::Answers;
use crate::data::{Labelled, restored};
use crate::diagnostic::Result;
use crate::exec::parameters::initial;
use crate::exec::{Executor, Output, Parameters, Program, StepKey};
use crate::settings::{Epoch, Label, Order, Task, Train};
use std::borrow::Cow;

/// Trains a classifier (or, with one class, a regressor) from `pretrained` weights; parameters that it lacks, the head's, start
/// from the stream of `seed`. `lr` overrides the optimiser's rate; `judge` scores weights after an epoch, where that matters.
///
/// # Errors
/// Where a step fails, the loss is not finite, or `watch` ends the training.
#[expect(clippy::too_many_arguments, reason = "what is trained, on what, how, who judges, and who watches")]
pub fn finetune(
    executor: &dyn Executor,
    program: &Program,
    pretrained: &Parameters,
    task: &Task,
    data: &Labelled,
    train: &Train,
    lr: Option<f64>,
    seed: u64,
    judge: &mut dyn FnMut(&Parameters) -> Result<f64>,
    watch: &mut Watch<'_>,
) -> Result<Parameters> {
    let mut training = Training::default();
    for spec in program.parameters() {
        let known = pretrained.0.get(&spec.name).filter(|array| array.shape == spec.shape);
        training.parameters.0.insert(spec.name.clone(), known.cloned().unwrap_or_else(|| initial(spec, seed)));
    }
    let (settings, own) = optimizer(train, program.parameters());
    let lr = lr.unwrap_or(own);
    let total = (data.len().div_ceil(train.batch.max(1)) as u64) * train.epochs;
    let stream = format!("finetune/{}", task.name);
    let judged = train.keep == Epoch::Best || train.patience > 0;
    // The best score so far, its epoch, and its weights where they are wanted.
    let mut best: Option<(f64, u64, Parameters)> = None;
    for epoch in 0..train.epochs {
        let batches = match train.order {
            Order::Shuffled => data.epoch(seed, &stream, epoch, train.batch),
            Order::ByLength => data.epoch_by_length(seed, &stream, epoch, train.batch),
        };
        for places in batches {
            let batch = scaled(data.batch(&places), task);
            let key = Some(StepKey { seed, step: training.step, first: 0 });
            let Training { parameters, optimizer, step } = &mut training;
            let (parts, rate) = (batch.parts(train.accumulate), lr * rate(&train.schedule, *step, total));
            let loss = executor.step(program, &parts, key, &settings, rate, optimizer, parameters).map_err(|error| {
                let what = || format!("step {} of fine-tuning on `{}`", *step + 1, task.name);
                explained(error, what, "lower the learning rate of the suite's `train`")
            })?;
            *step += 1;
            watch(*step, total, loss)?;
        }
        if judged {
            let score = judge(&training.parameters)?;
            if best.as_ref().is_none_or(|(known, ..)| score > *known) {
                let kept = if train.keep == Epoch::Best { training.parameters.clone() } else { Parameters::default() };
                best = Some((score, epoch, kept));
            }
            if best.as_ref().is_some_and(|(_, at, _)| train.patience > 0 && epoch - at >= train.patience) {
                break;
            }
        }
    }
    Ok(match best {
        Some((.., kept)) if train.keep == Epoch::Best => kept,
        _ => training.parameters,
    })
}

/// The predictions for all examples, in their order; `tick` is called after each batch.
///
/// # Errors
/// Where the executor fails, or `tick` ends it.
pub fn predict(
    executor: &dyn Executor,
    program: &Program,
    parameters: &Parameters,
    task: &Task,
    data: &Labelled,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Answers> {
    let batches = data.by_length(EVALUATED);
    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(data.len());
    let mut questions = batches.iter().map(|places| Cow::Owned(Batch { targets: Targets::None, ..data.batch(places) }));
    let mut see = |output: Output<'_>| {
        rows.extend(output.rows().map(<[f32]>::to_vec));
        tick()
    };
    executor.outputs(program, parameters, &mut questions, &mut see)?;
    let rows = restored(&batches, &rows);
    Ok(match &task.label {
        Label::Classes { .. } => Answers::Classes(rows.iter().map(|row| largest(row)).collect()),
        Label::Score { low, high, .. } => {
            let value = |row: &Vec<f32>| unscaled(f64::from(row.first().copied().unwrap_or(0.0)), *low, *high);
            Answers::Scores(rows.iter().map(value).collect())
        }
    })
}

/// The place of the largest value, the first of equals.
fn largest(row: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, value) in (0u32..).zip(row) {
        if *value > best.1 {
            best = (place, *value);
        }
    }
    best.0
}

/// Scores are learnt on the scale from -1 to 1, where a fresh head begins in the middle.
fn scaled(mut batch: Batch, task: &Task) -> Batch {
    if let (Label::Score { low, high, .. }, Targets::Scores(scores)) = (&task.label, &mut batch.targets) {
        for score in scores {
            *score = ((f64::from(*score) - low) / (high - low) * 2.0 - 1.0) as f32;
        }
    }
    batch
}

fn unscaled(value: f64, low: f64, high: f64) -> f64 {
    (low + (value + 1.0) / 2.0 * (high - low)).clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::finetune;
    use crate::data::{Example, Gold, Labelled, Vocabulary};
    use crate::diagnostic::Result;
    use crate::exec::adamw::{AdamW, AdamWSettings};
    use crate::exec::{Batch, Executor, Output, Parameters, Program, StepKey};
    use crate::graph::{Attr, Builder, Laws, OpDef, Sizes, Symbol};
    use crate::settings::{Epoch, Label, Objective, Optimizer, Order, Precision, Schedule, Task, Train};
    use std::borrow::Cow;

    /// Each step adds 1 to every weight.
    struct Counting;

    impl Executor for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        fn outputs(
            &self,
            _: &Program,
            _: &Parameters,
            _: &mut dyn Iterator<Item = Cow<'_, Batch>>,
            _: &mut dyn FnMut(Output<'_>) -> Result<()>,
        ) -> Result<()> {
            Ok(())
        }

        fn gradients(&self, _: &Program, parameters: &Parameters, _: &Batch, _: Option<StepKey>) -> Result<(f32, Parameters)> {
            Ok((1.0, parameters.clone()))
        }

        fn step(
            &self,
            _: &Program,
            _: &[Batch],
            _: Option<StepKey>,
            _: &AdamWSettings,
            _: f64,
            _: &mut AdamW,
            parameters: &mut Parameters,
        ) -> Result<f32> {
            parameters.0.values_mut().flat_map(|array| &mut array.data).for_each(|value| *value += 1.0);
            Ok(1.0)
        }
    }

    fn program() -> Program {
        let mut builder = Builder::new();
        let tokens = builder.input("tokens", vec![Symbol::Tokens.into()], true, false);
        let embedding = OpDef::declare("embedding", "index[i] -> [i, h]", Laws::default());
        let rows = [("rows".to_owned(), Attr::Size(Symbol::Vocabulary.into()))].into();
        let x = builder.apply(&embedding, rows, "word", &[tokens]).unwrap();
        let sizes = Sizes::default().with(Symbol::Hidden, 1).with(Symbol::Heads, 1).with(Symbol::HeadWidth, 1).with(Symbol::Vocabulary, 6);
        Program::lower(&builder.finish(x), &sizes).unwrap()
    }

    /// The steps that the weights have taken which come back, and the epochs that were judged, each scored as listed.
    fn tuned(keep: Epoch, patience: u64, scores: &[f64]) -> (f32, usize) {
        let train = Train {
            objective: Objective::Labels,
            steps: 0,
            epochs: scores.len() as u64,
            batch: 2,
            accumulate: 1,
            recompute: false,
            order: Order::Shuffled,
            keep,
            patience,
            lr: Vec::new(),
            phases: Vec::new(),
            optimizer: Optimizer::Adamw { lr: 1.0, betas: vec![0.9, 0.999], eps: 1e-6, weight_decay: 0.0, clip: 1.0 },
            schedule: Schedule::Constant,
            precision: Precision::F32,
        };
        let pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"].map(str::to_owned).to_vec();
        let vocabulary = Vocabulary::from_pieces(&pieces, true).unwrap();
        let example = Example { first: "a".to_owned(), second: None, gold: Gold::Class(0) };
        // Five rows in batches of two: three steps an epoch.
        let data = Labelled::new(&vec![example; 5], &vocabulary, 8);
        let task =
            Task::without_files("t", &["x"], Label::Classes { column: "y".into(), names: vec!["0".into(), "1".into()], codes: None });
        let (program, mut judged) = (program(), 0);
        let mut begun = Parameters::default();
        for spec in program.parameters() {
            let data = vec![0.0; spec.shape.iter().product()];
            begun.0.insert(spec.name.clone(), crate::exec::Array { shape: spec.shape.clone(), data });
        }
        let mut judge = |_: &Parameters| {
            judged += 1;
            Ok(scores[judged - 1])
        };
        let found = finetune(&Counting, &program, &begun, &task, &data, &train, None, 1, &mut judge, &mut |_, _, _| Ok(()));
        (found.unwrap().0.values().next().unwrap().data[0], judged)
    }

    #[test]
    fn the_best_epochs_weights_come_back_and_patience_ends() {
        let scores = [0.1, 0.5, 0.4, 0.5, 0.3, 0.9];
        assert_eq!(tuned(Epoch::Last, 0, &scores), (18.0, 0));
        assert_eq!(tuned(Epoch::Best, 0, &scores), (18.0, 6));
        // Equal is not better: the second epoch stays the best, and the fourth is the second without a better one.
        assert_eq!(tuned(Epoch::Best, 2, &scores), (6.0, 4));
        assert_eq!(tuned(Epoch::Last, 2, &scores), (12.0, 4));
        assert_eq!(tuned(Epoch::Best, 4, &scores), (18.0, 6));
    }
}
