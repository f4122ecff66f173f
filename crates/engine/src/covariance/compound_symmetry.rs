//! Compound symmetry: one correlation ρ for every two of q positions.
//!
//! R has the eigenvalues 1 + (q − 1)ρ and 1 − ρ. φ is the logarithm of their ratio, which covers
//! exactly the ρ above −1/(q − 1) and below 1: ρ = (e^φ − 1) / (e^φ + q − 1).

use super::jet::Jet;
use super::matrix::Matrix;
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// One correlation for all pairs of q positions.
#[derive(Debug)]
pub struct CompoundSymmetry {
    q: usize,
}

impl CompoundSymmetry {
    /// Over q positions.
    pub fn new(q: usize) -> Self {
        Self { q }
    }

    /// 1 − ρ = q / (e^φ + q − 1), written so that neither end overflows.
    fn rho(&self, phi: &Jet) -> Jet {
        let q = self.q as f64;
        let fall = phi.shifted(-(q - 1.0).ln()).logistic().shifted(-1.0);
        fall.scaled(q / (q - 1.0)).shifted(1.0)
    }
}

impl Correlation for CompoundSymmetry {
    fn start(&self) -> Vec<f64> {
        vec![0.0]
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let (one, rho) = (Jet::constant(1.0), self.rho(&phi[0]));
        Matrix::lower(positions.n(), |i, j| if i == j { one.clone() } else { rho.clone() })
    }

    fn quantities(&self) -> Vec<Quantity> {
        vec![Quantity::CommonCorrelation]
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        vec![self.rho(&phi[0])]
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let (q, rho) = (self.q as f64, report[0]);
        let ratio = (1.0 + (q - 1.0) * rho) / (1.0 - rho);
        (ratio > 0.0 && ratio.is_finite()).then(|| vec![ratio.ln()])
    }
}
