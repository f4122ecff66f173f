//! Counts of trials whose probability is a beta variable; auxiliary log φ, α = pφ, β = (1 − p)φ
//! (variance n p (1 − p)(n + φ)/(1 + φ)).
//!
//! ```text
//!     l = log C(n, y) + y log p + (n − y) log(1 − p) + r(y, α) + r(n − y, β) − r(n, φ)
//! ```
//!
//! where r(y, α) = Σ log(1 + i/α), i < y, vanishes as φ grows: there counts are binomial.

use rand_chacha::ChaCha8Rng;

use super::beta;
use super::binomial;
use super::factorial::{log_choose, rise};
use super::family::{Family, Observation, Order, Row, Tails};
use super::number::{Density, Number};
use super::peak::peak;
use super::probability::ProbabilityLink;
use super::summation::{Steps, tails};

/// The beta-binomial family.
#[derive(Debug, Clone, Copy)]
pub struct BetaBinomial {
    /// Its link.
    pub link: ProbabilityLink,
}

impl Density<1> for BetaBinomial {
    fn log_density<N: Number>(&self, at: Observation, eta: N, [log_phi]: [N; 1]) -> N {
        let Observation { y, size } = at;
        let (p, q) = self.link.logs(eta.value());
        let part = |count: f64, log: N| log.scaled(count) + (log + log_phi).map(|u| rise(count, u));
        let all = log_phi.map(|u| rise(size, u));
        let parts = match (y, size - y) {
            (0.0, _) => part(size, eta.chain(q)),
            (_, 0.0) => part(size, eta.chain(p)),
            (_, failures) => part(y, eta.chain(p)) + part(failures, eta.chain(q)),
        };
        (parts - all).shifted(log_choose(size, y))
    }

    fn is_valid(&self, eta: f64) -> bool {
        eta.is_finite()
    }
}

impl Family for BetaBinomial {
    fn n_auxiliary(&self) -> usize {
        1
    }

    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        self.derive(observation, eta, auxiliary, order)
    }

    /// That of a quasi-likelihood of this variance.
    fn information(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let (p, q) = self.link.logs(eta);
        p[1] * -q[1] * size / inflation(size, auxiliary)
    }

    fn mean(&self, size: f64, eta: f64, _: &[f64]) -> f64 {
        size * self.link.probabilities(eta).0
    }

    fn mean_slope(&self, size: f64, eta: f64, _: &[f64]) -> f64 {
        size * self.link.slope(eta)
    }

    fn variance(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let (p, q) = self.link.probabilities(eta);
        size * p * q * inflation(size, auxiliary)
    }

    fn tails(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let Observation { y, size } = observation;
        let (p, q) = self.link.probabilities(eta);
        let phi = auxiliary[0].exp();
        let (alpha, beta) = (p * phi, q * phi);
        let at = self.row(observation, eta, auxiliary, Order::Value).value.exp();
        let up = |j: f64| (size - j) / (j + 1.0) * ((alpha + j) / (beta + size - j - 1.0));
        let down = |j: f64| j / (size - j + 1.0) * ((beta + size - j) / (alpha + j - 1.0));
        let unimodal = alpha >= 1.0 && beta >= 1.0;
        tails(y, at, size * p, Steps { up, down, last: size, unimodal })
    }

    fn draw(&self, random: &mut ChaCha8Rng, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let p = beta::draw(random, self.link.probabilities(eta), auxiliary[0].exp());
        binomial::draw(random, size, p)
    }

    fn start(&self, Observation { y, size }: Observation) -> f64 {
        self.link.start((y + 0.5) / (size + 1.0))
    }

    fn saturated(&self, observation: Observation, auxiliary: &[f64]) -> f64 {
        let Observation { y, size } = observation;
        if y == 0.0 || y == size { 0.0 } else { peak(self, observation, auxiliary) }
    }
}

/// How many times the binomial's the variance is.
fn inflation(size: f64, auxiliary: &[f64]) -> f64 {
    1.0 + (size - 1.0) / (1.0 + auxiliary[0].exp())
}
