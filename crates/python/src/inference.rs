//! Results of the inference kernels as Python classes.

use mixedmodels_engine::dense::Square;
use mixedmodels_engine::inference as inner;
use numpy::{PyArray1, PyArray2, PyArray3, PyArray4, PyArrayMethods};
use pyo3::prelude::*;

use crate::convert::{to_square, to_vector};

/// Second-order facts at one θ.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct Information {
    hessian: Py<PyArray2<f64>>,
    covariance: Py<PyArray2<f64>>,
    jacobian: Py<PyArray3<f64>>,
}

/// The pieces of Kenward and Roger's method.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct KenwardRoger {
    information: Py<PyArray2<f64>>,
    slopes: Py<PyArray3<f64>>,
    bends: Py<PyArray3<f64>>,
    curves: Option<Py<PyArray3<f64>>>,
}

/// The parts of the criterion with their derivatives.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct Slopes {
    log_det: f64,
    pwrss: f64,
    beta: Py<PyArray1<f64>>,
    cov_beta_unscaled: Py<PyArray2<f64>>,
    traces: Vec<Py<PyArray2<f64>>>,
    grams: Vec<Py<PyArray4<f64>>>,
}

impl Information {
    /// Converts.
    pub fn new(py: Python<'_>, information: inner::Information, p: usize) -> PyResult<Self> {
        Ok(Self {
            covariance: to_square(py, information.covariance())?,
            hessian: to_square(py, information.hessian)?,
            jacobian: stack(py, &information.jacobian, p)?,
        })
    }
}

impl KenwardRoger {
    /// Converts.
    pub fn new(py: Python<'_>, pieces: inner::KenwardRoger, p: usize) -> PyResult<Self> {
        let curves = (!pieces.curves.is_empty()).then(|| stack(py, &pieces.curves, p));
        Ok(Self {
            curves: curves.transpose()?,
            information: to_square(py, pieces.information)?,
            slopes: stack(py, &pieces.slopes, p)?,
            bends: stack(py, &pieces.bends, p)?,
        })
    }
}

impl Slopes {
    /// Converts.
    pub fn new(py: Python<'_>, slopes: inner::Slopes) -> PyResult<Self> {
        let k = slopes.beta.len() + 1;
        let grams = slopes.grams.into_iter().zip(&slopes.traces).map(|(values, t)| {
            Ok(PyArray1::from_vec(py, values).reshape([t.n, t.n, k, k])?.unbind())
        });
        Ok(Self {
            grams: grams.collect::<PyResult<_>>()?,
            log_det: slopes.log_det,
            pwrss: slopes.pwrss,
            beta: to_vector(py, slopes.beta),
            cov_beta_unscaled: to_square(py, slopes.covariance)?,
            traces: slopes.traces.into_iter().map(|t| to_square(py, t)).collect::<PyResult<_>>()?,
        })
    }
}

/// Symmetric p × p matrices, one behind the other.
fn stack(py: Python<'_>, matrices: &[Square], p: usize) -> PyResult<Py<PyArray3<f64>>> {
    let values: Vec<f64> = matrices.iter().flat_map(|m| m.data.iter().copied()).collect();
    Ok(PyArray1::from_vec(py, values).reshape([matrices.len(), p, p])?.unbind())
}
