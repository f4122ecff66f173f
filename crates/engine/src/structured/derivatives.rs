//! Gradient of the criterion and a model of its Hessian.
//!
//! For a term, with G = Σ_j [AΛM⁻¹]_jj − Σ_c a_c u_c' [REML] − a u'/σ̂² (q × r) and S T = G,
//!
//! ```text
//!     ∂d/∂φ_i = 2⟨G, ∂_iT⟩        H_ij = AI_ij + 2⟨S ∂_jT, ∂_iT⟩ + 2⟨G, ∂_ijT⟩
//! ```
//!
//! for the residual's parameters ⟨D, ∂_iR⟩ and AI_ij + ⟨D, ∂_ijR⟩ (see `score`). The average
//! information of directions f_i = ∂_iV P y is f_i'Pf_j/σ̂² − (f_i'V⁻¹r)(f_j'V⁻¹r)/(σ̂⁴ df), its second
//! part only where σ is profiled out.

use super::inverse::{Inverse, forward};
use super::pattern::Plan;
use super::point::{Point, Solved};
use super::problem::Problem;
use super::score::{Pass, Score};
use super::whitening::LogSd;
use crate::covariance::{Expansion, Matrix, Order, covariance};
use crate::cross_products::CrossProducts;
use crate::dense::{Square, cholesky, solve_lower, solve_lower_transpose};
use crate::error::Result;
use crate::objective::Criterion;
use crate::row_major::axpy;
use crate::watch;

/// Share of its diagonal that is added to TT' where it is divided by.
const RIDGE: f64 = 1e-12;

/// Gradient and Hessian model in θ.
#[derive(Debug, Clone)]
pub struct Derivatives {
    /// ∂d/∂θ.
    pub gradient: Vec<f64>,
    /// The Hessian model.
    pub hessian: Square,
}

/// Everything second-order that is known of a point, over the full vector of parameters.
struct Sums<'a> {
    problem: &'a Problem,
    point: &'a Point,
    solved: &'a Solved,
    templates: Vec<Expansion<Matrix<f64>>>,
    curves: Vec<Option<Expansion<Square>>>,
    /// G of every term.
    g: Vec<Matrix<f64>>,
    score: Option<Score>,
}

impl Problem {
    /// Gradient and Hessian model at a point.
    pub fn derivatives(&self, point: &Point, criterion: Criterion) -> Result<Derivatives> {
        let solved = self.solved(point);
        let inverse = Inverse::new(&point.factor, &point.cross)?;
        let templates = self.templates(&point.full, Order::Second)?;
        let curves = self.curves(&point.full);
        let g = self.slopes_of_terms(point, &solved, &inverse, criterion);
        let score = (!self.places.residual().is_empty()).then(|| {
            let log_sd = LogSd::new(&self.design, &self.blocks, &self.places, &point.full);
            let slopes = self.whitened_slopes(point, &curves);
            let (solved, inverse) = (&solved, &inverse);
            let (reml, curves, log_sd) = (criterion.reml, &curves[..], &log_sd);
            Pass { problem: self, point, solved, inverse, curves, log_sd, slopes, reml }.run()
        });
        let sums = Sums { problem: self, point, solved: &solved, templates, curves, g, score };
        let (gradient, bends) = sums.first_and_bends();
        let mut hessian = sums.average_information(criterion);
        hessian.add(&bends);
        watch::check()?;
        Ok(Derivatives {
            gradient: self.freedom.pull_back(&gradient),
            hessian: self.pulled_back(&hessian),
        })
    }

    /// C of every pattern with its derivatives; None where it is fixed.
    fn curves(&self, full: &[f64]) -> Vec<Option<Expansion<Square>>> {
        let one = |pattern: &super::blocks::Pattern| {
            let residual = self.design.residual.as_ref()?;
            let phi = &full[self.places.parts[pattern.part].clone()];
            let structure = &*residual.structures[pattern.part];
            Some(covariance(structure, phi, &pattern.positions, Order::Second))
        };
        use rayon::prelude::*;
        self.blocks.patterns.par_iter().with_min_len(16).map(one).collect()
    }

