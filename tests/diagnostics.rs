//! Mistakes are told in words, all at once, whatever the file holds.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::{Memory, check};
use phyla::check::{Checker, World};
use phyla::diagnostic::{Code, Diagnostic, Severity, to_json};
use phyla::run::files::Disk;
use std::process::Command;
use std::time::{Duration, Instant};

/// Each file holds one mistake; its drawing is kept beside these tests and was read by a person.
macro_rules! mistakes {
    ($($name:ident: $code:ident;)*) => {
        $(#[test]
        fn $name() {
            let (drawn, found) = check(&Disk, concat!("tests/mistakes/", stringify!($name), ".phyla"));
            let codes: Vec<Code> = found.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(codes, [Code::$code], "{drawn}");
            assert!(found.iter().all(|diagnostic| diagnostic.help.is_some() && !diagnostic.labels.is_empty()), "{drawn}");
            insta::assert_snapshot!(stringify!($name), drawn);
        })*
    };
}

mistakes! {
    unknown_op: UNKNOWN_OP;
    shape_mismatch: SHAPE;
    wrong_unit: UNIT;
    unknown_field: UNKNOWN_FIELD;
    unknown_name: UNKNOWN_NAME;
    missing_file: MISSING_FILE;
    empty_choice: CHOICE;
    bad_range: EMPTY_RANGE;
    import_cycle: IMPORT_CYCLE;
    unclosed_brace: UNCLOSED;
}

#[test]
fn several_mistakes_are_reported_together() {
    let (drawn, found) = check(&Disk, "tests/mistakes/several.phyla");
    let codes: Vec<Code> = found.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::RANGE, Code::UNKNOWN_FIELD, Code::UNIT, Code::TYPE, Code::RESULT_SHAPE, Code::UNKNOWN_OP], "{drawn}");
    insta::assert_snapshot!("several", drawn);
}

#[test]
fn what_the_library_cannot_carry_out_is_told_where_it_was_asked_to() {
    let file = "tests/mistakes/library.phyla";
    let (drawn, found) = check(&Disk, file);
    let codes: Vec<Code> = found.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::SIZE, Code::SIZE, Code::REPEAT, Code::STATIC_ARGUMENT, Code::MISSING_ARGUMENT], "{drawn}");
    assert_eq!(drawn.matches(&format!("[{file}:")).count(), found.len(), "{drawn}");
    insta::assert_snapshot!("library", drawn);
}

#[test]
fn a_mistake_elsewhere_does_not_hide_what_an_experiment_does_wrong() {
    let text = "use std.models { micro }\nuse \"experiments/quickstart.phyla\" { quickstart }\n\n\
        graph lost(x: [n, h]) -> [n, h] { nothing(x) }\n\n\
        experiment odd = quickstart { model = micro { hidden = 65 } }\n\
        experiment warned = quickstart { compare = [std.architectures.bert.first(3)] }\n";
    let (drawn, found) = check(&Memory::new(&[("both.phyla", text)]), "both.phyla");
    assert_eq!(codes(&found), [Code::UNKNOWN_OP, Code::HEADS, Code::OTHER_DEPTH], "{drawn}");
}

/// A file that changes the quickstart.
const QUICK: &str = "use \"experiments/quickstart.phyla\" { quickstart }\n\n";

