//! What the caller hands over: rows, random terms with their structures, and the residual's.

use std::sync::Arc;

use crate::covariance::{Positions, Structure};
use crate::error::{EngineError, Result};

/// Which levels of a term each row belongs to, and how much: one level of weight one, several for
/// multi-membership, none.
#[derive(Debug, Clone)]
pub struct Incidence {
    /// Where the entries of a row start, and the number of all entries at the end.
    pub pointers: Vec<usize>,
    /// Level of each entry.
    pub level: Vec<u32>,
    /// Weight of each entry; None if all are one.
    pub weight: Option<Vec<f64>>,
}

impl Incidence {
    /// One level per row.
    pub fn of_codes(codes: &[i32]) -> Self {
        let level = codes.iter().map(|&c| c as u32).collect();
        Self { pointers: (0..=codes.len()).collect(), level, weight: None }
    }

    /// Entries of a row.
    pub fn of(&self, row: usize) -> impl Iterator<Item = (u32, f64)> + '_ {
        let weight = |e: usize| self.weight.as_ref().map_or(1.0, |w| w[e]);
        (self.pointers[row]..self.pointers[row + 1]).map(move |e| (self.level[e], weight(e)))
    }
}

/// A known precision Q = K⁻¹ between the levels of a term: full symmetric, by columns.
#[derive(Debug, Clone)]
pub struct Precision {
    /// Where each column starts.
    pub pointers: Vec<usize>,
    /// Row of each value.
    pub rows: Vec<u32>,
    /// Values.
    pub values: Vec<f64>,
    /// log|Q|.
    pub log_det: f64,
}

impl Precision {
    /// Entries of a column.
    pub fn of(&self, column: usize) -> impl Iterator<Item = (u32, f64)> + '_ {
        let range = self.pointers[column]..self.pointers[column + 1];
        self.rows[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }
}

/// A random term: b ~ N(0, σ² K ⊗ TT').
#[derive(Debug, Clone)]
pub struct Term {
    /// Number of levels.
    pub n_levels: usize,
    /// Rows to levels.
    pub incidence: Incidence,
    /// n × q, row-major.
    pub z: Vec<f64>,
    /// q.
    pub q: usize,
    /// T as a function of its parameters.
    pub structure: Arc<dyn Structure>,
    /// Where the columns lie: q positions.
    pub positions: Positions,
    /// K⁻¹; None for independent levels.
    pub precision: Option<Precision>,
}

/// The covariance of the residuals: blocks of rows, each with its positions and its part.
#[derive(Debug, Clone)]
pub struct Residual {
    /// (n,) block of each row.
    pub block: Vec<u32>,
    /// Number of blocks.
    pub n_blocks: usize,
    /// n × d positions of the rows within their blocks.
    pub positions: Positions,
    /// (n,) part of each row: blocks of one part share their parameters.
    pub part: Vec<u32>,
    /// One per part.
    pub structures: Vec<Arc<dyn Structure>>,
}

/// A part of log s, the residual standard deviation of a row over σ.
#[derive(Debug, Clone)]
pub enum Spread {
    /// γ x.
    Linear(Vec<f64>),
    /// δ log|x|.
    Power(Vec<f64>),
    /// log(exp(κ) + x^δ), two parameters (κ, δ); zero in rows with a negative x, which it is not for.
    ConstantPower(Vec<f64>),
}

impl Spread {
    /// Number of parameters.
    pub fn n_parameters(&self) -> usize {
        if matches!(self, Self::ConstantPower(_)) { 2 } else { 1 }
    }

    /// What log s is linear in, or would be without a constant, where it has a value: x, or log|x|.
    fn logs(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        let is_linear = matches!(self, Self::Linear(_));
        let values = self.column().iter().map(move |x| if is_linear { *x } else { x.abs().ln() });
        values.filter(|v| v.is_finite())
    }

    /// Its mean over the rows.
    pub fn mean(&self) -> f64 {
        self.logs().sum::<f64>() / self.logs().count().max(1) as f64
    }

    /// Its standard deviation over the rows.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.logs().map(|v| (v - mean).powi(2)).sum();
        (squares / self.logs().count().max(1) as f64).sqrt()
    }

    /// Its column.
    pub fn column(&self) -> &[f64] {
        match self {
            Self::Linear(x) | Self::Power(x) | Self::ConstantPower(x) => x,
        }
    }
}

/// One data set with everything that is known of its covariances.
#[derive(Debug, Clone)]
pub struct Design {
    /// Number of rows n.
    pub n: usize,
    /// p columns of length n, linearly independent.
    pub x: Vec<Vec<f64>>,
    /// Random terms in formula order.
    pub terms: Vec<Term>,
    /// None for independent residuals.
    pub residual: Option<Residual>,
    /// The parts of log s.
    pub spread: Vec<Spread>,
    /// (n,) positive precision weights.
    pub weights: Option<Vec<f64>>,
}

impl Design {
    /// Number of rows n.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Lengths, codes and finiteness, once, so that the kernels need not look.
    pub fn check(&self) -> Result<()> {
        let n = self.n();
        let length = |what, expected, found| {
            if expected == found {
                Ok(())
            } else {
                Err(EngineError::Shape { what, expected, found })
            }
        };
        let finite = |what, values: &[f64]| {
            let fine = values.iter().all(|v| v.is_finite());
            if fine { Ok(()) } else { Err(EngineError::NotFinite { what }) }
        };
        for x in &self.x {
            length("a column of X", n, x.len())?;
            finite("a column of X", x)?;
        }
        for (group, term) in self.terms.iter().enumerate() {
            length("a column of Z", n * term.q, term.z.len())?;
            finite("a column of Z", &term.z)?;
            length("the rows of a term", n + 1, term.incidence.pointers.len())?;
            let bad = |row: &usize| {
                term.incidence.of(*row).any(|(level, _)| level as usize >= term.n_levels)
            };
            if let Some(row) = (0..n).find(bad) {
                return Err(EngineError::Code { group, row });
            }
        }
        for spread in &self.spread {
            length("a column of the residual's spread", n, spread.column().len())?;
            finite("a column of the residual's spread", spread.column())?;
        }
        if let Some(w) = &self.weights {
            length("weights", n, w.len())?;
            finite("weights", w)?;
        }
        if let Some(residual) = &self.residual {
            length("the blocks of the residual", n, residual.block.len())?;
            length("the parts of the residual", n, residual.part.len())?;
        }
        Ok(())
    }
}
