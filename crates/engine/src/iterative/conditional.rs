//! Conditional covariances T(M⁻¹)_jjT' of all levels of a factor that is not small, by probes.
//!
//! ```text
//!     eliminated:  H_e + E ψ(x)ψ(z)',    ψ(x) = H_e A_eL Λ x
//!     large:       W_r + E φ(x)φ(z)',    φ(x) = W_r (C Λx)_r off the diagonal,   W = ΛP⁻¹Λ'
//! ```
//!
//! with z and x of [`super::probes`], and what the small factors add, exactly. The part that P⁻¹ gives
//! of the first expectation is exact too. Probes are added until chance is small beside the standard
//! deviations themselves.

use super::conjugate::solve;
use super::corner::Corner;
use super::operator::Operator;
use super::panel::{Lanes, Row, add_block, zeros};
use super::probes::Probes;
use super::problem::IterativeProblem;
use super::right::solve_columns;
use super::search::{AT_THE_END, PROBES};
use super::sides::Side;
use crate::dense::Square;
use crate::error::Result;

/// Scalar rows of a factor up to which every level is solved for.
pub const EXACT: usize = 512;

/// Root-mean-square relative error of the standard deviations that is aimed at.
const SMALL: f64 = 0.01;

/// Probes at most.
const MOST: usize = 256;

/// Relative residual of the probes.
const RESIDUAL: f64 = 1e-5;

/// Sums over probes, per level.
struct Moments {
    /// Of the blocks.
    first: Vec<f64>,
    /// Of the squares of their entries.
    second: Vec<f64>,
    count: usize,
}

/// q × q blocks of all levels of factor `f`, and the relative error that chance leaves.
pub fn blocks(
    problem: &IterativeProblem,
    templates: &[Square],
    corner: &Corner,
    f: usize,
) -> Result<(Vec<f64>, f64)> {
    let operator = Operator::new(&problem.condensed, &problem.roles, templates.to_vec())?;
    let is_eliminated = problem.roles.eliminated.spans.iter().any(|s| s.factor == f);
    let side = if is_eliminated { &problem.roles.eliminated } else { &problem.roles.large };
    let mut known = vec![0.0; side.blocks];
    side.each_block(&mut known, |span, level, out| {
        if is_eliminated {
            operator.known_of_eliminated(span, level, out);
        } else {
            out.copy_from_slice(&operator.spread[span.block(level)]);
        }
    });
    add_small(problem, &operator, corner, side, is_eliminated, &mut known)?;
    let mut moments =
        Moments { first: vec![0.0; side.blocks], second: vec![0.0; side.blocks], count: 0 };
    let probes = problem.probes(MOST);
    let mut index = 0;
    loop {
        let count = probes.count();
        let done = moments.count >= count;
        let error = if probes.is_exact() { 0.0 } else { moments.error(&known, side) };
        if done || (!probes.is_exact() && moments.count >= PROBES && error <= SMALL) {
            return Ok((moments.added_to(known, side, f, probes), error));
        }
        run_panel(&operator, side, is_eliminated, probes, index, &mut moments)?;
        index += 1;
    }
}

