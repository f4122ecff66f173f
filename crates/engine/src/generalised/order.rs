//! The order in which the engine keeps the rows: by the levels of the largest term, so that sums over the
//! rows of a level read memory that lies together. Whoever hands rows over or takes them away sees their
//! own order.

use super::auxiliary::Source;
use super::problem::Design;
use crate::structured::{Incidence, Term};

/// Rows below which everything lies in a cache anyway.
const MANY: usize = 20_000;

/// Which row of the caller is where; None where nothing is moved.
#[derive(Debug, Clone)]
pub struct RowOrder(Option<Vec<u32>>);

impl RowOrder {
    /// By the first level of the term with the most levels; rows of a level stay in their order.
    pub fn of(design: &Design) -> Self {
        let n = design.y.len();
        let terms = design.covariances.terms.iter().filter(|t| t.incidence.pointers.len() == n + 1);
        let Some(term) = terms.max_by_key(|t| t.n_levels).filter(|_| n >= MANY) else {
            return Self(None);
        };
        let level = |row: usize| term.incidence.of(row).next().map_or(0, |(level, _)| level);
        if (1..n).all(|row| level(row - 1) <= level(row)) {
            return Self(None);
        }
        let mut rows: Vec<u32> = (0..n as u32).collect();
        rows.sort_by_key(|&row| level(row as usize));
        Self(Some(rows))
    }

    /// Values by row, from the caller's order.
    pub fn sorted<T: Copy>(&self, values: Vec<T>) -> Vec<T> {
        match &self.0 {
            None => values,
            Some(rows) => rows.iter().map(|&row| values[row as usize]).collect(),
        }
    }

    /// Values by row, to the caller's order.
    pub fn restored(&self, values: Vec<f64>) -> Vec<f64> {
        let Some(rows) = &self.0 else { return values };
        let mut out = vec![0.0; values.len()];
        rows.iter().zip(values).for_each(|(&row, v)| out[row as usize] = v);
        out
    }

    /// Puts all rows of a design in order.
    pub fn apply(&self, design: Design) -> Design {
        let Some(rows) = &self.0 else { return design };
        let mut covariances = design.covariances;
        covariances.terms = covariances.terms.into_iter().map(|t| ordered(t, rows)).collect();
        let columns =
            |columns: Vec<Vec<f64>>| columns.into_iter().map(|c| self.sorted(c)).collect();
        let source = |source: Source| match source {
            Source::Linear(own) => Source::Linear(columns(own)),
            other => other,
        };
        Design {
            covariances,
            x: columns(design.x),
            y: self.sorted(design.y),
            size: design.size.map(|v| self.sorted(v)),
            weights: design.weights.map(|v| self.sorted(v)),
            offset: design.offset.map(|v| self.sorted(v)),
            sources: design.sources.into_iter().map(source).collect(),
            ..design
        }
    }
}

fn ordered(term: Term, rows: &[u32]) -> Term {
    let (q, old) = (term.q, &term.incidence);
    let z = rows.iter().flat_map(|&row| &term.z[row as usize * q..(row as usize + 1) * q]);
    let z = z.copied().collect();
    let mut new = Incidence { pointers: vec![0], level: vec![], weight: None };
    let mut weights = vec![];
    for &row in rows {
        for (level, weight) in old.of(row as usize) {
            new.level.push(level);
            weights.push(weight);
        }
        new.pointers.push(new.level.len());
    }
    new.weight = old.weight.as_ref().map(|_| weights);
    Term { z, incidence: new, ..term }
}
