//! The rows of a table by the members that they stand for.

use super::{Row, Table, build::members};
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::graph::Hash;
use crate::run::functional_classes;
use crate::space::hash;
use std::collections::BTreeMap;

/// Every member of a space with its row.
#[derive(Debug)]
pub struct Lookup<'a> {
    rows: BTreeMap<Hash, &'a Row>,
}

impl<'a> Lookup<'a> {
    /// Finds every member of the experiment's space in the table.
    ///
    /// # Errors
    /// Where the table is of another space, model, text or training, or lacks a member.
    pub fn new(checked: &Checked, table: &'a Table) -> Result<Self> {
        if checked.evaluation != table.header.evaluation {
            let message = format!(
                "the table was built from `{}`, whose space, model, text or training is another than that of `{}`",
                table.header.experiment, checked.settings.name
            );
            return Diagnostic::error(Code::DATA, message)
                .help("give both the same, or build a table of this one: `phyla table build`")
                .into();
        }
        let classes: BTreeMap<Hash, &Row> = table.rows.iter().map(|row| (row.class, row)).collect();
        let members = members(checked)?;
        let mut rows = BTreeMap::new();
        for (class, all) in functional_classes(&checked.space, &members) {
            let Some(row) = classes.get(&class).copied() else {
                let what = all.first().map(|first| crate::space::fillings(&checked.space, first).join("  ")).unwrap_or_default();
                return Diagnostic::error(Code::DATA, format!("the table has no row for {what}"))
                    .help("build it again: `phyla table build`")
                    .into();
            };
            rows.extend(all.iter().map(|member| (hash(&checked.space, member), row)));
        }
        Ok(Self { rows })
    }

    /// The row of a member, by its identity.
    pub fn row(&self, member: Hash) -> Option<&'a Row> {
        self.rows.get(&member).copied()
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.rows.len()
    }
}
