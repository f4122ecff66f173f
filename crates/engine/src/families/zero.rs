//! Zeros beside a family: a mixture with zeros (inflation), or zeros by a probability of their own and
//! the family truncated at zero (hurdle). The last auxiliary parameter is the logit of that
//! probability π.
//!
//! ```text
//!     inflated   y = 0: log(π + (1 − π) f(0))     y > 0: log(1 − π) + log f(y)
//!     hurdle     y = 0: log π                     y > 0: log(1 − π) + log f(y) − log(1 − f(0))
//! ```
//!
//! A continuous family behind a hurdle has f(0) = 0.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardUniform};

use super::family::{Family, MOST, Observation, Order, Row, Tails};
use super::number::{Jet, Number, row_of};
use super::probability::ProbabilityLink;
use super::taylor::log_one_minus_exp_minus_exp;

/// 1 − P(0) above which a truncated draw is tried for until it is none of the zeros.
const OFTEN: f64 = 0.05;

/// Counts that are no longer searched.
const LARGEST: f64 = 1e15;

/// A logit of no zeros but the family's.
const NEVER: f64 = -1e3;

/// 1 − P(0) below which tails of truncated counts are sums of their own.
const RARE: f64 = 1e-6;

/// Probability that ends such a sum.
const ENOUGH: f64 = 1e-18;

/// Which probability a family's zeros have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// π + (1 − π) f(0).
    Inflated,
    /// π, of counts.
    Truncated,
    /// π, of a continuous family.
    Continuous,
}

/// A family with zeros of their own.
#[derive(Debug)]
pub struct WithZeros {
    /// The family.
    pub base: Arc<dyn Family>,
    /// Its zeros.
    pub kind: Kind,
}

/// π, 1 − π.
fn chance(auxiliary: &[f64]) -> (f64, f64) {
    ProbabilityLink::Logit.probabilities(auxiliary[auxiliary.len() - 1])
}

/// log(e^a + e^b).
fn log_sum<N: Number>(a: N, b: N) -> N {
    if a.value() > b.value() { a + (b - a).softplus() } else { b + (a - b).softplus() }
}

/// log(1 − e^l) of a logarithm l < 0, by way of log(−l), which tends to the logarithm of a small mean.
fn log_rest<N: Number>(log: N) -> N {
    let size = -log.value();
    let scaled = log.scaled(-1.0 / size);
    scaled.ln().shifted(size.ln()).map(log_one_minus_exp_minus_exp)
}

impl WithZeros {
    fn log_density<N: Number>(&self, y: f64, logit: N, row: &Row, zero: &Row) -> N {
        let rest = -logit.softplus();
        match (self.kind, y == 0.0) {
            (Kind::Inflated, true) if zero.value == f64::NEG_INFINITY => logit + rest,
            (Kind::Inflated, true) => log_sum(logit, N::of_row(zero)) + rest,
            (Kind::Truncated | Kind::Continuous, true) => -(-logit).softplus(),
            (Kind::Truncated, false) if zero.value == f64::NEG_INFINITY => rest + N::of_row(row),
            (Kind::Truncated, false) => rest + N::of_row(row) - log_rest(N::of_row(zero)),
            (Kind::Inflated | Kind::Continuous, false) => rest + N::of_row(row),
        }
    }

    /// P(0) of the family and its derivative in η, and 1 − P(0).
    fn zero(&self, size: f64, eta: f64, auxiliary: &[f64]) -> (f64, f64, f64) {
        if self.kind == Kind::Continuous {
            return (0.0, 0.0, 1.0);
        }
        let row = self.base.row(Observation { y: 0.0, size }, eta, auxiliary, Order::Second);
        let p = row.value.exp();
        (p, p * row.eta[0], -row.value.exp_m1())
    }

    /// E(Y | Y is from the family), its derivative in η, and E(Y²): of truncated counts where a
    /// hurdle comes first.
    fn moments(&self, size: f64, eta: f64, base: &[f64]) -> (f64, f64, f64) {
        let mean = self.base.mean(size, eta, base);
        let slope = self.base.mean_slope(size, eta, base);
        let square = self.base.variance(size, eta, base) + mean * mean;
        if self.kind != Kind::Truncated {
            return (mean, slope, square);
        }
        let (_, zero_slope, rest) = self.zero(size, eta, base);
        if rest == 0.0 {
            return (1.0, 0.0, 1.0);
        }
        (mean / rest, (slope + mean / rest * zero_slope) / rest, square / rest)
    }

    /// Tails of a truncated count of a family that is nearly always zero, whose own are too rounded:
    /// probabilities fall from 1 on.
    fn summed(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let of = |y: f64| {
            let at = Observation { y, ..observation };
            self.row(at, eta, auxiliary, Order::Value).value.exp()
        };
        let (mut j, mut below) = (1.0, chance(auxiliary).0);
        while j < observation.y {
            let p = of(j);
            below += p;
            if p < ENOUGH {
                break;
            }
            j += 1.0;
        }
        let (below, at) = (below.min(1.0), of(observation.y));
        Tails { below, at, above: (1.0 - below - at).max(0.0) }
    }

