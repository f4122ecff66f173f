//! The search for the minimum over ψ: a trust region without bounds.

use super::derivatives::Derivatives;
use super::modes::Precision;
use super::point::Point;
use super::problem::Problem;
use super::start::{Start, scaled};
use crate::error::{EngineError, Result};
use crate::optimise::{Missed, Model, Options, Status};
use crate::watch::{Stage, Watch};

/// Radius of the first step, in units of the start.
const FIRST_RADIUS: f64 = 1.5;

/// Smallest radius.
const LEAST_RADIUS: f64 = 1e-9;

/// Rounding error of the criterion relative to its size, and to the number of rows.
const ROUNDING: f64 = 1e-14;

/// A decrease below which the curvature no longer changes much from step to step.
const NEAR: f64 = 1.0;

/// A promised decrease above which the modes need not be found to the last digit.
const FAR: f64 = 1.0;

/// Standard deviations below this, in units of the start, are tried at zero.
const SUSPECT: f64 = 3e-3;

/// Multiples of its rounding error below which a decrease cannot be measured.
const HIDDEN: f64 = 50.0;

/// The end of a search.
#[derive(Debug, Clone)]
pub struct Minimum {
    /// The evaluation there.
    pub point: Point,
    /// Its derivatives, in the engine's coordinates.
    pub derivatives: Derivatives,
    /// The units of the search.
    pub units: Vec<f64>,
    /// Criterion at every evaluation.
    pub trace: Vec<f64>,
    /// How it ended.
    pub status: Status,
}

impl Problem {
    /// Finds the minimum from ψ = `start` (in the engine's coordinates), by default from the fit without
    /// random effects. Where the time allowed by this thread's watch runs out, that is the best point so
    /// far.
    pub fn minimise(&self, start: Option<&[f64]>, options: Options) -> Result<Minimum> {
        let watch = Watch::current();
        watch.begin(Stage::Searching, 0);
        let Start { mut psi, units } = self.start()?;
        if let Some(start) = start {
            psi.copy_from_slice(start);
        }
        self.minimise_from(&psi, units, None, options)
    }

    /// [`Self::minimise`] from a point and its modes, in units.
    pub fn minimise_from(
        &self,
        psi: &[f64],
        units: Vec<f64>,
        modes: Option<&[f64]>,
        options: Options,
    ) -> Result<Minimum> {
        let watch = Watch::current();
        let mut search = Search {
            problem: self,
            options,
            watch,
            units,
            trace: vec![],
            gained: f64::INFINITY,
            precision: Precision::ROUGH,
        };
        let zero = vec![0.0; self.n_effects()];
        let point = search.evaluate(psi, modes.unwrap_or(&zero), Precision::ROUGH)?;
        search.descend(point)
    }
}

struct Search<'a> {
    problem: &'a Problem,
    options: Options,
    watch: Watch,
    units: Vec<f64>,
    trace: Vec<f64>,
    /// Decrease of the criterion by the last accepted step.
    gained: f64,
    /// How well the modes at the present point are known.
    precision: Precision,
}

