//! Back-substitution for the right-hand columns X and y, and what follows from it: β̂, b̂ and
//! a = Z'V⁻¹(y − Xβ̂).

use std::ops::Range;

use rayon::prelude::*;

use crate::cross_products::CrossProducts;
use crate::dense::{Square, solve_lower, solve_lower_transpose};
use crate::factor::Factor;
use crate::front::Front;
use crate::layout::{Layout, Shape, piece};
use crate::objective::Profile;

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

/// What one front reads and writes while it is solved for.
struct Row<'a> {
    layout: &'a Layout,
    shape: Shape,
    /// Y, n × (r + k).
    y: &'a [f64],
    /// [C_R | C_X], n × (r + p), and C_y, n.
    c: &'a [f64],
    c_y: &'a [f64],
    /// b at later slots, which start at scalar row `from`.
    above: &'a [f64],
    from: usize,
}

impl Row<'_> {
    /// Writes Y_Xy − Y_R b_R to `u` (column-major) and C_Xy − C_R b_R to `a` (row-major).
    #[inline(always)]
    fn subtract_later(&self, n: usize, u: &mut [f64], a: &mut [f64]) {
        let (k, symbolic) = (self.layout.k, &self.layout.symbolic);
        let r = self.shape.r;
        u.copy_from_slice(&self.y[n * r..]);
        let p = k - 1;
        for i in 0..n {
            for j in 0..p {
                a[i * k + j] = self.c[n * (r + j) + i];
            }
            a[i * k + p] = self.c_y[i];
        }
        let list = symbolic.rows.of(self.shape.front);
        for (&p, &at) in list.iter().zip(symbolic.offsets_of_rows(self.shape.front)) {
            let start = self.layout.start[p as usize] - self.from;
            for s in 0..symbolic.width(p as usize) {
                let b = &self.above[(start + s) * k..(start + s + 1) * k];
                let column = n * (at as usize + s);
                for i in 0..n {
                    let (y, c) = (self.y[column + i], self.c[column + i]);
                    for j in 0..k {
                        u[i + n * j] -= y * b[j];
                        a[i * k + j] -= c * b[j];
                    }
                }
            }
        }
    }
}

impl Effects {
    /// Solves for all right-hand columns.
    pub fn new(factor: &Factor, cross: &CrossProducts, profile: &Profile) -> Self {
        let layout = &*factor.layout;
        let k = layout.k;
        let q = layout.symbolic.dim();
        let mut out = Self { k, b: vec![0.0; q * k], a: vec![0.0; q * k] };
        for level in layout.levels.iter().rev() {
            out.level(factor, level.clone());
        }
        out.leaves(factor, cross);
        out.project(profile);
        out
    }

    fn level(&mut self, factor: &Factor, slots: Range<usize>) {
        let (layout, k) = (&*factor.layout, self.k);
        for slot in slots {
            let shape = layout.shapes[slot];
            let n = shape.n;
            let (from, to) = (layout.scalar[slot], layout.scalar[slot + 1]);
            let (mine, above) = self.b.split_at_mut(to * k);
            let c = piece(&factor.fronts, &layout.front, slot);
            let y = piece(&factor.rows, &layout.rows, slot);
            let (c_rest, c_y) = c[n * n..].split_at(n * (shape.r + k - 1));
            let row = Row { layout, shape, y, c: c_rest, c_y, above, from: to };
            let (mut u, a) = (vec![0.0; n * k], &mut self.a[from * k..to * k]);
            row.subtract_later(n, &mut u, a);
            let l = piece(&factor.factors, &layout.factor, slot);
            solve_lower_transpose(n, l, &mut u, k);
            let front = Front { layout, shape, templates: &factor.templates, par: faer::Par::Seq };
            front.lambda(&mut u);
            let b = &mut mine[from * k..];
            for i in 0..n {
                (0..k).for_each(|j| b[i * k + j] = u[i + n * j]);
            }
            subtract_symmetric(n, k, c, &u, a);
        }
    }

