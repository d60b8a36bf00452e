//! Sources to a resolved experiment: modules, names, types, units, shapes.
//!
//! In reading order: `modules` (files and their imports), `names` (which declaration a name means), `literal` (paths and numbers),
//! `record` (fields against their schema), `frame` (values and names of a graph's body), `elaborate` (its expressions), `given`, `statics` and
//! `call` (what is given to a graph), `apply` (operations on tensors), `signature` (stated shapes), `declare` (primitives, ops, graphs), `primitive`
//! (what a primitive states), `op_set`, `domain` and `dag` (what fills a place), `space` and `architecture`, `unused` (what nothing uses), `data`
//! (where it is named, and its contents), `experiment` (the whole), `fingerprint`, `sense`, `fit` and `roles` (values that do not go together), `bundle`
//! and `written` (the whole written back as one file), `changes` (what differs between two records), `diff` (between two files), `claim` (what
//! tests say), `reference` (what is said of a name), `again` (checking a source that has changed).
//!
//! Everything known before training is checked here, and every independent mistake is reported. This module reads
//! files only through [`Files`]; it trains nothing and writes nothing.

mod again;
mod apply;
mod architecture;
mod bundle;
mod call;
mod changes;
mod claim;
mod dag;
mod data;
mod declare;
mod diff;
mod domain;
mod elaborate;
mod empty;
mod experiment;
mod fingerprint;
mod fit;
mod frame;
mod given;
mod literal;
mod modules;
mod names;
mod op_set;
mod primitive;
mod record;
mod reference;
mod require;
mod roles;
mod sense;
mod signature;
mod space;
mod statics;
mod unused;
mod value;
mod written;

pub use again::Memory;
pub use bundle::SpaceSource;
pub use claim::{MEASURES, Measure, Outcome};
pub use data::{Data, Places};
pub use diff::{Difference, SideOf, Status, differences};
pub use experiment::{Checked, Models, NamedArchitecture};
pub use modules::{Files, NOT_TEXT, STANDARD_LIBRARY, World};
pub use reference::{DECLARED, Declared, Entry, Form, Gradient, OF_GRAPHS, OF_SPACES, Told, Value};

pub use crate::diagnostic::counted;

use crate::diagnostic::{Diagnostic, Label, Severity, Span};
use crate::graph::Op;
use modules::ItemId;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// The files of a path of data with the hashes of their contents, or why it cannot be read.
type Read = Result<Vec<(String, String)>, String>;

/// A checker over loaded modules: evaluates declarations on demand, each once, and gathers the diagnostics.
pub struct Checker<'w> {
    world: &'w World,
    files: &'w dyn Files,
    diagnostics: RefCell<Vec<Diagnostic>>,
    /// Declarations being evaluated, outermost first: meeting one again is a circle.
    busy: RefCell<Vec<ItemId>>,
    /// Where the declarations and spaces being evaluated are used, outermost first.
    trail: RefCell<Vec<Span>>,
    ops: RefCell<BTreeMap<ItemId, Option<Op>>>,
    /// Sets of operations and architectures, each evaluated once: long chains name one another.
    sets: RefCell<BTreeMap<ItemId, Option<Vec<Op>>>>,
    architectures: RefCell<BTreeMap<ItemId, Option<Rc<architecture::ArchitectureValue>>>>,
    /// Graphs that were found too large.
    enormous: RefCell<BTreeSet<ItemId>>,
    spaces: RefCell<BTreeMap<ItemId, Option<Rc<space::SpaceValue>>>>,
    /// Spaces that were built, each once: architectures fill the same ones again and again.
    built: RefCell<Vec<(Rc<space::SpaceValue>, SharedSpace)>>,
    /// Paths that named a declaration, for writing the experiment back as one file.
    references: RefCell<BTreeMap<Span, ItemId>>,
    checked: RefCell<BTreeSet<ItemId>>,
    /// Every `dag` that was met: equal ones are one, and counted once.
    dags: RefCell<Vec<Arc<crate::space::DagDomain>>>,
    /// Data that was read, by path: files with the hashes of their contents, or why it cannot be.
    data: RefCell<BTreeMap<String, Read>>,
    /// What was asked outside of the sources.
    asked: RefCell<Vec<again::Asked>>,
    /// How often something was left out whose mistake had been reported.
    left_out: Cell<usize>,
}

