//! `Problem` and `Solution` as Python classes.

use mixedmodels_engine::batch::Responses;
use mixedmodels_engine::objective::{Criterion, Profile};
use mixedmodels_engine::optimise::{Options, Status, minimise};
use mixedmodels_engine::problem::{Problem as Inner, Workspace};
use mixedmodels_engine::sums::Condensed;
use mixedmodels_engine::{Data, EngineError};
use numpy::{
    PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Arrays, Columns, Levels};
use crate::attention::{attended, end_with, limited};
use crate::batch::{DrawsLike, PlanLike, Refits};
use crate::convert::{columns, to_matrix, to_square, to_vector, vector};
use crate::equations::{Equations, Inner as AnyEquations};
use crate::inference::{Information, KenwardRoger, Slopes};
use crate::iterative::MonteCarlo;
use crate::sums::Sums;

/// Evaluations that a search takes, about, with its derivatives.
pub const SEARCH: f64 = 20.0;

/// Evaluations that take as long as an information, at least.
pub const INFORMATION: f64 = 10.0;

/// Cross-products of one data set.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct Problem {
    inner: Inner,
    /// None where the rows are not kept.
    arrays: Option<Arrays>,
    available: Py<PyAny>,
}

/// One point of the criterion, with everything that follows from it.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct Solution {
    theta: Py<PyArray1<f64>>,
    deviance: f64,
    reml: bool,
    beta: Py<PyArray1<f64>>,
    cov_beta_unscaled: Py<PyArray2<f64>>,
    sigma: f64,
    pwrss: f64,
    b: Vec<Py<PyArray2<f64>>>,
    gradient: Py<PyArray1<f64>>,
    n_evaluations: usize,
    status: &'static str,
    trace: Vec<f64>,
    monte_carlo: Option<Py<MonteCarlo>>,
}

/// The word for how a search ended.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Converged => "converged",
        Status::MaxEvaluations => "max_evaluations",
        Status::Stalled => "stalled",
        Status::Unbounded => "unbounded",
        Status::Exact => "exact",
        Status::TimeLimit => "time_limit",
    }
}

/// What a Python function says of the bytes that are left: None where it does not know.
pub fn bytes(available: &Py<PyAny>) -> Option<usize> {
    Python::attach(|py| match available.call0(py).and_then(|v| v.extract(py)) {
        Ok(left) => left,
        Err(failure) => {
            end_with(py, failure);
            None
        }
    })
}

/// What a search or a single evaluation found, before conversion.
struct Found {
    estimates: mixedmodels_engine::Estimates,
    gradient: Vec<f64>,
    trace: Vec<f64>,
    status: &'static str,
}

#[pymethods]
impl Problem {
    #[new]
    #[expect(non_snake_case, reason = "the name of the fixed-effects matrix")]
    fn new(
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        X: Py<PyArray2<f64>>,
        groups: Vec<Levels>,
        terms: Vec<Columns>,
        weights: Option<Py<PyArray1<f64>>>,
        available: Py<PyAny>,
    ) -> PyResult<Self> {
        let arrays = Arrays::new(X, groups, terms, weights)?;
        let inner = arrays.with(py, &y, 0.0, |data| Inner::within(data, &|| bytes(&available)))?;
        Ok(Self { inner, arrays: Some(arrays), available })
    }

    /// The problem of sums, which has no other response.
    #[staticmethod]
    fn of_sums(py: Python<'_>, sums: &Sums, available: Py<PyAny>) -> PyResult<Self> {
        let job = || {
            let condensed = Condensed::of_sums(&sums.lock())?;
            Inner::of_condensed(&condensed, &|| bytes(&available))
        };
        let cost = sums.lock().bytes() as f64;
        let inner = attended(py, cost, job)?;
        Ok(Self { inner, arrays: None, available })
    }

    #[getter]
    fn n_theta(&self) -> usize {
        self.inner.n_theta()
    }

    #[getter]
    fn theta_index(&self) -> Vec<(usize, usize, usize)> {
        self.inner.templates.entries()
    }

    #[getter]
    fn column_scales(&self, py: Python<'_>) -> Vec<Py<PyArray1<f64>>> {
        let scales = self.inner.column_scales();
        scales.into_iter().map(|s| to_vector(py, s)).collect()
    }

