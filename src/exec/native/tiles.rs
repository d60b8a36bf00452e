//! Steps that mix the tokens of a sentence, as operations on matrices of one sentence and head.
//!
//! A transposed matrix is never made where an operand can be read through its strides: each operand says whether it is read
//! turned over, and only what needs its rows together is copied.

use super::plan::{Form, Plan};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::kernel::{Binary, Kernel, Unary};
use crate::exec::program::Axis;
use std::collections::BTreeMap;

/// An operand: a matrix of the tile, perhaps read turned over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Its number in the tile.
    pub matrix: usize,
    /// Whether rows and columns change places.
    pub turned: bool,
}

/// What an operation of a tile computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// Element-wise, one operand.
    Unary(Unary),
    /// Element-wise, two operands.
    Binary(Binary),
    /// Over the last axis.
    Softmax,
    /// The operand with its rows and columns changed, written out.
    Turn,
    /// The matrix product.
    MatMul,
    /// The cosine between rows.
    Cosine,
    /// The distance between rows.
    Euclidean,
    /// Dropout of the step with this slot.
    Dropout(usize),
}

/// One operation of a tile.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What it computes.
    pub mix: Mix,
    /// Its operands.
    pub operands: Vec<Operand>,
    /// The number of its result, which is written as it stands.
    pub result: usize,
    /// For each operand whether its gradient is written here first, on the way back; empty where nothing comes back.
    pub first: Vec<bool>,
}

/// A value that comes into a tile or leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// The slot of the value.
    pub slot: usize,
    /// Its number in the tile.
    pub matrix: usize,
}

/// A phase of tiles.
#[derive(Clone, Debug, Default)]
pub struct Tiling {
    /// The steps it carries out.
    pub steps: Vec<usize>,
    /// Heads (1 outside a head).
    pub heads: usize,
    /// The axes of each matrix.
    pub matrices: Vec<[Axis; 2]>,
    /// What comes in.
    pub inputs: Vec<Door>,
    /// What goes out.
    pub outputs: Vec<Door>,
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// For each matrix whether any operation reads it, so that its gradient is written inside the tile.
    pub read: Vec<bool>,
    /// For each operation whether the way back wants it carried out again.
    pub again: Vec<bool>,
}

impl Tiling {
    /// The operations that these steps are.
    ///
    /// # Errors
    /// Where a kernel stands where it cannot be carried out.
    pub(super) fn new(plan: &Plan<'_>, heads: usize, steps: Vec<usize>) -> Result<Self> {
        let mut tiling = Self { heads, ..Self::default() };
        let mut known: BTreeMap<usize, Operand> = BTreeMap::new();
        for slot in &steps {
            let operand = tiling.step(plan, *slot, &mut known)?;
            known.insert(*slot, operand);
        }
        for slot in &steps {
            let Some(operand) = known.get(slot).filter(|_| leaves(plan, *slot, &steps)).copied() else { continue };
            let operand = tiling.straight(operand);
            tiling.outputs.push(Door { slot: *slot, matrix: operand.matrix });
        }
        tiling.steps = steps;
        tiling.order_back();
        tiling.find_again();
        Ok(tiling)
    }

    /// The sizes of a matrix in a sentence of `tokens` tokens and `predictions` places.
    pub fn sizes(&self, matrix: usize, tokens: usize, predictions: usize) -> [usize; 2] {
        let size = |axis: &Axis| match axis {
            Axis::Tokens => tokens,
            Axis::Predictions => predictions,
            Axis::Size(size) => *size,
        };
        self.matrices.get(matrix).map_or([0, 0], |[rows, columns]| [size(rows), size(columns)])
    }

    fn step(&mut self, plan: &Plan<'_>, slot: usize, known: &mut BTreeMap<usize, Operand>) -> Result<Operand> {
        let Some(step) = plan.step(slot) else { return internal("a step is missing") };
        let mut operands = Vec::new();
        // The places that a dropout's rows were picked from are no operand.
        for argument in plan.arguments(slot).filter(|argument| plan.form(*argument) != Form::Index) {
            let operand = match known.get(&argument) {
                Some(operand) => *operand,
                None => {
                    let axes = match plan.form(argument) {
                        Form::Matrix { width, .. } => {
                            [plan.step(argument).and_then(|step| step.axes.first()).copied(), Some(Axis::Size(width))]
                        }
                        Form::Blocks { axes: [rows, columns], .. } => [Some(rows), Some(columns)],
                        Form::Index => return internal("an index is no operand"),
                    };
                    let [Some(rows), Some(columns)] = axes else { return internal("an operand has no rows") };
                    // Split into heads, a matrix has the width of one.
                    let columns = match columns {
                        Axis::Size(width) => Axis::Size(width * heads_of(plan.form(argument)) / self.heads.max(1)),
                        other => other,
                    };
                    let operand = Operand { matrix: self.matrix([rows, columns]), turned: false };
                    self.inputs.push(Door { slot: argument, matrix: operand.matrix });
                    known.insert(argument, operand);
                    operand
                }
            };
            operands.push(operand);
        }
        Ok(match (&step.kernel, operands.as_slice()) {
            (Kernel::Transpose, [x]) => Operand { turned: !x.turned, ..*x },
            // An element-wise result lies as its operand does.
            (Kernel::Unary(op), [x]) => Operand { turned: x.turned, ..self.operation(Mix::Unary(*op), &[Operand { turned: false, ..*x }]) },
            (Kernel::Binary(op), [x, y]) => {
                let turned = x.turned && y.turned;
                let operands = if turned { [*x, *y].map(|x| Operand { turned: false, ..x }) } else { [*x, *y].map(|x| self.straight(x)) };
                Operand { turned, ..self.operation(Mix::Binary(*op), &operands) }
            }
            (Kernel::Softmax, [x]) => self.rows_together(Mix::Softmax, &[*x]),
            (Kernel::Dropout(_), [x]) => self.rows_together(Mix::Dropout(slot), &[*x]),
            (Kernel::Cosine, [x, y]) => self.rows_together(Mix::Cosine, &[*x, *y]),
            (Kernel::Euclidean, [x, y]) => self.rows_together(Mix::Euclidean, &[*x, *y]),
            (Kernel::MatMul, [x, y]) => self.operation(Mix::MatMul, &[*x, *y]),
            (kernel, _) => return internal(&format!("{kernel:?} cannot be carried out inside a head")),
        })
    }

