//! What is known at one θ, in the user's units.

use super::inverse::Inverse;
use super::point::Point;
use super::problem::Problem;
use super::whitening::LogSd;
use crate::covariance::{Jet, Order, Positions, Quantity, Structure, covariance};
use crate::dense::{Square, solve_lower};
use crate::error::{EngineError, Result};
use crate::objective::Criterion;
use crate::problem::Estimates;
use crate::wide;

/// Whose quantity it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A random term.
    Term(usize),
    /// A part of the residual's correlations.
    Part(usize),
    /// A part of log s.
    Spread(usize),
}

/// Quantities of the report with their derivatives.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whose they are, and what; parameters of log s have no quantity.
    pub names: Vec<(Owner, Option<Quantity>)>,
    /// Values; standard deviations relative to σ.
    pub values: Vec<f64>,
    /// ∂value/∂θ, row-major.
    pub jacobian: Vec<f64>,
}

impl Problem {
    /// Estimates at a point.
    pub fn estimates(&self, theta: &[f64], point: &Point) -> Estimates {
        let scale = self.basis.y_scale;
        Estimates {
            theta: self.canonical(theta),
            deviance: point.profile.deviance,
            beta: self.basis.beta(&point.profile.beta),
            covariance: self.beta_covariance(point),
            sigma: point.variance.sqrt() * scale,
            pwrss: point.profile.pwrss * scale * scale,
            effects: self.effects(point),
        }
    }

    /// (X'V⁻¹X)⁻¹.
    pub fn beta_covariance(&self, point: &Point) -> Square {
        let p = self.k() - 1;
        let mut covariance = Square::identity(p);
        let l = &point.profile.x_factor.data;
        wide::solve_lower(p, l, &mut covariance.data, p);
        wide::solve_lower_transpose(p, l, &mut covariance.data, p);
        self.basis.beta_covariance(&covariance)
    }

    /// b̂ per term, levels × q row-major.
    fn effects(&self, point: &Point) -> Vec<Vec<f64>> {
        let solved = self.solved(point);
        let k = self.k();
        let b = self.plan.data_scale(&point.templates, &solved.u, k);
        let (grid, symbolic) = (&self.plan.grid, &self.plan.layout.symbolic);
        let mut out: Vec<Vec<f64>> =
            self.design.terms.iter().map(|t| vec![0.0; t.n_levels * t.q]).collect();
        for v in 0..grid.width.len() {
            let (t, level) = (symbolic.factor[v] as usize, symbolic.level[v] as usize);
            let q = self.design.terms[t].q;
            for i in 0..q {
                let value = b[(grid.offset[v] + i) * k + k - 1];
                out[t][level * q + i] = value * self.basis.y_scale;
            }
        }
        out
    }

    /// Conditional covariance of a term's effects over σ², levels × q × q (β taken as known).
    pub fn conditional_covariance(&self, point: &Point, term: usize) -> Result<Vec<f64>> {
        let inverse = Inverse::new(&point.factor, &point.cross)?;
        let symbolic = &self.plan.layout.symbolic;
        let t = &point.templates[term].value;
        let (q, r) = (t.rows, t.columns);
        let mut out = vec![0.0; self.design.terms[term].n_levels * q * q];
        for v in (0..symbolic.factor.len()).filter(|&v| symbolic.factor[v] as usize == term) {
            let m = &inverse.of(&point.cross, v)[..r * r];
            let block = &mut out[symbolic.level[v] as usize * q * q..][..q * q];
            for s in 0..r {
                for c in 0..r {
                    let f = m[c + r * s];
                    for j in 0..q {
                        (0..q).for_each(|i| block[i + q * j] += t[(i, c)] * f * t[(j, s)]);
                    }
                }
            }
        }
        Ok(out)
    }

    /// Every variance parameter on its own scale.
    pub fn report(&self, theta: &[f64]) -> Report {
        let full = self.freedom.full(theta);
        let mut out = Report { names: vec![], values: vec![], jacobian: vec![] };
        for (t, term) in self.design.terms.iter().enumerate() {
            let place = self.places.terms[t].clone();
            self.add_report(&*term.structure, Owner::Term(t), place, &full, &mut out);
        }
        let parts = self.design.residual.iter().flat_map(|r| &r.structures);
        for (part, structure) in parts.enumerate() {
            let place = self.places.parts[part].clone();
            self.add_report(&**structure, Owner::Part(part), place, &full, &mut out);
        }
        for (s, place) in self.places.spread.iter().enumerate() {
            for i in place.clone() {
                out.names.push((Owner::Spread(s), None));
                out.values.push(full[i]);
                let mut row = vec![0.0; self.n_theta()];
                if let Some(j) = self.freedom.of(i) {
                    row[j] = 1.0;
                }
                out.jacobian.extend(row);
            }
        }
        out
    }

