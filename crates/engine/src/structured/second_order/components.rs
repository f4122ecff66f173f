//! The independent components of V: blocks of the residual that share levels, directly or through a
//! known covariance between levels. Components that look the same have the same V.

use std::collections::HashMap;

use super::residuals::Residuals;
use crate::structured::problem::Problem;

/// Most components of one group: larger groups are divided, for the sake of threads.
const MOST: usize = 2048;

/// Components with the same V in the same order of rows, each as its blocks.
#[derive(Debug, Default)]
pub struct Group {
    /// Per component.
    pub members: Vec<Vec<u32>>,
}

/// Rows in the order of the blocks.
pub fn rows_of<'a>(problem: &'a Problem, blocks: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
    let start = &problem.blocks.start;
    blocks.iter().flat_map(move |&b| start[b as usize]..start[b as usize + 1])
}

/// The components by what they look like, in order of first appearance.
pub fn groups(problem: &Problem, residuals: &Residuals<'_>) -> Vec<Group> {
    let mut known: HashMap<Vec<u64>, usize> = HashMap::new();
    let mut out: Vec<Group> = Vec::new();
    for blocks in components(problem) {
        let key = signature(problem, residuals, &blocks);
        let at = *known.entry(key.clone()).or_insert(out.len());
        if at == out.len() {
            out.push(Group::default());
        }
        out[at].members.push(blocks);
        if out[at].members.len() == MOST {
            known.remove(&key);
        }
    }
    out
}

/// Blocks of each component.
fn components(problem: &Problem) -> Vec<Vec<u32>> {
    let n_blocks = problem.blocks.len();
    let symbolic = &problem.plan.layout.symbolic;
    let mut parent: Vec<u32> = (0..(n_blocks + symbolic.factor.len()) as u32).collect();
    for block in 0..n_blocks {
        for &node in problem.plan.nodes_of(block) {
            join(&mut parent, block as u32, n_blocks as u32 + node);
        }
    }
    let mut first = 0;
    for term in &problem.design.terms {
        let node = |level: usize| n_blocks as u32 + symbolic.position[first + level];
        if let Some(q) = &term.precision {
            for j in 0..term.n_levels {
                q.of(j).for_each(|(i, _)| join(&mut parent, node(i as usize), node(j)));
            }
        }
        first += term.n_levels;
    }
    let mut place: HashMap<u32, usize> = HashMap::new();
    let mut out: Vec<Vec<u32>> = Vec::new();
    for block in 0..n_blocks as u32 {
        let at = *place.entry(root(&mut parent, block)).or_insert(out.len());
        if at == out.len() {
            out.push(Vec::new());
        }
        out[at].push(block);
    }
    out
}

fn root(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        let above = parent[parent[i as usize] as usize];
        parent[i as usize] = above;
        i = above;
    }
    i
}

fn join(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b) as usize] = a.min(b);
}

/// Everything that V depends on.
fn signature(problem: &Problem, residuals: &Residuals<'_>, blocks: &[u32]) -> Vec<u64> {
    let mut key: Vec<u64> =
        blocks.iter().map(|&b| u64::from(residuals.class[b as usize])).collect();
    let design = &problem.design;
    let mut local: HashMap<(usize, u32), u64> = HashMap::new();
    for i in rows_of(problem, blocks) {
        let row = problem.blocks.rows[i] as usize;
        for (t, term) in design.terms.iter().enumerate() {
            key.extend(term.z[row * term.q..(row + 1) * term.q].iter().map(|v| v.to_bits()));
            for (level, weight) in term.incidence.of(row) {
                let next = local.len() as u64;
                let known = *local.entry((t, level)).or_insert(next);
                // Levels of a known covariance are not interchangeable.
                key.push(if term.precision.is_some() { u64::from(level) } else { known });
                key.push(weight.to_bits());
            }
            key.push(u64::MAX);
        }
    }
    key
}
