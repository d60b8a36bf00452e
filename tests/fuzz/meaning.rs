//! Laws of the fingerprint: it tells what an experiment means, not how that is written.

use crate::campaign::{Breach, Verdict, ensure};
use crate::checking::{experiments, mistakes};
use crate::dice::Dice;
use crate::files::{BREAK, Closed, KEY, OTHER};
use crate::rewrite::{other_set, reordered, split, with_blanks, with_comments};
use phyla::check::{Checked, Checker, World};
use phyla::diagnostic::Span;
use phyla::settings::{Experiment, Field, Kind, Unit};
use phyla::space::{Architecture, Domain, Draw, Space, contains, hash, instantiate, to_source};
use phyla::stream::stream;
use phyla::syntax::ast::Name;
use phyla::syntax::{format, parse_expression};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Experiments by name.
type All = BTreeMap<String, Checked>;

/// Where a resolved experiment lies: elsewhere than what it was made from.
const RESOLVED: &str = "elsewhere/resolved.phyla";

/// An experiment keeps its fingerprint however it is written, and loses it where it means something else.
pub fn means(text: &str) -> Verdict {
    let Some(all) = experiments(&Closed::new(text), KEY).filter(|all| !all.is_empty()) else { return Ok(false) };
    // What is tried depends on the input alone.
    let mut dice = Dice::new(0, text, 0);
    for (what, other) in ways(&mut dice, text) {
        same(&all, &other, KEY, what)?;
    }
    // The resolved source holds all that an imported file says of what it names, mistakes included.
    let sound = experiments(&Closed::new(text), OTHER).is_some() || !text.contains(BREAK);
    for checked in all.values().filter(|_| sound) {
        resolves(checked)?;
        finds(&mut dice, checked)?;
    }
    numbers(&mut dice, text)?;
    sets(&mut dice, text, &all)?;
    data(&mut dice, text, &all)?;
    Ok(true)
}

/// The program written otherwise.
fn ways(dice: &mut Dice, text: &str) -> Vec<(&'static str, Closed)> {
    let (text, other) = text.split_once(BREAK).map_or((text, None), |(text, other)| (text, Some(other)));
    let beside = |text: &str, other: Option<&str>| match other {
        Some(other) => Closed::default().with(KEY, text).with(OTHER, other),
        None => Closed::default().with(KEY, text),
    };
    let laid_out = |text: &str| format(text).unwrap_or_else(|_| text.to_owned());
    let mut ways = vec![
        ("a layout", beside(&laid_out(text), other.map(laid_out).as_deref())),
        ("comments", beside(&with_comments(dice, text), other)),
        ("blanks", beside(&with_blanks(dice, text), other)),
        ("another order", beside(&reordered(dice, text), other.map(|other| reordered(dice, other)).as_deref())),
    ];
    if let Some((here, there)) = split(dice, text) {
        ways.push(("two files", beside(&here, other).with("experiments/moved.phyla", &there)));
    }
    ways
}

/// The same experiments with the same fingerprints, from another source.
fn same(all: &All, other: &Closed, key: &str, what: &str) -> Result<(), Breach> {
    let sources = || written(other);
    let Some(found) = experiments(other, key) else {
        let told = format!("{}\n{}", sources(), mistakes(other, key));
        return Err(Breach { law: format!("{what}: a source has mistakes that it had not"), told });
    };
    let prints = |all: &All| all.iter().map(|(name, checked)| format!("{name} {}", checked.fingerprint)).collect::<Vec<_>>();
    ensure(prints(&found) == prints(all), &format!("{what}: another fingerprint"), || {
        format!("{:?}\n{:?}\n{}", prints(all), prints(&found), sources())
    })
}

fn written(files: &Closed) -> String {
    files.written().map(|(path, text)| format!("--- {path}\n{text}")).collect()
}