    fn whitened_slopes(
        &self,
        point: &Point,
        curves: &[Option<Expansion<Square>>],
    ) -> Vec<Vec<Option<Square>>> {
        let one = |(p, curve): (usize, &Option<Expansion<Square>>)| {
            let Some(curve) = curve else { return vec![] };
            let place = self.places.parts[self.blocks.patterns[p].part].clone();
            let free = |i: &usize| self.freedom.of(place.start + i).is_some();
            let own = &point.white.patterns[p];
            let slope = |i: usize| curve.first(i).filter(|_| free(&i)).map(|c| own.whitened(c));
            (0..place.len()).map(slope).collect()
        };
        curves.iter().enumerate().map(one).collect()
    }

    /// G per term.
    fn slopes_of_terms(
        &self,
        point: &Point,
        solved: &Solved,
        inverse: &Inverse,
        criterion: Criterion,
    ) -> Vec<Matrix<f64>> {
        let (grid, layout, k) = (&self.plan.grid, &self.plan.layout, self.k());
        let mut g = traces(&self.plan, &point.raw.a, &point.cross, &point.templates, inverse);
        let columns = if criterion.reml { 0..k } else { k - 1..k };
        for v in 0..grid.width.len() {
            let g = &mut g[layout.symbolic.factor[v] as usize];
            for c in columns.clone() {
                let f = if c == k - 1 { point.variance.recip() } else { 1.0 };
                for i in 0..g.rows {
                    let a = solved.a[(grid.offset[v] + i) * k + c] * f;
                    for j in 0..g.columns {
                        g[(i, j)] -= a * solved.u[(layout.start[v] + j) * k + c];
                    }
                }
            }
        }
        g
    }

    fn pulled_back(&self, full: &Square) -> Square {
        let mut out = Square::zeros(self.freedom.n_free);
        for j in 0..full.n {
            let Some(b) = self.freedom.of(j) else { continue };
            for i in 0..full.n {
                if let Some(a) = self.freedom.of(i) {
                    out[(a, b)] += full[(i, j)];
                }
            }
        }
        out
    }
}

/// Per term Σ_j [AΛC]_jj over its levels, for a symmetric C of which the blocks on the pattern of M are
/// given: M⁻¹ where this is half the slope of log|M| in T.
pub fn traces(
    plan: &Plan,
    a_blocks: &[f64],
    cross: &CrossProducts,
    templates: &[Expansion<Matrix<f64>>],
    inverse: &Inverse,
) -> Vec<Matrix<f64>> {
    let (grid, symbolic) = (&plan.grid, &plan.layout.symbolic);
    let shape = |t: &Expansion<Matrix<f64>>| Matrix::zeros(t.value.rows, t.value.columns);
    let mut g: Vec<Matrix<f64>> = templates.iter().map(shape).collect();
    for v in 0..grid.width.len() {
        let t = symbolic.factor[v] as usize;
        let own = &templates[t].value;
        let (q, r) = (own.rows, own.columns);
        let a = &a_blocks[grid.start[v]..grid.start[v + 1]];
        let m = inverse.of(cross, v);
        add_triple(&a[..q * q], q, own, &m[..r * r], r, false, &mut g[t]);
        let offsets = cross.later_offsets(v);
        for ((&l, item), at) in
            symbolic.later.of(v).iter().zip(symbolic.later.range(v)).zip(offsets)
        {
            let s = symbolic.factor[l as usize] as usize;
            let other = &templates[s].value;
            let from = q * (q + grid.later[item] as usize);
            let a = &a[from..from + q * other.rows];
            let from = r * (r + *at as usize);
            let m = &m[from..from + r * other.columns];
            // A_vl T_l M⁻¹_lv for v, and A_lv T_v M⁻¹_vl for l.
            add_triple(a, q, other, m, r, true, &mut g[t]);
            add_triple_transposed(a, q, own, m, r, &mut g[s]);
        }
    }
    g
}

