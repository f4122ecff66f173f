//! The exact gradient of the criterion in ψ = (θ, γ, δ), and a model of its Hessian.
//!
//! d depends on ψ directly, through M, and through the modes. With C = ΛM⁻¹Λ', the leverages
//! h_i = z_i'Cz_i, w' = ∂w/∂η and g_i = h_i w'_i, one more solve carries the modes,
//!
//! ```text
//!     λ = M⁻¹Λ'Z'g,    v = ZΛλ,    r = −2s + g − Wv
//!     ∂d/∂γ = X'r
//!     ∂d/∂T = Σ_j [ (Z'r)_j u_j' + (Z's)_j λ_j' ] + 2 Σ_j [AΛM⁻¹]_jj
//!     ∂d/∂δ = Σ_i (−2 ∂ℓ_i + h_i ∂w_i + v_i ∂s_i) ∂a_i/∂δ
//! ```
//!
//! (the first parts are stationary in û). With quadrature, M⁻¹ in the second and h is the adjoint of M
//! that the nodes give, −2s a mean over the nodes, and the modes have an adjoint of their own.
//!
//! The model of the Hessian has the part −2 Σ ℓ + u'Qu exactly, û following ψ, and of log|M| what the
//! average information says of θ; the search learns the rest from the gradients.

use super::auxiliary::{Auxiliaries, add_bends};
use super::point::{Parts, Point};
use super::problem::Problem;
use super::rows::{Slopes, summed};
use crate::covariance::{Expansion, Matrix, Order};
use crate::dense::Square;
use crate::error::Result;
use crate::structured::{Inverse, add_term, backward, directions, forward, traces};
use crate::watch;

/// Gradient and Hessian model in ψ.
#[derive(Debug, Clone)]
pub struct Derivatives {
    /// ∂d/∂ψ.
    pub gradient: Vec<f64>,
    /// The Hessian model.
    pub hessian: Square,
    /// ∂û/∂ψ, row-major by slot.
    pub motion: Vec<f64>,
}

impl Derivatives {
    /// û after a step of ψ, to first order.
    pub fn followed(&self, modes: &[f64], step: &[f64]) -> Vec<f64> {
        let own = |i: usize| self.motion[i * step.len()..(i + 1) * step.len()].iter();
        let along = |i: usize| own(i).zip(step).map(|(m, s)| m * s).sum::<f64>();
        modes.iter().enumerate().map(|(i, u)| u + along(i)).collect()
    }
}

/// What both are made of.
pub(super) struct Parted<'a> {
    problem: &'a Problem,
    point: &'a Point,
    auxiliaries: Auxiliaries<'a>,
    slopes: Slopes,
    templates: Vec<Expansion<Matrix<f64>>>,
    /// Z's by position.
    scores: Vec<f64>,
}

impl Problem {
    /// Gradient and Hessian model at a point.
    pub fn derivatives(&self, point: &Point) -> Result<Derivatives> {
        let parted = Parted::new(self, point)?;
        let (gradient, bends) = parted.gradient()?;
        watch::check()?;
        let columns = parted.columns();
        let driven = parted.by_position(&columns);
        let hessian = parted.hessian(&bends, &columns, &driven);
        let motion = parted.motion(&driven);
        Ok(Derivatives { gradient, hessian, motion })
    }

    /// The exact gradient alone.
    pub fn gradient(&self, point: &Point) -> Result<Vec<f64>> {
        Ok(Parted::new(self, point)?.gradient()?.0)
    }
}

impl<'a> Parted<'a> {
    pub(super) fn new(problem: &'a Problem, point: &'a Point) -> Result<Self> {
        let Parts { delta, .. } = problem.parts(&point.psi);
        let auxiliaries = Auxiliaries::new(&problem.sources, &problem.y, delta);
        let slopes = problem.slopes(&point.modes.rows.eta, &auxiliaries);
        let templates = problem.covariances.templates(&point.full, Order::Second)?;
        let scores = problem.z_transposed_vector(&point.modes.rows.score);
        Ok(Self { problem, point, auxiliaries, slopes, templates, scores })
    }

