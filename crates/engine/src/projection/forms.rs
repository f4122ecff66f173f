//! Forms of columns Zh in V⁻¹: h is row-major over the random effects on the scale of the data.
//!
//! Zh enters the factorisation as further right-hand columns, and what is left of Zh'·Zh after the
//! elimination is h'Z'V⁻¹Zh: there is no back-substitution.

use rayon::prelude::*;

use crate::cross_products::CrossProducts;
use crate::dense::Square;
use crate::factor::Factor;
use crate::layout::{Layout, piece};
use crate::row_major::{
    axpy, solve_in_place, solve_rows, transpose_times, transpose_times_in_place,
};
use crate::solve::symmetric;
use crate::watch::Watch;

/// Pairs of neighbours times columns from which other threads are woken.
const MANY: usize = 20_000;

/// The columns h, grouped by factor.
pub struct Directions {
    /// Number of columns.
    pub m: usize,
    /// Columns of each factor: the others vanish on its rows.
    pub span: Vec<std::ops::Range<usize>>,
    /// Rows by slot.
    pub values: Vec<f64>,
}

impl Directions {
    #[inline]
    fn row(&self, scalar: usize) -> &[f64] {
        &self.values[scalar * self.m..(scalar + 1) * self.m]
    }

    /// The columns of both (there are some), grouped by factor again, and where those of each have
    /// gone.
    pub fn beside(&self, other: &Self) -> (Self, [Vec<usize>; 2]) {
        let m = self.m + other.m;
        let (mut span, mut moved, mut at) = (Vec::new(), [vec![], vec![]], 0);
        for (left, right) in self.span.iter().zip(&other.span) {
            let start = at;
            for (moved, own) in moved.iter_mut().zip([left, right]) {
                moved.extend(at..at + own.len());
                at += own.len();
            }
            span.push(start..at);
        }
        let rows = self.values.len() / self.m;
        let mut values = vec![0.0; rows * m];
        for (part, moved) in [self, other].into_iter().zip(&moved) {
            for (row, out) in part.values.chunks_exact(part.m).zip(values.chunks_exact_mut(m)) {
                row.iter().zip(moved).for_each(|(v, &at)| out[at] = *v);
            }
        }
        (Self { m, span, values }, moved)
    }
}

/// (h'Z'V⁻¹Zh, X'V⁻¹Zh): m × m in the columns of `h`, and p × m.
pub fn quadratic_forms(
    factor: &Factor,
    cross: &CrossProducts,
    h: &Directions,
) -> (Square, Vec<f64>) {
    let layout = &*factor.layout;
    let (m, p) = (h.m, layout.k - 1);
    if m == 0 {
        return (Square::zeros(0), vec![]);
    }
    let q = layout.symbolic.dim();
    // x = Z'WZh, then Y_h = L⁻¹Λ'(x − Σ Y'Y_h) in its place.
    let mut y = vec![0.0; q * m];
    let n_leaves = layout.n_leaves();
    let (leaves, rest) = y.split_at_mut(layout.scalar[n_leaves] * m);
    let leaf_share = eliminate_leaves(factor, cross, h, leaves);
    let mut sums = leaf_share;
    let leaves = &*leaves;
    let mut done = 0;
    for level in &layout.levels {
        for slot in level.clone() {
            let size = layout.shapes[slot].n * m;
            let (before, mine) = rest.split_at_mut(done);
            let row = FrontRow { factor, cross, h, leaves, before, slot };
            row.eliminate(&mut mine[..size], &mut sums);
            done += size;
        }
    }
    let mut quadratic = Square::zeros(m);
    quadratic.data.copy_from_slice(&sums[..m * m]);
    symmetric(&mut quadratic);
    (quadratic, sums[m * m..m * m + p * m].to_vec())
}