/// G += A T M⁻¹ for A (q × ·) and a block of M⁻¹ (r × ·, or its transpose).
fn add_triple(
    a: &[f64],
    q: usize,
    t: &Matrix<f64>,
    inverse: &[f64],
    r: usize,
    transposed: bool,
    g: &mut Matrix<f64>,
) {
    for s in 0..t.columns {
        for i in 0..q {
            let at: f64 = (0..t.rows).map(|u| a[i + q * u] * t[(u, s)]).sum();
            for j in 0..r {
                let m = if transposed { inverse[j + r * s] } else { inverse[s + r * j] };
                g[(i, j)] += at * m;
            }
        }
    }
}

/// G += A' T M⁻¹ for A (q × ·) and a block of M⁻¹ (r × ·).
fn add_triple_transposed(
    a: &[f64],
    q: usize,
    t: &Matrix<f64>,
    inverse: &[f64],
    r: usize,
    g: &mut Matrix<f64>,
) {
    for s in 0..t.columns {
        for i in 0..g.rows {
            let at: f64 = (0..t.rows).map(|u| a[u + q * i] * t[(u, s)]).sum();
            for j in 0..g.columns {
                g[(i, j)] += at * inverse[s + r * j];
            }
        }
    }
}

impl Sums<'_> {
    /// ∂d/∂full, and the part of the Hessian that is not the average information.
    fn first_and_bends(&self) -> (Vec<f64>, Square) {
        let total = self.problem.places.total;
        let (mut gradient, mut bends) = (vec![0.0; total], Square::zeros(total));
        for t in 0..self.templates.len() {
            let place = self.problem.places.terms[t].start;
            add_term(&self.templates[t], &self.g[t], place, &mut gradient, &mut bends);
        }
        if let Some(score) = &self.score {
            self.residual(score, &mut gradient, &mut bends);
        }
        (gradient, bends)
    }

    fn residual(&self, score: &Score, gradient: &mut [f64], bends: &mut Square) {
        let problem = self.problem;
        let range = problem.places.residual();
        for (&p, inner_d) in &score.patterns {
            let (own, pattern) =
                (&self.point.white.patterns[p as usize], &problem.blocks.patterns[p as usize]);
            let Some(curve) = &self.curves[p as usize] else { continue };
            let d = own.unwhitened(inner_d);
            let place = problem.places.parts[pattern.part].clone();
            for i in 0..place.len() {
                let at = place.start + i;
                gradient[at] += curve.first(i).map_or(0.0, |c| inner(&c.data, &d.data));
                for j in 0..=i {
                    let Some(bend) = curve.second(i, j) else { continue };
                    let value = inner(&bend.data, &d.data);
                    bends[(at, place.start + j)] += value;
                    if i != j {
                        bends[(place.start + j, at)] += value;
                    }
                }
            }
        }
        let (m, m_spread) = (range.len(), score.spread.len());
        let first = range.end - m_spread;
        for (g, slope) in score.spread.iter().enumerate() {
            gradient[first + g] += slope;
            for j in 0..m {
                let value = score.bends[j + m * g];
                bends[(range.start + j, first + g)] += value;
                if range.start + j < first {
                    bends[(first + g, range.start + j)] += value;
                }
            }
        }
    }

    /// The average information over the full vector.
    fn average_information(&self, criterion: Criterion) -> Square {
        let problem = self.problem;
        let (k, total) = (problem.k(), problem.places.total);
        let grid = &problem.plan.grid;
        let residual = problem.places.residual();
        let n_terms = residual.start;
        let d = directions(problem, &self.templates, &self.solved.u, &self.solved.a);
        let ad = problem.plan.times_a(&self.point.raw.a, &d, n_terms);
        let mut gram = Square::zeros(total);
        let mut mixed = vec![0.0; total * k];
        let mut cross = vec![0.0; grid.offset[grid.width.len()] * total];
        let m = residual.len();
        for (row, out) in cross.chunks_exact_mut(total.max(1)).enumerate() {
            let own = &d[row * n_terms..(row + 1) * n_terms];
            out[..n_terms].copy_from_slice(&ad[row * n_terms..(row + 1) * n_terms]);
            if let Some(score) = &self.score {
                out[n_terms..].copy_from_slice(&score.cross[row * m..(row + 1) * m]);
            }
            let a = &self.solved.a[row * k..(row + 1) * k];
            for (i, v) in own.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                for (j, c) in out.iter().enumerate().skip(i) {
                    gram[(i, j)] += v * c;
                }
                (0..k).for_each(|c| mixed[i + total * c] += v * a[c]);
            }
        }
        if let Some(score) = &self.score {
            for j in 0..m {
                (0..=j).for_each(|i| gram[(n_terms + i, n_terms + j)] = score.gram[i + m * j]);
                (0..k).for_each(|c| mixed[n_terms + j + total * c] = score.mixed[j + m * c]);
            }
        }
        let mut inner = problem.plan.spherical_scale(&self.point.templates, &cross, total);
        forward(&self.point.factor, &mut inner, total);
        for row in inner.chunks_exact(total.max(1)) {
            for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                (0..=j).for_each(|i| gram[(i, j)] -= row[i] * v);
            }
        }
        self.finished(gram, &mixed, criterion)
    }

    fn finished(&self, mut gram: Square, mixed: &[f64], criterion: Criterion) -> Square {
        let (n, p) = (gram.n, self.problem.k() - 1);
        let (variance, df) = (self.point.variance, self.point.profile.df);
        let at = |i: usize, c: usize| mixed[i + n * c];
        for j in 0..n {
            for i in 0..=j {
                let fixed: f64 = (0..p).map(|c| at(i, c) * at(j, c)).sum();
                let mut value = (gram[(i, j)] - fixed) / variance;
                if criterion.sigma.is_none() {
                    value -= at(i, p) * at(j, p) / (variance * variance * df);
                }
                gram[(i, j)] = value;
                gram[(j, i)] = value;
            }
        }
        gram
    }
}

