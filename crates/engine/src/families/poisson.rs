//! Poisson counts.
//!
//! ```text
//!     l = y log μ − μ − log y!
//! ```

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson as Draws};

use super::factorial::{TABLE, log_factorial, log_point};
use super::family::{Family, Observation, Order, Row, Tails};
use super::incomplete::gamma_tails;
use super::mean::MeanLink;
use super::taylor::excess;

/// The Poisson family.
#[derive(Debug, Clone, Copy)]
pub struct Poisson {
    /// Its link.
    pub link: MeanLink,
}

/// log-density given μ and its logarithm: of a large count by the deviation of μ from it.
pub fn log_density(y: f64, mean: f64, log_mean: f64) -> f64 {
    if y == 0.0 {
        -mean
    } else if y < TABLE as f64 {
        y * log_mean - mean - log_factorial(y)
    } else {
        log_point(y) - y * excess(log_mean - y.ln())[0]
    }
}

impl Family for Poisson {
    fn n_auxiliary(&self) -> usize {
        0
    }

    fn row(&self, Observation { y, .. }: Observation, eta: f64, _: &[f64], order: Order) -> Row {
        let (low, high) = self.eta_range();
        if !(eta > low && eta < high) {
            return Row::NONE;
        }
        let (mean, log) = (self.link.mean(eta), self.link.log(eta));
        let value = log_density(y, mean[0], log[0]);
        if !(value.is_finite() && mean[0].is_finite()) {
            return Row::NONE;
        }
        let of = |k: usize| y * log[k] - mean[k];
        Row::plain(value, if order == Order::Value { [0.0; 3] } else { [of(1), of(2), of(3)] })
    }

    fn information(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[1] * self.link.log(eta)[1]
    }

    fn mean(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[0]
    }

    fn mean_slope(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[1]
    }

    fn variance(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[0]
    }

    fn tails(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let (y, mean) = (observation.y, self.link.mean(eta)[0]);
        let at = self.row(observation, eta, auxiliary, Order::Value).value.exp();
        let below = if y > 0.0 { gamma_tails(y, mean).1 } else { 0.0 };
        Tails { below, at, above: gamma_tails(y + 1.0, mean).0 }
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, _: &[f64]) -> f64 {
        draw(random, self.link.mean(eta)[0])
    }

    fn start(&self, Observation { y, .. }: Observation) -> f64 {
        self.link.start(y + 0.1)
    }

    fn saturated(&self, Observation { y, .. }: Observation, _: &[f64]) -> f64 {
        log_density(y, y, y.ln())
    }

    fn eta_range(&self) -> (f64, f64) {
        self.link.positive()
    }
}

/// A count of a mean; nan where it is none.
pub fn draw(random: &mut ChaCha8Rng, mean: f64) -> f64 {
    if mean == 0.0 {
        return 0.0;
    }
    Draws::new(mean).map_or(f64::NAN, |count| count.sample(random))
}
