//! An architecture written back as Phyla source.

use super::domain::{Architecture, Domain, Filling, Space};
use super::text;

/// The declaration of an architecture, as a user would write it.
pub fn to_source(space: &Space, architecture: &Architecture, name: &str) -> String {
    let mut lines = vec![format!("architecture {name} = {} {{", space.name)];
    let layers = space.declared.map(|layers| ("layers", layers));
    let longest = space.holes.iter().map(|hole| hole.name.len()).chain(layers.map(|(name, _)| name.len())).max().unwrap_or(0);
    lines.extend(layers.map(|(name, layers)| format!("    {name:longest$} = {layers}")));
    for hole in &space.holes {
        let written: Vec<String> =
            architecture.fillings.get(&hole.name).into_iter().flatten().map(|one| filling(&hole.domain, one)).collect();
        match hole.repetitions {
            None => lines.push(format!("    {:longest$} = {}", hole.name, written.concat())),
            Some(_) => {
                lines.push(format!("    {:longest$} = [", hole.name));
                lines.extend(written.iter().map(|one| format!("        {one}")));
                lines.push("    ]".to_owned());
            }
        }
    }
    lines.push("}\n".to_owned());
    lines.join("\n")
}

/// The fillings of an architecture as a user would write them, hole after hole, layer after layer.
pub fn fillings(space: &Space, architecture: &Architecture) -> Vec<String> {
    let of = |hole: &super::domain::Hole| {
        let own = architecture.fillings.get(&hole.name).into_iter().flatten();
        own.map(|one| filling(&hole.domain, one)).collect::<Vec<_>>()
    };
    space.holes.iter().flat_map(of).collect()
}

/// A filling as it stands in a field: a number, a graph literal, or an arm with its arguments.
pub(super) fn filling(domain: &Domain, one: &Filling) -> String {
    match (domain, one) {
        (Domain::Dag(dag), Filling::Dag(term)) => {
            let names = dag.names();
            let used: Vec<&str> =
                names.iter().enumerate().filter(|(input, _)| term.used() >> input & 1 == 1).map(|(_, name)| name.as_str()).collect();
            format!("graph({}) {{ {} }}", used.join(", "), text::to_source(term, &names))
        }
        (Domain::Choose(arms), Filling::Arm { label, holes }) => {
            let own = arms.iter().find(|arm| arm.label == *label).map_or(&[][..], |arm| arm.holes.as_slice());
            let arguments: Vec<String> = own
                .iter()
                .zip(holes)
                .enumerate()
                .map(|(position, ((name, domain), (_, one)))| match domain {
                    Domain::Dag(_) if position == 0 => filling(domain, one),
                    _ => format!("{name} = {}", filling(domain, one)),
                })
                .collect();
            if arguments.is_empty() { label.clone() } else { format!("{label}({})", arguments.join(", ")) }
        }
        (_, Filling::Value(value)) => value.to_string(),
        _ => String::new(),
    }
}
