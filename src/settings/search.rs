//! The search: algorithm, mutation policy, budget.

use super::schema::{choice, record};

record! {
    /// How architectures are proposed.
    pub struct Search: "search" {
        /// The algorithm.
        algorithm: Algorithm = OneOf(Algorithm::variants);
        /// How the initial population is drawn.
        initial: Initial = OneOf(Initial::variants), r#""by_size""#;
        /// Candidates of the initial population.
        population: usize = Int(Plain, 1), "100";
        /// Parents of a generation: the best so far.
        parents: usize = Int(Plain, 1), "2";
        /// Children of each parent.
        children: usize = Int(Plain, 1), "5";
        /// The mutation policy.
        mutation: Mutation = Record(Mutation::schema);
        /// Whether a generation is judged in rungs, of which only the better candidates reach the next.
        halving: Option<Halving> = Optional(&Record(Halving::schema)), "null";
        /// What is told of candidates without training: of several draws for a place one is proposed.
        screen: Option<Screen> = Optional(&OneOf(Screen::variants)), "null";
        /// When the results of one candidate stand for another.
        dedupe: Dedupe = OneOf(Dedupe::variants), r#""canonical""#;
        /// Candidates evaluated in all.
        evaluations: usize = Int(Plain, 1), "760";
        /// What ends a search before its budget.
        stop: Option<Stop> = Optional(&OneOf(Stop::variants)), "null";
    }
}

choice! {
    /// The search algorithm.
    pub enum Algorithm {
        /// OP-NAS: the best parents, inter-layer then intra-layer mutation, operation priority.
        Evolution = "evolution";
        /// Regularised evolution: the oldest leave the population, and parents win tournaments.
        Aging = "aging" {
            /// Members of the population that a parent is the best of, drawn with replacement.
            tournament: usize = Int(Plain, 1), "20";
        };
        /// Local search: neighbours of the best of a climb, and a new climb where none is better.
        Climb = "climb" {
            /// Generations without a better neighbour after which a new climb begins.
            patience: usize = Int(Generations, 1), "5";
        };
        /// Every candidate drawn anew.
        Random = "random";
    }
}

record! {
    /// Successive halving (Jamieson and Talwalkar 2016) over the steps of adaptation: the share `keep` of a rung goes on to `1 / keep` times as
    /// many steps, the last rung takes them all; whoever leaves keeps the values of its last rung.
    pub struct Halving: "halving" {
        /// How many rungs.
        rungs: usize = Int(Plain, 2), "3";
        /// Share of a rung that goes on.
        keep: f64 = Real(Share, 0.05, 0.95), "0.5";
    }
}

choice! {
    /// Which of several draws is proposed, told without training.
    pub enum Screen {
        /// The one with the most.
        Largest = "largest" {
            /// Of what.
            of: Cheap = OneOf(Cheap::variants), r#""params""#;
            /// How many draws.
            among: usize = Int(Plain, 2), "4";
        };
        /// The one with the least.
        Smallest = "smallest" {
            /// Of what.
            of: Cheap = OneOf(Cheap::variants), r#""params""#;
            /// How many draws.
            among: usize = Int(Plain, 2), "4";
        };
    }
}

choice! {
    /// What costs no training to tell.
    pub enum Cheap {
        /// Parameters of the masked-LM model: a method that does not beat it has found nothing.
        Params = "params";
        /// Its forward FLOPs for one sentence of full length.
        Flops = "flops";
    }
}

impl Halving {
    /// The steps of `all` after which a rung, from 0, is judged.
    pub fn steps(&self, all: u64, rung: usize) -> u64 {
        let left = self.rungs.saturating_sub(rung + 1);
        ((all as f64 * self.keep.powi(i32::try_from(left).unwrap_or(i32::MAX))).round() as u64).clamp(1, all.max(1))
    }
}

impl Screen {
    /// How many draws.
    pub fn among(&self) -> usize {
        let (Self::Largest { among, .. } | Self::Smallest { among, .. }) = self;
        *among
    }

    /// What it thinks of a model with so many parameters and FLOPs, larger being better.
    pub fn worth(&self, params: u64, flops: u64) -> f64 {
        let (Self::Largest { of, .. } | Self::Smallest { of, .. }) = self;
        let value = if *of == Cheap::Params { params } else { flops } as f64;
        if matches!(self, Self::Largest { .. }) { value } else { -value }
    }
}

choice! {
    /// When the results of one candidate stand for another.
    pub enum Dedupe {
        /// Never: only an architecture of the same canonical form is the same, and that is not proposed again.
        Canonical = "canonical";
        /// Where both compute the same, told by values on fixed inputs: the later one is not trained, and takes over the results.
        Functional = "functional";
    }
}

choice! {
    /// How candidates are drawn without a parent.
    pub enum Initial {
        /// First a size, evenly, then evenly among its members; at a `choose`, first an arm, evenly.
        BySize = "by_size";
        /// Evenly among all members.
        Uniform = "uniform";
    }
}

record! {
    /// The mutation policy: relative weights of the kinds, and how an operation is drawn.
    pub struct Mutation: "mutation" {
        /// Between layers.
        inter: Inter = Record(Inter::schema);
        /// Within an attention graph.
        intra: Intra = Record(Intra::schema);
        /// How an operation is drawn among those that fit.
        pick: Pick = OneOf(Pick::variants);
    }
}

record! {
    /// Relative weights of the inter-layer mutations.
    pub struct Inter: "inter" {
        /// Another kind of mixer in one layer.
        swap_mixer: f64 = Real(Plain, 0.0, 1e9), "0.0";
        /// Another value of one choice, such as a kernel.
        change_kernel: f64 = Real(Plain, 0.0, 1e9), "0.0";
    }
}

record! {
    /// Relative weights of the intra-layer mutations.
    pub struct Intra: "intra" {
        /// Another operation in one place.
        replace_op: f64 = Real(Plain, 0.0, 1e9), "0.0";
        /// One more operation.
        insert_op: f64 = Real(Plain, 0.0, 1e9), "0.0";
        /// One operation fewer.
        delete_op: f64 = Real(Plain, 0.0, 1e9), "0.0";
        /// Another operand in one place.
        rewire: f64 = Real(Plain, 0.0, 1e9), "0.0";
    }
}

choice! {
    /// How an operation is drawn.
    pub enum Pick {
        /// By operation priority: `u_i = mean_i + alpha * sqrt(2 ln N / N_i)`, softmax(u / temperature).
        Ucb = "ucb" {
            /// Weight of the bonus for rare operations.
            alpha: f64 = Real(Plain, 0.0, 1e9), "0.3";
            /// Temperature of the softmax.
            temperature: f64 = Real(Plain, 1e-9, 1e9), "0.3";
            /// What an operation's mean is taken over.
            credit: Credit = OneOf(Credit::variants), r#""occurrences""#;
        };
        /// Evenly.
        Uniform = "uniform";
    }
}

choice! {
    /// What is credited to an operation.
    pub enum Credit {
        /// The standardised fitness of candidates, weighted by how often the operation occurs in each.
        Occurrences = "occurrences";
        /// The gain of a child over its parent, credited to the operation its mutation drew.
        Drawn = "drawn";
    }
}

choice! {
    /// What ends a search before its budget.
    pub enum Stop {
        /// The first of these.
        Any = "any" {
            /// Generations without a better candidate, or with several objectives without a new one on the first front; 0 for never.
            plateau: u64 = Int(Generations, 0), "0";
            /// Time of the search in seconds, looked at before each generation; 0 for no bound.
            wall: f64 = Real(Seconds, 0.0, 1e12), "0.0";
        };
    }
}
