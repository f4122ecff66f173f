//! A model of the Hessian of the criterion.
//!
//! With h_i = (∂ΛΛ'/∂θ_i) a the average information (Gilmour, Thompson & Cullis 1995) is
//!
//! ```text
//!     AI_il = h_i'(Z'PZ)h_l / σ̂² − (a'h_i)(a'h_l) / (σ̂⁴ df)
//! ```
//!
//! (the second term only where σ is estimated), and ΛΛ' is quadratic in T, which adds 2 S_f[r, r'] for
//! two entries (r, c), (r', c) of one column of T_f. The forms h'Z'V⁻¹Zh are those of
//! [`crate::projection`].

use crate::covariance::{Pivoted, Templates};
use crate::cross_products::CrossProducts;
use crate::dense::{Square, solve_lower};
use crate::factor::Factor;
use crate::layout::Layout;
use crate::objective::Profile;
use crate::projection::{Directions, quadratic_forms};
use crate::solve::{Effects, symmetric};

/// The directions h, and the column of each entry of θ among them.
pub struct Moves {
    /// h.
    pub directions: Directions,
    /// Column of each entry of θ.
    column: Vec<usize>,
}

impl Moves {
    /// Directions kept elsewhere, `m` of them in the order of θ.
    pub fn in_order(m: usize) -> Self {
        let directions = Directions { m, span: vec![], values: vec![] };
        Self { directions, column: (0..m).collect() }
    }

    /// Forms the directions at the templates `t`.
    pub fn new(layout: &Layout, templates: &Templates, t: &[Square], effects: &Effects) -> Self {
        let m = templates.parameters.len();
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by_key(|&i| templates.parameters[i].factor);
        let mut column = vec![0; m];
        order.iter().enumerate().for_each(|(c, &i)| column[i] = c);
        let bound = |f: usize| order.partition_point(|&i| templates.parameters[i].factor < f);
        let span: Vec<_> = (0..t.len()).map(|f| bound(f)..bound(f + 1)).collect();
        let mut values = vec![0.0; layout.symbolic.dim() * m];
        let (k, last) = (effects.k, effects.k - 1);
        let mut a = Vec::new();
        for (v, &f) in layout.symbolic.factor.iter().enumerate() {
            let f = f as usize;
            let (start, q) = (layout.start[v], t[f].n);
            a.clear();
            a.extend((0..q).map(|i| effects.a[(start + i) * k + last]));
            let rows = &mut values[start * m..(start + q) * m];
            for c in span[f].clone() {
                let at = templates.parameters[order[c]];
                // (E_rc T' + T E_cr) a = e_r (T'a)_c + T_c a_r
                let ta: f64 = (0..q).map(|s| t[f][(s, at.column)] * a[s]).sum();
                rows[at.row * m + c] += ta;
                for s in 0..q {
                    rows[s * m + c] += t[f][(s, at.column)] * a[at.row];
                }
            }
        }
        Self { directions: Directions { m, span, values }, column }
    }
}

/// The curvature model at the current factorisation, m × m in the order of θ, for the root `t` of Σ,
/// which need not be the one that was factorised with.
pub fn curvature(
    factor: &Factor,
    cross: &CrossProducts,
    templates: &Templates,
    t: &[Square],
    effects: &Effects,
    profile: &Profile,
    first: &FirstOrder,
) -> Square {
    let h = Moves::new(&factor.layout, templates, t, effects);
    let (quadratic, mixed) = quadratic_forms(factor, cross, &h.directions);
    assemble(templates, profile, first, &h, &quadratic, mixed)
}

/// What the curvature takes over from the gradient.
#[derive(Debug, Clone, Default)]
pub struct FirstOrder {
    /// S_f: Σ_j (Z_j'PZ_j − a_j a_j'/σ̂²).
    pub s: Vec<Square>,
    /// a'h_i, in the order of θ.
    pub of_r2: Vec<f64>,
    /// S_f T_f, and Σ_j a_j a_j' T_f, of which the gradient and `of_r2` are entries.
    products: (Vec<Square>, Vec<Square>),
}

impl FirstOrder {
    /// The gradient and the rest from S_f, S_f T_f and Σ_j a_j a_j' T_f.
    pub fn new(
        templates: &Templates,
        s: Vec<Square>,
        gradient: Vec<Square>,
        of_r2: Vec<Square>,
    ) -> (Vec<f64>, Self) {
        let slopes = |g: &[Square]| templates.theta(g).iter().map(|v| 2.0 * v).collect();
        let (first, second) = (slopes(&gradient), slopes(&of_r2));
        (first, Self { s, of_r2: second, products: (gradient, of_r2) })
    }

    /// The same for the root TQ.
    pub fn turned(&self, root: &Pivoted) -> (Vec<f64>, Self) {
        let times = |m: &[Square]| m.iter().zip(&root.turn).map(|(m, q)| m.times(q)).collect();
        let (gradient, of_r2) = (times(&self.products.0), times(&self.products.1));
        Self::new(&root.templates, self.s.clone(), gradient, of_r2)
    }
}

/// Puts the model together from h'Z'V⁻¹Zh (m × m) and X'V⁻¹Zh (p × m).
pub fn assemble(
    templates: &Templates,
    profile: &Profile,
    first: &FirstOrder,
    h: &Moves,
    quadratic: &Square,
    mixed: Vec<f64>,
) -> Square {
    let (m, p) = (h.directions.m, profile.x_factor.n);
    let mut projected = mixed;
    solve_lower(p, &profile.x_factor.data, &mut projected, m);
    let variance = profile.variance;
    // What is lost to the estimation of σ².
    let lost = if profile.criterion.is_profiled() { 1.0 } else { 0.0 };
    let mut out = Square::zeros(m);
    for i in 0..m {
        for j in 0..=i {
            let (ci, cj) = (h.column[i], h.column[j]);
            let (left, right) =
                (&projected[p * ci..p * (ci + 1)], &projected[p * cj..p * (cj + 1)]);
            let fixed: f64 = left.iter().zip(right).map(|(a, b)| a * b).sum();
            let mut value = (quadratic[(ci, cj)] - fixed) / variance
                - lost * first.of_r2[i] * first.of_r2[j] / (variance * variance * profile.df);
            let (a, b) = (templates.parameters[i], templates.parameters[j]);
            if a.factor == b.factor && a.column == b.column {
                value += 2.0 * first.s[a.factor][(a.row, b.row)];
            }
            out[(i, j)] = value;
        }
    }
    symmetric(&mut out);
    out
}
