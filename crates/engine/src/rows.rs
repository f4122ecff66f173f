//! Rows listed by level of a grouping factor.

/// For each level the rows that carry it, in their own order.
#[derive(Debug, Clone)]
pub struct RowsByLevel {
    pointers: Vec<usize>,
    /// None where the rows come sorted by level already.
    rows: Option<Vec<u32>>,
}

impl RowsByLevel {
    /// Counting sort of the rows by code.
    pub fn new(codes: &[i32], n_levels: usize) -> Self {
        let mut pointers = vec![0usize; n_levels + 1];
        codes.iter().for_each(|&c| pointers[c as usize + 1] += 1);
        (0..n_levels).for_each(|j| pointers[j + 1] += pointers[j]);
        if codes.is_sorted() {
            return Self { pointers, rows: None };
        }
        let mut next = pointers.clone();
        let mut rows = vec![0u32; codes.len()];
        for (row, &c) in codes.iter().enumerate() {
            let at = &mut next[c as usize];
            rows[*at] = row as u32;
            *at += 1;
        }
        Self { pointers, rows: Some(rows) }
    }

    /// How many rows a level has.
    pub fn count(&self, level: usize) -> usize {
        self.pointers[level + 1] - self.pointers[level]
    }

    /// Rows of a level.
    #[inline]
    pub fn of(&self, level: usize) -> impl Iterator<Item = usize> + '_ {
        let range = self.pointers[level]..self.pointers[level + 1];
        let rows = self.rows.as_deref();
        range.map(move |i| rows.map_or(i, |r| r[i] as usize))
    }
}
