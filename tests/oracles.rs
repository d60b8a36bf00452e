//! Two-layer BERTs against values of the reference implementation: outputs, losses, hidden states, gradients, AdamW.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use candle_core::{DType, Device};
use phyla::exec::adamw::{AdamW, AdamWSettings, train_step};
use phyla::exec::checkpoint::from_safetensors;
use phyla::exec::{Batch, CandleExecutor, Executor, Parameters, Program, Targets};
use phyla::graph::{Attr, Builder, Graph, Laws, NodeIndex, OpDef, Shape, Sizes, Symbol};
use serde_json::Value;
use std::collections::BTreeMap;

/// What stands on the encoder.
#[derive(Clone, Copy, PartialEq)]
enum Head {
    MaskedLm,
    Classes(i64),
}

/// What a graph of the tests gives back.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Output,
    Hidden(usize),
    Weights(usize),
}

struct Build(Builder);

impl Build {
    fn op(&mut self, name: &str, signature: &str, attrs: &[(&str, Attr)], path: &str, arguments: &[NodeIndex]) -> NodeIndex {
        let op = OpDef::declare(name, signature, Laws::default());
        let attrs = attrs.iter().map(|(name, attr)| ((*name).to_owned(), attr.clone())).collect();
        self.0.apply(&op, attrs, path, arguments).expect(name)
    }

    fn linear(&mut self, x: NodeIndex, out: Attr, path: &str) -> NodeIndex {
        self.op("linear", "[i, j] -> [i, out]", &[("out", out)], path, &[x])
    }

    fn residual_norm(&mut self, x: NodeIndex, y: NodeIndex, path: &str) -> NodeIndex {
        let y = self.op("dropout", "[i, j] -> [i, j]", &[("rate", Attr::Number(0.0))], &format!("{path}/dropout"), &[y]);
        let sum = self.op("add", "[i, j], [i, j] -> [i, j]", &[], "", &[x, y]);
        self.norm(sum, path)
    }

    fn norm(&mut self, x: NodeIndex, path: &str) -> NodeIndex {
        self.op("layer_norm", "[i, j] -> [i, j]", &[], path, &[x])
    }

    /// A layer's result and its attention's weights.
    fn layer(&mut self, x: NodeIndex, path: &str) -> (NodeIndex, NodeIndex) {
        let mixer = format!("{path}/mixer/attention");
        let hidden = || Attr::Size(Symbol::Hidden.into());
        let [q, k, v] = [0, 1, 2].map(|number| {
            let linear = self.linear(x, hidden(), &format!("{mixer}/linear.{number}"));
            self.0.split_heads(linear).expect("[n, h]")
        });
        let k = self.op("transpose", "[i, j] -> [j, i]", &[], "", &[k]);
        let scores = self.op("matmul", "[i, j], [j, k] -> [i, k]", &[], "", &[q, k]);
        let scores = self.op("scale", "[i, j] -> [i, j]", &[], "", &[scores]);
        let weights = self.op("softmax", "[i, j] -> [i, j]", &[], "", &[scores]);
        let mixed = self.op("matmul", "[i, j], [j, k] -> [i, k]", &[], "", &[weights, v]);
        let mixed = self.0.merge_heads(mixed).expect("[n, d]");
        let mixed = self.linear(mixed, hidden(), &format!("{mixer}/linear.3"));
        let y = self.residual_norm(x, mixed, &format!("{path}/layer_norm.0"));
        let inner = self.linear(y, Attr::Size(Symbol::FeedForward.into()), &format!("{path}/feed_forward/linear.0"));
        let inner = self.op("gelu", "[i, j] -> [i, j]", &[], "", &[inner]);
        let inner = self.linear(inner, hidden(), &format!("{path}/feed_forward/linear.1"));
        (self.residual_norm(y, inner, &format!("{path}/layer_norm.1")), weights)
    }
}

