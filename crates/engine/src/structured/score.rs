//! The derivatives of the criterion in the residual's parameters, from one pass over the blocks.
//!
//! With x̂ = R^{1/2}'V⁻¹X L_X⁻ᵀ, ŵ = R^{1/2}'V⁻¹(y − Xβ̂) (rows of one block) and Z̃ = R^{-1/2}ZΛ,
//!
//! ```text
//!     D̃ = I − Z̃ M⁻¹ Z̃' − x̂ x̂' [REML] − ŵŵ'/σ̂²          ∂d/∂ψ = Σ ⟨D̃, R^{-1/2} ∂R R^{-1/2}'⟩
//!     f  = R^{-1/2} ∂R R^{-1/2}' ŵ                        the direction of the average information
//! ```
//!
//! R = S C S: a correlation parameter has R^{-1/2} ∂R R^{-1/2}' = L⁻¹ ∂C L⁻ᵀ; one of log s, with
//! slopes c by row, L⁻¹ diag(c) L + its transpose. Second derivatives ⟨D, ∂²R⟩ go the same way.

use crate::watch::Watch;
use std::collections::BTreeMap;

use faer::linalg::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::inverse::Inverse;
use super::parameters::Places;
use super::point::{Point, Solved};
use super::problem::Problem;
use super::whitening::{Correlated, LogSd};
use crate::covariance::Expansion;
use crate::dense::{Square, solve_lower, solve_lower_transpose};

/// Blocks that one task visits.
const PER_TASK: usize = 64;

/// Rows per block from which products are handed to faer.
const LARGE: usize = 16;

/// Sums over the blocks.
#[derive(Debug, Clone)]
pub struct Score {
    /// ΣD̃ per pattern, for C's parameters.
    pub patterns: BTreeMap<u32, Square>,
    /// ∂d/∂γ.
    pub spread: Vec<f64>,
    /// ⟨D, ∂²R⟩ over (residual parameter, γ), m_R × m_γ column-major.
    pub bends: Vec<f64>,
    /// F'R⁻¹F of the directions, m_R × m_R.
    pub gram: Vec<f64>,
    /// F'V⁻¹[X L_X⁻ᵀ | y − Xβ̂], m_R × k column-major.
    pub mixed: Vec<f64>,
    /// Z'R⁻¹F, row-major by position.
    pub cross: Vec<f64>,
}

/// What the pass reads.
pub struct Pass<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// The evaluation.
    pub point: &'a Point,
    /// Its solution.
    pub solved: &'a Solved,
    /// M⁻¹.
    pub inverse: &'a Inverse,
    /// C with its derivatives, per pattern.
    pub curves: &'a [Option<Expansion<Square>>],
    /// log s with its derivatives.
    pub log_sd: &'a LogSd,
    /// L⁻¹ ∂C L⁻ᵀ per pattern and parameter of its part; None where it is zero.
    pub slopes: Vec<Vec<Option<Square>>>,
    /// Whether the fixed effects' share belongs to the criterion.
    pub reml: bool,
}

/// Sums of one task; `cross` holds one piece per block and node.
struct Share {
    patterns: BTreeMap<u32, Square>,
    spread: Vec<f64>,
    bends: Vec<f64>,
    gram: Vec<f64>,
    mixed: Vec<f64>,
    cross: Vec<f64>,
}

