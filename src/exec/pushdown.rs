//! `gather` and `first` carried out as early as possible: what only the picked rows are wanted of is computed for those rows alone.
//!
//! A masked-LM head reads the predicted places, a classifier the first token. So of BERT's last layer the queries, the products with them, the
//! projection of what comes out and the feed-forward part are wanted for these rows only; keys and values for all. Databases push
//! selections down through a query in the same way.
//!
//! Each row that is computed comes out as before (natively to the byte); sums over rows, as gradients of parameters are, have fewer terms, in
//! other groups.

use super::kernel::Kernel;
use super::program::{Axis, Step};
use std::collections::{BTreeMap, BTreeSet};

/// The rows that a step picks: those at the input of this slot, or the first.
type Pick = Option<usize>;

/// The same program, its picks as early as they can be; gives the steps and the slot of the result.
pub fn push_down(steps: &[Step], output: usize) -> (Vec<Step>, usize) {
    let wanted = Wanted::new(steps, output);
    let mut pushing = Pushing { steps, wanted, done: Vec::new(), whole: vec![None; steps.len()], picked: BTreeMap::new() };
    for slot in 0..steps.len() {
        pushing.carry(slot);
    }
    let output = pushing.value(output);
    (pushing.done, output)
}

/// How many of a step's first arguments have the rows of its result, each row of it made of that row of theirs; the other arguments are
/// wanted whole. 0 where a row of the result depends on more, or on its place.
fn row_arguments(step: &Step) -> usize {
    match step.kernel {
        _ if step.axes.first() != Some(&Axis::Tokens) => 0,
        Kernel::Binary(_) => 2,
        Kernel::Unary(_) | Kernel::Softmax | Kernel::LayerNorm | Kernel::Dropout(_) | Kernel::SplitHeads | Kernel::MergeHeads => 1,
        // A row of the product is made of a row of the left operand and of all that the right one holds.
        _ if is_product(step) => 1,
        _ => 0,
    }
}

fn is_product(step: &Step) -> bool {
    matches!(step.kernel, Kernel::Linear | Kernel::Unembed | Kernel::MatMul | Kernel::Cosine | Kernel::Euclidean)
}

/// Whether rows can be picked from a value as it stands: a matrix over tokens, outside of heads.
fn is_matrix(step: &Step) -> bool {
    !step.per_head && matches!(step.axes.as_slice(), [Axis::Tokens, Axis::Size(_)])
}

/// What is wanted of each value.
struct Wanted {
    /// Whether it can be computed for some of its rows alone.
    alone: Vec<bool>,
    /// Whether some of its rows can be had: computed alone, or picked from it.
    to_be_had: Vec<bool>,
    /// Whether it is wanted whole.
    whole: Vec<bool>,
    /// Whose rows are wanted of it.
    picks: Vec<BTreeSet<Pick>>,
}

impl Wanted {
    fn new(steps: &[Step], output: usize) -> Self {
        let mut refused = vec![false; steps.len()];
        loop {
            let wanted = Self::unless(steps, output, &refused);
            // Within heads, rows of what is also wanted whole are computed once more: without products, or not at all.
            let mut dear: Vec<bool> = Vec::with_capacity(steps.len());
            for step in steps {
                let made_of = |argument: &usize| dear.get(*argument) == Some(&true);
                dear.push(!is_matrix(step) && (is_product(step) || step.arguments.iter().take(row_arguments(step)).any(made_of)));
            }
            let twice = |slot: &usize| {
                dear.get(*slot) == Some(&true) && wanted.is_whole(*slot) && wanted.picks.get(*slot).is_some_and(|picks| !picks.is_empty())
            };
            match (0..steps.len()).find(twice).and_then(|slot| refused.get_mut(slot)).filter(|refused| !**refused) {
                Some(refused) => *refused = true,
                None => return wanted,
            }
        }
    }

    /// What is wanted where no rows are to be had of what is refused.
    fn unless(steps: &[Step], output: usize, refused: &[bool]) -> Self {
        let (mut alone, mut to_be_had) = (Vec::with_capacity(steps.len()), Vec::<bool>::with_capacity(steps.len()));
        for (step, refused) in steps.iter().zip(refused) {
            let rows = row_arguments(step);
            let computed = rows > 0 && !refused && step.arguments.iter().take(rows).all(|argument| to_be_had.get(*argument) == Some(&true));
            alone.push(computed);
            to_be_had.push(computed || is_matrix(step));
        }
        let (whole, picks) = (vec![false; steps.len()], vec![BTreeSet::new(); steps.len()]);
        let mut wanted = Self { alone, to_be_had, whole, picks };
        wanted.want(output, None);
        for (slot, step) in steps.iter().enumerate().rev() {
            let own = wanted.rows_alone(slot);
            for (number, argument) in step.arguments.iter().enumerate() {
                let pick = match (wanted.pick(steps, step), own) {
                    (Some(pick), _) if number == 0 => Some(pick),
                    (None, Some(pick)) if number < row_arguments(step) => Some(pick),
                    _ => None,
                };
                wanted.want(*argument, pick);
            }
        }
        wanted
    }