#[test]
fn what_would_fail_or_mean_nothing_after_hours_is_told_before() {
    let task = |change: &str| format!("final.suite.tasks = [std.tasks.kin {{ {change} }}]");
    let label = |names: &str| task(&format!("label = classes {{ column = \"source\", names = {names} }}"));
    for (change, code, told) in [
        ("final.pretrain.objective = mlm { mask = 0% }".to_owned(), Code::OBJECTIVE, "nothing is masked"),
        ("final.pretrain.objective = mlm { replace = 80%, random = 30% }".to_owned(), Code::SHARES, "110%"),
        ("evaluate.pretrain.phases = [phase(33.3%, length = 16)]".to_owned(), Code::SHARES, "33.3%"),
        ("final.suite.train.optimizer.betas = [0.9]".to_owned(), Code::BETAS, "two numbers"),
        ("final.pretrain.optimizer.betas = [0.9, 1.0]".to_owned(), Code::BETAS, "below 1"),
        ("final.suite.tasks = [std.tasks.kin, std.tasks.order, std.tasks.kin]".to_owned(), Code::TASK_PARTS, "two tasks of this suite"),
        (task("metrics = []"), Code::TASK_PARTS, "has no metric"),
        (task("metrics = [accuracy, f1, accuracy]"), Code::TASK_PARTS, "named twice"),
        ("final.suite.tasks = [std.tasks.kin, kin_mm]".to_owned(), Code::TASK_PARTS, "the second dev set of another task"),
        (label("[\"a\", \"b\"], codes = [\"0\", \"0\"]"), Code::TASK_PARTS, "the code `0` twice"),
        (label("[]"), Code::TASK_PARTS, "has 0 labels"),
        (label("[\"a\", \"b\", \"a\"]"), Code::TASK_PARTS, "the label `a` twice"),
        (task("phrases = false"), Code::TASK_PARTS, "reads pairs of sentences"),
        ("seed = 9100000000000000".to_owned(), Code::RANGE, "at most 9000000000000000"),
    ] {
        let text = format!("{QUICK}task kin_mm = std.tasks.kin\n\nexperiment e = quickstart {{ {change} }}\n");
        let (drawn, found) = check(&Memory::new(&[("e.phyla", &text)]), "e.phyla");
        assert_eq!(codes(&found), [code], "{drawn}");
        assert!(drawn.contains(told) && found.iter().all(|one| one.help.is_some()), "{told}: {drawn}");
    }
    // Thirds are written with as many places as one likes, and the last share that is allowed is.
    for sound in [
        "final.pretrain.phases = [phase(33.3%, length = 8), phase(33.3%, length = 16), phase(33.3%, length = 32)]",
        "search.halving = { keep = 95% }",
    ] {
        let text = format!("{QUICK}experiment e = quickstart {{ {sound} }}\n");
        let (drawn, found) = check(&Memory::new(&[("e.phyla", &text)]), "e.phyla");
        assert!(codes(&found).is_empty(), "{drawn}");
    }
    let score = "task s = std.tasks.overlap { metrics = [pearson], label = score { column = \"score\", low = 5, high = 0 } }\n";
    let (drawn, found) = check(&Memory::new(&[("s.phyla", score)]), "s.phyla");
    assert!(codes(&found) == [Code::TASK_PARTS] && drawn.contains("from 5 to 0"), "{drawn}");
}

/// Written out, what uses another twice is twice as large; what uses it once may be nested as deep.
#[test]
fn what_doubles_with_every_line_is_refused_in_time() {
    for (kind, twice) in [("graph", true), ("op", true), ("op", false)] {
        let signature = if kind == "op" { "(x: [i, j]) -> [i, j]" } else { "(x: [n, h]) -> [n, h]" };
        let mut text = format!("{kind} f0{signature} {{ x + relu(x) }}\n");
        for line in 0..59 {
            let body = if twice { format!("f{line}(f{line}(x))") } else { format!("f{line}(x)") };
            text += &format!("{kind} f{}{signature} {{ {body} }}\n", line + 1);
        }
        let (drawn, found) = check(&Memory::new(&[("f.phyla", &text)]), "f.phyla");
        assert_eq!(codes(&found).contains(&Code::GRAPH_SIZE), twice, "{drawn}");
    }
}

