//! What is known at one ψ, in the user's units.

use super::derivatives::{Derivatives, Parted};
use super::hessian::covariance;
use super::point::Point;
use super::problem::Problem;
use crate::dense::{Square, cholesky, solve_lower, solve_lower_transpose};
use crate::error::{EngineError, Result};
use crate::structured::{Inverse, backward, forward};

/// Estimates at a point.
#[derive(Debug, Clone)]
pub struct Estimates {
    /// ψ, β in the user's coordinates, signs of θ as results have them.
    pub psi: Vec<f64>,
    /// −2 log-likelihood.
    pub deviance: f64,
    /// ∂d/∂ψ.
    pub gradient: Vec<f64>,
    /// ∂²d/∂ψ², if asked for.
    pub hessian: Option<Square>,
    /// Twice its inverse; None where it is not positive definite.
    pub covariance: Option<Square>,
    /// (X'V⁻¹X)⁻¹ at the modes, θ and δ taken as known.
    pub conditional: Square,
    /// b̂ per term, levels × q row-major.
    pub effects: Vec<Vec<f64>>,
    /// η̂, offset included.
    pub eta: Vec<f64>,
    /// Whether the time allowed was over before the Hessian was found.
    pub is_late: bool,
}

impl Problem {
    /// Estimates at a point with its derivatives; with the Hessian if `units` are given.
    pub fn estimates(
        &self,
        point: &Point,
        near: &Derivatives,
        units: Option<&[f64]>,
    ) -> Result<Estimates> {
        // Where the criterion has no value beside the point, it has no Hessian either.
        let found = units.map(|units| self.hessian(point, near, units));
        let is_late = matches!(found, Some(Err(EngineError::TimeLimit)));
        let hessian = match found {
            Some(Err(EngineError::Interrupted)) => return Err(EngineError::Interrupted),
            found => found.and_then(Result::ok),
        };
        let covariance = hessian.as_ref().and_then(covariance).map(|c| self.outer_covariance(&c));
        let mut psi = self.outer(&point.psi);
        let m = self.n_theta();
        let signed = self.covariances.canonical(&psi[..m]);
        let flips: Vec<f64> =
            signed.iter().zip(&psi).map(|(s, p)| if s == p { 1.0 } else { -1.0 }).collect();
        psi[..m].copy_from_slice(&signed);
        let mut gradient = self.outer_gradient(&near.gradient);
        gradient.iter_mut().zip(&flips).for_each(|(g, f)| *g *= f);
        Ok(Estimates {
            psi,
            deviance: point.deviance,
            gradient,
            hessian: hessian.map(|h| flipped(self.outer_hessian(&h), &flips)),
            covariance: covariance.map(|c| flipped(c, &flips)),
            conditional: self.conditional(&near.hessian),
            effects: self.effects(point),
            eta: self.order.restored(point.modes.rows.eta.clone()),
            is_late,
        })
    }

    /// A covariance of ψ in the user's coordinates: L⁻ᵀ C L⁻¹ in the rows and columns of β.
    fn outer_covariance(&self, inner: &Square) -> Square {
        on_both_sides(inner, |column| self.outer(column))
    }

    /// A Hessian in ψ in the user's coordinates: L H L' in the rows and columns of β.
    fn outer_hessian(&self, inner: &Square) -> Square {
        on_both_sides(inner, |column| self.outer_gradient(column))
    }

    /// (X'V⁻¹X)⁻¹: the Hessian model has 2X'V⁻¹X in the rows and columns of γ.
    pub fn conditional(&self, model: &Square) -> Square {
        let (first, p) = (self.n_theta(), self.p);
        let mut l = model.block(&(first..first + p).collect::<Vec<_>>());
        let mut out = Square::identity(p);
        if cholesky(p, &mut l.data).is_err() {
            out.data.fill(f64::NAN);
            return out;
        }
        solve_lower(p, &l.data, &mut out.data, p);
        solve_lower_transpose(p, &l.data, &mut out.data, p);
        out.data.iter_mut().for_each(|v| *v *= 2.0);
        self.basis.beta_covariance(&out)
    }

    /// b̂ per term, levels × q row-major.
    pub fn effects(&self, point: &Point) -> Vec<Vec<f64>> {
        let mut out = self.empty_effects(1);
        self.visit_effects(|place, t, at| out[t][at] = point.modes.b[place]);
        out
    }

    fn empty_effects(&self, m: usize) -> Vec<Vec<f64>> {
        let terms = self.covariances.design.terms.iter();
        terms.map(|t| vec![0.0; t.n_levels * t.q * m]).collect()
    }

    /// Calls `visit(scalar by position, term, scalar by level of the term)`.
    fn visit_effects(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let plan = &self.covariances.plan;
        let (grid, symbolic) = (&plan.grid, &plan.layout.symbolic);
        for v in 0..grid.width.len() {
            let (t, level) = (symbolic.factor[v] as usize, symbolic.level[v] as usize);
            let q = grid.width[v] as usize;
            (0..q).for_each(|i| visit(grid.offset[v] + i, t, level * q + i));
        }
    }

