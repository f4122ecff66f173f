//! Adaptive Gauss–Hermite quadrature where the rows of every level have random effects of one term only,
//! which are then independent between levels: with M_j = LL', nodes z_k and weights ω_k for the standard
//! normal density,
//!
//! ```text
//!     u_k = û + L⁻ᵀz_k,      d_j = 2 log|L| − 2 log Σ_k ω_k exp{½ (z_k'z_k − h_j(u_k))}
//! ```
//!
//! (Liu & Pierce 1994, Biometrika 81; Pinheiro & Bates 1995, JCGS 4). One node is Laplace's
//! approximation. The derivatives follow the nodes: d_j depends on û through u_k, and on M_j through L.

use super::modes::{Conditions, Modes};
use super::problem::Problem;
use super::touching::Touch;
use crate::covariance::Matrix;
use crate::dense::{cholesky, solve_lower, solve_lower_transpose};
use crate::error::{EngineError, Result};
use crate::families::{Order, Row};
use crate::structured;

/// Effects per level that are integrated over at most.
pub const MOST_EFFECTS: usize = 3;

/// Points per level at most.
const MOST_POINTS: usize = 100_000;

/// A product rule for the standard normal density.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Dimension r.
    pub dim: usize,
    /// Points, r coordinates each.
    pub points: Vec<Vec<f64>>,
    /// log ω_k + ½ z_k'z_k.
    pub log_weights: Vec<f64>,
}

/// The criterion by quadrature, with its derivatives in what it is made of.
#[derive(Debug, Clone)]
pub struct Quadrature {
    /// −2 log-likelihood.
    pub deviance: f64,
    /// ∂d/∂û by slot.
    pub modes: Vec<f64>,
    /// ∂d/∂M, row blocks as those of the inverse.
    pub inverse: Vec<f64>,
    /// −2 Σ_k π_k s_i(u_k).
    pub scores: Vec<f64>,
    /// −2 Σ_k π_k ∂ℓ_i(u_k)/∂a, (n, width).
    pub auxiliaries: Vec<f64>,
    /// Σ_j Σ_k π_k (−2 Z's(u_k))_j u_k' per term.
    pub templates: Vec<Matrix<f64>>,
}

impl Rule {
    /// The product rule for the only term of a problem.
    pub fn new(problem: &structured::Problem, nodes: usize) -> Result<Self> {
        let refused = |reason| Err(EngineError::Quadrature { reason });
        let plan = &problem.plan;
        let [term] = &problem.design.terms[..] else {
            return refused("it needs exactly one random term");
        };
        let single = (0..problem.design.n()).all(|row| plan.nodes_of(row).len() <= 1);
        if term.precision.is_some() || !single {
            return refused("it needs independent levels, one for every row");
        }
        let dim =
            if plan.layout.symbolic.factor.is_empty() { 1 } else { plan.layout.symbolic.width(0) };
        if dim > MOST_EFFECTS {
            return refused("a level may have at most 3 effects");
        }
        let count = nodes.checked_pow(dim as u32).filter(|c| *c <= MOST_POINTS);
        let Some(count) = count else { return refused("a level may have at most 100,000 points") };
        let (z, log_w) = hermite(nodes);
        let (mut points, mut log_weights) = (Vec::new(), Vec::new());
        for mut index in 0..count {
            let (mut point, mut log_weight) = (vec![], 0.0);
            for _ in 0..dim {
                let k = index % nodes;
                index /= nodes;
                point.push(z[k]);
                log_weight += log_w[k] + 0.5 * z[k] * z[k];
            }
            points.push(point);
            log_weights.push(log_weight);
        }
        Ok(Self { dim, points, log_weights })
    }
}

/// Nodes and log weights of the Gauss–Hermite rule for the standard normal density (Golub & Welsch 1969):
/// eigenvalues of the Jacobi matrix, refined by Newton's method on the normalised polynomials, whose
/// recurrence gives the weights too.
pub fn hermite(n: usize) -> (Vec<f64>, Vec<f64>) {
    let jacobi = faer::Mat::<f64>::from_fn(n, n, |i, j| {
        if i.abs_diff(j) == 1 { (i.max(j) as f64).sqrt() } else { 0.0 }
    });
    let eigen = jacobi.self_adjoint_eigenvalues(faer::Side::Lower).unwrap_or_default();
    let mut nodes: Vec<f64> = eigen;
    for x in &mut nodes {
        for _ in 0..3 {
            let (value, before, _) = normalised_hermite(n, *x);
            *x -= value / ((n as f64).sqrt() * before);
        }
    }
    // Symmetric to the last bit.
    for i in 0..n / 2 {
        let x = 0.5 * (nodes[n - 1 - i] - nodes[i]);
        (nodes[i], nodes[n - 1 - i]) = (-x, x);
    }
    if n % 2 == 1 {
        nodes[n / 2] = 0.0;
    }
    let log_weight = |x: &f64| -normalised_hermite(n, *x).2.ln();
    let log_weights = nodes.iter().map(log_weight).collect();
    (nodes, log_weights)
}

