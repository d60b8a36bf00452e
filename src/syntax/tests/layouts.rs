//! The canonical layout.

use super::trees::{LANGUAGE, sound};
use crate::syntax::{Parsed, format};

/// The typed view without its spans.
pub fn meaning(parsed: &Parsed) -> String {
    let debug = format!("{:?}", parsed.file);
    let mut pieces = debug.split("Span {");
    let first = pieces.next().unwrap_or("").to_owned();
    pieces.fold(first, |all, piece| all + piece.split_once(" }").map_or("", |(_, rest)| rest))
}

/// Formats, and checks what always holds.
pub fn formatted(text: &str) -> String {
    let before = sound(text);
    let once = format(text).expect("it parses");
    assert_eq!(meaning(&sound(&once)), meaning(&before), "the meaning changed:\n{text}\n---\n{once}");
    assert_eq!(format(&once).expect("it parses"), once, "not idempotent:\n{text}");
    let comments = |text: &str| -> Vec<String> {
        let tree = sound(text).tree;
        let all = tree.root.leaves().filter(|leaf| leaf.kind == crate::syntax::tree::Kind::Comment);
        all.map(|leaf| leaf.text(text).trim_end().to_owned()).collect()
    };
    assert_eq!(comments(&once), comments(text));
    assert!(once.lines().all(|line| line == line.trim_end()), "{once}");
    once
}

#[test]
fn the_language_has_a_layout() {
    insta::assert_snapshot!(formatted(LANGUAGE));
}

#[test]
fn layouts() {
    for (text, layout) in [
        ("", ""),
        ("\n\n// a\n\n\n// b", "// a\n\n// b\n"),
        ("model  a{ }", "model a { }\n"),
        ("model a { x=1,y =[ 1,2, ] }", "model a { x = 1, y = [1, 2] }\n"),
        ("model a { x=1\ny=2 }", "model a {\n    x = 1\n    y = 2\n}\n"),
        ("model a {\n\n\nx=1\n\n\n\ny=2 // two\n\n// three\n}", "model a {\n    x = 1\n\n    y = 2 // two\n\n    // three\n}\n"),
        (
            "use a { b }\nuse c { d }\nmodel x {\n}\n\n\n\nmodel y { z = { a =\n 1 } }",
            "use a { b }\nuse c { d }\nmodel x { }\n\nmodel y { z = { a = 1 } }\n",
        ),
        ("use a { b }\n// of m\nmodel m {\n a = 1 }\nuse c { d }", "use a { b }\n\n// of m\nmodel m {\n    a = 1\n}\n\nuse c { d }\n"),
        ("//! File.\n/// Doc.\nmodel a { } // same\n// next", "//! File.\n\n/// Doc.\nmodel a { } // same\n// next\n"),
        ("graph f(x:[n,h])->[n,h]{ - x*-  y..=2 |>f( a=1 ,b ) }", "graph f(x: [n, h]) -> [n, h] { -x * -y..=2 |> f(a = 1, b) }\n"),
        ("graph f(x) {\nx |> f\n|> g\n}", "graph f(x) {\n    x\n        |> f\n        |> g\n}\n"),
        ("graph f(x) {\na +\nb * c\n}", "graph f(x) {\n    a +\n        b * c\n}\n"),
        ("model a { x = f(graph(q) {\nq\n}, 3) }", "model a {\n    x = f(graph(q) {\n        q\n    }, 3)\n}\n"),
        ("model a = f(a, // first\nb\n// second\n, c)", "model a = f(\n    a, // first\n    b,\n    // second\n    c,\n)\n"),
        ("graph f(x: [\nn\nh\n]) -> index[\nn,\n] { x }", "graph f(x: [n, h]) -> index[n] { x }\n"),
        ("graph f(x: [n, // rows\nh]) { x }", "graph f(x: [\n    n // rows\n    h\n]) { x }\n"),
        ("model a = // why\n  1", "model a = // why\n    1\n"),
    ] {
        assert_eq!(formatted(text), layout);
    }
}

#[test]
fn long_lines_are_broken_where_they_can_be() {
    let name = "a".repeat(30);
    for text in [
        format!("model m {{ x = {name}, y = {name}, z = {name} }}"),
        format!("model m = [{name}, {name}, {name}, {name}]"),
        format!("model m = f({name}, g({name}, x), h(y), {name}, {name})"),
        format!("model m = f(graph(q) {{ {name}({name}) + {name} |> {name} }})"),
        format!("graph f(x) {{ x |> {name} |> {name}({name}) |> {name} }}"),
        format!("graph f(x: [n, h], {name}: graph([n, h]) -> [n, h], {name}: size = 3, {name}) -> [n, h] {{ x }}"),
        format!("use std.a {{ {name}, {name}, {name}, {name} }}"),
        format!("model m = {name} + {name} + {name} + {name}"),
        format!("model m = {name}({name}) + {name}({name}) + {name}({name})"),
    ] {
        let once = formatted(&text);
        // Only what has no bracket and no `|>` to be broken at stays too long.
        assert!(once.lines().all(|line| line.chars().count() <= 100 || !line.contains(['(', '{', '['])), "{once}");
    }
}

#[test]
fn a_shape_stays_whole() {
    let name = "a".repeat(90);
    assert_eq!(
        formatted(&format!("graph {name}(x: [n, h]) -> [n, h] {{ x }}")),
        format!("graph {name}(\n    x: [n, h],\n) -> [n, h] {{ x }}\n")
    );
    let inner = "a".repeat(50);
    assert_eq!(
        formatted(&format!("graph f({inner}: graph([n, h]) -> [n, h])(x: index[n], y: [n, h]) -> [n, h] {{ x }}")),
        format!("graph f({inner}: graph([n, h]) -> [n, h])(\n    x: index[n],\n    y: [n, h],\n) -> [n, h] {{ x }}\n")
    );
    assert!(formatted(&format!("graph f(x: graph([n, h]) -> [n, {name}]) {{ x }}")).contains(&format!("-> [n, {name}]")));
}

#[test]
fn a_text_with_mistakes_is_not_touched() {
    assert_eq!(format("model a { x = }").expect_err("broken").code, crate::diagnostic::Code::SYNTAX);
}
