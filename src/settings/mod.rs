//! Every record of the language as a plain struct: fields, units, defaults, documentation.
//!
//! A record is declared once, by `record!`: the struct, its schema (what the checker checks against, what
//! the reference is generated from) and its serialised form (`experiment.yaml`) come from that declaration.
//! Defaults that a reader would tune stand in `stdlib/`; here stand only those without which a record cannot be.

mod evaluation;
mod experiment;
mod layout;
mod reference;
mod schema;
mod search;
mod task;
mod train;

pub use evaluation::{Commit, Evaluate, Method, PathSampling};
pub use experiment::{Agreement, Corpus, CorpusSource, Device, Experiment, Final, Measure, Model, Objective as Goal, Weights};
pub use layout::{Layout, is_text};
pub use reference::{CHOICES, RECORDS, UNITS, Variants, schema_of};
pub use schema::{Field, Kind, Schema, Unit, Variant};
pub use search::{Algorithm, Cheap, Credit, Dedupe, Halving, Initial, Inter, Intra, Mutation, Pick, Screen, Search, Stop};
pub use task::{Averaging, Files, Intermediate, Label, Metric, Part, Report, Rows, Suite, Task};
pub use train::{Epoch, Objective, Optimizer, Order, Phase, Precision, Schedule, Train};
