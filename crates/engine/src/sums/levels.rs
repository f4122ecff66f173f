//! Sums by level of one factor.

use std::hint::black_box;
use std::ops::Range;

use rayon::prelude::*;

use super::compensated::add;
use super::double::Double;
use super::lower;
use crate::data::Data;

/// Levels up to which blocks of rows are summed apart and then added: with more, each task takes some
/// of the levels.
const FEW_LEVELS: usize = 4096;

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
            return rows.sum(0..n, 0, &mut self.records);
        }
        if self.n_levels <= FEW_LEVELS {
            let block = |b: usize| {
                let mut part = vec![0.0; self.n_levels * 2 * width];
                rows.sum(b * ROWS..n.min((b + 1) * ROWS), 0, &mut part);
                part
            };
            let blocks: Vec<Vec<f64>> = (0..n.div_ceil(ROWS)).into_par_iter().map(block).collect();
            return blocks.iter().for_each(|part| self.add(part));
        }
        let share = self.n_levels.div_ceil(rayon::current_num_threads());
        let parts = self.records.par_chunks_mut(share * 2 * width).enumerate();
        parts.for_each(|(t, records)| rows.sum(0..n, t * share, records));
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
    /// Adds the rows of `range` whose level is among those of `records`, from `first` on.
    fn sum(&self, range: Range<usize>, first: usize, records: &mut [f64]) {
        match (self.q, self.k) {
            (1, 2) => self.sum_of(1, 2, range, first, records),
            (2, 3) => self.sum_of(2, 3, range, first, records),
            (q, k) => self.sum_of(q, k, range, first, records),
        }
    }

    #[inline(always)]
    fn sum_of(&self, q: usize, k: usize, range: Range<usize>, first: usize, records: &mut [f64]) {
        let size = 2 * (q * (q + 1) / 2 + q * k);
        let levels = records.len() / size;
        let (mut z, mut right) = (vec![0.0; q], vec![0.0; k]);
        for start in range.clone().step_by(GROUP) {
            let group = start..range.end.min(start + GROUP);
            let of = |row: usize| (self.codes[row] as usize).wrapping_sub(first);
            let mine = |row: &usize| of(*row) < levels;
            let touched: f64 = (group.clone().filter(mine))
                .map(|row| records[of(row) * size] + records[of(row) * size + size - 1])
                .sum();
            black_box(touched);
            for row in group.filter(mine) {
                for i in 0..q {
                    z[i] = self.z[i][row];
                }
                for c in 0..k - 1 {
                    right[c] = self.data.x[c][row];
                }
                right[k - 1] = self.data.y[row] - self.origin;
                let record = &mut records[of(row) * size..][..size];
                add_row(record, &z, &right, self.data.weight(row));
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
