//! Formulas as the prelude writes them, read and computed at once.

use super::matrix::Matrix;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// What names stand for.
pub type Names = BTreeMap<String, Matrix>;

struct Reader<'a> {
    letters: Peekable<Chars<'a>>,
    names: &'a Names,
    formula: &'a str,
}

/// The value of a formula.
pub fn evaluate(formula: &str, names: &Names) -> Matrix {
    let mut reader = Reader { letters: formula.chars().peekable(), names, formula };
    let value = reader.sum();
    assert_eq!(reader.next(), None, "`{formula}` goes on");
    value
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        while self.letters.next_if_eq(&' ').is_some() {}
        self.letters.peek().copied()
    }

    fn takes(&mut self, letter: char) -> bool {
        self.next() == Some(letter) && self.letters.next().is_some()
    }

    fn wants(&mut self, letter: char) {
        assert!(self.takes(letter), "`{}` lacks `{letter}`", self.formula);
    }

    fn sum(&mut self) -> Matrix {
        let mut value = self.term();
        loop {
            value = match self.next() {
                Some('+') if self.takes('+') => value.with(&self.term(), |x, y| x + y),
                Some('-') if self.takes('-') => value.with(&self.term(), |x, y| x - y),
                _ => return value,
            };
        }
    }

    fn term(&mut self) -> Matrix {
        let mut value = self.factor();
        loop {
            value = match self.next() {
                Some('*') if self.takes('*') => value.with(&self.factor(), |x, y| x * y),
                Some('/') if self.takes('/') => value.with(&self.factor(), |x, y| x / y),
                Some('@') if self.takes('@') => value.product(&self.factor()),
                _ => return value,
            };
        }
    }

    fn factor(&mut self) -> Matrix {
        if self.takes('-') {
            return self.factor().map(|x| -x);
        }
        let mut value = self.atom();
        loop {
            value = match self.next() {
                Some('²') if self.takes('²') => value.map(|x| x * x),
                Some('ᵀ') if self.takes('ᵀ') => value.turned(),
                _ => return value,
            };
        }
    }

    fn atom(&mut self) -> Matrix {
        match self.next() {
            Some('(') => self.inside('(', ')'),
            Some('|') => self.inside('|', '|').map(f64::abs),
            Some('[') => self.condition(),
            Some(digit) if digit.is_ascii_digit() => Matrix::number(self.number()),
            _ => self.named(),
        }
    }

    fn inside(&mut self, open: char, close: char) -> Matrix {
        self.wants(open);
        let value = self.sum();
        self.wants(close);
        value
    }

    fn condition(&mut self) -> Matrix {
        self.wants('[');
        let left = self.sum();
        self.next();
        let order = self.letters.next();
        let right = self.sum();
        self.wants(']');
        left.with(&right, |x, y| {
            f64::from(u8::from(match order {
                Some('>') => x > y,
                Some('<') => x < y,
                Some('=') => x == y,
                other => panic!("no condition: {other:?}"),
            }))
        })
    }

    fn number(&mut self) -> f64 {
        let mut digits = String::new();
        while let Some(letter) =
            self.letters.next_if(|letter| letter.is_ascii_digit() || ".e".contains(*letter) || *letter == '-' && digits.ends_with('e'))
        {
            digits.push(letter);
        }
        digits.parse().unwrap_or_else(|_| panic!("no number: {digits}"))
    }

    fn named(&mut self) -> Matrix {
        let mut name = String::new();
        while let Some(letter) = self.letters.next_if(|letter| (letter.is_alphabetic() && *letter != 'ᵀ') || *letter == '√') {
            name.push(letter);
        }
        if self.letters.peek() != Some(&'(') {
            return match name.as_str() {
                "ε" => Matrix::number(1e-6),
                name => self.names.get(name).cloned().unwrap_or_else(|| panic!("`{name}` in `{}` means nothing", self.formula)),
            };
        }
        self.wants('(');
        let value = self.sum();
        let other = self.takes(',').then(|| self.sum());
        self.wants(')');
        let one: fn(f64) -> f64 = match (name.as_str(), &other) {
            ("max", Some(other)) => return value.with(other, f64::max),
            ("min", Some(other)) => return value.with(other, f64::min),
            ("Σ", None) => return value.sums(),
            ("mean", None) => return value.sums().map(|sum| sum / value.columns as f64),
            ("√", None) => f64::sqrt,
            ("exp", None) => f64::exp,
            ("log", None) => f64::ln,
            ("σ", None) => |x| 1.0 / (1.0 + (-x).exp()),
            ("sign", None) => |x| if x == 0.0 { 0.0 } else { x.signum() },
            ("Φ", None) => |x| 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            ("φ", None) => |x| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt(),
            _ => panic!("`{name}` in `{}` is no function", self.formula),
        };
        value.map(one)
    }
}

/// The error function by its series, for small arguments.
fn erf(x: f64) -> f64 {
    let terms = (0..60).scan(x, |term, n| {
        let value = *term / f64::from(2 * n + 1);
        *term *= -x * x / f64::from(n + 1);
        Some(value)
    });
    terms.sum::<f64>() * 2.0 / std::f64::consts::PI.sqrt()
}
