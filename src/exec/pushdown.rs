//! `gather` and `first` carried out as early as possible: what only the picked rows are wanted of is computed for those rows alone.
//!
//! A masked-LM head reads the predicted places, a classifier the first token. So of the last layer the queries, the products with them, the
//! projection of what comes out and the feed-forward part are wanted for these rows only; keys and values for all. Databases push
//! selections down through a query in the same way.
//!
//! Each row that is computed comes out as before, to the byte; sums over rows (gradients of parameters) have fewer terms, in other groups.

use super::kernel::Kernel;
use super::program::{Axis, Step};
use std::collections::BTreeMap;

/// Which rows of a value are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// None: nothing that counts reads it.
    Nothing,
    /// Those of one pick.
    Picked(Pick),
    /// All.
    All,
}

/// The rows that a step picks: those at the input of this slot, or the first.
type Pick = Option<usize>;

impl Wanted {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, one) | (one, Self::Nothing) => one,
            (one, other) if one == other => one,
            _ => Self::All,
        }
    }
}

/// How many of a step's first arguments have the rows of its result, each row of it made of that row of theirs; the other arguments are
/// wanted whole. 0 where a row of the result depends on more.
fn row_arguments(step: &Step) -> usize {
    match step.kernel {
        _ if step.axes.first() != Some(&Axis::Tokens) => 0,
        Kernel::Binary(_) => 2,
        Kernel::Unary(_) | Kernel::Softmax | Kernel::LayerNorm | Kernel::Dropout(_) | Kernel::SplitHeads | Kernel::MergeHeads => 1,
        // A row of the product is made of a row of the left operand and of all that the right one holds.
        Kernel::Linear | Kernel::Unembed | Kernel::MatMul | Kernel::Cosine | Kernel::Euclidean => 1,
        _ => 0,
    }
}

/// The same program, its picks as early as they can be; gives the steps and the slot of the result.
pub fn push_down(steps: &[Step], output: usize) -> (Vec<Step>, usize) {
    let wanted = wanted_rows(steps, output);
    let mut pushing = Pushing { steps, wanted: &wanted, done: Vec::new(), whole: vec![None; steps.len()], picked: BTreeMap::new() };
    for slot in 0..steps.len() {
        pushing.carry(slot);
    }
    let output = pushing.value(output);
    (pushing.done, output)
}

/// The rows that a step picks from its first argument.
fn pick(steps: &[Step], step: &Step) -> Option<Pick> {
    let places = |slot: &usize| {
        steps.get(*slot).is_some_and(|step| matches!(step.kernel, Kernel::Input(_)) && step.axes.first() == Some(&Axis::Predictions))
    };
    match (&step.kernel, step.arguments.as_slice()) {
        (Kernel::First, _) => Some(None),
        (Kernel::Gather, [_, at]) if places(at) => Some(Some(*at)),
        _ => None,
    }
}

/// Which rows of each value are wanted, as far as it can be computed for some of its rows alone.
fn wanted_rows(steps: &[Step], output: usize) -> Vec<Wanted> {
    // Whether some rows of a value can be had: by computing them alone, or by picking them from a matrix outside of heads.
    let mut to_be_had: Vec<bool> = Vec::with_capacity(steps.len());
    let mut alone: Vec<bool> = Vec::with_capacity(steps.len());
    for step in steps {
        let rows = row_arguments(step);
        let computed = rows > 0 && step.arguments.iter().take(rows).all(|argument| to_be_had.get(*argument) == Some(&true));
        alone.push(computed);
        to_be_had.push(computed || is_matrix(step));
    }
    let mut wanted = vec![Wanted::Nothing; steps.len()];
    let mut want = |slot: usize, more: Wanted, alone: bool| {
        let Some(wanted) = wanted.get_mut(slot) else { return Wanted::All };
        *wanted = match wanted.and(more) {
            // What cannot be computed for some rows is computed whole, and picked from.
            Wanted::Picked(_) if !alone => Wanted::All,
            known => known,
        };
        *wanted
    };
    want(output, Wanted::All, false);
    for ((slot, step), computed) in steps.iter().enumerate().zip(&alone).rev() {
        let own = want(slot, Wanted::Nothing, *computed);
        let rows = row_arguments(step);
        for (number, argument) in step.arguments.iter().enumerate() {
            let of_argument = match (pick(steps, step), own) {
                (Some(pick), _) if number == 0 => Wanted::Picked(pick),
                (_, Wanted::Picked(_)) if number < rows => own,
                _ => Wanted::All,
            };
            want(*argument, of_argument, alone.get(*argument) == Some(&true));
        }
    }
    wanted
}

