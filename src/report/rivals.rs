//! Runs of several experiments beside one another, paired by seed.

use super::contents::{Contents, measure};
use super::words::{list, plural};
use crate::data::statistics::quantile;
use crate::data::{Duel, duels};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::run::journal::{Entry, FinalModel};
use serde::Serialize;

/// Runs compared.
#[derive(Clone, Debug, Serialize)]
pub struct Rivals {
    /// The experiments, the first of which is set beside each other one.
    pub experiments: Vec<String>,
    /// Candidates that each run evaluated.
    pub evaluations: usize,
    /// The seeds that every experiment was run with.
    pub seeds: Vec<u64>,
    /// What was measured of every run.
    pub measures: Vec<Measured>,
}

/// One measure of all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// In words: `held-out loss`.
    pub name: String,
    /// Whether more is better.
    pub more_is_better: bool,
    /// For each experiment its values, in order of the seeds.
    pub values: Vec<Vec<f64>>,
    /// The first experiment and each other one; it wins where its value is better, and a difference is that of the values.
    pub duels: Vec<Duel>,
}

/// A run by what is compared of it: name, whether more is better, and the value.
struct Run<'a> {
    experiment: &'a str,
    seed: u64,
    evaluations: usize,
    measures: Vec<(String, bool, f64)>,
}

/// Compares runs by their journals: each experiment's by name, in the order in which they are met.
///
/// # Errors
/// Where there are fewer than two experiments, two runs of one with the same seed, runs that are not complete or of different
/// numbers of evaluations, or no seed that all have.
pub fn rivals(journals: &[(String, Vec<Entry>)]) -> Result<Rivals> {
    let runs: Vec<Run> = journals.iter().map(|(folder, entries)| read(folder, entries)).collect::<Result<_>>()?;
    let mut experiments: Vec<&str> = Vec::new();
    for (run, (folder, _)) in runs.iter().zip(journals) {
        if !experiments.contains(&run.experiment) {
            experiments.push(run.experiment);
        }
        if runs.iter().filter(|other| other.experiment == run.experiment && other.seed == run.seed).count() > 1 {
            let message = format!("`{}` was run more than once with seed {}", run.experiment, run.seed);
            return Diagnostic::error(Code::USAGE, message).help(format!("leave one out, as `{folder}`")).into();
        }
    }
    if experiments.len() < 2 {
        let names: Vec<String> = experiments.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "there is nothing to compare: these runs are of {}",
            if names.is_empty() { "nothing".to_owned() } else { list(&names) }
        );
        return Diagnostic::error(Code::USAGE, message).help("name the folders of runs of two experiments or more").into();
    }
    let run = |experiment: &str, seed: u64| runs.iter().find(|run| run.experiment == experiment && run.seed == seed);
    let mut seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds.retain(|seed| experiments.iter().all(|experiment| run(experiment, *seed).is_some()));
    let chosen: Vec<Vec<&Run>> = experiments.iter().map(|name| seeds.iter().filter_map(|seed| run(name, *seed)).collect()).collect();
    let Some(first) = chosen.first().and_then(|of| of.first()) else {
        let message =
            format!("no seed was used by all of {}", list(&experiments.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>()));
        return Diagnostic::error(Code::USAGE, message).help("run each with `--set seed=1`, `--set seed=2`, …").into();
    };
    if let Some(other) = chosen.iter().flatten().find(|run| run.evaluations != first.evaluations) {
        let message = format!(
            "a run of `{}` evaluated {}, and one of `{}` {}",
            first.experiment,
            plural(first.evaluations, "candidate"),
            other.experiment,
            other.evaluations
        );
        return Diagnostic::error(Code::USAGE, message).help("searches are compared at equal evaluations").into();
    }
    let measures = first.measures.iter().filter_map(|(name, more, _)| measured(name, *more, &chosen)).collect();
    let evaluations = first.evaluations;
    Ok(Rivals { experiments: experiments.into_iter().map(str::to_owned).collect(), evaluations, seeds, measures })
}

