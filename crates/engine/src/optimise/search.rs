//! What every stage of a search shares: the problem, the evaluations spent, and the point it ends at.

use super::approach::approach;
use super::boundary::snapped;
use crate::error::{EngineError, Result};
use crate::objective::{Criterion, Profile};
use crate::problem::{Problem, Workspace};

/// Rounding error of the criterion relative to its size.
const ROUNDING: f64 = 2e-14;

/// Rounding error of r², relative to y'y.
const CANCELLATION: f64 = 1e-15;

/// Standard deviations below this, relative to the residual and for a column of unit mean square,
/// are tried at zero.
const SUSPECT: f64 = 3e-3;

/// Settings of the search.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Evaluations of the criterion allowed.
    pub max_evaluations: usize,
    /// The search ends when the model promises a smaller decrease of the criterion.
    pub tolerance: f64,
    /// Whether the gradient is wanted after the last step too, where nothing else needs it.
    pub last_gradient: bool,
    /// Whether small problems are searched from other starts as well.
    pub rivals: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_evaluations: 500, tolerance: 1e-9, last_gradient: true, rivals: true }
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
    /// The residual variance tends to zero, or is not told apart from the random effects: θ grows
    /// without limit.
    Unbounded,
    /// Fixed and random effects reproduce the response, and the criterion has no minimum.
    Exact,
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

impl Minimum {
    /// A point from which a search may start.
    pub fn new(theta: Vec<f64>, profile: Profile) -> Self {
        Self { theta, profile, gradient: vec![], trace: vec![], status: Status::Converged }
    }
}

/// Finds the minimum of the criterion from θ̃ = `start`. `work` is left at the minimum. `interrupted`
/// is asked before every evaluation.
pub fn minimise(
    problem: &Problem,
    work: &mut Workspace,
    start: &[f64],
    criterion: Criterion,
    options: Options,
    interrupted: &dyn Fn() -> bool,
) -> Result<Minimum> {
    let mut search = Search { problem, work, criterion, options, interrupted, trace: Vec::new() };
    let work = &mut *search.work;
    let mut approximate = |theta: &[f64]| problem.approximate(work, theta, criterion);
    let start = approach(&mut approximate, start, interrupted)?;
    let mut at = Minimum::new(start.clone(), search.evaluate(&start)?);
    if !start.is_empty() {
        if problem.second_order_is_cheap() {
            search.score_from(&mut at)?;
        } else {
            search.descend(&mut at)?;
            search.snap(&mut at)?;
        }
        search.recognise_exact(&mut at)?;
    }
    at.trace = search.trace;
    Ok(at)
}

/// A search under way.
pub struct Search<'a> {
    pub problem: &'a Problem,
    pub work: &'a mut Workspace,
    pub criterion: Criterion,
    pub options: Options,
    interrupted: &'a dyn Fn() -> bool,
    trace: Vec<f64>,
}

impl Search<'_> {
    pub fn evaluate(&mut self, theta: &[f64]) -> Result<Profile> {
        if (self.interrupted)() {
            return Err(EngineError::Interrupted);
        }
        let profile = self.problem.evaluate(self.work, theta, self.criterion);
        self.trace.push(profile.as_ref().map_or(f64::NAN, |p| p.deviance));
        profile
    }

    /// The criterion at a trial point, or None where it has no value.
    pub fn tried(&mut self, theta: &[f64]) -> Result<Option<Profile>> {
        match self.evaluate(theta) {
            Err(EngineError::Interrupted) => Err(EngineError::Interrupted),
            other => Ok(other.ok()),
        }
    }

    /// Evaluations of the criterion so far.
    pub fn count(&self) -> usize {
        self.trace.len()
    }

    pub fn spent(&self) -> bool {
        self.trace.len() >= self.options.max_evaluations
    }

    /// Rounding error of the criterion.
    pub fn noise(&self, profile: &Profile) -> f64 {
        let lost = self.problem.n as f64 / profile.variance;
        ROUNDING * profile.deviance.abs() + CANCELLATION * lost
    }

    /// The least decrease worth an evaluation.
    pub fn worthwhile(&self, profile: &Profile) -> f64 {
        self.options.tolerance.max(ROUNDING * profile.deviance.abs())
    }

    /// Leaves the workspace at the point that is returned, if it has `moved` elsewhere.
    pub fn restored(&mut self, at: &mut Minimum, moved: bool) -> Result<()> {
        if moved {
            at.profile = self.problem.evaluate(self.work, &at.theta, self.criterion)?;
        }
        Ok(())
    }

    /// The exact gradient at the point of the workspace.
    pub fn gradient(&mut self, profile: &Profile) -> Vec<f64> {
        self.problem.derivatives(self.work, profile, false).gradient
    }

    /// Moves to an exactly singular T where that costs nothing.
    pub fn snap(&mut self, at: &mut Minimum) -> Result<()> {
        if self.spent() {
            return Ok(());
        }
        let Some(theta) = snapped(&self.problem.templates, &at.theta, SUSPECT) else {
            return Ok(());
        };
        let allowed = at.profile.deviance + self.worthwhile(&at.profile);
        match self.tried(&theta)? {
            Some(profile) if profile.deviance <= allowed => {
                (at.theta, at.profile) = (theta, profile);
                Ok(())
            }
            _ => self.restored(at, true),
        }
    }
}
