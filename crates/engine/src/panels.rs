//! Cholesky factors, inverses and solutions of large blocks, tile by tile: the same algebra as one call
//! into faer, which would neither look up nor say how far it is for a minute or more. The watch is
//! asked before every product, each a tenth of a second of work at most; a job that is stopped leaves
//! the rest undone, which its next question tells (see [`crate::watch`]).

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{matmul, triangular_inverse, triangular_solve};
use faer::{Accum, MatMut, MatRef, Par};

use crate::watch::Watch;

/// Orders up to which one call is short.
pub const ONE_CALL: usize = 2048;

/// Rows and columns of a tile.
const TILE: usize = 512;

/// Cholesky factor in the lower triangle, or the pivot that failed; the strict upper triangle stays.
///
/// ```text
///     L_jj = chol(A_jj)     L_rj = A_rj L_jj⁻ᵀ     A_rs ← A_rs − L_rj L_sj'
/// ```
pub fn cholesky(n: usize, a: &mut [f64], par: Par) -> std::result::Result<(), usize> {
    let watch = Watch::current();
    for start in (0..n).step_by(TILE) {
        let width = TILE.min(n - start);
        let whole = MatMut::from_column_major_slice_mut(&mut *a, n, n);
        let (.., rest) = whole.split_at_mut(start, start);
        let (mut own, _, mut below, mut later) = rest.split_at_mut(width, width);
        factorise(own.as_mut(), par).map_err(|pivot| start + pivot)?;
        if watch.check().is_err() {
            return Ok(());
        }
        let l = own.as_ref();
        triangular_solve::solve_lower_triangular_in_place(l, below.as_mut().transpose_mut(), par);
        let rows = below.nrows();
        for at in (0..rows).step_by(TILE) {
            if watch.check().is_err() {
                return Ok(());
            }
            let wide = TILE.min(rows - at);
            let right = below.as_ref().subrows(at, wide);
            let columns = later.as_mut().subcols_mut(at, wide).subrows_mut(at, rows - at);
            let (square, beyond) = columns.split_at_row_mut(wide);
            subtract_gram(square, right, par);
            let left = below.as_ref().subrows(at + wide, rows - at - wide);
            matmul::matmul(beyond, Accum::Add, left, right.transpose(), -1.0, par);
        }
    }
    Ok(())
}

