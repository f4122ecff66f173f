//! The parameters in which V is differentiated, and what each piece of V is in them.
//!
//! The criterion's derivatives are wanted in θ. Kenward and Roger's method depends on the choice of
//! parameters through second derivatives: it takes the coefficients of a basis where a family of
//! covariances is linear (unstructured, diagonal, homogeneous compound symmetry and Toeplitz, variances
//! by stratum), in which V has none, else variances, correlations and the rest of the report. With ν(φ)
//! these numbers, J = ∂ν/∂φ, the second derivatives in ν, carried back to φ, are
//!
//! ```text
//!     ∂_abC − Σ_c Γ^c_ab ∂_cC        Γ^c_ab = Σ_k (J⁻¹)_ck ∂_abν_k
//! ```
//!
//! so that only they change: the rest of the method is the same in φ and in ν.

use std::collections::{BTreeMap, BTreeSet};

use faer::Mat;
use faer::linalg::solvers::DenseSolveCore;

use crate::covariance::{Jet, Order, Positions, Quantity, Structure, covariance};
use crate::dense::Square;
use crate::structured::blocks::Pattern;
use crate::structured::design::{Design, Spread};
use crate::structured::problem::Problem;

/// Standard deviation, relative to σ, below which it is not squared: the square has no slope at zero.
const ZERO: f64 = 1e-8;

/// Relative remainder of a tangent that lies in the span of others.
const WITHIN: f64 = 1e-9;

/// Most positions at which a family is tried for being linear.
const MOST: usize = 24;

/// A symmetric matrix with its derivatives in the parameters of a chart; absent ones are zero.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The matrix.
    pub value: Square,
    /// ∂/∂γ_i.
    pub first: BTreeMap<usize, Square>,
    /// ∂²/∂γ_i∂γ_j, i ≥ j.
    pub second: BTreeMap<(usize, usize), Square>,
}

impl Expanded {
    /// Without derivatives.
    pub fn new(value: Square) -> Self {
        Self { value, first: BTreeMap::new(), second: BTreeMap::new() }
    }

    /// Adds to a first derivative.
    pub fn add_first(&mut self, i: usize, part: &Square) {
        let n = part.n;
        self.first.entry(i).or_insert_with(|| Square::zeros(n)).add(part);
    }

    /// Adds to a second derivative the share of two entries of the full vector: both orders of
    /// different entries count where they stand for one parameter.
    pub fn add_second(&mut self, i: usize, j: usize, mut part: Square, entries_differ: bool) {
        if i == j && entries_differ {
            part.data.iter_mut().for_each(|v| *v *= 2.0);
        }
        let n = part.n;
        let key = (i.max(j), i.min(j));
        self.second.entry(key).or_insert_with(|| Square::zeros(n)).add(&part);
    }
}

/// How a structure is differentiated.
#[derive(Debug)]
enum Way {
    /// In its own φ.
    Own,
    /// In the coefficients of the tangents at its start.
    Linear,
    /// In φ, with second derivatives along ν: Γ^c per c.
    Natural(Vec<Square>),
}

/// A choice of parameters.
#[derive(Debug)]
pub struct Chart {
    /// How many.
    pub m: usize,
    /// Per entry of the full vector.
    names: Vec<Option<usize>>,
    /// Per term, then per part of the residual.
    ways: Vec<Way>,
    /// The variance of independent residuals.
    scale: Option<usize>,
    /// Stratum of each row in the order of the blocks, where the residual variances by stratum are
    /// the parameters: the first of `scale`, the others of the parts of log s.
    pub strata: Option<Vec<usize>>,
}

impl Chart {
    /// θ.
    pub fn free(problem: &Problem) -> Self {
        let names = (0..problem.places.total).map(|i| problem.freedom.of(i)).collect();
        let structures = problem.places.terms.len() + problem.places.parts.len();
        let ways = (0..structures).map(|_| Way::Own).collect();
        Self { m: problem.n_theta(), names, ways, scale: None, strata: None }
    }

    /// The parameters of Kenward and Roger's method; σ², if it is not known, is the residual's own.
    pub fn natural(problem: &Problem, full: &[f64], sigma_is_known: bool) -> Self {
        let mut out = Self::free(problem);
        let places = &problem.places;
        if !sigma_is_known {
            match places.parts.first() {
                Some(part) => out.names[part.start] = Some(out.m),
                None => out.scale = Some(out.m),
            }
            out.m += 1;
        }
        let places: Vec<_> = places.terms.iter().chain(&places.parts).cloned().collect();
        for (s, place) in places.into_iter().enumerate() {
            let Some((structure, positions)) = of(problem, s) else { continue };
            let alone = out.stand_alone(place.clone());
            let phi = &full[place.clone()];
            out.ways[s] = if alone && is_linear(structure, &positions) {
                Way::Linear
            } else {
                let free: Vec<bool> = out.names[place].iter().map(Option::is_some).collect();
                connection(structure, phi, &free).map_or(Way::Own, Way::Natural)
            };
        }
        if let Some(scale) = out.scale {
            out.strata = out.strata_of(problem, scale);
        }
        out
    }

