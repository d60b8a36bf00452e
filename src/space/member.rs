//! Whether an architecture lies in a space, and what identifies it there.

use super::domain::{Architecture, DagDomain, Domain, Filling, Space};
use super::instantiate::instantiate;
use super::term::Term;
use crate::graph::{Hash, identity::Digest};

/// Whether an architecture is a member of a space.
///
/// # Errors
/// Which filling is not, and why, in the user's terms.
pub fn contains(space: &Space, architecture: &Architecture) -> Result<(), String> {
    if let Some(name) = architecture.fillings.keys().find(|name| !space.holes.iter().any(|hole| hole.name == **name)) {
        return Err(format!("`{}` has no hole `{name}`", space.name));
    }
    for hole in &space.holes {
        let fillings = architecture.fillings.get(&hole.name).map_or(&[][..], Vec::as_slice);
        if fillings.len() != hole.fillings() {
            return Err(format!("`{}` takes {} fillings, and {} are given", hole.name, hole.fillings(), fillings.len()));
        }
        for (number, filling) in fillings.iter().enumerate() {
            fits(&hole.domain, filling).map_err(|why| match hole.repetitions {
                Some(_) => format!("`{}`, number {}: {why}", hole.name, number + 1),
                None => format!("`{}`: {why}", hole.name),
            })?;
        }
    }
    Ok(())
}

/// Whether an architecture of one space is a member of another: its fillings are, and there they stand for the same graph.
///
/// # Errors
/// Why it is not, in the user's terms.
pub fn lies_in(space: &Space, own: &Space, architecture: &Architecture) -> Result<(), String> {
    contains(space, architecture)?;
    match same(space, architecture, own, architecture) {
        true => Ok(()),
        false => Err(format!("its fillings stand for another graph in `{}` than in `{}`", space.name, own.name)),
    }
}

/// Whether two architectures, each of a space of its own, are the same graph, up to names.
pub fn same(space: &Space, one: &Architecture, other_space: &Space, other: &Architecture) -> bool {
    let graph = |space: &Space, architecture: &Architecture| instantiate(space, architecture).map(|graph| crate::graph::hash(&graph)).ok();
    graph(space, one).is_some_and(|one| graph(other_space, other) == Some(one))
}

fn fits(domain: &Domain, filling: &Filling) -> Result<(), String> {
    match (domain, filling) {
        (Domain::Dag(dag), Filling::Dag(term)) => dag.contains(term),
        (Domain::Values(values), Filling::Value(value)) if values.contains(value) => Ok(()),
        (Domain::Values(values), Filling::Value(value)) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            Err(format!("{value} is not among {}", values.join(", ")))
        }
        (Domain::Choose(arms), Filling::Arm { label, holes }) => {
            let arm = arms.iter().find(|arm| arm.label == *label).ok_or_else(|| format!("`{label}` is not among its choices"))?;
            if !arm.holes.iter().map(|(name, _)| name).eq(holes.iter().map(|(name, _)| name)) {
                return Err(format!("the arguments of `{label}` are not those of the choice"));
            }
            let mut filled = arm.holes.iter().zip(holes);
            filled
                .try_for_each(|((name, domain), (_, filling))| fits(domain, filling).map_err(|why| format!("`{name}` of `{label}`: {why}")))
        }
        _ => Err("it is of another kind than the hole".to_owned()),
    }
}

/// The identity of an architecture in its space: equal exactly for equal canonical fillings.
pub fn hash(space: &Space, architecture: &Architecture) -> Hash {
    hash_by(space, architecture, &|_, term| term.hash())
}

/// An identity of an architecture by an identity of its expressions, which may take several for the same.
pub fn hash_by(space: &Space, architecture: &Architecture, of: &dyn Fn(&DagDomain, &Term) -> Hash) -> Hash {
    let mut digest = Digest::new();
    for hole in &space.holes {
        let fillings = architecture.fillings.get(&hole.name).map_or(&[][..], Vec::as_slice);
        digest = digest.text(&hole.name).numbers(fillings.iter().map(|filling| identity(&hole.domain, filling, of).0));
    }
    digest.finish()
}

fn identity(domain: &Domain, filling: &Filling, of: &dyn Fn(&DagDomain, &Term) -> Hash) -> Hash {
    match (domain, filling) {
        (Domain::Dag(dag), Filling::Dag(term)) => of(dag, term),
        (_, Filling::Dag(term)) => term.hash(),
        (_, Filling::Value(value)) => Digest::new().text("value").text(&value.to_string()).finish(),
        (domain, Filling::Arm { label, holes }) => {
            let arm = if let Domain::Choose(arms) = domain { arms.iter().find(|arm| arm.label == *label) } else { None };
            let domains = arm.into_iter().flat_map(|arm| &arm.holes).map(|(_, domain)| domain);
            let filled = holes.iter().zip(domains);
            let digest = Digest::new().text("arm").text(label);
            filled.fold(digest, |digest, ((name, own), domain)| digest.text(name).number(identity(domain, own, of).0)).finish()
        }
    }
}
