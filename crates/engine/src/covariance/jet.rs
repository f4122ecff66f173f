//! Numbers that carry their first and second derivatives (forward mode), so that a structure is its
//! formula, written once.
//!
//! A jet knows which directions it depends on, and holds derivatives for these alone: a constant
//! holds nothing, and a sum over entries of T stays as sparse as T. At order 0 every jet is a
//! constant, and arithmetic is that of its value.

use std::ops::{Add, Mul, Neg, Sub};

/// How many derivatives are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// The value alone.
    Value,
    /// Value and gradient.
    First,
    /// Value, gradient and Hessian.
    Second,
}

/// A value with derivatives in the directions that it depends on.
#[derive(Debug, Clone)]
pub struct Jet {
    value: f64,
    order: Order,
    /// Directions, ascending.
    support: Vec<u32>,
    /// One per direction of the support.
    gradient: Vec<f64>,
    /// Lower triangle over the support by rows; empty where it is zero.
    hessian: Vec<f64>,
}

/// Where the Hessian's lower triangle holds (i, j), j ≤ i.
fn packed(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

impl Jet {
    /// A number that depends on nothing.
    pub fn constant(value: f64) -> Self {
        let (support, gradient, hessian) = (Vec::new(), Vec::new(), Vec::new());
        Self { value, order: Order::Value, support, gradient, hessian }
    }

    /// The parameter that is direction `direction`.
    pub fn variable(value: f64, direction: usize, order: Order) -> Self {
        if order == Order::Value {
            return Self::constant(value);
        }
        let (support, gradient) = (vec![direction as u32], vec![1.0]);
        Self { value, order, support, gradient, hessian: Vec::new() }
    }

    /// One variable per parameter.
    pub fn variables(values: &[f64], order: Order) -> Vec<Self> {
        values.iter().enumerate().map(|(k, &value)| Self::variable(value, k, order)).collect()
    }

    /// The value.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Whether it is zero, and its derivatives with it.
    pub fn is_zero(&self) -> bool {
        self.value == 0.0 && self.support.is_empty()
    }

    /// (direction, derivative) of every direction that the value depends on.
    pub fn first(&self) -> impl Iterator<Item = (usize, f64)> {
        self.support.iter().zip(&self.gradient).map(|(&at, &slope)| (at as usize, slope))
    }

    /// (direction, direction, second derivative), the first never below the second; empty where the
    /// value is linear.
    pub fn second(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let at = |i: usize| self.support[i] as usize;
        let rows = if self.hessian.is_empty() { 0 } else { self.support.len() };
        (0..rows)
            .flat_map(move |i| (0..=i).map(move |j| (at(i), at(j), self.hessian[packed(i, j)])))
    }

    /// ∂/∂direction.
    pub fn slope(&self, direction: usize) -> f64 {
        let at = self.support.binary_search(&(direction as u32));
        at.map_or(0.0, |i| self.gradient[i])
    }

    /// f(self), given f, f' and f'' at the value.
    pub fn chain(&self, value: f64, slope: f64, bend: f64) -> Self {
        if self.support.is_empty() || (slope == 0.0 && bend == 0.0) {
            return Self::constant(value);
        }
        let gradient = self.gradient.iter().map(|g| slope * g).collect();
        let mut hessian: Vec<f64> = self.hessian.iter().map(|h| slope * h).collect();
        if self.order == Order::Second && bend != 0.0 {
            let k = self.support.len();
            hessian.resize(packed(k, 0), 0.0);
            for i in 0..k {
                for j in 0..=i {
                    hessian[packed(i, j)] += bend * self.gradient[i] * self.gradient[j];
                }
            }
        }
        Self { value, order: self.order, support: self.support.clone(), gradient, hessian }
    }

    /// f(self, other), given its derivatives: slopes in either argument, and bends in the first
    /// twice, in both, in the second twice.
    pub fn bivariate(&self, other: &Self, value: f64, slopes: [f64; 2], bends: [f64; 3]) -> Self {
        if other.support.is_empty() {
            return self.chain(value, slopes[0], bends[0]);
        }
        if self.support.is_empty() {
            return other.chain(value, slopes[1], bends[2]);
        }
        let order = self.order.max(other.order);
        let support = union(&self.support, &other.support);
        let left = (self, &places(&self.support, &support)[..]);
        let right = (other, &places(&other.support, &support)[..]);
        let mut out =
            Self { value, order, gradient: vec![0.0; support.len()], support, hessian: Vec::new() };
        out.add_derivatives(left, slopes[0]);
        out.add_derivatives(right, slopes[1]);
        if order == Order::Second {
            out.add_mixed(left, left, 0.5 * bends[0]);
            out.add_mixed(left, right, bends[1]);
            out.add_mixed(right, right, 0.5 * bends[2]);
        }
        out
    }

    fn hessian_mut(&mut self) -> &mut [f64] {
        self.hessian.resize(packed(self.support.len(), 0), 0.0);
        &mut self.hessian
    }

    /// Adds slope × derivatives of `part`, whose directions stand at `at`.
    fn add_derivatives(&mut self, (part, at): (&Self, &[usize]), slope: f64) {
        for (&i, g) in at.iter().zip(&part.gradient) {
            self.gradient[i] += slope * g;
        }
        if part.hessian.is_empty() {
            return;
        }
        let hessian = self.hessian_mut();
        for (i, &row) in at.iter().enumerate() {
            for (j, &column) in at[..=i].iter().enumerate() {
                hessian[packed(row, column)] += slope * part.hessian[packed(i, j)];
            }
        }
    }

    /// Adds mixed × (a b' + b a') of the gradients a and b.
    fn add_mixed(&mut self, a: (&Self, &[usize]), b: (&Self, &[usize]), mixed: f64) {
        if mixed == 0.0 {
            return;
        }
        let hessian = self.hessian_mut();
        for (&row, ga) in a.1.iter().zip(&a.0.gradient) {
            for (&column, gb) in b.1.iter().zip(&b.0.gradient) {
                let both = if row == column { 2.0 } else { 1.0 };
                hessian[packed(row.max(column), row.min(column))] += both * mixed * ga * gb;
            }
        }
    }

    /// e^x.
    pub fn exp(&self) -> Self {
        let e = self.value.exp();
        self.chain(e, e, e)
    }

    /// The natural logarithm.
    pub fn ln(&self) -> Self {
        let inverse = 1.0 / self.value;
        self.chain(self.value.ln(), inverse, -inverse * inverse)
    }

    /// The square root.
    pub fn sqrt(&self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, 0.5 / root, -0.25 / (root * self.value))
    }

    /// The hyperbolic tangent.
    pub fn tanh(&self) -> Self {
        let t = self.value.tanh();
        let slope = 1.0 - t * t;
        self.chain(t, slope, -2.0 * t * slope)
    }

    /// 1 / (1 + e^−x).
    pub fn logistic(&self) -> Self {
        let p = 1.0 / (1.0 + (-self.value).exp());
        let slope = p * (1.0 - p);
        self.chain(p, slope, slope * (1.0 - 2.0 * p))
    }

    /// The sine.
    pub fn sin(&self) -> Self {
        let (s, c) = self.value.sin_cos();
        self.chain(s, c, -s)
    }

    /// The cosine.
    pub fn cos(&self) -> Self {
        let (s, c) = self.value.sin_cos();
        self.chain(c, -s, -c)
    }

    /// 1 / x.
    pub fn recip(&self) -> Self {
        let inverse = 1.0 / self.value;
        self.chain(inverse, -inverse * inverse, 2.0 * inverse * inverse * inverse)
    }

    /// self / divisor.
    pub fn over(&self, divisor: &Self) -> Self {
        self * &divisor.recip()
    }

    /// x².
    pub fn square(&self) -> Self {
        self.chain(self.value * self.value, 2.0 * self.value, 2.0)
    }

    /// x^k for a whole number k ≥ 0, of x of any sign.
    pub fn powi(&self, k: i32) -> Self {
        let power = |down: i32| if k >= down { self.value.powi(k - down) } else { 0.0 };
        let k = f64::from(k);
        self.chain(power(0), k * power(1), k * (k - 1.0) * power(2))
    }

    /// |x|, with the derivative from above at 0.
    pub fn abs(&self) -> Self {
        if self.value < 0.0 { -self } else { self.clone() }
    }

    /// factor · x.
    pub fn scaled(&self, factor: f64) -> Self {
        self.chain(self.value * factor, factor, 0.0)
    }

    /// x + shift.
    pub fn shifted(&self, shift: f64) -> Self {
        self.chain(self.value + shift, 1.0, 0.0)
    }
}

