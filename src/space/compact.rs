//! The form in which a journal keeps an architecture: text and numbers only, read back with its space.

use super::domain::{Architecture, Domain, Filling, Space};
use super::member::contains;
use super::text;
use crate::diagnostic::{Code, Diagnostic, Result};
use std::collections::BTreeMap;

/// An architecture in a journal: for each hole its fillings.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Compact(pub BTreeMap<String, Vec<CompactFilling>>);

/// A filling in a journal.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum CompactFilling {
    /// A size.
    Value(i64),
    /// An expression, as an S-expression over the labels of its inputs.
    Dag(String),
    /// A graph of a choice.
    Arm {
        /// Its label.
        arm: String,
        /// What fills its own holes, in their order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        holes: Vec<(String, CompactFilling)>,
    },
}

impl Space {
    /// The form of an architecture that a journal keeps.
    pub fn compact(&self, architecture: &Architecture) -> Compact {
        let holes = self.holes.iter().map(|hole| {
            let fillings = architecture.fillings.get(&hole.name).into_iter().flatten();
            (hole.name.clone(), fillings.map(|filling| write(&hole.domain, filling)).collect())
        });
        Compact(holes.collect())
    }

    /// The architecture that a journal kept.
    ///
    /// # Errors
    /// Where it is no member of this space.
    pub fn expand(&self, compact: &Compact) -> Result<Architecture> {
        let member = || {
            let mut architecture = Architecture::default();
            for (name, fillings) in &compact.0 {
                let hole = self.holes.iter().find(|hole| hole.name == *name).ok_or_else(|| format!("there is no hole `{name}`"))?;
                let read = fillings.iter().map(|filling| read(&hole.domain, filling)).collect::<std::result::Result<_, String>>()?;
                architecture.fillings.insert(name.clone(), read);
            }
            contains(self, &architecture).map(|()| architecture)
        };
        member().or_else(|why| {
            let message = format!("an architecture that was kept does not lie in `{}`", self.name);
            Diagnostic::error(Code::NOT_A_MEMBER, message).help(why).into()
        })
    }
}

fn write(domain: &Domain, filling: &Filling) -> CompactFilling {
    match (domain, filling) {
        (_, Filling::Value(value)) => CompactFilling::Value(*value),
        (Domain::Dag(dag), Filling::Dag(term)) => CompactFilling::Dag(text::show(term, &dag.names())),
        (_, Filling::Dag(term)) => CompactFilling::Dag(text::show(term, &[])),
        (domain, Filling::Arm { label, holes }) => {
            let own = |name: &str| match domain {
                Domain::Choose(arms) => {
                    let arm = arms.iter().find(|arm| arm.label == *label)?;
                    arm.holes.iter().find(|(own, _)| own == name).map(|(_, domain)| domain)
                }
                _ => None,
            };
            let written = holes.iter().map(|(name, filling)| (name.clone(), write(own(name).unwrap_or(domain), filling)));
            CompactFilling::Arm { arm: label.clone(), holes: written.collect() }
        }
    }
}

fn read(domain: &Domain, filling: &CompactFilling) -> std::result::Result<Filling, String> {
    match (domain, filling) {
        (Domain::Values(_), CompactFilling::Value(value)) => Ok(Filling::Value(*value)),
        (Domain::Dag(dag), CompactFilling::Dag(term)) => text::parse(term, &dag.inputs, &dag.ops).map(Filling::Dag),
        (Domain::Choose(arms), CompactFilling::Arm { arm: label, holes }) => {
            let arm = arms.iter().find(|arm| arm.label == *label).ok_or_else(|| format!("`{label}` is not among the choices"))?;
            let filled = arm.holes.iter().zip(holes).map(|((_, domain), (name, filling))| Ok((name.clone(), read(domain, filling)?)));
            Ok(Filling::Arm { label: label.clone(), holes: filled.collect::<std::result::Result<_, String>>()? })
        }
        _ => Err("a filling is of another kind than its hole".to_owned()),
    }
}