impl Pass<'_> {
    fn places(&self) -> &Places {
        &self.problem.places
    }

    /// Number of residual parameters.
    fn m(&self) -> usize {
        self.places().residual().len()
    }

    fn m_spread(&self) -> usize {
        self.log_sd.first.len()
    }

    fn zero(&self) -> Share {
        let (m, g) = (self.m(), self.m_spread());
        Share {
            patterns: BTreeMap::new(),
            spread: vec![0.0; g],
            bends: vec![0.0; m * g],
            gram: vec![0.0; m * m],
            mixed: vec![0.0; m * self.problem.k()],
            cross: vec![],
        }
    }

    /// Runs over all blocks.
    pub fn run(&self) -> Score {
        let (blocks, plan, m) = (&self.problem.blocks, &self.problem.plan, self.m());
        let grid = &plan.grid;
        let watch = Watch::current();
        let task = |first: usize| {
            let mut share = self.zero();
            for block in first..blocks.len().min(first + PER_TASK) {
                if watch.check().is_err() {
                    break;
                }
                self.block(block, &mut share);
            }
            (first, share)
        };
        let mut sum = self.zero();
        let mut cross = vec![0.0; grid.offset[grid.width.len()] * m];
        let firsts: Vec<usize> = (0..blocks.len()).step_by(PER_TASK).collect();
        for wave in firsts.chunks(64) {
            let shares: Vec<(usize, Share)> = if wave.len() > 1 {
                wave.par_iter().map(|&first| task(first)).collect()
            } else {
                wave.iter().map(|&first| task(first)).collect()
            };
            // A share that was given up is no share.
            if watch.check().is_err() {
                break;
            }
            for (first, share) in shares {
                self.add(first, share, &mut sum, &mut cross);
            }
        }
        let Share { patterns, spread, bends, gram, mixed, .. } = sum;
        Score { patterns, spread, bends, gram, mixed, cross }
    }

    fn add(&self, first: usize, share: Share, sum: &mut Share, cross: &mut [f64]) {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        for (pattern, d) in share.patterns {
            match sum.patterns.get_mut(&pattern) {
                Some(total) => total.add(&d),
                None => drop(sum.patterns.insert(pattern, d)),
            }
        }
        add(&mut sum.spread, &share.spread);
        add(&mut sum.bends, &share.bends);
        add(&mut sum.gram, &share.gram);
        add(&mut sum.mixed, &share.mixed);
        let (blocks, plan, m) = (&self.problem.blocks, &self.problem.plan, self.m());
        let mut at = 0;
        for block in first..blocks.len().min(first + PER_TASK) {
            for &v in plan.nodes_of(block) {
                let size = plan.grid.width[v as usize] as usize * m;
                let start = plan.grid.offset[v as usize] * m;
                add(&mut cross[start..start + size], &share.cross[at..at + size]);
                at += size;
            }
        }
    }

    fn block(&self, block: usize, share: &mut Share) {
        let problem = self.problem;
        let start = problem.blocks.start[block];
        let n = problem.blocks.start[block + 1] - start;
        let pattern = problem.blocks.pattern[block] as usize;
        let view = View::new(self, block, n);
        let mut d = view.d(self);
        let f = self.directions(pattern, start, n, &view);
        self.products(&view, &f, n, share);
        if self.m_spread() > 0 {
            let own = &self.point.white.patterns[pattern];
            self.spread(pattern, start, own, &d, share);
        }
        match share.patterns.get_mut(&(pattern as u32)) {
            Some(total) => total.add(&d),
            None => {
                share.patterns.insert(pattern as u32, std::mem::replace(&mut d, Square::zeros(0)));
            }
        }
    }

    /// F, n × m column-major.
    fn directions(&self, pattern: usize, start: usize, n: usize, view: &View) -> Vec<f64> {
        let base = self.places().residual().start;
        let part = self.problem.blocks.patterns[pattern].part;
        let mut f = vec![0.0; n * self.m()];
        let w = &view.x[n * (view.k - 1)..];
        if let Some(place) = self.places().parts.get(part) {
            for (slope, j) in self.slopes[pattern].iter().zip(place.clone()) {
                let Some(slope) = slope else { continue };
                let out = &mut f[n * (j - base)..n * (j - base + 1)];
                for (s, w) in w.iter().enumerate() {
                    let column = &slope.data[n * s..n * (s + 1)];
                    out.iter_mut().zip(column).for_each(|(o, c)| *o += c * w);
                }
            }
        }
        if self.m_spread() > 0 {
            let root = &self.point.white.patterns[pattern].root;
            let mut out = w.to_vec();
            solve_lower_transpose(n, &root.data, &mut out, 1);
            let (inner, outer) = (out, times(root, w));
            let first = self.m() - self.m_spread();
            for (g, slope) in self.log_sd.first.iter().enumerate() {
                let c = &slope[start..start + n];
                let by = |v: &[f64]| -> Vec<f64> { v.iter().zip(c).map(|(v, c)| v * c).collect() };
                let mut one = by(&outer);
                solve_lower(n, &root.data, &mut one, 1);
                let two = transpose_times(root, &by(&inner));
                let out = &mut f[n * (first + g)..n * (first + g + 1)];
                out.iter_mut().zip(one.iter().zip(&two)).for_each(|(o, (a, b))| *o = a + b);
            }
        }
        f
    }

    fn products(&self, view: &View, f: &[f64], n: usize, share: &mut Share) {
        let (m, k) = (self.m(), view.k);
        for j in 0..m {
            let fj = &f[n * j..n * (j + 1)];
            if fj.iter().all(|v| *v == 0.0) {
                continue;
            }
            for i in 0..=j {
                share.gram[i + m * j] += dot(&f[n * i..n * (i + 1)], fj);
            }
            for c in 0..k {
                share.mixed[j + m * c] += dot(&view.x[n * c..n * (c + 1)], fj);
            }
        }
        for z in view.z.chunks_exact(n) {
            share.cross.extend((0..m).map(|j| dot(z, &f[n * j..n * (j + 1)])));
        }
    }

    /// With B = D∘R (rows and columns of a block) and c, c' two slopes of log s, ∂²R = (c_r + c_s)
    /// (c'_r + c'_s) R_rs, and ⟨D, ∂R⟩ = 2 Σ_r c_r (B1)_r.
    fn spread(
        &self,
        pattern: usize,
        start: usize,
        own: &Correlated,
        d: &Square,
        share: &mut Share,
    ) {
        let n = d.n;
        let outer = own.unwhitened(d);
        let weigh = |c: &[f64]| -> Square {
            let data = outer.data.iter().zip(c).map(|(d, c)| d * c).collect();
            Square { n, data }
        };
        let b = weigh(&own.value.data);
        let sums =
            |b: &Square| -> Vec<f64> { (0..n).map(|r| (0..n).map(|s| b[(r, s)]).sum()).collect() };
        let ones = sums(&b);
        let (m, first) = (self.m(), self.m() - self.m_spread());
        let slopes: Vec<&[f64]> = self.log_sd.first.iter().map(|s| &s[start..start + n]).collect();
        for (g, c) in slopes.iter().enumerate() {
            share.spread[g] += 2.0 * dot(c, &ones);
            let bc: Vec<f64> = (0..n)
                .map(|r| (0..n).map(|s| b[(r, s)] * c[s]).sum::<f64>() + ones[r] * c[r])
                .collect();
            for (h, other) in slopes.iter().enumerate() {
                share.bends[first + h + m * g] += 2.0 * dot(other, &bc);
            }
        }
        for (i, j, bend) in &self.log_sd.second {
            let value = 2.0 * dot(&bend[start..start + n], &ones);
            share.bends[first + i + m * j] += value;
            if i != j {
                share.bends[first + j + m * i] += value;
            }
        }
        let part = self.problem.blocks.patterns[pattern].part;
        let Some(place) = self.places().parts.get(part) else { return };
        let base = self.places().residual().start;
        let Some(curve) = &self.curves[pattern] else { return };
        for (i, j) in place.clone().enumerate() {
            let Some(slope) = curve.first(i) else { continue };
            let ones = sums(&weigh(&slope.data));
            for (g, c) in slopes.iter().enumerate() {
                share.bends[j - base + m * g] += 2.0 * dot(c, &ones);
            }
        }
    }
}

