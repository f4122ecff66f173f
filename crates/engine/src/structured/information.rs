//! Second derivatives of the criterion in (θ, σ) at a minimum: exact where the components of V or their
//! random effects are few enough (see `second_order`), else by central differences of the exact gradient
//! at fixed σ, 2m evaluations whatever the covariances are made of.

use rayon::prelude::*;

use super::point::Point;
use super::problem::Problem;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::inference::Information;
use crate::objective::Criterion;
use crate::watch::{Stage, Watch};

/// Step in the unit of a parameter: its square is the error, and rounding error its inverse times
/// that of a gradient.
const STEP: f64 = 1e-4;

/// The gradient, r² and (X'V⁻¹X)⁻¹ on one side.
struct Side {
    gradient: Vec<f64>,
    pwrss: f64,
    covariance: Square,
}

impl Problem {
    /// Hessian of the criterion in (θ, σ), and derivatives of (X'V⁻¹X)⁻¹, at the minimum θ. Where σ is
    /// known its row is zero: it has no variance.
    pub fn information(&self, theta: &[f64], criterion: Criterion) -> Result<Information> {
        Watch::current().begin(Stage::Information, 0);
        let point = self.evaluate(theta, criterion)?;
        match self.exact_information(&point, criterion) {
            Err(EngineError::Traces { .. }) => {
                self.differenced_information(theta, &point, criterion)
            }
            found => found,
        }
    }

    /// The same by differences.
    pub(super) fn differenced_information(
        &self,
        theta: &[f64],
        point: &Point,
        criterion: Criterion,
    ) -> Result<Information> {
        let scale = self.basis.y_scale;
        let sigma = point.variance.sqrt() * scale;
        let (m, df) = (theta.len(), point.profile.df);
        let fixed = Criterion { sigma: Some(sigma), ..criterion };
        let units = self.units();
        let watch = Watch::current();
        let pairs: Vec<(Side, Side, f64)> = (0..m)
            .into_par_iter()
            .map(|i| {
                let step = STEP * units[i];
                let side = |step| watch.during(|| self.side(theta, i, step, fixed));
                Ok((side(step)?, side(-step)?, step))
            })
            .collect::<Result<_>>()?;
        let mut hessian = Square::zeros(m + 1);
        let mut jacobian = Vec::with_capacity(m);
        for (i, (high, low, step)) in pairs.iter().enumerate() {
            let slope = |a: f64, b: f64| (a - b) / (2.0 * step);
            for j in 0..m {
                let half = 0.5 * slope(high.gradient[j], low.gradient[j]);
                hessian[(i, j)] += half;
                hessian[(j, i)] += half;
            }
            if criterion.sigma.is_none() {
                let mixed = -2.0 / sigma.powi(3) * slope(high.pwrss, low.pwrss) * scale * scale;
                hessian[(i, m)] = mixed;
                hessian[(m, i)] = mixed;
            }
            let mut change = high.covariance.clone();
            let pairs = change.data.iter_mut().zip(&low.covariance.data);
            pairs.for_each(|(a, b)| *a = slope(*a, *b));
            jacobian.push(change);
        }
        if criterion.sigma.is_none() {
            // ∂²/∂σ² of df log σ² + r²/σ² at σ² = r²/df.
            hessian[(m, m)] = 4.0 * df / (sigma * sigma);
        }
        Ok(Information { hessian, jacobian })
    }

    fn side(&self, theta: &[f64], i: usize, step: f64, criterion: Criterion) -> Result<Side> {
        let mut moved = theta.to_vec();
        moved[i] += step;
        let point: Point = self.evaluate(&moved, criterion)?;
        let gradient = self.derivatives(&point, criterion)?.gradient;
        let covariance = self.beta_covariance(&point);
        Ok(Side { gradient, pwrss: point.profile.pwrss, covariance })
    }
}
