//! The blocks of the inverse that the gradient needs, from the roots of the elimination tree down.
//!
//! With Q = ΛM⁻¹Λ' (the conditional covariance of b over σ²), W = Λ_s Φ⁻¹Λ_s' and the fronts C of the
//! factorisation, Takahashi's recursion on the data scale reads, for front s with later rows R,
//!
//! ```text
//!     Q_sR = −W C_sR Q_RR                Q_ss = W + W B W,     B = C_sR Q_RR C_Rs
//! ```
//!
//! and differentiating log|M| with respect to Σ_s = Λ_sΛ_s' gives
//!
//! ```text
//!     Z_s'V⁻¹Z_s    = C_ss(I − WC_ss) − (I − C_ss W) B (I − WC_ss)
//!     Z_s'V⁻¹Z_sΛ_s = C_ss Λ_sΦ⁻¹     − (I − C_ss W) B Λ_sΦ⁻¹
//! ```
//!
//! The second form has no cancellation as T → 0. Large fronts work with K = Φ⁻¹Λ'C_sR instead:
//! Q_sR = −ΛKQ_RR, Q_ss = Λ(Φ⁻¹ + KQ_RR K')Λ', (I − CW)C_sR = C_sR − CΛK.

use std::ops::Range;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{matmul, triangular_solve};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::cross_products::{CrossProducts, RowBlock};
use crate::dense::{Square, solve_lower, solve_lower_transpose};
use crate::factor::{Factor, PARALLEL, cost};
use crate::front::Front;
use crate::layout::{Layout, Shape, piece, pieces};
use crate::pairs::Pairs;

/// A front with at most this many rows gets its exact Z_s'V⁻¹Z_s as a matter of course.
const CHEAP: usize = 48;

/// Templates whose columns, scaled to unit length, are worse conditioned than this cannot be divided
/// out of Z'V⁻¹ZΛ.
const INVERTIBLE: f64 = 1e-8;

/// Σ over levels of Z_j'V⁻¹Z_j and of Z_j'V⁻¹Z_j T, per factor.
#[derive(Debug, Clone)]
pub struct Sensitivity {
    /// Σ_j Z_j'V⁻¹Z_j.
    pub s: Vec<Square>,
    /// Σ_j Z_j'V⁻¹Z_j T_f: half the gradient of log|M| in T_f.
    pub g: Vec<Square>,
    /// Q_jj per position, by slot, q² values each; empty unless asked for.
    pub conditional: Vec<f64>,
}

/// Reserved memory for the inverse.
#[derive(Debug, Clone)]
pub struct InverseMemory {
    inverse: Vec<f64>,
    pairs: Vec<f64>,
}

impl InverseMemory {
    /// Reserves it.
    pub fn new(layout: &Layout, pairs: &Pairs) -> Self {
        let inverse = vec![0.0; layout.inverse[layout.inverse.len() - 1]];
        Self {
            inverse,
            pairs: vec![0.0; pairs.size()],
        }
    }
}

