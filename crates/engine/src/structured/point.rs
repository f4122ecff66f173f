//! One θ: the criterion, and what was found on the way to it.

use super::equations::{Raw, factorise};
use super::problem::Problem;
use super::whitening::Whitened;
use crate::covariance::{Expansion, Matrix, Order, root};
use crate::cross_products::CrossProducts;
use crate::dense::solve_lower;
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::objective::{Criterion, Profile};
use crate::solve::Effects;

/// An evaluation of the criterion.
#[derive(Debug, Clone)]
pub struct Point {
    /// The full vector of parameters.
    pub full: Vec<f64>,
    /// R, and the whitened columns.
    pub white: Whitened,
    /// A and its right-hand columns.
    pub raw: Raw,
    /// T of every term.
    pub templates: Vec<Expansion<Matrix<f64>>>,
    /// M − I.
    pub cross: CrossProducts,
    /// M = LL'.
    pub factor: Factor,
    /// β̂, r² and the criterion.
    pub profile: Profile,
    /// σ², estimated or known, in the engine's coordinates.
    pub variance: f64,
}

/// What the solved equations say of the columns X L_X⁻ᵀ and y − Xβ̂.
#[derive(Debug, Clone)]
pub struct Solved {
    /// M⁻¹Λ'Z'R⁻¹[·], row-major with k columns, scalar rows of u by slot.
    pub u: Vec<f64>,
    /// Z'V⁻¹[·], row-major with k columns, scalar rows by position.
    pub a: Vec<f64>,
}

impl Problem {
    /// The criterion at θ.
    ///
    /// # Errors
    /// Where it has no value: a covariance that is not positive definite, or no residual left.
    pub fn evaluate(&self, theta: &[f64], criterion: Criterion) -> Result<Point> {
        let full = self.freedom.full(theta);
        let white = self.rows().whitened(&self.places, &full)?;
        let raw = Raw::new(&self.plan, &self.blocks.start, &self.z_start, &white, self.k())?;
        let templates = self.templates(&full, Order::Value)?;
        let mut cross = self.empty.clone();
        let factor = factorise(&self.design, &self.plan, &raw, &templates, &mut cross)?;
        let log_det = white.log_det + factor.log_det - self.log_precision;
        let n = self.design.n();
        let profile = Profile::from_parts(&factor.right, log_det, &self.basis, n, criterion)?;
        let variance = profile.variance;
        Ok(Point { full, white, raw, templates, cross, factor, profile, variance })
    }

    /// T of every term.
    pub fn templates(&self, full: &[f64], order: Order) -> Result<Vec<Expansion<Matrix<f64>>>> {
        let one = |(t, term): (usize, &super::design::Term)| {
            let phi = &full[self.places.terms[t].clone()];
            root(&*term.structure, phi, &term.positions, order)
                .ok_or(EngineError::Factorisation { group: t, level: 0 })
        };
        self.design.terms.iter().enumerate().map(one).collect()
    }

    /// Back-substitution.
    pub fn solved(&self, point: &Point) -> Solved {
        let (k, p) = (self.k(), self.k() - 1);
        let lx = &point.profile.x_factor;
        let Effects { b: mut u, .. } = Effects::new(&point.factor, &point.cross, &point.profile);
        u.chunks_exact_mut(k).for_each(|row| solve_lower(p, &lx.data, &mut row[..p], 1));
        let v = self.data_scale(point, &u, k);
        let mut a = point.raw.right.clone();
        for row in a.chunks_exact_mut(k) {
            row[p] -= (0..p).map(|j| row[j] * point.profile.beta[j]).sum::<f64>();
            solve_lower(p, &lx.data, &mut row[..p], 1);
        }
        let product = self.times_a(&point.raw.a, &v, k);
        a.iter_mut().zip(&product).for_each(|(a, b)| *a -= b);
        Solved { u, a }
    }

    /// Λu for the `m` columns of u (by slot): row-major by position.
    pub fn data_scale(&self, point: &Point, u: &[f64], m: usize) -> Vec<f64> {
        let (grid, layout) = (&self.plan.grid, &self.plan.layout);
        let mut out = vec![0.0; grid.offset[grid.width.len()] * m];
        for v in 0..grid.width.len() {
            let t = &point.templates[layout.symbolic.factor[v] as usize].value;
            for i in 0..t.rows {
                let row = &mut out[(grid.offset[v] + i) * m..(grid.offset[v] + i + 1) * m];
                for j in 0..t.columns {
                    let from = &u[(layout.start[v] + j) * m..(layout.start[v] + j + 1) * m];
                    axpy(t[(i, j)], from, row);
                }
            }
        }
        out
    }

    /// Λ'x for the `m` columns of x (by position): row-major by slot.
    pub fn spherical_scale(&self, point: &Point, x: &[f64], m: usize) -> Vec<f64> {
        let (grid, layout) = (&self.plan.grid, &self.plan.layout);
        let mut out = vec![0.0; layout.symbolic.dim() * m];
        for v in 0..grid.width.len() {
            let t = &point.templates[layout.symbolic.factor[v] as usize].value;
            for j in 0..t.columns {
                let row = &mut out[(layout.start[v] + j) * m..(layout.start[v] + j + 1) * m];
                for i in 0..t.rows {
                    let from = &x[(grid.offset[v] + i) * m..(grid.offset[v] + i + 1) * m];
                    axpy(t[(i, j)], from, row);
                }
            }
        }
        out
    }

    /// A x for the `m` columns of x, row-major by position.
    pub fn times_a(&self, a: &[f64], x: &[f64], m: usize) -> Vec<f64> {
        let (grid, symbolic) = (&self.plan.grid, &self.plan.layout.symbolic);
        let mut out = vec![0.0; x.len()];
        for v in 0..grid.width.len() {
            let q = grid.width[v] as usize;
            let block = &a[grid.start[v]..grid.start[v + 1]];
            let at = grid.offset[v];
            for j in 0..q {
                let from = &x[(at + j) * m..(at + j + 1) * m];
                for i in 0..q {
                    axpy(block[i + q * j], from, &mut out[(at + i) * m..(at + i + 1) * m]);
                }
            }
            for (&l, item) in symbolic.later.of(v).iter().zip(symbolic.later.range(v)) {
                let (l, from) = (l as usize, q * (q + grid.later[item] as usize));
                let other = grid.offset[l];
                for j in 0..grid.width[l] as usize {
                    for i in 0..q {
                        let f = block[from + i + q * j];
                        if f == 0.0 {
                            continue;
                        }
                        let (low, high) = out.split_at_mut((other + j) * m);
                        let mine = &mut low[(at + i) * m..(at + i + 1) * m];
                        axpy(f, &x[(other + j) * m..(other + j + 1) * m], mine);
                        axpy(f, &x[(at + i) * m..(at + i + 1) * m], &mut high[..m]);
                    }
                }
            }
        }
        out
    }
}

/// y += f x.
#[inline]
pub fn axpy(f: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += f * x);
}
