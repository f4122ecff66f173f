//! Far tails, huge counts and tiny dispersions: finite, and equal to what they tend to.

use mixedmodels_engine::families::{Family, Observation, Order, Row, Zero, family};

use crate::plain;

const FAR: [f64; 12] =
    [-700.0, -300.0, -40.0, -38.0, -9.0, -1.0, 1.0, 9.0, 38.0, 40.0, 300.0, 700.0];

fn all(row: &Row) -> impl Iterator<Item = f64> {
    let auxiliary = row.auxiliary.into_iter().flatten();
    [row.value].into_iter().chain(row.eta).chain(auxiliary).chain(row.bends.into_iter().flatten())
}

fn check(family: &dyn Family, y: f64, size: f64, eta: f64, auxiliary: &[f64]) {
    let observation = Observation { y, size };
    let what = format!("{family:?} {observation:?} eta {eta} {auxiliary:?}");
    let row = family.row(observation, eta, auxiliary, Order::Third);
    let is_none = row == Row::NONE && eta.abs() > 100.0;
    assert!(is_none || all(&row).all(f64::is_finite), "{what}: {row:?}");
    let tails = family.tails(observation, eta, auxiliary);
    for p in [tails.below, tails.at, tails.above] {
        assert!((-1e-12..=1.0 + 1e-9).contains(&p), "{what}: {tails:?}");
    }
    assert!((tails.below + tails.at + tails.above - 1.0).abs() < 1e-6, "{what}: {tails:?}");
}

#[test]
fn trials_are_finite() {
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        for eta in FAR {
            let counts = [(0.0, 1.0), (1.0, 1.0), (2.0, 5.0), (3e8, 1e9), (0.0, 1e9), (1e9, 1e9)];
            for (y, size) in counts {
                check(&*plain("binomial", link), y, size, eta, &[]);
                let row =
                    plain("binomial", link).row(Observation { y, size }, eta, &[], Order::Third);
                assert!(row.value > f64::NEG_INFINITY, "{link} {eta} {y}");
                assert!(row.value <= 0.0 && (row.eta[1] <= 0.0 || link == "cauchit"), "{row:?}");
            }
            for phi in [-12.0, 0.0, 18.0, 40.0] {
                for (y, size) in [(0.0, 1.0), (1.0, 1.0), (2.0, 5.0), (300.0, 5000.0)] {
                    check(&*plain("beta_binomial", link), y, size, eta, &[phi]);
                }
            }
        }
    }
}

#[test]
fn counts_are_finite() {
    for name in ["nb1", "nb2"] {
        for (eta, a) in FAR.iter().flat_map(|e| [-12.0, -2.0, 0.0, 9.0, 18.0, 40.0].map(|a| (e, a)))
        {
            // Below, k of a linear variance is no number of full precision.
            if name == "nb1" && eta - a < -700.0 {
                continue;
            }
            for y in [0.0, 1.0, 40.0, 1e5] {
                if y > 1e4 && *eta > 30.0 {
                    continue;
                }
                check(&*plain(name, "log"), y, 1.0, *eta, &[a]);
                for zero in [Zero::Inflated, Zero::Hurdle] {
                    let family = family(name, "log", zero, 0).unwrap();
                    check(&*family, y, 1.0, *eta, &[a, -40.0]);
                    check(&*family, y, 1.0, *eta, &[a, 30.0]);
                }
            }
        }
    }
    for (eta, y) in FAR.iter().flat_map(|e| [0.0, 1.0, 40.0, 1e9].map(|y| (e, y))) {
        check(&*plain("poisson", "log"), y, 1.0, *eta, &[]);
    }
}

#[test]
fn continuous_responses_are_finite() {
    for (eta, a) in FAR.iter().flat_map(|e| [-14.0, -2.0, 0.0, 3.0].map(|a| (e, a))) {
        for y in [1e-300, 1e-8, 0.3, 7.0, 1e9] {
            check(&*plain("gamma", "log"), y, 1.0, *eta, &[a]);
            check(&*plain("gaussian", "identity"), y, 1.0, *eta, &[a]);
            check(&*plain("student_t", "identity"), y, 1.0, *eta, &[a, 2.0]);
        }
        for y in [1e-8, 0.3, 0.999] {
            check(&*plain("beta", "logit"), y, 1.0, *eta, &[-a]);
            check(&*plain("beta", "cloglog"), y, 1.0, *eta, &[-a]);
        }
        for y in [1e-3, 0.3, 7.0] {
            check(&*plain("inverse_gaussian", "log"), y, 1.0, eta.clamp(-40.0, 40.0), &[a]);
        }
    }
}

