//! Structures by name.

use super::ar1::Ar1;
use super::compound_symmetry::CompoundSymmetry;
use super::diagonal::Diagonal;
use super::scaled::{Correlation, Scaled};
use super::structure::Structure;
use super::unstructured::Unstructured;
use crate::error::{EngineError, Result};

/// What a structure may be told beside its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// One standard deviation for all positions.
    pub hom: bool,
    /// Lags with a correlation (toep); None: all.
    pub band: Option<usize>,
    /// Number of factors (fa, rr).
    pub rank: Option<usize>,
    /// Orders p and q (arma).
    pub order: Option<(usize, usize)>,
    /// Smoothness (matern).
    pub nu: Option<f64>,
    /// Whether points close to each other differ (structures over distances).
    pub nugget: bool,
    /// A usual distance of neighbours, near which the range starts (structures over distances).
    pub distance: f64,
}

impl Default for Options {
    fn default() -> Self {
        let (band, rank, order, nu) = (None, None, None, None);
        Self { hom: false, band, rank, order, nu, nugget: false, distance: 1.0 }
    }
}

/// The structure called `name` over q positions.
pub fn structure(name: &str, q: usize, options: &Options) -> Result<Box<dyn Structure>> {
    if q < 2 && !matches!(name, "us" | "diag") {
        return refused("one position has no correlation");
    }
    Ok(match name {
        "us" => Box::new(Unstructured::new(q)),
        "diag" => scaled(Diagonal, q, options),
        "cs" => scaled(CompoundSymmetry::new(q), q, options),
        "ar1" => scaled(Ar1, q, options),
        _ => return refused("there is no structure of this name"),
    })
}

fn scaled<R: Correlation + 'static>(r: R, q: usize, options: &Options) -> Box<dyn Structure> {
    Box::new(if options.hom { Scaled::homogeneous(r) } else { Scaled::heterogeneous(r, q) })
}

fn refused<T>(reason: &'static str) -> Result<T> {
    Err(EngineError::Structure { reason })
}
