//! Newton steps on the approximate gradient, to where exact evaluations should begin.
//!
//! There is no criterion to compare here: a step is judged by the gradient at its end. One along
//! which the gradient turned round and grew is halved. Nothing is decided by this stage but the
//! starting point of the exact search.

use super::subproblem::Model;
use crate::error::Result;
use crate::problem::Derivatives;
use crate::watch::Watch;

/// Approximate evaluations at most.
const STEPS: usize = 15;

/// Expected decrease of the criterion below which the error of the traces is as large.
const ENOUGH: f64 = 1e-4;

const FIRST_RADIUS: f64 = 1.5;

/// Moves from θ̃ = `start` towards the minimum by `approximate` derivatives, which are None where an
/// exact evaluation is not dear: there the exact search starts at once. Where they fail, it starts
/// from what has been reached.
pub fn approach(
    approximate: &mut dyn FnMut(&[f64]) -> Result<Option<Derivatives>>,
    start: &[f64],
) -> Result<Vec<f64>> {
    let watch = Watch::current();
    let mut theta = start.to_vec();
    let mut radius = FIRST_RADIUS;
    let Some(mut at) = unless_stopped(approximate(&theta))? else {
        return Ok(theta);
    };
    for _ in 0..STEPS {
        watch.pause()?;
        let Some(model) = Model::new(&at.gradient, &at.hessian) else {
            break;
        };
        let step = model.step(radius);
        if step.decrease < ENOUGH {
            break;
        }
        let trial: Vec<f64> = theta.iter().zip(&step.step).map(|(t, s)| t + s).collect();
        let Some(next) = unless_stopped(approximate(&trial))? else {
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

/// A failure means that there is nothing, but that of a search that is stopped.
fn unless_stopped(found: Result<Option<Derivatives>>) -> Result<Option<Derivatives>> {
    match found {
        Err(stop) if stop.is_stop() => Err(stop),
        other => Ok(other.ok().flatten()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense::Square;
    use crate::error::EngineError;

    /// d = (θ − 4)², which fails from the evaluation `fails` on.
    fn search(fails: usize) -> Result<Vec<f64>> {
        let mut count = 0;
        let mut approximate = |theta: &[f64]| {
            count += 1;
            if count > fails {
                return Err(EngineError::Factorisation { group: 0, level: 0 });
            }
            let hessian = Square { n: 1, data: vec![2.0] };
            Ok(Some(Derivatives { gradient: vec![2.0 * (theta[0] - 4.0)], hessian }))
        };
        approach(&mut approximate, &[1.0])
    }

    #[test]
    fn the_minimum_is_approached() {
        assert!((search(usize::MAX).unwrap()[0] - 4.0).abs() < 0.01);
    }

    /// The exact search takes over from the last point whose derivatives are known.
    #[test]
    fn a_failure_leaves_what_was_reached() {
        assert_eq!(search(0).unwrap(), vec![1.0]);
        assert_eq!(search(1).unwrap(), vec![1.0]);
        assert_eq!(search(2).unwrap(), vec![2.5]);
    }

    #[test]
    fn without_derivatives_the_start_stays() {
        let found = approach(&mut |_| Ok(None), &[1.0]);
        assert_eq!(found.unwrap(), vec![1.0]);
    }

    #[test]
    fn an_interruption_is_an_error() {
        let hessian = Square { n: 1, data: vec![2.0] };
        let mut approximate =
            |_: &[f64]| Ok(Some(Derivatives { gradient: vec![9.0], hessian: hessian.clone() }));
        let watch = Watch::new(None, Some(Box::new(|| true)));
        let found = watch.during(|| approach(&mut approximate, &[1.0]));
        assert!(matches!(found, Err(EngineError::Interrupted)));
    }
}
