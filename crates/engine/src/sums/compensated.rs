//! Sums of two doubles each: the error of a sum of n terms is n·2⁻¹⁰⁶ of their size, so that the sum
//! rounded once at the end does not depend on the order of its terms (Dekker 1971; Shewchuk 1997).

use rayon::prelude::*;

/// Sums side by side: `high[i] + low[i]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Compensated {
    /// The sums, rounded.
    pub high: Vec<f64>,
    /// What rounding left out.
    pub low: Vec<f64>,
}

/// (high, low) += x.
#[inline(always)]
pub fn add(high: &mut f64, low: &mut f64, x: f64) {
    let sum = *high + x;
    let part = sum - *high;
    let lost = *low + ((*high - (sum - part)) + (x - part));
    *high = sum + lost;
    *low = lost - (*high - sum);
}

/// a·b, exactly (Dekker 1971: factors in halves of 26 bits).
#[inline]
pub fn two_product(a: f64, b: f64) -> (f64, f64) {
    let halves = |v: f64| {
        let far = 134_217_729.0 * v;
        let high = far - (far - v);
        (high, v - high)
    };
    let product = a * b;
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    (product, ((ah * bh - product) + ah * bl + al * bh) + al * bl)
}

impl Compensated {
    /// `n` sums of nothing.
    pub fn zeros(n: usize) -> Self {
        Self { high: vec![0.0; n], low: vec![0.0; n] }
    }

    /// Adds others, one by one.
    pub fn merge(&mut self, other: &Self) {
        let mine = self.high.par_iter_mut().zip(&mut self.low).with_min_len(4096);
        mine.zip(other.high.par_iter().zip(&other.low)).for_each(|((high, low), (x, y))| {
            add(high, low, *x);
            add(high, low, *y);
        });
    }

    /// The sum at `i`, rounded.
    #[inline]
    pub fn value(&self, i: usize) -> f64 {
        self.high[i] + self.low[i]
    }

    /// Adds x to the sum at `i`.
    #[inline(always)]
    pub fn add(&mut self, i: usize, x: f64) {
        add(&mut self.high[i], &mut self.low[i], x);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        size_of::<f64>() * (self.high.capacity() + self.low.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cancels_leaves_the_rest() {
        let mut sum = Compensated::zeros(1);
        [1e16, 1.0, 1e-3, -1e16].iter().for_each(|&x| sum.add(0, x));
        assert_eq!(sum.value(0), 1.001);
    }

    #[test]
    fn the_order_of_the_terms_does_not_matter() {
        let terms: Vec<f64> = (0..20_000).map(|i| ((i * 7919) % 1009) as f64 / 7.0 + 0.1).collect();
        let total = |terms: &mut dyn Iterator<Item = &f64>| {
            let mut sum = Compensated::zeros(1);
            terms.for_each(|&x| sum.add(0, x));
            sum.value(0)
        };
        let forward = total(&mut terms.iter());
        assert_eq!(forward.to_bits(), total(&mut terms.iter().rev()).to_bits());
        let mut parts = Compensated::zeros(1);
        for part in terms.chunks(617) {
            let mut sum = Compensated::zeros(1);
            part.iter().for_each(|&x| sum.add(0, x));
            parts.merge(&sum);
        }
        assert_eq!(forward.to_bits(), parts.value(0).to_bits());
    }

    #[test]
    fn a_product_is_exact() {
        let (a, b) = (1.0 + 2f64.powi(-40), 1.0 - 2f64.powi(-41));
        let (high, low) = two_product(a, b);
        assert_eq!(high, a * b);
        // a·b = 1 + 2⁻⁴⁰ − 2⁻⁴¹ − 2⁻⁸¹
        assert_eq!((high - 1.0 - 2f64.powi(-41)) + low, -(2f64.powi(-81)));
    }
}
