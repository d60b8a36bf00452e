//! Broken, deep and large texts: a clear mistake, the rest of the file still read, nothing slow and no panic.

use super::trees::{LANGUAGE, codes, sound};
use crate::diagnostic::{Code, FileId, Sources, render_all};
use crate::syntax::{MAX_BYTES, MAX_HEIGHT, MAX_NESTING, parse, parse_expression};
use proptest::prelude::*;
use std::time::Instant;

fn names(text: &str) -> Vec<String> {
    parse(FileId(0), text).file.items.into_iter().map(|item| item.name.text).collect()
}

/// The drawing of what is wrong with a text.
fn drawn(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("test.phyla", text);
    render_all(&parse(file, text).diagnostics, &sources, false)
}

#[test]
fn a_broken_item_hides_no_other() {
    let text = "model a { h = = 1 }\n\n/// Good.\nmodel b { h = 1 }\nuse std.x { y, 3 }\nmodel c { h = 2 }\nmodle d { }\n";
    assert_eq!(names(text), ["b", "c"]);
    assert_eq!(codes(text), [Code::SYNTAX, Code::SYNTAX, Code::UNKNOWN_KIND]);
    let parsed = parse(FileId(0), text);
    assert_eq!(parsed.tree.print(text), text);
    assert_eq!(parsed.file.items[0].doc, ["Good."]);
    let broken: Vec<&str> = parsed.file.broken.iter().map(|name| name.text.as_str()).collect();
    assert_eq!(broken, ["a", "y"]);
}

#[test]
fn what_is_not_closed_ends_where_the_next_item_begins() {
    let text = "experiment a {\n    search = op_nas {\n        parents = 3\n}\n\nmodel b { h = 1 }\nmodel c = f(1\nuse std.x { y }\nmodel d { s = \"a }\nmodel e { }\n";
    assert_eq!(names(text), ["b", "e"]);
    assert_eq!(codes(text), [Code::UNCLOSED; 3]);
    let first = &parse(FileId(0), text).diagnostics[0];
    // The brace of `search` lacks its closer: the next one stands too far to the left to be it.
    assert_eq!(text.get(first.labels[0].span.start as usize - 7..first.labels[0].span.end as usize), Some("op_nas {"));
    assert_eq!(codes("model a { x = (1 }\nmodel b { }\n"), [Code::UNCLOSED]);
    assert_eq!(codes("model a { }\n}\nmodel b { }\n"), [Code::CLOSES_NOTHING]);
    assert_eq!(names("model a { }\n}\nmodel b { }\n"), ["a", "b"]);
    assert_eq!(codes("model a { // }\nmodel b { x = \"{\" }\n"), [Code::UNCLOSED]);
    assert_eq!(parse_expression(FileId(0), "f(").expect_err("not closed").code, Code::UNCLOSED);
    assert_eq!(parse_expression(FileId(0), "").expect_err("empty").code, Code::SYNTAX);
    assert_eq!(parse_expression(FileId(0), "a b").expect_err("two").code, Code::SYNTAX);
}

#[test]
fn mistakes_are_told_in_words() {
    let texts = [
        "model a { h = }\n",
        "model a { h 1 }\n",
        "model a { h = 1 w = 2 }\n",
        "graph f(x [n, h]) { x }\n",
        "graph f(x: ) { x }\n",
        "graph f(x: [n, h]) -> { x }\n",
        "graph f(x: [n, h])\n{ x }\n",
        "model a { h = f(1 2) }\n",
        "use std.ops\n",
        "use { x }\n",
        "modle a { h = 1 }\n",
        "model a { h = 1 +\n}\n",
        "model a { h = 3 stops }\n",
        "model a { h = é }\n",
        "model a { h == 1 }\n",
        "graph f(x) { a = x\n (a)\n b = a }\n",
        "test \"t\" { a = b }\n",
        "model a { } model b { }\n",
        "model a { x = [1 2 }\n",
        "model a { x = { } y }\n",
        "model a { x = \"a\\z\" }\n",
        "model a {\n    h = (1\n",
    ];
    let all: String = texts.iter().map(|text| drawn(text)).collect();
    for rule in ["whole_item", "open_brace", "type_input", "EOI"] {
        assert!(!all.contains(rule), "{rule}");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("{ a = ", " }"), ("graph(q) { ", " }"), ("-f(x, ", ")"), ("1 + (", ")")] {
        let text = |depth: usize| format!("model a = {}1{}\n", open.repeat(depth), close.repeat(depth));
        let allowed = MAX_NESTING / open.matches(['(', '[', '{']).count();
        sound(&text(allowed - 1));
        for depth in [MAX_NESTING + 1, 10_000] {
            assert_eq!(codes(&text(depth)), [Code::NESTING], "{open} {depth}");
            let cut = format!("model a = {}", open.repeat(depth));
            assert_eq!(codes(&cut), [Code::NESTING]);
        }
        let broken = format!("model a = {}", text(allowed - 1).replace('1', "%"));
        assert_eq!(codes(&broken), [Code::SYNTAX]);
    }
}

