//! The equations of one θ as a Python class.

use mixedmodels_engine::Result;
use mixedmodels_engine::iterative::Equations as Iterative;
use mixedmodels_engine::projection::{Equations as Factorised, Sparse};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::attention::attended;
use crate::convert::{columns, to_matrix, to_vector, vector};

/// How the equations are solved.
pub enum Inner {
    /// By a factorisation.
    Factorised(Box<Factorised>),
    /// By conjugate gradients.
    Iterative(Iterative),
}

impl Inner {
    fn dim(&self) -> usize {
        match self {
            Self::Factorised(inner) => inner.dim(),
            Self::Iterative(inner) => inner.dim(),
        }
    }

    fn cost(&self, count: usize) -> f64 {
        match self {
            Self::Factorised(inner) => inner.cost(count),
            Self::Iterative(inner) => inner.cost(count),
        }
    }

    fn solve(&self, values: &mut [f64]) -> Result<()> {
        match self {
            Self::Factorised(inner) => inner.solve(values),
            Self::Iterative(inner) => inner.solve(values),
        }
    }

    fn inner(&self, left: Sparse<'_>, right: Option<Sparse<'_>>) -> Result<Vec<f64>> {
        match self {
            Self::Factorised(inner) => inner.inner(left, right),
            Self::Iterative(inner) => inner.inner(left, right),
        }
    }

    fn gram(&self, rows: Sparse<'_>) -> Result<Vec<f64>> {
        match self {
            Self::Factorised(inner) => inner.gram(rows),
            Self::Iterative(inner) => inner.gram(rows),
        }
    }
}

/// M = Λ'Z'WZΛ + I at one θ.
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
        let values = attended(py, self.inner.cost(given.len()), run)?;
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
        Ok(to_vector(py, attended(py, self.inner.cost(left.len()), run)?))
    }

    fn gram(&self, py: Python<'_>, rows: Rows<'_>) -> PyResult<Py<PyArray2<f64>>> {
        let rows = sparse(&rows)?;
        let values = attended(py, self.inner.cost(rows.len()), || self.inner.gram(rows))?;
        to_matrix(py, values, rows.len(), rows.len())
    }
}
