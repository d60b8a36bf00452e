use super::*;
use crate::settings::{Credit, Inter, Intra, Mutation, Pick};
use crate::stream::{Stream, stream};
use std::collections::BTreeSet;

fn weights() -> Mutation {
    Mutation {
        inter: Inter { swap_mixer: 1.0, change_kernel: 1.0 },
        intra: Intra { replace_op: 1.0, insert_op: 1.0, delete_op: 1.0, rewire: 1.0 },
        pick: Pick::Ucb { alpha: 1.0, temperature: 1.0, credit: Credit::Occurrences },
    }
}

fn evenly(names: &[&str]) -> Vec<f64> {
    vec![1.0; names.len()]
}

/// A walk of mutations; every step must be a member and differ from the one before.
fn walk(space: &Space, steps: usize) -> Vec<Mutated> {
    let mut draws: Stream = stream(11, &space.name, steps as u64);
    let mut at = space.sample(Draw::BySize, &mut draws).unwrap();
    let mut all = Vec::new();
    for _ in 0..steps {
        let (child, mutated) = mutate(space, &at, &weights(), &evenly, &mut draws).unwrap();
        assert_eq!(contains(space, &child), Ok(()), "{mutated:?}");
        assert_ne!(hash(space, &child), hash(space, &at), "{mutated:?}");
        assert!(instantiate(space, &child).is_ok());
        all.extend(mutated);
        at = child;
    }
    all
}

fn kinds(mutated: &[Mutated]) -> BTreeSet<String> {
    mutated.iter().map(|one| format!("{:?}", one.kind)).collect()
}

#[test]
fn mutations_stay_in_their_space() {
    let spaces = [
        (backbone(3, 1, dag(3, PAPER, [4, 10, 4, 16, 2, 3])), 200),
        (backbone(2, 1, dag(3, PAPER, [3, 4, 3, 5, 2, 2])), 400),
        (backbone(2, 2, dag(2, "neg relu add sub", [1, 3, 1, 3, 1, 2])), 800),
        (backbone(4, 3, dag(3, "transpose matmul abs mul", [2, 5, 3, 8, 1, 3])), 400),
        (backbone(1, 1, dag(2, "add", [1, 2, 2, 2, 1, 2])), 400),
    ];
    for (space, steps) in spaces {
        let mutated = walk(&space, steps);
        assert!(mutated.len() >= steps);
        assert!(mutated.iter().all(|one| one.layer < space.layers && one.hole == "mixer"));
    }
}

/// Some minutes: `cargo test --lib -- --ignored a_million`.
#[test]
#[ignore = "takes some minutes"]
fn a_million_mutations_stay_in_their_spaces() {
    let spaces = [
        backbone(2, 1, dag(3, PAPER, [4, 8, 4, 10, 2, 3])),
        backbone(2, 1, dag(3, PAPER, [3, 4, 3, 5, 2, 2])),
        backbone(2, 2, dag(2, "neg relu add sub", [1, 3, 1, 3, 1, 2])),
        backbone(4, 3, dag(3, "transpose matmul abs mul", [2, 5, 3, 8, 1, 3])),
        backbone(1, 1, dag(2, "add", [1, 2, 2, 2, 1, 2])),
    ];
    spaces.iter().for_each(|space| drop(walk(space, 200_000)));
}

