//! The error index: every code has its page, every page its code; examples fail as they should and are sound when mended.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::{Memory, check};
use phyla::diagnostic::{CODES, Code, page, pages};
use std::process::Command;

/// Codes of what no single file shows: sources of several files or of many bytes, data, and runs, each tested where it belongs.
const WITHOUT: &[Code] = &[
    Code::NESTING,
    Code::TOO_LARGE,
    Code::NOT_TEXT,
    Code::IMPORT_CYCLE,
    Code::DATA,
    Code::ROWS,
    Code::DATA_TEXT,
    Code::SUBMISSION,
    Code::RUN_FOLDER,
    Code::WRITE,
    Code::DIVERGED,
    Code::EXECUTOR,
    Code::INTERRUPTED,
    Code::USAGE,
    Code::DEVICE,
    Code::MEMORY,
    Code::INTERNAL,
    Code::FALSE_CLAIM,
];

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let titles: Vec<(&str, &str)> = CODES.iter().map(|(code, title)| (code.0, *title)).collect();
    let told: Vec<(&str, &str)> = pages().map(|page| (page.code, page.title)).collect();
    assert_eq!(titles, told);
    let mut sorted: Vec<&str> = told.iter().map(|(code, _)| *code).collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), CODES.len(), "a code stands twice");
    for (code, _) in CODES {
        let page = code.page().expect("a page");
        let shown = !WITHOUT.contains(code);
        assert_eq!((page.failing.is_some(), page.mended.is_some()), (shown, shown), "{}", code.0);
        assert!(page.failing.is_some() || !page.text.is_empty(), "{} says nothing", code.0);
    }
}

/// Every example fails with its own code alone, at a place and with a mend; mended, it has no mistake. The drawings were read.
#[test]
fn examples_fail_as_they_say_and_are_sound_when_mended() {
    let mut drawings = String::new();
    for (code, _) in CODES {
        let page = code.page().expect("a page");
        let (Some(failing), Some(mended)) = (page.failing, page.mended) else { continue };
        let key = format!("experiments/{}.phyla", code.0);
        let (drawn, found) = check(&Memory::new(&[(&key, failing)]), &key);
        let codes: Vec<Code> = found.iter().map(|one| one.code).collect();
        assert_eq!(codes, [*code], "{}:\n{drawn}", code.0);
        assert!(found.iter().all(|one| one.help.is_some() && !one.labels.is_empty()), "{} lacks a mend or a place:\n{drawn}", code.0);
        drawings += &drawn;
        let (drawn, found) = check(&Memory::new(&[(&key, mended)]), &key);
        assert!(found.is_empty(), "{} mended:\n{drawn}", code.0);
        let formatted = phyla::syntax::format(mended).expect("sound");
        assert_eq!(formatted, mended, "{} mended is not in the canonical layout", code.0);
    }
    insta::assert_snapshot!("every_mistake", drawings);
}

#[test]
fn codes_are_explained_on_the_command_line() {
    let explain = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_phyla")).arg("explain").args(arguments).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, told, _) = explain(&["e0401"]);
    assert!(code == Some(0) && told.starts_with("E0401: Shapes do not fit an operation.\n\nBoth shapes"), "{told}");
    assert!(told.contains("Mended:\n\n    graph mixed(") && !told.contains("```"), "{told}");
    let (code, told, _) = explain(&[]);
    assert_eq!((code, told.lines().count()), (Some(0), CODES.len()));
    let (_, told, _) = explain(&["W0601", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told).expect("JSON")["code"], "W0601");
    let (code, _, why) = explain(&["E0400"]);
    assert!(code == Some(2) && why.contains("there is no code `E0400`") && why.contains("did you mean"), "{why}");
    assert_eq!(page("nonsense"), None);
}
