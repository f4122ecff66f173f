//! Banded Toeplitz: correlations at the lags below the band, none beyond it. φ are the correlations
//! themselves: where they are not positive definite the factorisation says so.

use super::jet::Jet;
use super::matrix::Matrix;
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// Correlations at the lags 1, …, band − 1.
#[derive(Debug)]
pub struct Banded {
    band: usize,
}

impl Banded {
    /// With `band` diagonals that are not zero, the main one included.
    pub fn new(band: usize) -> Self {
        Self { band }
    }
}

impl Correlation for Banded {
    fn start(&self) -> Vec<f64> {
        vec![0.0; self.band - 1]
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        Matrix::lower(positions.n(), |i, j| match positions.lag(i, j) {
            0 => Jet::constant(1.0),
            lag if lag < self.band => phi[lag - 1].clone(),
            _ => Jet::constant(0.0),
        })
    }

    fn quantities(&self) -> Vec<Quantity> {
        (1..self.band).map(Quantity::Autocorrelation).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        phi.to_vec()
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        Some(report.to_vec())
    }
}
