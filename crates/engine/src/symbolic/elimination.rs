//! Fronts: groups of consecutive nodes with the same later neighbours ("supernodes", Liu, Ng &
//! Peyton 1993), found together with the fill while the nodes are eliminated one by one on paper.

use std::ops::Range;

use super::Graph;
use super::ordering::{Order, inverse};
use crate::error::Result;
use crate::watch::{self, Watch};

/// Merging a front into the next may store this share of explicit zeros, by its number of rows:
/// few dense operations on zeros beat many scattered ones (Chen, Davis, Hager & Rajamanickam 2008).
const ZEROS_ALLOWED: [(usize, f64); 3] = [(4, 1.0), (16, 0.8), (48, 0.1)];
const ZEROS_ALLOWED_LARGE: f64 = 0.05;

/// Part of an earlier front whose rows fall into a given front.
#[derive(Debug, Clone, Copy)]
pub struct Descendant {
    /// The earlier front.
    pub front: u32,
    /// Its rows `start..stop` are nodes of the given front.
    pub start: u32,
    /// See `start`.
    pub stop: u32,
}

/// The plan of the factorisation. Positions are nodes in the order of elimination.
#[derive(Debug, Clone)]
pub struct Symbolic {
    /// Factor of the node at each position.
    pub factor: Vec<u16>,
    /// Level, within its factor, of the node at each position.
    pub level: Vec<u32>,
    /// Position of each node, numbered factor by factor.
    pub position: Vec<u32>,
    /// First scalar row of each position, and the total.
    pub offset: Vec<usize>,
    /// Later neighbours of each position, sorted.
    pub later: Lists<u32>,
    /// Earlier neighbours of each position: (position, its index among their later neighbours).
    pub earlier: Lists<(u32, u32)>,
    /// First position of each front, and the number of positions.
    pub first: Vec<u32>,
    /// Front of each position.
    pub front: Vec<u32>,
    /// Rows of each front beyond its own nodes: sorted positions.
    pub rows: Lists<u32>,
    /// Scalar offset of each entry of `rows` within its front's rows.
    pub row_offset: Vec<u32>,
    /// Fronts that reach into a given front.
    pub descendants: Lists<Descendant>,
    /// Fronts of one childless node, in order.
    pub leaves: Vec<u32>,
    /// The other fronts, by height above the leaves.
    pub levels: Vec<Vec<u32>>,
}

/// Lists of different lengths in one piece of memory.
#[derive(Debug, Clone)]
pub struct Lists<T> {
    pointers: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy> Lists<T> {
    fn with_capacity(n: usize) -> Self {
        let mut pointers = Vec::with_capacity(n + 1);
        pointers.push(0);
        Self { pointers, items: Vec::new() }
    }

    fn push_list(&mut self, list: impl Iterator<Item = T>) {
        self.items.extend(list);
        self.pointers.push(self.items.len());
    }

    /// From (owner, item) pairs visited twice in the same order.
    fn gathered(n: usize, visit: impl Fn(&mut dyn FnMut(usize, T)), zero: T) -> Self {
        let mut pointers = vec![0usize; n + 1];
        visit(&mut |owner, _| pointers[owner + 1] += 1);
        (0..n).for_each(|i| pointers[i + 1] += pointers[i]);
        let mut next = pointers.clone();
        let mut items = vec![zero; pointers[n]];
        visit(&mut |owner, item| {
            items[next[owner]] = item;
            next[owner] += 1;
        });
        Self { pointers, items }
    }

    /// Where a list lies in the common memory.
    #[inline]
    pub fn range(&self, i: usize) -> Range<usize> {
        self.pointers[i]..self.pointers[i + 1]
    }

    /// A list.
    #[inline]
    pub fn of(&self, i: usize) -> &[T] {
        &self.items[self.range(i)]
    }

    /// All lists, one after the other.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// Total number of items.
    pub fn n_items(&self) -> usize {
        self.items.len()
    }

    /// Number of lists.
    pub fn n_lists(&self) -> usize {
        self.pointers.len() - 1
    }
}

impl Symbolic {
    /// Plans the factorisation for an order; `widths` is the number of columns per factor.
    pub fn new(graph: &Graph, order: &Order, widths: &[usize]) -> Result<Self> {
        let n = graph.n();
        let position = inverse(&order.nodes);
        let factor: Vec<u16> = order.nodes.iter().map(|&v| graph.factor[v as usize]).collect();
        let level = (order.nodes.iter().zip(&factor))
            .map(|(&v, &f)| v - graph.first[f as usize] as u32)
            .collect();
        let mut offset = vec![0usize; n + 1];
        (0..n).for_each(|p| offset[p + 1] = offset[p] + widths[factor[p] as usize]);
        let later = later_neighbours(graph, order, &position)?;
        let earlier = earlier_neighbours(&later);
        watch::check()?;
        let (first, rows) = relax(fronts(&later)?, &later, &offset);
        watch::check()?;
        let mut front = vec![0u32; n];
        for s in 0..rows.n_lists() {
            front[first[s] as usize..first[s + 1] as usize].fill(s as u32);
        }
        let row_offset = row_offsets(&rows, &offset);
        let descendants = descendants(&rows, &front);
        let (leaves, levels) = schedule(&first, &rows, &front, &earlier);
        Ok(Self {
            factor,
            level,
            position,
            offset,
            later,
            earlier,
            first,
            front,
            rows,
            row_offset,
            descendants,
            leaves,
            levels,
        })
    }

