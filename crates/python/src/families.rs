//! Families as a Python class.

use std::sync::Arc;

use mixedmodels_engine::families::{Family as Inner, Zero, family};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::exception;

/// A distribution of a response with its link.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct Family {
    pub inner: Arc<dyn Inner>,
}

#[pymethods]
impl Family {
    #[new]
    #[pyo3(signature = (name, link, zero=None, categories=0))]
    fn new(name: &str, link: &str, zero: Option<&str>, categories: usize) -> PyResult<Self> {
        let zero = match zero {
            None => Zero::None,
            Some("inflated") => Zero::Inflated,
            Some("hurdle") => Zero::Hurdle,
            Some(other) => {
                return Err(PyValueError::new_err(format!("unknown kind of zeros {other:?}")));
            }
        };
        let inner = family(name, link, zero, categories).map_err(|e| exception(&e))?;
        Ok(Self { inner })
    }
}
