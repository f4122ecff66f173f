//! Responses with Student's t around their mean; auxiliaries log scale and log ν.
//!
//! ```text
//!     l = log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log(νπ) − log s − ½ (ν + 1) log(1 + z²/ν),   z = (y − μ)/s
//! ```
//!
//! The variance is s² ν/(ν − 2), infinite up to ν = 2.

use std::f64::consts::LN_2;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StudentT as Draws};

use super::factorial::{LOG_ROOT_TWO_PI, rise};
use super::family::{Family, Observation, Order, Row, Tails};
use super::incomplete::beta_tails;
use super::mean::MeanLink;
use super::normal::normal_cdf;
use super::number::{Density, Number};
use super::taylor::ln_1p;

/// ν from which the distribution function is the normal one: they differ by less than 1e-9.
const NORMAL: f64 = 1e9;

/// The family of Student's t.
#[derive(Debug, Clone, Copy)]
pub struct StudentT {
    /// Its link.
    pub link: MeanLink,
}

impl Density<2> for StudentT {
    fn log_density<N: Number>(&self, at: Observation, eta: N, [log_scale, log_nu]: [N; 2]) -> N {
        let residual = N::constant(at.y) - eta.map(|eta| self.link.mean(eta));
        let z = residual * (-log_scale - log_nu.scaled(0.5)).exp();
        let constant = log_nu.shifted(-LN_2).map(|u| rise(0.5, u)).shifted(-LOG_ROOT_TWO_PI);
        let power = log_nu.exp().shifted(1.0).scaled(0.5);
        constant - log_scale - power * (z * z).map(ln_1p)
    }

    fn is_valid(&self, eta: f64) -> bool {
        eta.is_finite() && (self.link != MeanLink::Inverse || eta != 0.0)
    }
}

impl Family for StudentT {
    fn n_auxiliary(&self) -> usize {
        2
    }

    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        self.derive(observation, eta, auxiliary, order)
    }

    fn information(&self, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let slope = self.link.mean(eta)[1] / auxiliary[0].exp();
        let nu = auxiliary[1].exp();
        slope * slope * (1.0 - 2.0 / (nu + 3.0))
    }

    fn mean(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[0]
    }

    fn mean_slope(&self, _: f64, eta: f64, _: &[f64]) -> f64 {
        self.link.mean(eta)[1]
    }

    fn variance(&self, _: f64, _: f64, auxiliary: &[f64]) -> f64 {
        let (scale, nu) = (auxiliary[0].exp(), auxiliary[1].exp());
        if nu > 2.0 { scale * scale / (1.0 - 2.0 / nu) } else { f64::INFINITY }
    }

    fn tails(&self, Observation { y, .. }: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let (scale, nu) = (auxiliary[0].exp(), auxiliary[1].exp());
        let z = (y - self.link.mean(eta)[0]) / scale;
        if nu > NORMAL {
            return Tails::continuous((normal_cdf(z), normal_cdf(-z)));
        }
        let square = z * z;
        let far = 0.5 * beta_tails(0.5 * nu, 0.5, nu / (nu + square), square / (nu + square)).0;
        Tails::continuous(if z < 0.0 { (far, 1.0 - far) } else { (1.0 - far, far) })
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let scale = auxiliary[0].exp();
        let of_t = |t: Draws<f64>| self.link.mean(eta)[0] + scale * t.sample(random);
        Draws::new(auxiliary[1].exp()).map_or(f64::NAN, of_t)
    }

    fn start(&self, Observation { y, .. }: Observation) -> f64 {
        self.link.start_of_any(y)
    }

    fn saturated(&self, _: Observation, auxiliary: &[f64]) -> f64 {
        rise(0.5, auxiliary[1] - LN_2)[0] - LOG_ROOT_TWO_PI - auxiliary[0]
    }
}