/// Adds h'x − Y_h'Y_h (lower triangle) and A_X'h − Y_X'Y_h for the rows of one node or front.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "plain slices, two call sites")]
fn add_forms(
    h: &[f64],
    x: &[f64],
    y: &[f64],
    m: usize,
    y_right: &[f64],
    n: usize,
    p: usize,
    sums: &mut [f64],
) {
    let (quadratic, mixed) = sums.split_at_mut(m * m);
    for i in 0..n {
        let (h, x, y) = (&h[i * m..][..m], &x[i * m..][..m], &y[i * m..][..m]);
        for j in 0..m {
            let (hj, yj) = (h[j], y[j]);
            let out = &mut quadratic[m * j..m * (j + 1)];
            for c in j..m {
                out[c] += x[c] * hj - y[c] * yj;
            }
            for c in 0..p {
                mixed[p * j + c] -= y_right[n * c + i] * yj;
            }
        }
    }
}

fn eliminate_leaves(
    factor: &Factor,
    cross: &CrossProducts,
    h: &Directions,
    out: &mut [f64],
) -> Vec<f64> {
    let layout = &*factor.layout;
    let (m, p, n) = (h.m, layout.k - 1, layout.n_leaves());
    let mut tasks = Vec::new();
    let mut rest = out;
    for start in (0..n).step_by(layout.leaves_per_task) {
        let stop = n.min(start + layout.leaves_per_task);
        let (mine, after) = rest.split_at_mut((layout.scalar[stop] - layout.scalar[start]) * m);
        tasks.push((start..stop, mine));
        rest = after;
    }
    let watch = Watch::current();
    let run = |(slots, mut out): (std::ops::Range<usize>, &mut [f64])| {
        let mut sums = vec![0.0; m * m + p * m];
        let mut x = Vec::new();
        for slot in slots {
            if watch.check().is_err() {
                break;
            }
            let size = layout.shapes[slot].n * m;
            let (mine, after) = out.split_at_mut(size);
            x.clear();
            x.resize(size, 0.0);
            // The usual widths written out let the compiler unroll the loops over a block.
            match (layout.shapes[slot].n, m) {
                (1, 1) => leaf(1, 1, factor, cross, h, slot, &mut x, mine, &mut sums),
                (1, 2) => leaf(1, 2, factor, cross, h, slot, &mut x, mine, &mut sums),
                (1, 3) => leaf(1, 3, factor, cross, h, slot, &mut x, mine, &mut sums),
                (2, 3) => leaf(2, 3, factor, cross, h, slot, &mut x, mine, &mut sums),
                (n, m) => leaf(n, m, factor, cross, h, slot, &mut x, mine, &mut sums),
            }
            out = after;
        }
        sums
    };
    let shares: Vec<Vec<f64>> = if tasks.len() > 1 {
        tasks.into_par_iter().map(run).collect()
    } else {
        tasks.into_iter().map(run).collect()
    };
    let mut sums = vec![0.0; m * m + p * m];
    for share in shares {
        sums.iter_mut().zip(&share).for_each(|(a, b)| *a += b);
    }
    sums
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call site, inlined per block width")]
fn leaf(
    n: usize,
    m: usize,
    factor: &Factor,
    cross: &CrossProducts,
    h: &Directions,
    slot: usize,
    x: &mut [f64],
    y: &mut [f64],
    sums: &mut [f64],
) {
    let layout = &*factor.layout;
    let p = layout.k - 1;
    let v = layout.symbolic.first[layout.shapes[slot].front] as usize;
    add_node_product(n, m, layout, cross, h, v, x);
    y.copy_from_slice(x);
    let f = layout.symbolic.factor[v] as usize;
    transpose_times_in_place(n, &factor.templates[f].data, y, m);
    solve_in_place(n, piece(&factor.factors, &layout.factor, slot), y, m);
    let own = &h.values[layout.start[v] * m..][..n * m];
    let y_right = &piece(&factor.rows, &layout.rows, slot)[n * layout.shapes[slot].r..];
    add_forms(own, x, y, m, y_right, n, p, sums);
    add_fixed(cross, v, own, m, p, sums);
}

/// mixed += A_vX' h_v.
#[inline(always)]
fn add_fixed(cross: &CrossProducts, v: usize, h: &[f64], m: usize, p: usize, sums: &mut [f64]) {
    let right = cross.block(v).fixed();
    let q = h.len() / m;
    let mixed = &mut sums[m * m..];
    for i in 0..q {
        for (j, hj) in h[i * m..(i + 1) * m].iter().enumerate() {
            for c in 0..p {
                mixed[p * j + c] += right[q * c + i] * hj;
            }
        }
    }
}

/// x += A_vv h_v + Σ A_vl h_l over the later neighbours l.
#[inline(always)]
fn add_node_product(
    q: usize,
    m: usize,
    layout: &Layout,
    cross: &CrossProducts,
    h: &Directions,
    v: usize,
    x: &mut [f64],
) {
    let symbolic = &layout.symbolic;
    let block = cross.block(v);
    let span = h.span[symbolic.factor[v] as usize].clone();
    for s in 0..q {
        let row = &h.row(layout.start[v] + s)[span.clone()];
        for i in 0..q {
            axpy(block.own()[i + q * s], row, &mut x[i * m..][span.clone()]);
        }
    }
    for (&l, &at) in symbolic.later.of(v).iter().zip(cross.later_offsets(v)) {
        let span = h.span[symbolic.factor[l as usize] as usize].clone();
        for s in 0..symbolic.width(l as usize) {
            let row = &h.row(layout.start[l as usize] + s)[span.clone()];
            let column = &block.later()[q * (at as usize + s)..][..q];
            for i in 0..q {
                axpy(column[i], row, &mut x[i * m..][span.clone()]);
            }
        }
    }
}

/// One front that is not a leaf.
struct FrontRow<'a> {
    factor: &'a Factor,
    cross: &'a CrossProducts,
    h: &'a Directions,
    /// Y_h of the leaves, and of the fronts eliminated before.
    leaves: &'a [f64],
    before: &'a [f64],
    slot: usize,
}

