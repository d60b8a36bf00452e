//! Graphs lowered to steps: kernels resolved, sizes evaluated, a user's own operations inlined.

use super::kernel::Kernel;
use super::pushdown::push_down;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::graph::weights::{Init, weights};
use crate::graph::{Attr, Dim, Graph, HoleRef, Node, NodeIndex, NodeKind, Shape, Sizes, Symbol, dim::show_shape};
use std::collections::BTreeMap;

/// Steps of a program: some thousand layers of the largest graphs that a `dag` draws.
const LARGEST: usize = 2_000_000;

/// One parameter of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Its name: the path of its owner, `/`, its role.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
    /// Whether weight decay applies.
    pub decays: bool,
    /// The axis along which a smaller one is the centre slice of a larger.
    pub centre: Option<usize>,
}

/// One axis of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// `n`: the tokens, of which each sentence has its own number.
    Tokens,
    /// `p`: the predicted positions, which the batch gives.
    Predictions,
    /// A size known when the graph was lowered.
    Size(usize),
}

/// One step: its result takes the slot of its own number.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it computes.
    pub kernel: Kernel,
    /// The slots of its arguments.
    pub arguments: Vec<usize>,
    /// Its parameters, by their number in [`Program::parameters`].
    pub parameters: Vec<usize>,
    /// The axes of its result, without batch and heads.
    pub axes: Vec<Axis>,
    /// Whether its result has a heads axis.
    pub per_head: bool,
    /// The canonical path of its node, numbered where a dropout is one of several in one place; keys its random draws.
    pub path: String,
}

/// A graph lowered for given sizes, ready for any executor.
#[derive(Clone, Debug)]
pub struct Program {
    /// The canonical graph.
    pub graph: Graph,
    /// The values of the symbols other than `n` and `p`, which each batch gives.
    pub sizes: Sizes,
    steps: Vec<Step>,
    output: usize,
    parameters: Vec<ParameterSpec>,
}

impl Program {
    /// Lowers a graph for these sizes.
    ///
    /// # Errors
    /// Where an operation has no kernel, a hole is not filled, or a size has no value.
    pub fn lower(graph: &Graph, sizes: &Sizes) -> Result<Self> {
        Self::lowered(graph, sizes, false).map(|program| program.picked_early())
    }

    /// Lowers a graph with every step on all of its rows, as the graph has it: the tests compare executors on it, and [`Program::lower`]
    /// with it.
    #[cfg(test)]
    pub(crate) fn as_written(graph: &Graph, sizes: &Sizes) -> Result<Self> {
        Self::lowered(graph, sizes, false)
    }

    /// The same with its picks as early as they can be.
    pub(super) fn picked_early(&self) -> Self {
        let (steps, output) = push_down(&self.steps, self.output);
        Self { steps, output, ..self.clone() }
    }

    /// Lowers a graph some of whose inputs are real numbers, which no batch gives: for whoever carries its steps out by hand.
    ///
    /// # Errors
    /// As for [`Program::lower`].
    pub fn over_values(graph: &Graph, sizes: &Sizes) -> Result<Self> {
        Self::lowered(graph, sizes, true)
    }

    fn lowered(graph: &Graph, sizes: &Sizes, values: bool) -> Result<Self> {
        let (steps, shapes, parameters, dropouts) = Default::default();
        let mut lowering = Lowering { sizes, values, steps, shapes, parameters, dropouts };
        let output = lowering.graph(graph, None, "")?;
        let Lowering { steps, parameters, .. } = lowering;
        Ok(Self { graph: graph.clone(), sizes: sizes.clone(), steps, output, parameters })
    }

    /// The steps, each after those it uses.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The slot of the result.
    pub fn output(&self) -> usize {
        self.output
    }

