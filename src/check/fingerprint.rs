//! What an experiment means, as one hash: all that can change a result, and nothing else.

use super::data::{Data, TaskFile, hugging_face, task_files};
use super::experiment::NamedArchitecture;
use super::{Checker, SharedSpace};
use crate::graph::{Graph, Hash};
use crate::settings::{self, Experiment, Layout};
use crate::space;
use serde_json::Value;
use std::collections::BTreeMap;

impl Checker<'_> {
    pub(super) fn fingerprint(&self, settings: &Experiment, space: &SharedSpace, compare: &[NamedArchitecture], data: &Data) -> Hash {
        let mut meaning = serde_json::to_value(settings).unwrap_or_default();
        // What changes no result, or none but by rounding, is no part of the meaning; paths are told by the contents behind them.
        if let Value::Object(fields) = &mut meaning {
            fields.remove("workers");
            fields.remove("device");
            // Told by what they are, below; their names say nothing.
            fields.remove("compare");
            fields.remove("space");
        }
        // What is absent says nothing, so that a field which may be absent can be new to the language and leave older experiments alone.
        let mut meaning = without_nulls(meaning);
        let contents = |text: &str| data.get(text).map(|files| files.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>().join(" "));
        let weights = settings.r#final.weights.iter().map(|settings::Weights::HuggingFace { folder }| folder.clone());
        let folders: Vec<String> = settings.suites().map(|(_, suite)| suite.data.clone()).chain(weights).collect();
        replace(&mut meaning, &|text| contents(text).or_else(|| folders.contains(&text.to_owned()).then(String::new)));
        let mut text = serde_json::to_string(&sorted(meaning)).unwrap_or_default() + &layouts(settings, data);
        text += &describe(space);
        // Draws go by the order in which operations and arms are written.
        space.holes.iter().for_each(|hole| order(&hole.domain, &mut text));
        text += &paths(space);
        for known in compare {
            text += &known.identity().to_string();
        }
        // In the order of the tasks: paths are no part of the meaning, nor is their order.
        for TaskFile { path, .. } in task_files(settings) {
            data.get(&path).into_iter().flatten().for_each(|(_, hash)| text += hash);
        }
        if let Some(settings::Weights::HuggingFace { folder }) = &settings.r#final.weights {
            for file in hugging_face(folder, self.files) {
                data.get(&file).into_iter().flatten().for_each(|(_, hash)| text += hash);
            }
        }
        crate::graph::identity::Digest::new().text(&text).finish()
    }
}

/// How the files of the corpus are read, where that is not as plain text: the ending of a name tells it, and names are else no part of the
/// meaning.
fn layouts(settings: &Experiment, data: &Data) -> String {
    let key = settings.text_key();
    let files = settings.texts().iter().flat_map(|path| data.get(path).into_iter().flatten());
    files.map(|(file, _)| Layout::of(file, key)).filter(|layout| *layout != Layout::Text).map(|layout| format!(" {layout:?}")).collect()
}

/// What the masked-LM loss of an architecture trained from scratch depends on, besides its seed and the names that first values are drawn by:
/// another name is as another seed.
pub(super) fn evaluation(settings: &Experiment, space: &space::Space, data: &Data) -> Hash {
    let texts = settings.texts().iter().flat_map(|file| data.get(file).into_iter().flatten()).map(|(_, hash)| hash.as_str());
    let (corpus, evaluate, read) = (settings.corpus.as_ref(), settings.evaluate.as_ref(), layouts(settings, data));
    let mut train = evaluate.map(|evaluate| serde_json::json!(evaluate.pretrain));
    if let Some(fields) = train.as_mut().and_then(Value::as_object_mut) {
        // What fine-tuning alone reads.
        fields.retain(|field, _| !["order", "keep", "patience"].contains(&field.as_str()));
    }
    let settings = serde_json::json!({
        "model": settings.model,
        "holdout": corpus.map(|corpus| corpus.holdout),
        "lowercase": corpus.map(|corpus| corpus.lowercase),
        "steps": evaluate.map(|evaluate| evaluate.adapt),
        "train": train,
    });
    let mut settings = sorted(settings).to_string() + &read;
    // Told only where it is so: tables of earlier builds keep their names.
    if corpus.is_some_and(|corpus| corpus.whole_sentences == Some(true)) {
        settings += " whole sentences";
    }
    let digest = crate::graph::identity::Digest::new().text(&settings).text(&describe(space));
    texts.fold(digest, |digest, text| digest.text(text)).finish()
}

/// All that makes a space: its graph and what its holes may be filled with.
pub(super) fn describe(space: &space::Space) -> String {
    let mut text = crate::graph::canonical::hash(&space.body).to_string();
    for hole in &space.holes {
        text += &format!(" {} {:?} {} ", hole.name, hole.repetitions, hole.tie);
        describe_domain(&hole.domain, &mut text);
    }
    // Their order and their layout change nothing.
    let mut requires: Vec<String> = space.requires.iter().map(|require| format!(" {:?}", require.condition)).collect();
    requires.sort();
    text + &requires.concat()
}

/// The paths of all that owns parameters or draws, in order: first values and draws go by them, so that another name trains otherwise.
pub(super) fn paths(space: &space::Space) -> String {
    fn each(graph: &Graph, holes: &mut dyn Iterator<Item = &space::Domain>, text: &mut String) {
        let nodes = graph.order().into_iter().filter_map(|index| graph.node(index));
        nodes.filter(|node| !node.path.is_empty()).for_each(|node| *text += &format!(" {}", node.path));
        for domain in holes {
            if let space::Domain::Choose(arms) = domain {
                arms.iter().for_each(|arm| each(&arm.body, &mut arm.holes.iter().map(|(_, domain)| domain), text));
            }
        }
    }
    let mut text = String::new();
    each(&space.body, &mut space.holes.iter().map(|hole| &hole.domain), &mut text);
    text
}

/// The operations and the arms of a domain as they are written.
fn order(domain: &space::Domain, text: &mut String) {
    match domain {
        space::Domain::Values(_) => {}
        space::Domain::Dag(dag) => dag.ops.iter().for_each(|op| *text += &format!(" {}", op.identity)),
        space::Domain::Choose(arms) => {
            for arm in arms {
                *text += &format!(" {}", arm.label);
                arm.holes.iter().for_each(|(_, domain)| order(domain, text));
            }
        }
    }
}

fn describe_domain(domain: &space::Domain, text: &mut String) {
    match domain {
        space::Domain::Values(values) => *text += &format!("{values:?}"),
        space::Domain::Dag(dag) => {
            let mut ops: Vec<&str> = dag.ops.iter().map(|op| op.identity.as_str()).collect();
            ops.sort_unstable();
            *text += &format!("dag {:?} {ops:?} {:?} {:?} {:?} {:?}", dag.inputs, dag.depth, dag.size, dag.uses, dag.output);
        }
        space::Domain::Choose(arms) => {
            let mut arms: Vec<&space::Arm> = arms.iter().collect();
            arms.sort_by(|a, b| a.label.cmp(&b.label));
            for arm in arms {
                *text += &format!("({} {} ", arm.label, crate::graph::canonical::hash(&arm.body));
                for (name, domain) in &arm.holes {
                    *text += name;
                    describe_domain(domain, text);
                }
                text.push(')');
            }
        }
    }
}

fn replace(value: &mut Value, with: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(other) = with(text) {
                *text = other;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, with)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, with)),
        _ => {}
    }
}

/// The same value without the fields that are null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, without_nulls(value))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// The same value with the fields of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let ordered: BTreeMap<String, Value> = fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