/// d_v = ∂_iT û_v + T ∂_iT'(Ka)_v per parameter of a term, row-major by position.
/// û and a = Z'V⁻¹(y − Xβ̂) are the last of the k columns of `u` (by slot) and `a` (by position).
pub fn directions(
    problem: &Problem,
    templates: &[Expansion<Matrix<f64>>],
    u: &[f64],
    a: &[f64],
) -> Vec<f64> {
    let (grid, layout) = (&problem.plan.grid, &problem.plan.layout);
    let (k, m) = (problem.k(), problem.places.residual().start);
    let mut out = vec![0.0; grid.offset[grid.width.len()] * m];
    for v in 0..grid.width.len() {
        let t = layout.symbolic.factor[v] as usize;
        let template = &templates[t];
        let (value, place) = (&template.value, problem.places.terms[t].clone());
        let own: Vec<f64> =
            (0..value.columns).map(|j| u[(layout.start[v] + j) * k + k - 1]).collect();
        let ka: Vec<f64> = if problem.design.terms[t].precision.is_some() {
            spread_out(value, &own)
        } else {
            (0..value.rows).map(|i| a[(grid.offset[v] + i) * k + k - 1]).collect()
        };
        for i in 0..place.len() {
            let Some(slope) = template.first(i) else { continue };
            let back: Vec<f64> = (0..slope.columns)
                .map(|c| (0..slope.rows).map(|r| slope[(r, c)] * ka[r]).sum())
                .collect();
            for row in 0..value.rows {
                let one: f64 = (0..value.columns).map(|c| slope[(row, c)] * own[c]).sum();
                let two: f64 = (0..value.columns).map(|c| value[(row, c)] * back[c]).sum();
                out[(grid.offset[v] + row) * m + place.start + i] = one + two;
            }
        }
    }
    out
}

