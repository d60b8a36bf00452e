//! Our side: a process that answers questions.

use super::wire::{Head, Message, Spec};
use super::{peak, resolve};
use crate::data::{Example, Gold, Labelled, Vocabulary};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::adamw::{AdamW, AdamWSettings};
use crate::exec::parameters::initialise;
use crate::exec::{Batch, Executor, Parameters, Program, StepKey, Targets};
use crate::run::workers::{as_done, pool};
use crate::settings::{Label, Task};
use crate::supernet::Models;
use crate::train::{finetune, optimizer};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Answers questions, one JSON object a line, until there are no more.
///
/// # Errors
/// Where the lines cannot be read or written; what goes wrong with a question is its answer.
pub fn serve(executor: &dyn Executor, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<()> {
    let broken = |error: std::io::Error| Box::new(Diagnostic::error(Code::EXECUTOR, format!("the benchmark's line broke: {error}")));
    let mut model = None;
    for line in input.lines() {
        let answer = match serde_json::from_str(&line.map_err(broken)?) {
            Ok(message) => answer(executor, message, &mut model).unwrap_or_else(|error| json!({ "error": error.message })),
            Err(error) => json!({ "error": format!("the question is not understood: {error}") }),
        };
        writeln!(output, "{answer}").and_then(|()| output.flush()).map_err(broken)?;
    }
    Ok(())
}

fn answer(executor: &dyn Executor, message: Message, model: &mut Option<Loaded>) -> Result<Value> {
    match (message, model) {
        (Message::Model(spec), model) => {
            let loaded = model.insert(Loaded::new(*spec)?);
            let count: usize = loaded.program.parameters().iter().map(|spec| spec.shape.iter().product::<usize>()).sum();
            Ok(json!({ "parameters": count }))
        }
        (Message::Memory, _) => peak::memory().map(|bytes| json!({ "peak_bytes": bytes })).ok_or_else(|| unknown("its own memory")),
        (Message::Peak { threads }, _) => Ok(json!({ "gflops": peak::gflops(threads) })),
        (Message::Kernels, _) => Ok(json!({ "kernels": executor.profile() })),
        (_, None) => Err(unknown("a model")),
        (Message::Batches { batches }, Some(model)) => {
            model.batches = batches.into_iter().map(Batch::from).collect();
            Ok(json!({ "batches": model.batches.len() }))
        }
        (Message::Steps { count }, Some(model)) => model.steps(executor, count),
        (Message::Beside { count }, Some(model)) => model.beside(executor, count),
        (Message::Forwards { count }, Some(model)) => model.forwards(executor, count),
        (Message::Task { lengths, batch }, Some(model)) => model.task(&lengths, batch).map(|()| json!({})),
        (Message::Epochs { seed }, Some(model)) => model.epoch(executor, seed),
    }
}

fn unknown(what: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::EXECUTOR, format!("this side does not know {what}")))
}

/// A model in training.
struct Loaded {
    spec: Spec,
    program: Arc<Program>,
    pool: rayon::ThreadPool,
    parameters: Parameters,
    optimizer: AdamW,
    settings: AdamWSettings,
    lr: f64,
    batches: Vec<Batch>,
    step: u64,
    /// Copies in training at once, each with its optimiser.
    copies: Vec<Mutex<(Parameters, AdamW)>>,
    task: Option<(Labelled, usize)>,
}

impl Loaded {
    fn new(spec: Spec) -> Result<Self> {
        let (named, templates) = resolve(&spec.architecture)?;
        let models = Models { masked_lm: templates.masked_lm, classifier: templates.classifier, model: spec.sizes() };
        let program = match spec.head {
            Head::MaskedLm => models.masked_lm(&named.space, &named.architecture)?,
            Head::Classifier => models.classifier(&named.space, &named.architecture, spec.classes)?,
        };
        let (settings, lr) = optimizer(&spec.train(spec.rows), program.parameters());
        Ok(Self {
            pool: pool(spec.threads)?,
            parameters: initialise(program.parameters(), 0),
            optimizer: AdamW::default(),
            settings,
            lr,
            batches: Vec::new(),
            step: 0,
            copies: Vec::new(),
            task: None,
            program,
            spec,
        })
    }

    /// Training as `train::pretrain` does it, on batches that are there already.
    fn steps(&mut self, executor: &dyn Executor, count: u64) -> Result<Value> {
        let Self { program, pool, parameters, optimizer, settings, lr, batches, step, .. } = self;
        let (begun, mut loss) = (Instant::now(), 0.0);
        for batch in batches.iter().cycle().skip(*step as usize % batches.len().max(1)).take(count as usize) {
            let key = Some(StepKey { seed: 0, step: *step, first: 0 });
            loss = pool.install(|| executor.step(program, std::slice::from_ref(batch), key, settings, *lr, optimizer, parameters))?;
            *step += 1;
        }
        Ok(json!({ "seconds": begun.elapsed().as_secs_f64(), "loss": loss }))
    }

