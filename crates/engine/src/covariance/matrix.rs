//! Rectangular matrices of numbers or jets, column-major.

use super::jet::Jet;
use std::ops::{Index, IndexMut};

/// rows × columns values.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<T> {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Values by columns.
    pub data: Vec<T>,
}

impl<T> Matrix<T> {
    /// Entry (i, j) is f(i, j).
    pub fn from_fn(rows: usize, columns: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut data = Vec::with_capacity(rows * columns);
        for j in 0..columns {
            for i in 0..rows {
                data.push(f(i, j));
            }
        }
        Self { rows, columns, data }
    }
}

impl Matrix<Jet> {
    /// A symmetric matrix of order n by its lower triangle; the rest is zero and not to be read.
    pub fn lower(n: usize, mut f: impl FnMut(usize, usize) -> Jet) -> Self {
        Self::from_fn(n, n, |i, j| if i < j { Jet::constant(0.0) } else { f(i, j) })
    }
}

impl Matrix<f64> {
    /// The zero matrix.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * columns] }
    }
}

impl<T> Index<(usize, usize)> for Matrix<T> {
    type Output = T;
    #[inline]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        &self.data[i + self.rows * j]
    }
}

impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    #[inline]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut T {
        &mut self.data[i + self.rows * j]
    }
}
