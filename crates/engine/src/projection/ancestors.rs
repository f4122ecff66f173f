//! Which fronts a column meets on its way.

use crate::layout::Layout;

/// The slots of the fronts that the rows of each front lie in.
#[derive(Debug)]
pub struct Ancestors {
    pointers: Vec<usize>,
    slots: Vec<u32>,
}

impl Ancestors {
    /// Reads them off the layout.
    pub fn new(layout: &Layout) -> Self {
        let mut out = Self { pointers: vec![0], slots: Vec::new() };
        for shape in &layout.shapes {
            let start = out.slots.len();
            for &p in layout.symbolic.rows.of(shape.front) {
                let slot = layout.slot_of(p as usize) as u32;
                if !out.slots[start..].contains(&slot) {
                    out.slots.push(slot);
                }
            }
            out.pointers.push(out.slots.len());
        }
        out
    }

    /// Those of one slot.
    pub fn of(&self, slot: u32) -> &[u32] {
        &self.slots[self.pointers[slot as usize]..self.pointers[slot as usize + 1]]
    }

    /// Adds a slot and everything above it to `path`, without what is there already.
    pub fn close(&self, slot: u32, path: &mut Vec<u32>) {
        let mut next = path.len();
        if !path.contains(&slot) {
            path.push(slot);
        }
        while next < path.len() {
            for &above in self.of(path[next]) {
                if !path.contains(&above) {
                    path.push(above);
                }
            }
            next += 1;
        }
    }
}
