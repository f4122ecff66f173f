//! What the probes leave open: the spread between them, carried to the criterion, to θ, to σ and to
//! the standard errors.
//!
//! θ̂ solves ḡ(θ) = 0 for the mean gradient ḡ of independent probes, so that its Monte Carlo covariance
//! is H⁻¹ cov(ḡ) H⁻¹, to be held against its sampling covariance 2H⁻¹.

use super::panel::Pair;
use super::point::Point;
use super::probes::Probes;
use super::problem::IterativeProblem;
use crate::dense::Square;
use crate::inference::pseudo_inverse;

/// Errors of the probes, in the user's units. All are zero where nothing is left to chance.
#[derive(Debug, Clone, Default)]
pub struct MonteCarlo {
    /// Number of probes.
    pub probes: usize,
    /// Whether the probes leave nothing to chance.
    pub is_exact: bool,
    /// Standard error of the criterion at fixed θ.
    pub criterion: f64,
    /// Standard errors of the elements of θ.
    pub theta: Vec<f64>,
    /// Standard error of σ.
    pub sigma: f64,
    /// Per element of θ its Monte Carlo error over its sampling standard error.
    pub share: Vec<f64>,
    /// Per element of θ the relative Monte Carlo error of its sampling standard error.
    pub standard_errors: Vec<f64>,
    /// The largest relative residual of the equations for X, y and the random effects.
    pub residual: f64,
    /// A bound on the error of solving in any effect, relative to its standard error.
    pub of_solving: f64,
}

/// The spread between probes at the end of a search.
pub struct Spread {
    /// The curvature of the criterion in θ̃.
    hessian: Square,
    /// H⁻¹ times the deviation of the gradient, per probe.
    moves: Vec<Vec<f64>>,
    /// Relative change of the standard errors, per probe.
    changes: Vec<Vec<f64>>,
    /// Variance of the mean over that of one probe.
    of_mean: f64,
}

impl Spread {
    /// Carries the deviations of every probe through the curvature.
    pub fn new(problem: &IterativeProblem, point: &Point<'_>, hessian: Square) -> Self {
        let inverse = pseudo_inverse(&hessian, 1.0);
        let (m, n) = (hessian.n, point.slopes.len());
        let mean: Vec<f64> =
            (0..m).map(|i| point.slopes.iter().map(|s| s[i]).sum::<f64>() / n as f64).collect();
        let times = |a: &Square, x: &[f64]| -> Vec<f64> {
            (0..m).map(|i| (0..m).map(|j| a[(i, j)] * x[j]).sum()).collect()
        };
        let moves = point
            .slopes
            .iter()
            .map(|s| {
                let deviation: Vec<f64> = s.iter().zip(&mean).map(|(s, m)| s - m).collect();
                times(&inverse, &deviation)
            })
            .collect();
        let changes = changes(problem, point, &inverse);
        Self { hessian, moves, changes, of_mean: ((n * n.saturating_sub(1)) as f64).recip() }
    }

    /// sqrt(Σ v²/(n(n−1))) per element.
    fn errors(&self, values: &[Vec<f64>]) -> Vec<f64> {
        let m = self.hessian.n;
        if values.len() < 2 {
            return vec![0.0; m];
        }
        let sum = |i: usize| values.iter().map(|v| v[i] * v[i]).sum::<f64>();
        (0..m).map(|i| (sum(i) * self.of_mean).sqrt()).collect()
    }

    /// Monte Carlo error of θ̃ over its sampling standard error.
    fn share(&self) -> Vec<f64> {
        let covariance = pseudo_inverse(&self.hessian, 2.0);
        let errors = self.errors(&self.moves);
        let of = |(i, e): (usize, &f64)| {
            let variance = covariance[(i, i)];
            if variance > 0.0 { e / variance.sqrt() } else { 0.0 }
        };
        errors.iter().enumerate().map(of).collect()
    }

