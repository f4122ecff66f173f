//! What any density keeps: it sums to one, its score has mean zero and a variance of the information,
//! means, variances and tails are its sums.

use std::f64::consts::PI;
use std::sync::Arc;

use mixedmodels_engine::families::{Family, Observation, Order, Row, Zero, family};

use crate::plain;

/// A point of the support with its weight in a sum or an integral.
type Points = Vec<(f64, f64)>;

struct Setting {
    family: Arc<dyn Family>,
    size: f64,
    eta: f64,
    auxiliary: Vec<f64>,
    points: Points,
    /// Whether the information is the expected −l'' itself.
    exact: bool,
}

fn counts(upto: usize) -> Points {
    (0..=upto).map(|k| (k as f64, 1.0)).collect()
}

/// Points of the whole line by y = sinh(½ π sinh t), or of the positive half by y = exp(½ π sinh t), or
/// of 0 to 1 by a logistic function of it (double exponential quadrature).
fn nodes(support: &str) -> Points {
    let h = 1.0 / 64.0;
    (-330..=330)
        .map(|i| {
            let t = f64::from(i) * h;
            let (u, slope) = (0.5 * PI * t.sinh(), 0.5 * PI * t.cosh() * h);
            match support {
                "line" => (u.sinh(), u.cosh() * slope),
                "half" => (u.exp(), u.exp() * slope),
                _ => {
                    let e = (-2.0 * u.abs()).exp();
                    let y = if u > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
                    (y, 2.0 * slope * e / ((1.0 + e) * (1.0 + e)))
                }
            }
        })
        .filter(|(y, w)| {
            *w > 1e-300 && (support == "line" || *y > 1e-200) && (support != "unit" || *y < 1.0)
        })
        .collect()
}

fn settings() -> Vec<Setting> {
    let mut out = Vec::new();
    let mut add = |family: Arc<dyn Family>, size, eta, auxiliary: &[f64], points: Points, exact| {
        out.push(Setting { family, size, eta, auxiliary: auxiliary.to_vec(), points, exact });
    };
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        for eta in [-1.3, 0.4] {
            add(plain("binomial", link), 12.0, eta, &[], counts(12), true);
            add(plain("beta_binomial", link), 12.0, eta, &[0.7], counts(12), false);
            add(plain("beta", link), 1.0, eta, &[1.8], nodes("unit"), true);
        }
    }
    add(plain("binomial", "log"), 12.0, -0.8, &[], counts(12), true);
    for (link, eta) in [("log", 0.9), ("identity", 3.1), ("sqrt", 1.7)] {
        add(plain("poisson", link), 1.0, eta, &[], counts(80), true);
        add(plain("nb2", link), 1.0, eta, &[0.6], counts(400), true);
        add(plain("nb1", link), 1.0, eta, &[0.6], counts(300), false);
    }
    for (link, eta) in [("log", 0.4), ("inverse", 0.9), ("identity", 1.2)] {
        add(plain("gamma", link), 1.0, eta, &[-0.5], nodes("half"), true);
        add(plain("inverse_gaussian", link), 1.0, eta, &[-0.7], nodes("half"), true);
        add(plain("gaussian", link), 1.0, eta, &[-0.2], nodes("line"), true);
        add(plain("student_t", link), 1.0, eta, &[-0.2, 2.0], nodes("line"), true);
    }
    add(plain("inverse_gaussian", "1/mu^2"), 1.0, 0.7, &[-0.7], nodes("half"), true);
    for (name, auxiliary) in [("poisson", &[-0.4][..]), ("nb2", &[0.6, 0.3]), ("nb1", &[0.6, 0.3])]
    {
        for zero in [Zero::Inflated, Zero::Hurdle] {
            for eta in [-2.0, 0.9] {
                let family = family(name, "log", zero, 0).unwrap();
                add(family, 1.0, eta, auxiliary, counts(400), false);
            }
        }
    }
    let inflated = family("beta_binomial", "logit", Zero::Inflated, 0).unwrap();
    add(inflated, 12.0, 0.4, &[0.7, -1.0], counts(12), false);
    out
}

impl Setting {
    fn row(&self, y: f64) -> Row {
        self.family.row(Observation { y, size: self.size }, self.eta, &self.auxiliary, Order::Third)
    }

    fn expected(&self, f: impl Fn(f64, &Row) -> f64) -> f64 {
        let term = |&(y, weight): &(f64, f64)| {
            let row = self.row(y);
            let p = row.value.exp() * weight;
            if p > 0.0 { p * f(y, &row) } else { 0.0 }
        };
        self.points.iter().map(term).sum()
    }

    fn close(&self, what: &str, found: f64, expected: f64) {
        let close = (found - expected).abs() < 2e-9 * (1.0 + expected.abs());
        assert!(close, "{:?} eta {}: {what} {found} against {expected}", self.family, self.eta);
    }
}

#[test]
fn densities_sum_to_one_and_scores_to_zero() {
    for s in settings() {
        s.close("total", s.expected(|_, _| 1.0), 1.0);
        s.close("score", s.expected(|_, r| r.eta[0]), 0.0);
        s.close("information", s.expected(|_, r| r.eta[0] * r.eta[0] + r.eta[1]), 0.0);
        // E(l''' + 3 l' l'' + l'³) = 0, the third of Bartlett's identities.
        let third = |_: f64, r: &Row| r.eta[2] + 3.0 * r.eta[0] * r.eta[1] + r.eta[0].powi(3);
        s.close("third", s.expected(third), 0.0);
        for a in 0..s.family.n_auxiliary() {
            s.close("auxiliary score", s.expected(|_, r| r.auxiliary[a][0]), 0.0);
            let mixed = |_: f64, r: &Row| r.auxiliary[a][1] + r.auxiliary[a][0] * r.eta[0];
            s.close("mixed information", s.expected(mixed), 0.0);
            for b in 0..s.family.n_auxiliary() {
                let both = |_: f64, r: &Row| r.bends[a][b] + r.auxiliary[a][0] * r.auxiliary[b][0];
                s.close("auxiliary information", s.expected(both), 0.0);
            }
        }
        let information = s.family.information(s.size, s.eta, &s.auxiliary);
        assert!(information > 0.0);
        if s.exact {
            s.close("expected information", information, s.expected(|_, r| -r.eta[1]));
        }
    }
}

