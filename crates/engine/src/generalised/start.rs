//! Where a search starts: the fit without random effects, by Newton's method in (γ, δ), and random effects
//! about as variable as what is left.

use super::auxiliary::{Auxiliaries, Source, Spacing, add_bends};
use super::problem::Problem;
use super::rows::summed;
use crate::dense::Square;
use crate::error::{EngineError, Result};
use crate::optimise::Model;
use crate::watch::Watch;

/// Newton steps allowed.
const MOST_STEPS: usize = 60;

/// A promised decrease that is near enough for a start.
const NEAR: f64 = 1e-3;

/// Radius of the first step, in standard deviations of the linear predictor.
const FIRST_RADIUS: f64 = 2.0;

/// Shifts of the first auxiliary that are tried.
const SHIFTS: [f64; 9] = [-6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0];

/// A start.
#[derive(Debug, Clone)]
pub struct Start {
    /// ψ.
    pub psi: Vec<f64>,
    /// The unit of every element.
    pub units: Vec<f64>,
}

/// (γ, δ) with everything that a Newton step needs.
struct Fixed {
    at: Vec<f64>,
    deviance: f64,
    gradient: Vec<f64>,
    hessian: Square,
    weight: f64,
}

impl Problem {
    /// The start, and the units of the search.
    pub fn start(&self) -> Result<Start> {
        let (mut at, spread) = self.first_guess()?;
        let units = |scale: f64| {
            let mut units = vec![scale; self.p];
            units.resize(self.p + self.n_auxiliary(), 1.0);
            units
        };
        let mut best = self.fixed(&at)?;
        let mut radius = FIRST_RADIUS;
        let watch = Watch::current();
        let own = units(spread);
        for _ in 0..MOST_STEPS {
            watch.check()?;
            let (gradient, hessian) = scaled(&best.gradient, &best.hessian, &own);
            let Some(model) = Model::new(&gradient, &hessian) else { break };
            let step = model.step(radius);
            if step.decrease < NEAR || radius < 1e-6 {
                break;
            }
            let to: Vec<f64> =
                at.iter().zip(step.step.iter().zip(&own)).map(|(a, (s, u))| a + s * u).collect();
            let Ok(next) = self.fixed(&to) else {
                radius = 0.3 * step.length;
                continue;
            };
            let ratio = (best.deviance - next.deviance) / step.decrease;
            if ratio < 0.25 {
                radius = 0.3 * step.length;
            } else if ratio > 0.7 && step.length > 0.99 * radius {
                radius *= 2.5;
            }
            if ratio > 1e-4 {
                at.clone_from(&to);
                best = next;
            }
        }
        let scale = best.weight.sqrt().recip().min(spread);
        let mut psi: Vec<f64> = self.covariances.start();
        let mut all = self.covariances.units();
        let is_scale = self.scales();
        for ((value, unit), is_scale) in psi.iter_mut().zip(&mut all).zip(is_scale) {
            if is_scale {
                *value *= scale;
                *unit *= scale;
            }
        }
        psi.extend(&best.at);
        all.extend(units(scale));
        Ok(Start { psi, units: all })
    }

    /// Per element of θ whether it is on the scale of the linear predictor.
    pub fn scales(&self) -> Vec<bool> {
        let own = &self.covariances;
        let mut full = vec![0.0; own.places.total];
        for (term, place) in own.design.terms.iter().zip(&own.places.terms) {
            for (i, scale) in term.structure.scales().into_iter().enumerate() {
                full[place.start + i] = if scale.is_some() { 1.0 } else { 0.0 };
            }
        }
        own.freedom.free(&full).into_iter().map(|v| v == 1.0).collect()
    }

    /// (γ, δ) from linear predictors near the responses, and the spread of these.
    fn first_guess(&self) -> Result<(Vec<f64>, f64)> {
        let n = self.n() as f64;
        let known = |row: usize| self.offset.as_ref().map_or(0.0, |o| o[row]);
        let near = |row: usize| self.family.start(self.observation(row)) - known(row);
        let sums = summed(self.n(), self.p + 2, |row, sums| {
            let eta = near(row);
            sums[0] += eta / n;
            sums[1] += eta * eta / n;
            sums[2..].iter_mut().zip(self.x_of(row)).for_each(|(s, x)| *s += x * eta / n);
        });
        let spread = (sums[1] - sums[0] * sums[0]).max(0.0).sqrt();
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let mean = summed(self.n(), self.p, |row, out| {
            out.iter_mut().zip(self.x_of(row)).for_each(|(s, x)| *s += x * sums[0] / n);
        });
        let mut at = sums[2..].to_vec();
        at.extend(self.first_delta());
        // Where a linear predictor has no meaning, nearer to the same one for all rows.
        for share in [1.0, 0.5, 0.25, 0.1, 0.0] {
            let mut trial = at.clone();
            for (t, m) in trial.iter_mut().zip(&mean) {
                *t = share * *t + (1.0 - share) * m;
            }
            if self.fixed(&trial).is_ok() {
                return Ok((self.shifted(trial), spread));
            }
        }
        Err(EngineError::Impossible)
    }

