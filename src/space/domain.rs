//! What may fill a hole, and what fills it.

use super::draw::Members;
use super::productions::{Production, Productions};
use super::require::Require;
use super::table::Table;
use super::term::{DEEPEST, Term, same};
use crate::graph::{Graph, Op, Shape};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

/// Inputs of a `dag` at most: counts are kept for every set of them.
pub const INPUTS: usize = 8;

/// A `dag`: every well-shaped expression over these inputs and operations within these bounds.
#[derive(Debug)]
pub struct DagDomain {
    /// The inputs: labels and shapes, in order.
    pub inputs: Vec<(String, Shape)>,
    /// The operations, parameter-free, of one or two arguments.
    pub ops: Vec<Op>,
    /// Operations on the longest path.
    pub depth: RangeInclusive<u32>,
    /// Operations of the expression written out.
    pub size: RangeInclusive<u32>,
    /// How many of the inputs occur.
    pub uses: RangeInclusive<u32>,
    /// The shape of the result.
    pub output: Shape,
    pub(super) productions: Productions,
    /// The inputs as terms.
    pub(super) leaves: Vec<Arc<Term>>,
    table: OnceLock<Table>,
    pub(super) members: OnceLock<Members>,
}

impl DagDomain {
    /// A domain; its counts are made when first asked for.
    ///
    /// # Errors
    /// Where a bound is beyond what can be counted, or an operation cannot stand in a `dag`, in the user's terms.
    pub fn new(
        inputs: Vec<(String, Shape)>,
        ops: Vec<Op>,
        depth: RangeInclusive<u32>,
        size: RangeInclusive<u32>,
        uses: RangeInclusive<u32>,
        output: Shape,
    ) -> Result<Arc<Self>, String> {
        if inputs.len() > INPUTS {
            return Err(format!("a `dag` has at most {INPUTS} inputs, and {} are given", inputs.len()));
        }
        if (*depth.end()).max(*size.end()) > DEEPEST {
            return Err(format!("`depth` and `size` of a `dag` are at most {DEEPEST}"));
        }
        if let Some(op) = ops.iter().find(|op| !(1..=2).contains(&op.inputs.len()) || !op.statics.is_empty()) {
            return Err(format!("operations of a `dag` take one or two tensors and nothing else; `{}` does not", op.name));
        }
        let names = inputs.iter().map(|(name, _)| name).chain(ops.iter().map(|op| &op.name));
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.clone().find(|name| !seen.insert(*name)) {
            return Err(format!("`{twice}` stands twice in this `dag`"));
        }
        let productions = Productions::new(&inputs, &ops)?;
        productions.fits(inputs.len(), (*depth.end()).min(*size.end()), *size.end())?;
        let leaf = |(number, (_, shape)): (u8, &(String, Shape))| {
            let known = productions.shapes.iter().find(|known| ***known == *shape).cloned();
            Term::input(number, known.unwrap_or_else(|| Arc::new(shape.clone())))
        };
        let leaves = (0u8..).zip(&inputs).map(leaf).collect();
        let (table, members) = (OnceLock::new(), OnceLock::new());
        Ok(Arc::new(Self { inputs, ops, depth, size, uses, output, productions, leaves, table, members }))
    }

    fn names_of_ops(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ops.iter().map(|op| (op.name.as_str(), op.identity.as_str()))
    }

    /// Whether two domains are declared alike, and so have the same members.
    pub fn equals(&self, other: &Self) -> bool {
        let own = (&self.inputs, &self.depth, &self.size, &self.uses, &self.output);
        own == (&other.inputs, &other.depth, &other.size, &other.uses, &other.output) && self.names_of_ops().eq(other.names_of_ops())
    }

    /// The operations that stand in no member, whatever its size: what they make leads to no expression of the output's shape.
    pub fn idle(&self) -> Vec<&Op> {
        let leading = self.shape_number(&self.output).map_or(0, |output| self.productions.leading_to(output));
        let leads = |ways: &[Production]| ways.iter().any(|way| leading >> way.result & 1 == 1);
        self.ops.iter().zip(&self.productions.of).filter(|(_, ways)| !leads(ways)).map(|(op, _)| op).collect()
    }

