//! Models with structured covariances as a Python class.

use mixedmodels_engine::Estimates;
use mixedmodels_engine::covariance::{Options as Choices, Order, Positions, Quantity, structure};
use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::optimise::Options;
use mixedmodels_engine::structured::{
    Design, Draws, Incidence, Owner, Precision, Problem as Inner, Residual, Spread, Term, Value,
};
use numpy::{
    PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::attention::{attended, limited};
use crate::batch::{Refits, shape, words};
use crate::convert::{columns, exception, to_matrix, to_vector, vector};
use crate::inference::{Information, KenwardRoger};
use crate::problem::{INFORMATION, SEARCH, Solution, bytes, status};

/// A covariance structure, read by its attributes.
#[derive(FromPyObject)]
struct StructureLike {
    kind: String,
    hom: bool,
    band: Option<usize>,
    rank: Option<usize>,
    order: Option<(usize, usize)>,
    nu: Option<f64>,
    nugget: bool,
}

impl StructureLike {
    fn engine(
        &self,
        q: usize,
        distance: f64,
    ) -> PyResult<std::sync::Arc<dyn mixedmodels_engine::covariance::Structure>> {
        let Self { hom, band, rank, order, nu, nugget, .. } = *self;
        let choices = Choices { hom, band, rank, order, nu, nugget, distance };
        structure(&self.kind, q, &choices).map(Into::into).map_err(|e| exception(&e))
    }
}

/// A random term, read by its attributes.
#[derive(FromPyObject)]
pub struct TermLike<'py> {
    n_levels: usize,
    pointers: PyReadonlyArray1<'py, i64>,
    levels: PyReadonlyArray1<'py, i32>,
    weights: Option<PyReadonlyArray1<'py, f64>>,
    #[pyo3(attribute("Z"))]
    z: PyReadonlyArray2<'py, f64>,
    structure: StructureLike,
    distance: f64,
    positions: PyReadonlyArray2<'py, f64>,
    precision: Option<PrecisionLike<'py>>,
}

/// A known precision by columns, read by its attributes.
#[derive(FromPyObject)]
struct PrecisionLike<'py> {
    indptr: PyReadonlyArray1<'py, i32>,
    indices: PyReadonlyArray1<'py, i32>,
    data: PyReadonlyArray1<'py, f64>,
    log_det: f64,
}

/// The covariance of the residuals, read by its attributes.
#[derive(FromPyObject)]
struct ResidualLike<'py> {
    codes: PyReadonlyArray1<'py, i32>,
    n_blocks: usize,
    positions: PyReadonlyArray2<'py, f64>,
    part: PyReadonlyArray1<'py, i32>,
    n_parts: usize,
    n_occasions: usize,
    structure: StructureLike,
    distance: f64,
}

/// Rows of a C-ordered matrix.
fn rows(matrix: &PyReadonlyArray2<'_, f64>) -> Vec<f64> {
    matrix.as_array().iter().copied().collect()
}

fn positions(matrix: &PyReadonlyArray2<'_, f64>) -> Positions {
    Positions::new(matrix.shape()[1].max(1), rows(matrix))
}

impl TermLike<'_> {
    /// The term of the engine.
    pub fn engine(&self) -> PyResult<Term> {
        let q = self.z.shape()[1];
        let incidence = Incidence {
            pointers: vector(&self.pointers, "pointers")?.iter().map(|&p| p as usize).collect(),
            level: vector(&self.levels, "levels")?.iter().map(|&l| l as u32).collect(),
            weight: match &self.weights {
                None => None,
                Some(w) => Some(vector(w, "weights")?.to_vec()),
            },
        };
        let precision = match &self.precision {
            None => None,
            Some(p) => Some(Precision {
                pointers: vector(&p.indptr, "indptr")?.iter().map(|&i| i as usize).collect(),
                rows: vector(&p.indices, "indices")?.iter().map(|&i| i as u32).collect(),
                values: vector(&p.data, "data")?.to_vec(),
                log_det: p.log_det,
            }),
        };
        Ok(Term {
            n_levels: self.n_levels,
            incidence,
            z: rows(&self.z),
            q,
            structure: self.structure.engine(q, self.distance)?,
            positions: positions(&self.positions),
            precision,
        })
    }
}

