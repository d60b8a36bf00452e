//! What a side of a comparison is worth.

use crate::check::Checker;
use crate::check::SharedSpace;
use crate::check::architecture::ArchitectureValue;
use crate::check::changes::Comparison;
use crate::check::fingerprint::describe;
use crate::check::value::Val;
use crate::diagnostic::{CODES, counted};
use crate::graph::dim::show_shape;
use crate::graph::{Dim, Graph, Hash};
use crate::settings::{Field, Kind};
use crate::space::{Change, Term, fillings, same};
use crate::syntax::ast::BinaryOp;
use num_bigint::BigUint;
use num_traits::FromPrimitive;
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

/// A value that can be compared with another of its kind.
#[derive(Clone)]
pub(super) enum Side {
    /// The shape of a tensor.
    Shape(Vec<Dim>),
    /// A graph by its canonical form, with its formula and its inputs.
    Graph {
        hash: Hash,
        graph: Rc<Graph>,
        /// Where it is an expression over its inputs.
        term: Option<Arc<Term>>,
        formula: String,
        inputs: Vec<(String, Vec<Dim>)>,
        output: Vec<Dim>,
    },
    /// A space.
    Space(SharedSpace),
    /// An architecture.
    Architecture(Rc<ArchitectureValue>),
    /// A record, or a field of one, whose description says how it is written.
    Record(Val, Kind, Option<&'static Field>),
    /// A number without bound.
    Count(BigUint),
    /// A number as written or measured.
    Number(f64),
    /// True or false, and why it is false.
    Truth(bool, Option<String>),
    /// Codes of what is wrong with something, each with its message.
    Codes(Vec<(String, String)>),
}

impl Side {
    /// What it is, in a few words.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Shape(_) => "a shape",
            Self::Graph { .. } => "a graph",
            Self::Space(_) => "a space",
            Self::Architecture(_) => "an architecture",
            Self::Record(Val::Plain(..), ..) => "a field's value",
            Self::Record(..) => "a record",
            Self::Count(_) | Self::Number(_) => "a number",
            Self::Truth(..) => "true or false",
            Self::Codes(_) => "a code of a mistake",
        }
    }

    /// Whether the comparison holds; `None` where the two have nothing in common, or no order.
    pub(super) fn compare(&self, op: BinaryOp, other: &Self, checker: &Checker<'_>) -> Option<bool> {
        if let (Some(one), Some(other)) = (self.number(), other.number()) {
            let order = match (one, other) {
                (Number::Whole(one), Number::Whole(other)) => one.cmp(&other),
                (one, other) => one.real().partial_cmp(&other.real())?,
            };
            return Some(match op {
                BinaryOp::AtMost => order != Ordering::Greater,
                BinaryOp::AtLeast => order != Ordering::Less,
                BinaryOp::Less => order == Ordering::Less,
                BinaryOp::Greater => order == Ordering::Greater,
                BinaryOp::Unequal => order != Ordering::Equal,
                _ => order == Ordering::Equal,
            });
        }
        let equal = self.equals(other, checker)?;
        match op {
            BinaryOp::Equal => Some(equal),
            BinaryOp::Unequal => Some(!equal),
            _ => None,
        }
    }

    fn equals(&self, other: &Self, checker: &Checker<'_>) -> Option<bool> {
        Some(match (self, other) {
            (Self::Shape(one), Self::Shape(other)) => one == other,
            (Self::Graph { hash: one, .. }, Self::Graph { hash: other, .. }) => one == other,
            (Self::Space(one), Self::Space(other)) => describe(one) == describe(other),
            (Self::Architecture(one), Self::Architecture(other)) => same(&one.space, &one.architecture, &other.space, &other.architecture),
            (Self::Record(one, kind, _), Self::Record(other, ..)) => self.changes(one, other, *kind, checker).is_empty(),
            (Self::Truth(one, _), Self::Truth(other, _)) => one == other,
            (Self::Codes(one), Self::Codes(other)) => one.iter().map(|(code, _)| code).eq(other.iter().map(|(code, _)| code)),
            _ => return None,
        })
    }

    fn changes(&self, one: &Val, other: &Val, kind: Kind, checker: &Checker<'_>) -> Vec<Change> {
        let mut found = Vec::new();
        Comparison { before: checker, after: checker }.changes(kind, "", one, other, &mut found);
        found
    }

    /// Where two records differ, a line each; nothing for what is shown whole.
    pub(super) fn differences(&self, other: &Self, checker: &Checker<'_>) -> Vec<String> {
        let (Self::Record(one, kind, _), Self::Record(other, ..)) = (self, other) else { return Vec::new() };
        let changes = self.changes(one, other, *kind, checker).into_iter().filter(|change| !change.path.is_empty());
        let shown = |side: Option<String>| side.unwrap_or_else(|| "nothing".to_owned());
        changes.map(|change| format!("`{}`: {} and {}", change.path, shown(change.before), shown(change.after))).collect()
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Count(count) => Some(Number::Whole(count.clone())),
            Self::Number(value) => Some(Number::of(*value)),
            Self::Record(Val::Plain(value, _), ..) => value.as_f64().map(Number::of),
            _ => None,
        }
    }

    /// The value in a few words.
    pub(super) fn show(&self, checker: &Checker<'_>) -> String {
        let text = match self {
            Self::Shape(shape) => show_shape(shape),
            Self::Graph { formula, .. } => formula.clone(),
            Self::Space(space) => format!("`{}`, of {}", space.name, counted(space.count(), "architecture")),
            Self::Architecture(value) => fillings(&value.space, &value.architecture).join("  "),
            Self::Record(value, kind, _) => checker.shown(*kind, value).unwrap_or_else(|| "nothing".to_owned()),
            Self::Count(count) => count.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Truth(value, _) => value.to_string(),
            Self::Codes(codes) if codes.is_empty() => "without a mistake".to_owned(),
            Self::Codes(codes) => codes
                .iter()
                .map(|(code, message)| if message.is_empty() { code.clone() } else { format!("{code}: {message}") })
                .collect::<Vec<_>>()
                .join("; "),
        };
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}

/// Characters of a value that are shown.
const LONGEST: usize = 300;

/// A number, exact where it can be.
enum Number {
    Whole(BigUint),
    Real(f64),
}

impl Number {
    fn of(value: f64) -> Self {
        let whole = (value.fract() == 0.0).then(|| BigUint::from_f64(value)).flatten();
        whole.map_or(Self::Real(value), Self::Whole)
    }

    fn real(&self) -> f64 {
        match self {
            Self::Whole(value) => num_traits::ToPrimitive::to_f64(value).unwrap_or(f64::INFINITY),
            Self::Real(value) => *value,
        }
    }
}

/// Whether a name is a truth value or the code of a mistake.
pub(super) fn is_word(name: &str) -> bool {
    matches!(name, "true" | "false") || is_code(name)
}

pub(super) fn is_code(name: &str) -> bool {
    CODES.iter().any(|(code, _)| code.0 == name)
}