impl Sensitivity {
    fn zeros(widths: &[usize]) -> Self {
        let zeros: Vec<Square> = widths.iter().map(|&q| Square::zeros(q)).collect();
        Self {
            s: zeros.clone(),
            g: zeros,
            conditional: Vec::new(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.s.iter_mut().zip(&other.s).for_each(|(a, b)| a.add(b));
        self.g.iter_mut().zip(&other.g).for_each(|(a, b)| a.add(b));
    }

    /// Runs the recursion. With `conditional` the diagonal blocks of Q are kept as well.
    pub fn new(
        factor: &Factor,
        cross: &CrossProducts,
        pairs: &Pairs,
        memory: &mut InverseMemory,
        conditional: bool,
    ) -> Self {
        let layout = &*factor.layout;
        let widths: Vec<usize> = factor.templates.iter().map(|t| t.n).collect();
        let mut out = Self::zeros(&widths);
        // Σ Z_s'V⁻¹Z_sT over the large fronts, kept apart until it is divided by T.
        let mut divided = Self::zeros(&widths);
        let exact: Vec<bool> = factor.templates.iter().map(|t| !invertible(t)).collect();
        for level in layout.levels.iter().rev() {
            let shares = fronts(factor, level.clone(), &mut memory.inverse, &exact);
            for (share, direct) in shares {
                if direct { &mut out } else { &mut divided }.add(&share);
            }
        }
        for (f, t) in factor.templates.iter().enumerate() {
            if !exact[f] && divided.g[f].data.iter().any(|v| *v != 0.0) {
                divided.s[f].add(&divide(&divided.g[f], t));
            }
        }
        out.add(&divided);
        pairs.multiply(layout, cross, &memory.inverse, &mut memory.pairs);
        let leaves = Leaves {
            factor,
            cross,
            pairs,
            inverse: &memory.inverse,
            values: &memory.pairs,
        };
        leaves.add_to(&mut out, conditional);
        if conditional {
            copy_conditional(layout, &memory.inverse, &mut out.conditional);
        }
        out
    }
}

/// Whether G T⁻¹ is accurate: no zero column, and unit-length columns far from dependent.
fn invertible(t: &Square) -> bool {
    let mut unit = t.clone();
    for j in 0..t.n {
        let length = (j..t.n).map(|i| t[(i, j)].powi(2)).sum::<f64>().sqrt();
        if length == 0.0 {
            return false;
        }
        (j..t.n).for_each(|i| unit[(i, j)] /= length);
    }
    (0..t.n).all(|j| unit[(j, j)].abs() > INVERTIBLE)
}

/// Symmetric part of G T⁻¹.
fn divide(g: &Square, t: &Square) -> Square {
    // T'S = G' (S symmetric).
    let mut s = g.transpose();
    solve_lower_transpose(t.n, &t.data, &mut s.data, t.n);
    let other = s.transpose();
    s.data
        .iter_mut()
        .zip(&other.data)
        .for_each(|(a, b)| *a = 0.5 * (*a + b));
    s
}

/// Leaves have their Q_jj from [`Leaves`]; the other fronts from the diagonal blocks of theirs.
fn copy_conditional(layout: &Layout, inverse: &[f64], out: &mut Vec<f64>) {
    let symbolic = &layout.symbolic;
    for level in &layout.levels {
        for slot in level.clone() {
            let Shape { front, n, .. } = layout.shapes[slot];
            let q = piece(inverse, &layout.inverse, slot);
            let mut at = 0;
            for v in symbolic.nodes(front) {
                let width = symbolic.width(v);
                for j in 0..width {
                    let column = n * (at + j) + at;
                    out.extend_from_slice(&q[column..column + width]);
                }
                at += width;
            }
        }
    }
}

/// One level of fronts: their inverse blocks, and their shares of the sums (with a flag: is the
/// share of `s` exact already?).
fn fronts(
    factor: &Factor,
    slots: Range<usize>,
    inverse: &mut [f64],
    exact: &[bool],
) -> Vec<(Sensitivity, bool)> {
    let layout = &*factor.layout;
    let (below, above) = inverse.split_at_mut(layout.inverse[slots.end]);
    let current = &mut below[layout.inverse[slots.start]..];
    let work: Vec<_> = slots
        .clone()
        .zip(pieces(current, &layout.inverse, slots.clone()))
        .collect();
    let above = Above {
        layout,
        values: above,
        from: layout.inverse[slots.end],
    };
    let run = |par: Par, (slot, q): (usize, &mut [f64])| {
        let shape = layout.shapes[slot];
        let front = Front {
            layout,
            shape,
            templates: &factor.templates,
            par,
        };
        let c = piece(&factor.fronts, &layout.front, slot);
        let l = piece(&factor.factors, &layout.factor, slot);
        let y = piece(&factor.rows, &layout.rows, slot);
        let direct = shape.n <= CHEAP;
        let want = |f: usize| direct || exact[f];
        (
            Inner {
                front,
                c,
                l,
                y,
                above: &above,
            }
            .run(q, &want),
            direct,
        )
    };
    if work.len() > 1 && cost(layout, &slots) > PARALLEL {
        work.into_par_iter().map(|job| run(Par::Seq, job)).collect()
    } else {
        work.into_iter()
            .map(|job| run(Par::rayon(0), job))
            .collect()
    }
}

/// The inverse blocks of later fronts.
struct Above<'a> {
    layout: &'a Layout,
    values: &'a [f64],
    from: usize,
}

impl Above<'_> {
    /// The block Q_t = [Q_tt | Q_tR] of a later slot.
    fn block(&self, slot: usize) -> &[f64] {
        let p = &self.layout.inverse;
        &self.values[p[slot] - self.from..p[slot + 1] - self.from]
    }

