use super::*;
use crate::settings::{Credit, Initial, Inter, Intra, Mutation, Pick, Stop};
use crate::space::testing::{PAPER, backbone, dag};
use crate::space::{Architecture, Filling, Mutated, MutationKind, contains, text};
use std::collections::BTreeSet;

fn settings(algorithm: Algorithm) -> Search {
    Search {
        algorithm,
        initial: Initial::BySize,
        population: 12,
        parents: 3,
        children: 4,
        mutation: Mutation {
            inter: Inter { swap_mixer: 1.0, change_kernel: 1.0 },
            intra: Intra { replace_op: 4.0, insert_op: 1.0, delete_op: 1.0, rewire: 1.0 },
            pick: Pick::Ucb { alpha: 1.0, temperature: 1.0, credit: Credit::Occurrences },
        },
        halving: None,
        screen: None,
        dedupe: crate::settings::Dedupe::Canonical,
        evaluations: 100,
        stop: None,
    }
}

fn finish(proposals: Vec<Proposal>, history: &mut History, fitness: &dyn Fn(&Architecture) -> Option<f64>) {
    let generation = history.next_generation();
    let finished = proposals.into_iter().map(|proposal| {
        let fitness = fitness(&proposal.architecture);
        proposal.finished(generation, fitness.into_iter().collect())
    });
    history.candidates.extend(finished);
}

fn search(space: &Space, settings: &Search, seed: u64, fitness: &dyn Fn(&Architecture) -> Option<f64>) -> History {
    let mut history = History::default();
    loop {
        let proposals = propose(space, settings, seed, &history, &Screening::NONE);
        if proposals.is_empty() {
            return history;
        }
        finish(proposals, &mut history, fitness);
    }
}

fn small() -> Space {
    backbone(3, 1, dag(3, PAPER, [1, 8, 1, 12, 1, 3]))
}

/// Attention everywhere, with `softmax` and `softsign` in it, and little of all else.
fn toy(architecture: &Architecture) -> Option<f64> {
    let mut found = std::collections::BTreeMap::new();
    let mut size = 0.0;
    for filling in architecture.fillings.values().flatten() {
        let Filling::Arm { holes, .. } = filling else { return None };
        if let [(_, Filling::Dag(term))] = holes.as_slice() {
            term.occurrences(&mut found);
            size += f64::from(term.size());
        }
    }
    let wanted: u64 = ["softmax", "softsign"].iter().filter_map(|op| found.get(*op)).sum();
    Some(wanted as f64 - 0.1 * size)
}

fn best(history: &History) -> f64 {
    history.best(1)[0].fitness.unwrap()
}

#[test]
fn evolution_does_better_than_chance() {
    let space = small();
    let gain: f64 = (0..4)
        .map(|seed| {
            let evolved = search(&space, &settings(Algorithm::Evolution), seed, &toy);
            let random = search(&space, &settings(Algorithm::Random), seed, &toy);
            assert_eq!((evolved.candidates.len(), random.candidates.len()), (100, 100));
            let initial = History { candidates: evolved.candidates[..12].to_vec() };
            assert!(best(&evolved) > best(&initial));
            best(&evolved) - best(&random)
        })
        .sum();
    assert!(gain > 2.0, "{gain}");
}

#[test]
fn a_search_is_its_history() {
    let space = small();
    for algorithm in [Algorithm::Evolution, Algorithm::Random] {
        let whole = search(&space, &settings(algorithm.clone()), 3, &toy);
        assert_eq!(whole, search(&space, &settings(algorithm.clone()), 3, &toy));
        let until = |generation: usize| whole.candidates.iter().filter(|one| one.generation < generation).cloned().collect();
        let next = propose(&space, &settings(algorithm), 3, &History { candidates: until(3) }, &Screening::NONE);
        let there: Vec<_> = whole.candidates.iter().filter(|one| one.generation == 3).map(|one| (one.id, one.hash)).collect();
        assert_eq!(next.iter().map(|one| (one.id, one.hash)).collect::<Vec<_>>(), there);
    }
}