    /// Wants the rows of a pick, or all.
    fn want(&mut self, slot: usize, pick: Option<Pick>) {
        match (pick, self.whole.get_mut(slot), self.picks.get_mut(slot)) {
            (Some(pick), _, Some(picks)) => {
                picks.insert(pick);
            }
            (None, Some(whole), _) => *whole = true,
            _ => {}
        }
    }

    /// The rows that a step picks from its first argument, where they can be had early.
    fn pick(&self, steps: &[Step], step: &Step) -> Option<Pick> {
        let source = step.arguments.first().filter(|source| self.to_be_had.get(**source) == Some(&true));
        let places = |slot: &usize| {
            let step = steps.get(*slot)?;
            (matches!(step.kernel, Kernel::Input(_)) && step.axes.first() == Some(&Axis::Predictions)).then_some(*slot)
        };
        match (&step.kernel, source) {
            (Kernel::First, Some(_)) => Some(None),
            (Kernel::Gather, Some(_)) => step.arguments.get(1).and_then(places).map(Some),
            _ => None,
        }
    }

    /// The one pick whose rows are all that is computed of a value.
    fn rows_alone(&self, slot: usize) -> Option<Pick> {
        let mut picks = self.picks.get(slot)?.iter();
        let (first, more) = (picks.next(), picks.next());
        let alone = self.alone.get(slot) == Some(&true) && self.whole.get(slot) == Some(&false) && more.is_none();
        first.copied().filter(|_| alone)
    }

    /// Whether a value is computed whole.
    fn is_whole(&self, slot: usize) -> bool {
        self.rows_alone(slot).is_none()
    }
}

struct Pushing<'a> {
    steps: &'a [Step],
    wanted: Wanted,
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
        if let Some(pick) = self.wanted.rows_alone(slot) {
            self.rows(slot, pick);
            return;
        }
        let whole = match (self.wanted.pick(self.steps, step), step.arguments.first()) {
            (Some(pick), Some(from)) => self.rows(*from, pick),
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
        let whole = self.whole.get(slot).copied().flatten();
        debug_assert!(whole.is_some(), "a value is read whole of which rows alone are wanted");
        whole.unwrap_or_default()
    }

    /// Where picked rows of a value stand.
    fn rows(&mut self, slot: usize, pick: Pick) -> usize {
        let (Some(step), None) = (self.steps.get(slot), self.picked.get(&(slot, pick))) else {
            return self.picked.get(&(slot, pick)).copied().unwrap_or_default();
        };
        let own = if pick.is_some() { Axis::Predictions } else { Axis::Size(1) };
        let axes = std::iter::once(own).chain(step.axes.iter().skip(1).copied()).collect();
        let rows = if is_matrix(step) && self.wanted.is_whole(slot) {
            let arguments = std::iter::once(slot).chain(pick).map(|argument| self.value(argument)).collect();
            let kernel = if pick.is_some() { Kernel::Gather } else { Kernel::First };
            self.push(Step { kernel, arguments, parameters: Vec::new(), axes, per_head: false, path: String::new() })
        } else {
            let arguments = self.read_by(step, pick);
            self.push(Step { arguments, axes, ..step.clone() })
        };
        self.picked.insert((slot, pick), rows);
        rows
    }

    /// What a step on picked rows reads.
    fn read_by(&mut self, step: &Step, pick: Pick) -> Vec<usize> {
        let rows = row_arguments(step);
        let of = |(number, argument): (usize, &usize)| if number < rows { self.rows(*argument, pick) } else { self.value(*argument) };
        let mut arguments: Vec<usize> = step.arguments.iter().enumerate().map(of).collect();
        // Its draws are those of the places that the rows are taken from.
        if let (Kernel::Dropout(_), Some(at)) = (&step.kernel, pick) {
            arguments.push(self.value(at));
        }
        arguments
    }
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

    /// Euclidean distances of distances, whose rows would have to be computed twice.
    #[test]
    fn no_product_is_carried_out_twice() {
        let program = ended(&[(10, 0, 1), (10, 3, 0), (10, 4, 1), (5, 5, 5)], Ending::Places);
        assert!(program.picked_early().flops(7, 2) <= program.flops(7, 2));
    }

    /// Rows of one value for a head and for another, and places that two heads read.
    #[test]
    fn picks_of_several_kinds() {
        let mut sketch = Sketch::new();
        let (x, _) = sketch.embedded();
        let y = sketch.linear(x, Symbol::Hidden);
        let y = sketch.op("tanh", &[], &[y]);
        let at = sketch.builder.input("at", vec![Symbol::Predictions.into()], true, false);
        let picked = sketch.op("gather", &[], &[y, at]);
        let first = sketch.op("first", &[], &[y]);
        let first = sketch.op("transpose", &[], &[first]);
        let alike = sketch.op("matmul", &[], &[picked, first]);
        let program = sketch.lower(alike).picked_early();
        // Two kinds of rows: the map is computed whole, and picked from at its end.
        assert_eq!(counts(&program, Axis::Predictions, |kernel| *kernel == Kernel::Linear), [1, 0]);
        assert_eq!(counts(&program, Axis::Predictions, |kernel| *kernel == Kernel::Gather), [0, 1]);
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
