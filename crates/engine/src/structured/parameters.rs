//! Which number is which: the full vector of parameters, term by term, then the residual's parts, then
//! its spread; and the free ones, of which it is an affine image.

use std::ops::Range;

use super::design::Design;

/// Where each structure finds its parameters in the full vector.
#[derive(Debug, Clone)]
pub struct Places {
    /// Per term.
    pub terms: Vec<Range<usize>>,
    /// Per part of the residual.
    pub parts: Vec<Range<usize>>,
    /// Per part of log s.
    pub spread: Vec<Range<usize>>,
    /// Length of the full vector.
    pub total: usize,
}

impl Places {
    /// Lays the parameters of a design out.
    pub fn new(design: &Design) -> Self {
        let mut total = 0;
        let mut place = |count: usize| {
            total += count;
            total - count..total
        };
        let terms = design.terms.iter().map(|t| place(t.structure.n_parameters())).collect();
        let parts = design.residual.iter().flat_map(|r| &r.structures);
        let parts = parts.map(|s| place(s.n_parameters())).collect();
        let spread = design.spread.iter().map(|s| place(s.n_parameters())).collect();
        Self { terms, parts, spread, total }
    }

    /// The residual's parameters, spread included.
    pub fn residual(&self) -> Range<usize> {
        self.terms.last().map_or(0, |r| r.end)..self.total
    }
}

/// One entry of the full vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Held at a number.
    Fixed(f64),
    /// The free parameter of this index; several entries may share it.
    Free(usize),
}

/// full = c + F θ, every row of F with at most one one.
#[derive(Debug, Clone)]
pub struct Freedom {
    /// Per entry of the full vector.
    pub values: Vec<Value>,
    /// Length of θ.
    pub n_free: usize,
}

impl Freedom {
    /// From what each entry is.
    pub fn new(values: Vec<Value>) -> Self {
        let last = values.iter().filter_map(|v| match v {
            Value::Free(j) => Some(*j + 1),
            Value::Fixed(_) => None,
        });
        let n_free = last.max().unwrap_or(0);
        Self { values, n_free }
    }

    /// The full vector.
    pub fn full(&self, theta: &[f64]) -> Vec<f64> {
        let one = |v: &Value| match v {
            Value::Fixed(c) => *c,
            Value::Free(j) => theta[*j],
        };
        self.values.iter().map(one).collect()
    }

    /// The free parameter behind an entry.
    pub fn of(&self, entry: usize) -> Option<usize> {
        match self.values[entry] {
            Value::Fixed(_) => None,
            Value::Free(j) => Some(j),
        }
    }

    /// θ of a full vector: the first entry that a free parameter stands for.
    pub fn free(&self, full: &[f64]) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.n_free];
        for (i, value) in full.iter().enumerate().rev() {
            if let Some(j) = self.of(i) {
                out[j] = *value;
            }
        }
        out
    }

    /// F'g.
    pub fn pull_back(&self, gradient: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.n_free];
        for (i, g) in gradient.iter().enumerate() {
            if let Some(j) = self.of(i) {
                out[j] += g;
            }
        }
        out
    }
}
