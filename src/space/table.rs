//! How many terms there are: by root operation, shape, depth, size and set of used inputs.
//!
//! With `F[op][shape][D][S][U]` the terms of that root and shape with depth at most D, exactly S operations and
//! inputs within U, and `T` its sum over the roots and, at S = 0, the inputs themselves:
//! a unary operation has `T[child][D-1][S-1][U]`, less `F` of the same root where f(f(x)) is no canonical term;
//! a binary one `Σ T[left][D-1][s][U] · T[right][D-1][S-1-s][U]`, and (that + diagonal) / 2 where its operands
//! may be exchanged. Exact sets of inputs follow by inclusion and exclusion, exact depths as differences.
//! Inputs of one shape are alike to the counts, so U matters only through how many of each shape it holds.

use super::domain::DagDomain;
use super::draw::Goals;
use crate::graph::{Op, Shape};
use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock, RwLock};

/// Shapes that terms of one domain may have, at most.
const SHAPES: usize = 64;
/// Products of counts that a table may take, at most: some seconds.
const WORK: usize = 50_000_000;

/// One way an operation applies: to arguments of these shapes.
#[derive(Clone, Debug)]
pub(super) struct Production {
    pub arguments: Vec<usize>,
    pub result: usize,
    /// Whether the two operands may be exchanged.
    pub commutes: bool,
}

/// What is asked of a term: shape, depth within `low..=high`, operations, and exactly these inputs used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub shape: usize,
    pub low: u32,
    pub high: u32,
    pub size: u32,
    pub mask: usize,
}

/// The shapes of a domain and how its operations lead from one to another.
#[derive(Clone, Debug)]
pub(super) struct Productions {
    pub shapes: Vec<Arc<Shape>>,
    /// For each operation.
    pub of: Vec<Vec<Production>>,
    /// For each operation how many arguments it takes, and the results by their shapes: of one in a row, of two in a square.
    results: Vec<(usize, Vec<Option<usize>>)>,
}

/// Exact counts of the terms of a domain.
pub(super) struct Table {
    pub productions: Productions,
    deepest: u32,
    largest: u32,
    class_of: Vec<usize>,
    classes: usize,
    /// By operation, with every input total last.
    exact: Vec<Vec<BigUint>>,
    zero: BigUint,
    /// The same counts where all of them leave room for products in 128 bits; empty otherwise.
    small: Vec<Vec<u128>>,
    /// Goals of operands by shape and depth, made when first asked for.
    operands: Vec<OnceLock<Vec<Goals>>>,
    /// For an operation's operands and what both together are to meet: the weight of each size of the first.
    splits: RwLock<HashMap<Split, Arc<[u128]>>>,
}

/// Two shapes, whether they may be exchanged, and what both together are to meet: lowest and highest depth, size, inputs.
type Split = (usize, usize, bool, u32, u32, u32, usize);

/// Splits that are kept at most; a search in one space meets some thousands.
const SPLITS: usize = 1 << 16;

/// Counts below this leave room for twice a sum of their products: no product is larger than what it is a part of.
const LARGEST_SMALL: u128 = 1 << 120;

/// A table whose counts fit 128 bits.
#[derive(Clone, Copy)]
pub(super) struct Small<'a> {
    pub table: &'a Table,
}

impl Small<'_> {
    /// The number of terms with this root (any for `None`) that meet the goal.
    pub fn number(&self, root: Option<usize>, goal: Goal) -> u128 {
        let table = self.table;
        let high = goal.high.min(table.deepest);
        if goal.low > high || goal.size > table.largest {
            return 0;
        }
        let counts = table.small.get(root.unwrap_or(table.productions.of.len()));
        let (Some(counts), Some(class)) = (counts, table.class_of.get(goal.mask)) else { return 0 };
        let at = |depth: u32| counts.get(table.place(goal.shape, depth, goal.size, *class)).copied().unwrap_or(0);
        goal.low.checked_sub(1).map_or_else(|| at(high), |below| at(high) - at(below))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table of {} shapes", self.productions.shapes.len())
    }
}