/// What is compared of a run.
fn read<'a>(folder: &str, entries: &'a [Entry]) -> Result<Run<'a>> {
    let seed = entries.iter().find_map(|entry| match entry {
        Entry::Start(start) => Some(start.seed),
        _ => None,
    });
    let contents = Contents::new(entries);
    let (Some(seed), true) = (seed, contents.finished) else {
        let message = format!("the run in `{folder}` is not complete");
        return Diagnostic::error(Code::RUN_FOLDER, message).help("go on with the command that began it").into();
    };
    let mut measures = Vec::new();
    if let (Some((_, value)), Some(goal)) = (contents.best(), contents.objectives.first()) {
        measures.push((format!("best {} of the search", measure(goal)), goal.sought().1, value));
    }
    if let Some(best) = contents.models.iter().find(|model| model.name == "best") {
        let median = |of: &dyn Fn(&FinalModel) -> f64| quantile(&best.runs.iter().map(|run| of(run)).collect::<Vec<_>>(), 0.5);
        measures.extend(median(&FinalModel::loss).map(|loss| ("held-out loss of the best, trained anew".to_owned(), false, loss)));
        measures.extend(median(&|run| run.scores.score).map(|score| ("score of the best on dev, trained anew".to_owned(), true, score)));
    }
    Ok(Run { experiment: contents.experiment, seed, evaluations: contents.candidates.len(), measures })
}

/// A measure of the chosen runs; `None` where some lack it.
fn measured(name: &str, more: bool, chosen: &[Vec<&Run>]) -> Option<Measured> {
    let value = |run: &&Run| run.measures.iter().find(|(known, _, _)| known == name).map(|(_, _, value)| *value);
    let values: Vec<Vec<f64>> = chosen.iter().map(|runs| runs.iter().map(value).collect::<Option<_>>()).collect::<Option<_>>()?;
    // A duel counts the lower as the winner.
    let sign = if more { -1.0 } else { 1.0 };
    let signed: Vec<Vec<f64>> = values.iter().map(|own| own.iter().map(|value| sign * value).collect()).collect();
    let (one, others) = signed.split_first()?;
    let duels = duels(one, others).into_iter().map(|duel| Duel { difference: sign * duel.difference, ..duel });
    Some(Measured { name: name.to_owned(), more_is_better: more, values: values.clone(), duels: duels.collect() })
}

impl Rivals {
    /// For a reader: each measure's values by seed, their medians, and the first experiment beside each other one.
    pub fn told(&self) -> String {
        let width = self.experiments.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let mut lines = vec![format!("{}, {} in each run", plural(self.seeds.len(), "seed"), plural(self.evaluations, "candidate"))];
        for measured in &self.measures {
            lines.push(format!("\n{} ({} is better)", measured.name, if measured.more_is_better { "more" } else { "less" }));
            let seeds: String = self.seeds.iter().map(|seed| format!("{seed:>8}")).collect();
            lines.push(format!("  {:width$}  seed {seeds}    median", ""));
            for (name, values) in self.experiments.iter().zip(&measured.values) {
                let told: String = values.iter().map(|value| format!("{value:>8.4}")).collect();
                let median = quantile(values, 0.5).map_or_else(String::new, |median| format!("{median:>10.4}"));
                lines.push(format!("  {name:width$}       {told}{median}"));
            }
            for (other, duel) in self.experiments.iter().skip(1).zip(&measured.duels) {
                let first = self.experiments.first().map_or("", String::as_str);
                let (wins, ties, losses, told) = (duel.wins, duel.ties, duel.losses, duel.told());
                lines.push(format!("  {first} and {other}: better in {wins}, equal in {ties}, worse in {losses}; {told}"));
            }
        }
        lines.join("\n") + "\n"
    }
}