/// 2⟨G, ∂_iT⟩ for the parameters of a term, and 2⟨S ∂_jT, ∂_iT⟩ + 2⟨G, ∂_ijT⟩; they start at `at`.
pub fn add_term(
    template: &Expansion<Matrix<f64>>,
    g: &Matrix<f64>,
    at: usize,
    gradient: &mut [f64],
    bends: &mut Square,
) {
    let s = divided(g, &template.value);
    for i in 0..template.n_directions() {
        let Some(di) = template.first(i) else { continue };
        gradient[at + i] += 2.0 * inner(&g.data, &di.data);
        let sd = times(&s, di);
        for j in 0..=i {
            let mut bend = template.second(i, j).map_or(0.0, |b| 2.0 * inner(&g.data, &b.data));
            if let Some(dj) = template.first(j) {
                bend += 2.0 * inner(&sd.data, &dj.data);
            }
            bends[(at + i, at + j)] = bend;
            bends[(at + j, at + i)] = bend;
        }
    }
}

/// S with S T = G: G T' (TT')⁻¹, its symmetric part.
fn divided(g: &Matrix<f64>, t: &Matrix<f64>) -> Square {
    let q = t.rows;
    let mut s = Square::zeros(q);
    for c in 0..t.columns {
        for j in 0..q {
            (0..q).for_each(|i| s[(i, j)] += g[(i, c)] * t[(j, c)]);
        }
    }
    // (TT')⁻¹ from the right: the transpose from the left.
    let mut s = s.transpose();
    solve_gram(t, &mut s.data);
    let other = s.transpose();
    s.add(&other);
    s.data.iter_mut().for_each(|v| *v *= 0.5);
    s
}

/// (TT')⁻¹T u = (T')⁺u.
fn spread_out(t: &Matrix<f64>, u: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> =
        (0..t.rows).map(|i| (0..t.columns).map(|c| t[(i, c)] * u[c]).sum()).collect();
    solve_gram(t, &mut out);
    out
}

/// (TT')⁻¹B in place, at unit diagonal with a ridge against rounding error; a zero row stays zero.
fn solve_gram(t: &Matrix<f64>, b: &mut [f64]) {
    let q = t.rows;
    let mut gram = Square::zeros(q);
    for c in 0..t.columns {
        for j in 0..q {
            (0..q).for_each(|i| gram[(i, j)] += t[(i, c)] * t[(j, c)]);
        }
    }
    let scale: Vec<f64> = (0..q).map(|i| gram[(i, i)].sqrt()).collect();
    let inverse: Vec<f64> = scale.iter().map(|s| if *s > 0.0 { s.recip() } else { 0.0 }).collect();
    for j in 0..q {
        (0..q).for_each(|i| gram[(i, j)] *= inverse[i] * inverse[j]);
        gram[(j, j)] = 1.0 + RIDGE;
    }
    if cholesky(q, &mut gram.data).is_err() {
        (0..q).for_each(|j| gram[(j, j)] = 1.0);
        return;
    }
    for column in b.chunks_exact_mut(q) {
        column.iter_mut().zip(&inverse).for_each(|(b, f)| *b *= f);
        solve_lower(q, &gram.data, column, 1);
        solve_lower_transpose(q, &gram.data, column, 1);
        column.iter_mut().zip(&inverse).for_each(|(b, f)| *b *= f);
    }
}

fn times(s: &Square, m: &Matrix<f64>) -> Matrix<f64> {
    let mut out = Matrix::zeros(m.rows, m.columns);
    for j in 0..m.columns {
        for c in 0..m.rows {
            let column = &s.data[s.n * c..s.n * (c + 1)];
            axpy(m[(c, j)], column, &mut out.data[m.rows * j..m.rows * (j + 1)]);
        }
    }
    out
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
