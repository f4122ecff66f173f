//! Sparse columns through the elimination, many at a time: a front sees only the columns that reach it.

use std::collections::BTreeMap;

use faer::Par;

use super::{Equations, Sparse};
use crate::dense::{solve_lower, template_transpose_times};
use crate::layout::piece;
use crate::wide::{WIDE, solve_lower_strided, transpose_product};

/// Multiplications from which a product is left to blocks.
const BLOCKED: usize = 4096;

/// What a front holds of the columns that reach it, column-major.
#[derive(Debug)]
pub struct Block {
    /// Scalar rows.
    pub n: usize,
    /// The columns, ascending.
    pub columns: Vec<u32>,
    /// h, or L h where the block is unsolved.
    pub values: Vec<f64>,
    /// Whether the inverse of LL' takes the place of L⁻¹.
    pub unsolved: bool,
    /// c: what earlier fronts have taken out.
    taken: Vec<f64>,
}

impl Equations {
    /// Shows every block of h for the given columns.
    pub(super) fn forward(&self, columns: &[(Sparse<'_>, usize)], show: &mut dyn FnMut(&Block)) {
        let mut blocks = self.blocks(columns);
        while let Some((slot, mut block)) = blocks.pop_first() {
            self.eliminate(slot as usize, &mut block);
            show(&block);
            if !self.ancestors.of(slot).is_empty() {
                self.take(slot as usize, &block, &mut blocks);
            }
        }
    }

    /// The blocks that the columns reach, with their own entries.
    fn blocks(&self, columns: &[(Sparse<'_>, usize)]) -> BTreeMap<u32, Block> {
        let mut blocks: BTreeMap<u32, Block> = BTreeMap::new();
        let shapes = &self.factor.layout.shapes;
        let mut path = Vec::new();
        for (c, (sparse, column)) in columns.iter().enumerate() {
            path.clear();
            sparse.of(*column).for_each(|(e, _)| self.ancestors.close(self.slot[e], &mut path));
            for &slot in &path {
                let new = || Block {
                    n: shapes[slot as usize].n,
                    columns: vec![],
                    values: vec![],
                    unsolved: false,
                    taken: vec![],
                };
                blocks.entry(slot).or_insert_with(new).columns.push(c as u32);
            }
        }
        for block in blocks.values_mut() {
            block.values = vec![0.0; block.n * block.columns.len()];
            block.taken = vec![0.0; block.n * block.columns.len()];
        }
        for (c, (sparse, column)) in columns.iter().enumerate() {
            for (effect, value) in sparse.of(*column) {
                let slot = self.slot[effect];
                let row = self.scalar[effect] - self.factor.layout.scalar[slot as usize];
                if let Some(block) = blocks.get_mut(&slot)
                    && let Ok(at) = block.columns.binary_search(&(c as u32))
                {
                    block.values[row + block.n * at] += value;
                }
            }
        }
        blocks
    }

    /// h = L⁻¹(v − Λ'c), but for L⁻¹ where the inverse of the front is there.
    fn eliminate(&self, slot: usize, block: &mut Block) {
        let layout = &*self.factor.layout;
        let (symbolic, n) = (&layout.symbolic, block.n);
        let count = block.columns.len();
        let mut start = 0;
        for v in symbolic.nodes(layout.shapes[slot].front) {
            let t = &self.factor.templates[symbolic.factor[v] as usize];
            let mut scaled = vec![0.0; t.n * count];
            template_transpose_times(t.n, &t.data, &block.taken[start..], n, &mut scaled, count);
            for (c, scaled) in scaled.chunks_exact(t.n).enumerate() {
                let own = &mut block.values[n * c + start..][..t.n];
                own.iter_mut().zip(scaled).for_each(|(v, s)| *v -= s);
            }
            start += t.n;
        }
        block.taken = Vec::new();
        let is_last = slot + 1 == layout.shapes.len();
        if is_last && self.inverse.get().is_some() {
            block.unsolved = true;
            return;
        }
        let l = piece(&self.factor.factors, &layout.factor, slot);
        if n <= WIDE {
            solve_lower(n, l, &mut block.values, count);
        } else {
            solve_lower_strided(n, l, &mut block.values, n, Par::Seq);
        }
    }

    /// c += Y'h for the fronts above.
    fn take(&self, slot: usize, block: &Block, blocks: &mut BTreeMap<u32, Block>) {
        let layout = &*self.factor.layout;
        let (shape, n) = (layout.shapes[slot], block.n);
        let y = &piece(&self.factor.rows, &layout.rows, slot)[..n * shape.r];
        let product = products(n, y, &block.values);
        for &above in self.ancestors.of(slot as u32) {
            let Some(target) = blocks.get_mut(&above) else { continue };
            let places = places(&block.columns, &target.columns);
            let list = layout.symbolic.rows.of(shape.front).iter();
            for (&p, &at) in list.zip(layout.symbolic.offsets_of_rows(shape.front)) {
                let p = p as usize;
                if layout.slot_of(p) != above as usize {
                    continue;
                }
                let row = layout.start[p] - layout.scalar[above as usize];
                let width = layout.symbolic.width(p);
                for (c, &place) in places.iter().enumerate() {
                    let from = &product[shape.r * c + at as usize..][..width];
                    let to = &mut target.taken[target.n * place + row..][..width];
                    to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
                }
            }
        }
    }
}

/// Y'H for column-major Y and H of `n` rows.
fn products(n: usize, y: &[f64], h: &[f64]) -> Vec<f64> {
    let (rows, columns) = (y.len() / n, h.len() / n);
    let mut out = vec![0.0; rows * columns];
    if n * rows * columns >= BLOCKED && n > 4 {
        transpose_product(n, y, h, &mut out);
        return out;
    }
    for (h, out) in h.chunks_exact(n).zip(out.chunks_exact_mut(rows)) {
        for (y, out) in y.chunks_exact(n).zip(out) {
            *out = y.iter().zip(h).map(|(y, h)| y * h).sum();
        }
    }
    out
}

/// Where the ascending `some` are among the ascending `all`.
fn places(some: &[u32], all: &[u32]) -> Vec<usize> {
    let mut at = 0;
    let find = |c: &u32| {
        at += all[at..].partition_point(|other| other < c);
        at
    };
    some.iter().map(find).collect()
}
