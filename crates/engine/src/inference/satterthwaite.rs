//! The Hessian of the criterion in (θ, σ) and the derivatives of (X'V⁻¹X)⁻¹ in θ.
//!
//! In γ, with σ not profiled out and P = V⁻¹ − V⁻¹X(X'V⁻¹X)⁻¹X'V⁻¹,
//!
//! ```text
//!     ∂²d/∂γ_r∂γ_s = −tr(PG_rPG_s) + 2 a'E_r Z'PZ E_s a / σ²      (ML: V⁻¹ for P in the trace)
//!     ∂²d/∂γ_r∂σ   = 2 a'E_r a / σ³          ∂²d/∂σ² = 4 df / σ²
//! ```
//!
//! and γ is quadratic in θ, which adds 2 S_f[r, r'] for two entries (r, c), (r', c) of one column of
//! T_f. In θ the boundary of a singular T is an ordinary point: its derivatives vanish there by
//! symmetry, so that a zero variance counts as known.

use crate::basis::Basis;
use crate::covariance::Templates;
use crate::dense::Square;
use crate::inference::kenward_roger::from_orthonormal;
use crate::inference::moments::Point;
use crate::inference::traces::{Traces, ones};
use crate::solve::symmetric;

/// Second-order facts at one θ, in the coordinates of the caller.
#[derive(Debug, Clone)]
pub struct Information {
    /// Hessian of the criterion in (θ, σ), (m + 1) × (m + 1).
    pub hessian: Square,
    /// ∂(X'V⁻¹X)⁻¹/∂θ_i, p × p each.
    pub jacobian: Vec<Square>,
}

impl Information {
    /// In the engine's coordinates of θ, σ and β. A known σ has a row of zeros.
    pub(super) fn inner(point: &Point<'_>, traces: &Traces) -> Self {
        let m = point.templates.parameters.len();
        let p = point.effects.k - 1;
        let grams = point.grams();
        let (variance, reml) = (point.profile.variance, point.profile.criterion.reml);
        let curved = hessian_in_gamma(point, traces, &grams);
        let chain = jacobian_of_gamma(point.templates, &point.factor.templates);
        let mut hessian = Square::zeros(m + 1);
        let rho: Vec<f64> = grams.iter().map(|g| g[(p, p)]).collect();
        for i in 0..m {
            let along = |values: &dyn Fn(usize) -> f64| -> f64 {
                chain[i].iter().map(|(r, f)| f * values(*r)).sum()
            };
            for j in 0..=i {
                hessian[(i, j)] =
                    along(&|r| chain[j].iter().map(|(s, f)| f * curved[(r, *s)]).sum());
            }
            if point.profile.criterion.is_profiled() {
                hessian[(m, i)] = 2.0 * along(&|r| rho[r]) / (variance * variance.sqrt());
            }
        }
        if point.profile.criterion.is_profiled() {
            hessian[(m, m)] = 4.0 * point.profile.df / variance;
        }
        add_bend(&mut hessian, point.templates, |r| {
            let fixed: f64 = if reml { (0..p).map(|c| grams[r][(c, c)]).sum() } else { 0.0 };
            traces.first[r] - fixed - rho[r] / variance
        });
        symmetric(&mut hessian);
        let back = |terms: &Vec<(usize, f64)>| {
            from_orthonormal(&point.profile.x_factor, &combine(p, terms, &grams))
        };
        let jacobian = chain.iter().map(back).collect();
        Self { hessian, jacobian }
    }

    /// The same in the user's units: `inner`, which takes θ to θ̃ = Jθ, is linear, and so are
    /// σ̃ = σ/s and the coordinates of β.
    pub(crate) fn in_units_of(
        &self,
        basis: &Basis,
        m: usize,
        inner: &dyn Fn(&[f64]) -> Vec<f64>,
    ) -> Self {
        let mut map = Square::zeros(m + 1);
        let mut unit = vec![0.0; m];
        for j in 0..m {
            unit[j] = 1.0;
            inner(&unit).iter().enumerate().for_each(|(i, v)| map[(i, j)] = *v);
            unit[j] = 0.0;
        }
        map[(m, m)] = basis.y_scale.recip();
        let hessian = map.transpose().times(&self.hessian).times(&map);
        let jacobian = (0..m)
            .map(|j| {
                let mut sum = Square::zeros(basis.beta0.len());
                for (i, d) in self.jacobian.iter().enumerate() {
                    let f = map[(i, j)];
                    sum.data.iter_mut().zip(&d.data).for_each(|(a, b)| *a += f * b);
                }
                basis.beta_covariance(&sum)
            })
            .collect();
        Self { hessian, jacobian }
    }

