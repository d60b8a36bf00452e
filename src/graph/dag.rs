//! The DAG itself, and the builder through which every node comes into being.

use super::dim::{Dim, Shape, Symbol, show_shape};
use super::op::Op;
use crate::diagnostic::counted;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::collections::BTreeMap;

/// A hole of a space, by name and, inside a `repeat`, by repetition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoleRef {
    /// The hole's name: the field of the space, or a dotted path below it.
    pub name: String,
    /// The repetition it is filled for, from 0; `None` outside a `repeat`.
    pub repetition: Option<usize>,
}

/// The value of a static parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// A size.
    Size(Dim),
    /// A number that is no size, such as a dropout rate.
    Number(f64),
    /// To be filled by a search.
    Hole(HoleRef),
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// An input of the graph; `index` marks token numbers and positions.
    Input {
        /// Its name.
        name: String,
        /// Whether it holds indices.
        index: bool,
    },
    /// An operation.
    Op(Op),
    /// `[n, h]` to one `[n, d]` a head: the way into the world of one head.
    SplitHeads,
    /// One `[n, d]` a head to `[n, h]`: the way back.
    MergeHeads,
    /// A graph that a search fills; its arguments are the inputs the filling may use, in order.
    Hole(HoleRef),
}

/// A node: what it computes, for which parameters, with which shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it computes.
    pub kind: NodeKind,
    /// The shape of its result.
    pub shape: Shape,
    /// Whether it lives in the world of one head, where the heads axis is implicit.
    pub per_head: bool,
    /// Static parameters, by name.
    pub attrs: BTreeMap<String, Attr>,
    /// The canonical path that owns its parameters (`layer.3/mixer.attention/attention/linear.0`); empty without any.
    pub path: String,
    /// Another path whose `weight` this node uses as its own (`tie`).
    pub tied: Option<String>,
    /// The name for import and export, if one was given.
    pub label: Option<String>,
}

impl Node {
    /// The name of its operation, if it is one.
    pub fn op_name(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Op(op) => Some(&op.name),
            _ => None,
        }
    }

    /// A static parameter.
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.get(name)
    }
}

/// A computation graph: a petgraph DAG whose edges carry the number of the port they enter.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    dag: DiGraph<Node, u8>,
    inputs: Vec<NodeIndex>,
    output: NodeIndex,
    letters: BTreeMap<String, Dim>,
}

impl Graph {
    /// The graph with letters for the sizes that stand for any: drawings show them, nothing else reads them.
    #[must_use]
    pub fn with_letters(self, letters: BTreeMap<String, Dim>) -> Self {
        Self { letters, ..self }
    }

    /// The letters of the sizes that stand for any.
    pub fn letters(&self) -> &BTreeMap<String, Dim> {
        &self.letters
    }

    /// The petgraph graph; an edge runs from a value to its user and carries the port.
    pub fn dag(&self) -> &DiGraph<Node, u8> {
        &self.dag
    }

    /// The inputs, in the order of declaration.
    pub fn inputs(&self) -> &[NodeIndex] {
        &self.inputs
    }

    /// The node whose value is the result.
    pub fn output(&self) -> NodeIndex {
        self.output
    }

    /// A node, or `None` for an index of another graph.
    pub fn node(&self, index: NodeIndex) -> Option<&Node> {
        self.dag.node_weight(index)
    }

    /// The arguments of a node in the order of their ports.
    pub fn arguments(&self, index: NodeIndex) -> Vec<NodeIndex> {
        let mut ports: Vec<(u8, NodeIndex)> =
            self.dag.edges_directed(index, Direction::Incoming).map(|edge| (*edge.weight(), edge.source())).collect();
        ports.sort_unstable();
        ports.into_iter().map(|(_, source)| source).collect()
    }

    /// The nodes the result needs, each after its arguments; the order depends on the graph alone.
    pub fn order(&self) -> Vec<NodeIndex> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.dag.node_count()];
        let mut stack = vec![(self.output, false)];
        while let Some((node, finished)) = stack.pop() {
            if finished {
                order.push(node);
                continue;
            }
            match seen.get_mut(node.index()) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            stack.push((node, true));
            stack.extend(self.arguments(node).into_iter().rev().map(|argument| (argument, false)));
        }
        order
    }
}

/// Why a node could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// The argument at fault, from 0.
    pub argument: usize,
    /// Why, in the user's terms.
    pub why: String,
    /// Whether the fault is the world (`per_head`) and not the shape.
    pub world: bool,
}

