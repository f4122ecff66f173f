//! A = [Z X y]'W[Z X y] in the coordinates of [`Basis`], formed in one pass over the rows of each
//! factor. After it the cost of an evaluation does not depend on n.
//!
//! Row block v (one level of one factor, q_v scalar rows) is stored as
//! `[A_vv | A_vl for the later neighbours l | A_v,Xy]`, column-major with q_v rows.

use std::sync::Arc;

use rayon::prelude::*;

use crate::basis::{Basis, chunked};
use crate::covariance::Templates;
use crate::data::Data;
use crate::rows::RowsByLevel;
use crate::symbolic::{Lists, Symbolic};

/// Positions whose blocks one task fills.
const NODES_PER_TASK: usize = 2048;

/// The cross-products of one data set.
#[derive(Debug, Clone)]
pub struct CrossProducts {
    /// Pattern.
    pub symbolic: Arc<Symbolic>,
    /// Number of right-hand columns: p + 1, the response last.
    pub k: usize,
    /// [X y]'W[X y], k × k.
    pub total: Vec<f64>,
    later_offset: Arc<Vec<u32>>,
    pointers: Arc<Vec<usize>>,
    values: Vec<f64>,
}

/// A row block of A.
#[derive(Debug, Clone, Copy)]
pub struct RowBlock<'a> {
    /// Scalar rows.
    pub q: usize,
    /// Width of the part that belongs to later neighbours.
    pub r: usize,
    /// q × (q + r + k), column-major.
    pub values: &'a [f64],
}

impl<'a> RowBlock<'a> {
    /// A_vv, full and symmetric.
    #[inline]
    pub fn own(&self) -> &'a [f64] {
        &self.values[..self.q * self.q]
    }

    /// The later neighbours' columns.
    #[inline]
    pub fn later(&self) -> &'a [f64] {
        &self.values[self.q * self.q..self.q * (self.q + self.r)]
    }

    /// The columns of X and y.
    #[inline]
    pub fn right(&self) -> &'a [f64] {
        &self.values[self.q * (self.q + self.r)..]
    }
}

impl CrossProducts {
    /// Forms the cross-products.
    pub fn new(
        data: &Data<'_>,
        rows: &[RowsByLevel],
        symbolic: Arc<Symbolic>,
        templates: &Templates,
        basis: &Basis,
    ) -> Self {
        let k = data.p() + 1;
        let later_offset = later_offsets(&symbolic);
        let n = symbolic.factor.len();
        let mut pointers = vec![0usize; n + 1];
        for v in 0..n {
            let q = symbolic.width(v);
            let r = later_width(&symbolic.later, &later_offset, &symbolic, v);
            pointers[v + 1] = pointers[v] + q * (q + r + k);
        }
        let values = vec![0.0; pointers[n]];
        let mut out = Self {
            symbolic,
            k,
            total: vec![],
            later_offset: Arc::new(later_offset),
            pointers: Arc::new(pointers),
            values,
        };
        let columns = factor_columns(data, templates);
        out.fill(data, rows, basis, &columns);
        out
    }

    /// The same pattern for another response (and its basis).
    pub fn with_response(
        &self,
        data: &Data<'_>,
        rows: &[RowsByLevel],
        templates: &Templates,
        basis: &Basis,
    ) -> Self {
        let mut out = self.clone();
        out.values.fill(0.0);
        out.fill(data, rows, basis, &factor_columns(data, templates));
        out
    }

    /// Row block of a position.
    #[inline]
    pub fn block(&self, v: usize) -> RowBlock<'_> {
        let values = &self.values[self.pointers[v]..self.pointers[v + 1]];
        let q = self.symbolic.width(v);
        RowBlock { q, r: values.len() / q - q - self.k, values }
    }

    /// Scalar offsets of the later neighbours of a position.
    #[inline]
    pub fn later_offsets(&self, v: usize) -> &[u32] {
        &self.later_offset[self.symbolic.later.range(v)]
    }

    fn fill(
        &mut self,
        data: &Data<'_>,
        rows: &[RowsByLevel],
        basis: &Basis,
        columns: &[Vec<&[f64]>],
    ) {
        let k = self.k;
        self.total = chunked(data.n(), k * k, |range, sums| {
            let mut x = vec![0.0; k];
            for row in range {
                basis.row(data, row, &mut x);
                let w = data.weight(row);
                for j in 0..k {
                    (0..k).for_each(|i| sums[i + k * j] += w * x[i] * x[j]);
                }
            }
        });
        let symbolic = Arc::clone(&self.symbolic);
        let n = symbolic.factor.len();
        let mut tasks = Vec::with_capacity(n / NODES_PER_TASK + 1);
        let mut rest = self.values.as_mut_slice();
        for start in (0..n).step_by(NODES_PER_TASK) {
            let stop = n.min(start + NODES_PER_TASK);
            let (mine, after) = rest.split_at_mut(self.pointers[stop] - self.pointers[start]);
            tasks.push((start..stop, mine));
            rest = after;
        }
        let filler = Filler {
            data,
            rows,
            basis,
            columns,
            symbolic: &symbolic,
            first: first_nodes(data),
            later_offset: &self.later_offset,
            k,
        };
        let run = |scratch: &mut Scratch, (nodes, values): (std::ops::Range<usize>, &mut [f64])| {
            let mut rest = values;
            for v in nodes {
                let (mine, after) = rest.split_at_mut(self.pointers[v + 1] - self.pointers[v]);
                filler.node(v, mine, scratch);
                rest = after;
            }
        };
        if tasks.len() == 1 && data.n() < 20_000 {
            let mut scratch = filler.scratch();
            tasks.into_iter().for_each(|task| run(&mut scratch, task));
        } else {
            tasks.into_par_iter().for_each_init(|| filler.scratch(), run);
        }
    }
}

