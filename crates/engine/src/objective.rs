//! The criterion from the factorisation. Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw.
//! 67(1), section 3.4:
//!
//! ```text
//!     d_ML(θ)   = log|M| − log|W| + n (1 + log(2π r²/n))
//!     d_REML(θ) = log|M| − log|W| + log|X'V⁻¹X| + (n − p)(1 + log(2π r²/(n − p)))
//! ```

use crate::basis::Basis;
use crate::dense::{Square, solve_lower, solve_lower_transpose};
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::wide::cholesky;

/// Which criterion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criterion {
    /// Restricted maximum likelihood.
    pub reml: bool,
    /// The residual standard deviation where it is known.
    pub sigma: Option<f64>,
}

/// β̂, r² and σ̂ profiled out at one θ, in the engine's coordinates.
#[derive(Debug, Clone)]
pub struct Profile {
    /// L_X with X'V⁻¹X = L_X L_X'.
    pub x_factor: Square,
    /// β̂(θ).
    pub beta: Vec<f64>,
    /// r²(θ) = (y − Xβ̂)'V⁻¹(y − Xβ̂).
    pub pwrss: f64,
    /// n (ML) or n − p (REML).
    pub df: f64,
    /// The criterion, in the user's units.
    pub deviance: f64,
}

impl Profile {
    /// Reads the profile off a factorisation.
    pub fn new(factor: &Factor, basis: &Basis, n: usize, reml: bool) -> Result<Self> {
        Self::from_parts(&factor.right, factor.log_det, basis, n, reml)
    }

    /// The same from [X y]'V⁻¹[X y] and log|M|.
    pub fn from_parts(
        right: &Square,
        log_det: f64,
        basis: &Basis,
        n: usize,
        reml: bool,
    ) -> Result<Self> {
        let p = right.n - 1;
        let mut x_factor = Square::zeros(p);
        for j in 0..p {
            (j..p).for_each(|i| x_factor[(i, j)] = right[(i, j)]);
        }
        let log_x = cholesky(p, &mut x_factor.data)
            .map_err(|column| EngineError::RankDeficient { column })?;
        let mut beta: Vec<f64> = (0..p).map(|i| right[(i, p)]).collect();
        solve_lower(p, &x_factor.data, &mut beta, 1);
        let explained: f64 = beta.iter().map(|v| v * v).sum();
        let pwrss = right[(p, p)] - explained;
        if !(pwrss > 0.0 && pwrss.is_finite()) {
            return Err(EngineError::PerfectFit);
        }
        solve_lower_transpose(p, &x_factor.data, &mut beta, 1);
        let df = if reml { n - p } else { n } as f64;
        let variance = pwrss * basis.y_scale.powi(2) / df;
        let mut deviance =
            log_det - basis.log_weights + df * (1.0 + (2.0 * std::f64::consts::PI * variance).ln());
        if reml {
            // X̃ is X R⁻¹ with R'R = X'WX/n, so log|X'V⁻¹X| = log|X̃'V⁻¹X̃| + log|R'R|.
            deviance += log_x + basis.log_x;
        }
        Ok(Self { x_factor, beta, pwrss, df, deviance })
    }

    /// σ̂² in the engine's coordinates.
    pub fn variance(&self) -> f64 {
        self.pwrss / self.df
    }
}
