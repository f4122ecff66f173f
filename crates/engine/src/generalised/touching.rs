//! Rows by node: for sums over the rows of a level that need no locks, and always come out the same.

use crate::structured::Plan;

/// A row that touches a position.
#[derive(Debug, Clone, Copy, Default)]
pub struct Touch {
    /// The row.
    pub row: u32,
    /// Index of the position among the row's nodes.
    pub node: u32,
    /// Where the position's z start in the row.
    pub z: u32,
}

/// Which rows touch a position.
#[derive(Debug, Clone)]
pub struct Touching {
    /// Where the list of each position starts.
    pub start: Vec<usize>,
    /// The lists.
    pub items: Vec<Touch>,
}

impl Touching {
    /// Inverts the lists of nodes.
    pub fn new(plan: &Plan, n: usize) -> Self {
        let positions = plan.grid.width.len();
        let mut start = vec![0usize; positions + 1];
        plan.nodes.iter().for_each(|&v| start[v as usize + 1] += 1);
        (0..positions).for_each(|v| start[v + 1] += start[v]);
        let mut next = start.clone();
        let mut items = vec![Touch::default(); plan.nodes.len()];
        for row in 0..n {
            let mut z = 0;
            for (i, &v) in plan.nodes_of(row).iter().enumerate() {
                let v = v as usize;
                items[next[v]] = Touch { row: row as u32, node: i as u32, z };
                next[v] += 1;
                z += plan.grid.width[v];
            }
        }
        Self { start, items }
    }

    /// Rows of a position.
    #[inline]
    pub fn of(&self, v: usize) -> &[Touch] {
        &self.items[self.start[v]..self.start[v + 1]]
    }
}
