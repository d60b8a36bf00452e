//! The numbers that counts are made in.

use num_bigint::BigUint;

/// A kind of number that counts are made in: exact, or `None` where a result is too large for it.
pub(super) trait Count: Clone + From<u32> + From<u64> {
    /// The sum.
    fn plus(&self, other: &Self) -> Option<Self>;
    /// The difference; the other is never larger.
    fn minus(&self, other: &Self) -> Option<Self>;
    /// The product.
    fn times(&self, other: &Self) -> Option<Self>;
    /// Half of it, rounded down.
    fn half(&self) -> Self;
}

impl Count for u128 {
    fn plus(&self, other: &Self) -> Option<Self> {
        self.checked_add(*other)
    }

    fn minus(&self, other: &Self) -> Option<Self> {
        self.checked_sub(*other)
    }

    fn times(&self, other: &Self) -> Option<Self> {
        self.checked_mul(*other)
    }

    fn half(&self) -> Self {
        self >> 1u8
    }
}

impl Count for BigUint {
    fn plus(&self, other: &Self) -> Option<Self> {
        Some(self + other)
    }

    fn minus(&self, other: &Self) -> Option<Self> {
        Some(self - other)
    }

    fn times(&self, other: &Self) -> Option<Self> {
        Some(self * other)
    }

    fn half(&self) -> Self {
        self >> 1u8
    }
}
