//! Any covariance matrix: φ are the entries of T's lower triangle by columns, so that φ_0 is the
//! standard deviation of the first position.

use super::jet::Jet;
use super::matrix::Matrix;
use super::structure::{Filled, Positions, Quantity, Structure};
use crate::dense::cholesky;

/// The covariance of q positions without a restriction.
#[derive(Debug)]
pub struct Unstructured {
    q: usize,
}

/// Position in φ of T(i, j), j ≤ i.
fn entry(q: usize, i: usize, j: usize) -> usize {
    j * q - j * (j + 1) / 2 + i
}

impl Unstructured {
    /// Over q positions.
    pub fn new(q: usize) -> Self {
        Self { q }
    }

    fn entries(&self) -> impl Iterator<Item = (usize, usize)> {
        let q = self.q;
        (0..q).flat_map(move |j| (j..q).map(move |i| (i, j)))
    }

    /// Pairs of positions in the order of their correlations.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.entries().filter(|(i, j)| i > j)
    }

    /// (TT')_ij.
    fn product(&self, phi: &[Jet], i: usize, j: usize) -> Jet {
        let at = |i, s| &phi[entry(self.q, i, s)];
        (0..=i.min(j)).map(|s| at(i, s) * at(j, s)).sum()
    }
}

impl Structure for Unstructured {
    fn start(&self) -> Vec<f64> {
        self.entries().map(|(i, j)| if i == j { 1.0 } else { 0.0 }).collect()
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Filled {
        Filled::Root(Matrix::from_fn(positions.n(), self.q, |i, j| {
            let i = positions.occasion(i);
            if j <= i { phi[entry(self.q, i, j)].clone() } else { Jet::constant(0.0) }
        }))
    }

    fn quantities(&self) -> Vec<Quantity> {
        let sds = (0..self.q).map(Quantity::Sd);
        sds.chain(self.pairs().map(|(i, j)| Quantity::Correlation(j, i))).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        let mut report: Vec<Jet> = (0..self.q).map(|i| self.product(phi, i, i).sqrt()).collect();
        for (i, j) in self.pairs() {
            let correlation = self.product(phi, i, j).over(&(&report[i] * &report[j]));
            report.push(correlation);
        }
        report
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let (sds, correlations) = report.split_at(self.q);
        let mut t = Matrix::zeros(self.q, self.q);
        (0..self.q).for_each(|i| t[(i, i)] = 1.0);
        self.pairs().zip(correlations).for_each(|(at, &r)| t[at] = r);
        cholesky(self.q, &mut t.data).ok()?;
        Some(self.entries().map(|(i, j)| sds[i] * t[(i, j)]).collect())
    }

    fn scales(&self) -> Vec<Option<Quantity>> {
        self.entries().map(|(i, _)| Some(Quantity::Sd(i))).collect()
    }

    fn canonical(&self, phi: &[f64]) -> Vec<f64> {
        let sign = |j| if phi[entry(self.q, j, j)] < 0.0 { -1.0 } else { 1.0 };
        self.entries().zip(phi).map(|((_, j), value)| sign(j) * value).collect()
    }
}
