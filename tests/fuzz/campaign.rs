//! One target: inputs in a row until its time is over, and what became of them.

use crate::dice::Dice;
use crate::files;
use crate::inputs::{self, Mix};
use crate::shrink::shrink;
use crate::watch::Watch;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Targets, which share the time evenly.
const TARGETS: u64 = 5;
/// Seconds in all where `PHYLA_FUZZ_SECONDS` says nothing.
const SECONDS: u64 = 15;
/// Different breaches after which a target ends.
const BREACHES: usize = 12;
/// The program's stack: deeply nested sources recurse.
const STACK: usize = 256 << 20;

/// A law that an input breaks: its name, the same for all inputs that break it alike, and what happens.
#[derive(Debug)]
pub struct Breach {
    pub law: String,
    pub told: String,
}

/// Whether an input came as far as the law asks something of it, or the law it breaks.
pub type Verdict = Result<bool, Breach>;

/// A law about inputs.
pub type Law = fn(&str) -> Verdict;

/// The breach of a law where something does not hold.
pub fn ensure(holds: bool, law: &str, told: impl FnOnce() -> String) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err(Breach { law: law.to_owned(), told: told() }) }
}

/// What became of inputs: by origin how many there were, and how many came far.
pub type Counts = BTreeMap<&'static str, (u64, u64)>;

/// Tries the law on inputs until the time is over.
///
/// # Panics
/// Where an input breaks it.
pub fn run(target: &'static str, law: Law, mix: Mix) -> Counts {
    let thread = std::thread::Builder::new().stack_size(STACK);
    let campaign = thread.spawn(move || Campaign::new(target, law).go(mix)).expect("a thread");
    let campaign = campaign.join().expect("the campaign goes on");
    eprintln!("{}", campaign.summary());
    assert!(campaign.failures.is_empty(), "{target}: inputs break {} laws", campaign.failures.len());
    let Campaign { counts, watch, .. } = campaign;
    drop(watch);
    let _ = std::fs::remove_dir(folder());
    counts
}

/// A number that an environment variable says.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a whole number")))
}

/// Where inputs that break a law are written.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("phyla-fuzz-{}", std::process::id()))
}

struct Campaign {
    target: &'static str,
    law: Law,
    seed: u64,
    watch: Watch,
    counts: Counts,
    took: Duration,
    /// The longest time of an input, and which it was.
    slowest: (Duration, String),
    /// How many inputs broke which law.
    failures: BTreeMap<String, u64>,
}

impl Campaign {
    fn new(target: &'static str, law: Law) -> Self {
        std::fs::create_dir_all(folder()).expect("a folder for what fails");
        // Past the capture of a test's output: where the process ends, this line is all that is left.
        let _ = writeln!(std::io::stderr(), "{target}: what fails is written to {}", folder().display());
        let watch = Watch::new(target, &folder().join(format!("{target}.running.phyla")));
        let seed = setting("PHYLA_FUZZ_SEED", 1);
        Self {
            target,
            law,
            seed,
            watch,
            counts: Counts::new(),
            took: Duration::ZERO,
            slowest: Default::default(),
            failures: BTreeMap::new(),
        }
    }

    fn go(mut self, mix: Mix) -> Self {
        let corpus = files::sources("tests/fuzz/corpus");
        corpus.iter().for_each(|(path, text)| self.input("corpus", path, text));
        let end = Instant::now() + Duration::from_secs(setting("PHYLA_FUZZ_SECONDS", SECONDS)) / TARGETS as u32;
        for number in 0.. {
            if Instant::now() > end || self.failures.len() >= BREACHES {
                break;
            }
            let mut dice = Dice::new(self.seed, self.target, number);
            let (origin, text) = inputs::draw(&mut dice, mix);
            self.input(origin, &format!("number {number} ({origin}) of seed {}", self.seed), &text);
        }
        self
    }

    /// Tries the law on one input.
    fn input(&mut self, origin: &'static str, name: &str, text: &str) {
        let (verdict, took) = self.verdict(text);
        self.took += took;
        if took > self.slowest.0 {
            self.slowest = (took, name.to_owned());
        }
        let (count, far) = self.counts.entry(origin).or_default();
        *count += 1;
        match verdict {
            Ok(reached) => *far += u64::from(reached),
            Err(breach) => match self.failures.get_mut(&breach.law) {
                Some(again) => *again += 1,
                None => self.fail(&breach, name, text),
            },
        }
    }

    fn verdict(&self, text: &str) -> (Verdict, Duration) {
        let (result, took) = self.watch.run(text, || (self.law)(text));
        let panicked = |said: String| {
            let (law, told) = said.split_once('\n').unwrap_or((&said, ""));
            Err(Breach { law: law.to_owned(), told: told.to_owned() })
        };
        (result.unwrap_or_else(panicked), took)
    }

    /// Shrinks an input that breaks a law, and writes it down.
    fn fail(&mut self, breach: &Breach, name: &str, text: &str) {
        let small = shrink(text, &mut |text| self.verdict(text).0.is_err_and(|again| again.law == breach.law));
        let told = self.verdict(&small).0.map_or_else(|again| again.told, |_| breach.told.clone());
        let number = self.failures.len() + 1;
        let path = folder().join(format!("{}-{number}.phyla", self.target));
        let whole = folder().join(format!("{}-{number}-whole.phyla", self.target));
        let _ = std::fs::write(&path, &small);
        let _ = std::fs::write(&whole, text);
        eprintln!("\n=== {}: {}\ninput {name}, whole in {}, shrunk in {}:", self.target, breach.law, whole.display(), path.display());
        eprintln!("---\n{small}\n---\n{told}");
        self.failures.insert(breach.law.clone(), 1);
    }

    fn summary(&self) -> String {
        let inputs: u64 = self.counts.values().map(|(count, _)| count).sum();
        let speed = inputs as f64 / self.took.as_secs_f64().max(1e-9);
        let mut text = format!("{}: {inputs} inputs, {speed:.0} a second", self.target);
        for (origin, (count, far)) in &self.counts {
            let _ = write!(text, "; {origin} {count}, {:.0} % of them far", *far as f64 * 100.0 / *count as f64);
        }
        let _ = write!(text, "; slowest {:.2} s, {}", self.slowest.0.as_secs_f64(), self.slowest.1);
        for (law, count) in &self.failures {
            let _ = write!(text, "; {count} break: {law}");
        }
        text
    }
}
