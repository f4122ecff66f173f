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
//! equations as there are parameters, from one pass over the blocks of A. Their solution is consistent.
//! Where it lies outside the parameter space, or at its edge, the moments are too noisy to begin with,
//! as where many small factors overlap.

use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef};

use crate::covariance::{Parameter, Templates};
use crate::cross_products::{CrossProducts, RowBlock};
use crate::dense::cholesky;
use crate::problem::Problem;

/// Standard deviations, relative to the residual and for a column of unit mean square, between which
/// moments are believed; and the same of a column given those before it.
const LEAST: f64 = 0.03;
const MOST: f64 = 10.0;

/// Random effects from which an evaluation passes over more numbers than the moments do.
const LARGE: usize = 10_000;

/// Least share of the residuals' variance that σ² has where moments are believed.
const LEAST_RESIDUAL: f64 = 0.05;

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

/// θ̃ of the solution; None where the equations have none inside the parameter space.
fn by_moments(problem: &Problem) -> Option<Vec<f64>> {
    let templates = &problem.templates;
    let m = templates.parameters.len();
    let Equations { matrix, mut right, .. } =
        Equations::new(templates, &problem.cross, problem.n as f64);
    let matrix = MatRef::from_column_major_slice(&matrix, m + 1, m + 1);
    let solution = matrix.partial_piv_lu().solve(Mat::from_fn(m + 1, 1, |i, _| right[i]));
    (0..=m).for_each(|i| right[i] = solution[(i, 0)]);
    // ỹ has unit mean square.
    let variance = right[m];
    if !right.iter().all(|v| v.is_finite()) || variance < LEAST_RESIDUAL {
        return None;
    }
    let ratios: Vec<f64> = right[..m].iter().map(|v| v / variance).collect();
    let mut factors = templates.fill(&ratios);
    for t in &mut factors {
        let believed = (0..t.n).all(|j| t[(j, j)] <= MOST * MOST);
        let positive = cholesky(t.n, &mut t.data).is_ok();
        if !(believed && positive && (0..t.n).all(|j| t[(j, j)] >= LEAST)) {
            return None;
        }
    }
    Some(templates.theta(&factors))
}

/// The equations, (m + 1) × (m + 1) by columns, and their right-hand sides; σ² is the last unknown.
struct Equations<'a> {
    parameters: &'a [Parameter],
    /// Those of each factor.
    of_factor: Vec<Vec<usize>>,
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl<'a> Equations<'a> {
    fn new(templates: &'a Templates, cross: &CrossProducts, n: f64) -> Self {
        let (parameters, symbolic) = (&templates.parameters[..], &*cross.symbolic);
        let m = parameters.len();
        let of = |f: usize| (0..m).filter(|&i| parameters[i].factor == f).collect();
        let of_factor = (0..templates.widths.len()).map(of).collect();
        let (matrix, right) = (vec![0.0; (m + 1) * (m + 1)], vec![0.0; m + 1]);
        let mut out = Self { parameters, of_factor, matrix, right };
        let weights: Vec<f64> = (0..symbolic.factor.len()).map(|v| weight(cross, v)).collect();
        for (v, &weight) in weights.iter().enumerate() {
            let (f, block) = (symbolic.factor[v] as usize, cross.block(v));
            out.add_level(f, &block, weight);
            for (&l, &at) in symbolic.later.of(v).iter().zip(cross.later_offsets(v)) {
                let (l, pair) = (l as usize, &block.later()[block.q * at as usize..]);
                let g = symbolic.factor[l] as usize;
                out.add_pair(f, g, |a, b| pair[a + block.q * b], weight);
                out.add_pair(g, f, |b, a| pair[a + block.q * b], weights[l]);
            }
        }
        *out.at(m, m) = n;
        out.right[m] = cross.total[cross.total.len() - 1];
        out
    }

    fn at(&mut self, i: usize, j: usize) -> &mut f64 {
        let rows = self.right.len();
        &mut self.matrix[i + rows * j]
    }

    /// What a level of factor f has to do with itself and with σ².
    fn add_level(&mut self, f: usize, block: &RowBlock<'_>, weight: f64) {
        let (m, own) = (self.parameters.len(), |a, b| block.own()[a + block.q * b]);
        for i in 0..self.of_factor[f].len() {
            let i = self.of_factor[f][i];
            let at = self.parameters[i];
            let twice = if at.row == at.column { 1.0 } else { 2.0 };
            self.right[i] += weight * block.response[at.row] * block.response[at.column];
            *self.at(i, m) += weight * own(at.row, at.column);
            *self.at(m, i) += twice * own(at.row, at.column);
        }
        self.add_pair(f, f, own, weight);
    }

    /// What a level of factor f has of one of factor g.
    fn add_pair(&mut self, f: usize, g: usize, a: impl Fn(usize, usize) -> f64, weight: f64) {
        for i in 0..self.of_factor[f].len() {
            let i = self.of_factor[f][i];
            for k in 0..self.of_factor[g].len() {
                let k = self.of_factor[g][k];
                let value = product(&self.parameters[i], &self.parameters[k], &a);
                *self.at(i, k) += weight * value;
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Data, Group, Structure, Term};

    /// θ̃ by moments of `levels` groups with an intercept each, and the ratio of the variances.
    fn one_way(y: &[f64], levels: usize) -> (Option<Vec<f64>>, f64) {
        let codes: Vec<i32> = (0..y.len()).map(|i| (i % levels) as i32).collect();
        let ones = vec![1.0; y.len()];
        let data = Data {
            y,
            x: vec![&ones],
            groups: vec![Group { codes: &codes, n_levels: levels }],
            terms: vec![Term { group: 0, z: vec![&ones], structure: Structure::Unstructured }],
            weights: None,
        };
        let found = by_moments(&Problem::new(&data).unwrap());
        let (n, size) = (y.len() as f64, (y.len() / levels) as f64);
        let mean = y.iter().sum::<f64>() / n;
        let group = |j: usize| y.iter().skip(j).step_by(levels).map(|v| v - mean).sum::<f64>();
        let between: f64 = (0..levels).map(|j| group(j).powi(2)).sum::<f64>() / size;
        let total: f64 = y.iter().map(|v| (v - mean).powi(2)).sum();
        let within = (total - between) / (n - levels as f64);
        (found, (between / levels as f64 - within) / size / within)
    }

    /// One balanced factor: the analysis of variance.
    #[test]
    fn a_balanced_layout_has_its_analysis_of_variance() {
        let y = [1.0, 4.0, 2.5, 7.0, 1.5, 3.0, 2.0, 6.0, 0.0, 5.0, 3.5, 8.0];
        let (found, ratio) = one_way(&y, 4);
        let theta = found.unwrap()[0];
        assert!((theta * theta - ratio).abs() < 1e-10 * ratio, "{theta} {ratio}");
    }

    /// Groups more alike than rows.
    #[test]
    fn a_negative_variance_is_not_begun_with() {
        let y = [1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0];
        let (found, ratio) = one_way(&y, 4);
        assert!(ratio < 0.0 && found.is_none(), "{ratio}");
    }
}
