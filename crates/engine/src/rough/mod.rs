//! Approximate first, exact last. Where the remainder after the leaves is large, its factorisation
//! and inverse are dear; conjugate gradients and stochastic traces give the gradient and the
//! curvature to a fraction of a standard error for the price of a few passes over the nonzeros.
//! The exact search then starts there.
//!
//! * Systems with M: the leaves are eliminated exactly, S x = d for the rest by conjugate gradients
//!   with the diagonal blocks of S as preconditioner, all right-hand columns at once.
//! * Σ_j Z_j'V⁻¹Z_j: for v with independent entries ±1, E Σ_j v_j (Z'V⁻¹Zv)_j' is the wanted sum
//!   (Hutchinson 1990). The probes are the same at every θ, so the approximate gradient is a smooth
//!   function of θ. A factor with few levels gets one probe per scalar row, which is exact.

mod probes;
mod systems;

use rayon::prelude::*;

use crate::covariance::Templates;
use crate::cross_products::CrossProducts;
use crate::curvature::{Moves, assemble};
use crate::dense::{Square, cholesky};
use crate::error::Result;
use crate::factor::{Factor, failure};
use crate::layout::Layout;
use crate::links::{Link, Links};
use crate::objective::{Criterion, Profile};
use crate::problem::{Derivatives, Problem};
use crate::row_major::{Columns, axpy};
use crate::solve::Effects;
use probes::probe_columns;

/// An exact evaluation must cost this many times an iterative one.
const ADVANTAGE: f64 = 4.0;

/// Multiplications per second, of which only the ratio matters much: dense kernels, and passes over
/// sparse blocks.
const DENSE_RATE: f64 = 2e10;
const SPARSE_RATE: f64 = 1e9;

/// Typical number of steps of conjugate gradients.
const TYPICAL_STEPS: f64 = 8.0;

/// Nodes or leaves that one task visits.
const PER_TASK: usize = 256;

/// Whether iterative evaluations would be far cheaper than exact ones.
pub fn worthwhile(layout: &Layout, templates: &Templates) -> bool {
    let symbolic = &layout.symbolic;
    let columns = layout.k + probe_columns(layout, templates) + templates.parameters.len();
    // A factorisation, and rough derivatives from it.
    let exact = 1.3 * symbolic.cost() / DENSE_RATE;
    let pass = 2.0 * symbolic.later.n_items() as f64 * (columns as f64) / SPARSE_RATE;
    exact > 0.03 && exact > ADVANTAGE * TYPICAL_STEPS * pass
}

/// One θ, with the leaves eliminated.
pub struct Rough<'a> {
    problem: &'a Problem,
    factor: &'a Factor,
    /// Cholesky factors of the diagonal blocks of S, by slot.
    preconditioner: Vec<f64>,
    /// Where the block of each position starts.
    block: Vec<usize>,
    links: &'a Links,
    /// The leaves' Y, ordered by the position they lead to.
    transposed: Vec<f64>,
}

impl<'a> Rough<'a> {
    /// Forms the preconditioner; `factor` has its leaves eliminated.
    pub fn new(problem: &'a Problem, links: &'a Links, factor: &'a Factor) -> Result<Self> {
        let layout = &*problem.layout;
        let symbolic = &layout.symbolic;
        let n = symbolic.factor.len();
        let mut block = vec![0usize; n];
        let mut size = 0;
        for v in layout.inner_positions() {
            block[v] = size;
            size += symbolic.width(v).pow(2);
        }
        let mut out = Self {
            problem,
            factor,
            preconditioner: vec![0.0; size],
            block,
            links,
            transposed: vec![],
        };
        out.transposed = out.transpose();
        let mut preconditioner = std::mem::take(&mut out.preconditioner);
        for v in layout.inner_positions() {
            let q = symbolic.width(v);
            let target = &mut preconditioner[out.block[v]..out.block[v] + q * q];
            out.diagonal_block(v, target).map_err(|_| failure(layout, v))?;
        }
        out.preconditioner = preconditioner;
        Ok(out)
    }

