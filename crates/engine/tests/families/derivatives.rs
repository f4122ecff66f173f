//! Every derivative of a row is the extrapolated difference of the one below it.

use mixedmodels_engine::families::{Family, Observation, Order, Row, Zero, family};

use crate::plain;

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
    // What cancels leaves rounding of the size of its parts.
    let largest =
        row.eta.iter().chain(row.auxiliary.iter().flatten()).fold(0.0, |m: f64, d| m.max(d.abs()));
    let scale = 1e-3 + 1e-6 * largest;
    for order in [Order::Value, Order::Second] {
        let less = family.row(observation, eta, auxiliary, order);
        assert!((less.value - row.value).abs() <= 1e-12 * (1.0 + row.value.abs()), "{what}");
        for k in 0..2 {
            let expected = if order == Order::Value { 0.0 } else { row.eta[k] };
            assert!((less.eta[k] - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{what}");
        }
    }
    close(&format!("{what} l'"), row.eta[0], derivative(|e| at(e).value, eta), scale);
    close(&format!("{what} l''"), row.eta[1], derivative(|e| at(e).eta[0], eta), scale);
    close(&format!("{what} l'''"), row.eta[2], derivative(|e| at(e).eta[1], eta), scale);
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
        close(&format!("{what} a{a}"), row.auxiliary[a][0], along(&|r| r.value), scale);
        close(&format!("{what} ea{a}"), row.auxiliary[a][1], along(&|r| r.eta[0]), scale);
        close(&format!("{what} eea{a}"), row.auxiliary[a][2], along(&|r| r.eta[1]), scale);
        for b in 0..family.n_auxiliary() {
            close(&format!("{what} {a}{b}"), row.bends[b][a], along(&|r| r.auxiliary[b][0]), scale);
        }
    }
}

const ANY: [f64; 9] = [-6.0, -2.5, -1.0, -0.3, 0.05, 0.4, 1.1, 2.2, 4.0];
const BELOW: [f64; 4] = [-5.0, -1.5, -0.4, -0.05];
const ABOVE: [f64; 5] = [0.07, 0.4, 1.0, 2.7, 8.0];
const DISPERSIONS: [f64; 6] = [-6.0, -1.3, -0.2, 0.3, 2.0, 9.0];

const PROBABILITIES: [&str; 4] = ["logit", "probit", "cloglog", "cauchit"];

/// (family, links): one or no dispersion and a mean.
const MEANS: [(&str, &[&str]); 6] = [
    ("poisson", &["log", "identity", "sqrt"]),
    ("nb1", &["log", "identity", "sqrt"]),
    ("nb2", &["log", "identity", "sqrt"]),
    ("gamma", &["log", "inverse", "identity"]),
    ("inverse_gaussian", &["log", "1/mu^2", "inverse", "identity"]),
    ("gaussian", &["identity", "log", "inverse"]),
];

fn etas(family: &str, link: &str) -> &'static [f64] {
    match (family, link) {
        ("gaussian" | "student_t", _) | (_, "log" | "logit" | "probit" | "cloglog" | "cauchit") => {
            &ANY
        }
        _ => &ABOVE,
    }
}

#[test]
fn derivatives_of_binomial_counts() {
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
fn derivatives_of_families_of_a_mean() {
    for (name, links) in MEANS {
        let counts = ["poisson", "nb1", "nb2"].contains(&name);
        let responses: &[f64] = if counts { &[0.0, 1.0, 17.0, 700.0] } else { &[0.2, 1.0, 6.5] };
        for link in links {
            let family = plain(name, link);
            for (&eta, &y) in
                etas(name, link).iter().flat_map(|e| responses.iter().map(move |y| (e, y)))
            {
                if family.n_auxiliary() == 0 {
                    check_derivatives(&*family, y, 1.0, eta, &[]);
                    continue;
                }
                for dispersion in DISPERSIONS {
                    check_derivatives(&*family, y, 1.0, eta, &[dispersion]);
                }
            }
        }
    }
}

#[test]
fn derivatives_of_student_t() {
    for link in ["identity", "log", "inverse"] {
        for (eta, scale) in ANY.iter().flat_map(|e| DISPERSIONS.map(|s| (e, s))) {
            for (y, nu) in [(-3.0, 0.1), (0.7, 1.5), (40.0, 5.0), (2.0, 18.0)] {
                check_derivatives(&*plain("student_t", link), y, 1.0, *eta, &[scale, nu]);
            }
        }
    }
}

#[test]
fn derivatives_of_beta_and_beta_binomial() {
    for link in PROBABILITIES {
        for (&eta, phi) in ANY.iter().flat_map(|e| DISPERSIONS.map(|p| (e, p))) {
            for y in [1e-4, 0.3, 0.5, 0.93] {
                check_derivatives(&*plain("beta", link), y, 1.0, eta, &[phi]);
            }
            for (y, size) in [(0.0, 1.0), (0.0, 6.0), (6.0, 6.0), (2.0, 6.0), (30.0, 80.0)] {
                check_derivatives(&*plain("beta_binomial", link), y, size, eta, &[phi]);
            }
        }
    }
}

#[test]
fn derivatives_of_ordered_categories() {
    let thresholds = [f64::NEG_INFINITY, -4.0, -1.0, -0.95, 0.4, 3.0, f64::INFINITY];
    for link in PROBABILITIES {
        let family = family("ordinal", link, Zero::None, 6).unwrap();
        for eta in ANY {
            for (k, pair) in thresholds.windows(2).enumerate() {
                check_derivatives(&*family, k as f64, 1.0, eta, pair);
            }
        }
    }
}

#[test]
fn derivatives_with_zeros_of_their_own() {
    for (name, zero) in [
        ("poisson", Zero::Inflated),
        ("nb1", Zero::Inflated),
        ("nb2", Zero::Inflated),
        ("poisson", Zero::Hurdle),
        ("nb1", Zero::Hurdle),
        ("nb2", Zero::Hurdle),
        ("gamma", Zero::Hurdle),
        ("beta_binomial", Zero::Inflated),
    ] {
        let link = if name == "beta_binomial" { "logit" } else { "log" };
        let family = family(name, link, zero, 0).unwrap();
        for (eta, logit) in ANY.iter().flat_map(|e| [-3.0, 0.4, 2.0].map(|z| (e, z))) {
            for y in [0.0, 1.0, 7.0] {
                let auxiliary: &[f64] = if name == "poisson" { &[logit] } else { &[0.6, logit] };
                check_derivatives(&*family, y, 9.0, *eta, auxiliary);
            }
        }
    }
}
