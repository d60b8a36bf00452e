//! What can be had without a model: the majority, and a bag of words. A model that does not beat these has
//! learnt nothing that matters.

use super::metrics::Answers;
use super::task::{Example, Gold};
use crate::diagnostic::{Code, Diagnostic, Result};
use std::collections::BTreeMap;

/// The weight of the squared parameters beside the summed losses, as scikit-learn's defaults have it.
const PENALTY: f64 = 1.0;

/// Newton's steps of the logistic regression at most, and steps of each linear solution.
const NEWTON: usize = 20;
const CONJUGATE: usize = 60;

/// The labels of examples.
///
/// # Errors
/// Where some have none, or there are classes and scores.
pub fn gold(examples: &[Example]) -> Result<Answers> {
    let gold: Vec<Gold> = examples.iter().map(|example| example.gold).collect();
    let missing = || Box::new(Diagnostic::error(Code::DATA, "a baseline needs examples that all have labels of one kind"));
    Answers::of(&gold).ok_or_else(missing)
}

/// The most frequent class of `train` (the first of equals), or the mean score, for each of `count` examples.
///
/// # Errors
/// Where not every training example has a label.
pub fn majority(train: &[Example], count: usize) -> Result<Answers> {
    Ok(match gold(train)? {
        Answers::Classes(classes) => {
            let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
            classes.into_iter().for_each(|class| *counts.entry(class).or_default() += 1);
            let most = counts.into_iter().rev().max_by_key(|&(_, n)| n).map_or(0, |(class, _)| class);
            Answers::Classes(vec![most; count])
        }
        Answers::Scores(scores) => Answers::Scores(vec![scores.iter().sum::<f64>() / scores.len() as f64; count]),
    })
}

/// The predictions of a [`BagOfWords`] that learnt from `train`.
///
/// # Errors
/// As [`BagOfWords::learn`].
pub fn bag_of_words(train: &[Example], examples: &[Example]) -> Result<Answers> {
    Ok(BagOfWords::learn(train, &mut || Ok(()))?.predict(examples))
}

/// A linear model on TF-IDF of single words: logistic regression, one class against the rest, or ridge regression. Of a pair it sees the words
/// that its sentences have not in common, and their cosine.
pub struct BagOfWords {
    bag: Bag,
    fitted: Fitted,
}

/// What was learnt: a weight of each feature.
enum Fitted {
    /// For scores, beside their mean.
    Scores(Vec<f64>, f64),
    /// For each of the classes told from the rest. Of two it is the second alone: one against the rest is the other against the rest.
    Classes(Vec<(u32, Vec<f64>)>),
}

impl BagOfWords {
    /// Learns from examples; `go_on` is asked before each of Newton's steps.
    ///
    /// # Errors
    /// Where not every example has a label, or `go_on` gives one.
    pub fn learn(train: &[Example], go_on: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let labels = gold(train)?;
        let bag = Bag::new(train);
        let x: Vec<Sparse> = train.iter().map(|example| bag.features(example)).collect();
        let fit = |y: &[f64], go_on: &mut dyn FnMut() -> Result<()>| Fit { x: &x, y, size: bag.size() }.logistic(go_on);
        let fitted = match labels {
            Answers::Scores(scores) => {
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                let centred: Vec<f64> = scores.iter().map(|score| score - mean).collect();
                Fitted::Scores(Fit { x: &x, y: &centred, size: bag.size() }.ridge(), mean)
            }
            Answers::Classes(classes) => {
                let count = classes.iter().max().map_or(0, |&most| most + 1);
                let told = if count == 2 { 1..2 } else { 0..count };
                let one = |class: u32| {
                    let y: Vec<f64> = classes.iter().map(|&c| f64::from(u8::from(c == class))).collect();
                    Ok((class, fit(&y, go_on)?))
                };
                Fitted::Classes(told.map(one).collect::<Result<_>>()?)
            }
        };
        Ok(Self { bag, fitted })
    }

    /// The answers for examples, whose labels are not looked at.
    pub fn predict(&self, examples: &[Example]) -> Answers {
        let rows = examples.iter().map(|example| self.bag.features(example));
        match &self.fitted {
            Fitted::Scores(w, mean) => Answers::Scores(rows.map(|row| dot(&row, w) + mean).collect()),
            Fitted::Classes(told) => {
                // What the second of two classes does not win is the first's.
                let floor = if let [_] = told.as_slice() { 0.0 } else { f64::NEG_INFINITY };
                let best = |row: Sparse| {
                    let scores = told.iter().map(|(class, w)| (dot(&row, w), *class));
                    scores.fold((floor, 0), |best, next| if next.0 > best.0 { next } else { best }).1
                };
                Answers::Classes(rows.map(best).collect())
            }
        }
    }
}

