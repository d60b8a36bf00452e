//! A source checked again after a change: what cannot have changed is neither parsed nor checked.
//!
//! A declaration says the same as before if its `identity` and what was asked outside of the sources are the same.
//! Warnings of such a declaration are told again where it stands now. A declaration with an error is checked again.

mod identity;

use super::modules::ItemId;
use super::{Checker, Files, World};
use crate::diagnostic::{Diagnostic, Span};
use crate::syntax::Known;
use identity::{Group, Identity, groups};
use std::collections::{BTreeMap, BTreeSet};

/// What the last check of a file told; the next one does only what the change asks for.
#[derive(Debug, Default)]
pub struct Memory {
    known: BTreeMap<String, Known>,
    /// Declarations without a mistake, by what they may mean.
    sound: BTreeMap<Identity, Sound>,
}

/// What checking a declaration without a mistake came to.
#[derive(Clone, Debug, Default)]
struct Sound {
    asked: Vec<Asked>,
    /// Warnings, with the places of their labels.
    said: Vec<(Diagnostic, Vec<Place>)>,
}

/// A place that may move with the declaration it stands in.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the standard library.
    Fixed(Span),
    /// So many bytes after the beginning of a declaration, and so many bytes long.
    Within(Identity, u32, u32),
}

/// A question that sources do not answer, and the answer it had.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// The stamp of a path of data.
    Data(String, Result<String, String>),
    /// The value of an environment variable.
    Variable(String, Option<String>),
}

impl Asked {
    fn holds(&self, files: &dyn Files) -> bool {
        match self {
            Self::Data(path, stamp) => files.stamp(path) == *stamp,
            Self::Variable(name, value) => files.variable(name) == *value,
        }
    }
}

impl Memory {
    /// Checks every declaration of a file by itself, as [`Checker::check_module`] does, and tells what that would tell.
    pub fn check(&mut self, files: &dyn Files, key: &str) -> (World, Vec<Diagnostic>) {
        let world = World::load_again(files, &[key.to_owned()], &mut self.known);
        self.known.retain(|key, _| world.module_of(key).is_some());
        let checker = Checker::new(&world, files);
        let groups = groups(&world);
        let declared = Declared::new(&world, &groups);
        let mut sound: BTreeMap<Identity, Sound> = BTreeMap::new();
        let mut doubtful = BTreeSet::new();
        for id in checker.in_turn(key) {
            let Some(identity) = declared.identities.get(&id) else { continue };
            let known = self.sound.get(identity).filter(|known| known.asked.iter().all(|asked| asked.holds(files)));
            let told = known
                .and_then(|known| Some((known.clone(), known.said.iter().map(|said| declared.told(said)).collect::<Option<Vec<_>>>()?)));
            let result = match told {
                Some((known, told)) => {
                    checker.diagnostics.borrow_mut().extend(told);
                    known
                }
                None => {
                    let (said, asked) = (checker.diagnostics.borrow().len(), checker.asked.borrow().len());
                    checker.check_item(id);
                    let said: Vec<Diagnostic> = checker.diagnostics.borrow().iter().skip(said).cloned().collect();
                    let places: Option<Vec<_>> = said.iter().map(|said| declared.places(said)).collect();
                    doubtful.extend(places.is_none().then_some(*identity));
                    doubtful.extend(declared.kept(&said).into_iter().filter(|blamed| blamed != identity));
                    let said = said.into_iter().zip(places.unwrap_or_default()).collect();
                    Sound { asked: checker.asked.borrow().iter().skip(asked).cloned().collect(), said }
                }
            };
            // Declarations that may mean one another are one.
            let entry = sound.entry(*identity).or_default();
            entry.asked.extend(result.asked);
            entry.said.extend(result.said);
        }
        // With a mistake in the file nothing more is known than before.
        if !checker.failed() {
            for group in &groups {
                if doubtful.contains(&group.identity) || group.uses.iter().any(|used| doubtful.contains(used)) {
                    doubtful.insert(group.identity);
                    sound.remove(&group.identity);
                }
            }
            self.sound = sound;
        }
        checker.check_whole(key);
        let found = checker.diagnostics();
        drop(checker);
        (world, found)
    }
}

/// Where declarations stand, and which they are.
struct Declared<'w> {
    world: &'w World,
    identities: BTreeMap<ItemId, Identity>,
    /// The one declaration of an identity; nothing where there are several.
    single: BTreeMap<Identity, Option<Span>>,
}

impl<'w> Declared<'w> {
    fn new(world: &'w World, groups: &[Group]) -> Self {
        let identities = groups.iter().flat_map(|group| group.items.iter().map(|item| (*item, group.identity))).collect();
        let mut single: BTreeMap<Identity, Option<Span>> = BTreeMap::new();
        for (id, group) in groups.iter().flat_map(|group| group.items.iter().map(move |item| (*item, group))) {
            let span = world.item(id).map(|item| item.span);
            single.entry(group.identity).and_modify(|known| *known = None).or_insert(span);
        }
        Self { world, identities, single }
    }

    /// The declaration that holds a place.
    fn around(&self, span: Span) -> Option<(&ItemId, &Identity)> {
        self.identities.iter().find(|(id, _)| {
            let around = self.world.item(**id).map(|item| item.span);
            around.is_some_and(|around| around.file == span.file && around.start <= span.start && span.end <= around.end)
        })
    }

    /// Where the labels of a diagnostic stand; `None` where that cannot be told when the sources have changed.
    fn places(&self, said: &Diagnostic) -> Option<Vec<Place>> {
        let place = |span: Span| {
            if self.world.sources.name(span.file).starts_with("std.") {
                return Some(Place::Fixed(span));
            }
            let (_, identity) = self.around(span)?;
            let around = (*self.single.get(identity)?)?;
            Some(Place::Within(*identity, span.start - around.start, span.end - span.start))
        };
        said.labels.iter().map(|label| place(label.span)).collect()
    }

    /// The diagnostic where its labels stand now.
    fn told(&self, (said, places): &(Diagnostic, Vec<Place>)) -> Option<Diagnostic> {
        let mut said = said.clone();
        for (label, place) in said.labels.iter_mut().zip(places) {
            label.span = match place {
                Place::Fixed(span) => *span,
                Place::Within(identity, from, length) => {
                    let around = (*self.single.get(identity)?)?;
                    Span { start: around.start + from, end: around.start + from + length, ..around }
                }
            };
        }
        Some(said)
    }

    /// The declarations that the labels of diagnostics stand in and whose value is kept once it is known: whoever asks again is told nothing.
    fn kept(&self, said: &[Diagnostic]) -> Vec<Identity> {
        let holders = said.iter().flat_map(|said| &said.labels).filter_map(|label| self.around(label.span));
        let kept = |id: &ItemId| self.world.item(*id).is_some_and(|item| ["op", "primitive", "space"].contains(&item.kind.text.as_str()));
        holders.filter(|(id, _)| kept(id)).map(|(_, identity)| *identity).collect()
    }
}
