//! Several objectives: candidates by the front they lie on, and on a front by how alone they stand.
//!
//! Non-dominated sorting and crowding distance as in NSGA-II (Deb et al. 2002). The fitness made of them is all that an algorithm sees, so each
//! algorithm works with any number of objectives.

use super::history::History;

/// The history with a fitness for several objectives in one: 0 for the first front, −1 for the next, and on a front a share below 1 that grows with the
/// distance to the neighbours. With a single objective the history is what it was.
#[must_use]
pub fn ranked(history: &History) -> History {
    let mut ranked = history.clone();
    let finished: Vec<(usize, Vec<f64>)> = history
        .candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.finite().is_some())
        .map(|(place, candidate)| (place, candidate.values.clone()))
        .collect();
    if finished.iter().all(|(_, values)| values.len() < 2) {
        return ranked;
    }
    let values: Vec<&[f64]> = finished.iter().map(|(_, values)| values.as_slice()).collect();
    for (number, front) in fronts(&values).into_iter().enumerate() {
        for (member, share) in front.iter().zip(crowding(&values, &front)) {
            let Some((place, _)) = finished.get(*member) else { continue };
            if let Some(candidate) = ranked.candidates.get_mut(*place) {
                candidate.fitness = Some(share - number as f64);
            }
        }
    }
    ranked
}

/// Whether one is at least as good in everything and better in something; larger is better.
pub fn dominates(one: &[f64], other: &[f64]) -> bool {
    let mut pairs = one.iter().zip(other);
    pairs.clone().all(|(one, other)| one >= other) && pairs.any(|(one, other)| one > other)
}

/// The members of each front, the first being dominated by nobody; in the order in which they came.
pub fn fronts(values: &[&[f64]]) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..values.len()).collect();
    let mut fronts = Vec::new();
    while !left.is_empty() {
        let of = |member: usize| values.get(member).copied().unwrap_or_default();
        let beaten = |member: usize| left.iter().any(|other| dominates(of(*other), of(member)));
        let (front, behind): (Vec<usize>, Vec<usize>) = left.iter().partition(|member| !beaten(**member));
        if front.is_empty() {
            // Only values that are no numbers could do this.
            break;
        }
        fronts.push(front);
        left = behind;
    }
    fronts
}

/// For each member of a front a share from 0 to just below 1: larger where its neighbours are farther away, largest at the ends.
fn crowding(values: &[&[f64]], front: &[usize]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    let objectives = front.first().and_then(|member| values.get(*member)).map_or(0, |values| values.len());
    for objective in 0..objectives {
        let value = |place: usize| front.get(place).and_then(|member| values.get(*member)?.get(objective)).copied().unwrap_or(0.0);
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|one, other| value(*one).total_cmp(&value(*other)));
        let ends = order.first().zip(order.last());
        let width = ends.map_or(0.0, |(low, high)| value(*high) - value(*low));
        for (place, member) in order.iter().enumerate() {
            let around = place.checked_sub(1).and_then(|below| order.get(below)).zip(order.get(place + 1));
            let added = match around {
                Some((below, above)) if width > 0.0 => (value(*above) - value(*below)) / width,
                Some(_) => 0.0,
                None => f64::INFINITY,
            };
            if let Some(distance) = distances.get_mut(*member) {
                *distance += added;
            }
        }
    }
    distances.into_iter().map(|distance: f64| if distance.is_finite() { 0.999 * distance / (1.0 + distance) } else { 0.999 }).collect()
}

#[cfg(test)]
mod tests {
    use super::{crowding, dominates, fronts};
    use proptest::prelude::*;

    #[test]
    fn fronts_and_distances_are_as_defined() {
        let values: Vec<&[f64]> = vec![&[0.0, 4.0], &[1.0, 3.0], &[3.0, 1.0], &[4.0, 0.0], &[1.0, 1.0], &[0.0, 0.0], &[1.0, 3.0]];
        let sorted = fronts(&values);
        assert_eq!(sorted, [vec![0, 1, 2, 3, 6], vec![4], vec![5]]);
        let shares = crowding(&values, &[0, 1, 2, 3]);
        // (3 − 0)/4 + (4 − 1)/4 = 1.5 for both in the middle.
        assert_eq!(shares, [0.999, 0.999 * 1.5 / 2.5, 0.999 * 1.5 / 2.5, 0.999]);
    }

    proptest! {
        #[test]
        fn no_member_of_a_front_dominates_another_and_each_behind_is_dominated(
            points in prop::collection::vec(prop::collection::vec(-3i8..3, 3), 1..40),
        ) {
            let points: Vec<Vec<f64>> = points.into_iter().map(|point| point.into_iter().map(f64::from).collect()).collect();
            let values: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
            let sorted = fronts(&values);
            prop_assert_eq!(sorted.iter().map(Vec::len).sum::<usize>(), points.len());
            for (number, front) in sorted.iter().enumerate() {
                for member in front {
                    prop_assert!(!front.iter().any(|other| dominates(values[*other], values[*member])));
                    let before = number.checked_sub(1).map(|before| &sorted[before]);
                    prop_assert!(before.is_none_or(|before| before.iter().any(|other| dominates(values[*other], values[*member]))));
                }
            }
        }
    }
}
