//! Batches of refits: what Python hands over, and what it gets back.

use mixedmodels_engine::batch::{Draws, Hypothesis, Method, Plan, Refit, Shape};
use mixedmodels_engine::dense::Square;
use mixedmodels_engine::memory::Available;
use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::optimise::{Options, Status};
use mixedmodels_engine::{Data, EngineError};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Arrays, Columns, Levels};
use crate::convert::{to_matrix, to_vector, vector};

/// A distribution of responses, read by its attributes.
#[derive(FromPyObject)]
pub struct DrawsLike<'py> {
    pub mean: PyReadonlyArray1<'py, f64>,
    roots: Vec<PyReadonlyArray2<'py, f64>>,
    sigma: f64,
    key: PyReadonlyArray1<'py, u64>,
    effects: String,
    residuals: String,
}

/// How replicates are fitted, read by its attributes.
#[derive(FromPyObject)]
pub struct PlanLike<'py> {
    reml: bool,
    known_sigma: Option<f64>,
    pub start: Option<PyReadonlyArray1<'py, f64>>,
    max_evaluations: usize,
    tolerance: f64,
    #[pyo3(attribute("L"))]
    rows: Option<PyReadonlyArray2<'py, f64>>,
    pieces: Option<String>,
}

/// The shape called `name`.
pub fn shape(name: &str) -> PyResult<Shape> {
    match name {
        "normal" => Ok(Shape::Normal),
        "t" => Ok(Shape::T),
        "skewed" => Ok(Shape::Skewed),
        _ => Err(PyValueError::new_err(format!("unknown shape {name:?}"))),
    }
}

/// The two words of a key.
pub fn words(key: &PyReadonlyArray1<'_, u64>) -> PyResult<[u64; 2]> {
    let two = <[u64; 2]>::try_from(vector(key, "key")?);
    two.map_err(|_| PyValueError::new_err("a key has two words"))
}

impl DrawsLike<'_> {
    /// The engine's own.
    pub fn engine(&self) -> PyResult<Draws<'_>> {
        let root = |r: &PyReadonlyArray2<'_, f64>| {
            let (view, q) = (r.as_array(), r.shape()[0]);
            let mut out = Square::zeros(q);
            (0..q).for_each(|j| (0..q).for_each(|i| out[(i, j)] = view[(i, j)]));
            out
        };
        Ok(Draws {
            mean: vector(&self.mean, "mean")?,
            roots: self.roots.iter().map(root).collect(),
            sigma: self.sigma,
            key: words(&self.key)?,
            effects: shape(&self.effects)?,
            residuals: shape(&self.residuals)?,
        })
    }
}

impl PlanLike<'_> {
    /// The hypothesis, if there is one.
    pub fn hypothesis(&self) -> PyResult<Option<Hypothesis<'_>>> {
        let (Some(rows), Some(name)) = (&self.rows, &self.pieces) else {
            return Ok(None);
        };
        let method = match name.as_str() {
            "wald" => Method::Wald,
            "satterthwaite" => Method::Satterthwaite,
            "kenward-roger" => Method::KenwardRoger,
            _ => return Err(PyValueError::new_err(format!("unknown method {name:?}"))),
        };
        let q = rows.shape()[0];
        let rows = rows.as_slice().map_err(|_| PyValueError::new_err("L must be contiguous"))?;
        Ok(Some(Hypothesis { rows, q, method }))
    }

    /// The engine's own.
    pub fn engine<'a>(
        &self,
        start: &'a [f64],
        hypothesis: Option<&'a Hypothesis<'a>>,
        available: Available<'a>,
    ) -> Plan<'a> {
        let options = Options {
            max_evaluations: self.max_evaluations,
            tolerance: self.tolerance,
            last_gradient: false,
            rivals: self.start.is_none(),
        };
        let criterion = Criterion { reml: self.reml, sigma: self.known_sigma };
        Plan { criterion, start, options, hypothesis, available }
    }
}

