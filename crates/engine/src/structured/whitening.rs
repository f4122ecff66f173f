//! The residual's covariance R = S C S at one ψ, block by block: C by pattern, S = diag(s) by row, and
//! the columns multiplied by R^{-1/2} = L⁻¹S⁻¹, C = LL'.

use rayon::prelude::*;

use super::blocks::{Blocks, Pattern};
use super::design::{Design, Spread};
use super::parameters::Places;
use super::pattern::Plan;
use crate::covariance::{Order, covariance};
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::watch::{self, Watch};
use crate::wide;

/// Patterns, or blocks, that one task visits.
const PER_TASK: usize = 128;

/// C of one pattern.
#[derive(Debug, Clone)]
pub struct Correlated {
    /// C.
    pub value: Square,
    /// L.
    pub root: Square,
    /// log|C|.
    pub log_det: f64,
}

impl Correlated {
    fn new(design: &Design, pattern: &Pattern, phi: &[f64]) -> Result<Self> {
        let n = pattern.n();
        let value = match &design.residual {
            None => Square::identity(n),
            Some(r) => {
                let structure = &*r.structures[pattern.part];
                covariance(structure, phi, &pattern.positions, Order::Value).value
            }
        };
        let mut root = value.clone();
        let log_det = wide::cholesky(n, &mut root.data)
            .map_err(|_| EngineError::Residual { part: pattern.part })?;
        for j in 0..n {
            (0..j).for_each(|i| root[(i, j)] = 0.0);
        }
        Ok(Self { value, root, log_det })
    }

    /// The least pivot of C relative to its diagonal: zero if some combination of the rows has no
    /// variance.
    pub fn least_pivot(&self) -> f64 {
        let relative = |j: usize| self.root[(j, j)].powi(2) / self.value[(j, j)];
        (0..self.root.n).map(relative).fold(1.0, f64::min)
    }

    /// L⁻¹ ∂C L⁻ᵀ.
    pub fn whitened(&self, slope: &Square) -> Square {
        let n = self.root.n;
        let mut half = slope.clone();
        wide::solve_lower(n, &self.root.data, &mut half.data, n);
        let mut full = half.transpose();
        wide::solve_lower(n, &self.root.data, &mut full.data, n);
        full
    }

    /// L⁻ᵀ M L⁻¹.
    pub fn unwhitened(&self, inner: &Square) -> Square {
        let n = self.root.n;
        let mut half = inner.clone();
        wide::solve_lower_transpose(n, &self.root.data, &mut half.data, n);
        let mut full = half.transpose();
        wide::solve_lower_transpose(n, &self.root.data, &mut full.data, n);
        full
    }
}

/// R at one ψ, and the columns of the model times R^{-1/2}.
#[derive(Debug, Clone)]
pub struct Whitened {
    /// Per pattern.
    pub patterns: Vec<Correlated>,
    /// 1/s per row, in the order of the blocks.
    pub inverse_sd: Vec<f64>,
    /// log|R|.
    pub log_det: f64,
    /// [x̃ ỹ] per block, rows × k column-major; a block starts at k times its first row.
    pub right: Vec<f64>,
    /// z per block, rows × (columns of its nodes), column-major.
    pub z: Vec<f64>,
}

/// log s less −½ log w, per row in the order of the blocks, with its slopes and bends.
#[derive(Debug, Clone)]
pub struct LogSd {
    /// log s.
    pub value: Vec<f64>,
    /// ∂log s/∂γ, per parameter.
    pub first: Vec<Vec<f64>>,
    /// ∂²log s/∂γ_i∂γ_j where it is not zero.
    pub second: Vec<(usize, usize, Vec<f64>)>,
}

