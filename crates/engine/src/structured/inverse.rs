//! The blocks of M⁻¹ on the pattern of M, and solutions of M x = b.

use rayon::prelude::*;

use crate::cross_products::CrossProducts;
use crate::dense::{solve_lower, solve_lower_transpose};
use crate::error::Result;
use crate::factor::Factor;
use crate::layout::{Layout, piece};
use crate::pairs::Pairs;
use crate::row_major::axpy;
use crate::sensitivity::{Above, InverseMemory, inverse_blocks};
use crate::watch::Watch;

/// Positions that one task visits.
const PER_TASK: usize = 512;

/// M⁻¹ where M is not zero, in the row blocks of `CrossProducts` (right-hand columns left empty).
#[derive(Debug, Clone)]
pub struct Inverse {
    values: Vec<f64>,
}

impl Inverse {
    /// From the factorisation of M, whose cross-products are M − I.
    pub fn new(factor: &Factor, cross: &CrossProducts) -> Result<Self> {
        let layout = &*factor.layout;
        let mut memory = InverseMemory::new(layout, &Pairs::default())?;
        let above = inverse_blocks(factor, &mut memory);
        let mut values = vec![0.0; cross.values().len()];
        let n = layout.symbolic.factor.len();
        let mut tasks = Vec::new();
        let mut rest = values.as_mut_slice();
        for first in (0..n).step_by(PER_TASK) {
            let stop = n.min(first + PER_TASK);
            let end = if stop < n { cross.start(stop) } else { cross.values().len() };
            let (mine, after) = rest.split_at_mut(end - cross.start(first));
            tasks.push((first..stop, mine));
            rest = after;
        }
        let watch = Watch::current();
        let run = |(range, out): (std::ops::Range<usize>, &mut [f64])| {
            if watch.check().is_err() {
                return;
            }
            let base = cross.start(range.start);
            let mut gathered = Gathered::default();
            for v in range {
                let (at, size) = (cross.start(v) - base, cross.block(v).values.len());
                position(factor, cross, &above, v, &mut gathered, &mut out[at..at + size]);
            }
        };
        if tasks.len() > 1 {
            tasks.into_par_iter().for_each(run);
        } else {
            tasks.into_iter().for_each(run);
        }
        watch.check()?;
        Ok(Self { values })
    }

    /// Any symmetric matrix of which the blocks on the pattern of M are given.
    pub fn of_blocks(values: Vec<f64>) -> Self {
        Self { values }
    }

    /// The row block of a position: [own | later], column-major.
    pub fn of(&self, cross: &CrossProducts, v: usize) -> &[f64] {
        let block = cross.block(v);
        &self.values[cross.start(v)..][..block.q * (block.q + block.r)]
    }
}

/// Q_RR for the rows R of a leaf; the next one often has the same.
#[derive(Default)]
struct Gathered {
    list: Vec<u32>,
    values: Vec<f64>,
}

impl Gathered {
    fn of(&mut self, above: &Above<'_>, front: usize, r: usize) -> &[f64] {
        let list = above.layout.symbolic.rows.of(front);
        if self.list != list {
            above.gather(front, r, &mut self.values);
            self.list.clear();
            self.list.extend_from_slice(list);
        }
        &self.values
    }
}

fn position(
    factor: &Factor,
    cross: &CrossProducts,
    above: &Above<'_>,
    v: usize,
    gathered: &mut Gathered,
    out: &mut [f64],
) {
    let slot = factor.layout.slot_of(v);
    if slot < factor.layout.n_leaves() {
        leaf(factor, cross, above, v, gathered, out);
    } else {
        inner(&factor.layout, above, v, slot, out);
    }
}

/// Reads the blocks of a front.
fn inner(layout: &Layout, above: &Above<'_>, v: usize, slot: usize, out: &mut [f64]) {
    let symbolic = &layout.symbolic;
    let (shape, block) = (layout.shapes[slot], above.block(slot));
    let base = symbolic.scalars(shape.front).start;
    let (row, q) = (symbolic.offset[v] - base, symbolic.width(v));
    let mut copy = |at: usize, column: usize, width: usize| {
        for j in 0..width {
            let from = row + shape.n * (column + j);
            out[at + q * j..at + q * (j + 1)].copy_from_slice(&block[from..from + q]);
        }
    };
    copy(0, row, q);
    let (rows, offsets) = (symbolic.rows.of(shape.front), symbolic.offsets_of_rows(shape.front));
    let (mut at, mut cursor) = (q * q, 0);
    for &l in symbolic.later.of(v) {
        let width = symbolic.width(l as usize);
        let column = if symbolic.front[l as usize] as usize == shape.front {
            symbolic.offset[l as usize] - base
        } else {
            cursor += rows[cursor..].partition_point(|&u| u < l);
            shape.n + offsets[cursor] as usize
        };
        copy(at, column, width);
        at += q * width;
    }
}

