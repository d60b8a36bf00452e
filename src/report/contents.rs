//! What a journal holds, sorted for the outputs: candidates, priorities, baselines, models with their seeds.

use super::words::{list, number, plural};
use crate::run::journal::{Candidate, Entry, FinalModel, Rescored, Scores, Start};
use crate::settings::{Goal, Measure};
use std::collections::BTreeMap;

/// How many seeds a comparison needs before it names anybody.
const SEEDS_TO_COMPARE: usize = 3;

/// The entries of a journal by what they are about.
pub(super) struct Contents<'a> {
    /// The experiment's name.
    pub(super) experiment: &'a str,
    /// In the order of their numbers.
    pub(super) candidates: Vec<&'a Candidate>,
    /// In the order of their generations.
    pub(super) priorities: Vec<Priority<'a>>,
    /// Candidates scored again, in the order of the journal.
    pub(super) rescored: Vec<&'a Rescored>,
    /// The values that parents were last given, by number.
    revalued: BTreeMap<usize, &'a Vec<f64>>,
    /// With their scores on dev.
    pub(super) baselines: Vec<(&'a str, &'a Scores)>,
    /// In the order of the journal.
    pub(super) models: Vec<Model<'a>>,
    /// In nats.
    pub(super) unigram_entropy: Option<f64>,
    /// What is sought; never empty.
    pub(super) objectives: Vec<Goal>,
    /// Whether anything is searched.
    pub(super) searched: bool,
    /// Whether the run is complete.
    pub(super) finished: bool,
}

/// The priorities of one generation.
pub(super) struct Priority<'a> {
    pub(super) generation: usize,
    /// Operation, mean credit, occurrences, probability.
    pub(super) operations: &'a [(String, f64, f64, f64)],
    pub(super) says_nothing: bool,
}

/// A final model with one run a seed, in the order of the seeds; there is at least one.
pub(super) struct Model<'a> {
    pub(super) name: &'a str,
    pub(super) first: &'a FinalModel,
    pub(super) runs: Vec<&'a FinalModel>,
}

/// A column of scores: a task and one of its metrics.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Column<'a> {
    pub(super) task: &'a str,
    pub(super) metric: &'a str,
}

impl<'a> Contents<'a> {
    pub(super) fn new(entries: &'a [Entry]) -> Self {
        let mut contents = Self {
            experiment: "experiment",
            candidates: Vec::new(),
            priorities: Vec::new(),
            rescored: Vec::new(),
            revalued: BTreeMap::new(),
            baselines: Vec::new(),
            models: Vec::new(),
            unigram_entropy: None,
            objectives: vec![Goal::Maximize { of: Measure::Score }],
            searched: true,
            finished: false,
        };
        for entry in entries {
            match entry {
                Entry::Start(Start { experiment, objectives, space_size, .. }) => {
                    contents.experiment = experiment;
                    contents.searched = !space_size.is_empty();
                    if !objectives.is_empty() {
                        contents.objectives.clone_from(objectives);
                    }
                }
                Entry::Corpus { unigram_entropy, .. } => contents.unigram_entropy = Some(*unigram_entropy).filter(|e| e.is_finite()),
                Entry::Baseline { name, scores } => contents.baselines.push((name, scores)),
                Entry::Priority { generation, operations, says_nothing } => {
                    contents.priorities.push(Priority { generation: *generation, operations, says_nothing: *says_nothing });
                }
                Entry::Candidate(candidate) => contents.candidates.push(candidate),
                Entry::Final(run) => match contents.models.iter_mut().find(|model| model.name == run.name) {
                    Some(model) => model.runs.push(run),
                    None => contents.models.push(Model { name: &run.name, first: run, runs: vec![run] }),
                },
                Entry::Finished { .. } => contents.finished = true,
                Entry::Rescored(one) => {
                    contents.rescored.push(one);
                    if one.parent && !one.values.is_empty() {
                        contents.revalued.insert(one.candidate, &one.values);
                    }
                }
                Entry::Warmup { .. }
                | Entry::Generation { .. }
                | Entry::Tabled { .. }
                | Entry::Agreed(_)
                | Entry::Wall { .. }
                | Entry::Rung { .. }
                | Entry::Pretrained { .. }
                | Entry::Tuned { .. } => {}
            }
        }
        contents.candidates.sort_by_key(|candidate| candidate.id);
        contents.priorities.sort_by_key(|priority| priority.generation);
        contents.models.iter_mut().for_each(|model| model.runs.sort_by_key(|run| run.seed));
        contents
    }