    fn layout(&self) -> &'a Layout {
        &self.problem.layout
    }

    fn cross(&self) -> &'a CrossProducts {
        &self.problem.cross
    }

    fn template(&self, v: usize) -> &'a Square {
        &self.factor.templates[self.layout().symbolic.factor[v] as usize]
    }

    /// The leaves' Y in the order of the links.
    fn transpose(&self) -> Vec<f64> {
        let (layout, symbolic) = (self.layout(), &self.layout().symbolic);
        let mut out = vec![0.0; self.links.size()];
        let positions: Vec<usize> = (0..symbolic.factor.len()).collect();
        let mut tasks = Vec::new();
        let mut rest = out.as_mut_slice();
        for chunk in positions.chunks(PER_TASK) {
            let links = chunk.iter().map(|&v| (symbolic.width(v), self.links.of(layout, v)));
            let size = links.map(|(w, l)| l.iter().map(|l| l.q as usize * w).sum::<usize>()).sum();
            let (mine, after) = rest.split_at_mut(size);
            tasks.push((chunk, mine));
            rest = after;
        }
        tasks.into_par_iter().for_each(|(chunk, mut mine)| {
            for &v in chunk {
                for link in self.links.of(layout, v) {
                    let size = link.q as usize * symbolic.width(v);
                    let (block, after) = mine.split_at_mut(size);
                    if link.is_leaf() {
                        block.copy_from_slice(&self.factor.rows[link.y as usize..][..size]);
                    }
                    mine = after;
                }
            }
        });
        out
    }

    /// Leaves next to a position: (link, its Y block for this position).
    fn leaves_of(&self, v: usize) -> impl Iterator<Item = (&'a Link, &[f64])> + '_ {
        let width = self.layout().symbolic.width(v);
        let links = self.links.of(self.layout(), v).iter().filter(|l| l.is_leaf());
        links.map(move |l| (l, &self.transposed[l.place as usize..][..l.q as usize * width]))
    }

    /// Cholesky factor of T'(A_vv − Σ Y_p'Y_p)T + I.
    fn diagonal_block(&self, v: usize, out: &mut [f64]) -> std::result::Result<(), usize> {
        let (own, t) = (self.cross().block(v).own(), self.template(v));
        let q = t.n;
        let mut c = Square { n: q, data: own.to_vec() };
        for (_, y) in self.leaves_of(v) {
            let m = y.len() / q;
            for j in 0..q {
                for i in 0..q {
                    let (a, b) = (&y[m * i..m * (i + 1)], &y[m * j..m * (j + 1)]);
                    c[(i, j)] -= a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                }
            }
        }
        let mut scaled = t.transpose().times(&c).times(t);
        (0..q).for_each(|i| scaled[(i, i)] += 1.0);
        out.copy_from_slice(&scaled.data);
        cholesky(q, out).map(|_| ())
    }

    /// Approximate gradient and curvature.
    pub fn derivatives(&self, criterion: Criterion) -> Result<Derivatives> {
        let (layout, k) = (self.layout(), self.layout().k);
        let probes = self.probes();
        let m = k + probes.m;
        let mut right = self.multiply(&probes, Some(k));
        self.load_right(&mut right);
        let (b, a) = self.solve(right);
        let mut schur = Square { n: k, data: self.cross().total.clone() };
        self.subtract_explained(&b, k, &mut schur);
        let (basis, n) = (&self.problem.basis, self.problem.n);
        let profile = Profile::from_parts(&schur, 0.0, basis, n, criterion)?;
        let take = |x: &Columns| x.values.chunks_exact(m).flat_map(|r| &r[..k]).copied().collect();
        let mut effects = Effects { k, b: take(&b), a: take(&a) };
        let raw: Vec<f64> = effects.a.clone();
        effects.project(&profile);
        let inverse = self.traces(&probes, &a);
        let t = &self.factor.templates;
        let (gradient, first) = self.problem.first_order(t, &profile, &effects, inverse);
        let templates = &self.problem.templates;
        let moves = Moves::new(layout, templates, t, &effects);
        let h = &moves.directions;
        let columns = Columns { m: h.m, values: h.values.clone() };
        let right = self.multiply(&columns, None);
        let (_, a_h) = self.solve(right);
        let (mut quadratic, mut mixed) = (Square::zeros(h.m), vec![0.0; (k - 1) * h.m]);
        for (row, h_row) in columns.values.chunks_exact(h.m).enumerate() {
            for (j, hj) in h_row.iter().enumerate().filter(|(_, h)| **h != 0.0) {
                axpy(*hj, a_h.rows(row, 1), &mut quadratic.data[h.m * j..h.m * (j + 1)]);
                axpy(
                    *hj,
                    &raw[row * k..row * k + k - 1],
                    &mut mixed[(k - 1) * j..(k - 1) * (j + 1)],
                );
            }
        }
        let other = quadratic.transpose();
        quadratic.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a = 0.5 * (*a + b));
        let hessian = assemble(templates, &profile, &first, &moves, &quadratic, mixed);
        Ok(Derivatives { gradient, hessian })
    }

    /// Writes Z'W[X y] into the first k columns.
    fn load_right(&self, out: &mut Columns) {
        let layout = self.layout();
        for v in 0..layout.symbolic.factor.len() {
            let block = self.cross().block(v);
            for (j, column) in block.right().enumerate() {
                for (i, value) in column.iter().enumerate() {
                    out.values[(layout.start[v] + i) * out.m + j] = *value;
                }
            }
        }
    }

    /// schur −= (Z'W[X y])' b.
    fn subtract_explained(&self, b: &Columns, k: usize, schur: &mut Square) {
        let layout = self.layout();
        for v in 0..layout.symbolic.factor.len() {
            let block = self.cross().block(v);
            for (r, column) in block.right().enumerate() {
                for (i, value) in column.iter().enumerate() {
                    let row = &b.rows(layout.start[v] + i, 1)[..k];
                    row.iter().enumerate().for_each(|(c, bc)| schur[(r, c)] -= value * bc);
                }
            }
        }
        let other = schur.transpose();
        schur.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a = 0.5 * (*a + b));
    }
}
