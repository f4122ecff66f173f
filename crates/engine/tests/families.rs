//! Families of distributions: derivatives against differences, densities against sums, integrals and
//! R, distribution functions against densities, draws against moments.

use std::sync::Arc;

use mixedmodels_engine::families::{Family, Observation, Order, Row, Zero, family};

fn plain(name: &str, link: &str) -> Arc<dyn Family> {
    family(name, link, Zero::None, 0).unwrap()
}

/// Derivative by central differences extrapolated to a step of 0, with the error that they show.
fn derivative(f: impl Fn(f64) -> f64, x: f64) -> (f64, f64) {
    let (mut best, mut error) = (f64::NAN, f64::INFINITY);
    let mut table = [[0.0; 7]; 7];
    for i in 0..7 {
        let h = 0.08 * x.abs().max(0.5) / 2f64.powi(i as i32);
        table[i][0] = (f(x + h) - f(x - h)) / (2.0 * h);
        for k in 1..=i {
            let factor = 4f64.powi(k as i32);
            table[i][k] = (factor * table[i][k - 1] - table[i - 1][k - 1]) / (factor - 1.0);
            let seen = (table[i][k] - table[i][k - 1])
                .abs()
                .max((table[i][k] - table[i - 1][k - 1]).abs());
            if seen < error {
                (best, error) = (table[i][k], seen);
            }
        }
    }
    (best, error)
}

fn close(what: &str, found: f64, (expected, error): (f64, f64), scale: f64) {
    let tolerance = 1e-7 * (expected.abs() + scale) + 10.0 * error;
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found} against {expected} ± {error:e}"
    );
}

/// Every derivative of a row is the difference of the one below it.
fn check_derivatives(family: &dyn Family, y: f64, size: f64, eta: f64, auxiliary: &[f64]) {
    let observation = Observation { y, size };
    let at = |eta: f64| family.row(observation, eta, auxiliary, Order::Third);
    let row = at(eta);
    let what = format!("{family:?} y {y} of {size} eta {eta} auxiliary {auxiliary:?}");
    assert!(row.value.is_finite(), "{what}");
    for order in [Order::Value, Order::Second] {
        let less = family.row(observation, eta, auxiliary, order);
        assert!((less.value - row.value).abs() <= 1e-12 * (1.0 + row.value.abs()), "{what}");
        for k in 0..2 {
            let expected = if order == Order::Value { 0.0 } else { row.eta[k] };
            assert!((less.eta[k] - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{what}");
        }
    }
    close(&format!("{what} l'"), row.eta[0], derivative(|e| at(e).value, eta), 1e-3);
    close(&format!("{what} l''"), row.eta[1], derivative(|e| at(e).eta[0], eta), 1e-3);
    close(&format!("{what} l'''"), row.eta[2], derivative(|e| at(e).eta[1], eta), 1e-3);
    for a in 0..family.n_auxiliary() {
        if auxiliary[a].is_infinite() {
            continue;
        }
        let along = |read: &dyn Fn(&Row) -> f64| {
            let moved = |value: f64| {
                let mut moved = auxiliary.to_vec();
                moved[a] = value;
                read(&family.row(observation, eta, &moved, Order::Third))
            };
            derivative(moved, auxiliary[a])
        };
        close(&format!("{what} a{a}"), row.auxiliary[a][0], along(&|r| r.value), 1e-3);
        close(&format!("{what} ea{a}"), row.auxiliary[a][1], along(&|r| r.eta[0]), 1e-3);
        close(&format!("{what} eea{a}"), row.auxiliary[a][2], along(&|r| r.eta[1]), 1e-3);
        for b in 0..family.n_auxiliary() {
            close(&format!("{what} {a}{b}"), row.bends[b][a], along(&|r| r.auxiliary[b][0]), 1e-3);
        }
    }
}

const ANY: [f64; 9] = [-6.0, -2.5, -1.0, -0.3, 0.05, 0.4, 1.1, 2.2, 4.0];
const BELOW: [f64; 4] = [-5.0, -1.5, -0.4, -0.05];
const ABOVE: [f64; 5] = [0.07, 0.4, 1.0, 2.7, 8.0];

#[test]
fn binomial_derivatives() {
    for link in ["logit", "probit", "cloglog", "cauchit", "log"] {
        let etas: &[f64] = if link == "log" { &BELOW } else { &ANY };
        for &eta in etas {
            for (y, size) in [(0.0, 1.0), (1.0, 1.0), (3.0, 7.0), (120.0, 400.0)] {
                check_derivatives(&*plain("binomial", link), y, size, eta, &[]);
            }
        }
    }
}

#[test]
fn poisson_derivatives() {
    for link in ["log", "identity", "sqrt"] {
        let etas: &[f64] = if link == "log" { &ANY } else { &ABOVE };
        for &eta in etas {
            for y in [0.0, 1.0, 17.0, 700.0] {
                check_derivatives(&*plain("poisson", link), y, 1.0, eta, &[]);
            }
        }
    }
}

#[test]
fn far_tails_are_finite() {
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        let family = plain("binomial", link);
        for eta in [-1e3, -300.0, -40.0, -38.0, -9.0, 9.0, 38.0, 40.0, 300.0, 1e3] {
            for (y, size) in
                [(0.0, 1.0), (1.0, 1.0), (2.0, 5.0), (3e8, 1e9), (0.0, 1e9), (1e9, 1e9)]
            {
                let row = family.row(Observation { y, size }, eta, &[], Order::Third);
                assert!(row.value.is_finite(), "{link} {eta} {y}: {row:?}");
                assert!(row.eta.iter().all(|d| d.is_finite()), "{link} {eta} {y}: {row:?}");
                assert!(
                    row.value <= 0.0 && row.eta[1] <= 0.0 || link == "cauchit",
                    "{link} {eta} {y}: {row:?}"
                );
            }
        }
    }
}