/// h_n, h_{n−1} and Σ_{k<n} h_k² at x for the orthonormal polynomials of the standard normal density.
fn normalised_hermite(n: usize, x: f64) -> (f64, f64, f64) {
    let (mut before, mut value, mut sum) = (0.0, 1.0, 0.0);
    for k in 0..n {
        sum += value * value;
        let next = (x * value - (k as f64).sqrt() * before) / ((k + 1) as f64).sqrt();
        before = value;
        value = next;
    }
    (value, before, sum)
}

/// Everything that one level adds.
struct Level {
    deviance: f64,
    modes: Vec<f64>,
    inverse: Vec<f64>,
    /// Per row of the level (row, −2 Σ π s, −2 Σ π ∂ℓ/∂a).
    rows: Vec<(usize, f64, Vec<f64>)>,
    template: Vec<f64>,
}

impl Problem {
    /// The criterion by quadrature around the modes.
    pub fn quadrature(
        &self,
        rule: &Rule,
        at: &Conditions<'_>,
        modes: &Modes,
    ) -> Result<Quadrature> {
        use rayon::prelude::*;
        let plan = &self.covariances.plan;
        let levels = plan.grid.width.len();
        let found: Vec<Level> = (0..levels)
            .into_par_iter()
            .with_min_len(64)
            .map(|v| self.level(rule, at, modes, v))
            .collect::<Result<_>>()?;
        let t = &at.templates[0].value;
        let width = at.auxiliaries.width;
        let n = self.n();
        let mut out = Quadrature {
            deviance: 0.0,
            modes: vec![0.0; modes.u.len()],
            inverse: vec![0.0; modes.cross.values().len()],
            scores: modes.rows.score.iter().map(|s| -2.0 * s).collect(),
            auxiliaries: vec![0.0; n * width],
            templates: vec![Matrix::zeros(t.rows, t.columns)],
        };
        let mut untouched = vec![true; n];
        for (v, level) in found.iter().enumerate() {
            out.deviance += level.deviance;
            let slot = plan.layout.start[v];
            out.modes[slot..slot + rule.dim].copy_from_slice(&level.modes);
            let start = modes.cross.start(v);
            out.inverse[start..start + level.inverse.len()].copy_from_slice(&level.inverse);
            let sum = &mut out.templates[0].data;
            sum.iter_mut().zip(&level.template).for_each(|(o, v)| *o += v);
            for (row, score, own) in &level.rows {
                out.scores[*row] = *score;
                untouched[*row] = false;
                out.auxiliaries[row * width..(row + 1) * width].copy_from_slice(own);
            }
        }
        // Rows without a random effect are not integrated over.
        for row in (0..n).filter(|&row| untouched[row]) {
            let found = self.family.row(
                self.observation(row),
                modes.rows.eta[row],
                at.auxiliaries.of(row),
                Order::Third,
            );
            let c = self.weight(row);
            out.deviance -= 2.0 * c * found.value;
            (0..width).for_each(|a| {
                out.auxiliaries[row * width + a] = -2.0 * c * found.auxiliary[a][0];
            });
        }
        Ok(out)
    }

    fn level(&self, rule: &Rule, at: &Conditions<'_>, modes: &Modes, v: usize) -> Result<Level> {
        let r = rule.dim;
        let mut l = modes.cross.block(v).own().to_vec();
        (0..r).for_each(|i| l[i + r * i] += 1.0);
        let failed = EngineError::Factorisation { group: 0, level: v };
        let log_det = cholesky(r, &mut l).map_err(|_| failed)?;
        let around = Around::new(self, at, modes, v, r);
        let step = |z: &Vec<f64>| {
            let mut step = z.clone();
            solve_lower_transpose(r, &l, &mut step, 1);
            step
        };
        let steps: Vec<Vec<f64>> = rule.points.iter().map(step).collect();
        let log = |(step, w): (&Vec<f64>, &f64)| w + around.log_integrand(step);
        let logs: Vec<f64> = steps.iter().zip(&rule.log_weights).map(log).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logs.iter().map(|v| (v - most).exp()).sum();
        let mut out = around.nothing();
        out.deviance = log_det - 2.0 * (most + total.ln());
        // L̄, the adjoint of the Cholesky factor.
        let mut factor = vec![0.0; r * r];
        for (step, log) in steps.iter().zip(&logs) {
            let share = (log - most).exp() / total;
            if share == 0.0 {
                continue;
            }
            let slope = around.add(step, share, &mut out);
            out.modes.iter_mut().zip(&slope).for_each(|(o, s)| *o += s);
            // u = û + L⁻ᵀz: of slope'u in L.
            let mut e = slope;
            solve_lower(r, &l, &mut e, 1);
            for (i, e) in e.iter().enumerate() {
                (i..r).for_each(|j| factor[j + r * i] -= step[j] * e);
            }
        }
        out.inverse = adjoint_of_gram(r, &l, &factor);
        Ok(out)
    }
}

