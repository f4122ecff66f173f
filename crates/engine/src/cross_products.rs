//! A = [Z X y]'W[Z X y] in the coordinates of [`Basis`], formed in one pass over the rows of each
//! factor. After it the cost of an evaluation does not depend on n.
//!
//! Row block v (one level of one factor, q_v scalar rows) is stored as
//! `[A_vv | A_vl for the later neighbours l | A_vX]`, column-major with q_v rows. What belongs to the
//! response, A_vy and [X y]'Wy, is apart from it: problems that differ in their response alone share
//! the rest.

use std::sync::Arc;

use rayon::prelude::*;

use crate::basis::{Basis, chunked, pairwise};
use crate::covariance::Templates;
use crate::data::Data;
use crate::error::Result;
use crate::memory::zeros;
use crate::packed::{Packed, RowReader};
use crate::rows::RowsByLevel;
use crate::sums::Condensed;
use crate::symbolic::{Lists, Symbolic};
use crate::watch::Watch;
use crate::wide::WIDE;

/// Positions whose blocks one task fills.
const NODES_PER_TASK: usize = 2048;

/// Rows below which other threads are not worth waking.
pub(crate) const SMALL: usize = 20_000;

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
    values: Arc<Vec<f64>>,
    /// A_vy of every position, one behind the other.
    response: Vec<f64>,
}

