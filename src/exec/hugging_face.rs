//! BERTs in the layout of Hugging Face's libraries: the sizes of a `config.json`, and which tensor is which parameter.
//!
//! A parameter is known by the export name of its operation and by how many of that name come before it, so any graph that lays an
//! encoder out as BERT's is understood, however it was written.

use super::kernel::LAYER_NORM_EPSILON;
use super::{Array, Parameters, Program};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::graph::Graph;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a `config.json` says of a BERT.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Config {
    /// The family of the model; only `bert` is understood.
    pub model_type: String,
    /// Hidden width.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Feed-forward width.
    pub intermediate_size: usize,
    /// Longest sentence in tokens.
    pub max_position_embeddings: usize,
    /// Word pieces.
    pub vocab_size: usize,
    /// The activation between the two maps of the feed-forward block.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// How positions enter.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// What is added to the variance in norms.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f64,
    /// Whether a token sees those before it only.
    #[serde(default)]
    pub is_decoder: bool,
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn absolute() -> String {
    "absolute".to_owned()
}

fn epsilon() -> f64 {
    LAYER_NORM_EPSILON
}

impl Config {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// Where it is none, or describes a model that the standard library's layers do not compute.
    pub fn read(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text).map_err(|error| unfit(format!("it does not describe a BERT: {error}")))?;
        let known = [
            ("model_type", config.model_type.clone(), "bert".to_owned()),
            ("hidden_act", config.hidden_act.clone(), gelu()),
            ("position_embedding_type", config.position_embedding_type.clone(), absolute()),
            ("layer_norm_eps", format!("{:e}", config.layer_norm_eps), format!("{LAYER_NORM_EPSILON:e}")),
            ("is_decoder", config.is_decoder.to_string(), false.to_string()),
        ];
        for (field, found, wanted) in known {
            if found != wanted {
                return Err(unfit(format!("its `{field}` is `{found}`, and only `{wanted}` is understood")));
            }
        }
        Ok(config)
    }
}

/// The encoder's own prefix, which files of a bare encoder leave out.
const PREFIX: &str = "bert.";

/// The table of words, which the masked-LM head uses again, and the names under which files may hold that head's own copy and bias.
const WORD: &str = "bert.embeddings.word_embeddings.weight";
const PREDICTIONS: &str = "cls.predictions";
const DECODER: &str = "cls.predictions.decoder.weight";
const DECODER_BIAS: &str = "cls.predictions.decoder.bias";

/// Tensors of heads that a program need not have, and buffers that hold no weights.
const BESIDE: &[&str] = &["cls.", "bert.pooler.", "pooler.", "classifier."];

/// The names that Hugging Face's libraries give to the paths of a graph that own parameters.
///
/// # Errors
/// Where an operation has no counterpart in BERT.
pub fn names(graph: &Graph) -> Result<BTreeMap<String, String>> {
    let nodes: Vec<_> = graph.order().into_iter().filter_map(|index| graph.node(index)).filter(|node| !node.path.is_empty()).collect();
    let label = |node: &crate::graph::Node| {
        node.label.clone().filter(|label| !label.is_empty()).or_else(|| node.op_name().map(str::to_owned)).unwrap_or_default()
    };
    let layers = nodes.iter().filter(|node| label(node) == "down").count();
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = BTreeMap::new();
    for node in nodes {
        let name = label(node);
        let number = met.entry(name.clone()).or_default();
        if let Some(theirs) = counterpart(&name, *number, layers) {
            names.insert(node.path.clone(), theirs);
        } else if name != "dropout" {
            return Err(unfit(format!("BERT has nothing like the `{name}` at `{}`", node.path)));
        }
        *number += 1;
    }
    Ok(names)
}

/// The name of the operation called `name` before which `number` others are called so; `None` where there is none.
fn counterpart(name: &str, number: usize, layers: usize) -> Option<String> {
    let layer = |part: &str, layer: usize| format!("bert.encoder.layer.{layer}.{part}");
    Some(match (name, number) {
        ("word", 0) => WORD.trim_end_matches(".weight").to_owned(),
        ("segments", 0) => "bert.embeddings.token_type_embeddings".to_owned(),
        ("positions", 0) => "bert.embeddings.position_embeddings".to_owned(),
        ("layer_norm", 0) => "bert.embeddings.LayerNorm".to_owned(),
        ("query" | "key" | "value", _) if number < layers => layer(&format!("attention.self.{name}"), number),
        ("output", _) if number < layers => layer("attention.output.dense", number),
        ("up", _) if number < layers => layer("intermediate.dense", number),
        ("down", _) if number < layers => layer("output.dense", number),
        ("layer_norm", _) if number <= 2 * layers && number % 2 == 1 => layer("attention.output.LayerNorm", number / 2),
        ("layer_norm", _) if number <= 2 * layers => layer("output.LayerNorm", number / 2 - 1),
        ("transform", 0) => "cls.predictions.transform.dense".to_owned(),
        ("layer_norm", _) if number == 2 * layers + 1 => "cls.predictions.transform.LayerNorm".to_owned(),
        ("unembed", 0) => PREDICTIONS.to_owned(),
        ("linear", 0) => "bert.pooler.dense".to_owned(),
        ("linear", 1) => "classifier".to_owned(),
        _ => return None,
    })
}