    /// The best candidate, with what was measured of the first objective; among equals the best by the next, and then the first.
    pub(super) fn best(&self) -> Option<(&'a Candidate, f64)> {
        // As `History::best_member` has it.
        let scored = self.candidates.iter().filter_map(|candidate| Some((*candidate, self.value(candidate)?)));
        scored.reduce(|best, next| if self.values(next.0) > self.values(best.0) { next } else { best })
    }

    /// The measure of the first objective of a candidate; `None` where it failed.
    pub(super) fn value(&self, candidate: &Candidate) -> Option<f64> {
        self.value_of(candidate, 0)
    }

    /// A candidate's values as they were last given, larger being better.
    pub(super) fn values<'c>(&'c self, candidate: &'c Candidate) -> &'c [f64] {
        self.revalued.get(&candidate.id).copied().unwrap_or(&candidate.values)
    }

    /// The measure of an objective of a candidate; `None` where it failed.
    pub(super) fn value_of(&self, candidate: &Candidate, objective: usize) -> Option<f64> {
        let value = *self.values(candidate).get(objective).filter(|_| candidate.failure.is_none())?;
        Some(self.objectives.get(objective)?.signed(value)).filter(|value| value.is_finite())
    }

    /// Whether one measure of the first objective is better than another.
    pub(super) fn better(&self, one: f64, other: f64) -> bool {
        let signed = |value: f64| self.objectives.first().map_or(value, |goal| goal.signed(value));
        signed(one) > signed(other)
    }

    /// What the first objective measures, in words.
    pub(super) fn measure(&self) -> &'static str {
        self.objectives.first().map_or("score", measure)
    }

    /// A sentence that something is missing: `yet`, while the run goes on.
    pub(super) fn so_far(&self, missing: &str) -> String {
        format!("{missing}{}.", if self.finished { "" } else { " yet" })
    }

    /// The number of the last generation.
    pub(super) fn last_generation(&self) -> usize {
        self.candidates.iter().map(|candidate| candidate.generation).max().unwrap_or(0)
    }

    /// The tasks and metrics of the final table, in the order they first occur.
    pub(super) fn columns(&self) -> Vec<Column<'a>> {
        let models = self.models.iter().flat_map(|model| &model.runs).map(|run| &run.scores);
        columns(models.chain(self.baselines.iter().map(|(_, scores)| *scores)))
    }

    /// The smallest number of seeds that a model of the final table has been trained with.
    pub(super) fn seeds(&self) -> usize {
        self.models.iter().map(|model| model.runs.len()).min().unwrap_or(0)
    }

    /// What the final table allows to be said about who scores highest.
    pub(super) fn verdict(&self) -> String {
        if self.models.len() == 1 && self.finished {
            return "there is no other model to compare it with".to_owned();
        }
        let seeds = self.seeds();
        if seeds < SEEDS_TO_COMPARE {
            return format!("with {} no winner is named", plural(seeds, "seed"));
        }
        let mut ranked: Vec<_> =
            self.models.iter().filter_map(|model| Some((model.name, model.over_seeds(|run| run.scores.score)?))).collect();
        ranked.sort_by(|a, b| b.1.mean.total_cmp(&a.1.mean));
        let mut ranked = ranked.into_iter();
        let Some((name, first)) = ranked.next() else { return "no model has a score".to_owned() };
        let lead = format!("the highest mean score over {} is that of “{name}”: {}", plural(seeds, "seed"), first.text());
        match ranked.next() {
            Some((next, second)) if first.mean - second.mean <= first.spread.max(second.spread) => {
                format!("{lead}; it is ahead of “{next}” ({}) by no more than the spread over seeds, so no winner is named", second.text())
            }
            Some((next, second)) => format!("{lead}; next comes “{next}”: {}", second.text()),
            None => lead,
        }
    }

    /// The mark of a mean that does not beat the better baseline in its column.
    pub(super) fn below_baseline(&self, column: Column<'_>, mean: f64) -> bool {
        self.baselines.iter().filter_map(|(_, scores)| value(scores, column)).any(|baseline| mean <= baseline)
    }

    /// Sentences on what came to nothing: candidates that nothing told apart, models that learnt no more than how frequent words are.
    pub(super) fn in_vain(&self) -> Vec<String> {
        let mut told = Vec::new();
        let values: Vec<f64> = self.candidates.iter().filter_map(|candidate| self.value(candidate)).collect();
        if values.len() > 1 && values.windows(2).all(|pair| pair.first() == pair.last()) {
            told.push(format!("All candidates have the same {}, so the search chose by chance.", self.measure()));
        }
        if let Some(entropy) = self.unigram_entropy
            && !self.models.is_empty()
            && self.models.iter().flat_map(|model| &model.runs).all(|run| run.held_out_loss.is_some_and(|loss| loss >= entropy))
        {
            told.push(
                "No model has a held-out loss below the unigram entropy: they learnt no more than how frequent words are.".to_owned(),
            );
        }
        told
    }

    /// Generations, in words, whose priorities say nothing; `None` where all say something.
    pub(super) fn silent_generations(&self) -> Option<String> {
        let silent: Vec<String> = self.priorities.iter().filter(|p| p.says_nothing).map(|p| p.generation.to_string()).collect();
        let noun = if silent.len() == 1 { "generation" } else { "generations" };
        (!silent.is_empty()).then(|| {
            if silent.len() == self.priorities.len() { "every generation".to_owned() } else { format!("{noun} {}", list(&silent)) }
        })
    }
}