/// A row block of A.
#[derive(Debug, Clone, Copy)]
pub struct RowBlock<'a> {
    /// Scalar rows.
    pub q: usize,
    /// Width of the part that belongs to later neighbours.
    pub r: usize,
    /// [A_vv | A_vl | A_vX], q × (q + r + p), column-major.
    pub values: &'a [f64],
    /// A_vy, q rows.
    pub response: &'a [f64],
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

    /// The columns of X.
    #[inline]
    pub fn fixed(&self) -> &'a [f64] {
        &self.values[self.q * (self.q + self.r)..]
    }

    /// The columns of X and y, one by one.
    #[inline]
    pub fn right(&self) -> impl Iterator<Item = &'a [f64]> {
        self.fixed().chunks_exact(self.q).chain(std::iter::once(self.response))
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
    ) -> Result<Self> {
        let mut out = Self::empty(symbolic, data.p() + 1)?;
        let columns = factor_columns(data, templates);
        out.fill(data, rows, basis, &columns)?;
        Ok(out)
    }

    /// Puts condensed cross-products on the pattern of a factorisation.
    pub fn of_condensed(condensed: &Condensed, symbolic: Arc<Symbolic>) -> Result<Self> {
        let mut out = Self::empty(symbolic, condensed.k)?;
        out.total.clone_from(&condensed.total);
        let symbolic = Arc::clone(&out.symbolic);
        let mut first = vec![0usize];
        condensed.n_levels.iter().for_each(|n| first.push(first[first.len() - 1] + n));
        let mut column = vec![0u32; symbolic.factor.len()];
        for v in 0..symbolic.factor.len() {
            let (f, level) = (symbolic.factor[v] as usize, symbolic.level[v] as usize);
            for (&l, &at) in symbolic.later.of(v).iter().zip(out.later_offsets(v)) {
                column[l as usize] = at;
            }
            let blocks = &condensed.levels[f];
            let (q, k) = (blocks.q, condensed.k);
            let (mine, response) = out.block_mut(v);
            mine[..q * q].copy_from_slice(&blocks.own[level * q * q..][..q * q]);
            let right = blocks.right[level * q * k..][..q * k].split_at(q * (k - 1));
            let fixed = mine.len() - q * (k - 1);
            mine[fixed..].copy_from_slice(right.0);
            response.copy_from_slice(right.1);
            for (g, blocks) in condensed.beside(f) {
                for entry in blocks.pointers[level]..blocks.pointers[level + 1] {
                    let node = first[g] + blocks.indices[entry] as usize;
                    let l = symbolic.position[node] as usize;
                    if l > v {
                        let start = q * (q + column[l] as usize);
                        blocks.block(entry, &mut mine[start..start + q * symbolic.width(l)]);
                    }
                }
            }
        }
        Ok(out)
    }

    /// Zeros on a pattern, with `k` right-hand columns.
    pub fn empty(symbolic: Arc<Symbolic>, k: usize) -> Result<Self> {
        let later_offset = later_offsets(&symbolic);
        let n = symbolic.factor.len();
        let mut pointers = vec![0usize; n + 1];
        for v in 0..n {
            let q = symbolic.width(v);
            let r = later_width(&symbolic.later, &later_offset, &symbolic, v);
            pointers[v + 1] = pointers[v] + q * (q + r + k - 1);
        }
        let values = Arc::new(zeros(pointers[n])?);
        let response = zeros(symbolic.dim())?;
        Ok(Self {
            symbolic,
            k,
            total: vec![],
            later_offset: Arc::new(later_offset),
            pointers: Arc::new(pointers),
            values,
            response,
        })
    }

    /// Number of values with `k` right-hand columns.
    pub fn size(symbolic: &Symbolic, k: usize) -> usize {
        let own = |v| symbolic.width(v) * (symbolic.width(v) + k);
        let pair = |v: usize| -> usize {
            let later = symbolic.later.of(v).iter();
            symbolic.width(v) * later.map(|&l| symbolic.width(l as usize)).sum::<usize>()
        };
        (0..symbolic.factor.len()).map(|v| own(v) + pair(v)).sum()
    }

    /// The same pattern for another response (and its basis).
    pub fn with_response(
        &self,
        data: &Data<'_>,
        rows: &[RowsByLevel],
        templates: &Templates,
        basis: &Basis,
    ) -> Result<Self> {
        let packed = Packed::new(data, basis, &factor_columns(data, templates))?;
        let mut out = self.clone();
        out.total = total(data, &packed, self.k);
        out.fill_response(data, rows, &packed);
        Ok(out)
    }

    /// Puts another response in the place of the last: `wy` (n,) holds W ỹ, and `yy` is ỹ'Wỹ.
    pub fn set_response(&mut self, packed: &Packed, rows: &[RowsByLevel], wy: &[f64], yy: f64) {
        let (k, last) = (self.k, self.k - 1);
        let mut sums = vec![0.0; last];
        for (row, wy) in wy.iter().enumerate() {
            sums.iter_mut().zip(packed.right(row)).for_each(|(s, x)| *s += x * wy);
        }
        for (i, sum) in sums.iter().enumerate() {
            self.total[i + k * last] = *sum;
            self.total[last + k * i] = *sum;
        }
        self.total[k * k - 1] = yy;
        for v in 0..self.symbolic.factor.len() {
            let (f, level) = (self.symbolic.factor[v] as usize, self.symbolic.level[v] as usize);
            let (q, start) = (self.symbolic.width(v), self.symbolic.offset[v]);
            let out = &mut self.response[start..start + q];
            out.fill(0.0);
            for row in rows[f].of(level) {
                let z = packed.z(f, row, q);
                out.iter_mut().zip(z).for_each(|(o, z)| *o += z * wy[row]);
            }
        }
    }

    /// Row block of a position.
    #[inline]
    pub fn block(&self, v: usize) -> RowBlock<'_> {
        let values = &self.values[self.pointers[v]..self.pointers[v + 1]];
        let (q, start) = (self.symbolic.width(v), self.symbolic.offset[v]);
        let r = values.len() / q + 1 - q - self.k;
        RowBlock { q, r, values, response: &self.response[start..start + q] }
    }

    /// Values of the row block of a position, and A_vy.
    #[inline]
    pub fn block_mut(&mut self, v: usize) -> (&mut [f64], &mut [f64]) {
        let range = self.pointers[v]..self.pointers[v + 1];
        let (q, start) = (self.symbolic.width(v), self.symbolic.offset[v]);
        let values = Arc::make_mut(&mut self.values);
        (&mut values[range], &mut self.response[start..start + q])
    }

    /// Where the row block of a position starts in [`Self::values`].
    pub fn start(&self, v: usize) -> usize {
        self.pointers[v]
    }

    /// All row blocks.
    pub fn values(&self) -> &[f64] {
        &self.values
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
    ) -> Result<()> {
        let k = self.k;
        if let [rows] = rows
            && data.n() >= SMALL
            && k <= WIDE
        {
            self.fill_by_level(&RowReader::new(data, basis, &columns[0]), rows);
            return Ok(());
        }
        let packed = Packed::new(data, basis, columns)?;
        self.total = total(data, &packed, k);
        self.fill_response(data, rows, &packed);
        let symbolic = Arc::clone(&self.symbolic);
        let n = symbolic.factor.len();
        let mut tasks = Vec::with_capacity(n / NODES_PER_TASK + 1);
        let mut rest = Arc::make_mut(&mut self.values).as_mut_slice();
        for start in (0..n).step_by(NODES_PER_TASK) {
            let stop = n.min(start + NODES_PER_TASK);
            let (mine, after) = rest.split_at_mut(self.pointers[stop] - self.pointers[start]);
            tasks.push((start..stop, mine));
            rest = after;
        }
        let filler = Filler {
            data,
            rows,
            packed: &packed,
            symbolic: &symbolic,
            first: first_nodes(data),
            later_offset: &self.later_offset,
            k,
        };
        let watch = Watch::current();
        let run = |column: &mut Vec<u32>, (nodes, values): (std::ops::Range<usize>, &mut [f64])| {
            let mut rest = values;
            for v in nodes {
                if watch.check().is_err() {
                    return;
                }
                let (mine, after) = rest.split_at_mut(self.pointers[v + 1] - self.pointers[v]);
                match symbolic.width(v) {
                    1 => filler.node(1, v, mine, column),
                    2 => filler.node(2, v, mine, column),
                    q => filler.node(q, v, mine, column),
                }
                rest = after;
            }
        };
        let scratch = || vec![0u32; if rows.len() > 1 { n } else { 0 }];
        if data.n() < SMALL {
            let mut column = scratch();
            tasks.into_iter().for_each(|task| run(&mut column, task));
        } else {
            tasks.into_par_iter().for_each_init(scratch, run);
        }
        watch.check()
    }

    /// [`Self::fill`] for one factor: each row is wanted once, at its level, and is not stored.
    fn fill_by_level(&mut self, reader: &RowReader<'_>, rows: &RowsByLevel) {
        let (symbolic, k) = (Arc::clone(&self.symbolic), self.k);
        let (n, q) = (symbolic.factor.len(), symbolic.width(0));
        let size = q * (q + k - 1);
        let values = Arc::make_mut(&mut self.values).par_chunks_mut(NODES_PER_TASK * size);
        let response = self.response.par_chunks_mut(NODES_PER_TASK * q);
        let run = |(task, (values, response)): (usize, (&mut [f64], &mut [f64]))| {
            let levels = values.chunks_exact_mut(size).zip(response.chunks_exact_mut(q));
            let nodes = task * NODES_PER_TASK..n;
            let (mut row, mut sums) = (vec![0.0; k + q], vec![0.0; k * k]);
            for (v, (values, response)) in nodes.zip(levels) {
                let rows = rows.of(symbolic.level[v] as usize);
                match (q, k) {
                    (1, 2) => reader.level(1, 2, rows, &mut row, values, response, &mut sums),
                    (1, 3) => reader.level(1, 3, rows, &mut row, values, response, &mut sums),
                    (2, 3) => reader.level(2, 3, rows, &mut row, values, response, &mut sums),
                    _ => reader.level(q, k, rows, &mut row, values, response, &mut sums),
                }
            }
            sums
        };
        let shares = values.zip(response).enumerate().map(run).collect();
        self.total = pairwise(shares, k * k);
        mirror(k, &mut self.total);
    }

    fn fill_response(&mut self, data: &Data<'_>, rows: &[RowsByLevel], packed: &Packed) {
        let (symbolic, y) = (&*self.symbolic, self.k - 1);
        let one = |v: usize, out: &mut [f64]| {
            let f = symbolic.factor[v] as usize;
            out.fill(0.0);
            for row in rows[f].of(symbolic.level[v] as usize) {
                let z = packed.z(f, row, out.len());
                add_outer(out, z, &packed.right(row)[y..], data.weight(row));
            }
        };
        let run = |(nodes, mut rest): (std::ops::Range<usize>, &mut [f64])| {
            for v in nodes {
                let (mine, after) = rest.split_at_mut(symbolic.width(v));
                one(v, mine);
                rest = after;
            }
        };
        let n = symbolic.factor.len();
        let (mut tasks, mut rest) = (Vec::new(), self.response.as_mut_slice());
        for start in (0..n).step_by(NODES_PER_TASK) {
            let stop = n.min(start + NODES_PER_TASK);
            let (mine, after) = rest.split_at_mut(symbolic.offset[stop] - symbolic.offset[start]);
            tasks.push((start..stop, mine));
            rest = after;
        }
        if data.n() < SMALL {
            tasks.into_iter().for_each(run);
        } else {
            tasks.into_par_iter().for_each(run);
        }
    }
}

