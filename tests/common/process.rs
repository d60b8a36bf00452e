//! Runs of the program, started and stopped as a user does.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// The files that must not depend on how a run was carried out.
pub const COMPARED: [&str; 5] =
    ["results.csv", "best.phyla", "best.safetensors", "predictions/kin.test.tsv", "predictions/overlap.test.tsv"];

/// The smoke experiment, its trainings long enough to be met in their midst.
pub fn phyla(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["run", "experiments/smoke.phyla", "--out"]).arg(out);
    command.args(["--set", "evaluate.warmup=60", "--set", "final.pretrain.steps=60"]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn finish(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

/// A run to its end.
pub fn complete(out: &Path, more: &[&str]) -> String {
    let (code, _, stderr) = finish(&mut phyla(out, more));
    assert_eq!(code, Some(0), "{stderr}");
    stderr
}

/// Starts a run and waits for a line that begins like this.
pub fn until(out: &Path, more: &[&str], beginning: &str) -> (Child, BufReader<std::process::ChildStderr>) {
    let (child, lines, _) = reached(&mut phyla(out, more), beginning);
    (child, lines)
}

/// Likewise, with the line.
#[expect(clippy::zombie_processes, reason = "the caller waits for it; where this fails the test ends")]
pub fn reached(command: &mut Command, beginning: &str) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut child = command.spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).expect("text") > 0, "it ended before `{beginning}`:\n{said}");
        if line.starts_with(beginning) {
            return (child, lines, line);
        }
        said += &line;
    }
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub fn journal(out: &Path) -> PathBuf {
    out.join("journal.jsonl")
}

/// The kinds of a journal's entries, in order.
pub fn kinds(out: &Path) -> Vec<String> {
    let bytes = fs::read(journal(out)).expect("a journal");
    let (entries, _) = phyla::run::journal::read(&bytes).expect("a sound journal");
    let kind = |entry| {
        serde_json::to_value(entry).expect("an entry").get("kind").and_then(|kind| kind.as_str().map(str::to_owned)).expect("a kind")
    };
    entries.iter().map(kind).collect()
}

pub fn count(out: &Path, kind: &str) -> usize {
    kinds(out).iter().filter(|known| *known == kind).count()
}
