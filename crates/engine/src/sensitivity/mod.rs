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

mod above;
mod inner;
mod leaves;

use std::ops::Range;

use faer::Par;
use rayon::prelude::*;

use crate::cross_products::CrossProducts;
use crate::dense::{Square, solve_lower_transpose};
use crate::error::Result;
use crate::factor::{Factor, PARALLEL, cost};
use crate::front::Front;
use crate::layout::{Layout, Shape, piece, pieces};
use crate::memory::zeros;
use crate::pairs::Pairs;
use crate::parallel::all_threads;
use crate::watch::{self, Watch};
pub use above::Above;
use inner::Inner;
use leaves::Leaves;

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
    pub fn new(layout: &Layout, pairs: &Pairs) -> Result<Self> {
        let inverse = zeros(layout.inverse[layout.inverse.len() - 1])?;
        Ok(Self { inverse, pairs: zeros(pairs.size())? })
    }
}

impl Sensitivity {
    fn zeros(widths: &[usize]) -> Self {
        let zeros: Vec<Square> = widths.iter().map(|&q| Square::zeros(q)).collect();
        Self { s: zeros.clone(), g: zeros, conditional: Vec::new() }
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
        let exact: Vec<bool> =
            factor.templates.iter().map(|t| t.unit_pivot() <= INVERTIBLE).collect();
        for level in layout.levels.iter().rev() {
            if watch::check().is_err() {
                return out;
            }
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
        pairs.multiply(layout, cross, factor.links.as_deref(), &memory.inverse, &mut memory.pairs);
        let leaves =
            Leaves { factor, cross, pairs, inverse: &memory.inverse, values: &memory.pairs };
        leaves.add_to(&mut out, conditional);
        if conditional {
            copy_conditional(layout, &memory.inverse, &mut out.conditional);
        }
        out
    }
}

/// The inverse blocks [Q_ss | Q_sR] of all fronts but the leaves, and access to them.
pub fn inverse_blocks<'a>(factor: &'a Factor, memory: &'a mut InverseMemory) -> Above<'a> {
    let layout = &*factor.layout;
    let exact = vec![false; factor.templates.len()];
    for level in layout.levels.iter().rev() {
        fronts(factor, level.clone(), &mut memory.inverse, &exact);
    }
    Above { layout, values: &memory.inverse, from: 0 }
}

/// Symmetric part of G T⁻¹.
fn divide(g: &Square, t: &Square) -> Square {
    // T'S = G' (S symmetric).
    let mut s = g.transpose();
    solve_lower_transpose(t.n, &t.data, &mut s.data, t.n);
    let other = s.transpose();
    s.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a = 0.5 * (*a + b));
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
    let widths: Vec<usize> = factor.templates.iter().map(|t| t.n).collect();
    let (below, above) = inverse.split_at_mut(layout.inverse[slots.end]);
    let current = &mut below[layout.inverse[slots.start]..];
    let work: Vec<_> = slots.clone().zip(pieces(current, &layout.inverse, slots.clone())).collect();
    let above = Above { layout, values: above, from: layout.inverse[slots.end] };
    let run = |par: Par, (slot, q): (usize, &mut [f64])| {
        let shape = layout.shapes[slot];
        let front = Front { layout, shape, templates: &factor.templates, par };
        let c = piece(&factor.fronts, &layout.front, slot);
        let l = piece(&factor.factors, &layout.factor, slot);
        let y = piece(&factor.rows, &layout.rows, slot);
        let direct = shape.n <= CHEAP;
        if watch::check().is_err() {
            return (Sensitivity::zeros(&widths), direct);
        }
        let want = |f: usize| direct || exact[f];
        (Inner { front, c, l, y, above: &above }.run(q, &want), direct)
    };
    if work.len() > 1 && cost(layout, &slots) > PARALLEL {
        let watch = Watch::current();
        work.into_par_iter().map(|job| watch.during(|| run(Par::Seq, job))).collect()
    } else {
        work.into_iter().map(|job| run(all_threads(), job)).collect()
    }
}
