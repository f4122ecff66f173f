//! The search where second derivatives are cheap: scoring from afar, Newton nearby.
//!
//! Each step minimises a model that is quadratic in v = (σ²Σ, σ²) over (T, σ²) (see `composite`).
//! Its matrix is the expected information E as long as the model promises much: scoring in the
//! variances themselves solves a balanced design in one step, however large or small the ratio of
//! the variances. Nearby it is the observed information, which converges quadratically. Steps are
//! measured in the metric E, which no scaling of columns changes, and kept within a radius by adding
//! a multiple of E.

use std::sync::Arc;

use super::boundary::snapped;
use super::composite::{Composite, gamma};
use super::exact::{is_far, vanishes};
use super::search::{Minimum, Search, Status};
use crate::covariance::Templates;
use crate::dense::Square;
use crate::error::Result;
use crate::inference::SecondOrder;

/// Expected decrease of the criterion below which the observed information is believed.
const NEAR: f64 = 1.0;

/// Expected decrease below which the observed information is believed at the start too.
const CLOSE: f64 = 1e-3;

/// The first radius of a step by the observed information, in lengths of the scoring step.
const FIRST_RADIUS: f64 = 4.0;

/// Radius, in standard errors, below which a search has stalled.
const LEAST_RADIUS: f64 = 1e-8;

/// Decrease whose step would move θ by less than a part in 10⁸ of its standard error.
const NOTHING: f64 = 1e-16;

/// The last step promises at most this share of the tolerance, or this decrease: what it leaves is of
/// the order of its square.
const LAST: f64 = 0.1;
const LAST_DECREASE: f64 = 1e-9;

/// σ² may shrink to this share in one step where the model would have it negative.
const LEAST_SHARE: f64 = 0.1;

/// Directions of T below this, relative to the residual, are zero.
const ZERO: f64 = 1e-6;

/// Multiples of E that are tried at most.
const DAMPINGS: usize = 20;

/// Least first radius of a step by the observed information.
const LEAST_FIRST: f64 = 1e-3;

/// Standard deviations, of the first column of a term and of the others, from which a problem with
/// few rows is searched once more: its other minima lie at smaller or larger variances, or leave
/// the variation to another column.
const STARTS: [(f64, f64); 4] = [(0.3, 0.3), (10.0, 10.0), (10.0, 0.1), (3.0, 3.0)];

/// Evaluations after which no other start is tried, and one that is above the best is given up.
const MOST: usize = 32;

/// Evaluations that a search from another start takes at least.
const LEAST_SEARCH: usize = 5;

/// Standard errors between two points that are one minimum.
const SAME: f64 = 0.1;

/// A damped step by the observed information is preferred to a scoring step if it promises more
/// than this share of its decrease: scoring promises too much as often as too little.
const BETTER: f64 = 0.1;

/// Share of the promised decrease that a step must bring.
const SUFFICIENT: f64 = 1e-4;

/// Multiples of its rounding error below which a decrease that leads far away is not believed: along a
/// flat direction it is nothing else.
const HIDDEN: f64 = 10.0;

/// Rounding error of a model's decrease.
const ROUNDING: f64 = 1e-12;

/// Information on log σ², as degrees of freedom, below which the residual variance is not told.
const UNTOLD: f64 = 0.05;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Expected,
    Observed,
}

/// The criterion around one point.
struct Around {
    templates: Arc<Templates>,
    theta: Vec<f64>,
    second: SecondOrder,
    /// Whether σ² moves with θ.
    profiled: bool,
}

/// Where a model has its minimum.
struct Proposal {
    theta: Vec<f64>,
    decrease: f64,
    length: f64,
    damped: bool,
}