/// The whitened columns of one block.
struct View {
    k: usize,
    /// R^{-1/2}Z, n columns-major, over the columns of the block's nodes.
    z: Vec<f64>,
    /// R^{-1/2}ZΛ.
    zl: Vec<f64>,
    /// [x̂ ŵ], n × k.
    x: Vec<f64>,
    /// Blocks of M⁻¹ between the nodes.
    inverse: Vec<f64>,
}

impl View {
    fn new(pass: &Pass<'_>, block: usize, n: usize) -> Self {
        let Problem { plan, blocks, z_start, .. } = pass.problem;
        let k = pass.problem.k();
        let z = pass.point.white.z[z_start[block]..z_start[block + 1]].to_vec();
        let nodes = plan.nodes_of(block);
        let symbolic = &plan.layout.symbolic;
        let width: usize = nodes.iter().map(|&v| symbolic.width(v as usize)).sum();
        let mut zl = vec![0.0; n * width];
        let start = blocks.start[block];
        let mut x = pass.point.white.right[start * k..(start + n) * k].to_vec();
        project(pass, n, k, &mut x);
        let (mut from, mut to) = (0, 0);
        for &v in nodes {
            let v = v as usize;
            let t = &pass.point.templates[symbolic.factor[v] as usize].value;
            for j in 0..t.columns {
                let out = &mut zl[n * (to + j)..n * (to + j + 1)];
                for i in 0..t.rows {
                    let column = &z[n * (from + i)..n * (from + i + 1)];
                    out.iter_mut().zip(column).for_each(|(o, z)| *o += t[(i, j)] * z);
                }
                let u = &pass.solved.u[(plan.layout.start[v] + j) * k..][..k];
                for (c, u) in u.iter().enumerate() {
                    let x = &mut x[n * c..n * (c + 1)];
                    x.iter_mut().zip(&*out).for_each(|(x, z)| *x -= u * z);
                }
            }
            from += t.rows;
            to += t.columns;
        }
        let inverse = gathered(pass, block, width);
        Self { k, z, zl, x, inverse }
    }