    /// ∂d/∂ψ, and the part of the Hessian in the full vector of covariance parameters that bends of T
    /// make.
    fn gradient(&self) -> Result<(Vec<f64>, Square)> {
        let (problem, point, modes) = (self.problem, self.point, &self.point.modes);
        let plan = &problem.covariances.plan;
        let inverse = match &point.quadrature {
            None => Inverse::new(&modes.factor, &modes.cross)?,
            Some(q) => Inverse::of_blocks(q.inverse.clone()),
        };
        let covariance = problem.covariances.sandwiched(&point.templates, &modes.cross, &inverse);
        let leverage = problem.row_forms(&covariance);
        let moved: Vec<f64> =
            leverage.iter().zip(&self.slopes.weight).map(|(h, w)| h * w).collect();
        let mut lambda =
            plan.spherical_scale(&point.templates, &problem.z_transposed_vector(&moved), 1);
        if let Some(q) = &point.quadrature {
            lambda.iter_mut().zip(&q.modes).for_each(|(l, u)| *l += u);
        }
        forward(&modes.factor, &mut lambda, 1);
        backward(&modes.factor, &mut lambda, 1);
        let carried = self.along(&lambda);
        let direct = |row: usize| match &point.quadrature {
            None => -2.0 * modes.rows.score[row],
            Some(q) => q.scores[row],
        };
        let weight = &modes.rows.weight;
        let rest = |row: usize| moved[row] - weight[row] * carried[row];
        let first = problem.n_theta();
        let mut gradient = vec![0.0; problem.n_parameters()];
        let of_gamma = summed(problem.n(), problem.p, |row, sums| {
            let r = direct(row) + rest(row);
            sums.iter_mut().zip(problem.x_of(row)).for_each(|(s, x)| *s += r * x);
        });
        gradient[first..first + problem.p].copy_from_slice(&of_gamma);
        let of_delta = self.of_delta(&leverage, &carried);
        gradient[first + problem.p..].copy_from_slice(&of_delta);
        let own: Vec<f64> = (0..problem.n())
            .map(|row| rest(row) + if point.quadrature.is_none() { direct(row) } else { 0.0 })
            .collect();
        let slopes = self.of_templates(&inverse, &own, &lambda);
        let places = &problem.covariances.places;
        let (mut of_full, mut bends) = (vec![0.0; places.total], Square::zeros(places.total));
        for (t, g) in slopes.iter().enumerate() {
            add_term(&self.templates[t], g, places.terms[t].start, &mut of_full, &mut bends);
        }
        let of_theta = problem.covariances.freedom.pull_back(&of_full);
        gradient[..first].copy_from_slice(&of_theta);
        Ok((gradient, bends))
    }

    /// v = ZΛλ.
    fn along(&self, lambda: &[f64]) -> Vec<f64> {
        let problem = self.problem;
        let b = problem.covariances.plan.data_scale(&self.point.templates, lambda, 1);
        problem.along(&b)
    }

    /// Half of ∂d/∂T per term.
    fn of_templates(&self, inverse: &Inverse, rest: &[f64], lambda: &[f64]) -> Vec<Matrix<f64>> {
        let (problem, point) = (self.problem, self.point);
        let plan = &problem.covariances.plan;
        let (grid, layout) = (&plan.grid, &plan.layout);
        let mut g = traces(plan, &point.modes.a, &point.modes.cross, &point.templates, inverse);
        let rest = problem.z_transposed_vector(rest);
        for v in 0..grid.width.len() {
            let g = &mut g[layout.symbolic.factor[v] as usize];
            for i in 0..g.rows {
                let at = grid.offset[v] + i;
                for j in 0..g.columns {
                    let slot = layout.start[v] + j;
                    let carried = self.scores[at] * lambda[slot];
                    g[(i, j)] += 0.5 * (rest[at] * point.modes.u[slot] + carried);
                }
            }
        }
        if let Some(q) = &point.quadrature {
            for (g, more) in g.iter_mut().zip(&q.templates) {
                g.data.iter_mut().zip(&more.data).for_each(|(g, m)| *g += 0.5 * m);
            }
        }
        g
    }

