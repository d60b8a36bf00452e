//! Runs as a user starts them: the same bytes however often they are interrupted, and clear words where one cannot go on.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;

/// The files that must not depend on how a run was carried out.
const COMPARED: [&str; 3] = ["results.csv", "best.phyla", "best.safetensors"];

/// The smoke experiment, its trainings long enough to be met in their midst.
fn phyla(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["run", "experiments/smoke.phyla", "--out"]).arg(out);
    command.args(["--set", "evaluate.warmup=60", "--set", "final.pretrain.steps=60"]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn finish(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

/// A run to its end.
fn complete(out: &Path, more: &[&str]) -> String {
    let (code, _, stderr) = finish(&mut phyla(out, more));
    assert_eq!(code, Some(0), "{stderr}");
    stderr
}

/// A run that must fail, with what it says.
fn refused(out: &Path, more: &[&str]) -> String {
    let (code, _, stderr) = finish(&mut phyla(out, more));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(!stderr.contains("panicked") && stderr.contains("help:"), "{stderr}");
    stderr
}

/// Starts a run and waits for a line that begins like this.
fn until(out: &Path, more: &[&str], beginning: &str) -> (Child, BufReader<std::process::ChildStderr>) {
    let (child, lines, _) = reached(&mut phyla(out, more), beginning);
    (child, lines)
}

/// Likewise, with the line.
#[expect(clippy::zombie_processes, reason = "the caller waits for it; where this fails the test ends")]
fn reached(command: &mut Command, beginning: &str) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut child = command.spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).expect("text") > 0, "it ended before `{beginning}`:\n{said}");
        if line.starts_with(beginning) {
            return (child, lines, line);
        }
        said += &line;
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// One uninterrupted run that the others are compared with.
static REFERENCE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference");
    complete(&folder, &["--fresh"]);
    folder
});

