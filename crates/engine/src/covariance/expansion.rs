//! C and T with their first and second derivatives in φ, as plain matrices.

use std::ops::IndexMut;

use super::jet::{Jet, Order};
use super::matrix::Matrix;
use super::structure::{Filled, Positions, Structure};
use crate::dense::{Square, cholesky, solve_lower};

/// A matrix with its derivatives in m directions. Derivatives that are zero everywhere are absent.
#[derive(Debug, Clone)]
pub struct Expansion<B> {
    /// The matrix itself.
    pub value: B,
    first: Vec<Option<B>>,
    /// Lower triangle of the directions, by rows.
    second: Vec<Option<B>>,
}

impl<B> Expansion<B> {
    fn new(value: B, m: usize, order: Order) -> Self {
        let none = |n: usize| (0..n).map(|_| None).collect();
        let first = none(if order == Order::Value { 0 } else { m });
        let second = none(if order == Order::Second { m * (m + 1) / 2 } else { 0 });
        Self { value, first, second }
    }

    /// Number of directions of which first derivatives are carried.
    pub fn n_directions(&self) -> usize {
        self.first.len()
    }

    /// ∂/∂φ_i; None where it is zero.
    pub fn first(&self, i: usize) -> Option<&B> {
        self.first.get(i)?.as_ref()
    }

    /// ∂²/∂φ_i∂φ_j; None where it is zero.
    pub fn second(&self, i: usize, j: usize) -> Option<&B> {
        self.second.get(packed(i, j))?.as_ref()
    }
}

impl<B: IndexMut<(usize, usize), Output = f64>> Expansion<B> {
    /// Puts an entry in all places `at`.
    fn put(&mut self, at: &[(usize, usize)], entry: &Jet, zero: &impl Fn() -> B) {
        for &place in at {
            self.value[place] = entry.value();
        }
        for (i, slope) in entry.first() {
            let to = self.first[i].get_or_insert_with(zero);
            at.iter().for_each(|&place| to[place] = slope);
        }
        for (i, j, bend) in entry.second() {
            if bend != 0.0 {
                let to = self.second[packed(i, j)].get_or_insert_with(zero);
                at.iter().for_each(|&place| to[place] = bend);
            }
        }
    }
}

fn packed(i: usize, j: usize) -> usize {
    let (i, j) = (i.max(j), i.min(j));
    i * (i + 1) / 2 + j
}

/// C = TT' at the positions, whether it is positive definite or not.
pub fn covariance(
    structure: &dyn Structure,
    phi: &[f64],
    positions: &Positions,
    order: Order,
) -> Expansion<Square> {
    let filled = structure.fill(&Jet::variables(phi, order), positions);
    let n = positions.n();
    symmetric(n, phi.len(), order, |i, j| match &filled {
        Filled::Root(t) => {
            let both = (0..t.columns).map(|s| (&t[(i, s)], &t[(j, s)]));
            both.filter(|(a, b)| !(a.is_zero() || b.is_zero())).map(|(a, b)| a * b).sum()
        }
        Filled::Scaled { sd, correlation } => &(&sd[i] * &correlation[(i, j)]) * &sd[j],
    })
}

/// The expansion of a symmetric matrix given by the entries of its lower triangle.
fn symmetric(
    n: usize,
    m: usize,
    order: Order,
    entry: impl Fn(usize, usize) -> Jet,
) -> Expansion<Square> {
    let zero = || Square::zeros(n);
    let mut out = Expansion::new(zero(), m, order);
    for j in 0..n {
        for i in j..n {
            let places = [(i, j), (j, i)];
            let places = if i == j { &places[..1] } else { &places };
            out.put(places, &entry(i, j), &zero);
        }
    }
    out
}

/// T with C = TT' at the positions (n × r); None where R is not positive definite.
pub fn root(
    structure: &dyn Structure,
    phi: &[f64],
    positions: &Positions,
    order: Order,
) -> Option<Expansion<Matrix<f64>>> {
    match structure.fill(&Jet::variables(phi, order), positions) {
        Filled::Root(t) => {
            let zero = || Matrix::zeros(t.rows, t.columns);
            let mut out = Expansion::new(zero(), phi.len(), order);
            for j in 0..t.columns {
                (0..t.rows).for_each(|i| out.put(&[(i, j)], &t[(i, j)], &zero));
            }
            Some(out)
        }
        Filled::Scaled { sd, correlation } => {
            let entry = |i: usize, j: usize| correlation[(i, j)].clone();
            let factor = factor(symmetric(positions.n(), phi.len(), order, entry))?;
            Some(scaled_rows(&sd, &factor, order))
        }
    }
}