    /// Covariance 2H⁺ of the estimates of (θ, σ). Directions in which the criterion is flat, or not
    /// convex, do not count: the estimates say nothing about them.
    pub fn covariance(&self) -> Square {
        pseudo_inverse(&self.hessian, 2.0)
    }
}

/// Curvature relative to the diagonal below which a direction is flat.
const FLAT: f64 = 1e-10;

/// f·H⁺ for a symmetric H, by its eigenvectors at unit diagonal.
pub(crate) fn pseudo_inverse(h: &Square, f: f64) -> Square {
    let n = h.n;
    let scale: Vec<f64> =
        (0..n).map(|i| if h[(i, i)] > 0.0 { h[(i, i)].sqrt().recip() } else { 0.0 }).collect();
    let unit = faer::Mat::from_fn(n, n, |i, j| h[(i, j)] * scale[i] * scale[j]);
    let mut out = Square::zeros(n);
    let Ok(eigen) = unit.self_adjoint_eigen(faer::Side::Lower) else {
        out.data.fill(f64::NAN);
        return out;
    };
    let (u, s) = (eigen.U(), eigen.S());
    for e in (0..n).filter(|&e| s[e] > FLAT * n as f64) {
        for j in 0..n {
            let right = f * u[(j, e)] * scale[j] / s[e];
            (0..n).for_each(|i| out[(i, j)] += u[(i, e)] * scale[i] * right);
        }
    }
    out
}

fn hessian_in_gamma(point: &Point<'_>, traces: &Traces, grams: &[Square]) -> Square {
    let (m, p, reml) = (grams.len(), point.effects.k - 1, point.profile.criterion.reml);
    let order = point.order();
    let mut out = Square::zeros(m);
    let mut add = |f: f64, form: &Square| {
        for (i, &r) in order.iter().enumerate() {
            (0..m).for_each(|j| out[(r, order[j])] += f * form[(i, j)]);
        }
    };
    add(2.0 / point.profile.variance, &point.forms(p..p + 1, true));
    if reml {
        // tr(PG_rPG_s) = tr(V⁻¹G_rV⁻¹G_s) − 2 tr(A_X'E_r Z'V⁻¹Z E_sA_X) + tr(A_X'E_rA_X A_X'E_sA_X).
        (0..p).for_each(|c| add(2.0, &point.forms(c..c + 1, false)));
    }
    for s in 0..m {
        for r in 0..m {
            let fixed = if reml { inner_product(p, &grams[r], &grams[s]) } else { 0.0 };
            out[(r, s)] -= traces.second[(r, s)] + fixed;
        }
    }
    out
}

/// tr(G_rG_s) over the first p rows and columns.
pub(crate) fn inner_product(p: usize, a: &Square, b: &Square) -> f64 {
    (0..p).map(|j| (0..p).map(|i| a[(i, j)] * b[(i, j)]).sum::<f64>()).sum()
}

/// Per entry (i, j) of θ the pairs (r, ∂γ_r/∂θ): dΣ_ab = T_bj for a = i, and T_aj for b = i.
fn jacobian_of_gamma(templates: &Templates, t: &[Square]) -> Vec<Vec<(usize, f64)>> {
    let parameters = &templates.parameters;
    let one = |at: &crate::covariance::Parameter| {
        let mut out = Vec::new();
        for (r, gamma) in parameters.iter().enumerate().filter(|(_, g)| g.factor == at.factor) {
            let value = |hit: bool, row: usize| {
                if hit { t[at.factor][(row, at.column)] } else { 0.0 }
            };
            let f =
                value(gamma.row == at.row, gamma.column) + value(gamma.column == at.row, gamma.row);
            if f != 0.0 {
                out.push((r, f));
            }
        }
        out
    };
    parameters.iter().map(one).collect()
}

/// Adds 2 S[r, r'] for two entries of one column of T: `slope` gives tr(E_rS).
fn add_bend(hessian: &mut Square, templates: &Templates, slope: impl Fn(usize) -> f64) {
    let parameters = &templates.parameters;
    for (i, a) in parameters.iter().enumerate() {
        for (j, b) in parameters.iter().enumerate().take(i + 1) {
            if a.factor == b.factor && a.column == b.column {
                let (row, column) = (a.row.max(b.row), a.row.min(b.row));
                let gamma = parameters
                    .iter()
                    .position(|g| g.factor == a.factor && g.row == row && g.column == column);
                if let Some(r) = gamma {
                    hessian[(i, j)] += 2.0 * slope(r) / ones(&parameters[r]);
                }
            }
        }
    }
}

/// Σ f G_r over the first p rows and columns.
fn combine(p: usize, terms: &[(usize, f64)], grams: &[Square]) -> Square {
    let mut out = Square::zeros(p);
    for (r, f) in terms {
        for j in 0..p {
            (0..p).for_each(|i| out[(i, j)] += f * grams[*r][(i, j)]);
        }
    }
    out
}
