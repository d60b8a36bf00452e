//! The journal: one JSON object a line, each with a checksum; written once, flushed before it counts.

use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::Goal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The metrics of a task by name, in the task's order: `[("matthews", 0.41)]`.
pub type Metrics = Vec<(String, f64)>;

/// The scores of a suite: tasks in order with their metrics, and the suite's average.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Each task with its metrics.
    pub tasks: Vec<(String, Metrics)>,
    /// The suite's average.
    pub score: f64,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The run begins.
    Start(Start),
    /// The text has been read.
    Corpus {
        /// Tokens to train on.
        train_tokens: usize,
        /// Tokens held out.
        held_out_tokens: usize,
        /// Word pieces of the vocabulary.
        vocabulary: usize,
        /// Cross-entropy in nats of held-out tokens under the unigram distribution of the training text.
        unigram_entropy: f64,
    },
    /// What needs no model scores on dev.
    Baseline {
        /// `majority` or `bag_of_words`.
        name: String,
        /// Its scores on dev.
        scores: Scores,
    },
    /// The supernet is warm.
    Warmup {
        /// Steps taken.
        steps: u64,
        /// Mean masked-LM loss of the last tenth.
        loss: f64,
        /// Seconds it took.
        seconds: f64,
    },
    /// The priorities that a generation's mutations drew by.
    Priority {
        /// The generation.
        generation: usize,
        /// Operation, mean credit, occurrences, probability.
        operations: Vec<(String, f64, f64, f64)>,
        /// Whether the probabilities differ too little to say anything.
        says_nothing: bool,
    },
    /// A candidate has been evaluated.
    Candidate(Candidate),
    /// A candidate has been judged on a rung of the halving.
    Rung {
        /// The rung, from 0.
        rung: usize,
        /// The candidate as it then was.
        candidate: Candidate,
    },
    /// A candidate has been scored again.
    Rescored(Rescored),
    /// A generation is committed to the supernet.
    Generation {
        /// The generation.
        generation: usize,
        /// The best score so far.
        best: f64,
        /// Whose it is.
        best_id: usize,
        /// Seconds that the sitting which ended it spent on it.
        #[serde(default)]
        seconds: f64,
    },
    /// The search ended at its bound of time.
    Wall {
        /// Candidates evaluated.
        evaluations: usize,
    },
    /// A model of the last table has been pre-trained.
    Pretrained {
        /// Its name.
        name: String,
        /// The number of its training.
        seed: u64,
        /// Its masked-LM loss in nats on the held-out text.
        held_out_loss: f64,
        /// Seconds it took.
        seconds: f64,
    },
    /// A model of the last table has been fine-tuned on a task.
    Tuned {
        /// The model's name.
        name: String,
        /// The number of its training.
        seed: u64,
        /// The task.
        task: String,
        /// The run, from 0.
        run: u64,
        /// The place of its learning rate among those to choose from.
        rate: usize,
        /// The metrics on dev, and on the second dev set, where there is one.
        metrics: Vec<Vec<f64>>,
        /// Seconds it took.
        seconds: f64,
    },
    /// A model of the last table has been trained and scored.
    Final(FinalModel),
    /// A model of the rank agreement has been judged one way.
    Agreed(Agreed),
    /// A class of a table has been trained once.
    Tabled {
        /// Its functional identity.
        class: String,
        /// The seed of this training.
        seed: u64,
        /// Masked-LM loss in nats on the held-out text; `None` where it failed.
        loss: Option<f64>,
        /// Why it failed.
        failure: Option<String>,
    },
    /// The run is complete.
    Finished {
        /// Candidates evaluated.
        evaluations: usize,
        /// Seconds of the sitting that finished it.
        seconds: f64,
    },
}

/// What was begun, and by what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The experiment's name.
    pub experiment: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its seed.
    pub seed: u64,
    /// Phyla's version.
    pub version: String,
    /// What carried it out, as `--executor` names it; empty in journals that are older than this field.
    #[serde(default)]
    pub executor: String,
    /// Architectures in the space.
    pub space_size: String,
    /// What is sought; empty where nothing is searched.
    #[serde(default)]
    pub objectives: Vec<Goal>,
}

