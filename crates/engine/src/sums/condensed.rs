//! Sums in the engine's coordinates, rounded once: what a problem is made of that has no rows.

use std::sync::Arc;

use rayon::prelude::*;

use super::compensated::Compensated;
use super::double::{Double, solve_lower, solve_lower_transpose};
use super::levels::LevelSums;
use super::pairs::{Cells, PairSums, Run};
use super::{Design, Sums, lower};
use crate::basis::{Basis, term_factor, x_factor};
use crate::covariance::Templates;
use crate::data::Data;
use crate::dense::{self, Square};
use crate::error::{EngineError, Result};
use crate::watch::check;

/// Counts up to here are whole in 32 bits.
const WHOLE: u32 = 1 << 24;

/// Levels or blocks that one task converts.
const PER_TASK: usize = 1024;

/// Cross-products of one data set in the coordinates of a [`Basis`].
#[derive(Debug, Clone)]
pub struct Condensed {
    /// Number of rows.
    pub n: usize,
    /// Number of right-hand columns: p + 1, the response last.
    pub k: usize,
    /// The map θ → T.
    pub templates: Arc<Templates>,
    /// Change of coordinates.
    pub basis: Basis,
    /// Levels per group.
    pub n_levels: Vec<usize>,
    /// [X y]'W[X y], k × k.
    pub total: Vec<f64>,
    /// Per group.
    pub levels: Vec<LevelBlocks>,
    /// Per pair of groups.
    pub pairs: Vec<PairBlocks>,
}

/// What belongs to single levels of a group of q columns.
#[derive(Debug, Clone)]
pub struct LevelBlocks {
    /// Columns of Z.
    pub q: usize,
    /// Z_j'WZ_j, q × q per level.
    pub own: Vec<f64>,
    /// Z_j'W[X y], q × k by columns per level.
    pub right: Vec<f64>,
}

/// Z_i'WZ_j for levels of two groups that meet.
#[derive(Debug, Clone)]
pub struct PairBlocks {
    /// The first group.
    pub first: usize,
    /// The second.
    pub second: usize,
    /// By level of the first.
    pub by_first: SparseBlocks,
    /// By level of the second: the same blocks, transposed.
    pub by_second: SparseBlocks,
}

/// A sparse matrix of blocks.
#[derive(Debug, Clone)]
pub struct SparseBlocks {
    /// Where the list of each row starts, and the end.
    pub pointers: Vec<usize>,
    /// Columns, in ascending order within a row.
    pub indices: Vec<u32>,
    /// A block for each.
    pub values: BlockValues,
}

/// The blocks of a sparse matrix.
#[derive(Debug, Clone)]
pub enum BlockValues {
    /// All are one.
    Ones,
    /// Whole numbers.
    Counts(Vec<f32>),
    /// `size` numbers for each: q of the row × q of the column, by columns.
    Blocks {
        /// Numbers per block.
        size: usize,
        /// All of them.
        data: Vec<f64>,
    },
}

impl SparseBlocks {
    /// Writes the block of an entry, `size` numbers.
    #[inline]
    pub fn block(&self, entry: usize, out: &mut [f64]) {
        match &self.values {
            BlockValues::Ones => out[0] = 1.0,
            BlockValues::Counts(counts) => out[0] = f64::from(counts[entry]),
            BlockValues::Blocks { size, data } => {
                out[..*size].copy_from_slice(&data[entry * size..][..*size]);
            }
        }
    }

    /// The transpose, whose blocks of `rows` rows are transposed too.
    fn transpose(&self, n_columns: usize, rows: usize) -> Self {
        let mut pointers = vec![0usize; n_columns + 1];
        self.indices.iter().for_each(|&j| pointers[j as usize + 1] += 1);
        (0..n_columns).for_each(|j| pointers[j + 1] += pointers[j]);
        let mut next = pointers.clone();
        let mut indices = vec![0u32; self.indices.len()];
        let mut values = match &self.values {
            BlockValues::Ones => BlockValues::Ones,
            BlockValues::Counts(counts) => BlockValues::Counts(vec![0.0; counts.len()]),
            BlockValues::Blocks { size, data } => {
                BlockValues::Blocks { size: *size, data: vec![0.0; data.len()] }
            }
        };
        for row in 0..self.pointers.len() - 1 {
            for entry in self.pointers[row]..self.pointers[row + 1] {
                let place = &mut next[self.indices[entry] as usize];
                let to = *place;
                *place += 1;
                indices[to] = row as u32;
                match (&mut values, &self.values) {
                    (BlockValues::Counts(out), BlockValues::Counts(of)) => out[to] = of[entry],
                    (BlockValues::Blocks { data, .. }, BlockValues::Blocks { size, data: of }) => {
                        let (out, of) = (&mut data[to * size..], &of[entry * size..]);
                        let columns = size / rows;
                        for j in 0..columns {
                            (0..rows).for_each(|i| out[j + columns * i] = of[i + rows * j]);
                        }
                    }
                    _ => {}
                }
            }
        }
        Self { pointers, indices, values }
    }
}

