//! Rows by node: for sums over the rows of a level that need no locks, and always come out the same.

use crate::structured::Plan;

/// Which rows touch a position, and as which of their nodes.
#[derive(Debug, Clone)]
pub struct Touching {
    /// Where the list of each position starts.
    pub start: Vec<usize>,
    /// (row, index of the position among the row's nodes, where its z start in the row).
    pub items: Vec<(u32, u16, u16)>,
}

impl Touching {
    /// Inverts the lists of nodes.
    pub fn new(plan: &Plan, n: usize) -> Self {
        let positions = plan.grid.width.len();
        let mut start = vec![0usize; positions + 1];
        plan.nodes.iter().for_each(|&v| start[v as usize + 1] += 1);
        (0..positions).for_each(|v| start[v + 1] += start[v]);
        let mut next = start.clone();
        let mut items = vec![(0, 0, 0); plan.nodes.len()];
        for row in 0..n {
            let mut z = 0;
            for (i, &v) in plan.nodes_of(row).iter().enumerate() {
                let v = v as usize;
                items[next[v]] = (row as u32, i as u16, z);
                next[v] += 1;
                z += plan.grid.width[v] as u16;
            }
        }
        Self { start, items }
    }

    /// Rows of a position.
    #[inline]
    pub fn of(&self, v: usize) -> &[(u32, u16, u16)] {
        &self.items[self.start[v]..self.start[v + 1]]
    }
}