fn bert(layers: usize, head: Head, part: Part) -> Graph {
    let mut b = Build(Builder::new());
    let (tokens, hidden): (Shape, _) = (vec![Symbol::Tokens.into()], Attr::Size(Symbol::Hidden.into()));
    let words = b.0.input("tokens", tokens.clone(), true, false);
    let kinds = b.0.input("segments", tokens, true, false);
    let rows = |symbol: Symbol| [("rows", Attr::Size(symbol.into()))];
    let words = b.op("embedding", "index[i] -> [i, h]", &rows(Symbol::Vocabulary), "embed/embedding.0", &[words]);
    let kinds = b.op("embedding", "index[i] -> [i, h]", &rows(Symbol::Segments), "embed/embedding.1", &[kinds]);
    let sum = b.op("add", "[i, j], [i, j] -> [i, j]", &[], "", &[words, kinds]);
    let sum = b.op("positions", "[n, h] -> [n, h]", &[], "embed/positions", &[sum]);
    let mut x = b.norm(sum, "embed/layer_norm");
    let (mut hiddens, mut weights) = (vec![x], Vec::new());
    for layer in 0..layers {
        let (next, mixed) = b.layer(x, &format!("layer.{layer}/encoder_layer"));
        x = next;
        hiddens.push(x);
        weights.push(mixed);
    }
    let output = match head {
        Head::MaskedLm => {
            let at = b.0.input("at", vec![Symbol::Predictions.into()], true, false);
            let x = b.op("gather", "[n, h], index[p] -> [p, h]", &[], "", &[x, at]);
            let x = b.linear(x, hidden, "head/linear");
            let x = b.op("gelu", "[i, j] -> [i, j]", &[], "", &[x]);
            let x = b.norm(x, "head/layer_norm");
            let x = b.op("unembed", "[p, h] -> [p, v]", &[], "head/unembed", &[x]);
            b.0.annotate(x, None, Some("embed/embedding.0".to_owned()));
            x
        }
        Head::Classes(classes) => {
            let x = b.op("first", "[n, h] -> [1, h]", &[], "", &[x]);
            let x = b.linear(x, hidden, "head/pooler");
            let x = b.op("tanh", "[i, j] -> [i, j]", &[], "", &[x]);
            b.linear(x, Attr::Size(classes.into()), "head/classifier")
        }
    };
    b.0.finish(match part {
        Part::Output => output,
        Part::Hidden(layer) => hiddens[layer],
        Part::Weights(layer) => weights[layer],
    })
}

/// The reference's name of a parameter.
fn reference(name: &str) -> String {
    let layers = (0..2).flat_map(|layer| {
        [
            ("mixer/attention/linear.0", "attention.self.query"),
            ("mixer/attention/linear.1", "attention.self.key"),
            ("mixer/attention/linear.2", "attention.self.value"),
            ("mixer/attention/linear.3", "attention.output.dense"),
            ("layer_norm.0", "attention.output.LayerNorm"),
            ("feed_forward/linear.0", "intermediate.dense"),
            ("feed_forward/linear.1", "output.dense"),
            ("layer_norm.1", "output.LayerNorm"),
        ]
        .map(|(ours, theirs)| (format!("layer.{layer}/encoder_layer/{ours}"), format!("bert.encoder.layer.{layer}.{theirs}")))
    });
    let others = [
        ("embed/embedding.0", "bert.embeddings.word_embeddings"),
        ("embed/embedding.1", "bert.embeddings.token_type_embeddings"),
        ("embed/positions", "bert.embeddings.position_embeddings"),
        ("embed/layer_norm", "bert.embeddings.LayerNorm"),
        ("head/linear", "cls.predictions.transform.dense"),
        ("head/layer_norm", "cls.predictions.transform.LayerNorm"),
        ("head/unembed", "cls.predictions"),
        ("head/pooler", "bert.pooler.dense"),
        ("head/classifier", "classifier"),
    ]
    .map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned()));
    let names: BTreeMap<String, String> = layers.chain(others).collect();
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
    let found: Vec<f32> = found.into_iter().collect();
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (found, wanted) in found.iter().zip(wanted) {
        let tolerance = 1e-4 * wanted.abs().max(1.0);
        assert!((f64::from(*found) - wanted).abs() < tolerance, "{what}: {found} instead of {wanted}");
    }
}

struct Oracle {
    facts: Value,
    sizes: Sizes,
    weights: Parameters,
    batch: Batch,
    head: Head,
}