/// The rows of a level around its mode.
struct Around<'a> {
    problem: &'a Problem,
    at: &'a Conditions<'a>,
    modes: &'a Modes,
    touching: &'a [Touch],
    /// û of the level.
    mode: &'a [f64],
    /// T'z of every row.
    zt: Vec<Vec<f64>>,
}

impl<'a> Around<'a> {
    fn new(
        problem: &'a Problem,
        at: &'a Conditions<'a>,
        modes: &'a Modes,
        v: usize,
        r: usize,
    ) -> Self {
        let t = &at.templates[0].value;
        let touching = problem.touching.of(v);
        let slot = problem.covariances.plan.layout.start[v];
        let spread = |touch: &Touch| -> Vec<f64> {
            let z = problem.z_of(touch.row as usize);
            (0..r).map(|j| (0..t.rows).map(|i| z[i] * t[(i, j)]).sum()).collect()
        };
        let zt = touching.iter().map(spread).collect();
        Self { problem, at, modes, touching, mode: &modes.u[slot..slot + r], zt }
    }

    fn nothing(&self) -> Level {
        let (r, width) = (self.mode.len(), self.at.auxiliaries.width);
        let row = |t: &Touch| (t.row as usize, 0.0, vec![0.0; width]);
        Level {
            deviance: 0.0,
            modes: vec![0.0; r],
            inverse: vec![],
            rows: self.touching.iter().map(row).collect(),
            template: vec![0.0; self.at.templates[0].value.data.len()],
        }
    }

    fn row(&self, row: usize, zt: &[f64], step: &[f64], order: Order) -> Row {
        let eta = self.modes.rows.eta[row] + inner(zt, step);
        let own = self.at.auxiliaries.of(row);
        self.problem.family.row(self.problem.observation(row), eta, own, order)
    }

    /// Σ ℓ − ½ u'u at u = û + step.
    fn log_integrand(&self, step: &[f64]) -> f64 {
        let squares: f64 = step.iter().zip(self.mode).map(|(s, m)| (m + s).powi(2)).sum();
        let mut log = -0.5 * squares;
        for (touch, zt) in self.touching.iter().zip(&self.zt) {
            let row = touch.row as usize;
            log += self.problem.weight(row) * self.row(row, zt, step, Order::Value).value;
        }
        if log.is_nan() { f64::NEG_INFINITY } else { log }
    }

    /// Adds what a point with this share of the integral contributes, and gives share · ∂h/∂u there.
    fn add(&self, step: &[f64], share: f64, out: &mut Level) -> Vec<f64> {
        let t = &self.at.templates[0].value;
        let u: Vec<f64> = self.mode.iter().zip(step).map(|(m, s)| m + s).collect();
        let mut slope: Vec<f64> = u.iter().map(|u| 2.0 * share * u).collect();
        for ((touch, zt), sums) in self.touching.iter().zip(&self.zt).zip(&mut out.rows) {
            let row = touch.row as usize;
            let found = self.row(row, zt, step, Order::Third);
            let f = -2.0 * share * self.problem.weight(row);
            let score = f * found.eta[0];
            sums.1 += score;
            sums.2.iter_mut().zip(&found.auxiliary).for_each(|(s, a)| *s += f * a[0]);
            slope.iter_mut().zip(zt).for_each(|(s, z)| *s += score * z);
            let z = self.problem.z_of(row);
            for (j, u) in u.iter().enumerate() {
                (0..t.rows).for_each(|i| out.template[i + t.rows * j] += score * z[i] * u);
            }
        }
        slope
    }
}

/// ∂/∂M from ∂/∂L for M = LL', and of 2 log|L|: L⁻ᵀ Φ(L'L̄) L⁻¹ made symmetric, plus M⁻¹. Φ takes the
/// lower triangle with half of its diagonal.
fn adjoint_of_gram(r: usize, l: &[f64], factor: &[f64]) -> Vec<f64> {
    let mut phi = vec![0.0; r * r];
    for j in 0..r {
        for i in j..r {
            let lower = |k: usize| if k >= j { factor[k + r * j] } else { 0.0 };
            let value: f64 = (i..r).map(|k| l[k + r * i] * lower(k)).sum();
            // Of 2 log|L| the product L'L̄ is 2I, whose Φ is I.
            phi[i + r * j] = if i == j { 0.5 * value + 1.0 } else { value };
        }
    }
    solve_lower_transpose(r, l, &mut phi, r);
    let mut other = vec![0.0; r * r];
    (0..r).for_each(|j| (0..r).for_each(|i| other[j + r * i] = phi[i + r * j]));
    solve_lower_transpose(r, l, &mut other, r);
    let mut out = other.clone();
    for j in 0..r {
        (0..r).for_each(|i| out[i + r * j] = 0.5 * (other[i + r * j] + other[j + r * i]));
    }
    out
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