/// The resolved source is the experiment once more, and resolves to itself but for the order of declarations.
fn resolves(checked: &Checked) -> Result<(), Breach> {
    let files = Closed::default().with(RESOLVED, &checked.source);
    let name = checked.settings.name.clone();
    same(&All::from([(name.clone(), checked.clone())]), &files, RESOLVED, "the resolved source")?;
    let again = experiments(&files, RESOLVED).unwrap_or_default();
    let again = again.get(&name).map_or("", |again| again.source.as_str());
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    ensure(lines(again) == lines(&checked.source), "the resolved source resolves otherwise", || {
        format!("{}\nand then\n{again}", checked.source)
    })?;
    let Some(source) = &checked.space_source else {
        return ensure(checked.settings.search.is_none(), "a search without a space", || checked.source.clone());
    };
    let alone = Closed::default().with(RESOLVED, &source.text);
    let world = World::load(&alone, &[RESOLVED.to_owned()]);
    let checker = Checker::new(&world, &alone);
    let count = checker.named_space(RESOLVED, &source.name).map(|space| space.count());
    let told = || format!("{}\n{}", source.text, mistakes(&alone, RESOLVED));
    ensure(count == Some(checked.space.count()), "the source of the space is another space", told)
}

/// What a search may find is written so that it can be read again.
fn finds(dice: &mut Dice, checked: &Checked) -> Result<(), Breach> {
    let space = &checked.space;
    let draw = *dice.pick(&[Draw::Uniform, Draw::BySize]);
    let Some(member) = space.sample(draw, &mut stream(dice.below(1000) as u64, "found", 0)).filter(|_| space.requires.is_empty()) else {
        return Ok(());
    };
    let Some(alone) = &checked.space_source else { return Ok(()) };
    let named = Space { name: alone.name.clone(), ..Space::clone(space) };
    let source = format!("{}\n{}", alone.text, to_source(&named, &member, "found"));
    ensure(contains(space, &member).is_ok(), "a draw lies outside of its space", || source.clone())?;
    let files = Closed::default().with(RESOLVED, &source);
    let mut world = World::load(&files, &[RESOLVED.to_owned()]);
    let place = world.sources.add("name", "found");
    let checker = Checker::new(&world, &files);
    checker.check_module(RESOLVED);
    let read = checker.named_architecture(RESOLVED, "found", place).filter(|_| !checker.failed());
    let told = || format!("{source}\n{}", mistakes(&files, RESOLVED));
    // The same fillings in a space of another size would be another model.
    let graph = |space: &Space, member: &Architecture| instantiate(space, member).ok().map(|graph| phyla::graph::hash(&graph));
    let same = read.is_some_and(|read| {
        hash(&read.space, &read.architecture) == hash(space, &member) && graph(&read.space, &read.architecture) == graph(space, &member)
    });
    ensure(same, "what a search finds is read otherwise", told)
}

/// Another number in a field is another experiment.
fn numbers(dice: &mut Dice, text: &str) -> Result<(), Breach> {
    let files = Closed::new(text);
    let mut world = World::load(&files, &[KEY.to_owned()]);
    let place = world.sources.add("--set", "");
    let checker = Checker::new(&world, &files);
    let Some((id, _)) = checker.experiments(KEY).into_iter().next() else { return Ok(()) };
    let Some(before) = checker.experiment(id, &[]) else { return Ok(()) };
    let settings = serde_json::to_value(&before.settings).expect("settings are JSON");
    let mut leaves = Vec::new();
    gather(Experiment::schema().fields, &settings, &[], &mut leaves);
    for _ in 0..4 {
        let (path, value) = dice.pick(&leaves).clone();
        let name = |part: &String| Name { text: part.clone(), span: Span::new(place, 0, 0) };
        let expression = parse_expression(place, &value).expect("a number");
        let checker = Checker::new(&world, &files);
        let Some(after) = checker.experiment(id, &[(path.iter().map(name).collect(), expression)]) else { continue };
        let told = || format!("{} = {value}", path.join("."));
        let free = ["workers", "device"].contains(&path[0].as_str());
        ensure((after.fingerprint == before.fingerprint) == free, "a number makes no difference, or one that it should not", told)?;
    }
    Ok(())
}

