//! A place in an expression, and whether what is put there makes a member: told from sizes, depths, inputs and shapes, without building it.

use super::domain::DagDomain;
use super::term::Term;
use crate::graph::{Op, Shape};
use std::sync::Arc;

/// A place: the numbers of the arguments that lead to it.
pub(super) type Path = Vec<usize>;

/// A place, what stands there, and what of the expression lies around it.
pub(super) struct Spot<'a> {
    pub dag: &'a DagDomain,
    pub term: &'a Arc<Term>,
    pub path: &'a [usize],
    pub at: &'a Arc<Term>,
    /// Operations outside.
    size: u32,
    /// Operations on the longest path that does not lead here.
    depth: u32,
    /// Inputs that occur outside, a bit each.
    used: u32,
    /// The shapes that may stand here, a bit each: with them the whole has the domain's.
    shapes: u64,
    /// The operation right above, where its law forbids itself under it.
    lawful: Option<usize>,
}

/// What judges an expression: operations in all and on the longest path, inputs that occur, and its shape's number.
#[derive(Clone, Copy)]
pub(super) struct Measures {
    pub size: u32,
    pub depth: u32,
    pub used: u32,
    pub shape: usize,
}

/// All places of a term written out, the root first: for each the place above it and the number of the argument that it is.
pub(super) struct Places(Vec<(usize, usize)>);

impl Places {
    pub(super) fn new(term: &Term) -> Self {
        let mut all = vec![(0, 0)];
        below(term, 0, &mut all);
        Self(all)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The path from the root to the place of this number.
    pub(super) fn path(&self, mut number: usize) -> Path {
        let mut path = Vec::new();
        while let Some((above, argument)) = self.0.get(number).filter(|_| number > 0) {
            path.push(*argument);
            number = *above;
        }
        path.reverse();
        path
    }
}

fn below(term: &Term, own: usize, all: &mut Vec<(usize, usize)>) {
    for (number, argument) in term.arguments().iter().enumerate() {
        all.push((own, number));
        below(argument, all.len() - 1, all);
    }
}

impl<'a> Spot<'a> {
    /// The place at the end of this path; `None` where there is none, or where the term is none of this domain's.
    pub(super) fn new(dag: &'a DagDomain, term: &'a Arc<Term>, path: &'a [usize]) -> Option<Self> {
        let output = dag.shape_number(&dag.output)?;
        let mut spot = Self { dag, term, path, at: term, size: 0, depth: 0, used: 0, shapes: 1 << output, lawful: None };
        for (above, number) in (1u32..).zip(path) {
            let (op, arguments) = (spot.at.op()?, spot.at.arguments());
            spot.size += 1;
            for (_, other) in arguments.iter().enumerate().filter(|(place, _)| place != number) {
                spot.size += other.size();
                spot.depth = spot.depth.max(above + other.depth());
                spot.used |= other.used();
            }
            let op = dag.number_of(op)?;
            spot.shapes = dag.shapes_under(op, arguments, *number, spot.shapes)?;
            spot.lawful = Some(op).filter(|op| dag.lawful(*op));
            spot.at = arguments.get(*number)?;
        }
        Some(spot)
    }

    /// Operations above this place.
    pub(super) fn above(&self) -> u32 {
        u32::try_from(self.path.len()).unwrap_or(u32::MAX)
    }

    /// Operations that what stands here may have at most.
    pub(super) fn room(&self) -> u32 {
        (*self.dag.size.end()).saturating_sub(self.size)
    }

    /// Whether the whole is a member where something of these measures stands here that does not melt into what is above.
    pub(super) fn takes(&self, new: Measures) -> bool {
        let dag = self.dag;
        self.shapes >> new.shape & 1 == 1
            && dag.size.contains(&(self.size + new.size))
            && dag.depth.contains(&self.depth.max(self.above() + new.depth))
            && dag.uses.contains(&(self.used | new.used).count_ones())
    }

    /// Whether a term with this operation at its root, put here, melts into the operation above.
    pub(super) fn melts(&self, op: Option<usize>) -> bool {
        op.is_some() && op == self.lawful
    }