    /// The parameters, in the order of first use, each once.
    pub fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }

    /// The floating-point operations of one sentence's products that are carried out forward, counted as [`crate::graph::cost()`] counts those
    /// of a graph: as many, or fewer where rows are picked early.
    pub fn flops(&self, tokens: usize, predictions: usize) -> u64 {
        let size = |axis: &Axis| match axis {
            Axis::Tokens => tokens,
            Axis::Predictions => predictions,
            Axis::Size(size) => *size,
        };
        let products = |step: &Step| {
            let operand = step.arguments.first().and_then(|slot| self.steps.get(*slot)).and_then(|step| step.axes.last());
            let (joined, each) = match step.kernel {
                Kernel::Linear | Kernel::MatMul | Kernel::Cosine | Kernel::Unembed => (operand.map_or(0, size), 2),
                Kernel::Euclidean => (operand.map_or(0, size), 3),
                Kernel::LightConv { .. } => {
                    let taps = step.parameters.first().and_then(|number| self.parameters.get(*number));
                    (taps.and_then(|taps| taps.shape.last().copied()).unwrap_or(0), 2)
                }
                _ => (0, 0),
            };
            let heads = if step.per_head { self.heads() } else { 1 };
            (heads * joined * each * step.axes.iter().map(size).product::<usize>()) as u64
        };
        self.steps.iter().map(products).sum()
    }

    /// How many heads a value inside `per_head` has (1 where the sizes give none).
    pub fn heads(&self) -> usize {
        self.sizes.get(Symbol::Heads).unwrap_or(1)
    }
}

struct Lowering<'a> {
    sizes: &'a Sizes,
    /// Whether inputs may be real numbers.
    values: bool,
    steps: Vec<Step>,
    shapes: Vec<Shape>,
    parameters: Vec<ParameterSpec>,
    /// How many dropouts each place has had.
    dropouts: BTreeMap<String, usize>,
}

impl Lowering<'_> {
    /// Lowers a graph, its inputs bound to `bound` where it is the body of a user's own operation.
    fn graph(&mut self, graph: &Graph, bound: Option<&[usize]>, prefix: &str) -> Result<usize> {
        let mut slots: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        if let Some(bound) = bound {
            slots.extend(graph.inputs().iter().copied().zip(bound.iter().copied()));
        }
        for index in graph.order() {
            let Some(node) = graph.node(index) else { continue };
            if slots.contains_key(&index) {
                continue;
            }
            let arguments: Vec<usize> = graph.arguments(index).iter().filter_map(|node| slots.get(node).copied()).collect();
            let slot = self.node(node, arguments, prefix)?;
            slots.insert(index, slot);
        }
        slots.get(&graph.output()).copied().ok_or_else(|| internal("the graph has no result"))
    }

    fn node(&mut self, node: &Node, arguments: Vec<usize>, prefix: &str) -> Result<usize> {
        let op = match &node.kind {
            NodeKind::Op(op) => op,
            NodeKind::Hole(hole) => return Err(unfilled(hole)),
            NodeKind::Input { name, index } if *index || self.values => {
                return self.push(Kernel::Input(name.clone()), node.shape.clone(), node.per_head, arguments, Vec::new(), "");
            }
            NodeKind::Input { name, .. } => {
                let message = format!("the input `{name}` holds real numbers, and a batch gives indices only");
                return Diagnostic::error(Code::EXECUTOR, message).into();
            }
            NodeKind::SplitHeads => return self.push(Kernel::SplitHeads, node.shape.clone(), true, arguments, Vec::new(), ""),
            NodeKind::MergeHeads => return self.push(Kernel::MergeHeads, node.shape.clone(), false, arguments, Vec::new(), ""),
        };
        if let Some(hole) = node.attrs.values().find_map(|attr| if let Attr::Hole(hole) = attr { Some(hole) } else { None }) {
            return Err(unfilled(hole));
        }
        let path = join(prefix, &node.path);
        if let Some(body) = &op.body {
            return self.graph(body, Some(&arguments), &path);
        }
        let shapes: Vec<Shape> = arguments.iter().filter_map(|slot| self.shapes.get(*slot).cloned()).collect();
        let statics = node.attrs.iter().filter_map(|(name, attr)| match attr {
            Attr::Size(dim) => Some((name.clone(), dim.clone())),
            _ => None,
        });
        let shape = op.infer(&shapes, &statics.collect()).map_err(|(_, why)| internal(&format!("`{}`: {why}", op.name)))?;
        let per_head = arguments.iter().any(|slot| self.steps.get(*slot).is_some_and(|step| step.per_head));
        let kernel = Kernel::resolve(&op.name, node, self.sizes)?;
        let parameters = weights(node, &shapes)
            .into_iter()
            .map(|weight| {
                let owner = match &node.tied {
                    Some(tied) if weight.role == "weight" => join(prefix, tied),
                    _ => path.clone(),
                };
                let shape = weight.shape.iter().map(|dim| self.size(dim)).collect::<Result<Vec<usize>>>()?;
                let name = format!("{owner}/{}", weight.role);
                self.parameter(ParameterSpec { name, shape, init: weight.init, decays: weight.decays, centre: weight.centre })
            })
            .collect::<Result<Vec<usize>>>()?;
        self.push(kernel, shape, per_head, arguments, parameters, &path)
    }

    fn push(
        &mut self,
        kernel: Kernel,
        shape: Shape,
        per_head: bool,
        arguments: Vec<usize>,
        parameters: Vec<usize>,
        path: &str,
    ) -> Result<usize> {
        if self.steps.len() >= LARGEST {
            let message = format!("with the operations of one's own written out, this graph has more than {LARGEST} steps");
            return Diagnostic::error(Code::GRAPH_SIZE, message).help("use fewer operations of your own within one another").into();
        }
        let axes = shape.iter().map(|dim| self.axis(dim, &shape)).collect::<Result<Vec<Axis>>>()?;
        let mut path = path.to_owned();
        if matches!(kernel, Kernel::Dropout(_)) {
            // A graph that is bound once and called again shares its weights, and draws anew.
            let before = self.dropouts.entry(path.clone()).or_insert(0);
            if *before > 0 {
                path = format!("{path}#{before}");
            }
            *before += 1;
        }
        self.steps.push(Step { kernel, arguments, parameters, axes, per_head, path });
        self.shapes.push(shape);
        Ok(self.steps.len() - 1)
    }

    /// The number of a parameter: the one it has already where its name is known.
    fn parameter(&mut self, spec: ParameterSpec) -> Result<usize> {
        match self.parameters.iter().position(|known| known.name == spec.name) {
            Some(known) if self.parameters.get(known).is_some_and(|known| known.shape != spec.shape) => {
                Diagnostic::error(Code::SHAPE, format!("two uses of the parameter `{}` differ in shape", spec.name)).into()
            }
            Some(known) => Ok(known),
            None => {
                self.parameters.push(spec);
                Ok(self.parameters.len() - 1)
            }
        }
    }

    fn axis(&self, dim: &Dim, shape: &Shape) -> Result<Axis> {
        if dim.is(Symbol::Tokens) {
            return Ok(Axis::Tokens);
        }
        if dim.is(Symbol::Predictions) {
            return Ok(Axis::Predictions);
        }
        if dim.contains(Symbol::Tokens) || dim.contains(Symbol::Predictions) {
            let message = format!("a value of shape {} cannot be carried out: an axis is `n`, `p` or free of both", show_shape(shape));
            return Diagnostic::error(Code::SHAPE, message).into();
        }
        self.size(dim).map(Axis::Size)
    }

    fn size(&self, dim: &Dim) -> Result<usize> {
        dim.evaluate(self.sizes).ok_or_else(|| Diagnostic::error(Code::SHAPE, format!("the size `{dim}` has no value here")).into())
    }
}

