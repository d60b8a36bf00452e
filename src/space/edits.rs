//! What makes one expression of another: the edits behind the distance, in words.

use super::distance::{Label, Node, Tree, forests, tables};
use super::term::Term;
use super::text::to_source;

/// The edits that lead from one term to another, as few as there can be, in the order of the expression; an edit that sharing repeats
/// stands once, with the number of its places.
pub fn edits(before: &Term, after: &Term, names: &[String]) -> Vec<String> {
    if before.hash() == after.hash() {
        return Vec::new();
    }
    let (left, right) = (Tree::new(before), Tree::new(after));
    let mut trees = tables(&left, &right);
    let mut pairs = Vec::new();
    let (root, other) = (left.nodes.len() - 1, right.nodes.len() - 1);
    trace(&left, &right, root, other, &mut trees, &mut pairs);
    let mut told: Vec<(String, usize)> = Vec::new();
    for (before, after) in pairs {
        let Some(edit) = words(before.and_then(|place| left.nodes.get(place)), after.and_then(|place| right.nodes.get(place)), names)
        else {
            continue;
        };
        match told.iter_mut().find(|(known, _)| *known == edit) {
            Some((_, times)) => *times += 1,
            None => told.push((edit, 1)),
        }
    }
    told.into_iter().map(|(edit, times)| if times == 1 { edit } else { format!("{edit}, in {times} places") }).collect()
}

/// Pairs of nodes: matched or replaced, deleted (no second), inserted (no first); in postorder.
type Pairs = Vec<(Option<usize>, Option<usize>)>;

/// Goes a table of distances back from its end and writes down each step.
fn trace(left: &Tree<'_>, right: &Tree<'_>, root: usize, other: usize, trees: &mut [u64], pairs: &mut Pairs) {
    let cost = forests(left, right, root, other, trees);
    let (first, second) = (left.leaf(root), right.leaf(other));
    let columns = other - second + 2;
    let at = |row: usize, column: usize| cost.get(row * columns + column).copied().unwrap_or(u64::MAX / 2);
    let (mut row, mut column) = (root - first + 1, columns - 1);
    let mut steps: Vec<Pairs> = Vec::new();
    while row > 0 || column > 0 {
        let (i, j) = ((first + row).wrapping_sub(1), (second + column).wrapping_sub(1));
        let whole = row > 0 && column > 0 && left.leaf(i) == first && right.leaf(j) == second;
        let changed = u64::from(left.nodes.get(i).map(|node| &node.label) != right.nodes.get(j).map(|node| &node.label));
        if whole && at(row, column) == at(row - 1, column - 1) + changed {
            steps.push(vec![(Some(i), Some(j))]);
            (row, column) = (row - 1, column - 1);
        } else if row > 0 && at(row, column) == at(row - 1, column) + 1 {
            steps.push(vec![(Some(i), None)]);
            row -= 1;
        } else if column > 0 && at(row, column) == at(row, column - 1) + 1 {
            steps.push(vec![(None, Some(j))]);
            column -= 1;
        } else {
            let mut inner = Pairs::new();
            trace(left, right, i, j, trees, &mut inner);
            steps.push(inner);
            (row, column) = (left.leaf(i).saturating_sub(first), right.leaf(j).saturating_sub(second));
        }
    }
    pairs.extend(steps.into_iter().rev().flatten());
}

fn words(before: Option<&Node<'_>>, after: Option<&Node<'_>>, names: &[String]) -> Option<String> {
    let name = |node: &Node<'_>| match &node.label {
        Label::Input(number) => names.get(usize::from(*number)).cloned().unwrap_or_default(),
        Label::Op(_) => node.term.op().map_or_else(String::new, |op| op.name.clone()),
    };
    let text = |node: &Node<'_>| to_source(node.term, names);
    let leaf = |node: &Node<'_>| matches!(node.label, Label::Input(_));
    match (before, after) {
        (Some(before), Some(after)) if before.label == after.label => None,
        (Some(before), Some(after)) if leaf(before) => Some(format!("replace {} by {}", name(before), name(after))),
        (Some(before), Some(after)) => Some(format!("replace {} by {} in {}", name(before), name(after), text(before))),
        (Some(before), None) if leaf(before) => Some(format!("delete {}", name(before))),
        (Some(before), None) => Some(format!("delete {} of {}", name(before), text(before))),
        (None, Some(after)) if leaf(after) => Some(format!("insert {}", name(after))),
        (None, Some(after)) => Some(format!("insert {}, giving {}", name(after), text(after))),
        (None, None) => None,
    }
}
