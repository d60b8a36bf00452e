//! Records: fields changed as their description allows, and declarations that change the library's.

use super::Author;
use phyla::settings::{Evaluate, Experiment, Field, Kind, Model, Mutation, Schema, Search, Suite, Train, Unit, Variant};

/// Fields that only make sense together with others; they are changed seldom.
const DELICATE: &[&str] = &[
    "name",
    "objective",
    "phases",
    "precision",
    "heads",
    "hidden",
    "betas",
    "tasks",
    "data",
    "files",
    "text",
    "test_text",
    "label",
    "metrics",
    "device",
    "space",
    "compare",
    "corpus",
    "halving",
    "agreement",
    "lr",
    "column",
    "names",
];

/// A record of the library: kind, module, name, description.
type Base = (&'static str, &'static str, &'static str, fn() -> &'static Schema);

/// Records that are changed.
const BASES: &[Base] = &[
    ("model", "models", "micro", Model::schema),
    ("model", "models", "tiny", Model::schema),
    ("mutation", "search", "operation_priority", Mutation::schema),
    ("mutation", "search", "uniform_mutation", Mutation::schema),
    ("search", "search", "op_nas", Search::schema),
    ("search", "search", "random_search", Search::schema),
    ("search", "search", "regularized_evolution", Search::schema),
    ("train", "train", "pretrain_tiny", Train::schema),
    ("suite", "suites", "mini", Suite::schema),
];

/// A field is named as the language names it.
fn plain(field: &Field) -> &'static str {
    field.name.strip_prefix("r#").unwrap_or(field.name)
}

