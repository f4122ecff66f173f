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

use rayon::prelude::*;

use crate::covariance::Templates;
use crate::cross_products::CrossProducts;
use crate::curvature::{Directions, assemble};
use crate::dense::{Square, cholesky, solve_lower, solve_lower_transpose};
use crate::error::Result;
use crate::factor::{Factor, failure};
use crate::layout::{Layout, piece};
use crate::links::{Link, Links};
use crate::objective::Profile;
use crate::problem::{Derivatives, Problem};
use crate::sensitivity::Sensitivity;
use crate::solve::Effects;

/// Stochastic probes for the factors with many levels.
const PROBES: usize = 4;

/// Factors with at most this many scalar rows are probed one by one.
const FEW: usize = 40;

/// Relative residual at which conjugate gradients stop, and the steps they may take.
const RESIDUAL: f64 = 1e-4;
const STEPS: usize = 60;

/// An exact evaluation must cost this many times an iterative one.
const ADVANTAGE: f64 = 2.0;

/// Multiplications per second: dense kernels, and passes over sparse blocks.
const DENSE_RATE: f64 = 8e9;
const SPARSE_RATE: f64 = 1e9;

/// Typical number of steps of conjugate gradients.
const TYPICAL_STEPS: f64 = 8.0;

/// Nodes or leaves that one task visits.
const PER_TASK: usize = 256;

/// Whether iterative evaluations would be far cheaper than exact ones.
pub fn worthwhile(layout: &Layout, templates: &Templates) -> bool {
    let symbolic = &layout.symbolic;
    let columns = layout.k + probe_columns(layout, templates) + templates.parameters.len();
    let exact = 3.0 * symbolic.cost() / DENSE_RATE;
    let pass = 2.0 * symbolic.later.n_items() as f64 * (columns as f64) / SPARSE_RATE;
    exact > 0.03 && exact > ADVANTAGE * TYPICAL_STEPS * pass
}

fn rows_of_factor(layout: &Layout, templates: &Templates) -> Vec<usize> {
    let mut rows = vec![0; templates.widths.len()];
    layout
        .symbolic
        .factor
        .iter()
        .for_each(|&f| rows[f as usize] += templates.widths[f as usize]);
    rows
}

fn probe_columns(layout: &Layout, templates: &Templates) -> usize {
    let rows = rows_of_factor(layout, templates);
    PROBES + rows.into_iter().filter(|&r| r <= FEW).sum::<usize>()
}

/// One θ, with the leaves eliminated.
pub struct Iterative<'a> {
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

/// Row-major vectors with `m` columns, rows by slot.
struct Columns {
    m: usize,
    values: Vec<f64>,
}

impl Columns {
    fn zeros(rows: usize, m: usize) -> Self {
        Self {
            m,
            values: vec![0.0; rows * m],
        }
    }

    #[inline]
    fn rows(&self, start: usize, n: usize) -> &[f64] {
        &self.values[start * self.m..(start + n) * self.m]
    }
}

#[inline(always)]
fn axpy(f: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += f * x);
}

/// out += A b for a column-major block A with `rows` rows and row-major b, out.
#[inline(always)]
fn add_block(rows: usize, a: &[f64], b: &[f64], m: usize, out: &mut [f64]) {
    for (column, b) in a.chunks_exact(rows).zip(b.chunks_exact(m)) {
        for (f, out) in column.iter().zip(out.chunks_exact_mut(m)) {
            axpy(*f, b, out);
        }
    }
}

/// out += f A' b for a column-major block A with `rows` rows.
#[inline(always)]
fn add_block_transpose(rows: usize, a: &[f64], f: f64, b: &[f64], m: usize, out: &mut [f64]) {
    for (column, out) in a.chunks_exact(rows).zip(out.chunks_exact_mut(m)) {
        for (c, b) in column.iter().zip(b.chunks_exact(m)) {
            axpy(f * c, b, out);
        }
    }
}

