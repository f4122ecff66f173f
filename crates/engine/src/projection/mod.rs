//! M⁻¹ between any right-hand columns, from one factorisation: what errors of prediction, leverage and
//! influence are made of.
//!
//! Columns are vectors v over the spherical random effects u, b = Λu, ordered by grouping factor, level
//! and column. Sparse columns go through the elimination along the fronts above their entries,
//!
//! ```text
//!     h_s = L_s⁻¹(v_s − Λ_s'c_s),     c_later += Y_s'h_s,     v'M⁻¹w = Σ_s h_s(v)'h_s(w),
//! ```
//!
//! where c collects on the scale of the data what the fronts before s have taken out. Dense columns
//! pass through all fronts and back. Forms of Zh in V⁻¹ ([`quadratic_forms`]) need no way back.

mod ancestors;
mod dense;
mod forms;
mod sparse;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::problem::{Problem, Workspace};
use crate::watch::Watch;
use ancestors::Ancestors;
pub use forms::{Directions, quadratic_forms};
use sparse::Block;

/// Columns that one task carries through the elimination.
const PER_TASK: usize = 256;

/// Scalar rows of a last front from which its inverse may pay.
const LARGE: usize = 64;

/// Sparse columns, one behind the other, as rows of a compressed matrix.
#[derive(Debug, Clone, Copy)]
pub struct Sparse<'a> {
    /// Where each column's entries start, and their number.
    pub pointers: &'a [i64],
    /// The random effect of each entry.
    pub effects: &'a [i64],
    /// Values.
    pub values: &'a [f64],
}

