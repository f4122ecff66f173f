//! The rows in the engine's coordinates, side by side.

use std::ops::Range;

use faer::Par;
use rayon::prelude::*;

use crate::basis::Basis;
use crate::cross_products::SMALL;
use crate::data::Data;
use crate::dense::{solve_lower, solve_lower_transpose};
use crate::error::Result;
use crate::memory::zeros;
use crate::wide::{WIDE, solve_lower_strided, transpose_product};

/// Rows that one task brings into the engine's coordinates.
const PACKED_PER_TASK: usize = 8192;

/// The rows in the engine's coordinates, row-major: (x̃, ỹ, z̃ of every factor), so that a visit to a
/// row by level touches one place in memory.
#[derive(Debug)]
pub struct Packed {
    width: usize,
    k: usize,
    /// Where the z̃ of a factor start within a row; constant columns are not stored per row.
    place: Vec<Place>,
    values: Vec<f64>,
}

#[derive(Debug)]
enum Place {
    /// z̃ differs between rows.
    Stored(usize),
    /// z̃ is the same for every row.
    Constant(Vec<f64>),
}

/// Brings rows into the engine's coordinates one at a time, where they need not be stored.
pub struct RowReader<'a> {
    data: &'a Data<'a>,
    basis: &'a Basis,
    x: Vec<Source<'a>>,
    z: Vec<Source<'a>>,
}

/// A column, which costs nothing to read where it is constant.
enum Source<'a> {
    Constant(f64),
    Varying(&'a [f64]),
}

impl<'a> Source<'a> {
    fn new(column: &'a [f64]) -> Self {
        match column.first() {
            Some(first) if column.iter().all(|v| v == first) => Self::Constant(*first),
            _ => Self::Varying(column),
        }
    }

    #[inline(always)]
    fn at(&self, row: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Varying(column) => column[row],
        }
    }
}

impl<'a> RowReader<'a> {
    /// Of rows with one factor, whose columns are `z`.
    pub fn new(data: &'a Data<'a>, basis: &'a Basis, z: &[&'a [f64]]) -> Self {
        let sources = |columns: &[&'a [f64]]| columns.iter().map(|c| Source::new(c)).collect();
        Self { data, basis, x: sources(&data.x), z: sources(z) }
    }

    /// Writes (x̃, ỹ), k numbers, and z̃, q numbers, of a row and returns its weight.
    #[inline(always)]
    pub fn read(&self, row: usize, q: usize, k: usize, right: &mut [f64], z: &mut [f64]) -> f64 {
        let (p, basis) = (k - 1, self.basis);
        let mut residual = self.data.y[row];
        for (j, source) in self.x[..p].iter().enumerate() {
            right[j] = source.at(row);
            residual -= right[j] * basis.beta0[j];
        }
        right[p] = residual / basis.y_scale;
        solve_lower(p, &basis.x_factor.data, &mut right[..p], 1);
        z.iter_mut().zip(&self.z[..q]).for_each(|(z, source)| *z = source.at(row));
        // One factor: its R is the first.
        solve_lower_transpose(q, &basis.z_factors[0].data, z, 1);
        self.data.weight(row)
    }
}

impl Packed {
    /// Brings every row into the engine's coordinates; `columns` are the z columns per factor.
    pub fn new(data: &Data<'_>, basis: &Basis, columns: &[Vec<&[f64]>]) -> Result<Self> {
        let k = data.p() + 1;
        let mut width = k;
        let mut place = Vec::with_capacity(columns.len());
        for (f, columns) in columns.iter().enumerate() {
            let constant = columns.iter().all(|c| c.iter().all(|v| *v == c[0]));
            place.push(if constant {
                let mut z: Vec<f64> = columns.iter().map(|c| c[0]).collect();
                basis.z_row(f, &mut z);
                Place::Constant(z)
            } else {
                width += columns.len();
                Place::Stored(width - columns.len())
            });
        }
        let mut values = zeros(data.n() * width)?;
        let many = data.p() > WIDE;
        let fill = |(chunk, rows): (usize, &mut [f64])| {
            for (i, out) in rows.chunks_exact_mut(width).enumerate() {
                let row = chunk * PACKED_PER_TASK + i;
                if many {
                    basis.raw_row(data, row, &mut out[..k]);
                } else {
                    basis.row(data, row, &mut out[..k]);
                }
                for (f, columns) in columns.iter().enumerate() {
                    if let Place::Stored(at) = place[f] {
                        let z = &mut out[at..at + columns.len()];
                        z.iter_mut().zip(columns).for_each(|(z, c)| *z = c[row]);
                        basis.z_row(f, z);
                    }
                }
            }
            if many {
                solve_lower_strided(data.p(), &basis.x_factor.data, rows, width, Par::Seq);
            }
        };
        let chunks = PACKED_PER_TASK * width;
        if data.n() < SMALL {
            values.chunks_mut(chunks).enumerate().for_each(fill);
        } else {
            values.par_chunks_mut(chunks).enumerate().for_each(fill);
        }
        Ok(Self { width, k, place, values })
    }

    /// (x̃, ỹ) of a row.
    #[inline]
    pub fn right(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..][..self.k]
    }

    /// Writes the sum of w (x̃, ỹ)(x̃, ỹ)' over some rows, k × k, by blocks.
    pub fn total(&self, data: &Data<'_>, rows: Range<usize>, sums: &mut [f64]) {
        let n = rows.len();
        let (mut plain, mut weighted) = (vec![0.0; n * self.k], vec![0.0; n * self.k]);
        for (i, row) in rows.enumerate() {
            let w = data.weight(row);
            for (j, v) in self.right(row).iter().enumerate() {
                plain[i + n * j] = *v;
                weighted[i + n * j] = w * v;
            }
        }
        transpose_product(n, &plain, &weighted, sums);
    }

    /// z̃ of a factor in a row.
    #[inline]
    pub fn z(&self, factor: usize, row: usize, q: usize) -> &[f64] {
        match &self.place[factor] {
            Place::Stored(at) => &self.values[row * self.width + at..][..q],
            Place::Constant(z) => z,
        }
    }
}
