//! Whether the model reproduces the response, so that the criterion has no minimum.
//!
//! Where the columns [Z X] give y exactly and are fewer than its rows, the residual variance goes to
//! zero at constant Σ = σ²TT'. A search stops somewhere on the way, where rounding error hides the
//! slope, and may seem to have converged. Asked instead is where r² goes as T = cI grows: with λ_i the
//! eigenvalues of the equations and β the coefficients there,
//!
//!   r²(c) = rss + Σ β_i²/(c² + 1/λ_i) = rss + a/c² + O(1/c⁴),
//!
//! so that two values tell rss; and the criterion falls by 2(n - rank) log f from c to fc if rss = 0.

use super::search::{Minimum, Search, Status};
use crate::covariance::Templates;
use crate::error::Result;
use crate::objective::Profile;

/// Standard deviation, relative to the residual, from which θ may be on its way to infinity.
const FAR: f64 = 1e3;

/// r² as a share of its value without random effects below which it vanishes: it is the difference
/// of numbers that are known to a part in 10¹⁶.
const VANISHING: f64 = 2e-15;

/// The same below which rss is rounding error, which the two values of r² share.
const ROUNDING: f64 = 1e-14;

/// The smaller c: a/c² is well above rounding error, and O(1/c⁴) below.
const LARGE: f64 = 3e4;

/// The factor f to the other.
const FACTOR: f64 = 10.0;

/// Whether no residual is left.
pub fn vanishes(profile: &Profile) -> bool {
    profile.pwrss < VANISHING * profile.df
}

/// Whether θ̃ may be on its way to infinity.
pub fn is_far(theta: &[f64]) -> bool {
    theta.iter().any(|t| t.abs() > FAR)
}

impl Search<'_> {
    /// Calls the end of a search exact if it is. With σ known every criterion has a minimum.
    pub fn recognise_exact(&mut self, at: &mut Minimum) -> Result<()> {
        if !self.criterion.is_profiled() || !is_far(&at.theta) {
            return Ok(());
        }
        if self.is_exact(&at.theta)? {
            at.status = Status::Exact;
        }
        self.restored(at, true)
    }

    /// Whether the random effects whose variances grew far, with the others as they are at the end
    /// of a search, reproduce the response.
    fn is_exact(&mut self, theta: &[f64]) -> Result<bool> {
        let mut at = |c| {
            let theta = grown(&self.problem.templates, theta, c);
            self.problem.evaluate(self.work, &theta, self.criterion)
        };
        let (near, beyond) = match (at(LARGE), at(FACTOR * LARGE)) {
            (Ok(near), Ok(beyond)) => (near, beyond),
            (Err(stop), _) | (_, Err(stop)) if stop.is_stop() => return Err(stop),
            _ => return Ok(false),
        };
        let square = FACTOR * FACTOR;
        let rss = (square * beyond.pwrss - near.pwrss) / (square - 1.0);
        let falls = beyond.deviance < near.deviance - self.noise(&beyond);
        Ok(falls && rss < ROUNDING * beyond.df)
    }
}

/// θ̃ with T = cI for every term that has a large entry.
fn grown(templates: &Templates, theta: &[f64], c: f64) -> Vec<f64> {
    let mut filled = templates.fill(theta);
    for at in &templates.places {
        let block = at.start..at.start + at.width;
        let t = &mut filled[at.factor];
        let entries = || block.clone().flat_map(|i| block.clone().map(move |j| (i, j)));
        if entries().any(|entry| t[entry].abs() > FAR) {
            entries().for_each(|(i, j)| t[(i, j)] = if i == j { c } else { 0.0 });
        }
    }
    templates.theta(&filled)
}
