//! Binomial counts (Bernoulli responses are counts of one trial).
//!
//! ```text
//!     l = log C(n, y) + y log p + (n − y) log(1 − p)
//! ```

use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial as Draws, Distribution};

use super::bernoulli;
use super::factorial::{TABLE, log_choose, log_choose_scaled};
use super::family::{Batch, Derivatives, Family, Observation, Order, Row, Tails, rows_one_by_one};
use super::incomplete::beta_tails;
use super::probability::ProbabilityLink;
use super::summation::{Steps, tails};
use super::taylor::excess;

/// Variance from which tails are no longer summed.
const WIDE: f64 = 1e6;

/// The binomial family.
#[derive(Debug, Clone, Copy)]
pub struct Binomial {
    /// Its link.
    pub link: ProbabilityLink,
}

/// log-density given log p and log(1 − p): of many trials by deviations from y/n.
pub fn log_density(y: f64, n: f64, log_p: f64, log_q: f64) -> f64 {
    let failures = n - y;
    if n < TABLE as f64 || y == 0.0 || failures == 0.0 {
        let of = |count: f64, log: f64| if count == 0.0 { 0.0 } else { count * log };
        return log_choose(n, y) + of(y, log_p) + of(failures, log_q);
    }
    let deviation = |count: f64, log: f64| count * excess(log - (count / n).ln())[0];
    log_choose_scaled(n, y) - deviation(y, log_p) - deviation(failures, log_q)
}

impl Binomial {
    /// One exponential and, for the value, one logarithm.
    fn logit(Observation { y, size }: Observation, eta: f64, order: Order) -> Row {
        let e = (-eta.abs()).exp();
        let log = e.ln_1p();
        let value = log_density(y, size, eta.min(0.0) - log, -eta.max(0.0) - log);
        if order == Order::Value {
            return Row::plain(value, [0.0; 3]);
        }
        let near = 1.0 / (1.0 + e);
        let far = e * near;
        let (p, q) = if eta >= 0.0 { (near, far) } else { (far, near) };
        let w = size * near * far;
        Row::plain(value, [y * q - (size - y) * p, -w, w * (p - q)])
    }
}

impl Family for Binomial {
    fn n_auxiliary(&self) -> usize {
        0
    }

    fn row(&self, observation: Observation, eta: f64, _: &[f64], order: Order) -> Row {
        let (low, high) = self.eta_range();
        if !(eta > low && eta < high) {
            return Row::NONE;
        }
        if self.link == ProbabilityLink::Logit {
            return Self::logit(observation, eta, order);
        }
        let Observation { y, size } = observation;
        let (p, q) = self.link.logs(eta);
        let value = log_density(y, size, p[0], q[0]);
        let of = |k: usize| y * p[k] + (size - y) * q[k];
        Row::plain(value, if order == Order::Value { [0.0; 3] } else { [of(1), of(2), of(3)] })
    }

    fn rows(&self, batch: Batch<'_>, out: Derivatives<'_>) {
        if self.link == ProbabilityLink::Logit && batch.size.is_none() {
            bernoulli::logit(batch.y, batch.eta, out);
        } else {
            rows_one_by_one(self, batch, out);
        }
    }

    fn information(&self, size: f64, eta: f64, _: &[f64]) -> f64 {
        let (p, q) = self.link.logs(eta);
        size * p[1] * -q[1]
    }

    fn mean(&self, size: f64, eta: f64, _: &[f64]) -> f64 {
        size * self.link.probabilities(eta).0
    }

    fn mean_slope(&self, size: f64, eta: f64, _: &[f64]) -> f64 {
        size * self.link.slope(eta)
    }

    fn variance(&self, size: f64, eta: f64, _: &[f64]) -> f64 {
        let (p, q) = self.link.probabilities(eta);
        size * p * q
    }

    fn tails(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let Observation { y, size } = observation;
        let (p, q) = self.link.probabilities(eta);
        let at = self.row(observation, eta, auxiliary, Order::Value).value.exp();
        if size * p * q > WIDE {
            let at_most =
                |y: f64| if y < size { beta_tails(size - y, y + 1.0, q, p) } else { (1.0, 0.0) };
            let below = if y > 0.0 { at_most(y - 1.0).0 } else { 0.0 };
            return Tails { below, at, above: at_most(y).1 };
        }
        let up = |j: f64| (size - j) / (j + 1.0) * (p / q);
        let down = |j: f64| j / (size - j + 1.0) * (q / p);
        tails(y, at, size * p, Steps { up, down, last: size, unimodal: true })
    }

    fn draw(&self, random: &mut ChaCha8Rng, size: f64, eta: f64, _: &[f64]) -> f64 {
        draw(random, size, self.link.probabilities(eta).0)
    }

    fn start(&self, Observation { y, size }: Observation) -> f64 {
        self.link.start((y + 0.5) / (size + 1.0))
    }

    fn saturated(&self, Observation { y, size }: Observation, _: &[f64]) -> f64 {
        log_density(y, size, (y / size).ln(), ((size - y) / size).ln())
    }

    fn eta_range(&self) -> (f64, f64) {
        self.link.eta_range()
    }
}

/// A count of `size` trials of probability p; nan where p is none.
pub fn draw(random: &mut ChaCha8Rng, size: f64, p: f64) -> f64 {
    Draws::new(size as u64, p).map_or(f64::NAN, |count| count.sample(random) as f64)
}
