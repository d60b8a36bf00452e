//! Tables as a user makes and uses them: complete, the same bytes however they were built, and refused where anything is missing.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
use phyla::run::table::{Row, Table};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

const SOURCE: &str = "use std.layers { attention, encoder_layer }
use std.models { micro }
use std.search { local_search, op_nas, random_search, scratch }
use std.suites { mini }
use std.train { pretrain_tiny }

ops joins = [cosine, matmul, scale, add]

space few {
    mixer = attention(dag(inputs = [q, k, v], ops = joins, depth = 1..=3, size = 1..=3, uses = 3..=3))
    body = repeat(2, tie = 2) { encoder_layer(mixer) }
    require mixes(n)
}

architecture gated = few { mixer = [attention(graph(q, k, v) { cosine(q, k) @ v })] }

experiment evolved {
    model = micro { hidden = 16, feed_forward = 16, length = 16, vocabulary = 512 }
    space = few
    corpus = text(\"TEXT\")
    search = op_nas { population = 6, parents = 2, children = 2, evaluations = 20 }
    evaluate = scratch { adapt = 4, pretrain = pretrain_tiny, suite = mini }
    final = { pretrain = pretrain_tiny, suite = mini }
    compare = [gated]
    objective = minimize(loss)
}

experiment drawn = evolved { search = random_search { population = 6, parents = 2, children = 2, evaluations = 20 } }

experiment climbed = evolved { search = local_search { population = 6, children = 2, evaluations = 20 } }
";

fn phyla(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_phyla")).current_dir(folder).args(arguments).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A folder with the source, and the table built without interruption.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("table");
    let _gone = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/wordnet_glosses.txt");
    fs::write(folder.join("few.phyla"), SOURCE.replace("TEXT", &text.display().to_string())).expect("written");
    let (code, _, stderr) = phyla(&folder, &["table", "build", "few.phyla", "--experiment", "evolved", "--out", "whole.jsonl"]);
    assert_eq!(code, Some(0), "{stderr}");
    folder
});

fn table() -> Table {
    let text = fs::read_to_string(BUILT.join("whole.jsonl")).expect("a table");
    Table::from_text("whole.jsonl", &text).expect("whole")
}

