//! The search for the zero of the estimated gradient.
//!
//! Traces come from probes, so that the gradient is not exactly that of the estimated criterion; the
//! two agree to the error of the probes. Steps are therefore judged by the gradient at their end: one
//! along which the gradient turned round and grew is shortened. At the end as many probes are taken as
//! keep their part in the error of θ small beside its standard error.

use super::point::{Effort, Point};
use super::probes::Probes;
use super::problem::IterativeProblem;
use super::uncertainty::{MonteCarlo, Spread};
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::objective::Criterion;
use crate::optimise::{Model, Options, Status, is_far, snapped, vanishes};
use crate::watch::{Stage, Watch};

/// Probes to begin with.
pub const PROBES: usize = 16;

/// Probes at most.
const MOST: usize = 256;

/// The Monte Carlo error of an element of θ, relative to its standard error, that is aimed at: the
/// variance of the estimate grows by its square.
const SMALL: f64 = 0.1;

/// Relative residual on the way.
const ON_THE_WAY: f64 = 1e-8;
/// The same where results are read.
pub const AT_THE_END: f64 = 1e-12;

/// Relative residual of the probes: far below what is left to chance.
const OF_PROBES: f64 = 1e-4;

/// Decrease of the criterion, promised by a step, below which none is taken where probes leave
/// more than that open.
const ENOUGH: f64 = 1e-6;

const FIRST_RADIUS: f64 = 1.5;

const LEAST_RADIUS: f64 = 1e-7;

/// Standard deviations below this, relative to the residual, are tried at zero.
const SUSPECT: f64 = 3e-3;

impl Effort {
    /// On the way to the minimum.
    pub fn on_the_way(probes: Probes) -> Self {
        Self { probes, of_probes: OF_PROBES, of_columns: ON_THE_WAY, of_directions: OF_PROBES }
    }

    /// Where results are read.
    pub fn at_the_end(probes: Probes) -> Self {
        Self { of_columns: AT_THE_END, of_directions: ON_THE_WAY, ..Self::on_the_way(probes) }
    }

    /// Where derivatives are taken by differences.
    pub fn for_differences(probes: Probes) -> Self {
        Self { of_probes: ON_THE_WAY, of_columns: AT_THE_END, ..Self::on_the_way(probes) }
    }
}

/// The end of a search.
pub struct End<'a> {
    /// θ̃.
    pub theta: Vec<f64>,
    /// What was found there.
    pub point: Point<'a>,
    /// The criterion at every evaluation.
    pub trace: Vec<f64>,
    /// How it ended.
    pub status: Status,
    /// What the probes leave open.
    pub monte_carlo: MonteCarlo,
}

/// The last point that was accepted.
struct Reached<'a> {
    theta: Vec<f64>,
    point: Point<'a>,
    hessian: Option<Square>,
}

struct Search<'a> {
    problem: &'a IterativeProblem,
    criterion: Criterion,
    options: Options,
    probes: Probes,
    reached: Option<Reached<'a>>,
    trace: Vec<f64>,
}

impl IterativeProblem {
    /// Finds the zero of the estimated gradient from θ̃ = `start`. Where the time allowed by this
    /// thread's watch runs out, the end is the last point that was accepted; that there is none yet is
    /// an error.
    pub fn minimise(
        &self,
        start: &[f64],
        criterion: Criterion,
        options: Options,
    ) -> Result<End<'_>> {
        let watch = Watch::current();
        watch.begin(Stage::Searching, 0);
        let probes = self.probes(PROBES);
        let mut search =
            Search { problem: self, criterion, options, probes, reached: None, trace: Vec::new() };
        let status = match search.run(start) {
            Err(EngineError::TimeLimit) if search.reached.is_some() => Status::TimeLimit,
            ended => ended?,
        };
        watch.overtime().during(|| search.end(status))
    }

    /// So many probes, or all unit vectors where these are fewer.
    pub fn probes(&self, count: usize) -> Probes {
        Probes::at_least(count, self.roles.large.rows)
    }

    /// As many probes as make chance small, after a spread between so many.
    pub fn enough(&self, spread: &Spread, probes: Probes) -> Probes {
        let more = self.probes(spread.wanted(probes, SMALL).min(MOST));
        if probes.is_exact() || more.count() <= probes.count() { probes } else { more }
    }
}

impl<'a> Search<'a> {
    /// Searches with more and more probes, until chance is small.
    fn run(&mut self, start: &[f64]) -> Result<Status> {
        let mut theta = start.to_vec();
        loop {
            let status = self.descend(&mut theta)?;
            if status == Status::Unbounded {
                return Ok(status);
            }
            self.snap(&mut theta)?;
            self.reach(&theta, Effort::at_the_end(self.probes))?;
            let more = self.problem.enough(&self.spread()?, self.probes);
            if status != Status::Converged || more == self.probes {
                return Ok(status);
            }
            self.probes = more;
        }
    }

