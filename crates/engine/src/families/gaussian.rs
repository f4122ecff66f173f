//! Gaussian responses; auxiliary log σ.
//!
//! ```text
//!     l = −(y − μ)²/(2σ²) − log σ − log √(2π)
//! ```

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::factorial::LOG_ROOT_TWO_PI;
use super::family::{Family, Observation, Order, Row, Tails};
use super::mean::MeanLink;
use super::normal::normal_cdf;
use super::number::{Density, Number};

/// The Gaussian family.
#[derive(Debug, Clone, Copy)]
pub struct Gaussian {
    /// Its link.
    pub link: MeanLink,
}

impl Density<1> for Gaussian {
    fn log_density<N: Number>(&self, at: Observation, eta: N, [log_sd]: [N; 1]) -> N {
        let residual = N::constant(at.y) - eta.map(|eta| self.link.mean(eta));
        let z = residual * (-log_sd).exp();
        ((z * z).scaled(-0.5) - log_sd).shifted(-LOG_ROOT_TWO_PI)
    }

    fn is_valid(&self, eta: f64) -> bool {
        eta.is_finite() && (self.link != MeanLink::Inverse || eta != 0.0)
    }
}

impl Family for Gaussian {
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

    fn variance(&self, _: f64, _: f64, auxiliary: &[f64]) -> f64 {
        (2.0 * auxiliary[0]).exp()
    }

    fn tails(&self, Observation { y, .. }: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let z = (y - self.link.mean(eta)[0]) / auxiliary[0].exp();
        Tails::continuous((normal_cdf(z), normal_cdf(-z)))
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let z: f64 = StandardNormal.sample(random);
        self.link.mean(eta)[0] + auxiliary[0].exp() * z
    }

    fn start(&self, Observation { y, .. }: Observation) -> f64 {
        self.link.start_of_any(y)
    }

    fn saturated(&self, _: Observation, auxiliary: &[f64]) -> f64 {
        -auxiliary[0] - LOG_ROOT_TWO_PI
    }
}
