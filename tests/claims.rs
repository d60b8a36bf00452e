//! Tests in the language: the standard library's and the experiments' hold, what is false is told, what has no meaning is a mistake.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::{Memory, check};
use phyla::check::{Checker, World};
use phyla::diagnostic::{Code, render_all};
use std::process::{Command, Output};

/// The file that claims stand in.
const AROUND: &str = "op swish(x: [i, j]) -> [i, j] {
    x * sigmoid(x)
}

space two = std.spaces.autobert_zero { layers = 2 }

/// Of a hidden width of 64 nothing is left.
graph narrow(x: [n, h]) -> [n, h] {
    x |> linear(h - 64) |> linear(h)
}

space narrowing {
    body = std.layers.encoder_layer(narrow)
}

architecture narrowed = narrowing {}

/// Two stacks of one layer share what fills them, and no weights.
space stacked {
    mixer = choose { a = std.layers.light_convolution(3), b = std.layers.light_convolution(5) }
    stack = repeat(1) { std.layers.encoder_layer(mixer) }
    body = graph(x) { x |> stack |> stack }
}

space flat {
    mixer = choose { a = std.layers.light_convolution(3), b = std.layers.light_convolution(5) }
    body = repeat(2) { std.layers.encoder_layer(mixer) }
}

architecture twice = stacked { mixer = [a] }

architecture once = flat { mixer = [a, a] }

/// Six layers, two of which are filled alike each time.
space pairs {
    mixer = choose { a = std.layers.light_convolution(3), b = std.layers.light_convolution(5) }
    layers = 6
    body = repeat(layers, tie = 2) { std.layers.encoder_layer(mixer) }
}

architecture six = pairs { mixer = [a, b, a] }

/// Two of four repetitions are filled alike, and then again.
space nested {
    mixer = choose { a = std.layers.light_convolution(3), b = std.layers.light_convolution(5) }
    body = repeat(2) { repeat(4, tie = 2) { std.layers.encoder_layer(mixer) } }
}

op h(x: [i, j]) -> [i, j] {
    softsign(x)
}

space relus {
    m = choose { r = relu, g = gelu }
    body = repeat(2) { m }
}

space squares {
    m = choose { r = square, g = tanh }
    body = repeat(2) { m }
}

space chosen {
    inner = choose { a = std.layers.light_convolution(7), b = std.layers.attention(std.layers.self_attention) }
    mixer = choose { conv = std.layers.light_convolution(3), two = inner }
    body = repeat(1) { mixer }
}

train slow = std.train.pretrain { steps = 800 }

search brief = std.search.op_nas { population = 4, evaluations = 6 }

