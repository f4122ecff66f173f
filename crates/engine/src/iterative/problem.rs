//! One data set, ready for evaluation by conjugate gradients and probes.

use super::panel::Lanes;
use super::right::RightSides;
use super::sides::{Roles, Side, visit};
use crate::covariance::Templates;
use crate::data::Data;
use crate::dense::Square;
use crate::error::Result;
use crate::memory::{self, Available};
use crate::row_major::Columns;
use crate::sums::Condensed;

/// Multiplications of an evaluation for every pair of levels: some ten steps for some thirty columns.
const COST: f64 = 300.0;

/// Panels, copies of the right-hand columns, and numbers per number of a block of one level, that an
/// evaluation holds at its peak.
const PANELS: usize = 10;
const COPIES: usize = 6;
const BLOCKS: usize = 6;

/// Bytes that the rows of a pair take while they are sorted by level, for each of them.
const SORTED: usize = 12;

/// Bytes that condensing rows takes at its peak, at most.
pub fn bytes_of_rows(data: &Data<'_>) -> usize {
    let mut widths = vec![0; data.groups.len()];
    data.terms.iter().for_each(|t| {
        if let Some(width) = widths.get_mut(t.group) {
            *width += t.z.len();
        }
    });
    let plain = data.weights.is_none();
    let pair = |q: usize, r: usize| {
        if plain && q * r == 1 { SORTED } else { SORTED + 4 * q * r * size_of::<f64>() }
    };
    let each: usize =
        (0..widths.len()).map(|f| (0..f).map(|g| pair(widths[f], widths[g])).sum::<usize>()).sum();
    let levels = data.groups.iter().zip(&widths).map(|(g, q)| g.n_levels * q * (q + data.p() + 1));
    data.n() * each + 3 * levels.sum::<usize>() * size_of::<f64>()
}

/// Crossed data whose equations are never factorised.
#[derive(Debug, Clone)]
pub struct IterativeProblem {
    /// Cross-products.
    pub condensed: Condensed,
    /// What becomes of which factor.
    pub roles: Roles,
    /// Z'W[Z_s X y].
    pub right: RightSides,
    /// [Z_s X y]'W[Z_s X y].
    pub total: Square,
}

impl IterativeProblem {
    /// Decides what becomes of which factor.
    ///
    /// # Errors
    /// Where a search needs more memory than is `available`, before it is taken.
    pub fn new(condensed: Condensed, available: Available<'_>) -> Result<Self> {
        let roles = Roles::new(&condensed);
        let columns = roles.n_small + condensed.k;
        let rows = roles.eliminated.rows + roles.large.rows;
        let panels = PANELS * size_of::<Lanes>() + COPIES * columns * size_of::<f64>();
        let blocks = BLOCKS * (roles.eliminated.blocks + roles.large.blocks) * size_of::<f64>();
        memory::require(rows * panels + blocks, available)?;
        let right = RightSides {
            eliminated: columns_of(&condensed, &roles, &roles.eliminated),
            large: columns_of(&condensed, &roles, &roles.large),
        };
        let total = total(&condensed, &roles);
        Ok(Self { condensed, roles, right, total })
    }

    /// The map θ → T.
    pub fn templates(&self) -> &Templates {
        &self.condensed.templates
    }

    /// Length of θ.
    pub fn n_theta(&self) -> usize {
        self.templates().parameters.len()
    }

    /// Multiplications of an evaluation, about.
    pub fn cost(&self) -> f64 {
        let pairs: usize = self.condensed.pairs.iter().map(|p| p.by_first.indices.len()).sum();
        let widths: usize = self.templates().widths.iter().map(|q| q * q).sum();
        COST * (pairs + self.condensed.n_levels.iter().sum::<usize>()) as f64 * widths as f64
    }

    /// Number of fixed effects.
    pub fn p(&self) -> usize {
        self.condensed.k - 1
    }

    /// θ̃ of θ.
    pub fn inner(&self, theta: &[f64]) -> Vec<f64> {
        let outer = self.templates().fill(theta);
        self.templates().theta(&self.condensed.basis.inner_templates(&outer))
    }

    /// θ of θ̃.
    pub fn outer(&self, inner: &[f64]) -> Vec<f64> {
        let inner = self.templates().fill(inner);
        self.templates().theta(&self.condensed.basis.outer_templates(&inner))
    }
}

/// Z'W[Z_s X y] of one side.
fn columns_of(condensed: &Condensed, roles: &Roles, side: &Side) -> Columns {
    let (s, k) = (roles.n_small, condensed.k);
    let mut out = Columns::zeros(side.rows, s + k);
    for span in &side.spans {
        let (q, blocks) = (span.q, &condensed.levels[span.factor]);
        for level in 0..span.levels {
            for (i, row) in span.rows(level).enumerate() {
                let right = &blocks.right[level * q * k..][..q * k];
                let row = &mut out.values[row * (s + k)..][..s + k];
                (0..k).for_each(|j| row[s + j] = right[i + q * j]);
            }
            for &(factor, r, first) in &roles.small {
                visit(condensed.pair(span.factor, factor), level, |other, a| {
                    for (i, row) in span.rows(level).enumerate() {
                        let row = &mut out.values[row * (s + k)..][..s + k];
                        (0..r).for_each(|j| row[first + other * r + j] = a[i + q * j]);
                    }
                });
            }
        }
    }
    out
}

/// [Z_s X y]'W[Z_s X y].
fn total(condensed: &Condensed, roles: &Roles) -> Square {
    let (s, k) = (roles.n_small, condensed.k);
    let mut out = Square::zeros(s + k);
    for j in 0..k {
        (0..k).for_each(|i| out[(s + i, s + j)] = condensed.total[i + k * j]);
    }
    for &(factor, q, first) in &roles.small {
        let blocks = &condensed.levels[factor];
        for level in 0..condensed.n_levels[factor] {
            let at = first + level * q;
            for j in 0..q {
                (0..q).for_each(|i| {
                    out[(at + i, at + j)] = blocks.own[level * q * q + i + q * j];
                });
            }
            for j in 0..k {
                for i in 0..q {
                    let value = blocks.right[level * q * k + i + q * j];
                    out[(at + i, s + j)] = value;
                    out[(s + j, at + i)] = value;
                }
            }
            for &(other, r, start) in roles.small.iter().filter(|o| o.0 != factor) {
                visit(condensed.pair(factor, other), level, |l, a| {
                    for j in 0..r {
                        (0..q).for_each(|i| out[(at + i, start + l * r + j)] = a[i + q * j]);
                    }
                });
            }
        }
    }
    out
}