impl Author<'_> {
    /// A record that changes one of the library.
    pub(super) fn record(&mut self) {
        let (kind, module, base, schema) = *self.dice.pick(BASES);
        let base = self.std(module, base);
        let name = self.fresh(kind);
        let fields = self.changes(schema(), 3);
        let fields = self.braces(&fields);
        self.items.push(format!("{kind} {name} = {base} {fields}"));
        self.own.records.push((kind, name));
    }

    /// A declared record of this kind, or one of the library.
    pub(super) fn named_record(&mut self, kind: &'static str) -> String {
        let own: Vec<String> = self.own.records.iter().filter(|(known, _)| *known == kind).map(|(_, name)| name.clone()).collect();
        match self.one_of(&own) {
            Some(own) if self.dice.chance(70) => own,
            _ => {
                let bases: Vec<_> = BASES.iter().filter(|(known, ..)| *known == kind).collect();
                let (_, module, name, _) = **self.dice.pick(&bases);
                self.std(module, name)
            }
        }
    }

    /// The same, or one changed on the spot.
    pub(super) fn some_record(&mut self, kind: &'static str) -> String {
        let base = self.named_record(kind);
        let Some((.., schema)) = BASES.iter().find(|(known, ..)| *known == kind).filter(|_| self.dice.chance(50)) else { return base };
        let fields = self.changes(schema(), 3);
        format!("{base} {}", self.braces(&fields))
    }

    /// Fields changed, each once.
    pub(super) fn changes(&mut self, schema: &'static Schema, most: usize) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        let mut lines = Vec::new();
        for _ in 0..self.dice.within(1, most) {
            let Some((path, value)) = self.change(schema) else { continue };
            // A field changed inside a record that is given anew counts twice.
            if !paths.iter().any(|known| known.starts_with(&path) || path.starts_with(known)) {
                lines.push(format!("{path} = {value}"));
                paths.push(path);
            }
        }
        lines
    }

    fn change(&mut self, schema: &'static Schema) -> Option<(String, String)> {
        let field = self.dice.pick(schema.fields);
        let name = plain(field);
        if DELICATE.contains(&name) && self.dice.chance(97) {
            return None;
        }
        match field.kind {
            Kind::Record(inner) if inner().kind != "task" => {
                let (rest, value) = self.change(inner())?;
                Some((format!("{name}.{rest}"), value))
            }
            kind => Some((name.to_owned(), self.value(kind)?)),
        }
    }

    /// A value of this kind.
    fn value(&mut self, kind: Kind) -> Option<String> {
        Some(match kind {
            Kind::Int(unit, least) => self.whole(unit, usize::try_from(least).unwrap_or(0)),
            Kind::Real(unit, low, high) => self.real(unit, low, high),
            Kind::Text => "\"text\"".to_owned(),
            Kind::DataPath => "\"fuzz.txt\"".to_owned(),
            Kind::Bool => self.dice.word(&["true", "false"]).to_owned(),
            Kind::List(inner) => {
                let items: Option<Vec<String>> = (0..self.dice.within(1, 2)).map(|_| self.value(*inner)).collect();
                format!("[{}]", items?.join(", "))
            }
            Kind::Optional(inner) => self.value(*inner)?,
            Kind::OneOf(variants) => self.variant(variants())?,
            Kind::Record(schema) => {
                let fields: Option<Vec<String>> =
                    schema().fields.iter().map(|field| Some(format!("{} = {}", plain(field), self.value(field.kind)?))).collect();
                let fields = fields?;
                self.braces(&fields)
            }
            Kind::Space | Kind::Architecture => return None,
        })
    }

    /// One of several values: a bare name, or with some of its fields.
    fn variant(&mut self, variants: &'static [Variant]) -> Option<String> {
        let variant = self.dice.pick(variants);
        let mut fields = Vec::new();
        for field in variant.fields {
            let delicate = DELICATE.contains(&field.name) && self.dice.chance(97);
            if field.default.is_none() || !delicate && self.dice.chance(50) {
                fields.push(format!("{} = {}", plain(field), self.value(field.kind)?));
            }
        }
        Some(match (fields.is_empty(), self.dice.below(2)) {
            (true, _) => variant.name.to_owned(),
            (false, 0) => format!("{}({})", variant.name, fields.join(", ")),
            (false, _) => format!("{} {}", variant.name, self.braces(&fields)),
        })
    }

    fn whole(&mut self, unit: Unit, least: usize) -> String {
        let number = (least + self.dice.below(40)).max(1);
        let bare = match unit {
            Unit::Steps => "steps",
            Unit::Epochs => "epochs",
            Unit::Generations => "generations",
            _ => "",
        };
        match self.dice.below(4) {
            0 if !bare.is_empty() => format!("{number} {bare}"),
            1 if number >= 1000 => format!("{}_{:03}", number / 1000, number % 1000),
            _ => number.to_string(),
        }
    }

    fn real(&mut self, unit: Unit, low: f64, high: f64) -> String {
        let part = self.dice.within(1, 99) as f64 / 100.0;
        let number = low + part * (high.min(2.0) - low);
        match unit {
            Unit::Share if self.dice.chance(50) => format!("{:.0}%", (number * 100.0).max(1.0)),
            Unit::Seconds => format!("{} {}", self.dice.within(1, 90), self.dice.word(&["s", "min", "h", "ms"])),
            _ => format!("{number}"),
        }
    }

    /// How candidates are judged.
    pub(super) fn evaluate(&mut self) -> String {
        let base = self.dice.word(&["biws", "biws", "scratch"]);
        let base = self.std("search", base);
        let mut fields = vec![format!("pretrain = {}", self.some_record("train")), format!("suite = {}", self.some_record("suite"))];
        fields.push(format!("adapt = {} steps", self.dice.within(10, 90)));
        let changes = self.changes(Evaluate::schema(), 3);
        fields.extend(changes.into_iter().filter(|change| !["pretrain", "suite", "adapt"].iter().any(|name| change.starts_with(name))));
        format!("{base} {}", self.braces(&fields))
    }

    /// Changes of an experiment as a whole, except of what it must have.
    pub(super) fn changes_of_experiment(&mut self, most: usize) -> Vec<String> {
        self.changes(Experiment::schema(), most)
    }
}
