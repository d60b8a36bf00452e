//! Spaces: a graph with holes, from the fields of its declaration.

use super::frame::{Frame, GraphType, Scope, Value};
use super::literal::{join, number, path_of};
use super::modules::ItemId;
use super::{Checker, SharedSpace};
use crate::diagnostic::{Code, Diagnostic, Span, nearest};
use crate::graph::{Builder, HoleRef, Symbol};
use crate::space::{Domain, Hole, Require, Space};
use crate::syntax::MAX_NESTING;
use crate::syntax::ast::{Block, Expr, ExprKind, ItemBody};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How often the fields of a space may be used in all: where each uses the next twice, this doubles with every field.
const EVALUATIONS: usize = 1 << 16;

/// Places of an architecture, its repetitions counted: a thousand times the paper's, so that sizes stay such as can be written down.
const PLACES: usize = 1 << 13;

/// A space's fields, each with the module whose names it sees, and the space built from them.
#[derive(Debug)]
pub(super) struct SpaceValue {
    pub name: String,
    pub fields: BTreeMap<String, (usize, Rc<Expr>)>,
    /// Conditions, those of the space it changes first.
    pub requires: Vec<Require>,
    /// Built on first use.
    pub built: RefCell<Option<Option<SharedSpace>>>,
    /// Holes met while the body is evaluated, with how often each is filled.
    pub(super) met: RefCell<BTreeMap<String, (Domain, usize, bool)>>,
    /// Fields being evaluated, to meet a circle, and how often any was.
    open: RefCell<Vec<String>>,
    evaluated: Cell<usize>,
    /// Fields whose mistakes have been told.
    told: RefCell<BTreeSet<String>>,
    pub span: Span,
}

