//! How far apart two architectures of a space are.
//!
//! The sum over all fillings: between two expressions the edit distance of their canonical trees (Zhang and Shasha 1989, an operation or
//! input inserted, deleted or renamed at a cost of 1 each); another size 1; another arm of a choice 1, whatever fills it.

use super::domain::{Architecture, Filling, Space};
use super::term::{Kind, Term};

/// The distance of two architectures; `None` where they do not fill the same holes as often.
pub fn distance(space: &Space, left: &Architecture, right: &Architecture) -> Option<u64> {
    let mut sum = 0;
    for hole in &space.holes {
        let (left, right) = (left.fillings.get(&hole.name)?, right.fillings.get(&hole.name)?);
        if left.len() != right.len() {
            return None;
        }
        for (left, right) in left.iter().zip(right) {
            sum += between(left, right);
        }
    }
    Some(sum)
}

fn between(left: &Filling, right: &Filling) -> u64 {
    match (left, right) {
        (Filling::Dag(left), Filling::Dag(right)) => tree_edit(left, right),
        (Filling::Value(left), Filling::Value(right)) => u64::from(left != right),
        (Filling::Arm { label, holes }, Filling::Arm { label: other, holes: others }) if label == other => {
            holes.iter().zip(others).map(|((_, left), (_, right))| between(left, right)).sum()
        }
        _ => 1,
    }
}

/// The edit distance of two canonical terms as ordered trees.
pub fn tree_edit(left: &Term, right: &Term) -> u64 {
    if left.hash() == right.hash() {
        return 0;
    }
    tables(&Tree::new(left), &Tree::new(right)).last().copied().unwrap_or(0)
}

/// The distances of all pairs of subtrees, row by row.
pub(super) fn tables(left: &Tree<'_>, right: &Tree<'_>) -> Vec<u64> {
    let mut trees = vec![0; left.nodes.len() * right.nodes.len()];
    for root in left.keyroots() {
        for other in right.keyroots() {
            forests(left, right, root, other, &mut trees);
        }
    }
    trees
}

/// A node: what it is, and the first leaf below it, numbered in postorder.
pub(super) struct Node<'a> {
    pub(super) label: Label<'a>,
    leaf: usize,
    pub(super) term: &'a Term,
}

#[derive(PartialEq)]
pub(super) enum Label<'a> {
    Input(u8),
    Op(&'a str),
}

/// A term's nodes in postorder.
pub(super) struct Tree<'a> {
    pub(super) nodes: Vec<Node<'a>>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(term: &'a Term) -> Self {
        let mut tree = Self { nodes: Vec::new() };
        tree.add(term);
        tree
    }

    fn add(&mut self, term: &'a Term) {
        let leaf = self.nodes.len();
        let label = match term.kind() {
            Kind::Input(number) => Label::Input(*number),
            Kind::Apply { op, arguments } => {
                arguments.iter().for_each(|argument| self.add(argument));
                Label::Op(&op.identity)
            }
        };
        self.nodes.push(Node { label, leaf, term });
    }

    /// The last node of each first leaf, in order: the roots from which forests are compared.
    fn keyroots(&self) -> Vec<usize> {
        let last = |place: usize, node: &Node<'_>| !self.nodes.iter().skip(place + 1).any(|later| later.leaf == node.leaf);
        self.nodes.iter().enumerate().filter(|(place, node)| last(*place, node)).map(|(place, _)| place).collect()
    }

    pub(super) fn leaf(&self, place: usize) -> usize {
        self.nodes.get(place).map_or(0, |node| node.leaf)
    }
}

/// Fills in the distances of all pairs of subtrees on the leftmost paths of two roots, and gives those of the forests that lead there.
pub(super) fn forests(left: &Tree<'_>, right: &Tree<'_>, root: usize, other: usize, trees: &mut [u64]) -> Vec<u64> {
    let (first, second) = (left.leaf(root), right.leaf(other));
    let (rows, columns, width) = (root - first + 2, other - second + 2, right.nodes.len());
    let mut cost = vec![0u64; rows * columns];
    let at = |cost: &[u64], row: usize, column: usize| cost.get(row * columns + column).copied().unwrap_or(0);
    for row in 0..rows {
        for column in 0..columns {
            let value = match (row.checked_sub(1), column.checked_sub(1)) {
                (None, None) => 0,
                (Some(above), None) => at(&cost, above, column) + 1,
                (None, Some(before)) => at(&cost, row, before) + 1,
                (Some(above), Some(before)) => {
                    let (i, j) = (first + above, second + before);
                    let edit = (at(&cost, above, column) + 1).min(at(&cost, row, before) + 1);
                    let same = left.nodes.get(i).map(|node| &node.label) == right.nodes.get(j).map(|node| &node.label);
                    if left.leaf(i) == first && right.leaf(j) == second {
                        let value = edit.min(at(&cost, above, before) + u64::from(!same));
                        if let Some(place) = trees.get_mut(i * width + j) {
                            *place = value;
                        }
                        value
                    } else {
                        let subtrees = trees.get(i * width + j).copied().unwrap_or(0);
                        edit.min(at(&cost, left.leaf(i) - first, right.leaf(j) - second) + subtrees)
                    }
                }
            };
            if let Some(place) = cost.get_mut(row * columns + column) {
                *place = value;
            }
        }
    }
    cost
}
