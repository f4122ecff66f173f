//! Triangular roots of a covariance with its rows in another order: the largest first.
//!
//! A triangular T has an order of rows. Where an early one is nearly zero, two columns share what a
//! later one says, and T turns along a narrow arc on which Σ = TT' hardly changes: a model that is
//! quadratic in T allows tiny steps along it, and a search takes a hundred. But Σ = (TQ)(TQ)' for any
//! orthogonal Q, and for any order of the rows there is a Q that makes TQ triangular in it. With
//! pivoting, as of a Cholesky factorisation, no entry of a column exceeds its pivot, so that a column
//! is as small as its pivot and there is no arc. Reflections from the right keep the length of every
//! row: nothing is squared, so that no small direction is lost.

use std::ops::Range;

use super::template::{Place, Templates};
use crate::dense::Square;

/// Squared length of what is left of a later row, relative to the pivot's, from which the order is
/// changed.
const EXCEEDS: f64 = 4.0;

/// A root of Σ that is triangular in a better order.
#[derive(Debug, Clone)]
pub struct Pivoted {
    /// Where the entries stand: rows are the formula's, and a column begins at its pivot.
    pub templates: Templates,
    /// θ̃: the entries of the root TQ.
    pub theta: Vec<f64>,
    /// Q per factor.
    pub turn: Vec<Square>,
}

/// The root by pivoting, where a pivot of the one at θ̃ is exceeded by far.
pub fn pivoted(templates: &Templates, theta: &[f64]) -> Option<Pivoted> {
    if templates.widths.iter().all(|&q| q < 2) {
        return None;
    }
    let mut t = templates.fill(theta);
    let exceeded = |(k, at): (usize, &Place)| is_exceeded(&t[at.factor], &order(templates, k));
    if !unstructured(templates).any(exceeded) {
        return None;
    }
    let mut out = templates.clone();
    let mut turn: Vec<Square> = templates.widths.iter().map(|&q| Square::identity(q)).collect();
    for (k, at) in unstructured(templates) {
        let mut rows = order(templates, k);
        let columns = at.start..at.start + at.width;
        for j in columns.clone() {
            let t = &mut t[at.factor];
            let length = |i: usize| squares(t, rows[i], j..columns.end);
            let first = j - at.start;
            let longest =
                (first..at.width).fold(first, |a, b| if length(b) > length(a) { b } else { a });
            rows.swap(first, longest);
            reflect(t, rows[first], j..columns.end, Some(&mut turn[at.factor]));
        }
        let own = out.parameters.iter_mut().filter(|p| p.term == k);
        let places = columns.clone().flat_map(|c| c..columns.end);
        own.zip(places).for_each(|(p, place)| p.row = rows[place - at.start]);
    }
    let theta = out.theta(&t);
    Some(Pivoted { templates: out, theta, turn })
}

/// θ̃ of `templates`, triangular in the formula's order, from that of another order `pivoted`.
pub fn restored(templates: &Templates, pivoted: &Templates, theta: &[f64]) -> Vec<f64> {
    let mut t = pivoted.fill(theta);
    for (_, at) in unstructured(templates) {
        let end = at.start + at.width;
        (at.start..end).for_each(|j| reflect(&mut t[at.factor], j, j..end, None));
    }
    templates.theta(&t)
}

/// The terms with more than a diagonal, and where they stand.
fn unstructured(templates: &Templates) -> impl Iterator<Item = (usize, &Place)> {
    let count = |k: usize| templates.parameters.iter().filter(|p| p.term == k).count();
    let free = move |(k, at): &(usize, &Place)| at.width > 1 && count(*k) > at.width;
    templates.places.iter().enumerate().filter(free)
}

/// The rows of a term in the order in which they are triangular: each column begins at its pivot.
fn order(templates: &Templates, term: usize) -> Vec<usize> {
    let start = templates.places[term].start;
    let mut rows: Vec<usize> = Vec::new();
    for p in templates.parameters.iter().filter(|p| p.term == term) {
        if p.column - start == rows.len() {
            rows.push(p.row);
        }
    }
    rows
}

fn squares(t: &Square, row: usize, columns: Range<usize>) -> f64 {
    columns.map(|c| t[(row, c)].powi(2)).sum()
}