#[test]
fn candidates_are_members_and_never_come_twice() {
    let space = backbone(2, 1, dag(2, "neg add", [1, 2, 1, 2, 1, 2]));
    let history = search(&space, &Search { evaluations: 10_000, ..settings(Algorithm::Evolution) }, 5, &toy);
    let distinct: BTreeSet<_> = history.candidates.iter().map(|one| one.hash).collect();
    assert_eq!(distinct.len(), history.candidates.len());
    let all = space.count();
    assert!(
        all < 10_000u32.into() && history.candidates.len() * 10 > usize::try_from(all.clone()).unwrap() * 9,
        "{} of {all}",
        history.candidates.len()
    );
    for (id, candidate) in history.candidates.iter().enumerate() {
        assert_eq!((id, contains(&space, &candidate.architecture)), (candidate.id, Ok(())));
    }
}

#[test]
fn budgets_and_plateaus_end_a_search() {
    let space = small();
    let run = |change: &dyn Fn(&mut Search), fitness: &dyn Fn(&Architecture) -> Option<f64>| {
        let mut settings = settings(Algorithm::Evolution);
        change(&mut settings);
        search(&space, &settings, 1, fitness).candidates.iter().map(|one| one.generation).collect::<Vec<_>>()
    };
    assert_eq!(run(&|settings| settings.evaluations = 5, &toy), [0; 5]);
    let cut = run(&|settings| settings.evaluations = 29, &toy);
    assert_eq!([0, 1, 2].map(|generation| cut.iter().filter(|one| **one == generation).count()), [12, 12, 5]);
    let plateau = run(&|settings| settings.stop = Some(Stop::Any { plateau: 2, wall: 0.0 }), &|_| Some(1.0));
    assert_eq!(plateau.last(), Some(&2));
    let failed = run(&|settings| settings.evaluations = 30, &|_| None);
    assert_eq!(failed.len(), 30);
}

fn filled(term: &str) -> Architecture {
    let domain = dag(2, "neg relu add", [0, 8, 0, 12, 1, 2]);
    let term = text::parse(term, &domain.inputs, &domain.ops).unwrap();
    let arm = Filling::Arm { label: "attention".to_owned(), holes: vec![("mix".to_owned(), Filling::Dag(term))] };
    Architecture { fillings: [("mixer".to_owned(), vec![arm])].into() }
}

fn candidate(id: usize, term: &str, fitness: Option<f64>, parent: Option<usize>, op: Option<&str>) -> Candidate {
    let mutated = |op: &str| Mutated { kind: MutationKind::ReplaceOp, hole: "mixer".to_owned(), layer: 0, op: Some(op.to_owned()) };
    let mutation = op.into_iter().map(mutated).collect();
    Candidate {
        id,
        generation: id,
        architecture: filled(term),
        hash: crate::graph::Hash(id as u128),
        parent,
        mutation,
        fitness,
        values: fitness.into_iter().collect(),
    }
}

/// Fitness 1, 3 and a failure: mean 2, deviation 1, z = −1, 1, −1.
fn three() -> (Space, History) {
    let candidates = vec![
        candidate(0, "(neg (relu q))", Some(1.0), None, None),
        candidate(1, "(add (neg q) (neg k))", Some(3.0), Some(0), Some("add")),
        candidate(2, "(add q (relu k))", None, Some(1), Some("relu")),
    ];
    (backbone(1, 1, dag(2, "neg relu add", [0, 8, 0, 12, 1, 2])), History { candidates })
}