    /// The labels of the inputs, in order.
    pub fn names(&self) -> Vec<String> {
        self.inputs.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Whether the term is a member.
    ///
    /// # Errors
    /// Why not, in the user's terms.
    pub fn contains(&self, term: &Term) -> Result<(), String> {
        let within = |what: &str, found: u32, range: &RangeInclusive<u32>| {
            let why = || format!("its {what} is {found}, and {}..={} is allowed", range.start(), range.end());
            if range.contains(&found) { Ok(()) } else { Err(why()) }
        };
        if **term.shape() != self.output {
            let show = crate::graph::dim::show_shape;
            return Err(format!("it is {}, and {} is wanted", show(term.shape()), show(&self.output)));
        }
        within("depth", term.depth(), &self.depth)?;
        within("size", term.size(), &self.size)?;
        within("number of used inputs", term.used().count_ones(), &self.uses)?;
        self.knows(term)
    }

    fn knows(&self, term: &Term) -> Result<(), String> {
        match term.op() {
            Some(op) if !self.ops.iter().any(|known| same(known, op)) => Err(format!("`{}` is not among its operations", op.name)),
            Some(_) => term.arguments().iter().try_for_each(|argument| self.knows(argument)),
            None if term.used() >> self.inputs.len() != 0 => Err("it has an input that the `dag` does not have".to_owned()),
            None => Ok(()),
        }
    }

    pub(super) fn table(&self) -> &Table {
        self.table.get_or_init(|| Table::new(self))
    }
}

/// What may fill a hole.
#[derive(Clone, Debug)]
pub enum Domain {
    /// An expression.
    Dag(Arc<DagDomain>),
    /// One of these sizes.
    Values(Vec<i64>),
    /// One of these graphs.
    Choose(Vec<Arm>),
}

/// One graph of a choice.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Its label in `choose { }`.
    pub label: String,
    /// Its own holes, in the order of its arguments, by name.
    pub holes: Vec<(String, Domain)>,
    /// The graph over the arguments of the hole; its own holes stand in it by name, without repetition.
    pub body: Graph,
}

/// What fills a hole.
#[derive(Clone, Debug, PartialEq)]
pub enum Filling {
    /// An expression.
    Dag(Arc<Term>),
    /// A size.
    Value(i64),
    /// A graph of a choice.
    Arm {
        /// Its label.
        label: String,
        /// What fills its own holes, in their order.
        holes: Vec<(String, Filling)>,
    },
}

/// A hole of a space.
#[derive(Clone, Debug)]
pub struct Hole {
    /// Its name: the field of the space.
    pub name: String,
    /// The repetitions of the `repeat` it stands in; `None` outside one.
    pub repetitions: Option<usize>,
    /// Repetitions in a row that share a filling; 1 where each has its own.
    pub tie: usize,
    /// What may fill it.
    pub domain: Domain,
}

impl Hole {
    /// How many fillings it takes: one for each group of `tie` repetitions, or one outside a `repeat`.
    pub fn fillings(&self) -> usize {
        self.repetitions.map_or(1, |repetitions| repetitions.div_ceil(self.tie.max(1)))
    }

    /// Which of its fillings a repetition has.
    pub fn filling_of(&self, repetition: Option<usize>) -> usize {
        repetition.unwrap_or(0) / self.tie.max(1)
    }
}

/// A space: a graph with holes.
#[derive(Clone, Debug)]
pub struct Space {
    /// Its name.
    pub name: String,
    /// Its holes, in the order of their declaration.
    pub holes: Vec<Hole>,
    /// The graph, `[n, h]` to `[n, h]`; a hole inside a `repeat` stands in it once for each repetition.
    pub body: Graph,
    /// Its layers.
    pub layers: usize,
    /// What its field `layers` says, if it has one; with tied repetitions that is more than there are fillings.
    pub declared: Option<usize>,
    /// What its members meet besides; counts and draws know nothing of it.
    pub requires: Vec<Require>,
}

/// A space with its holes filled: for each hole its fillings, in the order of repetition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Architecture {
    /// The fillings, by the name of the hole.
    pub fillings: BTreeMap<String, Vec<Filling>>,
}