    #[pyo3(signature = (theta, reml, sigma=None))]
    fn deviance(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        reml: bool,
        sigma: Option<f64>,
    ) -> PyResult<f64> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let criterion = Criterion { reml, sigma };
        let run = || {
            let mut work = self.inner.workspace()?;
            self.inner.evaluate(&mut work, &theta, criterion).map(|p| p.deviance)
        };
        attended(py, self.inner.cost(), run)
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
        let run = || {
            let mut work = self.inner.workspace()?;
            let profile = self.inner.evaluate(&mut work, &theta, criterion)?;
            let derivatives = self.inner.derivatives(&mut work, &profile, false)?;
            Ok((profile.deviance, self.inner.outer_gradient(&derivatives.gradient)))
        };
        let (deviance, gradient) = attended(py, self.inner.cost(), run)?;
        Ok((deviance, to_vector(py, gradient)))
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
        let rivals = start.is_none();
        let start = match start {
            Some(theta) => self.start(Some(&theta))?,
            None => self.inner.start(),
        };
        let options = Options { max_evaluations, tolerance, last_gradient: true, rivals };
        let found = limited(py, SEARCH * self.inner.cost(), || {
            let mut work = self.inner.workspace()?;
            let end = minimise(&self.inner, &mut work, &start, criterion, options)?;
            Ok(Found {
                estimates: self.inner.estimates(&work, &end.profile),
                gradient: self.inner.outer_gradient(&end.gradient),
                trace: end.trace,
                status: status(end.status),
            })
        })?;
        self.solution(py, found, reml)
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
        let run = || {
            let mut work: Workspace = self.inner.workspace()?;
            let profile = self.inner.evaluate(&mut work, &theta, criterion)?;
            let derivatives = self.inner.derivatives(&mut work, &profile, false)?;
            Ok(Found {
                estimates: self.inner.estimates(&work, &profile),
                gradient: self.inner.outer_gradient(&derivatives.gradient),
                trace: vec![profile.deviance],
                status: "converged",
            })
        };
        let found = attended(py, self.inner.cost(), run)?;
        self.solution(py, found, reml)
    }

    fn conditional_covariance(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        term: usize,
    ) -> PyResult<Py<PyArray3<f64>>> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let Some(place) = self.inner.templates.places.get(term) else {
            return Err(PyValueError::new_err(format!("there is no term {term}")));
        };
        let run = || {
            let mut work = self.inner.workspace()?;
            self.inner.evaluate(&mut work, &theta, Criterion::UNIT)?;
            self.inner.conditional_covariance(&mut work, term)
        };
        let values = attended(py, self.inner.cost(), run)?;
        let q = place.width;
        let levels = values.len() / (q * q);
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
        let run = |work: &mut Workspace, profile: &Profile| self.inner.information(work, profile);
        let criterion = Criterion { reml, sigma };
        Information::new(py, self.at(py, &theta, criterion, run)?, self.inner.p())
    }

    #[pyo3(signature = (theta, sigma=None))]
    fn kenward_roger(
        &self,
        py: Python<'_>,
        theta: PyReadonlyArray1<'_, f64>,
        sigma: Option<f64>,
    ) -> PyResult<KenwardRoger> {
        let run = |work: &mut Workspace, profile: &Profile| self.inner.kenward_roger(work, profile);
        let criterion = Criterion { reml: true, sigma };
        KenwardRoger::new(py, self.at(py, &theta, criterion, run)?, self.inner.p())
    }

    fn slopes(&self, py: Python<'_>, theta: PyReadonlyArray1<'_, f64>) -> PyResult<Slopes> {
        let run = |work: &mut Workspace, profile: &Profile| self.inner.slopes(work, profile);
        Slopes::new(py, self.at(py, &theta, Criterion::UNIT, run)?)
    }

    fn equations(&self, py: Python<'_>, theta: PyReadonlyArray1<'_, f64>) -> PyResult<Equations> {
        let theta = self.inner.inner(self.theta(&theta)?);
        let run = || {
            let mut work = self.inner.workspace()?;
            self.inner.evaluate(&mut work, &theta, Criterion::UNIT)?;
            Ok(self.inner.equations(work))
        };
        let found = attended(py, self.inner.cost(), run)?;
        Ok(Equations::new(AnyEquations::Factorised(Box::new(found))))
    }

    #[expect(non_snake_case, reason = "the name of a block of responses")]
    fn refit(
        &self,
        py: Python<'_>,
        Y: PyReadonlyArray2<'_, f64>,
        plan: PlanLike<'_>,
    ) -> PyResult<Refits> {
        let columns = columns(&Y, "Y")?;
        let first = PyArray1::zeros(py, self.inner.n, false).readonly();
        let start = self.start(plan.start.as_ref())?;
        let hypothesis = plan.hypothesis()?;
        let available = || bytes(&self.available);
        let own = plan.engine(&start, hypothesis.as_ref(), &available);
        let run = |data: &Data<'_>| self.inner.refits(data, Responses::Given(&columns), own);
        let found = self.rows()?.with(py, &first, self.refits_cost(columns.len()), run)?;
        Refits::new(py, found, (self.inner.n_theta(), self.inner.p()), hypothesis.as_ref())
    }

    fn refit_drawn(
        &self,
        py: Python<'_>,
        draws: DrawsLike<'_>,
        first: u64,
        count: usize,
        plan: PlanLike<'_>,
    ) -> PyResult<Refits> {
        let distribution = draws.engine()?;
        let start = self.start(plan.start.as_ref())?;
        let hypothesis = plan.hypothesis()?;
        let available = || bytes(&self.available);
        let own = plan.engine(&start, hypothesis.as_ref(), &available);
        let run = |data: &Data<'_>| {
            self.inner.refits(data, Responses::Drawn(&distribution, first, count), own)
        };
        let found = self.rows()?.with(py, &draws.mean, self.refits_cost(count), run)?;
        Refits::new(py, found, (self.inner.n_theta(), self.inner.p()), hypothesis.as_ref())
    }

    fn with_response(&self, py: Python<'_>, y: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        let inner = self.rows()?.with(py, &y, 0.0, |data| self.inner.with_response(data))?;
        let available = self.available.clone_ref(py);
        Ok(Self { inner, arrays: Some(self.rows()?.clone_ref(py)), available })
    }
}

