//! The search for the minimum over θ: a trust region without bounds, in the units of the data.

use super::derivatives::Derivatives;
use super::design::Spread;
use super::point::Point;
use super::problem::Problem;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::objective::Criterion;
use crate::optimise::{Missed, Model, Options, Status};
use crate::watch::{Stage, Watch};

/// Radius of the first step; one is a random effect as variable as the residual.
const FIRST_RADIUS: f64 = 1.5;

/// A step that promises more than this share of what the last one gained is one of many towards a limit
/// at infinity, such as a constant that vanishes: none is taken for further digits alone.
const CRAWL: f64 = 0.02;

/// Least root of a constant beside a power: its square is nothing beside 1.
const LEAST_ROOT: f64 = 1e-9;

/// Smallest radius: below it the model has nothing to say at double precision.
const LEAST_RADIUS: f64 = 1e-9;

/// Rounding error of the criterion relative to its size, and to the number of rows.
const ROUNDING: f64 = 1e-14;

/// A decrease below which the curvature no longer changes much from step to step.
const NEAR: f64 = 1.0;

/// Least pivot of a residual correlation matrix from which it is on its way to singular, where the
/// likelihood has no limit: some combination of a block's rows is reproduced exactly.
const SINGULAR: f64 = 1e-12;

/// A last step promises at most this share of the tolerance.
const FINE: f64 = 1e-4;

/// The end of a search.
#[derive(Debug, Clone)]
pub struct Minimum {
    /// θ.
    pub theta: Vec<f64>,
    /// The evaluation there.
    pub point: Point,
    /// ∂d/∂θ.
    pub gradient: Vec<f64>,
    /// Criterion at every evaluation.
    pub trace: Vec<f64>,
    /// How it ended.
    pub status: Status,
}

impl Problem {
    /// Finds the minimum from θ = `start`. Where the time allowed by this thread's watch runs out,
    /// that is the best point so far.
    pub fn minimise(
        &self,
        start: &[f64],
        criterion: Criterion,
        options: Options,
    ) -> Result<Minimum> {
        let watch = Watch::current();
        watch.begin(Stage::Searching, 0);
        let units = self.units();
        let frame = Frame::new(self, criterion);
        let mut search = Search {
            problem: self,
            criterion,
            options,
            watch,
            units,
            frame,
            trace: vec![],
            gained: f64::INFINITY,
        };
        let point = search.evaluate(start)?;
        search.descend(start.to_vec(), point)
    }
}

struct Search<'a> {
    problem: &'a Problem,
    criterion: Criterion,
    options: Options,
    watch: Watch,
    units: Vec<f64>,
    frame: Frame,
    trace: Vec<f64>,
    /// Decrease of the criterion by the last accepted step.
    gained: f64,
}

