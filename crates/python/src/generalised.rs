//! Generalised linear mixed models as a Python class.

use mixedmodels_engine::generalised::{
    Design, Draws, Estimates, Minimum, Plan, Point, Problem as Inner, Refit, Source, Spacing,
};
use mixedmodels_engine::optimise::{Options, Status};
use mixedmodels_engine::structured;
use numpy::{
    PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::attention::{attended, limited};
use crate::batch::{shape, words};
use crate::convert::{columns, to_matrix, to_vector, vector};
use crate::families::Family;
use crate::problem::{SEARCH, bytes, status};
use crate::structured::{StructuredProblem, TermLike, parameters};

/// Where an auxiliary comes from: a matrix D in Fortran order, or how thresholds are spaced.
#[derive(FromPyObject)]
enum SourceLike<'py> {
    Linear(PyReadonlyArray2<'py, f64>),
    Thresholds((String, usize)),
}

impl SourceLike<'_> {
    fn engine(&self) -> PyResult<Source> {
        match self {
            Self::Linear(matrix) => {
                let own = columns(matrix, "an auxiliary")?;
                Ok(Source::Linear(own.into_iter().map(<[f64]>::to_vec).collect()))
            }
            Self::Thresholds((spacing, categories)) => {
                let spacing = match spacing.as_str() {
                    "flexible" => Spacing::Flexible,
                    "equidistant" => Spacing::Equidistant,
                    other => {
                        let message = format!("unknown thresholds {other:?}");
                        return Err(PyValueError::new_err(message));
                    }
                };
                Ok(Source::Thresholds { spacing, categories: *categories })
            }
        }
    }
}

/// One data set with a family.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct GeneralisedProblem {
    inner: Inner,
}

/// What a search or a single evaluation found.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct GeneralisedSolution {
    theta: Py<PyArray1<f64>>,
    beta: Py<PyArray1<f64>>,
    auxiliary: Py<PyArray1<f64>>,
    deviance: f64,
    gradient: Py<PyArray1<f64>>,
    hessian: Option<Py<PyArray2<f64>>>,
    covariance: Option<Py<PyArray2<f64>>>,
    covariance_conditional: Py<PyArray2<f64>>,
    b: Vec<Py<PyArray2<f64>>>,
    eta: Py<PyArray1<f64>>,
    trace: Py<PyArray1<f64>>,
    status: &'static str,
}

/// Many fits: one row per response, nan where there is no fit.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct GeneralisedRefits {
    psi: Py<PyArray2<f64>>,
    bse: Py<PyArray2<f64>>,
    deviance: Py<PyArray1<f64>>,
    status: Vec<&'static str>,
    n_evaluations: Vec<usize>,
    /// Why a response has no fit.
    messages: Vec<Option<String>>,
}

impl GeneralisedRefits {
    fn new(
        py: Python<'_>,
        found: Vec<mixedmodels_engine::Result<Refit>>,
        m: usize,
        p: usize,
    ) -> PyResult<Self> {
        let r = found.len();
        let (mut psi, mut bse) = (vec![f64::NAN; r * m], vec![f64::NAN; r * p]);
        let mut deviance = vec![f64::NAN; r];
        let mut ended = vec!["failed"; r];
        let (mut n_evaluations, mut messages) = (vec![0; r], vec![None; r]);
        for (i, one) in found.into_iter().enumerate() {
            match one {
                Err(failure) => messages[i] = Some(failure.to_string()),
                Ok(fit) => {
                    psi[i * m..(i + 1) * m].copy_from_slice(&fit.psi);
                    bse[i * p..(i + 1) * p].copy_from_slice(&fit.bse);
                    deviance[i] = fit.deviance;
                    ended[i] = status(fit.status);
                    n_evaluations[i] = fit.n_evaluations;
                }
            }
        }
        Ok(Self {
            psi: to_matrix(py, psi, r, m)?,
            bse: to_matrix(py, bse, r, p)?,
            deviance: to_vector(py, deviance),
            status: ended,
            n_evaluations,
            messages,
        })
    }
}

/// An estimate with what the search says of it.
struct Found {
    estimates: Estimates,
    trace: Vec<f64>,
    status: &'static str,
}

fn optional(values: Option<&PyReadonlyArray1<'_, f64>>, what: &str) -> PyResult<Option<Vec<f64>>> {
    values.map(|v| vector(v, what).map(<[f64]>::to_vec)).transpose()
}

