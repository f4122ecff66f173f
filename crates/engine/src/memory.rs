//! Memory, foreseen: what a fit will hold is added up before any of it is reserved, and what is
//! reserved can be refused without harm.

use crate::cross_products::CrossProducts;
use crate::data::Data;
use crate::error::{EngineError, Result};
use crate::layout::Layout;
use crate::pairs::Pairs;
use crate::symbolic::Symbolic;

/// Bytes that are taken without asking what the machine has left: asking costs more than a small fit.
pub const UNQUESTIONED: usize = 256 << 20;

/// Share of the sum that passing needs of kernels (packing of blocks, sums of tasks) may add.
const PASSING: f64 = 0.05;

/// Bytes that the process may still take, if anybody knows.
pub type Available<'a> = &'a (dyn Fn() -> Option<usize> + Sync);

/// Knows of no limit.
pub fn unlimited() -> Option<usize> {
    None
}

/// An error if `needed` bytes are more than is available, or more than the allocator would give.
pub fn require(needed: usize, available: Available<'_>) -> Result<()> {
    if needed <= UNQUESTIONED {
        return Ok(());
    }
    match available() {
        Some(available) if needed > available => {
            Err(EngineError::Memory { needed, available: Some(available) })
        }
        _ => reserve::<u8>(needed).map(drop),
    }
}

/// How many tasks that take `each` bytes there is room for at a time, of the `wanted`.
///
/// # Errors
/// If there is no room for one.
pub fn room_for(wanted: usize, each: usize, available: Available<'_>) -> Result<usize> {
    if wanted.saturating_mul(each) <= UNQUESTIONED {
        return Ok(wanted);
    }
    match available() {
        None => Ok(wanted),
        Some(available) if each > available => {
            Err(EngineError::Memory { needed: each, available: Some(available) })
        }
        Some(available) => Ok(wanted.min(available / each)),
    }
}

/// `n` zeros, or an error if there is no room for them.
pub fn zeros(n: usize) -> Result<Vec<f64>> {
    if n * size_of::<f64>() > UNQUESTIONED {
        // Asked for and given back: zeroed pages come from the system as they are needed, but only
        // through a call that ends the process when there are none.
        drop(reserve::<f64>(n)?);
    }
    Ok(vec![0.0; n])
}

fn reserve<T>(n: usize) -> Result<Vec<T>> {
    let mut out: Vec<T> = Vec::new();
    match out.try_reserve_exact(n) {
        Ok(()) => Ok(out),
        Err(_) => {
            let needed = n.saturating_mul(size_of::<T>());
            Err(EngineError::Memory { needed, available: None })
        }
    }
}

/// Bytes of one chain of evaluations: the fronts, the factor and the blocks of its inverse.
pub fn of_evaluations(layout: &Layout, pairs: &Pairs) -> usize {
    let last = |p: &[usize]| p[p.len() - 1];
    let factor = last(&layout.front) + last(&layout.factor) + last(&layout.rows);
    (factor + last(&layout.inverse) + pairs.size()) * size_of::<f64>()
}

/// The sizes of a data set.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Rows.
    pub n: usize,
    /// Columns of X, and y.
    pub k: usize,
    /// Columns of all Z_k that differ between rows.
    pub z: usize,
    /// Grouping factors.
    pub groups: usize,
    /// Their levels together.
    pub levels: usize,
    /// Length of θ.
    pub n_theta: usize,
}

impl Sizes {
    /// Of a data set.
    pub fn of(data: &Data<'_>, n_theta: usize) -> Self {
        Self {
            n: data.n(),
            k: data.p() + 1,
            z: data.terms.iter().map(|t| t.z.len()).sum(),
            groups: data.groups.len(),
            levels: data.groups.iter().map(|g| g.n_levels).sum(),
            n_theta,
        }
    }
}

/// Bytes that forming the cross-products of a data set takes at least, beyond the data: the rows by
/// level, and packed. It is asked before anything else is reserved.
pub fn of_rows(sizes: Sizes) -> usize {
    let packed = sizes.n * (sizes.k + sizes.z) * size_of::<f64>();
    packed + sizes.n * sizes.groups * size_of::<u32>() + sizes.levels * 2 * size_of::<usize>()
}

/// Bytes per ordered pair of neighbours that planning a factorisation takes at least: the graph, its
/// upper triangle for the elimination tree, and the lists of later and earlier neighbours.
const PER_PAIR: usize = 22;

/// Bytes that planning a factorisation takes at least, `pairs` being the ordered pairs of neighbours.
pub fn of_plan(pairs: usize) -> usize {
    pairs * PER_PAIR
}

/// Bytes of the lists of a plan.
fn of_lists(symbolic: &Symbolic) -> usize {
    let (pairs, rows) = (symbolic.later.n_items(), symbolic.rows.n_items());
    pairs * (2 * size_of::<u32>() + size_of::<(u32, u32)>()) + rows * 2 * size_of::<u32>()
}

/// Bytes that the search for the optimum holds at its peak, beyond the data.
pub fn of_sizes(sizes: Sizes, layout: &Layout, pairs: &Pairs) -> usize {
    let packed = sizes.n * (sizes.k + sizes.z) * size_of::<f64>();
    of_search(packed, of_rows(sizes) - packed, layout, pairs, sizes.n_theta)
}

/// The same where `passing` bytes are needed before the evaluations, but no longer, and others are
/// `held` beside them.
pub fn of_search(
    passing: usize,
    held: usize,
    layout: &Layout,
    pairs: &Pairs,
    n_theta: usize,
) -> usize {
    let symbolic = &layout.symbolic;
    let cross = CrossProducts::size(symbolic, layout.k);
    let links = if pairs.any() { cross + 4 * symbolic.earlier.n_items() } else { 0 };
    let vectors = symbolic.dim() * 2 * (layout.k + n_theta);
    let evaluations = of_evaluations(layout, pairs) + vectors * size_of::<f64>();
    let lists = of_lists(symbolic);
    // The packed rows are gone when the evaluations begin.
    let sum = (cross + links) * size_of::<f64>() + held + lists + passing.max(evaluations);
    sum + (PASSING * sum as f64) as usize
}

/// [`of_sizes`] of a data set.
pub fn of_fit(data: &Data<'_>, layout: &Layout, pairs: &Pairs, n_theta: usize) -> usize {
    of_sizes(Sizes::of(data, n_theta), layout, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_taken_unasked() {
        let never = || -> Option<usize> { panic!("asked") };
        assert_eq!(require(UNQUESTIONED, &never), Ok(()));
    }

    #[test]
    fn more_than_is_left_is_refused_with_both_numbers() {
        let needed = UNQUESTIONED + 1;
        let refused = EngineError::Memory { needed, available: Some(needed - 1) };
        assert_eq!(require(needed, &|| Some(needed - 1)), Err(refused));
        assert_eq!(require(needed, &|| Some(needed)), Ok(()));
    }

    #[test]
    fn as_many_tasks_run_as_there_is_room_for() {
        let each = UNQUESTIONED / 2;
        assert_eq!(room_for(2, each, &|| panic!("asked")), Ok(2));
        assert_eq!(room_for(8, each, &|| Some(3 * each + 1)), Ok(3));
        assert_eq!(room_for(8, each, &unlimited), Ok(8));
        assert!(room_for(8, each, &|| Some(each - 1)).is_err());
    }

    #[test]
    fn what_no_allocator_gives_is_an_error() {
        assert!(matches!(zeros(usize::MAX / 64), Err(EngineError::Memory { available: None, .. })));
        assert!(require(usize::MAX / 4, &unlimited).is_err());
    }
}