impl Condensed {
    /// The cross-products of rows in memory.
    ///
    /// # Errors
    /// If the data do not fit, or X is rank deficient.
    pub fn of_rows(data: &Data<'_>) -> Result<Self> {
        let is_one = |x: &&[f64]| x.iter().all(|v| *v == 1.0);
        let constant = data.x.iter().position(is_one);
        let mean = data.y.iter().sum::<f64>() / data.n().max(1) as f64;
        let terms = data.terms.iter().map(|t| (t.group, t.z.len(), t.structure)).collect();
        let mut sums = Sums::new(Design {
            p: data.p(),
            groups: data.groups.len(),
            terms,
            origin: constant.map_or(0.0, |_| f64::from(mean as f32)),
            constant,
        })?;
        sums.push(data)?;
        let pairs = std::mem::take(&mut sums.pairs);
        Self::assemble(&sums, pairs.into_iter())
    }

    /// The cross-products of sums.
    ///
    /// # Errors
    /// If there are no rows, or X is rank deficient.
    pub fn of_sums(sums: &Sums) -> Result<Self> {
        Self::assemble(sums, sums.pairs.iter().cloned())
    }

    /// The other groups with the blocks between them and a group, by its levels.
    pub fn beside(&self, group: usize) -> impl Iterator<Item = (usize, &SparseBlocks)> {
        self.pairs.iter().filter_map(move |pair| match (pair.first, pair.second) {
            (f, g) if f == group => Some((g, &pair.by_first)),
            (f, g) if g == group => Some((f, &pair.by_second)),
            _ => None,
        })
    }

    /// The blocks between the levels of one group and those of another.
    pub fn pair(&self, of: usize, with: usize) -> &SparseBlocks {
        let found = self.beside(of).find(|(other, _)| *other == with);
        found.expect("two groups have blocks").1
    }

    fn assemble(sums: &Sums, pairs: impl Iterator<Item = PairSums>) -> Result<Self> {
        if sums.n == 0 {
            return Err(EngineError::Shape { what: "the data", expected: 1, found: 0 });
        }
        let mut basis = basis(sums)?;
        let n_levels = sums.n_levels();
        let moved = Moved { basis: &basis, p: sums.design.p };
        let levels = sums.levels.iter().enumerate().map(|(f, s)| moved.levels(f, s)).collect();
        let total = moved.total(&sums.total);
        let pairs = pairs.map(|pair| check().map(|()| moved.pair(pair, &n_levels)));
        let pairs = pairs.collect::<Result<_>>()?;
        if let Some(constant) = sums.design.constant {
            basis.beta0[constant] += sums.design.origin;
        }
        let (n, k) = (sums.n, sums.design.p + 1);
        let templates = Arc::clone(&sums.templates);
        Ok(Self { n, k, templates, basis, n_levels, total, levels, pairs })
    }
}