impl Search<'_> {
    fn evaluate(&mut self, theta: &[f64]) -> Result<Point> {
        self.watch.pause()?;
        let point = self.problem.evaluate(theta, self.criterion);
        self.trace.push(point.as_ref().map_or(f64::NAN, |p| p.profile.deviance));
        self.watch.advance(1);
        point
    }

    fn descend(mut self, mut theta: Vec<f64>, mut point: Point) -> Result<Minimum> {
        let mut radius = FIRST_RADIUS;
        let mut missed = Missed::new(theta.len());
        let mut last = vec![];
        loop {
            let derivatives = match self.problem.derivatives(&point, self.criterion) {
                Err(EngineError::TimeLimit) => return self.given_up(theta, point, last),
                other => other?,
            };
            let (gradient, hessian) = self.frame.pulled_back(&theta, &derivatives);
            let (gradient, mut hessian) = self.in_units(&gradient, &hessian);
            let at = self.frame.coordinates(&theta);
            missed.learn(&at, &self.units, &gradient, &hessian, self.gained < NEAR);
            hessian.add(&missed.correction);
            let status = match Model::new(&gradient, &hessian) {
                _ if point.white.patterns.iter().any(|p| p.least_pivot() < SINGULAR) => {
                    Some(Status::Unbounded)
                }
                None => Some(Status::Stalled),
                Some(model) => match self.step(&mut theta, &mut point, &model, &mut radius) {
                    Err(EngineError::TimeLimit) => Some(Status::TimeLimit),
                    other => other?,
                },
            };
            if let Some(status) = status {
                let trace = self.trace;
                return Ok(Minimum { theta, point, gradient: derivatives.gradient, trace, status });
            }
            last = derivatives.gradient;
        }
    }

    /// The best point so far, with the gradient at the one before if there is one.
    fn given_up(self, theta: Vec<f64>, point: Point, mut gradient: Vec<f64>) -> Result<Minimum> {
        if gradient.is_empty() {
            let all = || self.problem.derivatives(&point, self.criterion);
            gradient = self.watch.overtime().during(all)?.gradient;
        }
        Ok(Minimum { theta, point, gradient, trace: self.trace, status: Status::TimeLimit })
    }

    fn in_units(&self, gradient: &[f64], hessian: &Square) -> (Vec<f64>, Square) {
        let u = &self.units;
        let mut scaled = hessian.clone();
        for j in 0..u.len() {
            (0..u.len()).for_each(|i| scaled[(i, j)] *= u[i] * u[j]);
        }
        (gradient.iter().zip(u).map(|(g, u)| g * u).collect(), scaled)
    }

    /// Tries shorter and shorter steps until one is accepted; says how the search ended if it did.
    fn step(
        &mut self,
        theta: &mut Vec<f64>,
        at: &mut Point,
        model: &Model,
        radius: &mut f64,
    ) -> Result<Option<Status>> {
        let noise = ROUNDING * (at.profile.deviance.abs() + self.problem.design.n() as f64);
        loop {
            let step = model.step(*radius);
            let crawls = step.decrease > CRAWL * self.gained;
            let enough = if crawls { 1.0 } else { FINE } * self.options.tolerance;
            if step.decrease <= enough.max(0.1 * noise) {
                return Ok(Some(Status::Converged));
            }
            if self.trace.len() >= self.options.max_evaluations {
                return Ok(Some(Status::MaxEvaluations));
            }
            if *radius < LEAST_RADIUS {
                return Ok(Some(Status::Stalled));
            }
            let moved = step.step.iter().zip(&self.units).map(|(s, u)| s * u);
            let from = self.frame.coordinates(theta);
            let to: Vec<f64> = from.iter().zip(moved).map(|(t, s)| t + s).collect();
            let trial = self.frame.theta(&to);
            let point = match self.evaluate(&trial) {
                Err(stop) if stop.is_stop() => return Err(stop),
                other => other.ok(),
            };
            let decrease = point
                .as_ref()
                .map_or(f64::NEG_INFINITY, |p| at.profile.deviance - p.profile.deviance);
            let ratio = decrease / step.decrease;
            if ratio < 0.25 {
                *radius = 0.3 * step.length;
            } else if ratio > 0.7 && step.length > 0.99 * *radius {
                *radius *= 2.5;
            }
            let hidden = step.decrease <= 50.0 * noise;
            let believed = ratio > 1e-4 || (hidden && decrease >= -noise);
            if let Some(point) = point.filter(|_| believed) {
                self.gained = decrease;
                (*theta, *at) = (trial, point);
                return Ok(None);
            }
            if hidden {
                return Ok(Some(Status::Converged));
            }
        }
    }
}

/// Coordinates in which standard deviations are relative to the geometric mean of the residual's, not
/// to σ, its value where the covariates of the spread are zero: t = e^{m'γ} x for a standard deviation
/// t of the random effects, with the means m of the spread's columns. Otherwise every change of γ
/// would have to be answered by all of them.
struct Frame {
    /// Elements of θ that are relative to σ.
    scaled: Vec<usize>,
    /// Elements of θ that are slopes γ of log s, and m.
    slopes: Vec<(usize, f64)>,
    /// κ and δ of e^κ + |x|^δ, and the mean l of log|x|. The coordinate of κ is v with v² = e^(κ − lδ): it
    /// does not depend on the unit of x, and where the constant vanishes, v = 0 is an ordinary point.
    shears: Vec<(usize, usize, f64)>,
}

