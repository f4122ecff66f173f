//! Where a search begins if evaluations are dear or large: variances by moments.
//!
//! For the least-squares residuals e the sums s_j = Z_j'We of a level have, but for what X took away,
//!
//! ```text
//!     E s_j s_j' = Σ_l A_jl Ψ_f(l) A_jl' + σ² A_jj,        E e'We = Σ_l tr(A_ll Ψ_f(l)) + n σ²,
//! ```
//!
//! with Ψ_f the covariance of the effects of factor f. Summed over the levels of every factor, each at
//! the weight of its size (the sums of squares of Henderson 1953, Biometrics 9), these are as many linear
//! equations as there are parameters, from one pass over the blocks of A. Their solution is consistent
//! but may leave the parameter space: it is cut back, since only the way to the optimum depends on it.

use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef};

use crate::covariance::{Parameter, Templates};
use crate::cross_products::CrossProducts;
use crate::dense::{Square, cholesky};
use crate::problem::Problem;

/// Standard deviations, relative to the residual and for a column of unit mean square, between which a
/// search begins: at zero the slope vanishes.
const LEAST: f64 = 0.05;
const MOST: f64 = 10.0;

/// Random effects from which an evaluation passes over more numbers than the moments do.
const LARGE: usize = 10_000;

/// Least share of the residuals' variance that is left to σ².
const LEAST_RESIDUAL: f64 = 0.05;

/// Shares of the covariances that are tried until they are those of some random vector.
const SHARES: [f64; 3] = [1.0, 0.7, 0.0];

impl Problem {
    /// θ̃ from which to search where nobody says: T̃ = I, random effects as variable as the residual, or
    /// what the moments say where that saves evaluations that cost more.
    pub fn start(&self) -> Vec<f64> {
        let identity = self.templates.identity();
        if !self.gradient_is_dear() && self.layout.symbolic.dim() < LARGE {
            return identity;
        }
        by_moments(self).unwrap_or(identity)
    }
}

/// θ̃ of the solution; None where the equations have none.
fn by_moments(problem: &Problem) -> Option<Vec<f64>> {
    let templates = &problem.templates;
    let m = templates.parameters.len();
    let (matrix, mut right) = equations(templates, &problem.cross, problem.n as f64);
    let matrix = MatRef::from_column_major_slice(&matrix, m + 1, m + 1);
    let solution = matrix.partial_piv_lu().solve(Mat::from_fn(m + 1, 1, |i, _| right[i]));
    (0..=m).for_each(|i| right[i] = solution[(i, 0)]);
    if !right.iter().all(|v| v.is_finite()) {
        return None;
    }
    // ỹ has unit mean square.
    let variance = right[m].max(LEAST_RESIDUAL);
    let ratios: Vec<f64> = right[..m].iter().map(|v| v / variance).collect();
    factorised(templates, &templates.fill(&ratios))
}

/// The equations, (m + 1) × (m + 1) by columns, and their right-hand sides; σ² is the last unknown.
fn equations(templates: &Templates, cross: &CrossProducts, n: f64) -> (Vec<f64>, Vec<f64>) {
    let symbolic = &*cross.symbolic;
    let of_factor: Vec<Vec<usize>> = (0..templates.widths.len())
        .map(|f| {
            (0..templates.parameters.len())
                .filter(|&i| templates.parameters[i].factor == f)
                .collect()
        })
        .collect();
    let of = |v: usize| &of_factor[symbolic.factor[v] as usize];
    let m = templates.parameters.len();
    let (mut matrix, mut right) = (vec![0.0; (m + 1) * (m + 1)], vec![0.0; m + 1]);
    let weights: Vec<f64> = (0..symbolic.factor.len()).map(|v| weight(cross, v)).collect();
    for (v, &weight) in weights.iter().enumerate() {
        let block = cross.block(v);
        let (q, own) = (block.q, block.own());
        for &i in of(v) {
            let at = &templates.parameters[i];
            right[i] += weight * block.response[at.row] * block.response[at.column];
            matrix[i + (m + 1) * m] += weight * own[at.row + q * at.column];
            matrix[m + (m + 1) * i] +=
                if at.row == at.column { 1.0 } else { 2.0 } * own[at.row + q * at.column];
            for &k in of(v) {
                matrix[i + (m + 1) * k] +=
                    weight * product(at, &templates.parameters[k], |a, b| own[a + q * b]);
            }
        }
        for (&l, &offset) in symbolic.later.of(v).iter().zip(cross.later_offsets(v)) {
            let l = l as usize;
            let pair = &block.later()[q * offset as usize..];
            for &i in of(v) {
                for &k in of(l) {
                    let both =
                        product(&templates.parameters[i], &templates.parameters[k], |a, b| {
                            pair[a + q * b]
                        });
                    let back =
                        product(&templates.parameters[k], &templates.parameters[i], |b, a| {
                            pair[a + q * b]
                        });
                    matrix[i + (m + 1) * k] += weight * both;
                    matrix[k + (m + 1) * i] += weights[l] * back;
                }
            }
        }
    }
    matrix[(m + 1) * (m + 1) - 1] = n;
    right[m] = cross.total[cross.total.len() - 1];
    (matrix, right)
}

