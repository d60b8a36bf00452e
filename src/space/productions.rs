//! The shapes that the terms of a domain can have, and how its operations lead from one to another.

use crate::graph::{Op, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Products of counts that a table may take, at most: some seconds.
const WORK: usize = 50_000_000;
/// Shapes that terms of one domain may have, at most.
const SHAPES: usize = 64;
/// One way an operation applies: to arguments of these shapes.
#[derive(Clone, Debug)]
pub(super) struct Production {
    pub arguments: Vec<usize>,
    pub result: usize,
    /// Whether the two operands may be exchanged.
    pub commutes: bool,
}

/// The shapes of a domain and how its operations lead from one to another.
#[derive(Clone, Debug)]
pub(super) struct Productions {
    pub shapes: Vec<Arc<Shape>>,
    /// For each operation.
    pub of: Vec<Vec<Production>>,
    /// For each operation how many arguments it takes, and the results by their shapes: of one in a row, of two in a square.
    results: Vec<(usize, Vec<Option<usize>>)>,
}

impl Productions {
    /// Closes the shapes of the inputs under the operations.
    pub fn new(inputs: &[(String, Shape)], ops: &[Op]) -> Result<Self, String> {
        let mut shapes: Vec<Arc<Shape>> = Vec::new();
        for (_, shape) in inputs {
            if !shapes.iter().any(|known| **known == *shape) {
                shapes.push(Arc::new(shape.clone()));
            }
        }
        loop {
            let known = shapes.len();
            let mut of = Vec::with_capacity(ops.len());
            for op in ops {
                let mut productions = Vec::new();
                for arguments in tuples(known, op.inputs.len()) {
                    let given: Vec<Shape> =
                        arguments.iter().filter_map(|index| shapes.get(*index).map(|shape| Shape::clone(shape))).collect();
                    let Ok(shape) = op.infer(&given, &BTreeMap::new()) else { continue };
                    let result = shapes.iter().position(|known| **known == shape).unwrap_or_else(|| {
                        shapes.push(Arc::new(shape));
                        shapes.len() - 1
                    });
                    let commutes = op.laws.commutative && arguments.len() == 2 && arguments.first() == arguments.last();
                    productions.push(Production { arguments, result, commutes });
                }
                of.push(productions);
            }
            if shapes.len() > SHAPES {
                return Err(format!("its operations lead to more than {SHAPES} shapes"));
            }
            if shapes.len() == known {
                let results = ops.iter().zip(&of).map(|(op, ways)| {
                    let mut results = vec![None; known.pow(u32::try_from(op.inputs.len()).unwrap_or(0))];
                    for way in ways {
                        let place = way.arguments.iter().fold(0, |place, shape| place * known + shape);
                        results.get_mut(place).into_iter().for_each(|result| *result = Some(way.result));
                    }
                    (op.inputs.len(), results)
                });
                return Ok(Self { results: results.collect(), shapes, of });
            }
        }
    }

    /// The number of the shape that an operation makes of one or two; `None` where they do not fit.
    pub fn result(&self, op: usize, one: usize, other: Option<usize>) -> Option<usize> {
        let (arguments, results) = self.results.get(op)?;
        match other {
            Some(other) if *arguments == 2 => *results.get(one * self.shapes.len() + other)?,
            None if *arguments == 1 => *results.get(one)?,
            _ => None,
        }
    }

    /// The shapes from which operations lead to this one, itself among them; a bit each.
    pub fn leading_to(&self, output: usize) -> u64 {
        let mut leading = 1u64 << output;
        loop {
            let ways = self.of.iter().flatten().filter(|way| leading >> way.result & 1 == 1);
            let next = ways.flat_map(|way| &way.arguments).fold(leading, |leading, shape| leading | 1 << shape);
            if next == leading {
                return leading;
            }
            leading = next;
        }
    }

    /// Whether a table over these productions is a matter of seconds.
    pub fn fits(&self, inputs: usize, depth: u32, size: u32) -> Result<(), String> {
        let ways: usize = self.of.iter().map(Vec::len).sum();
        let (depth, size) = (depth as usize + 1, size as usize + 1);
        let work = ways.saturating_mul(depth).saturating_mul(size * size / 2 + 1).saturating_mul(inputs + 1);
        if work > WORK { Err("it is too large to be counted: lower its `depth`, `size` or `ops`".to_owned()) } else { Ok(()) }
    }
}

/// All tuples of this length over `0..base`.
fn tuples(base: usize, length: usize) -> Vec<Vec<usize>> {
    (0..length).fold(vec![Vec::new()], |tuples, _| {
        tuples.iter().flat_map(|tuple| (0..base).map(move |next| [tuple.as_slice(), &[next]].concat())).collect()
    })
}
