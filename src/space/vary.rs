//! Everything that one mutation of an expression can lead to.
//!
//! What it leads to is judged before it is built (`spot`), and new operands are drawn only where they are asked for: a mutation builds little
//! more than its result.

use super::domain::DagDomain;
use super::mutate::MutationKind;
use super::spot::{Measures, Spot};
use super::term::Term;
use crate::graph::Hash;
use crate::stream::Stream;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An operand at hand: a term, or its transpose, which is not built yet.
pub(super) struct Operand {
    term: Arc<Term>,
    turned: bool,
    /// The number of the operation at its root.
    root: Option<usize>,
    measures: Measures,
}

/// What may be put in a place; operations by their numbers.
#[derive(Clone)]
pub(super) enum New<'v> {
    /// A term.
    Given(&'v Operand),
    /// An operation over an operand.
    Unary(usize, &'v Operand),
    /// An operation over two.
    Binary(usize, &'v Operand, &'v Operand),
    /// The whole expression that it leads to.
    Whole(Arc<Term>),
}

/// What one kind of mutation can do in one place.
pub(super) struct Variations<'a> {
    spot: Spot<'a>,
    kind: MutationKind,
    /// The number of the domain's transpose.
    transpose: Option<usize>,
    at: Operand,
    /// The arguments of what stands here, and their transposes.
    old: Vec<Operand>,
    old_turned: Vec<Operand>,
    /// The inputs, the parent's subterms, and the transposes of all these, where new operands are wanted.
    pool: Vec<Operand>,
    /// Likewise of terms drawn anew, one of each shape, made when first asked for.
    fresh: Vec<Option<Vec<Operand>>>,
}

impl<'a> Variations<'a> {
    /// What this kind of mutation can do in this place; `None` where it does nothing there.
    pub(super) fn new(spot: Spot<'a>, kind: MutationKind) -> Option<Self> {
        let (takes_place, wants_operands) = match (kind, spot.at.arguments().len()) {
            (MutationKind::ReplaceOp, arguments) => (arguments > 0, arguments == 1),
            (MutationKind::DeleteOp, arguments) => (arguments > 0, false),
            (MutationKind::Rewire, _) => (!spot.path.is_empty(), true),
            (MutationKind::InsertOp, _) => (true, true),
            (MutationKind::SwapMixer | MutationKind::ChangeKernel, _) => (false, false),
        };
        if !takes_place {
            return None;
        }
        let dag = spot.dag;
        let transpose = dag.ops.iter().position(|op| op.name == "transpose");
        let old = spot.at.arguments().iter().map(|argument| Operand::new(dag, argument)).collect::<Option<Vec<_>>>()?;
        let old_turned = old.iter().filter_map(|old| old.turned(dag, transpose)).collect();
        let pool = if wants_operands { at_hand(&spot, transpose)? } else { Vec::new() };
        let fresh = dag.productions.shapes.iter().map(|_| None).collect();
        Some(Self { at: Operand::new(dag, spot.at)?, spot, kind, transpose, old, old_turned, pool, fresh })
    }

    /// The numbers of the operations that lead to a member other than the parent.
    pub(super) fn operations(&mut self, stream: &mut Stream) -> Vec<usize> {
        let leads = |all: &Self, op: usize| {
            let mut leads = false;
            all.each(Some(op), &mut |_| {
                leads = true;
                true
            });
            leads
        };
        let all = 0..self.spot.dag.ops.len();
        all.filter(|op| leads(self, *op) || self.drawn_for(Some(*op), stream) && leads(self, *op)).collect()
    }

