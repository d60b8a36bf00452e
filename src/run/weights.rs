//! Checkpoints: weights, moments and steps in one safetensors file.

use super::folder::Folder;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::adamw::AdamW;
use crate::exec::checkpoint::{from_safetensors, metadata, misfits, write_safetensors};
use crate::exec::{Array, ParameterSpec, Parameters};
use crate::train::Training;
use std::collections::BTreeMap;

/// The prefixes of weights and of the two moments.
const PARTS: [&str; 3] = ["weights/", "first/", "second/"];

/// The note that holds a checkpoint's checksum.
const SEAL: &str = "blake3";

/// Writes a training whole, so that it goes on from here as if it had never stopped.
pub(super) fn save_training(folder: &Folder, name: &str, training: &Training) -> Result<()> {
    let AdamW { first, second, steps } = &training.optimizer;
    let mut all: BTreeMap<String, &Array> = BTreeMap::new();
    for (prefix, part) in PARTS.iter().zip([&training.parameters, first, second]) {
        all.extend(part.0.iter().map(|(name, array)| (format!("{prefix}{name}"), array)));
    }
    let counts = serde_json::to_string(steps).unwrap_or_default();
    let notes = BTreeMap::from([("step".to_owned(), training.step.to_string()), ("steps".to_owned(), counts)]);
    let notes = sealed(&all, notes);
    folder.write_by(name, &mut |out| write_safetensors(&all, &notes, out))
}

/// Reads a training of these specifications back; `None` where there is none, or where it was damaged: it is then done again.
/// A file that is whole and does not fit is refused, with the names of its tensors.
pub(super) fn load_training(folder: &Folder, name: &str, specs: &[ParameterSpec]) -> Result<Option<Training>> {
    let Some(bytes) = folder.read(name)? else { return Ok(None) };
    let Some((all, notes)) = sound(&bytes) else { return Ok(None) };
    let mut parts = [const { BTreeMap::new() }; 3];
    for (name, array) in all.0 {
        let place = PARTS.iter().zip(&mut parts).find_map(|(prefix, part)| Some((name.strip_prefix(prefix)?, part)));
        place.map(|(name, part)| part.insert(name.to_owned(), array));
    }
    let [weights, first, second] = parts;
    let step = notes.get("step").and_then(|step| step.parse().ok());
    let steps = notes.get("steps").and_then(|steps| serde_json::from_str(steps).ok());
    let (Some(step), Some(steps)) = (step, steps) else { return Ok(None) };
    let optimizer = AdamW { first: Parameters(first), second: Parameters(second), steps };
    let training = Training { parameters: Parameters(weights), optimizer, step };
    let parts = [(&training.parameters, true), (&training.optimizer.first, false), (&training.optimizer.second, false)];
    // Moments begin with a parameter's first gradient: they need not be there.
    let wrong = parts
        .into_iter()
        .zip(["", "first moment of ", "second moment of "])
        .flat_map(|((part, all), what)| misfits(specs, part, all).into_iter().map(move |wrong| format!("{what}{wrong}")));
    let AdamW { first, second, steps } = &training.optimizer;
    // Each parameter has both, with a count of its updates, or none of them.
    let halves = training.parameters.0.keys().filter(|name| {
        let has = [first.0.contains_key(*name), second.0.contains_key(*name), steps.contains_key(*name)];
        has.contains(&true) && has.contains(&false)
    });
    refuse(folder, name, wrong.chain(halves.map(|name| format!("the moments of `{name}` are not whole"))).collect())?;
    Ok(Some(training))
}

/// An error that names what does not fit, if anything.
fn refuse(folder: &Folder, name: &str, wrong: Vec<String>) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("the weights in `{}` do not fit the model: {}", folder.join(name).display(), wrong.join("; "));
    Diagnostic::error(Code::RUN_FOLDER, message).help("start over with `--fresh`").into()
}

/// Writes weights alone.
pub(super) fn save_weights(folder: &Folder, name: &str, parameters: &Parameters) -> Result<()> {
    let all = parameters.0.iter().map(|(name, array)| (name.clone(), array)).collect();
    let notes = sealed(&all, BTreeMap::new());
    folder.write_by(name, &mut |out| write_safetensors(&all, &notes, out))
}

/// Notes with a checksum of themselves and of the tensors.
fn sealed(all: &BTreeMap<String, &Array>, mut notes: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(serde_json::to_string(&notes).unwrap_or_default().as_bytes());
    let mut bytes = Vec::new();
    for (name, array) in all {
        hasher.update(serde_json::to_string(&(name, &array.shape)).unwrap_or_default().as_bytes());
        for values in array.data.chunks(4096) {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            hasher.update(&bytes);
        }
    }
    notes.insert(SEAL.to_owned(), hasher.finalize().to_hex().to_string());
    notes
}

