//! Products of column-major matrices: loops where they are small, faer where they are not.

use faer::linalg::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::parallel::all_threads;
use crate::watch;

/// Multiplications up to which loops are faster.
const FEW: usize = 2_000;

/// Multiplications from which threads pay.
const MANY: usize = 20_000_000;

/// A B, or A'B where `transposed`, of rows × inner and inner × columns (as multiplied).
pub fn product(
    a: &[f64],
    transposed: bool,
    b: &[f64],
    rows: usize,
    inner: usize,
    columns: usize,
) -> Vec<f64> {
    let mut out = vec![0.0; rows * columns];
    let work = rows * inner * columns;
    if work == 0 || (work > MANY && watch::check().is_err()) {
        return out;
    }
    if work <= FEW {
        for j in 0..columns {
            for s in 0..inner {
                let f = b[s + inner * j];
                let to = &mut out[j * rows..(j + 1) * rows];
                if transposed {
                    to.iter_mut().enumerate().for_each(|(i, o)| *o += a[s + inner * i] * f);
                } else {
                    to.iter_mut().zip(&a[s * rows..]).for_each(|(o, a)| *o += a * f);
                }
            }
        }
        return out;
    }
    let par = if work > MANY { all_threads() } else { Par::Seq };
    let to = MatMut::from_column_major_slice_mut(&mut out, rows, columns);
    let b = MatRef::from_column_major_slice(b, inner, columns);
    if transposed {
        let a = MatRef::from_column_major_slice(a, inner, rows);
        matmul::matmul(to, Accum::Replace, a.transpose(), b, 1.0, par);
    } else {
        let a = MatRef::from_column_major_slice(a, rows, inner);
        matmul::matmul(to, Accum::Replace, a, b, 1.0, par);
    }
    out
}
