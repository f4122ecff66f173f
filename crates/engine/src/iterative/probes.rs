//! What the blocks of single levels leave of log|M| and of the traces, from fixed random signs.
//!
//! With S = P − O (P its diagonal blocks, P = LL'), signs s, z = L⁻ᵀs and δ = S⁻¹Oz, the vectors
//! x = z + δ = S⁻¹Pz and z have E xz' = S⁻¹, so that
//!
//! ```text
//!     Σ_e Z_e'V⁻¹Z_e = Σ Q_eA_ee − Q_eA_eL Λ P⁻¹ Λ'A_LeQ_e' − E ψ(δ)ψ(z)',   ψ(x) = Q_e A_eL Λ x
//!     Σ_r Z_r'V⁻¹Z_r = Σ Q_rC_rr − E φ(x)φ(z)',                               φ(x) = Q_r (C Λx)_r off the diagonal
//! ```
//!
//! (Hutchinson 1990; Q of [`super::operator`]). The first terms are exact; what is left to chance is
//! of second order in the coupling of levels. The signs are the same at every θ, which makes the
//! estimates smooth functions of θ.

use super::conjugate::solve;
use super::operator::Operator;
use super::panel::{LANES, Lanes, Panel, Row, zeros};
use super::quadrature::{form, least};
use super::sides::{Side, Span};
use crate::dense::Square;
use crate::error::Result;

/// How many probes, and of what kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probes {
    /// As many vectors of random signs.
    Signs(usize),
    /// Every unit vector once: exact.
    Basis(usize),
}

/// What was found, probe by probe.
#[derive(Debug, Clone)]
pub struct Probed {
    /// log|S| − log|P|.
    pub log_det: Vec<f64>,
    /// Per probe and factor: what is added to Σ_j Z_j'V⁻¹Z_j.
    pub traces: Vec<Vec<Square>>,
    /// The least eigenvalue of P⁻¹S that was met.
    pub least: f64,
}

impl Probes {
    /// Signs, or all unit vectors where these are fewer.
    pub fn at_least(count: usize, rows: usize) -> Self {
        if count >= rows { Self::Basis(rows) } else { Self::Signs(count.next_multiple_of(LANES)) }
    }

    /// Their number.
    pub fn count(self) -> usize {
        match self {
            Self::Signs(n) | Self::Basis(n) => n,
        }
    }

    /// Whether nothing is left to chance.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Basis(_))
    }

    /// The weight of one in the sum of all.
    pub fn weight(self) -> f64 {
        match self {
            Self::Signs(n) => (n as f64).recip(),
            Self::Basis(_) => 1.0,
        }
    }

    /// Eight probes, and how many of them there are.
    pub fn panel(self, index: usize, rows: usize) -> (Panel, usize) {
        let mut out: Panel = zeros(rows);
        match self {
            Self::Signs(_) => {
                for (row, lanes) in out.iter_mut().enumerate() {
                    let bits = mixed((index as u64) << 40 | row as u64);
                    for (l, v) in lanes.0.iter_mut().enumerate() {
                        *v = if bits >> (8 * l + 7) & 1 == 0 { 1.0 } else { -1.0 };
                    }
                }
            }
            Self::Basis(n) => {
                for l in 0..LANES.min(n - index * LANES) {
                    out[index * LANES + l].0[l] = 1.0;
                }
            }
        }
        (out, LANES.min(self.count() - index * LANES))
    }

    /// Runs all probes to a relative residual of `tolerance`.
    pub fn run(self, operator: &Operator<'_>, tolerance: f64) -> Result<Probed> {
        let rows = operator.roles.large.rows;
        let mut out = Probed { log_det: vec![], traces: vec![], least: 1.0 };
        for index in 0..self.count().div_ceil(LANES) {
            let (signs, active) = self.panel(index, rows);
            run_panel(operator, signs, active, tolerance, &mut out)?;
        }
        Ok(out)
    }
}

/// A pseudorandom image of a counter: the finaliser of splitmix64 (Steele, Lea & Flood 2014).
fn mixed(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn run_panel(
    operator: &Operator<'_>,
    mut z: Panel,
    active: usize,
    tolerance: f64,
    out: &mut Probed,
) -> Result<()> {
    operator.half_precondition(&mut z);
    let (mut phi, mut psi) = operator.coupled(&z);
    let mut d = phi.clone();
    operator.gather_by_template(&mut d);
    d.iter_mut().for_each(|row| row.scale(-1.0));
    operator.damp_large(&mut phi);
    operator.damp_eliminated(&mut psi);
    let goal = |squares: &Lanes| squares.map(|s| tolerance * s.sqrt());
    let solved = solve(operator, d, goal)?;
    let (mut phi_x, mut psi_delta) = operator.coupled(&solved.x);
    drop(z);
    operator.damp_large(&mut phi_x);
    operator.damp_eliminated(&mut psi_delta);
    phi_x.iter_mut().zip(&phi).for_each(|(x, z)| x.add(z));
    let roles = operator.roles;
    let mut sums = products(&roles.eliminated, &psi_delta, &psi);
    sums.extend(products(&roles.large, &phi_x, &phi));
    for lane in 0..active {
        let steps = &solved.steps[lane];
        out.log_det.push(-form(solved.squares.0[lane], steps));
        out.least = out.least.min(least(steps));
        let mut traces: Vec<Square> =
            operator.templates.iter().map(|t| Square::zeros(t.n)).collect();
        for (factor, sum) in &sums {
            let trace = &mut traces[*factor];
            for j in 0..trace.n {
                for i in 0..trace.n {
                    let (a, b) = (sum[i + trace.n * j].0[lane], sum[j + trace.n * i].0[lane]);
                    trace[(i, j)] -= 0.5 * (a + b);
                }
            }
        }
        out.traces.push(traces);
    }
    Ok(())
}

/// Σ_j x_j y_j' per factor, lane by lane.
fn products(side: &Side, x: &[Lanes], y: &[Lanes]) -> Vec<(usize, Vec<Lanes>)> {
    let zero = |span: &Span| vec![Lanes::ZERO; span.q * span.q];
    let add = |sum: &mut Vec<Lanes>, span: &Span, level: usize| {
        let (x, y) = (&x[span.rows(level)], &y[span.rows(level)]);
        for (j, y) in y.iter().enumerate() {
            for (i, x) in x.iter().enumerate() {
                sum[i + span.q * j].add_product(x, y);
            }
        }
    };
    side.sums(zero, add)
}
