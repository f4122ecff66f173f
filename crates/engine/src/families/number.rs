//! Numbers in which a log-density is written once: plain ones for its value, and jets for its
//! derivatives.
//!
//! A jet carries what [`Row`] has: derivatives in η to the third order, in each auxiliary parameter
//! once with η up to twice, and in two of them. With every such derivative it carries all below it,
//! so that products and functions of jets are exact.

use std::array::from_fn;
use std::ops::{Add, Mul, Neg, Sub};

use super::family::{MOST, Observation, Order, Row};
use super::taylor::{self, Taylor};

/// A number with whatever derivatives it carries.
pub trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self>
{
    /// A number that depends on nothing.
    fn constant(value: f64) -> Self;

    /// What a row knows.
    fn of_row(row: &Row) -> Self;

    /// The value.
    fn value(self) -> f64;

    /// f(self), given f and its derivatives at the value.
    fn chain(self, f: Taylor) -> Self;

    /// f(self).
    fn map(self, f: impl FnOnce(f64) -> Taylor) -> Self {
        self.chain(f(self.value()))
    }

    /// factor · self.
    fn scaled(self, factor: f64) -> Self {
        self.chain([factor * self.value(), factor, 0.0, 0.0])
    }

    /// self + shift.
    fn shifted(self, shift: f64) -> Self {
        self.chain([self.value() + shift, 1.0, 0.0, 0.0])
    }

    /// e^self.
    fn exp(self) -> Self {
        self.map(taylor::exp)
    }

    /// The natural logarithm.
    fn ln(self) -> Self {
        self.map(taylor::ln)
    }

    /// log(1 + e^self).
    fn softplus(self) -> Self {
        self.map(taylor::softplus)
    }

    /// e^self − 1 − self.
    fn excess(self) -> Self {
        self.map(taylor::excess)
    }
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }

    fn of_row(row: &Row) -> Self {
        row.value
    }

    fn value(self) -> f64 {
        self
    }

    #[inline]
    fn chain(self, f: Taylor) -> Self {
        f[0]
    }
}

/// A value with derivatives in η and in A auxiliary parameters.
#[derive(Debug, Clone, Copy)]
pub struct Jet<const A: usize> {
    value: f64,
    eta: [f64; 3],
    auxiliary: [[f64; 3]; A],
    bends: [[f64; A]; A],
}

impl<const A: usize> Jet<A> {
    /// η itself.
    pub fn eta(value: f64) -> Self {
        Self { value, eta: [1.0, 0.0, 0.0], auxiliary: [[0.0; 3]; A], bends: [[0.0; A]; A] }
    }

    /// Auxiliary parameter `at`; a constant where derivatives in it are not carried.
    pub fn auxiliary(value: f64, at: usize) -> Self {
        let mut out = Self::constant(value);
        if let Some(own) = out.auxiliary.get_mut(at) {
            own[0] = 1.0;
        }
        out
    }

    /// Value and derivatives in η.
    pub fn taylor(self) -> Taylor {
        [self.value, self.eta[0], self.eta[1], self.eta[2]]
    }

    /// The row of a log-density; [`Row::NONE`] where anything overflows.
    pub fn checked(self) -> Row {
        if self.is_finite() { self.row() } else { Row::NONE }
    }

    fn row(self) -> Row {
        let mut row = Row::plain(self.value, self.eta);
        for a in 0..A.min(MOST) {
            row.auxiliary[a] = self.auxiliary[a];
            row.bends[a][..A].copy_from_slice(&self.bends[a]);
        }
        row
    }

    fn is_finite(&self) -> bool {
        let mut all = self.eta.iter().chain(self.auxiliary.iter().flatten());
        self.value.is_finite()
            && all.all(|d| d.is_finite())
            && self.bends.iter().flatten().all(|d| d.is_finite())
    }

    fn with(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            value: f(self.value, other.value),
            eta: from_fn(|k| f(self.eta[k], other.eta[k])),
            auxiliary: from_fn(|a| from_fn(|k| f(self.auxiliary[a][k], other.auxiliary[a][k]))),
            bends: from_fn(|a| from_fn(|b| f(self.bends[a][b], other.bends[a][b]))),
        }
    }
}

