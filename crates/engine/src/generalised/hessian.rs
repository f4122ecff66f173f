//! The Hessian of the criterion in ψ, from exact gradients on either side of a point.

use rayon::prelude::*;

use super::derivatives::Derivatives;
use super::modes::Precision;
use super::point::Point;
use super::problem::Problem;
use crate::dense::{Square, cholesky, solve_lower, solve_lower_transpose};
use crate::error::Result;
use crate::watch::Watch;

/// Half the distance between two gradients, in standard errors: the error of a difference is of the order
/// of its square, and that of rounding of the error of a gradient over it.
const STEP: f64 = 1e-3;

/// Rows up to which other threads are not worth waking.
const FEW: usize = 2_000;

impl Problem {
    /// ∂²d/∂ψ² at a point, in the engine's coordinates. `near` says how far a
    /// parameter is to move, and how the modes follow.
    pub fn hessian(&self, point: &Point, near: &Derivatives, units: &[f64]) -> Result<Square> {
        let m = point.psi.len();
        let watch = Watch::current();
        let one = |j: usize| {
            let find = || {
                watch.check()?;
                self.bent(point, near, j, units[j])
            };
            watch.during(find)
        };
        let columns: Vec<Vec<f64>> = if self.n() < FEW {
            (0..m).map(one).collect::<Result<_>>()?
        } else {
            (0..m).into_par_iter().map(one).collect::<Result<_>>()?
        };
        let mut out = Square { n: m, data: columns.concat() };
        for j in 0..m {
            for i in 0..j {
                let mean = 0.5 * (out[(i, j)] + out[(j, i)]);
                (out[(i, j)], out[(j, i)]) = (mean, mean);
            }
        }
        Ok(out)
    }

    /// A column of the Hessian, by a step that fits the curvature.
    fn bent(&self, point: &Point, near: &Derivatives, j: usize, unit: f64) -> Result<Vec<f64>> {
        let step = |curvature: f64| STEP * (2.0 / curvature.max(2.0 / unit.powi(2))).sqrt();
        let h = step(near.hessian[(j, j)]);
        let column = self.column(point, near, j, h)?;
        // At a variance of zero the model knows of no curvature.
        let better = step(column[j]);
        if better < 0.5 * h { self.column(point, near, j, better) } else { Ok(column) }
    }

    /// The difference of the gradients at ψ_j ± h, over 2h.
    fn column(&self, point: &Point, near: &Derivatives, j: usize, h: f64) -> Result<Vec<f64>> {
        let slope = |step: f64| {
            let (mut psi, mut moved) = (point.psi.clone(), vec![0.0; point.psi.len()]);
            psi[j] += step;
            moved[j] = step;
            let modes = near.followed(&point.modes.u, &moved);
            self.gradient(&self.evaluate(&psi, &modes, Precision::GIVEN)?)
        };
        let (after, before) = (slope(h)?, slope(-h)?);
        Ok(after.iter().zip(&before).map(|(a, b)| (a - b) / (2.0 * h)).collect())
    }
}

/// 2 H⁻¹, factored at unit diagonal; None where H is not positive definite.
pub fn covariance(hessian: &Square) -> Option<Square> {
    let n = hessian.n;
    let scale: Vec<f64> = (0..n).map(|i| hessian[(i, i)].sqrt().recip()).collect();
    if !scale.iter().all(|s| s.is_finite() && *s > 0.0) {
        return None;
    }
    let mut l = hessian.clone();
    for j in 0..n {
        (0..n).for_each(|i| l[(i, j)] *= scale[i] * scale[j]);
    }
    cholesky(n, &mut l.data).ok()?;
    let mut out = Square::identity(n);
    solve_lower(n, &l.data, &mut out.data, n);
    solve_lower_transpose(n, &l.data, &mut out.data, n);
    for j in 0..n {
        (0..n).for_each(|i| out[(i, j)] *= 2.0 * scale[i] * scale[j]);
    }
    Some(out)
}