/// With Φ = M_vv and Q = M⁻¹: Q_vR = −Φ⁻¹M_vR Q_RR, Q_vv = Φ⁻¹ − Q_vR M_Rv Φ⁻¹.
fn leaf(
    factor: &Factor,
    cross: &CrossProducts,
    above: &Above<'_>,
    v: usize,
    gathered: &mut Gathered,
    out: &mut [f64],
) {
    let layout = &*factor.layout;
    let slot = layout.slot_of(v);
    let block = cross.block(v);
    let (q, r) = (block.q, block.r);
    let l = piece(&factor.factors, &layout.factor, slot);
    let (own, rest) = out.split_at_mut(q * q);
    let later = &mut rest[..q * r];
    (0..q).for_each(|i| own[i + q * i] = 1.0);
    if r > 0 {
        let gathered = gathered.of(above, layout.shapes[slot].front, r);
        for j in 0..r {
            if q == 1 {
                let column = &gathered[r * j..r * (j + 1)];
                later[j] = -block.later().iter().zip(column).map(|(a, b)| a * b).sum::<f64>();
                continue;
            }
            for s in 0..r {
                let f = gathered[s + r * j];
                for i in 0..q {
                    later[i + q * j] -= block.later()[i + q * s] * f;
                }
            }
        }
        solve_lower(q, l, later, r);
        solve_lower_transpose(q, l, later, r);
        for s in 0..r {
            for j in 0..q {
                let f = block.later()[j + q * s];
                (0..q).for_each(|i| own[i + q * j] -= later[i + q * s] * f);
            }
        }
    }
    // own is I − Q_vR M_Rv: its transpose from the left by Φ⁻¹ is Q_vv.
    transpose(q, own);
    solve_lower(q, l, own, q);
    solve_lower_transpose(q, l, own, q);
}

fn transpose(n: usize, a: &mut [f64]) {
    for j in 0..n {
        (0..j).for_each(|i| a.swap(i + n * j, j + n * i));
    }
}

/// L⁻¹B for the `m` columns of B (row-major, scalar rows by slot), in place.
pub fn forward(factor: &Factor, b: &mut [f64], m: usize) {
    let layout = &*factor.layout;
    let symbolic = &layout.symbolic;
    for (slot, shape) in layout.shapes.iter().enumerate() {
        let n = shape.n;
        let (mine, later) = b.split_at_mut(layout.scalar[slot + 1] * m);
        let mine = &mut mine[layout.scalar[slot] * m..];
        let l = piece(&factor.factors, &layout.factor, slot);
        for j in 0..n {
            let (done, rest) = mine.split_at_mut((j + 1) * m);
            let pivot = &mut done[j * m..];
            pivot.iter_mut().for_each(|x| *x /= l[j + n * j]);
            for i in j + 1..n {
                axpy(-l[i + n * j], pivot, &mut rest[(i - j - 1) * m..(i - j) * m]);
            }
        }
        let y = piece(&factor.rows, &layout.rows, slot);
        let rows = symbolic.rows.of(shape.front).iter();
        for (&p, &at) in rows.zip(symbolic.offsets_of_rows(shape.front)) {
            let start = layout.start[p as usize] - layout.scalar[slot + 1];
            for s in 0..symbolic.width(p as usize) {
                let column = &y[n * (at as usize + s)..][..n];
                let out = &mut later[(start + s) * m..(start + s + 1) * m];
                column
                    .iter()
                    .enumerate()
                    .for_each(|(i, c)| axpy(-c, &mine[i * m..(i + 1) * m], out));
            }
        }
    }
}

/// L⁻ᵀB for the `m` columns of B (row-major, scalar rows by slot), in place.
pub fn backward(factor: &Factor, b: &mut [f64], m: usize) {
    let layout = &*factor.layout;
    let symbolic = &layout.symbolic;
    for (slot, shape) in layout.shapes.iter().enumerate().rev() {
        let n = shape.n;
        let (mine, later) = b.split_at_mut(layout.scalar[slot + 1] * m);
        let mine = &mut mine[layout.scalar[slot] * m..];
        let y = piece(&factor.rows, &layout.rows, slot);
        let rows = symbolic.rows.of(shape.front).iter();
        for (&p, &at) in rows.zip(symbolic.offsets_of_rows(shape.front)) {
            let start = layout.start[p as usize] - layout.scalar[slot + 1];
            for s in 0..symbolic.width(p as usize) {
                let column = &y[n * (at as usize + s)..][..n];
                let from = &later[(start + s) * m..(start + s + 1) * m];
                for (i, c) in column.iter().enumerate() {
                    axpy(-c, from, &mut mine[i * m..(i + 1) * m]);
                }
            }
        }
        let l = piece(&factor.factors, &layout.factor, slot);
        for j in (0..n).rev() {
            let (head, rest) = mine.split_at_mut((j + 1) * m);
            let pivot = &mut head[j * m..];
            for i in j + 1..n {
                axpy(-l[i + n * j], &rest[(i - j - 1) * m..(i - j) * m], pivot);
            }
            pivot.iter_mut().for_each(|x| *x /= l[j + n * j]);
        }
    }
}
