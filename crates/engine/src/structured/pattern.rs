//! Which blocks of M = Λ'Z'R⁻¹ZΛ + Q are nonzero: levels meet in a block of rows, or in Q. The plan of
//! the factorisation is that of the plain engine, for the spherical effects u.

use std::sync::Arc;

use super::blocks::Blocks;
use super::design::Design;
use crate::layout::Layout;
use crate::symbolic::{Graph, Symbolic, order};

/// Where an entry of a row's incidence lies.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Index of the level among the nodes of the row's block.
    pub local: u32,
    /// Term.
    pub term: u32,
    /// Weight.
    pub weight: f64,
}

/// Row blocks of A = Z'R⁻¹Z on the same pattern: q × (own, later neighbours), column-major.
#[derive(Debug, Clone)]
pub struct Grid {
    /// q of each position.
    pub width: Vec<u32>,
    /// First scalar of each position, and the total.
    pub offset: Vec<usize>,
    /// Start of each row block, and the total.
    pub start: Vec<usize>,
    /// Scalar offset of each later neighbour within its row block, after its own columns.
    pub later: Vec<u32>,
}

impl Grid {
    fn new(symbolic: &Symbolic, widths: &[usize]) -> Self {
        let width: Vec<u32> = symbolic.factor.iter().map(|&f| widths[f as usize] as u32).collect();
        let (mut offset, mut start) = (vec![0], vec![0]);
        let mut later = Vec::with_capacity(symbolic.later.n_items());
        for v in 0..width.len() {
            let q = width[v] as usize;
            let mut columns = 0;
            for &l in symbolic.later.of(v) {
                later.push(columns);
                columns += width[l as usize];
            }
            offset.push(offset[v] + q);
            start.push(start[v] + q * (q + columns as usize));
        }
        Self { width, offset, start, later }
    }
}

/// The plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Storage plan of the factorisation; a "factor" is a term, a width the length of its u.
    pub layout: Arc<Layout>,
    /// A.
    pub grid: Grid,
    /// Positions that the rows of each block touch, sorted: where each list starts, and the lists.
    pub node_start: Vec<usize>,
    /// See `node_start`.
    pub nodes: Vec<u32>,
    /// Where the pairs of each block start.
    pub pair_start: Vec<usize>,
    /// Per pair a < b of a block's nodes: the item of the later neighbours of a that b is.
    pub pairs: Vec<u32>,
    /// Where the entries of each row (in the order of the blocks) start.
    pub entry_start: Vec<usize>,
    /// Entries of the rows.
    pub entries: Vec<Entry>,
    /// Entries of the known precisions.
    pub precision: Vec<Known>,
}

/// An entry of a known precision: the position, the item of its later neighbours (None: itself).
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Position.
    pub position: u32,
    /// See above.
    pub item: Option<u32>,
    /// Value.
    pub value: f64,
}

impl Plan {
    /// Plans for the columns of u of each term (`u_widths`) and `k` right-hand columns.
    pub fn new(
        design: &Design,
        blocks: &Blocks,
        u_widths: &[usize],
        k: usize,
    ) -> crate::error::Result<Self> {
        let mut first = vec![0usize];
        let mut factor: Vec<u16> = Vec::new();
        for (t, term) in design.terms.iter().enumerate() {
            first.push(first[t] + term.n_levels);
            factor.resize(first[t + 1], t as u16);
        }
        let touched = touched(design, blocks, &first);
        let mut cliques: Vec<&[u32]> =
            touched.0.windows(2).map(|w| &touched.1[w[0]..w[1]]).collect();
        let known = known_pairs(design, &first);
        cliques.extend(known.iter().map(|pair| &pair[..]));
        let graph = Graph::of_cliques(first.clone(), factor, &cliques);
        let symbolic = Arc::new(Symbolic::new(&graph, &order(&graph, u_widths), u_widths)?);
        let widths: Vec<usize> = design.terms.iter().map(|t| t.q).collect();
        let grid = Grid::new(&symbolic, &widths);
        let (node_start, mut nodes) = touched;
        for w in node_start.windows(2) {
            let mine = &mut nodes[w[0]..w[1]];
            mine.iter_mut().for_each(|v| *v = symbolic.position[*v as usize]);
            mine.sort_unstable();
        }
        let mut plan = Self {
            layout: Arc::new(Layout::new(Arc::clone(&symbolic), k)),
            grid,
            node_start,
            nodes,
            pair_start: vec![],
            pairs: vec![],
            entry_start: vec![],
            entries: vec![],
            precision: precision(design, &first, &symbolic),
        };
        plan.find_pairs();
        plan.find_entries(design, blocks, &first);
        Ok(plan)
    }

