//! Symbolic sizes: integer polynomials over the model's symbols.

use std::collections::BTreeMap;
use std::fmt;

/// A size whose value the model, the batch or the task gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Symbol {
    /// `n`: tokens of a sentence.
    Tokens,
    /// `m`: the model's maximum length.
    Positions,
    /// `h`: hidden width.
    Hidden,
    /// `a`: attention heads.
    Heads,
    /// `d = h / a`: width of a head.
    HeadWidth,
    /// `f`: feed-forward width.
    FeedForward,
    /// `v`: vocabulary.
    Vocabulary,
    /// `p`: predicted positions of a sentence.
    Predictions,
    /// `c`: classes of a task (1 for a score).
    Classes,
    /// `s`: segments (sentence types).
    Segments,
}

impl Symbol {
    /// Every symbol, in order.
    pub const ALL: [Self; 10] = [
        Self::Tokens,
        Self::Positions,
        Self::Hidden,
        Self::Heads,
        Self::HeadWidth,
        Self::FeedForward,
        Self::Vocabulary,
        Self::Predictions,
        Self::Classes,
        Self::Segments,
    ];

    /// The letter that stands for it in the language.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Tokens => "n",
            Self::Positions => "m",
            Self::Hidden => "h",
            Self::Heads => "a",
            Self::HeadWidth => "d",
            Self::FeedForward => "f",
            Self::Vocabulary => "v",
            Self::Predictions => "p",
            Self::Classes => "c",
            Self::Segments => "s",
        }
    }

    /// The symbol of a letter.
    pub fn from_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|symbol| symbol.letter() == letter)
    }
}

/// A size: a sum of products of symbols with integer coefficients, in normal form.
///
/// Symbols never unify with one another, whatever their values: `d` and `n` differ even where both are 64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dim(BTreeMap<Vec<Symbol>, i64>);

/// The sizes of a tensor, without the implicit batch and heads axes.
pub type Shape = Vec<Dim>;

impl From<i64> for Dim {
    fn from(value: i64) -> Self {
        Self(if value == 0 { BTreeMap::new() } else { BTreeMap::from([(Vec::new(), value)]) })
    }
}

impl From<Symbol> for Dim {
    fn from(symbol: Symbol) -> Self {
        Self(BTreeMap::from([(vec![symbol], 1)]))
    }
}

impl Dim {
    /// The sum of two sizes; `None` where it overflows.
    pub fn plus(&self, other: &Self, sign: i64) -> Option<Self> {
        let mut sum = self.0.clone();
        for (term, coefficient) in &other.0 {
            let entry = sum.entry(term.clone()).or_insert(0);
            *entry = entry.checked_add(coefficient.checked_mul(sign)?)?;
        }
        sum.retain(|_, coefficient| *coefficient != 0);
        Some(Self(sum))
    }

    /// The product of two sizes; `None` where it overflows.
    pub fn times(&self, other: &Self) -> Option<Self> {
        let mut product = Self::default();
        for (a, x) in &self.0 {
            for (b, y) in &other.0 {
                let mut term = [a.as_slice(), b.as_slice()].concat();
                term.sort_unstable();
                product = product.plus(&Self(BTreeMap::from([(term, x.checked_mul(*y)?)])), 1)?;
            }
        }
        Some(product)
    }

    /// The number this size is, if it holds no symbol.
    pub fn constant(&self) -> Option<i64> {
        match (self.0.len(), self.0.get(&Vec::new())) {
            (0, _) => Some(0),
            (1, Some(value)) => Some(*value),
            _ => None,
        }
    }

    /// Whether the symbol occurs in it.
    pub fn contains(&self, symbol: Symbol) -> bool {
        self.0.keys().any(|term| term.contains(&symbol))
    }

    /// Whether it is this symbol alone.
    pub fn is(&self, symbol: Symbol) -> bool {
        *self == Self::from(symbol)
    }

    /// The value under `sizes`; `None` where it is negative or too large, or a symbol has no value.
    pub fn evaluate(&self, sizes: &Sizes) -> Option<usize> {
        usize::try_from(self.value(sizes)?).ok()
    }

    /// The value under `sizes`, which may be below 0; `None` where it is too large, or a symbol has no value.
    pub fn value(&self, sizes: &Sizes) -> Option<i64> {
        let mut total: i64 = 0;
        for (term, coefficient) in &self.0 {
            let mut product = *coefficient;
            for symbol in term {
                product = product.checked_mul(i64::try_from(sizes.get(*symbol)?).ok()?)?;
            }
            total = total.checked_add(product)?;
        }
        Some(total)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "0");
        }
        for (i, (term, coefficient)) in self.0.iter().rev().enumerate() {
            let sign = if *coefficient < 0 { "-" } else { "+" };
            match (i, *coefficient < 0) {
                (0, false) => {}
                (0, true) => write!(f, "-")?,
                _ => write!(f, " {sign} ")?,
            }
            let letters: Vec<&str> = term.iter().map(|symbol| symbol.letter()).collect();
            match (coefficient.unsigned_abs(), letters.is_empty()) {
                (value, true) => write!(f, "{value}")?,
                (1, false) => write!(f, "{}", letters.join(" * "))?,
                (value, false) => write!(f, "{value} * {}", letters.join(" * "))?,
            }
        }
        Ok(())
    }
}

/// A shape as the language writes it: `[n, d]`.
pub fn show_shape(shape: &[Dim]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(", "))
}

/// A text with letters in place of the sizes that stand for them.
pub fn in_letters(text: &str, letters: &BTreeMap<String, Dim>) -> String {
    letters.iter().fold(text.to_owned(), |text, (letter, size)| text.replace(&size.to_string(), letter))
}

/// The values of the symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes(BTreeMap<Symbol, usize>);

impl Sizes {
    /// The value of a symbol, if it has one.
    pub fn get(&self, symbol: Symbol) -> Option<usize> {
        self.0.get(&symbol).copied()
    }

    /// The same sizes with one more value.
    #[must_use]
    pub fn with(mut self, symbol: Symbol, value: usize) -> Self {
        self.0.insert(symbol, value);
        self
    }
}
