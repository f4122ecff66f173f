//! Negative binomial counts: Poisson counts whose means are gamma variables of shape k.
//!
//! ```text
//!     l = log Γ(y + k) − log Γ(k) − log y! + k log(k/(k + μ)) + y log(μ/(k + μ))
//! ```
//!
//! Variance μ + μ²/k (quadratic, auxiliary log k) or μ(1 + α), k = μ/α (linear, auxiliary log α). The
//! density is that of k successes among k + y trials, taken by its deviation from k/(k + y) and by
//! Stirling's formula, so that it becomes Poisson's as k grows without any cancellation.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};

use super::factorial::{log_point, stirling};
use super::family::{Family, Observation, Order, Row, Tails};
use super::incomplete::beta_tails;
use super::mean::MeanLink;
use super::number::{Density, Number};
use super::peak::peak;
use super::poisson;
use super::summation::{Steps, tails};

/// How the variance grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// μ(1 + α).
    Linear,
    /// μ + μ²/k.
    Quadratic,
}

/// Variance from which tails are no longer summed.
const WIDE: f64 = 1e6;

/// μ/k from which probabilities fall too slowly to be summed.
const SLOW: f64 = 1e3;

/// k below which every count is zero: P(Y > 0) < k log(1 + μ/k).
const TINY: f64 = 1e-290;

/// k beyond which the beta distribution would round p to 1: tails are summed.
const LARGE: f64 = 1e6;

/// The negative binomial family.
#[derive(Debug, Clone, Copy)]
pub struct NegativeBinomial {
    /// Its link.
    pub link: MeanLink,
    /// Its variance.
    pub growth: Growth,
}

impl NegativeBinomial {
    /// μ, k and μ/k.
    fn parts(&self, eta: f64, auxiliary: &[f64]) -> (f64, f64, f64) {
        let (mean, auxiliary) = (self.link.mean(eta)[0], auxiliary[0].exp());
        match self.growth {
            Growth::Linear => (mean, mean / auxiliary, auxiliary),
            Growth::Quadratic => (mean, auxiliary, mean / auxiliary),
        }
    }
}

/// The log-density, given log μ, log k and log(μ/k).
fn log_density<N: Number>(y: f64, log_mean: N, log_size: N, log_ratio: N) -> N {
    let spread = log_ratio.softplus();
    if y == 0.0 {
        return -(log_size.exp() * spread);
    }
    let log = y.ln();
    let more = log_size.scaled(-1.0).shifted(log).softplus();
    let of_size = more - spread;
    let of_count = log_mean.shifted(-log) + of_size;
    let trials = log_size.shifted(-log).softplus().shifted(log);
    let gammas = trials.map(stirling) - log_size.map(stirling) - more.scaled(0.5);
    let deviations = log_size.exp() * of_size.excess() + of_count.excess().scaled(y);
    (gammas - deviations).shifted(log_point(y))
}

impl Density<1> for NegativeBinomial {
    fn log_density<N: Number>(&self, at: Observation, eta: N, [auxiliary]: [N; 1]) -> N {
        let log_mean = eta.map(|eta| self.link.log(eta));
        match self.growth {
            Growth::Linear => log_density(at.y, log_mean, log_mean - auxiliary, auxiliary),
            Growth::Quadratic => log_density(at.y, log_mean, auxiliary, log_mean - auxiliary),
        }
    }

    fn is_valid(&self, eta: f64) -> bool {
        let (low, high) = self.link.positive();
        eta > low && eta < high
    }
}

impl Family for NegativeBinomial {
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
        let (mean, _, ratio) = self.parts(eta, auxiliary);
        mean * (1.0 + ratio)
    }

    fn tails(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let (mean, size, ratio) = self.parts(eta, auxiliary);
        let y = observation.y;
        let at = self.row(observation, eta, auxiliary, Order::Value).value.exp();
        if size < TINY {
            let below = if y > 0.0 { 1.0 } else { 0.0 };
            return Tails { below, at, above: 0.0 };
        }
        if ratio == f64::INFINITY {
            // q is 1: Σ Γ(k + j)/(Γ(k) j!) for j < y is Γ(k + y)/(Γ(k + 1) Γ(y)).
            let none =
                self.row(Observation { y: 0.0, ..observation }, eta, auxiliary, Order::Value);
            let ways = libm::lgamma(size + y) - libm::lgamma(size + 1.0) - libm::lgamma(y);
            let below = if y > 0.0 { (none.value + ways).exp() } else { 0.0 };
            return Tails { below, at, above: (1.0 - below - at).max(0.0) };
        }
        let (p, q) = (1.0 / (1.0 + ratio), ratio / (1.0 + ratio));
        if size < LARGE && (mean / p > WIDE || ratio > SLOW) {
            let less = |y: f64| if y > 0.0 { beta_tails(size, y, p, q) } else { (0.0, 1.0) };
            return Tails { below: less(y).0, at, above: less(y + 1.0).1 };
        }
        let up = |j: f64| (size + j) / (j + 1.0) * q;
        let down = |j: f64| j / ((size + j - 1.0) * q);
        tails(y, at, mean, Steps { up, down, last: f64::INFINITY, unimodal: true })
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let (_, size, ratio) = self.parts(eta, auxiliary);
        let mean = Gamma::new(size, ratio).map_or(f64::NAN, |mean| mean.sample(random));
        poisson::draw(random, mean)
    }

    fn start(&self, Observation { y, .. }: Observation) -> f64 {
        self.link.start(y + 0.1)
    }

    fn saturated(&self, observation: Observation, auxiliary: &[f64]) -> f64 {
        match self.growth {
            _ if observation.y == 0.0 => 0.0,
            Growth::Linear => peak(self, observation, auxiliary),
            Growth::Quadratic => {
                let eta = self.link.start(observation.y);
                self.row(observation, eta, auxiliary, Order::Value).value
            }
        }
    }

    fn eta_range(&self) -> (f64, f64) {
        self.link.positive()
    }
}
