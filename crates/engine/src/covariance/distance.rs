//! Correlation as a function of distance over range, with or without a nugget.
//!
//! ```text
//!     R_ij = (1 − nugget) k(d_ij / range)     i ≠ j
//! ```
//!
//! as nlme defines it. φ are the logarithm of the range, that of the smoothness if there is one to be
//! estimated, and the logit of the nugget.

use std::fmt::Debug;

use super::jet::Jet;
use super::matrix::Matrix;
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// The range at the start, in usual distances of neighbours.
const RANGE: f64 = 0.9;
/// The nugget at the start.
const NUGGET: f64 = 0.1;

/// A correlation as a function of u = distance / range.
pub trait Kernel: Debug + Send + Sync {
    /// k(u); `smoothness` is there if the kernel estimates one.
    fn at(&self, u: &Jet, smoothness: Option<&Jet>) -> Jet;

    /// Where the smoothness starts, if it is estimated.
    fn smoothness(&self) -> Option<f64> {
        None
    }
}

/// How the range is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeScale {
    /// Itself.
    Range,
    /// By the correlation at distance 1 of an exponential, e^(−1 / range).
    UnitCorrelation,
}

/// A kernel with its range and nugget.
#[derive(Debug)]
pub struct ByDistance<K> {
    /// The kernel.
    pub kernel: K,
    /// Whether points close to each other differ.
    pub nugget: bool,
    /// A usual distance of neighbours.
    pub distance: f64,
    /// How the range is reported.
    pub scale: RangeScale,
}

impl<K: Kernel> ByDistance<K> {
    fn smoothness(&self, phi: &[Jet]) -> Option<Jet> {
        self.kernel.smoothness().map(|_| phi[1].exp())
    }

    fn nugget(&self, phi: &[Jet]) -> Option<Jet> {
        if self.nugget { phi.last().map(Jet::logistic) } else { None }
    }
}

impl<K: Kernel> Correlation for ByDistance<K> {
    fn start(&self) -> Vec<f64> {
        let mut start = vec![(RANGE * self.distance).ln()];
        start.extend(self.kernel.smoothness().map(f64::ln));
        start.extend(self.nugget.then(|| logit(NUGGET)));
        start
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let inverse = (-&phi[0]).exp();
        let smoothness = self.smoothness(phi);
        let kept = self.nugget(phi).map(|nugget| (-&nugget).shifted(1.0));
        Matrix::lower(positions.n(), |i, j| {
            if i == j {
                return Jet::constant(1.0);
            }
            let u = inverse.scaled(positions.distance(i, j));
            let k = self.kernel.at(&u, smoothness.as_ref());
            kept.as_ref().map_or_else(|| k.clone(), |kept| kept * &k)
        })
    }

    fn quantities(&self) -> Vec<Quantity> {
        let mut quantities = vec![match self.scale {
            RangeScale::Range => Quantity::Range,
            RangeScale::UnitCorrelation => Quantity::UnitCorrelation,
        }];
        quantities.extend(self.kernel.smoothness().map(|_| Quantity::Smoothness));
        quantities.extend(self.nugget.then_some(Quantity::Nugget));
        quantities
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        let mut report = vec![match self.scale {
            RangeScale::Range => phi[0].exp(),
            RangeScale::UnitCorrelation => (-&(-&phi[0]).exp()).exp(),
        }];
        report.extend(self.smoothness(phi));
        report.extend(self.nugget(phi));
        report
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let mut phi = vec![match self.scale {
            RangeScale::Range => report[0].ln(),
            RangeScale::UnitCorrelation => -(-report[0].ln()).ln(),
        }];
        phi.extend(self.kernel.smoothness().map(|_| report[1].ln()));
        phi.extend(report.last().filter(|_| self.nugget).map(|&nugget| logit(nugget)));
        phi.iter().all(|x| x.is_finite()).then_some(phi)
    }
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}