/// Responses of replicates, as rows; y is not needed.
#[pyfunction]
#[expect(non_snake_case, clippy::too_many_arguments, reason = "the matrices of a design")]
pub fn draw(
    py: Python<'_>,
    X: Py<PyArray2<f64>>,
    groups: Vec<Levels>,
    terms: Vec<Columns>,
    weights: Option<Py<PyArray1<f64>>>,
    draws: DrawsLike<'_>,
    first: u64,
    count: usize,
) -> PyResult<Py<PyArray2<f64>>> {
    let n = draws.mean.len();
    let own = draws.engine()?;
    let run = |data: &Data<'_>| own.block(data, first, count);
    let values =
        Arrays::new(X, groups, terms, weights)?.with(py, &draws.mean, (n * count) as f64, run)?;
    to_matrix(py, values, count, n)
}

/// One row per replicate; nan where there is no fit.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct Refits {
    status: Py<PyArray1<i8>>,
    singular: Py<PyArray1<bool>>,
    n_evaluations: Py<PyArray1<i64>>,
    deviance: Py<PyArray1<f64>>,
    sigma: Py<PyArray1<f64>>,
    theta: Py<PyArray2<f64>>,
    beta: Py<PyArray2<f64>>,
    bse: Py<PyArray2<f64>>,
    pieces: Vec<Py<PyArray2<f64>>>,
}

impl Refits {
    /// Converts.
    pub fn new(
        py: Python<'_>,
        found: Vec<Result<Refit, EngineError>>,
        (m, p): (usize, usize),
        hypothesis: Option<&Hypothesis<'_>>,
    ) -> PyResult<Self> {
        let rows: Vec<Option<Refit>> = found.into_iter().map(Result::ok).collect();
        let scalar = |f: fn(&Refit) -> f64| {
            to_vector(py, rows.iter().map(|r| r.as_ref().map_or(f64::NAN, f)).collect())
        };
        let table = |width: usize, f: &dyn Fn(&Refit) -> &[f64]| {
            let mut out = vec![f64::NAN; rows.len() * width];
            for (i, row) in rows.iter().enumerate() {
                if let Some(row) = row {
                    out[i * width..(i + 1) * width].copy_from_slice(f(row));
                }
            }
            to_matrix(py, out, rows.len(), width)
        };
        let status = |r: &Option<Refit>| match r.as_ref().map(|r| r.status) {
            Some(Status::Converged) => 0,
            Some(Status::MaxEvaluations) => 1,
            Some(Status::Stalled | Status::Unbounded | Status::Exact | Status::TimeLimit) => 2,
            None => 3,
        };
        let mut pieces = vec![];
        if let Some(h) = hypothesis {
            let (square, components) = (h.q * h.q, m + 1);
            let (first, spread, second) = match h.method {
                Method::Wald => (0, 0, 0),
                Method::Satterthwaite => (m, components, 0),
                Method::KenwardRoger => (components, components, components * (components + 1) / 2),
            };
            pieces.push(table(square, &|r| part(r, 0))?);
            pieces.push(table(first * square, &|r| part(r, 1))?);
            pieces.push(table(spread * spread, &|r| part(r, 2))?);
            pieces.push(table(second * square, &|r| part(r, 3))?);
        }
        Ok(Self {
            status: PyArray1::from_iter(py, rows.iter().map(status)).unbind(),
            singular: PyArray1::from_iter(
                py,
                rows.iter().map(|r| r.as_ref().is_some_and(|r| r.singular)),
            )
            .unbind(),
            n_evaluations: PyArray1::from_iter(
                py,
                rows.iter().map(|r| r.as_ref().map_or(0, |r| r.n_evaluations as i64)),
            )
            .unbind(),
            deviance: scalar(|r| r.deviance),
            sigma: scalar(|r| r.sigma),
            theta: table(m, &|r| &r.theta)?,
            beta: table(p, &|r| &r.beta)?,
            bse: table(p, &|r| &r.bse)?,
            pieces,
        })
    }
}

fn part(refit: &Refit, which: usize) -> &[f64] {
    refit.pieces.as_ref().map_or(&[], |p| match which {
        0 => &p.covariance,
        1 => &p.first,
        2 => &p.spread,
        _ => &p.second,
    })
}
