//! The search for the minimum of the criterion.

mod approach;
mod boundary;
mod subproblem;
mod trust_region;

pub use trust_region::{Minimum, Options, Status, minimise};
