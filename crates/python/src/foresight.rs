//! What a fit would cost.

use mixedmodels_engine::Group;
use mixedmodels_engine::foresight::{Foresight as Inner, foresee as inner};
use mixedmodels_engine::memory::Sizes;
use numpy::PyArrayMethods;
use pyo3::prelude::*;

use crate::arrays::Levels;
use crate::attention::attended;
use crate::convert::vector;

/// What is foreseen: counts, multiplications and bytes.
#[pyclass(frozen, get_all, module = "mixedmodels._native")]
pub struct Foresight {
    nonzeros: f64,
    factor: f64,
    remainder: usize,
    flops: f64,
    building: f64,
    exact: f64,
    iterative_flops: f64,
    iterative: f64,
    is_bound: bool,
}

/// Foresees the cost of a fit of `n` rows with `k` right-hand columns; `widths` are the random columns
/// of each group, and `z` those of all that differ between rows.
#[pyfunction]
#[pyo3(signature = (n, k, z, n_theta, groups, widths))]
pub fn foresee(
    py: Python<'_>,
    n: usize,
    k: usize,
    z: usize,
    n_theta: usize,
    groups: Vec<Levels>,
    widths: Vec<usize>,
) -> PyResult<Foresight> {
    let held: Vec<_> = groups.iter().map(|g| (g.0.bind(py).readonly(), g.1)).collect();
    let groups: Vec<Group<'_>> = held
        .iter()
        .map(|(codes, n_levels)| Ok(Group { codes: vector(codes, "codes")?, n_levels: *n_levels }))
        .collect::<PyResult<_>>()?;
    let levels = groups.iter().map(|g| g.n_levels).sum();
    let sizes = Sizes { n, k, z, groups: groups.len(), levels, n_theta };
    let cost = (100 * n * groups.len()) as f64;
    let found: Inner = attended(py, cost, || inner(&groups, &widths, sizes))?;
    let Inner { nonzeros, factor, remainder, flops, building, exact, .. } = found;
    let Inner { iterative_flops, iterative, is_bound, .. } = found;
    Ok(Foresight {
        nonzeros,
        factor,
        remainder,
        flops,
        building,
        exact,
        iterative_flops,
        iterative,
        is_bound,
    })
}
