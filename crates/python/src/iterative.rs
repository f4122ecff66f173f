//! `IterativeProblem` as a Python class.

use std::sync::Arc;

use mixedmodels_engine::EngineError;
use mixedmodels_engine::iterative::{
    IterativeProblem as Inner, MonteCarlo as Spread, bytes_of_rows,
};
use mixedmodels_engine::memory;
use mixedmodels_engine::objective::Criterion;
use mixedmodels_engine::optimise::Options;
use mixedmodels_engine::sums::Condensed;
use numpy::{
    PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Arrays, Columns, Levels};
use crate::attention::{attended, limited};
use crate::convert::{to_vector, vector};
use crate::equations::{Equations, Inner as AnyEquations};
use crate::inference::Information;
use crate::problem::{SEARCH, Solution, bytes, status};
use crate::sums::Sums;

/// Crossed data whose equations are never factorised.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct IterativeProblem {
    inner: Arc<Inner>,
}

/// What the probes of an iterative fit leave open.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct MonteCarlo {
    probes: usize,
    is_exact: bool,
    criterion: f64,
    theta: Py<PyArray1<f64>>,
    sigma: f64,
    share: Py<PyArray1<f64>>,
    standard_errors: Py<PyArray1<f64>>,
    residual: f64,
    of_solving: f64,
}

impl MonteCarlo {
    fn new(py: Python<'_>, spread: Spread) -> Self {
        Self {
            probes: spread.probes,
            is_exact: spread.is_exact,
            criterion: spread.criterion,
            theta: to_vector(py, spread.theta),
            sigma: spread.sigma,
            share: to_vector(py, spread.share),
            standard_errors: to_vector(py, spread.standard_errors),
            residual: spread.residual,
            of_solving: spread.of_solving,
        }
    }
}

#[pymethods]
impl IterativeProblem {
    #[staticmethod]
    #[expect(non_snake_case, reason = "the name of the fixed-effects matrix")]
    fn of_rows(
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        X: Py<PyArray2<f64>>,
        groups: Vec<Levels>,
        terms: Vec<Columns>,
        weights: Option<Py<PyArray1<f64>>>,
        available: Py<PyAny>,
    ) -> PyResult<Self> {
        let arrays = Arrays::new(X, groups, terms, weights)?;
        let inner = arrays.with(py, &y, 0.0, |data| {
            let left = || bytes(&available);
            memory::require(bytes_of_rows(data), &left)?;
            Inner::new(Condensed::of_rows(data)?, &left)
        })?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Of sums, whose rows are gone.
    #[staticmethod]
    fn of_sums(py: Python<'_>, sums: &Sums, available: Py<PyAny>) -> PyResult<Self> {
        let left = || bytes(&available);
        let job = || Inner::new(Condensed::of_sums(&sums.lock())?, &left);
        Ok(Self { inner: Arc::new(attended(py, f64::INFINITY, job)?) })
    }

    #[getter]
    fn n_theta(&self) -> usize {
        self.inner.n_theta()
    }

    #[getter]
    fn theta_index(&self) -> Vec<(usize, usize, usize)> {
        self.inner.templates().entries()
    }

    #[getter]
    fn column_scales(&self, py: Python<'_>) -> Vec<Py<PyArray1<f64>>> {
        let scales = self.inner.condensed.basis.column_scales(self.inner.templates());
        scales.into_iter().map(|s| to_vector(py, s)).collect()
    }

    #[pyo3(signature = (reml, start, max_evaluations, tolerance, sigma=None))]
    fn minimise(
        &self,
        py: Python<'_>,
        reml: bool,
        start: Option<PyReadonlyArray1<'_, f64>>,
        max_evaluations: usize,
        tolerance: f64,
        sigma: Option<f64>,
    ) -> PyResult<Solution> {
        let criterion = Criterion { reml, sigma };
        let start = match start {
            Some(theta) => self.inner.inner(self.theta(&theta)?),
            None => self.inner.templates().identity(),
        };
        let options = Options { max_evaluations, tolerance, ..Options::default() };
        let found = limited(py, SEARCH * self.inner.cost(), || {
            let end = self.inner.minimise(&start, criterion, options)?;
            let gradient = self.inner.outer_gradient(&end.point.gradient);
            let estimates = self.inner.estimates(&end.point);
            Ok((estimates, gradient, end.trace, status(end.status), end.monte_carlo))
        })?;
        let (estimates, gradient, trace, status, spread) = found;
        let solution = Solution::new(py, estimates, &self.widths(), gradient, trace, status, reml)?;
        Ok(solution.with_monte_carlo(Py::new(py, MonteCarlo::new(py, spread))?))
    }

    #[pyo3(signature = (theta, reml, sigma=None))]
    fn estimates(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<Solution> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let criterion = Criterion { reml, sigma };
        let (estimates, gradient) = attended(py, self.inner.cost(), || {
            let point = self.inner.evaluate(&theta, criterion)?;
            let gradient = self.inner.outer_gradient(&point.gradient);
            Ok((self.inner.estimates(&point), gradient))
        })?;
        let trace = vec![estimates.deviance];
        Solution::new(py, estimates, &self.widths(), gradient, trace, "converged", reml)
    }

    #[pyo3(signature = (theta, reml, sigma=None))]
    fn gradient(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<(f64, Py<PyArray1<f64>>)> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let criterion = Criterion { reml, sigma };
        let (deviance, gradient) = attended(py, self.inner.cost(), || {
            let point = self.inner.evaluate(&theta, criterion)?;
            Ok((point.profile.deviance, self.inner.outer_gradient(&point.gradient)))
        })?;
        Ok((deviance, to_vector(py, gradient)))
    }

    #[pyo3(signature = (theta, reml, sigma=None))]
    fn information(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<Information> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let criterion = Criterion { reml, sigma };
        let found = attended(py, self.inner.cost(), || -> Result<_, EngineError> {
            let point = self.inner.evaluate(&theta, criterion)?;
            self.inner.information(&point, &theta)
        })?;
        Information::new(py, found, self.inner.p())
    }

    fn equations(&self, py: Python<'_>, theta: PyReadonlyArray1<'_, f64>) -> PyResult<Equations> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let found = attended(py, self.inner.cost(), || self.inner.equations(&theta))?;
        Ok(Equations::new(AnyEquations::Iterative(found)))
    }

    fn conditional_covariance(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        term: usize,
    ) -> PyResult<(Py<PyArray3<f64>>, f64)> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let Some(place) = self.inner.templates().places.get(term) else {
            return Err(PyValueError::new_err(format!("there is no term {term}")));
        };
        let (values, error) =
            attended(py, self.inner.cost(), || self.inner.equations(&theta)?.conditional(term))?;
        let q = place.width;
        let levels = values.len() / (q * q);
        let found = PyArray1::from_vec(py, values).reshape([levels, q, q])?.unbind();
        Ok((found, error))
    }
}

impl IterativeProblem {
    fn theta<'a>(&self, theta: &'a PyReadonlyArray1<'_, f64>) -> PyResult<&'a [f64]> {
        let (found, expected) = (theta.len(), self.inner.n_theta());
        if found != expected {
            let message = format!("theta has length {found}, but {expected} is needed");
            return Err(PyValueError::new_err(message));
        }
        vector(theta, "theta")
    }

    fn widths(&self) -> Vec<usize> {
        self.inner.templates().places.iter().map(|at| at.width).collect()
    }
}