/// Both ascending lists as one.
fn union(a: &[u32], b: &[u32]) -> Vec<u32> {
    if a == b {
        return a.to_vec();
    }
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let next = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) | (None, Some(&x)) => x,
            (None, None) => break,
        };
        i += usize::from(a.get(i) == Some(&next));
        j += usize::from(b.get(j) == Some(&next));
        out.push(next);
    }
    out
}

/// Where the entries of `part` stand in `whole`, which contains them.
fn places(part: &[u32], whole: &[u32]) -> Vec<usize> {
    let mut at = 0;
    let mut out = Vec::with_capacity(part.len());
    for direction in part {
        while whole[at] != *direction {
            at += 1;
        }
        out.push(at);
    }
    out
}

impl Add for &Jet {
    type Output = Jet;
    fn add(self, other: &Jet) -> Jet {
        self.bivariate(other, self.value + other.value, [1.0, 1.0], [0.0; 3])
    }
}

impl Sub for &Jet {
    type Output = Jet;
    fn sub(self, other: &Jet) -> Jet {
        self.bivariate(other, self.value - other.value, [1.0, -1.0], [0.0; 3])
    }
}

impl Mul for &Jet {
    type Output = Jet;
    fn mul(self, other: &Jet) -> Jet {
        self.bivariate(other, self.value * other.value, [other.value, self.value], [0.0, 1.0, 0.0])
    }
}

impl Neg for &Jet {
    type Output = Jet;
    fn neg(self) -> Jet {
        self.scaled(-1.0)
    }
}

impl std::iter::Sum for Jet {
    fn sum<I: Iterator<Item = Jet>>(terms: I) -> Jet {
        terms.fold(Jet::constant(0.0), |sum, term| &sum + &term)
    }
}