impl<'a> Iterative<'a> {
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
            out.diagonal_block(v, target)
                .map_err(|_| failure(layout, v))?;
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
            let links = chunk
                .iter()
                .map(|&v| (symbolic.width(v), self.links.of(layout, v)));
            let size = links
                .map(|(w, l)| l.iter().map(|l| l.q as usize * w).sum::<usize>())
                .sum();
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
        let links = self
            .links
            .of(self.layout(), v)
            .iter()
            .filter(|l| l.is_leaf());
        links.map(move |l| {
            (
                l,
                &self.transposed[l.place as usize..][..l.q as usize * width],
            )
        })
    }

    /// Cholesky factor of T'(A_vv − Σ Y_p'Y_p)T + I.
    fn diagonal_block(&self, v: usize, out: &mut [f64]) -> std::result::Result<(), usize> {
        let (own, t) = (self.cross().block(v).own(), self.template(v));
        let q = t.n;
        let mut c = Square {
            n: q,
            data: own.to_vec(),
        };
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
    pub fn derivatives(&self, reml: bool) -> Result<Derivatives> {
        let (layout, k) = (self.layout(), self.layout().k);
        let probes = self.probes();
        let m = k + probes.m;
        let mut right = self.multiply(&probes, Some(k));
        self.load_right(&mut right);
        let (b, a) = self.solve(right);
        let mut schur = Square {
            n: k,
            data: self.cross().total.clone(),
        };
        self.subtract_explained(&b, k, &mut schur);
        let profile = Profile::from_parts(&schur, 0.0, &self.problem.basis, self.problem.n, reml)?;
        let take = |x: &Columns| {
            x.values
                .chunks_exact(m)
                .flat_map(|r| &r[..k])
                .copied()
                .collect()
        };
        let mut effects = Effects {
            k,
            b: take(&b),
            a: take(&a),
        };
        let raw: Vec<f64> = effects.a.clone();
        effects.project(&profile);
        let inverse = self.traces(&probes, &a);
        let t = &self.factor.templates;
        let (gradient, first) = self
            .problem
            .first_order(t, &profile, &effects, inverse, reml);
        let templates = &self.problem.templates;
        let h = Directions::new(layout, templates, t, &effects);
        let columns = Columns {
            m: h.m,
            values: h.values.clone(),
        };
        let right = self.multiply(&columns, None);
        let (_, a_h) = self.solve(right);
        let (mut quadratic, mut mixed) = (Square::zeros(h.m), vec![0.0; (k - 1) * h.m]);
        for (row, h_row) in columns.values.chunks_exact(h.m).enumerate() {
            for (j, hj) in h_row.iter().enumerate().filter(|(_, h)| **h != 0.0) {
                axpy(
                    *hj,
                    a_h.rows(row, 1),
                    &mut quadratic.data[h.m * j..h.m * (j + 1)],
                );
                axpy(
                    *hj,
                    &raw[row * k..row * k + k - 1],
                    &mut mixed[(k - 1) * j..(k - 1) * (j + 1)],
                );
            }
        }
        let other = quadratic.transpose();
        quadratic
            .data
            .iter_mut()
            .zip(&other.data)
            .for_each(|(a, b)| *a = 0.5 * (*a + b));
        let hessian = assemble(templates, &profile, &first, &h, &quadratic, mixed);
        Ok(Derivatives { gradient, hessian })
    }

    /// Random signs on the factors with many levels, unit vectors on the others.
    fn probes(&self) -> Columns {
        let (layout, templates) = (self.layout(), &self.problem.templates);
        let rows = rows_of_factor(layout, templates);
        let m = probe_columns(layout, templates);
        let mut out = Columns::zeros(layout.symbolic.dim(), m);
        let mut next = PROBES;
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        for (v, &f) in layout.symbolic.factor.iter().enumerate() {
            for i in 0..layout.symbolic.width(v) {
                let row = &mut out.values[(layout.start[v] + i) * m..][..m];
                if rows[f as usize] <= FEW {
                    row[next] = 1.0;
                    next += 1;
                } else {
                    for value in &mut row[..PROBES] {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        *value = if state >> 63 == 0 { 1.0 } else { -1.0 };
                    }
                }
            }
        }
        out
    }

    /// Σ_j v_j w_j' per factor, averaged over the stochastic probes; w = Z'V⁻¹Zv follows the k
    /// right-hand columns in `a`.
    fn traces(&self, probes: &Columns, a: &Columns) -> Sensitivity {
        let (layout, k) = (self.layout(), self.layout().k);
        let rows = rows_of_factor(layout, &self.problem.templates);
        let t = &self.factor.templates;
        let zeros: Vec<Square> = t.iter().map(|t| Square::zeros(t.n)).collect();
        let mut s = zeros;
        for (v, &f) in layout.symbolic.factor.iter().enumerate() {
            let (f, start) = (f as usize, layout.start[v]);
            let (span, weight) = if rows[f] <= FEW {
                (PROBES..probes.m, 1.0)
            } else {
                (0..PROBES, 1.0 / PROBES as f64)
            };
            for i in 0..t[f].n {
                let v = &probes.rows(start + i, 1)[span.clone()];
                for j in 0..t[f].n {
                    let w = &a.rows(start + j, 1)[k..][span.clone()];
                    let sum: f64 = v.iter().zip(w).map(|(v, w)| v * w).sum();
                    s[f][(i, j)] += 0.5 * weight * sum;
                    s[f][(j, i)] += 0.5 * weight * sum;
                }
            }
        }
        let g = s.iter().zip(t).map(|(s, t)| s.times(t)).collect();
        Sensitivity {
            s,
            g,
            conditional: Vec::new(),
        }
    }

    /// Writes Z'W[X y] into the first k columns.
    fn load_right(&self, out: &mut Columns) {
        let layout = self.layout();
        for v in 0..layout.symbolic.factor.len() {
            let block = self.cross().block(v);
            for i in 0..block.q {
                let row = &mut out.values[(layout.start[v] + i) * out.m..][..layout.k];
                row.iter_mut()
                    .enumerate()
                    .for_each(|(j, x)| *x = block.right()[block.q * j + i]);
            }
        }
    }

    /// schur −= (Z'W[X y])' b.
    fn subtract_explained(&self, b: &Columns, k: usize, schur: &mut Square) {
        let layout = self.layout();
        for v in 0..layout.symbolic.factor.len() {
            let block = self.cross().block(v);
            for i in 0..block.q {
                let row = &b.rows(layout.start[v] + i, 1)[..k];
                for (c, bc) in row.iter().enumerate() {
                    for r in 0..k {
                        schur[(r, c)] -= block.right()[block.q * r + i] * bc;
                    }
                }
            }
        }
        let other = schur.transpose();
        schur
            .data
            .iter_mut()
            .zip(&other.data)
            .for_each(|(a, b)| *a = 0.5 * (*a + b));
    }

    /// Runs over all positions in the order of their storage, each with its own rows of `out`.
    fn each(
        &self,
        leaves: bool,
        m: usize,
        out: &mut [f64],
        run: impl Fn(usize, &mut [f64]) + Sync,
    ) {
        let layout = self.layout();
        let symbolic = &layout.symbolic;
        let positions: Vec<usize> = if leaves {
            symbolic
                .leaves
                .iter()
                .map(|&s| symbolic.first[s as usize] as usize)
                .collect()
        } else {
            layout.inner_positions().collect()
        };
        let mut tasks = Vec::new();
        let mut rest = out;
        for chunk in positions.chunks(PER_TASK) {
            let size: usize = chunk.iter().map(|&v| symbolic.width(v) * m).sum();
            let (mine, after) = rest.split_at_mut(size);
            tasks.push((chunk, mine));
            rest = after;
        }
        tasks.into_par_iter().for_each(|(chunk, mut rows)| {
            for &v in chunk {
                let (mine, after) = rows.split_at_mut(symbolic.width(v) * m);
                run(v, mine);
                rows = after;
            }
        });
    }

    /// Z'WZ x, placed behind `shift` further columns.
    fn multiply(&self, x: &Columns, shift: Option<usize>) -> Columns {
        let (layout, symbolic) = (self.layout(), &self.layout().symbolic);
        let (m, shift) = (x.m, shift.unwrap_or(0));
        let total = m + shift;
        let mut out = Columns::zeros(symbolic.dim(), total);
        let (leaves, inner) = out
            .values
            .split_at_mut(layout.scalar[layout.n_leaves()] * total);
        let node = |v: usize, out: &mut [f64]| {
            let block = self.cross().block(v);
            let mut sum = vec![0.0; block.q * m];
            add_block(
                block.q,
                block.own(),
                x.rows(layout.start[v], block.q),
                m,
                &mut sum,
            );
            for (&l, &at) in symbolic
                .later
                .of(v)
                .iter()
                .zip(self.cross().later_offsets(v))
            {
                let width = symbolic.width(l as usize);
                let values = &block.later()[block.q * at as usize..][..block.q * width];
                add_block(
                    block.q,
                    values,
                    x.rows(layout.start[l as usize], width),
                    m,
                    &mut sum,
                );
            }
            for link in self.links.of(layout, v) {
                let q = link.q as usize;
                let values = &self.cross().values()[link.a as usize..][..q * block.q];
                add_block_transpose(q, values, 1.0, x.rows(link.start as usize, q), m, &mut sum);
            }
            for (out, sum) in out.chunks_exact_mut(total).zip(sum.chunks_exact(m)) {
                out[shift..].copy_from_slice(sum);
            }
        };
        self.each(true, total, leaves, node);
        self.each(false, total, inner, node);
        out
    }

    /// b = Q c and a = c − Z'WZ b for every column of c.
    fn solve(&self, c: Columns) -> (Columns, Columns) {
        let (layout, symbolic) = (self.layout(), &self.layout().symbolic);
        let m = c.m;
        let first = layout.scalar[layout.n_leaves()];
        let mut u = c.values[..first * m].to_vec();
        self.each(true, m, &mut u, |v, u| {
            let slot = layout.slot_of(v);
            transpose_times(self.template(v), u, m);
            solve_rows(piece(&self.factor.factors, &layout.factor, slot), u, m);
        });
        let u = Columns { m, values: u };
        let mut d = c.values[first * m..].to_vec();
        self.each(false, m, &mut d, |v, d| {
            for (link, y) in self.leaves_of(v) {
                let q = link.q as usize;
                add_block_transpose(q, y, -1.0, u.rows(link.start as usize, q), m, d);
            }
            transpose_times(self.template(v), d, m);
        });
        let mut inner = self.conjugate_gradients(d, m);
        self.each(false, m, &mut inner, |v, x| {
            template_times(self.template(v), x, m)
        });
        let mut b = Columns {
            m,
            values: u.values,
        };
        b.values.extend_from_slice(&inner);
        let (leaves, inner) = b.values.split_at_mut(first * m);
        let inner = &*inner;
        self.each(true, m, leaves, |v, u| {
            let slot = layout.slot_of(v);
            let q = symbolic.width(v);
            let rows = piece(&self.factor.rows, &layout.rows, slot);
            for (&l, &at) in symbolic
                .later
                .of(v)
                .iter()
                .zip(self.cross().later_offsets(v))
            {
                let width = symbolic.width(l as usize);
                let start = (layout.start[l as usize] - first) * m;
                let y = &rows[q * at as usize..q * (at as usize + width)];
                for (column, b) in y
                    .chunks_exact(q)
                    .zip(inner[start..start + width * m].chunks_exact(m))
                {
                    for (f, u) in column.iter().zip(u.chunks_exact_mut(m)) {
                        axpy(-f, b, u);
                    }
                }
            }
            solve_rows_transpose(piece(&self.factor.factors, &layout.factor, slot), u, m);
            template_times(self.template(v), u, m);
        });
        let mut a = self.multiply(&b, None);
        a.values
            .iter_mut()
            .zip(&c.values)
            .for_each(|(a, c)| *a = c - *a);
        (b, a)
    }

    /// S x for the rest: x + Λ'(A − Σ Y'Y)Λ x.
    fn apply(&self, x: &[f64], m: usize) -> Vec<f64> {
        let (layout, symbolic) = (self.layout(), &self.layout().symbolic);
        let first = layout.scalar[layout.n_leaves()];
        let mut scaled = x.to_vec();
        self.each(false, m, &mut scaled, |v, x| {
            template_times(self.template(v), x, m)
        });
        let rows = |v: usize, n: usize| {
            let start = (layout.start[v] - first) * m;
            &scaled[start..start + n * m]
        };
        let mut s = vec![0.0; first * m];
        self.each(true, m, &mut s, |v, s| {
            let slot = layout.slot_of(v);
            let q = symbolic.width(v);
            let y = piece(&self.factor.rows, &layout.rows, slot);
            for (&l, &at) in symbolic
                .later
                .of(v)
                .iter()
                .zip(self.cross().later_offsets(v))
            {
                let width = symbolic.width(l as usize);
                let y = &y[q * at as usize..q * (at as usize + width)];
                add_block(q, y, rows(l as usize, width), m, s);
            }
        });
        let s = Columns { m, values: s };
        let mut out = vec![0.0; x.len()];
        self.each(false, m, &mut out, |v, out| {
            let block = self.cross().block(v);
            add_block(block.q, block.own(), rows(v, block.q), m, out);
            for (&l, &at) in symbolic
                .later
                .of(v)
                .iter()
                .zip(self.cross().later_offsets(v))
            {
                let width = symbolic.width(l as usize);
                let values = &block.later()[block.q * at as usize..][..block.q * width];
                add_block(block.q, values, rows(l as usize, width), m, out);
            }
            for link in self.links.of(layout, v).iter().filter(|l| !l.is_leaf()) {
                let q = link.q as usize;
                let values = &self.cross().values()[link.a as usize..][..q * block.q];
                let start = (link.start as usize - first) * m;
                add_block_transpose(q, values, 1.0, &scaled[start..start + q * m], m, out);
            }
            for (link, y) in self.leaves_of(v) {
                let q = link.q as usize;
                add_block_transpose(q, y, -1.0, s.rows(link.start as usize, q), m, out);
            }
            transpose_times(self.template(v), out, m);
            let start = (layout.start[v] - first) * m;
            out.iter_mut().zip(&x[start..]).for_each(|(o, x)| *o += x);
        });
        out
    }

    /// Solves S x = d for all columns at once.
    fn conjugate_gradients(&self, d: Vec<f64>, m: usize) -> Vec<f64> {
        let precondition = |r: &[f64]| {
            let mut z = r.to_vec();
            self.each(false, m, &mut z, |v, z| {
                let q = self.template(v).n;
                let l = &self.preconditioner[self.block[v]..self.block[v] + q * q];
                solve_rows(l, z, m);
                solve_rows_transpose(l, z, m);
            });
            z
        };
        let mut x = vec![0.0; d.len()];
        let mut r = d;
        let mut z = precondition(&r);
        let mut p = z.clone();
        let mut rz = dots(&r, &z, m);
        let goal: Vec<f64> = rz.iter().map(|v| v * RESIDUAL * RESIDUAL).collect();
        for _ in 0..STEPS {
            if rz.iter().zip(&goal).all(|(now, goal)| now <= goal) {
                break;
            }
            let sp = self.apply(&p, m);
            let curvature = dots(&p, &sp, m);
            let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
            let alpha: Vec<f64> = rz
                .iter()
                .zip(&curvature)
                .map(|(a, b)| ratio(*a, *b))
                .collect();
            add_scaled(&alpha, 1.0, &p, &mut x);
            add_scaled(&alpha, -1.0, &sp, &mut r);
            z = precondition(&r);
            let next = dots(&r, &z, m);
            let beta: Vec<f64> = next.iter().zip(&rz).map(|(a, b)| ratio(*a, *b)).collect();
            for (p, z) in p.chunks_exact_mut(m).zip(z.chunks_exact(m)) {
                for ((p, z), beta) in p.iter_mut().zip(z).zip(&beta) {
                    *p = z + beta * *p;
                }
            }
            rz = next;
        }
        x
    }
}

