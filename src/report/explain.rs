//! One candidate of a run: what it is, where it came from, by which priorities, what became of it.

use super::contents::{Contents, columns, measure, value};
use super::words::{number, short};
use crate::diagnostic::{Code, Diagnostic, Result, counted};
use crate::run::journal::{Candidate, Entry};
use serde::Serialize;

/// One candidate of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Itself, as the journal has it.
    pub candidate: Candidate,
    /// Operations and their probabilities when its mutation was drawn, the most likely first; empty where nothing was drawn by priority.
    pub priorities: Vec<(String, f64)>,
    /// Its ancestors, the nearest first: number, what the first objective measured, and the mutation that came after.
    pub lineage: Vec<Ancestor>,
    /// Its place among all by the first objective, from 1; `None` where it failed.
    pub rank: Option<usize>,
    /// Candidates in all.
    pub of: usize,
    /// What the objectives measured, in words and numbers.
    pub measured: Vec<(String, f64)>,
}

/// A candidate on the way to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ancestor {
    /// Its number.
    pub id: usize,
    /// The generation it was proposed in.
    pub generation: usize,
    /// What the first objective measured of it.
    pub value: Option<f64>,
    /// How its child on this way was made from it.
    pub mutation: Vec<String>,
}

/// The candidate of a journal with this number or the beginning of this hash.
///
/// # Errors
/// Where there is none, or several.
pub fn explain(entries: &[Entry], wanted: &str) -> Result<Explained> {
    let contents = Contents::new(entries);
    // What begins with a zero is a hash.
    let number = wanted.parse::<usize>().ok().filter(|number| number.to_string() == wanted);
    let by_number = contents.candidates.iter().copied().filter(|one| Some(one.id) == number).collect::<Vec<&Candidate>>();
    let by_hash = contents.candidates.iter().copied().filter(|one| one.hash.starts_with(wanted)).collect::<Vec<&Candidate>>();
    let last = contents.candidates.iter().map(|one| one.id).max();
    let candidate = match (by_number.as_slice(), by_hash.as_slice()) {
        // A short number is a number, though a hash may begin with it.
        ([one], _) => *one,
        ([], _) if number.is_some_and(|number| number < 1_000_000) && last.is_some() => {
            let there = format!("{}, numbered from 0 to {}", counted(contents.candidates.len(), "candidate"), last.unwrap_or(0));
            let best = contents.best().map_or_else(String::new, |(best, _)| format!("; the best is {}", best.id));
            let message =
                format!("this run has no candidate {wanted}: there {} {there}", if contents.candidates.len() == 1 { "is" } else { "are" });
            return Diagnostic::error(Code::USAGE, message)
                .help(format!("give the number of one of them, or the beginning of a hash{best}"))
                .into();
        }
        ([], [one]) => *one,
        (_, []) => {
            let help = match contents.best() {
                Some((best, _)) => format!("candidates: {}; the best is {}, `{}`", contents.candidates.len(), best.id, best.hash),
                None => "this run has no candidates yet".to_owned(),
            };
            return Diagnostic::error(Code::USAGE, format!("no candidate has the number or the hash `{wanted}`")).help(help).into();
        }
        (_, several) => {
            let hashes: Vec<&str> = several.iter().map(|one| one.hash.as_str()).collect();
            return Diagnostic::error(Code::USAGE, format!("{} hashes begin with `{wanted}`", several.len()))
                .help(hashes.join(", "))
                .into();
        }
    };
    let drawn = contents.priorities.iter().find(|priority| priority.generation == candidate.generation && candidate.parent.is_some());
    let mut priorities: Vec<(String, f64)> =
        drawn.into_iter().flat_map(|priority| priority.operations).map(|(op, _, _, probability)| (op.clone(), *probability)).collect();
    priorities.sort_by(|one, other| other.1.total_cmp(&one.1));
    let reached = contents.value(candidate);
    let rank = reached.map(|own| {
        1 + contents.candidates.iter().filter(|other| contents.value(other).is_some_and(|value| contents.better(value, own))).count()
    });
    let measured = contents.objectives.iter().enumerate();
    let measured = measured.filter_map(|(at, goal)| Some((measure(goal).to_owned(), contents.value_of(candidate, at)?))).collect();
    Ok(Explained {
        candidate: candidate.clone(),
        priorities,
        lineage: lineage(&contents, candidate),
        rank,
        of: contents.candidates.len(),
        measured,
    })
}

/// The ancestors of a candidate, the nearest first.
pub(super) fn lineage(contents: &Contents<'_>, candidate: &Candidate) -> Vec<Ancestor> {
    let mut way = Vec::new();
    let mut child = candidate;
    while let Some(parent) = child.parent.and_then(|id| contents.candidates.iter().find(|one| one.id == id && id < child.id)) {
        let (value, mutation) = (contents.value(parent), child.mutation.clone());
        way.push(Ancestor { id: parent.id, generation: parent.generation, value, mutation });
        child = parent;
    }
    way
}

impl Explained {
    /// In words, for a terminal.
    pub fn told(&self) -> String {
        let one = &self.candidate;
        let mut lines =
            vec![format!("candidate {} of {}, generation {}", one.id, self.of, one.generation), format!("hash       {}", one.hash)];
        lines.extend(one.layers.iter().enumerate().map(|(layer, words)| format!("layer {:<4} {words}", layer + 1)));
        lines.push(match one.parent {
            Some(parent) => format!("made from  candidate {parent}: {}", one.mutation.join(", then ")),
            None => "made       anew, from no parent".to_owned(),
        });
        if !self.priorities.is_empty() {
            let told: Vec<String> =
                self.priorities.iter().map(|(op, probability)| format!("{op} {}", number(Some(*probability)))).collect();
            lines.push(format!("priorities {} (generation {}, where all fit)", told.join(", "), one.generation));
        }
        match (&one.failure, self.rank) {
            (Some(why), _) => lines.push(format!("failed     {why}")),
            (None, rank) => {
                let place = rank.map_or_else(String::new, |rank| format!("; place {rank} of {}", self.of));
                let told: Vec<String> = self.measured.iter().map(|(what, value)| format!("{what} {}", amount(*value))).collect();
                lines.push(format!("measured   {}{place}", told.join(", ")));
            }
        }
        if let Some(scores) = &one.scores {
            let told = columns(std::iter::once(scores))
                .into_iter()
                .map(|column| format!("{} {} {}", column.task, column.metric, number(value(scores, column))));
            lines.push(format!("tasks      {}", told.collect::<Vec<String>>().join(", ")));
        }
        if one.steps > 0 {
            lines.push(format!("adapted    {} masked-LM steps", one.steps));
        }
        if let Some(first) = one.same_as {
            lines.push(format!("computes   what candidate {first} does, told by values on fixed inputs"));
        }
        lines.push(format!("costs      {} parameters, {} FLOPs a sentence; {:.1} s", short(one.params), short(one.flops), one.seconds));
        if !self.lineage.is_empty() {
            let told = self.lineage.iter().map(|ancestor| format!("{} ({})", ancestor.id, number(ancestor.value)));
            lines.push(format!("lineage    {}", std::iter::once(one.id.to_string()).chain(told).collect::<Vec<String>>().join(" ← ")));
        }
        lines.join("\n") + "\n"
    }
}

/// A measure: three decimals, or a short count.
fn amount(value: f64) -> String {
    if value.abs() >= 1e4 { short(value as u64) } else { number(Some(value)) }
}
