//! Blocks of rows whose residuals are correlated, and their patterns: blocks of one part with the same
//! positions share one correlation matrix.

use std::collections::HashMap;

use super::design::Design;
use crate::covariance::Positions;

/// The rows, block by block.
#[derive(Debug, Clone)]
pub struct Blocks {
    /// Rows in the order of their blocks.
    pub rows: Vec<u32>,
    /// Where the rows of each block start.
    pub start: Vec<usize>,
    /// Pattern of each block.
    pub pattern: Vec<u32>,
    /// Distinct patterns.
    pub patterns: Vec<Pattern>,
}

/// Positions that several blocks have in common.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Part of the residual.
    pub part: usize,
    /// Where the rows lie.
    pub positions: Positions,
}

impl Pattern {
    /// Number of rows.
    pub fn n(&self) -> usize {
        self.positions.n()
    }
}

impl Blocks {
    /// Sorts the rows of a design into blocks; without a residual structure each is its own.
    pub fn new(design: &Design) -> Self {
        let n = design.n();
        let Some(residual) = &design.residual else {
            let one = Pattern { part: 0, positions: Positions::all(1) };
            return Self {
                rows: (0..n as u32).collect(),
                start: (0..=n).collect(),
                pattern: vec![0; n],
                patterns: vec![one],
            };
        };
        let mut rows: Vec<u32> = (0..n as u32).collect();
        let d = residual.positions.d;
        let at = |row: u32| &residual.positions.values[row as usize * d..(row as usize + 1) * d];
        rows.sort_by(|&a, &b| {
            let block = |r: u32| residual.block[r as usize];
            block(a).cmp(&block(b)).then_with(|| compare(at(a), at(b)))
        });
        let mut start = vec![0];
        for i in 1..=n {
            let ends =
                |i: usize| residual.block[rows[i] as usize] != residual.block[rows[i - 1] as usize];
            if i == n || ends(i) {
                start.push(i);
            }
        }
        let mut known: HashMap<(u32, Vec<u64>), u32> = HashMap::new();
        let (mut patterns, mut pattern) = (Vec::new(), Vec::with_capacity(start.len() - 1));
        for range in start.windows(2) {
            let mine = &rows[range[0]..range[1]];
            let part = residual.part[mine[0] as usize];
            let values: Vec<f64> = mine.iter().flat_map(|&r| at(r).iter().copied()).collect();
            let bits = values.iter().map(|v| v.to_bits()).collect();
            let id = *known.entry((part, bits)).or_insert_with(|| {
                patterns
                    .push(Pattern { part: part as usize, positions: Positions::new(d, values) });
                patterns.len() as u32 - 1
            });
            pattern.push(id);
        }
        Self { rows, start, pattern, patterns }
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.pattern.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pattern.is_empty()
    }

    /// Rows of a block.
    pub fn of(&self, block: usize) -> &[u32] {
        &self.rows[self.start[block]..self.start[block + 1]]
    }
}

/// Positions in lexicographic order.
fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}