    /// All that leads to a member other than the parent, by this operation where one is drawn, and by the operands at hand (`drawn_for`).
    pub(super) fn all(&self, op: Option<usize>) -> Vec<New<'_>> {
        let mut all = Vec::new();
        self.each(op, &mut |new| {
            all.push(new);
            false
        });
        // What laws made may be what something else leads to.
        if all.iter().any(|new| matches!(new, New::Whole(_))) {
            let whole = all.into_iter().filter_map(|new| self.build(new));
            let once: BTreeMap<Hash, Arc<Term>> = whole.map(|whole| (whole.hash(), whole)).collect();
            all = once.into_values().map(New::Whole).collect();
        }
        all
    }

    /// The whole with this in its place, if that is a member and differs from the parent.
    pub(super) fn build(&self, new: New<'_>) -> Option<Arc<Term>> {
        let new = match new {
            New::Whole(whole) => return Some(whole),
            New::Given(operand) => self.made(operand)?,
            New::Unary(op, operand) => self.spot.dag.apply(op, vec![self.made(operand)?])?,
            New::Binary(op, left, right) => self.spot.dag.apply(op, vec![self.made(left)?, self.made(right)?])?,
        };
        self.spot.with(new)
    }

    fn made(&self, operand: &Operand) -> Option<Arc<Term>> {
        match self.transpose {
            Some(transpose) if operand.turned => self.spot.dag.apply(transpose, vec![operand.term.clone()]),
            _ => Some(operand.term.clone()),
        }
    }

    /// Gives all that leads to a member other than the parent, until one is taken; whether one was.
    fn each<'v>(&'v self, op: Option<usize>, take: &mut dyn FnMut(New<'v>) -> bool) -> bool {
        let mut leading = |new: New<'v>| self.leading(new).is_some_and(&mut *take);
        let Some(op) = op else {
            return if self.kind == MutationKind::DeleteOp {
                once(&self.old).any(|old| leading(New::Given(old)))
            } else {
                self.operands().any(|operand| leading(New::Given(operand)))
            };
        };
        let unary = self.spot.dag.ops.get(op).is_some_and(|op| op.inputs.len() == 1);
        if self.kind == MutationKind::InsertOp {
            return match unary {
                // Where laws melt it away, nothing is inserted.
                true if self.spot.melts(Some(op)) || self.at.root == Some(op) && self.spot.dag.lawful(op) => false,
                true => leading(New::Unary(op, &self.at)),
                false => self.beside(op, &self.at, &mut leading),
            };
        }
        if self.at.root == Some(op) {
            return false;
        }
        let mut led = false;
        let mut straight = |new: New<'v>| {
            self.leading(new).is_some_and(|new| {
                led = true;
                take(new)
            })
        };
        let taken = match self.old.as_slice() {
            old if unary => once(old).any(|old| straight(New::Unary(op, old))),
            [old] => self.beside(op, old, &mut straight),
            [left, right] => straight(New::Binary(op, left, right)),
            _ => false,
        };
        if led {
            return taken;
        }
        // For an operation that asks for other shapes, some of the old operands are transposed.
        let mut leading = |new: New<'v>| self.leading(new).is_some_and(&mut *take);
        match (self.old.as_slice(), self.old_turned.as_slice()) {
            (_, turned) if unary => once(turned).any(|turned| leading(New::Unary(op, turned))),
            ([left, right], [over, under]) => {
                let alike = left.key(None) == right.key(None) && self.spot.dag.ops.get(op).is_some_and(|op| op.laws.commutative);
                leading(New::Binary(op, over, right))
                    || !alike && leading(New::Binary(op, left, under))
                    || leading(New::Binary(op, over, under))
            }
            _ => false,
        }
    }

    /// An operation over an operand and each at hand, on either side.
    fn beside<'v>(&'v self, op: usize, operand: &'v Operand, take: &mut dyn FnMut(New<'v>) -> bool) -> bool {
        let commutes = self.spot.dag.ops.get(op).is_some_and(|op| op.laws.commutative);
        let own = operand.key(self.transpose);
        self.operands().any(|other| {
            let again = commutes && other.measures.shape == operand.measures.shape || other.key(self.transpose) == own;
            take(New::Binary(op, operand, other)) || !again && take(New::Binary(op, other, operand))
        })
    }

    /// This, if it leads to a member other than the parent; as the whole where laws make something else of it, which only building tells.
    fn leading<'v>(&self, new: New<'v>) -> Option<New<'v>> {
        let dag = self.spot.dag;
        let (root, measures, differs, melts) = match &new {
            New::Whole(_) => return Some(new),
            New::Given(operand) => (operand.root, operand.measures, operand.turned || operand.term.hash() != self.spot.at.hash(), false),
            New::Unary(op, operand) => {
                let melts = operand.root == Some(*op) && dag.lawful(*op);
                (Some(*op), operand.measures.under(dag.result(*op, operand.measures.shape, None)?), true, melts)
            }
            New::Binary(op, left, right) => {
                let shape = dag.result(*op, left.measures.shape, Some(right.measures.shape))?;
                (Some(*op), left.measures.and(right.measures).under(shape), true, false)
            }
        };
        if melts || self.spot.melts(root) {
            return self.build(new).map(New::Whole);
        }
        (differs && self.spot.takes(measures)).then_some(new)
    }

    /// Every operand at hand.
    fn operands(&self) -> impl Iterator<Item = &Operand> {
        self.pool.iter().chain(self.fresh.iter().flatten().flatten())
    }

    /// Draws operands of the shapes that an operation can use, as far as that has not been done; whether any was.
    pub(super) fn drawn_for(&mut self, op: Option<usize>, stream: &mut Stream) -> bool {
        let mut drawn = false;
        for shape in 0..self.fresh.len() {
            if self.fresh.get(shape).is_some_and(Option::is_none) && self.may_use(op, shape) {
                let fresh = self.draw(shape, stream);
                drawn |= !fresh.is_empty();
                if let Some(of) = self.fresh.get_mut(shape) {
                    *of = Some(fresh);
                }
            }
        }
        drawn
    }

    /// Whether an operand drawn anew of this shape, or its transpose, could be used.
    fn may_use(&self, op: Option<usize>, shape: usize) -> bool {
        let Some(op) = op else { return self.kind == MutationKind::Rewire };
        let dag = self.spot.dag;
        let beside = match (self.kind, self.old.as_slice()) {
            (MutationKind::InsertOp, _) => &self.at,
            (MutationKind::ReplaceOp, [old]) => old,
            _ => return false,
        };
        let own = beside.measures.shape;
        let fits = |shape: usize| dag.result(op, own, Some(shape)).is_some() || dag.result(op, shape, Some(own)).is_some();
        fits(shape) || self.transpose.and_then(|transpose| dag.result(transpose, shape, None)).is_some_and(fits)
    }

    /// A term of this shape drawn by size within the room there is, with its transpose, as far as they are not at hand.
    fn draw(&self, shape: usize, stream: &mut Stream) -> Vec<Operand> {
        let (spot, dag) = (&self.spot, self.spot.dag);
        let (above, taken) = match self.kind {
            MutationKind::Rewire => (spot.above(), 0),
            MutationKind::InsertOp => (spot.above() + 1, spot.at.size() + 1),
            _ => (spot.above() + 1, spot.at.size()),
        };
        let depth = (*dag.depth.end()).saturating_sub(above);
        let Some(room) = spot.room().checked_sub(taken) else { return Vec::new() };
        let drawn = dag.sample_operand(shape, depth, room, stream).and_then(|term| Operand::new(dag, &term));
        let both = drawn.into_iter().flat_map(|drawn| [drawn.turned(dag, self.transpose), Some(drawn)]).flatten();
        let known: Vec<_> = self.operands().map(|old| old.key(self.transpose)).collect();
        both.filter(|new| !known.contains(&new.key(self.transpose))).collect()
    }
}

