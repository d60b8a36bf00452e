//! The cheapest and the dearest architecture, for the plan of a run.

use super::domain::{Architecture, Domain, Filling, Space};
use super::sample::{Draw, product};
use crate::stream::{Stream, stream};

/// Terms tried of each extreme size of a `dag`.
const TRIES: usize = 8;
/// Combinations of an arm's own holes tried at most.
const COMBINATIONS: usize = 256;

/// The cheapest and the dearest architecture under a cost, with their costs; `None` where the space is empty or a cost cannot be told.
///
/// Holes are taken one after the other, all repetitions filled alike; of a `dag` only some members of its smallest and its largest
/// size are tried. So this is exact where costs add up and a `dag`'s cost does not depend on its filling, and an estimate elsewhere.
pub fn extremes<C: PartialOrd + Clone>(
    space: &Space,
    seed: u64,
    cost: &dyn Fn(&Architecture) -> Option<C>,
) -> Option<[(Architecture, C); 2]> {
    let mut draws = stream(seed, "extremes", 0);
    let start = space.sample(Draw::BySize, &mut draws)?;
    let first = cost(&start)?;
    let mut found = [(start.clone(), first.clone()), (start, first)];
    for hole in &space.holes {
        for filling in variants(&hole.domain, &mut draws) {
            for (extreme, wanted) in found.iter_mut().zip([std::cmp::Ordering::Less, std::cmp::Ordering::Greater]) {
                let mut candidate = extreme.0.clone();
                candidate.fillings.insert(hole.name.clone(), vec![filling.clone(); hole.fillings()]);
                let candidate_cost = cost(&candidate)?;
                if candidate_cost.partial_cmp(&extreme.1) == Some(wanted) {
                    *extreme = (candidate, candidate_cost);
                }
            }
        }
    }
    Some(found)
}

fn variants(domain: &Domain, draws: &mut Stream) -> Vec<Filling> {
    match domain {
        Domain::Values(values) => values.iter().map(|value| Filling::Value(*value)).collect(),
        Domain::Dag(dag) => {
            let sizes = dag.sizes();
            let extremes = [sizes.first().copied(), sizes.last().copied()];
            let tried = extremes.into_iter().flatten().flat_map(|size| std::iter::repeat_n(size, TRIES));
            tried.filter_map(|size| dag.sample_of(size, draws).map(Filling::Dag)).collect()
        }
        Domain::Choose(arms) => {
            let mut all = Vec::new();
            for arm in arms {
                let mut own: Vec<Vec<Filling>> = arm.holes.iter().map(|(_, domain)| variants(domain, draws)).collect();
                while own.iter().map(Vec::len).product::<usize>() > COMBINATIONS {
                    // The widest hole keeps its first and last, which for sizes and terms are its extremes.
                    let Some(widest) = own.iter_mut().max_by_key(|variants| variants.len()).filter(|widest| widest.len() > 2) else {
                        break;
                    };
                    *widest = widest.first().into_iter().chain(widest.last()).cloned().collect();
                }
                all.extend(product(&own).into_iter().take(COMBINATIONS).map(|fillings| arm.filling(fillings)));
            }
            all
        }
    }
}