#[test]
fn first_guesses_are_told_how_it_is_written() {
    let space = |depth: &str, mixer: &str| {
        format!(
            "space s {{\n    mixer = std.layers.attention(dag(inputs = [q], ops = std.ops.all, depth = {depth}))\n    \
            body = repeat(2) {{ std.layers.encoder_layer({mixer}) }}\n}}\n"
        )
    };
    for (text, place, help) in [
        ("op a(x: [i, j]) -> [i, j] { x / x }".to_owned(), "/", "there is no division"),
        ("op a(x: [i, j]) -> [i, j] {\n    let y = x\n    y\n}".to_owned(), "y", "`y = …`"),
        ("op a(x: [i, j]) -> [i, j] {\n    y = x\n    return y\n}".to_owned(), "y", "there is no `return`"),
        (space("2..5", "mixer"), ".", "`2..=5`"),
        (space("2..=5", "mixr"), "mixr", "did you mean `mixer`?"),
        ("ops a = std.ops.all - [cosine]".to_owned(), "std.ops.all - [cosine]", "list the operations"),
        ("train a = std.train.pretrain { warmup = 10% }".to_owned(), "warmup", "`schedule.warmup`"),
        ("search a = std.search.op_nas { mutation = uniform }".to_owned(), "uniform", "`std.search.uniform_mutation`"),
        ("search quick = std.search.op_nas\nmodel mine = quick".to_owned(), "quick", "`quick` is a search, and a model is wanted"),
        ("op loop(x: [i, j]) -> [i, j] { x * loop(x) }".to_owned(), "loop", "recursion"),
        ("train a = std.train.pretrain { schedule.warmup = 200% }".to_owned(), "200%", "a share of all steps"),
        ("train a = std.train.pretrain { steps = 200% }".to_owned(), "200%", "Optimiser steps"),
        ("train a = std.train.pretrain { optimizer.weight_decay = 1% }".to_owned(), "1%", "`0.01`"),
        ("train a = std.train.finetune { keep = \"best\" }".to_owned(), "\"best\"", "without quotes: `best`"),
        ("train a = std.train.finetune { keep = 'best' }".to_owned(), "'", "double quotes"),
        ("train a = std.train.pretrain { optimizer { lr = 1e-3 } }".to_owned(), "optimizer { lr = 1e-3 }", "`optimizer = … { … }`"),
        ("task a = std.tasks.cola { text = \"s\" }".to_owned(), "\"s\"", "`text = [\"s\"]`"),
        (format!("{QUICK}experiment e = quickstart {{ corpus = \"a.txt\" }}"), "\"a.txt\"", "`text(\"a.txt\")`"),
        (format!("{QUICK}experiment e = quickstart {{ compare = [std.models.base] }}"), "std.models.base", "is a model"),
        (format!("{QUICK}experiment e = quickstart {{ steps = 5 }}"), "steps", "`final.pretrain.steps`"),
        (
            "model nano { hidden = 64, heads = 2, feedforward = 64, length = 32, vocabulary = 500 }".to_owned(),
            "feedforward",
            "`feed_forward`",
        ),
        ("op a(x: [i, j]) -> [i, j] {\n    # twice\n    x\n}".to_owned(), "#", "`//`"),
        ("op a(x: [i, j]) -> [i, j] { x^2 }".to_owned(), "^", "`square(x)`"),
        ("op a(x: [i, j]) -> [i, j] { x ** 2 }".to_owned(), "*", "`square(x)`"),
        ("import std.suites".to_owned(), "import", "`use std.suites { mini }`"),
        ("test \"four\" { count(std.spaces.autobert_zero) = 4 }".to_owned(), "=", "`==`"),
        (
            "use std.layers { encoder_layer, light_convolution }\n\nspace s {\n    mixer = light_convolution(kernel = choose([3, 9]))\n    \
            body = repeat(2) { encoder_layer(mixer) }\n}\n"
                .to_owned(),
            "[3, 9]",
            "`choose(3, 9)`",
        ),
        (space("2..=5", "mixer").replace("    body", "    require = mixes(n)\n    body"), "require = mixes(n)", "`require mixes(n)`"),
        (space("2..=5", "mixer").replace("    body", "    mixes(n)\n    body"), "mixes(n)", "`require mixes(n)`"),
        (space("2..=5", "mixer").replace("    body", "    wombat = 7\n    body"), "wombat", "use it in `body`"),
        (
            "graph a(x: [n, d]) -> [n, d] { std.layers.self_attention(x) }".to_owned(),
            "std.layers.self_attention(x)",
            "`self_attention(q: [n, d], k: [n, d], v: [n, d]) -> [n, d]`",
        ),
        (
            "graph a(x: [n, h]) -> [n, h] { std.layers.encoder_layer(std.layers.attention, x) }".to_owned(),
            "x",
            "`encoder_layer(mixer: graph([n, h]) -> [n, h])(x: [n, h]) -> [n, h]`",
        ),
    ] {
        let (drawn, found) = check(&Memory::new(&[("guess.phyla", &text)]), "guess.phyla");
        assert_eq!(found.len(), 1, "{drawn}");
        let first = found.first().expect("one");
        let span = first.labels.first().expect("a label").span;
        assert_eq!(text.get(span.start as usize..span.end as usize), Some(place), "{drawn}");
        assert!(first.help.as_ref().is_some_and(|said| said.contains(help)), "{drawn}");
    }
}

