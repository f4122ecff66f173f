//! Small dense algebra on column-major slices, written out for blocks of a few rows, and handed to
//! faer where the blocks are large. `ld` is the distance between columns.

use std::ops::{Index, IndexMut};

/// A square column-major matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    /// Order.
    pub n: usize,
    /// n² values.
    pub data: Vec<f64>,
}

impl Square {
    /// The zero matrix.
    pub fn zeros(n: usize) -> Self {
        Self { n, data: vec![0.0; n * n] }
    }

    /// The identity.
    pub fn identity(n: usize) -> Self {
        let mut out = Self::zeros(n);
        (0..n).for_each(|i| out[(i, i)] = 1.0);
        out
    }

    /// self · other.
    pub fn times(&self, other: &Self) -> Self {
        let n = self.n;
        let mut out = Self::zeros(n);
        for j in 0..n {
            for s in 0..n {
                for i in 0..n {
                    out[(i, j)] += self[(i, s)] * other[(s, j)];
                }
            }
        }
        out
    }

    /// Adds `other`, element by element.
    pub fn add(&mut self, other: &Self) {
        self.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a += b);
    }

    /// Least diagonal entry of a lower triangle whose columns are scaled to unit length: 0 where a
    /// column vanishes, and then nothing can be divided by the triangle.
    pub fn unit_pivot(&self) -> f64 {
        let pivot = |j: usize| {
            let length = (j..self.n).map(|i| self[(i, j)].powi(2)).sum::<f64>().sqrt();
            if length > 0.0 { self[(j, j)].abs() / length } else { 0.0 }
        };
        (0..self.n).map(pivot).fold(1.0, f64::min)
    }

    /// The rows and columns `at`.
    pub fn block(&self, at: &[usize]) -> Self {
        let data = at.iter().flat_map(|&j| at.iter().map(move |&i| self[(i, j)])).collect();
        Self { n: at.len(), data }
    }

    /// Transpose.
    pub fn transpose(&self) -> Self {
        let mut out = Self::zeros(self.n);
        for j in 0..self.n {
            for i in 0..self.n {
                out[(j, i)] = self[(i, j)];
            }
        }
        out
    }
}

impl Index<(usize, usize)> for Square {
    type Output = f64;
    #[inline]
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.data[i + self.n * j]
    }
}

impl IndexMut<(usize, usize)> for Square {
    #[inline]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.data[i + self.n * j]
    }
}

/// Cholesky factor of the lower triangle of `a`, in place (the strict upper triangle is not read);
/// returns log|A|, or the pivot that failed.
#[inline(always)]
pub fn cholesky(n: usize, a: &mut [f64]) -> Result<f64, usize> {
    let mut log_det = 0.0;
    for j in 0..n {
        let mut d = a[j + n * j];
        for s in 0..j {
            d -= a[j + n * s] * a[j + n * s];
        }
        // `!(d > 0)` also catches nan.
        if !(d > 0.0 && d.is_finite()) {
            return Err(j);
        }
        log_det += d.ln();
        let root = d.sqrt();
        a[j + n * j] = root;
        for i in j + 1..n {
            let mut v = a[i + n * j];
            for s in 0..j {
                v -= a[i + n * s] * a[j + n * s];
            }
            a[i + n * j] = v / root;
        }
    }
    Ok(log_det)
}

/// Solves L X = B in place for `columns` columns of B (leading dimension n).
#[inline(always)]
pub fn solve_lower(n: usize, l: &[f64], b: &mut [f64], columns: usize) {
    for c in 0..columns {
        let x = &mut b[n * c..n * (c + 1)];
        for j in 0..n {
            x[j] /= l[j + n * j];
            for i in j + 1..n {
                x[i] -= l[i + n * j] * x[j];
            }
        }
    }
}

/// Solves L' X = B in place for `columns` columns of B (leading dimension n).
#[inline(always)]
pub fn solve_lower_transpose(n: usize, l: &[f64], b: &mut [f64], columns: usize) {
    for c in 0..columns {
        let x = &mut b[n * c..n * (c + 1)];
        for j in (0..n).rev() {
            for i in j + 1..n {
                x[j] -= l[i + n * j] * x[i];
            }
            x[j] /= l[j + n * j];
        }
    }
}

/// C = T'B for lower-triangular T (q × q) and `columns` columns of B (leading dimension `ld`).
#[inline(always)]
pub fn template_transpose_times(
    q: usize,
    t: &[f64],
    b: &[f64],
    ld: usize,
    c: &mut [f64],
    columns: usize,
) {
    for col in 0..columns {
        for i in 0..q {
            let mut v = 0.0;
            for s in i..q {
                v += t[s + q * i] * b[s + ld * col];
            }
            c[i + q * col] = v;
        }
    }
}

/// out += Y'Y for the right-hand columns of Y (n rows).
#[inline(always)]
pub fn add_gram(n: usize, y: &[f64], k: usize, out: &mut [f64]) {
    for j in 0..k {
        for i in 0..k {
            let mut v = 0.0;
            for s in 0..n {
                v += y[s + n * i] * y[s + n * j];
            }
            out[i + k * j] += v;
        }
    }
}
