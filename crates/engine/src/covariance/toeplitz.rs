//! Toeplitz: one correlation per lag. φ are the partial autocorrelations through tanh, which reach
//! every positive definite matrix of this kind, and no other.

use super::jet::Jet;
use super::matrix::Matrix;
use super::partial::{Autoregression, of_correlations};
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// Where φ starts: off zero for the same reason as an autoregression.
const START: f64 = 0.1;

/// Correlations at the lags 1, …, q − 1.
#[derive(Debug)]
pub struct Toeplitz {
    q: usize,
}

impl Toeplitz {
    /// Over q occasions.
    pub fn new(q: usize) -> Self {
        Self { q }
    }
}

fn correlations(phi: &[Jet]) -> Vec<Jet> {
    Autoregression::new(&phi.iter().map(Jet::tanh).collect::<Vec<_>>()).correlations
}

impl Correlation for Toeplitz {
    fn start(&self) -> Vec<f64> {
        let mut start = vec![0.0; self.q - 1];
        start[0] = START;
        start
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let rho = correlations(phi);
        Matrix::lower(positions.n(), |i, j| rho[positions.lag(i, j)].clone())
    }

    fn quantities(&self) -> Vec<Quantity> {
        (1..self.q).map(Quantity::Autocorrelation).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        correlations(phi).split_off(1)
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        Some(of_correlations(report)?.into_iter().map(f64::atanh).collect())
    }
}
