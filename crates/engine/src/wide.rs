//! Many columns of X: the same small algebra by blocks, for systems that do not fit the fastest cache.

use faer::linalg::{matmul, triangular_solve};
use faer::{Accum, MatMut, MatRef, Par};

use crate::dense;
use crate::front::large_cholesky;
use crate::panels;
use crate::parallel::all_threads;

/// Orders up to this are left to the loops of [`crate::dense`].
pub const WIDE: usize = 48;

/// [`dense::cholesky`]; of a wide matrix the strict upper triangle is left as it was, too.
pub fn cholesky(n: usize, a: &mut [f64]) -> Result<f64, usize> {
    if n <= WIDE { dense::cholesky(n, a) } else { large_cholesky(n, a, all_threads()) }
}

/// Solves L X = B in place for `columns` columns of B (leading dimension n).
pub fn solve_lower(n: usize, l: &[f64], b: &mut [f64], columns: usize) {
    if n <= WIDE || columns == 1 {
        return dense::solve_lower(n, l, b, columns);
    }
    if n > panels::ONE_CALL {
        return panels::solve_lower(n, l, b, all_threads());
    }
    solve_lower_strided(n, l, b, n, all_threads());
}

/// Solves L' X = B in place for `columns` columns of B (leading dimension n).
pub fn solve_lower_transpose(n: usize, l: &[f64], b: &mut [f64], columns: usize) {
    if n <= WIDE || columns == 1 {
        return dense::solve_lower_transpose(n, l, b, columns);
    }
    let l = MatRef::from_column_major_slice(l, n, n);
    let b = MatMut::from_column_major_slice_mut(b, n, columns);
    triangular_solve::solve_upper_triangular_in_place(l.transpose(), b, all_threads());
}

/// Solves L x = b in place for the first n of every `stride` numbers.
pub fn solve_lower_strided(n: usize, l: &[f64], b: &mut [f64], stride: usize, par: Par) {
    let l = MatRef::from_column_major_slice(l, n, n);
    let columns = b.len() / stride;
    let b = MatMut::from_column_major_slice_with_stride_mut(b, n, columns, stride);
    triangular_solve::solve_lower_triangular_in_place(l, b, par);
}

/// C = A'B for `n` rows of column-major A and B.
pub fn transpose_product(n: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
    let (rows, columns) = (a.len() / n, b.len() / n);
    let a = MatRef::from_column_major_slice(a, n, rows);
    let b = MatRef::from_column_major_slice(b, n, columns);
    let c = MatMut::from_column_major_slice_mut(c, rows, columns);
    matmul::matmul(c, Accum::Replace, a.transpose(), b, 1.0, Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diagonally dominant matrix and a block of right-hand sides.
    fn system(n: usize, columns: usize) -> (Vec<f64>, Vec<f64>) {
        let value = |i: usize, j: usize| ((i * 37 + j * 11) % 23) as f64 / 23.0 - 0.5;
        let mut a = vec![0.0; n * n];
        for j in 0..n {
            for i in 0..n {
                a[i + n * j] = value(i.max(j), i.min(j)) + if i == j { n as f64 } else { 0.0 };
            }
        }
        let b = (0..n * columns).map(|i| value(i / n, i % n)).collect();
        (a, b)
    }

    fn close(a: &[f64], b: &[f64]) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs())));
    }

    #[test]
    fn blocks_and_loops_agree() {
        let (n, columns) = (WIDE + 30, 9);
        let (mut a, b) = system(n, columns);
        let mut looped = a.clone();
        let expected = dense::cholesky(n, &mut looped).unwrap();
        assert!((cholesky(n, &mut a).unwrap() - expected).abs() < 1e-10);
        for j in 0..n {
            close(&a[n * j + j..n * (j + 1)], &looped[n * j + j..n * (j + 1)]);
        }
        let (mut blocks, mut loops) = (b.clone(), b.clone());
        solve_lower(n, &a, &mut blocks, columns);
        dense::solve_lower(n, &a, &mut loops, columns);
        close(&blocks, &loops);
        solve_lower_transpose(n, &a, &mut blocks, columns);
        dense::solve_lower_transpose(n, &a, &mut loops, columns);
        close(&blocks, &loops);
    }

    #[test]
    fn rows_that_hold_more_than_the_solution_keep_the_rest() {
        let (n, stride) = (WIDE + 1, WIDE + 4);
        let (mut a, _) = system(n, 1);
        dense::cholesky(n, &mut a).unwrap();
        let rows: Vec<f64> = (0..3 * stride).map(|i| (i % 7) as f64).collect();
        let mut solved = rows.clone();
        solve_lower_strided(n, &a, &mut solved, stride, Par::Seq);
        for (before, after) in rows.chunks(stride).zip(solved.chunks(stride)) {
            let mut one = before[..n].to_vec();
            dense::solve_lower(n, &a, &mut one, 1);
            close(&after[..n], &one);
            assert_eq!(before[n..], after[n..]);
        }
    }

    #[test]
    fn products_of_rows_are_sums_over_them() {
        let (n, a, b) = (5, system(5, 3).1, system(5, 2).1);
        let mut c = vec![f64::NAN; 6];
        transpose_product(n, &a, &b, &mut c);
        for j in 0..2 {
            for i in 0..3 {
                let sum: f64 = (0..n).map(|s| a[s + n * i] * b[s + n * j]).sum();
                assert!((c[i + 3 * j] - sum).abs() < 1e-14);
            }
        }
    }
}