/// [X y]'W[X y], k × k.
fn total(data: &Data<'_>, packed: &Packed, k: usize) -> Vec<f64> {
    chunked(data.n(), k * k, |range, sums| {
        if k > WIDE {
            return packed.total(data, range, sums);
        }
        for row in range {
            let (x, w) = (packed.right(row), data.weight(row));
            for j in 0..k {
                let wx = w * x[j];
                (0..k).for_each(|i| sums[i + k * j] += x[i] * wx);
            }
        }
    })
}

/// The z columns of each factor, side by side over its terms.
pub(crate) fn factor_columns<'a>(data: &Data<'a>, templates: &Templates) -> Vec<Vec<&'a [f64]>> {
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

/// Copies the lower triangle of a k × k matrix to the upper.
fn mirror(k: usize, a: &mut [f64]) {
    for j in 0..k {
        (0..j).for_each(|i| a[i + k * j] = a[j + k * i]);
    }
}

impl RowReader<'_> {
    /// Adds the rows of a level to its block [A_vv | A_vX], to A_vy and to the lower triangle of the
    /// sums over all rows. `row` holds one of them, (x̃, ỹ, z̃).
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "one call site, inlined per block width")]
    fn level(
        &self,
        q: usize,
        k: usize,
        rows: impl Iterator<Item = usize>,
        row: &mut [f64],
        values: &mut [f64],
        response: &mut [f64],
        sums: &mut [f64],
    ) {
        let (right, z) = row[..k + q].split_at_mut(k);
        let (own, fixed) = values.split_at_mut(q * q);
        for at in rows {
            let w = self.read(at, q, k, right, z);
            add_outer(own, z, z, w);
            add_outer(fixed, z, &right[..k - 1], w);
            add_outer(response, z, &right[k - 1..], w);
            for j in 0..k {
                let wx = w * right[j];
                (j..k).for_each(|i| sums[i + k * j] += right[i] * wx);
            }
        }
    }
}

