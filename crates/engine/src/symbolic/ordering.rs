//! The order of elimination. Two candidates: factor by factor from the one with most levels to the
//! one with fewest, which is best for one factor, nested chains and two crossed factors; and
//! approximate minimum degree (Amestoy, Davis & Duff 1996), which wins when many factors overlap
//! loosely. The one with fewer predicted operations is taken.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::SymbolicSparseColMat;
use faer::sparse::linalg::amd;
use faer::sparse::linalg::cholesky::simplicial::{
    prefactorize_symbolic_cholesky, prefactorize_symbolic_cholesky_scratch,
};

use super::Graph;

/// Below this many predicted multiplications a better order cannot pay for its search.
const WORTH_A_SEARCH: f64 = 2e7;

/// Two dense crossed factors leave no better order to find, and looking for one is slow: minimum
/// degree is tried where more than this share of the levels would end in the remainder ...
const LARGE_REMAINDER: f64 = 0.5;

/// ... of three factors or more, or where a level has fewer neighbours than this on average.
const FEW_NEIGHBOURS: f64 = 16.0;

/// A remainder with fewer rows is left as it is.
const LEAST_REMAINDER: usize = 64;

/// A remainder whose dense elimination costs less than this many times the sparse one is made dense.
const DENSE_ENOUGH: f64 = 1.15;

/// An order with its elimination tree: `order[position]` is a node.
#[derive(Debug, Clone)]
pub struct Order {
    /// Node at each position.
    pub nodes: Vec<u32>,
    /// Parent position in the elimination tree; `u32::MAX` at a root.
    pub parent: Vec<u32>,
    /// Positions from here on are treated as one dense remainder.
    pub dense_from: Option<usize>,
}

/// Chooses the order and arranges it so that every subtree is contiguous.
pub fn order(graph: &Graph, widths: &[usize]) -> Order {
    let factors = by_size(graph);
    if graph.n_pairs() == 0 {
        let parent = vec![u32::MAX; graph.n()];
        return Order { nodes: factors, parent, dense_from: None };
    }
    let (tree, cost) = analyse(graph, &factors, widths);
    if cost > WORTH_A_SEARCH && may_improve(graph) {
        let candidate = minimum_degree(graph);
        let (other, other_cost) = analyse(graph, &candidate, widths);
        if other_cost < 0.9 * cost {
            return postordered(&candidate, &other);
        }
    }
    match dense_remainder(graph, widths, cost) {
        Some(first) => {
            let last = factors.len() - 1;
            let chain = |v: usize| if v == last { u32::MAX } else { v as u32 + 1 };
            let parent: Vec<u32> =
                (0..=last).map(|v| if v < first { tree[v] } else { chain(v) }).collect();
            Order { dense_from: Some(first), ..postordered(&factors, &parent) }
        }
        None => postordered(&factors, &tree),
    }
}

/// First position after the largest factor, if the rest is large and all but dense anyway: one front
/// is then better than a large one with crumbs around it.
fn dense_remainder(graph: &Graph, widths: &[usize], cost: f64) -> Option<usize> {
    let sizes = graph.first.windows(2).map(|w| w[1] - w[0]);
    let rest = sizes.clone().zip(widths).map(|(l, q)| l * q).sum::<usize>();
    let (levels, width) = sizes.zip(widths).max_by_key(|(l, _)| *l)?;
    let m = rest - levels * width;
    let dense = (m as f64).powi(3) / 3.0;
    (m >= LEAST_REMAINDER && dense < DENSE_ENOUGH * cost).then_some(levels)
}

fn may_improve(graph: &Graph) -> bool {
    let n = graph.n() as f64;
    let largest = graph.first.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0) as f64;
    let many = graph.first.len() > 3 && n - largest > LARGE_REMAINDER * n;
    many || (graph.n_pairs() as f64) < FEW_NEIGHBOURS * n
}

/// Nodes of the factor with most levels first.
fn by_size(graph: &Graph) -> Vec<u32> {
    let mut factors: Vec<usize> = (0..graph.first.len() - 1).collect();
    factors.sort_by_key(|&f| std::cmp::Reverse(graph.first[f + 1] - graph.first[f]));
    factors.iter().flat_map(|&f| graph.first[f] as u32..graph.first[f + 1] as u32).collect()
}

