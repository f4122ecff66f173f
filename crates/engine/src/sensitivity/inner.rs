//! One front that is not a leaf on the way down.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{matmul, triangular_solve};
use faer::{Accum, MatMut, MatRef};

use super::Sensitivity;
use super::above::Above;
use crate::dense::Square;
use crate::front::{Front, inverse_from_factor};
use crate::layout::Shape;

/// One front on the way down.
pub struct Inner<'a> {
    /// The front.
    pub front: Front<'a>,
    /// C of the front.
    pub c: &'a [f64],
    /// L of the front.
    pub l: &'a [f64],
    /// Y of the front.
    pub y: &'a [f64],
    /// Later fronts.
    pub above: &'a Above<'a>,
}

impl Inner<'_> {
    /// Writes [Q_ss | Q_sR] to `q`; returns the front's share of the sums, that of `s` for the
    /// factors wanted.
    pub fn run(&self, q: &mut [f64], want_s: &dyn Fn(usize) -> bool) -> Sensitivity {
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
        let t: Vec<f64> = nodes.clone().map(|v| self.front.templates[factor(v)][(0, 0)]).collect();
        let mut row = vec![0.0; n];
        for j in 0..n {
            let (c, phi) = (&self.c[n * j..n * (j + 1)], &phi_inverse[n * j..n * (j + 1)]);
            let mut own = c[j] * phi[j] * t[j];
            for i in j + 1..n {
                let product = c[i] * phi[i];
                own += product * t[i];
                row[i] += product * t[j];
            }
            row[j] += own;
        }
        nodes.zip(&row).for_each(|(v, value)| out.g[factor(v)][(0, 0)] += value);
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
        if symbolic.nodes(front.shape.front).any(|u| want_s(symbolic.factor[u] as usize)) {
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
    if let Some(t) = front.scalar_templates() {
        for (column, tj) in a.chunks_exact_mut(n).zip(&t) {
            column.iter_mut().zip(&t).for_each(|(x, ti)| *x *= ti * tj);
        }
        return;
    }
    front.lambda(a);
    // Right multiplication by Λ': columns of each node, from the last back.
    let mut at = 0;
    for v in symbolic.nodes(front.shape.front) {
        let (q, t) = (symbolic.width(v), &front.templates[symbolic.factor[v] as usize]);
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
