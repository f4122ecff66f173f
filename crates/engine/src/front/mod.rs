//! A dense front: assembly from A and from earlier fronts, and its elimination.

mod pull;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::triangular_solve;
use faer::{MatMut, MatRef, Par};

use crate::cross_products::CrossProducts;
use crate::dense::{Square, cholesky, solve_lower, solve_lower_transpose};
use crate::error::Result;
use crate::factor::failure;
use crate::layout::{Layout, Shape};
use crate::links::Links;
use crate::panels;
use crate::symbolic::Descendant;
use crate::watch;
use pull::Update;

/// Rows up to which the plain loops beat a call into faer.
pub const SMALL: usize = 12;

/// From this many descendant leaves on, a front without later rows pulls them column by column.
const MANY_LEAVES: usize = 32;

/// Leaves with the same rows, on average, from which they are better pulled together.
const ALIKE: usize = 8;

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
        links: Option<&Links>,
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
        let leaves = descendants.iter().filter(|d| self.is_sparse_leaf(d)).count();
        let same_rows = |a: &Descendant, b: &Descendant| self.same_rows(a, b);
        // Where most leaves reach the same rows, their updates are a few large products.
        let alike = || descendants.chunk_by(same_rows).count() * ALIKE <= leaves;
        let by_column = self.shape.r == 0 && leaves >= MANY_LEAVES && (links.is_some() || !alike());
        if by_column {
            match links.filter(|_| self.all_scalar()) {
                Some(links) => self.pull_scalar_leaves(links, rows, c),
                None => self.pull_leaves(rows, c),
            }
        }
        let mut scratch = Update::default();
        let wanted = |d: &&Descendant| !(by_column && self.is_sparse_leaf(d));
        let pulled: Vec<Descendant> = descendants.iter().filter(wanted).copied().collect();
        for group in pulled.chunk_by(same_rows) {
            if watch::check().is_err() {
                return;
            }
            self.pull(group, rows, c, columns, &mut scratch);
        }
        self.mirror_diagonal(c);
    }

    fn node_offsets(&self) -> impl Iterator<Item = usize> + '_ {
        let symbolic = &self.layout.symbolic;
        let base = symbolic.scalars(self.shape.front).start;
        symbolic.nodes(self.shape.front).map(move |v| symbolic.offset[v] - base)
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
            for (j, column) in block.right().enumerate() {
                let start = row + n * (n + r + j);
                c[start..start + q].iter_mut().zip(column).for_each(|(c, a)| *c += a);
            }
            for (&l, &at) in symbolic.later.of(v).iter().zip(cross.later_offsets(v)) {
                let (l, width) = (columns[l as usize] as usize, symbolic.width(l as usize));
                let values = &block.later()[q * at as usize..q * (at as usize + width)];
                for j in 0..width {
                    for i in 0..q {
                        let place =
                            if l < n { l + j + n * (row + i) } else { row + i + n * (l + j) };
                        c[place] += values[i + q * j];
                    }
                }
            }
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
        let factored = if n <= SMALL { cholesky(n, l) } else { large_cholesky(n, l, self.par) };
        let log_det = factored.map_err(|scalar| {
            let symbolic = &self.layout.symbolic;
            let row = symbolic.scalars(self.shape.front).start + scalar;
            failure(self.layout, symbolic.offset.partition_point(|&o| o <= row) - 1)
        })?;
        self.solve_lower(l, y);
        Ok(log_det)
    }

    /// The templates of the nodes where each of them is one scalar.
    pub fn scalar_templates(&self) -> Option<Vec<f64>> {
        let symbolic = &self.layout.symbolic;
        let nodes = symbolic.nodes(self.shape.front);
        (nodes.len() == self.shape.n)
            .then(|| nodes.map(|v| self.templates[symbolic.factor[v] as usize][(0, 0)]).collect())
    }

    /// Lower triangle of Λ'C_ssΛ + I.
    fn scaled(&self, c: &[f64], l: &mut [f64]) {
        let n = self.shape.n;
        if let Some(t) = self.scalar_templates() {
            for j in 0..n {
                let (out, c) = (&mut l[n * j..n * (j + 1)], &c[n * j..n * (j + 1)]);
                for i in j..n {
                    out[i] = t[i] * t[j] * c[i];
                }
                out[j] += 1.0;
            }
            return;
        }
        let symbolic = &self.layout.symbolic;
        for (v, at) in symbolic.nodes(self.shape.front).zip(self.node_offsets()) {
            let (q, t) = (symbolic.width(v), &self.templates[symbolic.factor[v] as usize]);
            for j in 0..q {
                let out = &mut l[n * (at + j)..n * (at + j + 1)];
                out.fill(0.0);
                for s in j..q {
                    let (column, f) = (&c[n * (at + s)..n * (at + s + 1)], t[(s, j)]);
                    out[at..].iter_mut().zip(&column[at..]).for_each(|(o, c)| *o += f * c);
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
            let (q, t) = (symbolic.width(u), &self.templates[symbolic.factor[u] as usize]);
            for i in 0..q {
                x[row + i] = (i..q).map(|s| t[(s, i)] * x[row + s]).sum();
            }
            row += q;
        }
    }

    /// X ← Λ'X, n rows.
    pub fn lambda_transpose(&self, x: &mut [f64]) {
        let first = self.layout.symbolic.nodes(self.shape.front).start;
        x.chunks_exact_mut(self.shape.n).for_each(|c| self.lambda_transpose_from(first, 0, c));
    }

    /// X ← ΛX, n rows.
    pub fn lambda(&self, x: &mut [f64]) {
        let symbolic = &self.layout.symbolic;
        for column in x.chunks_exact_mut(self.shape.n) {
            for (v, at) in symbolic.nodes(self.shape.front).zip(self.node_offsets()) {
                let (q, t) = (symbolic.width(v), &self.templates[symbolic.factor[v] as usize]);
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
        } else if n > panels::ONE_CALL {
            panels::solve_lower(n, l, b, self.par);
        } else {
            let l = MatRef::from_column_major_slice(l, n, n);
            let b = MatMut::from_column_major_slice_mut(b, n, columns);
            triangular_solve::solve_lower_triangular_in_place(l, b, self.par);
        }
    }
}

/// Cholesky factor of a large block; returns log|A| or the pivot that failed.
pub fn large_cholesky(n: usize, a: &mut [f64], par: Par) -> std::result::Result<f64, usize> {
    if n > panels::ONE_CALL {
        panels::cholesky(n, a, par)?;
        return log_det(n, a);
    }
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
        Ok(_) => log_det(n, a),
        Err(llt::factor::LltError::NonPositivePivot { index }) => Err(index),
    }
}

/// log|LL'|, or the pivot that is no number.
fn log_det(n: usize, l: &[f64]) -> std::result::Result<f64, usize> {
    let mut log_det = 0.0;
    for j in 0..n {
        let d = l[j + n * j];
        if !(d > 0.0 && d.is_finite()) {
            return Err(j);
        }
        log_det += 2.0 * d.ln();
    }
    Ok(log_det)
}

/// Lower triangle of (LL')⁻¹.
pub fn inverse_from_factor(n: usize, l: &[f64], out: &mut [f64], par: Par) {
    if n <= SMALL {
        out.fill(0.0);
        (0..n).for_each(|i| out[i + n * i] = 1.0);
        solve_lower(n, l, out, n);
        solve_lower_transpose(n, l, out, n);
        return;
    }
    if n > panels::ONE_CALL {
        return panels::inverse(n, l, out, par);
    }
    let mut memory = MemBuffer::new(llt::inverse::inverse_scratch::<f64>(n, par));
    llt::inverse::inverse(
        MatMut::from_column_major_slice_mut(out, n, n),
        MatRef::from_column_major_slice(l, n, n),
        par,
        MemStack::new(&mut memory),
    );
}
