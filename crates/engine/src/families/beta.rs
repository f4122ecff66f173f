//! Responses between 0 and 1; auxiliary log φ, the precision (variance μ(1 − μ)/(1 + φ)).
//!
//! ```text
//!     l = log Γ(φ) − log Γ(α) − log Γ(β) + (α − 1) log y + (β − 1) log(1 − y),   α = μφ, β = (1 − μ)φ
//! ```

use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta as Draws, Distribution};

use super::factorial::{LOG_ROOT_TWO_PI, scaled_trigamma, stirling};
use super::family::{Family, Observation, Order, Row, Tails};
use super::incomplete::beta_tails;
use super::number::{Density, Number};
use super::peak::peak;
use super::probability::ProbabilityLink;

/// The beta family.
#[derive(Debug, Clone, Copy)]
pub struct Beta {
    /// Its link.
    pub link: ProbabilityLink,
}

/// Logarithms of ratios below which two deviations are taken each for itself: their sum of first
/// orders is zero.
const NEAR: f64 = 1.0;

impl Density<1> for Beta {
    fn log_density<N: Number>(&self, at: Observation, eta: N, [log_phi]: [N; 1]) -> N {
        let (p, q) = self.link.logs(eta.value());
        let (log_p, log_q) = (eta.chain(p), eta.chain(q));
        let (log_alpha, log_beta) = (log_p + log_phi, log_q + log_phi);
        let (log, rest) = (at.y.ln(), (-at.y).ln_1p());
        let (up, down) = ((-log_p).shifted(log), (-log_q).shifted(rest));
        let power = if up.value().abs().max(down.value().abs()) < NEAR {
            -(log_alpha.exp() * up.excess()) - log_beta.exp() * down.excess()
        } else {
            log_alpha.exp() * up + log_beta.exp() * down
        };
        let gammas = log_phi.map(stirling) - log_alpha.map(stirling) - log_beta.map(stirling);
        let roots = (log_p + log_beta).scaled(0.5);
        (gammas + roots + power).shifted(-LOG_ROOT_TWO_PI - log - rest)
    }

    fn is_valid(&self, eta: f64) -> bool {
        eta.is_finite()
    }
}

impl Family for Beta {
    fn n_auxiliary(&self) -> usize {
        1
    }

    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        self.derive(observation, eta, auxiliary, order)
    }

    fn information(&self, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let (p, q) = self.link.logs(eta);
        let of = |[log, slope, ..]: [f64; 4]| slope * slope * scaled_trigamma(log + auxiliary[0]);
        of(p) + of(q)
    }

    fn mean(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.probabilities(eta).0
    }

    fn mean_slope(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.slope(eta)
    }

    fn variance(&self, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let (p, q) = self.link.probabilities(eta);
        p * q / (1.0 + auxiliary[0].exp())
    }

    fn tails(&self, Observation { y, .. }: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let (p, q) = self.link.probabilities(eta);
        let phi = auxiliary[0].exp();
        Tails::continuous(beta_tails(p * phi, q * phi, y, 1.0 - y))
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        draw(random, self.link.probabilities(eta), auxiliary[0].exp())
    }

    fn start(&self, Observation { y, .. }: Observation) -> f64 {
        self.link.start(y)
    }

    fn saturated(&self, observation: Observation, auxiliary: &[f64]) -> f64 {
        peak(self, observation, auxiliary)
    }
}

/// A number between 0 and 1 of mean p = 1 − q and precision φ; nan where there is none.
pub fn draw(random: &mut ChaCha8Rng, (p, q): (f64, f64), phi: f64) -> f64 {
    Draws::new(p * phi, q * phi).map_or(f64::NAN, |y| y.sample(random))
}
