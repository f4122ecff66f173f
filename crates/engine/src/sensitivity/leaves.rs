//! The leaves on the way down.

use faer::linalg::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::Sensitivity;
use super::above::Above;
use crate::cross_products::{CrossProducts, RowBlock};
use crate::dense::{solve_lower, solve_lower_transpose};
use crate::factor::Factor;
use crate::layout::piece;
use crate::pairs::Pairs;
use crate::symbolic::consecutive;
use crate::watch::Watch;

/// All leaves on the way down.
pub struct Leaves<'a> {
    /// The factorisation.
    pub factor: &'a Factor,
    /// A.
    pub cross: &'a CrossProducts,
    /// Leaves treated column by column.
    pub pairs: &'a Pairs,
    /// Inverse blocks of all other fronts.
    pub inverse: &'a [f64],
    /// U of the leaves in `pairs`.
    pub values: &'a [f64],
}

/// One task's memory.
#[derive(Default)]
struct Scratch {
    gathered: Vec<f64>,
    product: Vec<f64>,
    small: Vec<f64>,
    b: Vec<f64>,
}

impl Leaves<'_> {
    /// Adds the leaves' shares of the sums.
    pub fn add_to(&self, out: &mut Sensitivity, conditional: bool) {
        let layout = &*self.factor.layout;
        let n = layout.n_leaves();
        let widths: Vec<usize> = self.factor.templates.iter().map(|t| t.n).collect();
        let starts: Vec<usize> = (0..n).step_by(layout.leaves_per_task).collect();
        let watch = Watch::current();
        let run = |&start: &usize| {
            let mut share = Sensitivity::zeros(&widths);
            if watch.check().is_err() {
                return share;
            }
            let mut scratch = Scratch::default();
            for slot in start..n.min(start + layout.leaves_per_task) {
                self.one(slot, &mut share, &mut scratch, conditional);
            }
            share
        };
        let shares: Vec<Sensitivity> = if starts.len() > 1 {
            starts.par_iter().map(run).collect()
        } else {
            starts.iter().map(run).collect()
        };
        for share in &shares {
            out.add(share);
            out.conditional.extend_from_slice(&share.conditional);
        }
    }

    fn one(&self, slot: usize, share: &mut Sensitivity, scratch: &mut Scratch, conditional: bool) {
        let layout = &*self.factor.layout;
        let v = layout.symbolic.first[layout.shapes[slot].front] as usize;
        let block = self.cross.block(v);
        let q = block.q;
        scratch.b.clear();
        scratch.b.resize(q * q, 0.0);
        if block.r > 0 {
            self.b(v, slot, &block, scratch);
        }
        let f = layout.symbolic.factor[v] as usize;
        let t = &self.factor.templates[f].data;
        let l = piece(&self.factor.factors, &layout.factor, slot);
        let Scratch { small, b, .. } = scratch;
        let (s, g) = (&mut share.s[f].data, &mut share.g[f].data);
        match q {
            1 => leaf(1, block.own(), t, l, b, small, s, g),
            2 => leaf(2, block.own(), t, l, b, small, s, g),
            3 => leaf(3, block.own(), t, l, b, small, s, g),
            _ => leaf(q, block.own(), t, l, b, small, s, g),
        }
        if conditional {
            // Left by `leaf`: W + WBW.
            share.conditional.extend_from_slice(&small[..q * q]);
        }
    }

    /// B = C_R Q_RR C_R' of a leaf.
    fn b(&self, v: usize, slot: usize, block: &RowBlock<'_>, scratch: &mut Scratch) {
        let (q, r) = (block.q, block.r);
        let layout = &*self.factor.layout;
        let front = layout.shapes[slot].front;
        if self.pairs.holds(v) {
            self.pairs.leaf(layout, v, block, self.values, &mut scratch.b);
            return;
        }
        let above = Above { layout, values: self.inverse, from: 0 };
        scratch.product.resize(q * r, 0.0);
        match self.window(front, r) {
            Some((t, row)) => {
                let n = layout.shapes[t].n;
                let q_tt = MatRef::from_column_major_slice(&above.block(t)[..n * n], n, n);
                let q_rr = q_tt.submatrix(row, row, r, r);
                let c = MatRef::from_column_major_slice(block.later(), q, r);
                let out = MatMut::from_column_major_slice_mut(&mut scratch.product, q, r);
                matmul::matmul(out, Accum::Replace, c, q_rr, 1.0, Par::Seq);
            }
            None => {
                above.gather(front, r, &mut scratch.gathered);
                scratch.product.fill(0.0);
                multiply_add(q, r, r, block.later(), &scratch.gathered, &mut scratch.product);
            }
        }
        for c in 0..r {
            let (left, right) =
                (&scratch.product[q * c..q * (c + 1)], &block.later()[q * c..q * (c + 1)]);
            for j in 0..q {
                (0..q).for_each(|i| scratch.b[i + q * j] += left[i] * right[j]);
            }
        }
    }

    /// The slot and first row of the rows of a front, where they are consecutive in one later front
    /// and numerous.
    fn window(&self, front: usize, r: usize) -> Option<(usize, usize)> {
        const WIDE: usize = 16;
        let layout = &*self.factor.layout;
        let symbolic = &layout.symbolic;
        let list = symbolic.rows.of(front);
        let (first, last) = (*list.first()?, *list.last()?);
        let t = symbolic.front[first as usize];
        (r >= WIDE && consecutive(list) && symbolic.front[last as usize] == t).then(|| {
            let row = symbolic.offset[first as usize] - symbolic.scalars(t as usize).start;
            (layout.slot[t as usize] as usize, row)
        })
    }
}

