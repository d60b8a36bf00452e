//! Terms drawn exactly evenly, by the counts of the table: nothing is drawn and then thrown away.

use super::domain::DagDomain;
use super::productions::Production;
use super::table::{Goal, Table};
use super::term::Term;
use crate::stream::{Rng, RngExt, Stream};
use num_bigint::BigUint;
use num_traits::Zero;
use std::sync::Arc;

/// Goals with the number of terms that meet each.
pub(super) type Goals = Vec<(BigUint, Goal)>;

/// What a domain is asked at every draw: its count, the sizes that have members, and the goals that members meet, smaller sizes first.
#[derive(Debug)]
pub(super) struct Members {
    count: BigUint,
    sizes: Vec<u32>,
    goals: Goals,
}

impl DagDomain {
    /// The number of members.
    pub fn count(&self) -> BigUint {
        self.members().count.clone()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members().count.is_zero()
    }

    /// The number of members with this many operations.
    pub fn count_of(&self, size: u32) -> BigUint {
        self.goals(size).into_iter().map(|(count, _)| count).sum()
    }

    /// The sizes that have members.
    pub fn sizes(&self) -> Vec<u32> {
        self.members().sizes.clone()
    }

    /// A member, evenly among all; `None` where there is none.
    pub fn sample_uniform(&self, stream: &mut Stream) -> Option<Arc<Term>> {
        self.sample_goal(&self.members().goals, stream)
    }

    /// A member: first a size, evenly among those with members, then evenly among its members.
    pub fn sample_by_size(&self, stream: &mut Stream) -> Option<Arc<Term>> {
        let size = *evenly(&self.members().sizes, stream)?;
        self.sample_of(size, stream)
    }

    /// A member with this many operations, evenly among them.
    pub fn sample_of(&self, size: u32, stream: &mut Stream) -> Option<Arc<Term>> {
        let all = &self.members().goals;
        let begin = all.partition_point(|(_, goal)| goal.size < size);
        let end = all.partition_point(|(_, goal)| goal.size <= size);
        self.sample_goal(all.get(begin..end)?, stream)
    }

    /// A term of the shape of this number to stand inside a member, by size: at most this deep and large, over any inputs.
    pub(super) fn sample_operand(&self, shape: usize, depth: u32, size: u32, stream: &mut Stream) -> Option<Arc<Term>> {
        let operands = self.operands_of(shape, depth)?;
        let within = operands.partition_point(|goals| goals.first().is_some_and(|(_, goal)| goal.size <= size));
        let goals = evenly(operands.get(..within)?, stream)?;
        self.sample_goal(goals, stream)
    }

    /// For each size that has some, the goals of terms of this shape at most this deep, over any inputs.
    fn operands_of(&self, shape: usize, depth: u32) -> Option<&Vec<Goals>> {
        let table = self.table();
        let sized = |size: u32| {
            let goals = (0..1usize << self.inputs.len()).map(|mask| Goal { shape, low: 0, high: depth, size, mask });
            goals.map(|goal| (table.number(None, goal), goal)).filter(|(count, _)| !count.is_zero()).collect()
        };
        let all = || (0..=*self.size.end()).map(sized).filter(|goals: &Goals| !goals.is_empty()).collect();
        Some(table.operands(shape, depth)?.get_or_init(all))
    }

    /// What is asked at every draw.
    fn members(&self) -> &Members {
        self.members.get_or_init(|| {
            let goals: Goals = self.size.clone().flat_map(|size| self.goals(size)).collect();
            let mut sizes: Vec<u32> = goals.iter().map(|(_, goal)| goal.size).collect();
            sizes.dedup();
            Members { count: goals.iter().map(|(count, _)| count).sum(), sizes, goals }
        })
    }

