//! ARMA(p, q) over occasions: x_t = Σ a_k x_{t−k} + e_t + Σ b_k e_{t−k}, stationary and invertible.
//!
//! An autoregression u with the autocorrelations ρ, seen through the moving average, has exactly the
//! autocovariances Σ_kl b_k b_l ρ_{|lag + k − l|} (b_0 = 1), so that no system is solved. φ are
//! partial autocorrelations through tanh: those of a, and those of −b with the opposite sign.

use super::jet::Jet;
use super::matrix::Matrix;
use super::partial::{Autoregression, of_coefficients};
use super::scaled::Correlation;
use super::structure::{Positions, Quantity};

/// Where the first autoregressive φ starts: at zero it and the moving average are alike.
const START: f64 = 0.2;

/// A process with p autoregressive and q moving-average coefficients.
#[derive(Debug)]
pub struct Arma {
    p: usize,
    q: usize,
}

impl Arma {
    /// Of orders p and q.
    pub fn new(p: usize, q: usize) -> Self {
        Self { p, q }
    }

    fn autoregression(&self, phi: &[Jet]) -> Autoregression {
        Autoregression::new(&phi[..self.p].iter().map(Jet::tanh).collect::<Vec<_>>())
    }

    /// b_1, …, b_q.
    fn averages(&self, phi: &[Jet]) -> Vec<Jet> {
        let partial: Vec<Jet> = phi[self.p..].iter().map(|x| -&x.tanh()).collect();
        Autoregression::new(&partial).coefficients.iter().map(|a| -a).collect()
    }

    /// Autocorrelations at lags 0, …, `last`.
    fn correlations(&self, phi: &[Jet], last: usize) -> Vec<Jet> {
        let rho = self.autoregression(phi).up_to(last + self.q);
        let mut b = vec![Jet::constant(1.0)];
        b.extend(self.averages(phi));
        let covariance = |lag: usize| -> Jet {
            let pairs = (0..b.len()).flat_map(|k| (0..b.len()).map(move |l| (k, l)));
            pairs.map(|(k, l)| &(&b[k] * &b[l]) * &rho[(lag + k).abs_diff(l)]).sum()
        };
        let scale = covariance(0).recip();
        (0..=last).map(|lag| &covariance(lag) * &scale).collect()
    }
}

impl Correlation for Arma {
    fn start(&self) -> Vec<f64> {
        let mut start = vec![0.0; self.p + self.q];
        start[0] = START;
        start
    }

    fn fill(&self, phi: &[Jet], positions: &Positions) -> Matrix<Jet> {
        let n = positions.n();
        let occasions = (0..n).map(|i| positions.occasion(i));
        let first = occasions.clone().min().unwrap_or(0);
        let rho = self.correlations(phi, occasions.max().unwrap_or(0) - first);
        Matrix::lower(n, |i, j| rho[positions.lag(i, j)].clone())
    }

    fn quantities(&self) -> Vec<Quantity> {
        let averages = (1..=self.q).map(Quantity::MovingAverage);
        (1..=self.p).map(Quantity::AutoRegressive).chain(averages).collect()
    }

    fn report(&self, phi: &[Jet]) -> Vec<Jet> {
        let mut report = self.autoregression(phi).coefficients;
        report.extend(self.averages(phi));
        report
    }

    fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let (a, b) = report.split_at(self.p);
        let turned: Vec<f64> = b.iter().map(|b| -b).collect();
        let mut phi: Vec<f64> = of_coefficients(a)?.into_iter().map(f64::atanh).collect();
        phi.extend(of_coefficients(&turned)?.into_iter().map(|r| -r.atanh()));
        Some(phi)
    }
}
