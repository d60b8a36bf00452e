//! What is given is given once, by its name and where it belongs: what leaves a doubt is told.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::{Memory, check};
use phyla::diagnostic::{Code, Diagnostic};

fn codes(found: &[Diagnostic]) -> Vec<Code> {
    found.iter().map(|one| one.code).collect()
}

#[test]
fn what_leaves_no_doubt_is_sound() {
    for text in [
        "use std.spaces { autobert_zero }\nuse std.architectures { autobert_zero }\ntest \"one\" { contains(autobert_zero, autobert_zero) }",
        "train t = std.train.pretrain { steps = 100K, schedule.warmup = 16.1K }",
        "graph apply(f: graph(x: [n, h], memory: [n, h]) -> [n, h])(x: [n, h]) -> [n, h] { f(x, x) }\n\n\
         graph whole(x: [n, h]) -> [n, h] { apply(add)(x) }",
        "graph f(x: [n, h]) -> [n, h] { sub(y = x, x = relu(x)) }",
    ] {
        let (drawn, found) = check(&Memory::new(&[("e.phyla", &format!("{text}\n"))]), "e.phyla");
        assert!(found.is_empty(), "{drawn}");
    }
}

#[test]
fn what_is_given_is_given_once_and_by_its_name() {
    const LAYERS: &str = "use std.layers { encoder_layer, light_convolution }\n";
    let body = |body: &str| format!("graph f(x: [n, h]) -> [n, h] {{ {body} }}");
    let space = |fields: &str| format!("{LAYERS}space s {{\n{fields}\n}}");
    let train = |fields: &str| format!("train t = std.train.pretrain {{\n{fields}\n}}");
    let mixer = "mixer = choose { a = light_convolution(3), b = light_convolution(5) }\n";
    for (text, code, told) in [
        (body("sub(foo = x, y = x)"), Code::UNKNOWN_PARAMETER, "no input `foo`"),
        (body("sub(x = x, x = x)"), Code::DUPLICATE_FIELD, "`x` is given twice"),
        (body("sub(y = x, x)"), Code::ARGUMENTS, "behind one with a name"),
        (format!("{LAYERS}{}", body("light_convolution(normalize = 0, 31)(x)")), Code::ARGUMENTS, "behind one"),
        (body("std.layers.light_convolution(5, kernel = 31)(x)"), Code::DUPLICATE_FIELD, "`kernel` is given twice"),
        (body("x |> linear(n) |> linear(h)"), Code::SIZE, "differs from sentence to sentence"),
        ("graph f = std.layers.light_convolution".to_owned(), Code::SIGNATURE, "does not say what it takes"),
        ("op g = whatever".to_owned(), Code::SIGNATURE, "does not say what it takes"),
        ("graph s(k: size, k: size)(x: [n, h]) -> [n, h] { x |> light_conv(k) }".to_owned(), Code::BOUND_TWICE, "called `k`"),
        ("primitive relu(x: [i, j]) -> [i, j] { law = involution }".to_owned(), Code::UNKNOWN_KIND, "no such primitive"),
        (
            "primitive linear(out: size, extra: size, name: text = \"\")(x: [i, j]) -> [i, out]".to_owned(),
            Code::UNKNOWN_KIND,
            "no such primitive",
        ),
        ("use std.models { micro as a }\nuse std.models { tiny as a }\nmodel m = a".to_owned(), Code::DUPLICATE_NAME, "called `a`"),
        (space("layers = 2\nlayers = 5\nbody = repeat(layers) { encoder_layer(light_convolution) }"), Code::DUPLICATE_FIELD, "`layers`"),
        (
            space(&format!("{mixer}top = repeat(2) {{ encoder_layer(mixer) }}\nbody = graph(x) {{ x |> encoder_layer(mixer) |> top }}")),
            Code::FILLINGS,
            "outside",
        ),
        (space(&format!("{mixer}body = repeat(2) {{ encoder_layer(graph(x) {{ mixer(x, x) }}) }}")), Code::INPUTS, "`mixer` takes 1 input"),
        (train("schedule = linear(to = 0, 0.1)"), Code::ARGUMENTS, "behind one with a name"),
        (train("schedule = linear(10%, warmup = 20%)"), Code::DUPLICATE_FIELD, "`warmup` is given twice"),
        (train("schedule.warmup = 0.5 steps"), Code::RANGE, "a whole number of steps"),
        (train("optimizer.lr = 7e-4\noptimizer = adamw { weight_decay = 0.5 }"), Code::DUPLICATE_FIELD, "which is lost"),
        (train("lr = grid(rate = 1e-4)"), Code::UNKNOWN_PARAMETER, "`rate`"),
        (
            format!(
                "use \"experiments/quickstart.phyla\" {{ quickstart }}\n{LAYERS}space s {{ layers = 4\nmixer = choose {{ a = light_convolution(choose(3, 4)), \
                 b = std.layers.attention }}\nbody = repeat(layers) {{ encoder_layer(mixer) }} }}\nexperiment e = quickstart {{ space = s }}"
            ),
            Code::MIXED_CHOICE,
            "even and odd kernels",
        ),
    ] {
        let (drawn, found) = check(&Memory::new(&[("e.phyla", &format!("{text}\n"))]), "e.phyla");
        assert!(codes(&found).contains(&code), "{text}\n{drawn}");
        assert!(drawn.contains(told) && found.iter().all(|one| one.help.is_some()), "{told}: {drawn}");
    }
}
