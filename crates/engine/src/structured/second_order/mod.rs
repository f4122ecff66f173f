//! What tests of fixed effects need of the variance parameters, for any V with two derivatives.
//!
//! With V_i = ∂V/∂γ_i, V_ij = ∂²V/∂γ_i∂γ_j and P = V⁻¹ − V⁻¹X(X'V⁻¹X)⁻¹X'V⁻¹ the Hessian of the
//! criterion (REML; V⁻¹ for P in the traces of ML) is
//!
//! ```text
//!     tr(PV_ij) − tr(PV_iPV_j) + 2 y'PV_iPV_jPy − y'PV_ijPy
//! ```
//!
//! and Kenward and Roger's method asks for tr(PV_iPV_j), X'V⁻¹V_iV⁻¹X, X'V⁻¹V_iPV_jV⁻¹X and
//! X'V⁻¹V_ijV⁻¹X. All are sums over the independent components of V with p × p corrections
//! ([`moments`]); components with the same V share it ([`dense`]), large ones go by their random
//! effects ([`effects`]). In which γ is the business of [`chart`].

mod chart;
mod components;
mod dense;
mod effects;
mod moments;
mod product;
mod residuals;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use chart::{Chart, Expanded};
use components::{Group, groups, rows_of};
use moments::{Kept, Moments};
use residuals::Residuals;

use super::point::Point;
use super::problem::Problem;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::inference::{Information, KenwardRoger, MEMORY, from_orthonormal, inner_product};
use crate::objective::Criterion;
use crate::structured::design::Term;
use crate::watch::{self, Watch};
use crate::wide;

/// Numbers in the sums of all tasks together.
const SUMS: usize = 30_000_000;

/// Most tasks.
const TASKS: usize = 16;

/// Rows from which a component may go by its random effects.
const LARGE: usize = 64;

/// What the components are made of at one point.
struct View<'a> {
    problem: &'a Problem,
    chart: &'a Chart,
    residuals: Residuals<'a>,
    /// C per term.
    terms: Vec<Expanded>,
    /// K per term, if it has one.
    known: Vec<Option<Square>>,
    /// Columns of [X L_X⁻ᵀ, y − Xβ̂] row by row in the order of the blocks.
    columns: Vec<f64>,
}

impl Problem {
    /// Hessian of the criterion in (θ, σ) and derivatives of (X'V⁻¹X)⁻¹, in the user's units, at the
    /// minimum over σ; where σ is known its row is zero.
    pub(super) fn exact_information(
        &self,
        point: &Point,
        criterion: Criterion,
    ) -> Result<Information> {
        let chart = Chart::free(self);
        let sums = self.sums(point, &chart, Kept::Traces)?;
        let (m, p) = (chart.m, self.k() - 1);
        let (variance, reml) = (point.variance, criterion.reml);
        let grams: Vec<Square> = (0..m).map(|i| sums.gram(i, p)).collect();
        let own: Vec<Vec<f64>> = (0..m).map(|i| sums.of_residual(i)).collect();
        let mut hessian = Square::zeros(m + 1);
        for i in 0..m {
            for j in 0..=i {
                let (over_x, of_residual) = sums.traces(i, j);
                let mixed: f64 = (0..p).map(|c| own[i][c] * own[j][c]).sum();
                let mut value = -sums.second[moments::packed(i, j)];
                if reml {
                    value += 2.0 * over_x - inner_product(p, &grams[i], &grams[j]);
                }
                value += 2.0 * (of_residual - mixed) / variance;
                if let Some(bend) = sums.bends.get(&(i, j)) {
                    value += bend.trace - if reml { bend.form[0] } else { 0.0 };
                    value -= bend.form[1] / variance;
                }
                hessian[(i, j)] = value;
                hessian[(j, i)] = value;
            }
        }
        if criterion.sigma.is_none() {
            let (sigma, s) = (variance.sqrt(), self.basis.y_scale);
            for i in 0..m {
                let value = 2.0 * own[i][p] / (variance * sigma * s);
                hessian[(i, m)] = value;
                hessian[(m, i)] = value;
            }
            hessian[(m, m)] = 4.0 * point.profile.df / (variance * s * s);
        }
        let back =
            |g: &Square| self.basis.beta_covariance(&from_orthonormal(&point.profile.x_factor, g));
        Ok(Information { hessian, jacobian: grams.iter().map(back).collect() })
    }