impl Operand {
    fn new(dag: &DagDomain, term: &Arc<Term>) -> Option<Self> {
        let measures = Measures { size: term.size(), depth: term.depth(), used: term.used(), shape: dag.shape_of(term)? };
        let root = term.op().and_then(|op| dag.number_of(op));
        Some(Self { term: term.clone(), turned: false, root, measures })
    }

    /// Its transpose, if the domain has any.
    fn turned(&self, dag: &DagDomain, transpose: Option<usize>) -> Option<Self> {
        let number = transpose?;
        match self.term.arguments() {
            [under] if self.root == transpose && dag.lawful(number) => Self::new(dag, under),
            _ => {
                let measures = self.measures.under(dag.result(number, self.measures.shape, None)?);
                Some(Self { term: self.term.clone(), turned: true, root: transpose, measures })
            }
        }
    }

    /// What tells operands apart: a transpose, built or not, is told by what is under it.
    fn key(&self, transpose: Option<usize>) -> (Hash, bool) {
        match self.term.arguments() {
            [under] if !self.turned && self.root.is_some() && self.root == transpose => (under.hash(), true),
            _ => (self.term.hash(), self.turned),
        }
    }
}

/// Operands, those that are the same but once; there are at most two.
fn once(operands: &[Operand]) -> impl Iterator<Item = &Operand> {
    let same = |place: usize| place > 0 && operands.first().map(|first| first.key(None)) == operands.get(place).map(|one| one.key(None));
    operands.iter().enumerate().filter(move |(place, _)| !same(*place)).map(|(_, operand)| operand)
}