/// A copy of the finished run, to be spoiled.
fn copy() -> TempDir {
    let copy = folder();
    for entry in fs::read_dir(&*REFERENCE).expect("the run").map(|entry| entry.expect("an entry")) {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    copy
}

fn same_as_uninterrupted(out: &Path) {
    for name in COMPARED {
        let read = |folder: &Path| fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(read(out) == read(&REFERENCE), "{name} differs");
    }
    assert_eq!(kinds(out), kinds(&REFERENCE));
    assert_eq!(warm_up_loss(out), warm_up_loss(&REFERENCE));
    assert!(!out.join("work").exists(), "an ended run keeps no checkpoints");
}

fn journal(out: &Path) -> PathBuf {
    out.join("journal.jsonl")
}

/// The kinds of a journal's entries, in order.
fn kinds(out: &Path) -> Vec<String> {
    let bytes = fs::read(journal(out)).expect("a journal");
    let (entries, _) = phyla::run::journal::read(&bytes).expect("a sound journal");
    let kind = |entry| serde_json::to_value(entry).expect("an entry")["kind"].as_str().expect("a kind").to_owned();
    entries.iter().map(kind).collect()
}

/// The loss of the last steps of the warm-up, those before an interruption included.
fn warm_up_loss(out: &Path) -> Option<f64> {
    let (entries, _) = phyla::run::journal::read(&fs::read(journal(out)).expect("a journal")).expect("a sound journal");
    entries.iter().find_map(|entry| if let phyla::run::journal::Entry::Warmup { loss, .. } = entry { Some(*loss) } else { None })
}

fn count(out: &Path, kind: &str) -> usize {
    kinds(out).iter().filter(|known| *known == kind).count()
}

#[test]
fn two_runs_give_the_same_bytes() {
    let second = folder();
    complete(second.path(), &[]);
    same_as_uninterrupted(second.path());
    let table = fs::read_to_string(second.path().join("results.csv")).expect("a table");
    // Baselines and four models for three tasks.
    assert!(
        ["majority", "bag_of_words", "best", "bert.first(2)", "autobert_zero.first(2)", "random"].iter().all(|row| table.contains(row)),
        "{table}"
    );
}

#[test]
fn the_number_of_workers_changes_nothing() {
    for workers in ["1", "3"] {
        let out = folder();
        complete(out.path(), &["--workers", workers]);
        same_as_uninterrupted(out.path());
    }
}

#[test]
fn activations_computed_anew_change_nothing() {
    let out = folder();
    let places =
        ["evaluate.pretrain", "evaluate.suite.train", "final.pretrain", "final.suite.train"].map(|place| format!("{place}.recompute=true"));
    complete(out.path(), &places.iter().flat_map(|place| ["--set", place]).collect::<Vec<&str>>());
    for name in ["results.csv", "best.safetensors"] {
        let read = |folder: &Path| fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(read(out.path()) == read(&REFERENCE), "{name} differs");
    }
}

/// Kills a run once it says a line that begins like this, checks where it was, and lets it go on to the end.
fn killed(beginning: &str, there: impl Fn(&Path) -> bool) {
    let out = folder();
    let (mut child, _) = until(out.path(), &[], beginning);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(there(out.path()), "killed elsewhere: {:?}", kinds(out.path()));
    let said = complete(out.path(), &[]);
    assert!(said.contains("going on with the run in"), "{said}");
    same_as_uninterrupted(out.path());
}

#[test]
fn killed_in_the_warm_up_it_goes_on() {
    killed("warm-up: ", |out| count(out, "warmup") == 0);
}

#[test]
fn killed_in_the_search_it_goes_on() {
    killed("candidate   1", |out| (2..6).contains(&count(out, "candidate")));
}

#[test]
fn killed_in_the_second_generation_it_goes_on() {
    killed("candidate   4", |out| count(out, "generation") == 1 && count(out, "final") == 0);
}

#[test]
fn killed_in_the_final_training_it_goes_on() {
    killed("final training: ", |out| count(out, "candidate") == 6 && count(out, "final") == 0);
}

#[test]
fn killed_between_final_models_it_goes_on() {
    killed("best  ", |out| (1..4).contains(&count(out, "final")));
}

#[test]
fn interrupted_by_hand_it_goes_on_from_its_checkpoints() {
    let out = folder();
    for (beginning, checkpoint) in
        [("warm-up: ", "warmup.safetensors"), ("candidate   0", "supernet-0.safetensors"), ("final training: ", "final-")]
    {
        let (mut child, mut lines) = until(out.path(), &[], beginning);
        // Some steps into the stage, and long before its first model is done.
        std::thread::sleep(Duration::from_millis(if checkpoint == "final-" { 200 } else { 0 }));
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("`kill` is there");
        assert!(sent.success());
        let mut said = String::new();
        while lines.read_line(&mut said).expect("text") > 0 {}
        assert_eq!(child.wait().expect("ended").code(), Some(130), "{said}");
        assert!(said.contains("stopping at the next step") && said.contains("E0905"), "{said}");
        let kept = fs::read_dir(out.path().join("work")).expect("kept").map(|entry| entry.expect("an entry").file_name());
        let kept: Vec<String> = kept.map(|name| name.to_string_lossy().into_owned()).collect();
        assert!(kept.iter().any(|name| name.starts_with(checkpoint)), "{kept:?}");
        assert!(!kept.iter().any(|name| name.ends_with(".part")), "{kept:?}");
    }
    complete(out.path(), &[]);
    same_as_uninterrupted(out.path());
}

#[test]
fn a_last_line_cut_short_is_taken_back() {
    let out = copy();
    let text = fs::read_to_string(journal(out.path())).expect("a journal");
    let (before, _) = text.rsplit_once("\"kind\":\"final\"").expect("a final model");
    let whole = before.rfind('\n').expect("an earlier line") + 1;
    fs::write(journal(out.path()), &text.as_bytes()[..whole + 40]).expect("written");
    fs::remove_file(out.path().join("results.csv")).expect("removed");
    let said = complete(out.path(), &[]);
    assert!(said.contains("going on with the run in"), "{said}");
    same_as_uninterrupted(out.path());
}

#[test]
fn a_damaged_line_is_refused() {
    let out = copy();
    let mut bytes = fs::read(journal(out.path())).expect("a journal");
    let third = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).expect("three lines").0 + 60;
    bytes[third] ^= 1;
    fs::write(journal(out.path()), &bytes).expect("written");
    let said = refused(out.path(), &[]);
    assert!(said.contains("E0901") && said.contains("line 3 of the journal") && said.contains("--fresh"), "{said}");
    assert!(fs::read(journal(out.path())).expect("a journal") == bytes, "it was changed");
}

