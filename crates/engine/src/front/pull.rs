//! The updates a front pulls from its descendants: C −= Y_d'Y_d.

use faer::linalg::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;

use super::Front;
use crate::layout::{Shape, piece};
use crate::links::Links;
use crate::symbolic::{Descendant, consecutive};
use crate::watch::Watch;

/// Multiplications up to which an update is written out element by element.
const SMALL_UPDATE: usize = 4000;

impl Front<'_> {
    /// A leaf whose rows in this front are better visited one by one than as a dense block.
    pub(super) fn is_sparse_leaf(&self, d: &Descendant) -> bool {
        let slot = self.layout.slot[d.front as usize] as usize;
        slot < self.layout.n_leaves() && !(self.layout.shapes[slot].n > 1 && self.contiguous(d))
    }

    fn contiguous(&self, d: &Descendant) -> bool {
        let rows = self.layout.symbolic.rows.of(d.front as usize);
        consecutive(&rows[d.start as usize..d.stop as usize])
    }

    /// Pulls the updates of all sparse leaves, each column of C by one task.
    pub(super) fn pull_leaves(&self, rows: &[f64], c: &mut [f64]) {
        let (layout, symbolic) = (self.layout, &self.layout.symbolic);
        let Shape { front, n, .. } = self.shape;
        let nodes = symbolic.nodes(front);
        let base = symbolic.scalars(front).start;
        let (square, right) = c.split_at_mut(n * n);
        let mut tasks = Vec::with_capacity(nodes.len());
        let mut rest = square;
        for v in nodes.clone() {
            let (mine, after) = rest.split_at_mut(n * symbolic.width(v));
            tasks.push((v, mine));
            rest = after;
        }
        let nodes = &nodes;
        let leaves_of = |v: usize| {
            symbolic.earlier.of(v).iter().filter_map(move |&(p, index)| {
                let slot = layout.slot_of(p as usize);
                let shape = layout.shapes[slot];
                let list = symbolic.later.of(p as usize);
                let inside = &list[list.partition_point(|&l| (l as usize) < nodes.start)..];
                let wide = shape.n > 1 && consecutive(inside);
                (slot < layout.n_leaves() && !wide).then_some((
                    p as usize,
                    slot,
                    shape,
                    index as usize,
                ))
            })
        };
        let watch = Watch::current();
        tasks.into_par_iter().with_min_len(4).for_each(|(v, column)| {
            if watch.check().is_err() {
                return;
            }
            for (p, slot, shape, index) in leaves_of(v) {
                let y = piece(rows, &layout.rows, slot);
                let list = &symbolic.later.of(p)[index..];
                let offsets = &symbolic.offsets_of_rows(shape.front)[index..];
                subtract_column(n, shape.n, y, list, offsets, column, &symbolic.offset, base);
            }
        });
        right.par_chunks_mut(n).enumerate().for_each(|(j, column)| {
            for v in nodes.clone() {
                let at = symbolic.offset[v] - base;
                for (_, slot, shape, index) in leaves_of(v) {
                    let (y, q) = (piece(rows, &layout.rows, slot), shape.n);
                    let first = symbolic.offsets_of_rows(shape.front)[index] as usize;
                    let yr = &y[q * (shape.r + j)..][..q];
                    for i in 0..symbolic.width(v) {
                        let yi = &y[q * (first + i)..][..q];
                        column[at + i] -= yi.iter().zip(yr).map(|(a, b)| a * b).sum::<f64>();
                    }
                }
            }
        });
    }

    /// Whether every node here and every leaf that reaches it is one scalar.
    pub(super) fn all_scalar(&self) -> bool {
        self.templates.iter().all(|t| t.n == 1)
    }

    /// [`Self::pull_leaves`] for scalars, along the links.
    pub(super) fn pull_scalar_leaves(&self, links: &Links, rows: &[f64], c: &mut [f64]) {
        let (layout, symbolic) = (self.layout, &self.layout.symbolic);
        let Shape { front, n, .. } = self.shape;
        let (first, k) = (symbolic.nodes(front).start, layout.k);
        let later = symbolic.later.items();
        let (square, right) = c.split_at_mut(n * n);
        let mut products = vec![0.0; n * k];
        let watch = Watch::current();
        square
            .par_chunks_mut(n)
            .zip(products.par_chunks_mut(k))
            .enumerate()
            .with_min_len(4)
            .for_each(|(v, (column, products))| {
                if watch.check().is_err() {
                    return;
                }
                for link in links.of(layout, first + v).iter().filter(|l| l.is_leaf()) {
                    let reach = (link.length - link.index) as usize;
                    let list = &later[(link.list + link.index) as usize..][..reach];
                    let y = &rows[link.y as usize..][..reach + k];
                    let own = y[0];
                    for (&l, y) in list.iter().zip(y) {
                        column[l as usize - first] -= own * y;
                    }
                    for (p, y) in products.iter_mut().zip(&y[reach..]) {
                        *p += own * y;
                    }
                }
            });
        for (j, column) in right.chunks_exact_mut(n).enumerate() {
            column.iter_mut().enumerate().for_each(|(v, c)| *c -= products[v * k + j]);
        }
    }

    /// Whether two leaves reach the same rows: then their updates are one product.
    pub(super) fn same_rows(&self, a: &Descendant, b: &Descendant) -> bool {
        let (layout, rows) = (self.layout, &self.layout.symbolic.rows);
        let leaf = |d: &Descendant| (layout.slot[d.front as usize] as usize) < layout.n_leaves();
        let list = |d: &Descendant| &rows.of(d.front as usize)[d.start as usize..];
        leaf(a) && leaf(b) && a.stop - a.start == b.stop - b.start && list(a) == list(b)
    }

    /// Pulls the update of descendants with the same rows.
    pub(super) fn pull(
        &self,
        group: &[Descendant],
        rows: &[f64],
        c: &mut [f64],
        columns: &[u32],
        scratch: &mut Update,
    ) {
        let (symbolic, k) = (&self.layout.symbolic, self.layout.k);
        let n = self.shape.n;
        let d = &group[0];
        scratch.places.clear();
        let mut inside = 0;
        for (i, &p) in symbolic.rows.of(d.front as usize).iter().enumerate().skip(d.start as usize)
        {
            let place = columns[p as usize];
            scratch.places.extend((0..symbolic.width(p as usize) as u32).map(|s| place + s));
            if i + 1 == d.stop as usize {
                inside = scratch.places.len();
            }
        }
        let right = (n + self.shape.r) as u32;
        scratch.places.extend((0..k as u32).map(|j| right + j));
        let width = scratch.places.len();
        let m = self.stack(group, width, rows, &mut scratch.stacked);
        let y = match group {
            [one] => self.rows_of(one, rows),
            _ => scratch.stacked.as_slice(),
        };
        if m * inside * width <= SMALL_UPDATE {
            subtract_products(m, y, inside, &scratch.places, n, c);
        } else if self.contiguous(d) {
            self.subtract_block(m, y, inside, &scratch.places, c);
        } else {
            scratch.product.resize(inside * width, 0.0);
            let all = MatRef::from_column_major_slice(y, m, width);
            let own = all.subcols(0, inside).transpose();
            let out = MatMut::from_column_major_slice_mut(&mut scratch.product, inside, width);
            matmul::matmul(out, Accum::Replace, own, all, 1.0, self.par);
            subtract_scattered(inside, &scratch.places, &scratch.product, n, c);
        }
    }

    /// Y of a descendant, from its first row in this front on.
    fn rows_of<'b>(&self, d: &Descendant, rows: &'b [f64]) -> &'b [f64] {
        let slot = self.layout.slot[d.front as usize] as usize;
        let offsets = self.layout.symbolic.offsets_of_rows(d.front as usize);
        let start = self.layout.shapes[slot].n * offsets[d.start as usize] as usize;
        &piece(rows, &self.layout.rows, slot)[start..]
    }

    /// Puts the rows of several descendants on top of each other; returns their number. A single
    /// one stays where it is.
    fn stack(&self, group: &[Descendant], width: usize, rows: &[f64], out: &mut Vec<f64>) -> usize {
        let height =
            |d: &Descendant| self.layout.shapes[self.layout.slot[d.front as usize] as usize].n;
        let m = group.iter().map(height).sum();
        if group.len() > 1 {
            out.clear();
            out.resize(m * width, 0.0);
            let mut at = 0;
            for d in group {
                let (h, y) = (height(d), self.rows_of(d, rows));
                for (j, column) in y.chunks_exact(h).enumerate() {
                    out[m * j + at..m * j + at + h].copy_from_slice(column);
                }
                at += h;
            }
        }
        m
    }

    /// C −= Y'Y where the rows inside this front are consecutive.
    fn subtract_block(&self, m: usize, y: &[f64], inside: usize, places: &[u32], c: &mut [f64]) {
        let n = self.shape.n;
        let width = places.len();
        let all = MatRef::from_column_major_slice(y, m, width);
        let own = all.subcols(0, inside);
        let at = places[0] as usize;
        let columns = c.len() / n;
        let mut c = MatMut::from_column_major_slice_mut(c, n, columns);
        triangular::matmul(
            c.as_mut().submatrix_mut(at, at, inside, inside),
            BlockStructure::TriangularLower,
            Accum::Add,
            own.transpose(),
            BlockStructure::Rectangular,
            own,
            BlockStructure::Rectangular,
            -1.0,
            self.par,
        );
        // Runs of consecutive columns beyond this front's own.
        let mut j = inside;
        while j < width {
            let mut stop = j + 1;
            while stop < width && places[stop] == places[stop - 1] + 1 {
                stop += 1;
            }
            let target = c.as_mut().submatrix_mut(at, places[j] as usize, inside, stop - j);
            let run = all.subcols(j, stop - j);
            matmul::matmul(target, Accum::Add, own.transpose(), run, -1.0, self.par);
            j = stop;
        }
    }
}

