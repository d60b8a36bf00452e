//! The supernet's weights: for each layer every branch of its mixer at its largest.

use super::Models;
use crate::diagnostic::Result;
use crate::exec::parameters::initial;
use crate::exec::{ParameterSpec, Parameters};
use crate::space::{Architecture, DagDomain, Domain, Filling, Space};
use crate::stream::{Stream, stream};
use std::collections::BTreeMap;

/// Terms drawn at most to find one for every input of a `dag`.
const TRIES: usize = 256;

/// Architectures that together use every parameter of the space at its largest: every arm of every choice, every input of every
/// `dag`, the largest of every choice of sizes.
pub fn covering(space: &Space, seed: u64) -> Vec<Architecture> {
    let mut draws = stream(seed, "supernet/covering", 0);
    let holes: Vec<(&str, usize, Vec<Filling>)> =
        space.holes.iter().map(|hole| (hole.name.as_str(), hole.fillings(), cover(&hole.domain, &mut draws))).collect();
    let count = holes.iter().map(|(.., fillings)| fillings.len()).max().unwrap_or(1);
    let architecture = |number: usize| {
        let fillings = holes.iter().filter_map(|(name, count, fillings)| {
            let filling = fillings.get(number % fillings.len().max(1))?;
            Some(((*name).to_owned(), vec![filling.clone(); *count]))
        });
        Architecture { fillings: fillings.collect() }
    };
    (0..count).map(architecture).collect()
}

/// Fillings that together use everything a domain offers.
fn cover(domain: &Domain, draws: &mut Stream) -> Vec<Filling> {
    match domain {
        Domain::Values(values) => values.iter().max().map(|value| Filling::Value(*value)).into_iter().collect(),
        Domain::Dag(dag) => cover_dag(dag, draws),
        Domain::Choose(arms) => {
            let mut all = Vec::new();
            for arm in arms {
                let own: Vec<Vec<Filling>> = arm.holes.iter().map(|(_, domain)| cover(domain, draws)).collect();
                let count = own.iter().map(Vec::len).max().unwrap_or(1);
                for number in 0..count {
                    let holes = arm.holes.iter().zip(&own);
                    let holes = holes
                        .filter_map(|((name, _), fillings)| Some((name.clone(), fillings.get(number % fillings.len().max(1))?.clone())));
                    all.push(Filling::Arm { label: arm.label.clone(), holes: holes.collect() });
                }
            }
            all
        }
    }
}

/// Terms that together use every input.
fn cover_dag(dag: &DagDomain, draws: &mut Stream) -> Vec<Filling> {
    let all = (1u32 << dag.inputs.len().min(31)) - 1;
    let mut used = 0;
    let mut terms = Vec::new();
    for _ in 0..TRIES {
        let Some(term) = dag.sample_by_size(draws) else { break };
        if term.used() & !used != 0 {
            used |= term.used();
            terms.push(Filling::Dag(term));
        }
        if used == all {
            break;
        }
    }
    terms
}

/// A supernet's first weights, each from the stream of its own name, and the specifications they were made from.
///
/// # Errors
/// Where a covering architecture cannot be lowered, which would be a defect of the space.
pub fn fresh(models: &Models, space: &Space, seed: u64) -> Result<(Parameters, Vec<ParameterSpec>)> {
    let specs = specifications(models, space, seed)?;
    let parameters = specs.iter().map(|spec| (spec.name.clone(), initial(spec, seed))).collect();
    Ok((Parameters(parameters), specs))
}

/// The specifications of a supernet's weights; `seed` is the one it began with.
///
/// # Errors
/// Where a covering architecture cannot be lowered, which would be a defect of the space.
pub fn specifications(models: &Models, space: &Space, seed: u64) -> Result<Vec<ParameterSpec>> {
    let mut specs: BTreeMap<String, ParameterSpec> = BTreeMap::new();
    for architecture in covering(space, seed) {
        for spec in models.masked_lm(space, &architecture)?.parameters() {
            let larger = specs.get(&spec.name).is_none_or(|known| size(known) < size(spec));
            if larger {
                specs.insert(spec.name.clone(), spec.clone());
            }
        }
    }
    Ok(specs.into_values().collect())
}

fn size(spec: &ParameterSpec) -> usize {
    spec.shape.iter().product()
}