    /// The pieces of Kenward and Roger's method at θ, by REML; see `chart` for the parameters.
    pub fn kenward_roger(&self, theta: &[f64], sigma: Option<f64>) -> Result<KenwardRoger> {
        let criterion = Criterion { reml: true, sigma };
        let point = &self.evaluate(theta, criterion)?;
        let chart = Chart::natural(self, &point.full, criterion.sigma.is_some());
        let sums = self.sums(point, &chart, Kept::Whole)?;
        let (m, p) = (chart.m, self.k() - 1);
        let grams: Vec<Square> = (0..m).map(|i| sums.gram(i, p)).collect();
        let back =
            |g: &Square| self.basis.beta_covariance(&from_orthonormal(&point.profile.x_factor, g));
        let mut information = Square::zeros(m);
        let (mut bends, mut curves) = (Vec::new(), Vec::new());
        for i in 0..m {
            for j in 0..=i {
                let form = sums.form(i, j);
                let over_x: f64 = (0..p).map(|c| form[(c, c)]).sum();
                let value = sums.second[moments::packed(i, j)] - 2.0 * over_x
                    + inner_product(p, &grams[i], &grams[j]);
                information[(i, j)] = value;
                information[(j, i)] = value;
                let (product, mut bend) = (grams[i].times(&grams[j]), form);
                for b in 0..p {
                    for a in 0..p {
                        bend[(a, b)] -= 0.5 * (product[(a, b)] + product[(b, a)]);
                    }
                }
                bends.push(back(&bend));
                if !sums.bends.is_empty() {
                    let curve = sums.bends.get(&(i, j)).map(|b| back(&sums.bend(b)));
                    curves.push(curve.unwrap_or_else(|| Square::zeros(p)));
                }
            }
        }
        Ok(KenwardRoger { information, slopes: grams.iter().map(back).collect(), bends, curves })
    }

    /// The sums over all components; in groups of tasks that do not depend on the number of threads.
    fn sums(&self, point: &Point, chart: &Chart, kept: Kept) -> Result<Moments> {
        let k = if kept == Kept::Whole { self.k() - 1 } else { self.k() };
        let view = self.view(point, chart, k)?;
        let groups = groups(self, &view.residuals);
        let zero = Moments::zeros(chart.m, k, kept);
        let size = zero.forms.len() + zero.grams.len() + 1;
        let tasks = (SUMS / size).clamp(1, TASKS);
        let share = groups.len().div_ceil(tasks).max(1);
        let watch = Watch::current();
        let parts: Vec<Moments> = groups
            .par_chunks(share)
            .map(|groups| {
                let mut out = zero.clone();
                watch.during(|| groups.iter().try_for_each(|group| view.add(group, &mut out)))?;
                Ok(out)
            })
            .collect::<Result<_>>()?;
        watch.check()?;
        let mut out = zero;
        parts.iter().for_each(|part| out.add(part));
        Ok(out)
    }

    fn view<'a>(&'a self, point: &'a Point, chart: &'a Chart, k: usize) -> Result<View<'a>> {
        let full = &point.full;
        Ok(View {
            problem: self,
            chart,
            residuals: Residuals::new(self, full, chart),
            terms: (0..self.design.terms.len()).map(|t| chart.term(self, full, t)).collect(),
            known: self.design.terms.iter().map(known_covariance).collect::<Result<_>>()?,
            columns: columns(self, point, k),
        })
    }
}

impl View<'_> {
    /// Adds the sums over a group, by the cheaper of two ways that fits into memory.
    fn add(&self, group: &Group, out: &mut Moments) -> Result<()> {
        watch::check()?;
        let first = &group.members[0];
        let n = rows_of(self.problem, first).count();
        if n <= LARGE {
            return dense::add_group(self, group, out);
        }
        let (m, q) = (self.chart.m, effects::size(self, first));
        let rows = 8 * n * n * (6 + 3 * m);
        let fewest = if self.terms.is_empty() { rows } else { rows.min(effects::memory(self, q)) };
        if fewest > MEMORY {
            return Err(EngineError::Traces { needed: fewest });
        }
        let dear = 2 * (m + 3) * n.pow(3) > (20 + 12 * m) * q.pow(3);
        if !self.terms.is_empty() && (dear || rows > MEMORY) && effects::memory(self, q) <= MEMORY {
            return group.members.iter().try_for_each(|b| effects::add_component(self, b, out));
        }
        dense::add_group(self, group, out)
    }
}

/// [X L_X⁻ᵀ, y − Xβ̂] or its first columns, row by row.
fn columns(problem: &Problem, point: &Point, k: usize) -> Vec<f64> {
    let (width, p) = (problem.k(), problem.k() - 1);
    let mut out = Vec::with_capacity(problem.right.len() / width * k);
    for row in problem.right.chunks_exact(width) {
        out.extend_from_slice(&row[..k]);
        if k > p {
            let fitted: f64 = row.iter().zip(&point.profile.beta).map(|(x, b)| x * b).sum();
            if let Some(last) = out.last_mut() {
                *last -= fitted;
            }
        }
    }
    if p > 0 && !out.is_empty() {
        wide::solve_lower_strided(p, &point.profile.x_factor.data, &mut out, k, faer::Par::Seq);
    }
    out
}

/// K = Q⁻¹ of a term.
fn known_covariance(term: &Term) -> Result<Option<Square>> {
    let Some(q) = &term.precision else { return Ok(None) };
    let n = term.n_levels;
    let needed = 24 * n * n;
    if needed > MEMORY {
        return Err(EngineError::Traces { needed });
    }
    let mut l = Square::zeros(n);
    for j in 0..n {
        q.of(j).for_each(|(i, value)| l[(i as usize, j)] = value);
    }
    wide::cholesky(n, &mut l.data)
        .map_err(|level| EngineError::Factorisation { group: 0, level })?;
    let mut k = Square::identity(n);
    wide::solve_lower(n, &l.data, &mut k.data, n);
    wide::solve_lower_transpose(n, &l.data, &mut k.data, n);
    Ok(Some(k))
}
