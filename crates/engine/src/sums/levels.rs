//! Sums by level of one factor.

use std::ops::Range;

use rayon::prelude::*;

use super::compensated::{Compensated, add};
use super::lower;
use crate::data::Data;

/// Levels up to which blocks of rows are summed apart and then added: with more, each task takes some
/// of the levels.
const FEW_LEVELS: usize = 4096;

/// Rows that are summed together where there are few levels: fixed, though nothing depends on it.
const ROWS: usize = 1 << 16;

/// Rows below which other threads are not worth waking.
const SMALL: usize = 20_000;

/// Per level of a factor of q columns Z_j'WZ_j and Z_j'W[X y], of k right-hand columns.
///
/// The sums of one level lie side by side: the lower triangle of the first by columns, then the second
/// by columns of q.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelSums {
    /// Columns of Z.
    pub q: usize,
    /// Columns of [X y].
    pub k: usize,
    /// Levels met so far.
    pub n_levels: usize,
    /// `width()` sums per level.
    pub sums: Compensated,
}

impl LevelSums {
    /// No levels yet.
    pub fn new(q: usize, k: usize) -> Self {
        Self { q, k, n_levels: 0, sums: Compensated::default() }
    }

    /// Sums per level.
    pub fn width(&self) -> usize {
        self.q * (self.q + 1) / 2 + self.q * self.k
    }

    /// Makes room for levels.
    pub fn grow(&mut self, n_levels: usize) {
        self.n_levels = self.n_levels.max(n_levels);
        self.sums.grow(self.n_levels * self.width());
    }

    /// Adds rows: the columns `z` of the factor and the level `codes`; `right` gives [X y] of a row.
    pub fn push(&mut self, data: &Data<'_>, codes: &[i32], z: &[&[f64]], origin: f64) {
        let (n, width) = (codes.len(), self.width());
        let rows = Rows { data, codes, z, origin, q: self.q, k: self.k };
        let Compensated { high, low } = &mut self.sums;
        if n < SMALL {
            return rows.sum(0..n, 0, high, low);
        }
        if self.n_levels <= FEW_LEVELS {
            let blocks: Vec<Compensated> = (0..n.div_ceil(ROWS))
                .into_par_iter()
                .map(|b| {
                    let mut part = Compensated::zeros(self.n_levels * width);
                    let block = b * ROWS..n.min((b + 1) * ROWS);
                    rows.sum(block, 0, &mut part.high, &mut part.low);
                    part
                })
                .collect();
            return blocks.iter().for_each(|part| self.sums.merge(part));
        }
        let share = self.n_levels.div_ceil(rayon::current_num_threads());
        let parts = high.par_chunks_mut(share * width).zip(low.par_chunks_mut(share * width));
        parts.enumerate().for_each(|(t, (high, low))| rows.sum(0..n, t * share, high, low));
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.grow(other.n_levels);
        if self.n_levels == other.n_levels {
            return self.sums.merge(&other.sums);
        }
        let mut padded = other.sums.clone();
        padded.grow(self.n_levels * self.width());
        self.sums.merge(&padded);
    }

    /// Level j becomes level `codes[j]` of `n_levels`.
    pub fn relabelled(&self, codes: &[i32], n_levels: usize) -> Self {
        let width = self.width();
        let mut sums = Compensated::zeros(n_levels * width);
        for (from, &to) in codes.iter().enumerate() {
            let (from, to) = (from * width, to as usize * width);
            sums.high[to..to + width].copy_from_slice(&self.sums.high[from..from + width]);
            sums.low[to..to + width].copy_from_slice(&self.sums.low[from..from + width]);
        }
        Self { sums, n_levels, ..*self }
    }

    /// The same sums with some of the right-hand columns.
    pub fn select(&self, columns: &[usize]) -> Self {
        let (q, own) = (self.q, self.q * (self.q + 1) / 2);
        let mut out = Self { k: columns.len(), sums: Compensated::default(), ..*self };
        out.grow(self.n_levels);
        let (before, after) = (self.width(), out.width());
        for level in 0..self.n_levels {
            let mut take = |from: usize, to: usize| {
                out.sums.high[level * after + to] = self.sums.high[level * before + from];
                out.sums.low[level * after + to] = self.sums.low[level * before + from];
            };
            (0..own).for_each(|i| take(i, i));
            for (j, &c) in columns.iter().enumerate() {
                (0..q).for_each(|i| take(own + c * q + i, own + j * q + i));
            }
        }
        out
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
    /// Adds the rows of `range` whose level is among those that `high` holds, from `first` on.
    fn sum(&self, range: Range<usize>, first: usize, high: &mut [f64], low: &mut [f64]) {
        match (self.q, self.k) {
            (1, 2) => self.sum_of(1, 2, range, first, high, low),
            (2, 3) => self.sum_of(2, 3, range, first, high, low),
            (q, k) => self.sum_of(q, k, range, first, high, low),
        }
    }

    #[inline(always)]
    fn sum_of(
        &self,
        q: usize,
        k: usize,
        range: Range<usize>,
        first: usize,
        high: &mut [f64],
        low: &mut [f64],
    ) {
        let width = q * (q + 1) / 2 + q * k;
        let levels = high.len() / width;
        let (mut z, mut right) = (vec![0.0; q], vec![0.0; k]);
        for row in range {
            let level = (self.codes[row] as usize).wrapping_sub(first);
            if level >= levels {
                continue;
            }
            let w = self.data.weight(row);
            for i in 0..q {
                z[i] = self.z[i][row];
            }
            for c in 0..k - 1 {
                right[c] = self.data.x[c][row];
            }
            right[k - 1] = self.data.y[row] - self.origin;
            let high = &mut high[level * width..][..width];
            let low = &mut low[level * width..][..width];
            let mut at = 0;
            for j in 0..q {
                let wz = w * z[j];
                for i in j..q {
                    add(&mut high[at], &mut low[at], z[i] * wz);
                    at += 1;
                }
            }
            for c in 0..k {
                let wr = w * right[c];
                for i in 0..q {
                    add(&mut high[at], &mut low[at], z[i] * wr);
                    at += 1;
                }
            }
        }
    }
}
