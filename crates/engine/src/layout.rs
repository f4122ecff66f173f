//! Where each front's numbers lie. Leaves come first, then the fronts level by level, so that a
//! level's storage is one piece behind everything it depends on.

use std::ops::Range;
use std::sync::Arc;

use crate::symbolic::Symbolic;

/// Multiplications worth a task of their own.
const TASK: usize = 50_000;

/// Tasks that a pass over the leaves is cut into at most.
const MOST_TASKS: usize = 256;

/// Sizes of one front.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The front.
    pub front: usize,
    /// Scalar rows of its own.
    pub n: usize,
    /// Scalar width of its later rows.
    pub r: usize,
}

/// Storage plan of a factorisation with `k` right-hand columns.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Pattern.
    pub symbolic: Arc<Symbolic>,
    /// Number of right-hand columns.
    pub k: usize,
    /// Slot of each front.
    pub slot: Vec<u32>,
    /// Front of each slot.
    pub shapes: Vec<Shape>,
    /// Slots of each level of fronts that are not leaves.
    pub levels: Vec<Range<usize>>,
    /// Leaves that one task visits: fixed by the problem, so that sums do not depend on threads.
    pub leaves_per_task: usize,
    /// Where the scalar rows of each position start in vectors of random effects: by slot, so that
    /// leaves come first here too.
    pub start: Vec<usize>,
    /// Where the scalar rows of each slot start in such vectors.
    pub scalar: Vec<usize>,
    /// Fronts n × (n + r + k), empty for leaves (theirs are row blocks of A).
    pub front: Vec<usize>,
    /// Cholesky factors L, n × n.
    pub factor: Vec<usize>,
    /// Eliminated rows Y = L⁻¹Λ'[C_R | C_Xy], n × (r + k).
    pub rows: Vec<usize>,
    /// Inverse blocks Q = ΛM⁻¹Λ', n × (n + r), empty for leaves.
    pub inverse: Vec<usize>,
}

impl Layout {
    /// Lays out the storage.
    pub fn new(symbolic: Arc<Symbolic>, k: usize) -> Self {
        let n_leaves = symbolic.leaves.len();
        let order = symbolic.leaves.iter().chain(symbolic.levels.iter().flatten());
        let shape = |&s: &u32| {
            let front = s as usize;
            Shape { front, n: symbolic.scalars(front).len(), r: symbolic.rows_width(front) }
        };
        let shapes: Vec<Shape> = order.map(shape).collect();
        let mut slot = vec![0u32; shapes.len()];
        shapes.iter().enumerate().for_each(|(i, s)| slot[s.front] = i as u32);
        let mut levels = Vec::with_capacity(symbolic.levels.len());
        let mut start = n_leaves;
        for level in &symbolic.levels {
            levels.push(start..start + level.len());
            start += level.len();
        }
        let scalar = prefix(&shapes, |_, s| s.n);
        let start = (0..symbolic.factor.len())
            .map(|p| {
                let s = symbolic.front[p] as usize;
                scalar[slot[s] as usize] + symbolic.offset[p] - symbolic.scalars(s).start
            })
            .collect();
        let inner = |i: usize| usize::from(i >= n_leaves);
        let front = prefix(&shapes, |i, s| inner(i) * s.n * (s.n + s.r + k));
        let factor = prefix(&shapes, |_, s| s.n * s.n);
        let rows = prefix(&shapes, |_, s| s.n * (s.r + k));
        let inverse = prefix(&shapes, |i, s| inner(i) * s.n * (s.n + s.r));
        // Wide leaves cost more than the entries of their rows: each meets all pairs of them.
        let width = rows[n_leaves] / n_leaves.max(1);
        let work = rows[n_leaves] * (k + width.min(64));
        let leaves_per_task = n_leaves.div_ceil((work / TASK).clamp(1, MOST_TASKS)).max(1);
        Self {
            leaves_per_task,
            symbolic,
            k,
            slot,
            shapes,
            levels,
            start,
            scalar,
            front,
            factor,
            rows,
            inverse,
        }
    }

    /// Number of leaves; their slots come first.
    pub fn n_leaves(&self) -> usize {
        self.symbolic.leaves.len()
    }

    /// Positions of all fronts that are not leaves, in the order of their storage.
    pub fn inner_positions(&self) -> impl Iterator<Item = usize> + '_ {
        let fronts = self.shapes[self.n_leaves()..].iter();
        fronts.flat_map(|shape| self.symbolic.nodes(shape.front))
    }

    /// Slot of the front that holds a position.
    #[inline]
    pub fn slot_of(&self, position: usize) -> usize {
        self.slot[self.symbolic.front[position] as usize] as usize
    }
}

fn prefix(shapes: &[Shape], size: impl Fn(usize, &Shape) -> usize) -> Vec<usize> {
    let mut out = Vec::with_capacity(shapes.len() + 1);
    let mut at = 0;
    out.push(at);
    for (i, shape) in shapes.iter().enumerate() {
        at += size(i, shape);
        out.push(at);
    }
    out
}

/// The piece of `values` that belongs to slot `i`.
#[inline]
pub fn piece<'a>(values: &'a [f64], pointers: &[usize], i: usize) -> &'a [f64] {
    &values[pointers[i]..pointers[i + 1]]
}

/// Cuts `values`, which starts at slot `slots.start`, into the pieces of the given slots.
pub fn pieces<'a>(
    values: &'a mut [f64],
    pointers: &[usize],
    slots: Range<usize>,
) -> Vec<&'a mut [f64]> {
    let mut out = Vec::with_capacity(slots.len());
    let mut rest = values;
    for i in slots {
        let (mine, after) = rest.split_at_mut(pointers[i + 1] - pointers[i]);
        out.push(mine);
        rest = after;
    }
    out
}

/// Cuts the slots `0..n` into runs of `size`, each with its piece of two arrays.
pub fn tasks<'a>(
    n: usize,
    size: usize,
    first: (&'a mut [f64], &[usize]),
    second: (&'a mut [f64], &[usize]),
) -> Vec<(Range<usize>, &'a mut [f64], &'a mut [f64])> {
    let mut out = Vec::with_capacity(n.div_ceil(size));
    let (mut a, mut b) = (first.0, second.0);
    for start in (0..n).step_by(size) {
        let stop = n.min(start + size);
        let (mine_a, rest_a) = a.split_at_mut(first.1[stop] - first.1[start]);
        let (mine_b, rest_b) = b.split_at_mut(second.1[stop] - second.1[start]);
        out.push((start..stop, mine_a, mine_b));
        (a, b) = (rest_a, rest_b);
    }
    out
}
