//! One θ: the criterion, and what was found on the way to it.

use super::equations::{Raw, factorise};
use super::problem::Problem;
use super::whitening::Whitened;
use crate::covariance::{Expansion, Matrix, Order, root};
use crate::cross_products::CrossProducts;
use crate::dense::solve_lower;
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::objective::{Criterion, Profile};
use crate::solve::Effects;

/// An evaluation of the criterion.
#[derive(Debug, Clone)]
pub struct Point {
    /// The full vector of parameters.
    pub full: Vec<f64>,
    /// R, and the whitened columns.
    pub white: Whitened,
    /// A and its right-hand columns.
    pub raw: Raw,
    /// T of every term.
    pub templates: Vec<Expansion<Matrix<f64>>>,
    /// M − I.
    pub cross: CrossProducts,
    /// M = LL'.
    pub factor: Factor,
    /// β̂, r² and the criterion.
    pub profile: Profile,
    /// σ², estimated or known, in the engine's coordinates.
    pub variance: f64,
}

/// What the solved equations say of the columns X L_X⁻ᵀ and y − Xβ̂.
#[derive(Debug, Clone)]
pub struct Solved {
    /// M⁻¹Λ'Z'R⁻¹[·], row-major with k columns, scalar rows of u by slot.
    pub u: Vec<f64>,
    /// Z'V⁻¹[·], row-major with k columns, scalar rows by position.
    pub a: Vec<f64>,
}

impl Problem {
    /// The criterion at θ.
    ///
    /// # Errors
    /// Where it has no value: a covariance that is not positive definite, or no residual left.
    pub fn evaluate(&self, theta: &[f64], criterion: Criterion) -> Result<Point> {
        let full = self.freedom.full(theta);
        let white = self.rows().whitened(&self.places, &full)?;
        let raw = Raw::new(&self.plan, &self.blocks.start, &self.z_start, &white, self.k())?;
        let templates = self.templates(&full, Order::Value)?;
        let mut cross = self.empty.clone();
        let factor = factorise(&self.design, &self.plan, &raw, &templates, &mut cross)?;
        let log_det = white.log_det + factor.log_det - self.log_precision;
        let n = self.design.n();
        let profile = Profile::from_parts(&factor.right, log_det, &self.basis, n, criterion)?;
        let variance = profile.variance;
        Ok(Point { full, white, raw, templates, cross, factor, profile, variance })
    }

    /// T of every term.
    pub fn templates(&self, full: &[f64], order: Order) -> Result<Vec<Expansion<Matrix<f64>>>> {
        let one = |(t, term): (usize, &super::design::Term)| {
            let phi = &full[self.places.terms[t].clone()];
            root(&*term.structure, phi, &term.positions, order)
                .ok_or(EngineError::Factorisation { group: t, level: 0 })
        };
        self.design.terms.iter().enumerate().map(one).collect()
    }

    /// Back-substitution.
    pub fn solved(&self, point: &Point) -> Solved {
        let (k, p) = (self.k(), self.k() - 1);
        let lx = &point.profile.x_factor;
        let Effects { b: mut u, .. } = Effects::new(&point.factor, &point.cross, &point.profile);
        u.chunks_exact_mut(k).for_each(|row| solve_lower(p, &lx.data, &mut row[..p], 1));
        let v = self.plan.data_scale(&point.templates, &u, k);
        let mut a = point.raw.right.clone();
        for row in a.chunks_exact_mut(k) {
            row[p] -= (0..p).map(|j| row[j] * point.profile.beta[j]).sum::<f64>();
            solve_lower(p, &lx.data, &mut row[..p], 1);
        }
        let product = self.plan.times_a(&point.raw.a, &v, k);
        a.iter_mut().zip(&product).for_each(|(a, b)| *a -= b);
        Solved { u, a }
    }
}