#[test]
fn categories_are_finite() {
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        let family = family("ordinal", link, Zero::None, 4).unwrap();
        let below = f64::NEG_INFINITY;
        for eta in FAR {
            for pair in [[below, -2.0], [-2.0, -2.0 + 1e-9], [-2.0, 3.0], [3.0, f64::INFINITY]] {
                check(&*family, 1.0, 1.0, eta, &pair);
            }
        }
    }
}

/// Largest difference of the values and derivatives that both have, relative to their size.
fn distance(a: &Row, b: &Row) -> f64 {
    let pairs =
        [(a.value, b.value), (a.eta[0], b.eta[0]), (a.eta[1], b.eta[1]), (a.eta[2], b.eta[2])];
    pairs.iter().map(|(x, y)| (x - y).abs() / (1.0 + y.abs())).fold(0.0, f64::max)
}

#[test]
fn large_shapes_are_the_limit() {
    let count = |y: f64| Observation { y, size: 1.0 };
    for eta in [-6.0_f64, -1.0, 0.0, 2.0, 6.0] {
        for y in [0.0, 1.0, 3.0, 50.0, 400.0] {
            let poisson = plain("poisson", "log").row(count(y), eta, &[], Order::Third);
            // They differ by (y − μ)²/k, and by no rounding beyond it.
            for log_size in [18.0_f64, 25.0, 36.0, 60.0, 300.0] {
                let bound = (y - eta.exp()).abs().max(y + eta.exp()).powi(2) / log_size.exp();
                let nb2 = plain("nb2", "log").row(count(y), eta, &[log_size], Order::Third);
                assert!(distance(&nb2, &poisson) < 8.0 * bound + 1e-13, "{y} {eta} {log_size}");
                assert!(nb2.auxiliary[0][0].abs() < 2.0 * bound + 1e-12, "{y} {eta} {log_size}");
                let nb1 = plain("nb1", "log").row(count(y), eta, &[-log_size], Order::Third);
                let own =
                    2.0 * (y + 1.0).powi(2) * (1.0 + (-eta).exp() * (y + 1.0)) / log_size.exp();
                assert!(
                    distance(&nb1, &poisson) < own + 8.0 * bound + 1e-12,
                    "{y} {eta} {log_size}"
                );
            }
        }
        let trials = Observation { y: 4.0, size: 11.0 };
        let binomial = plain("binomial", "logit").row(trials, eta, &[], Order::Third);
        let spread = plain("beta_binomial", "logit").row(trials, eta, &[32.0], Order::Third);
        assert!(distance(&spread, &binomial) < 1e-9 * (1.0 + eta.abs().exp()), "{eta}");
        let normal = plain("gaussian", "identity").row(count(1.4), eta, &[0.3], Order::Third);
        let t = plain("student_t", "identity").row(count(1.4), eta, &[0.3, 30.0], Order::Third);
        assert!(distance(&t, &normal) < 1e-9, "{eta}");
    }
}

#[test]
fn huge_counts_keep_their_digits() {
    let poisson = plain("poisson", "log");
    let at = |y: f64, eta: f64| poisson.row(Observation { y, size: 1.0 }, eta, &[], Order::Third);
    // At μ = y: −log √(2πy) − 1/(12y).
    let expected = -0.5 * (2.0 * std::f64::consts::PI * 1e9).ln();
    assert!((at(1e9, 1e9f64.ln()).value - expected).abs() < 1e-7);
    let large = plain("nb2", "log").row(
        Observation { y: 1e9, size: 1.0 },
        1e9f64.ln(),
        &[0.0],
        Order::Third,
    );
    // Geometric of mean μ: (μ/(1 + μ))^y / (1 + μ).
    assert!((large.value - (-(1e9f64.ln()) - 1.0)).abs() < 1e-7, "{large:?}");
    assert!(large.eta[0].abs() < 1e-7, "{large:?}");
}

