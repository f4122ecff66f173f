//! Covariance of the random effects: how θ fills the templates T.

mod template;

pub use template::{Parameter, Place, Templates};