    fn add_report(
        &self,
        structure: &dyn Structure,
        owner: Owner,
        place: std::ops::Range<usize>,
        full: &[f64],
        out: &mut Report,
    ) {
        let values = structure.report(&Jet::variables(&full[place.clone()], Order::First));
        for (quantity, value) in structure.quantities().into_iter().zip(values) {
            out.names.push((owner, Some(quantity)));
            out.values.push(value.value());
            let mut row = vec![0.0; self.n_theta()];
            for (i, slope) in value.first() {
                if let Some(j) = self.freedom.of(place.start + i) {
                    row[j] += slope;
                }
            }
            out.jacobian.extend(row);
        }
    }

    /// The full vector whose report (without the parameters of log s) is given; None where a structure
    /// has no such parameters.
    pub fn coordinates(&self, report: &[f64]) -> Option<Vec<f64>> {
        let terms = self.design.terms.iter().map(|t| &t.structure);
        let parts = self.design.residual.iter().flat_map(|r| &r.structures);
        let (mut full, mut rest) = (Vec::with_capacity(self.places.total), report);
        for structure in terms.chain(parts) {
            let (mine, after) = rest.split_at(structure.quantities().len());
            full.extend(structure.coordinates(mine)?);
            rest = after;
        }
        full.extend(rest);
        Some(full)
    }

    /// C between positions of a part of the residual.
    pub fn residual_covariance(&self, theta: &[f64], part: usize, at: &Positions) -> Square {
        let full = self.freedom.full(theta);
        match &self.design.residual {
            None => Square::identity(at.n()),
            Some(r) => {
                let phi = &full[self.places.parts[part].clone()];
                covariance(&*r.structures[part], phi, at, Order::Value).value
            }
        }
    }

    /// s per row: its residual standard deviation over σ, but for the correlation structure's own.
    pub fn row_sd(&self, theta: &[f64]) -> Vec<f64> {
        let full = self.freedom.full(theta);
        let log_sd = LogSd::new(&self.design, &self.blocks, &self.places, &full).value;
        let mut out = vec![0.0; log_sd.len()];
        self.blocks.rows.iter().zip(&log_sd).for_each(|(&r, v)| out[r as usize] = v.exp());
        out
    }

    /// R^{-1/2} times columns (column-major, n rows), by the lower Cholesky factor of every block in the
    /// order of its positions.
    pub fn whiten(&self, theta: &[f64], columns: &[f64]) -> Result<Vec<f64>> {
        let full = self.freedom.full(theta);
        let white = self.rows().whitened(&self.places, &full)?;
        let n = self.design.n();
        let mut out = columns.to_vec();
        for (from, to) in columns.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            for block in 0..self.blocks.len() {
                let (start, rows) = (self.blocks.start[block], self.blocks.of(block));
                let value = |(i, &r): (usize, &u32)| from[r as usize] * white.inverse_sd[start + i];
                let mut own: Vec<f64> = rows.iter().enumerate().map(value).collect();
                let root = &white.patterns[self.blocks.pattern[block] as usize].root;
                solve_lower(rows.len(), &root.data, &mut own, 1);
                rows.iter().zip(&own).for_each(|(&r, v)| to[r as usize] = *v);
            }
        }
        Ok(out)
    }

    /// Estimates at θ, without a search.
    pub fn estimates_at(
        &self,
        theta: &[f64],
        criterion: Criterion,
    ) -> Result<(Estimates, Vec<f64>)> {
        let point = self.evaluate(theta, criterion)?;
        let gradient = self.derivatives(&point, criterion)?.gradient;
        if !gradient.iter().all(|g| g.is_finite()) {
            return Err(EngineError::NotFinite { what: "the gradient" });
        }
        Ok((self.estimates(theta, &point), gradient))
    }
}
