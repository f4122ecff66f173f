//! Families as a Python class: rows as arrays.

use std::sync::Arc;

use mixedmodels_engine::EngineError;
use mixedmodels_engine::batch::stream;
use mixedmodels_engine::families::{Family as Inner, Observation, Order, Zero, family};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::attention::attended;
use crate::convert::{exception, to_matrix, to_vector, vector};

/// Multiplications that a row costs about.
const COST: f64 = 100.0;

/// Rows that one task visits.
const CHUNK: usize = 1024;

/// What sets responses apart from random effects drawn with the same key.
const RESPONSES: u64 = 0x7265_7370_6f6e_7365;

type Vector = Py<PyArray1<f64>>;

/// A distribution of a response with its link.
#[pyclass(frozen, module = "mixedmodels._native")]
pub struct Family {
    pub inner: Arc<dyn Inner>,
    categories: usize,
}

/// The arrays of rows; sizes are 1 where there are none.
struct Rows<'a> {
    y: Option<&'a [f64]>,
    size: Option<&'a [f64]>,
    eta: Option<&'a [f64]>,
    auxiliary: &'a [f64],
    width: usize,
    n: usize,
}

impl Rows<'_> {
    fn size(&self, row: usize) -> f64 {
        self.size.map_or(1.0, |size| size[row])
    }

    fn eta(&self, row: usize) -> f64 {
        self.eta.map_or(0.0, |eta| eta[row])
    }

    fn observation(&self, row: usize) -> Observation {
        Observation { y: self.y.map_or(0.0, |y| y[row]), size: self.size(row) }
    }

    fn auxiliary(&self, row: usize) -> &[f64] {
        &self.auxiliary[row * self.width..][..self.width]
    }

    /// A number per row.
    fn each(&self, py: Python<'_>, f: impl Fn(usize) -> f64 + Sync) -> PyResult<Vector> {
        let run = || {
            let mut out = vec![0.0; self.n];
            out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
                out.iter_mut().enumerate().for_each(|(i, o)| *o = f(chunk * CHUNK + i));
            });
            Ok(out)
        };
        Ok(to_vector(py, attended(py, COST * self.n as f64, run)?))
    }
}

fn check(what: &'static str, found: usize, expected: usize) -> PyResult<()> {
    let wrong = EngineError::Shape { what, expected, found };
    if found == expected { Ok(()) } else { Err(exception(&wrong)) }
}

/// Borrows the arrays of rows and calls `run` with them.
fn with_rows<T>(
    width: usize,
    y: Option<&PyReadonlyArray1<'_, f64>>,
    size: Option<&PyReadonlyArray1<'_, f64>>,
    eta: Option<&PyReadonlyArray1<'_, f64>>,
    auxiliary: &PyReadonlyArray2<'_, f64>,
    run: impl FnOnce(&Rows<'_>) -> PyResult<T>,
) -> PyResult<T> {
    let slice = |array: Option<&PyReadonlyArray1<'_, f64>>, what| -> PyResult<_> {
        array.map(|a| vector(a, what).map(<[f64]>::to_vec)).transpose()
    };
    let (y, size, eta) = (slice(y, "y")?, slice(size, "size")?, slice(eta, "eta")?);
    let [n, columns] = [auxiliary.shape()[0], auxiliary.shape()[1]];
    check("a row of the auxiliary parameters", columns, width)?;
    for (array, what) in [(&y, "y"), (&size, "size"), (&eta, "eta")] {
        if let Some(array) = array {
            check(what, array.len(), n)?;
        }
    }
    let auxiliary: Vec<f64> = auxiliary.as_array().iter().copied().collect();
    run(&Rows {
        y: y.as_deref(),
        size: size.as_deref(),
        eta: eta.as_deref(),
        auxiliary: &auxiliary,
        width,
        n,
    })
}

