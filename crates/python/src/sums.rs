//! `Sums` as a Python class.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mixedmodels_engine::data::Structure;
use mixedmodels_engine::sums::{Design, Sums as Inner};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrays::{Arrays, Columns, Levels, structure};
use crate::convert::{exception, to_matrix, vector};
use crate::threads::detached;

/// Cross-products of rows that need not be kept.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct Sums {
    inner: Mutex<Inner>,
}

/// Rounded numbers, and what rounding left out of them.
type Parts = (Py<PyArray2<f64>>, Py<PyArray2<f64>>);

#[pymethods]
impl Sums {
    #[new]
    #[pyo3(signature = (n_fixed, n_groups, terms, origin=0.0, constant=None))]
    fn new(
        n_fixed: usize,
        n_groups: usize,
        terms: Vec<(usize, usize, String)>,
        origin: f64,
        constant: Option<usize>,
    ) -> PyResult<Self> {
        let terms = terms.into_iter().map(|(g, q, name)| Ok((g, q, structure(&name)?)));
        let terms = terms.collect::<PyResult<Vec<(usize, usize, Structure)>>>()?;
        let design = Design { p: n_fixed, groups: n_groups, terms, origin, constant };
        Inner::new(design).map(Self::of).map_err(|e| exception(&e))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        detached(py, || Inner::from_bytes(data)).map(Self::of).map_err(|e| exception(&e))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.lock().to_bytes());
        PyBytes::new(py, &bytes)
    }

    #[expect(non_snake_case, reason = "the name of the fixed-effects matrix")]
    fn push(
        &self,
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        X: Py<PyArray2<f64>>,
        groups: Vec<Levels>,
        terms: Vec<Columns>,
        weights: Option<Py<PyArray1<f64>>>,
    ) -> PyResult<()> {
        let arrays = Arrays::new(X, groups, terms, weights)?;
        arrays.with(py, &y, 0.0, |data| self.lock().push(data))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        let job = || {
            let other = other.lock().clone();
            self.lock().merge(other)
        };
        detached(py, job).map_err(|e| exception(&e))
    }

    fn relabel(
        &self,
        py: Python<'_>,
        group: usize,
        codes: PyReadonlyArray1<'_, i32>,
        n_levels: usize,
    ) -> PyResult<()> {
        let codes = vector(&codes, "codes")?;
        detached(py, || self.lock().relabel(group, codes, n_levels)).map_err(|e| exception(&e))
    }

    fn select(&self, py: Python<'_>, columns: Vec<usize>) -> PyResult<Self> {
        detached(py, || self.lock().select(&columns)).map(Self::of).map_err(|e| exception(&e))
    }

    fn gram(&self, py: Python<'_>) -> PyResult<Parts> {
        let (high, low) = self.lock().gram();
        let k = high.len().isqrt();
        Ok((to_matrix(py, high, k, k)?, to_matrix(py, low, k, k)?))
    }

    fn remainder(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().remainder())
    }

    #[getter]
    fn n(&self) -> usize {
        self.lock().n()
    }

    #[getter]
    fn n_levels(&self) -> Vec<usize> {
        self.lock().n_levels()
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.lock().bytes()
    }
}

impl Sums {
    fn of(inner: Inner) -> Self {
        Self { inner: Mutex::new(inner) }
    }

    /// The sums, for as long as nobody else adds to them.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
