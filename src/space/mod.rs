//! Spaces of architectures: graphs with holes, and what may fill them.
//!
//! In reading order: `term` (canonical expressions), `text` (their forms as text), `domain` (holes, fillings,
//! spaces), `productions` (shapes and what leads from one to another), `table` (exact counts, of a `number` that may be small), `draw` and `small` (terms drawn by them), `enumerate`, `sample` (whole
//! architectures counted, drawn, enumerated), `member` (membership, identity), `instantiate` (the graph of an architecture), `source` (its
//! Phyla source), `cost` (what it costs in a model), `require` (conditions beyond the holes), `distance`, `edits` (the script behind it), `compare` (where two differ), `compact` (its form in a journal), `extremes` (the cheapest and dearest), `mutate`,
//! `vary` and `spot` (mutation, judged before it is built).
//!
//! Invariants: a term is canonical and well-shaped by construction; whatever is drawn, enumerated or mutated is
//! a member. This module knows no tensors and no training.

mod compact;
mod compare;
mod cost;
mod distance;
mod domain;
mod draw;
mod edits;
mod enumerate;
mod extremes;
mod instantiate;
mod layer;
mod member;
mod mutate;
mod number;
mod productions;
mod require;
mod sample;
mod small;
mod source;
mod spot;
mod table;
pub mod term;
pub mod text;
mod vary;

pub use compact::{Compact, CompactFilling};
pub use compare::{Change, architecture_changes, members, ratio, short, space_changes};
pub use cost::{masked_lm_cost, sizes, whole};
pub use distance::{distance, tree_edit};
pub use domain::{Architecture, Arm, DagDomain, Domain, Filling, Hole, INPUTS, Space};
pub use edits::edits;
pub use extremes::extremes;
pub use instantiate::instantiate;
pub use layer::layer_graph;
pub use member::{contains, hash, hash_by, lies_in, same};
pub use mutate::{Mutated, MutationKind, OpPicker, inter, intra, mutate};
pub use require::{Condition, Order, Quantity, Require, unmet};
pub use sample::Draw;
pub use source::{fillings, to_source};
pub use term::Term;

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
pub(crate) use tests as testing;