/// L with R = LL'. Differentiating R twice gives, with Φ(A) for the lower triangle of A with half of
/// its diagonal,
///
/// ```text
///     ∂_iL = L Φ(L⁻¹ ∂_iR L⁻ᵀ)        ∂_ijL = L Φ(L⁻¹ (∂_ijR − ∂_iL ∂_jL' − ∂_jL ∂_iL') L⁻ᵀ)
/// ```
fn factor(r: Expansion<Square>) -> Option<Expansion<Square>> {
    let mut l = r.value;
    cholesky(l.n, &mut l.data).ok()?;
    for j in 1..l.n {
        (0..j).for_each(|i| l[(i, j)] = 0.0);
    }
    let first: Vec<Option<Square>> =
        r.first.into_iter().map(|dr| Some(derivative(&l, dr?))).collect();
    let mut second = r.second;
    for (i, di) in first.iter().enumerate() {
        for (j, dj) in first[..if second.is_empty() { 0 } else { i + 1 }].iter().enumerate() {
            let (Some(di), Some(dj)) = (di, dj) else { continue };
            let mut rest = second[packed(i, j)].take().unwrap_or_else(|| Square::zeros(l.n));
            subtract_cross(&mut rest, di, dj);
            second[packed(i, j)] = Some(derivative(&l, rest));
        }
    }
    Some(Expansion { value: l, first, second })
}

/// L Φ(L⁻¹ A L⁻ᵀ) of a symmetric A.
fn derivative(l: &Square, mut a: Square) -> Square {
    let n = l.n;
    solve_lower(n, &l.data, &mut a.data, n);
    let mut a = a.transpose();
    solve_lower(n, &l.data, &mut a.data, n);
    for j in 0..n {
        a[(j, j)] *= 0.5;
        (0..j).for_each(|i| a[(i, j)] = 0.0);
    }
    let mut out = Square::zeros(n);
    for j in 0..n {
        for s in j..n {
            (s..n).for_each(|i| out[(i, j)] += l[(i, s)] * a[(s, j)]);
        }
    }
    out
}

/// a −= BC' + CB' of lower triangular B and C.
fn subtract_cross(a: &mut Square, b: &Square, c: &Square) {
    for j in 0..a.n {
        for s in 0..=j {
            let (bj, cj) = (b[(j, s)], c[(j, s)]);
            (s..a.n).for_each(|i| a[(i, j)] -= b[(i, s)] * cj + c[(i, s)] * bj);
        }
    }
}

/// D L by the product rule, row by row.
fn scaled_rows(sd: &[Jet], l: &Expansion<Square>, order: Order) -> Expansion<Matrix<f64>> {
    let n = l.value.n;
    let zero = || Matrix::zeros(n, n);
    let m = l.first.len();
    let mut out = Expansion::new(zero(), m, order);
    let rows = |source: &Square, to: &mut Matrix<f64>, i: usize, factor: f64| {
        (0..=i).for_each(|j| to[(i, j)] += factor * source[(i, j)]);
    };
    for (i, sd) in sd.iter().enumerate() {
        rows(&l.value, &mut out.value, i, sd.value());
        for (k, slope) in sd.first() {
            rows(&l.value, out.first[k].get_or_insert_with(zero), i, slope);
        }
        for (k, dl) in l.first.iter().enumerate() {
            let Some(dl) = dl else { continue };
            rows(dl, out.first[k].get_or_insert_with(zero), i, sd.value());
            if order == Order::Second {
                for (s, slope) in sd.first() {
                    let both = if s == k { 2.0 } else { 1.0 };
                    let to = out.second[packed(k, s)].get_or_insert_with(zero);
                    rows(dl, to, i, both * slope);
                }
            }
        }
        for (at, bend) in l.second.iter().enumerate() {
            if let Some(bend) = bend {
                rows(bend, out.second[at].get_or_insert_with(zero), i, sd.value());
            }
        }
        for (k, s, bend) in sd.second() {
            rows(&l.value, out.second[packed(k, s)].get_or_insert_with(zero), i, bend);
        }
    }
    out
}
