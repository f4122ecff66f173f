//! The coordinates the engine works in: columns of X and Z orthonormal on average, and y replaced by
//! its ordinary-least-squares residual at unit scale. Users see their own units again in
//! [`Basis::beta`], [`Basis::effects`] and the maps of θ.
//!
//! * X̃ = X R⁻¹ with R'R = X'WX/n (R' = `x_factor`), ỹ = (y − Xβ₀)/s. Adding a multiple of a column
//!   of X to y, recoding X, or rescaling y leaves the inner problem as it is.
//! * z̃ = z R_k⁻¹ with R_k *lower* triangular and R_k'R_k = Z_k'WZ_k/n, so that T_k = R_k⁻¹ T̃_k stays
//!   lower triangular and θ is a linear image of θ̃. Independent columns are only scaled.

use rayon::prelude::*;

use crate::covariance::{Place, Templates};
use crate::data::{Data, Structure};
use crate::dense::{Square, cholesky, solve_lower, solve_lower_transpose};
use crate::error::{EngineError, Result};
use crate::packed::Packed;
use crate::watch::Watch;
use crate::wide::{self, WIDE, transpose_product};

/// Rows that are summed together before their sums are added: keeps rounding error near that of
/// pairwise summation and the result independent of the number of threads.
const CHUNK: usize = 4096;

/// Sums side by side.
const LANES: usize = 8;

/// Numbers in the sums of chunks that wait to be added.
const HELD: usize = 1 << 22;

/// A pivot of a unit-diagonal cross-product below this means that the column depends on the others.
const DEPENDENT: f64 = 3e-15;

/// A term whose orthonormalised columns would have a pivot below this is only scaled.
const NEARLY_DEPENDENT: f64 = 1e-14;

/// Least ratio of the residual to the response, in root-mean-square, that counts as variation.
const PERFECT: f64 = 1e-11;

/// Change of coordinates between the user's units and the engine's.
#[derive(Debug, Clone)]
pub struct Basis {
    /// Lower Cholesky factor of X'WX/n.
    pub x_factor: Square,
    /// Ordinary (weighted) least-squares coefficients.
    pub beta0: Vec<f64>,
    /// s: root-mean-square of the weighted least-squares residual.
    pub y_scale: f64,
    /// Whether X reproduces the response, so that there is no residual whose scale could be taken.
    pub is_perfect: bool,
    /// Per factor, block diagonal over its terms: R_f, lower triangular.
    pub z_factors: Vec<Square>,
    /// log|W|.
    pub log_weights: f64,
    /// log|X'X| − log|X̃'X̃|.
    pub log_x: f64,
}

impl Basis {
    /// Measures the data.
    pub fn new(data: &Data<'_>, templates: &Templates) -> Result<Self> {
        let n = data.n() as f64;
        let mut gram = Square { n: data.p(), data: moments(data, &data.x, &data.x) };
        gram.data.iter_mut().for_each(|v| *v /= n);
        let (x_factor, log_x) = x_factor(gram)?;
        let z_factors = z_factors(data, templates);
        let log_weights = data.weights.map_or(0.0, |w| w.iter().map(|w| w.ln()).sum());
        let mut basis = Self {
            x_factor,
            beta0: vec![],
            y_scale: 1.0,
            is_perfect: false,
            z_factors,
            log_weights,
            log_x,
        };
        basis.set_response(data);
        Ok(basis)
    }

    /// The same columns with another response.
    pub fn with_response(&self, data: &Data<'_>) -> Self {
        let mut basis = self.clone();
        basis.set_response(data);
        basis
    }

    /// Puts another response in the place of the last: turns `y` (n,) into W ỹ and returns ỹ'Wỹ.
    pub fn replace_response(&mut self, data: &Data<'_>, packed: &Packed, y: &mut [f64]) -> f64 {
        let (n, p) = (data.n() as f64, data.p());
        let mut beta = vec![0.0; p];
        for (row, y) in y.iter().enumerate() {
            let wy = data.weight(row) * y;
            beta.iter_mut().zip(packed.right(row)).for_each(|(b, x)| *b += x * wy / n);
        }
        let (mut residual, mut size) = (0.0, 0.0);
        for (row, y) in y.iter_mut().enumerate() {
            let w = data.weight(row);
            size += w * *y * *y;
            *y -= beta.iter().zip(packed.right(row)).map(|(b, x)| b * x).sum::<f64>();
            residual += w * *y * *y;
        }
        self.set_scale(residual / n, size / n);
        solve_lower_transpose(p, &self.x_factor.data, &mut beta, 1);
        self.beta0 = beta;
        for (row, y) in y.iter_mut().enumerate() {
            *y *= data.weight(row) / self.y_scale;
        }
        residual / self.y_scale.powi(2)
    }

