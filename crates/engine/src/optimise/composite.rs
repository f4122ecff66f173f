//! A model of the criterion that is quadratic in the entries γ of Σ = TT', minimised over T.
//!
//! In γ the criterion is close to quadratic where in T it is quartic, most of all near a singular
//! optimum, where a quadratic model in T would converge linearly. So the step minimises
//!
//! ```text
//!     q(T) = g'Δ + ½ Δ'HΔ,     Δ = γ(T) − γ_0
//! ```
//!
//! over the free entries of T: Σ stays positive semidefinite without any bound, and a column of
//! zeros is left again where the model descends on the other side. No criterion is evaluated for it.
//! T is triangular in the order of pivoting, whatever the order of the formula (see `covariance/pivoting`).

use std::borrow::Cow;

use super::subproblem::{Model, norm};
use crate::covariance::{Parameter, Templates, pivoted, restored};
use crate::dense::Square;

/// Steps of the inner search at most.
const STEPS: usize = 60;

/// Share of the decrease reached so far below which a further one is rounding error.
const SHARE: f64 = 1e-13;

/// A decrease that is nothing whatever was reached.
const NOTHING: f64 = 1e-18;

/// The model around γ_0.
pub struct Composite<'a> {
    /// The map θ → T.
    pub templates: &'a Templates,
    /// γ_0.
    pub origin: &'a [f64],
    /// g.
    pub gradient: Vec<f64>,
    /// H.
    pub hessian: Square,
}

/// A minimiser of the model.
pub struct Found {
    /// θ̃.
    pub theta: Vec<f64>,
    /// Δ there.
    pub change: Vec<f64>,
    /// q there, less its value at the start.
    pub value: f64,
}

impl Composite<'_> {
    /// The minimum that is reached from θ̃ = `start`.
    pub fn minimise(&self, start: &[f64]) -> Found {
        let mut root = Cow::Borrowed(self.templates);
        let mut at = self.at(start.to_vec(), &root);
        let first = at.value;
        let mut radius = norm(start).max(1.0);
        for _ in 0..STEPS {
            if let Some(better) = pivoted(&root, &at.theta) {
                (root, at.theta) = (Cow::Owned(better.templates), better.theta);
            }
            let (gradient, hessian) = self.derivatives(&at, &root);
            let Some(model) = Model::new(&gradient, &hessian) else { break };
            let step = model.step(radius);
            let small = step.decrease <= NOTHING.max(SHARE * (first - at.value));
            let theta = at.theta.iter().zip(&step.step).map(|(t, s)| t + s).collect();
            let trial = self.at(theta, &root);
            if small {
                at = trial;
                break;
            }
            let ratio = (at.value - trial.value) / step.decrease;
            if ratio < 0.25 {
                radius = 0.3 * step.length;
            } else if ratio > 0.7 && step.length > 0.99 * radius {
                radius *= 2.5;
            }
            if ratio > 1e-4 {
                at = trial;
            } else if radius < 1e-12 * norm(&at.theta) {
                break;
            }
        }
        if let Cow::Owned(root) = &root {
            at.theta = restored(self.templates, root, &at.theta);
        }
        Found { value: at.value - first, ..at }
    }

    fn at(&self, theta: Vec<f64>, root: &Templates) -> Found {
        let gamma = products(&self.templates.parameters, &root.fill(&theta));
        let change: Vec<f64> = gamma.iter().zip(self.origin).map(|(a, b)| a - b).collect();
        let m = change.len();
        let mut value = 0.0;
        for (j, d) in change.iter().enumerate() {
            let column = &self.hessian.data[m * j..m * (j + 1)];
            let form: f64 = column.iter().zip(&change).map(|(h, d)| h * d).sum();
            value += d * (self.gradient[j] + 0.5 * form);
        }
        Found { theta, change, value }
    }

    /// ∂q/∂θ̃ = J'λ with λ = g + HΔ, and its Hessian J'HJ plus λ on the entries that share a column.
    fn derivatives(&self, at: &Found, root: &Templates) -> (Vec<f64>, Square) {
        let m = at.change.len();
        let h = &self.hessian;
        let slope: Vec<f64> = (0..m)
            .map(|r| {
                let column = &h.data[m * r..m * (r + 1)];
                let form: f64 = column.iter().zip(&at.change).map(|(h, d)| h * d).sum();
                self.gradient[r] + form
            })
            .collect();
        let entries = &self.templates.parameters;
        let j = jacobian(entries, root, &at.theta);
        let gradient: Vec<f64> = (0..m)
            .map(|i| j.data[m * i..m * (i + 1)].iter().zip(&slope).map(|(j, s)| j * s).sum())
            .collect();
        let mut hessian = j.transpose().times(&h.times(&j));
        add_bend(&mut hessian, entries, root, &slope);
        (gradient, hessian)
    }
}

/// γ: the entries of TT' that θ̃ reaches.
pub fn gamma(templates: &Templates, theta: &[f64]) -> Vec<f64> {
    products(&templates.parameters, &templates.fill(theta))
}

/// Entries of TT'.
fn products(entries: &[Parameter], t: &[Square]) -> Vec<f64> {
    let entry = |at: &Parameter| {
        let t = &t[at.factor];
        (0..t.n).map(|c| t[(at.row, c)] * t[(at.column, c)]).sum()
    };
    entries.iter().map(entry).collect()
}

/// ∂γ_r/∂θ̃_i in row r and column i, for the entries γ of TT' and θ̃ of a root.
fn jacobian(entries: &[Parameter], root: &Templates, theta: &[f64]) -> Square {
    let (t, parameters) = (root.fill(theta), &root.parameters);
    let mut out = Square::zeros(parameters.len());
    for (i, x) in parameters.iter().enumerate() {
        let t = &t[x.factor];
        for (r, y) in entries.iter().enumerate().filter(|(_, y)| y.term == x.term) {
            if y.row == x.row {
                out[(r, i)] += t[(y.column, x.column)];
            }
            if y.column == x.row {
                out[(r, i)] += t[(y.row, x.column)];
            }
        }
    }
    out
}

/// Adds λ_ab (twice for a = b) to two entries (a, c), (b, c) of one column.
fn add_bend(hessian: &mut Square, entries: &[Parameter], root: &Templates, slope: &[f64]) {
    let parameters = &root.parameters;
    for (r, y) in entries.iter().enumerate() {
        let twice = if y.row == y.column { 2.0 } else { 1.0 };
        let in_row = |row: usize| {
            let own = move |(_, x): &(usize, &Parameter)| x.term == y.term && x.row == row;
            parameters.iter().enumerate().filter(own)
        };
        for (i, a) in in_row(y.row) {
            for (j, _) in in_row(y.column).filter(|(_, b)| b.column == a.column) {
                hessian[(i, j)] += twice * slope[r];
                if i != j {
                    hessian[(j, i)] += twice * slope[r];
                }
            }
        }
    }
}
