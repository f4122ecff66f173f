//! Links of a mean that is positive: μ and log μ as functions of η.

use super::taylor::{Taylor, exp, ln, power};
use crate::error::{EngineError, Result};

/// A link of a mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeanLink {
    /// μ = e^η.
    Log,
    /// μ = η.
    Identity,
    /// μ = η², η > 0.
    Sqrt,
    /// μ = 1/η.
    Inverse,
    /// μ = 1/√η.
    InverseSquare,
}

impl MeanLink {
    /// The link of a name.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "log" => Self::Log,
            "identity" => Self::Identity,
            "sqrt" => Self::Sqrt,
            "inverse" => Self::Inverse,
            "1/mu^2" => Self::InverseSquare,
            _ => return Err(EngineError::Family { reason: "the family has no such link" }),
        })
    }

    /// μ.
    pub fn mean(self, eta: f64) -> Taylor {
        match self {
            Self::Log => exp(eta),
            Self::Identity => [eta, 1.0, 0.0, 0.0],
            Self::Sqrt => [eta * eta, 2.0 * eta, 2.0, 0.0],
            Self::Inverse => {
                let inverse = 1.0 / eta;
                let square = inverse * inverse;
                [inverse, -square, 2.0 * square * inverse, -6.0 * square * square]
            }
            Self::InverseSquare => power(eta, -0.5),
        }
    }

    /// log μ of a positive mean.
    pub fn log(self, eta: f64) -> Taylor {
        let power = match self {
            Self::Log => return [eta, 1.0, 0.0, 0.0],
            Self::Identity => 1.0,
            Self::Sqrt => 2.0,
            Self::Inverse => -1.0,
            Self::InverseSquare => -0.5,
        };
        ln(eta).map(|d| power * d)
    }

    /// η of a mean.
    pub fn start(self, mean: f64) -> f64 {
        match self {
            Self::Log => mean.ln(),
            Self::Identity => mean,
            Self::Sqrt => mean.sqrt(),
            Self::Inverse => 1.0 / mean,
            Self::InverseSquare => 1.0 / (mean * mean),
        }
    }

    /// A finite η near a mean of any sign.
    pub fn start_of_any(self, mean: f64) -> f64 {
        match self {
            Self::Identity => mean,
            Self::Inverse if mean != 0.0 => 1.0 / mean,
            _ => self.start(mean.max(0.1)),
        }
    }

    /// The open interval of η where the mean is positive.
    pub fn positive(self) -> (f64, f64) {
        let below = if self == Self::Log { f64::NEG_INFINITY } else { 0.0 };
        (below, f64::INFINITY)
    }
}