#[test]
fn priority_is_as_defined() {
    let (space, history) = three();
    assert_eq!(history.standardised(), [-1.0, 1.0, -1.0]);
    let priorities = Priorities::new(&space, &history, 1.0, 2.0, &Credit::Occurrences);
    // neg: once at −1, twice at 1; relu: twice at −1; add: once at 1, once at −1. N = 7.
    let bonus = |seen: f64| (2.0 * 7f64.ln() / seen).sqrt();
    let expected = [("add", 2, 0.0, bonus(2.0)), ("neg", 3, 1.0 / 3.0, 1.0 / 3.0 + bonus(3.0)), ("relu", 2, -1.0, bonus(2.0) - 1.0)];
    let total: f64 = expected.iter().map(|(.., priority)| (priority / 2.0).exp()).sum();
    for (standing, (op, seen, mean, priority)) in priorities.standing().iter().zip(expected) {
        assert_eq!((standing.op.as_str(), standing.seen), (op, seen));
        assert!((standing.mean - mean).abs() < 1e-12);
        assert!((standing.priority.unwrap() - priority).abs() < 1e-12);
        assert!((standing.probability - (priority / 2.0).exp() / total).abs() < 1e-12);
    }
    let fitting = priorities.probabilities(&["neg", "relu"]);
    assert!((fitting.iter().sum::<f64>() - 1.0).abs() < 1e-12 && fitting[0] > fitting[1]);
    assert!(!priorities.says_nothing());
    assert!(Priorities::new(&space, &history, 1.0, 100.0, &Credit::Occurrences).says_nothing());
}

#[test]
fn drawn_operations_are_credited_with_the_gain() {
    let (space, history) = three();
    let priorities = Priorities::new(&space, &history, 0.5, 1.0, &Credit::Drawn);
    let standing = priorities.standing();
    let of = |at: usize| (standing[at].op.as_str(), standing[at].seen, standing[at].mean);
    assert_eq!([of(0), of(1), of(2)], [("add", 1, 2.0), ("neg", 0, 0.0), ("relu", 1, -2.0)]);
    assert!((standing[0].priority.unwrap() - (2.0 + 0.5 * (2.0 * 2f64.ln()).sqrt())).abs() < 1e-12);
    assert_eq!(priorities.probabilities(&["add", "neg", "relu"]), [0.0, 1.0, 0.0]);
    assert_eq!(priorities.probabilities(&["neg"]), [1.0]);
    assert!(!priorities.says_nothing());
}

#[test]
fn equal_fitness_says_nothing() {
    let (_, mut history) = three();
    history.candidates.iter_mut().for_each(|candidate| candidate.fitness = candidate.fitness.map(|_| 4.0));
    assert_eq!(history.standardised(), [0.0; 3]);
    history.candidates.iter_mut().for_each(|candidate| candidate.fitness = None);
    assert_eq!(history.standardised(), [0.0; 3]);
    assert!(history.best(3).is_empty());
}

#[test]
fn every_algorithm_keeps_to_its_budget_and_repeats_nothing() {
    let space = small();
    for algorithm in [Algorithm::Evolution, Algorithm::Random, Algorithm::Aging { tournament: 4 }, Algorithm::Climb { patience: 2 }] {
        let history = search(&space, &settings(algorithm.clone()), 5, &toy);
        assert_eq!(history.candidates.len(), 100, "{algorithm:?}");
        assert_eq!(history.hashes().len(), 100, "{algorithm:?}");
        assert!(history.candidates.iter().all(|candidate| contains(&space, &candidate.architecture) == Ok(())));
        // Failures end no search.
        let history = search(&space, &settings(algorithm.clone()), 5, &|_| None);
        assert_eq!(history.candidates.len(), 100, "{algorithm:?}");
        // A small space is exhausted, and the search over.
        let few = backbone(1, 1, dag(2, "add", [1, 2, 2, 2, 1, 2]));
        let history = search(&few, &settings(algorithm.clone()), 5, &toy);
        assert_eq!((history.candidates.len().into(), history.hashes().len()), (few.count(), history.candidates.len()), "{algorithm:?}");
    }
}

