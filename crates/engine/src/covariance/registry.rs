//! Structures by name.

use super::antedependence::Antedependence;
use super::ar1::Ar1;
use super::arma::Arma;
use super::banded::Banded;
use super::compound_symmetry::CompoundSymmetry;
use super::diagonal::Diagonal;
use super::distance::{ByDistance, Kernel, RangeScale};
use super::exponential::Exponential;
use super::factor_analytic::FactorAnalytic;
use super::free_correlation::FreeCorrelation;
use super::gaussian::Gaussian;
use super::matern::Matern;
use super::rational::RationalQuadratic;
use super::reduced_rank::ReducedRank;
use super::scaled::{Correlation, Scaled};
use super::structure::Structure;
use super::toeplitz::Toeplitz;
use super::unstructured::Unstructured;
use crate::error::{EngineError, Result};

/// What a structure may be told beside its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// One standard deviation for all positions.
    pub hom: bool,
    /// Diagonals that are not zero, the main one included (toep); None: all.
    pub band: Option<usize>,
    /// Number of factors (fa, rr).
    pub rank: Option<usize>,
    /// Orders p and q (arma).
    pub order: Option<(usize, usize)>,
    /// Smoothness (matern); None: estimated.
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

/// The structure called `name` over q columns or occasions. Structures over distances take any
/// number of points, and have one standard deviation.
pub fn structure(name: &str, q: usize, options: &Options) -> Result<Box<dyn Structure>> {
    if let Some(structure) = by_distance(name, options)? {
        return Ok(structure);
    }
    if q < 2 && !matches!(name, "us" | "diag") {
        return refused("one position has no correlation");
    }
    Ok(match name {
        "us" if options.hom && q > 1 => Box::new(FreeCorrelation::new(q)),
        "us" => Box::new(Unstructured::new(q)),
        "diag" => scaled(Diagonal, q, options),
        "cs" => scaled(CompoundSymmetry::new(q), q, options),
        "ar1" => scaled(Ar1, q, options),
        "ante" => scaled(Antedependence::new(q), q, options),
        "toep" => match options.band {
            Some(band) if band == 0 || band > q => return refused("band exceeds the occasions"),
            Some(band) if band < q => scaled(Banded::new(band), q, options),
            _ => scaled(Toeplitz::new(q), q, options),
        },
        "arma" => match options.order {
            Some((p, average)) if p + average > 0 => scaled(Arma::new(p, average), q, options),
            _ => return refused("arma needs an order"),
        },
        "fa" => Box::new(FactorAnalytic::new(q, rank(q, options)?)),
        "rr" => Box::new(ReducedRank::new(q, rank(q, options)?)),
        _ => return refused("there is no structure of this name"),
    })
}

fn scaled<R: Correlation + 'static>(r: R, q: usize, options: &Options) -> Box<dyn Structure> {
    Box::new(if options.hom { Scaled::homogeneous(r) } else { Scaled::heterogeneous(r, q) })
}

fn rank(q: usize, options: &Options) -> Result<usize> {
    match options.rank {
        Some(rank) if rank > 0 && rank <= q => Ok(rank),
        _ => refused("the number of factors is between 1 and that of the columns"),
    }
}

fn by_distance(name: &str, options: &Options) -> Result<Option<Box<dyn Structure>>> {
    if !(options.distance > 0.0 && options.distance.is_finite()) {
        return refused("the usual distance of neighbours is not positive");
    }
    if options.nu.is_some_and(|nu| !(nu > 0.0 && nu.is_finite())) {
        return refused("the smoothness is not positive");
    }
    Ok(Some(match name {
        "ou" | "expo" => over(Exponential, RangeScale::Range, options),
        "car1" => over(Exponential, RangeScale::UnitCorrelation, options),
        "gauss" => over(Gaussian, RangeScale::Range, options),
        "ratio" => over(RationalQuadratic, RangeScale::Range, options),
        "matern" => over(Matern { nu: options.nu }, RangeScale::Range, options),
        _ => return Ok(None),
    }))
}

fn over<K: Kernel + 'static>(
    kernel: K,
    scale: RangeScale,
    options: &Options,
) -> Box<dyn Structure> {
    let (nugget, distance) = (options.nugget, options.distance);
    Box::new(Scaled::homogeneous(ByDistance { kernel, nugget, distance, scale }))
}

fn refused<T>(reason: &'static str) -> Result<T> {
    Err(EngineError::Structure { reason })
}