impl Search<'_> {
    /// Searches from `at`, and from other starts where there may be another minimum.
    pub fn score_from(&mut self, at: &mut Minimum) -> Result<()> {
        self.score(at, None)?;
        self.snap(at)?;
        if self.options.rivals && self.problem.has_few_rows() {
            self.rivals(at)?;
        }
        if self.options.last_gradient {
            at.gradient = self.gradient(&at.profile)?;
        }
        Ok(())
    }

    /// Searches from other starts, and keeps the best end.
    fn rivals(&mut self, at: &mut Minimum) -> Result<()> {
        let mut home = self.around(at)?;
        let mut moved = false;
        for (first, others) in STARTS {
            if self.count() + LEAST_SEARCH > MOST || self.spent() {
                break;
            }
            moved = true;
            let theta = self.problem.templates.diagonal(first, others);
            let Some(profile) = self.tried(&theta)? else { continue };
            let mut other = Minimum::new(theta, profile);
            self.score(&mut other, Some((at, &home)))?;
            let noise =
                if is_far(&other.theta) { HIDDEN * self.noise(&other.profile) } else { 0.0 };
            let least = self.worthwhile(&at.profile).max(noise);
            if other.profile.deviance < at.profile.deviance - least {
                self.snap(&mut other)?;
                home = self.around(&other)?;
                *at = other;
                moved = false;
            }
        }
        self.restored(at, moved)
    }

    /// The criterion around the point of the workspace.
    fn around(&mut self, at: &Minimum) -> Result<Around> {
        let second = self.problem.second_order(self.work, &at.profile)?;
        let templates = Arc::clone(&self.problem.templates);
        let profiled = self.criterion.is_profiled();
        Ok(Around { templates, theta: at.theta.clone(), second, profiled })
    }

    /// Searches from `at`, as long as it may end below the best point known and elsewhere.
    fn score(&mut self, at: &mut Minimum, best: Option<(&Minimum, &Around)>) -> Result<()> {
        let mut trust = Trust { radius: f64::INFINITY, metric: Metric::Expected, begun: false };
        loop {
            let around = match self.around(at) {
                Ok(around) => around,
                Err(stop) if stop.is_stop() => return Err(stop),
                Err(_) => return self.descend(at),
            };
            if around.is_unbounded(at) {
                at.status = Status::Unbounded;
                return Ok(());
            }
            let step = trust.first(&around);
            if let Some((best, home)) = best {
                let above = at.profile.deviance - best.profile.deviance;
                if self.is_hopeless(above, &step, &trust, home) {
                    return Ok(());
                }
            }
            if let Some(status) = self.follow(at, &around, step, &mut trust)? {
                at.status = if around.is_unbounded(at) { Status::Unbounded } else { status };
                return Ok(());
            }
        }
    }

    /// Whether a search will end at the minimum known, or `above` it, or has had its share.
    fn is_hopeless(&self, above: f64, step: &Proposal, trust: &Trust, home: &Around) -> bool {
        if self.count() >= MOST {
            return above > 0.0;
        }
        let near = trust.metric == Metric::Observed && above > 1.5 * step.decrease;
        !step.damped && (near || home.distance(&step.theta) < SAME)
    }

    /// Tries shorter and shorter steps until one is accepted; says how the search ended if it did.
    fn follow(
        &mut self,
        at: &mut Minimum,
        around: &Around,
        mut step: Proposal,
        trust: &mut Trust,
    ) -> Result<Option<Status>> {
        let noise = self.noise(&at.profile);
        let mut moved = false;
        loop {
            let status = if step.decrease <= NOTHING {
                Some(Status::Converged)
            } else if self.spent() {
                Some(Status::MaxEvaluations)
            } else if trust.radius < LEAST_RADIUS {
                Some(Status::Stalled)
            } else {
                None
            };
            if status.is_some() {
                return self.restored(at, moved).map(|()| status);
            }
            let small = (LAST * self.options.tolerance).max(LAST_DECREASE);
            let last = step.decrease <= noise.max(small);
            let profile = self.tried(&step.theta)?;
            moved = true;
            let decrease =
                profile.as_ref().map_or(f64::NEG_INFINITY, |p| at.profile.deviance - p.deviance);
            let ratio = decrease / step.decrease;
            if !last {
                trust.learn(ratio, step.length);
            }
            let enough = decrease > SUFFICIENT * around.measurable(step.decrease);
            let believed = enough || (last && decrease >= -noise);
            if let Some(profile) = profile.filter(|_| believed) {
                let leaves = is_far(&step.theta) && !is_far(&at.theta);
                if leaves && decrease <= HIDDEN * self.noise(&profile) {
                    return self.restored(at, true).map(|()| Some(Status::Converged));
                }
                (at.theta, at.profile) = (step.theta, profile);
                return Ok((last && !step.damped).then_some(Status::Converged));
            }
            if last {
                return self.restored(at, true).map(|()| Some(Status::Converged));
            }
            step = around.within(trust);
        }
    }
}

/// How far a model is believed, and which.
struct Trust {
    radius: f64,
    metric: Metric,
    begun: bool,
}

impl Trust {
    /// The first step from a new point.
    fn first(&mut self, around: &Around) -> Proposal {
        let edge = self.radius;
        if self.metric == Metric::Observed {
            let step = around.within(self);
            if step.decrease < NEAR && !step.damped {
                return step;
            }
            self.metric = Metric::Expected;
        }
        let scoring = around.within(self);
        // The first step of all is scoring's, which may be the last.
        let first = !std::mem::replace(&mut self.begun, true);
        if scoring.decrease >= NEAR || (first && scoring.decrease > CLOSE) {
            return scoring;
        }
        self.metric = Metric::Observed;
        if edge.is_infinite() {
            self.radius = (FIRST_RADIUS * scoring.length).max(LEAST_FIRST);
        }
        let step = around.within(self);
        if step.damped && step.decrease < BETTER * scoring.decrease {
            (self.metric, self.radius) = (Metric::Expected, edge);
            return scoring;
        }
        step
    }

    fn learn(&mut self, ratio: f64, length: f64) {
        if ratio < 0.25 {
            self.radius = 0.3 * length;
        } else if ratio > 0.6 {
            self.radius = self.radius.max(2.5 * length);
        }
    }
}

