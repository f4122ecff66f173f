//! The search for the minimum of the criterion.

mod approach;
mod boundary;
mod composite;
mod exact;
mod missed;
mod scoring;
mod search;
mod start;
mod subproblem;
mod trust_region;

pub(crate) use boundary::snapped;
pub(crate) use exact::{is_far, vanishes};
pub use missed::Missed;
pub use search::{Minimum, Options, Status, minimise};
pub use subproblem::Model;
