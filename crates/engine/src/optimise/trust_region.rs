//! Trust-region Newton search on the free parameters θ̃. There are no bounds: the criterion is even in
//! every column of T, and bounds trap the search.

use super::approach::approach;
use super::boundary::snapped;
use super::subproblem::Model;
use crate::error::{EngineError, Result};
use crate::objective::Profile;
use crate::problem::{Problem, Workspace};

/// Radius of the first step; T̃ = I means random effects as variable as the residual.
const FIRST_RADIUS: f64 = 1.5;

/// Smallest radius: below it the model has nothing to say at double precision.
const LEAST_RADIUS: f64 = 1e-9;

/// How far the curvature model may be off in directions that the last step did not test. After a step
/// whose decrease came out as promised to a share ε, the decrease still to be had is about
/// (ε + this)² of it.
const UNTESTED: f64 = 0.05;

/// Expected decrease of the criterion from which probed traces are good enough for a step.
const ROUGH: f64 = 1.0;

/// Rounding error of the criterion relative to its size.
const ROUNDING: f64 = 2e-14;

/// Settings of the search.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Evaluations of the criterion allowed.
    pub max_evaluations: usize,
    /// The search ends when the model promises a smaller decrease of the criterion.
    pub tolerance: f64,
    /// Whether the gradient is wanted after the last step too, where nothing else needs it.
    pub last_gradient: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_evaluations: 500, tolerance: 1e-9, last_gradient: true }
    }
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No step promises a decrease beyond the tolerance.
    Converged,
    /// The allowed evaluations are used up.
    MaxEvaluations,
    /// No step decreases the criterion although the model promises one.
    Stalled,
}

/// The end of a search.
#[derive(Debug, Clone)]
pub struct Minimum {
    /// θ̃.
    pub theta: Vec<f64>,
    /// β, σ and the criterion there.
    pub profile: Profile,
    /// ∂d/∂θ̃; where it is dear, an estimate after the last step.
    pub gradient: Vec<f64>,
    /// Criterion at every evaluation.
    pub trace: Vec<f64>,
    /// How it ended.
    pub status: Status,
}

/// Finds the minimum of the criterion from θ̃ = `start`. `work` is left at the minimum. `interrupted`
/// is asked before every evaluation.
pub fn minimise(
    problem: &Problem,
    work: &mut Workspace,
    start: &[f64],
    reml: bool,
    options: Options,
    interrupted: &dyn Fn() -> bool,
) -> Result<Minimum> {
    let mut search = Search { problem, work, reml, options, interrupted, trace: Vec::new() };
    let start = approach(problem, search.work, start, reml, interrupted)?;
    let profile = search.evaluate(&start)?;
    let mut at = Minimum {
        theta: start.clone(),
        profile,
        gradient: vec![],
        trace: vec![],
        status: Status::Converged,
    };
    if !start.is_empty() {
        search.descend(&mut at)?;
        search.snap(&mut at)?;
    }
    at.trace = search.trace;
    Ok(at)
}

struct Search<'a> {
    problem: &'a Problem,
    work: &'a mut Workspace,
    reml: bool,
    options: Options,
    interrupted: &'a dyn Fn() -> bool,
    trace: Vec<f64>,
}