/// Upper triangle of the pattern in a given order, columns sorted.
fn upper(graph: &Graph, nodes: &[u32]) -> SymbolicSparseColMat<usize> {
    let n = nodes.len();
    let position = inverse(nodes);
    let mut pointers = vec![0usize];
    let mut indices = Vec::with_capacity(n + graph.n_pairs() / 2);
    for (j, &node) in nodes.iter().enumerate() {
        let start = indices.len();
        let earlier = graph.of(node as usize).iter().map(|&i| position[i as usize] as usize);
        indices.extend(earlier.filter(|&i| i < j));
        indices[start..].sort_unstable();
        indices.push(j);
        pointers.push(indices.len());
    }
    SymbolicSparseColMat::new_checked(n, n, pointers, None, indices)
}

/// Position of each node.
pub fn inverse(nodes: &[u32]) -> Vec<u32> {
    let mut position = vec![0u32; nodes.len()];
    nodes.iter().enumerate().for_each(|(p, &node)| position[node as usize] = p as u32);
    position
}

/// Elimination tree and predicted multiplications of an order.
fn analyse(graph: &Graph, nodes: &[u32], widths: &[usize]) -> (Vec<u32>, f64) {
    let n = nodes.len();
    let pattern = upper(graph, nodes);
    let mut tree = vec![0isize; n];
    let mut counts = vec![0usize; n];
    let mut memory = MemBuffer::new(prefactorize_symbolic_cholesky_scratch::<usize>(n, 0));
    prefactorize_symbolic_cholesky(
        &mut tree,
        &mut counts,
        pattern.as_ref(),
        MemStack::new(&mut memory),
    );
    let mean = {
        let total: usize = graph.factor.iter().map(|&f| widths[f as usize]).sum();
        total as f64 / n.max(1) as f64
    };
    let width = |p: usize| widths[graph.factor[nodes[p] as usize] as usize] as f64;
    let cost = (0..n).map(|p| width(p) * (counts[p] as f64 * mean).powi(2)).sum();
    let parent = tree.iter().map(|&t| if t < 0 { u32::MAX } else { t as u32 }).collect();
    (parent, cost)
}

fn minimum_degree(graph: &Graph) -> Vec<u32> {
    let n = graph.n();
    let natural: Vec<u32> = (0..n as u32).collect();
    let pattern = upper(graph, &natural);
    let (mut forward, mut backward) = (vec![0usize; n], vec![0usize; n]);
    let nnz = pattern.compute_nnz();
    let mut memory = MemBuffer::new(amd::order_scratch::<usize>(n, nnz));
    match amd::order(
        &mut forward,
        &mut backward,
        pattern.as_ref(),
        amd::Control::default(),
        MemStack::new(&mut memory),
    ) {
        Ok(_) => forward.iter().map(|&i| i as u32).collect(),
        // The index type overflowed: far beyond any data that fits in memory.
        Err(_) => natural,
    }
}

/// Relabels positions so that children come just before their parents, childless ones first: then the
/// larger subtrees lie next to their parent and can be merged with it.
fn postordered(nodes: &[u32], parent: &[u32]) -> Order {
    let n = nodes.len();
    let (mut head, mut next) = (vec![u32::MAX; n + 1], vec![u32::MAX; n]);
    for v in (0..n).rev() {
        let list = if parent[v] == u32::MAX { n } else { parent[v] as usize };
        next[v] = head[list];
        head[list] = v as u32;
    }
    let mut sequence = Vec::with_capacity(n);
    let mut stack = Vec::new();
    let mut root = head[n];
    while root != u32::MAX {
        stack.push(root);
        while let Some(&v) = stack.last() {
            let child = head[v as usize];
            if child == u32::MAX {
                stack.pop();
                sequence.push(v);
            } else {
                head[v as usize] = next[child as usize];
                stack.push(child);
            }
        }
        root = next[root as usize];
    }
    let moved = inverse(&sequence);
    let at = |p: u32| if p == u32::MAX { p } else { moved[p as usize] };
    Order {
        nodes: sequence.iter().map(|&v| nodes[v as usize]).collect(),
        parent: sequence.iter().map(|&v| at(parent[v as usize])).collect(),
        dense_from: None,
    }
}