impl LogSd {
    /// At the parameters of the spread.
    pub fn new(design: &Design, blocks: &Blocks, places: &Places, full: &[f64]) -> Self {
        let n = design.n();
        let mut out = Self { value: vec![0.0; n], first: vec![], second: vec![] };
        for (spread, place) in design.spread.iter().zip(&places.spread) {
            let column: Vec<f64> =
                blocks.rows.iter().map(|&r| spread.column()[r as usize]).collect();
            out.add(spread, &column, &full[place.clone()]);
        }
        if let Some(w) = &design.weights {
            let rows = blocks.rows.iter();
            out.value.iter_mut().zip(rows).for_each(|(v, &r)| *v -= 0.5 * w[r as usize].ln());
        }
        out
    }

    fn add(&mut self, spread: &Spread, column: &[f64], gamma: &[f64]) {
        let at = self.first.len();
        match spread {
            Spread::Linear(_) | Spread::Power(_) => {
                let power = matches!(spread, Spread::Power(_));
                let slope: Vec<f64> =
                    column.iter().map(|x| if power { x.abs().ln() } else { *x }).collect();
                self.value.iter_mut().zip(&slope).for_each(|(v, s)| *v += gamma[0] * s);
                self.first.push(slope);
            }
            Spread::ConstantPower(_) => {
                let (constant, delta) = (gamma[0].exp(), gamma[1]);
                // With c = e^κ, a = |x|^δ, u = a/(c + a) and l = log|x|:
                // ∂log(c + a) = (1 − u, ul), ∂² = u(1 − u) (1, −l; −l, l²).
                let logs: Vec<f64> = column.iter().map(|x| x.abs().ln()).collect();
                // |0|^δ is 0 for any δ > 0, and taken as its limit at δ = 0.
                let power = |l: &f64| if l.is_finite() { (delta * l).exp() } else { 0.0 };
                let powers: Vec<f64> = logs.iter().map(power).collect();
                let share: Vec<f64> = powers.iter().map(|a| a / (constant + a)).collect();
                let added = powers
                    .iter()
                    .zip(column)
                    .map(|(a, &x)| if x < 0.0 { 0.0 } else { (constant + a).ln() });
                self.value.iter_mut().zip(added).for_each(|(v, l)| *v += l);
                let with = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
                    let one = |((u, l), &x): ((&f64, &f64), &f64)| {
                        if x < 0.0 { 0.0 } else { f(*u, *l) }
                    };
                    share.iter().zip(&logs).zip(column).map(one).collect()
                };
                self.first.push(with(&|u, _| 1.0 - u));
                self.first.push(with(&|u, l| if u == 0.0 { 0.0 } else { u * l }));
                self.second.push((at, at, with(&|u, _| u * (1.0 - u))));
                let bend = |u: f64, l: f64| if u == 0.0 { 0.0 } else { u * (1.0 - u) * l };
                self.second.push((at + 1, at, with(&|u, l| -bend(u, l))));
                let square = |u: f64, l: f64| if u == 0.0 { 0.0 } else { bend(u, l) * l };
                self.second.push((at + 1, at + 1, with(&square)));
            }
        }
    }
}

/// What whitening reads that does not depend on the parameters.
pub struct Rows<'a> {
    /// The data.
    pub design: &'a Design,
    /// Blocks of rows.
    pub blocks: &'a Blocks,
    /// The plan.
    pub plan: &'a Plan,
    /// [x̃ ỹ] row by row in the order of the blocks.
    pub right: &'a [f64],
    /// Number of right-hand columns.
    pub k: usize,
    /// Where the z of each block start, and the total.
    pub z_start: &'a [usize],
}

