//! Dense columns through the elimination and back.

use rayon::prelude::*;

use super::Equations;
use crate::error::{EngineError, Result};
use crate::layout::piece;
use crate::row_major::{axpy, solve_rows, solve_rows_transpose, template_times, transpose_times};
use crate::watch::Watch;

/// Columns that one task carries.
const PER_TASK: usize = 16;

impl Equations {
    /// M⁻¹B for column-major B with [`Self::dim`] rows, in place.
    ///
    /// # Errors
    /// If B has other rows.
    pub fn solve(&self, b: &mut [f64]) -> Result<()> {
        let q = self.dim();
        if q == 0 || !b.len().is_multiple_of(q) {
            let what = "a column of random effects";
            return if b.is_empty() {
                Ok(())
            } else {
                Err(EngineError::Shape { what, expected: q, found: b.len() })
            };
        }
        let watch = Watch::current();
        b.par_chunks_mut(q * PER_TASK).try_for_each(|columns| {
            watch.check()?;
            self.solve_some(columns);
            Ok(())
        })
    }

    fn solve_some(&self, columns: &mut [f64]) {
        let (q, m) = (self.dim(), columns.len() / self.dim());
        let mut u = vec![0.0; q * m];
        for (c, column) in columns.chunks_exact(q).enumerate() {
            column.iter().zip(&self.scalar).for_each(|(v, at)| u[at * m + c] = *v);
        }
        self.down(&mut u, m);
        self.back(&mut u, m);
        for (c, column) in columns.chunks_exact_mut(q).enumerate() {
            column.iter_mut().zip(&self.scalar).for_each(|(v, at)| *v = u[at * m + c]);
        }
    }

    /// h = L⁻¹v, row-major by slot.
    fn down(&self, v: &mut [f64], m: usize) {
        let layout = &*self.factor.layout;
        let mut taken = vec![0.0; v.len()];
        for (slot, shape) in layout.shapes.iter().enumerate() {
            let n = shape.n;
            let range = layout.scalar[slot] * m..layout.scalar[slot + 1] * m;
            let mine = &mut v[range.clone()];
            self.each_node(slot, m, |t, at| {
                let c = &mut taken[range.start + at..range.start + at + t.n * m];
                transpose_times(t, c, m);
                axpy(-1.0, c, &mut mine[at..at + t.n * m]);
            });
            solve_rows(piece(&self.factor.factors, &layout.factor, slot), mine, m);
            let y = piece(&self.factor.rows, &layout.rows, slot);
            self.each_row(slot, |start, at| {
                let to = &mut taken[start * m..(start + 1) * m];
                let y = &y[n * at..n * (at + 1)];
                y.iter().zip(mine.chunks_exact(m)).for_each(|(y, h)| axpy(*y, h, to));
            });
        }
    }

    /// u = L⁻ᵀh, row-major by slot.
    fn back(&self, h: &mut [f64], m: usize) {
        let layout = &*self.factor.layout;
        let mut data = vec![0.0; h.len()];
        for (slot, shape) in layout.shapes.iter().enumerate().rev() {
            let n = shape.n;
            let range = layout.scalar[slot] * m..layout.scalar[slot + 1] * m;
            let mine = &mut h[range.clone()];
            let y = piece(&self.factor.rows, &layout.rows, slot);
            self.each_row(slot, |start, at| {
                let from = &data[start * m..(start + 1) * m];
                let y = &y[n * at..n * (at + 1)];
                y.iter().zip(mine.chunks_exact_mut(m)).for_each(|(y, h)| axpy(-y, from, h));
            });
            solve_rows_transpose(piece(&self.factor.factors, &layout.factor, slot), mine, m);
            let own = &mut data[range];
            own.copy_from_slice(mine);
            self.each_node(slot, m, |t, at| template_times(t, &mut own[at..at + t.n * m], m));
        }
    }

    /// The template of every node of a front, and where its rows start.
    fn each_node(&self, slot: usize, m: usize, mut run: impl FnMut(&crate::dense::Square, usize)) {
        let layout = &*self.factor.layout;
        let mut at = 0;
        for v in layout.symbolic.nodes(layout.shapes[slot].front) {
            let t = &self.factor.templates[layout.symbolic.factor[v] as usize];
            run(t, at);
            at += t.n * m;
        }
    }

    /// Every scalar row above a front, and its column among those of Y.
    fn each_row(&self, slot: usize, mut run: impl FnMut(usize, usize)) {
        let layout = &*self.factor.layout;
        let front = layout.shapes[slot].front;
        let list = layout.symbolic.rows.of(front).iter();
        for (&p, &at) in list.zip(layout.symbolic.offsets_of_rows(front)) {
            for s in 0..layout.symbolic.width(p as usize) {
                run(layout.start[p as usize] + s, at as usize + s);
            }
        }
    }
}