/// A row of features: places and values.
type Sparse = Vec<(usize, f64)>;

/// The words of the training sentences with their places and inverse document frequencies.
struct Bag {
    words: BTreeMap<String, (usize, f64)>,
}

impl Bag {
    fn new(train: &[Example]) -> Self {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        let mut n = 0.0;
        for sentence in train.iter().flat_map(|example| [Some(&example.first), example.second.as_ref()]).flatten() {
            words(sentence).into_keys().for_each(|word| *counts.entry(word).or_default() += 1.0);
            n += 1.0;
        }
        let idf = |(place, (word, count)): (usize, (String, f64))| (word, (place, ((1.0_f64 + n) / (1.0 + count)).ln() + 1.0));
        Self { words: counts.into_iter().enumerate().map(idf).collect() }
    }

    /// Features: the words, the cosine of a pair, and a constant.
    fn size(&self) -> usize {
        self.words.len() + 2
    }

    /// The features of an example: its words, or the distance of its two sentences in each word, and their cosine.
    fn features(&self, example: &Example) -> Sparse {
        let mut row = self.sentence(&example.first);
        let cosine = self.words.len();
        if let Some(second) = &example.second {
            let second = self.sentence(second);
            let together: f64 = second.iter().map(|(place, value)| value * row.get(place).unwrap_or(&0.0)).sum();
            second.into_iter().for_each(|(place, value)| *row.entry(place).or_default() -= value);
            row.values_mut().for_each(|value| *value = value.abs());
            row.insert(cosine, together);
        }
        row.insert(cosine + 1, 1.0);
        row.into_iter().collect()
    }

    /// TF-IDF of a sentence's words by their places, of length 1.
    fn sentence(&self, text: &str) -> BTreeMap<usize, f64> {
        let mut row: BTreeMap<usize, f64> =
            words(text).iter().filter_map(|(word, tf)| self.words.get(word).map(|&(place, idf)| (place, tf * idf))).collect();
        let norm = row.values().map(|value| value * value).sum::<f64>().sqrt();
        row.values_mut().for_each(|value| *value /= norm);
        row
    }
}

/// The words of a sentence with their counts.
fn words(text: &str) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_owned()).or_default() += 1.0;
    }
    counts
}

/// A regression of `y` on `x`.
struct Fit<'a> {
    x: &'a [Sparse],
    y: &'a [f64],
    size: usize,
}

impl Fit<'_> {
    /// The minimum of Σ(x·w − y)² + penalty‖w‖².
    fn ridge(&self) -> Vec<f64> {
        self.solve(&vec![1.0; self.x.len()], &self.back(self.y))
    }

    /// The minimum of Σ log(1 + exp(∓x·w)) + penalty‖w‖²/2, by Newton's method.
    fn logistic(&self, go_on: &mut dyn FnMut() -> Result<()>) -> Result<Vec<f64>> {
        let mut w = vec![0.0; self.size];
        for _ in 0..NEWTON {
            go_on()?;
            let p: Vec<f64> = self.x.iter().map(|row| 1.0 / (1.0 + (-dot(row, &w)).exp())).collect();
            let rest: Vec<f64> = self.y.iter().zip(&p).map(|(y, p)| y - p).collect();
            let mut downhill = self.back(&rest);
            downhill.iter_mut().zip(&w).for_each(|(g, w)| *g -= PENALTY * w);
            // The floor keeps a direction in which every example is certain from being flat.
            let weights: Vec<f64> = p.iter().map(|p| (p * (1.0 - p)).max(1e-6)).collect();
            let step = self.solve(&weights, &downhill);
            w.iter_mut().zip(&step).for_each(|(w, step)| *w += step);
            if inner(&step, &step) < 1e-8 * (1.0 + inner(&w, &w)) {
                break;
            }
        }
        Ok(w)
    }

    /// The solution of (xᵀ diag(weights) x + penalty) w = right by conjugate gradients.
    fn solve(&self, weights: &[f64], right: &[f64]) -> Vec<f64> {
        let mut w = vec![0.0; self.size];
        let mut residual = right.to_vec();
        let mut direction = residual.clone();
        let mut size = inner(&residual, &residual);
        let enough = 1e-10 * size;
        for _ in 0..CONJUGATE {
            if size <= enough {
                break;
            }
            let forth: Vec<f64> = self.x.iter().zip(weights).map(|(row, weight)| weight * dot(row, &direction)).collect();
            let mut image = self.back(&forth);
            image.iter_mut().zip(&direction).for_each(|(i, d)| *i += PENALTY * d);
            let step = size / inner(&direction, &image);
            w.iter_mut().zip(&direction).for_each(|(w, d)| *w += step * d);
            residual.iter_mut().zip(&image).for_each(|(r, i)| *r -= step * i);
            let next = inner(&residual, &residual);
            direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + next / size * *d);
            size = next;
        }
        w
    }

    /// xᵀ v.
    fn back(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.size];
        for (row, v) in self.x.iter().zip(v) {
            for &(place, value) in row {
                if let Some(out) = out.get_mut(place) {
                    *out += value * v;
                }
            }
        }
        out
    }
}

