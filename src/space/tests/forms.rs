use super::*;
use crate::graph::canonical;
use crate::space::text::{parse, show};
use crate::stream::stream;

fn read(text: &str) -> Arc<Term> {
    parse(text, &inputs(3), &ops("neg transpose scale softmax logsigmoid add sub mul matmul relu")).unwrap()
}

fn names() -> Vec<String> {
    inputs(3).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn source_has_the_parentheses_it_needs() {
    let cases = [
        (
            "(matmul (softmax (scale (matmul q (neg (transpose (logsigmoid (neg k))))))) (add q k))",
            "softmax(scale(q @ -transpose(logsigmoid(-k)))) @ (q + k)",
        ),
        ("(sub q (sub k v))", "q - (k - v)"),
        ("(sub (sub q k) v)", "q - k - v"),
        ("(neg (add q k))", "-(q + k)"),
        ("(mul (neg q) (add k v))", "(k + v) * -q"),
        ("(matmul q (matmul (transpose k) v))", "q @ (transpose(k) @ v)"),
        ("(add v (mul q k))", "v + q * k"),
        ("(neg (neg q))", "q"),
        ("(relu (relu q))", "relu(q)"),
    ];
    for (term, source) in cases {
        assert_eq!(text::to_source(&read(term), &names()), source);
    }
}

#[test]
fn what_is_kept_is_read_back() {
    let domain = dag(3, PAPER, [4, 10, 4, 16, 2, 3]);
    let space = backbone(4, 1, domain);
    for step in 0..20 {
        let architecture = space.sample(Draw::BySize, &mut stream(3, "forms", step)).unwrap();
        let kept = serde_json::to_string(&space.compact(&architecture)).unwrap();
        let read = space.expand(&serde_json::from_str(&kept).unwrap()).unwrap();
        assert_eq!(read, architecture);
        assert_eq!(hash(&space, &read), hash(&space, &architecture));
    }
    assert!(parse("(add q", &inputs(2), &ops("add")).is_err());
    assert!(parse("(add q q) q", &inputs(2), &ops("add")).is_err());
    assert!(parse(&"(neg ".repeat(1000), &inputs(2), &ops("neg")).is_err());
}

#[test]
fn terms_and_graphs_are_the_same_thing() {
    let domain = dag(3, PAPER, [0, 10, 0, 12, 1, 3]);
    let mut draws = stream(5, "graphs", 0);
    for _ in 0..50 {
        let term = domain.sample_by_size(&mut draws).unwrap();
        let graph = term::to_graph(&term, &domain.inputs, true).unwrap();
        assert_eq!(term::from_graph(&graph, &domain.inputs).unwrap(), term);
        assert_eq!(term::from_graph(&canonical(&graph), &domain.inputs).unwrap(), term);
        assert_eq!(parse(&show(&term, &domain.names()), &domain.inputs, &domain.ops).unwrap(), term);
    }
}

fn filled(label: &str, name: &str, filling: Filling) -> Filling {
    Filling::Arm { label: label.to_owned(), holes: vec![(name.to_owned(), filling)] }
}

fn two_layers() -> (Space, Architecture) {
    let space = backbone(2, 1, dag(3, PAPER, [1, 10, 1, 16, 1, 3]));
    let mix = read("(matmul (softmax (scale (matmul q (transpose k)))) q)");
    let fillings = vec![filled("conv", "kernel", Filling::Value(5)), filled("attention", "mix", Filling::Dag(mix))];
    (space, Architecture { fillings: [("mixer".to_owned(), fillings)].into() })
}

#[test]
fn an_architecture_is_written_as_the_language_has_it() {
    let (space, architecture) = two_layers();
    let expected = "architecture best = backbone {\n    layers = 2\n    mixer  = [\n        conv(kernel = 5)\n        attention(graph(q, k) { softmax(scale(q @ transpose(k))) @ q })\n    ]\n}\n";
    assert_eq!(to_source(&space, &architecture, "best"), expected);
}

#[test]
fn fillings_take_the_place_of_holes() {
    let (space, architecture) = two_layers();
    let graph = instantiate(&space, &architecture).unwrap();
    let mut paths: Vec<String> = graph.order().iter().filter_map(|node| graph.node(*node)).map(|node| node.path.clone()).collect();
    paths.retain(|path| !path.is_empty());
    paths.sort();
    let attention = |role: &str| format!("layer.1/mixer.attention/attention/linear.{role}");
    assert_eq!(paths, ["layer.0/mixer.conv/light_conv.0".to_owned(), attention("0"), attention("1"), attention("3")]);
    let kernels: Vec<_> = graph.order().iter().filter_map(|node| graph.node(*node)?.attr("kernel").cloned()).collect();
    assert_eq!(kernels, [Attr::Size(5.into())]);
}

#[test]
fn what_does_not_fit_is_told() {
    let (space, mut architecture) = two_layers();
    assert_eq!(contains(&space, &architecture), Ok(()));
    let mixers = architecture.fillings.get_mut("mixer").unwrap();
    mixers[0] = filled("conv", "kernel", Filling::Value(4));
    assert_eq!(contains(&space, &architecture).unwrap_err(), "`mixer`, number 1: `kernel` of `conv`: 4 is not among 3, 5, 7");
    assert!(instantiate(&space, &architecture).is_err());
    architecture.fillings.get_mut("mixer").unwrap().pop();
    assert_eq!(contains(&space, &architecture).unwrap_err(), "`mixer` takes 2 fillings, and 1 are given");
}

#[test]
fn small_spaces_are_listed_whole() {
    let space = backbone(2, 1, dag(2, "neg add", [1, 2, 1, 2, 1, 2]));
    let all = space.enumerate(10_000).unwrap();
    assert_eq!(num_bigint::BigUint::from(all.len()), space.count());
    assert!(all.iter().all(|architecture| contains(&space, architecture).is_ok()));
    let distinct: std::collections::BTreeSet<_> = all.iter().map(|architecture| hash(&space, architecture)).collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(space.enumerate(5), None);
}

#[test]
fn whole_architectures_are_drawn_and_costed() {
    let space = backbone(12, 1, dag(3, PAPER, [4, 10, 4, 16, 2, 3]));
    let architecture = space.sample(Draw::BySize, &mut stream(8, "whole", 0)).unwrap();
    let graph = canonical(&instantiate(&space, &architecture).unwrap());
    let svg = crate::graph::draw::svg(&graph).unwrap();
    assert!(svg.ends_with("</svg>"));
    let sizes = [(Symbol::Tokens, 16), (Symbol::Hidden, 32), (Symbol::Heads, 2), (Symbol::HeadWidth, 16)];
    let sizes = sizes.into_iter().fold(crate::graph::Sizes::default(), |sizes, (symbol, value)| sizes.with(symbol, value));
    assert!(crate::graph::cost(&graph, &sizes).is_some_and(|cost| cost.params > 0 && cost.flops > 0));
}