    /// Positions that a block touches.
    pub fn nodes_of(&self, block: usize) -> &[u32] {
        &self.nodes[self.node_start[block]..self.node_start[block + 1]]
    }

    /// Entries of the `i`th row in the order of the blocks.
    pub fn entries_of(&self, i: usize) -> &[Entry] {
        &self.entries[self.entry_start[i]..self.entry_start[i + 1]]
    }

    /// Pairs of a block's nodes: (0, 1), (0, 2), …, (1, 2), ….
    pub fn pairs_of(&self, block: usize) -> &[u32] {
        &self.pairs[self.pair_start[block]..self.pair_start[block + 1]]
    }

    fn find_pairs(&mut self) {
        let symbolic = Arc::clone(&self.layout.symbolic);
        self.pair_start.push(0);
        for block in 0..self.node_start.len() - 1 {
            let nodes = &self.nodes[self.node_start[block]..self.node_start[block + 1]];
            for (i, &a) in nodes.iter().enumerate() {
                let (list, base) =
                    (symbolic.later.of(a as usize), symbolic.later.range(a as usize).start);
                let mut at = 0;
                for &b in &nodes[i + 1..] {
                    at += list[at..].partition_point(|&l| l < b);
                    self.pairs.push((base + at) as u32);
                }
            }
            self.pair_start.push(self.pairs.len());
        }
    }

    fn find_entries(&mut self, design: &Design, blocks: &Blocks, first: &[usize]) {
        let symbolic = Arc::clone(&self.layout.symbolic);
        self.entry_start.push(0);
        for block in 0..blocks.len() {
            for &row in blocks.of(block) {
                for (t, term) in design.terms.iter().enumerate() {
                    for (level, weight) in term.incidence.of(row as usize) {
                        let v = symbolic.position[first[t] + level as usize];
                        let nodes = &self.nodes[self.node_start[block]..self.node_start[block + 1]];
                        let local = nodes.partition_point(|&u| u < v) as u32;
                        self.entries.push(Entry { local, term: t as u32, weight });
                    }
                }
                self.entry_start.push(self.entries.len());
            }
        }
    }
}

/// The distinct nodes (term by term) that the rows of each block touch.
fn touched(design: &Design, blocks: &Blocks, first: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let mut seen = vec![u32::MAX; first[first.len() - 1]];
    let (mut start, mut nodes) = (vec![0], Vec::new());
    for block in 0..blocks.len() {
        for &row in blocks.of(block) {
            for (t, term) in design.terms.iter().enumerate() {
                for (level, _) in term.incidence.of(row as usize) {
                    let node = first[t] + level as usize;
                    if seen[node] != block as u32 {
                        seen[node] = block as u32;
                        nodes.push(node as u32);
                    }
                }
            }
        }
        start.push(nodes.len());
    }
    (start, nodes)
}

/// Pairs of levels that a known precision ties.
fn known_pairs(design: &Design, first: &[usize]) -> Vec<[u32; 2]> {
    let mut out = Vec::new();
    for (t, term) in design.terms.iter().enumerate() {
        let Some(q) = &term.precision else { continue };
        for j in 0..term.n_levels {
            let above = q.of(j).filter(|(i, _)| (*i as usize) < j);
            out.extend(above.map(|(i, _)| [first[t] as u32 + i, (first[t] + j) as u32]));
        }
    }
    out
}

fn precision(design: &Design, first: &[usize], symbolic: &Symbolic) -> Vec<Known> {
    let mut out = Vec::new();
    for (t, term) in design.terms.iter().enumerate() {
        let Some(q) = &term.precision else { continue };
        for j in 0..term.n_levels {
            let b = symbolic.position[first[t] + j];
            for (i, value) in q.of(j).filter(|(i, _)| *i as usize <= j) {
                let a = symbolic.position[first[t] + i as usize];
                let (position, later) = (a.min(b), a.max(b));
                let list = symbolic.later.of(position as usize);
                let item = (a != b).then(|| {
                    let at = list.partition_point(|&l| l < later);
                    (symbolic.later.range(position as usize).start + at) as u32
                });
                out.push(Known { position, item, value });
            }
        }
    }
    out
}
