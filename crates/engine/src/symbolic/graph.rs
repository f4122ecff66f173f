//! The graph of levels: two levels are neighbours if some row carries both.

use crate::data::Group;
use crate::error::Result;
use crate::rows::RowsByLevel;
use crate::sums::Condensed;
use crate::watch::Watch;

/// Levels of all factors, numbered factor by factor, with their neighbours.
#[derive(Debug, Clone)]
pub struct Graph {
    /// First node of each factor, and the total at the end.
    pub first: Vec<usize>,
    /// Factor of each node.
    pub factor: Vec<u16>,
    pointers: Vec<usize>,
    neighbours: Vec<u32>,
}

impl Graph {
    /// Reads the co-occurrences off the rows.
    pub fn new(groups: &[Group<'_>], rows: &[RowsByLevel]) -> Result<Self> {
        let mut first = vec![0usize];
        let mut factor = Vec::new();
        for (f, group) in groups.iter().enumerate() {
            first.push(first[f] + group.n_levels);
            factor.resize(first[f + 1], f as u16);
        }
        let n = first[groups.len()];
        let watch = Watch::current();
        let mut pointers = vec![0usize; n + 1];
        let mut neighbours = Vec::new();
        let mut seen = vec![u32::MAX; n];
        for node in 0..n {
            if groups.len() > 1 {
                watch.check()?;
                let f = factor[node] as usize;
                for row in rows[f].of(node - first[f]) {
                    for (g, group) in groups.iter().enumerate() {
                        let other = first[g] + group.codes[row] as usize;
                        if g != f && seen[other] != node as u32 {
                            seen[other] = node as u32;
                            neighbours.push(other as u32);
                        }
                    }
                }
            }
            pointers[node + 1] = neighbours.len();
        }
        Ok(Self { first, factor, pointers, neighbours })
    }

    /// Reads the co-occurrences off sparse blocks.
    pub fn of_condensed(condensed: &Condensed) -> Self {
        let mut first = vec![0usize];
        let mut factor = Vec::new();
        for (f, n) in condensed.n_levels.iter().enumerate() {
            first.push(first[f] + n);
            factor.resize(first[f + 1], f as u16);
        }
        let (mut pointers, mut neighbours) = (vec![0usize], Vec::new());
        for (f, n) in condensed.n_levels.iter().enumerate() {
            for level in 0..*n {
                for (g, blocks) in condensed.beside(f) {
                    let list = &blocks.indices[blocks.pointers[level]..blocks.pointers[level + 1]];
                    neighbours.extend(list.iter().map(|l| first[g] as u32 + l));
                }
                pointers.push(neighbours.len());
            }
        }
        Self { first, factor, pointers, neighbours }
    }

    /// Nodes that meet in a list of `cliques` are neighbours; `factor` tells that of each node.
    pub fn of_cliques(first: Vec<usize>, factor: Vec<u16>, cliques: &[&[u32]]) -> Self {
        let n = factor.len();
        let mut start = vec![0usize; n + 1];
        cliques.iter().flat_map(|c| c.iter()).for_each(|&v| start[v as usize + 1] += 1);
        (0..n).for_each(|v| start[v + 1] += start[v]);
        let (mut next, mut of_node) = (start.clone(), vec![0u32; start[n]]);
        for (c, clique) in cliques.iter().enumerate() {
            for &v in *clique {
                of_node[next[v as usize]] = c as u32;
                next[v as usize] += 1;
            }
        }
        let (mut pointers, mut neighbours) = (vec![0usize], Vec::new());
        let mut seen = vec![u32::MAX; n];
        for node in 0..n {
            seen[node] = node as u32;
            for &c in &of_node[start[node]..start[node + 1]] {
                for &other in cliques[c as usize] {
                    if seen[other as usize] != node as u32 {
                        seen[other as usize] = node as u32;
                        neighbours.push(other);
                    }
                }
            }
            pointers.push(neighbours.len());
        }
        Self { first, factor, pointers, neighbours }
    }

    /// Number of nodes.
    pub fn n(&self) -> usize {
        self.factor.len()
    }

    /// Number of ordered pairs of neighbours.
    pub fn n_pairs(&self) -> usize {
        self.neighbours.len()
    }

    /// Neighbours of a node, unsorted.
    pub fn of(&self, node: usize) -> &[u32] {
        &self.neighbours[self.pointers[node]..self.pointers[node + 1]]
    }
}