/// A candidate of the search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its number, from 0.
    pub id: usize,
    /// Its generation, from 0 (the initial population).
    pub generation: usize,
    /// Its canonical hash.
    pub hash: String,
    /// The number of its parent.
    pub parent: Option<usize>,
    /// The mutations that made it, in words: `replace op in layer 2: softsign`.
    pub mutation: Vec<String>,
    /// The same as data, for operation priority.
    pub mutated: Vec<crate::space::Mutated>,
    /// Its fillings.
    pub architecture: crate::space::Compact,
    /// Its fillings in words, one a layer.
    pub layers: Vec<String>,
    /// Parameters of the masked-LM model.
    pub params: u64,
    /// Forward FLOPs of the masked-LM model for one sentence at full length.
    pub flops: u64,
    /// Masked-LM steps of its adaptation: fewer than asked for where it left the halving early.
    #[serde(default)]
    pub steps: u64,
    /// Masked-LM loss at the end of adaptation.
    pub loss: Option<f64>,
    /// Masked-LM loss in nats on the held-out text after adaptation, where an objective asks for it.
    #[serde(default)]
    pub held_out_loss: Option<f64>,
    /// Scores on the hold-out, where an objective asks for them; `None` where it failed.
    pub scores: Option<Scores>,
    /// A value for each objective, larger being better; empty where it failed.
    #[serde(default)]
    pub values: Vec<f64>,
    /// The identity of what it computes.
    #[serde(default)]
    pub function: String,
    /// The first candidate that computes the same, if one did before; its results stand here where `dedupe = functional`.
    #[serde(default)]
    pub same_as: Option<usize>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Seconds it took.
    pub seconds: f64,
}

/// A candidate scored again from a supernet that has learnt since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rescored {
    /// The generation before which it was.
    pub generation: usize,
    /// Its number.
    pub candidate: usize,
    /// Whether it was as a parent, whose values are replaced; otherwise as an anchor.
    pub parent: bool,
    /// A value for each objective, larger being better; empty where it failed.
    pub values: Vec<f64>,
    /// Seconds it took.
    pub seconds: f64,
}

/// A way in which a model of the rank agreement is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the supernet's weights.
    Shared,
    /// From scratch, in as many steps as sharing took: its own, and its part of the warm-up.
    Short,
    /// From scratch in full, on a seed of its own from 0.
    Scratch(u64),
}

/// A model of the rank agreement, judged one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreed {
    /// Its number, from 0.
    pub model: usize,
    /// How it was trained.
    pub way: Way,
    /// Its fillings in words, one a layer.
    pub layers: Vec<String>,
    /// Parameters of the masked-LM model.
    pub params: u64,
    /// Forward FLOPs of the masked-LM model for one sentence at full length.
    pub flops: u64,
    /// The first objective's value, larger being better; `None` where it failed.
    pub value: Option<f64>,
    /// Masked-LM steps it took.
    pub steps: u64,
    /// Seconds it took.
    pub seconds: f64,
}

/// A model of the last table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinalModel {
    /// `best`, `bert.first(4)`, `random 1`, …
    pub name: String,
    /// The seed it was trained with, from 0.
    pub seed: u64,
    /// Its canonical hash.
    pub hash: String,
    /// Its fillings in words, one a layer.
    pub layers: Vec<String>,
    /// Parameters of the masked-LM model.
    pub params: u64,
    /// Forward FLOPs of the masked-LM model for one sentence at full length.
    pub flops: u64,
    /// Masked-LM loss in nats on the held-out text; `None` where nothing was pre-trained.
    pub held_out_loss: Option<f64>,
    /// Scores on dev.
    pub scores: Scores,
    /// Seconds it took.
    pub seconds: f64,
}