fn join(prefix: &str, path: &str) -> String {
    match (prefix.is_empty(), path.is_empty()) {
        (true, _) => path.to_owned(),
        (_, true) => prefix.to_owned(),
        _ => format!("{prefix}/{path}"),
    }
}

fn unfilled(hole: &HoleRef) -> Box<Diagnostic> {
    let place = hole.repetition.map(|repetition| format!(" of repetition {repetition}")).unwrap_or_default();
    Box::new(Diagnostic::error(Code::HOLE, format!("the hole `{}`{place} is not filled, so the graph cannot be carried out", hole.name)))
}

fn internal(why: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::INTERNAL, format!("a graph could not be lowered: {why}")))
}

#[cfg(test)]
mod tests {
    use super::{Axis, Kernel, Program};
    use crate::diagnostic::Code;
    use crate::exec::kernel::{Binary, Unary};
    use crate::graph::{Attr, Builder, Dim, Graph, HoleRef, Laws, Op, OpDef, Sizes, Symbol};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn sizes() -> Sizes {
        Sizes::default().with(Symbol::Hidden, 6).with(Symbol::Heads, 2).with(Symbol::Vocabulary, 9)
    }

    /// An operation applied to embedded tokens.
    fn applied(op: &Op, attrs: &[(&str, Attr)], path: &str) -> Graph {
        let mut builder = Builder::new();
        let tokens = builder.input("tokens", vec![Symbol::Tokens.into()], true, false);
        let table = OpDef::declare("embedding", "index[i] -> [i, h]", Laws::default());
        let rows = BTreeMap::from([("rows".to_owned(), Attr::Size(Symbol::Vocabulary.into()))]);
        let x = builder.apply(&table, rows, "embedding.0", &[tokens]).unwrap();
        let attrs = attrs.iter().map(|(name, attr)| ((*name).to_owned(), attr.clone())).collect();
        let y = builder.apply(op, attrs, path, &[x]).unwrap();
        builder.finish(y)
    }

