//! Cross-products as a commutative monoid: rows are pushed in pieces of any size, sums of different
//! rows are merged, and what comes out does not depend on how the rows were cut or in which order
//! they came.
//!
//! [Z X y]'W[Z X y] is kept in the user's coordinates, every number as a sum of two doubles
//! ([`compensated`]); the numbers of rows in which two levels meet, all there is to say of crossed
//! random intercepts, are whole. [`Condensed`] is the same in the engine's coordinates, rounded once:
//! what a problem without rows is made of.

mod bytes;
pub mod compensated;
mod condensed;
mod double;
mod levels;
mod pairs;

use std::sync::Arc;

use rayon::prelude::*;

use crate::covariance::Templates;
use crate::cross_products::factor_columns;
use crate::data::{Data, Structure};
use crate::error::{EngineError, Result};
use crate::watch::check;
use compensated::Compensated;
use levels::LevelSums;
use pairs::{PairSums, Rows};

pub use condensed::{BlockValues, Condensed, LevelBlocks, PairBlocks, SparseBlocks};

/// Rows of [X y]'W[X y] that one task adds.
const ROWS: usize = 1 << 16;

/// A model without its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// Columns of X.
    pub p: usize,
    /// Grouping factors.
    pub groups: usize,
    /// Grouping factor, number of columns and structure of each random term.
    pub terms: Vec<(usize, usize, Structure)>,
    /// What is subtracted from every response, so that sums of squares keep their digits; other than
    /// zero only with a constant.
    pub origin: f64,
    /// The column of X that is one in every row, if there is one.
    pub constant: Option<usize>,
}

/// The sums of some rows.
#[derive(Debug, Clone)]
pub struct Sums {
    pub(crate) design: Design,
    templates: Arc<Templates>,
    n: usize,
    /// [X y]'W[X y], lower triangle by columns.
    total: Compensated,
    /// log|W|.
    log_weights: Compensated,
    levels: Vec<LevelSums>,
    pairs: Vec<PairSums>,
}

