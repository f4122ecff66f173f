//! One ψ: the criterion, and what was found on the way to it.

use super::auxiliary::Auxiliaries;
use super::modes::{Conditions, Modes, Precision};
use super::problem::Problem;
use super::quadrature::Quadrature;
use crate::covariance::{Expansion, Matrix, Order};
use crate::error::{EngineError, Result};

/// An evaluation of the criterion.
#[derive(Debug, Clone)]
pub struct Point {
    /// ψ in the engine's coordinates.
    pub psi: Vec<f64>,
    /// The full vector of covariance parameters.
    pub full: Vec<f64>,
    /// T of every term.
    pub templates: Vec<Expansion<Matrix<f64>>>,
    /// The modes.
    pub modes: Modes,
    /// What the quadrature found, if there is one.
    pub quadrature: Option<Quadrature>,
    /// −2 log-likelihood.
    pub deviance: f64,
}

/// The three parts of ψ.
pub struct Parts<'a> {
    /// Covariance parameters.
    pub theta: &'a [f64],
    /// γ = L'β.
    pub gamma: &'a [f64],
    /// Auxiliary parameters.
    pub delta: &'a [f64],
}

impl Problem {
    /// ψ in its parts.
    pub fn parts<'a>(&self, psi: &'a [f64]) -> Parts<'a> {
        let (theta, rest) = psi.split_at(self.n_theta());
        let (gamma, delta) = rest.split_at(self.p);
        Parts { theta, gamma, delta }
    }

    /// The criterion at ψ (in the engine's coordinates), the modes searched from `start`:
    ///
    /// ```text
    ///     d(ψ) = −2 Σ ℓ_i(η̂_i) + û'Qû + log|M(û)| − log|Q|
    /// ```
    ///
    /// Laplace's approximation of −2 log ∫ exp(Σ ℓ_i − ½ u'Qu) du; or quadrature in its place.
    pub fn evaluate(&self, psi: &[f64], start: &[f64], precision: Precision) -> Result<Point> {
        let Parts { theta, gamma, delta } = self.parts(psi);
        let full = self.covariances.freedom.full(theta);
        let templates = self.covariances.templates(&full, Order::Value)?;
        let auxiliaries = Auxiliaries::new(&self.sources, &self.y, delta);
        let conditions = Conditions { gamma, auxiliaries: &auxiliaries, templates: &templates };
        let modes = self.modes(&conditions, start, precision)?;
        let quadrature = match &self.rule {
            None => None,
            Some(rule) => Some(self.quadrature(rule, &conditions, &modes)?),
        };
        let laplace = modes.penalty - 2.0 * modes.rows.log_density + modes.factor.log_det
            - self.covariances.log_precision();
        let deviance = quadrature.as_ref().map_or(laplace, |q| q.deviance);
        if !deviance.is_finite() {
            return Err(EngineError::Impossible);
        }
        Ok(Point { psi: psi.to_vec(), full, templates, modes, quadrature, deviance })
    }

    /// Number of spherical effects.
    pub fn n_effects(&self) -> usize {
        self.covariances.plan.layout.symbolic.dim()
    }
}