/// The z columns of each factor, side by side over its terms.
pub fn factor_columns<'a>(data: &Data<'a>, templates: &Templates) -> Vec<Vec<&'a [f64]>> {
    let mut columns: Vec<Vec<&[f64]>> = vec![Vec::new(); templates.widths.len()];
    for (term, at) in data.terms.iter().zip(&templates.places) {
        columns[at.factor].extend(&term.z);
    }
    columns
}

fn first_nodes(data: &Data<'_>) -> Vec<usize> {
    let mut first = vec![0];
    data.groups.iter().for_each(|g| first.push(first[first.len() - 1] + g.n_levels));
    first
}

fn later_offsets(symbolic: &Symbolic) -> Vec<u32> {
    let mut out = Vec::with_capacity(symbolic.later.n_items());
    for v in 0..symbolic.later.n_lists() {
        let mut at = 0;
        for &l in symbolic.later.of(v) {
            out.push(at);
            at += symbolic.width(l as usize) as u32;
        }
    }
    out
}

fn later_width(later: &Lists<u32>, offsets: &[u32], symbolic: &Symbolic, v: usize) -> usize {
    match later.of(v).last() {
        None => 0,
        Some(&l) => offsets[later.range(v).end - 1] as usize + symbolic.width(l as usize),
    }
}

/// Everything that filling a row block reads.
struct Filler<'a> {
    data: &'a Data<'a>,
    rows: &'a [RowsByLevel],
    basis: &'a Basis,
    columns: &'a [Vec<&'a [f64]>],
    symbolic: &'a Symbolic,
    first: Vec<usize>,
    later_offset: &'a [u32],
    k: usize,
}

/// One task's memory.
struct Scratch {
    /// Column, within the block being filled, of each later neighbour.
    column: Vec<u32>,
    z: Vec<f64>,
    other: Vec<f64>,
    right: Vec<f64>,
}

impl Filler<'_> {
    fn scratch(&self) -> Scratch {
        let widest = self.columns.iter().map(Vec::len).max().unwrap_or(0);
        let n = if self.columns.len() > 1 { self.symbolic.factor.len() } else { 0 };
        Scratch {
            column: vec![0; n],
            z: vec![0.0; widest],
            other: vec![0.0; widest],
            right: vec![0.0; self.k],
        }
    }

    fn load(&self, factor: usize, row: usize, z: &mut [f64]) {
        for (z, column) in z.iter_mut().zip(&self.columns[factor]) {
            *z = column[row];
        }
        self.basis.z_row(factor, z);
    }

    fn node(&self, v: usize, out: &mut [f64], scratch: &mut Scratch) {
        let symbolic = self.symbolic;
        let (f, q) = (symbolic.factor[v] as usize, symbolic.width(v));
        let r = out.len() / q - q - self.k;
        let offsets = &self.later_offset[symbolic.later.range(v)];
        for (&l, &at) in symbolic.later.of(v).iter().zip(offsets) {
            scratch.column[l as usize] = at;
        }
        let (own, rest) = out.split_at_mut(q * q);
        let (later, right) = rest.split_at_mut(q * r);
        for row in self.rows[f].of(symbolic.level[v] as usize) {
            let w = self.data.weight(row);
            self.load(f, row, &mut scratch.z[..q]);
            let z = &scratch.z[..q];
            add_outer(own, z, z, w);
            self.basis.row(self.data, row, &mut scratch.right);
            add_outer(right, z, &scratch.right, w);
            if r == 0 {
                continue;
            }
            for (g, group) in self.data.groups.iter().enumerate() {
                let l = symbolic.position[self.first[g] + group.codes[row] as usize] as usize;
                if l > v {
                    let other = &mut scratch.other[..self.columns[g].len()];
                    for (o, column) in other.iter_mut().zip(&self.columns[g]) {
                        *o = column[row];
                    }
                    self.basis.z_row(g, other);
                    add_outer(&mut later[q * scratch.column[l] as usize..], z, other, w);
                }
            }
        }
    }
}

/// C += w a b', column-major with `a.len()` rows.
#[inline(always)]
fn add_outer(c: &mut [f64], a: &[f64], b: &[f64], w: f64) {
    for (column, b) in c.chunks_exact_mut(a.len()).zip(b) {
        let wb = w * b;
        column.iter_mut().zip(a).for_each(|(c, a)| *c += a * wb);
    }
}
