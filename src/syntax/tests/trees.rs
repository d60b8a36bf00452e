//! What parses, and to which tree.

use super::shown;
use crate::diagnostic::{Code, FileId, Sources, render_all};
use crate::syntax::ast::{ExprKind, ItemBody, Type};
use crate::syntax::{KINDS, Parsed, UNITS, parse, parse_expression};

/// Every example of the language's design, and every other form there is.
pub const LANGUAGE: &str = include_str!("language.phyla");

/// The tree of a text without mistakes.
pub fn sound(text: &str) -> Parsed {
    let parsed = parse(FileId(0), text);
    let mut sources = Sources::default();
    sources.add("test.phyla", text);
    assert!(parsed.diagnostics.is_empty(), "{}\n{text}", render_all(&parsed.diagnostics, &sources, false));
    assert_eq!(parsed.tree.print(text), text);
    parsed
}

/// The codes of what is wrong with a text.
pub fn codes(text: &str) -> Vec<Code> {
    parse(FileId(0), text).diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

fn expression(text: &str) -> String {
    match parse_expression(FileId(0), text) {
        Ok(expression) => shown(&expression),
        Err(mistake) => mistake.message,
    }
}

/// The body of `graph f(x: [n, h]) { … }`, bindings and result, one a line.
fn body(text: &str) -> Vec<String> {
    let parsed = sound(&format!("graph f(x: [n, h]) {{\n{text}\n}}\n"));
    let ItemBody::Signature { body: Some(body), .. } = &parsed.file.items[0].body else { panic!("no body") };
    let bound = body.bindings.iter().map(|(name, value)| format!("{} = {}", name.text, shown(value)));
    bound.chain(body.result.iter().map(|result| shown(result))).collect()
}

#[test]
fn every_form_of_the_language_parses() {
    let parsed = sound(LANGUAGE);
    assert_eq!(parsed.file.uses.len(), 9);
    assert_eq!(parsed.file.items.len(), 26);
    assert_eq!(parsed.file.doc.len(), 1);
    let attention = parsed.file.items.iter().find(|item| item.name.text == "attention").expect("it is declared");
    let ItemBody::Signature { statics, inputs, output, .. } = &attention.body else { panic!("no signature") };
    assert!(matches!(&statics[0].ty, Some(Type::Graph { inputs, .. }) if inputs.len() == 3));
    assert_eq!((inputs.len(), output.is_some()), (1, true));
    let own = parsed.file.items.iter().find(|item| item.name.text == "self_attention").expect("it is declared");
    assert_eq!(own.doc, ["Scaled dot-product attention (Vaswani et al. 2017), per head."]);
}

#[test]
fn every_kind_declares_and_is_a_name_too() {
    for kind in KINDS.iter().filter(|kind| **kind != "test") {
        let parsed = sound(&format!("{kind} x = {kind}\n{kind} {kind} {{ }}\nmodel y {{ {kind} = {kind} }}\n"));
        assert_eq!(parsed.file.items.len(), 3, "{kind}");
    }
}

#[test]
fn operators_group_by_precedence() {
    for (text, tree) in [
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a @ b * c", "((a @ b) * c)"),
        ("-a @ -b", "((-a) @ (-b))"),
        ("- -a.b(c)", "(-(-a.b(c)))"),
        ("-f(x).first", "(-f(x).first)"),
        ("1 + 2..=3 * 4", "((1 + 2)..=(3 * 4))"),
        ("x + y |> f(a) |> g <= 3", "((((x + y) |> f(a)) |> g) <= 3)"),
        ("(a + b) * c", "((a + b) * c)"),
        ("a - (b - c)", "(a - (b - c))"),
        ("q @ -transpose(logsigmoid(-k))", "(q @ (-transpose(logsigmoid((-k)))))"),
        ("choose(3, 5)", "choose(3, 5)"),
        ("choose { a, b }", "choose(a, b)"),
        ("choose { a = 1 }", "choose { a = 1 }"),
        ("{ }", "{ }"),
        ("std.x.y { a.b = [1, 2,] }.c", "std.x.y { a.b = [1, 2] }.c"),
        ("graph(q, k) { a = q\n a @ k }", "graph(q, k) { a = q; (a @ k) }"),
        ("repeat(n, tie = 2) { f }", "repeat(n, tie = 2) { f }"),
    ] {
        assert_eq!(expression(text), tree, "{text}");
    }
}

#[test]
fn what_does_not_chain_is_refused() {
    for text in ["a < b < c", "1..=2..=3", "a == b != c"] {
        assert_eq!(expression(text), "comparisons and ranges do not chain", "{text}");
    }
    assert_eq!(expression("x |> 3"), "right of `|>` stands a name or a call");
    assert_eq!(expression("f(x) { a = 1 }"), "a call is not followed by `{ … }`");
    assert_eq!(expression("{ a = 1 } { b = 2 }"), "only a name is followed by `{ … }`");
}

#[test]
fn numbers_have_values_and_units() {
    for (text, value, unit) in [
        ("40_000", 40_000.0, None),
        ("1e-4", 1e-4, None),
        ("1.5G", 1.5, Some("G")),
        ("15 %", 15.0, Some("%")),
        ("3epochs", 3.0, Some("epochs")),
        ("1e3 s", 1e3, Some("s")),
    ] {
        let number = parse_expression(FileId(0), text).expect("a number").kind;
        assert!(matches!(&number, ExprKind::Number { value: v, unit: u } if *v == value && u.as_deref() == unit), "{text}: {number:?}");
    }
    for unit in UNITS {
        assert_eq!(expression(&format!("7 {unit}")), format!("7 {unit}"));
        assert_eq!(expression(&format!("7{unit}")), format!("7 {unit}"));
    }
    assert!(parse_expression(FileId(0), "7  steps").is_err());
    assert!(parse_expression(FileId(0), "7stepsx").is_err());
    assert!(parse_expression(FileId(0), "1_").is_err());
    assert_eq!(parse_expression(FileId(0), "1e999").expect_err("too large").code, Code::NUMBER);
    assert_eq!(expression(r#""a\"\\\n\t""#), r#""a\"\\\n\t""#);
    assert_eq!(expression(r#""a\q""#), "there is no escape `\\q`");
}

#[test]
fn newlines_end_items_or_do_not() {
    assert_eq!(body("s = q\n-transpose(k)"), ["s = q", "(-transpose(k))"]);
    assert_eq!(body("s = q -\n\n// why\ntranspose(k)\ns"), ["s = (q - transpose(k))", "s"]);
    assert_eq!(body("s =\n q\ns"), ["s = q", "s"]);
    assert_eq!(body("s = q\n(k)"), ["s = q", "k"]);
    assert_eq!(body("s = q\n[k]"), ["s = q", "[k]"]);
    assert_eq!(body("x\n\n  // first\n\n  |> f\n// second\n|> g(a)"), ["((x |> f) |> g(a))"]);
    assert_eq!(body("f(\na\n+\nb\n- c\n,\nd = [1\n-2]\n)"), ["f(((a + b) - c), d = [1, (-2)])"]);
    assert_eq!(body("f(graph(q) { a = q\n-a })"), ["f(graph(q) { a = q; (-a) })"]);
    assert_eq!(body("a = 1, b = 2,\n\n"), ["a = 1", "b = 2"]);
}

#[test]
fn a_number_takes_no_name_of_the_next_line_for_its_unit() {
    let parsed = sound("search s {\n    population = 12\n    parents = 3\n    steps = 4\n    children = 12\n    s = 1\n}\n");
    let ItemBody::Fields(block) = &parsed.file.items[0].body else { panic!("no fields") };
    let names: Vec<&str> = block.fields.iter().map(|field| field.path[0].text.as_str()).collect();
    assert_eq!(names, ["population", "parents", "steps", "children", "s"]);
}

#[test]
fn what_continues_stands_on_the_same_line() {
    for text in ["model a\n{ x = 1 }\n", "graph f(x: [n])\n-> [n] { x }\n", "model a { x = f(g\n(1)) }\n"] {
        assert_eq!(codes(text), [Code::SYNTAX], "{text}");
    }
}

#[test]
fn each_kind_has_its_parts() {
    for text in [
        "model a(x) { }",
        "model a -> [n] { }",
        "graph f(x)(y)(z) { x }",
        "graph f(x) = y",
        "graph f(x)",
        "model a",
        "model \"a\" { }",
        "test a { x }",
        "test \"a\" = x",
        "test \"a\" { x = 1 }",
        "model a { require x }",
        "model a { x }",
        "graph f(x) { x\n y = 1 }",
        "graph f(x) { a.b = x\n x }",
        "model a { g = graph(1) { x } }",
    ] {
        let found = codes(text);
        assert!(matches!(found.as_slice(), [code] if code.0.starts_with("E01")), "{text}: {found:?}");
    }
}
