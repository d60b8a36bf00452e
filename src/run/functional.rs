//! The functional identity of an architecture: what its expressions compute, not how they are written.

use crate::exec::probe::fingerprint;
use crate::graph::Hash;
use crate::space::term::to_graph;
use crate::space::{Architecture, DagDomain, Space, Term, hash_by};
use std::collections::BTreeMap;

/// The identity of what an architecture computes: equal for architectures that differ only in expressions which agree on fixed
/// inputs, in double precision, to some eight digits. An expression with a value that is not finite stands for itself alone.
pub fn functional(space: &Space, architecture: &Architecture) -> Hash {
    hash_by(space, architecture, &of_term)
}

/// What the candidates of a search compute: each function with the first candidate that does.
#[derive(Debug, Default)]
pub(super) struct Functions(BTreeMap<Hash, usize>);

impl Functions {
    /// Notes what a candidate computes, and gives the first that computes the same, if that is another.
    pub(super) fn first(&mut self, function: Hash, id: usize) -> Option<usize> {
        let first = *self.0.entry(function).or_insert(id);
        (first < id).then_some(first)
    }
}

/// Architectures by what they compute, in the order in which each class first occurs.
pub fn functional_classes<'a>(space: &Space, architectures: &'a [Architecture]) -> Vec<(Hash, Vec<&'a Architecture>)> {
    let mut places: BTreeMap<Hash, usize> = BTreeMap::new();
    let mut classes: Vec<(Hash, Vec<&Architecture>)> = Vec::new();
    for architecture in architectures {
        let hash = functional(space, architecture);
        let place = *places.entry(hash).or_insert_with(|| {
            classes.push((hash, Vec::new()));
            classes.len() - 1
        });
        if let Some((_, class)) = classes.get_mut(place) {
            class.push(architecture);
        }
    }
    classes
}

fn of_term(dag: &DagDomain, term: &Term) -> Hash {
    to_graph(term, &dag.inputs, false).and_then(|graph| fingerprint(&graph)).unwrap_or_else(|| term.hash())
}

#[cfg(test)]
mod tests {
    use super::{functional_classes, of_term};
    use crate::space::testing::{PAPER, backbone, dag, op};
    use crate::space::{DagDomain, Draw, Term, text};
    use crate::stream::stream;
    use std::sync::Arc;

    fn paper() -> Arc<DagDomain> {
        dag(3, PAPER, [1, 10, 1, 16, 1, 3])
    }

    /// The same function written otherwise: every product as the transpose of the transposed product of the operands exchanged.
    fn rewritten(term: &Arc<Term>) -> Arc<Term> {
        let Some(own) = term.op() else { return term.clone() };
        let arguments: Vec<Arc<Term>> = term.arguments().iter().map(rewritten).collect();
        match (own.name.as_str(), arguments.as_slice()) {
            ("matmul", [left, right]) => {
                let turned = |term: &Arc<Term>| Term::apply(&op("transpose"), vec![term.clone()]).unwrap();
                turned(&Term::apply(own, vec![turned(right), turned(left)]).unwrap())
            }
            _ => Term::apply(own, arguments).unwrap(),
        }
    }

    #[test]
    fn what_algebra_does_not_see_is_found_by_value() {
        let dag = paper();
        let of = |source: &str| of_term(&dag, &text::parse(source, &dag.inputs, &dag.ops).unwrap());
        for (one, other) in [
            ("(transpose (matmul q (transpose k)))", "(matmul k (transpose q))"),
            ("(matmul (scale q) (transpose k))", "(scale (matmul q (transpose k)))"),
            ("(cosine (neg q) (neg k))", "(cosine q k)"),
            ("(add (add q k) v)", "(add q (add k v))"),
            ("(matmul (matmul q (transpose k)) v)", "(matmul q (matmul (transpose k) v))"),
        ] {
            assert_eq!(of(one), of(other), "{one} and {other}");
        }
        for (one, other) in [
            ("(matmul (cosine q k) v)", "(matmul (cosine k q) v)"),
            ("(matmul (cosine q k) v)", "(matmul (euclidean q k) v)"),
            ("(softmax q)", "(softmax (scale q))"),
            ("(add q k)", "(add q v)"),
            ("q", "(scale q)"),
        ] {
            assert_ne!(of(one), of(other), "{one} and {other}");
        }
    }

    /// Rounding may, very rarely, lie on either side of a quantum.
    #[test]
    fn another_way_to_write_a_function_has_the_same_identity() {
        let dag = paper();
        let mut draws = stream(3, "rewritten", 0);
        let (mut changed, mut apart) = (0, 0);
        for _ in 0..400 {
            let term = dag.sample_by_size(&mut draws).unwrap();
            let other = rewritten(&term);
            changed += usize::from(other != term);
            apart += usize::from(of_term(&dag, &term) != of_term(&dag, &other));
        }
        assert!(changed > 200 && apart <= 2, "{changed} rewritten, {apart} told apart");
    }

    #[test]
    fn classes_keep_all_members_in_order() {
        let space = backbone(1, 1, dag(2, "add neg scale", [1, 3, 1, 3, 1, 2]));
        let members = space.enumerate(10_000).unwrap();
        let classes = functional_classes(&space, &members);
        assert_eq!(classes.iter().map(|(_, class)| class.len()).sum::<usize>(), members.len());
        assert!(classes.len() < members.len(), "{} classes of {} members", classes.len(), members.len());
        let place = |one: &crate::space::Architecture| members.iter().position(|member| std::ptr::eq(member, one));
        assert!(classes.iter().all(|(_, class)| class.iter().map(|one| place(one)).is_sorted()));
        assert!(classes.iter().map(|(_, class)| place(class[0])).is_sorted());
        let mut draws = stream(1, "class", 0);
        let drawn = space.sample(Draw::Uniform, &mut draws).unwrap();
        assert!(classes.iter().any(|(hash, _)| *hash == super::functional(&space, &drawn)));
    }
}
