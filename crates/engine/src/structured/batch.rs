//! Responses drawn from a model, and many fits of one design.

use rayon::prelude::*;

use super::equations::{Raw, factorise};
use super::inverse::backward;
use super::point::Point;
use super::problem::Problem;
use super::whitening::Whitened;
use crate::batch::{Refit, Shape, stream};
use crate::error::{EngineError, Result};
use crate::factor::Factor;
use crate::memory::zeros;
use crate::objective::Criterion;
use crate::optimise::Options;
use crate::watch::{Stage, Watch};

/// y = mean + Zb + e with b = Λu, u ~ N(0, σ²Q⁻¹), and e of the residual's covariance at θ.
#[derive(Debug, Clone)]
pub struct Draws<'a> {
    /// (n,) what every replicate has in common.
    pub mean: &'a [f64],
    /// θ.
    pub theta: &'a [f64],
    /// Residual standard deviation.
    pub sigma: f64,
    /// The randomness.
    pub key: [u64; 2],
    /// Shape of what u is made of; None if the mean holds the random effects.
    pub effects: Option<Shape>,
    /// Shape of what the residuals are made of.
    pub residuals: Shape,
}

/// The roots of all covariances at one θ.
struct Roots {
    white: Whitened,
    point: Point,
    prior: Factor,
}

impl Problem {
    /// Responses of the replicates `first`, `first` + 1, …, one behind the other.
    pub fn drawn(&self, draws: &Draws<'_>, first: u64, count: usize) -> Result<Vec<f64>> {
        let n = self.design.n();
        if draws.mean.len() != n {
            let (what, found) = ("the mean of the responses", draws.mean.len());
            return Err(EngineError::Shape { what, expected: n, found });
        }
        let roots = self.roots(draws.theta)?;
        let mut out = zeros(n.saturating_mul(count))?;
        out.par_chunks_mut(n.max(1)).enumerate().for_each(|(i, y)| {
            self.write(draws, &roots, first + i as u64, y);
        });
        Ok(out)
    }

    /// The equations without data, M = Q, have the root of Q⁻¹.
    fn roots(&self, theta: &[f64]) -> Result<Roots> {
        let point = self.evaluate(theta, Criterion { reml: false, sigma: None })?;
        let nothing = Raw {
            a: vec![0.0; point.raw.a.len()],
            right: vec![0.0; point.raw.right.len()],
            total: vec![0.0; point.raw.total.len()],
        };
        let mut cross = self.empty.clone();
        let prior = factorise(&self.design, &self.plan, &nothing, &point.templates, &mut cross)?;
        Ok(Roots { white: point.white.clone(), point, prior })
    }

    fn write(&self, draws: &Draws<'_>, roots: &Roots, replicate: u64, y: &mut [f64]) {
        let mut random = stream(draws.key, replicate);
        let mut e = vec![0.0; y.len()];
        draws.residuals.fill(&mut random, &mut e);
        for block in 0..self.blocks.len() {
            let (start, rows) = (self.blocks.start[block], self.blocks.of(block));
            let root = &roots.white.patterns[self.blocks.pattern[block] as usize].root;
            for (i, &row) in rows.iter().enumerate() {
                let value: f64 = (0..=i).map(|j| root[(i, j)] * e[start + j]).sum();
                let sd = draws.sigma / roots.white.inverse_sd[start + i];
                y[row as usize] = draws.mean[row as usize] + sd * value;
            }
        }
        let Some(shape) = draws.effects else { return };
        let mut u = vec![0.0; self.plan.layout.symbolic.dim()];
        shape.fill(&mut random, &mut u);
        backward(&roots.prior, &mut u, 1);
        let b = self.plan.data_scale(&roots.point.templates, &u, 1);
        self.add_effects(&b, draws.sigma, y);
    }

    /// y += σ Z b.
    fn add_effects(&self, b: &[f64], sigma: f64, y: &mut [f64]) {
        let grid = &self.plan.grid;
        for block in 0..self.blocks.len() {
            let nodes = self.plan.nodes_of(block);
            for (i, &row) in self.blocks.of(block).iter().enumerate() {
                let row = row as usize;
                for entry in self.plan.entries_of(self.blocks.start[block] + i) {
                    let term = &self.design.terms[entry.term as usize];
                    let at = grid.offset[nodes[entry.local as usize] as usize];
                    let z = &term.z[row * term.q..(row + 1) * term.q];
                    let sum: f64 = z.iter().zip(&b[at..at + term.q]).map(|(z, b)| z * b).sum();
                    y[row] += sigma * entry.weight * sum;
                }
            }
        }
    }

    /// Fits every response from θ = `start`. One that has no fit is an error in its place.
    pub fn refits(
        &self,
        responses: &[&[f64]],
        start: &[f64],
        criterion: Criterion,
        options: Options,
    ) -> Result<Vec<Result<Refit>>> {
        let watch = Watch::current();
        watch.begin(Stage::Refitting, responses.len());
        let one = |y: &&[f64]| {
            let fit = || self.with_response(y)?.refitted(start, criterion, options);
            let found = watch.quiet().during(fit);
            watch.advance(1);
            found
        };
        let found = responses.par_iter().map(one).collect();
        watch.check()?;
        Ok(found)
    }

    fn refitted(&self, start: &[f64], criterion: Criterion, options: Options) -> Result<Refit> {
        let end = self.minimise(start, criterion, options)?;
        let sigma = end.point.variance.sqrt() * self.basis.y_scale;
        let covariance = self.beta_covariance(&end.point);
        let theta = self.canonical(&end.theta);
        let report = self.report(&theta);
        Ok(Refit {
            status: end.status,
            singular: report.values.contains(&0.0),
            n_evaluations: end.trace.len(),
            deviance: end.point.profile.deviance,
            sigma,
            theta,
            beta: self.basis.beta(&end.point.profile.beta),
            bse: (0..self.k() - 1).map(|j| sigma * covariance[(j, j)].sqrt()).collect(),
            pieces: None,
        })
    }
}
