//! Common factors and specific variances, T = [Λ Ψ^½] (q × (k + q)), Λ zero above its diagonal.
//!
//! φ_0 is the standard deviation of the first position, of which the factor takes the sine of φ_1 and
//! the specific part the cosine: so either may vanish. The other φ are entries of Λ by columns, and of
//! Ψ^½.

use super::jet::Jet;
use super::matrix::Matrix;
use super::reduced_rank::{loadings, spread, turned};
use super::structure::{Filled, Positions, Quantity, Structure};

/// Share of the variances that the factors have at the start: without any they would be a saddle.
const START: f64 = 0.25;

/// k common factors of q positions.
#[derive(Debug)]
pub struct FactorAnalytic {
    q: usize,
    k: usize,
}

impl FactorAnalytic {
    /// k factors of q positions.
    pub fn new(q: usize, k: usize) -> Self {
        Self { q, k }
    }

    fn n_loadings(&self) -> usize {
        loadings(self.q, self.k).count()
    }

    /// Entries of Λ by columns, then of Ψ^½.
    fn entries(&self, phi: &[Jet]) -> Vec<Jet> {
        let mut entries = vec![&phi[0] * &phi[1].sin()];
        entries.extend_from_slice(&phi[2..=self.n_loadings()]);
        entries.push(&phi[0] * &phi[1].cos());
        entries.extend_from_slice(&phi[self.n_loadings() + 1..]);
        entries
    }
}

impl Structure for FactorAnalytic {
    fn start(&self) -> Vec<f64> {
        let row = |i| spread(self.q, self.k, i, START);
        let mut report: Vec<f64> = loadings(self.q, self.k).map(|(i, s)| row(i)[s]).collect();
        report.extend([(1.0 - START).sqrt()].repeat(self.q));
        // Both parts are known to be positive.
        self.coordinates(&report).unwrap_or_default()
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Filled {
        let (n, entries) = (positions.n(), self.entries(phi));
        let mut t = Matrix::from_fn(n, self.k + self.q, |_, _| Jet::constant(0.0));
        for i in 0..n {
            let position = positions.occasion(i);
            for (entry, (row, s)) in entries.iter().zip(loadings(self.q, self.k)) {
                if row == position {
                    t[(i, s)] = entry.clone();
                }
            }
            t[(i, self.k + position)] = entries[self.n_loadings() + position].clone();
        }
        Filled::Root(t)
    }

    fn quantities(&self) -> Vec<Quantity> {
        let specific = (0..self.q).map(Quantity::SpecificSd);
        loadings(self.q, self.k).map(|(i, s)| Quantity::Loading(i, s)).chain(specific).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        let mut entries = self.entries(phi);
        let specific = entries.split_off(self.n_loadings());
        let mut report = turned(self.q, self.k, &entries);
        report.extend(specific.iter().map(Jet::abs));
        report
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let (common, specific) = report.split_at(self.n_loadings());
        let mut phi = vec![common[0].hypot(specific[0]), common[0].atan2(specific[0])];
        phi.extend_from_slice(&common[1..]);
        phi.extend_from_slice(&specific[1..]);
        specific.iter().all(|&sd| sd >= 0.0).then_some(phi)
    }

    fn scales(&self) -> Vec<Option<Quantity>> {
        let mut scales = vec![Some(Quantity::Sd(0)), None];
        scales.extend(loadings(self.q, self.k).skip(1).map(|(i, _)| Some(Quantity::Sd(i))));
        scales.extend((1..self.q).map(|i| Some(Quantity::Sd(i))));
        scales
    }

    fn canonical(&self, phi: &[f64]) -> Vec<f64> {
        let jets: Vec<Jet> = phi.iter().map(|&x| Jet::constant(x)).collect();
        let report: Vec<f64> = self.report(&jets).iter().map(Jet::value).collect();
        self.coordinates(&report).unwrap_or_else(|| phi.to_vec())
    }
}