    /// Zero, but thresholds where the shares of the categories put them on a logistic scale.
    fn first_delta(&self) -> Vec<f64> {
        let mut out = vec![];
        for source in self.sources.iter() {
            match source {
                Source::Linear(columns) => out.resize(out.len() + columns.len(), 0.0),
                Source::Thresholds { spacing, categories } => {
                    out.extend(self.first_thresholds(*spacing, *categories));
                }
            }
        }
        out
    }

    fn first_thresholds(&self, spacing: Spacing, categories: usize) -> Vec<f64> {
        let mut counts = vec![0.5; categories];
        self.y.iter().for_each(|y| counts[*y as usize] += 1.0);
        let total: f64 = counts.iter().sum();
        let mut below = 0.0;
        let tau: Vec<f64> = counts[..categories - 1]
            .iter()
            .map(|c| {
                below += c / total;
                (below / (1.0 - below)).ln()
            })
            .collect();
        let steps = tau.windows(2).map(|t| (t[1] - t[0]).ln());
        match spacing {
            Spacing::Flexible => std::iter::once(tau[0]).chain(steps).collect(),
            Spacing::Equidistant if tau.len() == 1 => tau,
            Spacing::Equidistant => {
                let width = (tau[tau.len() - 1] - tau[0]) / (tau.len() - 1) as f64;
                vec![tau[0], width.ln()]
            }
        }
    }

    /// The best of some shifts of the first auxiliary, where it is a linear function with a constant.
    fn shifted(&self, at: Vec<f64>) -> Vec<f64> {
        let constant = |c: &Vec<f64>| c.iter().all(|v| *v == c[0]) && c.first() == Some(&1.0);
        let first = match self.sources.first() {
            Some(Source::Linear(columns)) => columns.iter().position(constant),
            _ => None,
        };
        let Some(j) = first else { return at };
        let shifted = |shift: &f64| {
            let mut trial = at.clone();
            trial[self.p + j] += shift;
            let deviance = self.fixed(&trial).map_or(f64::INFINITY, |f| f.deviance);
            (trial, deviance)
        };
        let best = SHIFTS.iter().map(shifted).min_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(at.clone(), |(trial, _)| trial)
    }

    /// −2 Σ ℓ without random effects, with its derivatives.
    fn fixed(&self, at: &[f64]) -> Result<Fixed> {
        let (gamma, delta) = at.split_at(self.p);
        let auxiliaries = Auxiliaries::new(&self.sources, &self.y, delta);
        let plan = &self.covariances.plan;
        let b = vec![0.0; plan.grid.offset[plan.grid.width.len()]];
        let rows = self.rows(self.predictor(gamma, &b), &auxiliaries, true);
        if !rows.log_density.is_finite() {
            return Err(EngineError::Impossible);
        }
        let slopes = self.slopes(&rows.eta, &auxiliaries);
        let (p, k, width) = (self.p, delta.len(), auxiliaries.width);
        let m = p + k;
        let sums = summed(self.n(), m + m * m + 1, |row, sums| {
            let (gradient, rest) = sums.split_at_mut(m);
            let (hessian, weight) = rest.split_at_mut(m * m);
            let (x, s, w) = (self.x_of(row), rows.score[row], rows.weight[row]);
            weight[0] += w;
            for i in 0..p {
                gradient[i] -= 2.0 * s * x[i];
                (0..=i).for_each(|j| hessian[i * m + j] += 2.0 * w * x[i] * x[j]);
            }
            if k == 0 {
                return;
            }
            auxiliaries.slopes(row, |a, j, slope, _| {
                let [own, score, _] = slopes.auxiliary[row * width + a];
                gradient[p + j] -= 2.0 * own * slope;
                (0..p).for_each(|i| hessian[(p + j) * m + i] -= 2.0 * score * slope * x[i]);
            });
            let mut square = vec![0.0; k * k];
            let slope = |a: usize| -2.0 * slopes.auxiliary[row * width + a][0];
            let bend = |a: usize, b: usize| -2.0 * slopes.bends[(row * width + a) * width + b];
            add_bends(&auxiliaries, row, slope, bend, &mut square);
            for i in 0..k {
                (0..=i).for_each(|j| hessian[(p + i) * m + p + j] += square[i + k * j]);
            }
        });
        let mut hessian = Square { n: m, data: sums[m..m + m * m].to_vec() };
        for i in 0..m {
            (0..i).for_each(|j| hessian[(i, j)] = hessian[(j, i)]);
        }
        Ok(Fixed {
            at: at.to_vec(),
            deviance: -2.0 * rows.log_density,
            gradient: sums[..m].to_vec(),
            hessian,
            weight: (sums[m + m * m] / self.n() as f64).max(f64::MIN_POSITIVE),
        })
    }
}

/// Gradient and Hessian in units.
pub fn scaled(gradient: &[f64], hessian: &Square, units: &[f64]) -> (Vec<f64>, Square) {
    let mut out = hessian.clone();
    for j in 0..units.len() {
        (0..units.len()).for_each(|i| out[(i, j)] *= units[i] * units[j]);
    }
    (gradient.iter().zip(units).map(|(g, u)| g * u).collect(), out)
}
