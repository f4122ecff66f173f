//! First-order antedependence: neighbours have correlations ρ_i = tanh φ_i of their own, and the
//! correlation of occasions further apart is the product of those between them (Gabriel 1962, Annals
//! of Mathematical Statistics 33, 201–212).

use super::jet::Jet;
use super::matrix::Matrix;
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// A correlation for each pair of neighbours.
#[derive(Debug)]
pub struct Antedependence {
    q: usize,
}

impl Antedependence {
    /// Over q occasions.
    pub fn new(q: usize) -> Self {
        Self { q }
    }
}

impl Correlation for Antedependence {
    fn start(&self) -> Vec<f64> {
        vec![0.1; self.q - 1]
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let rho = self.report(phi);
        Matrix::lower(positions.n(), |i, j| {
            let (a, b) = (positions.occasion(i), positions.occasion(j));
            let between = &rho[a.min(b)..a.max(b)];
            between.iter().fold(Jet::constant(1.0), |product, rho| &product * rho)
        })
    }

    fn quantities(&self) -> Vec<Quantity> {
        (1..self.q).map(|i| Quantity::Correlation(i - 1, i)).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        phi.iter().map(Jet::tanh).collect()
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let inside = report.iter().all(|rho| rho.abs() < 1.0);
        inside.then(|| report.iter().map(|rho| rho.atanh()).collect())
    }

    fn reflection(&self, position: usize) -> Option<Vec<usize>> {
        let pairs = [position.checked_sub(1), Some(position)];
        Some(pairs.into_iter().flatten().filter(|&i| i + 1 < self.q).collect())
    }
}
