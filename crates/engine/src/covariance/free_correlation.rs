//! Any correlation matrix R = LL'. The rows of L lie on the unit sphere: row i is
//! (φ_i0, …, φ_i,i−1, 1) over its length, which reaches every positive definite R once.

use super::jet::Jet;
use super::matrix::Matrix;
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};
use crate::dense::{Square, cholesky};

/// Correlations of q positions without a restriction.
#[derive(Debug)]
pub struct FreeCorrelation {
    q: usize,
}

impl FreeCorrelation {
    /// Over q positions.
    pub fn new(q: usize) -> Self {
        Self { q }
    }

    /// Pairs i > j, by columns.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let q = self.q;
        (0..q).flat_map(move |j| (j + 1..q).map(move |i| (i, j)))
    }

    /// Row i of L.
    fn row(&self, phi: &[Jet], i: usize) -> Vec<Jet> {
        let at = |j: usize| j * (2 * self.q - j - 1) / 2 + i - j - 1;
        let mut row: Vec<Jet> = (0..i).map(|j| phi[at(j)].clone()).collect();
        row.push(Jet::constant(1.0));
        let length = row.iter().map(Jet::square).sum::<Jet>().sqrt().recip();
        row.iter().map(|x| x * &length).collect()
    }
}

fn inner(a: &[Jet], b: &[Jet]) -> Jet {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

impl Correlation for FreeCorrelation {
    fn start(&self) -> Vec<f64> {
        self.pairs().map(|_| 0.0).collect()
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let n = positions.n();
        let rows: Vec<Vec<Jet>> = (0..n).map(|i| self.row(phi, positions.occasion(i))).collect();
        Matrix::lower(n, |i, j| if i == j { Jet::constant(1.0) } else { inner(&rows[i], &rows[j]) })
    }

    fn quantities(&self) -> Vec<Quantity> {
        self.pairs().map(|(i, j)| Quantity::Correlation(j, i)).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        let r = self.fill(phi, &Positions::all(self.q));
        self.pairs().map(|at| r[at].clone()).collect()
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let mut l = Square::identity(self.q);
        self.pairs().zip(report).for_each(|(at, &rho)| l[at] = rho);
        cholesky(self.q, &mut l.data).ok()?;
        Some(self.pairs().map(|(i, j)| l[(i, j)] / l[(i, i)]).collect())
    }
}