impl Checker<'_> {
    /// A space written as an expression: a name, or `name { changed fields }`.
    pub(super) fn space_expr(&self, module: usize, expr: &Expr) -> Option<Rc<SpaceValue>> {
        match &expr.kind {
            ExprKind::Path(path) => match self.find(module, path, &["space"]) {
                Some(id) => self.space_item(id, expr.span),
                None => self.unknown(module, path, &["space"], &[]),
            },
            ExprKind::With { base: Some(base), block } => {
                let base = self.space_expr(module, base)?;
                Some(Rc::new(self.changed(&base, module, block, expr.span)))
            }
            ExprKind::Error => self.told_already(),
            _ => self.fail(
                Diagnostic::error(Code::SPACE_WANTED, "a space is wanted here")
                    .at(expr.span, "not a space")
                    .help("name one, or change one: `backbone { layers = 4 }`"),
            ),
        }
    }

    pub(super) fn space_item(&self, id: ItemId, span: Span) -> Option<Rc<SpaceValue>> {
        if let Some(known) = self.spaces.borrow().get(&id) {
            return known.clone().or_else(|| self.told_already());
        }
        let item = self.item(id)?;
        let space = self.within(id, span, || match &item.body {
            ItemBody::Fields(block) => {
                let empty = SpaceValue::new(item.name.text.clone(), BTreeMap::new(), item.name.span);
                Some(Rc::new(self.changed(&empty, id.module, block, item.name.span)))
            }
            ItemBody::Value(expr) => {
                let base = self.space_expr(id.module, expr)?;
                let renamed = SpaceValue::new(item.name.text.clone(), base.fields.clone(), item.name.span);
                Some(Rc::new(SpaceValue { requires: base.requires.clone(), ..renamed }))
            }
            _ => None,
        });
        self.spaces.borrow_mut().insert(id, space.clone());
        space
    }

    pub(super) fn changed(&self, base: &SpaceValue, module: usize, block: &Block, span: Span) -> SpaceValue {
        self.each_once(block);
        let mut fields = base.fields.clone();
        let fresh = fields.is_empty();
        for field in &block.fields {
            let name = join(&field.path);
            if name == "require" {
                let message = "a condition is no field";
                let condition = self.world.sources.snippet(field.value.span);
                let told = Diagnostic::error(Code::CONDITION, message).at(field.span, "`=` is too much");
                self.report(told.help(format!("`require {condition}`")));
                continue;
            }
            if !fresh && !fields.contains_key(&name) {
                let help = match nearest(&name, fields.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("its fields: {}", fields.keys().cloned().collect::<Vec<_>>().join(", ")),
                };
                let message = format!("`{}` has no field `{name}`", base.name);
                self.report(Diagnostic::error(Code::UNKNOWN_FIELD, message).at(field.span, "unknown field").help(help));
                continue;
            }
            fields.insert(name, (module, Rc::new(field.value.clone())));
        }
        let own = block.requires.iter().filter_map(|require| self.require(require));
        let requires = base.requires.iter().cloned().chain(own).collect();
        SpaceValue { requires, ..SpaceValue::new(base.name.clone(), fields, span) }
    }

    /// The space itself, built on first use; `None` where it has a mistake.
    pub(super) fn built_space(&self, value: &Rc<SpaceValue>) -> Option<SharedSpace> {
        if let Some(known) = &*value.built.borrow() {
            return known.clone().or_else(|| self.told_already());
        }
        let equal = self.built.borrow().iter().find(|(known, _)| known.equals(value)).map(|(_, space)| space.clone());
        let built = equal.or_else(|| {
            self.asked_at(value.span, || {
                let built = self.build_space(value).map(SharedSpace::new);
                if built.is_none() {
                    self.other_fields(value);
                }
                built
            })
        });
        self.built.borrow_mut().extend(built.iter().map(|space| (value.clone(), space.clone())));
        *value.built.borrow_mut() = Some(built.clone());
        built
    }

    fn build_space(&self, value: &Rc<SpaceValue>) -> Option<Space> {
        let Some((module, body)) = value.fields.get("body") else {
            let message = format!("the space `{}` has no `body`", value.name);
            return self.fail(
                Diagnostic::error(Code::MISSING_FIELD, message)
                    .at(value.span, "what is its graph?")
                    .help("`body = repeat(layers) { encoder_layer(mixer) }`"),
            );
        };
        let mut b = Builder::new();
        let mut frame = Frame::root(*module, Scope::at(""));
        frame.space = Some(value.clone());
        let frame = Rc::new(frame);
        let x = b.input("x", vec![Symbol::Tokens.into(), Symbol::Hidden.into()], false, false);
        value.met.borrow_mut().clear();
        let callable = self.callable(&frame, &mut b, body)?;
        let output = self.call(&mut b, &callable, &[(x, body.span)], None, body.span)?;
        let shape = b.shape(output);
        if shape != b.shape(x) {
            let message = format!("a space's body gives [n, h], and this gives {}", crate::graph::dim::show_shape(&shape));
            return self.fail(Diagnostic::error(Code::RESULT_SHAPE, message).at(body.span, "another shape"));
        }
        let met = value.met.borrow();
        let holes: Vec<Hole> = met
            .iter()
            .map(|(name, (domain, count, repeated))| Hole {
                name: name.clone(),
                repetitions: repeated.then_some(*count),
                tie: 1,
                domain: domain.clone(),
            })
            .collect();
        let layers = holes.iter().filter_map(|hole| hole.repetitions).max().unwrap_or(1);
        let declared = value.fields.get("layers").and_then(|(_, layers)| number(layers)).map(|(layers, _)| layers as usize);
        let declared = declared.or_else(|| value.fields.contains_key("layers").then_some(layers));
        Some(Space { name: value.name.clone(), holes, body: b.finish(output), layers, declared, requires: value.requires.clone() })
    }

    /// Reports the mistakes in fields that a body with a mistake may not have come to.
    fn other_fields(&self, value: &Rc<SpaceValue>) {
        for (_, (module, expr)) in value.fields.iter().filter(|(name, _)| *name != "body" && !value.told.borrow().contains(*name)) {
            let mut frame = Frame::root(*module, Scope::at(""));
            frame.space = Some(value.clone());
            let frame = Rc::new(frame);
            // What a bare `dag` may hold depends on where it is used.
            let bare = matches!(&expr.kind, ExprKind::Call { callee, .. } if path_of(callee).is_some_and(|path| join(path) == "dag"));
            if self.is_hole(&frame, expr) {
                let _mistakes = if bare { None } else { self.domain(&frame, None, expr) };
            } else {
                let _mistakes = self.eval(&frame, &mut Builder::new(), expr);
            }
        }
    }

    /// A name that is a field of the space in whose body it stands.
    pub(super) fn space_name(&self, frame: &Rc<Frame>, b: &mut Builder, name: &str, span: Span) -> Option<Option<Value>> {
        let space = frame.space.clone()?;
        let (module, expr) = space.fields.get(name)?.clone();
        if space.told.borrow().contains(name) {
            return Some(None);
        }
        if space.evaluated.get() >= EVALUATIONS || space.open.borrow().len() >= MAX_NESTING {
            // Told of once.
            space.told.borrow_mut().extend(space.fields.keys().cloned());
            let message = "the fields of this space use one another too often";
            let help = format!("at most {MAX_NESTING} within one another, and {EVALUATIONS} times in all");
            return Some(self.fail(Diagnostic::error(Code::NESTING, message).at(span, "used here").help(help)));
        }
        space.evaluated.set(space.evaluated.get() + 1);
        let home = frame.home(module);
        let value = || if self.is_hole(&home, &expr) { self.field_hole(&home, name, None, &expr) } else { self.eval(&home, b, &expr) };
        Some(self.in_field(&space, name, (expr.span, span), value))
    }

    /// Does some work on a field of a space; a field met again meanwhile is a circle. The places are the field's and that of its use.
    pub(super) fn in_field<T>(
        &self,
        space: &SpaceValue,
        name: &str,
        (field, used): (Span, Span),
        work: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        if space.open.borrow().iter().any(|open| open == name) {
            // The whole circle is told of once.
            space.told.borrow_mut().extend(space.open.borrow().iter().cloned());
            let message = format!("the field `{name}` is defined through itself");
            let circle = Diagnostic::error(Code::FIELD_CYCLE, message).at(field, "leads back to itself").at(used, "used here");
            return self.fail(circle.help("fields of a space may see each other, but not in a circle"));
        }
        space.open.borrow_mut().push(name.to_owned());
        let result = work();
        space.open.borrow_mut().pop();
        result
    }

    pub(super) fn is_space_name(&self, frame: &Rc<Frame>, name: &str) -> bool {
        frame.space.as_ref().is_some_and(|space| space.fields.contains_key(name))
    }

    /// A field that is a choice, met in the body: a hole of that name, for the repetition it is met in.
    fn field_hole(&self, frame: &Rc<Frame>, name: &str, ty: Option<&GraphType>, expr: &Expr) -> Option<Value> {
        let space = frame.space.clone()?;
        if space.told.borrow().contains(name) {
            return None;
        }
        // Within a member of a choice it is a choice of that member's.
        if frame.holes.is_some() {
            return self.hole_argument(frame, name, ty, expr);
        }
        let known = space.met.borrow().get(name).map(|(domain, ..)| domain.clone());
        let domain = match known {
            Some(domain) => domain,
            None => match self.domain(frame, ty, expr) {
                Some(domain) => domain,
                None => {
                    space.told.borrow_mut().insert(name.to_owned());
                    return None;
                }
            },
        };
        let count = frame.repetition.map_or(1, |repetition| repetition + 1);
        let repeated = frame.repetition.is_some();
        if space.met.borrow().get(name).is_some_and(|(.., before)| *before != repeated) {
            space.told.borrow_mut().insert(name.to_owned());
            let message = format!("`{name}` is used both inside a `repeat` and outside, and is filled once for each layer or once");
            let help = "a field of its own for one of the places: `top = choose { … }`";
            return self.fail(Diagnostic::error(Code::FILLINGS, message).at(expr.span, "filled in two ways").help(help));
        }
        let places: usize = {
            let mut met = space.met.borrow_mut();
            let entry = met.entry(name.to_owned()).or_insert((domain.clone(), count, repeated));
            entry.1 = entry.1.max(count);
            met.values().map(|(_, count, _)| count).sum()
        };
        if places > PLACES {
            // Told of once.
            space.told.borrow_mut().extend(space.fields.keys().cloned());
            let message = format!("this space has more than {PLACES} places to fill");
            let help = "repeat less often, or leave fewer fields open";
            return self.fail(Diagnostic::error(Code::NESTING, message).at(expr.span, "one too many in the last repetitions").help(help));
        }
        let hole = HoleRef { name: name.to_owned(), repetition: frame.repetition };
        self.hole_value(frame, &domain, hole, None, expr.span)
    }

    /// A choice written into the body itself has no name to be filled by.
    pub(super) fn space_hole(&self, frame: &Rc<Frame>, ty: Option<&GraphType>, expr: &Expr) -> Option<Value> {
        let (ExprKind::Path(path), Some(space)) = (&expr.kind, &frame.space) else {
            let written = self.world.sources.snippet(expr.span);
            return match &expr.kind {
                // Its name would be missing where it is filled.
                ExprKind::Call { .. } if frame.space.is_some() && !written.contains('\n') && written.len() < 60 => {
                    let message = "a choice within a call of the body has no name to be filled by";
                    let help = format!("a field of its own, `mixer = {written}`, and `mixer` here");
                    self.fail(Diagnostic::error(Code::HOLE, message).at(expr.span, "nothing fills it here").help(help))
                }
                _ => self.stray_hole(expr.span),
            };
        };
        let name = path.first()?;
        let (module, field) = space.fields.get(&name.text)?;
        self.field_hole(&frame.home(*module), &name.text, ty, field)
    }
}

impl SpaceValue {
    /// Whether the other says the same, as `autobert_zero { layers = 4 }` does wherever it stands.
    fn equals(&self, other: &Self) -> bool {
        let same = |(name, (module, value)): (&String, &(usize, Rc<Expr>))| {
            other.fields.get(name).is_some_and(|(there, known)| {
                there == module && (Rc::ptr_eq(known, value) || number(known).is_some() && number(known) == number(value))
            })
        };
        self.name == other.name
            && self.requires == other.requires
            && self.fields.len() == other.fields.len()
            && self.fields.iter().all(same)
    }

    /// The same space with other fields.
    pub(super) fn with_fields(&self, fields: BTreeMap<String, (usize, Rc<Expr>)>) -> Self {
        Self { requires: self.requires.clone(), ..Self::new(self.name.clone(), fields, self.span) }
    }

    fn new(name: String, fields: BTreeMap<String, (usize, Rc<Expr>)>, span: Span) -> Self {
        Self {
            name,
            fields,
            requires: Vec::new(),
            built: RefCell::default(),
            met: RefCell::default(),
            open: RefCell::default(),
            evaluated: Cell::default(),
            told: RefCell::default(),
            span,
        }
    }
}
