//! The criterion from the factorisation. Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw.
//! 67(1), section 3.4:
//!
//! ```text
//!     d_ML(θ, σ)   = log|M| − log|W| + n log(2πσ²) + r²/σ²
//!     d_REML(θ, σ) = log|M| − log|W| + log|X'V⁻¹X| + (n − p) log(2πσ²) + r²/σ²
//! ```
//!
//! where σ² is known, or takes its best value r²/n (ML) or r²/(n − p) (REML), so that the last two
//! terms become n (1 + log(2π r²/n)) and so on.

use std::f64::consts::PI;

use crate::basis::Basis;
use crate::dense::{Square, solve_lower, solve_lower_transpose};
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::wide::cholesky;

/// What is minimised over θ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criterion {
    /// The REML criterion, or −2 log-likelihood.
    pub reml: bool,
    /// The residual standard deviation in the user's units where it is known; else it is profiled
    /// out.
    pub sigma: Option<f64>,
}

/// What a criterion is put together from, in the user's units.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// log|V|, with V relative to σ²: log|M| − log|W|.
    pub log_v: f64,
    /// log|X'V⁻¹X|.
    pub log_x: f64,
    /// r² = (y − Xβ̂)'V⁻¹(y − Xβ̂).
    pub pwrss: f64,
    /// n (ML) or n − p (REML): see [`Criterion::df`].
    pub df: f64,
}

impl Criterion {
    /// −2 log-likelihood with σ profiled out.
    pub const ML: Self = Self { reml: false, sigma: None };
    /// −2 log-likelihood at σ = 1: where V alone is asked for.
    pub const UNIT: Self = Self { reml: false, sigma: Some(1.0) };
    /// The REML criterion with σ profiled out.
    pub const REML: Self = Self { reml: true, sigma: None };

    /// One of the two with σ profiled out.
    pub fn profiled(reml: bool) -> Self {
        Self { reml, sigma: None }
    }

    /// Whether σ is estimated.
    pub fn is_profiled(&self) -> bool {
        self.sigma.is_none()
    }

    /// The same for a response in units of `unit`.
    pub fn per(&self, unit: f64) -> Self {
        Self { sigma: self.sigma.map(|sigma| sigma / unit), ..*self }
    }

    /// What r² is divided by for an estimate of σ².
    pub fn df(&self, n: usize, p: usize) -> f64 {
        if self.reml { n.saturating_sub(p) as f64 } else { n as f64 }
    }

    /// σ², in the units of `pwrss`.
    pub fn variance(&self, pwrss: f64, df: f64) -> f64 {
        self.sigma.map_or(pwrss / df, |sigma| sigma * sigma)
    }

    /// r²/σ².
    pub fn spread(&self, pwrss: f64, df: f64) -> f64 {
        self.sigma.map_or(df, |sigma| pwrss / (sigma * sigma))
    }

    /// The criterion.
    pub fn deviance(&self, parts: &Parts) -> f64 {
        let Parts { log_v, log_x, pwrss, df } = *parts;
        let log_x = if self.reml { log_x } else { 0.0 };
        let log_variance = (2.0 * PI * self.variance(pwrss, df)).ln();
        log_v + log_x + df * log_variance + self.spread(pwrss, df)
    }
}

/// β̂, r² and σ² at one θ, in the engine's coordinates.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Whose value `deviance` is.
    pub criterion: Criterion,
    /// L_X with X'V⁻¹X = L_X L_X'.
    pub x_factor: Square,
    /// β̂(θ).
    pub beta: Vec<f64>,
    /// r²(θ) = (y − Xβ̂)'V⁻¹(y − Xβ̂).
    pub pwrss: f64,
    /// n (ML) or n − p (REML).
    pub df: f64,
    /// σ², known or estimated.
    pub variance: f64,
    /// The criterion, in the user's units.
    pub deviance: f64,
}

impl Profile {
    /// Reads the profile off a factorisation.
    pub fn new(factor: &Factor, basis: &Basis, n: usize, criterion: Criterion) -> Result<Self> {
        let log_v = factor.log_det - basis.log_weights;
        Self::from_parts(&factor.right, log_v, basis, n, criterion)
    }

    /// The same from [X y]'V⁻¹[X y] and log|V|.
    pub fn from_parts(
        right: &Square,
        log_v: f64,
        basis: &Basis,
        n: usize,
        criterion: Criterion,
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
        let pwrss = remaining(right[(p, p)] - explained, basis, criterion)?;
        if !log_v.is_finite() {
            return Err(EngineError::PerfectFit);
        }
        solve_lower_transpose(p, &x_factor.data, &mut beta, 1);
        let df = criterion.df(n, p);
        // X̃ is X R⁻¹ with R'R = X'WX/n, so log|X'V⁻¹X| = log|X̃'V⁻¹X̃| + log|R'R|.
        let parts =
            Parts { log_v, log_x: log_x + basis.log_x, pwrss: pwrss * basis.y_scale.powi(2), df };
        let variance = criterion.per(basis.y_scale).variance(pwrss, df);
        let deviance = criterion.deviance(&parts);
        Ok(Self { criterion, x_factor, beta, pwrss, df, variance, deviance })
    }

    /// σ in the user's units.
    pub fn sigma(&self, basis: &Basis) -> f64 {
        self.criterion.sigma.unwrap_or(self.variance.sqrt() * basis.y_scale)
    }

    /// r²/σ²: `df` where σ is profiled out.
    pub fn spread(&self) -> f64 {
        if self.criterion.is_profiled() { self.df } else { self.pwrss / self.variance }
    }
}

/// r² from a difference that rounding may have made negative. An estimate of σ² needs it positive.
fn remaining(pwrss: f64, basis: &Basis, criterion: Criterion) -> Result<f64> {
    let told = pwrss > 0.0 && !basis.is_perfect;
    if pwrss.is_finite() && (told || !criterion.is_profiled()) {
        return Ok(pwrss.max(0.0));
    }
    Err(EngineError::PerfectFit)
}
