//! A program divided into phases, each carried out in parallel over parts that need nothing of one another.
//!
//! `Rows`: kernels that treat rows (tokens, predicted places, sentences) one by one, carried out on a block of rows at a time, so
//! that a whole chain from one attention to the next passes through the cache once. `Tiles`: what mixes the tokens of one
//! sentence, a head at a time, interpreted on matrices that stay in the cache. `Move`: a kernel by itself,
//! that picks rows or is the lightweight convolution.

use super::tiles::Tiling;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::kernel::Kernel;
use crate::exec::program::{Axis, Program, Step};

/// What the rows of a matrix stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The real tokens of all sentences, one sentence after the other.
    Tokens,
    /// The predicted places of all sentences.
    Predictions,
    /// So many rows of each sentence.
    Each(usize),
}

/// How a value lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An index input of the batch.
    Index,
    /// A row for each of `rows`: the values of all heads one after the other, `width` of each.
    Matrix {
        /// What the rows are.
        rows: Rows,
        /// Heads (1 outside a head).
        heads: usize,
        /// Values of a row in one head.
        width: usize,
    },
    /// A matrix for each sentence and head, one after the other: the last axis has each sentence's own size.
    Blocks {
        /// The axes of a matrix.
        axes: [Axis; 2],
        /// Heads (1 outside a head).
        heads: usize,
    },
}

impl Form {
    fn of(step: &Step, heads: usize) -> Result<Self> {
        let heads = if step.per_head { heads } else { 1 };
        Ok(match (&step.kernel, step.axes.as_slice()) {
            (Kernel::Input(_), _) => Self::Index,
            (_, [rows, Axis::Size(width)]) => Self::Matrix { rows: (*rows).into(), heads, width: *width },
            (_, [rows, columns]) => Self::Blocks { axes: [*rows, *columns], heads },
            (kernel, axes) => {
                let message = format!("the result of {kernel:?} has {} axes, and values have two", axes.len());
                return Diagnostic::error(Code::EXECUTOR, message).into();
            }
        })
    }

    /// The values of a row, all heads together; 0 where there are no rows.
    pub fn per_row(self) -> usize {
        if let Self::Matrix { heads, width, .. } = self { heads * width } else { 0 }
    }
}

impl From<Axis> for Rows {
    fn from(axis: Axis) -> Self {
        match axis {
            Axis::Tokens => Self::Tokens,
            Axis::Predictions => Self::Predictions,
            Axis::Size(size) => Self::Each(size),
        }
    }
}

/// A part of the plan.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Steps on blocks of the same rows, in order.
    Rows(Rows, Vec<usize>),
    /// Steps on one sentence and head at a time.
    Tiles(Tiling),
    /// A step by itself.
    Move(usize),
}

impl Phase {
    /// The steps of the phase.
    pub fn steps(&self) -> &[usize] {
        match self {
            Self::Rows(_, steps) => steps,
            Self::Tiles(tiling) => &tiling.steps,
            Self::Move(step) => std::slice::from_ref(step),
        }
    }
}

/// How a step is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rows(Rows),
    Tiles(usize),
    Move,
}

/// A program in phases.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The program.
    pub program: &'a Program,
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// How each value lies in memory.
    pub forms: Vec<Form>,
    /// The slot whose memory a value shares: its own, or that of what it splits into heads or merges.
    pub roots: Vec<usize>,
    /// The phase that computes a value; `None` for inputs, and for what shares another's memory.
    pub phase_of: Vec<Option<usize>>,
    /// The steps that read each value, each once.
    users: Vec<Vec<usize>>,
}

