use super::*;
use crate::graph::Hash;
use crate::stream::stream;
use num_bigint::BigUint;
use std::collections::BTreeMap;

/// Every member, found without the counts: all terms by size, then those that are members.
fn brute_force(domain: &DagDomain) -> BTreeMap<Hash, Arc<Term>> {
    let mut known: Vec<Arc<Term>> = (0u8..).zip(&domain.inputs).map(|(at, (_, shape))| Term::input(at, shape.clone())).collect();
    for size in 1..=*domain.size.end() {
        let mut fresh: BTreeMap<Hash, Arc<Term>> = BTreeMap::new();
        for op in &domain.ops {
            for left in &known {
                let rights: Vec<Vec<Arc<Term>>> = match op.inputs.len() {
                    1 => vec![vec![left.clone()]],
                    _ => known
                        .iter()
                        .filter(|right| right.size() + left.size() + 1 == size)
                        .map(|right| vec![left.clone(), right.clone()])
                        .collect(),
                };
                for arguments in rights {
                    if let Ok(term) = Term::apply(op, arguments)
                        && term.size() == size
                    {
                        fresh.insert(term.hash(), term);
                    }
                }
            }
        }
        known.extend(fresh.into_values());
    }
    known.into_iter().filter(|term| domain.contains(term).is_ok()).map(|term| (term.hash(), term)).collect()
}

fn small() -> Vec<Arc<DagDomain>> {
    let bounds = [[0, 4, 0, 4, 1, 2], [2, 3, 2, 4, 2, 2], [0, 2, 0, 3, 1, 1], [3, 3, 3, 4, 1, 2], [1, 4, 4, 4, 2, 2]];
    let sets = [
        "neg add",
        "relu mul sub",
        "transpose matmul scale",
        "neg transpose cosine add",
        "transpose matmul abs max softmax",
        "neg relu scale",
    ];
    let mut domains: Vec<_> = sets.iter().flat_map(|set| bounds.iter().map(|bounds| dag(2, set, *bounds))).collect();
    domains.push(dag(3, "neg add", [0, 5, 0, 5, 1, 3]));
    domains.push(dag(3, "relu sub", [3, 4, 0, 4, 2, 3]));
    domains.push(dag(2, PAPER, [0, 4, 0, 3, 0, 2]));
    let mut mixed = inputs(2);
    mixed.push(("w".to_owned(), vec![Symbol::HeadWidth.into(), Symbol::HeadWidth.into()]));
    domains.push(DagDomain::new(mixed, ops("matmul transpose add neg"), 0..=4, 0..=3, 1..=3, narrow()).unwrap());
    domains
}

#[test]
fn counts_are_what_is_there() {
    for domain in small() {
        let members = brute_force(&domain);
        assert_eq!(domain.count(), BigUint::from(members.len()), "{domain:?}");
        let listed: Vec<Hash> = domain.enumerate().iter().map(|term| term.hash()).collect();
        let distinct: BTreeMap<Hash, ()> = listed.iter().map(|hash| (*hash, ())).collect();
        assert_eq!(distinct.len(), listed.len());
        assert!(distinct.keys().eq(members.keys()));
    }
}

#[test]
fn draws_are_members() {
    let mut domains = small();
    domains.push(dag(3, PAPER, [4, 10, 4, 16, 2, 3]));
    for domain in domains {
        let mut draws = stream(7, "draws", 0);
        for _ in 0..20 {
            for term in [domain.sample_uniform(&mut draws), domain.sample_by_size(&mut draws)] {
                assert_eq!(term.is_some(), !domain.sizes().is_empty());
                if let Some(term) = term {
                    assert_eq!(domain.contains(&term), Ok(()));
                }
            }
        }
    }
}

