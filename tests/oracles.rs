//! BERTs written in Phyla against values of the reference implementation: two random layers (outputs, losses, hidden states,
//! gradients, AdamW), and the six of all-MiniLM-L6-v2 (hidden states, attention, pooler) where its weights are.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod common;

use candle_core::DType;
use common::Memory;
use common::executors::{Tested, executors};
use phyla::check::{Checker, World};
use phyla::data::Vocabulary;
use phyla::diagnostic::FileId;
use phyla::exec::adamw::{AdamW, AdamWSettings};
use phyla::exec::candle::device::devices;
use phyla::exec::checkpoint::from_safetensors;
use phyla::exec::hugging_face::names;
use phyla::exec::{Batch, CandleExecutor, Executor, Parameters, Program, Targets};
use phyla::graph::{Builder, Graph, NodeIndex, Sizes, Symbol, assemble};
use phyla::settings::Model;
use phyla::space::sizes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// BERT as a member of a space that holds nothing else, and of AutoBERT-Zero's.
const SOURCE: &str = "
use std.layers { attention, encoder_layer, self_attention }

space transformer {
    mixer = choose { attention = attention(self_attention), same = attention(self_attention) }
    layers = 2
    body = repeat(layers) { encoder_layer(mixer) }
}

architecture plain = transformer { mixer = [attention(), same()] }

/// The same without a space.
graph encoder(x: [n, h]) -> [n, h] {
    x |> encoder_layer(attention) |> encoder_layer(attention)
}
";

/// What stands on the encoder.
#[derive(Clone, Copy, PartialEq)]
enum Head {
    MaskedLm,
    Classes(usize),
}

/// What a graph of the tests gives back.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Output,
    Hidden(usize),
    Weights(usize),
    Pooler,
}

