//! Where two spaces, or two architectures, differ.

use super::domain::{Architecture, Arm, DagDomain, Domain, Filling, Space};
use super::edits::edits;
use super::source::filling;
use crate::diagnostic::counted;
use crate::graph::dim::show_shape;
use crate::graph::{canonical, hash};
use num_bigint::BigUint;
use std::ops::RangeInclusive;

/// A place where two things differ; a side that has nothing there is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// Where: `search.evaluations`, `mixer.attention.ops`, `mixer[3]`.
    pub path: String,
    /// What stands there first, as Phyla source.
    pub before: Option<String>,
    /// What stands there afterwards.
    pub after: Option<String>,
    /// The edits that lead from one expression to the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<String>,
}

impl Change {
    /// A change without edits.
    pub fn new(path: impl Into<String>, before: Option<String>, after: Option<String>) -> Self {
        Self { path: path.into(), before, after, edits: Vec::new() }
    }
}

/// Where two spaces differ: holes, what may fill them, layers, conditions.
pub fn space_changes(before: &Space, after: &Space) -> Vec<Change> {
    let mut found = Vec::new();
    if before.layers != after.layers {
        found.push(Change::new("layers", Some(before.layers.to_string()), Some(after.layers.to_string())));
    } else if hash(&before.body) != hash(&after.body) {
        let told = |space: &Space| Some(format!("a graph of {}", counted(canonical(&space.body).order().len(), "operation")));
        found.push(Change::new("body", told(before), told(after)));
    }
    for hole in &before.holes {
        match after.holes.iter().find(|other| other.name == hole.name) {
            Some(other) => domain_changes(&hole.name, &hole.domain, &other.domain, &mut found),
            None => found.push(Change::new(&hole.name, Some(kind(&hole.domain)), None)),
        }
    }
    for hole in after.holes.iter().filter(|hole| !before.holes.iter().any(|other| other.name == hole.name)) {
        found.push(Change::new(&hole.name, None, Some(kind(&hole.domain))));
    }
    let requires =
        |space: &Space| space.requires.iter().map(|require| (require.text.clone(), format!("{:?}", require.condition))).collect();
    members("require", requires(before), requires(after), &mut found);
    found
}