    /// Q_RR for the rows R of a front, full, r × r.
    fn gather(&self, front: usize, r: usize, out: &mut Vec<f64>) {
        let (layout, symbolic) = (self.layout, &self.layout.symbolic);
        out.clear();
        out.resize(r * r, 0.0);
        let (list, offsets) = (symbolic.rows.of(front), symbolic.offsets_of_rows(front));
        for (i, (&p, &at)) in list.iter().zip(offsets).enumerate() {
            let t = symbolic.front[p as usize] as usize;
            let slot = layout.slot[t] as usize;
            let (n, block) = (layout.shapes[slot].n, self.block(slot));
            let base = symbolic.scalars(t).start;
            let row = symbolic.offset[p as usize] - base;
            let (t_rows, t_offsets) = (symbolic.rows.of(t), symbolic.offsets_of_rows(t));
            let mut cursor = 0;
            for (&l, &l_at) in list.iter().zip(offsets).skip(i) {
                let column = if symbolic.front[l as usize] as usize == t {
                    symbolic.offset[l as usize] - base
                } else {
                    cursor += t_rows[cursor..].partition_point(|&u| u < l);
                    n + t_offsets[cursor] as usize
                };
                for b in 0..symbolic.width(l as usize) {
                    for a in 0..symbolic.width(p as usize) {
                        let value = block[row + a + n * (column + b)];
                        let (x, y) = (at as usize + a, l_at as usize + b);
                        out[x + r * y] = value;
                        out[y + r * x] = value;
                    }
                }
            }
        }
    }
}

/// One front on the way down.
struct Inner<'a> {
    front: Front<'a>,
    c: &'a [f64],
    l: &'a [f64],
    y: &'a [f64],
    above: &'a Above<'a>,
}

