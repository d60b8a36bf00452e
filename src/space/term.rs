//! Terms: parameter-free expressions over labelled inputs, canonical by construction.

use crate::diagnostic::counted;
use crate::graph::{Builder, Graph, Hash, NodeIndex, NodeKind, Op, Shape, identity::Digest};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Operations on the longest path of a term at most; nothing deeper lies in any space.
pub const DEEPEST: u32 = 64;
/// Operations of a term written out at most; nothing larger lies in any space.
pub const LARGEST: u32 = 1024;

/// What a term is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An input, by its number.
    Input(u8),
    /// An operation over terms.
    Apply {
        /// The operation.
        op: Op,
        /// Its arguments; of a commutative operation in canonical order.
        arguments: Vec<Arc<Term>>,
    },
}

/// A canonical expression, with everything a search asks of it at hand.
#[derive(Clone, Debug)]
pub struct Term {
    kind: Kind,
    shape: Arc<Shape>,
    hash: Hash,
    size: u32,
    depth: u32,
    used: u32,
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Term {}

impl Term {
    /// An input of this shape.
    pub fn input(index: u8, shape: impl Into<Arc<Shape>>) -> Arc<Self> {
        let hash = Digest::new().text("input").number(index).finish();
        Arc::new(Self {
            kind: Kind::Input(index),
            shape: shape.into(),
            hash,
            size: 0,
            depth: 0,
            used: 1u32.checked_shl(index.into()).unwrap_or(0),
        })
    }

    /// An operation over terms, in canonical form: `f(f(x))` is `x` for an involution and `f(x)` for an idempotent
    /// operation, and two operands of one shape that may be exchanged are ordered.
    ///
    /// # Errors
    /// The number of the argument that does not fit, and why in the user's terms.
    pub fn apply(op: &Op, arguments: Vec<Arc<Self>>) -> Result<Arc<Self>, (usize, String)> {
        if arguments.len() != op.inputs.len() {
            return Err((0, format!("`{}` takes {}, and not {}", op.name, counted(op.inputs.len(), "argument"), arguments.len())));
        }
        let shapes: Vec<Shape> = arguments.iter().map(|argument| Shape::clone(argument.shape())).collect();
        let shape = op.infer(&shapes, &BTreeMap::new())?;
        Ok(Self::known(op, arguments, &Arc::new(shape)))
    }

    /// Likewise where the arguments are known to fit and the shape of the result is told.
    pub(super) fn known(op: &Op, mut arguments: Vec<Arc<Self>>, shape: &Arc<Shape>) -> Arc<Self> {
        if let [argument] = arguments.as_slice()
            && (op.laws.involution || op.laws.idempotent)
            && let Kind::Apply { op: inner, arguments: under } = &argument.kind
            && same(inner, op)
        {
            match under.first() {
                Some(under) if op.laws.involution => return under.clone(),
                _ => return argument.clone(),
            }
        }
        if op.laws.commutative
            && let [left, right] = arguments.as_mut_slice()
            && (Arc::ptr_eq(&left.shape, &right.shape) || left.shape == right.shape)
            && left.order(right).is_gt()
        {
            std::mem::swap(left, right);
        }
        let children = Digest::new().text(&op.identity).numbers(arguments.iter().map(|argument| argument.hash.0));
        let size = arguments.iter().fold(1u32, |size, argument| size.saturating_add(argument.size));
        let depth = arguments.iter().map(|argument| argument.depth).max().unwrap_or(0).saturating_add(1);
        let used = arguments.iter().fold(0, |used, argument| used | argument.used);
        Arc::new(Self { kind: Kind::Apply { op: op.clone(), arguments }, shape: shape.clone(), hash: children.finish(), size, depth, used })
    }

    /// What it is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The operation at its root, if it is no input.
    pub fn op(&self) -> Option<&Op> {
        match &self.kind {
            Kind::Apply { op, .. } => Some(op),
            Kind::Input(_) => None,
        }
    }

    /// The arguments of the operation at its root.
    pub fn arguments(&self) -> &[Arc<Self>] {
        match &self.kind {
            Kind::Apply { arguments, .. } => arguments,
            Kind::Input(_) => &[],
        }
    }

    /// The shape of its value.
    pub fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// Its identity: equal for equal canonical terms.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Operations of the expression written out.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Operations on its longest path.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The inputs that occur, one bit each.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// Adds how often each operation occurs in the expression written out.
    pub fn occurrences(&self, into: &mut BTreeMap<String, u64>) {
        if let Some(op) = self.op() {
            *into.entry(op.name.clone()).or_insert(0) += 1;
        }
        self.arguments().iter().for_each(|argument| argument.occurrences(into));
    }

