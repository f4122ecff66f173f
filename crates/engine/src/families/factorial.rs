//! Γ and factorials by Stirling's formula, written so that what large arguments have in common
//! cancels by algebra, never by subtraction (C. Loader, Fast and accurate computation of binomial
//! probabilities, 2000).
//!
//! ```text
//!     log Γ(x) = (x − ½) log x − x + log √(2π) + S(x)
//! ```
//!
//! S and its derivatives are taken in u = log x, where they are bounded by S itself at either end.

use std::array::from_fn;
use std::sync::LazyLock;

use super::number::{Jet, Number};
use super::taylor::{Taylor, reflected, softplus};

/// log √(2π).
pub const LOG_ROOT_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// Factorials below it are in a table.
pub const TABLE: usize = 256;

/// Where the series of S is exact to rounding.
const LARGE: f64 = 8.0;

/// Coefficients of x^−1, x^−3, … in S: B_2k / (2k (2k − 1)).
const SERIES: [f64; 9] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1_260.0,
    -1.0 / 1_680.0,
    1.0 / 1_188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3_617.0 / 122_400.0,
    43_867.0 / 244_188.0,
];

static LOG_FACTORIALS: LazyLock<[f64; TABLE]> =
    LazyLock::new(|| from_fn(|k| log_gamma(k as f64 + 1.0)));

/// log Γ(x), x > 0.
pub fn log_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// log y!
pub fn log_factorial(y: f64) -> f64 {
    let table = y < TABLE as f64 && y.fract() == 0.0;
    if table { LOG_FACTORIALS[y as usize] } else { log_gamma(y + 1.0) }
}

/// log C(n, y).
pub fn log_choose(n: f64, y: f64) -> f64 {
    if y == 0.0 || y == n || n == 1.0 {
        return 0.0; // a fraction of one trial has no probability: nothing to normalise
    }
    if n < TABLE as f64 {
        return log_factorial(n) - log_factorial(y) - log_factorial(n - y);
    }
    let entropy = |count: f64| count * (count / n).ln();
    log_choose_scaled(n, y) - entropy(y) - entropy(n - y)
}

/// Log-density at y of n trials of probability y/n, 0 < y < n.
pub fn log_choose_scaled(n: f64, y: f64) -> f64 {
    log_point(y) + log_point(n - y) - log_point(n)
}

/// Log-density at y of a Poisson variable of mean y, y > 0.
pub fn log_point(y: f64) -> f64 {
    let u = y.ln();
    -stirling(u)[0] - 0.5 * u - LOG_ROOT_TWO_PI
}

/// S(e^u).
pub fn stirling(u: f64) -> Taylor {
    let x = u.exp();
    if x >= LARGE { series(x) } else { shifted(u, x) }
}

fn series(x: f64) -> Taylor {
    let (inverse, square) = (1.0 / x, 1.0 / (x * x));
    let mut out = [0.0; 4];
    for (k, coefficient) in SERIES.iter().enumerate().rev() {
        let power = -(2.0 * k as f64 + 1.0);
        let term = [1.0, power, power * power, power * power * power];
        out = from_fn(|d| out[d] * square + coefficient * term[d]);
    }
    out.map(|sum| sum * inverse)
}

/// From the series at x + m, log Γ(x) = log Γ(x + m) − log x(x + 1)…(x + m − 1).
fn shifted(u: f64, x: f64) -> Taylor {
    let m = (LARGE - x).ceil();
    let (mut product, mut sums) = (1.0, [1.0; 3]);
    for i in 1..m as usize {
        let z = x + i as f64;
        let ratio = x / z;
        product *= z;
        let powers = [ratio, ratio * ratio, ratio * ratio * ratio];
        sums = from_fn(|d| sums[d] + powers[d]);
    }
    let large = x + m;
    let (log, s, ratio) = (large.ln(), series(large), x / large);
    let value = (large - 0.5) * log - m - product.ln() - (x + 0.5) * u + s[0];
    // x ψ(x), x² ψ'(x), x³ ψ''(x)
    let psi = ratio * (large * log - 0.5 + s[1]) - sums[0];
    let psi1 = ratio * ratio * (large + 0.5 - s[1] + s[2]) + sums[1];
    let psi2 = ratio.powi(3) * (s[3] - 3.0 * s[2] + 2.0 * s[1] - large - 1.0) - 2.0 * sums[2];
    let first = psi - x * u + 0.5;
    let second = psi1 + psi - x * u - x;
    [value, first, second, psi2 + 3.0 * psi1 + psi - x * u - 2.0 * x]
}

/// x² ψ'(x), x = e^u.
pub fn scaled_trigamma(u: f64) -> f64 {
    let s = stirling(u);
    s[2] - s[1] + u.exp() + 0.5
}

/// Whole numbers up to which a rising factorial is a product.
const SHORT: f64 = 16.0;

/// log Γ(x + y) − log Γ(x) − y log x for y ≥ 0 and x = e^u: of a whole y the logarithm of
/// Π (1 + i/x), i < y.
pub fn rise(y: f64, u: f64) -> Taylor {
    if y <= SHORT && y.fract() == 0.0 {
        let factor = |i: usize| reflected(softplus((i as f64).ln() - u));
        let sum = (1..y as usize).map(factor);
        return sum.fold([0.0; 4], |sum, term| from_fn(|d| sum[d] + term[d]));
    }
    let x = Jet::<0>::eta(u);
    let log = y.ln();
    let larger = (x.shifted(-log)).softplus().shifted(log);
    let ratio = x.scaled(-1.0).shifted(log).softplus();
    let s = larger.map(stirling) - x.map(stirling);
    (x.map(|u| entropy(y, u)) - ratio.scaled(0.5) + s).taylor()
}

/// (x + y) log(1 + y/x) − y for x = e^u.
fn entropy(y: f64, u: f64) -> Taylor {
    let q = (y.ln() - u).exp();
    if q < 0.1 {
        return [0, 1, 2, 3].map(|d| y * entropy_series(q, d));
    }
    let [log, s, ..] = softplus(y.ln() - u);
    let (x, rest) = (u.exp(), y * (1.0 - s));
    [(x + y) * log - y, x * log - y, x * log - rest, x * log - rest - rest * s]
}

/// Σ (−1)^j q^(j−1) / (j (j − 1)), j ≥ 2, and its derivatives in u of q = y e^−u.
fn entropy_series(q: f64, derivative: i32) -> f64 {
    let term = |j: i32| {
        let power = f64::from(1 - j).powi(derivative);
        (if j % 2 == 0 { power } else { -power }) / f64::from(j * (j - 1))
    };
    q * (2..20).rev().fold(0.0, |sum, j| sum * q + term(j))
}
