//! Draws where all counts fit 128 bits: the same choices in the same order as in `draw`, and so the same terms, several times faster.

use super::domain::DagDomain;
use super::draw::{Children, diagonal};
use super::productions::Production;
use super::table::{Goal, Small};
use super::term::Term;
use crate::stream::{Rng, Stream};
use std::sync::Arc;

impl DagDomain {
    /// A term that meets the goal, evenly, whose root is not `forbidden`.
    pub(super) fn sample_small(&self, counts: &Small<'_>, goal: Goal, forbidden: Option<usize>, stream: &mut Stream) -> Option<Arc<Term>> {
        if goal.size == 0 {
            return self.leaves.get(goal.mask.trailing_zeros() as usize).cloned();
        }
        let roots = || (0..self.ops.len()).filter(|op| Some(*op) != forbidden).map(|op| (op, counts.number(Some(op), goal)));
        let mut left = below(roots().map(|(_, count)| count).sum(), stream)?;
        let (root, count) = roots().find(|(_, count)| falls(&mut left, *count))?;
        let op = self.ops.get(root)?;
        let mut left = below(count << 1, stream)?;
        let forbids = op.laws.involution || op.laws.idempotent;
        let children = children(counts, root, forbids, goal, &mut left)?;
        let forbidden = Some(root).filter(|_| forbids && children.goals.len() == 1 && !children.twice);
        let mut arguments = Vec::with_capacity(2);
        for child in &children.goals {
            arguments.push(self.sample_small(counts, *child, forbidden, stream)?);
        }
        if children.twice {
            arguments.extend(arguments.first().cloned());
        }
        Some(Term::known(op, arguments, self.productions.shapes.get(goal.shape)?))
    }
}

/// The goals of the arguments that the drawn number falls on.
fn children(counts: &Small<'_>, root: usize, forbids: bool, goal: Goal, left: &mut u128) -> Option<Children> {
    let under = Goal { low: goal.low.saturating_sub(1), high: goal.high.checked_sub(1)?, size: goal.size.checked_sub(1)?, ..goal };
    for production in counts.table.productions.of.get(root)?.iter().filter(|production| production.result == goal.shape) {
        if let [shape] = production.arguments.as_slice() {
            let child = Goal { shape: *shape, ..under };
            let own = if forbids { counts.number(Some(root), child) } else { 0 };
            if falls(left, (counts.number(None, child) - own) << 1) {
                return Some(Children { goals: vec![child], twice: false });
            }
        } else if let Some(children) = pair(counts, production, under, left) {
            return Some(children);
        }
    }
    None
}

/// The pair of goals that the drawn number falls on, if it is among those of this production.
fn pair(counts: &Small<'_>, production: &Production, under: Goal, left: &mut u128) -> Option<Children> {
    if let Some(both) = diagonal(production, under)
        && falls(left, counts.number(None, both))
    {
        return Some(Children { goals: vec![both], twice: true });
    }
    // Where the number falls among the sizes of the first operand is looked up; within one size it is found by going through.
    let sizes = counts
        .table
        .splits(production, under, || (0..=under.size).map(|size| split(counts, production, under, size, &mut |_, _, _| false)).collect());
    let size = (0..).zip(sizes.iter()).find_map(|(size, weight)| falls(left, *weight).then_some(size));
    let mut found = None;
    split(counts, production, under, size?, &mut |one, other, weight| {
        let falls = falls(left, weight);
        if falls {
            found = Some(Children { goals: vec![one, other], twice: false });
        }
        falls
    });
    found
}

/// The weight of all pairs of goals whose first is of this size; goes through them in order until one is taken.
fn split(counts: &Small<'_>, production: &Production, under: Goal, size: u32, take: &mut dyn FnMut(Goal, Goal, u128) -> bool) -> u128 {
    let [first, second] = *production.arguments.as_slice() else { return 0 };
    let twofold = u32::from(!production.commutes);
    let deep = (under.low, under.high);
    let depths = [Some((deep, (0, under.high))), under.low.checked_sub(1).map(|low| ((0, low), deep))];
    let mut all = 0;
    for mask in subsets(under.mask) {
        for ((low, high), (low2, high2)) in depths.into_iter().flatten() {
            let one = Goal { shape: first, low, high, size, mask };
            let ways = counts.number(None, one);
            if ways == 0 {
                continue;
            }
            for shared in subsets(mask) {
                let mask = (under.mask & !mask) | shared;
                let other = Goal { shape: second, low: low2, high: high2, size: under.size - size, mask };
                let weight = (ways * counts.number(None, other)) << twofold;
                all += weight;
                if take(one, other, weight) {
                    return all;
                }
            }
        }
    }
    all
}

fn subsets(mask: usize) -> impl Iterator<Item = usize> {
    (0..=mask).filter(move |subset| subset & !mask == 0)
}

fn falls(left: &mut u128, weight: u128) -> bool {
    let falls = *left < weight;
    if !falls {
        *left -= weight;
    }
    falls
}

/// A number below the bound, evenly, from as many words as `draw` takes; `None` for the bound 0.
fn below(bound: u128, stream: &mut Stream) -> Option<u128> {
    let bits = u128::BITS - bound.leading_zeros();
    let words = bits.div_ceil(32);
    if words == 0 {
        return None;
    }
    loop {
        let mut number = (0..words).fold(0u128, |number, word| number | u128::from(stream.next_u32()) << (32 * word));
        // The top word gives its upper bits.
        let top = 32 * (words - 1);
        let low = number & ((1u128 << top) - 1);
        number = (number >> top >> (words * 32 - bits)) << top | low;
        if number < bound {
            return Some(number);
        }
    }
}