/// Column-wise inner products.
fn dots(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let mut out = vec![0.0; m];
    for (a, b) in a.chunks_exact(m).zip(b.chunks_exact(m)) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out += a * b;
        }
    }
    out
}

/// y += sign · x diag(f).
fn add_scaled(f: &[f64], sign: f64, x: &[f64], y: &mut [f64]) {
    for (x, y) in x.chunks_exact(f.len()).zip(y.chunks_exact_mut(f.len())) {
        for ((y, x), f) in y.iter_mut().zip(x).zip(f) {
            *y += sign * f * x;
        }
    }
}

/// X ← T'X for row-major X.
fn transpose_times(t: &Square, x: &mut [f64], m: usize) {
    for i in 0..t.n {
        let (head, tail) = x.split_at_mut((i + 1) * m);
        let row = &mut head[i * m..];
        row.iter_mut().for_each(|v| *v *= t[(i, i)]);
        for s in i + 1..t.n {
            axpy(t[(s, i)], &tail[(s - i - 1) * m..(s - i) * m], row);
        }
    }
}

/// X ← TX for row-major X.
fn template_times(t: &Square, x: &mut [f64], m: usize) {
    for i in (0..t.n).rev() {
        let (head, tail) = x.split_at_mut(i * m);
        let row = &mut tail[..m];
        row.iter_mut().for_each(|v| *v *= t[(i, i)]);
        for s in 0..i {
            axpy(t[(i, s)], &head[s * m..(s + 1) * m], row);
        }
    }
}

/// X ← L⁻¹X for row-major X; L is q × q with q from the length of X.
fn solve_rows(l: &[f64], x: &mut [f64], m: usize) {
    let q = x.len() / m;
    let mut column = vec![0.0; q];
    in_columns(q, m, x, &mut column, |c| solve_lower(q, l, c, 1));
}

/// X ← L⁻ᵀX for row-major X.
fn solve_rows_transpose(l: &[f64], x: &mut [f64], m: usize) {
    let q = x.len() / m;
    let mut column = vec![0.0; q];
    in_columns(q, m, x, &mut column, |c| solve_lower_transpose(q, l, c, 1));
}

fn in_columns(q: usize, m: usize, x: &mut [f64], column: &mut [f64], run: impl Fn(&mut [f64])) {
    if q == 1 {
        // One scalar row: all columns are divided by the same number.
        let mut one = [1.0];
        run(&mut one);
        x.iter_mut().for_each(|v| *v *= one[0]);
        return;
    }
    for j in 0..m {
        (0..q).for_each(|i| column[i] = x[i * m + j]);
        run(column);
        (0..q).for_each(|i| x[i * m + j] = column[i]);
    }
}