/// Whether rows can be picked from a value as it stands: a matrix over tokens, outside of heads.
fn is_matrix(step: &Step) -> bool {
    !step.per_head && matches!(step.axes.as_slice(), [Axis::Tokens, Axis::Size(_)])
}

struct Pushing<'a> {
    steps: &'a [Step],
    wanted: &'a [Wanted],
    done: Vec<Step>,
    /// Where each value stands now, whole.
    whole: Vec<Option<usize>>,
    /// Where picked rows of it stand.
    picked: BTreeMap<(usize, Pick), usize>,
}

impl Pushing<'_> {
    fn push(&mut self, step: Step) -> usize {
        self.done.push(step);
        self.done.len() - 1
    }

    /// Carries a step over: whole, or for the rows that are wanted.
    fn carry(&mut self, slot: usize) {
        let Some(step) = self.steps.get(slot).filter(|_| self.whole.get(slot) == Some(&None)) else { return };
        let whole = match (pick(self.steps, step), self.wanted.get(slot), step.arguments.first()) {
            (Some(pick), _, Some(from)) => self.rows(*from, pick),
            (_, Some(Wanted::Picked(pick)), _) => {
                let rows = self.of_rows(step, *pick);
                self.picked.insert((slot, *pick), rows);
                return;
            }
            _ => {
                let arguments = step.arguments.iter().map(|argument| self.value(*argument)).collect();
                self.push(Step { arguments, ..step.clone() })
            }
        };
        if let Some(place) = self.whole.get_mut(slot) {
            *place = Some(whole);
        }
    }

    /// Where a value stands, whole.
    fn value(&mut self, slot: usize) -> usize {
        // An input may come after what reads it now.
        self.carry(slot);
        self.whole.get(slot).copied().flatten().unwrap_or_default()
    }

    /// Where picked rows of a value stand.
    fn rows(&mut self, slot: usize, pick: Pick) -> usize {
        let Some(step) = self.steps.get(slot) else { return 0 };
        if let Some(known) = self.picked.get(&(slot, pick)) {
            return *known;
        }
        let rows = if is_matrix(step) {
            let arguments = std::iter::once(slot).chain(pick).map(|argument| self.value(argument)).collect();
            let kernel = if pick.is_some() { Kernel::Gather } else { Kernel::First };
            let axes = picked_axes(step, pick);
            self.push(Step { kernel, arguments, parameters: Vec::new(), axes, per_head: false, path: String::new() })
        } else {
            // Within heads, what is also wanted whole is computed once more for these rows.
            self.of_rows(step, pick)
        };
        self.picked.insert((slot, pick), rows);
        rows
    }

    /// A step on the picked rows alone.
    fn of_rows(&mut self, step: &Step, pick: Pick) -> usize {
        let rows = row_arguments(step);
        let of = |(number, argument): (usize, &usize)| if number < rows { self.rows(*argument, pick) } else { self.value(*argument) };
        let mut arguments: Vec<usize> = step.arguments.iter().enumerate().map(of).collect();
        // Its draws are those of the places that the rows are taken from.
        if let (Kernel::Dropout(_), Some(at)) = (&step.kernel, pick) {
            arguments.push(self.value(at));
        }
        self.push(Step { arguments, axes: picked_axes(step, pick), ..step.clone() })
    }
}

/// The axes of a value's picked rows.
fn picked_axes(whole: &Step, pick: Pick) -> Vec<Axis> {
    let rows = if pick.is_some() { Axis::Predictions } else { Axis::Size(1) };
    std::iter::once(rows).chain(whole.axes.iter().skip(1).copied()).collect()
}

#[cfg(test)]
pub(in crate::exec) mod tests {
    use crate::exec::candle::tests::fixture::{Sketch, sizes};
    use crate::exec::candle::tests::laws::{Ending, ended};
    use crate::exec::kernel::{Binary, Kernel};
    use crate::exec::program::{Axis, Program};
    use crate::graph::{Attr, Symbol, cost};
    use proptest::prelude::*;

