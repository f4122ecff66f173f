//! The part of a component that is left when its leaves are eliminated: dense, as small as the
//! smaller of two crossed factors.

use faer::linalg::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::cross_products::CrossProducts;
use crate::dense::{Square, cholesky};
use crate::error::Result;
use crate::factor::{Factor, failure};
use crate::front::{inverse_from_factor, large_cholesky};
use crate::inference::traces::{Leaf, Parameters, Traces, add_first, add_second, ones};
use crate::solve::symmetric;
use crate::watch;

/// Order up to which plain loops are faster than blocked kernels.
const SMALL: usize = 16;

/// One component.
pub(super) struct Remainder<'a> {
    pub factor: &'a Factor,
    pub cross: &'a CrossProducts,
    pub by_factor: &'a Parameters,
    /// Positions of the levels that are not leaves, ascending.
    pub positions: &'a [u32],
    pub leaf_positions: &'a [u32],
    pub leaves: &'a [Leaf],
    /// Scalar rows of the remainder.
    pub n: usize,
    pub par: Par,
}

impl Remainder<'_> {
    /// Adds the traces of the component.
    pub fn add_to(&self, out: &mut Traces) -> Result<()> {
        let starts = self.starts();
        let columns = self.leaf_columns(&starts);
        let c = self.schur_complement(&starts, &columns);
        let q = self.covariance(&c, &starts)?;
        // K = I − QC, B_RR = CK.
        watch::check()?;
        let mut k = self.product(&q, &c, -1.0);
        (0..self.n).for_each(|i| k[(i, i)] += 1.0);
        self.add_remainder(&self.product(&c, &k, 1.0), &starts, out);
        drop(c);
        watch::check()?;
        self.add_leaves(&q, &columns, out);
        self.add_pairs(&q, &k, &starts, &columns, out);
        watch::check()
    }

    /// First scalar row of each position.
    fn starts(&self) -> Vec<usize> {
        let mut at = 0;
        let symbolic = &self.factor.layout.symbolic;
        let next = |&v: &u32| {
            let start = at;
            at += symbolic.width(v as usize);
            start
        };
        self.positions.iter().map(next).collect()
    }

    /// Scalar columns of the remainder that each leaf meets.
    fn leaf_columns(&self, starts: &[usize]) -> Vec<Vec<u32>> {
        let of = |&v: &u32| self.columns_of(v as usize, starts);
        self.leaf_positions.iter().map(of).collect()
    }

    fn columns_of(&self, v: usize, starts: &[usize]) -> Vec<u32> {
        let symbolic = &self.factor.layout.symbolic;
        let mut out = Vec::with_capacity(self.cross.block(v).r);
        for &l in symbolic.later.of(v) {
            let Ok(index) = self.positions.binary_search(&l) else { continue };
            out.extend((0..symbolic.width(l as usize)).map(|s| (starts[index] + s) as u32));
        }
        out
    }

    /// C = A_RR − Σ A_Ri W_i A_iR.
    fn schur_complement(&self, starts: &[usize], columns: &[Vec<u32>]) -> Square {
        let mut c = Square::zeros(self.n);
        for (&v, &start) in self.positions.iter().zip(starts) {
            let block = self.cross.block(v as usize);
            let q = block.q;
            for j in 0..q {
                (j..q).for_each(|i| c[(start + i, start + j)] = block.own()[i + q * j]);
            }
            for (s, &column) in self.columns_of(v as usize, starts).iter().enumerate() {
                for i in 0..q {
                    c[(column as usize, start + i)] = block.later()[i + q * s];
                }
            }
        }
        for (leaf, columns) in self.leaves.iter().zip(columns) {
            let q = leaf.own.n;
            for (j, &column) in columns.iter().enumerate() {
                let w = &leaf.w[q * j..q * (j + 1)];
                for (i, &row) in columns.iter().enumerate().skip(j) {
                    let a = &leaf.a[q * i..q * (i + 1)];
                    let sum: f64 = a.iter().zip(w).map(|(a, w)| a * w).sum();
                    c[(row as usize, column as usize)] -= sum;
                }
            }
        }
        symmetric(&mut c);
        c
    }

    /// Q = Λ(I + Λ'CΛ)⁻¹Λ'.
    fn covariance(&self, c: &Square, starts: &[usize]) -> Result<Square> {
        let n = self.n;
        let mut m = self.times_lambda(c.clone(), starts, false).transpose();
        m = self.times_lambda(m, starts, false);
        (0..n).for_each(|i| m[(i, i)] += 1.0);
        let factorised = if n <= SMALL {
            cholesky(n, &mut m.data)
        } else {
            large_cholesky(n, &mut m.data, self.par)
        };
        watch::check()?;
        factorised.map_err(|row| {
            let at = starts.partition_point(|&s| s <= row) - 1;
            failure(&self.factor.layout, self.positions[at] as usize)
        })?;
        let mut inverse = Square::zeros(n);
        inverse_from_factor(n, &m.data, &mut inverse.data, self.par);
        drop(m);
        symmetric(&mut inverse);
        let half = self.times_lambda(inverse, starts, true).transpose();
        Ok(self.times_lambda(half, starts, true))
    }

    /// MΛ, or MΛ', in place of M.
    fn times_lambda(&self, mut m: Square, starts: &[usize], transposed: bool) -> Square {
        let n = self.n;
        let mut mixed = Vec::new();
        for (&v, &start) in self.positions.iter().zip(starts) {
            let t = self.template(v);
            let q = t.n;
            let columns = &mut m.data[n * start..n * (start + q)];
            mixed.clear();
            mixed.resize(n * q, 0.0);
            for j in 0..q {
                for s in 0..q {
                    let f = if transposed { t[(j, s)] } else { t[(s, j)] };
                    let out = &mut mixed[n * j..n * (j + 1)];
                    crate::row_major::axpy(f, &columns[n * s..n * (s + 1)], out);
                }
            }
            columns.copy_from_slice(&mixed);
        }
        m
    }

    fn template(&self, v: u32) -> &Square {
        &self.factor.templates[self.factor.layout.symbolic.factor[v as usize] as usize]
    }

    fn product(&self, a: &Square, b: &Square, alpha: f64) -> Square {
        let n = self.n;
        if n <= SMALL {
            let mut out = a.times(b);
            out.data.iter_mut().for_each(|v| *v *= alpha);
            return out;
        }
        let mut out = Square::zeros(n);
        matmul::matmul(
            MatMut::from_column_major_slice_mut(&mut out.data, n, n),
            Accum::Replace,
            MatRef::from_column_major_slice(&a.data, n, n),
            MatRef::from_column_major_slice(&b.data, n, n),
            alpha,
            self.par,
        );
        out
    }

    /// All pairs of levels of the remainder.
    fn add_remainder(&self, b: &Square, starts: &[usize], out: &mut Traces) {
        let symbolic = &self.factor.layout.symbolic;
        let parameters = |v: u32| self.by_factor.of(symbolic.factor[v as usize] as usize);
        for (&v, &i) in self.positions.iter().zip(starts) {
            let own = parameters(v);
            for (at, at_ones) in own.iter().map(|x| (x, ones(&x.1))) {
                out.first[at.0] += at_ones * b[(i + at.1.row, i + at.1.column)];
            }
            for (&l, &j) in self.positions.iter().zip(starts) {
                add_second(out, 1.0, own, parameters(l), |r, s| b[(i + r, j + s)]);
            }
        }
    }

    /// The diagonal blocks of the leaves: B_ii, less what the pairs of leaves count for i = j.
    fn add_leaves(&self, q: &Square, columns: &[Vec<u32>], out: &mut Traces) {
        for (leaf, columns) in self.leaves.iter().zip(columns) {
            let width = leaf.own.n;
            let mut shared = Square::zeros(width);
            for (j, &column) in columns.iter().enumerate() {
                let gj = &leaf.g[width * j..width * (j + 1)];
                let mut sum = vec![0.0; width];
                for (i, &row) in columns.iter().enumerate() {
                    let f = q[(row as usize, column as usize)];
                    crate::row_major::axpy(f, &leaf.g[width * i..width * (i + 1)], &mut sum);
                }
                for (b, g) in gj.iter().enumerate() {
                    (0..width).for_each(|a| shared[(a, b)] += sum[a] * g);
                }
            }
            let own = self.by_factor.of(leaf.factor);
            let mut block = leaf.own.clone();
            block.data.iter_mut().zip(&shared.data).for_each(|(b, s)| *b -= s);
            add_first(out, own, &block);
            add_second(out, 1.0, own, own, |i, j| block[(i, j)]);
            add_second(out, -1.0, own, own, |i, j| shared[(i, j)]);
        }
    }

    /// tr(QH_rQH_s) over pairs of leaves, and tr(H_r K E_s K') across.
    fn add_pairs(
        &self,
        q: &Square,
        k: &Square,
        starts: &[usize],
        columns: &[Vec<u32>],
        out: &mut Traces,
    ) {
        let mut done: Vec<(usize, Square)> = Vec::new();
        let mut factors: Vec<usize> = self.leaves.iter().map(|l| l.factor).collect();
        factors.sort_unstable();
        factors.dedup();
        for f in factors {
            for (r, at) in self.by_factor.of(f) {
                if watch::check().is_err() {
                    return;
                }
                let h = self.gram(f, at.row, at.column, columns);
                self.add_across(*r, &self.product(&h, k, 1.0), k, starts, out);
                let qh = self.product(q, &h, 1.0);
                done.push((*r, qh));
                let (r, qh) = &done[done.len() - 1];
                for (s, other) in &done {
                    let (high, low) = (*r.max(s), *r.min(s));
                    out.second[(high, low)] += trace_of_product(qh, other);
                }
            }
        }
    }

    /// H_r = Σ G_i'E_rG_i over the leaves of a factor.
    fn gram(&self, f: usize, a: usize, b: usize, columns: &[Vec<u32>]) -> Square {
        let mut h = Square::zeros(self.n);
        for (leaf, columns) in self.leaves.iter().zip(columns).filter(|(l, _)| l.factor == f) {
            let q = leaf.own.n;
            for (j, &column) in columns.iter().enumerate() {
                let (ga, gb) = (leaf.g[q * j + a], leaf.g[q * j + b]);
                let (ga, gb) = if a == b { (0.5 * ga, 0.5 * gb) } else { (ga, gb) };
                let out = &mut h.data[self.n * column as usize..][..self.n];
                for (i, &row) in columns.iter().enumerate() {
                    out[row as usize] += leaf.g[q * i + a] * gb + leaf.g[q * i + b] * ga;
                }
            }
        }
        h
    }

    /// second[r, s] += tr(K'H_rK E_s) for the levels of the remainder.
    fn add_across(&self, r: usize, hk: &Square, k: &Square, starts: &[usize], out: &mut Traces) {
        let (n, symbolic) = (self.n, &self.factor.layout.symbolic);
        for (&v, &start) in self.positions.iter().zip(starts) {
            for (s, at) in self.by_factor.of(symbolic.factor[v as usize] as usize) {
                let left = &k.data[n * (start + at.row)..][..n];
                let right = &hk.data[n * (start + at.column)..][..n];
                let sum: f64 = left.iter().zip(right).map(|(a, b)| a * b).sum();
                let twice = if r == *s { 2.0 } else { 1.0 };
                out.second[(r.max(*s), r.min(*s))] += twice * ones(at) * sum;
            }
        }
    }
}

/// tr(AB).
fn trace_of_product(a: &Square, b: &Square) -> f64 {
    let n = a.n;
    let mut sum = 0.0;
    for start in (0..n).step_by(64) {
        let stop = n.min(start + 64);
        for j in 0..n {
            sum += (start..stop).map(|i| a[(j, i)] * b[(i, j)]).sum::<f64>();
        }
    }
    sum
}