#[test]
fn a_slip_makes_no_mistake_of_what_rests_on_it() {
    for (mutation, experiment) in [
        ("mutation mine = std.search.uniform_mutation { pick = ucb }", "experiment e = quickstart { seed: 7 }"),
        ("mutation mine = std.search.uniform_mutation { pick: ucb }", "experiment e = quickstart"),
    ] {
        let text = format!(
            "{QUICK}{mutation}\n\n{experiment}\n\nexperiment f = quickstart {{ search.mutation = mine }}\n\n\
            test \"rewiring\" {{\n    f.search.mutation.intra.rewire > 0\n    e.search.evaluations == 30\n}}\n"
        );
        let (drawn, found) = check(&Memory::new(&[("slip.phyla", &text)]), "slip.phyla");
        assert_eq!(codes(&found), [Code::SYNTAX], "{drawn}");
    }
}

#[test]
fn fields_that_nothing_reads_are_told() {
    for (field, help) in [
        ("final.pretrain.lr = [2e-2]", "`optimizer.lr`"),
        ("final.pretrain.keep = best", "a fine-tuning's"),
        ("final.pretrain.patience = 2", "a fine-tuning's"),
        ("final.pretrain.epochs = 9", "`suite.train.epochs`"),
        ("final.suite.train.steps = 5", "`epochs`"),
    ] {
        let text = format!("{QUICK}experiment e = quickstart {{ {field} }}\n");
        let (drawn, found) = check(&Memory::new(&[("idle.phyla", &text)]), "idle.phyla");
        assert!(codes(&found) == [Code::IDLE_FIELD] && drawn.contains(help) && drawn.contains("idle.phyla:3:"), "{drawn}");
    }
}

#[test]
fn what_cannot_be_required_is_told_line_by_line() {
    let (drawn, found) = check(&Disk, "tests/mistakes/requires.phyla");
    assert_eq!(codes(&found), [Code::CONDITION; 7], "{drawn}");
    insta::assert_snapshot!("requires", drawn);
}

#[test]
fn an_empty_dag_is_told_what_would_give_it_members() {
    let (drawn, found) = check(&Disk, "tests/mistakes/empty_dags.phyla");
    assert_eq!(codes(&found), [Code::EMPTY_SPACE; 3], "{drawn}");
    insta::assert_snapshot!("empty_dags", drawn);
}

#[test]
fn one_field_of_a_space_does_not_hide_another() {
    let (drawn, found) = check(&Disk, "tests/mistakes/space.phyla");
    assert_eq!(codes(&found), [Code::MIXED_CHOICE, Code::REPEAT, Code::UNKNOWN_OP], "{drawn}");
    insta::assert_snapshot!("space", drawn);
}

/// The mistakes of a text, found within a second.
fn quickly(text: impl Into<String>) -> Vec<Diagnostic> {
    let begun = Instant::now();
    let files = Memory([("hostile.phyla".to_owned(), text.into())].into());
    let (drawn, found) = check(&files, "hostile.phyla");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(drawn.len() < 1 << 20, "a drawing of {} bytes", drawn.len());
    found
}