/// A model of the standard library around the layers that `name` means.
fn bert(name: &str, head: Head) -> Graph {
    let files = Memory::new(&[("bert.phyla", SOURCE)]);
    let world = World::load(&files, &["bert.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    checker.check_module("bert.phyla");
    let encoder = checker.named_graph("bert.phyla", name, FileId::default());
    assert_eq!(checker.diagnostics(), []);
    let models = checker.models().expect("the standard library");
    let template = if head == Head::MaskedLm { models.masked_lm } else { models.classifier };
    assemble(&template, "body", &encoder.expect("an encoder"), 0.0).expect("it fits")
}

/// The graph up to its `number`th node that applies `op`.
fn up_to(graph: &Graph, op: &str, number: usize) -> Graph {
    let mut order = graph.order();
    let applies = |index: &NodeIndex| graph.node(*index).is_some_and(|node| node.op_name() == Some(op));
    let last = order.iter().copied().filter(applies).nth(number).expect("so many");
    order.truncate(order.iter().position(|index| *index == last).expect("in order") + 1);
    let mut builder = Builder::new();
    let mut placed: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    for index in order {
        let arguments: Vec<NodeIndex> = graph.arguments(index).iter().map(|argument| placed[argument]).collect();
        placed.insert(index, builder.copy(graph.node(index).expect("a node"), &arguments));
    }
    builder.finish(placed[&last])
}

/// `path/role` in the reference's words.
fn theirs(names: &BTreeMap<String, String>, name: &str) -> String {
    let (path, role) = name.rsplit_once('/').expect("path/role");
    format!("{}.{role}", names[path])
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn indices(value: &Value) -> Vec<u32> {
    value.as_array().expect("rows").iter().flat_map(numbers).map(|x| x as u32).collect()
}

fn near(found: impl IntoIterator<Item = f32>, wanted: &[f64], what: &str) {
    within(1e-4, found, wanted, what);
}

fn within(tolerance: f64, found: impl IntoIterator<Item = f32>, wanted: &[f64], what: &str) {
    let found: Vec<f32> = found.into_iter().collect();
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (found, wanted) in found.iter().zip(wanted) {
        let tolerance = tolerance * wanted.abs().max(1.0);
        assert!((f64::from(*found) - wanted).abs() < tolerance, "{what}: {found} instead of {wanted}");
    }
}

fn size_of(value: &Value) -> usize {
    value.as_u64().expect("a size") as usize
}

/// The sizes of a model, in the reference's words.
fn model(facts: &Value) -> Model {
    let size = |name: &str| size_of(&facts["config"][name]);
    Model {
        hidden: size("hidden_size"),
        heads: size("num_attention_heads"),
        feed_forward: size("intermediate_size"),
        length: size("max_position_embeddings"),
        vocabulary: size("vocab_size"),
        dropout: 0.0,
    }
}

/// A model of the tests: a graph and the weights it runs with, under the reference's names of its paths.
struct Bert {
    graph: Graph,
    sizes: Sizes,
    names: BTreeMap<String, String>,
    weights: Parameters,
}

impl Bert {
    fn program(&self, part: Part) -> Program {
        let graph = match part {
            Part::Output => self.graph.clone(),
            Part::Hidden(layer) => up_to(&self.graph, "layer_norm", 2 * layer),
            Part::Weights(layer) => up_to(&self.graph, "softmax", layer),
            Part::Pooler => up_to(&self.graph, "tanh", 0),
        };
        Program::lower(&graph, &self.sizes).expect("a known graph")
    }

    fn parameters(&self, program: &Program) -> Parameters {
        let given = program.parameters().iter().map(|spec| {
            let name = theirs(&self.names, &spec.name);
            // Without a head the reference's names begin behind its name of the model.
            let array = self.weights.0.get(&name).or_else(|| self.weights.0.get(name.trim_start_matches("bert."))).expect("in the weights");
            (spec.name.clone(), array.clone())
        });
        Parameters(given.collect())
    }

    fn forward(&self, executor: &dyn Executor, batch: &Batch, part: Part) -> Vec<f32> {
        let program = self.program(part);
        executor.forward(&program, &self.parameters(&program), batch).expect("a run").data
    }
}

struct Oracle {
    facts: Value,
    bert: Bert,
    batch: Batch,
    head: Head,
}

impl Oracle {
    fn read(name: &str, text: &str, weights: &[u8]) -> Self {
        let facts: Value = serde_json::from_str(text).expect("JSON");
        let lengths: Vec<usize> =
            facts["attention_mask"].as_array().expect("rows").iter().map(|row| numbers(row).iter().sum::<f64>() as usize).collect();
        let (rows, width) = (lengths.len(), numbers(&facts["attention_mask"][0]).len());
        let mut inputs: BTreeMap<String, Vec<u32>> =
            [("tokens".to_owned(), indices(&facts["input_ids"])), ("segments".to_owned(), indices(&facts["token_type_ids"]))].into();
        let labels = facts["labels"].as_array().expect("labels");
        let (head, targets) = match &labels[0] {
            Value::Array(_) => {
                // All places, the last token once more for each that is padding, where there are no labels.
                let places = lengths.iter().flat_map(|length| (0..width).map(|place| place.min(length.saturating_sub(1)) as u32));
                inputs.insert("at".to_owned(), places.collect());
                let labels = labels.iter().flat_map(numbers).map(|label| (label >= 0.0).then_some(label as u32));
                (Head::MaskedLm, Targets::Classes(labels.collect()))
            }
            _ => match size_of(&facts["logits_shape"][1]) {
                1 => (Head::Classes(1), Targets::Scores(numbers(&facts["labels"]).iter().map(|x| *x as f32).collect())),
                classes => (Head::Classes(classes), Targets::Classes(numbers(&facts["labels"]).iter().map(|x| Some(*x as u32)).collect())),
            },
        };
        let graph = bert(name, head);
        let bert = Bert {
            names: names(&graph).expect("a BERT"),
            graph,
            sizes: sizes(&model(&facts), if let Head::Classes(classes) = head { classes } else { 1 }),
            weights: from_safetensors(weights).expect("safetensors"),
        };
        Self { bert, batch: Batch { rows, width, lengths, inputs, targets }, facts, head }
    }

    fn forward(&self, executor: &dyn Executor, part: Part) -> Vec<f32> {
        self.bert.forward(executor, &self.batch, part)
    }

    fn check(&self, executor: &dyn Executor) {
        let logits = numbers(&self.facts["logits_row"]);
        // A masked-LM oracle gives the first judged row, a classifier's all rows.
        let first = match &self.batch.targets {
            Targets::Classes(targets) => targets.iter().position(Option::is_some).unwrap_or(0) * logits.len(),
            _ => 0,
        };
        let first = if self.head == Head::MaskedLm { first } else { 0 };
        near(self.forward(executor, Part::Output).into_iter().skip(first).take(logits.len()), &logits, "logits");
        for (layer, wanted) in self.facts["hidden_states_first8_at_0_0"].as_array().expect("states").iter().enumerate() {
            near(self.forward(executor, Part::Hidden(layer)).into_iter().take(8), &numbers(wanted), "hidden states");
        }
        self.check_weights(executor);
        let program = self.bert.program(Part::Output);
        let mut parameters = self.bert.parameters(&program);
        let (loss, gradients) = executor.gradients(&program, &parameters, &self.batch, None).expect("a step");
        near([loss], &[self.facts["loss"].as_f64().expect("a loss")], "loss");
        let wanted = self.facts["grads"].as_object().expect("gradients");
        assert_eq!(gradients.0.len(), wanted.len());
        for (name, gradient) in &gradients.0 {
            let wanted = &wanted[&theirs(&self.bert.names, name)];
            let norm = gradient.data.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            near([norm as f32], &[wanted["l2"].as_f64().expect("a norm")], name);
            near(gradient.data.iter().copied().take(4), &numbers(&wanted["first4"]), name);
        }
        self.check_training(executor, &program, &mut parameters);
    }

    fn check_weights(&self, executor: &dyn Executor) {
        let (heads, width) = (self.bert.sizes.get(Symbol::Heads).expect("heads"), self.batch.width);
        let weights = self.forward(executor, Part::Weights(0));
        let block = &weights[(heads + 2) * width * width..][..width * width];
        let real = self.batch.lengths[1];
        for (row, wanted) in block.chunks(width).zip(self.facts["attention_l0_b1_h2"].as_array().expect("rows")).take(real) {
            near(row.iter().copied(), &numbers(wanted), "attention weights");
        }
        assert!(block.chunks(width).skip(real).all(|row| row.iter().all(|weight| *weight == 0.0)));
    }

    fn check_training(&self, executor: &dyn Executor, program: &Program, parameters: &mut Parameters) {
        let rule = &self.facts["adamw"];
        let betas = numbers(&rule["betas"]);
        let settings = AdamWSettings {
            betas: [betas[0], betas[1]],
            eps: rule["eps"].as_f64().expect("eps"),
            weight_decay: rule["weight_decay"].as_f64().expect("decay"),
            decays: program.parameters().iter().map(|spec| spec.name.clone()).collect(),
            clip: None,
        };
        let mut optimizer = AdamW::default();
        let losses = numbers(&rule["losses_before_steps_0_to_5"]);
        for (step, wanted) in losses.iter().enumerate() {
            let lr = rule["lr"].as_f64().expect("lr");
            let loss =
                executor.step(program, std::slice::from_ref(&self.batch), None, &settings, lr, &mut optimizer, parameters).expect("a step");
            near([loss], &[*wanted], &format!("loss before step {step}"));
        }
    }
}

macro_rules! oracle {
    ($test:ident, $name:literal) => {
        #[test]
        fn $test() {
            for name in ["std.architectures.bert.first(2)", "plain", "encoder"] {
                let facts = include_str!(concat!("oracles/", $name, ".json"));
                let oracle = Oracle::read(name, facts, include_bytes!(concat!("oracles/", $name, ".safetensors")));
                for Tested { executor, .. } in executors() {
                    oracle.check(&*executor);
                }
            }
        }
    };
}

oracle!(masked_lm, "tiny_mlm");
oracle!(three_classes, "tiny_cls3");
oracle!(a_score, "tiny_reg");

/// Where the weights of all-MiniLM-L6-v2 are, if they are here.
fn minilm_file() -> PathBuf {
    let fetched = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/peers/minilm");
    std::env::var_os("PHYLA_MINILM").map_or(fetched, PathBuf::from).join("model.safetensors")
}

/// All sentences of the oracle in one padded batch.
fn together(examples: &[Value]) -> Batch {
    let lengths: Vec<usize> = examples.iter().map(|example| numbers(&example["input_ids"]).len()).collect();
    let width = lengths.iter().copied().max().expect("examples");
    let padded = |field: &str| {
        let row = |example: &Value| {
            let mut row: Vec<u32> = numbers(&example[field]).iter().map(|index| *index as u32).collect();
            row.resize(width, 0);
            row
        };
        examples.iter().flat_map(row).collect::<Vec<u32>>()
    };
    let inputs = [("tokens".to_owned(), padded("input_ids")), ("segments".to_owned(), padded("token_type_ids"))].into();
    Batch { rows: lengths.len(), width, lengths, inputs, targets: Targets::None }
}

/// The means of each sentence's token states, scaled to length 1.
fn embeddings(states: &[f32], batch: &Batch) -> Vec<Vec<f32>> {
    let hidden = states.len() / batch.rows / batch.width;
    let sentence = |(row, tokens): (&[f32], &usize)| {
        let mean = |unit: usize| row.iter().skip(unit).step_by(hidden).take(*tokens).map(|x| f64::from(*x)).sum::<f64>() / *tokens as f64;
        let means: Vec<f64> = (0..hidden).map(mean).collect();
        let norm = means.iter().map(|x| x * x).sum::<f64>().sqrt();
        means.iter().map(|x| (x / norm) as f32).collect()
    };
    states.chunks(hidden * batch.width).zip(&batch.lengths).map(sentence).collect()
}

#[test]
fn minilm_l6() {
    let file = minilm_file();
    let Ok(bytes) = std::fs::read(&file) else {
        common::skipped(&format!("the weights of MiniLM are not in {} (tests/peers/minilm.sh fetches them)", file.display()));
        return;
    };
    let weights = from_safetensors(&bytes).expect("safetensors");
    let facts: Value = serde_json::from_str(include_str!("oracles/minilm_l6_oracle.json")).expect("JSON");
    let tokenizer = std::fs::read_to_string(file.with_file_name("tokenizer.json")).expect("beside the weights");
    let vocabulary = Vocabulary::from_json(&tokenizer).expect("a vocabulary");
    let specials = vocabulary.specials();
    for example in facts["examples"].as_array().expect("examples") {
        let ids: Vec<u32> = numbers(&example["input_ids"]).into_iter().map(|id| id as u32).collect();
        let text = |name: &str| example[name].as_str();
        let first = text("text_a").expect("a text");
        let (mut found, _) = vocabulary.encode_pair(first, text("text_b"), 128);
        if let Some((before, behind)) = first.split_once("[MASK]") {
            // The reference takes these letters in a text for the special piece; to Phyla a text holds no special pieces.
            found = [&vocabulary.encode(before)[..], &[specials.mask], &vocabulary.encode(behind)].concat();
            found = [&[specials.cls], &found[..], &[specials.sep]].concat();
        }
        assert_eq!(found, ids, "{first}");
    }
    let layers = size_of(&facts["config"]["num_hidden_layers"]);
    let graph = bert(&format!("std.architectures.bert.first({layers})"), Head::Classes(1));
    let bert = Bert { names: names(&graph).expect("a BERT"), graph, sizes: sizes(&model(&facts), 1), weights };
    let examples = facts["examples"].as_array().expect("examples");
    let batch = together(examples);
    let (hidden, heads, width) = (model(&facts).hidden, model(&facts).heads, batch.width);
    for Tested { name, executor, .. } in executors() {
        let states: Vec<Vec<f32>> = (0..=layers).map(|layer| bert.forward(&*executor, &batch, Part::Hidden(layer))).collect();
        let attention: Vec<Vec<f32>> = (0..layers).map(|layer| bert.forward(&*executor, &batch, Part::Weights(layer))).collect();
        let pooler = bert.forward(&*executor, &batch, Part::Pooler);
        let sentences = embeddings(&states[layers], &batch);
        for (row, example) in examples.iter().enumerate() {
            let near = |found: &[f32], wanted: &Value, what: &str| {
                within(1e-5, found.iter().copied(), &numbers(wanted), &format!("{name}, example {row}, {what}"));
            };
            let norm = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            let token = |layer: usize, token: usize| &states[layer][(row * width + token) * hidden..][..hidden];
            let tokens = batch.lengths[row];
            for (at, wanted) in example["last_hidden_first8"].as_array().expect("tokens").iter().enumerate() {
                near(&token(layers, at)[..8], wanted, "last hidden state");
            }
            let norms: Vec<f32> = (0..tokens).map(|at| norm(token(layers, at)) as f32).collect();
            near(&norms, &example["last_hidden_l2"], "norms of the last hidden state");
            for (layer, wanted) in example["cls_first8_per_layer"].as_array().expect("layers").iter().enumerate() {
                near(&token(layer, 0)[..8], wanted, "hidden state of [CLS]");
            }
            near(&pooler[row * hidden..][..8], &example["pooler_first8"], "pooler");
            near(&sentences[row], &example["mean_pooled_l2norm_embedding"], "sentence embedding");
            let weights =
                |layer: usize, head: usize, query: usize| &attention[layer][((row * heads + head) * width + query) * width..][..tokens];
            for (layer, wanted) in example["attention_head0_per_layer"].as_array().expect("layers").iter().enumerate() {
                for (query, wanted) in wanted.as_array().expect("rows").iter().enumerate() {
                    near(weights(layer, 0, query), wanted, "attention of head 0");
                }
            }
            near(weights(5, 11, 0), &example["attention_head11_layer5_row0"], "attention of head 11");
        }
    }
    // In bf16 a sentence keeps its direction.
    for device in devices() {
        let states = bert.forward(&CandleExecutor::new(device, DType::BF16), &batch, Part::Hidden(layers));
        for (found, example) in embeddings(&states, &batch).iter().zip(examples) {
            let wanted = numbers(&example["mean_pooled_l2norm_embedding"]);
            let cosine: f64 = found.iter().zip(wanted).map(|(found, wanted)| f64::from(*found) * wanted).sum();
            assert!(cosine > 0.999, "bf16: {cosine}");
        }
    }
}
