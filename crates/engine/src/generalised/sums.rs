//! Sums over the rows of every level: A = Z'WZ on the plan's grid, and Z'R for columns R of the rows.

use rayon::prelude::*;

use super::problem::Problem;
use super::rows::FEW;
use super::touching::Touch;

/// Positions that one task visits, where there are many rows.
const POSITIONS: usize = 256;

impl Problem {
    /// A = Z'WZ.
    pub fn gram(&self, weight: &[f64]) -> Vec<f64> {
        let grid = &self.covariances.plan.grid;
        let mut out = vec![0.0; grid.start[grid.width.len()]];
        self.by_position(&grid.start, &mut out, |v, block| self.add_gram(v, weight, block));
        out
    }

    fn add_gram(&self, v: usize, weight: &[f64], block: &mut [f64]) {
        let plan = &self.covariances.plan;
        let (grid, q) = (&plan.grid, plan.grid.width[v] as usize);
        for &Touch { row, node, z } in self.touching.of(v) {
            let (row, i, at) = (row as usize, node as usize, z as usize);
            let (w, z) = (weight[row], self.z_of(row));
            let own = &z[at..at + q];
            if q == 1 {
                block[0] += w * own[0] * own[0];
            } else {
                for t in 0..q {
                    let f = w * own[t];
                    (0..q).for_each(|s| block[s + q * t] += f * own[s]);
                }
            }
            let nodes = plan.nodes_of(row);
            let first = i * (2 * nodes.len() - i - 1) / 2;
            let pairs = &plan.pairs_of(row)[first..];
            let mut from = at + q;
            for (&other, &item) in nodes[i + 1..].iter().zip(pairs) {
                let width = grid.width[other as usize] as usize;
                let out = &mut block[q * (q + grid.later[item as usize] as usize)..];
                for t in 0..width {
                    let f = w * z[from + t];
                    (0..q).for_each(|s| out[s + q * t] += f * own[s]);
                }
                from += width;
            }
        }
    }

    /// Z'R for the `m` columns of R, which `read` gives by row: row-major by position.
    pub fn z_transposed(&self, m: usize, read: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
        let grid = &self.covariances.plan.grid;
        let start: Vec<usize> = grid.offset.iter().map(|o| o * m).collect();
        let mut out = vec![0.0; start[grid.width.len()]];
        self.by_position(&start, &mut out, |v, block| {
            let q = grid.width[v] as usize;
            let mut values = vec![0.0; m];
            for touch in self.touching.of(v) {
                let (row, at) = (touch.row as usize, touch.z as usize);
                read(row, &mut values);
                let z = &self.z_of(row)[at..at + q];
                for (z, out) in z.iter().zip(block.chunks_exact_mut(m.max(1))) {
                    out.iter_mut().zip(&values).for_each(|(o, r)| *o += z * r);
                }
            }
        });
        out
    }

    /// Z'r for one column.
    pub fn z_transposed_vector(&self, r: &[f64]) -> Vec<f64> {
        let grid = &self.covariances.plan.grid;
        let mut out = vec![0.0; grid.offset[grid.width.len()]];
        self.by_position(&grid.offset, &mut out, |v, block| {
            for touch in self.touching.of(v) {
                let (row, at) = (touch.row as usize, touch.z as usize);
                let z = &self.z_of(row)[at..at + block.len()];
                block.iter_mut().zip(z).for_each(|(o, z)| *o += z * r[row]);
            }
        });
        out
    }

    /// Fills the piece of every position.
    pub(super) fn by_position(
        &self,
        start: &[usize],
        out: &mut [f64],
        fill: impl Fn(usize, &mut [f64]) + Sync,
    ) {
        let n = start.len() - 1;
        let mut tasks = Vec::new();
        let mut rest = out;
        for first in (0..n).step_by(POSITIONS) {
            let stop = n.min(first + POSITIONS);
            let (mine, after) = rest.split_at_mut(start[stop] - start[first]);
            tasks.push((first..stop, mine));
            rest = after;
        }
        let run = |(range, mine): (std::ops::Range<usize>, &mut [f64])| {
            let base = start[range.start];
            for v in range {
                fill(v, &mut mine[start[v] - base..start[v + 1] - base]);
            }
        };
        if tasks.len() > 1 && self.n() > FEW {
            tasks.into_par_iter().for_each(run);
        } else {
            tasks.into_iter().for_each(run);
        }
    }

    /// z_i'C z_i per row, for a symmetric C on the plan's grid.
    pub fn row_forms(&self, c: &[f64]) -> Vec<f64> {
        let plan = &self.covariances.plan;
        let grid = &plan.grid;
        let one = |row: usize| {
            let (z, nodes) = (self.z_of(row), plan.nodes_of(row));
            let mut pairs = plan.pairs_of(row).iter();
            let (mut sum, mut at) = (0.0, 0);
            for (i, &v) in nodes.iter().enumerate() {
                let v = v as usize;
                let q = grid.width[v] as usize;
                let (own, block) = (&z[at..at + q], &c[grid.start[v]..grid.start[v + 1]]);
                sum += form(own, own, block);
                let mut from = at + q;
                for &other in &nodes[i + 1..] {
                    let width = grid.width[other as usize] as usize;
                    let item = *pairs.next().unwrap_or(&0) as usize;
                    let block = &block[q * (q + grid.later[item] as usize)..];
                    sum += 2.0 * form(own, &z[from..from + width], block);
                    from += width;
                }
                at += q;
            }
            sum
        };
        self.each_row(one)
    }
}

/// a'Bc for a column-major B.
#[inline]
fn form(a: &[f64], c: &[f64], b: &[f64]) -> f64 {
    let column = |(j, c): (usize, &f64)| {
        c * a.iter().zip(&b[a.len() * j..]).map(|(a, b)| a * b).sum::<f64>()
    };
    c.iter().enumerate().map(column).sum()
}