impl Search<'_> {
    fn evaluate(&mut self, psi: &[f64], modes: &[f64], precision: Precision) -> Result<Point> {
        self.watch.pause()?;
        let point = self.problem.evaluate(psi, modes, precision);
        self.trace.push(point.as_ref().map_or(f64::NAN, |p| p.deviance));
        self.watch.advance(1);
        point
    }

    fn descend(mut self, mut point: Point) -> Result<Minimum> {
        let mut radius = FIRST_RADIUS;
        let mut missed = Missed::new(self.units.len());
        loop {
            let derivatives = match self.problem.derivatives(&point) {
                Err(EngineError::TimeLimit) => {
                    let all = || self.problem.derivatives(&point);
                    let derivatives = self.watch.overtime().during(all)?;
                    return Ok(self.ended(point, derivatives, Status::TimeLimit));
                }
                other => other?,
            };
            let (gradient, mut hessian) =
                scaled(&derivatives.gradient, &derivatives.hessian, &self.units);
            missed.learn(&point.psi, &self.units, &gradient, &hessian, self.gained < NEAR);
            hessian.add(&missed.correction);
            let status = match Model::new(&gradient, &hessian) {
                None => Some(Status::Stalled),
                Some(model) => match self.step(&mut point, &derivatives, &model, &mut radius) {
                    Err(EngineError::TimeLimit) => Some(Status::TimeLimit),
                    other => other?,
                },
            };
            let status = match status {
                Some(Status::Converged) => match self.better_known(&point) {
                    Ok(Some(next)) => {
                        point = next;
                        continue;
                    }
                    Ok(None) => status,
                    Err(EngineError::TimeLimit) => Some(Status::TimeLimit),
                    Err(other) => return Err(other),
                },
                _ => status,
            };
            if let Some(status) = status {
                return Ok(self.ended(point, derivatives, status));
            }
        }
    }

    /// The point with its modes to the last digit, if they are not yet, or with small standard deviations
    /// at zero.
    fn better_known(&mut self, point: &Point) -> Result<Option<Point>> {
        if self.precision == Precision::FINE {
            return self.at_zero(point);
        }
        self.precision = Precision::FINE;
        self.evaluate(&point.psi, &point.modes.u, Precision::FINE).map(Some)
    }

    /// The same point with standard deviations that are nearly zero at zero, if they do no better.
    fn at_zero(&mut self, point: &Point) -> Result<Option<Point>> {
        let n_theta = self.problem.n_theta();
        let scales = self.problem.scales();
        let mut psi = point.psi.clone();
        for (i, value) in psi[..n_theta].iter_mut().enumerate() {
            if scales[i] && value.abs() < SUSPECT * self.units[i] {
                *value = 0.0;
            }
        }
        if psi == point.psi {
            return Ok(None);
        }
        let zero = self.evaluate(&psi, &point.modes.u, Precision::FINE)?;
        let noise = ROUNDING * (point.deviance.abs() + self.problem.n() as f64);
        let bound = point.deviance + self.options.tolerance.max(noise);
        Ok(Some(zero).filter(|zero| zero.deviance <= bound))
    }

    fn ended(self, point: Point, derivatives: Derivatives, status: Status) -> Minimum {
        let Self { units, trace, .. } = self;
        Minimum { point, derivatives, units, trace, status }
    }

    /// Tries shorter and shorter steps until one is accepted; says how the search ended if it did.
    fn step(
        &mut self,
        at: &mut Point,
        near: &Derivatives,
        model: &Model,
        radius: &mut f64,
    ) -> Result<Option<Status>> {
        let noise = ROUNDING * (at.deviance.abs() + self.problem.n() as f64);
        loop {
            let step = model.step(*radius);
            if step.decrease <= self.options.tolerance.max(0.1 * noise) {
                return Ok(Some(Status::Converged));
            }
            if self.trace.len() >= self.options.max_evaluations {
                return Ok(Some(Status::MaxEvaluations));
            }
            if *radius < LEAST_RADIUS {
                return Ok(Some(Status::Stalled));
            }
            let moved: Vec<f64> = step.step.iter().zip(&self.units).map(|(s, u)| s * u).collect();
            let psi: Vec<f64> = at.psi.iter().zip(&moved).map(|(p, s)| p + s).collect();
            let modes = near.followed(&at.modes.u, &moved);
            let far = step.decrease > FAR;
            let precision = if far { Precision::ROUGH } else { Precision::FINE };
            let trial = match self.evaluate(&psi, &modes, precision) {
                Err(stop) if stop.is_stop() => return Err(stop),
                other => other.ok(),
            };
            let decrease = trial.as_ref().map_or(f64::NEG_INFINITY, |t| at.deviance - t.deviance);
            let ratio = decrease / step.decrease;
            if ratio < 0.25 {
                *radius = 0.3 * step.length;
            } else if ratio > 0.7 && step.length > 0.99 * *radius {
                *radius *= 2.5;
            }
            let hidden = step.decrease <= HIDDEN * noise;
            let believed = ratio > 1e-4 || (hidden && decrease >= -noise);
            if let Some(trial) = trial.filter(|_| believed) {
                (self.gained, self.precision) = (decrease, precision);
                *at = trial;
                return Ok(None);
            }
            if hidden {
                return Ok(Some(Status::Converged));
            }
        }
    }
}