impl Search<'_> {
    fn evaluate(&mut self, theta: &[f64]) -> Result<Profile> {
        if (self.interrupted)() {
            return Err(EngineError::Interrupted);
        }
        let profile = self.problem.evaluate(self.work, theta, self.reml);
        self.trace.push(profile.as_ref().map_or(f64::NAN, |p| p.deviance));
        profile
    }

    fn spent(&self) -> bool {
        self.trace.len() >= self.options.max_evaluations
    }

    /// The least decrease worth an evaluation at a criterion of this size.
    fn worthwhile(&self, deviance: f64) -> f64 {
        self.options.tolerance.max(ROUNDING * deviance.abs())
    }

    fn descend(&mut self, at: &mut Minimum) -> Result<()> {
        let mut radius = FIRST_RADIUS;
        let mut rough = self.problem.prefers_rough_start();
        loop {
            let derivatives = if rough {
                self.problem.rough_derivatives(self.work, &at.profile, self.reml)
            } else {
                self.problem.derivatives(self.work, &at.profile, self.reml, true)
            };
            at.gradient = derivatives.gradient;
            let Some(model) = Model::new(&at.gradient, &derivatives.hessian) else {
                at.status = Status::Stalled;
                return Ok(());
            };
            if rough && model.step(radius).decrease < ROUGH {
                rough = false;
                continue;
            }
            match self.step(at, &model, &mut radius)? {
                None => {}
                // Rough derivatives are not believed when they see nothing left to gain.
                Some(Status::Converged | Status::Stalled) if rough => rough = false,
                Some(status) => {
                    at.status = status;
                    return Ok(());
                }
            }
        }
    }

    /// Tries shorter and shorter steps until one is accepted; says how the search ended if it did.
    fn step(
        &mut self,
        at: &mut Minimum,
        model: &Model,
        radius: &mut f64,
    ) -> Result<Option<Status>> {
        let mut rejected = false;
        loop {
            let step = model.step(*radius);
            let status = if step.decrease <= self.worthwhile(at.profile.deviance) {
                Some(Status::Converged)
            } else if self.spent() {
                Some(Status::MaxEvaluations)
            } else if *radius < LEAST_RADIUS {
                Some(Status::Stalled)
            } else {
                None
            };
            if status.is_some() {
                if rejected {
                    // Leave the workspace at the point that is returned.
                    at.profile = self.problem.evaluate(self.work, &at.theta, self.reml)?;
                }
                return Ok(status);
            }
            let trial: Vec<f64> = at.theta.iter().zip(&step.step).map(|(t, s)| t + s).collect();
            let profile = match self.evaluate(&trial) {
                Err(EngineError::Interrupted) => return Err(EngineError::Interrupted),
                other => other.ok(),
            };
            let decrease =
                profile.as_ref().map_or(f64::NEG_INFINITY, |p| at.profile.deviance - p.deviance);
            let ratio = decrease / step.decrease;
            if ratio < 0.25 {
                *radius = 0.3 * step.length;
            } else if ratio > 0.7 && step.length > 0.99 * *radius {
                *radius *= 2.5;
            }
            if let Some(profile) = profile.filter(|_| ratio > 1e-4) {
                at.theta = trial;
                at.profile = profile;
                let share = (ratio - 1.0).abs() + UNTESTED;
                let inside = step.length < 0.99 * *radius;
                let done =
                    inside && step.decrease * share * share <= self.worthwhile(at.profile.deviance);
                if done && self.options.last_gradient {
                    self.last_gradient(at, share);
                }
                return Ok(done.then_some(Status::Converged));
            }
            rejected = true;
        }
    }

    /// The gradient after a last step that left `share` of it: computed where that is cheap, else
    /// estimated.
    fn last_gradient(&mut self, at: &mut Minimum, share: f64) {
        if !self.problem.gradient_is_dear() {
            let derivatives = self.problem.derivatives(self.work, &at.profile, self.reml, false);
            at.gradient = derivatives.gradient;
        } else {
            at.gradient.iter_mut().for_each(|g| *g *= share);
        }
    }

    /// Moves to an exactly singular T where that costs nothing.
    fn snap(&mut self, at: &mut Minimum) -> Result<()> {
        if self.spent() {
            return Ok(());
        }
        let Some(theta) = snapped(&self.problem.templates, &at.theta) else {
            return Ok(());
        };
        let allowed = at.profile.deviance + self.worthwhile(at.profile.deviance);
        match self.evaluate(&theta) {
            Ok(profile) if profile.deviance <= allowed => {
                at.theta = theta;
                at.profile = profile;
                Ok(())
            }
            Err(EngineError::Interrupted) => Err(EngineError::Interrupted),
            _ => {
                at.profile = self.problem.evaluate(self.work, &at.theta, self.reml)?;
                Ok(())
            }
        }
    }
}