#[test]
fn a_table_is_complete_and_the_same_bytes_after_an_interruption() {
    let folder = &*BUILT;
    let whole = table();
    assert!(whole.rows.len() > 20 && whole.rows.len() < whole.header.members, "{}", whole.rows.len());
    assert_eq!(whole.rows.iter().map(|row| row.members).sum::<usize>(), whole.header.members);
    assert!(whole.rows.iter().all(|row| row.loss.iter().flatten().count() == 2), "a loss for each seed");
    let arguments = ["table", "build", "few.phyla", "--experiment", "evolved", "--out", "again.jsonl", "--workers", "1"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_phyla"))
        .current_dir(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let journal = folder.join("again.work/journal.jsonl");
    let tabled = || fs::read_to_string(&journal).map_or(0, |text| text.matches("\"tabled\"").count());
    while tabled() < 5 {
        assert!(child.try_wait().expect("a state").is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let before = tabled();
    assert!(before < 2 * whole.rows.len(), "it was killed in its midst");
    let (code, _, stderr) = phyla(folder, &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(tabled(), 2 * whole.rows.len(), "nothing was trained twice");
    assert_eq!(fs::read(folder.join("again.jsonl")).expect("a table"), fs::read(folder.join("whole.jsonl")).expect("a table"));
}

#[test]
fn what_is_missing_or_changed_is_refused() {
    let folder = &*BUILT;
    let text = fs::read_to_string(folder.join("whole.jsonl")).expect("a table");
    let lines: Vec<&str> = text.lines().collect();
    let refused = |name: &str, text: &str, file: &str, said: &str| {
        fs::write(folder.join(name), text).expect("written");
        let (code, _, stderr) = phyla(folder, &["table", "compare", name, file, "--seeds", "1..2"]);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(said) && stderr.contains("help:") && !stderr.contains("panicked"), "{stderr}");
    };
    let without = [&lines[..7], &lines[8..]].concat().join("\n") + "\n";
    refused("cut.jsonl", &without, "few.phyla", &format!("it has {} rows, and was written with {}", lines.len() - 2, lines.len() - 1));
    refused("changed.jsonl", &text.replacen("\"members\":1,", "\"members\":2,", 1), "few.phyla", "its rows are not those");
    refused("none.jsonl", "nothing\n", "few.phyla", "line 1");
    // A table that was written without a row is whole, and lacks a member.
    let mut lacking = table();
    lacking.rows.remove(4);
    refused("lacking.jsonl", &lacking.to_text(), "few.phyla", "the table has no row for");
    let source = fs::read_to_string(folder.join("few.phyla")).expect("a source");
    fs::write(folder.join("other.phyla"), source.replace("adapt = 4,", "adapt = 5,")).expect("written");
    refused("whole2.jsonl", &text, "other.phyla", "the table was built from `evolved`, whose space, model, text or training is another");
    fs::write(folder.join("budgets.phyla"), source.replacen("evaluations = 20", "evaluations = 19", 1)).expect("written");
    refused("whole3.jsonl", &text, "budgets.phyla", "evaluations");
}

/// Before anything is trained: a table over its own source, a folder, or what is no table; and a search that it cannot replay.
#[test]
fn a_table_replaces_nothing_but_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(BUILT.join("few.phyla")).expect("the source");
    fs::write(folder.path().join("few.phyla"), &text).expect("written");
    fs::write(folder.path().join("notes.jsonl"), "{}\n").expect("written");
    fs::create_dir(folder.path().join("place")).expect("made");
    for (target, why) in [("few.phyla", "is a source"), ("notes.jsonl", "is no table"), ("place", "is a folder")] {
        let (code, _, stderr) = phyla(folder.path(), &["table", "build", "few.phyla", "--experiment", "evolved", "--out", target]);
        assert!(code == Some(1) && stderr.contains("E0902") && stderr.contains(why), "{stderr}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("few.phyla")).expect("the source"), text);
    let (code, _, stderr) = phyla(folder.path(), &["graph", "few.phyla", "few", "--svg", "few.phyla"]);
    assert!(code == Some(1) && stderr.contains("is a source"), "{stderr}");
    fs::copy(BUILT.join("whole.jsonl"), folder.path().join("whole.jsonl")).expect("copied");
    let drawn_over = ["table", "compare", "whole.jsonl", "few.phyla", "--seeds", "1..2", "--svg", "whole.jsonl"];
    let (code, _, stderr) = phyla(folder.path(), &drawn_over);
    assert!(code == Some(1) && stderr.contains("is what this is made of"), "{stderr}");
    // A folder of files that lies below the devices' is one like any other.
    if let Ok(shared) = tempfile::tempdir_in("/dev/shm") {
        let drawing = shared.path().join("few.svg").display().to_string();
        let (code, _, stderr) = phyla(folder.path(), &["graph", "few.phyla", "few", "--svg", &drawing]);
        assert!(code == Some(0) && fs::read_to_string(&drawing).is_ok_and(|text| text.contains("<svg")), "{stderr}");
    }
    for (change, code, why) in
        [("objective = maximize(score)", "E0614", "losses alone"), ("search.halving = {}", "E0613", "whole trainings")]
    {
        let other = text.replace(
            "experiment climbed = evolved { ",
            &format!("experiment other = evolved {{ {change} }}\nexperiment climbed = evolved {{ "),
        );
        fs::write(folder.path().join("other.phyla"), other).expect("written");
        let table = BUILT.join("whole.jsonl").display().to_string();
        let (status, _, stderr) =
            phyla(folder.path(), &["table", "compare", &table, "other.phyla", "--experiments", "other", "--seeds", "1..2"]);
        assert!(status == Some(1) && stderr.contains(code) && stderr.contains(why), "{stderr}");
    }
}

#[test]
fn searches_are_compared_and_the_table_described() {
    let folder = &*BUILT;
    let (code, stdout, stderr) = phyla(folder, &["table", "compare", "whole.jsonl", "few.phyla", "--seeds", "1..30", "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    let names: Vec<&str> = found["rivals"].as_array().expect("a list").iter().filter_map(|rival| rival["name"].as_str()).collect();
    assert_eq!(names, ["evolved", "drawn", "climbed"]);
    for pair in found["pairs"].as_array().expect("a list") {
        for of in ["end", "area"] {
            let count = |name: &str| pair[of][name].as_u64().expect("a count");
            assert_eq!(count("wins") + count("ties") + count("losses"), 30);
            let rate = |at: usize| pair[of]["rate"][at].as_f64().expect("a share");
            assert!(0.0 <= rate(1) && rate(1) <= rate(0) && rate(0) <= rate(2) && rate(2) <= 1.0);
            let p = |name: &str| pair[of][name].as_f64().expect("a p-value");
            assert!(p("p") <= p("holm") && p("holm") <= 1.0);
        }
    }
    // The same whatever the number of threads; a search against itself differs in nothing.
    let alone = phyla(folder, &["table", "compare", "whole.jsonl", "few.phyla", "--seeds", "1..30", "--json", "--workers", "1"]);
    assert_eq!(alone.1, stdout);
    let same = ["table", "compare", "whole.jsonl", "few.phyla", "--seeds", "1..5", "--experiments", "drawn,drawn", "--json"];
    let same: Value = serde_json::from_str(&phyla(folder, &same).1).expect("JSON");
    assert_eq!(same["pairs"][0]["end"]["ties"].as_u64(), Some(5));
    let (code, stdout, stderr) = phyla(folder, &["table", "show", "whole.jsonl", "few.phyla", "--experiment", "evolved"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("standard deviation over seeds") && stdout.contains("gated"), "{stdout}");
}

/// A budget larger than the space ends where the smallest seen loss is.
#[test]
fn an_exhaustive_search_ends_at_the_smallest_seen_loss() {
    let folder = &*BUILT;
    let source = fs::read_to_string(folder.join("few.phyla")).expect("a source");
    fs::write(folder.join("all.phyla"), source.replace("evaluations = 20", "evaluations = 5000")).expect("written");
    let arguments = ["table", "compare", "whole.jsonl", "all.phyla", "--seeds", "7..7", "--experiments", "drawn", "--json"];
    let (code, stdout, stderr) = phyla(folder, &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    let rows = table().rows;
    let seen = |row: &Row| row.drawn(7).0.expect("a loss");
    let best = rows.iter().min_by(|one, other| seen(one).total_cmp(&seen(other))).expect("rows");
    let reached = found["rivals"][0]["medians"].as_array().and_then(|medians| medians.last()).expect("medians")[1].as_f64();
    assert_eq!(reached, best.drawn(7).1);
}

/// The tables that ship are whole and of the experiments that say how they were made.
#[test]
fn the_tables_that_ship_hold_every_member() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["attention", "operation"] {
        let (table, file) = (format!("experiments/data/{name}_table.jsonl"), format!("experiments/{name}_table.phyla"));
        let (code, stdout, stderr) = phyla(root, &["table", "show", &table, &file, "--json"]);
        assert_eq!(code, Some(0), "{stderr}");
        let facts: Value = serde_json::from_str(&stdout).expect("JSON");
        assert_eq!(
            (facts["failed"].as_u64(), facts["known"].as_array().map(Vec::len)),
            (Some(0), Some(if name == "attention" { 4 } else { 2 }))
        );
        let rows = facts["members"][1].as_u64().expect("a count");
        assert!((300..=900).contains(&rows), "{rows}");
        assert!(fs::metadata(root.join(&table)).expect("a file").len() < 1 << 20);
    }
}