    /// The order of operands: smaller first, inputs by number, then by operation and arguments.
    pub fn order(&self, other: &Self) -> Ordering {
        if self.hash == other.hash {
            return Ordering::Equal;
        }
        self.size.cmp(&other.size).then_with(|| match (&self.kind, &other.kind) {
            (Kind::Input(left), Kind::Input(right)) => left.cmp(right),
            (Kind::Apply { op: f, arguments: left }, Kind::Apply { op: g, arguments: right }) => {
                let operations = (&f.name, &f.identity).cmp(&(&g.name, &g.identity));
                let operands = || left.iter().zip(right).map(|(left, right)| left.order(right)).find(|order| order.is_ne());
                operations.then_with(|| operands().unwrap_or(self.hash.cmp(&other.hash)))
            }
            (left, _) => {
                if matches!(left, Kind::Input(_)) {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        })
    }

    /// Adds the term to a graph over these values of its inputs, each distinct subterm once; `None` where an input
    /// is missing or does not fit.
    pub fn place(&self, builder: &mut Builder, inputs: &[NodeIndex]) -> Option<NodeIndex> {
        self.place_once(builder, inputs, &mut BTreeMap::new())
    }

    fn place_once(&self, builder: &mut Builder, inputs: &[NodeIndex], placed: &mut BTreeMap<Hash, NodeIndex>) -> Option<NodeIndex> {
        if let Some(node) = placed.get(&self.hash) {
            return Some(*node);
        }
        let node = match &self.kind {
            Kind::Input(index) => inputs.get(usize::from(*index)).copied()?,
            Kind::Apply { op, arguments } => {
                let nodes: Option<Vec<NodeIndex>> = arguments.iter().map(|argument| argument.place_once(builder, inputs, placed)).collect();
                builder.apply(op, BTreeMap::new(), "", &nodes?).ok()?
            }
        };
        placed.insert(self.hash, node);
        Some(node)
    }
}

/// Whether two operations are one.
pub(super) fn same(one: &Op, other: &Op) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// The graph of a term over labelled inputs, per head or not; `None` where the term uses an input not listed or one of another shape.
pub fn to_graph(term: &Term, inputs: &[(String, Shape)], per_head: bool) -> Option<Graph> {
    let mut builder = Builder::new();
    let nodes: Vec<NodeIndex> = inputs.iter().map(|(name, shape)| builder.input(name, shape.clone(), false, per_head)).collect();
    let output = term.place(&mut builder, &nodes)?;
    Some(builder.finish(output))
}

/// The term of a parameter-free graph whose inputs are some of these, by name.
///
/// # Errors
/// Where the graph holds something that no term has, or is larger than any space allows.
pub fn from_graph(graph: &Graph, inputs: &[(String, Shape)]) -> Result<Arc<Term>, String> {
    let mut terms: BTreeMap<NodeIndex, Arc<Term>> = BTreeMap::new();
    for index in graph.order() {
        let Some(node) = graph.node(index) else { continue };
        let term = match &node.kind {
            NodeKind::Input { name, .. } => {
                let found = (0u8..).zip(inputs).find(|(_, (label, _))| label == name);
                let (number, (_, shape)) = found.ok_or_else(|| format!("`{name}` is not among its inputs"))?;
                Term::input(number, shape.clone())
            }
            NodeKind::Op(op) if node.path.is_empty() && node.attrs.is_empty() => {
                let arguments = graph.arguments(index).iter().filter_map(|node| terms.get(node).cloned()).collect();
                Term::apply(op, arguments).map_err(|(_, why)| why)?
            }
            NodeKind::Op(op) => return Err(format!("`{}` has parameters, and operations of a `dag` have none", op.name)),
            NodeKind::SplitHeads | NodeKind::MergeHeads => return Err("`per_head` stands outside a `dag`".to_owned()),
            NodeKind::Hole(_) => return Err("a hole stands where a filling should be".to_owned()),
        };
        if term.depth > DEEPEST || term.size > LARGEST {
            return Err(format!("it is larger than any `dag`: {LARGEST} operations, {DEEPEST} on a path"));
        }
        terms.insert(index, term);
    }
    terms.remove(&graph.output()).ok_or_else(|| "it has no result".to_owned())
}
