//! The parts of the criterion at one θ with their derivatives in T_kT_k', for criteria that fix
//! parameters at values of the caller's choice.

use crate::dense::{Square, solve_lower, solve_lower_transpose};
use crate::inference::moments::Point;
use crate::problem::Problem;
use crate::sensitivity::Sensitivity;

/// In the user's units. At (θ, σ) the ML deviance is `log_det` + n log(2πσ²) + `pwrss`/σ².
#[derive(Debug, Clone)]
pub struct Slopes {
    /// log|V|.
    pub log_det: f64,
    /// r²(θ) = (y − Xβ̂)'V⁻¹(y − Xβ̂).
    pub pwrss: f64,
    /// β̂(θ).
    pub beta: Vec<f64>,
    /// (X'V⁻¹X)⁻¹.
    pub covariance: Square,
    /// Per term Σ_j Z_j'V⁻¹Z_j, the derivative of log|V| in T_kT_k'.
    pub traces: Vec<Square>,
    /// Per term Σ_j A_j[a, c] A_j[b, d] at ((a q + b) k + c) k + d, where A_j = Z_j'V⁻¹[X, y − Xβ̂]
    /// and k = p + 1.
    pub grams: Vec<Vec<f64>>,
}

impl Slopes {
    pub(super) fn new(problem: &Problem, point: &Point<'_>, inverse: &Sensitivity) -> Self {
        let basis = &problem.basis;
        let places = &problem.templates.places;
        let p = point.effects.k - 1;
        let mut covariance = Square::identity(p);
        let l = &point.profile.x_factor.data;
        solve_lower(p, l, &mut covariance.data, p);
        solve_lower_transpose(p, l, &mut covariance.data, p);
        let outer = |f: usize| {
            let r = &basis.z_factors[f];
            r.transpose().times(&inverse.s[f]).times(r)
        };
        let whole: Vec<Square> = (0..basis.z_factors.len()).map(outer).collect();
        let trace = |at: &crate::covariance::Place| {
            let mut out = Square::zeros(at.width);
            for j in 0..at.width {
                for i in 0..at.width {
                    out[(i, j)] = whole[at.factor][(at.start + i, at.start + j)];
                }
            }
            out
        };
        Self {
            log_det: point.factor.log_det - basis.log_weights,
            pwrss: point.profile.pwrss * basis.y_scale * basis.y_scale,
            beta: basis.beta(&point.profile.beta),
            covariance: basis.beta_covariance(&covariance),
            traces: places.iter().map(trace).collect(),
            grams: grams(problem, point),
        }
    }
}

fn grams(problem: &Problem, point: &Point<'_>) -> Vec<Vec<f64>> {
    let (k, places) = (point.effects.k, &problem.templates.places);
    let columns = right_columns(problem, point);
    let mut out: Vec<Vec<f64>> = places.iter().map(|at| vec![0.0; (at.width * k).pow(2)]).collect();
    let symbolic = &problem.layout.symbolic;
    let mut level = Vec::new();
    for (v, &f) in symbolic.factor.iter().enumerate() {
        let (f, q) = (f as usize, symbolic.width(v));
        let start = problem.layout.start[v];
        let r = &problem.basis.z_factors[f];
        level.clear();
        level.resize(q * k, 0.0);
        // R' A_j U, row by row.
        for i in 0..q {
            for s in i..q {
                let a = &point.effects.a[(start + s) * k..][..k];
                for d in 0..k {
                    let u = &columns.data[k * d..k * (d + 1)];
                    let sum: f64 = a.iter().zip(u).map(|(a, u)| a * u).sum();
                    level[i * k + d] += r[(s, i)] * sum;
                }
            }
        }
        for (out, at) in out.iter_mut().zip(places).filter(|(_, at)| at.factor == f) {
            let own = &level[at.start * k..(at.start + at.width) * k];
            for (a, left) in own.chunks_exact(k).enumerate() {
                for (b, right) in own.chunks_exact(k).enumerate() {
                    let block = &mut out[(a * at.width + b) * k * k..][..k * k];
                    for (row, l) in block.chunks_exact_mut(k).zip(left) {
                        crate::row_major::axpy(*l, right, row);
                    }
                }
            }
        }
    }
    out
}

/// U with [X, y − Xβ̂] = [X̃L_X⁻ᵀ, ỹ − X̃β̃] U.
fn right_columns(problem: &Problem, point: &Point<'_>) -> Square {
    let p = point.effects.k - 1;
    let whole = problem.basis.x_factor.times(&point.profile.x_factor).transpose();
    let mut out = Square::zeros(p + 1);
    for j in 0..p {
        (0..p).for_each(|i| out[(i, j)] = whole[(i, j)]);
    }
    out[(p, p)] = problem.basis.y_scale;
    out
}
