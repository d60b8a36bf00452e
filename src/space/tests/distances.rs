use super::*;
use crate::stream::stream;
use text::parse;

fn term(text: &str) -> Arc<Term> {
    parse(text, &inputs(3), &ops(PAPER)).unwrap()
}

#[test]
fn single_edits_cost_one() {
    let scores = "(matmul (softmax (scale (matmul q (transpose k)))) v)";
    for (other, cost) in [
        (scores, 0),
        ("(matmul (softmax (matmul q (transpose k))) v)", 1),
        ("(matmul (softmax (scale (matmul q (transpose k)))) q)", 1),
        ("(matmul (softsign (scale (matmul q (transpose k)))) v)", 1),
        ("(matmul (softmax (scale (matmul q (transpose (neg k))))) v)", 1),
        ("(matmul (softmax (scale (cosine q k))) v)", 2),
        ("v", 7),
    ] {
        assert_eq!(tree_edit(&term(scores), &term(other)), cost, "{other}");
        assert_eq!(tree_edit(&term(other), &term(scores)), cost, "{other}");
    }
}

#[test]
fn the_distance_is_a_metric() {
    let dag = dag(3, PAPER, [1, 6, 1, 8, 1, 3]);
    let mut draws = stream(3, "distance", 0);
    for _ in 0..2_000 {
        let [a, b, c] = [(); 3].map(|()| dag.sample_by_size(&mut draws).unwrap());
        let [ab, ba, bc, ac] = [(&a, &b), (&b, &a), (&b, &c), (&a, &c)].map(|(left, right)| tree_edit(left, right));
        assert_eq!(ab, ba);
        assert_eq!(ab == 0, a.hash() == b.hash());
        let script = edits(&a, &b, &dag.names());
        let times = |edit: &String| edit.rsplit_once(", in ").and_then(|(_, places)| places.split(' ').next()?.parse().ok()).unwrap_or(1);
        assert_eq!(script.iter().map(times).sum::<u64>(), ab, "{script:?}");
        assert!(ac <= ab + bc, "{ac} > {ab} + {bc}");
        // Nodes that one has more must be inserted; a root renamed, all else deleted and inserted, always leads there.
        assert!(ab >= nodes(&a).abs_diff(nodes(&b)) && ab < nodes(&a) + nodes(&b));
    }
}

fn nodes(term: &Term) -> u64 {
    1 + term.arguments().iter().map(|argument| nodes(argument)).sum::<u64>()
}

#[test]
fn layers_add_up() {
    let space = backbone(2, 1, dag(3, PAPER, [1, 6, 1, 8, 1, 3]));
    let conv = |kernel| Filling::Arm { label: "conv".to_owned(), holes: vec![("kernel".to_owned(), Filling::Value(kernel))] };
    let attention = |text| Filling::Arm { label: "attention".to_owned(), holes: vec![("mix".to_owned(), Filling::Dag(term(text)))] };
    let of = |fillings| Architecture { fillings: BTreeMap::from([("mixer".to_owned(), fillings)]) };
    let (one, other) = (of(vec![conv(3), attention("(add q k)")]), of(vec![attention("q"), attention("(add q v)")]));
    assert_eq!(distance(&space, &one, &of(vec![conv(5), attention("(add q k)")])), Some(1));
    assert_eq!(distance(&space, &one, &other), Some(2));
    assert_eq!(distance(&space, &one, &of(vec![conv(3)])), None);
}

#[test]
fn edits_are_told_in_words() {
    let names: Vec<String> = ["q", "k", "v"].map(str::to_owned).to_vec();
    let told = |one: &str, other: &str| edits(&term(one), &term(other), &names);
    assert_eq!(told("(matmul q (transpose k))", "(matmul q (transpose k))"), [""; 0]);
    assert_eq!(told("(matmul q (transpose k))", "(matmul q (transpose v))"), ["replace k by v"]);
    assert_eq!(told("(scale (softmax q))", "(scale (neg q))"), ["replace softmax by neg in softmax(q)"]);
    assert_eq!(told("(softmax q)", "(softmax (scale q))"), ["insert scale, giving scale(q)"]);
    assert_eq!(told("(softmax (scale q))", "(softmax q)"), ["delete scale of scale(q)"]);
    assert_eq!(
        told("(add (softsign k) (softsign k))", "(add (scale k) (scale k))"),
        ["replace softsign by scale in softsign(k), in 2 places"]
    );
}