#[test]
fn two_ordered_categories_are_binomial() {
    for link in ["logit", "probit", "cauchit"] {
        let two = family("ordinal", link, Zero::None, 2).unwrap();
        for (eta, tau) in [(-3.0, 0.4), (0.2, -1.0), (2.5, 0.0), (35.0, 1.0)] {
            let ends = [[f64::NEG_INFINITY, tau], [tau, f64::INFINITY]];
            for (y, pair) in ends.iter().enumerate() {
                let observation = Observation { y: y as f64, size: 1.0 };
                let ordinal = two.row(observation, eta, pair, Order::Third);
                let binomial =
                    plain("binomial", link).row(observation, eta - tau, &[], Order::Third);
                assert!(distance(&ordinal, &binomial) < 1e-14, "{link} {eta} {y}");
                let threshold = ordinal.auxiliary[1 - y];
                assert!((threshold[0] + binomial.eta[0]).abs() < 1e-14);
                assert!((threshold[1] + binomial.eta[1]).abs() < 1e-14);
                assert!((threshold[2] + binomial.eta[2]).abs() < 1e-14);
            }
        }
    }
}

#[test]
fn parts_of_a_category_add_up() {
    let steps = [1e-12, 1e-9, 1e-6, 1e-3, 0.02, 0.1, 0.4, 1.0, 3.0];
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        let family = family("ordinal", link, Zero::None, 9).unwrap();
        let p = |a: f64, b: f64| {
            let row = family.row(Observation { y: 1.0, size: 1.0 }, 0.0, &[a, b], Order::Third);
            // P and its derivative in η.
            (row.value.exp(), row.value.exp() * row.eta[0])
        };
        for (a, w) in [-7.0, -2.0, -0.4, 0.3, 1.5].iter().flat_map(|a| steps.map(|w| (*a, w))) {
            let (middle, end) = (a + 0.4 * w, a + w);
            let (whole, first, second) = (p(a, end), p(a, middle), p(middle, end));
            let share = |x: f64| 1e-9 * x.abs() + 1e-300;
            // The middle itself is rounded, to 1e-15 of a width of 1e-12 or more.
            let rounding = 4e-15 / w;
            assert!(
                (whole.0 - first.0 - second.0).abs()
                    <= (1e-9 + rounding) * whole.0 + share(whole.0),
                "{link} {a} {w}"
            );
            let slopes = whole.1.abs() + first.1.abs() + second.1.abs();
            assert!(
                (whole.1 - first.1 - second.1).abs() <= (1e-9 + rounding) * (slopes + whole.0),
                "{link} {a} {w}"
            );
        }
    }
}

#[test]
fn an_eta_without_a_mean_has_no_density() {
    for (name, link, eta) in [
        ("poisson", "identity", -0.1),
        ("poisson", "sqrt", 0.0),
        ("nb2", "identity", -2.0),
        ("gamma", "inverse", 0.0),
        ("inverse_gaussian", "1/mu^2", -1.0),
        ("binomial", "log", 0.1),
        ("gaussian", "inverse", 0.0),
        ("poisson", "log", f64::NAN),
        ("poisson", "log", 800.0),
    ] {
        let family = plain(name, link);
        let auxiliary = [0.1];
        let auxiliary = &auxiliary[..family.n_auxiliary()];
        for order in [Order::Value, Order::Second, Order::Third] {
            let row = family.row(Observation { y: 1.0, size: 1.0 }, eta, auxiliary, order);
            assert_eq!(row, Row::NONE, "{name} {link}");
        }
    }
}

#[test]
fn what_there_is_not_is_refused() {
    for (name, link, zero, categories) in [
        ("poisson", "logit", Zero::None, 0),
        ("beta", "log", Zero::None, 0),
        ("gamma", "sqrt", Zero::None, 0),
        ("weibull", "log", Zero::None, 0),
        ("gamma", "log", Zero::Inflated, 0),
        ("gaussian", "identity", Zero::Hurdle, 0),
        ("binomial", "logit", Zero::Hurdle, 0),
        ("ordinal", "logit", Zero::None, 1),
        ("ordinal", "logit", Zero::None, 0),
        ("poisson", "log", Zero::None, 3),
    ] {
        assert!(family(name, link, zero, categories).is_err(), "{name} {link}");
    }
}
