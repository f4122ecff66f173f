//! Eight right-hand columns side by side: one cache line for every scalar row, so that a visit to a
//! level elsewhere in memory serves all of them.

use std::ops::Range;

use rayon::prelude::*;

use crate::dense::Square;
use crate::row_major::Columns;

/// Columns of a panel.
pub const LANES: usize = 8;

/// Rows that one task of an elementwise operation visits. The boundaries of tasks, and with them the
/// order of every sum, do not depend on the number of threads.
const ROWS_PER_TASK: usize = 8192;

/// One scalar row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(align(64))]
pub struct Lanes(pub [f64; LANES]);

/// Scalar rows of a side.
pub type Panel = Vec<Lanes>;

impl Lanes {
    /// All zero.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// self += x.
    #[inline(always)]
    pub fn add(&mut self, x: &Self) {
        self.0.iter_mut().zip(&x.0).for_each(|(a, b)| *a += b);
    }

    /// self += f x.
    #[inline(always)]
    pub fn add_scaled(&mut self, f: f64, x: &Self) {
        self.0.iter_mut().zip(&x.0).for_each(|(a, b)| *a += f * b);
    }

    /// self += f x, lane by lane.
    #[inline(always)]
    pub fn add_product(&mut self, f: &Self, x: &Self) {
        self.0.iter_mut().zip(f.0.iter().zip(&x.0)).for_each(|(a, (f, b))| *a += f * b);
    }

    /// self ← f self.
    #[inline(always)]
    pub fn scale(&mut self, f: f64) {
        self.0.iter_mut().for_each(|a| *a *= f);
    }
}

/// All zero.
pub fn zeros(rows: usize) -> Panel {
    vec![Lanes::ZERO; rows]
}

/// Inner products, lane by lane.
pub fn dots(a: &[Lanes], b: &[Lanes]) -> Lanes {
    let parts = a.par_chunks(ROWS_PER_TASK).zip(b.par_chunks(ROWS_PER_TASK));
    let sums: Vec<Lanes> = parts
        .map(|(a, b)| {
            let mut sum = Lanes::ZERO;
            a.iter().zip(b).for_each(|(a, b)| sum.add_product(a, b));
            sum
        })
        .collect();
    total(&sums)
}

/// The sum of some rows, in their order.
pub fn total(rows: &[Lanes]) -> Lanes {
    let mut sum = Lanes::ZERO;
    rows.iter().for_each(|row| sum.add(row));
    sum
}

/// y += f x, lane by lane.
pub fn add_scaled(f: &Lanes, x: &[Lanes], y: &mut [Lanes]) {
    let parts = x.par_chunks(ROWS_PER_TASK).zip(y.par_chunks_mut(ROWS_PER_TASK));
    parts.for_each(|(x, y)| x.iter().zip(y).for_each(|(x, y)| y.add_product(f, x)));
}

/// y ← x + f y, lane by lane.
pub fn scale_add(f: &Lanes, x: &[Lanes], y: &mut [Lanes]) {
    let parts = x.par_chunks(ROWS_PER_TASK).zip(y.par_chunks_mut(ROWS_PER_TASK));
    parts.for_each(|(x, y)| {
        for (x, y) in x.iter().zip(y) {
            let mut sum = *x;
            sum.add_product(f, y);
            *y = sum;
        }
    });
}

/// y −= x.
pub fn subtract(x: &[Lanes], y: &mut [Lanes]) {
    let parts = x.par_chunks(ROWS_PER_TASK).zip(y.par_chunks_mut(ROWS_PER_TASK));
    parts.for_each(|(x, y)| x.iter().zip(y).for_each(|(x, y)| y.add_scaled(-1.0, x)));
}

/// Some columns, at most eight, as a panel.
pub fn load(columns: &Columns, range: Range<usize>) -> Panel {
    let row = |row: &[f64]| {
        let mut lanes = Lanes::ZERO;
        lanes.0.iter_mut().zip(&row[range.clone()]).for_each(|(l, v)| *l = *v);
        lanes
    };
    columns.values.chunks_exact(columns.m).map(row).collect()
}

/// The opposite of [`load`].
pub fn store(panel: &[Lanes], range: Range<usize>, columns: &mut Columns) {
    let m = columns.m;
    for (row, lanes) in columns.values.chunks_exact_mut(m).zip(panel) {
        row[range.clone()].iter_mut().zip(&lanes.0).for_each(|(v, l)| *v = *l);
    }
}

/// x ← T x for one level.
#[inline(always)]
pub fn template_times(t: &Square, x: &mut [Lanes]) {
    for i in (0..t.n).rev() {
        let mut sum = Lanes::ZERO;
        (0..=i).for_each(|s| sum.add_scaled(t[(i, s)], &x[s]));
        x[i] = sum;
    }
}

/// x ← T'x for one level.
#[inline(always)]
pub fn transpose_times(t: &Square, x: &mut [Lanes]) {
    for i in 0..t.n {
        let mut sum = Lanes::ZERO;
        (i..t.n).for_each(|s| sum.add_scaled(t[(s, i)], &x[s]));
        x[i] = sum;
    }
}

/// out += f A x for a column-major block A with as many rows as `out`.
#[inline(always)]
pub fn add_block(a: &[f64], f: f64, x: &[Lanes], out: &mut [Lanes]) {
    let q = out.len();
    for (j, x) in x.iter().enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            out.add_scaled(f * a[i + q * j], x);
        }
    }
}

/// x ← L⁻¹x for a column-major lower triangle.
#[inline(always)]
pub fn solve_lower(l: &[f64], x: &mut [Lanes]) {
    let q = x.len();
    for i in 0..q {
        let mut sum = x[i];
        (0..i).for_each(|s| sum.add_scaled(-l[i + q * s], &x[s]));
        sum.scale(l[i + q * i].recip());
        x[i] = sum;
    }
}

/// x ← L⁻ᵀx for a column-major lower triangle.
#[inline(always)]
pub fn solve_lower_transpose(l: &[f64], x: &mut [Lanes]) {
    let q = x.len();
    for i in (0..q).rev() {
        let mut sum = x[i];
        (i + 1..q).for_each(|s| sum.add_scaled(-l[s + q * i], &x[s]));
        sum.scale(l[i + q * i].recip());
        x[i] = sum;
    }
}