fn codes(found: &[Diagnostic]) -> Vec<Code> {
    found.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn ten_thousand_brackets_are_too_deep() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("x { a = ", "}")] {
        let text = format!("model deep {{ hidden = {}1{} }}\n", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(codes(&quickly(text)), [Code::NESTING], "{open}");
        let found = quickly(format!("model deep {{ hidden = {}\n", open.repeat(10_000)));
        assert!(found.iter().all(|diagnostic| [Code::NESTING, Code::UNCLOSED].contains(&diagnostic.code)), "{open}: {found:?}");
        assert!((1..20).contains(&found.len()), "{} diagnostics", found.len());
    }
    let chain = format!("model deep {{ hidden = {}1 }}\n", "-".repeat(10_000));
    assert!(codes(&quickly(chain)).contains(&Code::NESTING));
}

#[test]
fn an_empty_file_has_no_mistake() {
    for text in ["", "\n\n", "// nothing\n", "\u{feff}"] {
        assert_eq!(quickly(text), [], "{text:?}");
    }
}

#[test]
fn a_source_may_not_exceed_8_mib() {
    let line = "model m { hidden = 64, heads = 2, feed_forward = 256, length = 32, vocabulary = 4096 }\n";
    let found = quickly(line.repeat((8 << 20) / line.len() + 1));
    assert_eq!(codes(&found), [Code::TOO_LARGE]);
    assert!(found.iter().all(|diagnostic| diagnostic.help.is_some()));
}

/// 12,288 places of 95 digits each: its count would have a million digits.
#[test]
fn a_space_with_more_holes_than_anyone_fills_is_refused() {
    let taken = "graph([n, h]) -> [n, h]";
    let dag = "attention(dag(ops = std.ops.autobert_zero, depth = 2..=20, size = 2..=64))";
    let text = format!(
        "use std.layers {{ attention, encoder_layer }}
graph three(one: {taken}, two: {taken}, last: {taken})(x: [n, h]) -> [n, h] {{
    encoder_layer(one)(x) |> encoder_layer(two) |> encoder_layer(last)
}}
space huge {{
    one = {dag}
    two = {dag}
    last = {dag}
    body = repeat(4096) {{ three(one, two, last) }}
}}
"
    );
    let (_, found) = check(&Memory::new(&[("huge.phyla", &text)]), "huge.phyla");
    assert_eq!(codes(&found), [Code::NESTING]);
    assert!(found.iter().all(|one| one.help.is_some() && one.message.contains("more than 8192 places")), "{found:?}");
}

/// What `phyla check` says of a path, within a second of work: standard error, with exit code 1.
fn refused(path: &std::path::Path) -> String {
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_phyla")).arg("check").arg(path).output().expect("the program starts");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn what_is_no_text_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    // The same bytes in every run, from a small generator of their own.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let random: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(100_000)
    .collect();
    let latin = b"model m { hidden = 64 } // caf\xe9\n".to_vec();
    for bytes in [random, latin] {
        let path = folder.path().join("bytes.phyla");
        std::fs::write(&path, &bytes).expect("written");
        let text = refused(&path);
        assert!(text.contains("E0105") && text.contains("UTF-8"), "{text}");
    }
    // Bytes that are text, and nothing else.
    let path = folder.path().join("noise.phyla");
    let noise: String = std::iter::repeat_n("}{)(\"[]|=.,@¬é\u{0}x9 \n", 2000).collect();
    std::fs::write(&path, noise).expect("written");
    let text = refused(&path);
    assert!(text.contains("E010") && text.len() < 1 << 20, "{} bytes", text.len());
}

