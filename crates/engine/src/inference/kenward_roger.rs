//! The pieces of Kenward & Roger (1997), Biometrics 53, 983–997.
//!
//! The residual is one more component, G_0 = W⁻¹ = V − Σ_r γ_rG_r, so that everything about it is a
//! combination of the others: PVP = P and PX = 0 give
//!
//! ```text
//!     tr(PG_0PG_s) = tr(PG_s) − Σ_r γ_r tr(PG_rPG_s)
//!     X'V⁻¹G_0PG_sV⁻¹X = −Σ_r γ_r X'V⁻¹G_rPG_sV⁻¹X
//!     X'V⁻¹G_0V⁻¹X = X'V⁻¹X − Σ_r γ_r X'V⁻¹G_rV⁻¹X
//! ```

use crate::dense::{Square, solve_lower_transpose};
use crate::inference::moments::Point;
use crate::inference::satterthwaite::inner_product;
use crate::inference::second_order::gammas;
use crate::inference::traces::Traces;

/// Over the R = m + 1 components γ_1, …, γ_m (entries of T_fT_f') and the residual, last, or without
/// it where σ is known; all relative to σ².
#[derive(Debug, Clone)]
pub struct KenwardRoger {
    /// tr(PG_rPG_s), R × R: twice the expected REML information of γ.
    pub information: Square,
    /// C X'V⁻¹G_rV⁻¹X C with C = (X'V⁻¹X)⁻¹, p × p per component.
    pub slopes: Vec<Square>,
    /// C X'V⁻¹G_rPG_sV⁻¹X C, p × p, for r ≥ s: (0, 0), (1, 0), (1, 1), ….
    pub bends: Vec<Square>,
    /// C X'V⁻¹(∂²V/∂γ_r∂γ_s)V⁻¹X C in the same order; none where V is linear in γ, as it is here.
    pub curves: Vec<Square>,
}

impl KenwardRoger {
    /// In the engine's coordinates of θ and the columns X L_X⁻ᵀ of β, for `n` rows.
    pub(super) fn inner(point: &Point<'_>, traces: &Traces, n: usize) -> Self {
        let p = point.effects.k - 1;
        let m = point.templates.parameters.len();
        let gamma = gammas(point);
        let grams = point.grams();
        let blocks = Blocks { form: point.forms(0..p, false), p, place: inverse(&point.order()) };
        let trace = |r: usize, s: usize| {
            traces.second[(r, s)] - 2.0 * blocks.trace(r, s)
                + inner_product(p, &grams[r], &grams[s])
        };
        let first = |r: usize| traces.first[r] - (0..p).map(|c| grams[r][(c, c)]).sum::<f64>();
        let mut information = Square::zeros(m + 1);
        for r in 0..m {
            (0..m).for_each(|s| information[(r, s)] = trace(r, s));
            let rest: f64 = (0..m).map(|s| gamma[s] * information[(r, s)]).sum();
            information[(r, m)] = first(r) - rest;
            information[(m, r)] = first(r) - rest;
        }
        information[(m, m)] = (n - p) as f64
            - (0..m).map(|r| gamma[r] * (first(r) + information[(r, m)])).sum::<f64>();
        let cut = |g: &Square| {
            let mut out = Square::zeros(p);
            (0..p).for_each(|j| (0..p).for_each(|i| out[(i, j)] = g[(i, j)]));
            out
        };
        let mut slopes: Vec<Square> = grams.iter().map(cut).collect();
        let mut residual = Square::identity(p);
        slopes.iter().zip(&gamma).for_each(|(s, g)| add_scaled(&mut residual, -g, s));
        let bends = bends(&blocks, &slopes, &gamma);
        slopes.push(residual);
        let back = |inner: &Square| from_orthonormal(&point.profile.x_factor, inner);
        let all = Self {
            information,
            slopes: slopes.iter().map(back).collect(),
            bends: bends.iter().map(back).collect(),
            curves: Vec::new(),
        };
        if point.profile.criterion.is_profiled() { all } else { all.without_residual() }
    }

    /// The components that are estimated where σ is known.
    fn without_residual(mut self) -> Self {
        let m = self.information.n - 1;
        self.slopes.truncate(m);
        self.bends.truncate(m * (m + 1) / 2);
        let mut information = Square::zeros(m);
        (0..m).for_each(|j| (0..m).for_each(|i| information[(i, j)] = self.information[(i, j)]));
        Self { information, ..self }
    }
}

/// A_X'E_r Z'V⁻¹Z E_sA_X as p × p blocks of one matrix.
struct Blocks {
    form: Square,
    p: usize,
    place: Vec<usize>,
}

impl Blocks {
    fn trace(&self, r: usize, s: usize) -> f64 {
        let (r, s) = (self.place[r] * self.p, self.place[s] * self.p);
        (0..self.p).map(|c| self.form[(r + c, s + c)]).sum()
    }

    fn block(&self, r: usize, s: usize) -> Square {
        let (p, r, s) = (self.p, self.place[r] * self.p, self.place[s] * self.p);
        let mut out = Square::zeros(p);
        (0..p).for_each(|j| (0..p).for_each(|i| out[(i, j)] = self.form[(r + i, s + j)]));
        out
    }
}

/// X'V⁻¹G_rPG_sV⁻¹X for r ≥ s, symmetrised over the order of r and s, the residual last.
fn bends(blocks: &Blocks, slopes: &[Square], gamma: &[f64]) -> Vec<Square> {
    let (m, p) = (slopes.len(), blocks.p);
    let projected = |r: usize, s: usize| {
        let mut out = blocks.block(r, s);
        add_scaled(&mut out, -1.0, &slopes[r].times(&slopes[s]));
        let other = out.transpose();
        out.add(&other);
        out.data.iter_mut().for_each(|v| *v *= 0.5);
        out
    };
    let mut out: Vec<Square> = Vec::with_capacity((m + 1) * (m + 2) / 2);
    for r in 0..m {
        (0..=r).for_each(|s| out.push(projected(r, s)));
    }
    let at = |r: usize, s: usize| r.max(s) * (r.max(s) + 1) / 2 + r.min(s);
    let mut last = vec![Square::zeros(p); m + 1];
    for s in 0..m {
        for r in 0..m {
            add_scaled(&mut last[s], -gamma[r], &out[at(r, s)]);
        }
    }
    for s in 0..m {
        let own = last[s].clone();
        add_scaled(&mut last[m], -gamma[s], &own);
    }
    out.extend(last);
    out
}

fn add_scaled(out: &mut Square, f: f64, other: &Square) {
    out.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a += f * b);
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut out = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &r)| out[r] = place);
    out
}

/// L⁻ᵀ M L⁻¹.
pub(crate) fn from_orthonormal(l: &Square, inner: &Square) -> Square {
    let p = inner.n;
    let mut half = inner.clone();
    solve_lower_transpose(p, &l.data, &mut half.data, p);
    let mut full = half.transpose();
    solve_lower_transpose(p, &l.data, &mut full.data, p);
    full
}