fn dot(row: &Sparse, w: &[f64]) -> f64 {
    row.iter().map(|&(place, value)| value * w.get(place).copied().unwrap_or(0.0)).sum()
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::{bag_of_words, gold, majority};
    use crate::data::{Answers, Example, Gold};

    fn examples(rows: &[(&str, Gold)]) -> Vec<Example> {
        rows.iter().map(|&(text, gold)| Example { first: text.into(), second: None, gold }).collect()
    }

    #[test]
    fn the_majority_is_the_first_of_the_most_frequent() {
        let rows = [2, 1, 2, 1, 0].map(|class| ("x", Gold::Class(class)));
        assert_eq!(majority(&examples(&rows), 2).unwrap(), Answers::Classes(vec![1, 1]));
        let rows = [1.0, 2.0].map(|score| ("x", Gold::Score(score)));
        assert_eq!(majority(&examples(&rows), 1).unwrap(), Answers::Scores(vec![1.5]));
        assert!(gold(&examples(&[("x", Gold::Unknown)])).is_err());
        assert!(gold(&[]).is_err());
    }

    #[test]
    fn words_that_go_with_a_class_are_learnt() {
        let rows = [("a good day", 2), ("good weather", 2), ("a bad day", 0), ("bad weather", 0), ("some weather", 1), ("some day", 1)];
        let train = examples(&rows.map(|(text, class)| (text, Gold::Class(class))));
        let new = examples(&[("Good!", Gold::Unknown), ("some", Gold::Unknown), ("BAD", Gold::Unknown)]);
        assert_eq!(bag_of_words(&train, &new).unwrap(), Answers::Classes(vec![2, 1, 0]));
        let two = examples(&[("good", Gold::Class(1)), ("bad", Gold::Class(0))]);
        assert_eq!(bag_of_words(&two, &new[..1]).unwrap(), Answers::Classes(vec![1]));
    }

    #[test]
    fn ridge_is_the_closed_form_on_one_feature() {
        // Two features, the word (1 or absent) and the constant: (xᵀx + 1)w = xᵀy by hand.
        let train = examples(&[("a", Gold::Score(1.0)), ("", Gold::Score(-1.0))]);
        let Answers::Scores(found) = bag_of_words(&train, &train).unwrap() else { panic!("not scores") };
        // [2 1; 1 3] w = [1, 0]: w = (3/5, −1/5).
        assert!((found[0] - 0.4).abs() < 1e-9 && (found[1] + 0.2).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn sentences_of_a_pair_are_compared() {
        let pair =
            |first: &str, second: &str, score: f64| Example { first: first.into(), second: Some(second.into()), gold: Gold::Score(score) };
        let train: Vec<Example> = ["red", "green", "blue", "grey"]
            .iter()
            .flat_map(|colour| {
                [pair(&format!("a {colour} hat"), &format!("a {colour} hat"), 1.0), pair(&format!("a {colour} hat"), "snow", 0.0)]
            })
            .collect();
        // Of words it never met it sees nothing, of those it knows that they are the same.
        let new = [pair("red snow", "red snow", 0.0), pair("red", "hat", 0.0)];
        let Answers::Scores(found) = bag_of_words(&train, &new).unwrap() else { panic!("not scores") };
        assert!(found[0] > found[1] + 0.2, "{found:?}");
    }
}