#[pymethods]
impl GeneralisedProblem {
    #[new]
    #[expect(non_snake_case, reason = "the name of the fixed-effects matrix")]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    #[pyo3(signature = (y, size, X, terms, weights, offset, family, sources, values, nodes, available))]
    fn new(
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        X: PyReadonlyArray2<'_, f64>,
        terms: Vec<TermLike<'_>>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
        offset: Option<PyReadonlyArray1<'_, f64>>,
        family: PyRef<'_, Family>,
        sources: Vec<SourceLike<'_>>,
        values: Option<Vec<(f64, Option<usize>)>>,
        nodes: usize,
        available: Py<PyAny>,
    ) -> PyResult<Self> {
        let covariances = structured::Design {
            n: y.len(),
            x: vec![],
            terms: terms.iter().map(TermLike::engine).collect::<PyResult<_>>()?,
            residual: None,
            spread: vec![],
            weights: None,
        };
        let design = Design {
            covariances,
            x: columns(&X, "X")?.into_iter().map(<[f64]>::to_vec).collect(),
            y: vector(&y, "y")?.to_vec(),
            size: optional(size.as_ref(), "size")?,
            weights: optional(weights.as_ref(), "weights")?,
            offset: optional(offset.as_ref(), "offset")?,
            family: family.inner.clone(),
            sources: sources.iter().map(SourceLike::engine).collect::<PyResult<_>>()?,
            nodes,
        };
        let values = values.map(parameters);
        let width = design.x.len() + terms.len() + 1;
        let cost = (design.y.len() * (width * width + 10)) as f64;
        let build = || Inner::within(design, values, &|| bytes(&available));
        Ok(Self { inner: limited(py, cost, build)? })
    }

    #[getter]
    fn n_theta(&self) -> usize {
        self.inner.n_theta()
    }

    #[getter]
    fn n_beta(&self) -> usize {
        self.inner.p
    }

    #[getter]
    fn n_auxiliary(&self) -> usize {
        self.inner.n_auxiliary()
    }

    /// What theta means: templates, reports, names. Its own criterion has no meaning.
    #[getter]
    fn covariances(&self) -> StructuredProblem {
        StructuredProblem { inner: self.inner.covariances.clone() }
    }

    /// The same design with other responses.
    fn with_response(&self, y: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        let inner = self.inner.with_response(vector(&y, "y")?.to_vec());
        Ok(Self { inner: inner.map_err(|e| crate::convert::exception(&e))? })
    }

    /// The start of a search.
    #[getter]
    fn start(&self, py: Python<'_>) -> PyResult<Py<PyArray1<f64>>> {
        let found = attended(py, self.inner.cost(), || self.inner.start())?;
        Ok(to_vector(py, self.inner.outer(&found.psi)))
    }

    fn deviance(&self, py: Python<'_>, psi: PyReadonlyArray1<'_, f64>) -> PyResult<f64> {
        self.at(py, &psi, |_, point| Ok(point.deviance))
    }

