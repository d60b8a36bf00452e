//! Operations: signature, algebra, and for a user's own the body.

use super::dag::Graph;
use super::dim::{Dim, Shape, Symbol, show_shape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The root-local laws that canonical form uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Laws {
    /// `f(x, y) = f(y, x)`.
    pub commutative: bool,
    /// `f(f(x)) = x`.
    pub involution: bool,
    /// `f(f(x)) = f(x)`.
    pub idempotent: bool,
}

/// One axis of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A letter of the signature's own that stands for any size: `i`.
    Any(String),
    /// A size of the model: `n`, `2 * h`, `1`.
    Fixed(Dim),
    /// A static parameter of the operation: `out`.
    Static(String),
}

/// The type of a tensor in a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// The axes.
    pub axes: Vec<Pattern>,
    /// Whether it holds indices (token numbers, positions) and not real numbers.
    pub index: bool,
}

/// An operation: a primitive of the executor, or a user's own with its body.
#[derive(Clone, Debug)]
pub struct OpDef {
    /// Its name in the language.
    pub name: String,
    /// What identifies it: the name for a primitive, the hash of the definition for a user's own.
    pub identity: String,
    /// Documentation, one or more lines.
    pub doc: String,
    /// Names of the static parameters, in order.
    pub statics: Vec<String>,
    /// Tensor parameters: names and types.
    pub inputs: Vec<(String, Type)>,
    /// The type of the result.
    pub output: Type,
    /// Its algebra.
    pub laws: Laws,
    /// A user's own operation: what it computes, over its inputs in order.
    pub body: Option<Graph>,
}

/// An operation, shared.
pub type Op = Arc<OpDef>;

impl PartialEq for OpDef {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for OpDef {}

impl OpDef {
    /// The shape of the result for these argument shapes.
    ///
    /// # Errors
    /// The number of the argument that does not fit and why, in the user's terms.
    pub fn infer(&self, arguments: &[Shape], statics: &BTreeMap<String, Dim>) -> Result<Shape, (usize, String)> {
        let mut bound: BTreeMap<&str, (Dim, usize)> = BTreeMap::new();
        for (position, ((name, ty), shape)) in self.inputs.iter().zip(arguments).enumerate() {
            if ty.axes.len() != shape.len() {
                let wanted = show_type(ty);
                return Err((position, format!("`{name}` is {wanted}, and this is {}", show_shape(shape))));
            }
            for (axis, (pattern, actual)) in ty.axes.iter().zip(shape).enumerate() {
                let misfit = match pattern {
                    Pattern::Any(letter) => match bound.get(letter.as_str()) {
                        Some((expected, from)) if expected != actual => {
                            let origin = self.inputs.get(*from).map_or("", |(name, _)| name);
                            Some(format!("`{letter}` is {expected} from `{origin}`, and {actual} here"))
                        }
                        Some(_) => None,
                        None => {
                            bound.insert(letter, (actual.clone(), position));
                            None
                        }
                    },
                    Pattern::Fixed(expected) => (expected != actual).then(|| format!("{expected} is wanted, and this is {actual}")),
                    Pattern::Static(given) => match statics.get(given) {
                        Some(expected) if expected != actual => Some(format!("`{given}` is {expected}, and this is {actual}")),
                        _ => None,
                    },
                };
                if let Some(why) = misfit {
                    let wanted = show_type(ty);
                    let found = show_shape(shape);
                    return Err((position, format!("`{name}: {wanted}` is given {found}: on axis {axis}, {why}")));
                }
            }
        }
        let resolve = |pattern: &Pattern| match pattern {
            Pattern::Any(letter) => bound.get(letter.as_str()).map(|(dim, _)| dim.clone()),
            Pattern::Fixed(dim) => Some(dim.clone()),
            Pattern::Static(name) => statics.get(name).cloned(),
        };
        self.output.axes.iter().map(|pattern| resolve(pattern).ok_or((0, "the size of the result cannot be told".to_owned()))).collect()
    }

    /// Declares an operation from its signature, as `stdlib` writes it, e.g. `[i, j], [j, k] -> [i, k]`.
    ///
    /// For tests of the floors below the checker; programs take operations from the standard library.
    pub fn declare(name: &str, signature: &str, laws: Laws) -> Op {
        let axis = |text: &str| match (Symbol::from_letter(text), text.parse::<i64>()) {
            (Some(symbol), _) => Pattern::Fixed(symbol.into()),
            (None, Ok(value)) => Pattern::Fixed(value.into()),
            (None, Err(_)) if text.len() == 1 => Pattern::Any(text.to_owned()),
            (None, Err(_)) => Pattern::Static(text.to_owned()),
        };
        let ty = |text: &str| Type {
            index: text.starts_with("index"),
            axes: text.trim_start_matches("index").trim_matches(['[', ']']).split(", ").map(axis).collect(),
        };
        let (inputs, output) = signature.split_once(" -> ").unwrap_or((signature, "[i, j]"));
        let inputs: Vec<(String, Type)> =
            inputs.split("], ").zip(["x", "y", "z"]).map(|(text, name)| (name.to_owned(), ty(text.trim_end_matches(']')))).collect();
        let output = ty(output);
        let statics = output.axes.iter().filter_map(|axis| match axis {
            Pattern::Static(name) => Some(name.clone()),
            _ => None,
        });
        Arc::new(OpDef {
            name: name.to_owned(),
            identity: name.to_owned(),
            doc: String::new(),
            statics: statics.collect(),
            inputs,
            output,
            laws,
            body: None,
        })
    }
}

/// A signature's type as the language writes it.
pub fn show_type(ty: &Type) -> String {
    let axes: Vec<String> = ty
        .axes
        .iter()
        .map(|axis| match axis {
            Pattern::Any(letter) => letter.clone(),
            Pattern::Fixed(dim) => dim.to_string(),
            Pattern::Static(name) => name.clone(),
        })
        .collect();
    format!("{}[{}]", if ty.index { "index" } else { "" }, axes.join(", "))
}