/// The coordinates in which the columns have unit mean square, as if the rows were there.
fn basis(sums: &Sums) -> Result<Basis> {
    let (p, n) = (sums.design.p, sums.n as f64);
    let at = |i: usize, j: usize| lower(p + 1, i.max(j), i.min(j));
    let mut gram = Square::zeros(p);
    for j in 0..p {
        (0..p).for_each(|i| gram[(i, j)] = sums.total.value(at(i, j)) / n);
    }
    let (x_factor, log_x) = x_factor(gram)?;
    let mut basis = Basis {
        beta0: vec![0.0; p],
        y_scale: 1.0,
        is_perfect: false,
        z_factors: z_factors(sums),
        log_weights: sums.log_weights.value(0),
        log_x,
        x_factor,
    };
    // Least squares, refined until X'W(y − Xβ₀) is rounding error.
    let mut left = Vec::new();
    for _ in 0..3 {
        left = (0..p)
            .map(|i| {
                let start =
                    Double { high: sums.total.high[at(p, i)], low: sums.total.low[at(p, i)] };
                (0..p).fold(start, |sum, j| sum.plus_multiple(-basis.beta0[j], of(sums, at(i, j))))
            })
            .collect();
        let mut step: Vec<f64> = left.iter().map(|v: &Double| v.value() / n).collect();
        dense::solve_lower(p, &basis.x_factor.data, &mut step, 1);
        dense::solve_lower_transpose(p, &basis.x_factor.data, &mut step, 1);
        basis.beta0.iter_mut().zip(&step).for_each(|(b, s)| *b += s);
    }
    // (y − Xβ₀)'W(y − Xβ₀) = y'Wy − β₀'X'Wy − β₀'X'W(y − Xβ₀).
    let squares = of(sums, at(p, p));
    let mut residual = squares;
    for i in 0..p {
        residual = residual.plus_multiple(-basis.beta0[i], of(sums, at(p, i)));
        residual = residual.plus_multiple(-basis.beta0[i], left[i]);
    }
    let origin = sums.design.origin;
    let mut response = squares.value();
    if let Some(c) = sums.design.constant {
        response +=
            origin * (2.0 * of(sums, at(p, c)).value() + origin * of(sums, at(c, c)).value());
    }
    basis.set_scale(residual.value() / n, response / n);
    Ok(basis)
}

fn of(sums: &Sums, at: usize) -> Double {
    Double { high: sums.total.high[at], low: sums.total.low[at] }
}

/// R_f per factor, from the sums of all levels.
fn z_factors(sums: &Sums) -> Vec<Square> {
    let widths = &sums.templates.widths;
    let mut factors: Vec<Square> = widths.iter().map(|&q| Square::identity(q)).collect();
    for ((group, q, structure), place) in sums.design.terms.iter().zip(&sums.templates.places) {
        let r =
            term_factor(gram_of_term(&sums.levels[*group], place.start, *q, sums.n), *structure);
        for j in 0..*q {
            for i in 0..*q {
                factors[*group][(place.start + i, place.start + j)] = r[(i, j)];
            }
        }
    }
    factors
}

fn gram_of_term(levels: &LevelSums, start: usize, q: usize, n: usize) -> Square {
    let mut gram = Square::zeros(q);
    for j in 0..q {
        for i in j..q {
            let at = levels.own(start + i, start + j);
            let mut total = Double::default();
            for level in 0..levels.n_levels {
                total = total.plus_multiple(1.0, levels.sum(level, at));
            }
            gram[(i, j)] = total.value() / n as f64;
            gram[(j, i)] = gram[(i, j)];
        }
    }
    gram
}

/// The change of coordinates.
struct Moved<'a> {
    basis: &'a Basis,
    p: usize,
}

