//! Distribution functions of the gamma and the beta distribution, both tails at once: neither is the
//! other's difference from 1 where it is small.

use std::f64::consts::PI;

use super::factorial::{LOG_ROOT_TWO_PI, log_point, stirling};
use super::normal::normal_cdf;
use super::taylor::excess;

/// Relative size of a term that ends a sum.
const ENOUGH: f64 = 1e-17;

/// Terms at most: about ten times the root of the largest shape that is summed.
const TERMS: usize = 1_000_000;

/// Shapes beyond which the gamma distribution is taken from its uniform expansion (N. Temme, 1979):
/// its error is far below that of the sum.
const UNIFORM: f64 = 1e8;

/// P(X ≤ x) and P(X > x) of a gamma variable of a shape and scale 1.
pub fn gamma_tails(shape: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 || x.is_nan() || shape.is_nan() {
        return if x.is_nan() || shape.is_nan() { (f64::NAN, f64::NAN) } else { (0.0, 1.0) };
    }
    if x.is_infinite() {
        return (1.0, 0.0);
    }
    if shape > UNIFORM {
        return uniform(shape, x);
    }
    let point = (log_point(shape) - shape * excess((x / shape).ln())[0]).exp();
    if x < shape + 1.0 {
        let lower = (point * series(shape, x)).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (point * shape * fraction(shape, x)).min(1.0);
        (1.0 - upper, upper)
    }
}

fn uniform(shape: f64, x: f64) -> (f64, f64) {
    let ratio = x / shape;
    let deviation = excess(ratio.ln())[0];
    let eta = (2.0 * deviation).sqrt().copysign(ratio - 1.0);
    let near = eta.abs() < 1e-3;
    let first = if near {
        -1.0 / 3.0 + eta / 12.0 - 2.0 * eta * eta / 135.0
    } else {
        1.0 / (ratio - 1.0) - 1.0 / eta
    };
    let rest = first * (-shape * deviation).exp() / (2.0 * PI * shape).sqrt();
    let z = eta * shape.sqrt();
    ((normal_cdf(z) - rest).clamp(0.0, 1.0), (normal_cdf(-z) + rest).clamp(0.0, 1.0))
}

/// 1 + x/(a + 1) + x²/((a + 1)(a + 2)) + …
fn series(shape: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..TERMS {
        term *= x / (shape + k as f64);
        sum += term;
        if term < ENOUGH * sum || term.is_nan() {
            break;
        }
    }
    sum
}

/// 1/(x + 1 − a − 1(1 − a)/(x + 3 − a − 2(2 − a)/(x + 5 − a − …))).
fn fraction(shape: f64, x: f64) -> f64 {
    let first = x + 1.0 - shape;
    let term = |k: usize| {
        let k = k as f64;
        (-k * (k - shape), first + 2.0 * k)
    };
    1.0 / continued(first, term)
}

/// b0 + a1/(b1 + a2/(b2 + …)) by the method of Lentz, `term(k)` = (a_k, b_k).
fn continued(first: f64, term: impl Fn(usize) -> (f64, f64)) -> f64 {
    const TINY: f64 = 1e-290;
    let off_zero = |x: f64| if x == 0.0 { TINY } else { x };
    let (mut value, mut c, mut d) = (off_zero(first), off_zero(first), 0.0);
    for k in 1..TERMS {
        let (a, b) = term(k);
        d = 1.0 / off_zero(b + a * d);
        c = off_zero(b + a / c);
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() < 1e-16 || factor.is_nan() || a == 0.0 {
            break;
        }
    }
    value
}

/// P(X ≤ x) and P(X > x) of a beta variable of shapes a and b, given x and y = 1 − x.
pub fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if [a, b, x, y].iter().any(|v| v.is_nan()) {
        return (f64::NAN, f64::NAN);
    }
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        let (lower, upper) = lower_first(b, a, y, x);
        return (upper, lower);
    }
    lower_first(a, b, x, y)
}

fn lower_first(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    let term = |k: usize| {
        let m = (k / 2) as f64;
        let at = a + 2.0 * m;
        if k.is_multiple_of(2) {
            (m * (b - m) * x / ((at - 1.0) * at), 1.0)
        } else {
            (-(a + m) * (a + b + m) * x / (at * (at + 1.0)), 1.0)
        }
    };
    let lower = (log_beta_density(a, b, x, y).exp() / (a * continued(1.0, term))).min(1.0);
    (lower, 1.0 - lower)
}

/// log x^a y^b / B(a, b), by the deviations of x and y from a/(a + b) and b/(a + b).
fn log_beta_density(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let sum = a + b;
    let s = |shape: f64| stirling(shape.ln())[0];
    // Of two parts of a whole, the logarithm of the first without the rounding of the larger.
    let log = |part: f64, rest: f64| if part < rest { part.ln() } else { (-rest).ln_1p() };
    let deviation = |shape: f64, p: f64, q: f64| {
        shape * excess(log(p, q) - log(shape / sum, (sum - shape) / sum))[0]
    };
    let roots = 0.5 * ((a / sum).ln() + b.ln()) - LOG_ROOT_TWO_PI;
    s(sum) - s(a) - s(b) + roots - deviation(a, x, y) - deviation(b, y, x)
}