    fn matrix(&mut self, axes: [Axis; 2]) -> usize {
        self.matrices.push(axes);
        self.matrices.len() - 1
    }

    /// The axes of an operand as it is read.
    fn axes(&self, operand: Operand) -> [Axis; 2] {
        let [rows, columns] = self.matrices.get(operand.matrix).copied().unwrap_or([Axis::Size(0); 2]);
        if operand.turned { [columns, rows] } else { [rows, columns] }
    }

    fn rows_together(&mut self, mix: Mix, operands: &[Operand]) -> Operand {
        let operands: Vec<Operand> = operands.iter().map(|operand| self.straight(*operand)).collect();
        self.operation(mix, &operands)
    }

    /// The operand as a matrix that stands as it is read.
    fn straight(&mut self, operand: Operand) -> Operand {
        if operand.turned { self.operation(Mix::Turn, &[Operand { turned: false, ..operand }]) } else { operand }
    }

    fn operation(&mut self, mix: Mix, operands: &[Operand]) -> Operand {
        let axes: Vec<[Axis; 2]> = operands.iter().map(|operand| self.axes(*operand)).collect();
        let axes = match (mix, axes.as_slice()) {
            (Mix::Turn, [[rows, columns]]) => [*columns, *rows],
            (Mix::MatMul, [[rows, _], [_, columns]]) | (Mix::Cosine | Mix::Euclidean, [[rows, _], [columns, _]]) => [*rows, *columns],
            (_, axes) => axes.first().copied().unwrap_or([Axis::Size(0); 2]),
        };
        let result = self.matrix(axes);
        self.operations.push(Operation { mix, operands: operands.to_vec(), result, first: vec![false; operands.len()] });
        Operand { matrix: result, turned: false }
    }

    /// Marks what the way back reads, and what that is made from; of attention the last product is not.
    fn find_again(&mut self) {
        let mut wanted = vec![false; self.matrices.len()];
        let want = |matrix: usize, wanted: &mut Vec<bool>| wanted.get_mut(matrix).into_iter().for_each(|wanted| *wanted = true);
        for operation in self.operations.iter().filter(|operation| !operation.first.is_empty()) {
            let (operands, result) = operation.mix.needs();
            operation.operands.iter().filter(|_| operands).for_each(|operand| want(operand.matrix, &mut wanted));
            if result {
                want(operation.result, &mut wanted);
            }
        }
        self.again = vec![false; self.operations.len()];
        for (operation, again) in self.operations.iter().zip(&mut self.again).rev() {
            *again = wanted.get(operation.result) == Some(&true);
            operation.operands.iter().filter(|_| *again).for_each(|operand| want(operand.matrix, &mut wanted));
        }
    }

    /// Marks who writes each gradient first, on the way back; what goes out has its gradient already.
    fn order_back(&mut self) {
        self.read = vec![false; self.matrices.len()];
        let mut written = vec![false; self.matrices.len()];
        for door in &self.outputs {
            if let Some(written) = written.get_mut(door.matrix) {
                *written = true;
            }
        }
        for operation in self.operations.iter_mut().rev() {
            if written.get(operation.result) != Some(&true) {
                operation.first.clear();
                continue;
            }
            for (operand, first) in operation.operands.iter().zip(&mut operation.first) {
                if let (Some(written), Some(read)) = (written.get_mut(operand.matrix), self.read.get_mut(operand.matrix)) {
                    *first = !*written;
                    (*written, *read) = (true, true);
                }
            }
        }
    }
}

impl Mix {
    /// Whether the way back reads the operands, and the result.
    fn needs(self) -> (bool, bool) {
        match self {
            Self::Unary(op) => (op.is_curved(), false),
            Self::Binary(op) => (op.is_curved(), false),
            Self::Turn | Self::Dropout(_) => (false, false),
            Self::MatMul | Self::Cosine => (true, false),
            Self::Softmax => (false, true),
            Self::Euclidean => (true, true),
        }
    }
}

fn heads_of(form: Form) -> usize {
    match form {
        Form::Matrix { heads, .. } | Form::Blocks { heads, .. } => heads,
        Form::Index => 1,
    }
}

/// Whether a value is used outside of these steps, directly or through what shares its memory.
fn leaves(plan: &Plan<'_>, slot: usize, steps: &[usize]) -> bool {
    plan.root(plan.program.output()) == slot || plan.users(slot).iter().any(|user| !steps.contains(user))
}

fn internal<T>(why: &str) -> Result<T> {
    Diagnostic::error(Code::INTERNAL, format!("a program could not be planned: {why}")).into()
}
