//! Trust-region Newton search on the free parameters θ̃. There are no bounds: the criterion is even in
//! every column of T, and bounds trap the search. Where a pivot of T is small beside what is below it,
//! steps are taken in another root of the same Σ (see `covariance/pivoting`).

use super::search::{Minimum, Search, Status};
use super::subproblem::Model;
use crate::covariance::{Pivoted, pivoted, restored};
use crate::error::Result;
use crate::objective::Profile;
use crate::problem::Derivatives;

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

/// Share of the promised decrease that a step by probed traces leaves, roughly.
const ROUGH_SHARE: f64 = 0.1;

/// Multiples of its rounding error below which a decrease cannot be measured.
const HIDDEN: f64 = 50.0;

/// Share of its rounding error below which a decrease is that of a last step: what such a step leaves
/// is of the order of its square, and no evaluation could tell.
const FAR_BELOW: f64 = 0.1;

/// Length of a step, in θ̃, up to which it may be the last for that reason.
const SHORT: f64 = 0.05;

/// Rounding errors above this count for no more.
const MOST_NOISE: f64 = 1e-7;

/// Where a step is not dear the last one promises at most this share of the tolerance, so that
/// θ is within a part in 10⁷ of the optimum, and no step is taken for less than `FINE` of it.
const LAST: f64 = 1e-2;
const FINE: f64 = 1e-7;

impl Search<'_> {
    /// Searches from `at`.
    pub fn descend(&mut self, at: &mut Minimum) -> Result<()> {
        let mut radius = FIRST_RADIUS;
        let mut rough = self.problem.prefers_rough_start();
        loop {
            let root = pivoted(&self.problem.templates, &at.theta);
            let derivatives = self.derived(at, root.as_ref(), rough)?;
            let Some(model) = Model::new(&derivatives.gradient, &derivatives.hessian) else {
                at.status = Status::Stalled;
                return Ok(());
            };
            let promised = model.step(radius);
            if rough && promised.decrease < ROUGH {
                rough = false;
                continue;
            }
            // The next step is for what this one leaves.
            let little = promised.decrease * ROUGH_SHARE < ROUGH && promised.length < 0.99 * radius;
            match self.step(at, &model, root.as_ref(), &mut radius)? {
                None => rough = rough && !little,
                // Rough derivatives are not believed when they see nothing left to gain.
                Some(Status::Converged | Status::Stalled) if rough => rough = false,
                Some(status) => {
                    at.status = status;
                    return Ok(());
                }
            }
        }
    }

    /// Gradient and curvature for the root in which a step is taken; the gradient is that of θ̃.
    fn derived(
        &mut self,
        at: &mut Minimum,
        root: Option<&Pivoted>,
        rough: bool,
    ) -> Result<Derivatives> {
        let (problem, profile) = (self.problem, &at.profile);
        let Some(root) = root else {
            let found = if rough {
                problem.rough_derivatives(self.work, profile)?
            } else {
                problem.derivatives(self.work, profile, true)?
            };
            at.gradient.clone_from(&found.gradient);
            return Ok(found);
        };
        let (gradient, found) = problem.derivatives_of_root(self.work, profile, root, rough)?;
        at.gradient = gradient;
        Ok(found)
    }

    /// θ̃ a step away, in the root in which it is taken.
    fn moved(&self, theta: &[f64], root: Option<&Pivoted>, step: &[f64]) -> Vec<f64> {
        let sum =
            |from: &[f64]| -> Vec<f64> { from.iter().zip(step).map(|(t, s)| t + s).collect() };
        match root {
            None => sum(theta),
            Some(root) => restored(&self.problem.templates, &root.templates, &sum(&root.theta)),
        }
    }

    /// Tries shorter and shorter steps until one is accepted; says how the search ended if it did.
    fn step(
        &mut self,
        at: &mut Minimum,
        model: &Model,
        root: Option<&Pivoted>,
        radius: &mut f64,
    ) -> Result<Option<Status>> {
        let mut rejected = false;
        loop {
            let step = model.step(*radius);
            let (noise, enough) = (self.noise(&at.profile), self.enough(&at.profile));
            let dear = self.problem.step_is_dear();
            // A long step for a decrease that cannot be told leads along a flat direction.
            let hidden = step.decrease <= FAR_BELOW * noise.min(MOST_NOISE) && step.length <= SHORT;
            let last = !dear && (step.decrease <= LAST * self.options.tolerance || hidden);
            let status = if step.decrease <= enough {
                Some(Status::Converged)
            } else if self.spent() {
                Some(Status::MaxEvaluations)
            } else if *radius < LEAST_RADIUS {
                Some(Status::Stalled)
            } else {
                None
            };
            if status.is_some() {
                return self.restored(at, rejected).map(|()| status);
            }
            let trial = self.moved(&at.theta, root, &step.step);
            let profile = self.tried(&trial)?;
            let decrease =
                profile.as_ref().map_or(f64::NEG_INFINITY, |p| at.profile.deviance - p.deviance);
            let ratio = decrease / step.decrease;
            if ratio < 0.25 {
                *radius = 0.3 * step.length;
            } else if ratio > 0.7 && step.length > 0.99 * *radius {
                *radius *= 2.5;
            }
            // A decrease that rounding hides cannot be tested, only believed.
            let hidden = step.decrease <= HIDDEN * noise;
            let believed = ratio > 1e-4 || (hidden && decrease >= -noise);
            if let Some(profile) = profile.filter(|_| believed) {
                at.theta = trial;
                at.profile = profile;
                let share = if hidden { UNTESTED } else { (ratio - 1.0).abs() + UNTESTED };
                let inside = step.length < 0.99 * *radius;
                let done = last || (dear && inside && step.decrease * share * share <= enough);
                if done && self.options.last_gradient {
                    self.last_gradient(at, share)?;
                }
                return Ok(done.then_some(Status::Converged));
            }
            if hidden && !dear {
                return self.restored(at, true).map(|()| Some(Status::Converged));
            }
            rejected = true;
        }
    }

    /// The decrease that ends a search.
    fn enough(&self, profile: &Profile) -> f64 {
        if self.problem.step_is_dear() {
            self.worthwhile(profile)
        } else {
            FINE * self.options.tolerance
        }
    }

    /// The gradient after a last step that left `share` of it: computed where that is cheap, else
    /// estimated.
    fn last_gradient(&mut self, at: &mut Minimum, share: f64) -> Result<()> {
        if !self.problem.gradient_is_dear() {
            at.gradient = self.gradient(&at.profile)?;
        } else {
            at.gradient.iter_mut().for_each(|g| *g *= share);
        }
        Ok(())
    }
}
