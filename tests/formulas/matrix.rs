//! Small matrices in double precision.

/// Rows of this many columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Matrix {
    pub fn new(columns: usize, values: Vec<f64>) -> Self {
        Self { columns, values }
    }

    pub fn number(value: f64) -> Self {
        Self::new(1, vec![value])
    }

    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    pub fn map(&self, of: impl Fn(f64) -> f64) -> Self {
        Self::new(self.columns, self.values.iter().map(|value| of(*value)).collect())
    }

    /// Element by element; a single row or column fits every row or column.
    pub fn with(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        let (rows, columns) = (self.rows().max(other.rows()), self.columns.max(other.columns));
        let read = |one: &Self, row: usize, column: usize| {
            assert!([1, rows].contains(&one.rows()) && [1, columns].contains(&one.columns), "shapes do not fit");
            one.at(if one.rows() == 1 { 0 } else { row }, if one.columns == 1 { 0 } else { column })
        };
        let each = (0..rows * columns).map(|at| (at / columns, at % columns));
        Self::new(columns, each.map(|(row, column)| of(read(self, row, column), read(other, row, column))).collect())
    }

    pub fn turned(&self) -> Self {
        let each = (0..self.values.len()).map(|at| self.at(at % self.rows(), at / self.rows()));
        Self::new(self.rows(), each.collect())
    }

    pub fn product(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.rows(), "shapes do not fit");
        let each = (0..self.rows() * other.columns).map(|at| (at / other.columns, at % other.columns));
        let cell = |(row, column): (usize, usize)| (0..self.columns).map(|inner| self.at(row, inner) * other.at(inner, column)).sum();
        Self::new(other.columns, each.map(cell).collect())
    }

    /// Along the last axis.
    pub fn sums(&self) -> Self {
        Self::new(1, self.values.chunks(self.columns).map(|row| row.iter().sum()).collect())
    }
}
