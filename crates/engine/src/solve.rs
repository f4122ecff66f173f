//! Back-substitution for the right-hand columns X and y, and what follows from it: β̂, b̂ and
//! a = Z'V⁻¹(y − Xβ̂).

use std::ops::Range;

use rayon::prelude::*;

use crate::basis::chunked;
use crate::cross_products::CrossProducts;
use crate::dense::{Square, solve_lower};
use crate::factor::Factor;
use crate::layout::{Layout, Shape, piece};
use crate::objective::Profile;
use crate::row_major::{
    add_block_transpose, axpy, solve_rows_transpose, solve_transpose_in_place, template_times,
    times_in_place,
};

/// Coefficients of the random effects, and their counterparts in the data, for every right-hand
/// column: row-major with k columns, rows by slot (see [`Layout::start`]).
#[derive(Debug, Clone)]
pub struct Effects {
    /// Number of right-hand columns.
    pub k: usize,
    /// ΛM⁻¹Λ'Z'W[X | y − Xβ̂]: the last column is b̂.
    pub b: Vec<f64>,
    /// Z'V⁻¹[X L_X⁻ᵀ | y − Xβ̂] with X'V⁻¹X = L_X L_X': the last column is a.
    pub a: Vec<f64>,
}

/// Templates whose columns, scaled to unit length, are worse conditioned than this are not divided by:
/// there a is formed from C.
const DIVISIBLE: f64 = 1e-3;

/// Rows up to which other threads are not worth waking.
const FEW_ROWS: usize = 4096;

/// What one front reads while it is solved for.
struct Row<'a> {
    layout: &'a Layout,
    shape: Shape,
    /// b at later slots, which start at scalar row `from`.
    above: &'a [f64],
    from: usize,
}

impl Row<'_> {
    /// Writes V_Xy − V_R b_R for the rows V = [V_R | V_X] of the front and V_y, row-major.
    #[inline(always)]
    fn subtract_later(&self, n: usize, k: usize, v: &[f64], v_y: &[f64], out: &mut [f64]) {
        let symbolic = &self.layout.symbolic;
        let (r, p) = (self.shape.r, k - 1);
        for i in 0..n {
            for j in 0..p {
                out[i * k + j] = v[n * (r + j) + i];
            }
            out[i * k + p] = v_y[i];
        }
        let list = symbolic.rows.of(self.shape.front);
        for (&p, &at) in list.iter().zip(symbolic.offsets_of_rows(self.shape.front)) {
            let start = self.layout.start[p as usize] - self.from;
            for s in 0..symbolic.width(p as usize) {
                let b = &self.above[(start + s) * k..(start + s + 1) * k];
                let column = &v[n * (at as usize + s)..][..n];
                for (v, out) in column.iter().zip(out.chunks_exact_mut(k)) {
                    axpy(-v, b, out);
                }
            }
        }
    }
}

impl Effects {
    /// Solves for all right-hand columns. Where T can be divided by, Λ'a = u gives a without C.
    pub fn new(factor: &Factor, cross: &CrossProducts, profile: &Profile) -> Self {
        let layout = &*factor.layout;
        let k = layout.k;
        let q = layout.symbolic.dim();
        let mut out = Self { k, b: vec![0.0; q * k], a: vec![0.0; q * k] };
        let divisible: Vec<bool> =
            factor.templates.iter().map(|t| t.unit_pivot() > DIVISIBLE).collect();
        for level in layout.levels.iter().rev() {
            out.level(factor, level.clone(), &divisible);
        }
        out.leaves(factor, cross, &divisible);
        out.project(profile);
        out
    }

    fn level(&mut self, factor: &Factor, slots: Range<usize>, divisible: &[bool]) {
        let (layout, k, symbolic) = (&*factor.layout, self.k, &factor.layout.symbolic);
        for slot in slots {
            let shape = layout.shapes[slot];
            let n = shape.n;
            let (from, to) = (layout.scalar[slot], layout.scalar[slot + 1]);
            let (mine, above) = self.b.split_at_mut(to * k);
            let (c_own, c) = piece(&factor.fronts, &layout.front, slot).split_at(n * n);
            let right = n * (shape.r + k - 1);
            let l = piece(&factor.factors, &layout.factor, slot);
            let y = piece(&factor.rows, &layout.rows, slot);
            let row = Row { layout, shape, above, from: to };
            let (b, a) = (&mut mine[from * k..], &mut self.a[from * k..to * k]);
            row.subtract_later(n, k, &y[..right], &y[right..], b);
            solve_rows_transpose(l, b, k);
            let factors = symbolic.nodes(shape.front).map(|v| symbolic.factor[v] as usize);
            let direct = factors.clone().all(|f| divisible[f]);
            a.copy_from_slice(b);
            let mut start = 0;
            for t in factors.map(|f| &factor.templates[f]) {
                let rows = start * k..(start + t.n) * k;
                if direct {
                    solve_transpose_in_place(t.n, &t.data, &mut a[rows.clone()], k);
                }
                template_times(t, &mut b[rows], k);
                start += t.n;
            }
            if !direct {
                row.subtract_later(n, k, &c[..right], &c[right..], a);
                subtract_symmetric(n, k, c_own, b, a);
            }
        }
    }

