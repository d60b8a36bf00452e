//! Computation graphs: what is computed, with symbolic shapes, and what that costs.
//!
//! In reading order: `dim` (symbolic sizes), `op` (operations and their signatures), `weights` (the parameters
//! an operation owns), `dag` (the petgraph DAG with numbered ports and its builder), `identity` (128-bit hashes),
//! `canonical` (canonical form), `cost` (parameters, FLOPs), `mixing` (whether tokens see one another), `draw` (DOT and SVG).
//!
//! Invariants: every node's shape was inferred when it was built, so a graph that exists is well-shaped;
//! arguments are numbered, so `mul(x, x)` and operand order survive. This module knows no tensors.

pub mod assemble;
pub mod canonical;
pub mod cost;
pub mod dag;
pub mod dim;
pub mod draw;
pub mod identity;
pub mod mixing;
pub mod op;
pub mod weights;

pub use assemble::assemble;
pub use canonical::{canonical, hash};
pub use cost::{Cost, cost};
pub use dag::{Attr, Builder, Graph, HoleRef, Node, NodeKind, ShapeError};
pub use dim::{Dim, Shape, Sizes, Symbol};
pub use identity::Hash;
pub use mixing::mixes;
pub use op::{Laws, Op, OpDef, Pattern, Type};
pub use petgraph::graph::NodeIndex;