fn kind(domain: &Domain) -> String {
    match domain {
        Domain::Values(values) => format!("choose({})", values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        Domain::Dag(dag) => format!("a dag of {} expressions", dag.count()),
        Domain::Choose(arms) => format!("choose {{ {} }}", arms.iter().map(|arm| arm.label.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

fn domain_changes(path: &str, before: &Domain, after: &Domain, found: &mut Vec<Change>) {
    match (before, after) {
        (Domain::Values(before), Domain::Values(after)) => {
            let named = |values: &[i64]| values.iter().map(|value| (value.to_string(), value.to_string())).collect();
            members(path, named(before), named(after), found);
        }
        (Domain::Dag(before), Domain::Dag(after)) => dag_changes(path, before, after, found),
        (Domain::Choose(before), Domain::Choose(after)) => {
            for arm in before {
                match after.iter().find(|other| other.label == arm.label) {
                    Some(other) => arm_changes(&format!("{path}.{}", arm.label), arm, other, found),
                    None => found.push(Change::new(path, Some(format!("{}, of {}", arm.label, arm.count())), None)),
                }
            }
            for arm in after.iter().filter(|arm| !before.iter().any(|other| other.label == arm.label)) {
                found.push(Change::new(path, None, Some(format!("{}, of {}", arm.label, arm.count()))));
            }
        }
        _ => found.push(Change::new(path, Some(kind(before)), Some(kind(after)))),
    }
}

fn arm_changes(path: &str, before: &Arm, after: &Arm, found: &mut Vec<Change>) {
    if hash(&before.body) != hash(&after.body) {
        let told = |arm: &Arm| Some(format!("a graph of {}", counted(canonical(&arm.body).order().len(), "operation")));
        found.push(Change::new(path, told(before), told(after)));
    }
    for (name, domain) in &before.holes {
        let path = format!("{path}.{name}");
        match after.holes.iter().find(|(other, _)| other == name) {
            Some((_, other)) => domain_changes(&path, domain, other, found),
            None => found.push(Change::new(path, Some(kind(domain)), None)),
        }
    }
    for (name, domain) in after.holes.iter().filter(|(name, _)| !before.holes.iter().any(|(other, _)| other == name)) {
        found.push(Change::new(format!("{path}.{name}"), None, Some(kind(domain))));
    }
}

fn dag_changes(path: &str, before: &DagDomain, after: &DagDomain, found: &mut Vec<Change>) {
    let inputs = |dag: &DagDomain| dag.inputs.iter().map(|(name, shape)| (name.clone(), show_shape(shape))).collect();
    members(&format!("{path}.inputs"), inputs(before), inputs(after), found);
    let ops = |dag: &DagDomain| dag.ops.iter().map(|op| (op.name.clone(), op.identity.clone())).collect();
    members(&format!("{path}.ops"), ops(before), ops(after), found);
    let range = |range: &RangeInclusive<u32>| Some(format!("{}..={}", range.start(), range.end()));
    for (name, one, other) in
        [("depth", &before.depth, &after.depth), ("size", &before.size, &after.size), ("uses", &before.uses, &after.uses)]
    {
        if one != other {
            found.push(Change::new(format!("{path}.{name}"), range(one), range(other)));
        }
    }
    if before.output != after.output {
        found.push(Change::new(format!("{path}.output"), Some(show_shape(&before.output)), Some(show_shape(&after.output))));
    }
}

/// Who left a set, who joined it, and what has another meaning under the same name. Pairs are a name and a meaning.
pub fn members(path: &str, before: Vec<(String, String)>, after: Vec<(String, String)>, found: &mut Vec<Change>) {
    let meaning = |from: &[(String, String)], name: &str| from.iter().find(|(known, _)| known == name).map(|(_, meaning)| meaning.clone());
    for (name, own) in &before {
        match meaning(&after, name) {
            None => found.push(Change::new(path, Some(name.clone()), None)),
            Some(other) if other == *own => {}
            Some(_) => found.push(Change::new(path, Some(name.clone()), Some(format!("{name}, defined anew")))),
        }
    }
    found.extend(
        after.iter().filter(|(name, _)| meaning(&before, name).is_none()).map(|(name, _)| Change::new(path, None, Some(name.clone()))),
    );
}

/// Where two architectures differ, filling by filling, each with the space it fills.
pub fn architecture_changes(before: (&Space, &Architecture), after: (&Space, &Architecture)) -> Vec<Change> {
    let mut found = Vec::new();
    for hole in &before.0.holes {
        let domain = after.0.holes.iter().find(|other| other.name == hole.name).map(|other| &other.domain);
        let of = |architecture: &Architecture| architecture.fillings.get(&hole.name).cloned().unwrap_or_default();
        let (one, other) = (of(before.1), of(after.1));
        for place in 0..one.len().max(other.len()) {
            let path = if hole.repetitions.is_some() { format!("{}[{}]", hole.name, place + 1) } else { hole.name.clone() };
            let text = |domain: Option<&Domain>, one: Option<&Filling>| Some(filling(domain?, one?));
            let (left, right) = (one.get(place), other.get(place));
            let (before, after) = (text(Some(&hole.domain), left), text(domain, right));
            if before != after {
                let edits = left.zip(right).map_or_else(Vec::new, |(left, right)| filling_edits(&hole.domain, left, right));
                found.push(Change { path, before, after, edits });
            }
        }
    }
    found
}

/// The edits between two fillings of one arm; none where the arms or the kinds differ.
fn filling_edits(domain: &Domain, before: &Filling, after: &Filling) -> Vec<String> {
    match (domain, before, after) {
        (Domain::Dag(dag), Filling::Dag(before), Filling::Dag(after)) => edits(before, after, &dag.names()),
        (Domain::Choose(arms), Filling::Arm { label, holes }, Filling::Arm { label: other, holes: others }) if label == other => {
            let own = arms.iter().find(|arm| arm.label == *label).map_or(&[][..], |arm| arm.holes.as_slice());
            let pairs = own.iter().zip(holes.iter().zip(others));
            pairs.flat_map(|((_, domain), ((_, before), (_, after)))| filling_edits(domain, before, after)).collect()
        }
        _ => Vec::new(),
    }
}

/// A long whole number to two digits: `4.1e77`.
pub fn short(digits: &str) -> String {
    match digits.get(..3).filter(|_| digits.len() > 9).and_then(|first| first.parse::<u32>().ok()) {
        // Three digits to two, the third rounded.
        Some(first) if first >= 995 => format!("1.0e{}", digits.len()),
        Some(first) => format!("{:.1}e{}", f64::from((first + 5) / 10) / 10.0, digits.len() - 1),
        None => digits.to_owned(),
    }
}

/// How one count stands to another: `× 28`, `÷ 1.3e5`, `equal`.
pub fn ratio(before: &BigUint, after: &BigUint) -> String {
    if before == after {
        return "equal".to_owned();
    }
    let (log, sign) = match magnitude(after) - magnitude(before) {
        log if log >= 0.0 => (log, '×'),
        log => (-log, '÷'),
    };
    if log < 4.0 { format!("{sign} {:.3}", 10f64.powf(log)) } else { format!("{sign} {:.1}e{:.0}", 10f64.powf(log.fract()), log.floor()) }
}

/// The decimal logarithm of a count, to what a machine number holds.
fn magnitude(count: &BigUint) -> f64 {
    let digits = count.to_string();
    let leading: f64 = digits.get(..digits.len().min(15)).and_then(|digits| digits.parse().ok()).unwrap_or(0.0);
    leading.log10() + (digits.len() - digits.len().min(15)) as f64
}
