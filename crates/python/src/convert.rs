//! Arrays in, arrays and exceptions out.

use mixedmodels_engine::EngineError as Failure;
use mixedmodels_engine::dense::Square;
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    _native,
    EngineError,
    PyValueError,
    "A failure of the engine: args are (kind, message, place), place being (group, level), a column, \
     or None."
);

/// The Python exception of an engine failure.
pub fn exception(failure: &Failure) -> PyErr {
    let message = failure.to_string();
    match failure {
        Failure::Factorisation { group, level } => {
            EngineError::new_err(("factorisation", message, Some((*group, *level))))
        }
        Failure::RankDeficient { column } => {
            EngineError::new_err(("rank", message, Some((*column, 0))))
        }
        Failure::PerfectFit => EngineError::new_err(("perfect", message, None::<(usize, usize)>)),
        Failure::Code { group, row } => {
            EngineError::new_err(("code", message, Some((*group, *row))))
        }
        Failure::Memory { .. } => EngineError::new_err(("memory", message, None::<(usize, usize)>)),
        Failure::Traces { .. } => EngineError::new_err(("traces", message, None::<(usize, usize)>)),
        Failure::Unsolved { .. } => {
            EngineError::new_err(("unsolved", message, None::<(usize, usize)>))
        }
        Failure::Residual { part } => EngineError::new_err(("residual", message, Some((*part, 0)))),
        Failure::TimeLimit => EngineError::new_err(("time", message, None::<(usize, usize)>)),
        Failure::Structure { .. } => {
            EngineError::new_err(("structure", message, None::<(usize, usize)>))
        }
        Failure::Impossible => {
            EngineError::new_err(("impossible", message, None::<(usize, usize)>))
        }
        Failure::Modes => EngineError::new_err(("modes", message, None::<(usize, usize)>)),
        Failure::Family { .. } => EngineError::new_err(("family", message, None::<(usize, usize)>)),
        Failure::Quadrature { .. } => {
            EngineError::new_err(("quadrature", message, None::<(usize, usize)>))
        }
        Failure::Shape { .. }
        | Failure::NotFinite { .. }
        | Failure::Threads
        | Failure::Interrupted => EngineError::new_err(("input", message, None::<(usize, usize)>)),
    }
}

/// A vector's values, without a copy.
pub fn vector<'a, T: numpy::Element>(
    array: &'a PyReadonlyArray1<'_, T>,
    what: &str,
) -> PyResult<&'a [T]> {
    let error = || PyTypeError::new_err(format!("{what} must be a contiguous vector"));
    array.as_slice().map_err(|_| error())
}

/// The columns of a Fortran-ordered matrix, without a copy.
pub fn columns<'a>(array: &'a PyReadonlyArray2<'_, f64>, what: &str) -> PyResult<Vec<&'a [f64]>> {
    let (n, p) = (array.shape()[0], array.shape()[1]);
    if p == 0 || n == 0 {
        return Ok(vec![&[]; p]);
    }
    if !array.is_fortran_contiguous() {
        return Err(PyTypeError::new_err(format!("{what} must be in Fortran order")));
    }
    let error = || PyTypeError::new_err(format!("{what} must be contiguous"));
    Ok(array.as_slice().map_err(|_| error())?.chunks_exact(n).collect())
}

/// A new numpy vector.
pub fn to_vector(py: Python<'_>, values: Vec<f64>) -> Py<PyArray1<f64>> {
    PyArray1::from_vec(py, values).unbind()
}

/// A new rows × columns numpy matrix from row-major values.
pub fn to_matrix(
    py: Python<'_>,
    values: Vec<f64>,
    rows: usize,
    columns: usize,
) -> PyResult<Py<PyArray2<f64>>> {
    Ok(PyArray1::from_vec(py, values).reshape([rows, columns])?.unbind())
}

/// A symmetric matrix as a numpy matrix.
pub fn to_square(py: Python<'_>, matrix: Square) -> PyResult<Py<PyArray2<f64>>> {
    to_matrix(py, matrix.data, matrix.n, matrix.n)
}
