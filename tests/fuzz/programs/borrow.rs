//! What one file uses of another.

use super::Author;
use super::graphs::UNARY;
use super::spaces::{Arm, Space};

/// What a file declares for others.
pub struct Lent {
    sets: Vec<(String, Vec<String>)>,
    mixes: Vec<String>,
    layers: Vec<String>,
    blocks: Vec<String>,
    spaces: Vec<Space>,
    architectures: Vec<(String, usize)>,
    records: Vec<(&'static str, String)>,
    experiments: Vec<String>,
}

impl Author<'_> {
    /// All that is declared here.
    pub(super) fn lend(&self) -> Lent {
        Lent {
            sets: self.sets.clone(),
            mixes: self.mixes.clone(),
            layers: self.layers.clone(),
            blocks: self.blocks.clone(),
            spaces: self.spaces.clone(),
            architectures: self.architectures.clone(),
            records: self.records.clone(),
            experiments: self.experiments.clone(),
        }
    }

    /// Imports some of what another file declares.
    pub(super) fn borrow(&mut self, lent: Lent) {
        for (name, mut members) in lent.sets {
            members.retain(|member| UNARY.contains(&member.as_str()));
            let here = self.import(&name, 50);
            self.sets.extend(here.map(|here| (here, members)));
        }
        for name in lent.mixes {
            let here = self.import(&name, 50);
            self.mixes.extend(here);
        }
        for name in lent.layers {
            let here = self.import(&name, 50);
            self.layers.extend(here);
        }
        for name in lent.blocks {
            let here = self.import(&name, 50);
            self.blocks.extend(here);
        }
        for (number, mut space) in lent.spaces.into_iter().enumerate() {
            // Architectures mean their space by its number.
            let used = lent.architectures.iter().any(|(_, of)| *of == number);
            space.arms.iter_mut().for_each(Arm::keep_known);
            if let Some(here) = self.import(&space.name, if used { 100 } else { 70 }) {
                space.name = here;
                let own = self.spaces.len();
                self.spaces.push(space);
                for (name, _) in lent.architectures.iter().filter(|(_, of)| *of == number) {
                    let here = self.import(name, 70);
                    self.architectures.extend(here.map(|here| (here, own)));
                }
            }
        }
        for (kind, name) in lent.records {
            let here = self.import(&name, 70);
            self.records.extend(here.map(|here| (kind, here)));
        }
        for name in lent.experiments {
            let here = self.import(&name, 70);
            self.experiments.extend(here);
        }
    }

    /// The name that something of the other file gets here, in so many of a hundred cases.
    fn import(&mut self, name: &str, percent: usize) -> Option<String> {
        if let Some(here) = self.borrowed.get(name) {
            return Some(here.clone());
        }
        if !self.dice.chance(percent) {
            return None;
        }
        let alias = self.dice.chance(40) || self.borrowed.values().any(|here| here == name);
        let here = if alias { format!("{name}_of_{}", self.borrowed.len()) } else { name.to_owned() };
        self.borrowed.insert(name.to_owned(), here.clone());
        Some(here)
    }
}