impl Inner<'_> {
    fn run(&self, q: &mut [f64], want_s: &dyn Fn(usize) -> bool) -> Sensitivity {
        let front = &self.front;
        let Shape { n, r, .. } = front.shape;
        let par = front.par;
        let widths: Vec<usize> = front.templates.iter().map(|t| t.n).collect();
        let mut out = Sensitivity::zeros(&widths);
        let (own, beyond) = q.split_at_mut(n * n);
        inverse_from_factor(n, self.l, own, par);
        self.add_first_terms(own, want_s, &mut out);
        if r > 0 {
            let mut k = self.y[..n * r].to_vec();
            let l = MatRef::from_column_major_slice(self.l, n, n);
            let view = MatMut::from_column_major_slice_mut(&mut k, n, r);
            triangular_solve::solve_upper_triangular_in_place(l.transpose(), view, par);
            let mut later = Vec::new();
            self.above.gather(front.shape.front, r, &mut later);
            self.eliminate_later(&k, &later, own, beyond, want_s, &mut out);
        }
        symmetric_lower(n, own);
        scale_both_sides(front, own);
        out
    }

    /// Blocks (CΛΦ⁻¹)_jj into `g` and, where wanted, (C − CWC)_jj into `s`.
    fn add_first_terms(
        &self,
        phi_inverse: &[f64],
        want_s: &dyn Fn(usize) -> bool,
        out: &mut Sensitivity,
    ) {
        let front = &self.front;
        let n = front.shape.n;
        let symbolic = &front.layout.symbolic;
        let nodes = symbolic.nodes(front.shape.front);
        let any_s = nodes.clone().any(|v| want_s(symbolic.factor[v] as usize));
        if !any_s && nodes.len() == n {
            self.add_scalar_terms(phi_inverse, out);
            return;
        }
        let mut scaled = vec![0.0; n];
        let full = self.full_c();
        // N C = L⁻¹Λ'C, whose column blocks give the diagonal of CWC.
        let half = any_s.then(|| {
            let mut half = full.clone();
            front.lambda_transpose(&mut half);
            front.solve_lower(self.l, &mut half);
            half
        });
        let mut at = 0;
        for v in nodes {
            let (q, f) = (symbolic.width(v), symbolic.factor[v] as usize);
            for j in 0..q {
                // Column of ΛΦ⁻¹, its upper part read from the lower triangle.
                for i in 0..n {
                    let (a, b) = (i.max(at + j), i.min(at + j));
                    scaled[i] = phi_inverse[a + n * b];
                }
                front.lambda(&mut scaled);
                for i in 0..q {
                    let row = &full[n * (at + i)..n * (at + i + 1)];
                    out.g[f][(i, j)] += row.iter().zip(&scaled).map(|(c, x)| c * x).sum::<f64>();
                }
            }
            if let Some(half) = half.as_ref().filter(|_| want_s(f)) {
                for j in 0..q {
                    let right = &half[n * (at + j)..n * (at + j + 1)];
                    for i in 0..q {
                        let left = &half[n * (at + i)..n * (at + i + 1)];
                        let dot: f64 = left.iter().zip(right).map(|(a, b)| a * b).sum();
                        out.s[f][(i, j)] += self.c[at + i + n * (at + j)] - dot;
                    }
                }
            }
            at += q;
        }
    }

    /// (CΛΦ⁻¹)_jj into `g` where every node is one scalar: one pass over the lower triangles.
    fn add_scalar_terms(&self, phi_inverse: &[f64], out: &mut Sensitivity) {
        let n = self.front.shape.n;
        let symbolic = &self.front.layout.symbolic;
        let factor = |v: usize| symbolic.factor[v] as usize;
        let nodes = symbolic.nodes(self.front.shape.front);
        let t: Vec<f64> = nodes
            .clone()
            .map(|v| self.front.templates[factor(v)][(0, 0)])
            .collect();
        let mut row = vec![0.0; n];
        for j in 0..n {
            let (c, phi) = (
                &self.c[n * j..n * (j + 1)],
                &phi_inverse[n * j..n * (j + 1)],
            );
            let mut own = c[j] * phi[j] * t[j];
            for i in j + 1..n {
                let product = c[i] * phi[i];
                own += product * t[i];
                row[i] += product * t[j];
            }
            row[j] += own;
        }
        nodes
            .zip(&row)
            .for_each(|(v, value)| out.g[factor(v)][(0, 0)] += value);
    }

    fn full_c(&self) -> Vec<f64> {
        let n = self.front.shape.n;
        let mut full = self.c[..n * n].to_vec();
        symmetric_lower(n, &mut full);
        full
    }

    /// The terms that come from the later rows R.
    fn eliminate_later(
        &self,
        k: &[f64],
        later: &[f64],
        own: &mut [f64],
        beyond: &mut [f64],
        want_s: &dyn Fn(usize) -> bool,
        out: &mut Sensitivity,
    ) {
        let front = &self.front;
        let Shape { n, r, .. } = front.shape;
        let par = front.par;
        let q_rr = MatRef::from_column_major_slice(later, r, r);
        let k_view = MatRef::from_column_major_slice(k, n, r);
        // H = K Q_RR.
        let mut h = vec![0.0; n * r];
        let h_view = MatMut::from_column_major_slice_mut(&mut h, n, r);
        matmul::matmul(h_view, Accum::Replace, k_view, q_rr, 1.0, par);
        let h_view = MatRef::from_column_major_slice(&h, n, r);
        triangular::matmul(
            MatMut::from_column_major_slice_mut(own, n, n),
            BlockStructure::TriangularLower,
            Accum::Add,
            h_view,
            BlockStructure::Rectangular,
            k_view.transpose(),
            BlockStructure::Rectangular,
            1.0,
            par,
        );
        // V = (I − CW)C_sR = C_sR − CΛK.
        let mut lambda_k = k.to_vec();
        front.lambda(&mut lambda_k);
        let mut v = self.c[n * n..n * (n + r)].to_vec();
        let full = self.full_c();
        matmul::matmul(
            MatMut::from_column_major_slice_mut(&mut v, n, r),
            Accum::Add,
            MatRef::from_column_major_slice(&full, n, n),
            MatRef::from_column_major_slice(&lambda_k, n, r),
            -1.0,
            par,
        );
        subtract_diagonal_blocks(front, &v, &h, &|_| true, &mut out.g);
        let symbolic = &front.layout.symbolic;
        if symbolic
            .nodes(front.shape.front)
            .any(|u| want_s(symbolic.factor[u] as usize))
        {
            let mut vq = vec![0.0; n * r];
            matmul::matmul(
                MatMut::from_column_major_slice_mut(&mut vq, n, r),
                Accum::Replace,
                MatRef::from_column_major_slice(&v, n, r),
                q_rr,
                1.0,
                par,
            );
            subtract_diagonal_blocks(front, &v, &vq, want_s, &mut out.s);
        }
        // Q_sR = −ΛH.
        beyond.copy_from_slice(&h);
        front.lambda(beyond);
        beyond.iter_mut().for_each(|x| *x = -*x);
    }
}

