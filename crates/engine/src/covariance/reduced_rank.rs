//! Common factors alone, T = Λ (q × k): φ are its entries by columns, zero above the diagonal, which
//! fixes the rotation of the factors.

use std::f64::consts::PI;

use super::jet::Jet;
use super::matrix::Matrix;
use super::structure::{Filled, Positions, Quantity, Structure};

/// A covariance of rank k.
#[derive(Debug)]
pub struct ReducedRank {
    q: usize,
    k: usize,
}

impl ReducedRank {
    /// k factors of q positions.
    pub fn new(q: usize, k: usize) -> Self {
        Self { q, k }
    }
}

/// Entries (position, factor) of Λ by columns.
pub(super) fn loadings(q: usize, k: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..k).flat_map(move |s| (s..q).map(move |i| (i, s)))
}

/// Loadings of position i whose squares add up to `share`: cosines of rising frequency, so that no
/// two factors start alike.
pub(super) fn spread(q: usize, k: usize, i: usize, share: f64) -> Vec<f64> {
    let wave = |s: usize| (PI * s as f64 * (i as f64 + 0.5) / q as f64).cos();
    let row: Vec<f64> = (0..k.min(i + 1)).map(wave).collect();
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    row.iter().map(|x| x * share.sqrt() / length).collect()
}

/// Entries of Λ with the sign of every factor such that its first loading is not negative.
pub(super) fn turned(q: usize, k: usize, entries: &[Jet]) -> Vec<Jet> {
    let mut sign = 1.0;
    let turn = |(entry, (i, s)): (&Jet, (usize, usize))| {
        if i == s {
            sign = if entry.value() < 0.0 { -1.0 } else { 1.0 };
        }
        entry.scaled(sign)
    };
    entries.iter().zip(loadings(q, k)).map(turn).collect()
}

impl Structure for ReducedRank {
    /// The first k positions are independent, and every other one has a part of each factor.
    fn start(&self) -> Vec<f64> {
        let value = |(i, s)| match i < self.k {
            true => f64::from(i == s),
            false => spread(self.q, self.k, i, 1.0)[s],
        };
        loadings(self.q, self.k).map(value).collect()
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Filled {
        let n = positions.n();
        let mut t = Matrix::from_fn(n, self.k, |_, _| Jet::constant(0.0));
        for i in 0..n {
            for (entry, (row, s)) in phi.iter().zip(loadings(self.q, self.k)) {
                if row == positions.occasion(i) {
                    t[(i, s)] = entry.clone();
                }
            }
        }
        Filled::Root(t)
    }

    fn quantities(&self) -> Vec<Quantity> {
        loadings(self.q, self.k).map(|(i, s)| Quantity::Loading(i, s)).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        turned(self.q, self.k, phi)
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        Some(report.to_vec())
    }

    fn scales(&self) -> Vec<Option<Quantity>> {
        loadings(self.q, self.k).map(|(i, _)| Some(Quantity::Sd(i))).collect()
    }

    fn canonical(&self, phi: &[f64]) -> Vec<f64> {
        let jets: Vec<Jet> = phi.iter().map(|&x| Jet::constant(x)).collect();
        self.report(&jets).iter().map(Jet::value).collect()
    }
}
