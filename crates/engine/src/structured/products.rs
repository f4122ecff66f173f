//! Products of many columns with Λ, Λ' and A.

use super::inverse::Inverse;
use super::pattern::Plan;
use crate::covariance::{Expansion, Matrix};
use crate::cross_products::CrossProducts;
use crate::row_major::axpy;

impl Plan {
    /// Λu for the `m` columns of u (by slot): row-major by position.
    pub fn data_scale(
        &self,
        templates: &[Expansion<Matrix<f64>>],
        u: &[f64],
        m: usize,
    ) -> Vec<f64> {
        let (grid, layout) = (&self.grid, &self.layout);
        let mut out = vec![0.0; grid.offset[grid.width.len()] * m];
        for v in 0..grid.width.len() {
            let t = &templates[layout.symbolic.factor[v] as usize].value;
            for i in 0..t.rows {
                let row = &mut out[(grid.offset[v] + i) * m..(grid.offset[v] + i + 1) * m];
                for j in 0..t.columns {
                    let from = &u[(layout.start[v] + j) * m..(layout.start[v] + j + 1) * m];
                    axpy(t[(i, j)], from, row);
                }
            }
        }
        out
    }

    /// Λ'x for the `m` columns of x (by position): row-major by slot.
    pub fn spherical_scale(
        &self,
        templates: &[Expansion<Matrix<f64>>],
        x: &[f64],
        m: usize,
    ) -> Vec<f64> {
        let (grid, layout) = (&self.grid, &self.layout);
        let mut out = vec![0.0; layout.symbolic.dim() * m];
        for v in 0..grid.width.len() {
            let t = &templates[layout.symbolic.factor[v] as usize].value;
            for j in 0..t.columns {
                let row = &mut out[(layout.start[v] + j) * m..(layout.start[v] + j + 1) * m];
                for i in 0..t.rows {
                    let from = &x[(grid.offset[v] + i) * m..(grid.offset[v] + i + 1) * m];
                    axpy(t[(i, j)], from, row);
                }
            }
        }
        out
    }

    /// A x for the `m` columns of x, row-major by position.
    pub fn times_a(&self, a: &[f64], x: &[f64], m: usize) -> Vec<f64> {
        let (grid, symbolic) = (&self.grid, &self.layout.symbolic);
        let mut out = vec![0.0; x.len()];
        for v in 0..grid.width.len() {
            let q = grid.width[v] as usize;
            let block = &a[grid.start[v]..grid.start[v + 1]];
            let at = grid.offset[v];
            for j in 0..q {
                let from = &x[(at + j) * m..(at + j + 1) * m];
                for i in 0..q {
                    axpy(block[i + q * j], from, &mut out[(at + i) * m..(at + i + 1) * m]);
                }
            }
            for (&l, item) in symbolic.later.of(v).iter().zip(symbolic.later.range(v)) {
                let (l, from) = (l as usize, q * (q + grid.later[item] as usize));
                let other = grid.offset[l];
                for j in 0..grid.width[l] as usize {
                    for i in 0..q {
                        let f = block[from + i + q * j];
                        if f == 0.0 {
                            continue;
                        }
                        let (low, high) = out.split_at_mut((other + j) * m);
                        let mine = &mut low[(at + i) * m..(at + i + 1) * m];
                        axpy(f, &x[(other + j) * m..(other + j + 1) * m], mine);
                        axpy(f, &x[(at + i) * m..(at + i + 1) * m], &mut high[..m]);
                    }
                }
            }
        }
        out
    }
}

impl super::problem::Problem {
    /// z of every row for the nodes that it touches, in their order, and where those of each row start.
    pub fn rows_of_z(&self) -> (Vec<f64>, Vec<usize>) {
        let plan = &self.plan;
        let n = self.design.n();
        let mut start = vec![0];
        for row in 0..n {
            let width = |v: &u32| plan.grid.width[*v as usize] as usize;
            start.push(start[row] + plan.nodes_of(row).iter().map(width).sum::<usize>());
        }
        let mut z = vec![0.0; start[n]];
        let mut column = Vec::new();
        for row in 0..n {
            column.clear();
            let mut at = start[row];
            for &v in plan.nodes_of(row) {
                column.push(at);
                at += plan.grid.width[v as usize] as usize;
            }
            for entry in plan.entries_of(row) {
                let term = &self.design.terms[entry.term as usize];
                let values = &term.z[row * term.q..(row + 1) * term.q];
                let out = &mut z[column[entry.local as usize]..];
                out.iter_mut().zip(values).for_each(|(o, v)| *o += entry.weight * v);
            }
        }
        (z, start)
    }

    /// Q u for the `m` columns of u, row-major by slot.
    pub fn times_precision(&self, u: &[f64], m: usize) -> Vec<f64> {
        let (plan, layout) = (&self.plan, &self.plan.layout);
        let mut out = u.to_vec();
        for v in 0..layout.symbolic.factor.len() {
            if self.design.terms[layout.symbolic.factor[v] as usize].precision.is_some() {
                out[layout.start[v] * m..(layout.start[v] + layout.symbolic.width(v)) * m]
                    .fill(0.0);
            }
        }
        for known in &plan.precision {
            let v = known.position as usize;
            let other =
                known.item.map_or(v, |i| layout.symbolic.later.items()[i as usize] as usize);
            let (a, b) = (layout.start[v] * m, layout.start[other] * m);
            for i in 0..layout.symbolic.width(v) * m {
                out[a + i] += known.value * u[b + i];
                if a != b {
                    out[b + i] += known.value * u[a + i];
                }
            }
        }
        out
    }
}

impl super::problem::Problem {
    /// C = ΛM⁻¹Λ' on the pattern of A, for M⁻¹ on that of M.
    pub fn sandwiched(
        &self,
        templates: &[Expansion<Matrix<f64>>],
        cross: &CrossProducts,
        inverse: &Inverse,
    ) -> Vec<f64> {
        let (grid, symbolic) = (&self.plan.grid, &self.plan.layout.symbolic);
        let mut out = vec![0.0; grid.start[grid.width.len()]];
        for v in 0..grid.width.len() {
            let own = &templates[symbolic.factor[v] as usize].value;
            let (q, r) = (own.rows, own.columns);
            let m = inverse.of(cross, v);
            let block = &mut out[grid.start[v]..grid.start[v + 1]];
            outer(own, &m[..r * r], own, &mut block[..q * q]);
            let items = symbolic.later.range(v);
            for ((&l, item), &at) in
                symbolic.later.of(v).iter().zip(items).zip(cross.later_offsets(v))
            {
                let other = &templates[symbolic.factor[l as usize] as usize].value;
                let to = q * (q + grid.later[item] as usize);
                let from = &m[r * (r + at as usize)..][..r * other.columns];
                outer(own, from, other, &mut block[to..to + q * other.rows]);
            }
        }
        out
    }

    /// log|Q|, for all terms and their columns.
    pub fn log_precision(&self) -> f64 {
        self.log_precision
    }

    /// Memory for M − I.
    pub fn empty_cross_products(&self) -> CrossProducts {
        self.empty.clone()
    }
}

/// out = TBS' for B (columns of T × columns of S), column-major.
fn outer(t: &Matrix<f64>, b: &[f64], s: &Matrix<f64>, out: &mut [f64]) {
    for d in 0..s.columns {
        for c in 0..t.columns {
            let f = b[c + t.columns * d];
            for j in 0..s.rows {
                let f = f * s[(j, d)];
                (0..t.rows).for_each(|i| out[i + t.rows * j] += t[(i, c)] * f);
            }
        }
    }
}
