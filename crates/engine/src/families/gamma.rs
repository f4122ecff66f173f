//! Gamma responses; auxiliary log s, the coefficient of variation (variance s² μ²), shape k = s^−2.
//!
//! ```text
//!     l = k (log(y/μ) − y/μ) + k log k − log Γ(k) − log y
//! ```

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma as Draws};

use super::factorial::{LOG_ROOT_TWO_PI, stirling};
use super::family::{Family, Observation, Order, Row, Tails};
use super::incomplete::gamma_tails;
use super::mean::MeanLink;
use super::number::{Density, Number};

/// The gamma family.
#[derive(Debug, Clone, Copy)]
pub struct Gamma {
    /// Its link.
    pub link: MeanLink,
}

impl Density<1> for Gamma {
    fn log_density<N: Number>(&self, at: Observation, eta: N, [log_cv]: [N; 1]) -> N {
        let log_shape = log_cv.scaled(-2.0);
        let log = at.y.ln();
        let deviation = (-eta.map(|eta| self.link.log(eta))).shifted(log).excess();
        let constant = log_shape.scaled(0.5) - log_shape.map(stirling);
        (constant - log_shape.exp() * deviation).shifted(-LOG_ROOT_TWO_PI - log)
    }

    fn is_valid(&self, eta: f64) -> bool {
        let (low, high) = self.link.positive();
        eta > low && eta < high
    }
}

impl Family for Gamma {
    fn n_auxiliary(&self) -> usize {
        1
    }

    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        self.derive(observation, eta, auxiliary, order)
    }

    fn information(&self, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let slope = self.link.log(eta)[1];
        slope * slope * (-2.0 * auxiliary[0]).exp()
    }

    fn mean(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[0]
    }

    fn mean_slope(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[1]
    }

    fn variance(&self, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let sd = auxiliary[0].exp() * self.link.mean(eta)[0];
        sd * sd
    }

    fn tails(&self, Observation { y, .. }: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let shape = (-2.0 * auxiliary[0]).exp();
        Tails::continuous(gamma_tails(shape, shape * y / self.link.mean(eta)[0]))
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let square = (2.0 * auxiliary[0]).exp();
        let draws = Draws::new(1.0 / square, square * self.link.mean(eta)[0]);
        draws.map_or(f64::NAN, |y| y.sample(random))
    }

    fn start(&self, Observation { y, .. }: Observation) -> f64 {
        self.link.start(y)
    }

    fn saturated(&self, Observation { y, .. }: Observation, auxiliary: &[f64]) -> f64 {
        let log_shape = -2.0 * auxiliary[0];
        0.5 * log_shape - stirling(log_shape)[0] - LOG_ROOT_TWO_PI - y.ln()
    }

    fn eta_range(&self) -> (f64, f64) {
        self.link.positive()
    }
}