    /// The whole with this term here, if that is a member and differs.
    pub(super) fn with(&self, new: Arc<Term>) -> Option<Arc<Term>> {
        let whole = rebuilt(self.dag, self.term, self.path, new)?;
        (whole.hash() != self.term.hash() && self.dag.contains(&whole).is_ok()).then_some(whole)
    }
}

fn rebuilt(dag: &DagDomain, term: &Arc<Term>, path: &[usize], new: Arc<Term>) -> Option<Arc<Term>> {
    let Some((number, rest)) = path.split_first() else { return Some(new) };
    let mut arguments = term.arguments().to_vec();
    let argument = arguments.get_mut(*number)?;
    *argument = rebuilt(dag, argument, rest, new)?;
    dag.apply(dag.number_of(term.op()?)?, arguments)
}

impl DagDomain {
    /// A shape's number, if any term has it.
    pub(super) fn shape_number(&self, shape: &Shape) -> Option<usize> {
        self.productions.shapes.iter().position(|known| **known == *shape)
    }

    /// The number of a term's shape; nearly always its shape is the very one that is kept here.
    pub(super) fn shape_of(&self, term: &Term) -> Option<usize> {
        let known = self.productions.shapes.iter().position(|known| Arc::ptr_eq(known, term.shape()));
        known.or_else(|| self.shape_number(term.shape()))
    }

    /// The number of an operation; nearly always it is the very one that is kept here.
    pub(super) fn number_of(&self, op: &Op) -> Option<usize> {
        let known = self.ops.iter().position(|known| Arc::ptr_eq(known, op));
        known.or_else(|| self.ops.iter().position(|known| known == op))
    }

    /// Whether a unary operation over itself is no canonical term.
    pub(super) fn lawful(&self, op: usize) -> bool {
        self.ops.get(op).is_some_and(|op| op.inputs.len() == 1 && (op.laws.involution || op.laws.idempotent))
    }

    /// The number of the shape that an operation makes of one or two; `None` where they do not fit.
    pub(super) fn result(&self, op: usize, one: usize, other: Option<usize>) -> Option<usize> {
        self.productions.result(op, one, other)
    }

    /// The operation of this number over terms of this domain, in canonical form; `None` where they do not fit.
    pub(super) fn apply(&self, op: usize, arguments: Vec<Arc<Term>>) -> Option<Arc<Term>> {
        let result = match arguments.as_slice() {
            [one] => self.result(op, self.shape_of(one)?, None),
            [one, other] => self.result(op, self.shape_of(one)?, Some(self.shape_of(other)?)),
            _ => None,
        }?;
        Some(Term::known(self.ops.get(op)?, arguments, self.productions.shapes.get(result)?))
    }

    /// The shapes with which, as the argument of this number, an operation makes one of those in `above`; a bit each.
    fn shapes_under(&self, op: usize, arguments: &[Arc<Term>], number: usize, above: u64) -> Option<u64> {
        let other = arguments.iter().enumerate().find(|(place, _)| *place != number);
        let other = other.map(|(_, argument)| self.shape_of(argument));
        let makes = |shape: usize| match (number, other) {
            (_, None) => self.result(op, shape, None),
            (0, Some(other)) => self.result(op, shape, other),
            (_, Some(other)) => self.result(op, other?, Some(shape)),
        };
        let all = 0..self.productions.shapes.len();
        Some(all.filter(|shape| makes(*shape).is_some_and(|made| above >> made & 1 == 1)).fold(0, |shapes, shape| shapes | 1 << shape))
    }
}

impl Measures {
    /// Those of an operation with this result over what these measure.
    pub(super) fn under(self, shape: usize) -> Self {
        Self { size: self.size + 1, depth: self.depth + 1, shape, ..self }
    }

    /// Those of two operands together; the shape is that of the first.
    pub(super) fn and(self, other: Self) -> Self {
        Self { size: self.size + other.size, depth: self.depth.max(other.depth), used: self.used | other.used, ..self }
    }
}
