use super::{canonical, hash};
use crate::graph::{Attr, Builder, Dim, Graph, Laws, NodeIndex, Op, OpDef, Shape, Symbol};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn op(name: &str) -> Op {
    let commutative = Laws { commutative: true, ..Laws::default() };
    match name {
        "neg" => OpDef::declare("neg", "[i, j] -> [i, j]", Laws { involution: true, ..Laws::default() }),
        "relu" => OpDef::declare("relu", "[i, j] -> [i, j]", Laws { idempotent: true, ..Laws::default() }),
        "add" => OpDef::declare("add", "[i, j], [i, j] -> [i, j]", commutative),
        "linear" => OpDef::declare("linear", "[i, j] -> [i, out]", Laws::default()),
        "dropout" => OpDef::declare("dropout", "[i, j] -> [i, j]", Laws::default()),
        _ => OpDef::declare("sub", "[i, j], [i, j] -> [i, j]", Laws::default()),
    }
}

fn wide() -> Shape {
    vec![Symbol::Tokens.into(), Symbol::Hidden.into()]
}

/// One node of a recipe: an operation and which earlier values it takes.
type Step = (usize, usize, usize);

/// How a recipe is built: none of it changes what is computed.
#[derive(Clone, Copy, Default)]
struct Style {
    swap: bool,
    double: bool,
    unused: bool,
    unshare: bool,
}

struct Maker<'a> {
    builder: Builder,
    steps: &'a [Step],
    inputs: Vec<NodeIndex>,
    built: BTreeMap<usize, NodeIndex>,
    style: Style,
}

impl Maker<'_> {
    fn apply(&mut self, name: &str, path: &str, arguments: &[NodeIndex]) -> NodeIndex {
        let mut attrs = BTreeMap::new();
        if name == "linear" {
            attrs.insert("out".to_owned(), Attr::Size(Dim::from(Symbol::Hidden)));
        }
        self.builder.apply(&op(name), attrs, path, arguments).unwrap()
    }

    /// The value numbered `at`: the inputs, then the steps.
    fn value(&mut self, at: usize) -> NodeIndex {
        if let Some(input) = self.inputs.get(at) {
            return *input;
        }
        if let Some(node) = self.built.get(&at) {
            return *node;
        }
        let (kind, left, right) = self.steps[at - self.inputs.len()];
        let (left, right) = (self.value(left % at), self.value(right % at));
        let name = ["neg", "relu", "add", "sub", "linear", "add", "dropout"][kind % 7];
        let path = if name == "linear" { format!("layer.{at}") } else { String::new() };
        let node = match name {
            "add" if self.style.swap => self.apply(name, &path, &[right, left]),
            "add" | "sub" => self.apply(name, &path, &[left, right]),
            "neg" if self.style.double => {
                let once = self.apply("neg", "", &[left]);
                let twice = self.apply("neg", "", &[once]);
                self.apply("neg", "", &[twice])
            }
            _ => self.apply(name, &path, &[left]),
        };
        if self.style.unused {
            self.apply("relu", "", &[node]);
        }
        if !(self.style.unshare && matches!(name, "neg" | "relu" | "add" | "sub")) {
            self.built.insert(at, node);
        }
        node
    }
}

fn build(steps: &[Step], style: Style) -> Graph {
    let mut builder = Builder::new();
    let inputs = vec![builder.input("x", wide(), false, false), builder.input("y", wide(), false, false)];
    let mut maker = Maker { builder, steps, inputs, built: BTreeMap::new(), style };
    let output = maker.value(steps.len() + 1);
    maker.builder.finish(output)
}

fn listing(graph: &Graph) -> Vec<String> {
    graph.dag().node_indices().map(|node| format!("{:?} {:?}", graph.node(node), graph.arguments(node))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn canonical_form_is_reached_at_once(steps in proptest::collection::vec((0usize..7, 0usize..12, 0usize..12), 1..10)) {
        let graph = canonical(&build(&steps, Style::default()));
        let again = canonical(&graph);
        prop_assert_eq!(listing(&graph), listing(&again));
        prop_assert_eq!(graph.output(), again.output());
        prop_assert_eq!(graph.inputs().len(), 2);
    }

    #[test]
    fn the_laws_leave_identity_alone(
        steps in proptest::collection::vec((0usize..7, 0usize..12, 0usize..12), 1..10),
        swap: bool, double: bool, unused: bool, unshare: bool,
    ) {
        let plain = hash(&build(&steps, Style::default()));
        prop_assert_eq!(plain, hash(&build(&steps, Style { swap, double, unused, unshare })));
    }
}

/// Two layers of the same kind over one input, joined by `sub`, from each or from one of them alone.
fn layers(shared: bool, path: &str) -> Graph {
    let mut builder = Builder::new();
    let x = builder.input("x", wide(), false, false);
    let attrs = BTreeMap::from([("out".to_owned(), Attr::Size(Dim::from(Symbol::Hidden)))]);
    let left = builder.apply(&op("linear"), attrs.clone(), path, &[x]).unwrap();
    let second = if shared { path.to_owned() } else { format!("{path}b") };
    let right = builder.apply(&op("linear"), attrs, &second, &[left]).unwrap();
    builder.finish(right)
}

#[test]
fn paths_count_only_by_what_shares_them() {
    assert_eq!(hash(&layers(false, "a")), hash(&layers(false, "z")));
    assert_ne!(hash(&layers(false, "a")), hash(&layers(true, "a")));
}

#[test]
fn layers_and_dropout_are_never_merged() {
    let steps_of = |kind| [(kind, 0, 0), (kind, 0, 0), (3, 2, 3)];
    let nodes = |kind| canonical(&build(&steps_of(kind), Style::default())).dag().node_count();
    assert_eq!([nodes(4), nodes(6), nodes(0)], [5, 5, 4]);
}

#[test]
fn the_use_of_an_operand_orders_operands_that_compute_alike() {
    let graph = |first: usize| build(&[(4, 0, 0), (4, 0, 0), (2, first, 5 - first), (3, 4, 2)], Style::default());
    assert_eq!(hash(&graph(2)), hash(&graph(3)));
}

#[test]
fn an_identity_is_read_back() {
    let identity = hash(&layers(true, "a"));
    assert_eq!(identity.to_string().parse(), Ok(identity));
    assert_eq!(serde_json::from_str::<crate::graph::Hash>(&serde_json::to_string(&identity).unwrap()).unwrap(), identity);
    assert!("12".parse::<crate::graph::Hash>().is_err());
}