    fn of_delta(&self, leverage: &[f64], carried: &[f64]) -> Vec<f64> {
        let (problem, k) = (self.problem, self.auxiliaries.width);
        let direct = self.point.quadrature.as_ref();
        summed(problem.n(), self.auxiliaries.n_parameters, |row, sums| {
            self.auxiliaries.slopes(row, |a, j, slope, _| {
                let [own, score, weight] = self.slopes.auxiliary[row * k + a];
                let own = direct.map_or(-2.0 * own, |q| q.auxiliaries[row * k + a]);
                sums[j] += slope * (own - leverage[row] * weight + carried[row] * score);
            });
        })
    }

    /// The Hessian model: see the head of the file.
    fn hessian(&self, bends: &Square, columns: &[f64], driven: &[f64]) -> Square {
        let (problem, point) = (self.problem, self.point);
        let own = &problem.covariances;
        let (total, p, k) = (own.places.total, problem.p, self.auxiliaries.n_parameters);
        let m = total + p + k;
        let d = directions(own, &self.templates, &point.modes.u, &self.scores);
        let ad = own.plan.times_a(&point.modes.a, &d, total);
        let mut cross = vec![0.0; own.plan.grid.offset[own.plan.grid.width.len()] * m];
        let mut full = Square::zeros(m);
        for (row, out) in cross.chunks_exact_mut(m.max(1)).enumerate() {
            out[..total].copy_from_slice(&ad[row * total..(row + 1) * total]);
            out[total..].copy_from_slice(&driven[row * (p + k)..(row + 1) * (p + k)]);
            for (i, v) in d[row * total..(row + 1) * total].iter().enumerate() {
                out.iter().enumerate().skip(i).for_each(|(j, c)| full[(i, j)] += v * c);
            }
        }
        self.add_direct(columns, &mut full);
        let mut inner = own.plan.spherical_scale(&point.templates, &cross, m);
        forward(&point.modes.factor, &mut inner, m);
        for row in inner.chunks_exact(m.max(1)) {
            for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                (0..=j).for_each(|i| full[(i, j)] -= row[i] * v);
            }
        }
        for j in 0..m {
            for i in 0..=j {
                let bend = if j < total { bends[(i, j)] } else { 0.0 };
                let value = if j < total { full[(i, j)] } else { 2.0 * full[(i, j)] } + bend;
                full[(i, j)] = value;
                full[(j, i)] = value;
            }
        }
        self.pulled_back(&full)
    }

    /// ∂û/∂ψ, row-major by slot. From Λ'Z's = Qû,
    ///
    /// ```text
    ///     M ∂û = ∂Λ'Z's − Λ'Z'(WZ ∂Λ û + WX ∂γ − ∂s/∂δ ∂δ)
    /// ```
    pub(super) fn motion(&self, driven: &[f64]) -> Vec<f64> {
        let (problem, point) = (self.problem, self.point);
        let plan = &problem.covariances.plan;
        let (n_theta, m) = (problem.n_theta(), problem.n_parameters());
        let (moved, mut right) = self.moved();
        let mut inner = plan.times_a(&point.modes.a, &moved, n_theta);
        let width = m - n_theta;
        let mut all = vec![0.0; driven.len() / width.max(1) * m];
        if width == 0 {
            all = std::mem::take(&mut inner);
        }
        for (row, out) in all.chunks_exact_mut(m.max(1)).enumerate().filter(|_| width > 0) {
            out[..n_theta].copy_from_slice(&inner[row * n_theta..(row + 1) * n_theta]);
            out[n_theta..].copy_from_slice(&driven[row * width..(row + 1) * width]);
        }
        let drawn = plan.spherical_scale(&point.templates, &all, m);
        right.iter_mut().zip(&drawn).for_each(|(r, d)| *r -= d);
        forward(&point.modes.factor, &mut right, m);
        backward(&point.modes.factor, &mut right, m);
        right
    }

    /// ∂Λ û in the columns of θ, by position, and ∂Λ'Z's in those of ψ, by slot.
    pub(super) fn moved(&self) -> (Vec<f64>, Vec<f64>) {
        let (problem, own) = (self.problem, &self.problem.covariances);
        let (grid, layout) = (&own.plan.grid, &own.plan.layout);
        let (n_theta, m) = (problem.n_theta(), problem.n_parameters());
        let mut moved = vec![0.0; self.scores.len() * n_theta];
        let mut right = vec![0.0; problem.n_effects() * m];
        for v in 0..grid.width.len() {
            let t = layout.symbolic.factor[v] as usize;
            for (i, entry) in own.places.terms[t].clone().enumerate() {
                let (Some(slope), Some(j)) = (self.templates[t].first(i), own.freedom.of(entry))
                else {
                    continue;
                };
                for c in 0..slope.columns {
                    let slot = layout.start[v] + c;
                    for r in 0..slope.rows {
                        let at = grid.offset[v] + r;
                        moved[at * n_theta + j] += slope[(r, c)] * self.point.modes.u[slot];
                        right[slot * m + j] += slope[(r, c)] * self.scores[at];
                    }
                }
            }
        }
        (moved, right)
    }

    /// Z' times columns of the rows, by position.
    pub(super) fn by_position(&self, columns: &[f64]) -> Vec<f64> {
        let width = self.problem.p + self.auxiliaries.n_parameters;
        self.problem.z_transposed(width, |row, out| {
            out.copy_from_slice(&columns[row * width..(row + 1) * width]);
        })
    }

    /// [WX̃ | −∂s/∂δ], row-major.
    pub(super) fn columns(&self) -> Vec<f64> {
        let (problem, k) = (self.problem, self.auxiliaries.width);
        let width = problem.p + self.auxiliaries.n_parameters;
        let mut out = vec![0.0; problem.n() * width];
        for (row, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
            let w = self.point.modes.rows.weight[row];
            out.iter_mut().zip(problem.x_of(row)).for_each(|(o, x)| *o = w * x);
            self.auxiliaries.slopes(row, |a, j, slope, _| {
                out[problem.p + j] -= slope * self.slopes.auxiliary[row * k + a][1];
            });
        }
        out
    }

    /// X'WX, −X'∂s/∂δ and −∂²ℓ/∂δ².
    fn add_direct(&self, columns: &[f64], full: &mut Square) {
        let (problem, width) = (self.problem, self.auxiliaries.width);
        let (p, k) = (problem.p, self.auxiliaries.n_parameters);
        let at = full.n - p - k;
        let m = p + k;
        let sums = summed(problem.n(), p * m, |row, sums| {
            let own = &columns[row * m..(row + 1) * m];
            for (x, sums) in problem.x_of(row).iter().zip(sums.chunks_exact_mut(m.max(1))) {
                sums.iter_mut().zip(own).for_each(|(s, c)| *s += x * c);
            }
        });
        for i in 0..p {
            (i..m).for_each(|j| full[(at + i, at + j)] += sums[i * m + j]);
        }
        if k == 0 {
            return;
        }
        let squares = summed(problem.n(), k * k, |row, sums| {
            let slope = |a: usize| -self.slopes.auxiliary[row * width + a][0];
            let bend = |a: usize, b: usize| -self.slopes.bends[(row * width + a) * width + b];
            add_bends(&self.auxiliaries, row, slope, bend, sums);
        });
        for j in 0..k {
            (0..=j).for_each(|i| full[(at + p + i, at + p + j)] += squares[i + k * j]);
        }
    }

    fn pulled_back(&self, full: &Square) -> Square {
        let problem = self.problem;
        let (freedom, total) = (&problem.covariances.freedom, problem.covariances.places.total);
        let n_theta = problem.n_theta();
        let of = |i: usize| if i < total { freedom.of(i) } else { Some(i - total + n_theta) };
        let mut out = Square::zeros(problem.n_parameters());
        for j in 0..full.n {
            let Some(b) = of(j) else { continue };
            for i in 0..full.n {
                if let Some(a) = of(i) {
                    out[(a, b)] += full[(i, j)];
                }
            }
        }
        out
    }
}