impl Moved<'_> {
    /// (x, y) of a vector of sums becomes (x̃, ỹ).
    fn right(&self, values: &mut [Double]) {
        let p = self.p;
        let mut y = values[p];
        for (x, b) in values[..p].iter().zip(&self.basis.beta0) {
            y = y.plus_multiple(-b, *x);
        }
        values[p] = y.over(self.basis.y_scale);
        solve_lower(p, &self.basis.x_factor.data, &mut values[..p]);
    }

    fn total(&self, total: &Compensated) -> Vec<f64> {
        let k = self.p + 1;
        let entry = |i: usize, j: usize| {
            let at = lower(k, i.max(j), i.min(j));
            Double { high: total.high[at], low: total.low[at] }
        };
        let mut half: Vec<Vec<Double>> =
            (0..k).map(|j| (0..k).map(|i| entry(i, j)).collect()).collect();
        half.iter_mut().for_each(|column| self.right(column));
        let mut out = vec![0.0; k * k];
        for i in 0..k {
            let mut row: Vec<Double> = half.iter().map(|column| column[i]).collect();
            self.right(&mut row);
            row.iter().enumerate().for_each(|(j, v)| out[i + k * j] = v.value());
        }
        // One triangle for both, so that rounding leaves it symmetric.
        for j in 0..k {
            (0..j).for_each(|i| out[i + k * j] = out[j + k * i]);
        }
        out
    }

    fn levels(&self, factor: usize, sums: &LevelSums) -> LevelBlocks {
        let (q, k) = (sums.q, sums.k);
        let r = &self.basis.z_factors[factor].data;
        let n = sums.n_levels;
        let (mut own, mut right) = (vec![0.0; n * q * q], vec![0.0; n * q * k]);
        let convert = |level: usize, own: &mut [f64], right: &mut [f64]| {
            let entry = |at: usize| sums.sum(level, at);
            let mut half = vec![Double::default(); q * q];
            for j in 0..q {
                (0..q).for_each(|i| half[i + q * j] = entry(sums.own(i.max(j), i.min(j))));
                solve_lower_transpose(q, r, &mut half[q * j..q * (j + 1)]);
            }
            for i in 0..q {
                let mut row: Vec<Double> = (0..q).map(|j| half[i + q * j]).collect();
                solve_lower_transpose(q, r, &mut row);
                (0..=i).for_each(|j| {
                    own[i + q * j] = row[j].value();
                    own[j + q * i] = own[i + q * j];
                });
            }
            let mut columns = vec![Double::default(); q * k];
            for c in 0..k {
                (0..q).for_each(|i| columns[i + q * c] = entry(sums.right(i, c)));
                solve_lower_transpose(q, r, &mut columns[q * c..q * (c + 1)]);
            }
            for i in 0..q {
                let mut row: Vec<Double> = (0..k).map(|c| columns[i + q * c]).collect();
                self.right(&mut row);
                row.iter().enumerate().for_each(|(c, v)| right[i + q * c] = v.value());
            }
        };
        let parts =
            own.par_chunks_mut(q * q * PER_TASK).zip(right.par_chunks_mut(q * k * PER_TASK));
        parts.enumerate().for_each(|(task, (own, right))| {
            let blocks = own.chunks_exact_mut(q * q).zip(right.chunks_exact_mut(q * k));
            blocks.enumerate().for_each(|(i, (o, r))| convert(task * PER_TASK + i, o, r));
        });
        LevelBlocks { q, own, right }
    }

    fn pair(&self, pair: PairSums, n_levels: &[usize]) -> PairBlocks {
        let (first, second, size) = (pair.first, pair.second, pair.size);
        let run = pair.into_run(n_levels[first]);
        let rows = self.basis.z_factors[first].n;
        let by_first = SparseBlocks {
            values: self.values(&run, first, second, size),
            pointers: run.pointers,
            indices: run.indices,
        };
        let by_second = by_first.transpose(n_levels[second], rows);
        PairBlocks { first, second, by_first, by_second }
    }

    fn values(&self, run: &Run, first: usize, second: usize, size: usize) -> BlockValues {
        let (r, s) = (&self.basis.z_factors[first], &self.basis.z_factors[second]);
        let plain = size == 1 && r.data[0] == 1.0 && s.data[0] == 1.0;
        match &run.values {
            Cells::Ones if plain => BlockValues::Ones,
            Cells::Counts(counts) if plain && counts.iter().all(|c| *c < WHOLE) => {
                BlockValues::Counts(counts.iter().map(|c| *c as f32).collect())
            }
            cells => {
                let mut data = vec![0.0; size * run.indices.len()];
                data.par_chunks_mut(size * PER_TASK).enumerate().for_each(|(task, part)| {
                    for (i, out) in part.chunks_exact_mut(size).enumerate() {
                        let block = cells.block(task * PER_TASK + i, size);
                        self.block(block, r, s, out);
                    }
                });
                BlockValues::Blocks { size, data }
            }
        }
    }

    /// R⁻ᵀ B S⁻¹.
    fn block(&self, mut block: Vec<Double>, r: &Square, s: &Square, out: &mut [f64]) {
        let (rows, columns) = (r.n, s.n);
        block.chunks_exact_mut(rows).for_each(|c| solve_lower_transpose(rows, &r.data, c));
        for i in 0..rows {
            let mut row: Vec<Double> = (0..columns).map(|j| block[i + rows * j]).collect();
            solve_lower_transpose(columns, &s.data, &mut row);
            row.iter().enumerate().for_each(|(j, v)| out[i + rows * j] = v.value());
        }
    }
}