impl Sums {
    /// Sums of no rows.
    ///
    /// # Errors
    /// If a term names a group that is not there, or a group has no term.
    pub fn new(design: Design) -> Result<Self> {
        let what = "the group of a term";
        if let Some((found, ..)) = design.terms.iter().find(|(g, ..)| *g >= design.groups) {
            return Err(EngineError::Shape { what, expected: design.groups, found: *found });
        }
        let templates = Templates::of(&design.terms, design.groups);
        if templates.widths.contains(&0) {
            return Err(EngineError::Shape { what: "a group's terms", expected: 1, found: 0 });
        }
        let (k, widths) = (design.p + 1, &templates.widths);
        let levels = widths.iter().map(|&q| LevelSums::new(q, k)).collect();
        let pairs = (0..design.groups)
            .flat_map(|f| (f + 1..design.groups).map(move |g| (f, g)))
            .map(|(f, g)| PairSums::new(f, g, widths[f] * widths[g]))
            .collect();
        Ok(Self {
            total: Compensated::zeros(k * (k + 1) / 2),
            log_weights: Compensated::zeros(1),
            templates: Arc::new(templates),
            n: 0,
            levels,
            pairs,
            design,
        })
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Levels met so far, per group.
    pub fn n_levels(&self) -> Vec<usize> {
        self.levels.iter().map(|l| l.n_levels).collect()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let pairs: usize = self.pairs.iter().map(PairSums::bytes).sum();
        self.levels.iter().map(|l| size_of::<f64>() * l.records.len()).sum::<usize>()
            + pairs
            + self.total.bytes()
    }

    /// Adds rows. Levels may be more than before.
    ///
    /// # Errors
    /// If the rows do not fit the design.
    pub fn push(&mut self, data: &Data<'_>) -> Result<()> {
        self.fits(data)?;
        let columns = factor_columns(data, &self.templates);
        self.push_total(data);
        if let Some(w) = data.weights {
            w.iter().for_each(|w| self.log_weights.add(0, w.ln()));
        }
        for ((sums, group), z) in self.levels.iter_mut().zip(&data.groups).zip(&columns) {
            check()?;
            sums.grow(group.n_levels);
            sums.push(data, group.codes, z, self.design.origin);
        }
        let unweighted = data.weights.is_none_or(|w| w.iter().all(|w| *w == 1.0));
        let is_one = |z: &[&[f64]]| z.len() == 1 && z[0].iter().all(|v| *v == 1.0);
        let ones: Vec<bool> = columns.iter().map(|z| unweighted && is_one(z)).collect();
        for pair in &mut self.pairs {
            check()?;
            let (f, g) = (pair.first, pair.second);
            let (a, b) = (&data.groups[f], &data.groups[g]);
            let (left, right) = (&columns[f], &columns[g]);
            let block = |row: usize, out: &mut [f64]| {
                let w = data.weight(row);
                for (j, right) in right.iter().enumerate() {
                    let wz = w * right[row];
                    let column = &mut out[j * left.len()..][..left.len()];
                    column.iter_mut().zip(left).for_each(|(o, left)| *o = left[row] * wz);
                }
            };
            let rows = if ones[f] && ones[g] { Rows::Ones } else { Rows::Blocks(&block) };
            pair.push(a.codes, b.codes, a.n_levels, &rows);
        }
        self.n += data.n();
        Ok(())
    }

    fn fits(&self, data: &Data<'_>) -> Result<()> {
        data.check()?;
        let shape = |what, expected, found| match expected == found {
            true => Ok(()),
            false => Err(EngineError::Shape { what, expected, found }),
        };
        shape("the list of columns of X", self.design.p, data.p())?;
        shape("the list of groups", self.design.groups, data.groups.len())?;
        shape("the list of terms", self.design.terms.len(), data.terms.len())?;
        for (term, (group, q, _)) in data.terms.iter().zip(&self.design.terms) {
            shape("the group of a term", *group, term.group)?;
            shape("the columns of a term", *q, term.z.len())?;
        }
        Ok(())
    }

    fn push_total(&mut self, data: &Data<'_>) {
        let (n, k, origin) = (data.n(), self.design.p + 1, self.design.origin);
        let part = |b: usize| {
            let mut sums = Compensated::zeros(k * (k + 1) / 2);
            let mut right = vec![0.0; k];
            for row in b * ROWS..n.min((b + 1) * ROWS) {
                right.iter_mut().zip(&data.x).for_each(|(r, x)| *r = x[row]);
                right[k - 1] = data.y[row] - origin;
                let (w, mut at) = (data.weight(row), 0);
                for j in 0..k {
                    let wx = w * right[j];
                    for i in j..k {
                        sums.add(at, right[i] * wx);
                        at += 1;
                    }
                }
            }
            sums
        };
        let parts: Vec<Compensated> = (0..n.div_ceil(ROWS)).into_par_iter().map(part).collect();
        parts.iter().for_each(|part| self.total.merge(part));
    }

    /// Adds the sums of other rows, whose levels have the same codes.
    ///
    /// # Errors
    /// If they are of another design.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        if self.design != other.design {
            return Err(EngineError::Structure { reason: "sums of different designs" });
        }
        self.n += other.n;
        self.total.merge(&other.total);
        self.log_weights.merge(&other.log_weights);
        self.levels.iter_mut().zip(&other.levels).for_each(|(a, b)| a.merge(b));
        self.pairs.iter_mut().zip(other.pairs).for_each(|(a, b)| a.merge(b));
        Ok(())
    }

    /// Level j of a group becomes level `codes[j]` of `n_levels`.
    ///
    /// # Errors
    /// If there is no code for a level, two levels get one, or one is out of range.
    pub fn relabel(&mut self, group: usize, codes: &[i32], n_levels: usize) -> Result<()> {
        let sums = self.levels.get_mut(group);
        let Some(sums) = sums.filter(|sums| sums.n_levels == codes.len()) else {
            return Err(EngineError::Shape {
                what: "the list of codes",
                expected: self.levels.get(group).map_or(0, |sums| sums.n_levels),
                found: codes.len(),
            });
        };
        let mut taken = vec![false; n_levels];
        for (row, &code) in codes.iter().enumerate() {
            match usize::try_from(code).ok().and_then(|code| taken.get_mut(code)) {
                Some(place) if !*place => *place = true,
                _ => return Err(EngineError::Code { group, row }),
            }
        }
        *sums = sums.relabelled(codes, n_levels);
        let touched = self.pairs.iter_mut().filter(|p| p.first == group || p.second == group);
        touched.for_each(|pair| pair.relabel(group, codes, n_levels));
        Ok(())
    }

    /// The same rows with some of the columns of X, in the order given.
    ///
    /// # Errors
    /// If there is no such column, or the constant is dropped and the origin of y is not zero.
    pub fn select(&self, x: &[usize]) -> Result<Self> {
        let (p, what) = (self.design.p, "a column of X");
        if let Some(&found) = x.iter().find(|&&c| c >= p) {
            return Err(EngineError::Shape { what, expected: p, found });
        }
        let constant = self.design.constant.and_then(|c| x.iter().position(|&x| x == c));
        if constant.is_none() && self.design.origin != 0.0 {
            return Err(EngineError::Structure { reason: "an origin of y without a constant" });
        }
        let kept: Vec<usize> = x.iter().copied().chain([p]).collect();
        let k = kept.len();
        let mut total = Compensated::zeros(k * (k + 1) / 2);
        for (j, &b) in kept.iter().enumerate() {
            for (i, &a) in kept.iter().enumerate().skip(j) {
                let (from, to) = (lower(p + 1, a.max(b), a.min(b)), lower(k, i, j));
                total.high[to] = self.total.high[from];
                total.low[to] = self.total.low[from];
            }
        }
        Ok(Self {
            design: Design { p: x.len(), constant, ..self.design.clone() },
            templates: Arc::clone(&self.templates),
            n: self.n,
            total,
            log_weights: self.log_weights.clone(),
            levels: self.levels.iter().map(|sums| sums.select(&kept)).collect(),
            pairs: self.pairs.clone(),
        })
    }

    /// Random effects that are left when the factor with the most levels is eliminated, at most: none
    /// where every factor is nested in the next smaller one.
    pub fn remainder(&self) -> usize {
        let mut by_size: Vec<usize> = (0..self.levels.len()).collect();
        by_size.sort_by_key(|&f| std::cmp::Reverse(self.levels[f].n_levels));
        let nested = |f: usize, g: usize| {
            let pair = self.pairs.iter().find(|p| (p.first, p.second) == (f.min(g), f.max(g)));
            pair.is_none_or(|pair| pair.is_nested(f, self.levels[f].n_levels))
        };
        if by_size.windows(2).all(|w| nested(w[0], w[1])) {
            return 0;
        }
        by_size.iter().skip(1).map(|&f| self.levels[f].n_levels * self.levels[f].q).sum()
    }

    /// [X y]'W[X y] by columns, rounded, and what rounding left out; the origin is subtracted from y.
    pub fn gram(&self) -> (Vec<f64>, Vec<f64>) {
        let k = self.design.p + 1;
        let places = (0..k * k).map(|at| lower(k, (at / k).max(at % k), (at / k).min(at % k)));
        places.map(|at| (self.total.high[at], self.total.low[at])).unzip()
    }
}

/// Place of (i, j), i >= j, in a lower triangle of order n by columns.
fn lower(n: usize, i: usize, j: usize) -> usize {
    j * n - j * (j + 1) / 2 + i
}
