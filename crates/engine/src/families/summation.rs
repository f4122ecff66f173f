//! Tails of counts as sums of probabilities, each from its neighbour.

use super::family::Tails;

/// Relative size of a term that ends a sum beyond the centre.
const ENOUGH: f64 = 1e-17;

/// How the probabilities of counts follow from each other.
pub struct Steps<U: Fn(f64) -> f64, D: Fn(f64) -> f64> {
    /// P(j + 1)/P(j).
    pub up: U,
    /// P(j − 1)/P(j).
    pub down: D,
    /// Largest count.
    pub last: f64,
    /// Whether probabilities only fall on either side of the centre.
    pub unimodal: bool,
}

/// The tails beside y, given its probability: that away from the centre is summed.
pub fn tails<U: Fn(f64) -> f64, D: Fn(f64) -> f64>(
    y: f64,
    at: f64,
    centre: f64,
    steps: Steps<U, D>,
) -> Tails {
    if at.is_nan() {
        return Tails { below: f64::NAN, at, above: f64::NAN };
    }
    if y <= centre {
        let below = sum(y, at, 0.0, -1.0, &steps.down, steps.unimodal);
        Tails { below, at, above: (1.0 - at - below).max(0.0) }
    } else {
        let above = sum(y, at, steps.last, 1.0, &steps.up, steps.unimodal);
        Tails { below: (1.0 - at - above).max(0.0), at, above }
    }
}

/// Σ of the probabilities from y, exclusive, to `last`.
fn sum(y: f64, at: f64, last: f64, step: f64, ratio: impl Fn(f64) -> f64, unimodal: bool) -> f64 {
    let (mut j, mut term, mut sum) = (y, at, 0.0);
    while (last - j) * step > 0.0 {
        let factor = ratio(j);
        term *= factor;
        sum += term;
        j += step;
        if term.is_nan() {
            return f64::NAN;
        }
        // What follows is below a geometric series of this factor, or too small for a number.
        let little = term * factor <= ENOUGH * sum * (1.0 - factor) || term < f64::MIN_POSITIVE;
        if unimodal && factor < 1.0 && little {
            break;
        }
    }
    sum
}
