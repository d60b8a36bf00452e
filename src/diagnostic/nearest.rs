//! The name the user may have meant.

/// The candidate nearest to `name`, if one is near enough to be worth suggesting.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Any other letter is as near to one.
    name.chars().nth(1)?;
    let bound = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= bound && candidate != name)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Damerau's distance restricted to adjacent transpositions: insert, delete, replace, swap.
fn edits(a: &str, b: &str) -> usize {
    // A name of a megabyte is nobody's typing mistake.
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let at = |line: &[usize], k: usize| line.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_the_nearest_name_only() {
        let names = ["softmax", "softsign", "softplus"];
        assert_eq!(nearest("sofmax", names), Some("softmax"));
        assert_eq!(nearest("softsing", names), Some("softsign"));
        assert_eq!(nearest("transpose", names), None);
        assert_eq!(nearest("z", ["i", "z_"]), None);
    }
}
