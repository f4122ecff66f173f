//! Ordered categories 0, 1, …: the category below whose threshold a latent variable lies. The
//! auxiliaries of a row are the thresholds below and above its category, −∞ and ∞ at the ends.
//!
//! ```text
//!     l = log(F(upper − η) − F(lower − η))
//! ```
//!
//! Each link has a form of its own for the difference, exact for categories however thin:
//!
//! ```text
//!     logit     F(b) (1 − F(a)) (1 − e^(a − b))
//!     cloglog   e^(−e^a) (1 − exp(−e^a (e^(b − a) − 1)))
//!     cauchit   arctan((b − a)/(1 + ab))/π
//!     probit    Φ(b) (1 − Φ(a)/Φ(b)), and of thin categories the integral's series around the middle
//! ```

use std::f64::consts::PI;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardUniform};

use super::factorial::LOG_ROOT_TWO_PI;
use super::family::{Family, Observation, Order, Row, Tails};
use super::normal::log_normal_cdf;
use super::number::{Density, Number};
use super::probability::ProbabilityLink;
use super::taylor::{self, ln_1p, log_one_minus_exp, log_one_minus_exp_minus_exp};

/// Product of the width of a category and the distance of its middle below which it is thin.
const THIN: f64 = 1.0;

/// Terms of the series of a thin category at most.
const TERMS: i32 = 12;

/// Relative size of a term that ends it.
const ENOUGH: f64 = 1e-18;

/// The ordinal family.
#[derive(Debug, Clone, Copy)]
pub struct Ordinal {
    /// Its link: F.
    pub link: ProbabilityLink,
}

impl Ordinal {
    /// log F(x).
    fn below<N: Number>(&self, x: N) -> N {
        x.map(|x| self.link.logs(x).0)
    }

    /// log(1 − F(x)).
    fn above<N: Number>(&self, x: N) -> N {
        x.map(|x| self.link.logs(x).1)
    }

    /// log(F(b) − F(a)), a < b both finite.
    fn between<N: Number>(&self, a: N, b: N) -> N {
        match self.link {
            ProbabilityLink::Logit => {
                self.below(b) + self.above(a) + (a - b).map(log_one_minus_exp)
            }
            ProbabilityLink::CLogLog => {
                let width = (b - a).map(log_exp_m1);
                self.above(a) + (a + width).map(log_one_minus_exp_minus_exp)
            }
            ProbabilityLink::Cauchit => cauchy_between(a, b),
            _ => normal_between(a, b),
        }
    }

    /// Probabilities of the categories, their derivatives in η with them.
    fn cells(&self, eta: f64, thresholds: &[f64]) -> impl Iterator<Item = (f64, f64)> {
        let ends = |k: usize| {
            let lower = if k == 0 { f64::NEG_INFINITY } else { thresholds[k - 1] };
            [lower, thresholds.get(k).copied().unwrap_or(f64::INFINITY)]
        };
        (0..=thresholds.len()).map(move |k| {
            let row =
                self.row(Observation { y: k as f64, size: 1.0 }, eta, &ends(k), Order::Second);
            let p = row.value.exp();
            (p, p * row.eta[0])
        })
    }
}

/// log(e^x − 1), x > 0.
fn log_exp_m1(x: f64) -> taylor::Taylor {
    let f = log_one_minus_exp(-x);
    [x + f[0], 1.0 - f[1], f[2], -f[3]]
}

fn normal_between<N: Number>(a: N, b: N) -> N {
    let (width, middle) = (b - a, (a + b).scaled(0.5));
    if width.value() * (1.0 + middle.value().abs()) < THIN {
        return width.ln() + normal_thin(width, middle);
    }
    // The tail on the side of the middle keeps its digits.
    let (near, far) = if middle.value() > 0.0 { (-a, -b) } else { (b, a) };
    let (near, far) = (near.map(log_normal_cdf), far.map(log_normal_cdf));
    near + (far - near).map(log_one_minus_exp)
}

