//! A few right-hand columns side by side, so that a visit to a level elsewhere in memory serves all of
//! them: eight fill a cache line; two, as of X and y, leave room for more levels in a cache.

use std::ops::Range;

use rayon::prelude::*;

use crate::dense::Square;
use crate::row_major::Columns;

/// Rows that one task of an elementwise operation visits. The boundaries of tasks, and with them the
/// order of every sum, do not depend on the number of threads.
const ROWS_PER_TASK: usize = 8192;

/// One scalar row of a panel.
pub trait Row: Copy + Send + Sync {
    /// Columns of a panel.
    const LANES: usize;
    /// All zero.
    const ZERO: Self;

    /// The numbers.
    fn lanes(&self) -> &[f64];

    /// The numbers.
    fn lanes_mut(&mut self) -> &mut [f64];

    /// self += x.
    #[inline(always)]
    fn add(&mut self, x: &Self) {
        self.lanes_mut().iter_mut().zip(x.lanes()).for_each(|(a, b)| *a += b);
    }

    /// self += f x.
    #[inline(always)]
    fn add_scaled(&mut self, f: f64, x: &Self) {
        self.lanes_mut().iter_mut().zip(x.lanes()).for_each(|(a, b)| *a += f * b);
    }

    /// self += f x, lane by lane.
    #[inline(always)]
    fn add_product(&mut self, f: &Self, x: &Self) {
        let products = f.lanes().iter().zip(x.lanes());
        self.lanes_mut().iter_mut().zip(products).for_each(|(a, (f, b))| *a += f * b);
    }

    /// self ← f self.
    #[inline(always)]
    fn scale(&mut self, f: f64) {
        self.lanes_mut().iter_mut().for_each(|a| *a *= f);
    }

    /// A function of every number.
    #[inline(always)]
    fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        self.lanes_mut().iter_mut().for_each(|a| *a = f(*a));
        self
    }
}

/// Eight columns.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Lanes(pub [f64; LANES]);

/// Columns of a panel of [`Lanes`].
pub const LANES: usize = 8;

/// Two columns.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(16))]
pub struct Pair(pub [f64; 2]);

impl Row for Lanes {
    const LANES: usize = LANES;
    const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    fn lanes(&self) -> &[f64] {
        &self.0
    }

    #[inline(always)]
    fn lanes_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }
}

impl Row for Pair {
    const LANES: usize = 2;
    const ZERO: Self = Self([0.0; 2]);

    #[inline(always)]
    fn lanes(&self) -> &[f64] {
        &self.0
    }

    #[inline(always)]
    fn lanes_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }
}

/// Scalar rows of a side, eight columns wide.
pub type Panel = Vec<Lanes>;

/// All zero.
pub fn zeros<R: Row>(rows: usize) -> Vec<R> {
    vec![R::ZERO; rows]
}

/// Inner products, lane by lane.
pub fn dots<R: Row>(a: &[R], b: &[R]) -> R {
    let parts = a.par_chunks(ROWS_PER_TASK).zip(b.par_chunks(ROWS_PER_TASK));
    let sums: Vec<R> = parts
        .map(|(a, b)| {
            let mut sum = R::ZERO;
            a.iter().zip(b).for_each(|(a, b)| sum.add_product(a, b));
            sum
        })
        .collect();
    total(&sums)
}

/// The sum of some rows, in their order.
pub fn total<R: Row>(rows: &[R]) -> R {
    let mut sum = R::ZERO;
    rows.iter().for_each(|row| sum.add(row));
    sum
}

/// y += f x, lane by lane.
pub fn add_scaled<R: Row>(f: &R, x: &[R], y: &mut [R]) {
    let parts = x.par_chunks(ROWS_PER_TASK).zip(y.par_chunks_mut(ROWS_PER_TASK));
    parts.for_each(|(x, y)| x.iter().zip(y).for_each(|(x, y)| y.add_product(f, x)));
}

/// y ← x + f y, lane by lane.
pub fn scale_add<R: Row>(f: &R, x: &[R], y: &mut [R]) {
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
pub fn subtract<R: Row>(x: &[R], y: &mut [R]) {
    let parts = x.par_chunks(ROWS_PER_TASK).zip(y.par_chunks_mut(ROWS_PER_TASK));
    parts.for_each(|(x, y)| x.iter().zip(y).for_each(|(x, y)| y.add_scaled(-1.0, x)));
}

/// Some columns, at most as many as lanes, as a panel.
pub fn load<R: Row>(columns: &Columns, range: Range<usize>) -> Vec<R> {
    let row = |row: &[f64]| {
        let mut lanes = R::ZERO;
        lanes.lanes_mut().iter_mut().zip(&row[range.clone()]).for_each(|(l, v)| *l = *v);
        lanes
    };
    columns.values.chunks_exact(columns.m).map(row).collect()
}

/// The opposite of [`load`].
pub fn store<R: Row>(panel: &[R], range: Range<usize>, columns: &mut Columns) {
    let m = columns.m;
    for (row, lanes) in columns.values.chunks_exact_mut(m).zip(panel) {
        row[range.clone()].iter_mut().zip(lanes.lanes()).for_each(|(v, l)| *v = *l);
    }
}

/// x ← T x for one level.
#[inline(always)]
pub fn template_times<R: Row>(t: &Square, x: &mut [R]) {
    for i in (0..t.n).rev() {
        let mut sum = R::ZERO;
        (0..=i).for_each(|s| sum.add_scaled(t[(i, s)], &x[s]));
        x[i] = sum;
    }
}

/// x ← T'x for one level.
#[inline(always)]
pub fn transpose_times<R: Row>(t: &Square, x: &mut [R]) {
    for i in 0..t.n {
        let mut sum = R::ZERO;
        (i..t.n).for_each(|s| sum.add_scaled(t[(s, i)], &x[s]));
        x[i] = sum;
    }
}

/// out += f A x for a column-major block A with as many rows as `out`.
#[inline(always)]
pub fn add_block<R: Row>(a: &[f64], f: f64, x: &[R], out: &mut [R]) {
    let q = out.len();
    for (j, x) in x.iter().enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            out.add_scaled(f * a[i + q * j], x);
        }
    }
}

/// x ← L⁻¹x for a column-major lower triangle.
#[inline(always)]
pub fn solve_lower<R: Row>(l: &[f64], x: &mut [R]) {
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
pub fn solve_lower_transpose<R: Row>(l: &[f64], x: &mut [R]) {
    let q = x.len();
    for i in (0..q).rev() {
        let mut sum = x[i];
        (i + 1..q).for_each(|s| sum.add_scaled(-l[s + q * i], &x[s]));
        sum.scale(l[i + q * i].recip());
        x[i] = sum;
    }
}
