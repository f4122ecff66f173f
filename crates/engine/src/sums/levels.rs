//! Sums by level of one factor.

use std::hint::black_box;
use std::ops::Range;

use rayon::prelude::*;

use super::compensated::add;
use super::double::Double;
use super::lower;
use crate::data::Data;

/// Levels up to which blocks of rows are summed apart and then added: with more, rows are first put
/// into the order of their levels, so far as memory cares.
const FEW_LEVELS: usize = 4096;

/// Numbers in the records of neighbouring levels that are summed together, a quarter of a megabyte.
const REGION: usize = 1 << 15;

/// Rows that are put into order together by all threads.
const ORDERED: usize = 1 << 22;

/// Rows that are summed together where there are few levels: fixed, though nothing depends on it.
const ROWS: usize = 1 << 16;

/// Rows whose records are asked for together before they are used: levels of successive rows lie far
/// apart, and memory answers many questions as fast as one.
const GROUP: usize = 16;

/// Rows below which other threads are not worth waking.
const SMALL: usize = 20_000;

/// Per level of a factor of q columns Z_j'WZ_j and Z_j'W[X y], of k right-hand columns.
///
/// The sums of one level lie side by side, so that a row touches one place in memory: the lower
/// triangle of the first by columns, then the second by columns of q; and after all of them, in the
/// same order, what rounding left out.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelSums {
    /// Columns of Z.
    pub q: usize,
    /// Columns of [X y].
    pub k: usize,
    /// Levels met so far.
    pub n_levels: usize,
    /// Twice `width()` numbers per level.
    pub records: Vec<f64>,
}

impl LevelSums {
    /// No levels yet.
    pub fn new(q: usize, k: usize) -> Self {
        Self { q, k, n_levels: 0, records: vec![] }
    }

    /// Sums per level.
    pub fn width(&self) -> usize {
        self.q * (self.q + 1) / 2 + self.q * self.k
    }

    /// Makes room for levels.
    pub fn grow(&mut self, n_levels: usize) {
        self.n_levels = self.n_levels.max(n_levels);
        self.records.resize(self.n_levels * 2 * self.width(), 0.0);
    }

    /// A sum of a level.
    #[inline]
    pub fn sum(&self, level: usize, at: usize) -> Double {
        let width = self.width();
        let record = &self.records[level * 2 * width..];
        Double { high: record[at], low: record[width + at] }
    }

    /// Adds rows: the columns `z` of the factor and the level `codes`; `right` gives [X y] of a row.
    pub fn push(&mut self, data: &Data<'_>, codes: &[i32], z: &[&[f64]], origin: f64) {
        let (n, width) = (codes.len(), self.width());
        let rows = Rows { data, codes, z, origin, q: self.q, k: self.k };
        if n < SMALL {
            return rows.sum(0..n, &mut self.records);
        }
        if self.n_levels <= FEW_LEVELS {
            let block = |b: usize| {
                let mut part = vec![0.0; self.n_levels * 2 * width];
                rows.sum(b * ROWS..n.min((b + 1) * ROWS), &mut part);
                part
            };
            let blocks: Vec<Vec<f64>> = (0..n.div_ceil(ROWS)).into_par_iter().map(block).collect();
            return blocks.iter().for_each(|part| self.add(part));
        }
        let shift = (REGION / (2 * width)).max(1).ilog2();
        let n_parts = self.n_levels.div_ceil(1 << shift);
        for start in (0..n).step_by(ORDERED) {
            let end = n.min(start + ORDERED);
            let share = (end - start).div_ceil(rayon::current_num_threads());
            let pieces: Vec<Ordered> = (start..end)
                .into_par_iter()
                .step_by(share)
                .map(|first| Ordered::of(&rows, first..end.min(first + share), shift, n_parts))
                .collect();
            let parts = self.records.par_chunks_mut((2 * width) << shift).enumerate();
            parts.for_each(|(part, records)| {
                pieces.iter().for_each(|piece| piece.sum(part, part << shift, records));
            });
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.grow(other.n_levels);
        self.add(&other.records);
    }

    /// Adds the records of the first levels.
    fn add(&mut self, others: &[f64]) {
        let width = self.width();
        let pairs =
            self.records.par_chunks_exact_mut(2 * width).zip(others.par_chunks_exact(2 * width));
        pairs.with_min_len(1024).for_each(|(mine, other)| {
            let (high, low) = mine.split_at_mut(width);
            for i in 0..width {
                add(&mut high[i], &mut low[i], other[i]);
                add(&mut high[i], &mut low[i], other[width + i]);
            }
        });
    }

    /// Level j becomes level `codes[j]` of `n_levels`.
    pub fn relabelled(&self, codes: &[i32], n_levels: usize) -> Self {
        let size = 2 * self.width();
        let mut records = vec![0.0; n_levels * size];
        for (record, &to) in self.records.chunks_exact(size).zip(codes) {
            records[to as usize * size..][..size].copy_from_slice(record);
        }
        Self { records, n_levels, ..*self }
    }

    /// The same sums with some of the right-hand columns.
    pub fn select(&self, columns: &[usize]) -> Self {
        let q = self.q;
        let own = 0..self.right(0, 0);
        let right = columns.iter().flat_map(|&c| (0..q).map(move |i| (i, c)));
        let places: Vec<usize> = own.chain(right.map(|(i, c)| self.right(i, c))).collect();
        let width = self.width();
        let records =
            self.records.chunks_exact(width).flat_map(|half| places.iter().map(|&i| half[i]));
        Self { k: columns.len(), records: records.collect(), ..*self }
    }

    /// Place of Z_j'WZ_j at (i, j), i >= j, among the sums of a level.
    pub fn own(&self, i: usize, j: usize) -> usize {
        lower(self.q, i, j)
    }

    /// Place of Z_j'W[X y] at row i, column c.
    pub fn right(&self, i: usize, c: usize) -> usize {
        self.q * (self.q + 1) / 2 + c * self.q + i
    }
}

/// The rows that are added.
struct Rows<'a> {
    data: &'a Data<'a>,
    codes: &'a [i32],
    z: &'a [&'a [f64]],
    origin: f64,
    q: usize,
    k: usize,
}

