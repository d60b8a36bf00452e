//! What a run leaves behind: the experiment resolved, and the best found as Phyla source.

use super::finals::Contender;
use super::folder::Folder;
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::space::{Architecture, Space, fillings, to_source};
use crate::syntax;

/// The fillings of an architecture in words, one a layer.
pub(super) fn layers(space: &Space, architecture: &Architecture) -> Vec<String> {
    fillings(space, architecture)
}

/// The experiment as one self-contained source, and as YAML.
pub(super) fn experiment(checked: &Checked, folder: &Folder) -> Result<()> {
    folder.write("experiment.phyla", checked.source.as_bytes())?;
    let yaml = serde_yaml::to_string(&checked.settings).map_err(|error| internal(&error.to_string()))?;
    let data = serde_yaml::to_string(&checked.data).map_err(|error| internal(&error.to_string()))?;
    let text = format!("# fingerprint {}\n{yaml}# contents of the data, by BLAKE3\ndata:\n{}", checked.fingerprint, indented(&data));
    folder.write("experiment.yaml", text.as_bytes())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The best found: its space, and the architecture in it.
pub(super) fn best(checked: &Checked, folder: &Folder, best: &Contender, candidate: usize) -> Result<()> {
    let source = checked.space_source()?;
    let named = Space { name: source.name.clone(), ..(*best.space).clone() };
    let text = format!(
        "{}\n/// Found by experiment {}, fingerprint {}, candidate {candidate}.\n{}",
        source.text,
        checked.settings.name,
        checked.fingerprint,
        to_source(&named, &best.architecture, "best")
    );
    let text = syntax::format(&text).map_err(|error| internal(&error.message))?;
    folder.write("best.phyla", text.as_bytes())
}

fn internal(why: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::INTERNAL, format!("an output cannot be written: {why}")))
}