/// Memory for the updates of one front.
#[derive(Default)]
pub(super) struct Update {
    /// Row or column of C for each scalar row of the descendant.
    places: Vec<u32>,
    product: Vec<f64>,
    stacked: Vec<f64>,
}

/// The columns of C that belong to one node: C −= Y_l'Y_v for the rows l from v on.
#[inline]
#[expect(clippy::too_many_arguments, reason = "one call site")]
fn subtract_column(
    n: usize,
    m: usize,
    y: &[f64],
    list: &[u32],
    offsets: &[u32],
    column: &mut [f64],
    offset: &[usize],
    base: usize,
) {
    let width = column.len() / n;
    let first = offsets[0] as usize;
    if m == 1 && width == 1 {
        let own = y[first];
        for (&l, &at) in list.iter().zip(offsets) {
            let (row, at) = (offset[l as usize] - base, at as usize);
            let wide = offset[l as usize + 1] - offset[l as usize];
            for i in 0..wide {
                column[row + i] -= own * y[at + i];
            }
        }
        return;
    }
    for (&l, &at) in list.iter().zip(offsets) {
        let row = offset[l as usize] - base;
        for i in 0..offset[l as usize + 1] - offset[l as usize] {
            let yi = &y[m * (at as usize + i)..][..m];
            for j in 0..width {
                let yj = &y[m * (first + j)..][..m];
                column[row + i + n * j] -= yi.iter().zip(yj).map(|(a, b)| a * b).sum::<f64>();
            }
        }
    }
}

/// C −= Y'Y element by element: rows `..inside`, lower triangle where both lie inside.
#[inline]
fn subtract_products(m: usize, y: &[f64], inside: usize, places: &[u32], n: usize, c: &mut [f64]) {
    for (j, &column) in places.iter().enumerate() {
        let yj = &y[m * j..m * (j + 1)];
        let from = if j < inside { j } else { 0 };
        for i in from..inside {
            let yi = &y[m * i..m * (i + 1)];
            let product: f64 = yi.iter().zip(yj).map(|(a, b)| a * b).sum();
            c[places[i] as usize + n * column as usize] -= product;
        }
    }
}

fn subtract_scattered(inside: usize, places: &[u32], product: &[f64], n: usize, c: &mut [f64]) {
    for (j, &column) in places.iter().enumerate() {
        let from = if j < inside { j } else { 0 };
        for i in from..inside {
            c[places[i] as usize + n * column as usize] -= product[i + inside * j];
        }
    }
}
