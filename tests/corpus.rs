//! Corpora as they are kept: plain or compressed, text or JSON Lines, in folders; the same text gives the same run, and what is damaged is
//! named before anything is trained.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::process::{finish, folder};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Names and contents.
type Files = Vec<(&'static str, Vec<u8>)>;

fn lines() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/austen.txt")).expect("the shipped text");
    text.lines().take(600).map(str::to_owned).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("whole")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("whole")
}

/// A few steps of one small model on this corpus, in its own folder.
fn run(place: &Path, corpus: &str, out: &str) -> (Option<i32>, String) {
    let source = format!(
        "experiment on_it {{
    model = std.models.micro {{ vocabulary = 512 }}
    corpus = {corpus}
    final = {{ pretrain = std.train.pretrain_tiny {{ steps = 4 }}, suite = std.suites.mini {{ train.epochs = 1, rows = 8 }} }}
    compare = [std.architectures.bert.first(1)]
}}
"
    );
    fs::write(place.join("on_it.phyla"), source).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    let (code, _, stderr) = finish(command.current_dir(place).args(["run", "on_it.phyla", "--out", out]));
    (code, stderr)
}

/// The held-out loss and the scores of the only model.
fn results(place: &Path, out: &str) -> String {
    fs::read_to_string(place.join(out).join("results.csv")).expect("a table")
}

#[test]
fn the_same_text_is_the_same_corpus_however_it_is_kept() {
    let lines = lines();
    let halves = lines.split_at(300);
    let text = |lines: &[String]| (lines.join("\n") + "\n").into_bytes();
    let json = |documents: &[&[String]], key: &str| {
        let line = |lines: &&[String]| serde_json::json!({ "id": 1, key: lines.join("\n") }).to_string() + "\n";
        documents.iter().map(line).collect::<String>().into_bytes()
    };
    // The second file is compressed in two parts, as tools that append leave it.
    let parts = |compress: &dyn Fn(&[u8]) -> Vec<u8>| {
        let whole = text(halves.1);
        let (first, second) = whole.split_at(1000);
        [compress(first), compress(second)].concat()
    };
    let layouts: Vec<(&str, Files)> = vec![
        ("text(\"texts\")", vec![("a.txt", text(halves.0)), ("b.txt", text(halves.1)), ("note.md", b"not read".to_vec())]),
        ("text(\"texts\")", vec![("a.txt.gz", gzip(&text(halves.0))), ("b.txt.gz", parts(&gzip))]),
        ("text(\"texts\")", vec![("a.txt.zst", zstd(&text(halves.0))), ("b.txt.zst", parts(&zstd))]),
        ("text(\"texts\")", vec![("a.jsonl", json(&[halves.0, halves.1], "text"))]),
        ("text(\"texts/a.jsonl.zst\", key = \"body\")", vec![("a.jsonl.zst", zstd(&json(&[halves.0, halves.1], "body")))]),
    ];
    let mut first = None;
    for (corpus, files) in layouts {
        let place = folder();
        fs::create_dir(place.path().join("texts")).expect("made");
        for (name, bytes) in files {
            fs::write(place.path().join("texts").join(name), bytes).expect("written");
        }
        let (code, told) = run(place.path(), corpus, "run");
        assert_eq!(code, Some(0), "{corpus}: {told}");
        let found = results(place.path(), "run");
        assert!(found.contains("bert.first(1)"), "{found}");
        assert_eq!(*first.get_or_insert_with(|| found.clone()), found, "{corpus}");
    }
}

/// Hugging Face's cache is made of links.
#[cfg(unix)]
#[test]
fn links_are_followed_and_endings_may_be_large() {
    let lines = lines();
    let halves = lines.split_at(300);
    let [plain, linked] = [folder(), folder()];
    for (place, second) in [(&plain, "b.txt"), (&linked, "B.TXT")] {
        fs::create_dir(place.path().join("texts")).expect("made");
        fs::write(place.path().join("texts").join(second), halves.1.join("\n")).expect("written");
    }
    fs::write(plain.path().join("texts/A.txt"), halves.0.join("\n") + "\n").expect("written");
    fs::write(linked.path().join("blob"), halves.0.join("\n") + "\n").expect("written");
    // A link to nowhere that is no text, one to the folder itself, and a second name of a text change nothing.
    for (target, name) in [("../blob", "A.txt"), ("nowhere", "README"), (".", "again"), ("B.TXT", "c.txt")] {
        std::os::unix::fs::symlink(target, linked.path().join("texts").join(name)).expect("linked");
    }
    let found = [plain, linked].map(|place| {
        let (code, told) = run(place.path(), "text(\"texts\")", "run");
        assert_eq!(code, Some(0), "{told}");
        results(place.path(), "run")
    });
    assert_eq!(found[0], found[1]);
}

