//! Neighbouring levels seen from the later one: where the earlier one's blocks lie. Following the
//! indices instead costs a jump through memory for each of them, which matters where there is a large
//! last front: elsewhere there are no links.

use crate::cross_products::CrossProducts;
use crate::layout::Layout;

/// One earlier neighbour p of a position v.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    /// First scalar row of p in vectors of random effects.
    pub start: u32,
    /// Number of scalar rows of p.
    pub q: u32,
    /// Start of A_pv (q × q_v) in the values of the cross-products.
    pub a: u32,
    /// Start of Y_p,v (q × q_v) in the rows of the factorisation; none unless p is a leaf.
    pub y: u32,
    /// Start of A_pv, and of Y_p,v, in copies ordered by v.
    pub place: u32,
    /// The later neighbours of p in their common memory, and which of them v is.
    pub list: u32,
    /// See `list`.
    pub length: u32,
    /// See `list`.
    pub index: u32,
}

/// Marks a link to a front that is not a leaf.
const NONE: u32 = u32::MAX;

impl Link {
    /// Whether p is a leaf.
    #[inline]
    pub fn is_leaf(&self) -> bool {
        self.y != NONE
    }
}

/// The links of all positions.
#[derive(Debug, Clone)]
pub struct Links {
    items: Vec<Link>,
    /// A_pv ordered by v: see [`Link::place`].
    cross: Vec<f64>,
}

impl Links {
    /// Follows all indices once; None if something is too large for 32 bits.
    pub fn new(layout: &Layout, cross: &CrossProducts) -> Option<Self> {
        let symbolic = &layout.symbolic;
        let n = symbolic.factor.len();
        let mut next: Vec<usize> = (0..n).map(|v| symbolic.earlier.range(v).start).collect();
        let mut items = vec![Link::default(); symbolic.earlier.n_items()];
        for p in 0..n {
            let (slot, q) = (layout.slot_of(p), symbolic.width(p));
            let (a, y) = (cross.start(p) + q * q, layout.rows[slot]);
            let leaf = slot < layout.n_leaves();
            let list = symbolic.later.range(p);
            for (index, (&v, &at)) in
                symbolic.later.of(p).iter().zip(cross.later_offsets(p)).enumerate()
            {
                let at = q * at as usize;
                let link = &mut items[next[v as usize]];
                next[v as usize] += 1;
                link.start = u32::try_from(layout.start[p]).ok()?;
                link.q = q as u32;
                link.list = u32::try_from(list.start).ok()?;
                link.length = list.len() as u32;
                link.index = index as u32;
                link.a = u32::try_from(a + at).ok()?;
                link.y = if leaf { u32::try_from(y + at).ok()? } else { NONE };
            }
        }
        let mut size = 0;
        let mut ordered = Vec::new();
        for v in 0..n {
            for link in &mut items[symbolic.earlier.range(v)] {
                link.place = u32::try_from(size).ok()?;
                let block = link.q as usize * symbolic.width(v);
                ordered.extend_from_slice(&cross.values()[link.a as usize..][..block]);
                size += block;
            }
        }
        Some(Self { items, cross: ordered })
    }

    /// Links of a position.
    #[inline]
    pub fn of(&self, layout: &Layout, v: usize) -> &[Link] {
        &self.items[layout.symbolic.earlier.range(v)]
    }

    /// A_pv of a link.
    #[inline]
    pub fn block(&self, link: &Link, size: usize) -> &[f64] {
        &self.cross[link.place as usize..][..size]
    }

    /// Total size of the blocks.
    pub fn size(&self) -> usize {
        self.cross.len()
    }
}
