//! Records and choices as a reader meets them: in which order, what a field takes, what it is where it is not given.

use super::schema::{Field, Kind, Schema, Unit, Variant};
use super::{evaluation, experiment, search, task, train};
use serde_json::Value;

/// The records, in the order a reader meets them.
pub const RECORDS: &[fn() -> &'static Schema] = &[
    experiment::Experiment::schema,
    experiment::Model::schema,
    experiment::Corpus::schema,
    search::Search::schema,
    search::Halving::schema,
    search::Mutation::schema,
    search::Inter::schema,
    search::Intra::schema,
    evaluation::Evaluate::schema,
    experiment::Agreement::schema,
    experiment::Final::schema,
    train::Train::schema,
    task::Suite::schema,
    task::Intermediate::schema,
    task::Task::schema,
    task::Files::schema,
    task::Rows::schema,
];

/// The record of this kind: what a declaration of it is checked against.
pub fn schema_of(kind: &str) -> Option<fn() -> &'static Schema> {
    RECORDS.iter().copied().find(|schema| schema().kind == kind)
}

/// Gives the values of a choice.
pub type Variants = fn() -> &'static [Variant];

/// The choices, each with the name of the field that takes it, made longer where two records have a field of that name.
pub const CHOICES: &[(&str, Variants)] = &[
    ("objective of an experiment", experiment::Objective::variants),
    ("measure", experiment::Measure::variants),
    ("device", experiment::Device::variants),
    ("source of a corpus", experiment::CorpusSource::variants),
    ("weights", experiment::Weights::variants),
    ("algorithm", search::Algorithm::variants),
    ("initial", search::Initial::variants),
    ("screen", search::Screen::variants),
    ("what a screen tells", search::Cheap::variants),
    ("dedupe", search::Dedupe::variants),
    ("pick", search::Pick::variants),
    ("credit", search::Credit::variants),
    ("stop", search::Stop::variants),
    ("method", evaluation::Method::variants),
    ("commit", evaluation::Commit::variants),
    ("paths", evaluation::PathSampling::variants),
    ("objective of training", train::Objective::variants),
    ("order", train::Order::variants),
    ("keep", train::Epoch::variants),
    ("phases", train::Phase::variants),
    ("optimizer", train::Optimizer::variants),
    ("schedule", train::Schedule::variants),
    ("precision", train::Precision::variants),
    ("label", task::Label::variants),
    ("metrics", task::Metric::variants),
    ("report", task::Report::variants),
    ("score", task::Averaging::variants),
];

/// The units of numbers, each with what takes it.
pub const UNITS: &[(&str, &str)] = &[
    ("%", "Shares, and a schedule's `warmup`: `15%` is 0.15."),
    ("steps", "Fields that count optimiser steps."),
    ("epochs", "Fields that count passes over the data."),
    ("generations", "Fields that count generations of a search."),
    ("ms", "Times: thousandths of a second."),
    ("s", "Times: seconds."),
    ("min", "Times: minutes."),
    ("h", "Times: hours."),
    ("K", "Plain numbers and steps: 1e3."),
    ("M", "Plain numbers and steps: 1e6."),
    ("G", "Plain numbers and steps: 1e9."),
    ("KiB", "Plain numbers: 1024."),
    ("MiB", "Plain numbers: 1024²."),
    ("GiB", "Plain numbers: 1024³."),
];

impl Field {
    /// Its name in the language; Rust writes `final` with a mark.
    pub fn plain(&self) -> &'static str {
        self.name.trim_start_matches("r#")
    }

    /// What it is where it is not given, as the language writes it; `none` where it is then absent, nothing where it must be given.
    pub fn fallback(&self) -> Option<String> {
        self.default.and_then(|text| Some(written(self.kind, &serde_json::from_str(text).ok()?)))
    }
}

impl Kind {
    /// What it takes, in words.
    pub fn words(self) -> String {
        let unit = |unit: Unit| match unit {
            Unit::Plain => "",
            Unit::Share => ", a share",
            Unit::Steps => ", in steps",
            Unit::Epochs => ", in epochs",
            Unit::Generations => ", in generations",
            Unit::Seconds => ", a time",
        };
        match self {
            Self::Int(of, least) => format!("whole number ≥ {least}{}", unit(of)),
            Self::Real(of, low, high) if high >= 1e9 && low <= -1e9 => format!("number{}", unit(of)),
            Self::Real(of, low, high) if high >= 1e9 => format!("number ≥ {low}{}", unit(of)),
            Self::Real(of, low, high) => format!("number from {low} to {high}{}", unit(of)),
            Self::Text => "text".to_owned(),
            Self::DataPath => "path of data".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::List(inner) => format!("list of: {}", inner.words()),
            Self::Record(schema) => format!("record `{}`", schema().kind),
            Self::OneOf(variants) => variants().iter().map(|variant| format!("`{}`", variant.name)).collect::<Vec<_>>().join(", "),
            Self::Optional(inner) => format!("{}, or left out", inner.words()),
            Self::Space => "space".to_owned(),
            Self::Architecture => "architecture".to_owned(),
        }
    }
}

/// A default as the language writes it.
fn written(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Null) => "none".to_owned(),
        (Kind::Optional(inner), value) => written(*inner, value),
        (Kind::Int(Unit::Share, _) | Kind::Real(Unit::Share, ..), Value::Number(number)) => {
            let share = (number.as_f64().unwrap_or_default() * 1e6).round() / 1e4;
            format!("{share}%")
        }
        (Kind::Int(..) | Kind::Real(..), Value::Number(number)) => number.to_string().trim_end_matches(".0").to_owned(),
        (Kind::Text | Kind::DataPath, Value::String(text)) => format!("{text:?}"),
        (Kind::List(inner), Value::Array(items)) => {
            format!("[{}]", items.iter().map(|item| written(*inner, item)).collect::<Vec<_>>().join(", "))
        }
        (Kind::OneOf(_), Value::String(name)) => name.clone(),
        (Kind::OneOf(variants), Value::Object(object)) => {
            let Some((name, given)) = object.iter().next() else { return String::new() };
            let fields = variants().iter().find(|variant| variant.name == name).map_or(&[][..], |variant| variant.fields);
            let fields: Vec<String> = fields
                .iter()
                .filter_map(|field| Some(format!("{} = {}", field.name, written(field.kind, given.get(field.name)?))))
                .collect();
            format!("{name} {{ {} }}", fields.join(", "))
        }
        (_, value) => value.to_string(),
    }
}