    fn set_response(&mut self, data: &Data<'_>) {
        let (n, p) = (data.n() as f64, data.p());
        let mut beta = moments(data, &[data.y], &data.x);
        beta.iter_mut().for_each(|v| *v /= n);
        solve_lower(p, &self.x_factor.data, &mut beta, 1);
        solve_lower_transpose(p, &self.x_factor.data, &mut beta, 1);
        self.beta0 = beta;
        let squares = chunked(data.n(), 2, |rows, sums| {
            for row in rows {
                let (y, w) = (data.y[row], data.weight(row));
                let r = self.residual(data, row);
                sums[0] += w * r * r;
                sums[1] += w * y * y;
            }
        });
        self.set_scale(squares[0] / n, squares[1] / n);
    }

    /// Takes the scale of the mean square of the residual, or of the response where the former is
    /// rounding error.
    pub(crate) fn set_scale(&mut self, residual: f64, response: f64) {
        self.is_perfect = residual.is_nan() || residual <= PERFECT * PERFECT * response;
        let scale = if self.is_perfect { response } else { residual }.sqrt();
        self.y_scale = if scale > 0.0 && scale.is_finite() { scale } else { 1.0 };
    }

    fn residual(&self, data: &Data<'_>, row: usize) -> f64 {
        data.x.iter().zip(&self.beta0).fold(data.y[row], |r, (x, b)| r - x[row] * b)
    }

    /// Writes (x̃, ỹ) of a row.
    #[inline]
    pub fn row(&self, data: &Data<'_>, row: usize, out: &mut [f64]) {
        let p = data.x.len();
        self.raw_row(data, row, out);
        solve_lower(p, &self.x_factor.data, &mut out[..p], 1);
    }

    /// Writes (x, ỹ) of a row, where many x become x̃ together.
    #[inline]
    pub fn raw_row(&self, data: &Data<'_>, row: usize, out: &mut [f64]) {
        let p = data.x.len();
        for (o, x) in out.iter_mut().zip(&data.x) {
            *o = x[row];
        }
        out[p] = self.residual(data, row) / self.y_scale;
    }

    /// Turns raw columns z of a factor into z̃ in place: R_f' z̃ = z.
    #[inline]
    pub fn z_row(&self, factor: usize, z: &mut [f64]) {
        let r = &self.z_factors[factor];
        solve_lower_transpose(r.n, &r.data, z, 1);
    }

    /// β from its engine coordinates.
    pub fn beta(&self, inner: &[f64]) -> Vec<f64> {
        let p = self.beta0.len();
        let mut beta = inner.to_vec();
        solve_lower_transpose(p, &self.x_factor.data, &mut beta, 1);
        beta.iter().zip(&self.beta0).map(|(b, b0)| b0 + self.y_scale * b).collect()
    }

    /// R⁻¹ C R⁻ᵀ: a covariance of β from its engine coordinates.
    pub fn beta_covariance(&self, inner: &Square) -> Square {
        let p = inner.n;
        let mut half = inner.clone();
        wide::solve_lower_transpose(p, &self.x_factor.data, &mut half.data, p);
        let mut full = half.transpose();
        wide::solve_lower_transpose(p, &self.x_factor.data, &mut full.data, p);
        full
    }

    /// Random effects of one level of a factor, in place: b = s R_f⁻¹ b̃.
    pub fn effects(&self, factor: usize, b: &mut [f64]) {
        let r = &self.z_factors[factor];
        solve_lower(r.n, &r.data, b, 1);
        b.iter_mut().for_each(|v| *v *= self.y_scale);
    }