    /// D̃.
    fn d(&self, pass: &Pass<'_>) -> Square {
        let k = self.k;
        let n = self.x.len() / k;
        let mut d = Square::identity(n);
        let width = self.zl.len() / n;
        if width > 0 {
            let mut half = vec![0.0; n * width];
            product(n, width, width, &self.zl, &self.inverse, false, &mut half);
            subtract_product(n, width, &half, &self.zl, &mut d.data);
        }
        let fixed = if pass.reml { &self.x[..n * (k - 1)] } else { &[] };
        subtract_product(n, fixed.len() / n, fixed, fixed, &mut d.data);
        let w = &self.x[n * (k - 1)..];
        let scaled: Vec<f64> = w.iter().map(|w| w / pass.point.variance).collect();
        subtract_product(n, 1, w, &scaled, &mut d.data);
        d
    }
}

/// [x y] to [X L_X⁻ᵀ | y − Xβ̂], rows × k column-major.
fn project(pass: &Pass<'_>, n: usize, k: usize, x: &mut [f64]) {
    let (profile, p) = (&pass.point.profile, k - 1);
    let (fixed, last) = x.split_at_mut(n * p);
    for (j, beta) in profile.beta.iter().enumerate() {
        let column = &fixed[n * j..n * (j + 1)];
        last.iter_mut().zip(column).for_each(|(y, x)| *y -= beta * x);
    }
    let l = &profile.x_factor;
    for j in 0..p {
        let (done, rest) = fixed.split_at_mut(n * (j + 1));
        let pivot = &mut done[n * j..];
        pivot.iter_mut().for_each(|v| *v /= l[(j, j)]);
        for i in j + 1..p {
            let out = &mut rest[n * (i - j - 1)..n * (i - j)];
            out.iter_mut().zip(&*pivot).for_each(|(o, v)| *o -= l[(i, j)] * v);
        }
    }
}

/// M⁻¹ between the nodes of a block, full.
fn gathered(pass: &Pass<'_>, block: usize, width: usize) -> Vec<f64> {
    let plan = &pass.problem.plan;
    let symbolic = &plan.layout.symbolic;
    let cross = &pass.point.cross;
    let nodes = plan.nodes_of(block);
    let mut out = vec![0.0; width * width];
    let mut pairs = plan.pairs_of(block).iter();
    let mut row = 0;
    for (i, &a) in nodes.iter().enumerate() {
        let a = a as usize;
        let (q, values) = (symbolic.width(a), pass.inverse.of(cross, a));
        let mut copy = |from: usize, column: usize, width_b: usize| {
            for t in 0..width_b {
                for s in 0..q {
                    let value = values[from + s + q * t];
                    out[row + s + width * (column + t)] = value;
                    out[column + t + width * (row + s)] = value;
                }
            }
        };
        copy(0, row, q);
        let mut column = row + q;
        for &b in &nodes[i + 1..] {
            let item = *pairs.next().unwrap_or(&0) as usize - symbolic.later.range(a).start;
            let from = q * (q + cross.later_offsets(a)[item] as usize);
            let width_b = symbolic.width(b as usize);
            copy(from, column, width_b);
            column += width_b;
        }
        row += q;
    }
    out
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// L x.
fn times(l: &Square, x: &[f64]) -> Vec<f64> {
    (0..l.n).map(|i| (0..=i).map(|j| l[(i, j)] * x[j]).sum()).collect()
}

/// L'x.
fn transpose_times(l: &Square, x: &[f64]) -> Vec<f64> {
    (0..l.n).map(|j| (j..l.n).map(|i| l[(i, j)] * x[i]).sum()).collect()
}

/// C = AB for column-major A (n × s) and B (s × columns), or AB' for B (columns × s).
fn product(
    n: usize,
    s: usize,
    columns: usize,
    a: &[f64],
    b: &[f64],
    transposed: bool,
    c: &mut [f64],
) {
    let at = |i: usize, j: usize| if transposed { b[j + columns * i] } else { b[i + s * j] };
    if n < LARGE && s < LARGE {
        for j in 0..columns {
            let out = &mut c[n * j..n * (j + 1)];
            for t in 0..s {
                let f = at(t, j);
                out.iter_mut().zip(&a[n * t..n * (t + 1)]).for_each(|(o, a)| *o += f * a);
            }
        }
        return;
    }
    let left = MatRef::from_column_major_slice(a, n, s);
    let out = MatMut::from_column_major_slice_mut(c, n, columns);
    let right = if transposed {
        MatRef::from_column_major_slice(b, columns, s).transpose()
    } else {
        MatRef::from_column_major_slice(b, s, columns)
    };
    matmul::matmul(out, Accum::Add, left, right, 1.0, Par::Seq);
}

/// D −= A B' for n × s matrices.
fn subtract_product(n: usize, s: usize, a: &[f64], b: &[f64], d: &mut [f64]) {
    if s == 0 {
        return;
    }
    let mut c = vec![0.0; n * n];
    product(n, s, n, a, b, true, &mut c);
    d.iter_mut().zip(&c).for_each(|(d, c)| *d -= c);
}