#[test]
fn parents_of_regularized_evolution_are_young() {
    let settings = settings(Algorithm::Aging { tournament: 4 });
    let history = search(&small(), &settings, 5, &toy);
    for candidate in &history.candidates {
        let Some(parent) = candidate.parent else { continue };
        let before = history.candidates.iter().filter(|other| other.generation < candidate.generation).count();
        assert!((before - settings.population..before).contains(&parent), "{} of {parent}", candidate.id);
        assert_eq!(candidate.mutation.len(), 1);
    }
    // A tournament of the whole population, many times over, is won by its best.
    let all = Algorithm::Aging { tournament: 1_000 };
    let history = search(&small(), &Search { algorithm: all, evaluations: 24, ..settings }, 5, &toy);
    let best = history.candidates[..12].iter().max_by(|a, b| a.fitness.unwrap().total_cmp(&b.fitness.unwrap())).unwrap().fitness;
    assert!(history.candidates[12..].iter().all(|child| history.candidates[child.parent.unwrap()].fitness == best));
}

#[test]
fn a_climb_goes_up_and_begins_anew() {
    let settings = Search { parents: 1, evaluations: 200, ..settings(Algorithm::Climb { patience: 2 }) };
    let history = search(&small(), &settings, 5, &toy);
    let mut climbs = 1;
    let mut top: Option<&Candidate> = None;
    for candidate in &history.candidates {
        match candidate.parent {
            None if candidate.generation > 0 => {
                climbs += 1;
                assert!(candidate.generation - top.unwrap().generation > 2, "given up too early");
                top = Some(candidate);
            }
            None => {}
            Some(parent) => {
                let parent = &history.candidates[parent];
                assert!(top.is_none_or(|top| parent.id == top.id || parent.finite() > top.finite()), "it moves up");
                top = Some(parent);
            }
        }
    }
    assert!(climbs > 1, "{climbs}");
}

#[test]
fn every_algorithm_that_mutates_draws_operations_as_the_policy_says() {
    for algorithm in [Algorithm::Evolution, Algorithm::Aging { tournament: 4 }, Algorithm::Climb { patience: 2 }] {
        let with = |pick| {
            let mut settings = settings(algorithm.clone());
            settings.mutation.pick = pick;
            search(&small(), &settings, 5, &toy).hashes()
        };
        let greedy = Pick::Ucb { alpha: 0.0, temperature: 0.01, credit: Credit::Occurrences };
        assert_ne!(with(greedy), with(Pick::Uniform), "{algorithm:?}");
    }
}

/// Two objectives, wanted operations and small expressions, pull apart: the front that is found holds more than one trade-off.
#[test]
fn several_objectives_end_in_a_front() {
    let (space, settings) = (small(), settings(Algorithm::Evolution));
    let mut history = History::default();
    loop {
        let proposals = propose(&space, &settings, 3, &ranked(&history), &Screening::NONE);
        if proposals.is_empty() {
            break;
        }
        let generation = history.next_generation();
        let value = |architecture: &Architecture| {
            let wanted = toy(architecture)?;
            let size: f64 = architecture.fillings.values().flatten().map(size).sum();
            Some(vec![wanted + 0.1 * size, -size])
        };
        let finished = proposals.into_iter().map(|one| {
            let values = value(&one.architecture).unwrap_or_default();
            one.finished(generation, values)
        });
        history.candidates.extend(finished);
    }
    let values: Vec<&[f64]> = history.candidates.iter().map(|one| one.values.as_slice()).collect();
    let front = &fronts(&values)[0];
    let best = ranked(&history);
    assert!(front.len() > 2 && best.best(front.len()).iter().all(|one| front.contains(&one.id)), "{front:?}");
    // One objective is ranked by nothing but itself.
    let single = search(&space, &settings, 3, &toy);
    assert_eq!(ranked(&single), single);
}

fn size(filling: &Filling) -> f64 {
    match filling {
        Filling::Arm { holes, .. } => holes.iter().map(|(_, inner)| size(inner)).sum(),
        Filling::Dag(term) => f64::from(term.size()),
        Filling::Value(_) => 0.0,
    }
}