impl Productions {
    /// Closes the shapes of the inputs under the operations.
    pub fn new(inputs: &[(String, Shape)], ops: &[Op]) -> Result<Self, String> {
        let mut shapes: Vec<Arc<Shape>> = Vec::new();
        for (_, shape) in inputs {
            if !shapes.iter().any(|known| **known == *shape) {
                shapes.push(Arc::new(shape.clone()));
            }
        }
        loop {
            let known = shapes.len();
            let mut of = Vec::with_capacity(ops.len());
            for op in ops {
                let mut productions = Vec::new();
                for arguments in tuples(known, op.inputs.len()) {
                    let given: Vec<Shape> =
                        arguments.iter().filter_map(|index| shapes.get(*index).map(|shape| Shape::clone(shape))).collect();
                    let Ok(shape) = op.infer(&given, &BTreeMap::new()) else { continue };
                    let result = shapes.iter().position(|known| **known == shape).unwrap_or_else(|| {
                        shapes.push(Arc::new(shape));
                        shapes.len() - 1
                    });
                    let commutes = op.laws.commutative && arguments.len() == 2 && arguments.first() == arguments.last();
                    productions.push(Production { arguments, result, commutes });
                }
                of.push(productions);
            }
            if shapes.len() > SHAPES {
                return Err(format!("its operations lead to more than {SHAPES} shapes"));
            }
            if shapes.len() == known {
                let results = ops.iter().zip(&of).map(|(op, ways)| {
                    let mut results = vec![None; known.pow(u32::try_from(op.inputs.len()).unwrap_or(0))];
                    for way in ways {
                        let place = way.arguments.iter().fold(0, |place, shape| place * known + shape);
                        results.get_mut(place).into_iter().for_each(|result| *result = Some(way.result));
                    }
                    (op.inputs.len(), results)
                });
                return Ok(Self { results: results.collect(), shapes, of });
            }
        }
    }

    /// The number of the shape that an operation makes of one or two; `None` where they do not fit.
    pub fn result(&self, op: usize, one: usize, other: Option<usize>) -> Option<usize> {
        let (arguments, results) = self.results.get(op)?;
        match other {
            Some(other) if *arguments == 2 => *results.get(one * self.shapes.len() + other)?,
            None if *arguments == 1 => *results.get(one)?,
            _ => None,
        }
    }

    /// The shapes from which operations lead to this one, itself among them; a bit each.
    pub fn leading_to(&self, output: usize) -> u64 {
        let mut leading = 1u64 << output;
        loop {
            let ways = self.of.iter().flatten().filter(|way| leading >> way.result & 1 == 1);
            let next = ways.flat_map(|way| &way.arguments).fold(leading, |leading, shape| leading | 1 << shape);
            if next == leading {
                return leading;
            }
            leading = next;
        }
    }

    /// Whether a table over these productions is a matter of seconds.
    pub fn fits(&self, inputs: usize, depth: u32, size: u32) -> Result<(), String> {
        let ways: usize = self.of.iter().map(Vec::len).sum();
        let (depth, size) = (depth as usize + 1, size as usize + 1);
        let work = ways.saturating_mul(depth).saturating_mul(size * size / 2 + 1).saturating_mul(inputs + 1);
        if work > WORK { Err("it is too large to be counted: lower its `depth`, `size` or `ops`".to_owned()) } else { Ok(()) }
    }
}

impl Table {
    /// Counts everything the domain may hold.
    pub fn new(domain: &DagDomain) -> Self {
        let productions = domain.productions.clone();
        let shape_of = |shape: &Shape| productions.shapes.iter().position(|known| **known == *shape).unwrap_or(usize::MAX);
        let inputs: Vec<usize> = domain.inputs.iter().map(|(_, shape)| shape_of(shape)).collect();
        let (class_of, kinds) = classes(&inputs, productions.shapes.len());
        let largest = *domain.size.end();
        let mut table = Self {
            productions,
            deepest: (*domain.depth.end()).min(largest),
            largest,
            classes: kinds.len(),
            class_of,
            exact: Vec::new(),
            zero: BigUint::zero(),
            small: Vec::new(),
            operands: Vec::new(),
            splits: RwLock::default(),
        };
        table.operands = (0..table.productions.shapes.len() * (table.deepest as usize + 1)).map(|_| OnceLock::new()).collect();
        table.fill(domain, &kinds);
        let fit = |counts: &Vec<BigUint>| counts.iter().map(|count| count.to_u128().filter(|count| *count < LARGEST_SMALL)).collect();
        table.small = table.exact.iter().map(fit).collect::<Option<Vec<Vec<u128>>>>().unwrap_or_default();
        table
    }

