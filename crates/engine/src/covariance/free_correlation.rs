//! Any correlation matrix with one standard deviation, T = φ_0 L. The rows of L lie on the unit
//! sphere, by angles (Pinheiro & Bates 1996, Statistics and Computing 6, 289–296, section 2.3, with
//! sines for cosines): L_ij = sin φ_ij Π_{k<j} cos φ_ik, and L_ii the product of all cosines. Angles
//! reach singular matrices as well, where a search may end.

use super::jet::Jet;
use super::matrix::Matrix;
use super::structure::{Filled, Positions, Quantity, Structure};
use crate::dense::{Square, cholesky};

/// Correlations of q positions without a restriction, and one standard deviation.
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

    /// Where the angle of a pair stands in φ.
    fn angle(&self, i: usize, j: usize) -> usize {
        j * (2 * self.q - j - 1) / 2 + i - j
    }

    /// Row i of L, as far as its diagonal.
    fn row(&self, phi: &[Jet], i: usize) -> Vec<Jet> {
        let mut rest = Jet::constant(1.0);
        let mut row = Vec::with_capacity(i + 1);
        for j in 0..i {
            let angle = &phi[self.angle(i, j)];
            row.push(&rest * &angle.sin());
            rest = &rest * &angle.cos();
        }
        row.push(rest);
        row
    }
}

impl Structure for FreeCorrelation {
    fn start(&self) -> Vec<f64> {
        let mut start = vec![0.0; 1 + self.pairs().count()];
        start[0] = 1.0;
        start
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Filled {
        let n = positions.n();
        let mut t = Matrix::from_fn(n, self.q, |_, _| Jet::constant(0.0));
        for i in 0..n {
            let row = self.row(phi, positions.occasion(i));
            row.iter().enumerate().for_each(|(j, entry)| t[(i, j)] = &phi[0] * entry);
        }
        Filled::Root(t)
    }

    fn quantities(&self) -> Vec<Quantity> {
        let correlations = self.pairs().map(|(i, j)| Quantity::Correlation(j, i));
        std::iter::once(Quantity::CommonSd).chain(correlations).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        let rows: Vec<Vec<Jet>> = (0..self.q).map(|i| self.row(phi, i)).collect();
        let inner = |(i, j): (usize, usize)| -> Jet {
            rows[i].iter().zip(&rows[j]).map(|(a, b)| a * b).sum()
        };
        std::iter::once(phi[0].abs()).chain(self.pairs().map(inner)).collect()
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let mut l = Square::identity(self.q);
        self.pairs().zip(&report[1..]).for_each(|(at, &rho)| l[at] = rho);
        cholesky(self.q, &mut l.data).ok()?;
        let mut phi = self.start();
        phi[0] = report[0];
        for i in 1..self.q {
            let mut rest = 1.0;
            for j in 0..i {
                let angle = (l[(i, j)] / rest).clamp(-1.0, 1.0).asin();
                phi[self.angle(i, j)] = angle;
                rest *= angle.cos();
            }
        }
        (report[0] >= 0.0).then_some(phi)
    }

    fn canonical(&self, phi: &[f64]) -> Vec<f64> {
        let jets: Vec<Jet> = phi.iter().map(|&x| Jet::constant(x)).collect();
        let report: Vec<f64> = self.report(&jets).iter().map(Jet::value).collect();
        let turned = |mut phi: Vec<f64>| {
            phi[0] = phi[0].abs();
            phi
        };
        self.coordinates(&report).unwrap_or_else(|| turned(phi.to_vec()))
    }
}