/// sums[f] −= (A B')_jj for the nodes j of a front whose factor is wanted.
fn subtract_diagonal_blocks(
    front: &Front<'_>,
    a: &[f64],
    b: &[f64],
    want: &dyn Fn(usize) -> bool,
    sums: &mut [Square],
) {
    let Shape { n, r, .. } = front.shape;
    let symbolic = &front.layout.symbolic;
    for c in 0..r {
        let (left, right) = (&a[n * c..n * (c + 1)], &b[n * c..n * (c + 1)]);
        let mut at = 0;
        for v in symbolic.nodes(front.shape.front) {
            let (q, f) = (symbolic.width(v), symbolic.factor[v] as usize);
            if want(f) {
                for j in 0..q {
                    (0..q).for_each(|i| sums[f][(i, j)] -= left[at + i] * right[at + j]);
                }
            }
            at += q;
        }
    }
}

/// Lower triangle of (LL')⁻¹.
fn inverse_from_factor(n: usize, l: &[f64], out: &mut [f64], par: Par) {
    if n <= crate::front::SMALL {
        out.fill(0.0);
        (0..n).for_each(|i| out[i + n * i] = 1.0);
        solve_lower(n, l, out, n);
        solve_lower_transpose(n, l, out, n);
        return;
    }
    let mut memory = MemBuffer::new(llt::inverse::inverse_scratch::<f64>(n, par));
    llt::inverse::inverse(
        MatMut::from_column_major_slice_mut(out, n, n),
        MatRef::from_column_major_slice(l, n, n),
        par,
        MemStack::new(&mut memory),
    );
}

/// Copies the lower triangle to the upper, tile by tile.
fn symmetric_lower(n: usize, a: &mut [f64]) {
    const TILE: usize = 64;
    for jj in (0..n).step_by(TILE) {
        for ii in (jj..n).step_by(TILE) {
            for j in jj..n.min(jj + TILE) {
                for i in ii.max(j + 1)..n.min(ii + TILE) {
                    a[j + n * i] = a[i + n * j];
                }
            }
        }
    }
}

/// Ψ ← ΛΨΛ' for a full symmetric Ψ.
fn scale_both_sides(front: &Front<'_>, a: &mut [f64]) {
    let n = front.shape.n;
    let symbolic = &front.layout.symbolic;
    front.lambda(a);
    // Right multiplication by Λ': columns of each node, from the last back.
    let mut at = 0;
    for v in symbolic.nodes(front.shape.front) {
        let (q, t) = (
            symbolic.width(v),
            &front.templates[symbolic.factor[v] as usize],
        );
        for j in (0..q).rev() {
            let (before, from) = a.split_at_mut(n * (at + j));
            let column = &mut from[..n];
            column.iter_mut().for_each(|x| *x *= t[(j, j)]);
            for s in 0..j {
                let (other, f) = (&before[n * (at + s)..n * (at + s + 1)], t[(j, s)]);
                column.iter_mut().zip(other).for_each(|(x, o)| *x += f * o);
            }
        }
        at += q;
    }
}

/// All leaves on the way down.
struct Leaves<'a> {
    factor: &'a Factor,
    cross: &'a CrossProducts,
    pairs: &'a Pairs,
    inverse: &'a [f64],
    values: &'a [f64],
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
    fn add_to(&self, out: &mut Sensitivity, conditional: bool) {
        let layout = &*self.factor.layout;
        let n = layout.n_leaves();
        let widths: Vec<usize> = self.factor.templates.iter().map(|t| t.n).collect();
        let starts: Vec<usize> = (0..n).step_by(layout.leaves_per_task).collect();
        let run = |&start: &usize| {
            let mut share = Sensitivity::zeros(&widths);
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
            self.pairs
                .leaf(layout, v, block, self.values, &mut scratch.b);
            return;
        }
        let above = Above {
            layout,
            values: self.inverse,
            from: 0,
        };
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
                multiply_add(
                    q,
                    r,
                    r,
                    block.later(),
                    &scratch.gathered,
                    &mut scratch.product,
                );
            }
        }
        for c in 0..r {
            let (left, right) = (
                &scratch.product[q * c..q * (c + 1)],
                &block.later()[q * c..q * (c + 1)],
            );
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
        let consecutive = (last - first) as usize + 1 == list.len();
        (r >= WIDE && consecutive && symbolic.front[last as usize] == t).then(|| {
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
#[expect(
    clippy::too_many_arguments,
    reason = "one call site, inlined per block width"
)]
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