#[test]
fn a_path_that_is_no_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing.phyla");
    assert!(refused(&missing).contains("there is no such file"));
    assert!(refused(folder.path()).contains("no .phyla file in this folder"));
    let named = folder.path().join("named.phyla");
    std::fs::create_dir(&named).expect("made");
    assert!(refused(&named).contains("no .phyla file in this folder"));
    let run = Command::new(env!("CARGO_BIN_EXE_phyla")).arg("run").arg(&named).output().expect("the program starts");
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run.stderr).contains("it is a folder"), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
#[cfg(unix)]
fn links_in_a_circle_end() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    symlink(at("b.phyla"), at("a.phyla")).expect("linked");
    symlink(at("a.phyla"), at("b.phyla")).expect("linked");
    assert!(refused(&at("a.phyla")).contains("symbolic links"));
    std::fs::create_dir(at("sound")).expect("made");
    std::fs::write(at("sound/one.phyla"), "model one = std.models.micro\n").expect("written");
    symlink(at("sound"), at("sound/again")).expect("linked");
    let check = Command::new(env!("CARGO_BIN_EXE_phyla")).arg("check").arg(at("sound")).output().expect("the program starts");
    assert_eq!((check.status.code(), String::from_utf8_lossy(&check.stdout).trim()), (Some(0), "1 file checked, no mistakes found"));
}

#[test]
fn diagnostics_are_data_first() {
    let key = "tests/mistakes/several.phyla";
    let world = World::load(&Disk, &[key.to_owned()]);
    let checker = Checker::new(&world, &Disk);
    checker.check_module(key);
    let wanted: Vec<serde_json::Value> = checker.diagnostics().iter().map(|diagnostic| to_json(diagnostic, &world.sources)).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_phyla")).args(["check", "--json", key]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let found: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert_eq!(found, wanted);
    let first = found.first().expect("a mistake");
    assert_eq!((first["severity"].as_str(), first["code"].as_str()), (Some("error"), Some("E0303")));
    assert_eq!((first["labels"][0]["line"].as_u64(), first["labels"][0]["column"].as_u64()), (Some(6), Some(29)));
}

/// Fields of a space in a circle, in a long chain, and each using the next twice: told within a second.
#[test]
fn fields_of_a_space_may_not_go_round_or_double_without_end() {
    let space = |fields: &str| {
        format!(
            "use std.layers {{ encoder_layer, light_convolution }}\n\nspace s {{\n{fields}    body = repeat(a0) {{ encoder_layer(light_convolution) }}\n}}\n"
        )
    };
    let chain = |count: usize, step: &dyn Fn(usize) -> String, last: &str| {
        let fields: String = (0..count).map(|at| format!("    a{at} = {}\n", step(at + 1))).collect();
        space(&format!("{fields}    a{count} = {last}\n"))
    };
    assert!(codes(&quickly(chain(2, &|next| format!("a{next}"), "a1"))).contains(&Code::FIELD_CYCLE));
    assert_eq!(codes(&quickly(chain(100, &|next| format!("a{next}"), "2"))), []);
    assert!(codes(&quickly(chain(10_000, &|next| format!("a{next}"), "2"))).contains(&Code::NESTING));
    assert!(!codes(&quickly(chain(40, &|next| format!("a{next} + a{next}"), "1"))).is_empty());
}

#[test]
fn compared_architectures_can_be_told_apart() {
    let found = "architecture found = std.spaces.autobert_zero { layers = 1, mixer = [conv(kernel = 3)] }\narchitecture best = found\n";
    let imports = "use \"found\" { best, best as other, found }\n";
    let quickstart = include_str!("../experiments/quickstart.phyla").replace("quickstart", "tried");
    for (compare, mistakes) in [("other, found", 0), ("found, found", 1), ("best", 1), ("found.first(1), found", 0), ("best.first(1)", 0)] {
        let mine = quickstart.replace("compare = [", &format!("compare = [{compare}, "));
        assert_ne!(mine, quickstart);
        let files = Memory::new(&[("experiments/tried.phyla", &format!("{imports}{mine}")), ("experiments/found", found)]);
        let (drawn, all) = check(&files, "experiments/tried.phyla");
        let codes: Vec<Code> = all.iter().filter(|one| one.severity == Severity::Error).map(|one| one.code).collect();
        assert_eq!(codes, vec![Code::DUPLICATE_NAME; mistakes], "{compare}\n{drawn}");
    }
}

