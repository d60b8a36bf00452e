//! Every member of a domain, one by one, led by the counts: no branch without members is entered.

use super::domain::DagDomain;
use super::draw::{diagonal, pairs};
use super::table::Goal;
use super::term::Term;
use crate::graph::Hash;
use num_traits::Zero;
use std::collections::BTreeMap;
use std::sync::Arc;

impl DagDomain {
    /// Every member, smaller ones first; for domains of which the count is small.
    pub fn enumerate(&self) -> Vec<Arc<Term>> {
        let goals = self.size.clone().flat_map(|size| self.goals(size));
        let mut members: Vec<Arc<Term>> = goals.flat_map(|(_, goal)| self.terms(goal)).collect();
        members.sort_by(|left, right| left.order(right));
        members
    }

    /// The terms that meet a goal, each once.
    fn terms(&self, goal: Goal) -> Vec<Arc<Term>> {
        let Some(rest) = goal.size.checked_sub(1) else {
            return self.leaves.iter().enumerate().filter(|(index, _)| goal.mask == 1 << index).map(|(_, leaf)| leaf.clone()).collect();
        };
        let Some(high) = goal.high.checked_sub(1) else { return Vec::new() };
        let under = Goal { low: goal.low.saturating_sub(1), high, size: rest, ..goal };
        let mut found: BTreeMap<Hash, Arc<Term>> = BTreeMap::new();
        for (root, (op, productions)) in self.ops.iter().zip(&self.productions.of).enumerate() {
            if self.table().number(Some(root), goal).is_zero() {
                continue;
            }
            for production in productions.iter().filter(|production| production.result == goal.shape) {
                let arguments: Vec<Vec<Arc<Term>>> = match production.arguments.as_slice() {
                    [shape] => self.terms(Goal { shape: *shape, ..under }).into_iter().map(|child| vec![child]).collect(),
                    _ => self.operands(production, under),
                };
                let Some(shape) = self.productions.shapes.get(goal.shape) else { continue };
                let applied = arguments.into_iter().map(|arguments| Term::known(op, arguments, shape));
                found.extend(applied.filter(|term| term.size() == goal.size).map(|term| (term.hash(), term)));
            }
        }
        found.into_values().collect()
    }

    /// The pairs of operands that together meet what stands under an operation.
    fn operands(&self, production: &super::productions::Production, under: Goal) -> Vec<Vec<Arc<Term>>> {
        let twice = diagonal(production, under).into_iter().flat_map(|both| self.terms(both)).map(|both| vec![both.clone(), both]);
        let mut operands: Vec<Vec<Arc<Term>>> = twice.collect();
        for (one, other, _) in pairs(self.table(), production, under) {
            if self.table().number(None, other).is_zero() {
                continue;
            }
            let rights = self.terms(other);
            operands.extend(self.terms(one).iter().flat_map(|left| rights.iter().map(|right| vec![left.clone(), right.clone()])));
        }
        operands
    }
}
