//! The mixed-model equations at one θ: A = Z'R⁻¹Z and Z'R⁻¹[X y] from the whitened rows, then
//! M = Λ'AΛ + Q, factorised by the plain engine as if T were I and M − I its cross-products.

use super::design::Design;
use super::pattern::Plan;
use super::whitening::Whitened;
use crate::covariance::{Expansion, Matrix};
use crate::cross_products::CrossProducts;
use crate::dense::Square;
use crate::error::Result;
use crate::factor::Factor;
use crate::watch::Watch;

/// A, Z'R⁻¹[X y] and [X y]'R⁻¹[X y].
#[derive(Debug, Clone)]
pub struct Raw {
    /// Row blocks of A on the plan's grid.
    pub a: Vec<f64>,
    /// Z'R⁻¹[X y], row-major by position, k columns.
    pub right: Vec<f64>,
    /// [X y]'R⁻¹[X y], k × k.
    pub total: Vec<f64>,
}

impl Raw {
    /// Sums over the blocks of rows, in their order.
    pub fn new(
        plan: &Plan,
        starts: &[usize],
        z_start: &[usize],
        white: &Whitened,
        k: usize,
    ) -> Result<Self> {
        let watch = Watch::current();
        let grid = &plan.grid;
        let last = |p: &[usize]| p[p.len() - 1];
        let mut out = Self {
            a: vec![0.0; last(&grid.start)],
            right: vec![0.0; last(&grid.offset) * k],
            total: total(starts, white, k),
        };
        for block in 0..starts.len() - 1 {
            watch.check()?;
            let n = starts[block + 1] - starts[block];
            let right = &white.right[starts[block] * k..starts[block + 1] * k];
            let z = &white.z[z_start[block]..z_start[block + 1]];
            out.add_block(plan, block, n, right, z, k);
        }
        Ok(out)
    }

    fn add_block(
        &mut self,
        plan: &Plan,
        block: usize,
        n: usize,
        right: &[f64],
        z: &[f64],
        k: usize,
    ) {
        let (grid, nodes) = (&plan.grid, plan.nodes_of(block));
        let mut pairs = plan.pairs_of(block).iter();
        let mut z_a = 0;
        for (i, &a) in nodes.iter().enumerate() {
            let (a, q) = (a as usize, grid.width[a as usize] as usize);
            let own = &z[n * z_a..n * (z_a + q)];
            let rows = &mut self.right[grid.offset[a] * k..(grid.offset[a] + q) * k];
            add_product(n, own, right, |s, j, v| rows[s * k + j] += v);
            let out = &mut self.a[grid.start[a]..grid.start[a + 1]];
            add_product(n, own, own, |s, t, v| out[s + q * t] += v);
            let mut z_b = z_a + q;
            for &b in &nodes[i + 1..] {
                let width = grid.width[b as usize] as usize;
                let item = *pairs.next().unwrap_or(&0) as usize;
                let at = q * (q + grid.later[item] as usize);
                let other = &z[n * z_b..n * (z_b + width)];
                add_product(n, own, other, |s, t, v| out[at + s + q * t] += v);
                z_b += width;
            }
            z_a += q;
        }
    }
}

/// Calls `add` with the products of all columns of two blocks of `n` rows.
#[inline(always)]
fn add_product(n: usize, a: &[f64], b: &[f64], mut add: impl FnMut(usize, usize, f64)) {
    if n == 1 {
        for (j, b) in b.iter().enumerate() {
            a.iter().enumerate().for_each(|(i, a)| add(i, j, a * b));
        }
        return;
    }
    for (j, b) in b.chunks_exact(n).enumerate() {
        for (i, a) in a.chunks_exact(n).enumerate() {
            add(i, j, a.iter().zip(b).map(|(a, b)| a * b).sum());
        }
    }
}

