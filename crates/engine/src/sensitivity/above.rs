//! The part of the inverse that is known already: blocks of later fronts.

use crate::layout::Layout;

/// The inverse blocks of later fronts.
pub struct Above<'a> {
    /// Storage plan.
    pub layout: &'a Layout,
    /// Blocks from `from` on.
    pub values: &'a [f64],
    /// Where `values` start in the memory of all blocks.
    pub from: usize,
}

impl Above<'_> {
    /// The block Q_t = [Q_tt | Q_tR] of a later slot.
    pub fn block(&self, slot: usize) -> &[f64] {
        let p = &self.layout.inverse;
        &self.values[p[slot] - self.from..p[slot + 1] - self.from]
    }

    /// Q_RR for the rows R of a front, full, r × r.
    pub fn gather(&self, front: usize, r: usize, out: &mut Vec<f64>) {
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
