//! What one file uses of another.

use super::graphs::UNARY;
use super::spaces::Arm;
use super::{Author, Declared};

impl Author<'_> {
    /// Imports some of what another file declares.
    pub(super) fn borrow(&mut self, lent: Declared) {
        for (name, mut members) in lent.sets {
            members.retain(|member| UNARY.contains(&member.as_str()));
            let here = self.import(&name, 50);
            self.own.sets.extend(here.map(|here| (here, members)));
        }
        for name in lent.mixes {
            let here = self.import(&name, 50);
            self.own.mixes.extend(here);
        }
        for name in lent.layers {
            let here = self.import(&name, 50);
            self.own.layers.extend(here);
        }
        for name in lent.blocks {
            let here = self.import(&name, 50);
            self.own.blocks.extend(here);
        }
        for (number, mut space) in lent.spaces.into_iter().enumerate() {
            // Architectures mean their space by its number.
            let used = lent.architectures.iter().any(|(_, of)| *of == number);
            space.arms.iter_mut().for_each(Arm::keep_known);
            if let Some(here) = self.import(&space.name, if used { 100 } else { 70 }) {
                space.name = here;
                let own = self.own.spaces.len();
                self.own.spaces.push(space);
                for (name, _) in lent.architectures.iter().filter(|(_, of)| *of == number) {
                    let here = self.import(name, 70);
                    self.own.architectures.extend(here.map(|here| (here, own)));
                }
            }
        }
        for (kind, name) in lent.records {
            let here = self.import(&name, 70);
            self.own.records.extend(here.map(|here| (kind, here)));
        }
        for name in lent.experiments {
            let here = self.import(&name, 70);
            self.own.experiments.extend(here);
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