    /// The goals that members with this many operations meet, with their counts.
    pub(super) fn goals(&self, size: u32) -> Goals {
        let Some(shape) = self.shape_number(&self.output) else { return Vec::new() };
        let masks = (0..1usize << self.inputs.len()).filter(|mask| self.uses.contains(&mask.count_ones()));
        let (low, high) = (*self.depth.start(), *self.depth.end());
        masks
            .map(|mask| Goal { shape, low, high, size, mask })
            .map(|goal| (self.table().number(None, goal), goal))
            .filter(|(count, _)| self.size.contains(&size) && !count.is_zero())
            .collect()
    }

    fn sample_goal(&self, goals: &[(BigUint, Goal)], stream: &mut Stream) -> Option<Arc<Term>> {
        let total: BigUint = goals.iter().map(|(weight, _)| weight).sum();
        let mut left = below(&total, stream)?;
        let goal = goals.iter().find_map(|(weight, goal)| falls(&mut left, weight).then_some(*goal))?;
        self.sample(goal, None, stream)
    }

    /// A term that meets the goal, evenly, whose root is not `forbidden`.
    fn sample(&self, goal: Goal, forbidden: Option<usize>, stream: &mut Stream) -> Option<Arc<Term>> {
        match self.table().small() {
            Some(counts) => self.sample_small(&counts, goal, forbidden, stream),
            None => self.sample_large(goal, forbidden, stream),
        }
    }

    /// Likewise by counts of any size.
    pub(super) fn sample_large(&self, goal: Goal, forbidden: Option<usize>, stream: &mut Stream) -> Option<Arc<Term>> {
        if goal.size == 0 {
            return self.leaves.get(goal.mask.trailing_zeros() as usize).cloned();
        }
        let roots = (0..self.ops.len()).filter(|op| Some(*op) != forbidden);
        let root = weighted(roots.map(|op| (self.table().number(Some(op), goal), op)).collect(), stream)?;
        let op = self.ops.get(root)?;
        // Every unordered pair counts twice: as two ordered pairs, or as an ordered pair and on the diagonal.
        let mut left = below(&(self.table().number(Some(root), goal) << 1u8), stream)?;
        let forbids = op.laws.involution || op.laws.idempotent;
        let children = self.children(root, forbids, goal, &mut left)?;
        let forbidden = Some(root).filter(|_| forbids && children.goals.len() == 1 && !children.twice);
        let mut arguments = Vec::new();
        for child in &children.goals {
            arguments.push(self.sample_large(*child, forbidden, stream)?);
        }
        if children.twice {
            arguments.extend(arguments.first().cloned());
        }
        Some(Term::known(op, arguments, self.productions.shapes.get(goal.shape)?))
    }

    /// The goals of the arguments that the drawn number falls on.
    fn children(&self, root: usize, forbids: bool, goal: Goal, left: &mut BigUint) -> Option<Children> {
        let table = self.table();
        let under = Goal { low: goal.low.saturating_sub(1), high: goal.high.checked_sub(1)?, size: goal.size.checked_sub(1)?, ..goal };
        for production in table.productions.of.get(root)?.iter().filter(|production| production.result == goal.shape) {
            if let [shape] = production.arguments.as_slice() {
                let child = Goal { shape: *shape, ..under };
                if falls(left, &(table.number_under(root, forbids, child) << 1u8)) {
                    return Some(Children { goals: vec![child], twice: false });
                }
            } else if let Some(children) = pair(table, production, under, left) {
                return Some(children);
            }
        }
        None
    }
}

/// The goals of the arguments of an operation.
pub(super) struct Children {
    pub goals: Vec<Goal>,
    /// Whether both arguments are the one term.
    pub twice: bool,
}

/// The pair of goals that the drawn number falls on, if it is among those of this production.
fn pair(table: &Table, production: &Production, under: Goal, left: &mut BigUint) -> Option<Children> {
    if let Some(both) = diagonal(production, under)
        && falls(left, &table.number(None, both))
    {
        return Some(Children { goals: vec![both], twice: true });
    }
    let weight = |ways: BigUint| if production.commutes { ways } else { ways << 1u8 };
    let mut pairs = pairs(table, production, under);
    let (one, other, _) = pairs.find(|(_, other, ways)| falls(left, &weight(ways * table.number(None, *other))))?;
    Some(Children { goals: vec![one, other], twice: false })
}