/// Logarithm of the mean density of a thin interval: φ(m) Σ He_2k(m) (w/2)^2k / (2k + 1)!.
fn normal_thin<N: Number>(width: N, middle: N) -> N {
    let half = (width * width).scaled(0.25);
    let size = 0.25 * (width.value() * (1.0 + middle.value().abs())).powi(2);
    let (mut bound, mut power, mut sum) = (1.0, N::constant(1.0), N::constant(0.0));
    let (mut even, mut odd) = (N::constant(1.0), middle);
    for k in 1..TERMS {
        let n = 2.0 * f64::from(k);
        (bound, power) =
            (bound * size / (n * (n + 1.0)), (power * half).scaled(1.0 / (n * (n + 1.0))));
        even = middle * odd - even.scaled(n - 1.0);
        odd = middle * even - odd.scaled(n);
        sum = sum + power * even;
        if bound < ENOUGH {
            break;
        }
    }
    (middle * middle).scaled(-0.5).shifted(-LOG_ROOT_TWO_PI) + sum.map(ln_1p)
}

fn cauchy_between<N: Number>(a: N, b: N) -> N {
    let (rise, run) = (b - a, (a * b).shifted(1.0));
    let angle = if run.value() > rise.value() {
        (rise * run.map(|x| taylor::power(x, -1.0))).map(arctan)
    } else {
        (-(run * rise.map(|x| taylor::power(x, -1.0))).map(arctan)).shifted(0.5 * PI)
    };
    angle.scaled(1.0 / PI).ln()
}

/// arctan x.
fn arctan(x: f64) -> taylor::Taylor {
    let slope = 1.0 / (1.0 + x * x);
    let bend = -2.0 * x * slope * slope;
    [x.atan(), slope, bend, 2.0 * slope * slope * (4.0 * x * x * slope - 1.0)]
}

impl Density<2> for Ordinal {
    fn log_density<N: Number>(&self, _: Observation, eta: N, [lower, upper]: [N; 2]) -> N {
        match (lower.value().is_finite(), upper.value().is_finite()) {
            (true, true) if lower.value() >= upper.value() => N::constant(f64::NEG_INFINITY),
            (true, true) => self.between(lower - eta, upper - eta),
            (true, false) => self.above(lower - eta),
            (false, true) => self.below(upper - eta),
            (false, false) => N::constant(0.0),
        }
    }

    fn is_valid(&self, eta: f64) -> bool {
        eta.is_finite()
    }
}

impl Family for Ordinal {
    fn n_auxiliary(&self) -> usize {
        2
    }

    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        self.derive(observation, eta, auxiliary, order)
    }

    fn information(&self, _: f64, eta: f64, thresholds: &[f64]) -> f64 {
        let of = |(p, slope): (f64, f64)| if p > 0.0 { slope * slope / p } else { 0.0 };
        self.cells(eta, thresholds).map(of).sum()
    }

    fn mean(&self, _: f64, eta: f64, thresholds: &[f64]) -> f64 {
        self.cells(eta, thresholds).enumerate().map(|(k, (p, _))| k as f64 * p).sum()
    }

    fn mean_slope(&self, _: f64, eta: f64, thresholds: &[f64]) -> f64 {
        self.cells(eta, thresholds).enumerate().map(|(k, (_, slope))| k as f64 * slope).sum()
    }

    fn variance(&self, size: f64, eta: f64, thresholds: &[f64]) -> f64 {
        let mean = self.mean(size, eta, thresholds);
        let of = |(k, (p, _)): (usize, (f64, f64))| p * (k as f64 - mean) * (k as f64 - mean);
        self.cells(eta, thresholds).enumerate().map(of).sum()
    }

    fn tails(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let below = self.link.probabilities(auxiliary[0] - eta).0;
        let at = self.row(observation, eta, auxiliary, Order::Value).value.exp();
        Tails { below, at, above: self.link.probabilities(auxiliary[1] - eta).1 }
    }

    fn draw(&self, random: &mut ChaCha8Rng, _: f64, eta: f64, thresholds: &[f64]) -> f64 {
        let u: f64 = StandardUniform.sample(random);
        thresholds.iter().filter(|&&tau| self.link.probabilities(tau - eta).0 <= u).count() as f64
    }

    /// The thresholds hold the place of an intercept.
    fn start(&self, _: Observation) -> f64 {
        0.0
    }

    fn saturated(&self, observation: Observation, auxiliary: &[f64]) -> f64 {
        let interior = auxiliary[0].is_finite() && auxiliary[1].is_finite();
        if interior { peak_between(self, observation, auxiliary) } else { 0.0 }
    }
}

/// By symmetry in the middle, save for the complementary log-log link.
fn peak_between(family: &Ordinal, observation: Observation, auxiliary: &[f64]) -> f64 {
    super::peak::peak_from(family, 0.5 * (auxiliary[0] + auxiliary[1]), observation, auxiliary)
}