    fn end(mut self, status: Status) -> Result<End<'a>> {
        let spread = self.spread()?;
        let Some(Reached { theta, point, .. }) = self.reached else {
            unreachable!("a search ends somewhere")
        };
        let monte_carlo = spread.monte_carlo(self.problem, &point, self.probes);
        let status = recognised(status, self.criterion, &theta, &point);
        Ok(End { theta, point, trace: self.trace, status, monte_carlo })
    }

    fn spread(&mut self) -> Result<Spread> {
        let hessian = self.hessian()?;
        let Some(reached) = &self.reached else { unreachable!("there is a point") };
        Ok(Spread::new(self.problem, &reached.point, hessian))
    }

    /// The curvature at the point reached.
    fn hessian(&mut self) -> Result<Square> {
        let Some(reached) = &mut self.reached else { unreachable!("there is a point") };
        if let Some(hessian) = &reached.hessian {
            return Ok(hessian.clone());
        }
        let effort = Effort::on_the_way(self.probes);
        let hessian = reached.point.hessian(self.problem, effort)?;
        reached.hessian = Some(hessian.clone());
        Ok(hessian)
    }

    fn reach(&mut self, theta: &[f64], effort: Effort) -> Result<()> {
        if let Some(reached) = &mut self.reached
            && reached.theta == theta
            && reached.point.probes == effort.probes
        {
            let known = Some(reached.point.probed());
            let (problem, criterion) = (self.problem, self.criterion);
            reached.point = Point::with(problem, theta, criterion, effort, known)?;
            return Ok(());
        }
        let point = self.evaluate(theta, effort)?;
        self.accept(theta.to_vec(), point);
        Ok(())
    }

    fn accept(&mut self, theta: Vec<f64>, point: Point<'a>) {
        Watch::current().found(point.profile.deviance);
        self.reached = Some(Reached { theta, point, hessian: None });
    }

    fn evaluate(&mut self, theta: &[f64], effort: Effort) -> Result<Point<'a>> {
        Watch::current().pause()?;
        let point = Point::new(self.problem, theta, self.criterion, effort);
        self.trace.push(point.as_ref().map_or(f64::NAN, |p| p.profile.deviance));
        Watch::current().advance(1);
        point
    }

    fn spent(&self) -> bool {
        self.trace.len() >= self.options.max_evaluations
    }

    fn descend(&mut self, theta: &mut Vec<f64>) -> Result<Status> {
        let effort = Effort::on_the_way(self.probes);
        if theta.is_empty() {
            return Ok(Status::Converged);
        }
        self.reach(theta, effort)?;
        let mut radius = FIRST_RADIUS;
        loop {
            let hessian = self.hessian()?;
            let Some(at) = self.reached.as_ref().map(|r| r.point.gradient.clone()) else {
                unreachable!("there is a point")
            };
            let Some(model) = Model::new(&at, &hessian) else {
                return Ok(Status::Stalled);
            };
            let step = model.step(radius);
            let least = if self.probes.is_exact() { 0.0 } else { ENOUGH };
            if step.decrease < self.options.tolerance.max(least) {
                return Ok(Status::Converged);
            }
            if self.spent() {
                return Ok(Status::MaxEvaluations);
            }
            if radius < LEAST_RADIUS {
                return Ok(Status::Stalled);
            }
            let trial: Vec<f64> = theta.iter().zip(&step.step).map(|(t, s)| t + s).collect();
            let next = match self.evaluate(&trial, effort) {
                Ok(next) => next,
                Err(stop) if stop.is_stop() => return Err(stop),
                Err(_) => {
                    radius = 0.3 * step.length;
                    continue;
                }
            };
            let along = |g: &[f64]| g.iter().zip(&step.step).map(|(g, s)| g * s).sum::<f64>();
            let (before, after) = (along(&at), along(&next.gradient));
            if after > 0.9 * before.abs() {
                radius = 0.4 * step.length;
                continue;
            }
            if step.length > 0.99 * radius && after < 0.25 * before.abs() {
                radius *= 2.5;
            }
            let is_lost = is_far(&trial) || vanishes(&next.profile);
            theta.clone_from(&trial);
            self.accept(trial, next);
            if is_lost {
                return Ok(Status::Unbounded);
            }
        }
    }

    /// Moves to an exactly singular T where that costs nothing.
    fn snap(&mut self, theta: &mut Vec<f64>) -> Result<()> {
        let Some(singular) = snapped(self.problem.templates(), theta, SUSPECT) else {
            return Ok(());
        };
        let Some(here) = self.reached.as_ref().map(|r| r.point.profile.deviance) else {
            return Ok(());
        };
        let there = self.evaluate(&singular, Effort::on_the_way(self.probes))?;
        if there.profile.deviance <= here + ENOUGH {
            *theta = singular;
        }
        Ok(())
    }
}

fn recognised(status: Status, criterion: Criterion, theta: &[f64], point: &Point<'_>) -> Status {
    if !criterion.is_profiled() {
        return status;
    }
    if vanishes(&point.profile) {
        return Status::Exact;
    }
    if is_far(theta) { Status::Unbounded } else { status }
}

/// Central differences of the gradient: the Hessian at a point, symmetric.
pub fn hessian_by_differences(
    problem: &IterativeProblem,
    theta: &[f64],
    criterion: Criterion,
    probes: Probes,
) -> Result<Square> {
    let m = theta.len();
    let effort = Effort::for_differences(probes);
    let mut out = Square::zeros(m);
    for j in 0..m {
        let step = STEP * theta[j].abs().max(STEP_FROM);
        let at = |by: f64| -> Result<Vec<f64>> {
            let mut moved = theta.to_vec();
            moved[j] += by;
            Ok(Point::new(problem, &moved, criterion, effort)?.gradient)
        };
        let (above, below) = (at(step)?, at(-step)?);
        for i in 0..m {
            out[(i, j)] = (above[i] - below[i]) / (2.0 * step);
        }
    }
    let other = out.transpose();
    out.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a = 0.5 * (*a + b));
    Ok(out)
}

/// Relative length of a difference, and the size of an element of θ̃ below which it is absolute.
const STEP: f64 = 1e-3;
const STEP_FROM: f64 = 1e-1;