experiment tried {
    model = std.models.micro
    space = two
    corpus = text(\"experiments/data/austen.txt\")
    search = brief
    evaluate = std.search.biws { suite = std.suites.mini }
    final = { pretrain = std.train.pretrain_tiny, suite = std.suites.mini }
}
";

fn with(claim: &str) -> Memory {
    Memory::new(&[("claims.phyla", &format!("{AROUND}\ntest \"one\" {{\n    {claim}\n}}\n"))])
}

/// What the test says of one claim: the codes and the drawing of what is wrong.
fn failures(claim: &str) -> (Vec<Code>, String) {
    let files = with(claim);
    let world = World::load(&files, &["claims.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let id = checker.tests("claims.phyla").into_iter().next().expect("a test");
    let outcome = checker.test(id).expect("a test");
    assert!(!checker.failed(), "what a claim reports stays with its test");
    (outcome.failures.iter().map(|failure| failure.code).collect(), render_all(&outcome.failures, &world.sources, false))
}

#[test]
fn what_is_true_holds() {
    for claim in [
        "shape(swish([n, d])) == [n, d]",
        "shape([n, h] |> linear(f)) == [n, f]",
        "transpose(transpose([n, d])) == [n, d]",
        "swish == graph(x) { sigmoid(x) * x }",
        "graph(q, k) { q + k } == graph(q, k) { k + q }",
        "graph(q, k) { q @ transpose(k) } != graph(q, k) { k @ transpose(q) }",
        "size(graph(q) { neg(neg(scale(q))) }) == 1",
        "[n, d] == shape(swish([n, d]))",
        "count(two) > 1e40",
        "2 < count(two)",
        "two == std.spaces.autobert_zero { layers = 2 }",
        "two != std.spaces.autobert_zero",
        "tried.space == two",
        "count(tried.space) == count(two)",
        "contains(two, std.architectures.bert.first(2))",
        "contains(two, two { mixer = [conv(kernel = 3), conv(kernel = 5)] })",
        "contains(two, std.architectures.bert) == false",
        "distance(two { mixer = [conv(kernel = 3), conv(kernel = 5)] }, two { mixer = [conv(kernel = 3), conv(kernel = 7)] }) == 1",
        "std.architectures.bert.first(2) == std.architectures.bert.first(2)",
        "slow.steps == 800 steps",
        "slow.steps < std.train.pretrain.steps",
        "slow.optimizer == adamw { lr = 1e-4, betas = [0.9, 0.999], weight_decay = 0.01, clip = 1.0 }",
        "slow == std.train.pretrain { steps = 800 }",
        "tried.search.algorithm == evolution",
        "tried.model.hidden == 64",
        "tried.evaluate.suite.tasks == std.suites.mini.tasks",
        "brief.population == tried.search.population",
        "error(brief { population = 0 }) == E0303",
        "error(tried { model.hidden = 65 }) == E0605",
        "error(two { layers = 0 }) == E0318",
        "params(twice, std.models.micro) == params(once, std.models.micro)",
        "count(nested) == 16",
        // What stands for another graph is another architecture, whatever its fillings are called.
        "relus { m = [r, g] } != squares { m = [r, g] }",
        "relus { m = [r, g] } == relus { m = [r, g] }",
        "contains(relus, squares { m = [r, g] }) == false",
        "error(distance(relus { m = [r, g] }, squares { m = [r, g] })) == E0503",
        // A field that is a choice, as a member of another.
        "count(chosen) == 3",
        "chosen { mixer = [conv] } != chosen { mixer = [two(a)] }",
        "params(chosen { mixer = [two(a)] }, std.models.micro) > 0",
        // A graph may have the name of a size.
        "shape(h([n, d])) == [n, d]",
        "shape([n, d] |> h) == [n, d]",
        "six.first(4) == pairs { layers = 4, mixer = [a, b] }",
        "error(six.first(7)) == E0514",
        "error(params(narrowed, std.models.micro)) == E0317",
        "params(narrowed, std.models.micro { hidden = 65, heads = 5 }) > 0",
        "error([n, d] @ [n, d]) == E0401",
        "error(nothing_of_this_name) == E0203",
        "error(swish([n, d])) != E0401",
        "flops(std.architectures.bert.first(2), std.models.micro, n = 16) < flops(std.architectures.bert.first(2), std.models.micro)",
        "mixes(std.architectures.bert, n)",
        "mixes(swish, n) == false",
    ] {
        let (codes, drawn) = failures(claim);
        assert!(codes.is_empty(), "{claim}\n{drawn}");
    }
}

/// An operation of one's own is what its body says, whatever it is called.
#[test]
fn an_operation_with_the_name_of_a_primitive_owns_nothing() {
    let text = "op layer_norm(x: [i, j]) -> [i, j] {
    relu(x)
}

architecture own = norms {}

space norms { body = layer_norm }

architecture plain = relus {}

space relus { body = relu }

space searched {
    mixer = choose { a = std.layers.attention(dag(inputs = [q, k, v], ops = [layer_norm, matmul, transpose], depth = 1..=3, size = 1..=3)) }
    body = repeat(1) { std.layers.encoder_layer(mixer) }
}

test \"one\" {
    params(own, std.models.micro) == params(plain, std.models.micro)
    count(searched) > 1
}
";
    let files = Memory::new(&[("own.phyla", text)]);
    let world = World::load(&files, &["own.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let outcome = checker.test(checker.tests("own.phyla").into_iter().next().expect("a test")).expect("a test");
    assert!(outcome.failures.is_empty(), "{}", render_all(&outcome.failures, &world.sources, false));
}

/// What a sentence decides is no size of a parameter, however it comes there.
#[test]
fn a_parameter_has_a_size_before_a_sentence_is_known() {
    for body in ["transpose(x) |> layer_norm |> transpose", "(x @ transpose(x)) |> linear(h)", "x |> linear(n) |> linear(h)"] {
        let text = format!("space s {{\n    body = graph(x) {{ {body} }}\n}}\n\narchitecture a = s {{}}\n");
        let (drawn, found) = check(&Memory::new(&[("s.phyla", &text)]), "s.phyla");
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [Code::SIZE], "{body}\n{drawn}");
        assert!(!found[0].labels.is_empty() && found[0].help.is_some(), "{drawn}");
    }
}

#[test]
fn what_is_false_is_shown_with_both_sides() {
    let mut drawings = String::new();
    for claim in [
        "shape(swish([n, d])) == [n, h]",
        "swish == graph(x) { sigmoid(x) + x }",
        "count(two) < 10",
        "contains(two, std.architectures.bert)",
        "slow == std.train.pretrain { steps = 900, optimizer.lr = 1e-3 }",
        "slow.steps == 900",
        "error(brief { population = 4 }) == E0303",
        "error(brief { population = 0 }) == E0302",
        "std.architectures.bert.first(1) == std.architectures.autobert_zero.first(1)",
        "mixes(swish, n)",
    ] {
        let (codes, drawn) = failures(claim);
        assert_eq!(codes, [Code::FALSE_CLAIM], "{claim}\n{drawn}");
        // A file with a claim that is false is sound.
        assert!(check(&with(claim), "claims.phyla").1.is_empty(), "{claim}");
        drawings += &drawn;
    }
    insta::assert_snapshot!("false_claims", drawings);
}

#[test]
fn a_place_for_a_space_picks_the_space_of_a_name() {
    let text = "
space both = std.spaces.autobert_zero { layers = 2 }

model both = std.models.micro

test \"one\" {
    count(both) == count(both { layers = 2 })
    contains(both, std.architectures.bert.first(2))
    params(std.architectures.bert.first(2), both) > 1
    both.hidden == std.models.micro.hidden
}
";
    let files = Memory::new(&[("claims.phyla", text)]);
    let world = World::load(&files, &["claims.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let outcome = checker.tests("claims.phyla").into_iter().next().and_then(|id| checker.test(id)).expect("a test");
    assert!(outcome.failures.is_empty(), "{}", render_all(&outcome.failures, &world.sources, false));
}

#[test]
fn sizes_that_nothing_gives_are_told_by_letters() {
    let (_, drawn) = failures("shape(swish) == [n, d]");
    assert!(drawn.contains("this is [i, j]"), "{drawn}");
}

#[test]
fn what_has_no_meaning_is_a_mistake_of_the_file() {
    for (claim, code) in [
        ("swish", Code::CLAIM_WANTED),
        ("1 == 1", Code::CLAIM_WANTED),
        ("count(two)", Code::CLAIM_WANTED),
        ("two > 3", Code::INCOMPARABLE),
        ("shape(swish) == 3", Code::INCOMPARABLE),
        ("count(swish) == 3", Code::SPACE_WANTED),
        ("count(two, two) == 3", Code::ARGUMENTS),
        ("contains(two, swish)", Code::ARCHITECTURE_WANTED),
        ("mixes(swish, z)", Code::SIZE_WANTED),
        ("slow.stepps == 3", Code::UNKNOWN_FIELD),
        ("slow.steps == 3 min", Code::UNIT),
        ("error(two) == E0400", Code::UNKNOWN_VALUE),
        ("nothing == swish", Code::UNKNOWN_OP),
        ("[n, d] @ [n, d] == [n, n]", Code::SHAPE),
    ] {
        let (drawn, found) = check(&with(claim), "claims.phyla");
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [code], "{claim}\n{drawn}");
        assert!(found.iter().all(|one| one.help.is_some() && !one.labels.is_empty()), "{drawn}");
    }
}

fn phyla(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    // Real data may be there in part only, and what is claimed rests on none of it.
    command.env_remove("PHYLA_GLUE").env_remove("PHYLA_CORPUS");
    let Output { status, stdout, stderr } =
        command.arg("test").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the program starts");
    (status.code(), String::from_utf8(stdout).expect("UTF-8"), String::from_utf8(stderr).expect("UTF-8"))
}

#[test]
fn the_standard_library_and_the_experiments_keep_what_they_claim() {
    let (code, told, why) = phyla(&["std", "experiments"]);
    assert_eq!(code, Some(0), "{told}{why}");
    assert!(told.contains("std.layers\n  ok") && told.contains("experiments/quickstart.phyla\n  ok"), "{told}");
    let (code, told, _) = phyla(&["std.search", "--json", "--filter", "algorithms"]);
    let one: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((code, &one["ok"], &one["file"]), (Some(0), &serde_json::Value::Bool(true), &serde_json::Value::from("std.search")));
    let (code, _, why) = phyla(&["std", "--filter", "no such title"]);
    assert!(code == Some(2) && why.contains("no test has"), "{why}");
    let folder = tempfile::TempDir::new().expect("a folder");
    let (code, _, why) = phyla(&[&folder.path().display().to_string()]);
    assert!(code == Some(2) && why.contains("there are no tests in these files"), "{why}");
    let path = folder.path().join("false.phyla");
    std::fs::write(&path, "test \"false\" {\n    count(std.spaces.autobert_zero) == 3\n}\n").expect("written");
    let (code, told, why) = phyla(&[&path.display().to_string()]);
    assert!(code == Some(1) && told.ends_with("  FAILED  false\n1 test with 1 claim, 1 failed\n") && why.contains("E1001"), "{told}{why}");
}