fn run_panel(
    operator: &Operator<'_>,
    side: &Side,
    is_eliminated: bool,
    probes: Probes,
    index: usize,
    moments: &mut Moments,
) -> Result<()> {
    let (z, active) = probes.panel(index, operator.roles.large.rows);
    let mut z = z;
    operator.half_precondition(&mut z);
    let (c, t) = operator.coupled(&z);
    let mut d = c.clone();
    operator.gather_by_template(&mut d);
    d.iter_mut().for_each(|row| row.scale(-1.0));
    let goal = |squares: &Lanes| squares.map(|s| RESIDUAL * s.sqrt());
    let delta = solve(operator, d, goal)?.x;
    let (mut c_x, t_x) = operator.coupled(&delta);
    c_x.iter_mut().zip(&c).for_each(|(x, z)| x.add(z));
    let (x, z) = if is_eliminated { (t_x, t) } else { (c_x, c) };
    let damping = if is_eliminated { &operator.held } else { &operator.spread };
    let damped = |x: &[Lanes]| {
        let mut out: Vec<Lanes> = zeros(x.len());
        side.each(&mut out, |span, level, out| {
            add_block(&damping[span.block(level)], 1.0, &x[span.rows(level)], out);
        });
        out
    };
    let (x, z) = (damped(&x), damped(&z));
    let lane_sum = |values: [f64; super::panel::LANES]| values[..active].iter().sum::<f64>();
    for (second, out) in [(false, &mut moments.first), (true, &mut moments.second)] {
        side.each_block(out, |span, level, out| {
            let (x, z) = (&x[span.rows(level)], &z[span.rows(level)]);
            for j in 0..span.q {
                for i in 0..span.q {
                    let product = |l: usize| 0.5 * (x[i].0[l] * z[j].0[l] + x[j].0[l] * z[i].0[l]);
                    let values = std::array::from_fn(|l| {
                        let v = product(l);
                        if second { v * v } else { v }
                    });
                    out[i + span.q * j] += lane_sum(values);
                }
            }
        });
    }
    moments.count += active;
    Ok(())
}

impl Moments {
    /// Root-mean-square over the diagonal of the relative error of the roots.
    fn error(&self, known: &[f64], side: &Side) -> f64 {
        let n = self.count as f64;
        if self.count < 2 {
            return f64::INFINITY;
        }
        let sums = side.sums(
            |_| (0.0, 0.0),
            |(sum, count): &mut (f64, f64), span, level| {
                let start = span.block(level).start;
                for i in 0..span.q {
                    let at = start + i + span.q * i;
                    let mean = self.first[at] / n;
                    let variance = (self.second[at] / n - mean * mean) / (n - 1.0);
                    let value = known[at] + mean;
                    if value > 0.0 {
                        *sum += (variance / (4.0 * value * value)).max(0.0);
                        *count += 1.0;
                    }
                }
            },
        );
        let total: f64 = sums.iter().map(|(_, s)| s.0).sum();
        let count: f64 = sums.iter().map(|(_, s)| s.1).sum();
        if count > 0.0 { (total / count).sqrt() } else { 0.0 }
    }

    /// The blocks of factor `f`.
    fn added_to(&self, mut known: Vec<f64>, side: &Side, f: usize, probes: Probes) -> Vec<f64> {
        let weight = if probes.is_exact() { 1.0 } else { (self.count.max(1) as f64).recip() };
        known.iter_mut().zip(&self.first).for_each(|(k, m)| *k += weight * m);
        let span = side.spans.iter().find(|s| s.factor == f).expect("a factor of this side");
        let range = span.block(0).start..span.block(0).start + span.levels * span.q * span.q;
        known[range].to_vec()
    }
}

/// Adds b N b' for the small factors' columns b = ΛΛ'Z'V₀⁻¹Z_s.
fn add_small(
    problem: &IterativeProblem,
    operator: &Operator<'_>,
    corner: &Corner,
    side: &Side,
    is_eliminated: bool,
    known: &mut [f64],
) -> Result<()> {
    let s = problem.roles.n_small;
    if s == 0 {
        return Ok(());
    }
    let solved = solve_columns(operator, &problem.right, AT_THE_END)?;
    let a = if is_eliminated { &solved.a.eliminated } else { &solved.a.large };
    side.each_block(known, |span, level, out| {
        let (q, t) = (span.q, &operator.templates[span.factor]);
        let sigma = t.times(&t.transpose());
        let b: Vec<Vec<f64>> = (0..q)
            .map(|i| {
                let column = |c: usize| {
                    (0..q).map(|r| sigma[(i, r)] * a.rows(span.row + level * q + r, 1)[c]).sum()
                };
                (0..s).map(column).collect()
            })
            .collect();
        for j in 0..q {
            let right: Vec<f64> =
                (0..s).map(|r| (0..s).map(|c| corner.n[(r, c)] * b[j][c]).sum()).collect();
            for i in 0..q {
                out[i + q * j] += b[i].iter().zip(&right).map(|(a, b)| a * b).sum::<f64>();
            }
        }
    });
    Ok(())
}