impl FinalModel {
    /// The held-out loss; NaN where nothing was pre-trained.
    pub fn loss(&self) -> f64 {
        self.held_out_loss.unwrap_or(f64::NAN)
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Journal {
    /// Opens or begins the journal of a run. A last line that was cut short is taken back; a line damaged anywhere else is an
    /// error.
    ///
    /// # Errors
    /// Where the file cannot be read or written, or is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let message = format!("the journal `{}` cannot be used: {error}", path.display());
            Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("check the folder's permissions and the space left on the disk"))
        };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (entries, good) = read(&bytes).map_err(|wrong| wrong.told(path))?;
        file.set_len(good).map_err(failed)?;
        file.seek(SeekFrom::Start(good)).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), entries })
    }

    /// Appends an entry; it is on the disk when this returns.
    ///
    /// # Errors
    /// Where it cannot be written; nothing of it counts then.
    pub fn append(&mut self, entry: Entry) -> Result<()> {
        let text = serde_json::to_string(&entry)
            .map_err(|error| Box::new(Diagnostic::error(Code::INTERNAL, format!("a journal entry cannot be written: {error}"))))?;
        let line = format!("{{\"sum\":\"{}\",\"entry\":{text}}}\n", checksum(&text));
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).map_err(|error| {
            let message = format!("the journal cannot be written: {error}");
            Box::new(
                Diagnostic::error(Code::WRITE, message)
                    .help("make room on the disk, then start the same command again: it goes on from here"),
            )
        })?;
        if !self.is_there() {
            let message = format!("the journal `{}` was removed or replaced while the run was going on", self.path.display());
            return Diagnostic::error(Code::RUN_FOLDER, message).help("start the same command again").into();
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Whether the file that is written to still stands in its folder.
    #[cfg(unix)]
    fn is_there(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let same = |one: &std::fs::Metadata, other: &std::fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
        std::fs::metadata(&self.path).is_ok_and(|named| self.file.metadata().is_ok_and(|open| same(&named, &open)))
    }

    #[cfg(not(unix))]
    fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// The first line of a journal that cannot be read, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not what was written.
    Damaged(usize),
    /// It is what was written, by another version.
    Unknown(usize),
}

impl Unreadable {
    /// The complaint about this line of the journal at `path`.
    pub fn told(self, path: &Path) -> Box<Diagnostic> {
        let (line, what, help) = match self {
            Self::Damaged(line) => {
                (line, "is damaged", "restore it from a copy, take the line out where it is the last, or start over with `--fresh`")
            }
            Self::Unknown(line) => {
                let help = "use the version that wrote it, or start over with `--fresh`";
                (line, "says something that this version of Phyla does not know", help)
            }
        };
        Box::new(Diagnostic::error(Code::RUN_FOLDER, format!("line {line} of the journal `{}` {what}", path.display())).help(help))
    }
}

/// The entries of a journal's bytes, and how many bytes hold whole lines.
///
/// # Errors
/// The first line that cannot be read, but for a last one that was cut short.
pub fn read(bytes: &[u8]) -> std::result::Result<(Vec<Entry>, u64), Unreadable> {
    let mut entries = Vec::new();
    let mut good = 0;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (number, line) in lines.iter().enumerate() {
        match text(line).map(serde_json::from_str) {
            Some(Ok(entry)) => {
                entries.push(entry);
                good += line.len() as u64;
            }
            Some(Err(_)) => return Err(Unreadable::Unknown(number + 1)),
            // A crash can cut only the last line short, or leave blocks of it unwritten.
            None if number + 1 == lines.len() && (!line.ends_with(b"\n") || line.contains(&0)) => break,
            None => return Err(Unreadable::Damaged(number + 1)),
        }
    }
    Ok((entries, good))
}

/// A line's entry as it was written; `None` where its checksum is another.
fn text(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let body = text.strip_prefix("{\"sum\":\"")?;
    let (sum, rest) = body.split_once("\",\"entry\":")?;
    rest.strip_suffix('}').filter(|text| checksum(text) == sum)
}

fn checksum(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(16).collect()
}

/// The metrics of all tasks in one map, `task.metric` to value, for tables.
pub fn columns(scores: &Scores) -> BTreeMap<String, f64> {
    scores
        .tasks
        .iter()
        .flat_map(|(task, metrics)| metrics.iter().map(move |(metric, value)| (format!("{task}.{metric}"), *value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Entry, Unreadable, checksum, read};

    fn line(entry: &str) -> Vec<u8> {
        format!("{{\"sum\":\"{}\",\"entry\":{entry}}}\n", checksum(entry)).into_bytes()
    }

    #[test]
    fn what_another_version_wrote_is_not_taken_for_damage() {
        let wall = line(&serde_json::to_string(&Entry::Wall { evaluations: 3 }).unwrap());
        let other = line(r#"{"kind":"weather","sky":"blue"}"#);
        assert_eq!(read(&[wall.clone(), other.clone()].concat()), Err(Unreadable::Unknown(2)));
        let changed = String::from_utf8(other.clone()).unwrap().replace("blue", "glue").into_bytes();
        assert_eq!(read(&[wall.clone(), changed].concat()), Err(Unreadable::Damaged(2)));
        let cut = wall.len() as u64;
        assert_eq!(read(&[&wall[..], &other[..20]].concat()), Ok((vec![Entry::Wall { evaluations: 3 }], cut)));
    }
}