#[test]
fn only_what_meets_the_conditions_is_proposed() {
    let space = small();
    let short = |architecture: &Architecture| architecture.fillings.values().flatten().map(size).sum::<f64>() < 6.0;
    for algorithm in [Algorithm::Evolution, Algorithm::Random, Algorithm::Aging { tournament: 4 }, Algorithm::Climb { patience: 2 }] {
        let mut history = History::default();
        loop {
            let proposals = propose(&space, &settings(algorithm.clone()), 5, &history, &Screening { meets: &short, ..Screening::NONE });
            assert!(proposals.iter().all(|one| short(&one.architecture)));
            if proposals.is_empty() {
                break;
            }
            finish(proposals, &mut history, &toy);
        }
        assert_eq!(history.candidates.len(), 100, "{algorithm:?}");
        assert_eq!(propose(&space, &settings(algorithm), 5, &History::default(), &Screening { meets: &|_| false, ..Screening::NONE }), []);
    }
}

#[test]
fn of_several_draws_the_screening_proposes_its_best() {
    let space = small();
    let worth = |architecture: &Architecture| architecture.fillings.values().flatten().map(size).sum::<f64>();
    let drawn = |among| {
        let screening = Screening { worth: &worth, among, ..Screening::NONE };
        propose(&space, &settings(Algorithm::Random), 5, &History::default(), &screening)
    };
    let (alone, of_four) = (drawn(1), drawn(4));
    assert_eq!((alone.len(), of_four.len()), (12, 12));
    // The first draw of each place is among the four.
    assert!(alone.iter().zip(&of_four).filter(|(one, best)| worth(&one.architecture) > worth(&best.architecture)).count() == 0);
    assert!(alone.iter().zip(&of_four).any(|(one, best)| worth(&one.architecture) < worth(&best.architecture)));
}

/// A candidate with values of two objectives.
fn two(id: usize, generation: usize, values: [f64; 2]) -> Candidate {
    Candidate {
        id,
        generation,
        architecture: small().sample(crate::space::Draw::Uniform, &mut crate::stream::stream(id as u64, "front", 0)).unwrap(),
        hash: crate::graph::identity::Digest::new().text(&id.to_string()).finish(),
        parent: None,
        mutation: Vec::new(),
        fitness: Some(values[0]),
        values: values.to_vec(),
    }
}

/// A front's ends are no surer of children than what lies between them, and what is dominated by nobody comes before the rest.
#[test]
fn all_of_a_front_become_parents() {
    let mut history = History { candidates: (0..5).map(|id| two(id, 0, [id as f64, -(id as f64)])).collect() };
    history.candidates.extend((5..10).map(|id| two(id, 0, [-9.0, -9.0 - id as f64])));
    let settings = Search { population: 10, parents: 2, ..settings(Algorithm::Evolution) };
    let mut times = [0; 10];
    for seed in 0..200 {
        let ranked = ranked(&history);
        let parents = parents(&settings, seed, &ranked);
        assert!(parents.len() == 2 && parents[0].id != parents[1].id);
        parents.iter().for_each(|one| times[one.id] += 1);
    }
    assert!(times[..5].iter().all(|times| *times > 30) && times[..5].iter().sum::<usize>() > 240, "{times:?}");
    // One objective: the best.
    history.candidates.iter_mut().for_each(|one| one.values.truncate(1));
    let best: Vec<usize> = parents(&settings, 0, &history).into_iter().map(|one| one.id).collect();
    assert_eq!(best, [4, 3]);
}

/// With several objectives a generation gains by a new member of the first front, whichever end of it that is.
#[test]
fn a_new_member_of_the_front_is_a_gain() {
    let mut history = History { candidates: vec![two(0, 0, [-1.0, -9.0]), two(1, 0, [-9.0, -1.0])] };
    let mut without = |generation, values| {
        history.candidates.push(two(history.candidates.len(), generation, values));
        ranked(&history).generations_without_gain()
    };
    assert_eq!(without(1, [-5.0, -5.0]), 0, "between the ends");
    assert_eq!(without(2, [-6.0, -6.0]), 1, "behind the front");
    assert_eq!(without(3, [-5.0, -5.0]), 2, "what was there already");
    assert_eq!(without(4, [-0.5, -9.5]), 0, "a new end");
}