impl FrontRow<'_> {
    fn eliminate(&self, out: &mut [f64], sums: &mut [f64]) {
        let layout = &*self.factor.layout;
        let symbolic = &layout.symbolic;
        let (m, p, shape) = (self.h.m, layout.k - 1, layout.shapes[self.slot]);
        let nodes: Vec<usize> = symbolic.nodes(shape.front).collect();
        let mut x = vec![0.0; shape.n * m];
        let tasks = {
            let (mut tasks, mut a, mut b) = (Vec::new(), x.as_mut_slice(), &mut *out);
            for &v in &nodes {
                let size = symbolic.width(v) * m;
                let (mine_a, rest_a) = a.split_at_mut(size);
                let (mine_b, rest_b) = b.split_at_mut(size);
                tasks.push((v, mine_a, mine_b));
                (a, b) = (rest_a, rest_b);
            }
            tasks
        };
        let watch = Watch::current();
        let run = |(v, x, y): (usize, &mut [f64], &mut [f64])| {
            if watch.check().is_ok() {
                self.node(v, x, y);
            }
        };
        let neighbours: usize = nodes.iter().map(|&v| symbolic.earlier.of(v).len()).sum();
        if neighbours * m > MANY {
            tasks.into_par_iter().for_each(run);
        } else {
            tasks.into_iter().for_each(run);
        }
        self.subtract_fronts(out);
        let mut at = 0;
        for &v in &nodes {
            let t = &self.factor.templates[symbolic.factor[v] as usize];
            transpose_times(t, &mut out[at * m..(at + t.n) * m], m);
            at += t.n;
        }
        let l = piece(&self.factor.factors, &layout.factor, self.slot);
        solve_rows(l, out, m);
        let y_right = &piece(&self.factor.rows, &layout.rows, self.slot)[shape.n * shape.r..];
        let start = layout.scalar[self.slot];
        let h = &self.h.values[start * m..(start + shape.n) * m];
        add_forms(h, &x, out, m, y_right, shape.n, p, sums);
        for &v in &nodes {
            let own = &self.h.values[layout.start[v] * m..][..symbolic.width(v) * m];
            add_fixed(self.cross, v, own, m, p, sums);
        }
    }

    /// x = (Z'WZh)_v, and y = x − Σ Y_p'Y_h,p over the leaves p next to v.
    fn node(&self, v: usize, x: &mut [f64], y: &mut [f64]) {
        let layout = &*self.factor.layout;
        let symbolic = &layout.symbolic;
        let width = symbolic.width(v);
        add_node_product(width, self.h.m, layout, self.cross, self.h, v, x);
        y.fill(0.0);
        if let Some(links) = self.factor.links.as_deref() {
            for (&(p, _), link) in symbolic.earlier.of(v).iter().zip(links.of(layout, v)) {
                let (q, start) = (link.q as usize, link.start as usize);
                let span = self.h.span[symbolic.factor[p as usize] as usize].clone();
                let cross = links.block(link, q * width);
                let rows = link.is_leaf().then(|| &self.factor.rows[link.y as usize..]);
                self.add_earlier(start, q, span, cross, rows, x, y);
            }
        } else {
            for &(p, index) in symbolic.earlier.of(v) {
                let (p, index) = (p as usize, index as usize);
                let (block, slot) = (self.cross.block(p), layout.slot_of(p));
                let at = block.q * self.cross.later_offsets(p)[index] as usize;
                let span = self.h.span[symbolic.factor[p] as usize].clone();
                let rows = (slot < layout.n_leaves())
                    .then(|| &piece(&self.factor.rows, &layout.rows, slot)[at..]);
                let cross = &block.later()[at..];
                self.add_earlier(layout.start[p], block.q, span, cross, rows, x, y);
            }
        }
        y.iter_mut().zip(&*x).for_each(|(y, x)| *y += x);
    }

    /// One earlier neighbour p: x += A_pv' h_p and, if it is a leaf, y −= Y_p,v' Y_h,p.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "two call sites, inlined")]
    fn add_earlier(
        &self,
        start: usize,
        q: usize,
        span: std::ops::Range<usize>,
        cross: &[f64],
        rows: Option<&[f64]>,
        x: &mut [f64],
        y: &mut [f64],
    ) {
        let m = self.h.m;
        for s in 0..q {
            let h = &self.h.row(start + s)[span.clone()];
            for (i, x) in x.chunks_exact_mut(m).enumerate() {
                axpy(cross[q * i + s], h, &mut x[span.clone()]);
            }
            if let Some(rows) = rows {
                let yh = &self.leaves[(start + s) * m..(start + s + 1) * m];
                for (i, y) in y.chunks_exact_mut(m).enumerate() {
                    axpy(-rows[q * i + s], yh, y);
                }
            }
        }
    }

    /// y −= Σ Y_d'Y_h,d over the descendants d that are not leaves.
    fn subtract_fronts(&self, y: &mut [f64]) {
        let layout = &*self.factor.layout;
        let symbolic = &layout.symbolic;
        let m = self.h.m;
        let front = layout.shapes[self.slot].front;
        let base = symbolic.scalars(front).start;
        let first = layout.scalar[layout.n_leaves()];
        for d in symbolic.descendants.of(front) {
            let slot = layout.slot[d.front as usize] as usize;
            if slot < layout.n_leaves() {
                continue;
            }
            let n = layout.shapes[slot].n;
            let rows = piece(&self.factor.rows, &layout.rows, slot);
            let start = layout.scalar[slot] - first;
            let yh = &self.before[start * m..(start + n) * m];
            let list = &symbolic.rows.of(d.front as usize)[d.start as usize..d.stop as usize];
            let offsets = &symbolic.offsets_of_rows(d.front as usize)[d.start as usize..];
            for (&l, &at) in list.iter().zip(offsets) {
                let row = symbolic.offset[l as usize] - base;
                for i in 0..symbolic.width(l as usize) {
                    let column = &rows[n * (at as usize + i)..][..n];
                    let out = &mut y[(row + i) * m..(row + i + 1) * m];
                    for s in 0..n {
                        axpy(-column[s], &yh[s * m..(s + 1) * m], out);
                    }
                }
            }
        }
    }
}
