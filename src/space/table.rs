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
use super::number::Count;
use super::productions::{Production, Productions};
use crate::graph::Shape;
use num_bigint::BigUint;
use num_traits::Zero;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, RwLock};

/// What is asked of a term: shape, depth within `low..=high`, operations, and exactly these inputs used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub shape: usize,
    pub low: u32,
    pub high: u32,
    pub size: u32,
    pub mask: usize,
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
        // Nearly always all counts fit 128 bits, and are made many times faster so.
        let small = table.counts::<u128>(domain, &kinds);
        table.exact = match &small {
            Some(small) => small.iter().map(|counts| counts.iter().map(|count| BigUint::from(*count)).collect()).collect(),
            None => table.counts(domain, &kinds).unwrap_or_default(),
        };
        table.small = small.filter(|small| small.iter().flatten().all(|count| *count < LARGEST_SMALL)).unwrap_or_default();
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

    /// Exact counts by operation, with every input total last; `None` where one is too large for this kind of number.
    fn counts<N: Count>(&self, domain: &DagDomain, kinds: &[Vec<u32>]) -> Option<Vec<Vec<N>>> {
        let total = domain.ops.len();
        let length = self.place(self.productions.shapes.len(), 0, 0, 0);
        let mut within: Vec<Vec<N>> = vec![vec![N::from(0u32); length]; total + 1];
        for size in 0..=self.largest {
            for depth in 0..=self.deepest {
                for (class, held) in kinds.iter().enumerate() {
                    for (op, def) in domain.ops.iter().enumerate() {
                        let forbidden = def.laws.involution || def.laws.idempotent;
                        for production in self.productions.of.get(op).into_iter().flatten() {
                            let found = self.apply(&within, (op, forbidden), production, depth, size, class)?;
                            let place = self.place(production.result, depth, size, class);
                            for root in [op, total] {
                                if let Some(count) = within.get_mut(root).and_then(|counts| counts.get_mut(place)) {
                                    *count = count.plus(&found)?;
                                }
                            }
                        }
                    }
                    for (shape, held) in held.iter().enumerate().filter(|_| size == 0) {
                        let place = self.place(shape, depth, size, class);
                        if let Some(count) = within.get_mut(total).and_then(|counts| counts.get_mut(place)) {
                            *count = count.plus(&N::from(*held))?;
                        }
                    }
                }
            }
        }
        let signs = exclusion(kinds);
        within.into_iter().map(|counts| exactly(&counts, &signs)).collect()
    }

    /// The number of terms with this root and production, inputs within the class, depth at most `depth`.
    fn apply<N: Count>(
        &self,
        within: &[Vec<N>],
        (op, forbidden): (usize, bool),
        production: &Production,
        depth: u32,
        size: u32,
        class: usize,
    ) -> Option<N> {
        let zero = N::from(0u32);
        let (Some(depth), Some(rest)) = (depth.checked_sub(1), size.checked_sub(1)) else { return Some(zero) };
        let total = self.productions.of.len();
        let at = |root: usize, shape: usize, size: u32| {
            let place = self.place(shape, depth, size, class);
            within.get(root).and_then(|counts| counts.get(place)).unwrap_or(&zero)
        };
        match production.arguments.as_slice() {
            [child] if forbidden => at(total, *child, rest).minus(at(op, *child, rest)),
            [child] => Some(at(total, *child, rest).clone()),
            [left, right] => {
                let product = |size: u32| at(total, *left, size).times(at(total, *right, rest - size));
                let ordered = (0..=rest).try_fold(N::from(0u32), |sum, size| sum.plus(&product(size)?))?;
                Some(match (production.commutes, rest % 2) {
                    (true, 0) => ordered.plus(at(total, *left, rest / 2))?.half(),
                    (true, _) => ordered.half(),
                    _ => ordered,
                })
            }
            _ => Some(zero),
        }
    }
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
fn exactly<N: Count>(within: &[N], signs: &[Vec<(usize, u64, bool)>]) -> Option<Vec<N>> {
    let mut all = Vec::with_capacity(within.len());
    for row in within.chunks(signs.len().max(1)) {
        for terms in signs {
            let sum = |wanted: bool| {
                let mut chosen = terms.iter().filter(|(_, _, added)| *added == wanted);
                chosen.try_fold(N::from(0u32), |sum, (class, ways, _)| sum.plus(&row.get(*class)?.times(&N::from(*ways))?))
            };
            all.push(sum(true)?.minus(&sum(false)?)?);
        }
    }
    Some(all)
}