/// The tensors of a file as the parameters of a program: those it owns and the file holds. What a file lacks of a head is left
/// to whoever draws it; of the encoder nothing may lack, and nothing be over.
///
/// # Errors
/// [`Code::WEIGHTS`], naming every tensor that is missing, over, of another shape or not finite.
pub fn fitted(program: &Program, tensors: &Parameters) -> Result<Parameters> {
    let names = names(&program.graph)?;
    let mut found = Parameters::default();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for spec in program.parameters() {
        let Some((path, role)) = spec.name.rsplit_once('/') else { continue };
        let name = format!("{}.{role}", names.get(path).map_or(path, String::as_str));
        let Some((theirs, array)) = tensor(tensors, &name).or_else(|| tensor(tensors, decoder(&name)?)) else {
            if !beside(&name) {
                wrong.push(format!("`{name}` is missing"));
            }
            continue;
        };
        used.insert(theirs);
        // A task's own head is never what another task learnt.
        if name.starts_with("classifier.") {
            continue;
        }
        // Of a longer table of positions the first rows serve.
        let longer = name.contains("position_embeddings") && array.shape.first() > spec.shape.first();
        let size: usize = spec.shape.iter().product();
        let array = match array.data.get(..size).filter(|_| longer && array.shape.get(1..) == spec.shape.get(1..)) {
            Some(rows) => Array { shape: spec.shape.clone(), data: rows.to_vec() },
            None => array.clone(),
        };
        let strange = array.data.iter().filter(|value| !value.is_finite()).count();
        if array.shape != spec.shape {
            wrong.push(format!("`{theirs}` has shape {:?}, and {:?} is wanted", array.shape, spec.shape));
        } else if strange > 0 {
            wrong.push(format!("`{theirs}` is not finite in {strange} of its {} values", array.data.len()));
        }
        found.0.insert(spec.name.clone(), array);
    }
    if let (Some((theirs, decoder)), Some((_, word))) = (tensor(tensors, DECODER), tensor(tensors, WORD))
        && decoder != word
        && names.values().any(|name| name == PREDICTIONS)
    {
        wrong.push(format!("`{theirs}` differs from the word embedding, and is the same here"));
    }
    let over = tensors.0.keys().filter(|name| !used.contains(name.as_str()) && !beside(name));
    wrong.extend(over.map(|name| format!("`{name}` belongs to no part of the model")));
    if wrong.is_empty() { Ok(found) } else { Err(unfit(wrong.join("; "))) }
}

/// A tensor by its full name, or as files of a bare encoder and of the first releases write it.
fn tensor<'t>(tensors: &'t Parameters, name: &str) -> Option<(&'t str, &'t Array)> {
    let bare = name.trim_start_matches(PREFIX);
    let old = |name: &str| name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
    [name.to_owned(), bare.to_owned(), old(name), old(bare)]
        .iter()
        .find_map(|name| tensors.0.get_key_value(name.as_str()))
        .map(|(name, array)| (name.as_str(), array))
}

/// The other name of the masked-LM head's bias.
fn decoder(name: &str) -> Option<&'static str> {
    (name.strip_prefix(PREDICTIONS) == Some(".bias")).then_some(DECODER_BIAS)
}

fn beside(name: &str) -> bool {
    BESIDE.iter().any(|head| name.starts_with(head)) || name.ends_with("position_ids")
}

fn unfit(why: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::WEIGHTS, why))
}

#[cfg(test)]
mod tests {
    use super::{Config, counterpart};

    #[test]
    fn a_config_is_berts_or_refused_with_the_field() {
        let text = |act: &str, kind: &str| {
            format!(
                r#"{{"model_type": "{kind}", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                "max_position_embeddings": 32, "vocab_size": 99, "hidden_act": "{act}", "torch_dtype": "float32"}}"#
            )
        };
        assert_eq!(Config::read(&text("gelu", "bert")).unwrap().vocab_size, 99);
        let why = |text: &str| Config::read(text).unwrap_err().message.clone();
        assert_eq!(why(&text("relu", "bert")), "its `hidden_act` is `relu`, and only `gelu` is understood");
        assert_eq!(why(&text("gelu", "roberta")), "its `model_type` is `roberta`, and only `bert` is understood");
        assert!(why("{}").contains("missing field `model_type`"));
    }

    #[test]
    fn norms_are_told_apart_by_their_place() {
        let names: Vec<String> = (0..6).filter_map(|number| counterpart("layer_norm", number, 2)).collect();
        assert_eq!(
            names,
            [
                "bert.embeddings.LayerNorm",
                "bert.encoder.layer.0.attention.output.LayerNorm",
                "bert.encoder.layer.0.output.LayerNorm",
                "bert.encoder.layer.1.attention.output.LayerNorm",
                "bert.encoder.layer.1.output.LayerNorm",
                "cls.predictions.transform.LayerNorm",
            ]
        );
        assert_eq!(counterpart("query", 2, 2), None);
        assert_eq!(counterpart("gate", 0, 2), None);
    }
}
