//! Programs that mean something: declarations of every kind that use one another, most of them without a mistake.

mod borrow;
mod claims;
mod experiments;
mod graphs;
mod records;
mod spaces;

use crate::dice::Dice;
use crate::files::BREAK;
use spaces::Space;
use std::collections::{BTreeMap, BTreeSet};

/// Names that declarations get; one of each kind may have the same.
const NAMES: &[&str] =
    &["alpha", "beta", "gamma", "delta", "wide", "narrow", "mine", "other", "first_try", "x1", "best", "small_one", "steps", "test"];

/// Writes a program, with what it has declared so far.
pub struct Author<'d> {
    dice: &'d mut Dice,
    /// Imports by module.
    uses: BTreeMap<&'static str, BTreeSet<String>>,
    /// Names of the file beside this one, each with the name that it has here.
    borrowed: BTreeMap<String, String>,
    items: Vec<String>,
    /// Names that are taken, by kind.
    taken: BTreeSet<(&'static str, String)>,
    unary: Vec<String>,
    binary: Vec<String>,
    /// What is declared or imported.
    own: Declared,
}

/// What a program can name, and a file beside it import.
#[derive(Clone, Default)]
struct Declared {
    /// Sets of operations with their members.
    sets: Vec<(String, Vec<String>)>,
    /// Graphs of an attention: q, k and v of [n, d] to [n, d].
    mixes: Vec<String>,
    /// Graphs from [n, h] to [n, h].
    layers: Vec<String>,
    /// The same around a mixer.
    blocks: Vec<String>,
    spaces: Vec<Space>,
    /// Architectures with the number of their space.
    architectures: Vec<(String, usize)>,
    /// Declared records by kind.
    records: Vec<(&'static str, String)>,
    experiments: Vec<String>,
}

/// A program, some of them with a file beside it.
pub fn write(dice: &mut Dice) -> String {
    if dice.chance(65) {
        let mut author = Author::new(dice);
        author.declare();
        return author.finish();
    }
    let mut other = Author::new(dice);
    other.declare();
    let lent = other.own.clone();
    let other = other.finish();
    let mut author = Author::new(dice);
    author.borrow(lent);
    author.declare();
    format!("{}{BREAK}{other}", author.finish())
}

impl<'d> Author<'d> {
    fn new(dice: &'d mut Dice) -> Self {
        Self {
            dice,
            uses: BTreeMap::new(),
            borrowed: BTreeMap::new(),
            items: Vec::new(),
            taken: BTreeSet::new(),
            unary: Vec::new(),
            binary: Vec::new(),
            own: Declared::default(),
        }
    }

    /// Declares a few things of each kind, simple ones first.
    fn declare(&mut self) {
        self.times(2, Self::operation);
        self.times(2, Self::mix);
        self.times(1, Self::layer);
        self.times(1, Self::block_graph);
        self.times(2, Self::set);
        for _ in 0..self.dice.within(1, 2) {
            self.space();
        }
        self.times(1, Self::changed_space);
        self.times(2, Self::architecture);
        self.times(3, Self::record);
        if self.dice.chance(85) {
            self.experiment();
            self.times(1, Self::changed_experiment);
        }
        self.times(1, Self::test);
    }

    fn times(&mut self, most: usize, declare: fn(&mut Self)) {
        for _ in 0..self.dice.within(0, most) {
            declare(self);
        }
    }

    /// The items in any order after the imports, with comments here and there.
    fn finish(mut self) -> String {
        let mut text = self.dice.word(&["", "", "//! A program.\n\n", "// Begins here.\n", "\n"]).to_owned();
        for (module, names) in &self.uses {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            text += &format!("use std.{module} {{ {} }}\n", names.join(", "));
        }
        let names: Vec<String> =
            self.borrowed.iter().map(|(name, here)| if name == here { name.clone() } else { format!("{name} as {here}") }).collect();
        if !names.is_empty() {
            text += &format!("use \"other.phyla\" {{ {} }}\n", names.join(", "));
        }
        if self.dice.chance(70) {
            self.dice.shuffle(&mut self.items);
        }
        for item in &self.items {
            text += self.dice.word(&["", "\n", "\n", "\n/// It has documentation.\n", "\n// A note apart.\n\n"]);
            text += item;
            text += self.dice.word(&["\n", "\n", "\n", " // on its line\n", "  \n"]);
        }
        text
    }

    /// A name that no declaration of this kind has yet.
    fn fresh(&mut self, kind: &'static str) -> String {
        let group = if kind == "op" { "graph" } else { kind };
        loop {
            let mut name = self.dice.word(NAMES).to_owned();
            if self.dice.chance(75) {
                name += &format!("_{}", self.dice.below(50));
            }
            // What is borrowed brings the declarations of all kinds along.
            if !self.borrowed.values().any(|here| *here == name) && self.taken.insert((group, name.clone())) {
                return name;
            }
        }
    }

    /// Something of the library: imported, or written out.
    fn std(&mut self, module: &'static str, name: &'static str) -> String {
        if self.dice.chance(25) {
            return format!("std.{module}.{name}");
        }
        let alias = self.dice.chance(15);
        let here = if alias { format!("their_{name}") } else { name.to_owned() };
        self.uses.entry(module).or_default().insert(if alias { format!("{name} as {here}") } else { here.clone() });
        here
    }

    /// One of these, or nothing where there are none.
    fn one_of(&mut self, names: &[String]) -> Option<String> {
        if names.is_empty() { None } else { Some(self.dice.pick(names).clone()) }
    }

    /// Fields in braces, on one line or on several.
    fn braces(&mut self, fields: &[String]) -> String {
        if fields.is_empty() {
            return "{ }".to_owned();
        }
        match self.dice.below(3) {
            0 => format!("{{ {} }}", fields.join(", ")),
            1 => format!("{{\n    {}\n}}", fields.join("\n    ")),
            _ => format!("{{ {},\n}}", fields.join(",\n  ")),
        }
    }
}