/// The inputs, the subterms of the term around a place, and the transposes of all these, each once.
fn at_hand(spot: &Spot<'_>, transpose: Option<usize>) -> Option<Vec<Operand>> {
    let mut straight: Vec<&Arc<Term>> = spot.dag.leaves.iter().collect();
    subterms(spot.term, &mut straight);
    straight.sort_unstable_by_key(|term| term.hash());
    straight.dedup_by_key(|term| term.hash());
    let mut all: Vec<Operand> = straight.into_iter().map(|term| Operand::new(spot.dag, term)).collect::<Option<_>>()?;
    let known: Vec<_> = all.iter().map(|operand| operand.key(transpose)).collect();
    let turned = all.iter().filter_map(|operand| operand.turned(spot.dag, transpose));
    let turned: Vec<Operand> = turned.filter(|turned| !known.contains(&turned.key(transpose))).collect();
    all.extend(turned);
    Some(all)
}

fn subterms<'a>(term: &'a Arc<Term>, into: &mut Vec<&'a Arc<Term>>) {
    into.push(term);
    term.arguments().iter().for_each(|argument| subterms(argument, into));
}

#[cfg(test)]
mod tests {
    //! What is told without building, beside building everything.

    use super::super::spot::{Places, Spot};
    use super::super::testing::{PAPER, dag};
    use super::super::{DagDomain, MutationKind};
    use super::{Term, Variations};
    use crate::graph::{Hash, Op};
    use crate::stream::stream;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    /// The term with another in a place, by building all of it anew.
    fn rebuilt(term: &Arc<Term>, path: &[usize], new: Arc<Term>) -> Option<Arc<Term>> {
        let Some((number, rest)) = path.split_first() else { return Some(new) };
        let mut arguments = term.arguments().to_vec();
        arguments[*number] = rebuilt(&arguments[*number], rest, new)?;
        Term::apply(term.op()?, arguments).ok()
    }

    /// Every member that this mutation leads to with these operands at hand.
    fn reference(
        dag: &DagDomain,
        term: &Arc<Term>,
        path: &[usize],
        kind: MutationKind,
        op: Option<&Op>,
        pool: &[Arc<Term>],
    ) -> BTreeSet<Hash> {
        let at = path.iter().fold(term, |at, number| &at.arguments()[*number]);
        let apply = |operands: Vec<Arc<Term>>| Term::apply(op?, operands).ok();
        let beside =
            |one: &Arc<Term>| pool.iter().flat_map(|other| [vec![one.clone(), other.clone()], vec![other.clone(), one.clone()]]).collect();
        let turn = |term: &Arc<Term>| {
            let transpose = dag.ops.iter().find(|op| op.name == "transpose")?;
            Term::apply(transpose, vec![term.clone()]).ok()
        };
        let members = |all: Vec<Option<Arc<Term>>>, fits: &dyn Fn(&Term) -> bool| {
            let whole = all.into_iter().flatten().filter_map(|new| rebuilt(term, path, new));
            whole
                .filter(|new| new.hash() != term.hash() && dag.contains(new).is_ok() && fits(new))
                .map(|new| new.hash())
                .collect::<BTreeSet<Hash>>()
        };
        let unary = op.is_some_and(|op| op.inputs.len() == 1);
        match kind {
            MutationKind::DeleteOp => members(at.arguments().iter().cloned().map(Some).collect(), &|new| new.size() < term.size()),
            MutationKind::Rewire => members(pool.iter().cloned().map(Some).collect(), &|_| true),
            MutationKind::InsertOp => {
                let operands: Vec<Vec<Arc<Term>>> = if unary { vec![vec![at.clone()]] } else { beside(at) };
                members(operands.into_iter().map(apply).collect(), &|new| new.size() > term.size())
            }
            _ => {
                let straight: Vec<Vec<Arc<Term>>> = match (unary, at.arguments()) {
                    (true, old) => old.iter().map(|old| vec![old.clone()]).collect(),
                    (false, [old]) => beside(old),
                    (false, old) => vec![old.to_vec()],
                };
                let found = members(straight.into_iter().map(apply).collect(), &|_| true);
                let turned: Vec<Vec<Option<Arc<Term>>>> = match (unary, at.arguments()) {
                    (true, old) => old.iter().map(|old| vec![turn(old)]).collect(),
                    (false, [left, right]) => {
                        vec![vec![turn(left), Some(right.clone())], vec![Some(left.clone()), turn(right)], vec![turn(left), turn(right)]]
                    }
                    _ => Vec::new(),
                };
                let turned = turned.into_iter().filter_map(|operands| operands.into_iter().collect::<Option<Vec<_>>>());
                if found.is_empty() { members(turned.map(apply).collect(), &|_| true) } else { found }
            }
        }
    }