    /// Candidates as a search trains them where it has as many workers as threads.
    fn beside(&mut self, executor: &dyn Executor, count: u64) -> Result<Value> {
        if self.copies.is_empty() {
            let copy = |_| Mutex::new((self.parameters.clone(), self.optimizer.clone()));
            self.copies = (0..self.spec.threads).map(copy).collect();
        }
        let Self { program, settings, lr, batches, copies, .. } = &*self;
        let train = |number: usize, copy: &Mutex<(Parameters, AdamW)>| {
            let (parameters, optimizer) = &mut *copy.lock().unwrap_or_else(PoisonError::into_inner);
            for (step, batch) in batches.iter().cycle().skip(number).take(count as usize).enumerate() {
                let key = Some(StepKey { seed: number as u64, step: step as u64, first: 0 });
                executor.step(program, std::slice::from_ref(batch), key, settings, *lr, optimizer, parameters)?;
            }
            Ok(())
        };
        let begun = Instant::now();
        as_done(copies, copies.len(), &AtomicBool::new(false), &train, &mut |_, ()| Ok(()))?;
        Ok(json!({ "seconds": begun.elapsed().as_secs_f64() }))
    }

    fn forwards(&self, executor: &dyn Executor, count: u64) -> Result<Value> {
        let questions: Vec<Batch> = self.batches.iter().map(|batch| Batch { targets: Targets::None, ..batch.clone() }).collect();
        let begun = Instant::now();
        self.pool.install(|| {
            let mut batches = questions.iter().cycle().take(count as usize).map(Cow::Borrowed);
            executor.outputs(&self.program, &self.parameters, &mut batches, &mut |_| Ok(()))
        })?;
        Ok(json!({ "seconds": begun.elapsed().as_secs_f64() }))
    }

    fn task(&mut self, lengths: &[usize], batch: usize) -> Result<()> {
        let pieces = self.spec.pieces();
        let vocabulary = Vocabulary::from_pieces(&pieces, true)?;
        let sentence = |(place, length): (usize, &usize)| {
            // [CLS] and [SEP] come to the words.
            let words = pieces.iter().skip(super::work::SPECIAL.len()).cycle().skip(place * 97 % pieces.len());
            let first = words.take(length.saturating_sub(2)).cloned().collect::<Vec<_>>().join(" ");
            Example { first, second: None, gold: Gold::Class((place % self.spec.classes) as u32) }
        };
        let examples: Vec<Example> = lengths.iter().enumerate().map(sentence).collect();
        self.task = Some((Labelled::new(&examples, &vocabulary, self.spec.length), batch));
        Ok(())
    }

    /// Fine-tuning as a run does it, with the batches and the padding it has there.
    fn epoch(&self, executor: &dyn Executor, seed: u64) -> Result<Value> {
        let Some((data, batch)) = &self.task else { return Err(unknown("a task")) };
        let label = Label::Classes { column: String::new(), names: vec![String::new(); self.spec.classes], codes: None };
        let task = &Task::without_files("bench", &[], label);
        let train = self.spec.train(*batch);
        let (begun, mut last) = (Instant::now(), 0.0);
        let mut watch = |_, _, loss| {
            last = loss;
            Ok(())
        };
        self.pool.install(|| {
            finetune(executor, &self.program, &self.parameters, task, data, &train, None, seed, &mut |_| Ok(0.0), &mut watch)
        })?;
        Ok(json!({ "seconds": begun.elapsed().as_secs_f64(), "loss": last }))
    }
}

#[cfg(test)]
mod tests {
    use super::serve;
    use crate::exec::CandleExecutor;
    use serde_json::Value;

    #[test]
    fn what_goes_wrong_is_the_answer() {
        let executor = CandleExecutor::new(candle_core::Device::Cpu, candle_core::DType::F32);
        let questions = "{\"do\":\"steps\",\"count\":1}\nnonsense\n{\"do\":\"kernels\"}\n";
        let mut answers = Vec::new();
        serve(&executor, &mut questions.as_bytes(), &mut answers).unwrap();
        let answers: Vec<Value> = String::from_utf8(answers).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let error = |place: usize| answers[place]["error"].as_str().unwrap_or_default().to_owned();
        assert!(error(0).contains("does not know a model") && error(1).contains("not understood"), "{answers:?}");
        assert_eq!(answers[2].to_string(), r#"{"kernels":[]}"#);
    }
}
