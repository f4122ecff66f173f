//! Estimates in the user's units.

use super::point::{Effort, Point};
use super::problem::IterativeProblem;
use super::search::{PROBES, hessian_by_differences};
use super::uncertainty::Spread;
use crate::dense::Square;
use crate::error::Result;
use crate::inference::Information;
use crate::objective::{Criterion, Profile};
use crate::problem::Estimates;
use crate::wide;

impl IterativeProblem {
    /// Everything a user wants to know at one point.
    pub fn estimates(&self, point: &Point<'_>) -> Estimates {
        let basis = &self.condensed.basis;
        Estimates {
            theta: self.outer_theta(point),
            deviance: point.profile.deviance,
            beta: basis.beta(&point.profile.beta),
            covariance: basis.beta_covariance(&inner_covariance(&point.profile)),
            sigma: point.profile.sigma(basis),
            pwrss: point.profile.pwrss * basis.y_scale.powi(2),
            effects: self.effects(point),
        }
    }

    /// ∂d/∂θ in the user's units from ∂d/∂θ̃.
    pub fn outer_gradient(&self, inner: &[f64]) -> Vec<f64> {
        let g = self.condensed.basis.outer_gradient(&self.templates().fill(inner));
        self.templates().theta(&g)
    }

    fn outer_theta(&self, point: &Point<'_>) -> Vec<f64> {
        let outer = self.condensed.basis.outer_templates(&point.operator.templates);
        let mut theta = self.templates().theta(&outer);
        self.templates().normalise_signs(&mut theta);
        theta
    }

    /// b = ΛΛ'Z'V⁻¹(y − Xβ̂) per term.
    fn effects(&self, point: &Point<'_>) -> Vec<Vec<f64>> {
        let (templates, levels) = (self.templates(), &self.condensed.n_levels);
        let places = &templates.places;
        let mut out: Vec<Vec<f64>> =
            places.iter().map(|at| vec![0.0; levels[at.factor] * at.width]).collect();
        for (f, a) in point.a.iter().enumerate() {
            let t = &point.operator.templates[f];
            let (q, last) = (t.n, a.m - 1);
            let mut b = vec![0.0; q];
            for level in 0..levels[f] {
                let inner = |c: usize| -> f64 {
                    (c..q).map(|s| t[(s, c)] * a.rows(level * q + s, 1)[last]).sum()
                };
                let gathered: Vec<f64> = (0..q).map(inner).collect();
                for (i, b) in b.iter_mut().enumerate() {
                    *b = (0..=i).map(|c| t[(i, c)] * gathered[c]).sum();
                }
                self.condensed.basis.effects(f, &mut b);
                for (out, at) in out.iter_mut().zip(places).filter(|(_, at)| at.factor == f) {
                    let own = &b[at.start..at.start + at.width];
                    out[level * at.width..(level + 1) * at.width].copy_from_slice(own);
                }
            }
        }
        out
    }

    /// Hessian in (θ, σ), by differences of the gradient at fixed probes, and the exact derivatives
    /// of (X'V⁻¹X)⁻¹, in the user's units.
    pub fn information(&self, point: &Point<'_>, theta: &[f64]) -> Result<Information> {
        let (m, profile) = (self.n_theta(), &point.profile);
        let criterion = profile.criterion;
        let curved = hessian_by_differences(self, theta, criterion, point.probes)?;
        let mut hessian = Square::zeros(m + 1);
        for j in 0..m {
            (0..m).for_each(|i| hessian[(i, j)] = curved[(i, j)]);
        }
        if criterion.is_profiled() {
            let variance = profile.variance;
            let last = 4.0 * profile.df / variance;
            // ∂²d/∂θ_i∂σ = −2σ⁻³ ∂r²/∂θ_i, and ∂r²/∂θ_i = −of_r2.
            let cross: Vec<f64> = (point.first.of_r2.iter())
                .map(|r| 2.0 * r / (variance * variance.sqrt()))
                .collect();
            for j in 0..m {
                // What profiling σ out took away.
                (0..m).for_each(|i| hessian[(i, j)] += cross[i] * cross[j] / last);
                hessian[(m, j)] = cross[j];
                hessian[(j, m)] = cross[j];
            }
            hessian[(m, m)] = last;
        }
        let inner = Information { hessian, jacobian: self.slopes_of_covariance(point) };
        let outer = |theta: &[f64]| self.inner(theta);
        Ok(inner.in_units_of(&self.condensed.basis, m, &outer))
    }

    /// ∂(X'V⁻¹X)⁻¹/∂θ_i = C X'V⁻¹Z (∂ΛΛ'/∂θ_i) Z'V⁻¹X C.
    fn slopes_of_covariance(&self, point: &Point<'_>) -> Vec<Square> {
        let c = inner_covariance(&point.profile);
        let p = c.n;
        let of = |at: &crate::covariance::Parameter| {
            let (a, t) = (&point.a[at.factor], &point.operator.templates[at.factor]);
            let q = t.n;
            let mut sum = Square::zeros(p);
            let mut gathered = vec![0.0; p];
            for level in 0..a.values.len() / (a.m * q) {
                let row = |s: usize| a.rows(level * q + s, 1);
                gathered.fill(0.0);
                for s in at.column..q {
                    let t = t[(s, at.column)];
                    gathered.iter_mut().zip(row(s)).for_each(|(g, a)| *g += t * a);
                }
                let own = row(at.row);
                for j in 0..p {
                    for i in 0..p {
                        sum[(i, j)] += own[i] * gathered[j] + gathered[i] * own[j];
                    }
                }
            }
            c.times(&sum).times(&c)
        };
        self.templates().parameters.iter().map(of).collect()
    }

    /// Evaluates where results are read, with as many probes as a search would take there.
    pub fn evaluate(&self, theta: &[f64], criterion: Criterion) -> Result<Point<'_>> {
        let mut probes = self.probes(PROBES);
        let rough = Point::new(self, theta, criterion, Effort::on_the_way(probes))?;
        if !probes.is_exact() && !theta.is_empty() {
            let hessian = rough.hessian(self, Effort::on_the_way(probes))?;
            probes = self.enough(&Spread::new(self, &rough, hessian), probes);
        }
        drop(rough);
        Point::new(self, theta, criterion, Effort::at_the_end(probes))
    }
}

/// (X̃'V⁻¹X̃)⁻¹.
fn inner_covariance(profile: &Profile) -> Square {
    let p = profile.x_factor.n;
    let mut covariance = Square::identity(p);
    wide::solve_lower(p, &profile.x_factor.data, &mut covariance.data, p);
    wide::solve_lower_transpose(p, &profile.x_factor.data, &mut covariance.data, p);
    covariance
}