impl Oracle {
    fn read(text: &str, weights: &[u8]) -> Self {
        let facts: Value = serde_json::from_str(text).expect("JSON");
        let size = |name: &str| facts["config"][name].as_u64().expect("a size") as usize;
        let (h, a) = (size("hidden_size"), size("num_attention_heads"));
        let sizes = [
            (Symbol::Hidden, h),
            (Symbol::Heads, a),
            (Symbol::HeadWidth, h / a),
            (Symbol::FeedForward, size("intermediate_size")),
            (Symbol::Vocabulary, size("vocab_size")),
            (Symbol::Positions, size("max_position_embeddings")),
            (Symbol::Segments, size("type_vocab_size")),
        ];
        let lengths: Vec<usize> =
            facts["attention_mask"].as_array().expect("rows").iter().map(|row| numbers(row).iter().sum::<f64>() as usize).collect();
        let (rows, width) = (lengths.len(), numbers(&facts["attention_mask"][0]).len());
        let mut inputs: BTreeMap<String, Vec<u32>> =
            [("tokens".to_owned(), indices(&facts["input_ids"])), ("segments".to_owned(), indices(&facts["token_type_ids"]))].into();
        let labels = facts["labels"].as_array().expect("labels");
        let (head, targets) = match &labels[0] {
            Value::Array(_) => {
                inputs.insert("at".to_owned(), (0..rows).flat_map(|_| 0..width as u32).collect());
                let labels = labels.iter().flat_map(numbers).map(|label| (label >= 0.0).then_some(label as u32));
                (Head::MaskedLm, Targets::Classes(labels.collect()))
            }
            _ => match facts["logits_shape"][1].as_i64().expect("classes") {
                1 => (Head::Classes(1), Targets::Scores(numbers(&facts["labels"]).iter().map(|x| *x as f32).collect())),
                classes => (Head::Classes(classes), Targets::Classes(numbers(&facts["labels"]).iter().map(|x| Some(*x as u32)).collect())),
            },
        };
        Self {
            sizes: sizes.into_iter().fold(Sizes::default(), |sizes, (symbol, size)| sizes.with(symbol, size)),
            weights: from_safetensors(weights).expect("safetensors"),
            batch: Batch { rows, width, lengths, inputs, targets },
            facts,
            head,
        }
    }

    fn program(&self, part: Part) -> Program {
        Program::lower(&bert(2, self.head, part), &self.sizes).expect("a known graph")
    }

    fn parameters(&self, program: &Program) -> Parameters {
        Parameters(program.parameters().iter().map(|spec| (spec.name.clone(), self.weights.0[&reference(&spec.name)].clone())).collect())
    }

    fn forward(&self, executor: &dyn Executor, part: Part) -> Vec<f32> {
        let program = self.program(part);
        executor.forward(&program, &self.parameters(&program), &self.batch).expect("a run").data
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
        let program = self.program(Part::Output);
        let mut parameters = self.parameters(&program);
        let (loss, gradients) = executor.gradients(&program, &parameters, &self.batch, None).expect("a step");
        near([loss], &[self.facts["loss"].as_f64().expect("a loss")], "loss");
        let wanted = self.facts["grads"].as_object().expect("gradients");
        assert_eq!(gradients.0.len(), wanted.len());
        for (name, gradient) in &gradients.0 {
            let wanted = &wanted[&reference(name)];
            let norm = gradient.data.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            near([norm as f32], &[wanted["l2"].as_f64().expect("a norm")], name);
            near(gradient.data.iter().copied().take(4), &numbers(&wanted["first4"]), name);
        }
        self.check_training(executor, &program, &mut parameters);
    }

    fn check_weights(&self, executor: &dyn Executor) {
        let (heads, width) = (self.sizes.get(Symbol::Heads).expect("heads"), self.batch.width);
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
            let loss = train_step(executor, program, &self.batch, None, &settings, lr, &mut optimizer, parameters).expect("a step");
            near([loss], &[*wanted], &format!("loss before step {step}"));
        }
    }
}

macro_rules! oracle {
    ($test:ident, $name:literal) => {
        #[test]
        fn $test() {
            let oracle =
                Oracle::read(include_str!(concat!("oracles/", $name, ".json")), include_bytes!(concat!("oracles/", $name, ".safetensors")));
            for executor in [
                CandleExecutor::new(Device::Cpu, DType::F32),
                CandleExecutor::plain(Device::Cpu, DType::F32),
                CandleExecutor::new(Device::Cpu, DType::F64),
            ] {
                oracle.check(&executor);
            }
        }
    };
}

oracle!(masked_lm, "tiny_mlm");
oracle!(three_classes, "tiny_cls3");
oracle!(a_score, "tiny_reg");