/// The tensors and notes of a file that is whole and as it was written.
pub(super) fn sound(bytes: &[u8]) -> Option<(Parameters, BTreeMap<String, String>)> {
    let (all, known) = (from_safetensors(bytes).ok()?, metadata(bytes).ok()?);
    let mut notes = known.clone();
    notes.remove(SEAL)?;
    let named = all.0.iter().map(|(name, array)| (name.clone(), array)).collect();
    (sealed(&named, notes) == known).then_some((all, known))
}

/// Reads weights of these specifications back; `None` where there are none or the file is damaged. What is whole and does not fit is
/// refused, with the names of its tensors.
pub(super) fn load_weights(folder: &Folder, name: &str, specs: &[ParameterSpec]) -> Result<Option<Parameters>> {
    let Some((weights, _)) = folder.read(name)?.and_then(|bytes| sound(&bytes)) else { return Ok(None) };
    refuse(folder, name, misfits(specs, &weights, true))?;
    Ok(Some(weights))
}

#[cfg(test)]
mod tests {
    use super::{load_training, load_weights, save_training, save_weights};
    use crate::exec::adamw::AdamW;
    use crate::exec::{Array, ParameterSpec, Parameters};
    use crate::graph::weights::Init;
    use crate::run::folder::Folder;
    use crate::train::Training;

    fn spec(name: &str) -> ParameterSpec {
        ParameterSpec { name: name.to_owned(), shape: vec![2], init: Init::Zeros, decays: false, centre: None }
    }

    fn arrays(names: &[&str], value: f32) -> Parameters {
        Parameters(names.iter().map(|name| ((*name).to_owned(), Array { shape: vec![2], data: vec![value; 2] })).collect())
    }

    #[test]
    fn what_is_saved_comes_back_and_what_is_poisoned_is_named() {
        let out = tempfile::tempdir().unwrap();
        let folder = Folder::open(&out.path().join("run"), false).unwrap();
        let specs = [spec("a/bias"), spec("b/bias")];
        // A parameter that no sampled path has used yet has no moments.
        let (first, second) = (arrays(&["a/bias"], 0.1), arrays(&["a/bias"], 0.2));
        let optimizer = AdamW { first, second, steps: [("a/bias".to_owned(), 3)].into() };
        let good = Training { parameters: arrays(&["a/bias", "b/bias"], 1.0), optimizer, step: 3 };
        save_training(&folder, "good", &good).unwrap();
        assert_eq!(load_training(&folder, "good", &specs).unwrap(), Some(good.clone()));
        assert_eq!(load_training(&folder, "none", &specs).unwrap(), None);
        folder.write("torn", b"half of a fi").unwrap();
        assert_eq!(load_training(&folder, "torn", &specs).unwrap(), None);
        assert_eq!(load_weights(&folder, "torn", &specs).unwrap(), None);

        // A value that was changed where it lay.
        for (name, place) in [("good", 4), ("weights", 1)] {
            save_weights(&folder, "weights", &good.parameters).unwrap();
            let mut bytes = folder.read(name).unwrap().unwrap();
            let at = bytes.len() - place;
            bytes[at] ^= 4;
            folder.write("changed", &bytes).unwrap();
            assert_eq!(load_training(&folder, "changed", &specs).unwrap(), None);
            assert_eq!(load_weights(&folder, "changed", &specs).unwrap(), None);
        }

        let mut halved = good.clone();
        halved.optimizer.first = Parameters::default();
        save_training(&folder, "halved", &halved).unwrap();
        assert!(load_training(&folder, "halved", &specs).unwrap_err().message.contains("the moments of `a/bias` are not whole"));

        let mut poisoned = good;
        poisoned.optimizer.second = arrays(&["a/bias"], f32::NAN);
        poisoned.parameters = arrays(&["a/bias", "c/bias"], f32::INFINITY);
        save_training(&folder, "bad", &poisoned).unwrap();
        save_weights(&folder, "bad weights", &poisoned.parameters).unwrap();
        let messages = [load_training(&folder, "bad", &specs).unwrap_err(), load_weights(&folder, "bad weights", &specs).unwrap_err()];
        for error in &messages {
            for wanted in ["`b/bias` is missing", "`a/bias` is not finite in 2 of its 2 values", "`c/bias` belongs to no part"] {
                assert!(error.message.contains(wanted), "{}", error.message);
            }
        }
        assert!(messages[0].message.contains("second moment of `a/bias` is not finite"), "{}", messages[0].message);
    }
}
