//! Conditions on the members of a space, beyond what its holes may hold.

use super::domain::{Architecture, Space};
use super::instantiate::instantiate;
use crate::diagnostic::{Result, Span};
use crate::graph::{Cost, Symbol, mixes};

/// A condition that a space's members meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Require {
    /// What is asked.
    pub condition: Condition,
    /// As it was written: `params <= 20M`.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// What is asked of a member.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Some operation lets the places along an axis of this size see one another.
    Mixes(Symbol),
    /// What its masked-LM model costs stands so to a bound.
    Cost {
        /// What is counted.
        quantity: Quantity,
        /// How it stands to the bound.
        order: Order,
        /// The bound.
        bound: f64,
    },
}

/// A cost of a member's masked-LM model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Its parameters.
    Params,
    /// Forward FLOPs for one sentence of so many tokens; of the model's length where no number is given.
    Flops(Option<usize>),
}

/// How a cost stands to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `>`
    Greater,
}

impl Order {
    /// Whether a value stands so to a bound.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::AtMost => value <= bound,
            Self::AtLeast => value >= bound,
            Self::Less => value < bound,
            Self::Greater => value > bound,
        }
    }
}

impl Quantity {
    /// Its number in a cost.
    pub fn of(self, cost: Cost) -> f64 {
        match self {
            Self::Params => cost.params as f64,
            Self::Flops(_) => cost.flops as f64,
        }
    }
}

/// The first of a space's conditions that a member does not meet; `cost` gives the cost of its masked-LM model for so many tokens.
///
/// # Errors
/// Where the architecture is no member, or a cost cannot be told.
pub fn unmet<'a>(
    space: &'a Space,
    architecture: &Architecture,
    cost: &dyn Fn(Option<usize>) -> Result<Cost>,
) -> Result<Option<&'a Require>> {
    for require in &space.requires {
        let met = match &require.condition {
            Condition::Mixes(symbol) => mixes(&instantiate(space, architecture)?, *symbol),
            Condition::Cost { quantity, order, bound } => {
                let tokens = if let Quantity::Flops(tokens) = quantity { *tokens } else { None };
                order.holds(quantity.of(cost(tokens)?), *bound)
            }
        };
        if !met {
            return Ok(Some(require));
        }
    }
    Ok(None)
}
