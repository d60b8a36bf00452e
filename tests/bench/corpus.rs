//! How fast text becomes tokens, beside the `tokenizers` crate in the same run, and what part of a training step goes into its batch:
//! `cargo bench --bench corpus`.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and fails by panicking")]

use phyla::check::{Checker, World};
use phyla::data::{Corpus, Example, Gold, Labelled, Vocabulary};
use phyla::exec::parameters::initialise;
use phyla::exec::{Executor, NativeExecutor};
use phyla::run::files::Disk;
use phyla::settings::{Label, Task, Train};
use phyla::supernet::Models;
use phyla::train::{Training, finetune, masking, pretrain};
use rayon::prelude::*;
use std::sync::Arc;
use std::time::Instant;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns, each side once in every one of them; the median counts.
const TURNS: usize = 7;
/// Lines a thread is given at once.
const LINES: usize = 2000;
/// Sentences that are fine-tuned on.
const ROWS: usize = 2000;
/// Steps of a measured training.
const STEPS: u64 = 40;

fn main() {
    let text = ["austen", "wordnet_glosses"]
        .map(|name| std::fs::read_to_string(format!("experiments/data/{name}.txt")).expect("the shipped text"))
        .concat();
    let lines: Vec<&str> = text.lines().collect();
    let vocabulary = Vocabulary::train(lines.iter().copied(), 8192, true).expect("words");
    let crate_of_others: tokenizers::Tokenizer = vocabulary.to_json().expect("JSON").parse().expect("a tokenizer");
    tokens(&text, &lines, &vocabulary, &crate_of_others);
    batches(&text);
}

/// Bytes of text a second.
fn tokens(text: &str, lines: &[&str], vocabulary: &Vocabulary, theirs: &tokenizers::Tokenizer) {
    let encode = |lines: &[&str]| lines.iter().map(|line| vocabulary.encode(line).len()).sum::<usize>();
    let sides: [(&str, &dyn Fn() -> usize); 4] = [
        ("one thread, no word met before", &|| {
            vocabulary.forget();
            encode(lines)
        }),
        ("one thread", &|| encode(lines)),
        ("all threads", &|| lines.par_chunks(LINES).map(encode).sum()),
        ("all threads, the tokenizers crate", &|| {
            let encodings = theirs.encode_batch_fast(lines.to_vec(), false).expect("tokens");
            encodings.iter().map(|encoding| encoding.get_ids().len()).sum()
        }),
    ];
    let mut times = [const { Vec::new() }; 4];
    let mut counts = Vec::new();
    for _ in 0..TURNS {
        for ((_, work), times) in sides.iter().zip(&mut times) {
            let begun = Instant::now();
            counts.push(work());
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    assert!(counts.iter().all(|count| Some(count) == counts.first()), "as many tokens on every side: {counts:?}");
    let [_, _, ours, theirs] = times.each_ref().map(|times| median(times));
    for ((name, _), times) in sides.iter().zip(&times) {
        println!("text to tokens, {name:<36} {:>8.1} MB/s", text.len() as f64 / median(times) / 1e6);
    }
    println!("time as a share of the tokenizers crate's            {:>8.2}", ours / theirs);
}

/// The share of a training step that passes before it has its batch.
fn batches(text: &str) {
    let key = "experiments/quickstart.phyla";
    let world = World::load(&Disk, &[key.to_owned()]);
    let checker = Checker::new(&world, &Disk);
    let (id, _) = checker.experiments(key).into_iter().next().expect("the quickstart");
    let checked = checker.experiment(id, &[]).expect("no mistakes");
    let models = Models {
        masked_lm: checked.models.masked_lm.clone(),
        classifier: checked.models.classifier.clone(),
        model: checked.settings.model.clone(),
    };
    let known = checked.compare.first().expect("BERT");
    let program = models.masked_lm(&known.space, &known.architecture).expect("lowered");
    let train = checked.settings.r#final.pretrain.clone().expect("a pre-training");
    let vocabulary = Vocabulary::train(text.lines(), models.model.vocabulary, true).expect("words");
    let corpus = Corpus::new(&[text], &vocabulary, 0.02).expect("text");
    let (masking, length) = (masking(&train, &vocabulary), models.model.length);
    let executor: &dyn Executor = &NativeExecutor::default();
    let (mut steps, mut drawn) = (Vec::new(), Vec::new());
    for turn in 0..TURNS as u64 {
        let mut training = Training { parameters: initialise(program.parameters(), 0), ..Training::default() };
        let begun = Instant::now();
        let one = &mut |_| Ok(Arc::clone(&program));
        pretrain(executor, one, &corpus, &masking, &train, length, turn, STEPS, &mut training, &mut |_, _| Ok(())).expect("trained");
        steps.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for step in 0..STEPS {
            std::hint::black_box(corpus.batch(&masking, turn, step, train.batch, length).expect("a batch"));
        }
        drawn.push(begun.elapsed().as_secs_f64());
    }
    let (step, drawn) = (median(&steps) / STEPS as f64, median(&drawn) / STEPS as f64);
    println!("a step of the quickstart's BERT, of {} sentences       {:>8.0} µs", train.batch, step * 1e6);
    println!("its batch, drawn and masked                          {:>8.0} µs", drawn * 1e6);
    println!("share of the step                                    {:>8.2} %", drawn / step * 100.0);
    let (suite, classes) = (&checked.settings.r#final.suite, 2);
    let classifier = models.classifier(&known.space, &known.architecture, classes).expect("lowered");
    let sentences: Vec<Example> = text.lines().take(ROWS).map(sentence).collect();
    let data = Labelled::new(&sentences, &vocabulary, length);
    let label = Label::Classes { column: "label".into(), names: vec!["0".into(), "1".into()], codes: None };
    let task = Task::without_files("parity", &["sentence"], label);
    let tune = Train { epochs: 1, ..suite.train.clone() };
    let (mut whole, mut drawn) = (Vec::new(), Vec::new());
    for turn in 0..TURNS as u64 {
        let from = initialise(classifier.parameters(), 0);
        let begun = Instant::now();
        finetune(executor, &classifier, &from, &task, &data, &tune, None, turn, &mut |_| Ok(0.0), &mut |_, _, _| Ok(())).expect("tuned");
        whole.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for places in data.epoch(turn, "finetune/parity", 0, tune.batch) {
            std::hint::black_box(data.batch(&places));
        }
        drawn.push(begun.elapsed().as_secs_f64());
    }
    println!("an epoch of fine-tuning it, {ROWS} sentences             {:>8.0} ms", median(&whole) * 1e3);
    println!("its batches, as a share of it                        {:>8.2} %", median(&drawn) / median(&whole) * 100.0);
}

/// A sentence, labelled by whether its number of letters is even.
fn sentence(line: &str) -> Example {
    Example { first: line.to_owned(), second: None, gold: Gold::Class(u32::from(line.len().is_multiple_of(2))) }
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
