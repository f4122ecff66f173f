//! The arrays of a design as Python holds them.

use mixedmodels_engine::{Data, EngineError, Group, Structure, Term};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::attention::limited;
use crate::convert::{columns, vector};

/// Level codes of the rows, and the number of levels.
pub type Levels = (Py<PyArray1<i32>>, usize);

/// The group of a term, its columns and the name of its structure.
pub type Columns = (usize, Py<PyArray2<f64>>, String);

/// The arrays of a design, kept alive so that another response can use them.
pub struct Arrays {
    x: Py<PyArray2<f64>>,
    groups: Vec<(Py<PyArray1<i32>>, usize)>,
    terms: Vec<(usize, Py<PyArray2<f64>>, Structure)>,
    weights: Option<Py<PyArray1<f64>>>,
}

impl Arrays {
    /// Checks the structures; everything else is checked by the engine.
    pub fn new(
        x: Py<PyArray2<f64>>,
        groups: Vec<Levels>,
        terms: Vec<Columns>,
        weights: Option<Py<PyArray1<f64>>>,
    ) -> PyResult<Self> {
        let terms = terms
            .into_iter()
            .map(|(group, z, name)| Ok((group, z, structure(&name)?)))
            .collect::<PyResult<_>>()?;
        Ok(Self { x, groups, terms, weights })
    }

    /// Borrows every array as a slice and calls `run` without the interpreter lock: a job of about
    /// `cost` multiplications beyond one pass over the rows.
    pub fn with<T: Send>(
        &self,
        py: Python<'_>,
        y: &PyReadonlyArray1<'_, f64>,
        cost: f64,
        run: impl FnOnce(&Data<'_>) -> Result<T, EngineError> + Send,
    ) -> PyResult<T> {
        let x = self.x.bind(py).readonly();
        let groups: Vec<_> = self.groups.iter().map(|g| (g.0.bind(py).readonly(), g.1)).collect();
        let terms: Vec<_> =
            self.terms.iter().map(|t| (t.0, t.1.bind(py).readonly(), t.2)).collect();
        let weights = self.weights.as_ref().map(|w| w.bind(py).readonly());
        let data = Data {
            y: vector(y, "y")?,
            x: columns(&x, "X")?,
            groups: groups
                .iter()
                .map(|(codes, n_levels)| {
                    Ok(Group { codes: vector(codes, "codes")?, n_levels: *n_levels })
                })
                .collect::<PyResult<_>>()?,
            terms: terms
                .iter()
                .map(|(group, z, structure)| {
                    Ok(Term { group: *group, z: columns(z, "Z")?, structure: *structure })
                })
                .collect::<PyResult<_>>()?,
            weights: weights.as_ref().map(|w| vector(w, "weights")).transpose()?,
        };
        limited(py, cost + of_a_pass(&data), || run(&data))
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            x: self.x.clone_ref(py),
            groups: self.groups.iter().map(|g| (g.0.clone_ref(py), g.1)).collect(),
            terms: self.terms.iter().map(|t| (t.0, t.1.clone_ref(py), t.2)).collect(),
            weights: self.weights.as_ref().map(|w| w.clone_ref(py)),
        }
    }
}

/// Multiplications of one pass over the rows, with the sorting of their levels.
fn of_a_pass(data: &Data<'_>) -> f64 {
    let z: usize = data.terms.iter().map(|t| t.z.len()).sum();
    let width = data.x.len() + 1 + z;
    (data.y.len() * (width * width + 10 * data.groups.len())) as f64
}

/// The structure that a word names.
pub fn structure(name: &str) -> PyResult<Structure> {
    match name {
        "unstructured" => Ok(Structure::Unstructured),
        "diagonal" => Ok(Structure::Diagonal),
        _ => Err(PyValueError::new_err(format!("unknown covariance structure {name:?}"))),
    }
}