impl Around {
    /// Whether the search is on its way to infinity, since nothing tells the residual variance.
    fn is_unbounded(&self, at: &Minimum) -> bool {
        let m = self.theta.len();
        let untold = is_far(&at.theta) && self.second.expected[(m, m)] < UNTOLD;
        self.profiled && (untold || vanishes(&at.profile))
    }

    /// The promise that a step is measured by. From afar a known σ has the quadratic promise squares
    /// where the criterion falls by a logarithm, although scoring steps to the right place.
    fn measurable(&self, promised: f64) -> f64 {
        if self.profiled { promised } else { promised.min(1.0) }
    }

    /// Distance to another θ̃ in standard errors, at one σ².
    fn distance(&self, theta: &[f64]) -> f64 {
        self.measure(&self.change(theta, 1.0))
    }

    /// Δ of Ψ = TT' and s.
    fn change(&self, theta: &[f64], share: f64) -> Vec<f64> {
        let mut change = gamma(&self.templates, theta);
        change.iter_mut().zip(&self.second.gamma).for_each(|(a, b)| *a -= b);
        change.push(share - 1.0);
        change
    }

    /// The model's minimum within the radius.
    fn within(&self, trust: &Trust) -> Proposal {
        let mut damping = 0.0;
        let mut out = self.proposal(trust.metric, damping);
        for _ in 0..DAMPINGS {
            if out.decrease > -ROUNDING && out.length <= 1.001 * trust.radius {
                break;
            }
            damping = if damping == 0.0 { 0.02 } else { 3.0 * damping };
            out = self.proposal(trust.metric, damping);
        }
        out
    }

    fn proposal(&self, metric: Metric, damping: f64) -> Proposal {
        let mut matrix = match metric {
            Metric::Expected => self.second.expected.clone(),
            Metric::Observed => self.second.observed.clone(),
        };
        let expected = &self.second.expected.data;
        matrix.data.iter_mut().zip(expected).for_each(|(m, e)| *m += damping * e);
        let given = |share: f64| {
            let (theta, value) = self.given_share(&matrix, share);
            (theta, share, value)
        };
        let (mut theta, share, value) = if self.profiled {
            self.free_share(&matrix).unwrap_or_else(|| given(LEAST_SHARE))
        } else {
            given(1.0)
        };
        let length = self.measure(&self.change(&theta, share));
        theta.iter_mut().for_each(|t| *t /= share.sqrt());
        if let Some(zeroed) = snapped(&self.templates, &theta, ZERO) {
            theta = zeroed;
        }
        Proposal { theta, decrease: -value, length, damped: damping > 0.0 }
    }

    /// The minimum over T and the residual's share s of σ̂², eliminated from the quadratic; None if
    /// that would not be positive.
    fn free_share(&self, matrix: &Square) -> Option<(Vec<f64>, f64, f64)> {
        let m = self.theta.len();
        let (corner, slope) = (matrix[(m, m)], self.second.gradient[m]);
        if corner <= 0.0 {
            return None;
        }
        let mut gradient = self.second.gradient[..m].to_vec();
        let mut hessian = Square::zeros(m);
        for j in 0..m {
            gradient[j] -= matrix[(j, m)] * slope / corner;
            for i in 0..m {
                hessian[(i, j)] = matrix[(i, j)] - matrix[(i, m)] * matrix[(j, m)] / corner;
            }
        }
        let found = self.composite(gradient, hessian).minimise(&self.theta);
        let along: f64 = (0..m).map(|i| matrix[(i, m)] * found.change[i]).sum();
        let share = 1.0 - (slope + along) / corner;
        let value = found.value - 0.5 * slope * slope / corner;
        (share > f64::EPSILON).then_some((found.theta, share, value))
    }

    /// The minimum over T at a given share.
    fn given_share(&self, matrix: &Square, share: f64) -> (Vec<f64>, f64) {
        let m = self.theta.len();
        let (corner, slope, d) = (matrix[(m, m)], self.second.gradient[m], share - 1.0);
        let mut gradient = self.second.gradient[..m].to_vec();
        let mut hessian = Square::zeros(m);
        for j in 0..m {
            gradient[j] += matrix[(j, m)] * d;
            (0..m).for_each(|i| hessian[(i, j)] = matrix[(i, j)]);
        }
        let found = self.composite(gradient, hessian).minimise(&self.theta);
        (found.theta, found.value + slope * d + 0.5 * corner * d * d)
    }

    fn composite(&self, gradient: Vec<f64>, hessian: Square) -> Composite<'_> {
        let (templates, origin) = (&*self.templates, &self.second.gamma[..]);
        Composite { templates, origin, gradient, hessian }
    }

    /// √(Δ'EΔ).
    fn measure(&self, change: &[f64]) -> f64 {
        let n = change.len();
        let e = &self.second.expected;
        let form: f64 =
            (0..n).map(|j| change[j] * (0..n).map(|i| e[(i, j)] * change[i]).sum::<f64>()).sum();
        form.max(0.0).sqrt()
    }
}