/// How far draws lie from even, in standard deviations of the chi-square statistic.
fn unevenness(domain: &DagDomain, draws: usize, draw: impl Fn(&DagDomain, u64) -> Arc<Term>) -> f64 {
    let members = brute_force(domain);
    let mut found: BTreeMap<Hash, f64> = members.keys().map(|hash| (*hash, 0.0)).collect();
    for step in 0..draws as u64 {
        *found.get_mut(&draw(domain, step).hash()).unwrap() += 1.0;
    }
    let expected = draws as f64 / members.len() as f64;
    let square: f64 = found.values().map(|count| (count - expected).powi(2) / expected).sum();
    let freedom = members.len() as f64 - 1.0;
    (square - freedom) / (2.0 * freedom).sqrt()
}

#[test]
fn uniform_draws_are_even() {
    let even = |domain: &DagDomain, step: u64| domain.sample_uniform(&mut stream(1, "even", step)).unwrap();
    for domain in [dag(2, "neg add", [0, 4, 0, 4, 1, 2]), dag(2, "relu mul sub", [2, 3, 3, 3, 2, 2]), dag(3, "add", [2, 3, 3, 3, 1, 3])] {
        let members = brute_force(&domain).len();
        assert!((20..2000).contains(&members), "{members}");
        let off = unevenness(&domain, members * 40, even);
        assert!(off.abs() < 4.0, "{off}");
    }
}

#[test]
fn the_paper_s_domain_is_large_and_its_count_exact() {
    let domain = dag(3, PAPER, [4, 10, 4, 16, 2, 3]);
    let parts: BigUint = domain.sizes().into_iter().map(|size| domain.count_of(size)).sum();
    assert_eq!(domain.count(), parts);
    assert!(domain.count() > BigUint::from(10u8).pow(15));
    let space = backbone(4, 1, domain.clone());
    assert_eq!(space.count(), (domain.count() + 3u8).pow(4));
    assert_eq!(backbone(4, 2, domain.clone()).count(), (domain.count() + 3u8).pow(2));
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let sized = |size| DagDomain::new(inputs(2), ops("neg"), 0..=size, 0..=size, 1..=2, narrow());
    assert!(sized(64).is_ok());
    assert!(sized(65).unwrap_err().contains("at most 64"));
    assert!(DagDomain::new(inputs(2), ops("linear"), 0..=3, 0..=3, 1..=2, narrow()).is_err());
    assert!(DagDomain::new(inputs(2), ops("neg neg"), 0..=3, 0..=3, 1..=2, narrow()).is_err());
}

#[test]
fn the_largest_table_allowed_is_made() {
    let all = "neg transpose scale softmax logsigmoid softsign add mul sub matmul cosine euclidean";
    let largest = (20..=64).rev().find_map(|size| DagDomain::new(inputs(4), ops(all), 0..=size, 0..=size, 1..=4, narrow()).ok()).unwrap();
    assert!(largest.sample_by_size(&mut stream(1, "largest", 0)).is_some());
}

/// Counts that fit 128 bits are drawn by as such, and nothing comes out differently.
#[test]
fn small_and_large_counts_draw_the_same() {
    use crate::stream::RngExt;
    for (place, domain) in [
        dag(3, PAPER, [4, 10, 4, 16, 2, 3]),
        dag(2, "neg relu add sub", [1, 5, 1, 7, 1, 2]),
        dag(3, "transpose matmul abs mul cosine", [2, 6, 3, 9, 1, 3]),
        dag(1, "add", [1, 3, 1, 5, 1, 1]),
    ]
    .into_iter()
    .enumerate()
    {
        let counts = domain.table().small().unwrap();
        let goals: Vec<_> = domain.sizes().into_iter().flat_map(|size| domain.goals(size)).map(|(_, goal)| goal).collect();
        let (mut one, mut other) = (stream(7, "small", place as u64), stream(7, "small", place as u64));
        for goal in goals.iter().cycle().take(400) {
            assert_eq!(domain.sample_small(&counts, *goal, None, &mut one), domain.sample_large(*goal, None, &mut other));
        }
        assert_eq!(one.random::<u64>(), other.random::<u64>(), "as many words were drawn");
    }
    // Beyond 128 bits the counts are kept as they are.
    assert!(dag(3, PAPER, [1, 30, 1, 40, 1, 3]).table().small().is_none());
}
