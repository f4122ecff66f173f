//! Leaves that reach a large last front here and there: the sparse border of a dense remainder.
//!
//! U_p = C_pR Q_RR is wanted for every leaf p. Gathering Q_RR per leaf jumps about in a large
//! matrix; instead each column of Q is read once, for all leaves that touch it. U is stored by
//! (column, leaf), so tasks over columns write to separate places.

use rayon::prelude::*;

use crate::cross_products::{CrossProducts, RowBlock};
use crate::layout::{Layout, piece};
use crate::links::Links;
use crate::symbolic::{Symbolic, consecutive};
use crate::watch::Watch;

/// A remainder with fewer rows fits in cache: gathering is as good.
const LARGE: usize = 96;

/// Where U_p is stored.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// Slot of the remainder, or none.
    slot: Option<usize>,
    /// Per position: is it a leaf treated here?
    held: Vec<bool>,
    /// Positions of the remainder and the start of their pieces.
    columns: Vec<(usize, usize)>,
    /// Per item of `later` of a held leaf: where its block of U starts.
    place: Vec<u32>,
    size: usize,
}

impl Pairs {
    /// Finds the leaves.
    pub fn new(layout: &Layout) -> Self {
        let symbolic = &layout.symbolic;
        let Some(slot) = layout.shapes.len().checked_sub(1) else {
            return Self::default();
        };
        let shape = layout.shapes[slot];
        if slot < layout.n_leaves() || shape.n < LARGE || shape.r > 0 {
            return Self::default();
        }
        let n = symbolic.factor.len();
        let mut held = vec![false; n];
        for &leaf in &symbolic.leaves {
            let v = symbolic.first[leaf as usize] as usize;
            let list = symbolic.rows.of(leaf as usize);
            let Some(&first) = list.first() else { continue };
            let inside = symbolic.front[first as usize] as usize == shape.front;
            held[v] = inside && !(consecutive(list) && list.len() >= 16);
        }
        let mut place = vec![0u32; symbolic.later.n_items()];
        let (mut size, mut columns) = (0usize, Vec::new());
        for v in symbolic.nodes(shape.front) {
            columns.push((v, size));
            for &(p, index) in symbolic.earlier.of(v) {
                if held[p as usize] {
                    place[symbolic.later.range(p as usize).start + index as usize] = size as u32;
                    size += symbolic.width(p as usize) * symbolic.width(v);
                }
            }
        }
        if size == 0 || size > u32::MAX as usize {
            return Self::default();
        }
        Self { slot: Some(slot), held, columns, place, size }
    }

    /// Whether there are such leaves.
    pub fn any(&self) -> bool {
        self.slot.is_some()
    }

    /// Number of values of U.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether a position is a leaf treated here.
    pub fn holds(&self, v: usize) -> bool {
        self.slot.is_some() && self.held[v]
    }

    /// U_p = C_pR Q_RR for all held leaves.
    pub fn multiply(
        &self,
        layout: &Layout,
        cross: &CrossProducts,
        links: Option<&Links>,
        inverse: &[f64],
        u: &mut [f64],
    ) {
        let Some(slot) = self.slot else { return };
        let symbolic = &layout.symbolic;
        let (n, q) = (layout.shapes[slot].n, piece(inverse, &layout.inverse, slot));
        let base = symbolic.scalars(layout.shapes[slot].front).start;
        let ends = self.columns.iter().skip(1).map(|c| c.1).chain([self.size]);
        let mut tasks = Vec::with_capacity(self.columns.len());
        let mut rest = u;
        for (&(v, start), end) in self.columns.iter().zip(ends) {
            let (mine, after) = rest.split_at_mut(end - start);
            tasks.push((v, mine));
            rest = after;
        }
        let watch = Watch::current();
        let scalar = symbolic.dim() == symbolic.factor.len();
        if let Some(links) = links.filter(|_| scalar) {
            let (later, first) = (symbolic.later.items(), base_position(symbolic, base));
            tasks.into_par_iter().with_min_len(4).for_each(|(v, out)| {
                if watch.check().is_err() {
                    return;
                }
                let column = &q[n * (v - first)..][..n];
                let of_v = symbolic.earlier.of(v).iter().zip(links.of(layout, v));
                let held = of_v.filter(|((p, _), _)| self.held[*p as usize]);
                for (out, (_, link)) in out.iter_mut().zip(held) {
                    let list = &later[link.list as usize..][..link.length as usize];
                    let c = &cross.values()[(link.a - link.index) as usize..][..list.len()];
                    let products = c.iter().zip(list);
                    *out = products.map(|(c, &l)| c * column[l as usize - first]).sum();
                }
            });
            return;
        }
        tasks.into_par_iter().with_min_len(4).for_each(|(v, mut out)| {
            if watch.check().is_err() {
                return;
            }
            let width = symbolic.width(v);
            let column = &q[n * (symbolic.offset[v] - base)..][..n * width];
            for &(p, _) in symbolic.earlier.of(v) {
                let p = p as usize;
                if !self.held[p] {
                    continue;
                }
                let (block, list) = (cross.block(p), symbolic.later.of(p));
                let (mine, after) = out.split_at_mut(block.q * width);
                if block.q == 1 && width == 1 && block.r == list.len() {
                    let products = block.later().iter().zip(list);
                    mine[0] = products
                        .map(|(c, &l)| c * column[symbolic.offset[l as usize] - base])
                        .sum();
                } else {
                    let offsets = cross.later_offsets(p);
                    times_column(&block, list, offsets, &symbolic.offset, base, column, n, mine);
                }
                out = after;
            }
        });
    }

    /// B = U_p C_pR'.
    pub fn leaf(&self, layout: &Layout, v: usize, block: &RowBlock<'_>, u: &[f64], b: &mut [f64]) {
        let symbolic = &layout.symbolic;
        let q = block.q;
        let mut column = 0;
        let places = &self.place[symbolic.later.range(v)];
        for (&l, &at) in symbolic.later.of(v).iter().zip(places) {
            for s in 0..symbolic.width(l as usize) {
                let left = &u[at as usize + q * s..][..q];
                let right = &block.later()[q * column..q * (column + 1)];
                for j in 0..q {
                    (0..q).for_each(|i| b[i + q * j] += left[i] * right[j]);
                }
                column += 1;
            }
        }
    }
}

/// Position of a scalar row.
fn base_position(symbolic: &Symbolic, row: usize) -> usize {
    symbolic.offset.partition_point(|&o| o < row)
}

/// One block of U: C_pR times a node's columns of Q.
#[expect(clippy::too_many_arguments, reason = "one call site")]
fn times_column(
    block: &RowBlock<'_>,
    list: &[u32],
    offsets: &[u32],
    offset: &[usize],
    base: usize,
    columns: &[f64],
    n: usize,
    out: &mut [f64],
) {
    let q = block.q;
    out.fill(0.0);
    for (&l, &at) in list.iter().zip(offsets) {
        let row = offset[l as usize] - base;
        for s in 0..offset[l as usize + 1] - offset[l as usize] {
            let c = &block.later()[q * (at as usize + s)..][..q];
            for (j, out) in out.chunks_exact_mut(q).enumerate() {
                let f = columns[row + s + n * j];
                out.iter_mut().zip(c).for_each(|(o, c)| *o += c * f);
            }
        }
    }
}
