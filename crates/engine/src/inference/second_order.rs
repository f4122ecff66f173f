//! Gradient and both informations of the criterion in the variances themselves.
//!
//! With σ² not profiled out, d is a function of v = (Ψ, s), Ψ_r = σ²γ_r and s = σ². In units of σ̂²
//! and with P for V⁻¹ under REML
//!
//! ```text
//!     ∂d/∂v_r          = tr(PG_r) − y'PG_rPy / σ̂²
//!     expected  E_rs   = tr(PG_rPG_s)
//!     average   A_rs   = y'PG_rPG_sPy / σ̂²                    observed  2A − E
//! ```
//!
//! The residual is a component as well, G_0 = W⁻¹ = V − Σ_r γ_rG_r, so that PVP = P gives its row of
//! either matrix from the others. E is the metric of Fisher's scoring, which solves balanced designs
//! in one step from anywhere (Anderson 1973, Annals of Statistics 1, 135–141); the observed
//! information is the exact Hessian, which converges quadratically from nearby.

use crate::covariance::Templates;
use crate::dense::Square;
use crate::inference::moments::Point;
use crate::inference::satterthwaite::inner_product;
use crate::inference::traces::{
    Leaf, Parameters, Traces, add_first, add_second, dense_cost, leaf, ones,
};
use crate::layout::Layout;
use crate::solve::symmetric;

/// Second-order facts at one θ̃ over the m entries of γ and, last, the residual.
#[derive(Debug, Clone)]
pub struct SecondOrder {
    /// γ, the entries of T̃T̃' that θ̃ reaches, in the order of θ.
    pub gamma: Vec<f64>,
    /// ∂d/∂v.
    pub gradient: Vec<f64>,
    /// E, (m + 1) × (m + 1), positive semidefinite.
    pub expected: Square,
    /// 2A − E: the Hessian of d in v.
    pub observed: Square,
}

/// The parts of E and A that belong to γ.
struct Parts {
    first: Vec<f64>,
    rho: Vec<f64>,
    expected: Square,
    average: Square,
}

impl SecondOrder {
    pub(super) fn new(point: &Point<'_>, traces: Option<&Traces>) -> Self {
        let p = point.effects.k - 1;
        let grams = point.grams();
        let (variance, reml) = (point.profile.variance, point.profile.criterion.reml);
        let mut parts = match traces {
            Some(traces) => whole(point, traces, reml),
            None => leaf_by_leaf(point, reml),
        };
        for (r, gram) in grams.iter().enumerate() {
            parts.rho[r] = gram[(p, p)] / variance;
            if reml {
                parts.first[r] -= (0..p).map(|c| gram[(c, c)]).sum::<f64>();
            }
            for (s, other) in grams.iter().enumerate() {
                let mixed = (0..p).map(|c| gram[(c, p)] * other[(c, p)]).sum::<f64>();
                parts.average[(r, s)] = (parts.average[(r, s)] - mixed) / variance;
                if reml {
                    parts.expected[(r, s)] += inner_product(p, gram, other);
                }
            }
        }
        parts.finish(gammas(point), point.profile.df, point.profile.spread())
    }
}

impl Parts {
    fn zeros(m: usize) -> Self {
        let (first, rho) = (vec![0.0; m], vec![0.0; m]);
        Self { first, rho, expected: Square::zeros(m), average: Square::zeros(m) }
    }

    /// Adds the residual's row: tr(PVPG_s) = tr(PG_s), and so on; tr(PV) = `df`, y'PVPy/σ² = `spread`.
    fn finish(self, gamma: Vec<f64>, df: f64, spread: f64) -> SecondOrder {
        let expected = with_residual(&self.expected, &self.first, &gamma, df);
        let mut observed = with_residual(&self.average, &self.rho, &gamma, spread);
        observed.data.iter_mut().zip(&expected.data).for_each(|(a, e)| *a = 2.0 * *a - e);
        let mut gradient: Vec<f64> = self.first.iter().zip(&self.rho).map(|(f, r)| f - r).collect();
        let own: f64 = gamma.iter().zip(&gradient).map(|(g, d)| g * d).sum();
        gradient.push(df - spread - own);
        SecondOrder { gamma, gradient, expected, observed }
    }
}

fn with_residual(inner: &Square, total: &[f64], gamma: &[f64], whole: f64) -> Square {
    let m = inner.n;
    let mut out = Square::zeros(m + 1);
    let mut corner = whole;
    for r in 0..m {
        (0..m).for_each(|s| out[(r, s)] = inner[(r, s)]);
        let row = total[r] - (0..m).map(|s| gamma[s] * inner[(r, s)]).sum::<f64>();
        out[(r, m)] = row;
        out[(m, r)] = row;
        corner -= gamma[r] * (total[r] + row);
    }
    out[(m, m)] = corner;
    out
}

