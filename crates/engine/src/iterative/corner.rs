//! The small factors, whose random effects are integrated out of a dense matrix at the end.
//!
//! With columns c = [Z_s X y] and F = c'V₀⁻¹c, Woodbury's identity for V = V₀ + Z_sΣ_sZ_s' reads
//!
//! ```text
//!     c'V⁻¹c = F − F_·s N F_s·,     N = Λ_s(I + Λ_s'F_ssΛ_s)⁻¹Λ_s',
//!     log|V| = log|V₀| + log|I + Λ_s'F_ssΛ_s|
//! ```

use super::sides::Roles;
use crate::dense::{Square, cholesky, solve_lower};
use crate::error::{EngineError, Result};
use crate::row_major::Columns;

/// F and N.
#[derive(Debug)]
pub struct Corner {
    /// F: the columns of the small factors come first.
    pub f: Square,
    /// N.
    pub n: Square,
    /// Lower Cholesky factor of I + Λ_s'F_ssΛ_s.
    pub root: Square,
    /// log|I + Λ_s'F_ssΛ_s|.
    pub log_det: f64,
}

impl Corner {
    /// Factorises the part of the small factors at the templates `t`.
    pub fn new(f: Square, roles: &Roles, t: &[Square]) -> Result<Self> {
        let s = roles.n_small;
        let lambda = spread(roles, t);
        let own = sub(&f, s);
        let mut m = lambda.transpose().times(&own).times(&lambda);
        (0..s).for_each(|i| m[(i, i)] += 1.0);
        let log_det = cholesky(s, &mut m.data).map_err(|at| failure(roles, at))?;
        let mut half = lambda.transpose();
        solve_lower(s, &m.data, &mut half.data, s);
        Ok(Self { f, n: half.transpose().times(&half), root: m, log_det })
    }

    /// c'V⁻¹c for the columns behind the small factors'.
    pub fn right(&self) -> Square {
        let (s, k) = (self.n.n, self.f.n - self.n.n);
        let shift = self.shift();
        let mut out = Square::zeros(k);
        for j in 0..k {
            for i in 0..k {
                let sum: f64 = (0..s).map(|r| self.f[(r, s + i)] * shift.rows(r, 1)[j]).sum();
                out[(i, j)] = self.f[(s + i, s + j)] + sum;
            }
        }
        let other = out.transpose();
        out.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a = 0.5 * (*a + b));
        out
    }

    /// −N F_s·: Z'V⁻¹c = Z'V₀⁻¹c + Z'V₀⁻¹Z_s times this, for the columns behind the small factors'.
    pub fn shift(&self) -> Columns {
        let (s, k) = (self.n.n, self.f.n - self.n.n);
        let mut columns = Columns::zeros(s, k);
        for i in 0..s {
            (0..k).for_each(|j| columns.values[i * k + j] = self.f[(i, s + j)]);
        }
        self.shift_of(&columns)
    }

    /// −N F for F = Z_s'V₀⁻¹c of any columns c.
    pub fn shift_of(&self, f: &Columns) -> Columns {
        let s = self.n.n;
        let mut out = Columns::zeros(s, f.m);
        for i in 0..s {
            for r in 0..s {
                let row = f.rows(r, 1);
                let out = &mut out.values[i * f.m..(i + 1) * f.m];
                out.iter_mut().zip(row).for_each(|(o, v)| *o -= self.n[(i, r)] * v);
            }
        }
        out
    }

    /// Z_s'V₀⁻¹Z_s.
    pub fn own(&self) -> Square {
        sub(&self.f, self.n.n)
    }

    /// Z_s'V⁻¹Z_s.
    pub fn within(&self) -> Square {
        let own = self.own();
        let mut out = own.times(&self.n).times(&own);
        out.data.iter_mut().zip(&own.data).for_each(|(o, f)| *o = f - *o);
        out
    }
}

fn sub(f: &Square, s: usize) -> Square {
    let mut out = Square::zeros(s);
    (0..s).for_each(|j| (0..s).for_each(|i| out[(i, j)] = f[(i, j)]));
    out
}

/// Λ_s.
fn spread(roles: &Roles, t: &[Square]) -> Square {
    let mut out = Square::zeros(roles.n_small);
    for &(factor, q, first) in &roles.small {
        let end = roles.end_of(first);
        for start in (first..end).step_by(q) {
            for j in 0..q {
                (0..q).for_each(|i| out[(start + i, start + j)] = t[factor][(i, j)]);
            }
        }
    }
    out
}

fn failure(roles: &Roles, at: usize) -> EngineError {
    let found = roles.small.iter().rev().find(|(_, _, first)| *first <= at);
    let &(group, q, first) = found.expect("a row of a small factor");
    EngineError::Factorisation { group, level: (at - first) / q }
}