impl Frame {
    fn new(problem: &Problem, criterion: Criterion) -> Self {
        let (design, places) = (&problem.design, &problem.places);
        let mut out = Self { scaled: vec![], slopes: vec![], shears: vec![] };
        if criterion.sigma.is_some() {
            return out;
        }
        for (spread, place) in design.spread.iter().zip(&places.spread) {
            let slope = spread.mean();
            let last = problem.freedom.of(place.end - 1);
            out.slopes.extend(last.map(|j| (j, slope)));
            if let (Spread::ConstantPower(_), Some(kappa), Some(delta)) =
                (spread, problem.freedom.of(place.start), last)
            {
                out.shears.push((kappa, delta, slope));
            }
        }
        for (term, place) in design.terms.iter().zip(&places.terms) {
            let scales = term.structure.scales().into_iter().enumerate();
            let free = scales.filter_map(|(i, s)| s.and(problem.freedom.of(place.start + i)));
            out.scaled.extend(free);
        }
        out.scaled.sort_unstable();
        out.scaled.dedup();
        out
    }

    /// m'γ.
    fn shift(&self, at: &[f64]) -> f64 {
        self.slopes.iter().map(|(j, m)| at[*j] * m).sum()
    }

    fn moved(&self, at: &[f64], factor: f64) -> Vec<f64> {
        let mut out = at.to_vec();
        self.scaled.iter().for_each(|&i| out[i] *= factor);
        out
    }

    fn coordinates(&self, theta: &[f64]) -> Vec<f64> {
        let mut out = self.moved(theta, (-self.shift(theta)).exp());
        for (kappa, delta, l) in &self.shears {
            out[*kappa] = (0.5 * (theta[*kappa] - l * theta[*delta])).exp();
        }
        out
    }

    fn theta(&self, at: &[f64]) -> Vec<f64> {
        let mut out = self.moved(at, self.shift(at).exp());
        for (kappa, delta, l) in &self.shears {
            out[*kappa] = 2.0 * at[*kappa].abs().max(LEAST_ROOT).ln() + l * at[*delta];
        }
        out
    }

    /// Gradient and Hessian in these coordinates, by the chain rule.
    fn pulled_back(&self, theta: &[f64], d: &Derivatives) -> (Vec<f64>, Square) {
        let m = theta.len();
        if self.shears.is_empty() && (self.slopes.is_empty() || self.scaled.is_empty()) {
            return (d.gradient.clone(), d.hessian.clone());
        }
        let factor = self.shift(theta).exp();
        let mut jacobian = Square::identity(m);
        for &i in &self.scaled {
            jacobian[(i, i)] = factor;
            self.slopes.iter().for_each(|(j, slope)| jacobian[(i, *j)] += theta[i] * slope);
        }
        let at = self.coordinates(theta);
        for (kappa, delta, l) in &self.shears {
            jacobian[(*kappa, *kappa)] = 2.0 / at[*kappa];
            jacobian[(*kappa, *delta)] = *l;
        }
        let gradient =
            (0..m).map(|j| (0..m).map(|i| jacobian[(i, j)] * d.gradient[i]).sum()).collect();
        let mut hessian = jacobian.transpose().times(&d.hessian.times(&jacobian));
        for &i in &self.scaled {
            for (j, a) in &self.slopes {
                hessian[(i, *j)] += d.gradient[i] * factor * a;
                hessian[(*j, i)] += d.gradient[i] * factor * a;
                for (l, b) in &self.slopes {
                    hessian[(*j, *l)] += d.gradient[i] * theta[i] * a * b;
                }
            }
        }
        for (kappa, ..) in &self.shears {
            hessian[(*kappa, *kappa)] -= 2.0 * d.gradient[*kappa] / at[*kappa].powi(2);
        }
        (gradient, hessian)
    }
}