    fn own(name: &str, body: Graph) -> Op {
        let declared = OpDef::declare(name, "[i, j] -> [i, j]", Laws::default());
        Arc::new(OpDef { body: Some(body), identity: "body".to_owned(), ..OpDef::clone(&declared) })
    }

    #[test]
    fn an_own_operation_is_inlined_for_the_shape_it_is_given() {
        let mut builder = Builder::new();
        // The body's shape is any: what it was built with plays no part.
        let x = builder.input("x", vec![Dim::from(3), Dim::from(4)], false, false);
        let op = |name, signature| OpDef::declare(name, signature, Laws::default());
        let gate = builder.apply(&op("sigmoid", "[i, j] -> [i, j]"), BTreeMap::new(), "", &[x]).unwrap();
        let product = builder.apply(&op("mul", "[i, j], [i, j] -> [i, j]"), BTreeMap::new(), "", &[x, gate]).unwrap();
        let swish = own("swish", builder.finish(product));
        let program = Program::lower(&applied(&swish, &[], ""), &sizes()).unwrap();
        let kernels: Vec<&Kernel> = program.steps().iter().map(|step| &step.kernel).skip(2).collect();
        assert_eq!(kernels, [&Kernel::Unary(Unary::Sigmoid), &Kernel::Binary(Binary::Mul)]);
        assert_eq!(program.steps()[3].axes, [Axis::Tokens, Axis::Size(6)]);
        assert_eq!(program.steps()[3].arguments, [1, 2]);
    }

    #[test]
    fn an_own_operation_may_be_its_input() {
        let mut builder = Builder::new();
        let x = builder.input("x", vec![Dim::from(3), Dim::from(4)], false, false);
        let identity = own("same", builder.finish(x));
        let program = Program::lower(&applied(&identity, &[], ""), &sizes()).unwrap();
        assert_eq!((program.steps().len(), program.output()), (2, 1));
    }

    #[test]
    fn parameters_are_named_by_path_and_role() {
        let linear = OpDef::declare("linear", "[i, j] -> [i, out]", Laws::default());
        let program = Program::lower(&applied(&linear, &[("out", Attr::Size(4.into()))], "layer.0/linear.0"), &sizes()).unwrap();
        let named: Vec<(&str, &[usize])> = program.parameters().iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice())).collect();
        assert_eq!(named, [("embedding.0/weight", &[9, 6][..]), ("layer.0/linear.0/weight", &[4, 6]), ("layer.0/linear.0/bias", &[4])]);
    }

    /// As of a graph that is bound once and called twice: its weights are one, its draws are not.
    #[test]
    fn dropouts_in_one_place_draw_apart() {
        let mut builder = Builder::new();
        let x = builder.input("x", vec![Symbol::Tokens.into(), Symbol::Hidden.into()], false, false);
        let dropout = OpDef::declare("dropout", "[i, j] -> [i, j]", Laws::default());
        let once = builder.apply(&dropout, BTreeMap::new(), "shared", &[x]).unwrap();
        let twice = builder.apply(&dropout, BTreeMap::new(), "shared", &[once]).unwrap();
        let program = Program::over_values(&builder.finish(twice), &sizes()).unwrap();
        assert_eq!(program.steps().iter().map(|step| step.path.as_str()).collect::<Vec<_>>(), ["", "shared", "shared#1"]);
    }

    #[test]
    fn what_cannot_be_carried_out_is_said() {
        let code = |name: &str, attrs: &[(&str, Attr)], sizes: &Sizes| {
            let op = OpDef::declare(name, "[i, j] -> [i, j]", Laws::default());
            Program::lower(&applied(&op, attrs, ""), sizes).unwrap_err().code
        };
        assert_eq!(code("fold", &[], &sizes()), Code::UNKNOWN_OP);
        assert_eq!(code("neg", &[], &Sizes::default()), Code::SHAPE);
        let hole = HoleRef { name: "kernel".to_owned(), repetition: Some(1) };
        assert_eq!(code("neg", &[("rate", Attr::Hole(hole.clone()))], &sizes()), Code::HOLE);
        let mut builder = Builder::new();
        let open = builder.hole(hole, vec![Symbol::Tokens.into()], &[]).unwrap();
        assert_eq!(Program::lower(&builder.finish(open), &sizes()).unwrap_err().code, Code::HOLE);
    }
}