/// Builds a graph node by node, inferring and checking every shape.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    graph: Graph,
}

impl Builder {
    /// A builder without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.graph.dag().node_count()
    }

    /// A node already built.
    pub fn node(&self, index: NodeIndex) -> Option<&Node> {
        self.graph.node(index)
    }

    /// The shape of a node already built.
    pub fn shape(&self, index: NodeIndex) -> Shape {
        self.graph.node(index).map_or_else(Vec::new, |node| node.shape.clone())
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, shape: Shape, index: bool, per_head: bool) -> NodeIndex {
        let kind = NodeKind::Input { name: name.to_owned(), index };
        let node = self.add(kind, shape, per_head, &[]);
        self.graph.inputs.push(node);
        node
    }

    /// Applies an operation.
    ///
    /// `path` owns its parameters and is empty for an operation without any.
    ///
    /// # Errors
    /// Where a shape does not fit, or an argument lives in the other world.
    pub fn apply(&mut self, op: &Op, attrs: BTreeMap<String, Attr>, path: &str, arguments: &[NodeIndex]) -> Result<NodeIndex, ShapeError> {
        if arguments.len() != op.inputs.len() {
            let why = format!("`{}` takes {}, and not {}", op.name, counted(op.inputs.len(), "argument"), arguments.len());
            return Err(ShapeError { argument: 0, why, world: false });
        }
        let shapes: Vec<Shape> = arguments.iter().map(|argument| self.shape(*argument)).collect();
        let per_head = self.world(arguments)?;
        let statics = attrs
            .iter()
            .filter_map(|(name, attr)| match attr {
                Attr::Size(dim) => Some((name.clone(), dim.clone())),
                _ => None,
            })
            .collect();
        for (argument, ((name, ty), node)) in op.inputs.iter().zip(arguments).enumerate() {
            let is_index = matches!(self.graph.node(*node), Some(Node { kind: NodeKind::Input { index: true, .. }, .. }));
            if ty.index != is_index {
                let (wanted, found) = if ty.index { ("indices", "real numbers") } else { ("real numbers", "indices") };
                return Err(ShapeError { argument, why: format!("`{name}` holds {wanted}, and this holds {found}"), world: false });
            }
        }
        let shape = op.infer(&shapes, &statics).map_err(|(argument, why)| ShapeError { argument, why, world: false })?;
        let node = self.add(NodeKind::Op(op.clone()), shape, per_head, arguments);
        if let Some(node) = self.graph.dag.node_weight_mut(node) {
            node.attrs = attrs;
            node.path = path.to_owned();
        }
        Ok(node)
    }

    /// Gives a node its export name and the path it shares its `weight` with.
    pub fn annotate(&mut self, node: NodeIndex, label: Option<String>, tied: Option<String>) {
        if let Some(node) = self.graph.dag.node_weight_mut(node) {
            node.label = label;
            node.tied = tied;
        }
    }

    /// `[n, h]` to one `[n, d]` a head.
    ///
    /// # Errors
    /// Where the value is not `[n, h]`, or lives in the world of one head already.
    pub fn split_heads(&mut self, value: NodeIndex) -> Result<NodeIndex, ShapeError> {
        self.cross(value, Symbol::Hidden, Symbol::HeadWidth, true)
    }

    /// One `[n, d]` a head to `[n, h]`.
    ///
    /// # Errors
    /// Where the value is not `[n, d]` in the world of one head.
    pub fn merge_heads(&mut self, value: NodeIndex) -> Result<NodeIndex, ShapeError> {
        self.cross(value, Symbol::HeadWidth, Symbol::Hidden, false)
    }

    /// A graph to be filled by a search, whose result has this shape.
    ///
    /// # Errors
    /// Where the arguments live in different worlds.
    pub fn hole(&mut self, hole: HoleRef, shape: Shape, arguments: &[NodeIndex]) -> Result<NodeIndex, ShapeError> {
        let per_head = self.world(arguments)?;
        Ok(self.add(NodeKind::Hole(hole), shape, per_head, arguments))
    }

    /// Copies `graph` in with its inputs replaced by `arguments`, renaming parameter paths and filling nothing.
    ///
    /// # Errors
    /// Where an input's shape or world differs from its argument's.
    pub fn splice(&mut self, graph: &Graph, arguments: &[NodeIndex], rename: &dyn Fn(&str) -> String) -> Result<NodeIndex, ShapeError> {
        let mut placed: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        for (argument, (input, actual)) in graph.inputs.iter().zip(arguments).enumerate() {
            let (Some(wanted), Some(found)) = (graph.node(*input), self.node(*actual)) else { continue };
            if wanted.shape != found.shape || wanted.per_head != found.per_head {
                let (wants, has) = (show_shape(&wanted.shape), show_shape(&found.shape));
                let why = format!("the graph's input is {wants}, and this is {has}");
                return Err(ShapeError { argument, why, world: wanted.per_head != found.per_head });
            }
            placed.insert(*input, *actual);
        }
        for index in graph.order() {
            let Some(node) = graph.node(index) else { continue };
            if placed.contains_key(&index) {
                continue;
            }
            let arguments: Vec<NodeIndex> = graph.arguments(index).iter().filter_map(|node| placed.get(node).copied()).collect();
            let copy = self.add(node.kind.clone(), node.shape.clone(), node.per_head, &arguments);
            if let Some(target) = self.graph.dag.node_weight_mut(copy) {
                target.attrs = node.attrs.clone();
                target.label = node.label.clone();
                target.path = if node.path.is_empty() { String::new() } else { rename(&node.path) };
                target.tied = node.tied.as_deref().map(rename);
            }
            placed.insert(index, copy);
        }
        placed.get(&graph.output).copied().ok_or(ShapeError { argument: 0, why: "the graph has no result".to_owned(), world: false })
    }

    /// A node of another graph, over arguments of the shapes its own had; an input becomes an input.
    pub fn copy(&mut self, node: &Node, arguments: &[NodeIndex]) -> NodeIndex {
        let copy = self.graph.dag.add_node(node.clone());
        for (port, argument) in (0u8..).zip(arguments) {
            self.graph.dag.add_edge(*argument, copy, port);
        }
        if matches!(node.kind, NodeKind::Input { .. }) {
            self.graph.inputs.push(copy);
        }
        copy
    }

    /// Gives a hole the path below which the parameters of its filling live.
    pub fn place(&mut self, hole: NodeIndex, path: &str) {
        if let Some(node) = self.graph.dag.node_weight_mut(hole) {
            node.path = path.to_owned();
        }
    }

    /// Sets a static parameter of every node that applies the operation `op`.
    pub fn set_attr(&mut self, op: &str, name: &str, attr: &Attr) {
        for node in self.graph.dag.node_weights_mut().filter(|node| node.op_name() == Some(op)) {
            node.attrs.insert(name.to_owned(), attr.clone());
        }
    }

    /// The finished graph with `output` as its result.
    pub fn finish(mut self, output: NodeIndex) -> Graph {
        self.graph.output = output;
        self.graph
    }

    fn cross(&mut self, value: NodeIndex, from: Symbol, to: Symbol, enter: bool) -> Result<NodeIndex, ShapeError> {
        let shape = self.shape(value);
        let inside = self.node(value).is_some_and(|node| node.per_head);
        let wanted: Shape = vec![Symbol::Tokens.into(), from.into()];
        if shape != wanted || inside == enter {
            let side = if enter { "goes into" } else { "comes out of" };
            let why = format!("what {side} `per_head` is {}, and this is {}", show_shape(&wanted), show_shape(&shape));
            return Err(ShapeError { argument: 0, why, world: inside == enter });
        }
        let kind = if enter { NodeKind::SplitHeads } else { NodeKind::MergeHeads };
        Ok(self.add(kind, vec![Symbol::Tokens.into(), to.into()], enter, &[value]))
    }

    fn world(&self, arguments: &[NodeIndex]) -> Result<bool, ShapeError> {
        let worlds: Vec<bool> = arguments.iter().filter_map(|node| self.node(*node)).map(|node| node.per_head).collect();
        let first = worlds.first().copied().unwrap_or(false);
        match worlds.iter().position(|world| *world != first) {
            None => Ok(first),
            Some(argument) => {
                let why = "one argument is per head and another is not".to_owned();
                Err(ShapeError { argument, why, world: true })
            }
        }
    }

    fn add(&mut self, kind: NodeKind, shape: Shape, per_head: bool, arguments: &[NodeIndex]) -> NodeIndex {
        let node = Node { kind, shape, per_head, attrs: BTreeMap::new(), path: String::new(), tied: None, label: None };
        let index = self.graph.dag.add_node(node);
        for (port, argument) in (0u8..).zip(arguments) {
            self.graph.dag.add_edge(*argument, index, port);
        }
        index
    }
}