    /// R_f⁻¹ Q R_f⁻ᵀ: a covariance of one level's effects from its engine coordinates.
    pub fn effects_covariance(&self, factor: usize, inner: &Square) -> Square {
        let r = &self.z_factors[factor];
        let mut half = inner.clone();
        solve_lower(r.n, &r.data, &mut half.data, r.n);
        let mut full = half.transpose();
        solve_lower(r.n, &r.data, &mut full.data, r.n);
        full
    }

    /// Root-mean-square of the columns of Z_k, per term.
    pub fn column_scales(&self, templates: &Templates) -> Vec<Vec<f64>> {
        // R_f'R_f = Z'WZ/n, so the columns of R_f have the lengths.
        let length = |f: usize, j: usize| {
            let r = &self.z_factors[f];
            (0..r.n).map(|i| r[(i, j)].powi(2)).sum::<f64>().sqrt()
        };
        let scales =
            |at: &Place| (at.start..at.start + at.width).map(|j| length(at.factor, j)).collect();
        templates.places.iter().map(scales).collect()
    }

    /// T = R⁻¹ T̃ per factor.
    pub fn outer_templates(&self, inner: &[Square]) -> Vec<Square> {
        let solve = |(r, t): (&Square, &Square)| {
            let mut out = t.clone();
            solve_lower(r.n, &r.data, &mut out.data, r.n);
            out
        };
        self.z_factors.iter().zip(inner).map(solve).collect()
    }

    /// T̃ = R T per factor.
    pub fn inner_templates(&self, outer: &[Square]) -> Vec<Square> {
        self.z_factors.iter().zip(outer).map(|(r, t)| r.times(t)).collect()
    }

    /// ∂d/∂T from ∂d/∂T̃ per factor: R' G.
    pub fn outer_gradient(&self, inner: &[Square]) -> Vec<Square> {
        self.z_factors.iter().zip(inner).map(|(r, g)| r.transpose().times(g)).collect()
    }
}

/// Sums `width` quantities over rows, chunk by chunk, in a fixed order.
pub fn chunked(
    n: usize,
    width: usize,
    add: impl Fn(std::ops::Range<usize>, &mut [f64]) + Sync,
) -> Vec<f64> {
    let watch = Watch::current();
    let one = |c: usize| {
        let mut sums = vec![0.0; width];
        if watch.check().is_err() {
            return sums;
        }
        add(c * CHUNK..n.min((c + 1) * CHUNK), &mut sums);
        sums
    };
    let chunks = n.div_ceil(CHUNK);
    if chunks < 2 {
        return pairwise((0..chunks).map(one).collect(), width);
    }
    let at_once = (HELD / width.max(1)).max(2).next_power_of_two();
    let several = |first: usize| {
        let stop = chunks.min(first + at_once);
        pairwise((first..stop).into_par_iter().map(one).collect(), width)
    };
    pairwise((0..chunks).step_by(at_once).map(several).collect(), width)
}

/// Adds vectors as a balanced tree.
pub(crate) fn pairwise(mut parts: Vec<Vec<f64>>, width: usize) -> Vec<f64> {
    while parts.len() > 1 {
        parts = parts
            .chunks(2)
            .map(|pair| match pair {
                [a, b] => a.iter().zip(b).map(|(a, b)| a + b).collect(),
                _ => pair[0].clone(),
            })
            .collect();
    }
    parts.pop().unwrap_or_else(|| vec![0.0; width])
}

/// left' W right, column-major with `left.len()` rows.
fn moments(data: &Data<'_>, left: &[&[f64]], right: &[&[f64]]) -> Vec<f64> {
    let m = left.len();
    if m > WIDE && right.len() > WIDE {
        return wide_moments(data, left, right);
    }
    chunked(data.n(), m * right.len(), |rows, sums| {
        for (j, b) in right.iter().enumerate() {
            for (i, a) in left.iter().enumerate() {
                let (a, b) = (&a[rows.clone()], &b[rows.clone()]);
                sums[i + m * j] = match data.weights {
                    None => dot(a, b),
                    Some(w) => {
                        let pairs = a.iter().zip(b).zip(&w[rows.clone()]);
                        pairs.map(|((a, b), w)| a * b * w).sum()
                    }
                };
            }
        }
    })
}

