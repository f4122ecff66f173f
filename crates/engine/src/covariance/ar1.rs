//! First-order autoregression over occasions: ρ^|i − j|, ρ = tanh φ.

use super::jet::Jet;
use super::matrix::Matrix;
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// Where φ starts: off zero, at which all but neighbours would look independent to first order.
const START: f64 = 0.1;

/// Correlation that fades by the factor ρ with every step.
#[derive(Debug)]
pub struct Ar1;

impl Correlation for Ar1 {
    fn start(&self) -> Vec<f64> {
        vec![START]
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let (n, rho) = (positions.n(), phi[0].tanh());
        Matrix::lower(n, |i, j| rho.powi(positions.lag(i, j) as i32))
    }

    fn quantities(&self) -> Vec<Quantity> {
        vec![Quantity::CommonCorrelation]
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        vec![phi[0].tanh()]
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        (report[0].abs() < 1.0).then(|| vec![report[0].atanh()])
    }
}