/// Everything that filling a row block reads.
struct Filler<'a> {
    data: &'a Data<'a>,
    rows: &'a [RowsByLevel],
    packed: &'a Packed,
    symbolic: &'a Symbolic,
    first: Vec<usize>,
    later_offset: &'a [u32],
    k: usize,
}

impl Filler<'_> {
    /// Fills the row block of position `v`; `column` is scratch with a place for every position.
    #[inline(always)]
    fn node(&self, q: usize, v: usize, out: &mut [f64], column: &mut [u32]) {
        let symbolic = self.symbolic;
        let f = symbolic.factor[v] as usize;
        let p = self.k - 1;
        let r = out.len() / q - q - p;
        let offsets = &self.later_offset[symbolic.later.range(v)];
        for (&l, &at) in symbolic.later.of(v).iter().zip(offsets) {
            column[l as usize] = at;
        }
        let (own, rest) = out.split_at_mut(q * q);
        let (later, right) = rest.split_at_mut(q * r);
        for row in self.rows[f].of(symbolic.level[v] as usize) {
            let w = self.data.weight(row);
            let z = &self.packed.z(f, row, q)[..q];
            add_outer(own, z, z, w);
            add_outer(right, z, &self.packed.right(row)[..p], w);
            if r == 0 {
                continue;
            }
            for (g, group) in self.data.groups.iter().enumerate() {
                let l = symbolic.position[self.first[g] + group.codes[row] as usize] as usize;
                if l > v {
                    let other = self.packed.z(g, row, symbolic.width(l));
                    add_outer(&mut later[q * column[l] as usize..], z, other, w);
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