/// The goal of an argument that may stand on both sides of an operation whose operands may be exchanged.
pub(super) fn diagonal(production: &Production, under: Goal) -> Option<Goal> {
    let shape = *production.arguments.first()?;
    (production.commutes && under.size.is_multiple_of(2)).then_some(Goal { shape, size: under.size / 2, ..under })
}

/// The goals of ordered pairs of arguments, without overlap, with the number of terms that meet the first; `under` is
/// what both together are to meet.
pub(super) fn pairs<'a>(table: &'a Table, production: &'a Production, under: Goal) -> impl Iterator<Item = (Goal, Goal, BigUint)> + 'a {
    // The deeper argument is within the bounds: the first with any second, or a shallower first and the second.
    let deep = (under.low, under.high);
    let depths = [Some((deep, (0, under.high))), under.low.checked_sub(1).map(|low| ((0, low), deep))];
    let subsets = |mask: usize| (0..=mask).filter(move |subset| subset & !mask == 0);
    let shapes = production.arguments.first().copied().zip(production.arguments.get(1).copied());
    let firsts = shapes.into_iter().flat_map(move |shapes| (0..=under.size).map(move |size| (shapes, size)));
    let firsts = firsts.flat_map(move |(shapes, size)| subsets(under.mask).map(move |mask| (shapes, size, mask)));
    let firsts = firsts.flat_map(move |(shapes, size, mask)| depths.into_iter().flatten().map(move |depths| (shapes, size, mask, depths)));
    firsts
        .map(move |((first, second), size, mask, ((low, high), (low2, high2)))| {
            let one = Goal { shape: first, low, high, size, mask };
            (
                one,
                Goal { shape: second, low: low2, high: high2, size: under.size - size, mask: under.mask & !mask },
                table.number(None, one),
            )
        })
        .filter(|(_, _, ways)| !ways.is_zero())
        .flat_map(move |(one, other, ways)| {
            subsets(one.mask).map(move |shared| (one, Goal { mask: other.mask | shared, ..other }, ways.clone()))
        })
}

/// Whether the number lies below the weight; takes the weight off where it does not.
fn falls(left: &mut BigUint, weight: &BigUint) -> bool {
    let falls = *left < *weight;
    if !falls {
        *left -= weight;
    }
    falls
}

/// A number below the bound, evenly; `None` for the bound 0.
pub(super) fn below(bound: &BigUint, stream: &mut Stream) -> Option<BigUint> {
    let bits = bound.bits();
    let words = usize::try_from(bits.div_ceil(32)).ok().filter(|words| *words > 0)?;
    let spare = words as u64 * 32 - bits;
    loop {
        let mut digits: Vec<u32> = (0..words).map(|_| stream.next_u32()).collect();
        if let Some(top) = digits.last_mut() {
            *top >>= spare;
        }
        let number = BigUint::new(digits);
        if number < *bound {
            return Some(number);
        }
    }
}

/// One of these, by weight; `None` where all weights are 0.
pub(super) fn weighted<T>(choices: Vec<(BigUint, T)>, stream: &mut Stream) -> Option<T> {
    let total: BigUint = choices.iter().map(|(weight, _)| weight).sum();
    let mut left = below(&total, stream)?;
    choices.into_iter().find_map(|(weight, choice)| falls(&mut left, &weight).then_some(choice))
}

/// One of these, evenly; `None` where there is none.
pub(super) fn evenly<'a, T>(choices: &'a [T], stream: &mut Stream) -> Option<&'a T> {
    if choices.is_empty() { None } else { choices.get(stream.random_range(0..choices.len())) }
}
