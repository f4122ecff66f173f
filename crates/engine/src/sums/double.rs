//! Arithmetic on numbers of twice the precision, as far as a change of coordinates needs it.

use super::compensated::{add, two_product};

/// high + low.
#[derive(Debug, Clone, Copy, Default)]
pub struct Double {
    pub high: f64,
    pub low: f64,
}

impl Double {
    /// The rounded number.
    #[inline]
    pub fn value(self) -> f64 {
        self.high + self.low
    }

    /// self + c·other.
    #[inline]
    pub fn plus_multiple(mut self, c: f64, other: Self) -> Self {
        let (product, error) = two_product(c, other.high);
        add(&mut self.high, &mut self.low, product);
        add(&mut self.high, &mut self.low, error + c * other.low);
        self
    }

    /// self / d.
    #[inline]
    pub fn over(self, d: f64) -> Self {
        let high = self.high / d;
        let rest = self.plus_multiple(-d, Self { high, low: 0.0 });
        let mut out = Self { high, low: 0.0 };
        add(&mut out.high, &mut out.low, rest.value() / d);
        out
    }
}

/// Solves L x = b in place for lower-triangular L of order n.
pub fn solve_lower(n: usize, l: &[f64], b: &mut [Double]) {
    for i in 0..n {
        let done = (0..i).fold(b[i], |sum, j| sum.plus_multiple(-l[i + n * j], b[j]));
        b[i] = done.over(l[i + n * i]);
    }
}

/// Solves L' x = b in place.
pub fn solve_lower_transpose(n: usize, l: &[f64], b: &mut [Double]) {
    for i in (0..n).rev() {
        let done = (i + 1..n).fold(b[i], |sum, j| sum.plus_multiple(-l[j + n * i], b[j]));
        b[i] = done.over(l[i + n * i]);
    }
}
