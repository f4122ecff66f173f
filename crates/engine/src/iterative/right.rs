//! Z'V₀⁻¹c for any right-hand columns c, V₀ being V without the small factors.

use std::ops::Range;

use super::conjugate::{EXCESS, REFINEMENTS, excess, solve};
use super::operator::Operator;
use super::panel::{LANES, Lanes, Pair, Row, add_block, load, store, subtract, zeros};
use super::sides::Side;
use crate::error::{EngineError, Result};
use crate::row_major::Columns;

/// Z'c, on both sides.
#[derive(Debug, Clone)]
pub struct RightSides {
    /// Of the eliminated factor.
    pub eliminated: Columns,
    /// Of the large factors.
    pub large: Columns,
}

/// What follows from V₀⁻¹c.
#[derive(Debug, Clone)]
pub struct Solutions {
    /// Z'V₀⁻¹c.
    pub a: RightSides,
    /// ΛΛ'Z'V₀⁻¹c of the large factors.
    pub b: Columns,
    /// Z'V_E⁻¹c of the large factors.
    pub reduced: Columns,
    /// The largest residual relative to its right-hand side, in the norm of P⁻¹.
    pub residual: f64,
}

/// Solves for all columns to a relative residual of `tolerance`.
pub fn solve_columns(
    operator: &Operator<'_>,
    right: &RightSides,
    tolerance: f64,
) -> Result<Solutions> {
    let (m, roles) = (right.large.m, operator.roles);
    let blank = |side: &Side| Columns::zeros(side.rows, m);
    let mut out = Solutions {
        a: RightSides { eliminated: blank(&roles.eliminated), large: blank(&roles.large) },
        b: blank(&roles.large),
        reduced: blank(&roles.large),
        residual: 0.0,
    };
    for first in (0..m).step_by(LANES) {
        let range = first..m.min(first + LANES);
        if range.len() <= Pair::LANES {
            some_columns::<Pair>(operator, right, range, tolerance, &mut out)?;
        } else {
            some_columns::<Lanes>(operator, right, range, tolerance, &mut out)?;
        }
    }
    Ok(out)
}

fn some_columns<R: Row>(
    operator: &Operator<'_>,
    right: &RightSides,
    range: Range<usize>,
    tolerance: f64,
    out: &mut Solutions,
) -> Result<()> {
    let mut a = load::<R>(&right.eliminated, range.clone());
    let c = load::<R>(&right.large, range.clone());
    let d = operator.reduced(&c, &operator.hold(&a));
    drop(c);
    store(&d, range.clone(), &mut out.reduced);
    let (b, a_large, t) = one_panel(operator, &d, tolerance, &mut out.residual)?;
    store(&b, range.clone(), &mut out.b);
    store(&a_large, range.clone(), &mut out.a.large);
    subtract(&t, &mut a);
    operator.damp_eliminated(&mut a);
    store(&a, range, &mut out.a.eliminated);
    Ok(())
}

/// What is left of d, with its solution: b, d − C b and A_EL b.
type Panels<R> = (Vec<R>, Vec<R>, Vec<R>);

/// (b, d − C b, A_EL b) with b = ΛS⁻¹Λ'd.
fn one_panel<R: Row>(
    operator: &Operator<'_>,
    d: &[R],
    tolerance: f64,
    worst: &mut f64,
) -> Result<Panels<R>> {
    let mut residual = d.to_vec();
    operator.gather_by_template(&mut residual);
    let squares = operator.squares(&residual);
    let goal = squares.map(|s| tolerance * s.sqrt());
    let mut u: Vec<R> = zeros(d.len());
    for _ in 0..=REFINEMENTS {
        let solved = solve(operator, residual, |_| goal)?;
        u.iter_mut().zip(&solved.x).for_each(|(u, x)| u.add(x));
        let b = operator.spread_by_template(&u);
        let (c, t) = operator.schur_times(&b);
        let mut a = d.to_vec();
        subtract(&c, &mut a);
        residual = a.clone();
        operator.gather_by_template(&mut residual);
        subtract(&u, &mut residual);
        let excess = excess(&operator.squares(&residual), &goal);
        if excess <= EXCESS {
            *worst = worst.max(excess * tolerance);
            return Ok((b, a, t));
        }
    }
    Err(EngineError::Unsolved { residual: tolerance * EXCESS })
}

/// out += A x for the blocks of single levels.
pub fn add_own<R: Row>(operator: &Operator<'_>, side: &Side, x: &[R], out: &mut [R]) {
    side.each(out, |span, level, out| {
        add_block(operator.raw(span, level), 1.0, &x[span.rows(level)], out);
    });
}