    /// The counts in 128 bits, where they fit.
    pub fn small(&self) -> Option<Small<'_>> {
        (!self.small.is_empty()).then_some(Small { table: self })
    }

    /// The number of terms with this root (any for `None`) that meet the goal.
    pub fn number(&self, root: Option<usize>, goal: Goal) -> BigUint {
        let high = goal.high.min(self.deepest);
        if goal.low > high || goal.size > self.largest {
            return BigUint::zero();
        }
        let Some(counts) = self.exact.get(root.unwrap_or(self.productions.of.len())) else { return BigUint::zero() };
        let Some(class) = self.class_of.get(goal.mask).copied() else { return BigUint::zero() };
        let at = |depth: u32| counts.get(self.place(goal.shape, depth, goal.size, class)).unwrap_or(&self.zero);
        match goal.low.checked_sub(1) {
            Some(below) => at(high) - at(below),
            None => at(high).clone(),
        }
    }

    /// The number of terms that may stand under a unary operation whose law forbids itself there.
    pub fn number_under(&self, op: usize, forbidden: bool, goal: Goal) -> BigUint {
        let all = self.number(None, goal);
        if forbidden { all - self.number(Some(op), goal) } else { all }
    }

    /// Where the goals of operands of a shape, at most so deep, are kept.
    pub fn operands(&self, shape: usize, depth: u32) -> Option<&OnceLock<Vec<Goals>>> {
        let depths = self.deepest as usize + 1;
        self.operands.get(shape * depths + depth.min(self.deepest) as usize)
    }

    /// The weights by which a pair of operands is split in sizes, made when first asked for.
    pub fn splits(&self, production: &Production, under: Goal, make: impl Fn() -> Arc<[u128]>) -> Arc<[u128]> {
        let [first, second] = *production.arguments.as_slice() else { return Arc::new([]) };
        let key = (first, second, production.commutes, under.low, under.high, under.size, under.mask);
        if let Some(known) = self.splits.read().ok().and_then(|splits| splits.get(&key).cloned()) {
            return known;
        }
        let made = make();
        if let Ok(mut splits) = self.splits.write()
            && splits.len() < SPLITS
        {
            splits.insert(key, made.clone());
        }
        made
    }

    fn place(&self, shape: usize, depth: u32, size: u32, class: usize) -> usize {
        let (depths, sizes) = (self.deepest as usize + 1, self.largest as usize + 1);
        ((shape * depths + depth as usize) * sizes + size as usize) * self.classes + class
    }

    fn fill(&mut self, domain: &DagDomain, kinds: &[Vec<u32>]) {
        let total = domain.ops.len();
        let length = self.place(self.productions.shapes.len(), 0, 0, 0);
        let mut within: Vec<Vec<BigUint>> = vec![vec![BigUint::zero(); length]; total + 1];
        for size in 0..=self.largest {
            for depth in 0..=self.deepest {
                for (class, held) in kinds.iter().enumerate() {
                    for (op, def) in domain.ops.iter().enumerate() {
                        let forbidden = def.laws.involution || def.laws.idempotent;
                        for production in self.productions.of.get(op).into_iter().flatten() {
                            let found = self.apply(&within, (op, forbidden), production, depth, size, class);
                            let place = self.place(production.result, depth, size, class);
                            for root in [op, total] {
                                if let Some(count) = within.get_mut(root).and_then(|counts| counts.get_mut(place)) {
                                    *count += &found;
                                }
                            }
                        }
                    }
                    for (shape, held) in held.iter().enumerate().filter(|_| size == 0) {
                        let place = self.place(shape, depth, size, class);
                        if let Some(count) = within.get_mut(total).and_then(|counts| counts.get_mut(place)) {
                            *count += *held;
                        }
                    }
                }
            }
        }
        let signs = exclusion(kinds);
        self.exact = within.into_iter().map(|counts| exactly(&counts, &signs)).collect();
    }

    /// The number of terms with this root and production, inputs within the class, depth at most `depth`.
    fn apply(
        &self,
        within: &[Vec<BigUint>],
        (op, forbidden): (usize, bool),
        production: &Production,
        depth: u32,
        size: u32,
        class: usize,
    ) -> BigUint {
        let (Some(depth), Some(rest)) = (depth.checked_sub(1), size.checked_sub(1)) else { return BigUint::zero() };
        let total = self.productions.of.len();
        let at = |root: usize, shape: usize, size: u32| {
            let place = self.place(shape, depth, size, class);
            within.get(root).and_then(|counts| counts.get(place)).unwrap_or(&self.zero)
        };
        match production.arguments.as_slice() {
            [child] if forbidden => at(total, *child, rest) - at(op, *child, rest),
            [child] => at(total, *child, rest).clone(),
            [left, right] => {
                let ordered: BigUint = (0..=rest).map(|size| at(total, *left, size) * at(total, *right, rest - size)).sum();
                match (production.commutes, rest % 2) {
                    (true, 0) => (ordered + at(total, *left, rest / 2)) >> 1u8,
                    (true, _) => ordered >> 1u8,
                    _ => ordered,
                }
            }
            _ => BigUint::zero(),
        }
    }
}