#[test]
fn moments_are_sums() {
    for s in settings() {
        let (size, eta, auxiliary) = (s.size, s.eta, &s.auxiliary[..]);
        let mean = s.expected(|y, _| y);
        s.close("mean", s.family.mean(size, eta, auxiliary), mean);
        let slope = s.expected(|y, r| y * r.eta[0]);
        s.close("slope", s.family.mean_slope(size, eta, auxiliary), slope);
        let variance = s.expected(|y, _| (y - mean) * (y - mean));
        s.close("variance", s.family.variance(size, eta, auxiliary), variance);
    }
}

#[test]
fn tails_are_sums() {
    for s in settings() {
        let discrete = s.points.iter().all(|(y, _)| y.fract() == 0.0);
        for y in if discrete { [0.0, 1.0, 3.0, 9.0] } else { [0.05, 0.4, 0.8, 0.95] } {
            let at = Observation { y, size: s.size };
            let tails = s.family.tails(at, s.eta, &s.auxiliary);
            if discrete {
                let p = |f: &dyn Fn(f64) -> bool| s.expected(|k, _| f64::from(u8::from(f(k))));
                s.close("below", tails.below, p(&|k| k < y));
                s.close("at", tails.at, p(&|k| k == y));
                s.close("above", tails.above, p(&|k| k > y));
                continue;
            }
            s.close("whole", tails.below + tails.above, 1.0);
            // The distribution function changes by the density.
            let h = 1e-4 * y;
            let moved =
                |y: f64| s.family.tails(Observation { y, size: s.size }, s.eta, &s.auxiliary).below;
            let slope = (8.0 * (moved(y + h) - moved(y - h))
                - (moved(y + 2.0 * h) - moved(y - 2.0 * h)))
                / (12.0 * h);
            let density = s.row(y).value.exp();
            assert!((slope - density).abs() < 1e-7 * (1.0 + density), "{:?} {y}", s.family);
        }
    }
}

#[test]
fn ordered_categories_sum_to_one() {
    let thresholds = [-1.2, -0.3, 0.1, 2.0];
    let mut ends = vec![f64::NEG_INFINITY];
    ends.extend(thresholds);
    ends.push(f64::INFINITY);
    for link in ["logit", "probit", "cloglog", "cauchit"] {
        let family = family("ordinal", link, Zero::None, 5).unwrap();
        for eta in [-2.0, 0.3, 1.4] {
            let of = |k: usize| {
                family.row(
                    Observation { y: k as f64, size: 1.0 },
                    eta,
                    &ends[k..k + 2],
                    Order::Third,
                )
            };
            let rows: Vec<Row> = (0..5).map(of).collect();
            let sum = |f: &dyn Fn(usize, &Row) -> f64| -> f64 {
                rows.iter().enumerate().map(|(k, r)| r.value.exp() * f(k, r)).sum()
            };
            let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-13, "{link} {eta}: {a} {b}");
            close(sum(&|_, _| 1.0), 1.0);
            close(sum(&|_, r| r.eta[0]), 0.0);
            let mean = sum(&|k, _| k as f64);
            close(family.mean(1.0, eta, &thresholds), mean);
            close(family.mean_slope(1.0, eta, &thresholds), sum(&|k, r| k as f64 * r.eta[0]));
            close(family.variance(1.0, eta, &thresholds), sum(&|k, _| (k as f64 - mean).powi(2)));
            close(family.information(1.0, eta, &thresholds), sum(&|_, r| -r.eta[1]));
            let mut below = 0.0;
            for (k, row) in rows.iter().enumerate() {
                let tails =
                    family.tails(Observation { y: k as f64, size: 1.0 }, eta, &ends[k..k + 2]);
                close(tails.below, below);
                below += row.value.exp();
                close(tails.above, 1.0 - below);
            }
        }
    }
}

#[test]
fn no_eta_is_better_than_the_saturated_one() {
    for s in settings() {
        for y in [0.0, 0.3, 0.8, 1.0, 3.0, 12.0] {
            if !s.points.iter().any(|(p, _)| *p == y) && (s.points[1].0.fract() == 0.0 || y == 0.0)
            {
                continue;
            }
            let observation = Observation { y, size: s.size };
            if s.family.row(observation, s.eta, &s.auxiliary, Order::Value) == Row::NONE
                || y >= 1.0 && s.points.iter().all(|p| p.0 <= 1.0)
            {
                continue;
            }
            let most = s.family.saturated(observation, &s.auxiliary);
            let (low, high) = s.family.eta_range();
            let far = [-1e9, -1e4, -300.0, 300.0, 1e4, 1e9];
            let grid = (0..=4000).map(|i| f64::from(i) / 100.0 - 20.0).chain(far).map(|eta| {
                let eta = eta.clamp(low + 1e-9, high - 1e-9);
                s.family.row(observation, eta, &s.auxiliary, Order::Value).value
            });
            let best = grid.fold(f64::NEG_INFINITY, f64::max);
            assert!(best <= most + 1e-9, "{:?} y {y}: {best} above {most}", s.family);
            assert!(best >= most - 0.02, "{:?} y {y}: {best} far below {most}", s.family);
        }
    }
}