    fn leaves(&mut self, factor: &Factor, cross: &CrossProducts, divisible: &[bool]) {
        let (layout, k) = (&*factor.layout, self.k);
        let n_leaves = layout.n_leaves();
        let end = layout.scalar[n_leaves] * k;
        let (mine, above) = self.b.split_at_mut(end);
        let cuts: Vec<usize> = layout.scalar.iter().map(|s| s * k).collect();
        let a = &mut self.a[..end];
        let tasks =
            crate::layout::tasks(n_leaves, layout.leaves_per_task, (mine, &cuts), (a, &cuts));
        let leaves = Leaves { factor, cross, above, divisible };
        let run = |(slots, mut b, mut a): (Range<usize>, &mut [f64], &mut [f64])| {
            for slot in slots {
                let n = layout.shapes[slot].n;
                let (mine_b, rest_b) = b.split_at_mut(n * k);
                let (mine_a, rest_a) = a.split_at_mut(n * k);
                // The usual widths written out let the compiler unroll the loops over a block.
                match (n, k) {
                    (1, 2) => leaves.one(1, 2, slot, mine_b, mine_a),
                    (1, 3) => leaves.one(1, 3, slot, mine_b, mine_a),
                    (2, 3) => leaves.one(2, 3, slot, mine_b, mine_a),
                    _ => leaves.one(n, k, slot, mine_b, mine_a),
                }
                (b, a) = (rest_b, rest_a);
            }
        };
        if tasks.len() > 1 {
            tasks.into_par_iter().for_each(run);
        } else {
            tasks.into_iter().for_each(run);
        }
    }

    /// Turns the last column into that of y − Xβ̂ and the columns of `a` before it into those of
    /// X L_X⁻ᵀ.
    pub fn project(&mut self, profile: &Profile) {
        let (k, p) = (self.k, self.k - 1);
        let l = &profile.x_factor;
        let run = |(b, a): (&mut [f64], &mut [f64])| {
            for (b, a) in b.chunks_exact_mut(k).zip(a.chunks_exact_mut(k)) {
                for row in [b, &mut *a] {
                    row[p] -= (0..p).map(|j| row[j] * profile.beta[j]).sum::<f64>();
                }
                solve_lower(p, &l.data, &mut a[..p], 1);
            }
        };
        let chunk = FEW_ROWS * k;
        self.b.par_chunks_mut(chunk).zip(self.a.par_chunks_mut(chunk)).for_each(run);
    }

    /// Σ_j a_j a_j' for the columns `range`, per factor.
    pub fn gram(&self, layout: &Layout, widths: &[usize], range: Range<usize>) -> Vec<Square> {
        let symbolic = &layout.symbolic;
        let place: Vec<usize> = starts(widths.iter().map(|q| q * q));
        let sums = chunked(symbolic.factor.len(), place[widths.len()], |positions, sums| {
            for p in positions {
                let (start, f) = (layout.start[p], symbolic.factor[p] as usize);
                let (q, sum) = (widths[f], &mut sums[place[f]..]);
                for i in 0..q {
                    let left = &self.a[(start + i) * self.k..][range.clone()];
                    for j in 0..=i {
                        let right = &self.a[(start + j) * self.k..][range.clone()];
                        sum[i + q * j] += left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
                    }
                }
            }
        });
        let of_factor = |(&n, &at): (&usize, &usize)| {
            let mut sum = Square { n, data: sums[at..at + n * n].to_vec() };
            symmetric(&mut sum);
            sum
        };
        widths.iter().zip(&place).map(of_factor).collect()
    }
}

/// Where pieces of the given sizes start, and their total.
fn starts(sizes: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut at = 0;
    let ends = sizes.map(|size| {
        at += size;
        at
    });
    std::iter::once(0).chain(ends).collect()
}

/// Copies the lower triangle to the upper.
pub fn symmetric(a: &mut Square) {
    for j in 0..a.n {
        (0..j).for_each(|i| a[(i, j)] = a[(j, i)]);
    }
}

/// What the leaves read.
struct Leaves<'a> {
    factor: &'a Factor,
    cross: &'a CrossProducts,
    /// b of all other slots.
    above: &'a [f64],
    divisible: &'a [bool],
}

impl Leaves<'_> {
    /// Writes b and a of one leaf.
    #[inline(always)]
    fn one(&self, n: usize, k: usize, slot: usize, b: &mut [f64], a: &mut [f64]) {
        let (factor, layout) = (self.factor, &*self.factor.layout);
        let shape = layout.shapes[slot];
        let v = layout.symbolic.first[shape.front] as usize;
        let f = layout.symbolic.factor[v] as usize;
        let (t, block) = (&factor.templates[f].data, self.cross.block(v));
        let from = layout.scalar[layout.n_leaves()];
        let row = Row { layout, shape, above: self.above, from };
        let y = piece(&factor.rows, &layout.rows, slot);
        let (y, y_y) = y.split_at(n * (shape.r + k - 1));
        row.subtract_later(n, k, y, y_y, b);
        solve_transpose_in_place(n, piece(&factor.factors, &layout.factor, slot), b, k);
        if self.divisible[f] {
            a.copy_from_slice(b);
            solve_transpose_in_place(n, t, a, k);
        } else {
            row.subtract_later(n, k, &block.values[n * n..], block.response, a);
        }
        times_in_place(n, t, b, k);
        if !self.divisible[f] {
            add_block_transpose(n, block.own(), -1.0, b, k, a);
        }
    }
}

/// a −= C_ss b for C_ss stored by its lower triangle; b and a are row-major.
fn subtract_symmetric(n: usize, k: usize, c: &[f64], b: &[f64], a: &mut [f64]) {
    for s in 0..n {
        let column = &c[n * s..n * (s + 1)];
        let (bs, below) = b[s * k..].split_at(k);
        let (own, rest) = a[s * k..].split_at_mut(k);
        axpy(-column[s], bs, own);
        let rows = below.chunks_exact(k).zip(rest.chunks_exact_mut(k));
        for (c, (b, a)) in column[s + 1..].iter().zip(rows) {
            axpy(-c, b, own);
            axpy(-c, bs, a);
        }
    }
}
