//! A closed world of files: what ships, read once, and what a law puts in memory. No input reaches anything else on the disk.

use phyla::check::Files;
use phyla::run::files::Disk;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Where an input lies: among the experiments, beside their data.
pub const KEY: &str = "experiments/fuzz.phyla";
/// A small text in memory, which inputs may name as their corpus.
pub const DATA: &str = "experiments/fuzz.txt";
/// The file that an input may have beside it.
pub const OTHER: &str = "experiments/other.phyla";
/// The line of an input after which that file begins.
pub const BREAK: &str = "//// other.phyla\n";
/// The folder that absolute paths begin with.
const ROOT: &str = "/fuzz/";

/// Files of a data path with the hashes of their contents.
type Data = Vec<(String, String)>;

/// Sources and data that ship.
static SHIPPED: LazyLock<(BTreeMap<String, String>, BTreeMap<String, Data>)> = LazyLock::new(|| {
    let sources = sources("experiments").into_iter().collect();
    let mut data: BTreeMap<String, Data> = BTreeMap::new();
    data.insert(DATA.to_owned(), vec![(DATA.to_owned(), blake3::hash(b"A paragraph.\nAnother one.\n").to_hex().to_string())]);
    let texts = ["experiments/data", "experiments/data/austen.txt", "experiments/data/wordnet_glosses.txt"].map(str::to_owned);
    let mini = ["order", "kin", "overlap"]
        .into_iter()
        .flat_map(|task| ["train", "dev", "test"].map(|split| format!("std:mini/{task}/{split}.tsv")));
    for path in texts.into_iter().chain(mini) {
        let found = Disk.data(&path).expect("it ships");
        data.insert(path, found);
    }
    (sources, data)
});

/// The sources of a folder by their paths, in order.
pub fn sources(folder: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("a folder of the repository");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut found: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "phyla"))
        .map(|path| (path.display().to_string(), String::from_utf8_lossy(&std::fs::read(&path).expect("it can be read")).into_owned()))
        .collect();
    found.sort();
    found
}

/// What ships, with some sources in memory over it.
#[derive(Default)]
pub struct Closed {
    sources: BTreeMap<String, String>,
    /// A data file one byte of which is another than what ships.
    touched: Option<String>,
}

impl Closed {
    /// The input at its place, with the file beside it where it has one.
    pub fn new(text: &str) -> Self {
        match text.split_once(BREAK) {
            Some((text, other)) => Self::default().with(KEY, text).with(OTHER, other),
            None => Self::default().with(KEY, text),
        }
    }

    /// The same with one more source.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.sources.insert(path.to_owned(), text.to_owned());
        self
    }

    /// What stands in memory, by path.
    pub fn written(&self) -> impl Iterator<Item = (&String, &String)> {
        self.sources.iter()
    }

    /// The same with one byte changed in a data file.
    #[must_use]
    pub fn touching(mut self, file: &str) -> Self {
        self.touched = Some(file.to_owned());
        self
    }
}

impl Files for Closed {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = self.sources.get(path).or_else(|| SHIPPED.0.get(path));
        found.cloned().ok_or_else(|| "there is no such file".to_owned())
    }

    fn join(&self, from: &str, path: &str) -> String {
        Disk.join(from, path)
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{ROOT}{path}") }
    }

    fn data(&self, path: &str) -> Result<Data, String> {
        let known = SHIPPED.1.get(path.strip_prefix(ROOT).unwrap_or(path));
        let mut found = known.cloned().ok_or_else(|| "there is no such file".to_owned())?;
        for (file, hash) in &mut found {
            if self.touched.as_ref() == Some(file) {
                *hash = blake3::hash(hash.as_bytes()).to_hex().to_string();
            }
        }
        Ok(found)
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}
