//! Terms on the same grouping factor share its levels, so the engine keeps one template per
//! *factor*: T_f is block diagonal with the T_k of its terms, and Σ_f = σ² T_f T_f'.

use crate::data::{Structure, Term};
use crate::dense::Square;

/// One entry of θ: the element (`row`, `column`) of the template of factor `factor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Term, in formula order.
    pub term: usize,
    /// Grouping factor.
    pub factor: usize,
    /// Row within the factor's template.
    pub row: usize,
    /// Column within the factor's template.
    pub column: usize,
}

/// Where a term sits within its factor.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Grouping factor.
    pub factor: usize,
    /// First column of the term within the factor.
    pub start: usize,
    /// Number of columns q_k.
    pub width: usize,
}

/// The map θ → (T_f).
#[derive(Debug, Clone)]
pub struct Templates {
    /// θ in formula order: per term the lower triangle of T_k by columns, or its diagonal.
    pub parameters: Vec<Parameter>,
    /// Per term.
    pub places: Vec<Place>,
    /// q_f per factor.
    pub widths: Vec<usize>,
}

impl Templates {
    /// Lays the terms out, in formula order, on their factors.
    pub fn new(terms: &[Term<'_>], n_factors: usize) -> Self {
        let shapes: Vec<_> = terms.iter().map(|t| (t.group, t.z.len(), t.structure)).collect();
        Self::of(&shapes, n_factors)
    }

    /// The same for terms of which no more is known than factor, number of columns and structure.
    pub fn of(terms: &[(usize, usize, Structure)], n_factors: usize) -> Self {
        let mut widths = vec![0; n_factors];
        let mut places = Vec::with_capacity(terms.len());
        let mut parameters = Vec::new();
        for (k, &(factor, width, structure)) in terms.iter().enumerate() {
            let start = widths[factor];
            widths[factor] += width;
            places.push(Place { factor, start, width });
            for column in 0..width {
                let last = match structure {
                    Structure::Unstructured => width,
                    Structure::Diagonal => column + 1,
                };
                parameters.extend((column..last).map(|row| Parameter {
                    term: k,
                    factor,
                    row: start + row,
                    column: start + column,
                }));
            }
        }
        Self { parameters, places, widths }
    }

    /// Term, row and column of T_k of every element of θ.
    pub fn entries(&self) -> Vec<(usize, usize, usize)> {
        let place = |p: &Parameter| {
            let start = self.places[p.term].start;
            (p.term, p.row - start, p.column - start)
        };
        self.parameters.iter().map(place).collect()
    }

    /// T_f for every factor.
    pub fn fill(&self, theta: &[f64]) -> Vec<Square> {
        let mut templates: Vec<Square> = self.widths.iter().map(|&q| Square::zeros(q)).collect();
        for (value, at) in theta.iter().zip(&self.parameters) {
            templates[at.factor][(at.row, at.column)] = *value;
        }
        templates
    }

    /// θ of given templates: the inverse of [`Self::fill`].
    pub fn theta(&self, templates: &[Square]) -> Vec<f64> {
        self.parameters.iter().map(|at| templates[at.factor][(at.row, at.column)]).collect()
    }

    /// The criterion is even in every column of T: makes the diagonal nonnegative.
    pub fn normalise_signs(&self, theta: &mut [f64]) {
        for i in 0..theta.len() {
            let at = self.parameters[i];
            if at.row == at.column && theta[i] < 0.0 {
                for (value, other) in theta.iter_mut().zip(&self.parameters) {
                    if other.factor == at.factor && other.column == at.column {
                        *value = -*value;
                    }
                }
            }
            // No negative zeros either.
            theta[i] += 0.0;
        }
    }

    /// θ of T = I.
    pub fn identity(&self) -> Vec<f64> {
        self.diagonal(1.0, 1.0)
    }

    /// θ of diagonal T: `first` for the first column of every term, `others` for the rest.
    pub fn diagonal(&self, first: f64, others: f64) -> Vec<f64> {
        let value = |at: &Parameter| {
            let sd = if at.column == self.places[at.term].start { first } else { others };
            if at.row == at.column { sd } else { 0.0 }
        };
        self.parameters.iter().map(value).collect()
    }
}