    /// How many probes would bring the share of chance down to `share`.
    pub fn wanted(&self, probes: Probes, share: f64) -> usize {
        let worst = self.share().into_iter().fold(0.0, f64::max) / share;
        if worst <= 1.0 {
            return probes.count();
        }
        (1.1 * worst * worst * probes.count() as f64).ceil() as usize
    }

    /// The errors in the user's units.
    pub fn monte_carlo(
        &self,
        problem: &IterativeProblem,
        point: &Point<'_>,
        probes: Probes,
    ) -> MonteCarlo {
        let scale = problem.condensed.basis.y_scale;
        let variance = point.profile.variance;
        let residual = point.solutions.residual;
        let of_solving = residual * size_of_right(problem, point) / (variance * point.least).sqrt();
        let m = self.hessian.n;
        let solved = MonteCarlo {
            theta: vec![0.0; m],
            share: vec![0.0; m],
            standard_errors: vec![0.0; m],
            residual,
            of_solving,
            probes: probes.count(),
            is_exact: probes.is_exact(),
            ..MonteCarlo::default()
        };
        if probes.is_exact() {
            return solved;
        }
        let outer: Vec<Vec<f64>> = self.moves.iter().map(|v| problem.outer(v)).collect();
        let of_sigma = |v: &Vec<f64>| -> Vec<f64> {
            // σ² = r²/df, and r² falls by a'h_i.
            let change: f64 = v.iter().zip(&point.first.of_r2).map(|(v, r)| v * r).sum();
            vec![0.5 * change / (variance.sqrt() * point.profile.df) * scale]
        };
        let sigma: Vec<Vec<f64>> = self.moves.iter().map(of_sigma).collect();
        let n = point.log_dets.len() as f64;
        let mean = point.log_dets.iter().sum::<f64>() / n;
        let squares: f64 = point.log_dets.iter().map(|v| (v - mean).powi(2)).sum();
        let is_profiled = point.profile.criterion.is_profiled();
        let of_one: f64 = sigma.iter().map(|v| v[0] * v[0]).sum();
        MonteCarlo {
            criterion: (squares * self.of_mean).sqrt(),
            theta: self.errors(&outer),
            sigma: if is_profiled { (of_one * self.of_mean).sqrt() } else { 0.0 },
            share: self.share(),
            standard_errors: self.errors(&self.changes),
            ..solved
        }
    }
}

/// ‖Λ'd‖ of the response in the norm of P⁻¹: what its residual is relative to.
fn size_of_right(problem: &IterativeProblem, point: &Point<'_>) -> f64 {
    let reduced = &point.solutions.reduced;
    let last = reduced.m - 1;
    let mut d: Vec<Pair> = super::panel::load(reduced, last..reduced.m);
    point.operator.gather_by_template(&mut d);
    let _ = problem;
    point.operator.squares(&d).0[0].sqrt()
}

/// Per probe the relative change of the square roots of the diagonal of H⁻¹, by what the probe says
/// of the curvature of ΛΛ' in T.
fn changes(problem: &IterativeProblem, point: &Point<'_>, inverse: &Square) -> Vec<Vec<f64>> {
    let parameters = &problem.templates().parameters;
    let (m, n) = (inverse.n, point.traces.len() as f64);
    let bend = |s: &[Square], i: usize, j: usize| {
        let (a, b) = (parameters[i], parameters[j]);
        let shares = a.factor == b.factor && a.column == b.column;
        if shares { 2.0 * s[a.factor][(a.row, b.row)] } else { 0.0 }
    };
    let of =
        |s: &Vec<Square>| -> Vec<f64> {
            let mut d = Square::zeros(m);
            for j in 0..m {
                for i in 0..m {
                    let mean = point.traces.iter().map(|s| bend(s, i, j)).sum::<f64>() / n;
                    d[(i, j)] = bend(s, i, j) - mean;
                }
            }
            let change = inverse.times(&d).times(inverse);
            (0..m)
                .map(|i| {
                    if inverse[(i, i)] > 0.0 {
                        -0.5 * change[(i, i)] / inverse[(i, i)]
                    } else {
                        0.0
                    }
                })
                .collect()
        };
    point.traces.iter().map(of).collect()
}
