//! Products with Z'WZ and systems with M, all right-hand columns at once.

use rayon::prelude::*;

use super::{PER_TASK, Rough};
use crate::layout::piece;
use crate::row_major::{
    Columns, add_block, add_block_transpose, add_scaled, axpy, dots, solve_rows,
    solve_rows_transpose, template_times, transpose_times,
};

/// Relative residual at which conjugate gradients stop, and the steps they may take.
const RESIDUAL: f64 = 1e-4;
const STEPS: usize = 60;

impl Rough<'_> {
    /// Runs over all positions in the order of their storage, each with its own rows of `out`.
    fn each(
        &self,
        leaves: bool,
        m: usize,
        out: &mut [f64],
        run: impl Fn(usize, &mut [f64]) + Sync,
    ) {
        let layout = self.layout();
        let symbolic = &layout.symbolic;
        let positions: Vec<usize> = if leaves {
            symbolic.leaves.iter().map(|&s| symbolic.first[s as usize] as usize).collect()
        } else {
            layout.inner_positions().collect()
        };
        let mut tasks = Vec::new();
        let mut rest = out;
        for chunk in positions.chunks(PER_TASK) {
            let size: usize = chunk.iter().map(|&v| symbolic.width(v) * m).sum();
            let (mine, after) = rest.split_at_mut(size);
            tasks.push((chunk, mine));
            rest = after;
        }
        tasks.into_par_iter().for_each(|(chunk, mut rows)| {
            for &v in chunk {
                let (mine, after) = rows.split_at_mut(symbolic.width(v) * m);
                run(v, mine);
                rows = after;
            }
        });
    }

    /// Z'WZ x, placed behind `shift` further columns.
    pub(super) fn multiply(&self, x: &Columns, shift: Option<usize>) -> Columns {
        let (layout, symbolic) = (self.layout(), &self.layout().symbolic);
        let (m, shift) = (x.m, shift.unwrap_or(0));
        let total = m + shift;
        let mut out = Columns::zeros(symbolic.dim(), total);
        let (leaves, inner) = out.values.split_at_mut(layout.scalar[layout.n_leaves()] * total);
        let node = |v: usize, out: &mut [f64]| {
            let block = self.cross().block(v);
            let mut sum = vec![0.0; block.q * m];
            add_block(block.q, block.own(), x.rows(layout.start[v], block.q), m, &mut sum);
            for (&l, &at) in symbolic.later.of(v).iter().zip(self.cross().later_offsets(v)) {
                let width = symbolic.width(l as usize);
                let values = &block.later()[block.q * at as usize..][..block.q * width];
                add_block(block.q, values, x.rows(layout.start[l as usize], width), m, &mut sum);
            }
            for link in self.links.of(layout, v) {
                let q = link.q as usize;
                let values = self.links.block(link, q * block.q);
                add_block_transpose(q, values, 1.0, x.rows(link.start as usize, q), m, &mut sum);
            }
            for (out, sum) in out.chunks_exact_mut(total).zip(sum.chunks_exact(m)) {
                out[shift..].copy_from_slice(sum);
            }
        };
        self.each(true, total, leaves, node);
        self.each(false, total, inner, node);
        out
    }

    /// b = Q c and a = c − Z'WZ b for every column of c.
    pub(super) fn solve(&self, c: Columns) -> (Columns, Columns) {
        let (layout, symbolic) = (self.layout(), &self.layout().symbolic);
        let m = c.m;
        let first = layout.scalar[layout.n_leaves()];
        let mut u = c.values[..first * m].to_vec();
        self.each(true, m, &mut u, |v, u| {
            let slot = layout.slot_of(v);
            transpose_times(self.template(v), u, m);
            solve_rows(piece(&self.factor.factors, &layout.factor, slot), u, m);
        });
        let u = Columns { m, values: u };
        let mut d = c.values[first * m..].to_vec();
        self.each(false, m, &mut d, |v, d| {
            for (link, y) in self.leaves_of(v) {
                let q = link.q as usize;
                add_block_transpose(q, y, -1.0, u.rows(link.start as usize, q), m, d);
            }
            transpose_times(self.template(v), d, m);
        });
        let mut inner = self.conjugate_gradients(d, m);
        self.each(false, m, &mut inner, |v, x| template_times(self.template(v), x, m));
        let mut b = Columns { m, values: u.values };
        b.values.extend_from_slice(&inner);
        let (leaves, inner) = b.values.split_at_mut(first * m);
        let inner = &*inner;
        self.each(true, m, leaves, |v, u| {
            let slot = layout.slot_of(v);
            let q = symbolic.width(v);
            let rows = piece(&self.factor.rows, &layout.rows, slot);
            for (&l, &at) in symbolic.later.of(v).iter().zip(self.cross().later_offsets(v)) {
                let width = symbolic.width(l as usize);
                let start = (layout.start[l as usize] - first) * m;
                let y = &rows[q * at as usize..q * (at as usize + width)];
                for (column, b) in
                    y.chunks_exact(q).zip(inner[start..start + width * m].chunks_exact(m))
                {
                    for (f, u) in column.iter().zip(u.chunks_exact_mut(m)) {
                        axpy(-f, b, u);
                    }
                }
            }
            solve_rows_transpose(piece(&self.factor.factors, &layout.factor, slot), u, m);
            template_times(self.template(v), u, m);
        });
        let mut a = self.multiply(&b, None);
        a.values.iter_mut().zip(&c.values).for_each(|(a, c)| *a = c - *a);
        (b, a)
    }

    /// S x for the rest: x + Λ'(A − Σ Y'Y)Λ x.
    fn apply(&self, x: &[f64], m: usize) -> Vec<f64> {
        let (layout, symbolic) = (self.layout(), &self.layout().symbolic);
        let first = layout.scalar[layout.n_leaves()];
        let mut scaled = x.to_vec();
        self.each(false, m, &mut scaled, |v, x| template_times(self.template(v), x, m));
        let rows = |v: usize, n: usize| {
            let start = (layout.start[v] - first) * m;
            &scaled[start..start + n * m]
        };
        let mut s = vec![0.0; first * m];
        self.each(true, m, &mut s, |v, s| {
            let slot = layout.slot_of(v);
            let q = symbolic.width(v);
            let y = piece(&self.factor.rows, &layout.rows, slot);
            for (&l, &at) in symbolic.later.of(v).iter().zip(self.cross().later_offsets(v)) {
                let width = symbolic.width(l as usize);
                let y = &y[q * at as usize..q * (at as usize + width)];
                add_block(q, y, rows(l as usize, width), m, s);
            }
        });
        let s = Columns { m, values: s };
        let mut out = vec![0.0; x.len()];
        self.each(false, m, &mut out, |v, out| {
            let block = self.cross().block(v);
            add_block(block.q, block.own(), rows(v, block.q), m, out);
            for (&l, &at) in symbolic.later.of(v).iter().zip(self.cross().later_offsets(v)) {
                let width = symbolic.width(l as usize);
                let values = &block.later()[block.q * at as usize..][..block.q * width];
                add_block(block.q, values, rows(l as usize, width), m, out);
            }
            for link in self.links.of(layout, v).iter().filter(|l| !l.is_leaf()) {
                let q = link.q as usize;
                let values = self.links.block(link, q * block.q);
                let start = (link.start as usize - first) * m;
                add_block_transpose(q, values, 1.0, &scaled[start..start + q * m], m, out);
            }
            for (link, y) in self.leaves_of(v) {
                let q = link.q as usize;
                add_block_transpose(q, y, -1.0, s.rows(link.start as usize, q), m, out);
            }
            transpose_times(self.template(v), out, m);
            let start = (layout.start[v] - first) * m;
            out.iter_mut().zip(&x[start..]).for_each(|(o, x)| *o += x);
        });
        out
    }

    /// Solves S x = d for all columns at once.
    fn conjugate_gradients(&self, d: Vec<f64>, m: usize) -> Vec<f64> {
        let precondition = |r: &[f64]| {
            let mut z = r.to_vec();
            self.each(false, m, &mut z, |v, z| {
                let q = self.template(v).n;
                let l = &self.preconditioner[self.block[v]..self.block[v] + q * q];
                solve_rows(l, z, m);
                solve_rows_transpose(l, z, m);
            });
            z
        };
        let mut x = vec![0.0; d.len()];
        let mut r = d;
        let mut z = precondition(&r);
        let mut p = z.clone();
        let mut rz = dots(&r, &z, m);
        let goal: Vec<f64> = rz.iter().map(|v| v * RESIDUAL * RESIDUAL).collect();
        for _ in 0..STEPS {
            if rz.iter().zip(&goal).all(|(now, goal)| now <= goal) {
                break;
            }
            let sp = self.apply(&p, m);
            let curvature = dots(&p, &sp, m);
            let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
            let alpha: Vec<f64> = rz.iter().zip(&curvature).map(|(a, b)| ratio(*a, *b)).collect();
            add_scaled(&alpha, 1.0, &p, &mut x);
            add_scaled(&alpha, -1.0, &sp, &mut r);
            z = precondition(&r);
            let next = dots(&r, &z, m);
            let beta: Vec<f64> = next.iter().zip(&rz).map(|(a, b)| ratio(*a, *b)).collect();
            for (p, z) in p.chunks_exact_mut(m).zip(z.chunks_exact(m)) {
                for ((p, z), beta) in p.iter_mut().zip(z).zip(&beta) {
                    *p = z + beta * *p;
                }
            }
            rz = next;
        }
        x
    }
}
