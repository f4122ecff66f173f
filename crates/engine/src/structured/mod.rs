//! Models whose covariances have structure: any random effects, known covariances between levels,
//! several memberships, correlated and unequal residuals, known residual variances.
//!
//! ```text
//!     y = Xβ + Zb + ε,   b = Λu,   u ~ N(0, σ² Q⁻¹),   ε ~ N(0, σ² R)
//!     V/σ² = R + ZΛQ⁻¹Λ'Z'
//! ```
//!
//! One evaluation: the rows are whitened, block by block, by the residual's covariance at ψ
//! ([`whitening`]); A = Z'R⁻¹Z and its right-hand columns are formed; M = Λ'AΛ + Q is factorised by the
//! plain engine, for which it is the cross-products of a model with T = I ([`equations`]). What the
//! gradient needs of M⁻¹ are its blocks on the pattern of M ([`inverse`]); the covariance structures give
//! ∂T and ∂C, and everything else follows once for all of them ([`derivatives`], [`score`]).

mod batch;
mod blocks;
mod derivatives;
mod design;
mod equations;
mod information;
mod inverse;
mod parameters;
mod pattern;
mod point;
mod problem;
mod products;
mod results;
mod score;
mod search;
mod second_order;
mod whitening;

pub use batch::Draws;
pub use blocks::{Blocks, Pattern};
pub use derivatives::Derivatives;
pub(crate) use derivatives::{add_term, directions, traces};
pub use design::{Design, Incidence, Precision, Residual, Spread, Term};
pub(crate) use equations::{Raw, factorise};
pub use inverse::Inverse;
pub(crate) use inverse::{backward, forward};
pub use parameters::{Freedom, Places, Value};
pub use pattern::Plan;
pub use point::{Point, Solved};
pub use problem::Problem;
pub use results::{Owner, Report};
pub use search::Minimum;
