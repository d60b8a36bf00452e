//! Runs as a user starts them: the same bytes however often they are interrupted, and clear words where one cannot go on.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod common;

use common::process::{COMPARED, complete, count, finish, folder, journal, kinds, phyla, reached, until};
use std::fs;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;

/// A run that must fail, with what it says.
fn refused(out: &Path, more: &[&str]) -> String {
    let (code, _, stderr) = finish(&mut phyla(out, more));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(!stderr.contains("panicked") && stderr.contains("help:"), "{stderr}");
    stderr
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
    for entry in walkdir::WalkDir::new(&*REFERENCE).min_depth(1).into_iter().map(|entry| entry.expect("an entry")) {
        let to = copy.path().join(entry.path().strip_prefix(&*REFERENCE).expect("below it"));
        if entry.file_type().is_dir() { fs::create_dir(to) } else { fs::copy(entry.path(), to).map(drop) }.expect("copied");
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

/// The loss of the last steps of the warm-up, those before an interruption included.
fn warm_up_loss(out: &Path) -> Option<f64> {
    let (entries, _) = phyla::run::journal::read(&fs::read(journal(out)).expect("a journal")).expect("a sound journal");
    entries.iter().find_map(|entry| if let phyla::run::journal::Entry::Warmup { loss, .. } = entry { Some(*loss) } else { None })
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
    goes_on(out.path());
}

fn goes_on(out: &Path) {
    let said = complete(out, &[]);
    assert!(said.contains("going on with the run in"), "{said}");
    same_as_uninterrupted(out);
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

/// Kills a run of the last table as soon as its journal has this many entries of a kind.
fn killed_after(kind: &str, many: usize) {
    let out = folder();
    let (mut child, _lines) = until(out.path(), &[], "final training: ");
    while count(out.path(), kind) < many {
        assert!(child.try_wait().expect("a state").is_none(), "it ended before: {:?}", kinds(out.path()));
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(count(out.path(), "final") < 4, "killed too late: {:?}", kinds(out.path()));
    goes_on(out.path());
}

#[test]
fn killed_between_pre_trainings_it_goes_on() {
    killed_after("pretrained", 2);
}

#[test]
fn killed_between_fine_tunings_it_goes_on() {
    killed_after("tuned", 5);
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

/// A file that happens to have the journal's name makes no run folder, and what lies beside it stays.
#[test]
fn notes_of_the_same_name_are_no_journal() {
    let out = folder();
    fs::create_dir(out.path().join("work")).expect("made");
    fs::write(out.path().join("work/thesis.txt"), "years of work").expect("written");
    fs::write(journal(out.path()), "{\"my\":\"notes\"}").expect("written");
    for more in [&[][..], &["--fresh"]] {
        let said = refused(out.path(), more);
        assert!(said.contains("E0901") && said.contains("is no run folder"), "{said}");
    }
    assert_eq!(fs::read_to_string(journal(out.path())).expect("the notes"), "{\"my\":\"notes\"}");
    assert!(out.path().join("work/thesis.txt").exists());
}

/// A last line that is whole and was changed is no line that was cut short.
#[test]
fn a_damaged_last_line_is_refused() {
    let out = copy();
    let mut bytes = fs::read(journal(out.path())).expect("a journal");
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(journal(out.path()), &bytes).expect("written");
    let said = refused(out.path(), &[]);
    assert!(said.contains("E0901") && said.contains("is damaged"), "{said}");
    assert!(fs::read(journal(out.path())).expect("a journal") == bytes, "it was changed");
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_removed_during_a_run_is_missed() {
    let place = folder();
    let out = place.path().join("run");
    let (mut child, mut lines) = until(&out, &["--set", "evaluate.warmup=3_000"], "warm-up: ");
    fs::remove_dir_all(&out).expect("removed");
    let mut said = String::new();
    lines.read_to_string(&mut said).expect("text");
    let status = child.wait().expect("an end");
    assert!(status.code() == Some(1) && !said.contains("panicked"), "{said}");
    assert!(said.contains("removed or replaced") || said.contains("cannot be written: its folder is not there"), "{said}");
    complete(&out, &["--set", "evaluate.warmup=30"]);
}

/// As a run leaves it that was killed before its journal began, or while `--fresh` emptied it.
#[test]
fn a_folder_without_a_journal_yet_is_a_run_folder() {
    let out = folder();
    fs::create_dir(out.path().join("work")).expect("made");
    fs::write(out.path().join("lock"), "").expect("written");
    let (code, stdout, stderr) = finish(&mut phyla(out.path(), &["--until", "warm-up"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
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
        // Where the machine is slow, a file of tokens has begun before the program is killed.
        let vocabulary = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vocabulary-"));
        found.filter(vocabulary).collect::<Vec<PathBuf>>()
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
    // Nothing is called the best, and nothing is left that only the training needed.
    let journal = fs::read_to_string(journal(out.path())).expect("a journal");
    assert!(journal.contains("\"name\":\"bert.first(2)\"") && !journal.contains("\"best\""), "{journal}");
    assert!(out.path().join("model.safetensors").exists() && !out.path().join("work").exists());
    let (code, _, stderr) = train(&["--set", "seed=2"]);
    assert!(code == Some(1) && stderr.contains("another experiment"), "{stderr}");
}

/// Whichever executor carries it out: the same numbers are drawn, and what is left between them is rounding.
#[test]
fn candle_trains_the_same_model() {
    let out = tempfile::tempdir().expect("a folder");
    let losses = ["native", "candle"].map(|executor| {
        let folder = out.path().join(executor);
        let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", "experiments/smoke.phyla", "std.architectures.bert.first(2)"]);
        let (code, _, stderr) = finish(command.args(["--executor", executor, "--out"]).arg(&folder));
        assert_eq!(code, Some(0), "{stderr}");
        let journal = fs::read_to_string(folder.join("journal.jsonl")).expect("a journal");
        let entries = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        entries.filter_map(|entry| entry["entry"]["held_out_loss"].as_f64()).next().expect("a loss")
    });
    let [native, candle] = losses;
    assert!((native - candle).abs() < 1e-3 * native, "{losses:?}");
}

#[test]
fn a_full_disk_is_told_and_gone_on_from() {
    let Some(disk) = Small::new("300k") else {
        common::skipped("this user may not mount a small file system");
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
        use \"best.phyla\" { autobert_zero, best as found }\n\nexperiment next {\n    model = micro\n    space = autobert_zero { layers = 2 }\n    corpus = text(\"words.txt\")\n    \
        search = op_nas { population = 4, evaluations = 6 }\n    evaluate = biws { pretrain = pretrain_tiny, suite = mini }\n    \
        final = { pretrain = pretrain_tiny, suite = mini }\n    compare = [found, found.first(1)]\n}\n";
    fs::write(at("next.phyla"), next).expect("written");
    fs::write(at("words.txt"), "one\ntwo\n").expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let (code, stdout, stderr) = finish(command.arg("check").args([at("experiment.phyla"), at("best.phyla"), at("next.phyla")]));
    // Nothing is found but that `found.first(1)` is less deep than the space.
    assert!(code == Some(0) && stderr.starts_with("W0604") && stderr.matches("help:").count() == 1, "{stdout}{stderr}");
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