    /// Whether all entries are free, and none equals another.
    fn stand_alone(&self, place: std::ops::Range<usize>) -> bool {
        let count = |j: usize| self.names.iter().filter(|n| **n == Some(j)).count();
        place.clone().all(|i| self.names[i].is_some_and(|j| count(j) == 1))
    }

    /// The rows' strata, if log s is linear and gives every stratum a standard deviation of its own.
    fn strata_of(&self, problem: &Problem, scale: usize) -> Option<Vec<usize>> {
        let design: &Design = &problem.design;
        let place = problem.places.spread.first()?.start..problem.places.total;
        let linear = design.spread.iter().all(|s| matches!(s, Spread::Linear(_)));
        if !linear || !self.stand_alone(place.clone()) {
            return None;
        }
        let key = |row: u32| -> Vec<u64> {
            design.spread.iter().map(|s| s.column()[row as usize].to_bits()).collect()
        };
        let mut known: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
        let mut strata = Vec::with_capacity(design.n());
        for &row in &problem.blocks.rows {
            let next = known.len();
            strata.push(*known.entry(key(row)).or_insert(next));
            if known.len() > 1 + place.len() {
                return None;
            }
        }
        let columns: Vec<Vec<f64>> = known
            .keys()
            .map(|bits| {
                let values = bits.iter().map(|b| f64::from_bits(*b));
                std::iter::once(1.0).chain(values).collect()
            })
            .collect();
        if known.len() != 1 + place.len() || rank(&columns) < known.len() {
            return None;
        }
        let names: Vec<usize> =
            std::iter::once(scale).chain(place.filter_map(|i| self.names[i])).collect();
        Some(strata.into_iter().map(|s| names[s]).collect())
    }

    /// C of a term.
    pub fn term(&self, problem: &Problem, full: &[f64], t: usize) -> Expanded {
        let term = &problem.design.terms[t];
        let place = problem.places.terms[t].clone();
        let (phi, names) = (&full[place.clone()], &self.names[place]);
        expand(&*term.structure, phi, &term.positions, names, &self.ways[t])
    }

    /// C of a pattern of the residual.
    pub fn correlation(&self, problem: &Problem, full: &[f64], pattern: &Pattern) -> Expanded {
        let Some(residual) = &problem.design.residual else {
            let mut out = Expanded::new(Square::identity(pattern.n()));
            if let Some(scale) = self.scale {
                out.add_first(scale, &Square::identity(pattern.n()));
            }
            return out;
        };
        let place = problem.places.parts[pattern.part].clone();
        let (phi, names) = (&full[place.clone()], &self.names[place]);
        let way = &self.ways[problem.places.terms.len() + pattern.part];
        expand(&*residual.structures[pattern.part], phi, &pattern.positions, names, way)
    }

    /// Parameters of the parts of log s.
    pub fn spread<'a>(&'a self, problem: &Problem) -> &'a [Option<usize>] {
        let start = problem.places.spread.first().map_or(problem.places.total, |r| r.start);
        &self.names[start..]
    }
}

/// A structure of the full vector and the positions that it is asked for.
fn of(problem: &Problem, s: usize) -> Option<(&dyn Structure, Positions)> {
    let terms = &problem.design.terms;
    if let Some(term) = terms.get(s) {
        return Some((&*term.structure, term.positions.clone()));
    }
    let part = s - terms.len();
    let structure = &*problem.design.residual.as_ref()?.structures[part];
    let mine = problem.blocks.patterns.iter().filter(|p| p.part == part);
    let mut seen: BTreeSet<Vec<u64>> = BTreeSet::new();
    let (mut d, mut values) = (1, Vec::new());
    for pattern in mine {
        d = pattern.positions.d;
        for point in pattern.positions.values.chunks_exact(d) {
            if seen.len() < MOST && seen.insert(point.iter().map(|v| v.to_bits()).collect()) {
                values.extend_from_slice(point);
            }
        }
    }
    Some((structure, Positions::new(d, values)))
}