fn is_exceeded(t: &Square, rows: &[usize]) -> bool {
    let start = rows.iter().copied().min().unwrap_or(0);
    let end = start + rows.len();
    let exceeded = |(j, &row): (usize, &usize)| {
        let pivot = EXCEEDS * t[(row, start + j)].powi(2);
        rows[j + 1..].iter().any(|&i| squares(t, i, start + j..end) > pivot)
    };
    rows.iter().enumerate().any(exceeded)
}

/// Reflects some columns, of Q too, so that of them a row has the first alone.
fn reflect(t: &mut Square, row: usize, columns: Range<usize>, turn: Option<&mut Square>) {
    let first = columns.start;
    if columns.clone().skip(1).all(|c| t[(row, c)] == 0.0) {
        return;
    }
    let largest = columns.clone().map(|c| t[(row, c)].abs()).fold(0.0, f64::max);
    let mut v: Vec<f64> = columns.clone().map(|c| t[(row, c)] / largest).collect();
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let left = if v[0] > 0.0 { -length } else { length };
    v[0] -= left;
    let square: f64 = v.iter().map(|x| x * x).sum();
    let apply = |m: &mut Square| {
        for i in 0..m.n {
            let along: f64 = columns.clone().zip(&v).map(|(c, v)| m[(i, c)] * v).sum();
            columns.clone().zip(&v).for_each(|(c, v)| m[(i, c)] -= 2.0 * along / square * v);
        }
    };
    apply(t);
    if let Some(turn) = turn {
        apply(turn);
    }
    t[(row, first)] = left * largest;
    columns.skip(1).for_each(|c| t[(row, c)] = 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Structure, Term};

    fn templates() -> Templates {
        let column = [1.0];
        let term = |q, structure| Term { group: 0, z: vec![&column[..]; q], structure };
        let terms = [term(3, Structure::Unstructured), term(2, Structure::Diagonal)];
        Templates::new(&terms, 1)
    }

    fn covariance(templates: &Templates, theta: &[f64]) -> Square {
        let t = &templates.fill(theta)[0];
        t.times(&t.transpose())
    }

    fn assert_same(a: &Square, b: &Square) {
        for i in 0..a.n {
            for j in 0..a.n {
                let size = (b[(i, i)] * b[(j, j)]).sqrt();
                assert!((a[(i, j)] - b[(i, j)]).abs() <= 1e-14 * size, "{a:?} {b:?}");
            }
        }
    }

    const THETA: [[f64; 8]; 4] = [
        [1e-4, 0.03, 0.02, 0.5, 0.1, 0.0, 1e-3, 2.0],
        [1e-9, 0.03, 1.0, 0.5, -0.1, 2.0, 1e-3, 2.0],
        [0.0, 0.0, 0.0, 0.0, 0.7, 0.0, 0.0, 1.0],
        [0.0, 0.3, 0.2, 0.0, 0.0, 1e-8, 0.0, 1.0],
    ];

    /// Σ stays what it is, small entries to their own accuracy, and so it does once the order is the
    /// formula's again.
    #[test]
    fn another_order_is_another_root_of_the_same_covariance() {
        let first = templates();
        for theta in THETA {
            let expected = covariance(&first, &theta);
            let found = pivoted(&first, &theta).unwrap();
            assert_same(&covariance(&found.templates, &found.theta), &expected);
            assert!(pivoted(&found.templates, &found.theta).is_none());
            let turned = first.fill(&theta)[0].times(&found.turn[0]);
            for (a, b) in turned.data.iter().zip(&found.templates.fill(&found.theta)[0].data) {
                assert!((a - b).abs() < 1e-14);
            }
            let back = restored(&first, &found.templates, &found.theta);
            assert_same(&covariance(&first, &back), &expected);
        }
    }

    #[test]
    fn orders_follow_each_other() {
        let first = templates();
        let once = pivoted(&first, &THETA[0]).unwrap();
        let mut moved = once.theta.clone();
        moved[0] = 1e-5;
        let twice = pivoted(&once.templates, &moved).unwrap();
        let expected = covariance(&once.templates, &moved);
        assert_same(&covariance(&twice.templates, &twice.theta), &expected);
    }

    #[test]
    fn a_good_order_stays() {
        let templates = templates();
        assert!(pivoted(&templates, &templates.identity()).is_none());
    }
}
