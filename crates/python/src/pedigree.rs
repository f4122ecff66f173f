//! Pedigrees as arrays.

use mixedmodels_engine::pedigree::{self as inner, PedigreeError};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::convert::{self, EngineError, vector};
use crate::threads::detached;

/// A⁻¹ of a pedigree by compressed columns.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct Relationship {
    inbreeding: Py<PyArray1<f64>>,
    indptr: Py<PyArray1<i32>>,
    indices: Py<PyArray1<i32>>,
    data: Py<PyArray1<f64>>,
    log_det: f64,
}

/// The inverse relationship matrix; codes of parents, -1 for unknown ones.
#[pyfunction]
pub fn relationship(
    py: Python<'_>,
    sires: PyReadonlyArray1<'_, i32>,
    dams: PyReadonlyArray1<'_, i32>,
) -> PyResult<Relationship> {
    let (sires, dams) = (vector(&sires, "sires")?, vector(&dams, "dams")?);
    let n = sires.len();
    let inside = |code: &i32| (inner::UNKNOWN..n as i32).contains(code);
    if dams.len() != n || !sires.iter().chain(dams).all(inside) {
        return Err(EngineError::new_err((
            "input",
            "codes of parents out of range",
            None::<usize>,
        )));
    }
    let found = detached(py, || Ok(inner::relationship(sires, dams)))
        .map_err(|failure| convert::exception(&failure))?
        .map_err(|error| exception(&error))?;
    Ok(Relationship {
        inbreeding: PyArray1::from_vec(py, found.inbreeding).unbind(),
        indptr: PyArray1::from_vec(py, found.starts).unbind(),
        indices: PyArray1::from_vec(py, found.rows).unbind(),
        data: PyArray1::from_vec(py, found.values).unbind(),
        log_det: found.log_det,
    })
}

fn exception(error: &PedigreeError) -> PyErr {
    match error {
        PedigreeError::Loop(animals) => {
            EngineError::new_err(("loop", "an animal is its own ancestor", animals.clone()))
        }
        PedigreeError::NoVariance(animal) => {
            EngineError::new_err(("variance", "no Mendelian variance is left", vec![*animal]))
        }
    }
}
