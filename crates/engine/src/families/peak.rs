//! The largest log-density over η.

use super::family::{Family, Observation, Order};

/// Steps at most; Newton's method needs a handful, a rise without end goes on for them all.
const STEPS: usize = 100;

/// Longest step.
const LONGEST: f64 = 4.0;

/// Largest log-density of an observation, by Newton's method with halving from the family's start.
pub fn peak(family: &dyn Family, observation: Observation, auxiliary: &[f64]) -> f64 {
    peak_from(family, family.start(observation), observation, auxiliary)
}

/// Largest log-density of an observation, searched from η.
pub fn peak_from(
    family: &dyn Family,
    mut eta: f64,
    observation: Observation,
    auxiliary: &[f64],
) -> f64 {
    let at = |eta: f64| family.row(observation, eta, auxiliary, Order::Second);
    let mut row = at(eta);
    for _ in 0..STEPS {
        let [slope, bend, _] = row.eta;
        let newton = if bend < 0.0 { -slope / bend } else { slope.signum() * LONGEST };
        let mut step = newton.clamp(-LONGEST, LONGEST);
        let mut next = at(eta + step);
        while next.value < row.value && step.abs() > 1e-12 * (1.0 + eta.abs()) {
            step *= 0.5;
            next = at(eta + step);
        }
        if next.value <= row.value {
            break;
        }
        (eta, row) = (eta + step, next);
    }
    row.value
}
