//! What would give members to a `dag` that has none.

use super::Checker;
use crate::graph::Op;
use crate::space::DagDomain;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How far bounds are widened in search of members.
const WIDER: u32 = 6;

impl Checker<'_> {
    /// The least changes of one bound, of depth and size together, or of the operations by one of the standard library's, after which an
    /// empty `dag` has members, in words.
    pub(super) fn members_with(&self, dag: &DagDomain) -> String {
        let with = |depth: RangeInclusive<u32>, size: RangeInclusive<u32>, uses: RangeInclusive<u32>, more: Option<&Op>| {
            let ops: Vec<Op> = dag.ops.iter().chain(more).cloned().collect();
            let changed = DagDomain::new(dag.inputs.clone(), ops, depth, size, uses, dag.output.clone());
            changed.is_ok_and(|changed: Arc<DagDomain>| changed.count() != num_bigint::BigUint::ZERO)
        };
        let (depth, size, uses) = (dag.depth.clone(), dag.size.clone(), dag.uses.clone());
        let wider = |range: &RangeInclusive<u32>, more: u32| *range.start()..=range.end().saturating_add(more);
        let show = |range: RangeInclusive<u32>| format!("{}..={}", range.start(), range.end());
        let inputs = u32::try_from(dag.inputs.len()).unwrap_or(1);
        let mut found = Vec::new();
        if let Some(more) = (1..=WIDER).find(|more| with(depth.clone(), wider(&size, *more), uses.clone(), None)) {
            found.push(format!("`size = {}`", show(wider(&size, more))));
        }
        if let Some(more) = (1..=WIDER).find(|more| with(wider(&depth, *more), size.clone(), uses.clone(), None)) {
            found.push(format!("`depth = {}`", show(wider(&depth, more))));
        }
        if let Some(less) = (1..*depth.start()).rev().find(|less| with(*less..=*depth.end(), size.clone(), uses.clone(), None)) {
            found.push(format!("`depth = {}`", show(less..=*depth.end())));
        }
        if with(depth.clone(), size.clone(), 1..=inputs, None) {
            found.push(format!("`uses = 1..={inputs}`"));
        }
        if found.is_empty()
            && let Some(more) = (1..=WIDER).find(|more| with(wider(&depth, *more), wider(&size, *more), uses.clone(), None))
        {
            found.push(format!("`depth = {}` with `size = {}`", show(wider(&depth, more)), show(wider(&size, more))));
        }
        let fits = |op: &Op| (1..=2).contains(&op.inputs.len()) && op.statics.is_empty() && op.inputs.iter().all(|(_, ty)| !ty.index);
        let known: Vec<Op> = self.primitives().into_iter().filter(fits).collect();
        let joining =
            known.iter().filter(|op| !dag.ops.contains(op)).filter(|op| with(depth.clone(), size.clone(), uses.clone(), Some(op)));
        let names: Vec<String> = joining.map(|op| format!("`{}`", op.name)).take(3).collect();
        if !names.is_empty() {
            found.push(format!("{} among its operations", names.join(" or ")));
        }
        match found.split_last() {
            None => "widen `depth`, `size` or `uses`, or add operations that lead to the output's shape".to_owned(),
            Some((last, [])) => format!("it has members with {last}"),
            Some((last, others)) => format!("it has members with {}, or with {last}", others.join(", with ")),
        }
    }
}
