//! Probes for the traces.

use super::Rough;
use crate::covariance::Templates;
use crate::dense::Square;
use crate::layout::Layout;
use crate::probes::{FEW, PROBES, Signs};
use crate::row_major::Columns;
use crate::sensitivity::Sensitivity;

fn rows_of_factor(layout: &Layout, templates: &Templates) -> Vec<usize> {
    let mut rows = vec![0; templates.widths.len()];
    layout.symbolic.factor.iter().for_each(|&f| rows[f as usize] += templates.widths[f as usize]);
    rows
}

/// Number of probes.
pub fn probe_columns(layout: &Layout, templates: &Templates) -> usize {
    let rows = rows_of_factor(layout, templates);
    PROBES + rows.into_iter().filter(|&r| r <= FEW).sum::<usize>()
}

impl Rough<'_> {
    /// Random signs on the factors with many levels, unit vectors on the others.
    pub(super) fn probes(&self) -> Columns {
        let (layout, templates) = (self.layout(), &self.problem.templates);
        let rows = rows_of_factor(layout, templates);
        let m = probe_columns(layout, templates);
        let mut out = Columns::zeros(layout.symbolic.dim(), m);
        let mut next = PROBES;
        let mut signs = Signs::new();
        for (v, &f) in layout.symbolic.factor.iter().enumerate() {
            for i in 0..layout.symbolic.width(v) {
                let row = &mut out.values[(layout.start[v] + i) * m..][..m];
                if rows[f as usize] <= FEW {
                    row[next] = 1.0;
                    next += 1;
                } else {
                    row[..PROBES].iter_mut().for_each(|v| *v = signs.next_sign());
                }
            }
        }
        out
    }

    /// Σ_j v_j w_j' per factor, averaged over the stochastic probes; w = Z'V⁻¹Zv follows the k
    /// right-hand columns in `a`.
    pub(super) fn traces(&self, probes: &Columns, a: &Columns) -> Sensitivity {
        let (layout, k) = (self.layout(), self.layout().k);
        let rows = rows_of_factor(layout, &self.problem.templates);
        let t = &self.factor.templates;
        let zeros: Vec<Square> = t.iter().map(|t| Square::zeros(t.n)).collect();
        let mut s = zeros;
        for (v, &f) in layout.symbolic.factor.iter().enumerate() {
            let (f, start) = (f as usize, layout.start[v]);
            let (span, weight) = if rows[f] <= FEW {
                (PROBES..probes.m, 1.0)
            } else {
                (0..PROBES, 1.0 / PROBES as f64)
            };
            for i in 0..t[f].n {
                let v = &probes.rows(start + i, 1)[span.clone()];
                for j in 0..t[f].n {
                    let w = &a.rows(start + j, 1)[k..][span.clone()];
                    let sum: f64 = v.iter().zip(w).map(|(v, w)| v * w).sum();
                    s[f][(i, j)] += 0.5 * weight * sum;
                    s[f][(j, i)] += 0.5 * weight * sum;
                }
            }
        }
        let g = s.iter().zip(t).map(|(s, t)| s.times(t)).collect();
        Sensitivity { s, g, conditional: Vec::new() }
    }
}
