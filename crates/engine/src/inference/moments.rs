//! Quadratic forms of A_X = Z'V⁻¹X L_X⁻ᵀ (X'V⁻¹X = L_XL_X') and a = Z'V⁻¹(y − Xβ̂) in the E_r.

use std::ops::Range;

use crate::covariance::Templates;
use crate::cross_products::CrossProducts;
use crate::dense::{Square, solve_lower};
use crate::factor::Factor;
use crate::objective::Profile;
use crate::projection::{Directions, quadratic_forms};
use crate::solve::{Effects, symmetric};

/// One evaluated point.
pub(super) struct Point<'a> {
    pub factor: &'a Factor,
    pub cross: &'a CrossProducts,
    pub templates: &'a Templates,
    pub profile: &'a Profile,
    pub effects: &'a Effects,
}

impl Point<'_> {
    /// Right-hand columns X, then the residual.
    fn p(&self) -> usize {
        self.effects.k - 1
    }

    /// Σ_j a_j'E_ra_j for the column `c` of the effects' counterparts, with `d` for `c'` ≠ `c`: the
    /// (k × k) matrices [A_X a]'E_r[A_X a], per parameter.
    pub fn grams(&self) -> Vec<Square> {
        let k = self.effects.k;
        let symbolic = &self.factor.layout.symbolic;
        let mut by_factor = vec![Vec::new(); self.templates.widths.len()];
        for (i, at) in self.templates.parameters.iter().enumerate() {
            by_factor[at.factor].push((i, *at));
        }
        let mut out = vec![Square::zeros(k); self.templates.parameters.len()];
        for (v, &f) in symbolic.factor.iter().enumerate() {
            let start = self.factor.layout.start[v];
            for (i, at) in &by_factor[f as usize] {
                let left = &self.effects.a[(start + at.row) * k..][..k];
                let right = &self.effects.a[(start + at.column) * k..][..k];
                let half = if at.row == at.column { 0.5 } else { 1.0 };
                let sum = &mut out[*i];
                for (d, (rd, ld)) in right.iter().zip(left).enumerate() {
                    let (rd, ld) = (half * rd, half * ld);
                    for c in d..k {
                        sum.data[c + k * d] += left[c] * rd + right[c] * ld;
                    }
                }
            }
        }
        out.iter_mut().for_each(symmetric);
        out
    }

    /// (E_rA_c)'Z'PZ(E_sA_d) for the columns c, d of `columns`: rows and columns go by parameter in
    /// the order of [`Self::order`], then by column.
    pub fn forms(&self, columns: Range<usize>, projected: bool) -> Square {
        let h = self.directions(columns);
        let (mut form, mut mixed) = quadratic_forms(self.factor, self.cross, &h);
        if projected {
            let (m, p) = (h.m, self.p());
            solve_lower(p, &self.profile.x_factor.data, &mut mixed, m);
            for i in 0..m {
                for j in 0..=i {
                    let (a, b) = (&mixed[p * i..p * (i + 1)], &mixed[p * j..p * (j + 1)]);
                    form[(i, j)] -= a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                }
            }
            symmetric(&mut form);
        }
        form
    }

    /// Parameters by factor, in which order directions stand.
    pub fn order(&self) -> Vec<usize> {
        let parameters = &self.templates.parameters;
        let mut order: Vec<usize> = (0..parameters.len()).collect();
        order.sort_by_key(|&i| parameters[i].factor);
        order
    }

    fn directions(&self, columns: Range<usize>) -> Directions {
        let (layout, k) = (&*self.factor.layout, self.effects.k);
        let (order, width) = (self.order(), columns.len());
        let m = order.len() * width;
        let parameters = &self.templates.parameters;
        let bound = |f: usize| order.partition_point(|&i| parameters[i].factor < f) * width;
        let span: Vec<_> =
            (0..self.templates.widths.len()).map(|f| bound(f)..bound(f + 1)).collect();
        let mut values = vec![0.0; layout.symbolic.dim() * m];
        for (v, &f) in layout.symbolic.factor.iter().enumerate() {
            let start = layout.start[v];
            for c in span[f as usize].clone().step_by(width.max(1)) {
                let at = parameters[order[c / width]];
                for (j, column) in columns.clone().enumerate() {
                    let a = |row: usize| self.effects.a[(start + row) * k + column];
                    values[(start + at.row) * m + c + j] = a(at.column);
                    values[(start + at.column) * m + c + j] = a(at.row);
                }
            }
        }
        Directions { m, span, values }
    }
}