impl Rows<'_> {
    /// Whitens everything at the full vector of parameters.
    pub fn whitened(&self, places: &Places, full: &[f64]) -> Result<Whitened> {
        let design = self.design;
        let of_part = |part: usize| places.parts.get(part).map_or(&[][..], |r| &full[r.clone()]);
        let one = |p: &Pattern| Correlated::new(design, p, of_part(p.part));
        let list = &self.blocks.patterns;
        let patterns: Vec<Correlated> = if list.len() > PER_TASK {
            list.par_iter().with_min_len(16).map(one).collect::<Result<_>>()?
        } else {
            list.iter().map(one).collect::<Result<_>>()?
        };
        let log_sd = LogSd::new(design, self.blocks, places, full).value;
        let inverse_sd: Vec<f64> = log_sd.iter().map(|v| (-v).exp()).collect();
        if !inverse_sd.iter().all(|v| v.is_finite() && *v > 0.0) {
            return Err(EngineError::Residual { part: 0 });
        }
        let log_c: f64 = self.blocks.pattern.iter().map(|&p| patterns[p as usize].log_det).sum();
        let log_det = 2.0 * log_sd.iter().sum::<f64>() + log_c;
        let mut out = Whitened {
            patterns,
            inverse_sd,
            log_det,
            right: vec![0.0; self.right.len()],
            z: vec![0.0; self.z_start[self.blocks.len()]],
        };
        self.fill(&mut out);
        watch::check()?;
        Ok(out)
    }

    fn fill(&self, out: &mut Whitened) {
        let (patterns, inverse_sd) = (&out.patterns, &out.inverse_sd);
        let mut tasks = Vec::new();
        let (mut right, mut z) = (out.right.as_mut_slice(), out.z.as_mut_slice());
        for first in (0..self.blocks.len()).step_by(PER_TASK) {
            let stop = self.blocks.len().min(first + PER_TASK);
            let rows = self.blocks.start[stop] - self.blocks.start[first];
            let (mine_right, rest_right) = right.split_at_mut(rows * self.k);
            let (mine_z, rest_z) = z.split_at_mut(self.z_start[stop] - self.z_start[first]);
            tasks.push((first..stop, mine_right, mine_z));
            (right, z) = (rest_right, rest_z);
        }
        let watch = Watch::current();
        let run = |(range, mut right, mut z): (std::ops::Range<usize>, &mut [f64], &mut [f64])| {
            for block in range {
                if watch.check().is_err() {
                    return;
                }
                let n = self.blocks.start[block + 1] - self.blocks.start[block];
                let (mine, rest) = right.split_at_mut(n * self.k);
                let (mine_z, rest_z) =
                    z.split_at_mut(self.z_start[block + 1] - self.z_start[block]);
                let root = &patterns[self.blocks.pattern[block] as usize].root;
                self.block(block, root, inverse_sd, mine, mine_z);
                (right, z) = (rest, rest_z);
            }
        };
        if tasks.len() > 1 {
            tasks.into_par_iter().for_each(run);
        } else {
            tasks.into_iter().for_each(run);
        }
    }

    fn block(
        &self,
        block: usize,
        root: &Square,
        inverse_sd: &[f64],
        right: &mut [f64],
        z: &mut [f64],
    ) {
        let start = self.blocks.start[block];
        let n = self.blocks.start[block + 1] - start;
        let nodes = self.plan.nodes_of(block);
        let width = &self.plan.grid.width;
        // First column of each node of the block.
        let mut column = Vec::with_capacity(nodes.len());
        let mut at = 0;
        for &v in nodes {
            column.push(at);
            at += width[v as usize] as usize;
        }
        for i in 0..n {
            let f = inverse_sd[start + i];
            let own = &self.right[(start + i) * self.k..(start + i + 1) * self.k];
            own.iter().enumerate().for_each(|(j, v)| right[i + n * j] = f * v);
            let row = self.blocks.rows[start + i] as usize;
            for entry in self.plan.entries_of(start + i) {
                let term = &self.design.terms[entry.term as usize];
                let values = &term.z[row * term.q..(row + 1) * term.q];
                for (j, v) in values.iter().enumerate() {
                    z[i + n * (column[entry.local as usize] + j)] += f * entry.weight * v;
                }
            }
        }
        if n > 1 || root.data[0] != 1.0 {
            wide::solve_lower(n, &root.data, right, self.k);
            wide::solve_lower(n, &root.data, z, at);
        }
    }
}
