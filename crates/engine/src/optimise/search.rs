//! What every stage of a search shares: the problem, the evaluations spent, and the point it ends at.

use std::time::{Duration, Instant};

use super::approach::approach;
use super::boundary::snapped;
use crate::error::{EngineError, Result};
use crate::objective::{Criterion, Profile};
use crate::problem::{Problem, Workspace};
use crate::watch::{Stage, Watch};

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
    /// The time allowed is over.
    TimeLimit,
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

/// Finds the minimum of the criterion from θ̃ = `start`. `work` is left at the minimum. Where the time
/// allowed by this thread's watch runs out, that is the best point so far.
pub fn minimise(
    problem: &Problem,
    work: &mut Workspace,
    start: &[f64],
    criterion: Criterion,
    options: Options,
) -> Result<Minimum> {
    let watch = Watch::current();
    watch.begin(Stage::Searching, 0);
    let start = {
        let mut approximate = |theta: &[f64]| problem.approximate(work, theta, criterion);
        approach(&mut approximate, start)?
    };
    let pace = Pace::new(&watch);
    let mut search = Search { problem, work, criterion, options, watch, pace, trace: Vec::new() };
    let mut at = Minimum::new(start.clone(), search.evaluate(&start)?);
    if !start.is_empty() {
        match search.stages(&mut at) {
            Err(EngineError::TimeLimit) => search.give_up(&mut at)?,
            ended => ended?,
        }
    }
    at.trace = search.trace;
    Ok(at)
}

/// How long evaluations take, where time is limited.
struct Pace {
    last: Option<Instant>,
    longest: Duration,
}

impl Pace {
    fn new(watch: &Watch) -> Self {
        Self { last: watch.left().map(|_| Instant::now()), longest: Duration::ZERO }
    }

    /// An error if another evaluation, with what comes before the next, would not end in time and
    /// leave time to come back to the best point.
    fn allows(&mut self, watch: &Watch) -> Result<()> {
        let (Some(last), Some(left)) = (self.last, watch.left()) else { return Ok(()) };
        let now = Instant::now();
        self.longest = self.longest.max(now - last);
        self.last = Some(now);
        if left < 2 * self.longest { Err(EngineError::TimeLimit) } else { Ok(()) }
    }
}

/// A search under way.
pub struct Search<'a> {
    pub problem: &'a Problem,
    pub work: &'a mut Workspace,
    pub criterion: Criterion,
    pub options: Options,
    watch: Watch,
    pace: Pace,
    trace: Vec<f64>,
}

impl Search<'_> {
    fn stages(&mut self, at: &mut Minimum) -> Result<()> {
        if self.problem.second_order_is_cheap() {
            self.score_from(at)?;
        } else {
            self.descend(at)?;
            self.snap(at)?;
        }
        self.recognise_exact(at)
    }

    /// Comes back to the best point so far, beyond the time allowed if need be.
    fn give_up(&mut self, at: &mut Minimum) -> Result<()> {
        at.status = Status::TimeLimit;
        self.watch.overtime().during(|| {
            at.profile = self.problem.evaluate(self.work, &at.theta, self.criterion)?;
            if at.gradient.is_empty() {
                at.gradient = self.gradient(&at.profile)?;
            }
            Ok(())
        })
    }

    pub fn evaluate(&mut self, theta: &[f64]) -> Result<Profile> {
        self.watch.pause()?;
        if !self.trace.is_empty() {
            self.pace.allows(&self.watch)?;
        }
        let evaluated = self.problem.evaluate(self.work, theta, self.criterion);
        let profile = self.watch.judged(evaluated);
        self.trace.push(profile.as_ref().map_or(f64::NAN, |p| p.deviance));
        self.watch.advance(1);
        profile
    }

    /// The criterion at a trial point, or None where it has no value.
    pub fn tried(&mut self, theta: &[f64]) -> Result<Option<Profile>> {
        match self.evaluate(theta) {
            Err(stop) if stop.is_stop() => Err(stop),
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
    pub fn gradient(&mut self, profile: &Profile) -> Result<Vec<f64>> {
        Ok(self.problem.derivatives(self.work, profile, false)?.gradient)
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
