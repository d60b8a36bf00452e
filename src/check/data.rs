//! The data of an experiment: where it is named, and the contents that are part of its meaning.

use super::value::Val;
use super::{Checker, Files};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::settings::{Experiment, Part, Weights};
use std::collections::BTreeMap;

/// Data files by the path that names them, each with its file name or path below and a hash of its contents.
pub type Data = BTreeMap<String, Vec<(String, String)>>;

/// Where paths of data are named, each place with what is said of it.
pub type Places = BTreeMap<String, Vec<(Span, String)>>;

impl Checker<'_> {
    /// The data files, each with the hash of its contents; what is missing is reported where it is named.
    pub(super) fn data_of(&self, places: &Places) -> Data {
        let mut data = Data::new();
        let mut unset: Vec<String> = Vec::new();
        for (path, named) in places {
            let at = |told: Diagnostic| named.iter().fold(told, |told, (span, text)| told.at(*span, text));
            let found = match path.strip_prefix('$') {
                None => self.data(path),
                // Told once a variable, where it is first named.
                Some(rest) => {
                    let name = rest.split('/').next().unwrap_or(rest).to_owned();
                    if !unset.contains(&name) {
                        let told = Diagnostic::warning(Code::VARIABLE, format!("the environment variable `{name}` is not set"));
                        let help = format!("`export {name}=<folder>` before the experiment is run");
                        let span = named.last().map_or_else(Span::default, |(span, _)| *span);
                        self.report(told.at(span, "this data lies where it says").help(help));
                        unset.push(name);
                    }
                    Ok(Vec::new())
                }
            };
            match found {
                Ok(found) => drop(data.insert(path.clone(), found)),
                Err(why) => {
                    let help = match named.len() {
                        _ if path.ends_with(".safetensors") && self.files.stamp(&format!("{path}.index.json")).is_ok() => {
                            "the weights lie there in several parts: let `save_pretrained` of the transformers library write them as one, \
                             with `max_shard_size=\"100GB\"`"
                        }
                        _ if path.ends_with(".safetensors")
                            && self.files.stamp(&path.replace("model.safetensors", "pytorch_model.bin")).is_ok() =>
                        {
                            "the weights lie there as PyTorch pickles them: write them anew, `model.save_pretrained(…, safe_serialization=True)`"
                        }
                        2.. => "a task's files are relative to its suite's `data`",
                        _ => "paths of data are relative to the file that names them",
                    };
                    self.report(at(Diagnostic::error(Code::MISSING_FILE, format!("`{path}` cannot be read: {why}"))).help(help));
                }
            }
        }
        data
    }
}

/// Where the experiment's data is named: texts in the corpus, weights, files in tasks, and these in suites.
pub(super) fn places(value: &Val, settings: &Experiment, files: &dyn Files) -> Places {
    let mut places = Places::new();
    let span = value.get(&["corpus", "source"]).map_or_else(|| value.span(), Val::span);
    for text in settings.texts() {
        places.entry(text.clone()).or_insert_with(|| vec![(span, "named here".to_owned())]);
    }
    // With a search they are a mistake of their own, and not looked for.
    let weights = settings.r#final.weights.as_ref().filter(|_| settings.search.is_none());
    if let Some(Weights::HuggingFace { folder }) = weights {
        let span = value.get(&["final", "weights"]).map_or_else(|| value.span(), Val::span);
        for file in hugging_face(folder, files) {
            places.entry(file).or_insert_with(|| vec![(span, "in this folder".to_owned())]);
        }
    }
    for TaskFile { suite, task, field, expected, path } in task_files(settings) {
        let Some(suite) = value.get(&[suite, "suite"]) else { continue };
        let task = suite.get(&["tasks"]).and_then(|tasks| if let Val::List(tasks, _) = tasks { tasks.get(task) } else { None });
        let file = task.and_then(|task| task.get(&["files", field]));
        let named = [(file, expected), (Some(suite), "in this suite".to_owned())];
        places.entry(path).or_insert_with(|| named.into_iter().filter_map(|(value, text)| Some((value?.span(), text))).collect());
    }
    places
}

/// The files of a folder in Hugging Face's layout: sizes, weights, the vocabulary in whichever of its two forms is there, and how text is
/// normalised where a file of its own says it.
pub(super) fn hugging_face(folder: &str, files: &dyn Files) -> Vec<String> {
    let file = |name: &str| format!("{folder}/{name}");
    let there = |name: &str| files.stamp(&file(name)).is_ok();
    let vocabulary = if !there("tokenizer.json") && there("vocab.txt") { "vocab.txt" } else { "tokenizer.json" };
    let normalisation = Some("tokenizer_config.json").filter(|name| there(name));
    ["config.json", "model.safetensors", vocabulary].into_iter().chain(normalisation).map(file).collect()
}

/// A file of a task that an experiment reads.
pub(super) struct TaskFile {
    /// The field of the experiment that holds the suite.
    suite: &'static str,
    /// The number of the task in it.
    task: usize,
    /// The field of the task's `files`.
    field: &'static str,
    /// What is expected where it is named.
    expected: String,
    pub path: String,
}

/// The files that training and scoring read, in the order of the suites and tasks: test files are answered after the last table only.
pub(super) fn task_files(settings: &Experiment) -> Vec<TaskFile> {
    let mut files = Vec::new();
    for (suite, known) in settings.suites() {
        for (number, task) in known.tasks.iter().enumerate() {
            let parts = task.parts().filter(|part| suite == "final" || part.searched());
            let expected = |part: &Part<'_>| match part.counts() {
                Some(rows) if known.whole => format!("{rows} rows are expected here"),
                _ => "named here".to_owned(),
            };
            let file = |part: Part<'_>| TaskFile {
                suite,
                task: number,
                field: part.field,
                expected: expected(&part),
                path: known.path(part.file),
            };
            files.extend(parts.map(file));
        }
    }
    files
}