fn total(starts: &[usize], white: &Whitened, k: usize) -> Vec<f64> {
    const BLOCKS: usize = 512;
    use rayon::prelude::*;
    let one = |first: usize| {
        let mut sums = vec![0.0; k * k];
        for block in first..(starts.len() - 1).min(first + BLOCKS) {
            let n = starts[block + 1] - starts[block];
            let own = &white.right[starts[block] * k..starts[block + 1] * k];
            add_product(n, own, own, |i, j, v| sums[i + k * j] += v);
        }
        sums
    };
    let firsts: Vec<usize> = (0..starts.len() - 1).step_by(BLOCKS).collect();
    let parts: Vec<Vec<f64>> = if firsts.len() > 1 {
        firsts.into_par_iter().map(one).collect()
    } else {
        firsts.into_iter().map(one).collect()
    };
    let mut out = vec![0.0; k * k];
    for part in parts {
        out.iter_mut().zip(&part).for_each(|(a, b)| *a += b);
    }
    out
}

/// Factorises M = Λ'AΛ + Q; `cross` is memory on its pattern.
pub fn factorise(
    design: &Design,
    plan: &Plan,
    raw: &Raw,
    templates: &[Expansion<Matrix<f64>>],
    cross: &mut CrossProducts,
) -> Result<Factor> {
    let symbolic = &plan.layout.symbolic;
    let (grid, k) = (&plan.grid, plan.layout.k);
    cross.total.clone_from(&raw.total);
    for v in 0..symbolic.factor.len() {
        let t = symbolic.factor[v] as usize;
        let own = &templates[t].value;
        let (q, r) = (own.rows, own.columns);
        let later = cross.later_offsets(v).to_vec();
        let (a, (out, response)) = (&raw.a[grid.start[v]..grid.start[v + 1]], cross.block_mut(v));
        sandwich(own, &a[..q * q], own, &mut out[..r * r]);
        let items = symbolic.later.range(v);
        for ((&l, at), item) in symbolic.later.of(v).iter().zip(&later).zip(items) {
            let other = &templates[symbolic.factor[l as usize] as usize].value;
            let from = q * (q + grid.later[item] as usize);
            let to = r * (r + *at as usize);
            let width = other.columns;
            sandwich(own, &a[from..from + q * other.rows], other, &mut out[to..to + r * width]);
        }
        let end = out.len() - r * (k - 1);
        let rows = &raw.right[grid.offset[v] * k..(grid.offset[v] + q) * k];
        let right = out[end..].chunks_exact_mut(r.max(1)).chain(std::iter::once(response));
        for (j, out) in right.enumerate() {
            for (i, out) in out.iter_mut().enumerate() {
                *out = (0..q).map(|s| own[(s, i)] * rows[s * k + j]).sum();
            }
        }
    }
    add_precision(design, plan, cross);
    let widths = templates.iter().map(|t| Square::identity(t.value.columns)).collect();
    let mut factor = Factor::new(plan.layout.clone(), None)?;
    factor.update(cross, widths)?;
    Ok(factor)
}

/// Q − I: the factorisation adds I.
fn add_precision(design: &Design, plan: &Plan, cross: &mut CrossProducts) {
    let symbolic = &plan.layout.symbolic;
    for v in 0..symbolic.factor.len() {
        if design.terms[symbolic.factor[v] as usize].precision.is_some() {
            let r = symbolic.width(v);
            let (out, _) = cross.block_mut(v);
            (0..r).for_each(|i| out[i + r * i] -= 1.0);
        }
    }
    for known in &plan.precision {
        let v = known.position as usize;
        let r = symbolic.width(v);
        let at = match known.item {
            None => 0,
            Some(item) => {
                let index = item as usize - symbolic.later.range(v).start;
                r * (r + cross.later_offsets(v)[index] as usize)
            }
        };
        let (out, _) = cross.block_mut(v);
        (0..r).for_each(|i| out[at + i + r * i] += known.value);
    }
}

/// out = T'AS for A (rows of T × rows of S), column-major.
#[inline]
fn sandwich(t: &Matrix<f64>, a: &[f64], s: &Matrix<f64>, out: &mut [f64]) {
    if t.data.len() == 1 && s.data.len() == 1 {
        out[0] = t.data[0] * a[0] * s.data[0];
        return;
    }
    let mut half = vec![0.0; t.columns * s.rows];
    for j in 0..s.rows {
        for i in 0..t.columns {
            half[i + t.columns * j] = (0..t.rows).map(|u| t[(u, i)] * a[u + t.rows * j]).sum();
        }
    }
    for j in 0..s.columns {
        for i in 0..t.columns {
            out[i + t.columns * j] = (0..s.rows).map(|u| half[i + t.columns * u] * s[(u, j)]).sum();
        }
    }
}