fn factorise(tile: MatMut<'_, f64>, par: Par) -> std::result::Result<(), usize> {
    let scratch =
        llt::factor::cholesky_in_place_scratch::<f64>(tile.nrows(), par, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    match llt::factor::cholesky_in_place(tile, Default::default(), par, stack, Default::default()) {
        Ok(_) => Ok(()),
        Err(llt::factor::LltError::NonPositivePivot { index }) => Err(index),
    }
}

/// C −= RR', lower triangle.
fn subtract_gram(c: MatMut<'_, f64>, r: MatRef<'_, f64>, par: Par) {
    triangular::matmul(
        c,
        BlockStructure::TriangularLower,
        Accum::Add,
        r,
        BlockStructure::Rectangular,
        r.transpose(),
        BlockStructure::Rectangular,
        -1.0,
        par,
    );
}

/// B ← L⁻¹B for column-major B of `n` rows.
pub fn solve_lower(n: usize, l: &[f64], b: &mut [f64], par: Par) {
    let watch = Watch::current();
    let l = MatRef::from_column_major_slice(l, n, n);
    let columns = b.len() / n;
    let mut b = MatMut::from_column_major_slice_mut(b, n, columns);
    for start in (0..n).step_by(TILE) {
        if watch.check().is_err() {
            return;
        }
        let width = TILE.min(n - start);
        let (mut own, below) = b.as_mut().subrows_mut(start, n - start).split_at_row_mut(width);
        let tile = l.submatrix(start, start, width, width);
        triangular_solve::solve_lower_triangular_in_place(tile, own.as_mut(), par);
        let left = l.submatrix(start + width, start, n - start - width, width);
        matmul::matmul(below, Accum::Add, left, own.as_ref(), -1.0, par);
    }
}

/// Lower triangle of (LL')⁻¹ from L; the strict upper triangle of `out` is zero.
pub fn inverse(n: usize, l: &[f64], out: &mut [f64], par: Par) {
    out.fill(0.0);
    let l = MatRef::from_column_major_slice(l, n, n);
    let mut x = MatMut::from_column_major_slice_mut(out, n, n);
    let watch = Watch::current();
    for start in (0..n).step_by(TILE).rev() {
        if watch.check().is_err() {
            return;
        }
        invert_columns(l, x.as_mut(), start, &watch, par);
    }
    for start in (0..n).step_by(TILE) {
        if watch.check().is_err() {
            return;
        }
        multiply_rows(x.as_mut(), start, &watch, par);
    }
}

/// Columns j of X = L⁻¹, those behind them being known: X_jj = L_jj⁻¹, X_rj = −X_rr L_rj X_jj.
fn invert_columns(l: MatRef<'_, f64>, x: MatMut<'_, f64>, start: usize, watch: &Watch, par: Par) {
    let n = l.nrows();
    let width = TILE.min(n - start);
    let (.., rest) = x.split_at_mut(start, start);
    let (mut own, _, mut below, later) = rest.split_at_mut(width, width);
    let tile = l.submatrix(start, start, width, width);
    triangular_inverse::invert_lower_triangular(own.as_mut(), tile, par);
    let rows = n - start - width;
    let mut product = vec![0.0; rows * width];
    let mut product = MatMut::from_column_major_slice_mut(&mut product, rows, width);
    let left = l.submatrix(start + width, start, rows, width);
    matmul::matmul(product.as_mut(), Accum::Replace, left, own.as_ref(), 1.0, par);
    for at in (0..rows).step_by(TILE) {
        if watch.check().is_err() {
            return;
        }
        let high = TILE.min(rows - at);
        let known = later.as_ref().submatrix(at, 0, high, at + high);
        let target = below.as_mut().subrows_mut(at, high);
        let right = product.as_ref().subrows(0, at + high);
        matmul::matmul(target, Accum::Replace, known, right, -1.0, par);
    }
}

/// Rows i of X'X in the place of those of X, which are not needed afterwards: (X'X)_ij = Σ_r X_ri'X_rj
/// over the rows r from i on, X_ii last.
fn multiply_rows(x: MatMut<'_, f64>, start: usize, watch: &Watch, par: Par) {
    let n = x.nrows();
    let width = TILE.min(n - start);
    let (_, mut rest) = x.split_at_row_mut(start);
    let mut product = vec![0.0; width * width];
    for at in (0..=start).step_by(TILE) {
        if watch.check().is_err() {
            return;
        }
        let own = rest.as_ref().subcols(start, width);
        let other = rest.as_ref().subcols(at, TILE.min(n - at).min(width.max(TILE)));
        let wide = if at == start { width } else { other.ncols() };
        product.resize(width * wide, 0.0);
        let mut sum =
            MatMut::from_column_major_slice_mut(&mut product[..width * wide], width, wide);
        let other = other.subcols(0, wide);
        matmul::matmul(sum.as_mut(), Accum::Replace, own.transpose(), other, 1.0, par);
        let mut target = rest.as_mut().submatrix_mut(0, at, width, wide);
        for j in 0..wide {
            let from = if at == start { j } else { 0 };
            (from..width).for_each(|i| target[(i, j)] = sum[(i, j)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense;
    use crate::parallel::all_threads;

    /// Of an order with a ragged last tile.
    const N: usize = 2 * TILE + 37;

    fn positive(n: usize) -> Vec<f64> {
        let value = |i: usize, j: usize| ((i * 37 + j * 11) % 23) as f64 / 23.0 - 0.5;
        let mut a = vec![0.0; n * n];
        for j in 0..n {
            for i in 0..n {
                let own = if i == j { n as f64 / 4.0 } else { 0.0 };
                a[i + n * j] = value(i.max(j), i.min(j)) + own;
            }
        }
        a
    }

    fn factorised() -> Vec<f64> {
        let mut l = positive(N);
        cholesky(N, &mut l, all_threads()).unwrap();
        l
    }

    #[test]
    fn tiles_and_loops_agree() {
        let (l, mut looped) = (factorised(), positive(N));
        dense::cholesky(N, &mut looped).unwrap();
        for j in 0..N {
            for i in j..N {
                assert!((l[i + N * j] - looped[i + N * j]).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn the_pivot_that_fails_is_named() {
        let mut a = positive(N);
        let bad = TILE + 5;
        a[bad + N * bad] = -1.0;
        assert_eq!(cholesky(N, &mut a, Par::Seq), Err(bad));
    }

    #[test]
    fn solutions_solve() {
        let l = factorised();
        let b: Vec<f64> = (0..3 * N).map(|i| (i % 7) as f64 - 3.0).collect();
        let (mut tiled, mut looped) = (b.clone(), b);
        solve_lower(N, &l, &mut tiled, Par::Seq);
        dense::solve_lower(N, &l, &mut looped, 3);
        assert!(tiled.iter().zip(&looped).all(|(a, b)| (a - b).abs() < 1e-10));
    }

    /// A times its inverse is the identity.
    #[test]
    fn the_inverse_inverts() {
        let (a, l) = (positive(N), factorised());
        let mut out = vec![f64::NAN; N * N];
        inverse(N, &l, &mut out, all_threads());
        for j in 0..N {
            (0..j).for_each(|i| out[i + N * j] = out[j + N * i]);
        }
        for j in [0, 1, TILE - 1, TILE, N - 1] {
            for i in [0, 3, TILE, 2 * TILE, N - 1] {
                let sum: f64 = (0..N).map(|s| a[i + N * s] * out[s + N * j]).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((sum - expected).abs() < 1e-10, "{i} {j} {sum}");
            }
        }
    }

    #[test]
    fn a_stopped_factorisation_ends_at_once() {
        let watch = Watch::new(None, None);
        watch.stop();
        let mut a = positive(N);
        let last = a[N * N - 1];
        assert_eq!(watch.during(|| cholesky(N, &mut a, Par::Seq)), Ok(()));
        assert_eq!(a[N * N - 1], last, "the last tile was not reached");
    }
}