/// a'b in several sums side by side, which a processor adds at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|i| sums[i] += a[i] * b[i]);
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// [`moments`] of many columns: the rows of a chunk side by side, for a product by blocks.
fn wide_moments(data: &Data<'_>, left: &[&[f64]], right: &[&[f64]]) -> Vec<f64> {
    chunked(data.n(), left.len() * right.len(), |rows, sums| {
        let gather = |columns: &[&[f64]]| -> Vec<f64> {
            columns.iter().flat_map(|c| c[rows.clone()].iter().copied()).collect()
        };
        let mut weighted = gather(right);
        if let Some(w) = data.weights {
            for column in weighted.chunks_exact_mut(rows.len()) {
                column.iter_mut().zip(&w[rows.clone()]).for_each(|(v, w)| *v *= w);
            }
        }
        transpose_product(rows.len(), &gather(left), &weighted, sums);
    })
}

/// Lower Cholesky factor of X'WX/n, factored at unit diagonal so that scale plays no part, and its
/// log-determinant.
pub(crate) fn x_factor(gram: Square) -> Result<(Square, f64)> {
    let (p, mut factor) = (gram.n, gram);
    let scale = unit_diagonal(&mut factor);
    if let Some(column) = scale.iter().position(|s| *s == 0.0) {
        return Err(EngineError::RankDeficient { column });
    }
    wide::cholesky(p, &mut factor.data).map_err(|column| EngineError::RankDeficient { column })?;
    if let Some(column) = (0..p).find(|&j| factor[(j, j)].powi(2) < DEPENDENT) {
        return Err(EngineError::RankDeficient { column });
    }
    for j in 0..p {
        (0..p).for_each(|i| factor[(i, j)] *= if i < j { 0.0 } else { scale[i] });
    }
    let log_det = (0..p).map(|j| 2.0 * factor[(j, j)].ln()).sum();
    Ok((factor, log_det))
}

/// Scales a symmetric matrix to unit diagonal and returns the roots of the diagonal.
fn unit_diagonal(a: &mut Square) -> Vec<f64> {
    let scale: Vec<f64> = (0..a.n).map(|j| a[(j, j)].sqrt()).collect();
    for j in 0..a.n {
        for i in 0..a.n {
            let s = scale[i] * scale[j];
            a[(i, j)] = if s > 0.0 { a[(i, j)] / s } else { 0.0 };
        }
    }
    scale
}

/// R_f per factor, block diagonal over its terms.
fn z_factors(data: &Data<'_>, templates: &Templates) -> Vec<Square> {
    let mut factors: Vec<Square> = templates.widths.iter().map(|&q| Square::identity(q)).collect();
    for (term, at) in data.terms.iter().zip(&templates.places) {
        let q = at.width;
        let mut gram = Square { n: q, data: moments(data, &term.z, &term.z) };
        gram.data.iter_mut().for_each(|v| *v /= data.n() as f64);
        let r = term_factor(gram, term.structure);
        for j in 0..at.width {
            for i in 0..at.width {
                factors[at.factor][(at.start + i, at.start + j)] = r[(i, j)];
            }
        }
    }
    factors
}

/// Lower-triangular R with R'R = Z'WZ/n, or its diagonal alone for independent columns.
pub(crate) fn term_factor(mut gram: Square, structure: Structure) -> Square {
    let q = gram.n;
    let scale: Vec<f64> =
        unit_diagonal(&mut gram).iter().map(|&s| if s > 0.0 { s } else { 1.0 }).collect();
    let mut scaled = Square::zeros(q);
    (0..q).for_each(|i| scaled[(i, i)] = scale[i]);
    if structure == Structure::Diagonal {
        return scaled;
    }
    // With J the reversal, J(Z'WZ)J = CC' gives R = (JCJ)', lower triangular.
    let mut reversed = Square::zeros(q);
    for j in 0..q {
        (0..q).for_each(|i| reversed[(i, j)] = gram[(q - 1 - i, q - 1 - j)]);
    }
    if cholesky(q, &mut reversed.data).is_err()
        || (0..q).any(|j| reversed[(j, j)].powi(2) < NEARLY_DEPENDENT)
    {
        return scaled;
    }
    for j in 0..q {
        for i in j..q {
            scaled[(i, j)] = reversed[(q - 1 - j, q - 1 - i)] * scale[j];
        }
    }
    scaled
}
