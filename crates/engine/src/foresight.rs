//! What a fit would cost, before it: from the sizes of a design and the levels that occur together.
//!
//! Up to some millions of rows the elimination is planned on paper, and the numbers are those that the
//! fit will meet. Beyond, or where the sizes alone tell that no factor would fit, bounds are given: the
//! factor with the most levels is eliminated first, a level of it meets at most as many others as it
//! has rows, and what remains of crossed factors fills in.

use crate::data::Group;
use crate::error::Result;
use crate::layout::Layout;
use crate::memory::{self, Sizes};
use crate::pairs::Pairs;
use crate::rows::RowsByLevel;
use crate::symbolic::{Graph, Symbolic, order};
use crate::watch::{Stage, Watch};
use std::sync::Arc;

/// Rows up to which the elimination is planned.
const PLANNED: usize = 3_000_000;

/// Scalar rows of a dense remainder from which the plan cannot change the answer: its factor alone
/// takes a hundred gigabytes.
const HOPELESS: f64 = 115_000.0;

/// Probes and right-hand columns that an iterative evaluation carries, beside those of X and y, and the
/// arrays of them that it holds at a time.
const CARRIED: usize = 32;
const ARRAYS: usize = 6;

/// Steps of conjugate gradients of an iterative evaluation.
const STEPS: f64 = 10.0;

/// What is foreseen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Foresight {
    /// Nonzeros of Z'WZ, lower triangle.
    pub nonzeros: f64,
    /// Nonzeros of the factor L.
    pub factor: f64,
    /// Scalar rows of the largest front: the dense remainder of crossed factors.
    pub remainder: usize,
    /// Multiplications of one exact evaluation, gradient included.
    pub flops: f64,
    /// Bytes of forming the cross-products, beyond the data.
    pub building: f64,
    /// Bytes of the exact fit at its peak, beyond the data.
    pub exact: f64,
    /// Multiplications of one iterative evaluation.
    pub iterative_flops: f64,
    /// Bytes of the iterative fit at its peak, beyond the data.
    pub iterative: f64,
    /// Whether the numbers are upper bounds.
    pub is_bound: bool,
}