impl Family {
    /// Auxiliary parameters of a row where no category is given: all thresholds.
    fn width(&self) -> usize {
        if self.categories > 0 { self.categories - 1 } else { self.inner.n_auxiliary() }
    }
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
        Ok(Self { inner, categories })
    }

    #[getter]
    fn n_auxiliary(&self) -> usize {
        self.inner.n_auxiliary()
    }

    #[getter]
    fn eta_range(&self) -> (f64, f64) {
        self.inner.eta_range()
    }

    fn log_density(
        &self,
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        eta: PyReadonlyArray1<'_, f64>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Vector> {
        let width = self.inner.n_auxiliary();
        with_rows(width, Some(&y), size.as_ref(), Some(&eta), &auxiliary, |rows| {
            rows.each(py, |i| {
                let (at, auxiliary) = (rows.observation(i), rows.auxiliary(i));
                self.inner.row(at, rows.eta(i), auxiliary, Order::Value).value
            })
        })
    }

    fn saturated(
        &self,
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Vector> {
        let width = self.inner.n_auxiliary();
        with_rows(width, Some(&y), size.as_ref(), None, &auxiliary, |rows| {
            rows.each(py, |i| self.inner.saturated(rows.observation(i), rows.auxiliary(i)))
        })
    }

    fn tails(
        &self,
        py: Python<'_>,
        y: PyReadonlyArray1<'_, f64>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        eta: PyReadonlyArray1<'_, f64>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let width = self.inner.n_auxiliary();
        with_rows(width, Some(&y), size.as_ref(), Some(&eta), &auxiliary, |rows| {
            let run = || {
                let of = |i: usize| {
                    let tails =
                        self.inner.tails(rows.observation(i), rows.eta(i), rows.auxiliary(i));
                    [tails.below, tails.at, tails.above]
                };
                Ok((0..rows.n).into_par_iter().flat_map_iter(of).collect())
            };
            to_matrix(py, attended(py, COST * rows.n as f64, run)?, rows.n, 3)
        })
    }

    fn mean(
        &self,
        py: Python<'_>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        eta: PyReadonlyArray1<'_, f64>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Vector> {
        with_rows(self.width(), None, size.as_ref(), Some(&eta), &auxiliary, |rows| {
            rows.each(py, |i| self.inner.mean(rows.size(i), rows.eta(i), rows.auxiliary(i)))
        })
    }

    fn mean_slope(
        &self,
        py: Python<'_>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        eta: PyReadonlyArray1<'_, f64>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Vector> {
        with_rows(self.width(), None, size.as_ref(), Some(&eta), &auxiliary, |rows| {
            rows.each(py, |i| self.inner.mean_slope(rows.size(i), rows.eta(i), rows.auxiliary(i)))
        })
    }

    fn variance(
        &self,
        py: Python<'_>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        eta: PyReadonlyArray1<'_, f64>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Vector> {
        with_rows(self.width(), None, size.as_ref(), Some(&eta), &auxiliary, |rows| {
            rows.each(py, |i| self.inner.variance(rows.size(i), rows.eta(i), rows.auxiliary(i)))
        })
    }

    fn information(
        &self,
        py: Python<'_>,
        size: Option<PyReadonlyArray1<'_, f64>>,
        eta: PyReadonlyArray1<'_, f64>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Vector> {
        with_rows(self.width(), None, size.as_ref(), Some(&eta), &auxiliary, |rows| {
            rows.each(py, |i| self.inner.information(rows.size(i), rows.eta(i), rows.auxiliary(i)))
        })
    }

    /// Rows of responses: replicate `first` + i is drawn at row i of eta.
    fn draw(
        &self,
        py: Python<'_>,
        key: [u64; 2],
        first: u64,
        size: Option<PyReadonlyArray1<'_, f64>>,
        eta: PyReadonlyArray2<'_, f64>,
        auxiliary: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Py<PyArray2<f64>>> {
        let [count, n] = [eta.shape()[0], eta.shape()[1]];
        let eta: Vec<f64> = eta.as_array().iter().copied().collect();
        with_rows(self.width(), None, size.as_ref(), None, &auxiliary, |rows| {
            check("a row of eta", n, rows.n)?;
            let run = || {
                let mut out = vec![0.0; count * n];
                let each = |(replicate, out): (usize, &mut [f64])| {
                    let mut random = stream([key[0], key[1] ^ RESPONSES], first + replicate as u64);
                    for (i, o) in out.iter_mut().enumerate() {
                        let eta = eta[replicate * n + i];
                        *o = self.inner.draw(&mut random, rows.size(i), eta, rows.auxiliary(i));
                    }
                };
                out.par_chunks_mut(n.max(1)).enumerate().for_each(each);
                Ok(out)
            };
            to_matrix(py, attended(py, COST * (n * count) as f64, run)?, count, n)
        })
    }
}