#[test]
fn a_file_that_is_named_twice_is_refused() {
    let place = folder();
    fs::create_dir(place.path().join("texts")).expect("made");
    fs::write(place.path().join("texts/a.txt"), lines().join("\n")).expect("written");
    let (code, told) = run(place.path(), "text(\"texts\", \"texts/a.txt\")", "run");
    assert!(code == Some(1) && told.contains("texts/a.txt twice") && !place.path().join("run").exists(), "{told}");
}

#[test]
fn what_is_damaged_is_named_before_anything_is_trained() {
    let whole = gzip(lines().join("\n").as_bytes());
    let not_text = [lines().join("\n").as_bytes(), b"\nnow \xff not"].concat();
    for (name, bytes, expected) in [
        ("a.txt.gz", whole[..whole.len() / 2].to_vec(), "damaged or cut short"),
        ("a.txt.zst", b"no such thing".to_vec(), "damaged or cut short"),
        ("a.txt.gz", gzip(&not_text), "line 601, character 5"),
        ("a.jsonl", b"{\"text\": \"one\"}\n{\"body\": \"two\"}\n".to_vec(), "line 2"),
        ("a.jsonl", b"\n\n".to_vec(), "is empty"),
    ] {
        let place = folder();
        fs::create_dir(place.path().join("texts")).expect("made");
        fs::write(place.path().join("texts").join(name), bytes).expect("written");
        let (code, told) = run(place.path(), "text(\"texts\")", "run");
        assert_eq!(code, Some(1), "{name}: {told}");
        assert!(told.contains(expected) && told.contains("on_it.phyla:3"), "{name}: {told}");
        assert!(!place.path().join("run").exists(), "{name}: something was written");
    }
}

#[test]
fn a_text_too_short_for_a_row_is_told_before_anything_is_trained() {
    let place = folder();
    fs::write(place.path().join("a.txt"), "one two\nthree\nfour\nfive\n".repeat(60)).expect("written");
    let (code, told) = run(place.path(), "text(\"a.txt\")", "run");
    assert!(code == Some(1) && told.contains("and a row takes 32") && !told.contains("final training"), "{told}");
}

/// Runs share token files in a cache; one that was cut short is made anew.
#[test]
fn a_damaged_token_file_is_made_anew() {
    let place = folder();
    fs::write(place.path().join("a.txt"), lines().join("\n")).expect("written");
    let (code, told) = run(place.path(), "text(\"a.txt\")", "runs/one");
    assert_eq!(code, Some(0), "{told}");
    let cached: Vec<_> =
        fs::read_dir(place.path().join("runs/cache")).expect("a cache").map(|entry| entry.expect("an entry").path()).collect();
    let tokens = cached.iter().find(|path| path.extension().is_some_and(|ending| ending == "bin")).expect("a token file");
    let whole = fs::read(tokens).expect("a token file");
    fs::write(tokens, &whole[..whole.len() - 9]).expect("written");
    let (code, told) = run(place.path(), "text(\"a.txt\")", "runs/two");
    assert_eq!(code, Some(0), "{told}");
    assert!(fs::read(tokens).expect("a token file") == whole, "it is another one");
    assert_eq!(results(place.path(), "runs/one"), results(place.path(), "runs/two"));
}

#[test]
fn of_much_text_no_more_is_held_out_than_judging_takes() {
    let place = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string("experiments/data/austen.txt").expect("the shipped text");
    fs::write(place.path().join("a.txt"), text.repeat(3)).expect("written");
    let (code, stderr) = run(place.path(), "{ source = text(\"a.txt\"), holdout = 50% }", "run");
    assert_eq!(code, Some(0), "{stderr}");
    let journal = fs::read_to_string(place.path().join("run/journal.jsonl")).expect("a journal");
    let tokens = |of: &str| {
        let (_, rest) = journal.split_once(&format!("\"{of}_tokens\":")).expect("a count");
        rest.split(',').next().and_then(|count| count.parse::<f64>().ok()).expect("a number")
    };
    let share = tokens("held_out") / (tokens("held_out") + tokens("train"));
    let expected = (4 << 20) as f64 / (3 * text.len()) as f64;
    assert!((share - expected).abs() < 0.01, "{share}, and not {expected}");
}

#[test]
fn rows_of_sentences_train_and_are_another_experiment() {
    let place = folder();
    fs::write(place.path().join("a.txt"), lines().join("\n")).expect("written");
    let held_out = |sentences: &str, out: &str| {
        let (code, stderr) = run(place.path(), &format!("{{ source = text(\"a.txt\"){sentences} }}"), out);
        assert_eq!(code, Some(0), "{stderr}");
        results(place.path(), out)
    };
    let full = held_out("", "full");
    assert_eq!(full, held_out(", whole_sentences = false", "false"), "as where nothing is said");
    assert_ne!(full, held_out(", whole_sentences = true", "true"));
    let fingerprint = |out: &str| {
        let journal = fs::read_to_string(place.path().join(out).join("journal.jsonl")).expect("a journal");
        journal.split_once("\"fingerprint\":\"").and_then(|(_, rest)| rest.get(..32)).expect("a fingerprint").to_owned()
    };
    assert_ne!(fingerprint("full"), fingerprint("true"));
}