/// The numbers below fields, each with its path and another value.
fn gather(fields: &[Field], values: &Value, path: &[String], leaves: &mut Vec<(Vec<String>, String)>) {
    for field in fields {
        let name = field.name.strip_prefix("r#").unwrap_or(field.name);
        let Some(value) = values.get(name) else { continue };
        let path = [path, &[name.to_owned()]].concat();
        let kind = if let Kind::Optional(inner) = field.kind { *inner } else { field.kind };
        match (kind, value) {
            (Kind::Int(..), Value::Number(number)) => leaves.extend(number.as_u64().map(|number| (path, (number + 1).to_string()))),
            (Kind::Real(unit, low, high), Value::Number(number)) => {
                leaves.extend(number.as_f64().map(|number| (path, another(unit, number, low, high))));
            }
            (Kind::Record(schema), Value::Object(_)) => gather(schema().fields, value, &path, leaves),
            (Kind::OneOf(variants), Value::Object(chosen)) => {
                for variant in variants().iter().filter(|variant| chosen.contains_key(variant.name)) {
                    gather(variant.fields, &chosen[variant.name], &path, leaves);
                }
            }
            _ => {}
        }
    }
}

/// Another number within the bounds.
fn another(unit: Unit, number: f64, low: f64, high: f64) -> String {
    let half = f64::midpoint(number, if number - low > high - number { low } else { high.min(number + 1.0) });
    if unit == Unit::Seconds { format!("{half} s") } else { half.to_string() }
}

/// Where a set of operations leads to other operations in a space, the experiment is another.
fn sets(dice: &mut Dice, text: &str, all: &All) -> Result<(), Breach> {
    let Some(other) = other_set(dice, text) else { return Ok(()) };
    let Some(found) = experiments(&Closed::new(&other), KEY) else { return Ok(()) };
    for (name, before) in all {
        let Some(after) = found.get(name) else { continue };
        let differ = operations(&before.space) != operations(&after.space) || before.space.count() != after.space.count();
        let told = || format!("{name} {}\n{other}", before.fingerprint);
        ensure(!differ || before.fingerprint != after.fingerprint, "another set of operations makes no difference", told)?;
    }
    Ok(())
}

/// The operations of every `dag` of a space.
fn operations(space: &Space) -> Vec<BTreeSet<String>> {
    let mut found = Vec::new();
    let mut open: Vec<&Domain> = space.holes.iter().map(|hole| &hole.domain).collect();
    while let Some(domain) = open.pop() {
        match domain {
            Domain::Values(_) => {}
            Domain::Dag(dag) => found.push(dag.ops.iter().map(|op| op.identity.clone()).collect()),
            Domain::Choose(arms) => open.extend(arms.iter().flat_map(|arm| arm.holes.iter().map(|(_, domain)| domain))),
        }
    }
    found
}

/// One byte of a data file makes another experiment.
fn data(dice: &mut Dice, text: &str, all: &All) -> Result<(), Breach> {
    let files: BTreeSet<&String> = all.values().flat_map(|checked| checked.data.values().flatten().map(|(file, _)| file)).collect();
    let files: Vec<&String> = files.into_iter().collect();
    if files.is_empty() {
        return Ok(());
    }
    let file = *dice.pick(&files);
    let found = experiments(&Closed::new(text).touching(file), KEY).unwrap_or_default();
    for (name, before) in all.iter().filter(|(_, before)| before.data.values().flatten().any(|(known, _)| known == file)) {
        let differs = found.get(name).is_some_and(|after| after.fingerprint != before.fingerprint);
        ensure(differs, "another text makes no difference", || format!("{name}, {file}"))?;
    }
    Ok(())
}