impl ResidualLike<'_> {
    fn engine(&self) -> PyResult<Residual> {
        let one = |_| self.structure.engine(self.n_occasions, self.distance);
        Ok(Residual {
            block: vector(&self.codes, "codes")?.iter().map(|&c| c as u32).collect(),
            n_blocks: self.n_blocks,
            positions: positions(&self.positions),
            part: vector(&self.part, "part")?.iter().map(|&c| c as u32).collect(),
            structures: (0..self.n_parts).map(one).collect::<PyResult<_>>()?,
        })
    }
}

fn spread(kind: &str, column: Vec<f64>) -> PyResult<Spread> {
    match kind {
        "linear" => Ok(Spread::Linear(column)),
        "power" => Ok(Spread::Power(column)),
        "constpower" => Ok(Spread::ConstantPower(column)),
        _ => Err(PyValueError::new_err(format!("unknown spread {kind:?}"))),
    }
}

/// One data set with structured covariances.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct StructuredProblem {
    pub inner: Inner,
}

/// Owner ("term", "part" or "spread"), its index, and the quantity.
type Named = (&'static str, usize, &'static str, usize, usize);

#[pymethods]
impl StructuredProblem {
    #[new]
    #[expect(non_snake_case, reason = "the name of the fixed-effects matrix")]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    #[pyo3(signature = (y, X, terms, residual, spreads, weights, values, sigma, available))]
    fn new(
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        X: PyReadonlyArray2<'_, f64>,
        terms: Vec<TermLike<'_>>,
        residual: Option<ResidualLike<'_>>,
        spreads: Vec<(String, PyReadonlyArray1<'_, f64>)>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
        values: Option<Vec<(f64, Option<usize>)>>,
        sigma: Option<f64>,
        available: Py<PyAny>,
    ) -> PyResult<Self> {
        let design = Design {
            n: y.len(),
            x: columns(&X, "X")?.into_iter().map(<[f64]>::to_vec).collect(),
            terms: terms.iter().map(TermLike::engine).collect::<PyResult<_>>()?,
            residual: residual.as_ref().map(ResidualLike::engine).transpose()?,
            spread: spreads
                .iter()
                .map(|(kind, column)| spread(kind, vector(column, "a spread")?.to_vec()))
                .collect::<PyResult<_>>()?,
            weights: match &weights {
                None => None,
                Some(w) => Some(vector(w, "weights")?.to_vec()),
            },
        };
        let values = values.map(parameters);
        let y = vector(&y, "y")?.to_vec();
        let width = design.x.len() + design.terms.iter().map(|t| t.q).sum::<usize>() + 1;
        let cost = (design.n * (width * width + 10 * design.terms.len())) as f64;
        let build = || Inner::within(design, &y, values, sigma, &|| bytes(&available));
        let inner = limited(py, cost, build)?;
        Ok(Self { inner })
    }

    #[getter]
    fn n_theta(&self) -> usize {
        self.inner.n_theta()
    }

    #[getter]
    fn n_full(&self) -> usize {
        self.inner.places.total
    }

    /// Where the parameters of each term end in the full vector.
    #[getter]
    fn term_ends(&self) -> Vec<usize> {
        self.inner.places.terms.iter().map(|r| r.end).collect()
    }

    #[getter]
    fn start(&self, py: Python<'_>) -> Py<PyArray1<f64>> {
        to_vector(py, self.inner.start())
    }

    #[getter]
    fn units(&self, py: Python<'_>) -> Py<PyArray1<f64>> {
        to_vector(py, self.inner.units())
    }

    /// Per entry of the full vector, a constant or the index of the free parameter.
    #[getter]
    fn values(&self) -> Vec<(f64, Option<usize>)> {
        let one = |v: &Value| match v {
            Value::Fixed(c) => (*c, None),
            Value::Free(j) => (f64::NAN, Some(*j)),
        };
        self.inner.freedom.values.iter().map(one).collect()
    }

    fn with_response(&self, py: Python<'_>, y: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        let y = vector(&y, "y")?.to_vec();
        let inner = attended(py, self.inner.cost(), || self.inner.with_response(&y))?;
        Ok(Self { inner })
    }

    #[pyo3(signature = (theta, reml, sigma=None))]
    fn deviance(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<f64> {
        let theta = self.theta(&theta)?.to_vec();
        let criterion = Criterion { reml, sigma };
        let run = || self.inner.evaluate(&theta, criterion).map(|p| p.profile.deviance);
        attended(py, self.inner.cost(), run)
    }

    /// The criterion, its gradient in θ, and the penalised sum of squares.
    #[pyo3(signature = (theta, reml, sigma=None))]
    fn gradient(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<(f64, Py<PyArray1<f64>>, f64)> {
        let theta = self.theta(&theta)?.to_vec();
        let criterion = Criterion { reml, sigma };
        let run = || {
            let point = self.inner.evaluate(&theta, criterion)?;
            let pwrss = point.profile.pwrss * self.inner.basis.y_scale.powi(2);
            Ok((point.profile.deviance, self.inner.derivatives(&point, criterion)?, pwrss))
        };
        let (deviance, found, pwrss) = attended(py, self.inner.cost(), run)?;
        Ok((deviance, to_vector(py, found.gradient), pwrss))
    }

    #[pyo3(signature = (reml, sigma, start, max_evaluations, tolerance))]
    fn minimise(
        &self,
        py: Python<'_>,
        reml: bool,
        sigma: Option<f64>,
        start: Option<PyReadonlyArray1<'_, f64>>,
        max_evaluations: usize,
        tolerance: f64,
    ) -> PyResult<Solution> {
        let start = match start {
            Some(theta) => self.theta(&theta)?.to_vec(),
            None => self.inner.start(),
        };
        let options = Options { max_evaluations, tolerance, ..Options::default() };
        let criterion = Criterion { reml, sigma };
        let found = limited(py, SEARCH * self.inner.cost(), || {
            let end = self.inner.minimise(&start, criterion, options)?;
            let estimates = self.inner.estimates(&end.theta, &end.point);
            Ok((estimates, end.gradient, end.trace, status(end.status)))
        });
        let (estimates, gradient, trace, status) = found?;
        self.solution(py, estimates, gradient, trace, status, reml)
    }

    #[pyo3(signature = (theta, reml, sigma=None))]
    fn estimates(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<Solution> {
        let theta = self.theta(&theta)?.to_vec();
        let run = || self.inner.estimates_at(&theta, Criterion { reml, sigma });
        let (estimates, gradient) = attended(py, self.inner.cost(), run)?;
        let trace = vec![estimates.deviance];
        self.solution(py, estimates, gradient, trace, "converged", reml)
    }

    /// Responses of replicates, as rows.
    #[pyo3(signature = (theta, sigma, mean, key, effects, residuals, first, count))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn draw(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        sigma: f64,
        mean: PyReadonlyArray1<'_, f64>,
        key: PyReadonlyArray1<'_, u64>,
        effects: Option<&str>,
        residuals: &str,
        first: u64,
        count: usize,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let draws = Draws {
            mean: vector(&mean, "mean")?,
            theta: self.theta(&theta)?,
            sigma,
            key: words(&key)?,
            effects: effects.map(shape).transpose()?,
            residuals: shape(residuals)?,
        };
        let cost = count as f64 * self.inner.cost();
        let values = attended(py, cost, || self.inner.drawn(&draws, first, count))?;
        to_matrix(py, values, count, self.inner.design.n())
    }

    /// One fit per column of Y (n × r, Fortran order).
    #[expect(non_snake_case, reason = "the name of a block of responses")]
    #[pyo3(signature = (Y, start, reml, sigma, max_evaluations, tolerance))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn refit(
        &self,
        py: Python<'_>,
        Y: PyReadonlyArray2<'_, f64>,
        start: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
        max_evaluations: usize,
        tolerance: f64,
    ) -> PyResult<Refits> {
        let responses = columns(&Y, "Y")?;
        let start = self.theta(&start)?;
        let options = Options { max_evaluations, tolerance, ..Options::default() };
        let criterion = Criterion { reml, sigma };
        let run = || self.inner.refits(&responses, start, criterion, options);
        let found = attended(py, SEARCH * responses.len() as f64 * self.inner.cost(), run)?;
        Refits::new(py, found, (self.inner.n_theta(), self.inner.k() - 1), None)
    }

    fn conditional_covariance(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        term: usize,
    ) -> PyResult<Py<PyArray3<f64>>> {
        let theta = self.theta(&theta)?.to_vec();
        let Some(own) = self.inner.design.terms.get(term) else {
            return Err(PyValueError::new_err(format!("there is no term {term}")));
        };
        let (levels, q) = (own.n_levels, own.q);
        let run = || {
            let point = self.inner.evaluate(&theta, Criterion { reml: false, sigma: None })?;
            self.inner.conditional_covariance(&point, term)
        };
        let values = attended(py, self.inner.cost(), run)?;
        Ok(PyArray1::from_vec(py, values).reshape([levels, q, q])?.unbind())
    }

    #[pyo3(signature = (theta, reml, sigma=None))]
    fn information(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<Information> {
        let theta = self.theta(&theta)?.to_vec();
        let run = || self.inner.information(&theta, Criterion { reml, sigma });
        let found = attended(py, INFORMATION * self.inner.cost(), run)?;
        Information::new(py, found, self.inner.k() - 1)
    }

    #[pyo3(signature = (theta, sigma=None))]
    fn kenward_roger(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        sigma: Option<f64>,
    ) -> PyResult<KenwardRoger> {
        let theta = self.theta(&theta)?.to_vec();
        let run = || self.inner.kenward_roger(&theta, sigma);
        let found = attended(py, INFORMATION * self.inner.cost(), run)?;
        KenwardRoger::new(py, found, self.inner.k() - 1)
    }

    /// T_k (q × r) of every term.
    fn templates(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Vec<Py<PyArray2<f64>>>> {
        let full = self.inner.freedom.full(self.theta(&theta)?);
        let found = self.inner.templates(&full, Order::Value).map_err(|e| exception(&e))?;
        let one = |t: &mixedmodels_engine::covariance::Matrix<f64>| {
            let value = |i: usize| (0..t.columns).map(move |j| t[(i, j)]);
            to_matrix(py, (0..t.rows).flat_map(value).collect(), t.rows, t.columns)
        };
        found.iter().map(|t| one(&t.value)).collect()
    }

    /// Names, values and Jacobian (quantities × θ) of the report.
    #[expect(clippy::type_complexity, reason = "one tuple, taken apart at once")]
    fn report(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<(Vec<Named>, Py<PyArray1<f64>>, Py<PyArray2<f64>>)> {
        let report = self.inner.report(self.theta(&theta)?);
        let one = |(owner, what): &(Owner, Option<Quantity>)| {
            let (owner, index) = match *owner {
                Owner::Term(t) => ("term", t),
                Owner::Part(p) => ("part", p),
                Owner::Spread(s) => ("spread", s),
            };
            let (name, i, j) = what.map_or(("coefficient", 0, 0), Quantity::parts);
            (owner, index, name, i, j)
        };
        let names: Vec<Named> = report.names.iter().map(one).collect();
        let jacobian = to_matrix(py, report.jacobian, names.len(), self.inner.n_theta())?;
        Ok((names, to_vector(py, report.values), jacobian))
    }

    /// The full vector of a report; None where there is none.
    fn coordinates(
        &self,
        py: Python<'_>,
        report: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Option<Py<PyArray1<f64>>>> {
        Ok(self.inner.coordinates(vector(&report, "report")?).map(|v| to_vector(py, v)))
    }

    /// C over positions (n × d) of a part of the residual.
    fn residual_covariance(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        part: usize,
        at: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let theta = self.theta(&theta)?;
        let c = self.inner.residual_covariance(theta, part, &positions(&at));
        to_matrix(py, c.data, c.n, c.n)
    }

    /// Residual sd over σ of every row, but for the correlation structure's own.
    fn row_sd(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Py<PyArray1<f64>>> {
        Ok(to_vector(py, self.inner.row_sd(self.theta(&theta)?)))
    }

    /// R^{-1/2} times columns (n × m, Fortran order), as rows of the result.
    fn whitened(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        columns: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let theta = self.theta(&theta)?.to_vec();
        let own = crate::convert::columns(&columns, "columns")?.concat();
        let found = attended(py, self.inner.cost(), || self.inner.whiten(&theta, &own))?;
        let n = self.inner.design.n();
        let m = columns.shape()[1];
        to_matrix(py, found, m, n)
    }
}

/// What each entry of the full vector is.
pub fn parameters(values: Vec<(f64, Option<usize>)>) -> Vec<Value> {
    values.into_iter().map(|(c, j)| j.map_or(Value::Fixed(c), Value::Free)).collect()
}

impl StructuredProblem {
    fn theta<'a>(&self, theta: &'a PyReadonlyArray1<'_, f64>) -> PyResult<&'a [f64]> {
        let (found, expected) = (theta.len(), self.inner.n_theta());
        if found != expected {
            let message = format!("theta has length {found}, but {expected} is needed");
            return Err(PyValueError::new_err(message));
        }
        vector(theta, "theta")
    }

    fn solution(
        &self,
        py: Python<'_>,
        estimates: Estimates,
        gradient: Vec<f64>,
        trace: Vec<f64>,
        status: &'static str,
        reml: bool,
    ) -> PyResult<Solution> {
        let widths: Vec<usize> = self.inner.design.terms.iter().map(|t| t.q).collect();
        Solution::new(py, estimates, &widths, gradient, trace, status, reml)
    }
}