impl Rows<'_> {
    /// Adds the rows of `range`.
    fn sum(&self, range: Range<usize>, records: &mut [f64]) {
        match (self.q, self.k) {
            (1, 2) => self.sum_of(1, 2, range, records),
            (2, 3) => self.sum_of(2, 3, range, records),
            (q, k) => self.sum_of(q, k, range, records),
        }
    }

    #[inline(always)]
    fn sum_of(&self, q: usize, k: usize, range: Range<usize>, records: &mut [f64]) {
        let size = 2 * (q * (q + 1) / 2 + q * k);
        let mut values = vec![0.0; q + k];
        for row in range {
            self.copy(row, &mut values);
            let (z, right) = values.split_at(q);
            let record = &mut records[self.codes[row] as usize * size..][..size];
            add_row(record, z, right, self.data.weight(row));
        }
    }

    /// The columns of the factor and [X y] of a row.
    #[inline(always)]
    fn copy(&self, row: usize, out: &mut [f64]) {
        let (z, right) = out.split_at_mut(self.q);
        z.iter_mut().zip(self.z).for_each(|(out, column)| *out = column[row]);
        right.iter_mut().zip(&self.data.x).for_each(|(out, column)| *out = column[row]);
        right[self.k - 1] = self.data.y[row] - self.origin;
    }
}

/// Copies of rows by parts of the levels, each of `1 << shift` of them: a row then finds the record of
/// its level near that of the row before, and its own numbers behind those of that row.
struct Ordered {
    q: usize,
    k: usize,
    starts: Vec<usize>,
    codes: Vec<i32>,
    values: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl Ordered {
    fn of(rows: &Rows<'_>, range: Range<usize>, shift: u32, n_parts: usize) -> Self {
        let (n, width) = (range.len(), rows.q + rows.k);
        let part = |code: i32| (code as usize) >> shift;
        let mut starts = vec![0; n_parts + 1];
        rows.codes[range.clone()].iter().for_each(|&code| starts[part(code) + 1] += 1);
        (1..=n_parts).for_each(|p| starts[p] += starts[p - 1]);
        let (mut at, mut codes, mut values) = (starts.clone(), vec![0; n], vec![0.0; n * width]);
        let mut weights = rows.data.weights.map(|_| vec![0.0; n]);
        for row in range {
            let place = &mut at[part(rows.codes[row])];
            codes[*place] = rows.codes[row];
            rows.copy(row, &mut values[*place * width..][..width]);
            if let Some(weights) = &mut weights {
                weights[*place] = rows.data.weight(row);
            }
            *place += 1;
        }
        Self { q: rows.q, k: rows.k, starts, codes, values, weights }
    }

    /// Adds the rows of a part, whose levels are those of `records`, from `first` on.
    fn sum(&self, part: usize, first: usize, records: &mut [f64]) {
        let rows = self.starts[part]..self.starts[part + 1];
        match (self.q, self.k) {
            (1, 2) => self.sum_of(1, 2, rows, first, records),
            (2, 3) => self.sum_of(2, 3, rows, first, records),
            (q, k) => self.sum_of(q, k, rows, first, records),
        }
    }

    #[inline(always)]
    fn sum_of(&self, q: usize, k: usize, rows: Range<usize>, first: usize, records: &mut [f64]) {
        let size = 2 * (q * (q + 1) / 2 + q * k);
        let of = |row: usize| (self.codes[row] as usize - first) * size;
        for start in rows.clone().step_by(GROUP) {
            let group = start..rows.end.min(start + GROUP);
            let ends = |row: usize| records[of(row)] + records[of(row) + size - 1];
            black_box(group.clone().map(ends).sum::<f64>());
            for row in group {
                let (z, right) = self.values[row * (q + k)..][..q + k].split_at(q);
                let weight = self.weights.as_ref().map_or(1.0, |weights| weights[row]);
                add_row(&mut records[of(row)..][..size], z, right, weight);
            }
        }
    }
}

/// Adds w z z' and w z r' to a record.
#[inline(always)]
fn add_row(record: &mut [f64], z: &[f64], right: &[f64], w: f64) {
    let (high, low) = record.split_at_mut(record.len() / 2);
    let mut at = 0;
    for j in 0..z.len() {
        let wz = w * z[j];
        for i in j..z.len() {
            add(&mut high[at], &mut low[at], z[i] * wz);
            at += 1;
        }
    }
    for r in right {
        let wr = w * r;
        for z in z {
            add(&mut high[at], &mut low[at], z * wr);
            at += 1;
        }
    }
}