#[test]
fn a_finished_run_says_so_and_does_nothing() {
    let out = copy();
    let before = fs::read(journal(out.path())).expect("a journal");
    let (code, stdout, stderr) = finish(&mut phyla(out.path(), &[]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("this run is finished") && stderr.contains("--fresh"), "{stderr}");
    assert!(stdout.contains("autobert_zero.first(2)"), "{stdout}");
    assert!(fs::read(journal(out.path())).expect("a journal") == before);
    for name in COMPARED {
        assert!(fs::read(out.path().join(name)).expect(name) == fs::read(REFERENCE.join(name)).expect(name), "{name} differs");
    }
}

#[test]
fn fresh_starts_over() {
    let out = copy();
    let (mut child, _) = until(out.path(), &["--fresh"], "warm-up: ");
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!((count(out.path(), "finished"), count(out.path(), "candidate")), (0, 0));
    for name in COMPARED.iter().chain(&["report.html"]) {
        assert!(!out.path().join(name).exists(), "{name} is from the earlier run");
    }
}

#[test]
fn the_folder_of_another_experiment_is_refused() {
    let out = copy();
    let said = refused(out.path(), &["--set", "seed=2"]);
    assert!(said.contains("E0901") && said.contains("another experiment") && said.contains("--out"), "{said}");
    same_as_uninterrupted(&{
        // The refusal makes `work/` anew, which is nothing of the run.
        let _gone = fs::remove_dir(out.path().join("work"));
        out.path().to_owned()
    });
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let out = folder();
    fs::write(out.path().join("thesis.txt"), "years of work").expect("written");
    for more in [&[][..], &["--fresh"]] {
        let said = refused(out.path(), more);
        assert!(said.contains("is no run folder"), "{said}");
    }
    assert_eq!(fs::read_dir(out.path()).expect("the folder").count(), 1);
}

#[test]
fn runs_share_their_vocabularies() {
    let place = folder();
    let smoke = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/smoke.phyla");
    let said = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
        command.current_dir(place.path()).arg("run").arg(&smoke).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let (mut child, _, line) = reached(&mut command, "vocabulary: ");
        child.kill().expect("killed");
        child.wait().expect("ended");
        line
    };
    let cached = || {
        let found = fs::read_dir(place.path().join("runs/cache")).expect("the cache").map(|entry| entry.expect("an entry").path());
        found.collect::<Vec<PathBuf>>()
    };
    let trained = said(&[]);
    assert!(trained.contains("pieces trained") && cached().len() == 1, "{trained}");
    // Another seed is another run of the same text; another size is another vocabulary.
    let shared = said(&["--set", "seed=2"]);
    assert!(shared.contains("by an earlier run"), "{shared}");
    let larger = said(&["--set", "model.vocabulary=600"]);
    assert!(larger.contains("pieces trained") && cached().len() == 2, "{larger}");
    for path in cached() {
        fs::write(path, "{").expect("written");
    }
    assert_eq!(said(&["--set", "seed=3"]), trained);
    assert_eq!(said(&["--set", "seed=4"]), shared);
    assert_eq!(said(&["--out", "mine/run"]), trained);
    assert_eq!(fs::read_dir(place.path().join("mine")).expect("the folder").count(), 1);
}

#[test]
fn one_process_at_a_time() {
    let out = folder();
    // So that the warm-up goes on while the other process starts, on any machine.
    let long = ["--set", "evaluate.warmup=20_000"];
    let (mut child, _) = until(out.path(), &long, "warm-up: ");
    let said = refused(out.path(), &long);
    // A lock dies with its process.
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(said.contains("E0901") && said.contains("another process is running"), "{said}");
    let (mut child, _) = until(out.path(), &long, "warm-up: ");
    child.kill().expect("killed");
    child.wait().expect("ended");
}

/// A file system of its own, unmounted when it is dropped.
struct Small(TempDir);

impl Small {
    /// `None` where this user may not mount.
    fn new(size: &str) -> Option<Self> {
        let folder = folder();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }

    fn grow(&self, size: &str) {
        let grown = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0.path()).status();
        assert!(grown.expect("`mount` is there").success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _stays = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn one_architecture_is_trained_by_itself() {
    let out = folder();
    let train = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", "experiments/smoke.phyla", "std.architectures.bert.first(2)"]);
        finish(command.args(["--set", "final.pretrain.steps=60", "--set", "evaluate.warmup=60", "--out"]).arg(out.path()).args(more))
    };
    let (code, stdout, stderr) = train(&[]);
    assert_eq!(code, Some(0), "{stderr}");
    // The row of the table of a whole run, from the same seed and budget.
    let table = fs::read_to_string(REFERENCE.join("results.csv")).expect("a table");
    let row = table.lines().find(|line| line.starts_with("bert.first(2)")).expect("its row");
    let score = row.rsplit(',').next().expect("a score").parse::<f64>().expect("a number");
    assert!(stdout.contains(&format!("{score:.4}")), "{row}\n{stdout}");
    assert_eq!(train(&[]).1, stdout);
    let (code, _, stderr) = train(&["--set", "seed=2"]);
    assert!(code == Some(1) && stderr.contains("another experiment"), "{stderr}");
}

#[test]
fn a_full_disk_is_told_and_gone_on_from() {
    let Some(disk) = Small::new("300k") else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let out = disk.0.path().join("run");
    let said = refused(&out, &[]);
    assert!(said.contains("E0902") && said.contains("space left on the disk"), "{said}");
    disk.grow("16m");
    let said = complete(&out, &[]);
    assert!(said.contains("going on with the run in"), "{said}");
    same_as_uninterrupted(&out);
}

#[test]
fn what_a_run_leaves_is_source_again() {
    let out = copy();
    let at = |name: &str| out.path().join(name);
    let next = "use std.models { micro }\nuse std.search { biws, op_nas }\nuse std.suites { mini }\nuse std.train { pretrain_tiny }\n\
        use \"best.phyla\" { autobert_zero, best }\n\nexperiment next {\n    model = micro\n    space = autobert_zero { layers = 2 }\n    corpus = text(\"words.txt\")\n    \
        search = op_nas { population = 4, evaluations = 6 }\n    evaluate = biws { pretrain = pretrain_tiny, suite = mini }\n    \
        final = { pretrain = pretrain_tiny, suite = mini }\n    compare = [best, best.first(1)]\n}\n";
    fs::write(at("next.phyla"), next).expect("written");
    fs::write(at("words.txt"), "one\ntwo\n").expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let (code, stdout, stderr) = finish(command.arg("check").args([at("experiment.phyla"), at("best.phyla"), at("next.phyla")]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let (code, _, stderr) = finish(command.args(["fmt", "--check"]).args([at("experiment.phyla"), at("best.phyla")]));
    assert_eq!(code, Some(0), "{stderr}");
    // The resolved experiment, read from another folder, is the same experiment.
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let (code, _, stderr) = finish(command.current_dir(out.path()).args(["run", "experiment.phyla", "--out", "."]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("this run is finished"), "{stderr}");
    let yaml = fs::read_to_string(at("experiment.yaml")).expect("YAML");
    let value: serde_yaml::Value = serde_yaml::from_str(&yaml).expect("YAML");
    assert_eq!(value["evaluate"]["warmup"].as_u64(), Some(60));
    assert!(value["data"].as_mapping().is_some_and(|data| data.len() > 6), "{yaml}");
    let report = fs::read_to_string(at("report.html")).expect("a report");
    assert!(report.contains("<svg") && report.trim_end().ends_with("</html>"));
    assert!(
        !report.contains("=\"http") && !report.contains("<script src") && !report.contains("url(http"),
        "it is to be one self-contained file"
    );
}

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
    let file = out.join("few.phyla");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/wordnet_glosses.txt");
    fs::write(&file, FEW.replace("TEXT", &text.display().to_string())).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    command.arg("run").arg(&file).arg("--out").arg(out.join(name)).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The candidates of such a run, carried on to its end.
fn candidates(out: &Path, name: &str, more: &[&str]) -> Vec<phyla::run::journal::Candidate> {
    let (code, stdout, stderr) = finish(&mut few(out, name, more));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let bytes = fs::read(journal(&out.join(name))).expect("a journal");
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
    let mut child = few(out.path(), "killed", &rungs).spawn().expect("the program starts");
    while fs::read_to_string(journal(&out.path().join("killed"))).map_or(0, |text| text.matches("\"rung\":").count()) < 10 {
        assert!(child.try_wait().expect("a state").is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let told = |all: &[phyla::run::journal::Candidate]| {
        all.iter().map(|one| (one.id, one.hash.clone(), one.steps, one.values.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&candidates(out.path(), "killed", &rungs)), told(&halved));
}

#[test]
fn what_computes_the_same_is_trained_once_and_several_objectives_are_measured() {
    let out = folder();
    let run = |name: &str, more: &[&str]| candidates(out.path(), name, more);
    let reusing = run("reusing", &[]);
    assert_eq!(reusing.len(), 40);
    let copies: Vec<_> = reusing.iter().filter_map(|one| Some((one, &reusing[one.same_as?]))).collect();
    assert!(copies.len() >= 3, "{}", copies.len());
    for (one, first) in copies {
        assert!(first.id < one.id && first.same_as.is_none() && first.hash != one.hash);
        assert_eq!((&one.function, one.held_out_loss, one.seconds), (&first.function, first.held_out_loss, 0.0));
    }
    for one in &reusing {
        let loss = one.held_out_loss.expect("a loss");
        assert_eq!((one.values.as_slice(), one.scores.is_none()), ([-loss, -(one.params as f64)].as_slice(), true));
    }
    // Trained anew, the copies have the same loss but for rounding: the identity told the truth.
    let anew = run("anew", &["--set", "search.dedupe=canonical", "--workers", "1"]);
    for (one, other) in reusing.iter().zip(&anew) {
        assert_eq!(one.hash, other.hash);
        let apart = (one.held_out_loss.expect("a loss") - other.held_out_loss.expect("a loss")).abs();
        assert!(apart < 1e-3, "candidate {}: {apart}", one.id);
    }
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
    // Of three generations after the first: three anchors and two parents each.
    assert_eq!(count(whole.path(), "rescored"), 3 * 5);
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
