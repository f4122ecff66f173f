//! Row-major blocks with many columns: what is done to one column is done to all.

use faer::linalg::triangular_solve;
use faer::{MatMut, MatRef, Par};

use crate::dense::Square;
use crate::front::SMALL;

/// Row-major vectors with `m` columns, rows by slot.
#[derive(Debug, Clone)]
pub struct Columns {
    /// Number of columns.
    pub m: usize,
    /// Row by row.
    pub values: Vec<f64>,
}

impl Columns {
    /// All zero.
    pub fn zeros(rows: usize, m: usize) -> Self {
        Self { m, values: vec![0.0; rows * m] }
    }

    #[inline]
    /// Some consecutive rows.
    pub fn rows(&self, start: usize, n: usize) -> &[f64] {
        &self.values[start * self.m..(start + n) * self.m]
    }
}

/// y += f x.
#[inline(always)]
pub fn axpy(f: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += f * x);
}

/// out += A b for a column-major block A with `rows` rows and row-major b, out.
#[inline(always)]
pub fn add_block(rows: usize, a: &[f64], b: &[f64], m: usize, out: &mut [f64]) {
    if rows == 1 {
        a.iter().zip(b.chunks_exact(m)).for_each(|(f, b)| axpy(*f, b, out));
        return;
    }
    for (column, b) in a.chunks_exact(rows).zip(b.chunks_exact(m)) {
        for (f, out) in column.iter().zip(out.chunks_exact_mut(m)) {
            axpy(*f, b, out);
        }
    }
}

/// out += f A' b for a column-major block A with `rows` rows.
#[inline(always)]
pub fn add_block_transpose(rows: usize, a: &[f64], f: f64, b: &[f64], m: usize, out: &mut [f64]) {
    for (column, out) in a.chunks_exact(rows).zip(out.chunks_exact_mut(m)) {
        for (c, b) in column.iter().zip(b.chunks_exact(m)) {
            axpy(f * c, b, out);
        }
    }
}

/// Column-wise inner products.
pub fn dots(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let mut out = vec![0.0; m];
    for (a, b) in a.chunks_exact(m).zip(b.chunks_exact(m)) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out += a * b;
        }
    }
    out
}

/// y += sign · x diag(f).
pub fn add_scaled(f: &[f64], sign: f64, x: &[f64], y: &mut [f64]) {
    for (x, y) in x.chunks_exact(f.len()).zip(y.chunks_exact_mut(f.len())) {
        for ((y, x), f) in y.iter_mut().zip(x).zip(f) {
            *y += sign * f * x;
        }
    }
}

/// X ← T'X for row-major X.
pub fn transpose_times(t: &Square, x: &mut [f64], m: usize) {
    transpose_times_in_place(t.n, &t.data, x, m);
}

/// [`transpose_times`] with its width written out.
#[inline(always)]
pub fn transpose_times_in_place(n: usize, t: &[f64], x: &mut [f64], m: usize) {
    for i in 0..n {
        let (head, tail) = x.split_at_mut((i + 1) * m);
        let row = &mut head[i * m..];
        row.iter_mut().for_each(|v| *v *= t[i + n * i]);
        for s in i + 1..n {
            axpy(t[s + n * i], &tail[(s - i - 1) * m..(s - i) * m], row);
        }
    }
}

/// X ← TX for row-major X.
pub fn template_times(t: &Square, x: &mut [f64], m: usize) {
    times_in_place(t.n, &t.data, x, m);
}

/// [`template_times`] with its width written out.
#[inline(always)]
pub fn times_in_place(n: usize, t: &[f64], x: &mut [f64], m: usize) {
    for i in (0..n).rev() {
        let (head, tail) = x.split_at_mut(i * m);
        let row = &mut tail[..m];
        row.iter_mut().for_each(|v| *v *= t[i + n * i]);
        for s in 0..i {
            axpy(t[i + n * s], &head[s * m..(s + 1) * m], row);
        }
    }
}

/// X ← L⁻¹X for row-major X.
pub fn solve_rows(l: &[f64], x: &mut [f64], m: usize) {
    let n = x.len() / m;
    if n > SMALL {
        let l = MatRef::from_column_major_slice(l, n, n);
        let x = MatMut::from_row_major_slice_mut(x, n, m);
        triangular_solve::solve_lower_triangular_in_place(l, x, Par::Seq);
        return;
    }
    solve_in_place(n, l, x, m);
}

/// [`solve_rows`] of few rows, with their number written out.
#[inline(always)]
pub fn solve_in_place(n: usize, l: &[f64], x: &mut [f64], m: usize) {
    for i in 0..n {
        let (head, tail) = x.split_at_mut(i * m);
        let row = &mut tail[..m];
        for s in 0..i {
            axpy(-l[i + n * s], &head[s * m..(s + 1) * m], row);
        }
        let d = l[i + n * i];
        row.iter_mut().for_each(|v| *v /= d);
    }
}

/// X ← L⁻ᵀX for row-major X.
pub fn solve_rows_transpose(l: &[f64], x: &mut [f64], m: usize) {
    let n = x.len() / m;
    if n > SMALL {
        let l = MatRef::from_column_major_slice(l, n, n);
        let x = MatMut::from_row_major_slice_mut(x, n, m);
        triangular_solve::solve_upper_triangular_in_place(l.transpose(), x, Par::Seq);
        return;
    }
    solve_transpose_in_place(n, l, x, m);
}

/// [`solve_rows_transpose`] of few rows, with their number written out.
#[inline(always)]
pub fn solve_transpose_in_place(n: usize, l: &[f64], x: &mut [f64], m: usize) {
    for i in (0..n).rev() {
        let (head, tail) = x.split_at_mut((i + 1) * m);
        let row = &mut head[i * m..];
        for s in i + 1..n {
            axpy(-l[s + n * i], &tail[(s - i - 1) * m..(s - i) * m], row);
        }
        let d = l[i + n * i];
        row.iter_mut().for_each(|v| *v /= d);
    }
}