    /// Total number of random effects q.
    pub fn dim(&self) -> usize {
        self.offset[self.offset.len() - 1]
    }

    /// Positions of a front.
    #[inline]
    pub fn nodes(&self, front: usize) -> Range<usize> {
        self.first[front] as usize..self.first[front + 1] as usize
    }

    /// Scalar rows of a front.
    #[inline]
    pub fn scalars(&self, front: usize) -> Range<usize> {
        let nodes = self.nodes(front);
        self.offset[nodes.start]..self.offset[nodes.end]
    }

    /// Number of scalar columns of a node.
    #[inline]
    pub fn width(&self, position: usize) -> usize {
        self.offset[position + 1] - self.offset[position]
    }

    /// Total scalar width of a front's rows.
    #[inline]
    pub fn rows_width(&self, front: usize) -> usize {
        let range = self.rows.range(front);
        match range.clone().next_back() {
            None => 0,
            Some(last) => {
                let p = self.rows.of(front)[range.len() - 1] as usize;
                self.row_offset[last] as usize + self.width(p)
            }
        }
    }

    /// Scalar offsets of a front's rows.
    #[inline]
    pub fn offsets_of_rows(&self, front: usize) -> &[u32] {
        &self.row_offset[self.rows.range(front)]
    }

    /// Number of fronts.
    pub fn n_fronts(&self) -> usize {
        self.rows.n_lists()
    }