impl Sparse<'_> {
    /// Number of columns.
    pub fn len(&self) -> usize {
        self.pointers.len().saturating_sub(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn of(&self, column: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.pointers[column] as usize..self.pointers[column + 1] as usize;
        range.map(|i| (self.effects[i] as usize, self.values[i]))
    }

    pub(crate) fn check(&self, effects: usize) -> Result<()> {
        let shape = |what, expected, found| Err(EngineError::Shape { what, expected, found });
        let size = self.values.len();
        if self.effects.len() != size {
            return shape("the effects of sparse columns", size, self.effects.len());
        }
        let ends = (self.pointers.first().copied(), self.pointers.last().copied());
        let sorted = self.pointers.windows(2).all(|w| w[0] <= w[1]);
        if ends != (Some(0), Some(size as i64)) || !sorted {
            return shape("the pointers of sparse columns", size, self.pointers.len());
        }
        match self.effects.iter().find(|e| **e < 0 || **e >= effects as i64) {
            Some(e) => shape("the random effects", effects, *e as usize),
            None => Ok(()),
        }
    }
}

/// M at one θ, factorised.
#[derive(Debug)]
pub struct Equations {
    factor: Factor,
    /// Scalar row, by slot, of each random effect.
    scalar: Vec<usize>,
    /// Slot of each random effect.
    slot: Vec<u32>,
    ancestors: Ancestors,
    /// Sparse columns that were carried through so far.
    carried: AtomicUsize,
    /// (LL')⁻¹ of the last front, where it was worth the price.
    inverse: OnceLock<Vec<f64>>,
}

impl Problem {
    /// The equations at the θ̃ of the last evaluation.
    pub fn equations(&self, work: Workspace) -> Equations {
        let layout = &*self.layout;
        let symbolic = &layout.symbolic;
        let (mut scalar, mut slot) = (Vec::new(), Vec::new());
        let mut node = 0;
        for (&levels, &width) in self.n_levels.iter().zip(&self.templates.widths) {
            for &position in &symbolic.position[node..node + levels] {
                let start = layout.start[position as usize];
                scalar.extend(start..start + width);
                slot.extend(std::iter::repeat_n(layout.slot_of(position as usize) as u32, width));
            }
            node += levels;
        }
        let ancestors = Ancestors::new(layout);
        let (carried, inverse) = (AtomicUsize::new(0), OnceLock::new());
        Equations { factor: work.factor, scalar, slot, ancestors, carried, inverse }
    }
}

impl Equations {
    /// Number of random effects.
    pub fn dim(&self) -> usize {
        self.scalar.len()
    }

    /// Multiplications for `count` columns, at most.
    pub fn cost(&self, count: usize) -> f64 {
        let size = self.factor.factors.len() + self.factor.rows.len();
        2.0 * size as f64 * count as f64
    }

    /// v_i'M⁻¹w_i of the columns of `left` and `right`, or of `left` with itself.
    ///
    /// # Errors
    /// If the columns do not fit.
    pub fn inner(&self, left: Sparse<'_>, right: Option<Sparse<'_>>) -> Result<Vec<f64>> {
        left.check(self.dim())?;
        if let Some(right) = right {
            right.check(self.dim())?;
            if right.len() != left.len() {
                let (what, expected, found) = ("right columns", left.len(), right.len());
                return Err(EngineError::Shape { what, expected, found });
            }
        }
        self.prepare(left.len() * if right.is_some() { 2 } else { 1 });
        let watch = Watch::current();
        let mut out = vec![0.0; left.len()];
        out.par_chunks_mut(PER_TASK).enumerate().for_each(|(task, out)| {
            if watch.check().is_err() {
                return;
            }
            let first = task * PER_TASK;
            let count = out.len();
            let mut columns: Vec<(Sparse<'_>, usize)> =
                (first..first + count).map(|c| (left, c)).collect();
            columns.extend(right.iter().flat_map(|r| (first..first + count).map(|c| (*r, c))));
            self.forward(&columns, &mut |block| self.add_inner(block, count, right.is_some(), out));
        });
        watch.check()?;
        Ok(out)
    }

    /// V'M⁻¹V of the columns of V.
    ///
    /// # Errors
    /// If the columns do not fit.
    pub fn gram(&self, columns: Sparse<'_>) -> Result<Vec<f64>> {
        columns.check(self.dim())?;
        self.prepare(columns.len());
        let m = columns.len();
        let mut out = vec![0.0; m * m];
        let all: Vec<_> = (0..m).map(|c| (columns, c)).collect();
        self.forward(&all, &mut |block| self.add_gram(block, m, &mut out));
        Ok(out)
    }

    /// Inverts the last front once more columns have come, with the next `count`, than it has rows:
    /// their entries there are few, and solving for each would cost more.
    fn prepare(&self, count: usize) {
        let carried = self.carried.fetch_add(count, Ordering::Relaxed) + count;
        if let Some(n) = self.last().filter(|n| *n > LARGE && carried > *n) {
            self.inverse.get_or_init(|| self.inverted(n));
        }
    }

    /// Scalar rows of the last front, if it has no rows above.
    fn last(&self) -> Option<usize> {
        let shape = self.factor.layout.shapes.last()?;
        (shape.r == 0).then_some(shape.n)
    }

    fn inverted(&self, n: usize) -> Vec<f64> {
        let layout = &*self.factor.layout;
        let l = crate::layout::piece(&self.factor.factors, &layout.factor, layout.shapes.len() - 1);
        let mut out = vec![0.0; n * n];
        crate::front::inverse_from_factor(n, l, &mut out, crate::parallel::all_threads());
        for j in 0..n {
            (0..j).for_each(|i| out[i + n * j] = out[j + n * i]);
        }
        out
    }

    fn add_inner(&self, block: &Block, count: usize, paired: bool, out: &mut [f64]) {
        let n = block.n;
        let column = |i: usize| &block.values[n * i..n * (i + 1)];
        for (i, &c) in block.columns.iter().enumerate() {
            if c as usize >= count {
                break;
            }
            let other = if paired {
                block.columns.binary_search(&(c + count as u32)).ok()
            } else {
                Some(i)
            };
            if let Some(other) = other {
                out[c as usize] += self.product(block, column(i), column(other));
            }
        }
    }

    fn product(&self, block: &Block, a: &[f64], b: &[f64]) -> f64 {
        match self.inverse.get().filter(|_| block.unsolved) {
            None => a.iter().zip(b).map(|(a, b)| a * b).sum(),
            Some(inverse) => {
                let n = block.n;
                let used: Vec<usize> = (0..n).filter(|&i| a[i] != 0.0).collect();
                let row = |j: usize| used.iter().map(|&i| a[i] * inverse[i + n * j]).sum::<f64>();
                b.iter().enumerate().filter(|(_, b)| **b != 0.0).map(|(j, b)| b * row(j)).sum()
            }
        }
    }

    fn add_gram(&self, block: &Block, m: usize, out: &mut [f64]) {
        let (n, count) = (block.n, block.columns.len());
        let solved = self.inverse.get().filter(|_| block.unsolved).map(|inverse| {
            let mut solved = vec![0.0; n * count];
            for (b, x) in block.values.chunks_exact(n).zip(solved.chunks_exact_mut(n)) {
                for (j, v) in b.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                    crate::row_major::axpy(*v, &inverse[n * j..n * (j + 1)], x);
                }
            }
            solved
        });
        let right = solved.as_deref().unwrap_or(&block.values);
        let mut sums = vec![0.0; count * count];
        crate::wide::transpose_product(n, &block.values, right, &mut sums);
        for (j, &c) in block.columns.iter().enumerate() {
            for (i, &r) in block.columns.iter().enumerate() {
                out[r as usize + m * c as usize] += sums[i + count * j];
            }
        }
    }
}
