//! A source checked again after a change: what cannot have changed is neither parsed nor checked.
//!
//! A declaration says the same as before if its text, the texts of all declarations that a word in it may mean, and what was asked outside of the
//! sources are the same. Whether a word does mean a declaration does not matter: it is taken to, so that a doubt costs
//! time and never a diagnostic.

use super::modules::{ItemId, Module};
use super::{Checker, Files, World};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::syntax::Known;
use crate::syntax::lexeme::{LexemeKind, lexemes};
use blake3::Hasher;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

/// What the last check of a file told; the next one does only what the change asks for.
#[derive(Debug, Default)]
pub struct Memory {
    known: BTreeMap<String, Known>,
    /// Declarations without a mistake, by what they may mean, with what was asked while they were checked.
    sound: BTreeMap<Identity, Vec<Asked>>,
}

/// The hash of a declaration and of all that it may mean.
type Identity = [u8; 32];

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
        let identities: BTreeMap<ItemId, Identity> =
            groups.iter().flat_map(|group| group.items.iter().map(|item| (*item, group.identity))).collect();
        let mut sound: BTreeMap<Identity, Vec<Asked>> = BTreeMap::new();
        let mut suspect = BTreeSet::new();
        for id in world.items_of(key) {
            let Some(identity) = identities.get(&id) else { continue };
            let asked = match self.sound.get(identity) {
                Some(asked) if asked.iter().all(|asked| asked.holds(files)) => asked.clone(),
                _ => {
                    let (said, questions) = (checker.diagnostics.borrow().len(), checker.asked.borrow().len());
                    checker.check_item(id);
                    if checker.diagnostics.borrow().len() > said {
                        suspect.insert(id);
                    }
                    checker.asked.borrow().iter().skip(questions).cloned().collect()
                }
            };
            // Declarations that may mean one another are one.
            sound.entry(*identity).or_default().extend(asked);
        }
        // What one declaration did wrong may have been told while another was checked, and is told once: with a mistake in
        // the file nothing more is known than before.
        if !checker.failed() {
            suspect.extend(blamed(&world, &checker.diagnostics.borrow()));
            let mut doubtful = BTreeSet::new();
            for group in &groups {
                if group.items.iter().any(|item| suspect.contains(item)) || group.uses.iter().any(|used| doubtful.contains(used)) {
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

/// Declarations that may mean one another, and what they may mean besides: mostly a single one.
struct Group {
    items: Vec<ItemId>,
    identity: Identity,
    uses: Vec<Identity>,
}

/// The declarations of all files, the used before the users.
fn groups(world: &World) -> Vec<Group> {
    let mut graph: DiGraph<(ItemId, Hasher), ()> = DiGraph::new();
    let mut nodes: BTreeMap<ItemId, NodeIndex> = BTreeMap::new();
    let own = || world.modules.iter().enumerate().filter(|(_, module)| !module.key.starts_with("std."));
    let ids = |number: usize, module: &Module| (0..module.ast.items.len()).map(move |item| ItemId { module: number, item });
    for (number, module) in own() {
        for id in ids(number, module) {
            nodes.insert(id, graph.add_node((id, Hasher::new())));
        }
    }
    for (number, module) in own() {
        let means = meanings(world, number, module);
        for (id, item) in ids(number, module).zip(&module.ast.items) {
            let Some(node) = nodes.get(&id).copied() else { continue };
            let text = world.sources.snippet(item.span);
            let mut hasher = Hasher::new();
            part(&mut hasher, &module.key);
            part(&mut hasher, text);
            let words: BTreeSet<&str> =
                lexemes(text, 0).filter(|lexeme| lexeme.kind == LexemeKind::Word).map(|lexeme| lexeme.text).collect();
            for word in words {
                let Some(meant) = means.get(word) else { continue };
                part(&mut hasher, word);
                for (name, other) in meant {
                    part(&mut hasher, name);
                    if let Some(other) = other.and_then(|other| nodes.get(&other)) {
                        graph.update_edge(node, *other, ());
                    }
                }
            }
            if let Some((_, weight)) = graph.node_weight_mut(node) {
                *weight = hasher;
            }
        }
    }
    let mut identities: BTreeMap<NodeIndex, Identity> = BTreeMap::new();
    let mut groups = Vec::new();
    for members in tarjan_scc(&graph) {
        let mut own: Vec<Identity> =
            members.iter().filter_map(|node| graph.node_weight(*node)).map(|(_, hasher)| *hasher.finalize().as_bytes()).collect();
        own.sort_unstable();
        let mut uses: Vec<Identity> =
            members.iter().flat_map(|node| graph.neighbors(*node)).filter_map(|node| identities.get(&node).copied()).collect();
        uses.sort_unstable();
        uses.dedup();
        let mut hasher = Hasher::new();
        hasher.update(own.concat().as_slice()).update(uses.concat().as_slice());
        let identity = *hasher.finalize().as_bytes();
        identities.extend(members.iter().map(|node| (*node, identity)));
        let items = members.iter().filter_map(|node| graph.node_weight(*node)).map(|(id, _)| *id).collect();
        groups.push(Group { items, identity, uses });
    }
    groups
}

/// What each name of a module may mean: where it is declared, and the declaration, where that may change.
fn meanings<'w>(world: &'w World, number: usize, module: &'w Module) -> BTreeMap<&'w str, Vec<(&'w str, Option<ItemId>)>> {
    let mut means: BTreeMap<&str, Vec<(&str, Option<ItemId>)>> = BTreeMap::new();
    for (item, declared) in module.ast.items.iter().enumerate() {
        means.entry(&declared.name.text).or_default().push((&declared.kind.text, Some(ItemId { module: number, item })));
    }
    for (local, target, there, _) in &module.imports {
        let Some(from) = world.modules.get(*target) else { continue };
        let entry = means.entry(local).or_default();
        entry.extend([(from.key.as_str(), None), (there.as_str(), None)]);
        for (item, declared) in from.ast.items.iter().enumerate().filter(|(_, declared)| declared.name.text == *there) {
            entry.push((&declared.kind.text, Some(ItemId { module: *target, item })));
        }
    }
    for name in &module.broken {
        means.entry(name).or_default().push(("broken", None));
    }
    means
}

fn part(hasher: &mut Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

/// The declarations that diagnostics point at.
fn blamed(world: &World, found: &[Diagnostic]) -> Vec<ItemId> {
    let spans: Vec<Span> =
        found.iter().filter(|one| one.severity != Severity::Error).flat_map(|one| &one.labels).map(|label| label.span).collect();
    let mut blamed = Vec::new();
    for (number, module) in world.modules.iter().enumerate() {
        for (item, declared) in module.ast.items.iter().enumerate() {
            let within =
                |span: &Span| span.file == declared.span.file && declared.span.start <= span.start && span.end <= declared.span.end;
            if spans.iter().any(within) {
                blamed.push(ItemId { module: number, item });
            }
        }
    }
    blamed
}