    fn leaves(&mut self, factor: &Factor, cross: &CrossProducts) {
        let (layout, k) = (&*factor.layout, self.k);
        let n_leaves = layout.n_leaves();
        let end = layout.scalar[n_leaves] * k;
        let (mine, above) = self.b.split_at_mut(end);
        let cuts: Vec<usize> = layout.scalar.iter().map(|s| s * k).collect();
        let a = &mut self.a[..end];
        let tasks =
            crate::layout::tasks(n_leaves, layout.leaves_per_task, (mine, &cuts), (a, &cuts));
        let above = &*above;
        let run = |(slots, mut b, mut a): (Range<usize>, &mut [f64], &mut [f64])| {
            let mut u = Vec::new();
            for i in slots {
                let shape = layout.shapes[i];
                let (mine_b, rest_b) = b.split_at_mut(shape.n * k);
                let (mine_a, rest_a) = a.split_at_mut(shape.n * k);
                match shape.n {
                    1 => leaf(1, i, factor, cross, above, &mut u, mine_b, mine_a),
                    2 => leaf(2, i, factor, cross, above, &mut u, mine_b, mine_a),
                    n => leaf(n, i, factor, cross, above, &mut u, mine_b, mine_a),
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
            for row in [&mut *b, &mut *a] {
                row[p] -= (0..p).map(|j| row[j] * profile.beta[j]).sum::<f64>();
            }
            solve_lower(p, &l.data, &mut a[..p], 1);
        };
        let rows = self.b.chunks_exact_mut(k).zip(self.a.chunks_exact_mut(k));
        rows.for_each(run);
    }

    /// Σ_j a_j a_j' for the columns `range`, per factor.
    pub fn gram(&self, layout: &Layout, widths: &[usize], range: Range<usize>) -> Vec<Square> {
        let symbolic = &layout.symbolic;
        let mut out: Vec<Square> = widths.iter().map(|&q| Square::zeros(q)).collect();
        for (p, &f) in symbolic.factor.iter().enumerate() {
            let (start, sum) = (layout.start[p], &mut out[f as usize]);
            let q = sum.n;
            for i in 0..q {
                let left = &self.a[(start + i) * self.k..][range.clone()];
                for j in 0..=i {
                    let right = &self.a[(start + j) * self.k..][range.clone()];
                    sum[(i, j)] += left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
                }
            }
        }
        out.iter_mut().for_each(symmetric);
        out
    }
}

/// Copies the lower triangle to the upper.
pub fn symmetric(a: &mut Square) {
    for j in 0..a.n {
        (0..j).for_each(|i| a[(i, j)] = a[(j, i)]);
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call site, inlined per block width")]
fn leaf(
    n: usize,
    slot: usize,
    factor: &Factor,
    cross: &CrossProducts,
    above: &[f64],
    u: &mut Vec<f64>,
    b: &mut [f64],
    a: &mut [f64],
) {
    let layout = &*factor.layout;
    let (k, shape) = (layout.k, layout.shapes[slot]);
    let v = layout.symbolic.first[shape.front] as usize;
    let block = cross.block(v);
    let from = layout.scalar[layout.n_leaves()];
    let y = piece(&factor.rows, &layout.rows, slot);
    let (c, c_y) = (&block.values[n * n..], block.response);
    let row = Row { layout, shape, y, c, c_y, above, from };
    u.resize(n * k, 0.0);
    row.subtract_later(n, u, a);
    solve_lower_transpose(n, piece(&factor.factors, &layout.factor, slot), u, k);
    let t = &factor.templates[layout.symbolic.factor[v] as usize].data;
    for j in 0..k {
        for i in 0..n {
            let mut value = 0.0;
            for s in 0..=i {
                value += t[i + n * s] * u[s + n * j];
            }
            b[i * k + j] = value;
        }
    }
    for s in 0..n {
        for i in 0..n {
            let c = block.own()[i + n * s];
            (0..k).for_each(|j| a[i * k + j] -= c * b[s * k + j]);
        }
    }
}

/// a −= C_ss b for C_ss stored by its lower triangle (b column-major, a row-major).
fn subtract_symmetric(n: usize, k: usize, c: &[f64], b: &[f64], a: &mut [f64]) {
    for s in 0..n {
        let column = &c[n * s..n * (s + 1)];
        for j in 0..k {
            let bs = b[s + n * j];
            let mut own = column[s] * bs;
            for i in s + 1..n {
                a[i * k + j] -= column[i] * bs;
                own += column[i] * b[i + n * j];
            }
            a[s * k + j] -= own;
        }
    }
}