impl<const A: usize> Number for Jet<A> {
    fn constant(value: f64) -> Self {
        Self { value, eta: [0.0; 3], auxiliary: [[0.0; 3]; A], bends: [[0.0; A]; A] }
    }

    fn of_row(row: &Row) -> Self {
        let auxiliary = from_fn(|a| row.auxiliary[a]);
        let bends = from_fn(|a| from_fn(|b| row.bends[a][b]));
        Self { value: row.value, eta: row.eta, auxiliary, bends }
    }

    fn value(self) -> f64 {
        self.value
    }

    fn chain(self, [value, f1, f2, f3]: Taylor) -> Self {
        let [e1, e2, e3] = self.eta;
        let square = e1 * e1;
        Self {
            value,
            eta: [f1 * e1, f1 * e2 + f2 * square, f1 * e3 + 3.0 * f2 * e1 * e2 + f3 * square * e1],
            auxiliary: self.auxiliary.map(|[a, ea, eea]| {
                let third = f1 * eea + f2 * (2.0 * e1 * ea + e2 * a) + f3 * square * a;
                [f1 * a, f1 * ea + f2 * e1 * a, third]
            }),
            bends: from_fn(|a| {
                let own = self.auxiliary[a][0];
                from_fn(|b| f1 * self.bends[a][b] + f2 * own * self.auxiliary[b][0])
            }),
        }
    }
}

impl<const A: usize> Add for Jet<A> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl<const A: usize> Sub for Jet<A> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

impl<const A: usize> Neg for Jet<A> {
    type Output = Self;
    fn neg(self) -> Self {
        self.scaled(-1.0)
    }
}

impl<const A: usize> Mul for Jet<A> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let (v, w) = (self.value, other.value);
        let ([e1, e2, e3], [f1, f2, f3]) = (self.eta, other.eta);
        let third = v * f3 + 3.0 * (e1 * f2 + e2 * f1) + e3 * w;
        Self {
            value: v * w,
            eta: [v * f1 + e1 * w, v * f2 + 2.0 * e1 * f1 + e2 * w, third],
            auxiliary: from_fn(|a| {
                let ([a1, ea, eea], [b1, eb, eeb]) = (self.auxiliary[a], other.auxiliary[a]);
                let second = v * eb + e1 * b1 + a1 * f1 + ea * w;
                let third = v * eeb + 2.0 * e1 * eb + e2 * b1 + a1 * f2 + 2.0 * ea * f1 + eea * w;
                [v * b1 + a1 * w, second, third]
            }),
            bends: from_fn(|a| {
                from_fn(|b| {
                    let (x, y) = (&self.auxiliary, &other.auxiliary);
                    let mixed = x[a][0] * y[b][0] + x[b][0] * y[a][0];
                    v * other.bends[a][b] + mixed + self.bends[a][b] * w
                })
            }),
        }
    }
}

/// The row of a log-density without derivatives.
pub fn row_of(value: f64) -> Row {
    if value.is_finite() { Row::plain(value, [0.0; 3]) } else { Row::NONE }
}

/// A log-density, written once for all numbers.
pub trait Density<const A: usize> {
    /// l(η, auxiliary), constants included.
    fn log_density<N: Number>(&self, observation: Observation, eta: N, auxiliary: [N; A]) -> N;

    /// Whether η has a meaning.
    fn is_valid(&self, eta: f64) -> bool;

    /// The row of a log-density; [`Row::NONE`] where anything overflows.
    fn derive(&self, at: Observation, eta: f64, auxiliary: &[f64], order: Order) -> Row {
        if !self.is_valid(eta) {
            return Row::NONE;
        }
        match order {
            Order::Value => row_of(self.log_density(at, eta, from_fn(|a| auxiliary[a]))),
            Order::Second => self.rows::<0>(at, eta, auxiliary),
            Order::Third => self.rows::<A>(at, eta, auxiliary),
        }
    }

    /// The row with derivatives in B auxiliary parameters.
    fn rows<const B: usize>(&self, at: Observation, eta: f64, auxiliary: &[f64]) -> Row {
        let auxiliary = from_fn(|a| Jet::<B>::auxiliary(auxiliary[a], a));
        self.log_density(at, Jet::eta(eta), auxiliary).checked()
    }
}
