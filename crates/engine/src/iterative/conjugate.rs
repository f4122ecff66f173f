//! S x = d by preconditioned conjugate gradients (Hestenes & Stiefel 1952), eight columns at a time,
//! with the coefficients from which Lanczos quadrature reads functions of S.

use super::operator::Operator;
use super::panel::{LANES, Lanes, Panel, add_scaled, dots, scale_add, subtract, zeros};
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
pub struct Solved {
    /// x.
    pub x: Panel,
    /// ‖d‖² in the norm of P⁻¹.
    pub squares: Lanes,
    /// Per column.
    pub steps: Vec<Steps>,
}

/// Solves until the residual of every column, in the norm of P⁻¹, is below its `goal`.
pub fn solve(operator: &Operator<'_>, d: Panel, goal: impl Fn(&Lanes) -> Lanes) -> Result<Solved> {
    let mut r = d;
    let mut z = operator.precondition(&r);
    let mut rz = dots(&r, &z);
    let squares = rz;
    let goal = goal(&squares);
    let mut out = Solved { x: zeros(r.len()), squares, steps: vec![Steps::default(); LANES] };
    let mut p = std::mem::take(&mut z);
    for _ in 0..STEPS {
        let open: [bool; LANES] = std::array::from_fn(|l| !(rz.0[l] <= goal.0[l].powi(2)));
        if !open.contains(&true) {
            return Ok(out);
        }
        Watch::current().pause()?;
        let sp = operator.times(&p);
        let curvature = dots(&p, &sp);
        let mut alpha = Lanes::ZERO;
        for l in (0..LANES).filter(|&l| open[l]) {
            alpha.0[l] = rz.0[l] / curvature.0[l];
            if !(alpha.0[l] > 0.0 && alpha.0[l].is_finite()) {
                return Err(unsolved(&rz, &squares));
            }
        }
        add_scaled(&alpha, &p, &mut out.x);
        alpha.scale(-1.0);
        add_scaled(&alpha, &sp, &mut r);
        drop(sp);
        z = operator.precondition(&r);
        let next = dots(&r, &z);
        let mut beta = Lanes::ZERO;
        for l in (0..LANES).filter(|&l| open[l]) {
            beta.0[l] = next.0[l] / rz.0[l];
            out.steps[l].alpha.push(-alpha.0[l]);
            out.steps[l].beta.push(beta.0[l]);
        }
        scale_add(&beta, &z, &mut p);
        rz = next;
    }
    Err(unsolved(&rz, &squares))
}

/// S⁻¹d, with the true residual brought below ten times `tolerance` of d.
pub fn solve_checked(operator: &Operator<'_>, d: Panel, tolerance: f64) -> Result<Panel> {
    let squares = operator.squares(&d);
    let goal = Lanes(squares.0.map(|s| tolerance * s.sqrt()));
    let (mut x, mut residual) = (zeros(d.len()), d.clone());
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
pub fn excess(squares: &Lanes, goal: &Lanes) -> f64 {
    let ratio = |l: usize| if goal.0[l] == 0.0 { 0.0 } else { squares.0[l].sqrt() / goal.0[l] };
    let above = |r: f64| if r.is_nan() { f64::INFINITY } else { r };
    (0..LANES).map(|l| above(ratio(l))).fold(0.0, f64::max)
}

fn unsolved(rz: &Lanes, squares: &Lanes) -> EngineError {
    let ratio = rz.0.iter().zip(&squares.0).map(|(a, b)| if *b > 0.0 { a / b } else { 0.0 });
    let residual = ratio.fold(0.0, |worst: f64, r| if r.is_nan() { r } else { worst.max(r) });
    EngineError::Unsolved { residual: residual.sqrt() }
}