/// Each operation is drawn as often as the probabilities of all draws say, within four standard deviations.
#[test]
fn operations_are_drawn_by_their_probabilities() {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    let space = backbone(1, 1, dag(3, PAPER, [1, 6, 1, 8, 1, 3]));
    let expected: RefCell<BTreeMap<String, (f64, f64)>> = RefCell::default();
    let weight = |name: &str| 1.0 + ops(PAPER).iter().position(|op| op.name == name).unwrap() as f64;
    let picker = |names: &[&str]| {
        let weights: Vec<f64> = names.iter().map(|name| weight(name)).collect();
        let total: f64 = weights.iter().sum();
        for (name, weight) in names.iter().zip(&weights) {
            let share = weight / total;
            let mut expected = expected.borrow_mut();
            let (mean, variance) = expected.entry((*name).to_owned()).or_default();
            *mean += share;
            *variance += share * (1.0 - share);
        }
        weights
    };
    let mut only = weights().intra;
    (only.delete_op, only.rewire) = (0.0, 0.0);
    let mut drawn: BTreeMap<String, f64> = BTreeMap::new();
    for step in 0..3_000 {
        let mut draws = stream(4, "probabilities", step);
        let parent = space.sample(Draw::BySize, &mut draws).unwrap();
        if let Some((_, Mutated { op: Some(op), .. })) = intra(&space, &parent, &only, &picker, &mut draws) {
            *drawn.entry(op).or_default() += 1.0;
        }
    }
    let expected = expected.into_inner();
    assert_eq!(expected.len(), 10);
    for (op, (mean, variance)) in expected {
        let count = drawn.get(&op).copied().unwrap_or(0.0);
        assert!((count - mean).abs() < 4.0 * variance.sqrt().max(1.0), "{op}: {count} of {mean}");
    }
}

#[test]
fn every_kind_takes_place() {
    let mutated = walk(&backbone(3, 1, dag(3, PAPER, [1, 10, 1, 16, 1, 3])), 120);
    let all = ["ChangeKernel", "DeleteOp", "InsertOp", "ReplaceOp", "Rewire", "SwapMixer"];
    assert!(kinds(&mutated).iter().eq(all.iter()), "{:?}", kinds(&mutated));
    let drew = |one: &Mutated| matches!(one.kind, MutationKind::ReplaceOp | MutationKind::InsertOp);
    assert!(mutated.iter().all(|one| one.op.is_some() == drew(one)));
}

#[test]
fn without_an_attention_layer_only_layers_change() {
    let space = backbone(2, 1, dag(2, PAPER, [1, 3, 1, 3, 1, 2]));
    let conv = |kernel| Filling::Arm { label: "conv".to_owned(), holes: vec![("kernel".to_owned(), Filling::Value(kernel))] };
    let parent = Architecture { fillings: [("mixer".to_owned(), vec![conv(3), conv(5)])].into() };
    let mut only_kernels = weights();
    only_kernels.inter.swap_mixer = 0.0;
    let (child, mutated) = mutate(&space, &parent, &only_kernels, &evenly, &mut stream(1, "m", 0)).unwrap();
    assert_eq!((kinds(&mutated).len(), mutated[0].kind), (1, MutationKind::ChangeKernel));
    assert_eq!(contains(&space, &child), Ok(()));
    only_kernels.inter.change_kernel = 0.0;
    assert_eq!(mutate(&space, &parent, &only_kernels, &evenly, &mut stream(1, "m", 0)), None);
}

#[test]
fn the_operation_is_the_one_the_picker_wants() {
    let space = backbone(1, 1, dag(3, PAPER, [1, 10, 1, 16, 1, 3]));
    let wants = |names: &[&str]| names.iter().map(|name| f64::from(u8::from(*name == "softsign"))).collect();
    let mut drawn = 0;
    for step in 0..60 {
        let mut draws = stream(2, "wants", step);
        let parent = space.sample(Draw::BySize, &mut draws).unwrap();
        let mut only = weights().intra;
        (only.delete_op, only.rewire) = (0.0, 0.0);
        if let Some((_, mutated)) = intra(&space, &parent, &only, &wants, &mut draws) {
            drawn += usize::from(mutated.op.as_deref() == Some("softsign"));
        }
    }
    assert!(drawn >= 20, "{drawn}");
}

#[test]
fn extremes_bracket_what_is_drawn() {
    let space = backbone(3, 1, dag(2, PAPER, [1, 6, 1, 8, 1, 2]));
    let kernel = |filling: &Filling| match filling {
        Filling::Arm { holes, .. } => holes.iter().map(|(_, own)| if let Filling::Value(value) = own { *value } else { 0 }).sum::<i64>(),
        _ => 0,
    };
    let cost = |architecture: &Architecture| Some(architecture.fillings.get("mixer")?.iter().map(kernel).sum::<i64>());
    let [(_, least), (_, most)] = extremes(&space, 1, &cost).unwrap();
    assert_eq!((least, most), (0, 21));
}