/// A mean over seeds.
pub(super) struct OverSeeds {
    pub(super) mean: f64,
    /// The sample standard deviation; 0 for a single seed.
    pub(super) spread: f64,
    /// Seeds with a finite value.
    pub(super) used: usize,
    /// Seeds in all.
    pub(super) of: usize,
}

impl OverSeeds {
    /// `0.712 ± 0.010`, without a spread for a single seed; with the number of seeds where some have no value.
    pub(super) fn text(&self) -> String {
        let mean = number(Some(self.mean));
        let spread = if self.used > 1 { format!(" ± {}", number(Some(self.spread))) } else { String::new() };
        let missing = if self.used < self.of { format!(" ({} of {})", self.used, self.of) } else { String::new() };
        format!("{mean}{spread}{missing}")
    }
}

impl Model<'_> {
    /// The mean of a value over the seeds where it is finite; `None` where it is nowhere.
    pub(super) fn over_seeds(&self, value: impl Fn(&FinalModel) -> f64) -> Option<OverSeeds> {
        let values: Vec<f64> = self.runs.iter().map(|run| value(run)).filter(|value| value.is_finite()).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let spread = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        (!values.is_empty()).then_some(OverSeeds { mean, spread, used: values.len(), of: self.runs.len() })
    }

    /// The mean of a column of scores over the seeds.
    pub(super) fn column(&self, column: Column<'_>) -> Option<OverSeeds> {
        self.over_seeds(|run| value(&run.scores, column).unwrap_or(f64::NAN))
    }
}

/// The tasks and metrics of some scores, in the order they first occur; metrics of a task stand together.
pub(super) fn columns<'a>(all: impl Iterator<Item = &'a Scores>) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    for (task, metrics) in all.flat_map(|scores| &scores.tasks) {
        for (metric, _) in metrics {
            let column = Column { task, metric };
            if !columns.contains(&column) {
                let after = columns.iter().rposition(|other| other.task == task).map_or(columns.len(), |last| last + 1);
                columns.insert(after, column);
            }
        }
    }
    columns
}

/// A metric of a task; `None` where it is missing or not finite.
pub(super) fn value(scores: &Scores, column: Column<'_>) -> Option<f64> {
    let (_, metrics) = scores.tasks.iter().find(|(task, _)| task == column.task)?;
    metrics.iter().find(|(metric, _)| metric == column.metric).map(|(_, value)| *value).filter(|value| value.is_finite())
}

/// What an objective measures, in words.
pub(super) fn measure(goal: &Goal) -> &'static str {
    match goal.sought().0 {
        Measure::Score => "score on the hold-out",
        Measure::Loss => "masked-LM loss on held-out text",
        Measure::Params => "parameters",
        Measure::Flops => "FLOPs",
    }
}

/// A baseline's name as people say it.
pub(super) fn spoken(baseline: &str) -> String {
    baseline.replace('_', " ")
}