impl<'w> Checker<'w> {
    /// A checker over these modules.
    pub fn new(world: &'w World, files: &'w dyn Files) -> Self {
        Self {
            world,
            files,
            diagnostics: RefCell::new(world.diagnostics.clone()),
            busy: RefCell::default(),
            trail: RefCell::default(),
            ops: RefCell::default(),
            sets: RefCell::default(),
            architectures: RefCell::default(),
            enormous: RefCell::default(),
            spaces: RefCell::default(),
            built: RefCell::default(),
            references: RefCell::default(),
            checked: RefCell::default(),
            dags: RefCell::default(),
            data: RefCell::default(),
            asked: RefCell::default(),
            left_out: Cell::default(),
        }
    }

    /// The files of a path of data with the hashes of their contents, read once.
    fn data(&self, path: &str) -> Read {
        self.asked.borrow_mut().push(again::Asked::Data(path.to_owned(), self.files.stamp(path)));
        self.data.borrow_mut().entry(path.to_owned()).or_insert_with(|| self.files.data(path)).clone()
    }

    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String> {
        let value = self.files.variable(name);
        self.asked.borrow_mut().push(again::Asked::Variable(name.to_owned(), value.clone()));
        value
    }

    /// This `dag`, or the equal one that was met before.
    fn shared(&self, dag: Arc<crate::space::DagDomain>) -> Arc<crate::space::DagDomain> {
        let mut dags = self.dags.borrow_mut();
        let known = dags.iter().find(|known| known.equals(&dag)).cloned();
        known.unwrap_or_else(|| {
            dags.push(dag.clone());
            dag
        })
    }

    /// What has been found so far, without repetitions, in the order of the sources.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = Vec::new();
        for diagnostic in self.diagnostics.borrow().iter() {
            if !found.contains(diagnostic) {
                found.push(diagnostic.clone());
            }
        }
        found.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
        found
    }

    /// Whether an error has been found.
    pub fn failed(&self) -> bool {
        self.diagnostics.borrow().iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The operation that the standard library declares under this name.
    pub fn standard_op(&self, name: &str) -> Option<Op> {
        let item = self.world.standard("prelude", name, &["primitive"])?;
        self.op(item)
    }

    /// Every primitive the standard library declares, in order.
    pub fn primitives(&self) -> Vec<Op> {
        self.world.items_of("std.prelude").into_iter().filter_map(|item| self.op(item)).collect()
    }

    fn report(&self, mut diagnostic: Diagnostic) {
        let standard = |span: Span| self.world.is_standard(span.file);
        // What the standard library cannot carry out is mended where it was asked to.
        if diagnostic.labels.first().is_some_and(|label| standard(label.span))
            && let Some(used) = self.trail.borrow().iter().rev().find(|used| !standard(**used))
        {
            diagnostic.labels.insert(0, Label { span: *used, text: "asked for here".to_owned() });
        }
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// How many mistakes there were up to now, those included that were met again and not reported again.
    fn mistakes(&self) -> usize {
        let reported = self.diagnostics.borrow().iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        reported + self.left_out.get()
    }

    /// Nothing, where the reason has been reported before.
    fn told_already<T>(&self) -> Option<T> {
        self.left_out.set(self.left_out.get() + 1);
        None
    }

    fn fail<T>(&self, diagnostic: Diagnostic) -> Option<T> {
        self.report(diagnostic);
        None
    }

    /// Does some work that is asked for at this place.
    fn asked_at<T>(&self, place: Span, work: impl FnOnce() -> T) -> T {
        self.trail.borrow_mut().push(place);
        let result = work();
        self.trail.borrow_mut().pop();
        result
    }
}

/// A shared space; cheap to clone.
pub type SharedSpace = Arc<crate::space::Space>;
