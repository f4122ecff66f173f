//! The standard normal distribution function and its logarithm.

use std::f64::consts::SQRT_2;

use super::factorial::LOG_ROOT_TWO_PI;
use super::taylor::Taylor;

/// Where the tail is taken from its continued fraction.
const TAIL: f64 = -5.0;

/// Terms of the continued fraction, enough beyond [`TAIL`].
const TERMS: usize = 60;

/// Φ(x).
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// φ(x).
pub fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x - LOG_ROOT_TWO_PI).exp()
}

/// log Φ(x). The derivatives are those of the inverse Mills ratio λ, and r = x + λ in the tail is a
/// continued fraction of its own (Laplace).
pub fn log_normal_cdf(x: f64) -> Taylor {
    let (value, lambda, r) = if x < TAIL {
        let r = (1..=TERMS).rev().fold(0.0, |tail, k| k as f64 / (tail - x));
        let lambda = r - x;
        (-0.5 * x * x - LOG_ROOT_TWO_PI - lambda.ln(), lambda, r)
    } else {
        let upper = 0.5 * libm::erfc(x / SQRT_2);
        let value = if x > 0.0 { (-upper).ln_1p() } else { normal_cdf(x).ln() };
        let lambda = normal_density(x) / (1.0 - upper).max(normal_cdf(x));
        (value, lambda, x + lambda)
    };
    if lambda == 0.0 {
        return [value, 0.0, 0.0, 0.0];
    }
    [value, lambda, -lambda * r, lambda * r * r - lambda * (1.0 - lambda * r)]
}
