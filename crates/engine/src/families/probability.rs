//! Links of a probability: log p and log(1 − p) as functions of η, neither by subtraction from 1.

use std::f64::consts::PI;

use super::normal::{log_normal_cdf, normal_cdf, normal_density};
use super::taylor::{Taylor, log_one_minus_exp, log_one_minus_exp_minus_exp, reflected, softplus};
use crate::error::{EngineError, Result};

/// A link of a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbabilityLink {
    /// p = 1/(1 + e^−η).
    Logit,
    /// p = Φ(η).
    Probit,
    /// p = 1 − exp(−e^η).
    CLogLog,
    /// p = 1/2 + arctan(η)/π.
    Cauchit,
    /// p = e^η, η < 0.
    Log,
}

impl ProbabilityLink {
    /// The link of a name.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "logit" => Self::Logit,
            "probit" => Self::Probit,
            "cloglog" => Self::CLogLog,
            "cauchit" => Self::Cauchit,
            "log" => Self::Log,
            _ => return Err(EngineError::Family { reason: "the family has no such link" }),
        })
    }

    /// log p and log(1 − p).
    pub fn logs(self, eta: f64) -> (Taylor, Taylor) {
        match self {
            Self::Logit => {
                let s = softplus(eta);
                let p = [s[0] - eta, s[1] - 1.0, s[2], s[3]];
                (logit_log(eta, s, p), s.map(|d| -d))
            }
            Self::Probit => (log_normal_cdf(eta), reflected(log_normal_cdf(-eta))),
            Self::CLogLog => {
                let m = eta.min(600.0).exp();
                (log_one_minus_exp_minus_exp(eta), [-m; 4])
            }
            Self::Cauchit => (log_cauchy_cdf(eta), reflected(log_cauchy_cdf(-eta))),
            Self::Log => ([eta, 1.0, 0.0, 0.0], log_one_minus_exp(eta)),
        }
    }

    /// p and 1 − p.
    pub fn probabilities(self, eta: f64) -> (f64, f64) {
        match self {
            Self::Probit => (normal_cdf(eta), normal_cdf(-eta)),
            Self::Cauchit => (cauchy_cdf(eta), cauchy_cdf(-eta)),
            Self::CLogLog => {
                let m = eta.exp();
                (-(-m).exp_m1(), (-m).exp())
            }
            Self::Log => (eta.exp(), -eta.exp_m1()),
            Self::Logit => {
                let e = (-eta.abs()).exp();
                let (near, far) = (1.0 / (1.0 + e), e / (1.0 + e));
                if eta >= 0.0 { (near, far) } else { (far, near) }
            }
        }
    }

    /// dp/dη.
    pub fn slope(self, eta: f64) -> f64 {
        match self {
            Self::Logit => {
                let (p, q) = self.probabilities(eta);
                p * q
            }
            Self::Probit => normal_density(eta),
            Self::CLogLog => (eta - eta.min(600.0).exp()).exp(),
            Self::Cauchit => 1.0 / (PI * (1.0 + eta * eta)),
            Self::Log => eta.exp(),
        }
    }

    /// η of a probability strictly between 0 and 1, to the accuracy that a search begins with.
    pub fn start(self, p: f64) -> f64 {
        match self {
            Self::Logit => (p / (1.0 - p)).ln(),
            // Tukey's lambda distribution: within 0.01 of the normal quantile where p is usual.
            Self::Probit => (p.powf(0.135) - (1.0 - p).powf(0.135)) / 0.1975,
            Self::CLogLog => (-(-p).ln_1p()).ln(),
            Self::Cauchit => (PI * (p - 0.5)).tan(),
            Self::Log => p.ln(),
        }
    }

    /// The open interval of η that has a meaning.
    pub fn eta_range(self) -> (f64, f64) {
        let above = if self == Self::Log { 0.0 } else { f64::INFINITY };
        (f64::NEG_INFINITY, above)
    }
}

/// log p = η − log(1 + e^η), with a first derivative 1 − p that keeps its digits.
fn logit_log(eta: f64, softplus: Taylor, difference: Taylor) -> Taylor {
    let e = (-eta.abs()).exp();
    let value = eta.min(0.0) - e.ln_1p();
    let slope = if eta >= 0.0 { e / (1.0 + e) } else { -difference[1] };
    [value, slope, -softplus[2], -softplus[3]]
}

/// The Cauchy distribution function.
pub fn cauchy_cdf(x: f64) -> f64 {
    if x < 0.0 { (-1.0 / x).atan() / PI } else { 0.5 + x.atan() / PI }
}

/// Its logarithm.
pub fn log_cauchy_cdf(x: f64) -> Taylor {
    let p = cauchy_cdf(x);
    let upper = cauchy_cdf(-x);
    let s = 1.0 + x * x;
    let (h, bend) = (1.0 / (PI * s) / p, -2.0 * x / s);
    let third = (6.0 * x * x / s - 2.0 / s) / s;
    let value = if x > 0.0 { (-upper).ln_1p() } else { p.ln() };
    [value, h, h * (bend - h), h * (third - 3.0 * h * bend + 2.0 * h * h)]
}