/// One over the mean diagonal of A_vv, the square of the size of s_v under σ² alone.
fn weight(cross: &CrossProducts, v: usize) -> f64 {
    let block = cross.block(v);
    let trace: f64 = (0..block.q).map(|i| block.own()[i * (block.q + 1)]).sum();
    if trace > 0.0 { block.q as f64 / trace } else { 0.0 }
}

/// The factor of the entry `inner` of Ψ in the entry `outer` of A Ψ A'.
fn product(outer: &Parameter, inner: &Parameter, a: impl Fn(usize, usize) -> f64) -> f64 {
    let one = a(outer.row, inner.row) * a(outer.column, inner.column);
    if inner.row == inner.column {
        one
    } else {
        one + a(outer.row, inner.column) * a(outer.column, inner.row)
    }
}

/// θ̃ with TT' = Ψ/σ², its diagonal within limits and its covariances shrunk as far as need be.
fn factorised(templates: &Templates, lower: &[Square]) -> Option<Vec<f64>> {
    let factors = lower.iter().map(|psi| {
        SHARES.iter().find_map(|share| {
            let mut t = psi.clone();
            for j in 0..t.n {
                t[(j, j)] = t[(j, j)].clamp(LEAST * LEAST, MOST * MOST);
                (j + 1..t.n).for_each(|i| t[(i, j)] *= share);
            }
            cholesky(t.n, &mut t.data).ok()?;
            (0..t.n).all(|j| t[(j, j)] >= LEAST * 0.1).then_some(t)
        })
    });
    let factors: Vec<Square> = factors.collect::<Option<_>>()?;
    Some(templates.theta(&factors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Data, Group, Structure, Term};

    /// θ̃ by moments of `levels` groups of `size` rows with an intercept each.
    fn one_way(y: &[f64], levels: usize, size: usize) -> (f64, f64) {
        let codes: Vec<i32> = (0..levels * size).map(|i| (i % levels) as i32).collect();
        let ones = vec![1.0; y.len()];
        let data = Data {
            y,
            x: vec![&ones],
            groups: vec![Group { codes: &codes, n_levels: levels }],
            terms: vec![Term { group: 0, z: vec![&ones], structure: Structure::Unstructured }],
            weights: None,
        };
        let found = by_moments(&Problem::new(&data).unwrap()).unwrap()[0];
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let group = |j: usize| (0..size).map(|i| y[i * levels + j] - mean).sum::<f64>();
        let between: f64 = (0..levels).map(|j| group(j).powi(2)).sum::<f64>() / size as f64;
        let total: f64 = y.iter().map(|v| (v - mean).powi(2)).sum();
        let within = (total - between) / (levels * size - levels) as f64;
        (found, (between / levels as f64 - within) / size as f64 / within)
    }

    /// One balanced factor: the analysis of variance.
    #[test]
    fn a_balanced_layout_has_its_analysis_of_variance() {
        let y = [1.0, 4.0, 2.5, 7.0, 1.5, 3.0, 2.0, 6.0, 0.0, 5.0, 3.5, 8.0];
        let (found, ratio) = one_way(&y, 4, 3);
        assert!((found * found - ratio).abs() < 1e-10 * ratio, "{found} {ratio}");
    }

    /// Groups more alike than rows: a small variance, not a negative one.
    #[test]
    fn a_negative_variance_becomes_the_least() {
        let y = [1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0];
        let (found, ratio) = one_way(&y, 4, 2);
        assert!(ratio < 0.0 && found == LEAST, "{found} {ratio}");
    }
}