    fn gradient(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<(f64, Py<PyArray1<f64>>)> {
        let (deviance, gradient) = self.at(py, &psi, |inner, point| {
            Ok((point.deviance, inner.outer_gradient(&inner.gradient(point)?)))
        })?;
        Ok((deviance, to_vector(py, gradient)))
    }

    #[pyo3(signature = (start, max_evaluations, tolerance, hessian))]
    fn minimise(
        &self,
        py: Python<'_>,
        start: Option<PyReadonlyArray1<'_, f64>>,
        max_evaluations: usize,
        tolerance: f64,
        hessian: bool,
    ) -> PyResult<GeneralisedSolution> {
        let start = match &start {
            None => None,
            Some(psi) => Some(self.inner.inner(self.psi(psi)?)),
        };
        let options = Options { max_evaluations, tolerance, ..Options::default() };
        let found = limited(py, SEARCH * self.inner.cost(), || {
            let end = self.inner.minimise(start.as_deref(), options)?;
            let Minimum { point, derivatives, units, trace, status: ended } = end;
            let units = hessian.then_some(&units[..]);
            let estimates = self.inner.estimates(&point, &derivatives, units)?;
            let ended = if estimates.is_late { Status::TimeLimit } else { ended };
            Ok(Found { estimates, trace, status: status(ended) })
        })?;
        self.solution(py, found)
    }

    #[pyo3(signature = (psi, hessian=true))]
    fn estimates(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
        hessian: bool,
    ) -> PyResult<GeneralisedSolution> {
        let found = self.at(py, &psi, |inner, point| {
            let near = inner.derivatives(point)?;
            let units = if hessian { Some(inner.start()?.units) } else { None };
            let estimates = inner.estimates(point, &near, units.as_deref())?;
            if estimates.is_late {
                return Err(mixedmodels_engine::EngineError::TimeLimit);
            }
            let trace = vec![estimates.deviance];
            Ok(Found { estimates, trace, status: "converged" })
        })?;
        self.solution(py, found)
    }

    fn conditional_covariance(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
        term: usize,
    ) -> PyResult<Py<PyArray3<f64>>> {
        let Some(own) = self.inner.covariances.design.terms.get(term) else {
            return Err(PyValueError::new_err(format!("there is no term {term}")));
        };
        let shape = [own.n_levels, own.q, own.q];
        let values = self.at(py, &psi, |inner, point| inner.conditional_covariance(point, term))?;
        Ok(PyArray1::from_vec(py, values).reshape(shape)?.unbind())
    }

    /// ΛM⁻¹Λ' times columns (effects term by term × r).
    fn solve(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
        right: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let (n, m) = (right.shape()[0], right.shape()[1]);
        let terms = &self.inner.covariances.design.terms;
        let expected: usize = terms.iter().map(|t| t.n_levels * t.q).sum();
        if n != expected {
            let message = format!("right has {n} rows, but {expected} are needed");
            return Err(PyValueError::new_err(message));
        }
        let own: Vec<f64> = right.as_array().iter().copied().collect();
        let found = self.at(py, &psi, |inner, point| Ok(inner.solve(point, &own, m)))?;
        to_matrix(py, found, n, m)
    }

    fn row_variance(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Py<PyArray1<f64>>> {
        Ok(to_vector(py, self.at(py, &psi, Inner::row_variance)?))
    }

    /// ∂b/∂psi, effects term by term × parameters.
    fn mode_slopes(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let m = self.inner.n_parameters();
        let found = self.at(py, &psi, Inner::mode_slopes)?;
        let rows = found.len() / m.max(1);
        to_matrix(py, found, rows, m)
    }

    /// Responses of replicates, as rows.
    #[pyo3(signature = (psi, eta, key, effects, first, count))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn draw(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
        eta: PyReadonlyArray1<'_, f64>,
        key: PyReadonlyArray1<'_, u64>,
        effects: Option<&str>,
        first: u64,
        count: usize,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let draws = Draws {
            eta: vector(&eta, "eta")?,
            psi: self.psi(&psi)?,
            key: words(&key)?,
            effects: effects.map(shape).transpose()?,
        };
        let cost = count as f64 * self.inner.n() as f64 * 50.0 + self.inner.cost();
        let values = attended(py, cost, || self.inner.drawn(&draws, first, count))?;
        to_matrix(py, values, count, self.inner.n())
    }

    /// One fit per column of Y (n × r, Fortran order).
    #[expect(non_snake_case, reason = "the name of a block of responses")]
    #[pyo3(signature = (Y, start, max_evaluations, tolerance))]
    fn refit(
        &self,
        py: Python<'_>,
        Y: PyReadonlyArray2<'_, f64>,
        start: PyReadonlyArray1<'_, f64>,
        max_evaluations: usize,
        tolerance: f64,
    ) -> PyResult<GeneralisedRefits> {
        let responses = columns(&Y, "Y")?;
        let options = Options { max_evaluations, tolerance, ..Options::default() };
        let plan = Plan { start: self.psi(&start)?, options };
        let cost = SEARCH * responses.len() as f64 * self.inner.cost();
        let found = attended(py, cost, || self.inner.refits(&responses, plan))?;
        GeneralisedRefits::new(py, found, self.inner.n_parameters(), self.inner.p)
    }

    /// Observed information −ℓ'' and scores ℓ' of the rows at the modes.
    #[expect(clippy::type_complexity, reason = "one tuple, taken apart at once")]
    fn working(
        &self,
        py: Python<'_>,
        psi: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<(Py<PyArray1<f64>>, Py<PyArray1<f64>>)> {
        let (weight, score) = self.at(py, &psi, |inner, point| Ok(inner.working(point)))?;
        Ok((to_vector(py, weight), to_vector(py, score)))
    }
}

impl GeneralisedProblem {
    fn psi<'a>(&self, psi: &'a PyReadonlyArray1<'_, f64>) -> PyResult<&'a [f64]> {
        let (found, expected) = (psi.len(), self.inner.n_parameters());
        if found != expected {
            let message = format!("psi has length {found}, but {expected} is needed");
            return Err(PyValueError::new_err(message));
        }
        vector(psi, "psi")
    }

    /// Evaluates at ψ and asks something of the point.
    fn at<T: Send>(
        &self,
        py: Python<'_>,
        psi: &PyReadonlyArray1<'_, f64>,
        ask: impl FnOnce(&Inner, &Point) -> mixedmodels_engine::Result<T> + Send,
    ) -> PyResult<T> {
        let psi = self.psi(psi)?.to_vec();
        let run = || ask(&self.inner, &self.inner.evaluate_at(&psi)?);
        attended(py, 2.0 * self.inner.cost(), run)
    }

    fn solution(&self, py: Python<'_>, found: Found) -> PyResult<GeneralisedSolution> {
        let Found { estimates: e, trace, status } = found;
        let (m, p, all) = (self.inner.n_theta(), self.inner.p, self.inner.n_parameters());
        let square = |s: Option<mixedmodels_engine::dense::Square>, n: usize| {
            s.map(|s| to_matrix(py, s.data, n, n)).transpose()
        };
        let terms = &self.inner.covariances.design.terms;
        let b = e.effects.into_iter().zip(terms);
        Ok(GeneralisedSolution {
            theta: to_vector(py, e.psi[..m].to_vec()),
            beta: to_vector(py, e.psi[m..m + p].to_vec()),
            auxiliary: to_vector(py, e.psi[m + p..].to_vec()),
            deviance: e.deviance,
            gradient: to_vector(py, e.gradient),
            hessian: square(e.hessian, all)?,
            covariance: square(e.covariance, all)?,
            covariance_conditional: to_matrix(py, e.conditional.data, p, p)?,
            b: b.map(|(v, t)| to_matrix(py, v, t.n_levels, t.q)).collect::<PyResult<_>>()?,
            eta: to_vector(py, e.eta),
            trace: to_vector(py, trace),
            status,
        })
    }
}
