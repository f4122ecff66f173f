//! Independence: R = I.

use super::jet::Jet;
use super::matrix::Matrix;
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// No correlation.
#[derive(Debug)]
pub struct Diagonal;

impl Correlation for Diagonal {
    fn start(&self) -> Vec<f64> {
        Vec::new()
    }

    fn fill(&self, _phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let n = positions.n();
        Matrix::from_fn(n, n, |i, j| Jet::constant(if i == j { 1.0 } else { 0.0 }))
    }

    fn quantities(&self) -> Vec<Quantity> {
        Vec::new()
    }

    fn report(&self, _phi: &[Jet]) -> Vec<Jet> {
        Vec::new()
    }

    fn coordinates(&self, _report: &[f64]) -> Option<Vec<f64>> {
        Some(Vec::new())
    }

    fn reflection(&self, _position: usize) -> Option<Vec<usize>> {
        Some(Vec::new())
    }
}