/// C += A B, column-major, A m × n, B n × columns.
#[inline(always)]
fn multiply_add(m: usize, n: usize, columns: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
    for j in 0..columns {
        for s in 0..n {
            let f = b[s + n * j];
            for i in 0..m {
                c[i + m * j] += a[i + m * s] * f;
            }
        }
    }
}

/// Adds a leaf's Z_j'V⁻¹Z_j to `s_sum` and Z_j'V⁻¹Z_jT to `g_sum`; leaves Q_jj in `small`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call site, inlined per block width")]
fn leaf(
    q: usize,
    c: &[f64],
    t: &[f64],
    l: &[f64],
    b: &[f64],
    small: &mut Vec<f64>,
    s_sum: &mut [f64],
    g_sum: &mut [f64],
) {
    let qq = q * q;
    small.clear();
    small.resize(7 * qq, 0.0);
    let (w, rest) = small.split_at_mut(qq);
    let (e, rest) = rest.split_at_mut(qq);
    let (et, rest) = rest.split_at_mut(qq);
    let (f, rest) = rest.split_at_mut(qq);
    let (ft, rest) = rest.split_at_mut(qq);
    let (fb, wb) = rest.split_at_mut(qq);
    // E' = Φ⁻¹T', with E = TΦ⁻¹.
    for j in 0..q {
        (0..q).for_each(|i| et[i + q * j] = t[j + q * i]);
    }
    solve_lower(q, l, et, q);
    solve_lower_transpose(q, l, et, q);
    for j in 0..q {
        (0..q).for_each(|i| e[i + q * j] = et[j + q * i]);
    }
    // W = TE', F = I − CW and its transpose.
    multiply_add(q, q, q, t, et, w);
    multiply_add(q, q, q, c, w, f);
    for j in 0..q {
        for i in 0..q {
            f[i + q * j] = f64::from(u8::from(i == j)) - f[i + q * j];
            ft[j + q * i] = f[i + q * j];
        }
    }
    // S = CF' − F B F', G = CE − F B E.
    multiply_add(q, q, q, f, b, fb);
    multiply_add(q, q, q, c, ft, s_sum);
    multiply_add(q, q, q, c, e, g_sum);
    fb.iter_mut().for_each(|x| *x = -*x);
    multiply_add(q, q, q, fb, ft, s_sum);
    multiply_add(q, q, q, fb, e, g_sum);
    // Q = W + WBW; W is symmetric.
    multiply_add(q, q, q, w, b, wb);
    f.copy_from_slice(w);
    multiply_add(q, q, q, wb, f, w);
}
