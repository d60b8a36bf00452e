//! Checkpoints: weights, moments and steps in one safetensors file.

use super::folder::Folder;
use crate::diagnostic::Result;
use crate::exec::adamw::AdamW;
use crate::exec::checkpoint::{from_safetensors, metadata, to_safetensors};
use crate::exec::{Array, Parameters};
use crate::train::Training;
use std::collections::BTreeMap;

/// The prefixes of weights and of the two moments.
const PARTS: [&str; 3] = ["weights/", "first/", "second/"];

/// Writes a training whole, so that it goes on from here as if it had never stopped.
pub(super) fn save_training(folder: &Folder, name: &str, training: &Training) -> Result<()> {
    let AdamW { first, second, steps } = &training.optimizer;
    let mut all: BTreeMap<String, Array> = BTreeMap::new();
    for (prefix, part) in PARTS.iter().zip([&training.parameters, first, second]) {
        all.extend(part.0.iter().map(|(name, array)| (format!("{prefix}{name}"), array.clone())));
    }
    let counts = serde_json::to_string(steps).unwrap_or_default();
    let notes = BTreeMap::from([("step".to_owned(), training.step.to_string()), ("steps".to_owned(), counts)]);
    folder.write(name, &to_safetensors(&Parameters(all), &notes))
}

/// Reads a training back; `None` where there is none, or where it was damaged: it is then done again.
pub(super) fn load_training(folder: &Folder, name: &str) -> Result<Option<Training>> {
    let Some(bytes) = folder.read(name)? else { return Ok(None) };
    let (Ok(all), Ok(notes)) = (from_safetensors(&bytes), metadata(&bytes)) else { return Ok(None) };
    let mut parts = [const { BTreeMap::new() }; 3];
    for (name, array) in all.0 {
        for (prefix, part) in PARTS.iter().zip(&mut parts) {
            if let Some(name) = name.strip_prefix(prefix) {
                part.insert(name.to_owned(), array.clone());
            }
        }
    }
    let [weights, first, second] = parts;
    let step = notes.get("step").and_then(|step| step.parse().ok());
    let steps = notes.get("steps").and_then(|steps| serde_json::from_str(steps).ok());
    let (Some(step), Some(steps)) = (step, steps) else { return Ok(None) };
    let optimizer = AdamW { first: Parameters(first), second: Parameters(second), steps };
    Ok(Some(Training { parameters: Parameters(weights), optimizer, step }))
}

/// Writes weights alone.
pub(super) fn save_weights(folder: &Folder, name: &str, parameters: &Parameters) -> Result<()> {
    folder.write(name, &to_safetensors(parameters, &BTreeMap::new()))
}

/// Reads weights back; `None` where there are none or they are damaged.
pub(super) fn load_weights(folder: &Folder, name: &str) -> Result<Option<Parameters>> {
    Ok(folder.read(name)?.and_then(|bytes| from_safetensors(&bytes).ok()))
}