impl<'a> Plan<'a> {
    /// Divides a program.
    ///
    /// # Errors
    /// Where a kernel stands where it cannot be carried out.
    pub fn new(program: &'a Program) -> Result<Self> {
        let steps = program.steps();
        let forms = steps.iter().map(|step| Form::of(step, program.heads())).collect::<Result<Vec<Form>>>()?;
        let mut roots: Vec<usize> = Vec::with_capacity(steps.len());
        for (slot, step) in steps.iter().enumerate() {
            let shared = matches!(step.kernel, Kernel::SplitHeads | Kernel::MergeHeads);
            roots.push(step.arguments.first().filter(|_| shared).and_then(|argument| roots.get(*argument).copied()).unwrap_or(slot));
        }
        let mut plan = Self { program, phases: Vec::new(), forms, roots, phase_of: vec![None; steps.len()], users: Vec::new() };
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
        for user in (0..steps.len()).filter(|slot| plan.root(*slot) == *slot) {
            for argument in plan.arguments(user) {
                if let Some(users) = users.get_mut(argument).filter(|users| users.last() != Some(&user)) {
                    users.push(user);
                }
            }
        }
        plan.users = users;
        let mut done: Vec<bool> =
            steps.iter().enumerate().map(|(slot, step)| matches!(step.kernel, Kernel::Input(_)) || plan.root(slot) != slot).collect();
        let kinds = (0..steps.len()).map(|slot| plan.kind(slot)).collect::<Vec<Kind>>();
        while let Some(kind) = (0..steps.len()).find(|slot| !at(&done, *slot) && plan.ready(*slot, &done)).and_then(|slot| kinds.get(slot))
        {
            let mut together = Vec::new();
            for slot in 0..steps.len() {
                if !at(&done, slot) && kinds.get(slot) == Some(kind) && plan.ready(slot, &done) {
                    together.push(slot);
                    if let (Some(done), Some(phase)) = (done.get_mut(slot), plan.phase_of.get_mut(slot)) {
                        (*done, *phase) = (true, Some(plan.phases.len()));
                    }
                    if *kind == Kind::Move {
                        break;
                    }
                }
            }
            let phase = match (*kind, together.first()) {
                (Kind::Rows(rows), _) => Phase::Rows(rows, together),
                (Kind::Tiles(heads), _) => Phase::Tiles(Tiling::new(&plan, heads, together)?),
                (Kind::Move, Some(step)) => Phase::Move(*step),
                (Kind::Move, None) => break,
            };
            plan.phases.push(phase);
        }
        Ok(plan)
    }

    /// The step of a slot.
    pub fn step(&self, slot: usize) -> Option<&'a Step> {
        self.program.steps().get(slot)
    }

    /// The slot whose memory a value shares.
    pub fn root(&self, slot: usize) -> usize {
        self.roots.get(slot).copied().unwrap_or(slot)
    }

    /// How a value lies in memory.
    pub fn form(&self, slot: usize) -> Form {
        self.forms.get(slot).copied().unwrap_or(Form::Index)
    }

    /// The arguments of a step, as the slots whose memory they share.
    pub fn arguments(&self, slot: usize) -> impl Iterator<Item = usize> {
        self.step(slot).into_iter().flat_map(|step| &step.arguments).map(|argument| self.root(*argument))
    }

    /// The steps that read a value, each once, in order.
    pub fn users(&self, slot: usize) -> &[usize] {
        self.users.get(slot).map(Vec::as_slice).unwrap_or_default()
    }

    fn ready(&self, slot: usize, done: &[bool]) -> bool {
        self.arguments(slot).all(|argument| at(done, argument))
    }

    fn kind(&self, slot: usize) -> Kind {
        let (Some(step), form) = (self.step(slot), self.form(slot)) else { return Kind::Move };
        let heads = if step.per_head { self.program.heads() } else { 1 };
        match (&step.kernel, form) {
            (Kernel::Gather | Kernel::First | Kernel::LightConv { .. }, _) => Kind::Move,
            (Kernel::Linear | Kernel::Unembed | Kernel::LayerNorm | Kernel::Embedding | Kernel::Positions, Form::Matrix { rows, .. }) => {
                Kind::Rows(rows)
            }
            (Kernel::Unary(_) | Kernel::Binary(_) | Kernel::Softmax | Kernel::Dropout(_), Form::Matrix { rows, .. }) if !step.per_head => {
                Kind::Rows(rows)
            }
            _ => Kind::Tiles(heads),
        }
    }
}

fn at(flags: &[bool], slot: usize) -> bool {
    flags.get(slot).copied().unwrap_or(false)
}