/// All tuples of this length over `0..base`.
fn tuples(base: usize, length: usize) -> Vec<Vec<usize>> {
    (0..length).fold(vec![Vec::new()], |tuples, _| {
        tuples.iter().flat_map(|tuple| (0..base).map(move |next| [tuple.as_slice(), &[next]].concat())).collect()
    })
}

/// The class of each set of inputs, and for each class how many inputs of each shape it holds.
fn classes(inputs: &[usize], shapes: usize) -> (Vec<usize>, Vec<Vec<u32>>) {
    let mut kinds: Vec<Vec<u32>> = Vec::new();
    let sets = 0usize..1 << inputs.len();
    let class_of = sets.map(|mask| {
        let chosen = || inputs.iter().enumerate().filter(|(input, _)| mask >> input & 1 == 1).map(|(_, shape)| *shape);
        let held: Vec<u32> = (0..shapes).map(|shape| chosen().map(|chosen| u32::from(chosen == shape)).sum()).collect();
        kinds.iter().position(|kind| *kind == held).unwrap_or_else(|| {
            kinds.push(held);
            kinds.len() - 1
        })
    });
    (class_of.collect(), kinds)
}

/// For each class the classes of its subsets, how many there are, and whether they are added or subtracted.
fn exclusion(kinds: &[Vec<u32>]) -> Vec<Vec<(usize, u64, bool)>> {
    let subsets = |kind: &Vec<u32>| {
        let terms = kinds.iter().enumerate().filter(|(_, within)| within.iter().zip(kind).all(|(part, whole)| part <= whole));
        let terms = terms.map(|(class, within)| {
            let ways = kind.iter().zip(within).map(|(whole, part)| num_integer::binomial(u64::from(*whole), u64::from(*part))).product();
            let left_out: u32 = kind.iter().zip(within).map(|(whole, part)| whole - part).sum();
            (class, ways, left_out.is_multiple_of(2))
        });
        terms.collect()
    };
    kinds.iter().map(subsets).collect()
}

/// From counts of inputs within a class to counts of exactly that class.
fn exactly(within: &[BigUint], signs: &[Vec<(usize, u64, bool)>]) -> Vec<BigUint> {
    let row_exactly = |row: &[BigUint]| -> Vec<BigUint> {
        let sum = |terms: &[(usize, u64, bool)], wanted: bool| -> BigUint {
            let chosen = terms.iter().filter(|(_, _, added)| *added == wanted);
            chosen.filter_map(|(class, ways, _)| row.get(*class).map(|count| count * *ways)).sum()
        };
        signs.iter().map(|terms| sum(terms, true) - sum(terms, false)).collect()
    };
    within.chunks(signs.len().max(1)).flat_map(row_exactly).collect()
}
