//! Generalised linear mixed models.
//!
//! ```text
//!     y_i ~ family(η_i, a_i),   η = o + Xβ + Zb,   b = Λ_θ u,   u ~ N(0, Q⁻¹),   a = A(δ)
//!
//!     d(ψ) = −2 log ∫ exp{Σ ℓ_i(η_i, a_i) − ½ u'Qu} du        ψ = (θ, β, δ)
//!          ≈ −2 Σ ℓ_i(η̂_i) + û'Qû + log|M| − log|Q|,          M = Λ'Z'WZΛ + Q,   W = −ℓ''(η̂)
//! ```
//!
//! One evaluation finds the modes û ([`modes`]) and gives d ([`point`]); where levels are independent,
//! [`quadrature`] replaces the approximation. M is factorised by the plain engine, planned and filled by
//! the structured one, so that every covariance structure serves here too. [`derivatives`] gives the exact
//! gradient in all of ψ; [`search`] minimises from the fit without random effects ([`start`]).

mod auxiliary;
mod batch;
mod derivatives;
mod hessian;
mod modes;
mod order;
mod point;
mod problem;
mod quadrature;
mod results;
mod rows;
mod search;
mod start;
mod sums;
mod touching;

pub use auxiliary::{Source, Spacing};
pub use batch::{Draws, Plan, Refit};
pub use derivatives::Derivatives;
pub use modes::{Modes, Precision};
pub use point::Point;
pub use problem::{Design, Problem};
pub use quadrature::hermite;
pub use results::Estimates;
pub use search::Minimum;