#[test]
fn chains_are_bounded() {
    for (first, more) in [("a", " + a"), ("a", " |> a"), ("a", "(a)"), ("f()", ".a"), ("-a", " * -a"), ("a", " @ -a(b)")] {
        let text = |length: usize| format!("model a = {first}{}\n", more.repeat(length));
        sound(&text(MAX_HEIGHT / 2));
        assert_eq!(codes(&text(100_000)), [Code::NESTING], "{more}");
    }
    assert_eq!(codes(&format!("model a = {}a\n", "-".repeat(100_000))), [Code::NESTING]);
    assert_eq!(codes(&format!("model a = f{}\n", "(graph(q) {".repeat(100_000))), [Code::NESTING]);
    let inner = format!("{}1", "1 + ".repeat(200));
    let nested = format!("{}1{}", format!("f({inner} * ").repeat(100), ")".repeat(100));
    assert_eq!(codes(&format!("model a = {nested}\n")), []);
    let tall = format!("{}1{}", format!("f({}", "-".repeat(200)).repeat(100), ")".repeat(100));
    assert_eq!(codes(&format!("model a = {tall}\n")), [Code::NESTING]);
    assert_eq!(codes(&format!("graph f(x: {}[n]) {{ x }}\n", "graph() -> ".repeat(100_000))), [Code::SYNTAX]);
}

#[test]
fn large_texts_are_quick() {
    let began = Instant::now();
    let long = "a".repeat(1 << 20);
    sound(&format!("model {long} {{ {long} = {long} }}\n"));
    assert_eq!(codes(&format!("model {long} {{ {long} {long} }}\n")), [Code::SYNTAX]);
    assert_eq!(codes(&format!("{long}\n")), [Code::UNKNOWN_KIND]);
    assert!(drawn(&format!("model a {{ b {long} }}")).contains("aaa…`"));
    sound(&format!("model a {{ x = [{}] }}\n", "1, ".repeat(100_000)));
    sound(&format!("model a = b // {long}\n{}", "\n".repeat(1 << 20)));
    sound(&format!("model a = (b{}+ c)\n", "\n".repeat(1 << 20)));
    assert_eq!(codes(&" ".repeat(MAX_BYTES + 1)), [Code::TOO_LARGE]);
    assert_eq!(codes(&" ".repeat(MAX_BYTES)), []);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn nothing_is_tried_again_and_again() {
    let began = Instant::now();
    for open in ["require {", "a = { ", "graph(q) {", "repeat(2) { require f(", "choose { a = f(graph(q) {", "f(a = [", "require -{"] {
        let depth = 80;
        let closers: String = open
            .repeat(depth)
            .chars()
            .rev()
            .filter_map(|c| match c {
                '(' => Some(')'),
                '{' => Some('}'),
                '[' => Some(']'),
                _ => None,
            })
            .skip(depth * open.matches(" q) ").count())
            .collect();
        // Some openers above close their own parenthesis; only brackets that stay open want a closer.
        let closers = if open.contains("(q)") || open.contains("(2)") { closers.replacen(')', "", depth) } else { closers };
        parse(FileId(0), &format!("space a {{ {} % {closers} }}\n", open.repeat(depth)));
    }
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in "(?s).{0,200}") {
        let parsed = parse(FileId(0), &text);
        prop_assert_eq!(parsed.tree.print(&text), text);
    }

    #[test]
    fn any_row_of_tokens_is_read(tokens in prop::collection::vec(prop::sample::select(vec![
        "model ", "graph ", "use ", "x", "f", " = ", "{", "}", "(", ")", "[", "]", "\n", ", ", "-", " + ", "|>", "// c\n", "\"t\"", "\"", "7 steps", ".", ": ", "->", "require ", "..=",
    ]), 0..80)) {
        let text = tokens.concat();
        let parsed = parse(FileId(0), &text);
        prop_assert_eq!(parsed.tree.print(&text), text);
    }

    #[test]
    fn a_text_with_a_hole_is_read(from in 0..LANGUAGE.len(), length in 1..60usize) {
        let broken: String = LANGUAGE.char_indices().filter(|(at, _)| *at < from || *at >= from + length).map(|(_, c)| c).collect();
        let parsed = parse(FileId(0), &broken);
        prop_assert_eq!(parsed.tree.print(&broken), &*broken);
        // What is far from the hole is not lost.
        prop_assert!(parsed.file.items.len() >= 20, "{}", drawn(&broken));
    }
}
