//! Newton steps on the approximate gradient, to where exact evaluations should begin.
//!
//! There is no criterion to compare here: a step is judged by the gradient at its end. One along
//! which the gradient turned round and grew is halved. Nothing is decided by this stage but the
//! starting point of the exact search.

use super::subproblem::Model;
use crate::error::{EngineError, Result};
use crate::problem::{Problem, Workspace};

/// Approximate evaluations at most.
const STEPS: usize = 15;

/// Expected decrease of the criterion below which the error of the traces is as large.
const ENOUGH: f64 = 1e-4;

const FIRST_RADIUS: f64 = 1.5;

/// Moves from θ̃ = `start` towards the minimum, where an exact evaluation is dear; elsewhere the exact
/// search starts at once.
pub fn approach(
    problem: &Problem,
    work: &mut Workspace,
    start: &[f64],
    reml: bool,
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<f64>> {
    let mut theta = start.to_vec();
    let mut radius = FIRST_RADIUS;
    let Some(mut at) = problem.approximate(work, &theta, reml)? else {
        return Ok(theta);
    };
    for _ in 0..STEPS {
        if interrupted() {
            return Err(EngineError::Interrupted);
        }
        let Some(model) = Model::new(&at.gradient, &at.hessian) else {
            break;
        };
        let step = model.step(radius);
        if step.decrease < ENOUGH {
            break;
        }
        let trial: Vec<f64> = theta.iter().zip(&step.step).map(|(t, s)| t + s).collect();
        let Some(next) = problem.approximate(work, &trial, reml)? else {
            break;
        };
        let along = |g: &[f64]| g.iter().zip(&step.step).map(|(g, s)| g * s).sum::<f64>();
        let (before, after) = (along(&at.gradient), along(&next.gradient));
        if after > 0.9 * before.abs() {
            radius = 0.4 * step.length;
            continue;
        }
        if step.length > 0.99 * radius && after < 0.25 * before.abs() {
            radius *= 2.5;
        }
        (theta, at) = (trial, next);
    }
    Ok(theta)
}
