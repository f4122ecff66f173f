//! A dense front: assembly from A and from earlier fronts, and its elimination.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{matmul, triangular_solve};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::cross_products::CrossProducts;
use crate::dense::{Square, cholesky, solve_lower};
use crate::error::Result;
use crate::factor::failure;
use crate::layout::{Layout, Shape, piece};
use crate::symbolic::Descendant;

/// Rows up to which the plain loops beat a call into faer.
pub const SMALL: usize = 12;

/// Multiplications up to which an update is written out element by element.
const SMALL_UPDATE: usize = 4000;

/// From this many descendant leaves on, a front without later rows pulls them column by column.
const MANY_LEAVES: usize = 32;

/// One front, with what it needs to read.
#[derive(Clone, Copy)]
pub struct Front<'a> {
    /// Storage plan.
    pub layout: &'a Layout,
    /// Its sizes.
    pub shape: Shape,
    /// T_f per factor.
    pub templates: &'a [Square],
    /// Threads for the dense work inside the front.
    pub par: Par,
}

impl Front<'_> {
    /// C ← A_s − Σ Y_d'Y_d over the descendants d. C_ss is stored as its lower triangle, with full
    /// diagonal blocks. `columns` is scratch with a place for every position.
    pub fn assemble(
        &self,
        cross: &CrossProducts,
        rows: &[f64],
        c: &mut [f64],
        columns: &mut [u32],
    ) {
        c.fill(0.0);
        let symbolic = &self.layout.symbolic;
        let Shape { front, n, .. } = self.shape;
        let list = symbolic.rows.of(front);
        for (&p, &at) in list.iter().zip(symbolic.offsets_of_rows(front)) {
            columns[p as usize] = n as u32 + at;
        }
        for (v, at) in symbolic.nodes(front).zip(self.node_offsets()) {
            columns[v] = at as u32;
        }
        self.add_cross_products(cross, c, columns);
        let descendants = symbolic.descendants.of(front);
        let leaves = descendants
            .iter()
            .filter(|d| self.is_sparse_leaf(d))
            .count();
        let by_column = self.shape.r == 0 && leaves >= MANY_LEAVES;
        if by_column {
            self.pull_leaves(rows, c);
        }
        let mut scratch = Update::default();
        let wanted = |d: &&Descendant| !(by_column && self.is_sparse_leaf(d));
        let same_rows = |a: &Descendant, b: &Descendant| self.same_rows(a, b);
        let pulled: Vec<Descendant> = descendants.iter().filter(wanted).copied().collect();
        for group in pulled.chunk_by(same_rows) {
            self.pull(group, rows, c, columns, &mut scratch);
        }
        self.mirror_diagonal(c);
    }

    fn node_offsets(&self) -> impl Iterator<Item = usize> + '_ {
        let symbolic = &self.layout.symbolic;
        let base = symbolic.scalars(self.shape.front).start;
        symbolic
            .nodes(self.shape.front)
            .map(move |v| symbolic.offset[v] - base)
    }

    fn add_cross_products(&self, cross: &CrossProducts, c: &mut [f64], columns: &[u32]) {
        let symbolic = &self.layout.symbolic;
        let Shape { front, n, r } = self.shape;
        for v in symbolic.nodes(front) {
            let (block, row) = (cross.block(v), columns[v] as usize);
            let q = block.q;
            for j in 0..q {
                for i in 0..q {
                    c[row + i + n * (row + j)] += block.own()[i + q * j];
                }
            }
            for (j, column) in block.right().chunks_exact(q).enumerate() {
                let start = row + n * (n + r + j);
                c[start..start + q]
                    .iter_mut()
                    .zip(column)
                    .for_each(|(c, a)| *c += a);
            }
            for (&l, &at) in symbolic.later.of(v).iter().zip(cross.later_offsets(v)) {
                let (l, width) = (columns[l as usize] as usize, symbolic.width(l as usize));
                let values = &block.later()[q * at as usize..q * (at as usize + width)];
                for j in 0..width {
                    for i in 0..q {
                        let place = if l < n {
                            l + j + n * (row + i)
                        } else {
                            row + i + n * (l + j)
                        };
                        c[place] += values[i + q * j];
                    }
                }
            }
        }
    }

    /// A leaf whose rows in this front are better visited one by one than as a dense block.
    fn is_sparse_leaf(&self, d: &Descendant) -> bool {
        let slot = self.layout.slot[d.front as usize] as usize;
        slot < self.layout.n_leaves() && !(self.layout.shapes[slot].n > 1 && self.contiguous(d))
    }

    fn contiguous(&self, d: &Descendant) -> bool {
        let rows = self.layout.symbolic.rows.of(d.front as usize);
        consecutive(&rows[d.start as usize..d.stop as usize])
    }

    /// Pulls the updates of all sparse leaves, each column of C by one task.
    fn pull_leaves(&self, rows: &[f64], c: &mut [f64]) {
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
            symbolic
                .earlier
                .of(v)
                .iter()
                .filter_map(move |&(p, index)| {
                    let slot = layout.slot_of(p as usize);
                    let shape = layout.shapes[slot];
                    let list = symbolic.later.of(p as usize);
                    let inside = &list[list.partition_point(|&l| (l as usize) < nodes.start)..];
                    let wide = shape.n > 1 && consecutive(inside);
                    (slot < layout.n_leaves() && !wide)
                        .then(|| (p as usize, slot, shape, index as usize))
                })
        };
        tasks
            .into_par_iter()
            .with_min_len(4)
            .for_each(|(v, column)| {
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

    /// Whether two leaves reach the same rows: then their updates are one product.
    fn same_rows(&self, a: &Descendant, b: &Descendant) -> bool {
        let (layout, rows) = (self.layout, &self.layout.symbolic.rows);
        let leaf = |d: &Descendant| (layout.slot[d.front as usize] as usize) < layout.n_leaves();
        let list = |d: &Descendant| &rows.of(d.front as usize)[d.start as usize..];
        leaf(a) && leaf(b) && a.stop - a.start == b.stop - b.start && list(a) == list(b)
    }

    /// Pulls the update of descendants with the same rows.
    fn pull(
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
        for (i, &p) in symbolic
            .rows
            .of(d.front as usize)
            .iter()
            .enumerate()
            .skip(d.start as usize)
        {
            let place = columns[p as usize];
            scratch
                .places
                .extend((0..symbolic.width(p as usize) as u32).map(|s| place + s));
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
            let target = c
                .as_mut()
                .submatrix_mut(at, places[j] as usize, inside, stop - j);
            let run = all.subcols(j, stop - j);
            matmul::matmul(target, Accum::Add, own.transpose(), run, -1.0, self.par);
            j = stop;
        }
    }

    /// Fills the upper triangle of each diagonal block.
    fn mirror_diagonal(&self, c: &mut [f64]) {
        let n = self.shape.n;
        let symbolic = &self.layout.symbolic;
        for (v, at) in symbolic.nodes(self.shape.front).zip(self.node_offsets()) {
            for j in 0..symbolic.width(v) {
                for i in 0..j {
                    c[at + i + n * (at + j)] = c[at + j + n * (at + i)];
                }
            }
        }
    }

    /// Φ = Λ'C_ssΛ + I = LL', Y = L⁻¹Λ'[C_R | C_Xy]; returns log|Φ|.
    pub fn eliminate(&self, c: &[f64], l: &mut [f64], y: &mut [f64]) -> Result<f64> {
        let n = self.shape.n;
        self.scaled(c, l);
        y.copy_from_slice(&c[n * n..]);
        self.lambda_transpose(y);
        let factored = if n <= SMALL {
            cholesky(n, l)
        } else {
            large_cholesky(n, l, self.par)
        };
        let log_det = factored.map_err(|scalar| {
            let symbolic = &self.layout.symbolic;
            let row = symbolic.scalars(self.shape.front).start + scalar;
            failure(
                self.layout,
                symbolic.offset.partition_point(|&o| o <= row) - 1,
            )
        })?;
        self.solve_lower(l, y);
        Ok(log_det)
    }

    /// Lower triangle of Λ'C_ssΛ + I.
    fn scaled(&self, c: &[f64], l: &mut [f64]) {
        let n = self.shape.n;
        let symbolic = &self.layout.symbolic;
        for (v, at) in symbolic.nodes(self.shape.front).zip(self.node_offsets()) {
            let (q, t) = (
                symbolic.width(v),
                &self.templates[symbolic.factor[v] as usize],
            );
            for j in 0..q {
                let out = &mut l[n * (at + j)..n * (at + j + 1)];
                out.fill(0.0);
                for s in j..q {
                    let (column, f) = (&c[n * (at + s)..n * (at + s + 1)], t[(s, j)]);
                    out[at..]
                        .iter_mut()
                        .zip(&column[at..])
                        .for_each(|(o, c)| *o += f * c);
                }
                self.lambda_transpose_from(v, at, out);
                out[at + j] += 1.0;
            }
        }
    }

    /// x ← Λ'x on the rows from node `v` (at row `at`) on.
    fn lambda_transpose_from(&self, v: usize, at: usize, x: &mut [f64]) {
        let symbolic = &self.layout.symbolic;
        let mut row = at;
        for u in v..symbolic.nodes(self.shape.front).end {
            let (q, t) = (
                symbolic.width(u),
                &self.templates[symbolic.factor[u] as usize],
            );
            for i in 0..q {
                x[row + i] = (i..q).map(|s| t[(s, i)] * x[row + s]).sum();
            }
            row += q;
        }
    }

    /// X ← Λ'X, n rows.
    pub fn lambda_transpose(&self, x: &mut [f64]) {
        let first = self.layout.symbolic.nodes(self.shape.front).start;
        x.chunks_exact_mut(self.shape.n)
            .for_each(|c| self.lambda_transpose_from(first, 0, c));
    }

    /// X ← ΛX, n rows.
    pub fn lambda(&self, x: &mut [f64]) {
        let symbolic = &self.layout.symbolic;
        for column in x.chunks_exact_mut(self.shape.n) {
            for (v, at) in symbolic.nodes(self.shape.front).zip(self.node_offsets()) {
                let (q, t) = (
                    symbolic.width(v),
                    &self.templates[symbolic.factor[v] as usize],
                );
                for i in (0..q).rev() {
                    column[at + i] = (0..=i).map(|s| t[(i, s)] * column[at + s]).sum();
                }
            }
        }
    }

    /// B ← L⁻¹B, n rows.
    pub fn solve_lower(&self, l: &[f64], b: &mut [f64]) {
        let n = self.shape.n;
        let columns = b.len() / n;
        if n <= SMALL {
            solve_lower(n, l, b, columns);
        } else {
            let l = MatRef::from_column_major_slice(l, n, n);
            let b = MatMut::from_column_major_slice_mut(b, n, columns);
            triangular_solve::solve_lower_triangular_in_place(l, b, self.par);
        }
    }
}

/// Whether sorted positions, at least one, follow each other without a gap.
fn consecutive(list: &[u32]) -> bool {
    (list[list.len() - 1] - list[0]) as usize + 1 == list.len()
}

/// Memory for the updates of one front.
#[derive(Default)]
struct Update {
    /// Row or column of C for each scalar row of the descendant.
    places: Vec<u32>,
    product: Vec<f64>,
    stacked: Vec<f64>,
}

/// The columns of C that belong to one node: C −= Y_l'Y_v for the rows l from v on.
#[inline]
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

/// Cholesky factor of a large block; returns log|A| or the pivot that failed.
fn large_cholesky(n: usize, a: &mut [f64], par: Par) -> std::result::Result<f64, usize> {
    let scratch = llt::factor::cholesky_in_place_scratch::<f64>(n, par, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let view = MatMut::from_column_major_slice_mut(a, n, n);
    match llt::factor::cholesky_in_place(
        view,
        Default::default(),
        par,
        MemStack::new(&mut memory),
        Default::default(),
    ) {
        Ok(_) => {
            let mut log_det = 0.0;
            for j in 0..n {
                let d = a[j + n * j];
                if !(d > 0.0 && d.is_finite()) {
                    return Err(j);
                }
                log_det += 2.0 * d.ln();
            }
            Ok(log_det)
        }
        Err(llt::factor::LltError::NonPositivePivot { index }) => Err(index),
    }
}
