//! Draws have the moments and the distribution that they are said to have.

use mixedmodels_engine::batch::stream;
use mixedmodels_engine::families::{Family, Observation, Zero, family};

use crate::plain;

const DRAWS: usize = 40_000;

/// Mean, variance and distribution of draws; residuals of a discrete response use uniform numbers of a
/// sequence that fills the interval evenly.
fn check(family: &dyn Family, size: f64, eta: f64, auxiliary: &[f64]) {
    let what = format!("{family:?} eta {eta} {auxiliary:?}");
    let mut random = stream([17, 4], 9);
    let ys: Vec<f64> = (0..DRAWS).map(|_| family.draw(&mut random, size, eta, auxiliary)).collect();
    let n = DRAWS as f64;
    let mean = ys.iter().sum::<f64>() / n;
    let expected = family.mean(size, eta, auxiliary);
    let variance = family.variance(size, eta, auxiliary);
    assert!((mean - expected).abs() < 4.0 * (variance / n).sqrt(), "{what}: {mean} {expected}");
    let mut residuals: Vec<f64> = ys
        .iter()
        .enumerate()
        .map(|(i, &y)| {
            let tails = family.tails(Observation { y, size }, eta, auxiliary);
            let uniform = (0.5 + 0.618_033_988_749_894_8 * i as f64).fract();
            tails.below + uniform * tails.at
        })
        .collect();
    residuals.sort_by(f64::total_cmp);
    // Kolmogorov and Smirnov: beyond 1.95/√n once in a thousand times.
    let far = residuals.iter().enumerate().map(|(i, u)| (u - (i as f64 + 0.5) / n).abs());
    let distance = far.fold(0.0, f64::max) * n.sqrt();
    assert!(distance < 1.95, "{what}: {distance}");
}

#[test]
fn draws_follow_their_distribution() {
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        check(&*plain("binomial", link), 1.0, 0.3, &[]);
        check(&*plain("binomial", link), 40.0, -0.9, &[]);
        check(&*plain("beta", link), 1.0, -0.4, &[1.5]);
        check(&*plain("beta_binomial", link), 15.0, -0.4, &[1.5]);
    }
    for (name, auxiliary) in [("poisson", &[][..]), ("nb1", &[0.4]), ("nb2", &[-0.3])] {
        for eta in [-1.5, 1.0, 5.0] {
            check(&*plain(name, "log"), 1.0, eta, auxiliary);
            let with: Vec<f64> = auxiliary.iter().copied().chain([-0.6]).collect();
            for zero in [Zero::Inflated, Zero::Hurdle] {
                check(&*family(name, "log", zero, 0).unwrap(), 1.0, eta, &with);
            }
        }
    }
    // Mostly zeros behind a hurdle, the other counts small or far apart.
    for (eta, size) in [(-4.0, 0.0), (-9.0, 0.0), (-20.0, 0.0), (5.0, -5.0)] {
        check(&*family("nb2", "log", Zero::Hurdle, 0).unwrap(), 1.0, eta, &[size, -0.6]);
    }
    check(&*plain("gamma", "log"), 1.0, 0.7, &[-0.4]);
    check(&*plain("gamma", "log"), 1.0, 0.7, &[0.6]);
    check(&*plain("inverse_gaussian", "log"), 1.0, 0.7, &[-0.6]);
    check(&*plain("gaussian", "identity"), 1.0, 0.7, &[-0.6]);
    check(&*plain("student_t", "identity"), 1.0, 0.7, &[-0.6, 1.5]);
    check(&*family("gamma", "log", Zero::Hurdle, 0).unwrap(), 1.0, 0.7, &[-0.4, -1.0]);
}

#[test]
fn draws_of_ordered_categories_have_their_shares() {
    let (thresholds, eta) = ([-1.0, 0.2, 1.4], 0.5);
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        let family = family("ordinal", link, Zero::None, 4).unwrap();
        let mut random = stream([17, 4], 9);
        let mut shares = [0.0; 4];
        for _ in 0..DRAWS {
            shares[family.draw(&mut random, 1.0, eta, &thresholds) as usize] += 1.0 / DRAWS as f64;
        }
        let ends = [f64::NEG_INFINITY, -1.0, 0.2, 1.4, f64::INFINITY];
        for (k, share) in shares.iter().enumerate() {
            let at = Observation { y: k as f64, size: 1.0 };
            let p = family.tails(at, eta, &ends[k..k + 2]).at;
            assert!((share - p).abs() < 4.0 * (p / DRAWS as f64).sqrt(), "{link} {k}: {share} {p}");
        }
    }
}
