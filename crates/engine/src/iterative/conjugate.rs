//! S x = d by preconditioned conjugate gradients (Hestenes & Stiefel 1952), eight columns at a time,
//! with the coefficients from which Lanczos quadrature reads functions of S.

use super::operator::Operator;
use super::panel::{Row, add_scaled, dots, scale_add, subtract, zeros};
use crate::error::{EngineError, Result};
use crate::watch::Watch;

/// Steps at most. Connected data need 5 to 50; levels that hang together by few rows need hundreds.
pub const STEPS: usize = 3000;

/// How often a solution is improved whose true residual is larger than its recurrence says.
pub const REFINEMENTS: usize = 3;

/// Largest ratio of the true residual to the goal that is accepted.
pub const EXCESS: f64 = 10.0;

/// The steps of one column, for the tridiagonal matrix of Lanczos.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// Lengths of the steps.
    pub alpha: Vec<f64>,
    /// Ratios of the squared residuals after and before.
    pub beta: Vec<f64>,
}

/// The solution.
pub struct Solved<R> {
    /// x.
    pub x: Vec<R>,
    /// ‖d‖² in the norm of P⁻¹.
    pub squares: R,
    /// Per column.
    pub steps: Vec<Steps>,
}

/// Solves until the residual of every column, in the norm of P⁻¹, is below its `goal`.
pub fn solve<R: Row>(
    operator: &Operator<'_>,
    d: Vec<R>,
    goal: impl Fn(&R) -> R,
) -> Result<Solved<R>> {
    let mut r = d;
    let mut z = operator.precondition(&r);
    let mut rz = dots(&r, &z);
    let squares = rz;
    let goal = goal(&squares);
    let mut out = Solved { x: zeros(r.len()), squares, steps: vec![Steps::default(); R::LANES] };
    let mut p = std::mem::take(&mut z);
    for _ in 0..STEPS {
        let is_open = |l: &usize| {
            let left = rz.lanes()[*l];
            left > goal.lanes()[*l].powi(2) || left.is_nan()
        };
        let open: Vec<usize> = (0..R::LANES).filter(is_open).collect();
        if open.is_empty() {
            return Ok(out);
        }
        Watch::current().pause()?;
        let sp = operator.times(&p);
        let curvature = dots(&p, &sp);
        let mut alpha = R::ZERO;
        for &l in &open {
            let length = rz.lanes()[l] / curvature.lanes()[l];
            alpha.lanes_mut()[l] = length;
            if !(length > 0.0 && length.is_finite()) {
                return Err(unsolved(&rz, &squares));
            }
        }
        add_scaled(&alpha, &p, &mut out.x);
        alpha.scale(-1.0);
        add_scaled(&alpha, &sp, &mut r);
        drop(sp);
        z = operator.precondition(&r);
        let next = dots(&r, &z);
        let mut beta = R::ZERO;
        for &l in &open {
            beta.lanes_mut()[l] = next.lanes()[l] / rz.lanes()[l];
            out.steps[l].alpha.push(-alpha.lanes()[l]);
            out.steps[l].beta.push(beta.lanes()[l]);
        }
        scale_add(&beta, &z, &mut p);
        rz = next;
    }
    Err(unsolved(&rz, &squares))
}

/// S⁻¹d, with the true residual brought below ten times `tolerance` of d.
pub fn solve_checked<R: Row>(operator: &Operator<'_>, d: Vec<R>, tolerance: f64) -> Result<Vec<R>> {
    let squares = operator.squares(&d);
    let goal = squares.map(|s| tolerance * s.sqrt());
    let (mut x, mut residual) = (zeros::<R>(d.len()), d.clone());
    for _ in 0..=REFINEMENTS {
        let step = solve(operator, residual, |_| goal)?.x;
        x.iter_mut().zip(&step).for_each(|(x, s)| x.add(s));
        residual = d.clone();
        subtract(&operator.times(&x), &mut residual);
        if excess(&operator.squares(&residual), &goal) <= EXCESS {
            return Ok(x);
        }
    }
    Err(EngineError::Unsolved { residual: tolerance * EXCESS })
}

/// The largest ratio of a residual to its goal.
pub fn excess<R: Row>(squares: &R, goal: &R) -> f64 {
    let ratio = |(s, g): (&f64, &f64)| if *g == 0.0 { 0.0 } else { s.sqrt() / g };
    let above = |r: f64| if r.is_nan() { f64::INFINITY } else { r };
    squares.lanes().iter().zip(goal.lanes()).map(|pair| above(ratio(pair))).fold(0.0, f64::max)
}

fn unsolved<R: Row>(rz: &R, squares: &R) -> EngineError {
    let ratio =
        rz.lanes().iter().zip(squares.lanes()).map(|(a, b)| if *b > 0.0 { a / b } else { 0.0 });
    let residual = ratio.fold(0.0, |worst: f64, r| if r.is_nan() { r } else { worst.max(r) });
    EngineError::Unsolved { residual: residual.sqrt() }
}