#[test]
fn what_is_defined_through_itself_ends() {
    let space = "use std.layers { light_convolution }\n\nspace s {\n    mixer = choose(light_convolution(kernel = mixer))\n    \
        body = repeat(2) { mixer }\n}\n";
    for (text, code) in [
        ("graph g(x: [n, h]) -> [n, h] {\n    y = y\n    relu(y)\n}\n", Code::UNKNOWN_OP),
        ("graph g(x: [n, h]) -> [n, h] {\n    y = relu(z)\n    z = relu(y)\n    relu(y)\n}\n", Code::UNKNOWN_OP),
        (space, Code::FIELD_CYCLE),
    ] {
        let (drawn, found) = check(&Memory::new(&[("circle.phyla", text)]), "circle.phyla");
        assert!(found.iter().any(|one| one.code == code), "{drawn}");
    }
}

#[test]
fn the_fields_of_a_primitive_are_checked() {
    let text = "\
primitive one(x: [i, j]) -> [i, j] { formula = x }
primitive two(x: [i, j]) -> [i, j] { gradient = \"g\" }
primitive three(x: [i, j]) -> [i, j] { laws = involution }
";
    let (drawn, found) = check(&Memory::new(&[("a.phyla", text)]), "a.phyla");
    assert_eq!(codes(&found), [Code::TYPE, Code::TYPE, Code::UNKNOWN_FIELD], "{drawn}");
    assert!(found.iter().all(|one| one.help.is_some()), "{drawn}");
}

/// A space of its own, whose holes another file fills with what only that file knows.
const BASE: &str = "\
use std.layers { encoder_layer }

space base {
    mixer = std.layers.light_convolution
    layers = 2
    body = repeat(layers) { encoder_layer(mixer) }
}
";

#[test]
fn a_field_sees_the_names_of_the_file_that_wrote_it() {
    let text = "\
use std.layers { attention, light_convolution }
use std.ops { transformer }
use \"base.phyla\" { base }

ops mine = transformer + [neg]

space two = base {
    mixer = choose { a = attention(dag(ops = mine)), conv = light_convolution(kernel = choose(3, 5)) }
}

space three = base { mixer = attention(dag(ops = mine)) }
";
    let files = Memory::new(&[("base.phyla", BASE), ("a.phyla", text)]);
    let (drawn, found) = check(&files, "a.phyla");
    assert_eq!(codes(&found), [], "{drawn}");
    let world = World::load(&files, &["a.phyla".to_owned()]);
    let checker = Checker::new(&world, &files);
    let space = |name| checker.named_space("a.phyla", name).expect("a space");
    assert!(space("two").count() > space("three").count());
}

#[test]
fn members_of_a_choice_fit_its_place() {
    let told = |space: &str| {
        let text = format!(
            "\
use std.layers {{ attention, encoder_layer, light_convolution, self_attention }}

graph odd(x: [n, 3]) -> [n, 3] {{
    x
}}

graph wide(x: [n, h]) -> [n, f] {{
    x |> linear(f)
}}

{space}
"
        );
        let (drawn, found) = check(&Memory::new(&[("a.phyla", &text)]), "a.phyla");
        let errors: Vec<Diagnostic> = found.into_iter().filter(|one| one.severity == Severity::Error).collect();
        let labels = errors.iter().flat_map(|one| &one.labels).map(|label| label.text.clone()).collect::<Vec<_>>().join("\n");
        (codes(&errors), labels, drawn)
    };
    let place = "body = repeat(2) { encoder_layer(mixer) }";
    let bare = "body = repeat(2) { graph(x) { mixer(x) } }";
    for (space, code, parts) in [
        (format!("mixer = choose {{ odd = odd, conv = light_convolution }}\n    {place}"), Code::INPUT_SHAPE, ["[n, 3]", "[n, h]"]),
        (format!("mixer = choose {{ conv = light_convolution, odd = odd }}\n    {place}"), Code::INPUT_SHAPE, ["[n, 3]", "[n, h]"]),
        (format!("mixer = choose {{ conv = light_convolution, wide = wide }}\n    {place}"), Code::RESULT_SHAPE, ["[n, f]", ""]),
        (format!("mixer = choose {{ conv = light_convolution, wide = wide }}\n    {bare}"), Code::INPUT_SHAPE, ["[n, f]", "[n, h]"]),
        (format!("mixer = choose {{ one = odd, two = odd }}\n    {bare}"), Code::INPUT_SHAPE, ["take [n, 3]", "this is [n, h]"]),
        (format!("mixer = choose {{ a = self_attention, b = light_convolution }}\n    {place}"), Code::INPUTS, ["called here", ""]),
    ] {
        let (codes, labels, drawn) = told(&format!("space s {{\n    {space}\n}}"));
        assert_eq!(codes, [code], "{drawn}");
        assert!(parts.iter().all(|part| labels.contains(part)), "{drawn}");
    }
    // In a place whose inputs have names, members take those they name, in whatever order.
    let (codes, _, drawn) = told(
        "space s {
    mixer = attention(choose { a = self_attention, b = graph(v, k) { k - v }, c = any })
    body = repeat(2) { encoder_layer(mixer) }
}

graph any(a: [i, j], b: [i, j], c: [i, j]) -> [i, j] {
    a + b + c
}",
    );
    assert_eq!(codes, [], "{drawn}");
}

