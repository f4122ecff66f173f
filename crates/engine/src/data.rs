//! What the caller hands over: borrowed rows, never copied and never expanded.

use rayon::prelude::*;

use crate::error::{EngineError, Result};

/// Rows that are checked by one task.
const CHUNK: usize = 1 << 16;

/// Covariance structure of a random term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// Every variance and covariance is free: T is lower triangular.
    Unstructured,
    /// Independent columns: T is diagonal.
    Diagonal,
}

/// A grouping factor: one level code per row.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// (n,) codes in `0..n_levels`.
    pub codes: &'a [i32],
    /// Number of levels.
    pub n_levels: usize,
}

/// A random term: columns whose coefficients vary over the levels of a grouping factor.
#[derive(Debug, Clone)]
pub struct Term<'a> {
    /// Index into [`Data::groups`].
    pub group: usize,
    /// q columns of length n.
    pub z: Vec<&'a [f64]>,
    /// Covariance structure of the q coefficients.
    pub structure: Structure,
}

/// One data set: y = Xβ + Zb + ε, Var(ε) = σ² W⁻¹.
#[derive(Debug, Clone)]
pub struct Data<'a> {
    /// (n,) response, offset already subtracted.
    pub y: &'a [f64],
    /// p columns of length n, linearly independent.
    pub x: Vec<&'a [f64]>,
    /// Distinct grouping factors.
    pub groups: Vec<Group<'a>>,
    /// Random terms in formula order.
    pub terms: Vec<Term<'a>>,
    /// (n,) positive precision weights.
    pub weights: Option<&'a [f64]>,
}

impl Data<'_> {
    /// Number of rows n.
    pub fn n(&self) -> usize {
        self.y.len()
    }

    /// Number of fixed-effects columns p.
    pub fn p(&self) -> usize {
        self.x.len()
    }

    /// Weight of a row.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[row])
    }

    /// Checks lengths, codes and finiteness once, so that the kernels need not.
    pub fn check(&self) -> Result<()> {
        let n = self.n();
        let columns = std::iter::once(("y", self.y))
            .chain(self.x.iter().map(|c| ("a column of X", *c)))
            .chain(self.terms.iter().flat_map(|t| t.z.iter().map(|c| ("a column of Z", *c))))
            .chain(self.weights.map(|w| ("weights", w)));
        for (what, column) in columns {
            if column.len() != n {
                return Err(EngineError::Shape { what, expected: n, found: column.len() });
            }
            if !in_chunks(column, |values| values.iter().fold(true, |ok, v| ok & v.is_finite())) {
                return Err(EngineError::NotFinite { what });
            }
        }
        for (k, group) in self.groups.iter().enumerate() {
            if group.codes.len() != n {
                let (expected, found) = (n, group.codes.len());
                return Err(EngineError::Shape { what: "the codes of a group", expected, found });
            }
            let good = |c: &i32| *c >= 0 && (*c as usize) < group.n_levels;
            if !in_chunks(group.codes, |codes| codes.iter().fold(true, |ok, c| ok & good(c))) {
                let row = group.codes.iter().position(|c| !good(c)).unwrap_or(0);
                return Err(EngineError::Code { group: k, row });
            }
        }
        match self.terms.iter().find(|t| t.group >= self.groups.len()) {
            Some(t) => {
                let (expected, found) = (self.groups.len(), t.group);
                Err(EngineError::Shape { what: "the group of a term", expected, found })
            }
            None => Ok(()),
        }
    }
}

/// Whether all chunks of a column are `good`, asked on all threads where it is long.
fn in_chunks<T: Sync>(column: &[T], good: impl Fn(&[T]) -> bool + Sync) -> bool {
    if column.len() <= CHUNK { good(column) } else { column.par_chunks(CHUNK).all(&good) }
}
