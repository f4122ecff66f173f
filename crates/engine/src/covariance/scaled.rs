//! Standard deviations times a correlation structure: one for all positions, or one each.

use super::jet::Jet;
use super::matrix::Matrix;
use super::structure::{Filled, Positions, Quantity, Structure};
use std::fmt::Debug;

/// A family of correlation matrices.
pub trait Correlation: Debug + Send + Sync {
    /// Coordinates of (nearly) no correlation.
    fn start(&self) -> Vec<f64>;

    /// R at the positions; its strict upper triangle is not read.
    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet>;

    /// What the report names.
    fn quantities(&self) -> Vec<Quantity>;

    /// Value of every quantity.
    fn report(&self, phi: &[Jet]) -> Vec<Jet>;

    /// φ of given quantities; None where there is none.
    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>>;

    /// Which coordinates change their signs with the sign of the variable at a position; None where
    /// the family has not got such correlations.
    fn reflection(&self, _position: usize) -> Option<Vec<usize>> {
        None
    }
}

/// C = D R D.
#[derive(Debug)]
pub struct Scaled<R> {
    correlation: R,
    /// 1 (homogeneous) or q.
    n_sds: usize,
    /// Whether a negative standard deviation stays within the family. Where it does not, its
    /// absolute value is taken.
    signed: bool,
}

impl<R: Correlation> Scaled<R> {
    /// One standard deviation for all positions.
    pub fn homogeneous(correlation: R) -> Self {
        Self { correlation, n_sds: 1, signed: true }
    }

    /// One for each of q positions.
    pub fn heterogeneous(correlation: R, q: usize) -> Self {
        let signed = correlation.reflection(0).is_some();
        Self { correlation, n_sds: q, signed }
    }

    fn sd(&self, phi: &[Jet], position: usize) -> Jet {
        let sd = &phi[if self.n_sds == 1 { 0 } else { position }];
        if self.signed { sd.clone() } else { sd.abs() }
    }

    /// Signs of the correlation's coordinates once every standard deviation is positive.
    fn signs(&self, phi: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut signs = vec![1.0; self.correlation.start().len()];
        if self.n_sds == 1 {
            return signs;
        }
        for (position, sd) in phi.take(self.n_sds).enumerate() {
            let flipped = if sd < 0.0 { self.correlation.reflection(position) } else { None };
            flipped.into_iter().flatten().for_each(|k| signs[k] = -signs[k]);
        }
        signs
    }
}

impl<R: Correlation> Structure for Scaled<R> {
    fn start(&self) -> Vec<f64> {
        let mut start = vec![1.0; self.n_sds];
        start.extend(self.correlation.start());
        start
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Filled {
        let at = |i| if self.n_sds == 1 { 0 } else { positions.occasion(i) };
        Filled::Scaled {
            sd: (0..positions.n()).map(|i| self.sd(phi, at(i))).collect(),
            correlation: self.correlation.fill(&phi[self.n_sds..], positions),
        }
    }

    fn quantities(&self) -> Vec<Quantity> {
        let mut quantities: Vec<Quantity> = match self.n_sds {
            1 => vec![Quantity::CommonSd],
            q => (0..q).map(Quantity::Sd).collect(),
        };
        quantities.extend(self.correlation.quantities());
        quantities
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        let mut report: Vec<Jet> = phi[..self.n_sds].iter().map(Jet::abs).collect();
        let signs = self.signs(phi.iter().map(Jet::value));
        let rest = phi[self.n_sds..].iter().zip(signs);
        report.extend(self.correlation.report(&rest.map(|(x, s)| x.scaled(s)).collect::<Vec<_>>()));
        report
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let (sds, rest) = report.split_at(self.n_sds);
        let mut phi = sds.to_vec();
        phi.extend(self.correlation.coordinates(rest)?);
        sds.iter().all(|&sd| sd >= 0.0).then_some(phi)
    }

    fn canonical(&self, phi: &[f64]) -> Vec<f64> {
        let mut out: Vec<f64> = phi[..self.n_sds].iter().map(|sd| sd.abs()).collect();
        let signs = self.signs(phi.iter().copied());
        out.extend(phi[self.n_sds..].iter().zip(signs).map(|(x, s)| s * x));
        out
    }
}
