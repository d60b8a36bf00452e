//! What an expression of a graph's body is worth, and the names it sees.

use super::modules::ItemId;
use super::space::SpaceValue;
use crate::diagnostic::Span;
use crate::graph::{Dim, HoleRef, NodeIndex, Op, Type};
use crate::space::Domain;
use crate::syntax::ast::{Body, Expr, Name};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What an expression of a graph's body is worth.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A tensor.
    Node(NodeIndex),
    /// A size.
    Size(Dim),
    /// A number that is no size.
    Number(f64),
    /// Text.
    Text(String),
    /// Something to be called with tensors.
    Graph(Rc<Callable>),
    /// A size that a search fills.
    Hole(HoleRef),
}

/// Something to be called with tensors; every evaluation of an expression gives one with parameters of its own.
#[derive(Debug)]
pub(super) struct Callable {
    pub kind: CallKind,
    /// The canonical path that owns its parameters.
    pub path: String,
    pub span: Span,
}

#[derive(Debug)]
pub(super) enum CallKind {
    Op {
        op: Op,
        statics: BTreeMap<String, Value>,
    },
    Declared {
        item: ItemId,
        statics: BTreeMap<String, Value>,
    },
    Literal {
        params: Vec<Name>,
        body: Rc<Body>,
        frame: Rc<Frame>,
    },
    PerHead(Rc<Callable>),
    /// The first with the weight of the second.
    Tied(Rc<Callable>, Rc<Callable>),
    /// `all` are the inputs it is called with, `inputs` those that its filling may use.
    Hole {
        hole: HoleRef,
        all: Vec<String>,
        inputs: Vec<(String, Vec<Dim>)>,
        output: Vec<Dim>,
    },
    Repeat {
        count: usize,
        tie: usize,
        body: Rc<Body>,
        frame: Rc<Frame>,
    },
    /// A graph passed where its type is stated: inputs have names, shapes are checked.
    Typed(Rc<Callable>, GraphType),
    /// A graph parameter of a declaration that is checked by itself.
    Opaque(GraphType),
}

/// The type of a graph parameter.
#[derive(Clone, Debug)]
pub(super) struct GraphType {
    pub inputs: Vec<(String, Type)>,
    pub output: Type,
    pub named: bool,
}

/// Holes met in an arm, with what may fill each; shared by the frames within it.
pub(super) type Holes = Rc<RefCell<Vec<(String, Domain)>>>;

/// Names in scope, with the place in the canonical path.
#[derive(Debug)]
pub(super) struct Frame {
    pub module: usize,
    pub slots: RefCell<BTreeMap<String, Slot>>,
    pub parent: Option<Rc<Frame>>,
    pub scope: Rc<Scope>,
    pub repetition: Option<usize>,
    /// The space whose fields are visible.
    pub space: Option<Rc<SpaceValue>>,
    /// Where the holes of a choice's arm are gathered.
    pub holes: Option<Holes>,
}

#[derive(Clone, Debug)]
pub(super) enum Slot {
    Ready(Value),
    Pending(Rc<Expr>),
    Failed,
}

/// A place in the canonical path, with how often each name occurred there.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub path: String,
    counts: RefCell<BTreeMap<String, usize>>,
}

impl Scope {
    pub(super) fn at(path: impl Into<String>) -> Rc<Self> {
        Rc::new(Self { path: path.into(), counts: RefCell::default() })
    }

    /// The path below which a `repeat` numbers its layers: this place for the first one, so that a stack by itself begins with `layer.0`.
    pub(super) fn stack(&self) -> String {
        let place = self.next("repeat");
        if place.ends_with("repeat") { self.path.clone() } else { place }
    }

    /// The path of the next thing called `name` here: `linear`, then `linear.1`.
    pub(super) fn next(&self, name: &str) -> String {
        // So a `repeat` calls its layers.
        let name = if name == "layer" { "layer_" } else { name };
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(name.to_owned()).or_insert(0);
        let place = if *count == 0 { name.to_owned() } else { format!("{name}.{count}") };
        *count += 1;
        below(&self.path, &place)
    }
}

/// A path within another.
pub(super) fn below(path: &str, place: &str) -> String {
    if path.is_empty() { place.to_owned() } else { format!("{path}/{place}") }
}

impl Frame {
    pub(super) fn root(module: usize, scope: Rc<Scope>) -> Self {
        Self { module, slots: RefCell::default(), parent: None, scope, repetition: None, space: None, holes: None }
    }

    /// A frame within this one.
    pub(super) fn inner(self: &Rc<Self>, scope: Rc<Scope>) -> Self {
        Self {
            module: self.module,
            slots: RefCell::default(),
            parent: Some(self.clone()),
            scope,
            repetition: self.repetition,
            space: self.space.clone(),
            holes: self.holes.clone(),
        }
    }

    /// The frame of a field of the same space: it sees the names of the module that wrote it.
    pub(super) fn home(&self, module: usize) -> Rc<Self> {
        let (repetition, space, holes) = (self.repetition, self.space.clone(), self.holes.clone());
        Rc::new(Self { repetition, space, holes, ..Self::root(module, self.scope.clone()) })
    }

    pub(super) fn bind(&self, name: &str, value: Value) {
        self.slots.borrow_mut().insert(name.to_owned(), Slot::Ready(value));
    }

    /// The binding of this name, with the frame it stands in.
    pub(super) fn slot(self: &Rc<Self>, name: &str) -> Option<(Slot, Rc<Self>)> {
        let mut frame = Some(self.clone());
        while let Some(current) = frame {
            if let Some(slot) = current.slots.borrow().get(name) {
                return Some((slot.clone(), current.clone()));
            }
            frame = current.parent.clone();
        }
        None
    }

    /// Whether no binding in scope has this name.
    pub(super) fn lacks(self: &Rc<Self>, name: &str) -> bool {
        self.slot(name).is_none()
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.slots.borrow().keys().cloned().collect();
        names.extend(self.parent.as_ref().map_or_else(Vec::new, |parent| parent.names()));
        names
    }
}