    #[test]
    fn what_is_judged_unbuilt_is_what_building_finds() {
        let domains = [
            dag(3, PAPER, [4, 10, 4, 16, 2, 3]),
            dag(2, "neg relu add transpose matmul", [1, 5, 1, 7, 1, 2]),
            dag(3, "add matmul transpose", [1, 3, 1, 4, 2, 3]),
            dag(1, "neg relu scale sub max", [1, 4, 1, 6, 1, 1]),
            dag(2, "softmax matmul cosine add", [1, 4, 1, 6, 1, 2]),
        ];
        let (mut met, mut reached) = (0, 0);
        for (number, dag) in (0u64..).zip(&domains) {
            for draw in 0..40 {
                let mut draws = stream(number, "judged", draw);
                let term = dag.sample_by_size(&mut draws).unwrap();
                let places = Places::new(&term);
                for path in (0..places.len()).map(|number| places.path(number)) {
                    for kind in [MutationKind::ReplaceOp, MutationKind::InsertOp, MutationKind::DeleteOp, MutationKind::Rewire] {
                        let Some(mut variations) = Variations::new(Spot::new(dag, &term, &path).unwrap(), kind) else { continue };
                        let fitting: Vec<String> = variations.operations(&mut draws).iter().map(|op| dag.ops[*op].name.clone()).collect();
                        let drawn = matches!(kind, MutationKind::ReplaceOp | MutationKind::InsertOp);
                        for number in if drawn { (0..dag.ops.len()).map(Some).collect() } else { vec![None] } {
                            let op = number.map(|number| &dag.ops[number]);
                            variations.drawn_for(number, &mut draws);
                            let all = variations.all(number);
                            let pool: Vec<Arc<Term>> = variations.operands().map(|operand| variations.made(operand).unwrap()).collect();
                            let distinct: BTreeSet<Hash> = pool.iter().map(|term| term.hash()).collect();
                            assert_eq!(distinct.len(), pool.len(), "an operand stands twice");
                            // What is no operation of its own to draw is left out on both sides.
                            let same = op.zip(path.iter().fold(&term, |at, number| &at.arguments()[*number]).op());
                            if kind == MutationKind::ReplaceOp && same.is_some_and(|(op, own)| op == own) {
                                assert!(all.is_empty());
                                continue;
                            }
                            let expected = reference(dag, &term, &path, kind, op, &pool);
                            let built: Vec<Hash> = all.into_iter().map(|new| variations.build(new).expect("a member").hash()).collect();
                            let found: BTreeSet<Hash> = built.iter().copied().collect();
                            assert_eq!((built.len(), &found), (expected.len(), &expected), "{kind:?} {op:?} at {path:?}");
                            assert!(op.is_none_or(|op| fitting.contains(&op.name) != expected.is_empty()));
                            met += 1;
                            reached += found.len();
                        }
                    }
                }
            }
        }
        assert!(met > 10_000 && reached > 30_000, "{met} {reached}");
    }
}
