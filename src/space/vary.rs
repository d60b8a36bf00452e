//! Everything that one mutation of an expression can lead to.

use super::domain::DagDomain;
use super::mutate::MutationKind;
use super::term::Term;
use crate::graph::{Hash, Op};
use crate::stream::Stream;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A place in a term: the numbers of the arguments that lead to it, and what stands there.
pub(super) struct Place {
    path: Vec<usize>,
    at: Arc<Term>,
}

/// Results by the operation drawn for them (the empty name where none is), each once.
pub(super) type Results = BTreeMap<String, BTreeMap<Hash, Arc<Term>>>;

/// All places of a term written out, the root first.
pub(super) fn places(term: &Arc<Term>) -> Vec<Place> {
    let mut places = vec![Place { path: Vec::new(), at: term.clone() }];
    for (number, argument) in term.arguments().iter().enumerate() {
        places.extend(self::places(argument).into_iter().map(|place| Place { path: [&[number], place.path.as_slice()].concat(), ..place }));
    }
    places
}

/// The members other than `term` that a mutation of this kind leads to in this place.
pub(super) fn vary(dag: &DagDomain, term: &Arc<Term>, place: &Place, kind: MutationKind, stream: &mut Stream) -> Results {
    let at = &place.at;
    let mut results = Results::new();
    match kind {
        MutationKind::ReplaceOp if at.op().is_some() => {
            let pool = pool(dag, term, place, (*dag.size.end()).saturating_sub(term.size()), stream);
            for op in dag.ops.iter().filter(|op| Some(*op) != at.op()) {
                let keeps = |term: &Term| term.hash() != at.hash();
                let found = keep_members(dag, term, place, op, replaced(op, at, &pool), keeps);
                let turned = || keep_members(dag, term, place, op, turned(dag, op, at), keeps);
                add(&mut results, &op.name, if found.is_empty() { turned() } else { found });
            }
        }
        MutationKind::InsertOp => {
            let pool = pool(dag, term, place, (*dag.size.end()).saturating_sub(term.size() + 1), stream);
            for op in &dag.ops {
                let operands = if op.inputs.len() == 1 { vec![vec![at.clone()]] } else { both_ways(at, &pool) };
                let mut found = keep_members(dag, term, place, op, operands, |_| true);
                found.retain(|_, found| found.size() > term.size());
                add(&mut results, &op.name, found);
            }
        }
        MutationKind::DeleteOp => {
            let found = at.arguments().iter().filter_map(|argument| member(dag, term, place, argument.clone()));
            add(&mut results, "", found.filter(|found| found.size() < term.size()).map(|found| (found.hash(), found)).collect());
        }
        MutationKind::Rewire if !place.path.is_empty() => {
            let pool = pool(dag, term, place, (*dag.size.end() + at.size()).saturating_sub(term.size()), stream);
            let found = pool.into_iter().filter_map(|operand| member(dag, term, place, operand));
            add(&mut results, "", found.map(|found| (found.hash(), found)).collect());
        }
        _ => {}
    }
    results
}

fn add(results: &mut Results, op: &str, found: BTreeMap<Hash, Arc<Term>>) {
    if !found.is_empty() {
        results.entry(op.to_owned()).or_default().extend(found);
    }
}

/// The members that applying an operation to these operands in this place leads to.
fn keep_members(
    dag: &DagDomain,
    term: &Arc<Term>,
    place: &Place,
    op: &Op,
    operands: Vec<Vec<Arc<Term>>>,
    keeps: impl Fn(&Term) -> bool,
) -> BTreeMap<Hash, Arc<Term>> {
    let applied = operands.into_iter().filter_map(|operands| Term::apply(op, operands).ok()).filter(|applied| keeps(applied));
    applied.filter_map(|applied| member(dag, term, place, applied)).map(|found| (found.hash(), found)).collect()
}

/// The term with another in this place, if that is a member and differs.
fn member(dag: &DagDomain, term: &Arc<Term>, place: &Place, new: Arc<Term>) -> Option<Arc<Term>> {
    let rebuilt = rebuild(term, &place.path, new)?;
    (rebuilt.hash() != term.hash() && dag.contains(&rebuilt).is_ok()).then_some(rebuilt)
}

fn rebuild(term: &Arc<Term>, path: &[usize], new: Arc<Term>) -> Option<Arc<Term>> {
    let Some((number, rest)) = path.split_first() else { return Some(new) };
    let mut arguments = term.arguments().to_vec();
    let argument = arguments.get_mut(*number)?;
    *argument = rebuild(argument, rest, new)?;
    Term::apply(term.op()?, arguments).ok()
}

/// The operands of an operation in place of another: the old ones, one left out, or one new.
fn replaced(op: &Op, at: &Term, pool: &[Arc<Term>]) -> Vec<Vec<Arc<Term>>> {
    match (op.inputs.len(), at.arguments()) {
        (1, old) => old.iter().map(|old| vec![old.clone()]).collect(),
        (_, [old]) => both_ways(old, pool),
        (_, old) => vec![old.to_vec()],
    }
}

/// The old operands with some of them transposed, for an operation that asks for other shapes.
fn turned(dag: &DagDomain, op: &Op, at: &Term) -> Vec<Vec<Arc<Term>>> {
    let turn = |term: &Arc<Term>| transposed(dag, term);
    match (op.inputs.len(), at.arguments()) {
        (1, old) => old.iter().filter_map(turn).map(|old| vec![old]).collect(),
        (2, [left, right]) => {
            let sides = [(turn(left), Some(right.clone())), (Some(left.clone()), turn(right)), (turn(left), turn(right))];
            sides.into_iter().filter_map(|(left, right)| Some(vec![left?, right?])).collect()
        }
        _ => Vec::new(),
    }
}

/// A term beside each of the pool, on either side.
fn both_ways(term: &Arc<Term>, pool: &[Arc<Term>]) -> Vec<Vec<Arc<Term>>> {
    pool.iter().flat_map(|other| [vec![term.clone(), other.clone()], vec![other.clone(), term.clone()]]).collect()
}

fn transposed(dag: &DagDomain, term: &Arc<Term>) -> Option<Arc<Term>> {
    let transpose = dag.ops.iter().find(|op| op.name == "transpose")?;
    Term::apply(transpose, vec![term.clone()]).ok()
}

/// New operands: the inputs, the parent's subterms, one of each shape freshly drawn by size within what is spare, and
/// the transposes of all these.
fn pool(dag: &DagDomain, term: &Arc<Term>, place: &Place, spare: u32, stream: &mut Stream) -> Vec<Arc<Term>> {
    let above = u32::try_from(place.path.len()).unwrap_or(u32::MAX);
    let depth = (*dag.depth.end()).saturating_sub(above);
    let inputs = (0u8..).zip(&dag.inputs).map(|(number, (_, shape))| Term::input(number, shape.clone()));
    let fresh = dag.productions.shapes.iter().filter_map(|shape| dag.sample_operand(shape, depth, spare, stream));
    let straight: Vec<Arc<Term>> = inputs.chain(places(term).into_iter().map(|place| place.at)).chain(fresh).collect();
    let turned: Vec<Arc<Term>> = straight.iter().filter_map(|term| transposed(dag, term)).collect();
    let once: BTreeMap<Hash, Arc<Term>> = straight.into_iter().chain(turned).map(|term| (term.hash(), term)).collect();
    once.into_values().filter(|operand| operand.size() <= spare).collect()
}