    /// First scalar of every term where effects stand term by term, and their number.
    fn effect_starts(&self) -> Vec<usize> {
        let mut starts = vec![0];
        for term in &self.covariances.design.terms {
            starts.push(starts[starts.len() - 1] + term.n_levels * term.q);
        }
        starts
    }

    /// ΛM⁻¹Λ'x for the `m` columns of x, row-major, effects term by term.
    pub fn solve(&self, point: &Point, x: &[f64], m: usize) -> Vec<f64> {
        let starts = self.effect_starts();
        let mut by_position = vec![0.0; x.len()];
        let copy = |from: usize, to: usize, x: &[f64], out: &mut [f64]| {
            out[to * m..(to + 1) * m].copy_from_slice(&x[from * m..(from + 1) * m]);
        };
        self.visit_effects(|place, t, at| copy(starts[t] + at, place, x, &mut by_position));
        let plan = &self.covariances.plan;
        let mut u = plan.spherical_scale(&point.templates, &by_position, m);
        forward(&point.modes.factor, &mut u, m);
        backward(&point.modes.factor, &mut u, m);
        let b = plan.data_scale(&point.templates, &u, m);
        let mut out = vec![0.0; x.len()];
        self.visit_effects(|place, t, at| copy(place, starts[t] + at, &b, &mut out));
        out
    }

    /// Conditional covariance of a term's effects, levels × q × q: ψ taken as known.
    pub fn conditional_covariance(&self, point: &Point, term: usize) -> Result<Vec<f64>> {
        let plan = &self.covariances.plan;
        let (grid, symbolic) = (&plan.grid, &plan.layout.symbolic);
        let inverse = Inverse::new(&point.modes.factor, &point.modes.cross)?;
        let c = self.covariances.sandwiched(&point.templates, &point.modes.cross, &inverse);
        let own = &self.covariances.design.terms[term];
        let size = own.q * own.q;
        let mut out = vec![0.0; own.n_levels * size];
        for v in (0..grid.width.len()).filter(|&v| symbolic.factor[v] as usize == term) {
            let level = symbolic.level[v] as usize;
            out[level * size..(level + 1) * size]
                .copy_from_slice(&c[grid.start[v]..grid.start[v] + size]);
        }
        Ok(out)
    }

    /// z_i'ΛM⁻¹Λ'z_i per row.
    pub fn row_variance(&self, point: &Point) -> Result<Vec<f64>> {
        let inverse = Inverse::new(&point.modes.factor, &point.modes.cross)?;
        let own = &self.covariances;
        let forms = self.row_forms(&own.sandwiched(&point.templates, &point.modes.cross, &inverse));
        Ok(self.order.restored(forms))
    }

    /// −ℓ'' and ℓ' of the rows at the modes, with their weights.
    pub fn working(&self, point: &Point) -> (Vec<f64>, Vec<f64>) {
        let rows = &point.modes.rows;
        (self.order.restored(rows.weight.clone()), self.order.restored(rows.score.clone()))
    }

    /// ∂b̂/∂ψ = ∂Λ û + Λ ∂û at a point, ψ in the user's coordinates: effects term by term, row-major with
    /// one column per parameter.
    pub fn mode_slopes(&self, point: &Point) -> Result<Vec<f64>> {
        let parted = Parted::new(self, point)?;
        let motion = parted.motion(&parted.by_position(&parted.columns()));
        let (moved, _) = parted.moved();
        let (n_theta, m) = (self.n_theta(), self.n_parameters());
        let plan = &self.covariances.plan;
        let mut b = plan.data_scale(&point.templates, &motion, m);
        for (row, out) in b.chunks_exact_mut(m.max(1)).enumerate() {
            let own = &moved[row * n_theta..(row + 1) * n_theta];
            out.iter_mut().zip(own).for_each(|(b, d)| *b += d);
        }
        let starts = self.effect_starts();
        let mut out = vec![0.0; b.len()];
        self.visit_effects(|place, t, at| {
            let row = self.outer_gradient(&b[place * m..(place + 1) * m]);
            out[(starts[t] + at) * m..(starts[t] + at + 1) * m].copy_from_slice(&row);
        });
        Ok(out)
    }
}

/// F A F' for a symmetric A and the linear map F of its columns.
fn on_both_sides(a: &Square, map: impl Fn(&[f64]) -> Vec<f64>) -> Square {
    let mapped = |a: &Square| {
        let columns = a.data.chunks_exact(a.n.max(1));
        Square { n: a.n, data: columns.flat_map(&map).collect() }
    };
    mapped(&mapped(a).transpose())
}

/// A matrix over ψ after changes of sign of the first elements.
fn flipped(mut matrix: Square, flips: &[f64]) -> Square {
    let sign = |i: usize| flips.get(i).copied().unwrap_or(1.0);
    for j in 0..matrix.n {
        (0..matrix.n).for_each(|i| matrix[(i, j)] *= sign(i) * sign(j));
    }
    matrix
}