    /// A count above zero: the first that is not drawn as a zero, or where zeros are many the smallest
    /// y with P(Y > y) below a uniform number, by doubling and halving.
    fn draw_truncated(&self, random: &mut ChaCha8Rng, size: f64, eta: f64, base: &[f64]) -> f64 {
        let (_, _, rest) = self.zero(size, eta, base);
        if rest == 0.0 || rest.is_nan() {
            return if rest == 0.0 { 1.0 } else { f64::NAN };
        }
        if rest > OFTEN {
            loop {
                let y = self.base.draw(random, size, eta, base);
                if y != 0.0 {
                    return y;
                }
            }
        }
        let mut auxiliary = [NEVER; MOST];
        auxiliary[..base.len()].copy_from_slice(base);
        let auxiliary = &auxiliary[..=base.len()];
        let above = |y: f64| self.tails(Observation { y, size }, eta, auxiliary).above;
        let u: f64 = StandardUniform.sample(random);
        let (mut low, mut high) = (0.0, 1.0);
        while high < LARGEST && above(high) >= u {
            (low, high) = (high, 2.0 * high);
        }
        while high - low > 1.0 {
            let middle = (0.5 * (low + high)).floor();
            if above(middle) >= u { low = middle } else { high = middle }
        }
        high
    }
}

impl Family for WithZeros {
    fn n_auxiliary(&self) -> usize {
        self.base.n_auxiliary() + 1
    }

    fn row(&self, observation: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        let at = self.base.n_auxiliary();
        let (base, logit) = (&auxiliary[..at], auxiliary[at]);
        let of = |y: f64| self.base.row(Observation { y, ..observation }, eta, base, order);
        let y = observation.y;
        let behind = self.kind != Kind::Inflated && y == 0.0;
        let row = if behind { Row::plain(0.0, [0.0; 3]) } else { of(y) };
        let zero = if self.kind == Kind::Truncated && y > 0.0 { of(0.0) } else { row };
        match order {
            Order::Value => row_of(self.log_density(y, logit, &row, &zero)),
            Order::Second => self.log_density(y, Jet::<0>::constant(logit), &row, &zero).checked(),
            Order::Third => {
                self.log_density(y, Jet::<MOST>::auxiliary(logit, at), &row, &zero).checked()
            }
        }
    }

    /// That of the family, times how often it is seen.
    fn information(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let base = &auxiliary[..self.base.n_auxiliary()];
        chance(auxiliary).1 * self.base.information(size, eta, base)
    }

    fn mean(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let base = &auxiliary[..self.base.n_auxiliary()];
        chance(auxiliary).1 * self.moments(size, eta, base).0
    }

    fn mean_slope(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let base = &auxiliary[..self.base.n_auxiliary()];
        chance(auxiliary).1 * self.moments(size, eta, base).1
    }

    fn variance(&self, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let (zero, rest) = chance(auxiliary);
        let (mean, _, square) = self.moments(size, eta, &auxiliary[..self.base.n_auxiliary()]);
        rest * (square - mean * mean + zero * mean * mean)
    }

    fn tails(&self, observation: Observation, eta: f64, auxiliary: &[f64]) -> Tails {
        let base = &auxiliary[..self.base.n_auxiliary()];
        let (zero, rest) = chance(auxiliary);
        let first = observation.y == 0.0;
        if first && self.kind != Kind::Inflated {
            return Tails { below: 0.0, at: zero, above: rest };
        }
        let of = self.base.tails(observation, eta, base);
        let (none, _, some) = self.zero(observation.size, eta, base);
        match self.kind {
            Kind::Inflated if first => {
                Tails { below: 0.0, at: zero + rest * of.at, above: rest * of.above }
            }
            Kind::Truncated if some < RARE => self.summed(observation, eta, auxiliary),
            Kind::Truncated => {
                // Of a family that is mostly zero from the other side, lest 1 − P(0) be rounding.
                let smaller = if none > 0.5 { some - of.at - of.above } else { of.below - none };
                let below = zero + rest * (smaller.max(0.0) / some);
                Tails { below, at: rest * (of.at / some), above: rest * (of.above / some) }
            }
            _ => Tails { below: zero + rest * of.below, at: rest * of.at, above: rest * of.above },
        }
    }

    fn draw(&self, random: &mut ChaCha8Rng, size: f64, eta: f64, auxiliary: &[f64]) -> f64 {
        let base = &auxiliary[..self.base.n_auxiliary()];
        let u: f64 = StandardUniform.sample(random);
        if u < chance(auxiliary).0 {
            0.0
        } else if self.kind == Kind::Truncated {
            self.draw_truncated(random, size, eta, base)
        } else {
            self.base.draw(random, size, eta, base)
        }
    }

    /// A zero behind a hurdle says nothing of η.
    fn start(&self, Observation { y, size }: Observation) -> f64 {
        let behind = self.kind != Kind::Inflated && y == 0.0;
        let none = if behind && self.kind == Kind::Continuous { 0.5 } else { 1.0 };
        self.base.start(Observation { y: if behind { none } else { y }, size })
    }

    fn saturated(&self, observation: Observation, auxiliary: &[f64]) -> f64 {
        let at = self.base.n_auxiliary();
        let (zero, rest) = chance(auxiliary);
        match (self.kind, observation.y) {
            (Kind::Inflated, 0.0) => 0.0,
            (_, 0.0) => zero.ln(),
            (Kind::Truncated, _) => super::peak::peak(self, observation, auxiliary),
            _ => rest.ln() + self.base.saturated(observation, &auxiliary[..at]),
        }
    }

    fn eta_range(&self) -> (f64, f64) {
        self.base.eta_range()
    }
}
