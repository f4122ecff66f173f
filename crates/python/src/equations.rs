//! The equations of one θ as a Python class.

use mixedmodels_engine::EngineError;
use mixedmodels_engine::projection::{Equations as Inner, Sparse};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::convert::{columns, exception, to_matrix, to_vector, vector};
use crate::threads::detached;

/// M = Λ'Z'WZΛ + I at one θ, factorised.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct Equations {
    inner: Inner,
}

/// A sparse matrix of scipy's, by rows.
type Rows<'py> =
    (PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, f64>);

fn sparse<'a>(rows: &'a Rows<'_>) -> PyResult<Sparse<'a>> {
    Ok(Sparse {
        pointers: vector(&rows.0, "indptr")?,
        effects: vector(&rows.1, "indices")?,
        values: vector(&rows.2, "data")?,
    })
}

impl Equations {
    /// Wraps.
    pub fn new(inner: Inner) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl Equations {
    fn solve(&self, py: Python<'_>, b: PyReadonlyArray2<'_, f64>) -> PyResult<Py<PyArray2<f64>>> {
        let given = columns(&b, "b")?;
        let run = || {
            let mut values = given.concat();
            self.inner.solve(&mut values).map(|()| values)
        };
        let values = detached(py, run).map_err(|e: EngineError| exception(&e))?;
        to_matrix(py, values, given.len(), self.inner.dim())
    }

    #[pyo3(signature = (left, right=None))]
    fn inner(
        &self,
        py: Python<'_>,
        left: Rows<'_>,
        right: Option<Rows<'_>>,
    ) -> PyResult<Py<PyArray1<f64>>> {
        let left = sparse(&left)?;
        let right = right.as_ref().map(sparse).transpose()?;
        let run = || self.inner.inner(left, right);
        Ok(to_vector(py, detached(py, run).map_err(|e| exception(&e))?))
    }

    fn gram(&self, py: Python<'_>, rows: Rows<'_>) -> PyResult<Py<PyArray2<f64>>> {
        let rows = sparse(&rows)?;
        let values = detached(py, || self.inner.gram(rows)).map_err(|e| exception(&e))?;
        to_matrix(py, values, rows.len(), rows.len())
    }
}
