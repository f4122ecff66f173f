//! Inverse Gaussian responses; auxiliary log s (variance s² μ³).
//!
//! ```text
//!     l = −(y − μ)²/(2 s² μ² y) − log s − (3/2) log y − log √(2π)
//! ```

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, InverseGaussian as Draws};

use super::factorial::LOG_ROOT_TWO_PI;
use super::family::{Family, Observation, Order, Row, Tails};
use super::mean::MeanLink;
use super::normal::{log_normal_cdf, normal_cdf};
use super::number::{Density, Number};
use super::taylor::exp_m1;

/// The inverse Gaussian family.
#[derive(Debug, Clone, Copy)]
pub struct InverseGaussian {
    /// Its link.
    pub link: MeanLink,
}

impl Density<1> for InverseGaussian {
    fn log_density<N: Number>(&self, at: Observation, eta: N, [log_scale]: [N; 1]) -> N {
        let log = at.y.ln();
        let ratio = (-eta.map(|eta| self.link.log(eta))).shifted(log).map(exp_m1);
        let z = ratio * (-log_scale).shifted(-0.5 * log).exp();
        ((z * z).scaled(-0.5) - log_scale).shifted(-1.5 * log - LOG_ROOT_TWO_PI)
    }

    fn is_valid(&self, eta: f64) -> bool {
        let (low, high) = self.link.positive();
        eta > low && eta < high
    }
}

impl Family for InverseGaussian {
    fn n_auxiliary(&self) -> usize {
        1
    }

    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        self.derive(observation, eta, auxiliary, order)
    }

    fn mean(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[0]
    }

    fn mean_slope(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[1]
    }

    fn variance(&self, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        (2.0 * auxiliary[0]).exp() * self.link.mean(eta)[0].powi(3)
    }

    fn tails(&self, Observation { y, .. }: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let mean = self.link.mean(eta)[0];
        let root = 1.0 / (auxiliary[0].exp() * y.sqrt());
        let z = root * (y / mean - 1.0);
        let log = 2.0 / ((2.0 * auxiliary[0]).exp() * mean);
        let image = (log + log_normal_cdf(-root * (y / mean + 1.0))[0]).exp();
        Tails::continuous(((normal_cdf(z) + image).min(1.0), (normal_cdf(-z) - image).max(0.0)))
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let draws = Draws::new(self.link.mean(eta)[0], (-2.0 * auxiliary[0]).exp());
        draws.map_or(f64::NAN, |y| y.sample(random))
    }

    fn start(&self, Observation { y, .. }: Observation) -> f64 {
        self.link.start(y)
    }

    fn saturated(&self, Observation { y, .. }: Observation, auxiliary: &[f64]) -> f64 {
        -auxiliary[0] - 1.5 * y.ln() - LOG_ROOT_TWO_PI
    }

    fn eta_range(&self) -> (f64, f64) {
        self.link.positive()
    }
}
