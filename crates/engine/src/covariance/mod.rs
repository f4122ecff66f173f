//! Covariance of the random effects and of the residuals: from parameters to matrices.
//!
//! A [`Structure`] is a formula from unbounded coordinates φ to C = TT' over positions, written once:
//! its derivatives come from [`Jet`]s. [`structure()`] finds it by name, [`covariance()`] and
//! [`root()`] give C and T with first and second derivatives. `Templates` are what plain models
//! (unstructured and diagonal terms only) use: there θ is the list of entries of T.

mod antedependence;
mod ar1;
mod arma;
mod banded;
mod bessel;
mod compound_symmetry;
mod diagonal;
mod distance;
mod expansion;
mod exponential;
mod factor_analytic;
mod free_correlation;
mod gaussian;
mod jet;
mod matern;
mod matrix;
mod partial;
mod pivoting;
mod rational;
mod reduced_rank;
mod registry;
mod scaled;
mod structure;
mod template;
mod toeplitz;
mod unstructured;

pub use expansion::{Expansion, covariance, root};
pub use jet::{Jet, Order};
pub use matrix::Matrix;
pub use pivoting::{Pivoted, pivoted, restored};
pub use registry::{Options, structure};
pub use structure::{Filled, Positions, Quantity, Structure};
pub use template::{Parameter, Place, Templates};

#[cfg(test)]
mod contract;