impl Problem {
    /// Evaluates at θ and calls `run` there, without the interpreter lock.
    fn at<T: Send>(
        &self,
        py: Python<'_>,
        theta: &PyReadonlyArray1<'_, f64>,
        criterion: Criterion,
        run: impl FnOnce(&mut Workspace, &Profile) -> Result<T, EngineError> + Send,
    ) -> PyResult<T> {
        let theta = self.inner.inner(self.theta(theta)?);
        let job = || {
            let mut work = self.inner.workspace()?;
            let profile = self.inner.evaluate(&mut work, &theta, criterion)?;
            run(&mut work, &profile)
        };
        attended(py, INFORMATION * self.inner.cost(), job)
    }

    /// Multiplications of `count` fits.
    fn refits_cost(&self, count: usize) -> f64 {
        count as f64 * (SEARCH * self.inner.cost() + (self.inner.n * self.inner.layout.k) as f64)
    }

    /// The arrays that the problem was made of.
    fn rows(&self) -> PyResult<&Arrays> {
        let none = || PyValueError::new_err("the rows of the problem are not kept");
        self.arrays.as_ref().ok_or_else(none)
    }

    /// θ̃ of a θ, by default that of T̃ = I.
    fn start(&self, theta: Option<&PyReadonlyArray1<'_, f64>>) -> PyResult<Vec<f64>> {
        Ok(match theta {
            Some(theta) => self.inner.inner(self.theta(theta)?),
            None => self.inner.templates.identity(),
        })
    }

    fn theta<'a>(&self, theta: &'a PyReadonlyArray1<'_, f64>) -> PyResult<&'a [f64]> {
        let (found, expected) = (theta.len(), self.inner.n_theta());
        if found != expected {
            let message = format!("theta has length {found}, but {expected} is needed");
            return Err(PyValueError::new_err(message));
        }
        vector(theta, "theta")
    }

    fn solution(&self, py: Python<'_>, found: Found, reml: bool) -> PyResult<Solution> {
        let Found { estimates, gradient, trace, status } = found;
        let widths: Vec<usize> = self.inner.templates.places.iter().map(|at| at.width).collect();
        Solution::new(py, estimates, &widths, gradient, trace, status, reml)
    }
}

impl Solution {
    /// Converts; `widths` is the number of columns of every term.
    pub fn new(
        py: Python<'_>,
        estimates: mixedmodels_engine::Estimates,
        widths: &[usize],
        gradient: Vec<f64>,
        trace: Vec<f64>,
        status: &'static str,
        reml: bool,
    ) -> PyResult<Self> {
        let b = (estimates.effects.into_iter().zip(widths))
            .map(|(values, &q)| {
                let levels = values.len() / q;
                to_matrix(py, values, levels, q)
            })
            .collect::<PyResult<_>>()?;
        Ok(Self {
            theta: to_vector(py, estimates.theta),
            deviance: estimates.deviance,
            reml,
            beta: to_vector(py, estimates.beta),
            cov_beta_unscaled: to_square(py, estimates.covariance)?,
            sigma: estimates.sigma,
            pwrss: estimates.pwrss,
            b,
            gradient: to_vector(py, gradient),
            n_evaluations: trace.len(),
            status,
            trace,
            monte_carlo: None,
        })
    }

    /// The same with what the probes of an iterative fit leave open.
    pub fn with_monte_carlo(self, monte_carlo: Py<MonteCarlo>) -> Self {
        Self { monte_carlo: Some(monte_carlo), ..self }
    }
}
