//! Draws where all counts fit 128 bits: the same choices in the same order as in `draw`, and so the same terms, several times faster.

use super::domain::DagDomain;
use super::draw::{Children, diagonal};
use super::table::{Goal, Production, Small};
use super::term::Term;
use crate::stream::{Rng, Stream};
use std::sync::Arc;

impl DagDomain {
    /// A term that meets the goal, evenly, whose root is not `forbidden`.
    pub(super) fn sample_small(&self, counts: &Small<'_>, goal: Goal, forbidden: Option<usize>, stream: &mut Stream) -> Option<Arc<Term>> {
        if goal.size == 0 {
            let input = goal.mask.trailing_zeros() as usize;
            let (_, shape) = self.inputs.get(input)?;
            return Some(Term::input(u8::try_from(input).ok()?, shape.clone()));
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
        Term::apply(op, arguments).ok()
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
    let [first, second] = *production.arguments.as_slice() else { return None };
    let twofold = u32::from(!production.commutes);
    let deep = (under.low, under.high);
    let depths = [Some((deep, (0, under.high))), under.low.checked_sub(1).map(|low| ((0, low), deep))];
    for size in 0..=under.size {
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
                    if falls(left, (ways * counts.number(None, other)) << twofold) {
                        return Some(Children { goals: vec![one, other], twice: false });
                    }
                }
            }
        }
    }
    None
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