fn expand(
    structure: &dyn Structure,
    phi: &[f64],
    positions: &Positions,
    names: &[Option<usize>],
    way: &Way,
) -> Expanded {
    if matches!(way, Way::Linear) {
        let mut out = Expanded::new(covariance(structure, phi, positions, Order::Value).value);
        let basis = covariance(structure, &structure.start(), positions, Order::First);
        for (a, name) in names.iter().enumerate() {
            if let (Some(i), Some(slope)) = (name, basis.first(a)) {
                out.add_first(*i, slope);
            }
        }
        return out;
    }
    let all = covariance(structure, phi, positions, Order::Second);
    let mut out = Expanded::new(all.value.clone());
    for a in 0..phi.len() {
        let Some(i) = names[a] else { continue };
        if let Some(slope) = all.first(a) {
            out.add_first(i, slope);
        }
        for b in 0..=a {
            let Some(j) = names[b] else { continue };
            let mut bend = all.second(a, b).cloned();
            if let Way::Natural(connection) = way {
                for (c, gamma) in connection.iter().enumerate().filter(|(_, g)| g[(a, b)] != 0.0) {
                    let Some(slope) = all.first(c) else { continue };
                    let to = bend.get_or_insert_with(|| Square::zeros(positions.n()));
                    let f = gamma[(a, b)];
                    to.data.iter_mut().zip(&slope.data).for_each(|(t, s)| *t -= f * s);
                }
            }
            if let Some(bend) = bend {
                out.add_second(i, j, bend, a != b);
            }
        }
    }
    out
}

/// Γ^c of the report's numbers, with variances for standard deviations; None where they are no
/// coordinates.
fn connection(structure: &dyn Structure, phi: &[f64], free: &[bool]) -> Option<Vec<Square>> {
    let m = phi.len();
    let report = structure.report(&Jet::variables(phi, Order::Second));
    if report.len() != m {
        return None;
    }
    let is_sd =
        |q: &Quantity| matches!(q, Quantity::Sd(_) | Quantity::CommonSd | Quantity::SpecificSd(_));
    let squared = |(q, jet): (Quantity, Jet)| {
        if is_sd(&q) && jet.value().abs() > ZERO { jet.square() } else { jet }
    };
    let nu: Vec<Jet> = structure.quantities().into_iter().zip(report).map(squared).collect();
    let kept: Vec<usize> = (0..m).filter(|&a| free[a]).collect();
    // With some φ held, the others are coordinates if the rest of ν does not depend on them.
    if (0..m).any(|k| !free[k] && kept.iter().any(|&c| nu[k].slope(c) != 0.0)) {
        return None;
    }
    let jacobian = Mat::from_fn(kept.len(), kept.len(), |k, c| nu[kept[k]].slope(kept[c]));
    let inverse = jacobian.partial_piv_lu().inverse();
    let mut out = vec![Square::zeros(m); m];
    for (k, &row) in kept.iter().enumerate() {
        for (a, b, bend) in nu[row].second() {
            for (c, &to) in kept.iter().enumerate() {
                let f = inverse[(c, k)] * bend;
                out[to][(a, b)] += f;
                if a != b {
                    out[to][(b, a)] += f;
                }
            }
        }
    }
    out.iter().all(|g| g.data.iter().all(|v| v.is_finite())).then_some(out)
}

/// Whether the covariances at some positions are part of a linear space of as many dimensions as there
/// are parameters: all tangents lie in the span of those at the start.
fn is_linear(structure: &dyn Structure, positions: &Positions) -> bool {
    let start = structure.start();
    let tangents = |phi: &[f64]| -> Vec<Vec<f64>> {
        let all = covariance(structure, phi, positions, Order::First);
        (0..phi.len()).filter_map(|a| all.first(a).map(|s| s.data.clone())).collect()
    };
    let mut span = Vec::new();
    tangents(&start).into_iter().for_each(|t| {
        orthonormal(&mut span, t);
    });
    [0.37, 0.71].iter().all(|step| {
        let wave = |(a, v): (usize, &f64)| v + step * (1.7 * a as f64 + 0.5).sin();
        let moved: Vec<f64> = start.iter().enumerate().map(wave).collect();
        tangents(&moved).into_iter().all(|t| !orthonormal(&mut span.clone(), t))
    })
}

/// Adds a vector to an orthonormal basis; whether it was not yet in the span.
fn orthonormal(span: &mut Vec<Vec<f64>>, mut v: Vec<f64>) -> bool {
    let size = norm(&v);
    for _ in 0..2 {
        for u in span.iter() {
            let f: f64 = u.iter().zip(&v).map(|(a, b)| a * b).sum();
            v.iter_mut().zip(u).for_each(|(v, u)| *v -= f * u);
        }
    }
    let left = norm(&v);
    let is_new = left > WITHIN * size;
    if is_new {
        v.iter_mut().for_each(|x| *x /= left);
        span.push(v);
    }
    is_new
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn rank(rows: &[Vec<f64>]) -> usize {
    let mut span = Vec::new();
    rows.iter().filter(|row| orthonormal(&mut span, (*row).clone())).count()
}