/// The labels, message and mend of each mistake of a file.
fn told(text: &str) -> (Vec<Code>, String) {
    let (drawn, found) = check(&Memory::new(&[("a.phyla", text)]), "a.phyla");
    assert!(!drawn.contains("10000"), "a size that is no one's:\n{drawn}");
    (codes(&found), drawn)
}

#[test]
fn sizes_of_an_operation_are_told_by_their_letters() {
    let (codes, drawn) = told("op bad(x: [i, j]) -> [i, j] {\n    x @ sigmoid(x)\n}\n");
    assert!(codes == [Code::SHAPE] && drawn.contains("`matmul` cannot take [i, j] and [i, j]"), "{drawn}");
    let (codes, drawn) = told("op turned(x: [i, j]) -> [i, j] {\n    transpose(x)\n}\n");
    assert!(codes == [Code::RESULT_SHAPE] && drawn.contains("[i, j] is stated here") && drawn.contains("this is [j, i]"), "{drawn}");
    let (codes, drawn) = told("graph wide(out: size, other: size)(x: [n, h]) -> [n, out] {\n    x |> linear(other)\n}\n");
    assert!(codes == [Code::RESULT_SHAPE] && drawn.contains("this is [n, other]"), "{drawn}");
    let (codes, drawn) = told("op owns(x: [i, j]) -> [i, j] {\n    x |> linear(j)\n}\n");
    assert_eq!(codes, [Code::PARAMETERS_IN_OP], "{drawn}");
}

#[test]
fn what_cannot_stand_in_a_set_is_told_why() {
    for (op, why) in [
        ("std.layers.self_attention", "a graph is no operation"),
        ("linear", "owns parameters"),
        ("dropout", "is random"),
        ("gather", "takes indices"),
        ("first", "fixes a size of its result"),
        ("three", "takes neither one tensor nor two"),
    ] {
        let (codes, drawn) =
            told(&format!("op three(x: [i, j], y: [i, j], z: [i, j]) -> [i, j] {{\n    x + y + z\n}}\n\nops s = [add, {op}]\n"));
        assert!(codes == [Code::OP_IN_DAG] && drawn.contains(why), "{drawn}");
    }
}

#[test]
fn a_call_without_tensors_is_told_where_it_stands() {
    let text = "graph lay(mixer: graph([n, h]) -> [n, h])(x: [n, h]) -> [n, h] {\n    x + mixer()\n}\n";
    let (codes, drawn) = told(text);
    assert!(codes == [Code::INPUTS] && drawn.contains("a.phyla:2:9") && drawn.contains("it takes [n, h]"), "{drawn}");
}

#[test]
fn a_mistake_of_an_imported_file_is_told_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("shared.phyla", "ops x = [ad]\n");
    for name in ["one", "two"] {
        write(&format!("{name}.phyla"), &format!("use \"shared.phyla\" {{ x }}\n\nops {name} = x + [neg]\n"));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_phyla")).arg("check").arg(folder.path()).arg("--json").output().expect("it starts");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
}