/// γ_r at the point.
pub(super) fn gammas(point: &Point<'_>) -> Vec<f64> {
    let sigma: Vec<Square> =
        point.factor.templates.iter().map(|t| t.times(&t.transpose())).collect();
    let value = |at: &crate::covariance::Parameter| sigma[at.factor][(at.row, at.column)];
    point.templates.parameters.iter().map(value).collect()
}

/// From the traces of a connected design, and quadratic forms of all its levels.
fn whole(point: &Point<'_>, traces: &Traces, reml: bool) -> Parts {
    let (m, p) = (traces.first.len(), point.effects.k - 1);
    let order = point.order();
    let mut out = Parts::zeros(m);
    out.first.copy_from_slice(&traces.first);
    out.expected = traces.second.clone();
    let add = |f: f64, form: &Square, to: &mut Square| {
        for (i, &r) in order.iter().enumerate() {
            (0..m).for_each(|j| to[(r, order[j])] += f * form[(i, j)]);
        }
    };
    add(1.0, &point.forms(p..p + 1, false), &mut out.average);
    if reml {
        (0..p).for_each(|c| add(-2.0, &point.forms(c..c + 1, false), &mut out.expected));
    }
    out
}

/// Where no level meets another, with B_j = Z_j'V⁻¹Z_j: a'E_r Z'V⁻¹Z E_s a = Σ_j tr(E_rB_jE_s a_ja_j').
fn leaf_by_leaf(point: &Point<'_>, reml: bool) -> Parts {
    let symbolic = &point.factor.layout.symbolic;
    let parameters = Parameters::new(point.templates);
    let m = point.templates.parameters.len();
    let mut out = Parts::zeros(m);
    let mut traces = Traces::zeros(m);
    for v in 0..symbolic.factor.len() {
        let leaf = leaf(point.factor, point.cross, v);
        let own = parameters.of(leaf.factor);
        add_first(&mut traces, own, &leaf.own);
        add_second(&mut traces, 1.0, own, own, |i, j| leaf.own[(i, j)]);
        let (fixed, random) = outer_products(point, &leaf, v);
        add_mixed(&mut out.average, 1.0, own, &leaf.own, &random);
        if reml {
            add_mixed(&mut out.expected, -2.0, own, &leaf.own, &fixed);
        }
    }
    symmetric(&mut out.average);
    symmetric(&mut out.expected);
    symmetric(&mut traces.second);
    out.expected.add(&traces.second);
    out.first = traces.first;
    out
}

/// A_jA_j' over the columns of A_X, and a_ja_j', for the level at position `v`.
fn outer_products(point: &Point<'_>, leaf: &Leaf, v: usize) -> (Square, Square) {
    let (k, q) = (point.effects.k, leaf.own.n);
    let start = point.factor.layout.start[v];
    let row = |i: usize| &point.effects.a[(start + i) * k..(start + i + 1) * k];
    let (mut fixed, mut random) = (Square::zeros(q), Square::zeros(q));
    for j in 0..q {
        for i in 0..q {
            let (a, b) = (row(i), row(j));
            fixed[(i, j)] = a[..k - 1].iter().zip(b).map(|(a, b)| a * b).sum();
            random[(i, j)] = a[k - 1] * b[k - 1];
        }
    }
    (fixed, random)
}

/// out += f · tr(E_r B E_s C) (lower triangle) for symmetric B and C.
fn add_mixed(
    out: &mut Square,
    f: f64,
    own: &[(usize, crate::covariance::Parameter)],
    b: &Square,
    c: &Square,
) {
    for (r, x) in own {
        for (s, y) in own.iter().filter(|(s, _)| s <= r) {
            let ((i, j), (k, l)) = ((x.row, x.column), (y.row, y.column));
            let sum = b[(j, k)] * c[(l, i)]
                + b[(j, l)] * c[(k, i)]
                + b[(i, k)] * c[(l, j)]
                + b[(i, l)] * c[(k, j)];
            out[(*r, *s)] += 0.25 * f * ones(x) * ones(y) * sum;
        }
    }
}

/// How many times as fast dense matrices are multiplied as small blocks.
const DENSE: f64 = 50.0;

/// Multiplications of small blocks that [`SecondOrder`] takes, roughly.
pub fn second_order_cost(layout: &Layout, templates: &Templates) -> f64 {
    let symbolic = &layout.symbolic;
    let (m, k) = (templates.parameters.len() as f64, layout.k as f64);
    let levels = symbolic.factor.len() as f64;
    let pairs = symbolic.later.n_items() as f64;
    if pairs == 0.0 {
        return levels * m * (k * k + 8.0 * m);
    }
    let widths: f64 = templates.widths.iter().map(|q| (q * q) as f64).sum();
    dense_cost(layout, templates) / DENSE + (levels + pairs) * widths * m * k
}
