//! Responses drawn from a model, and many fits of one design. A replicate has a stream of its own, and
//! depends on no other: the numbers are the same for any number of threads and any cut into calls.

use rayon::prelude::*;

use super::auxiliary::Auxiliaries;
use super::modes::Precision;
use super::point::Parts;
use super::problem::Problem;
use crate::batch::{Shape, stream};
use crate::covariance::Order;
use crate::error::{EngineError, Result};
use crate::memory::zeros;
use crate::optimise::{Options, Status};
use crate::structured::{Raw, backward, factorise};
use crate::watch::{Stage, Watch};

/// y_i ~ family(η_i + z_i'b, a_i) with b = Λu, u ~ N(0, Q⁻¹) where effects are drawn.
#[derive(Debug, Clone)]
pub struct Draws<'a> {
    /// (n,) linear predictor that every replicate has in common, offset included.
    pub eta: &'a [f64],
    /// ψ in the user's coordinates; β is not read.
    pub psi: &'a [f64],
    /// The randomness.
    pub key: [u64; 2],
    /// Shape of what u is made of; None if η holds the random effects.
    pub effects: Option<Shape>,
}

/// How the replicates are fitted.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// ψ at which every search starts, in the user's coordinates.
    pub start: &'a [f64],
    /// Settings of the search.
    pub options: Options,
}

/// One fit, in the user's units.
#[derive(Debug, Clone)]
pub struct Refit {
    /// How the search ended.
    pub status: Status,
    /// Evaluations of the criterion.
    pub n_evaluations: usize,
    /// The criterion.
    pub deviance: f64,
    /// ψ.
    pub psi: Vec<f64>,
    /// Standard errors of β̂, θ and δ taken as known.
    pub bse: Vec<f64>,
}

impl Problem {
    /// Responses of the replicates `first`, `first` + 1, …, one behind the other.
    pub fn drawn(&self, draws: &Draws<'_>, first: u64, count: usize) -> Result<Vec<f64>> {
        let n = self.n();
        let shape = |what, expected, found| Err(EngineError::Shape { what, expected, found });
        if draws.eta.len() != n {
            return shape("the linear predictor", n, draws.eta.len());
        }
        if draws.psi.len() != self.n_parameters() {
            return shape("psi", self.n_parameters(), draws.psi.len());
        }
        let Parts { theta, delta, .. } = self.parts(draws.psi);
        let own = &self.covariances;
        let templates = own.templates(&own.freedom.full(theta), Order::Value)?;
        let auxiliaries = Auxiliaries::new(&self.sources, &self.y, delta);
        // The equations without data, M = Q, have the root of Q⁻¹.
        let (grid, mut cross) = (&own.plan.grid, own.empty_cross_products());
        let nothing = Raw {
            a: vec![0.0; grid.start[grid.width.len()]],
            right: vec![0.0; grid.offset[grid.width.len()]],
            total: vec![1.0],
        };
        let prior = factorise(&own.design, &own.plan, &nothing, &templates, &mut cross)?;
        let eta = self.order.sorted(draws.eta.to_vec());
        let mut out = zeros(n.saturating_mul(count))?;
        out.par_chunks_mut(n.max(1)).enumerate().for_each(|(i, y)| {
            let mut random = stream(draws.key, first + i as u64);
            let moved = draws.effects.map(|shape| {
                let mut u = vec![0.0; self.n_effects()];
                shape.fill(&mut random, &mut u);
                backward(&prior, &mut u, 1);
                self.along(&own.plan.data_scale(&templates, &u, 1))
            });
            let drawn = (0..n).map(|row| {
                let eta = eta[row] + moved.as_ref().map_or(0.0, |m| m[row]);
                let size = self.observation(row).size;
                self.family.draw(&mut random, size, eta, auxiliaries.of_any(row))
            });
            y.copy_from_slice(&self.order.restored(drawn.collect()));
        });
        Ok(out)
    }

    /// Fits every response. One that has no fit is an error in its place.
    pub fn refits(&self, responses: &[&[f64]], plan: Plan<'_>) -> Result<Vec<Result<Refit>>> {
        if plan.start.len() != self.n_parameters() {
            let (expected, found) = (self.n_parameters(), plan.start.len());
            return Err(EngineError::Shape { what: "the start of a search", expected, found });
        }
        let units = self.start()?.units;
        let start = self.inner(plan.start);
        let watch = Watch::current();
        watch.begin(Stage::Refitting, responses.len());
        let one = |y: &&[f64]| {
            let fit = || self.with_response(y.to_vec())?.refitted(&start, &units, plan);
            let found = watch.quiet().during(fit);
            watch.advance(1);
            found
        };
        let found = responses.par_iter().map(one).collect();
        watch.check()?;
        Ok(found)
    }

    fn refitted(&self, start: &[f64], units: &[f64], plan: Plan<'_>) -> Result<Refit> {
        let end = self.minimise_from(start, units.to_vec(), None, plan.options)?;
        let (first, p) = (self.n_theta(), self.p);
        let variances = self.conditional(&end.derivatives.hessian);
        let mut psi = self.outer(&end.point.psi);
        let theta = self.covariances.canonical(&psi[..first]);
        psi[..first].copy_from_slice(&theta);
        Ok(Refit {
            status: end.status,
            n_evaluations: end.trace.len(),
            deviance: end.point.deviance,
            psi,
            bse: (0..p).map(|j| variances[(j, j)].sqrt()).collect(),
        })
    }

    /// The criterion at ψ in the user's coordinates, modes searched from zero.
    pub fn evaluate_at(&self, psi: &[f64]) -> Result<super::point::Point> {
        self.evaluate(&self.inner(psi), &vec![0.0; self.n_effects()], Precision::FINE)
    }
}