    /// Predicted multiplications of one factorisation.
    pub fn cost(&self) -> f64 {
        let one = |s: usize| {
            let (n, r) = (self.scalars(s).len() as f64, self.rows_width(s) as f64);
            n * n * n / 3.0 + n * n * r + n * r * r
        };
        (0..self.n_fronts()).map(one).sum()
    }
}

fn later_neighbours(graph: &Graph, order: &Order, position: &[u32]) -> Result<Lists<u32>> {
    let watch = Watch::current();
    let mut later = Lists::with_capacity(graph.n());
    let mut list = Vec::new();
    for (p, &node) in order.nodes.iter().enumerate() {
        watch.check()?;
        list.clear();
        let positions = graph.of(node as usize).iter().map(|&v| position[v as usize]);
        list.extend(positions.filter(|&v| v > p as u32));
        if order.dense_from == Some(p) {
            // Explicit zeros in one row: elimination fills the others.
            list.clear();
            list.extend(p as u32 + 1..graph.n() as u32);
        }
        list.sort_unstable();
        later.push_list(list.iter().copied());
    }
    Ok(later)
}

fn earlier_neighbours(later: &Lists<u32>) -> Lists<(u32, u32)> {
    let n = later.n_lists();
    let visit = |each: &mut dyn FnMut(usize, (u32, u32))| {
        for p in 0..n {
            for (i, &v) in later.of(p).iter().enumerate() {
                each(v as usize, (p as u32, i as u32));
            }
        }
    };
    Lists::gathered(n, visit, (0, 0))
}

/// Fronts without explicit zeros: first position and rows of each. A childless node is always a
/// front of its own.
fn fronts(later: &Lists<u32>) -> Result<Vec<(u32, Vec<u32>)>> {
    let watch = Watch::current();
    let n = later.n_lists();
    let mut out: Vec<(u32, Vec<u32>)> = Vec::new();
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut stamp = vec![u32::MAX; n];
    // The front under construction: its index in `out`, and the nodes still to be joined.
    let mut open: Option<(usize, usize)> = None;
    for v in 0..n {
        watch.check()?;
        let joined = open.filter(|&(s, start)| out[s].1.get(start) == Some(&(v as u32)));
        if let (Some((s, start)), None) = (open, joined) {
            close(&mut out, &mut children, s, start);
            open = None;
        }
        if joined.is_none() && children[v].is_empty() {
            let rows = later.of(v).to_vec();
            if let Some(&parent) = rows.first() {
                children[parent as usize].push(out.len() as u32);
            }
            out.push((v as u32, rows));
            continue;
        }
        let base = match joined {
            Some((s, _)) => s,
            None => widest(&out, &children[v]),
        };
        let id = base as u32;
        // A joined front was stamped when it was opened.
        if joined.is_none() {
            out[base].1.iter().for_each(|&u| stamp[u as usize] = id);
        }
        let mut added: Vec<u32> = Vec::new();
        let own = later.of(v).iter();
        let others = children[v].iter().filter(|&&c| c as usize != base);
        for &u in own.chain(others.flat_map(|&c| out[c as usize].1.iter())) {
            if u as usize != v && stamp[u as usize] != id {
                stamp[u as usize] = id;
                added.push(u);
            }
        }
        if let (Some((s, start)), true) = (joined, added.is_empty()) {
            open = Some((s, start + 1));
            continue;
        }
        let skip = joined.map_or(0, |(_, start)| start);
        let mut rows: Vec<u32> =
            out[base].1[skip..].iter().copied().filter(|&u| u as usize != v).chain(added).collect();
        rows.sort_unstable();
        if let Some((s, start)) = joined {
            close(&mut out, &mut children, s, start);
        }
        let id = out.len() as u32;
        rows.iter().for_each(|&u| stamp[u as usize] = id);
        out.push((v as u32, rows));
        open = Some((out.len() - 1, 0));
    }
    if let Some((s, start)) = open {
        close(&mut out, &mut children, s, start);
    }
    Ok(out)
}

/// Ends a front: its rows are those beyond the nodes that joined it.
fn close(out: &mut [(u32, Vec<u32>)], children: &mut [Vec<u32>], s: usize, start: usize) {
    out[s].1.drain(..start);
    if let Some(&parent) = out[s].1.first() {
        children[parent as usize].push(s as u32);
    }
}

fn widest(out: &[(u32, Vec<u32>)], children: &[u32]) -> usize {
    let longest = children.iter().max_by_key(|&&c| out[c as usize].1.len());
    longest.map_or(0, |&c| c as usize)
}

/// Merges neighbouring fronts where that costs few explicit zeros.
fn relax(
    fronts: Vec<(u32, Vec<u32>)>,
    later: &Lists<u32>,
    offset: &[usize],
) -> (Vec<u32>, Lists<u32>) {
    struct Merged {
        first: u32,
        end: u32,
        rows: Vec<u32>,
        zeros: f64,
        leaf: bool,
    }
    let n = later.n_lists() as u32;
    let ends: Vec<u32> = fronts.iter().skip(1).map(|f| f.0).chain([n]).collect();
    let width = |rows: &[u32]| -> usize {
        rows.iter().map(|&p| offset[p as usize + 1] - offset[p as usize]).sum()
    };
    let mut has_child = vec![false; n as usize];
    for (_, rows) in &fronts {
        if let Some(&parent) = rows.first() {
            has_child[parent as usize] = true;
        }
    }
    let mut stack: Vec<Merged> = Vec::with_capacity(fronts.len());
    for ((first, rows), end) in fronts.into_iter().zip(ends) {
        let leaf = end == first + 1 && !has_child[first as usize];
        let mut new = Merged { first, end, rows, zeros: 0.0, leaf };
        while let Some(top) = stack.last() {
            // All rows of a front lie among its parent and the parent's rows.
            let child = top.rows.first().is_some_and(|p| (new.first..new.end).contains(p));
            if top.leaf || new.leaf || !child {
                break;
            }
            let n_top = offset[top.end as usize] - offset[top.first as usize];
            let n_new = offset[new.end as usize] - offset[new.first as usize];
            let (r_top, r_new) = (width(&top.rows), width(&new.rows));
            let zeros = top.zeros + new.zeros + (n_top * (n_new + r_new - r_top)) as f64;
            let n_all = n_top + n_new;
            let total = (n_all * (n_all + 1) / 2 + n_all * r_new) as f64;
            let allowed = ZEROS_ALLOWED.iter().find(|(rows, _)| n_all <= *rows);
            if zeros > allowed.map_or(ZEROS_ALLOWED_LARGE, |(_, share)| *share) * total {
                break;
            }
            new = Merged { first: top.first, zeros, ..new };
            stack.pop();
        }
        stack.push(new);
    }
    let mut first: Vec<u32> = stack.iter().map(|f| f.first).collect();
    first.push(n);
    let mut rows = Lists::with_capacity(stack.len());
    stack.into_iter().for_each(|f| rows.push_list(f.rows.into_iter()));
    (first, rows)
}

fn row_offsets(rows: &Lists<u32>, offset: &[usize]) -> Vec<u32> {
    let mut out = Vec::with_capacity(rows.n_items());
    for s in 0..rows.n_lists() {
        let mut at = 0;
        for &p in rows.of(s) {
            out.push(at);
            at += (offset[p as usize + 1] - offset[p as usize]) as u32;
        }
    }
    out
}

fn descendants(rows: &Lists<u32>, front: &[u32]) -> Lists<Descendant> {
    let visit = |each: &mut dyn FnMut(usize, Descendant)| {
        for s in 0..rows.n_lists() {
            let list = rows.of(s);
            let mut start = 0;
            for run in list.chunk_by(|&a, &b| front[a as usize] == front[b as usize]) {
                let stop = start + run.len();
                let part = Descendant { front: s as u32, start: start as u32, stop: stop as u32 };
                each(front[run[0] as usize] as usize, part);
                start = stop;
            }
        }
    };
    Lists::gathered(rows.n_lists(), visit, Descendant { front: 0, start: 0, stop: 0 })
}

/// Leaves, and the other fronts by height.
fn schedule(
    first: &[u32],
    rows: &Lists<u32>,
    front: &[u32],
    earlier: &Lists<(u32, u32)>,
) -> (Vec<u32>, Vec<Vec<u32>>) {
    let n = rows.n_lists();
    let mut height = vec![0u32; n];
    let mut leaves = Vec::new();
    let mut levels: Vec<Vec<u32>> = Vec::new();
    for s in 0..n {
        let single = first[s + 1] == first[s] + 1 && earlier.of(first[s] as usize).is_empty();
        if single && height[s] == 0 {
            leaves.push(s as u32);
        } else {
            let h = height[s] as usize;
            levels.resize_with(levels.len().max(h + 1), Vec::new);
            levels[h].push(s as u32);
        }
        if let Some(&parent) = rows.of(s).first() {
            let parent = front[parent as usize] as usize;
            height[parent] = height[parent].max(height[s] + 1);
        }
    }
    levels.retain(|level| !level.is_empty());
    (leaves, levels)
}
