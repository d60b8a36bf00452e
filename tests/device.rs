//! The device from the command line: what is not there is refused in one line, before anything is spent.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
use std::process::Command;

/// The exit code and what was said on standard error.
fn phyla(arguments: &[&str]) -> (Option<i32>, String, String) {
    let out = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    if matches!(arguments, ["run" | "train", ..]) {
        command.arg("--out").arg(out.path().join("run"));
    }
    let done = command.output().expect("`phyla` runs");
    assert!(!out.path().join("run").exists(), "something was begun");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    let file = "experiments/smoke.phyla";
    for arguments in [
        &["run", file, "--device", "cuda:999"][..],
        &["run", file, "--set", "device=cuda(999)"],
        &["train", file, "std.architectures.bert.first(2)", "--device", "cuda:999"],
        &["plan", file, "--measure", "--device", "cuda:999"],
    ] {
        let (code, stdout, stderr) = phyla(arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}: {stderr}");
        // The message, and the mend that names the devices or the build that would have them.
        assert!(stderr.contains("E0907") && stderr.contains("cpu"), "{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.contains('×')).count(), 1, "{stderr}");
    }
}

#[test]
fn a_plan_that_measures_nothing_needs_no_device() {
    let (code, stdout, stderr) = phyla(&["plan", "experiments/smoke.phyla", "--device", "cuda:999"]);
    assert_eq!(code, Some(0), "{stderr}");
    // Only the CPU's memory is told.
    let cpu = phyla(&["plan", "experiments/smoke.phyla", "--device", "cpu"]).1;
    assert_eq!(cpu.split_once("memory").map(|(before, _)| before), Some(stdout.as_str()));
}

#[test]
fn a_name_that_is_no_device_is_not_understood() {
    for name in ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", ""] {
        let (code, _, stderr) = phyla(&["run", "experiments/smoke.phyla", "--device", name]);
        assert!(code == Some(2) && stderr.contains("a device is `cpu`, `cuda` or `cuda:N`"), "{name}: {stderr}");
    }
}

#[test]
fn bf16_is_refused_on_the_cpu_and_allowed_on_a_gpu() {
    let places = ["final.pretrain", "evaluate.pretrain", "final.suite.train", "evaluate.suite.train"];
    for place in places {
        let change = format!("{place}.precision=bf16");
        let (code, _, stderr) = phyla(&["plan", "experiments/smoke.phyla", "--set", &change]);
        assert!(code == Some(1) && stderr.contains("E0611") && stderr.contains("bf16 needs a GPU"), "{place}: {stderr}");
        let (code, _, stderr) = phyla(&["plan", "experiments/smoke.phyla", "--set", &change, "--device", "cuda:0"]);
        assert_eq!(code, Some(0), "{place}: {stderr}");
    }
}

#[test]
fn what_keeps_all_activations_says_so() {
    let change = "final.pretrain.recompute=true";
    let (code, _, stderr) = phyla(&["plan", "experiments/smoke.phyla", "--measure", "--executor", "candle", "--set", change]);
    assert!(code == Some(1) && stderr.contains("E0907") && stderr.contains("`candle` keeps all activations"), "{stderr}");
}
