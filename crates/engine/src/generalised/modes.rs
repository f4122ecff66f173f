//! The modes û of the random effects: penalised iteratively reweighted least squares, which is Newton's
//! method for
//!
//! ```text
//!     h(u) = −2 Σ ℓ_i(η_i) + u'Qu,    η = o + Xβ + ZΛu,
//!     M δ = Λ'Z's − Qu,               M = Λ'Z'WZΛ + Q
//! ```
//!
//! with steps that are halved until h falls. W is the observed information −ℓ''; where M is not positive
//! definite with it, rows whose information is not positive have the expected one.

use super::auxiliary::Auxiliaries;
use super::problem::Problem;
use super::rows::Rows;
use crate::covariance::{Expansion, Matrix};
use crate::cross_products::CrossProducts;
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::structured::{Raw, backward, factorise, forward};
use crate::watch::Watch;

/// Newton's decrement δ'Mδ from which one more step is the last: its error is of the order of this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision(pub f64);

impl Precision {
    /// For results: what is left is rounding error.
    pub const FINE: Self = Self(1e-10);

    /// Where the modes are taken as they are given: of two points on either side of another, whose modes
    /// follow to first order, the errors are the same.
    pub const GIVEN: Self = Self(f64::INFINITY);

    /// For steps from afar.
    pub const ROUGH: Self = Self(1e-5);
}

/// Newton's decrement that is rounding error.
const NOTHING: f64 = 1e-20;

/// Rounding error of h, relative to its size.
const ROUNDING: f64 = 1e-13;

/// Newton steps allowed.
const MOST_STEPS: usize = 100;

/// Halvings of a step allowed.
const MOST_HALVINGS: usize = 40;

/// The modes at one ψ.
#[derive(Debug, Clone)]
pub struct Modes {
    /// û by slot.
    pub u: Vec<f64>,
    /// b̂ = Λû by position.
    pub b: Vec<f64>,
    /// The rows there.
    pub rows: Rows,
    /// A = Z'WZ.
    pub a: Vec<f64>,
    /// û'Qû.
    pub penalty: f64,
    /// M − I.
    pub cross: CrossProducts,
    /// M = LL'.
    pub factor: Factor,
}

/// What is held while the modes are found.
pub struct Conditions<'a> {
    /// γ = L'β.
    pub gamma: &'a [f64],
    /// Auxiliaries of the rows.
    pub auxiliaries: &'a Auxiliaries<'a>,
    /// T of every term.
    pub templates: &'a [Expansion<Matrix<f64>>],
}

/// One u with its rows.
struct Trial {
    u: Vec<f64>,
    b: Vec<f64>,
    qu: Vec<f64>,
    rows: Rows,
    penalty: f64,
}

impl Trial {
    fn height(&self) -> f64 {
        self.penalty - 2.0 * self.rows.log_density
    }
}

impl Problem {
    /// Searches from `start`, or from zero where a response is impossible there.
    pub fn modes(
        &self,
        at: &Conditions<'_>,
        start: &[f64],
        Precision(last): Precision,
    ) -> Result<Modes> {
        let mut trial = self.trial(at, start.to_vec());
        if !trial.height().is_finite() {
            trial = self.trial(at, vec![0.0; start.len()]);
        }
        if !trial.height().is_finite() {
            return Err(EngineError::Impossible);
        }
        let watch = Watch::current();
        for _ in 0..MOST_STEPS {
            watch.check()?;
            let (a, cross, factor) = self.factorised(at, &mut trial)?;
            let gradient = self.gradient_of_u(at, &trial);
            let mut delta = gradient.clone();
            forward(&factor, &mut delta, 1);
            let decrement: f64 = delta.iter().map(|d| d * d).sum();
            // At a mode the observed information makes M positive definite, and no row has another.
            let exact = |trial: Trial, a, cross, factor| {
                let Trial { u, b, rows, penalty, .. } = trial;
                let found = Modes { u, b, rows, a, penalty, cross, factor };
                if found.rows.expected { Err(EngineError::Modes) } else { Ok(found) }
            };
            if decrement <= NOTHING || last == f64::INFINITY {
                return exact(trial, a, cross, factor);
            }
            backward(&factor, &mut delta, 1);
            match self.shorter_and_shorter(at, &trial, &delta, decrement) {
                None if decrement <= Precision::FINE.0 => return exact(trial, a, cross, factor),
                None => return Err(EngineError::Modes),
                Some(next) => trial = next,
            }
            if decrement <= last {
                let (a, cross, factor) = self.factorised(at, &mut trial)?;
                return exact(trial, a, cross, factor);
            }
        }
        Err(EngineError::Modes)
    }

    fn trial(&self, at: &Conditions<'_>, u: Vec<f64>) -> Trial {
        let b = self.covariances.plan.data_scale(at.templates, &u, 1);
        let qu = self.covariances.times_precision(&u, 1);
        let penalty = u.iter().zip(&qu).map(|(u, q)| u * q).sum();
        let rows = self.rows(self.predictor(at.gamma, &b), at.auxiliaries, false);
        Trial { u, b, qu, rows, penalty }
    }

    /// A and M at a trial; where the observed information will not do, its rows get the expected one.
    fn factorised(
        &self,
        at: &Conditions<'_>,
        trial: &mut Trial,
    ) -> Result<(Vec<f64>, CrossProducts, Factor)> {
        let found = self.equations(at, &trial.rows.weight);
        if !matches!(found, Err(EngineError::Factorisation { .. })) {
            return found;
        }
        trial.rows = self.rows(std::mem::take(&mut trial.rows.eta), at.auxiliaries, true);
        self.equations(at, &trial.rows.weight)
    }

    fn equations(
        &self,
        at: &Conditions<'_>,
        weight: &[f64],
    ) -> Result<(Vec<f64>, CrossProducts, Factor)> {
        let own = &self.covariances;
        let positions = own.plan.grid.offset[own.plan.grid.width.len()];
        let raw = Raw { a: self.gram(weight), right: vec![0.0; positions], total: vec![1.0] };
        let mut cross = own.empty_cross_products();
        let factor = factorise(&own.design, &own.plan, &raw, at.templates, &mut cross)?;
        Ok((raw.a, cross, factor))
    }

    /// Λ'Z's − Qu, half of −∂h/∂u.
    fn gradient_of_u(&self, at: &Conditions<'_>, trial: &Trial) -> Vec<f64> {
        let scores = self.z_transposed_vector(&trial.rows.score);
        let mut out = self.covariances.plan.spherical_scale(at.templates, &scores, 1);
        out.iter_mut().zip(&trial.qu).for_each(|(o, q)| *o -= q);
        out
    }

    /// The first of the steps δ, δ/2, δ/4, … that lowers h as far as it should.
    fn shorter_and_shorter(
        &self,
        at: &Conditions<'_>,
        from: &Trial,
        delta: &[f64],
        decrement: f64,
    ) -> Option<Trial> {
        let height = from.height();
        let noise = ROUNDING * (height.abs() + from.penalty + self.n() as f64);
        let mut t = 1.0;
        for _ in 0..MOST_HALVINGS {
            let u = from.u.iter().zip(delta).map(|(u, d)| u + t * d).collect();
            let trial = self.trial(at, u);
            // h falls by 2t times the decrement at first.
            if trial.height() <= height - 1e-4 * t * decrement + noise {
                return Some(trial);
            }
            t *= 0.5;
        }
        None
    }
}