/// Foresees the cost of a fit: `widths` is the number of random columns of each group.
pub fn foresee(groups: &[Group<'_>], widths: &[usize], sizes: Sizes) -> Result<Foresight> {
    let watch = Watch::current();
    watch.begin(Stage::Building, 0);
    let rows: Vec<RowsByLevel> =
        groups.iter().map(|g| RowsByLevel::new(g.codes, g.n_levels)).collect();
    watch.check()?;
    let bounds = Bounds::new(groups, &rows, widths);
    if bounds.remainder < HOPELESS && (sizes.n <= PLANNED || bounds.is_chain) {
        planned(groups, &rows, widths, sizes)
    } else {
        Ok(bounds.foresight(sizes))
    }
}

/// By planning the elimination.
fn planned(
    groups: &[Group<'_>],
    rows: &[RowsByLevel],
    widths: &[usize],
    sizes: Sizes,
) -> Result<Foresight> {
    let graph = Graph::new(groups, rows)?;
    let pairs = graph.n_pairs() / 2;
    let symbolic = Arc::new(Symbolic::new(&graph, &order(&graph, widths), widths)?);
    let plan = memory::of_plan(graph.n_pairs());
    drop(graph);
    let layout = Layout::new(Arc::clone(&symbolic), sizes.k);
    let own: usize = (0..symbolic.factor.len()).map(|v| triangle(symbolic.width(v))).sum();
    let between: usize = (0..symbolic.factor.len())
        .map(|v| {
            let later = symbolic.later.of(v).iter();
            symbolic.width(v) * later.map(|&l| symbolic.width(l as usize)).sum::<usize>()
        })
        .sum();
    let factor: usize = layout.shapes.iter().map(|s| triangle(s.n) + s.n * s.r).sum();
    let fit = memory::of_sizes(sizes, &layout, &Pairs::new(&layout));
    let entries = between as f64;
    Ok(Foresight {
        nonzeros: (own + between) as f64,
        factor: factor as f64,
        remainder: layout.shapes[layout.n_leaves()..].iter().map(|s| s.n).max().unwrap_or(0),
        flops: DERIVATIVES * symbolic.cost(),
        building: memory::of_rows(sizes) as f64 + plan as f64,
        exact: fit.max(plan) as f64,
        iterative_flops: iterative_flops(entries, symbolic.dim(), sizes),
        iterative: iterative_bytes(pairs as f64, entries, symbolic.dim(), sizes),
        is_bound: false,
    })
}

/// The gradient costs about twice what the criterion does, and the curvature little.
const DERIVATIVES: f64 = 3.0;

fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

fn iterative_flops(entries: f64, dim: usize, sizes: Sizes) -> f64 {
    let columns = (CARRIED + sizes.k + sizes.n_theta) as f64;
    2.0 * STEPS * columns * (entries + dim as f64)
}

/// The pairs seen from either side, counts or blocks, and the columns that are carried.
fn iterative_bytes(pairs: f64, entries: f64, dim: usize, sizes: Sizes) -> f64 {
    let value = if entries > pairs { 8.0 * entries } else { 4.0 * pairs };
    let columns = ARRAYS * (CARRIED + sizes.k + sizes.n_theta) * dim;
    2.0 * (4.0 * pairs + value) + 8.0 * columns as f64
}

/// What sizes alone tell.
struct Bounds {
    pairs: f64,
    entries: f64,
    dim: usize,
    own: f64,
    /// Scalar rows that are left when the largest factor is eliminated; none of a chain.
    remainder: f64,
    /// Nonzeros of the rows of L, and multiplications, of the largest factor.
    rows: f64,
    leaves: f64,
    /// Whether every factor is nested in the next smaller one.
    is_chain: bool,
}

impl Bounds {
    fn new(groups: &[Group<'_>], rows: &[RowsByLevel], widths: &[usize]) -> Self {
        let mut by_size: Vec<usize> = (0..groups.len()).collect();
        by_size.sort_by_key(|&g| std::cmp::Reverse(groups[g].n_levels));
        let is_chain = by_size.windows(2).all(|w| is_nested(&groups[w[0]], &groups[w[1]]));
        let n = groups.first().map_or(0, |g| g.codes.len()) as f64;
        let mut out = Self {
            pairs: 0.0,
            entries: 0.0,
            dim: groups.iter().zip(widths).map(|(g, q)| g.n_levels * q).sum(),
            own: groups.iter().zip(widths).map(|(g, q)| (g.n_levels * triangle(*q)) as f64).sum(),
            remainder: 0.0,
            rows: 0.0,
            leaves: 0.0,
            is_chain,
        };
        for (i, &f) in by_size.iter().enumerate() {
            for &g in &by_size[i + 1..] {
                let most = groups[f].n_levels as f64 * groups[g].n_levels as f64;
                let pairs = most.min(n);
                out.pairs += pairs;
                out.entries += pairs * (widths[f] * widths[g]) as f64;
            }
        }
        if let Some((&f, rest)) = by_size.split_first() {
            let beyond: usize = rest.iter().map(|&g| groups[g].n_levels * widths[g]).sum();
            let each: usize = rest.iter().map(|&g| widths[g]).sum();
            let q = widths[f] as f64;
            for level in 0..groups[f].n_levels {
                let met = (rows[f].count(level) * each).min(beyond) as f64;
                out.rows += q * met;
                out.leaves += q * (q + met).powi(2);
            }
            out.remainder = if is_chain { 0.0 } else { beyond as f64 };
        }
        out
    }

    fn foresight(&self, sizes: Sizes) -> Foresight {
        let (m, k) = (self.remainder, sizes.k as f64);
        let factor = self.own + self.rows + m * (m + 1.0) / 2.0;
        // Cross-products and their copy by later level, lists of the plan, rows of L, U of the pairs;
        // the front, its factor and its inverse.
        let cross = self.entries + 2.0 * self.own + k * self.dim as f64;
        let values = 2.0 * cross + self.rows + k * self.dim as f64 + self.entries;
        let lists = (32.0 + 28.0) * self.pairs;
        let exact = 8.0 * (values + 3.0 * m * m) + lists;
        Foresight {
            nonzeros: self.own + self.entries,
            factor,
            remainder: m as usize,
            flops: DERIVATIVES * (self.leaves + m.powi(3) / 3.0),
            building: memory::of_rows(sizes) as f64 + 44.0 * self.pairs,
            exact,
            iterative_flops: iterative_flops(self.entries, self.dim, sizes),
            iterative: iterative_bytes(self.pairs, self.entries, self.dim, sizes),
            is_bound: true,
        }
    }
}

/// Whether every level of the finer group occurs with one level of the coarser alone.
fn is_nested(finer: &Group<'_>, coarser: &Group<'_>) -> bool {
    let mut parent = vec![-1i32; finer.n_levels];
    finer.codes.iter().zip(coarser.codes).all(|(&a, &b)| {
        let known = &mut parent[a as usize];
        if *known < 0 {
            *known = b;
        }
        *known == b
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(n: usize) -> Sizes {
        Sizes { n, k: 3, z: 2, groups: 2, levels: 0, n_theta: 2 }
    }

    /// Codes of two factors of `a` and `b` levels over `n` rows.
    fn crossed(n: usize, a: usize, b: usize) -> [Vec<i32>; 2] {
        let code = |i: usize, f: u64, l: usize| {
            let mixed = (i as u64 + f).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((mixed ^ (mixed >> 32)) % l as u64) as i32
        };
        [(0..n).map(|i| code(i, 17, a)).collect(), (0..n).map(|i| code(i, 1_000_003, b)).collect()]
    }

    fn groups(codes: &[Vec<i32>; 2], levels: [usize; 2]) -> Vec<Group<'_>> {
        codes.iter().zip(levels).map(|(codes, n_levels)| Group { codes, n_levels }).collect()
    }

    #[test]
    fn bounds_are_no_smaller_than_what_is_planned() {
        let codes = crossed(4000, 300, 40);
        let groups = groups(&codes, [300, 40]);
        let found = foresee(&groups, &[1, 1], sizes(4000)).unwrap();
        let rows: Vec<_> = groups.iter().map(|g| RowsByLevel::new(g.codes, g.n_levels)).collect();
        let bound = Bounds::new(&groups, &rows, &[1, 1]).foresight(sizes(4000));
        assert!(!found.is_bound && bound.is_bound);
        for (a, b) in [
            (found.nonzeros, bound.nonzeros),
            (found.factor, bound.factor),
            (found.flops, bound.flops),
            (found.exact, bound.exact),
        ] {
            assert!(a <= 1.01 * b, "{a} {b}");
        }
        assert_eq!(found.remainder, 40);
    }

    #[test]
    fn a_chain_leaves_no_remainder() {
        let fine: Vec<i32> = (0..600).map(|i| i % 60).collect();
        let coarse: Vec<i32> = fine.iter().map(|f| f / 10).collect();
        let codes = [fine, coarse];
        let groups = groups(&codes, [60, 6]);
        let rows: Vec<_> = groups.iter().map(|g| RowsByLevel::new(g.codes, g.n_levels)).collect();
        assert!(Bounds::new(&groups, &rows, &[2, 1]).is_chain);
        assert!(foresee(&groups, &[2, 1], sizes(600)).unwrap().remainder <= 2);
    }

    /// Levels by the hundred thousand in both factors: no plan is made, and little is reserved.
    #[test]
    fn what_cannot_fit_is_told_from_sizes() {
        let codes = crossed(400_000, 200_000, 150_000);
        let groups = groups(&codes, [200_000, 150_000]);
        let found = foresee(&groups, &[1, 1], sizes(400_000)).unwrap();
        assert!(found.is_bound && found.exact > 1e11 && found.iterative < 2e9);
    }
}