    /// Two layers as BERT has them, and a masked-LM head or a score.
    pub(in crate::exec) fn model(predicting: bool) -> Program {
        let mut sketch = Sketch::new();
        let (mut x, _) = sketch.embedded();
        for _ in 0..2 {
            let [q, k, v] = sketch.projections(x);
            let k = sketch.op("transpose", &[], &[k]);
            let scores = sketch.op("matmul", &[], &[q, k]);
            let weights = sketch.op("softmax", &[], &[scores]);
            let weights = sketch.op("dropout", &[("rate", Attr::Number(0.1))], &[weights]);
            let mixed = sketch.op("matmul", &[], &[weights, v]);
            let mixed = sketch.merged(mixed, v);
            let mixed = sketch.linear(mixed, Symbol::Hidden);
            let mixed = sketch.op("dropout", &[("rate", Attr::Number(0.1))], &[mixed]);
            x = sketch.op("add", &[], &[x, mixed]);
            x = sketch.op("layer_norm", &[], &[x]);
            let wide = sketch.linear(x, 12);
            let wide = sketch.op("gelu", &[], &[wide]);
            let narrow = sketch.linear(wide, Symbol::Hidden);
            x = sketch.op("add", &[], &[x, narrow]);
        }
        let output = if predicting {
            let at = sketch.builder.input("at", vec![Symbol::Predictions.into()], true, false);
            let picked = sketch.op("gather", &[], &[x, at]);
            sketch.linear(picked, Symbol::Vocabulary)
        } else {
            sketch.scored(x)
        };
        sketch.lower(output)
    }

    /// How many steps of a kind there are on tokens, and on rows of this kind.
    fn counts(program: &Program, rows: Axis, is: impl Fn(&Kernel) -> bool) -> [usize; 2] {
        [Axis::Tokens, rows].map(|rows| program.steps().iter().filter(|step| is(&step.kernel) && step.axes.first() == Some(&rows)).count())
    }

    #[test]
    fn of_the_last_layer_keys_and_values_alone_are_made_of_all_tokens() {
        for (predicting, rows) in [(true, Axis::Predictions), (false, Axis::Size(1))] {
            let program = model(predicting).picked_early();
            let linear = |kernel: &Kernel| *kernel == Kernel::Linear;
            // Six maps of the first layer, keys and values of the second; its queries and three more, and the head.
            assert_eq!(counts(&program, rows, linear), [8, 5]);
            assert_eq!(counts(&program, rows, |kernel| *kernel == Kernel::MatMul), [2, 2]);
            assert_eq!(counts(&program, rows, |kernel| *kernel == Kernel::Binary(Binary::Add)), [2, 2]);
            // One pick serves the queries and the sum around attention.
            let picks = |kernel: &Kernel| matches!(kernel, Kernel::Gather | Kernel::First);
            assert_eq!(counts(&program, rows, picks), [0, 1]);
            // Draws of predicted places are those of their tokens; the first token's number is its row's.
            let own = program.steps().iter().filter(|step| matches!(step.kernel, Kernel::Dropout(_)) && step.arguments.len() == 2);
            assert_eq!(own.count(), if predicting { 2 } else { 0 });
        }
    }

    #[test]
    fn what_all_rows_are_wanted_of_stays_whole() {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let y = sketch.linear(x, Symbol::Hidden);
        let turned = sketch.op("transpose", &[], &[y]);
        let scores = sketch.op("matmul", &[], &[y, turned]);
        let mixed = sketch.op("matmul", &[], &[scores, y]);
        let scored = sketch.scored(mixed);
        let program = sketch.lower(scored).picked_early();
        assert_eq!(counts(&program, Axis::Size(1), |kernel| *kernel == Kernel::Linear), [1, 1]);
        assert_eq!(counts(&program, Axis::Size(1), |kernel| *kernel == Kernel::First), [0, 1]);
    }

    proptest! {
        #[test]
        fn products_are_counted_as_the_graphs_are(choices in prop::collection::vec(any::<(u8, u8, u8)>(), 1..10), kind in 0..3u8) {
            let ending = [Ending::Tokens, Ending::Score, Ending::Places][usize::from(kind)];
            let program = ended(&choices, ending);
            let sizes = sizes().with(Symbol::Tokens, 7).with(Symbol::Predictions, 2);
            prop_assert_eq!(Some(program.flops(7, 2)), cost(&program.graph, &sizes).map(|cost| cost.flops));
            prop_assert!(program.picked_early().flops(7, 2) <= program.flops(7, 2), "{:?}", choices);
        }
    }
}
