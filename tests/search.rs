//! Searches as a user starts them: rungs, rank agreement, supernets that learn, objectives, and what is not trained twice.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::process::{COMPARED, complete, count, finish, folder, journal, phyla, until};
use common::{Memory, check};
use phyla::diagnostic::Code;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A space of many ways to write few functions, searched by loss and by parameters, from scratch.
const FEW: &str = "use std.layers { attention, encoder_layer }
use std.models { micro }
use std.search { op_nas, scratch }
use std.suites { mini }
use std.train { pretrain_tiny }

ops sums = [add, neg, scale]

space few {
    mixer = attention(dag(inputs = [q, k, v], ops = sums, depth = 1..=3, size = 1..=3, uses = 1..=2))
    body = repeat(1) { encoder_layer(mixer) }
}

experiment few {
    model = micro { hidden = 16, feed_forward = 16, length = 16, vocabulary = 512 }
    space = few
    corpus = text(\"TEXT\")
    search = op_nas { population = 8, parents = 3, children = 2, evaluations = 40, dedupe = functional }
    evaluate = scratch { adapt = 3, pretrain = pretrain_tiny, suite = mini { rows = 8, train.epochs = 1 } }
    final = { pretrain = pretrain_tiny { steps = 3 }, suite = mini { rows = 8, train.epochs = 1 } }
    objective = [minimize(loss), minimize(params)]
}
";

/// That space's experiment, into a folder of its own below `out`.
fn few(out: &Path, name: &str, more: &[&str]) -> Command {
    of(FEW, out, name, more)
}

fn of(source: &str, out: &Path, name: &str, more: &[&str]) -> Command {
    let file = out.join("few.phyla");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/wordnet_glosses.txt");
    fs::write(&file, source.replace("TEXT", &text.display().to_string())).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    command.arg("run").arg(&file).arg("--out").arg(out.join(name)).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The candidates of such a run, carried on to its end.
fn candidates(out: &Path, name: &str, more: &[&str]) -> Vec<phyla::run::journal::Candidate> {
    carried_on(&mut few(out, name, more), &out.join(name))
}

fn carried_on(command: &mut Command, folder: &Path) -> Vec<phyla::run::journal::Candidate> {
    let (code, stdout, stderr) = finish(command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let bytes = fs::read(journal(folder)).expect("a journal");
    let (entries, _) = phyla::run::journal::read(&bytes).expect("a sound journal");
    let candidates = entries.into_iter().filter_map(|entry| match entry {
        phyla::run::journal::Entry::Candidate(candidate) => Some(candidate),
        _ => None,
    });
    candidates.collect()
}

/// Rungs of 3, 6 and 12 steps: who survives is what it would be without rungs, and a kill between rungs changes nothing.
#[test]
fn a_generation_is_halved_from_rung_to_rung() {
    let out = folder();
    let (one, single) = (["--set", "evaluate.adapt=12"], ["--set", "objective=minimize(loss)"]);
    let plain = [&one[..], &single[..]].concat();
    let rungs = [&plain[..], &["--set", "search.halving={ rungs = 3, keep = 50% }"]].concat();
    let halved = candidates(out.path(), "halved", &rungs);
    let whole = candidates(out.path(), "whole", &plain);
    let steps = |generation: usize| {
        let mut steps: Vec<u64> =
            halved.iter().filter(|one| one.generation == generation && one.same_as.is_none()).map(|one| one.steps).collect();
        steps.sort_unstable();
        steps
    };
    let first = steps(0);
    assert_eq!(first.iter().filter(|steps| **steps > 3).count(), first.len().div_ceil(2));
    assert_eq!(first.iter().filter(|steps| **steps == 12).count(), first.len().div_ceil(2).div_ceil(2));
    let survivors: Vec<_> = halved.iter().zip(&whole).filter(|(one, _)| one.generation == 0 && one.steps == 12).collect();
    assert!(survivors.iter().all(|(one, other)| one.held_out_loss == other.held_out_loss && one.hash == other.hash), "{survivors:?}");
    // By hand: of 8, 6 (five times) and 2 candidates a half, rounded up, goes on, and on; each for 3, 3 and 6 more steps.
    let (code, plan, stderr) =
        finish(Command::new(env!("CARGO_BIN_EXE_phyla")).arg("plan").arg(out.path().join("few.phyla")).args(&rungs).arg("--json"));
    assert_eq!(code, Some(0), "{stderr}");
    let plan: serde_json::Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!(plan["search"], serde_json::json!([48 + 5 * 39 + 15, 14 + 5 * 11 + 4]));
    let mut child = few(out.path(), "killed", &rungs).spawn().expect("the program starts");
    while fs::read_to_string(journal(&out.path().join("killed"))).map_or(0, |text| text.matches("\"rung\":").count()) < 10 {
        assert!(child.try_wait().expect("a state").is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let told = |all: &[phyla::run::journal::Candidate]| {
        all.iter().map(|one| (one.id, one.hash.clone(), one.steps, one.loss.map(f64::to_bits), one.values.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&candidates(out.path(), "killed", &rungs)), told(&halved));
}

/// Two experiments with two seeds each, paired; what cannot be compared is refused with the reason.
#[test]
fn runs_are_compared_by_seed() {
    let out = folder();
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/wordnet_glosses.txt");
    let drawn =
        "\nexperiment drawn = few { search = std.search.random_search { population = 8, evaluations = 10, dedupe = functional } }\n";
    let file = out.path().join("both.phyla");
    fs::write(&file, FEW.replace("TEXT", &text.display().to_string()) + drawn).expect("written");
    let run = |name: &str, seed: u64, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
        command.arg("run").arg(&file).args(["--experiment", name, "--set", &format!("seed={seed}"), "--out"]);
        let folder = out.path().join(format!("{name}-{seed}{}", more.concat()));
        let (code, stdout, stderr) = finish(command.arg(&folder).args(["--set", "search.evaluations=10"]).args(more));
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        folder
    };
    let folders: Vec<_> = [("few", 1), ("few", 2), ("drawn", 2), ("drawn", 1)].map(|(name, seed)| run(name, seed, &[])).into();
    let longer = run("drawn", 3, &["--set", "search.evaluations=12"]);
    let half = run("few", 3, &["--until", "search"]);
    let compare = |folders: &[&std::path::PathBuf], more: &[&str]| {
        finish(Command::new(env!("CARGO_BIN_EXE_phyla")).args(["runs", "compare"]).args(folders).args(more))
    };
    let all: Vec<_> = folders.iter().collect();
    let (code, stdout, stderr) = compare(&all, &["--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let found: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&found["seeds"], &found["evaluations"]), (&serde_json::json!([1, 2]), &serde_json::json!(10)));
    assert_eq!(found["experiments"], serde_json::json!(["few", "drawn"]));
    let measures = found["measures"].as_array().expect("measures");
    assert_eq!(measures.len(), 3);
    // The values are those of the runs' own tables, in order of the seeds; the winner is the better.
    for (measure, column) in measures.iter().skip(1).zip(["held_out_loss", "score"]) {
        let own = |place: usize| {
            let table = fs::read_to_string(all[place].join("results.csv")).expect("a table");
            let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
            let header = lines.next().expect("a header");
            let at = header.iter().position(|name| *name == column).expect("the column");
            lines.find(|line| line[0] == "best").expect("the best")[at].parse::<f64>().expect("a number")
        };
        let expected = [[own(0), own(1)], [own(3), own(2)]];
        let more = measure["more_is_better"].as_bool().expect("a flag");
        let wins =
            (0..2).filter(|seed| if more { expected[0][*seed] > expected[1][*seed] } else { expected[0][*seed] < expected[1][*seed] });
        assert_eq!(measure["duels"][0]["wins"], serde_json::json!(wins.count()));
        for (side, values) in expected.iter().enumerate() {
            for (seed, value) in values.iter().enumerate() {
                let found = measure["values"][side][seed].as_f64().expect("a number");
                assert!((found - value).abs() < 1e-5, "{column}: {found} for {value}");
            }
        }
    }
    let refused = |folders: &[&std::path::PathBuf], why: &str| {
        let (code, _, stderr) = compare(folders, &[]);
        let usage = stderr.contains("E0906");
        assert!(code == Some(1 + i32::from(usage)) && stderr.contains(why), "{stderr}");
    };
    refused(&[&folders[0], &folders[1]], "there is nothing to compare: these runs are of `few`");
    refused(&[&folders[0], &folders[2]], "no seed was used by all of `few` and `drawn`");
    refused(&[&folders[0], &folders[0], &folders[3]], "`few` was run more than once with seed 1");
    refused(&[&half, &longer], "is not complete");
    run("few", 3, &[]);
    refused(&[&out.path().join("few-3"), &longer], "a run of `few` evaluated 10 candidates, and one of `drawn` 12");
}

#[test]
fn what_computes_the_same_is_trained_once_and_several_objectives_are_measured() {
    let out = folder();
    let run = |name: &str, more: &[&str]| candidates(out.path(), name, more);
    let reusing = run("reusing", &[]);
    assert_eq!(reusing.len(), 40);
    let copies: Vec<_> = reusing.iter().filter_map(|one| Some((one, &reusing[one.same_as?]))).collect();
    assert!(copies.len() >= 2, "{}", copies.len());
    for (one, first) in copies {
        assert!(first.id < one.id && first.same_as.is_none() && first.hash != one.hash);
        assert_eq!((&one.function, one.held_out_loss, one.seconds), (&first.function, first.held_out_loss, 0.0));
    }
    for one in &reusing {
        let loss = one.held_out_loss.expect("a loss");
        assert_eq!((one.values.as_slice(), one.scores.is_none()), ([-loss, -(one.params as f64)].as_slice(), true));
    }
    // What computes the same need not cost the same: (q·kᵀ)·v and q·(kᵀ·v).
    let products = FEW.replace("[add, neg, scale]", "[transpose, matmul]").replace("minimize(params)", "minimize(flops)");
    let products = products.replace("depth = 1..=3, size = 1..=3, uses = 1..=2", "depth = 2..=4, size = 3..=4, uses = 2..=3");
    let costs = carried_on(&mut of(&products, out.path(), "costs", &[]), &out.path().join("costs"));
    assert!(costs.iter().any(|one| one.same_as.is_some_and(|first| costs[first].flops != one.flops)), "all cost the same");
    assert!(costs.iter().all(|one| one.values.get(1) == Some(&-(one.flops as f64))), "a copy has another one's cost");
    // Trained anew, the copies have the same loss but for rounding: the identity told the truth.
    let anew = run("anew", &["--set", "search.dedupe=canonical", "--workers", "1"]);
    for (one, other) in reusing.iter().zip(&anew) {
        assert_eq!(one.hash, other.hash);
        let apart = (one.held_out_loss.expect("a loss") - other.held_out_loss.expect("a loss")).abs();
        assert!(apart < 1e-3, "candidate {}: {apart}", one.id);
    }
}

/// A bound of time that the first generation exceeds: the search is then over, also for whoever goes on later with more workers.
#[test]
fn a_search_that_its_bound_of_time_ended_stays_ended() {
    let out = folder();
    let bound = ["--set", "search.stop=any { wall = 1 ms }"];
    let half = candidates(out.path(), "walled", &[&bound[..], &["--until", "search", "--workers", "1"]].concat());
    let whole = candidates(out.path(), "walled", &[&bound[..], &["--workers", "2"]].concat());
    assert!(half.len() == 8 && half == whole, "{} and {}", half.len(), whole.len());
    assert_eq!(count(&out.path().join("walled"), "wall"), 1);
}

#[test]
fn rank_agreement_is_measured_once_and_goes_on_after_a_kill() {
    let asked = ["--set", "agreement={ models = 5, steps = 30 }", "--set", "objective=minimize(loss)", "--until", "agreement"];
    let judged = |out: &Path| {
        let (entries, _) = phyla::run::journal::read(&fs::read(journal(out)).expect("a journal")).expect("a sound journal");
        let values = entries.iter().filter_map(|entry| match entry {
            phyla::run::journal::Entry::Agreed(one) => Some((one.model, one.way, one.steps, one.value)),
            _ => None,
        });
        (values.collect::<Vec<_>>(), phyla::run::rank_agreement(&entries))
    };
    let whole = folder();
    complete(whole.path(), &asked);
    let (values, found) = judged(whole.path());
    assert_eq!(values.len(), 5 * 4, "shared, short and two seeds of each");
    let found = found.expect("a summary");
    // 60 warm-up steps and 4 of each model, or 16 of each in as many; 30 from scratch.
    assert!((found.speed_up_steps - 150.0 / 80.0).abs() < 1e-9, "{}", found.speed_up_steps);
    assert!(values.iter().all(|(_, way, steps, _)| match way {
        phyla::run::journal::Way::Shared => *steps == 4,
        phyla::run::journal::Way::Short => *steps == 16,
        phyla::run::journal::Way::Scratch(_) => *steps == 30,
    }));
    assert!(found.tau.abs() <= 1.0 && found.interval.is_none_or(|(low, high)| low <= found.tau && found.tau <= high));
    let report = fs::read_to_string(whole.path().join("report.html")).expect("a report");
    assert!(report.contains("<b>Rank agreement.</b>") && report.contains("This run is unfinished"));

    let killed = folder();
    let (mut child, _) = until(killed.path(), &asked, "model   2  from scratch, seed 0");
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(judged(killed.path()).0.len() < values.len());
    complete(killed.path(), &asked);
    assert_eq!(judged(killed.path()).0, values);
    // Without the flag the search follows, from the same warm supernet.
    complete(killed.path(), &asked[..4]);
    assert_eq!(judged(killed.path()).0, values);
    assert_eq!(count(killed.path(), "finished"), 1);
}

/// Every way in which the supernet learns at once, killed among the candidates that are scored again.
#[test]
fn a_supernet_that_learns_goes_on_after_a_kill() {
    let method = "evaluate.method=biws { commit = best, paths = by_priority, refresh = 20, anchors = 3, rescore_parents = true }";
    let asked = ["--set", method, "--set", "search.evaluations=10", "--set", "final.pretrain.steps=4"];
    let rescored = |out: &Path| {
        let (entries, _) = phyla::run::journal::read(&fs::read(journal(out)).expect("a journal")).expect("a sound journal");
        let again = entries.iter().filter_map(|entry| match entry {
            phyla::run::journal::Entry::Rescored(one) => Some((one.generation, one.candidate, one.parent, one.values.clone())),
            phyla::run::journal::Entry::Candidate(one) => Some((one.generation, one.id, false, one.values.clone())),
            _ => None,
        });
        again.collect::<Vec<_>>()
    };
    let whole = folder();
    complete(whole.path(), &asked);
    let expected = rescored(whole.path());
    // Of three generations after the first: three anchors and two parents each, and whoever takes the place of a parent that falls behind.
    assert!(count(whole.path(), "rescored") >= 3 * 5);
    let (entries, _) = phyla::run::journal::read(&fs::read(journal(whole.path())).expect("a journal")).expect("a sound journal");
    for entry in &entries {
        let phyla::run::journal::Entry::Candidate(child) = entry else { continue };
        let again = |entry: &phyla::run::journal::Entry| {
            matches!(entry, phyla::run::journal::Entry::Rescored(one)
                if one.parent && one.generation == child.generation && Some(one.candidate) == child.parent)
        };
        assert!(child.parent.is_none() || entries.iter().any(again), "the parent of {} was not scored again", child.id);
    }
    let anchors: Vec<&Vec<f64>> = expected.iter().filter(|one| one.1 == 0).map(|one| &one.3).collect();
    assert!(anchors.windows(2).any(|pair| pair[0] != pair[1]), "the supernet learns: {anchors:?}");
    let killed = folder();
    let mut child = phyla(killed.path(), &asked).spawn().expect("the program starts");
    while fs::read_to_string(journal(killed.path())).map_or(0, |text| text.matches("\"rescored\"").count()) < 6 {
        assert!(child.try_wait().expect("a state").is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    complete(killed.path(), &asked);
    assert_eq!(rescored(killed.path()), expected);
    for name in COMPARED {
        assert!(
            fs::read(killed.path().join(name)).expect("a file") == fs::read(whole.path().join(name)).expect("a file"),
            "{name} differs"
        );
    }
    let report = fs::read_to_string(whole.path().join("report.html")).expect("a report");
    assert!(report.contains("<b>Drift.</b> 3 anchors"));
}

/// A space with two members cannot give 30 candidates, a nested choice has even and odd kernels, and rungs of halving take no step.
#[test]
fn what_a_search_cannot_do_is_told_before_it_begins() {
    let space = "space two { mixer = choose { a = std.layers.light_convolution(3), b = std.layers.light_convolution(5) }, body = repeat(4) { std.layers.encoder_layer(mixer) } }";
    let nested = "graph wrap(inner: graph([n, h]) -> [n, h])(x: [n, h]) -> [n, h] { inner(x) }\n
        space odd { mixer = choose { a = wrap(choose { c = std.layers.light_convolution(choose(3, 4)), d = wrap(relu) }), b = wrap(gelu) }, body = repeat(4) { mixer } }";
    for (around, change, code, said) in [
        (space, "space = two, compare = []", Code::SEARCH_NUMBERS, "`two` has 16 architectures"),
        (nested, "space = odd, compare = []", Code::MIXED_CHOICE, "even and odd kernels"),
        ("", "search.halving = { rungs = 3, keep = 95% }, evaluate.adapt = 6 steps", Code::RUNGS, "no step between rungs"),
    ] {
        let text =
            format!("use \"experiments/quickstart.phyla\" {{ quickstart }}\n\n{around}\n\nexperiment e = quickstart {{ {change} }}\n");
        let (drawn, found) = check(&Memory::new(&[("search.phyla", &text)]), "search.phyla");
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [code], "{drawn}");
        assert!(drawn.contains(said), "{drawn}");
    }
}
