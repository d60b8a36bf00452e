//! Which declaration it is: the hash of its text and of the texts of all declarations that a word in it may mean.
//!
//! Whether a word does mean a declaration does not matter: it is taken to, so that a doubt costs time and never a
//! diagnostic.

use crate::check::World;
use crate::check::modules::{ItemId, Module};
use crate::syntax::lexeme::{LexemeKind, lexemes};
use blake3::Hasher;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

/// The hash of a declaration and of all that it may mean.
pub(super) type Identity = [u8; 32];

/// Declarations that may mean one another, and what they may mean besides: mostly a single one.
pub(super) struct Group {
    pub items: Vec<ItemId>,
    pub identity: Identity,
    pub uses: Vec<Identity>,
}

/// The declarations of all files, the used before the users.
pub(super) fn groups(world: &World) -> Vec<Group> {
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
