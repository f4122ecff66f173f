//! Linear mixed models: the exact ML and REML criterion, its gradient and curvature, and the search
//! for its minimum.
//!
//! ```text
//!     y = Xβ + Zb + ε,   b = Λ_θ u,   u ~ N(0, σ² I),   ε ~ N(0, σ² W⁻¹)
//! ```
//!
//! The modules follow the computation: rows ([`data`]) are put into well-scaled coordinates
//! ([`basis`]) and condensed into cross-products ([`cross_products`]) on the pattern of the level
//! graph ([`symbolic`]); M(θ) is factorised ([`factor`]), which gives the criterion ([`objective`]);
//! back-substitution ([`solve`]), the blocks of the inverse ([`sensitivity`]) and the average
//! information ([`curvature`]) give its derivatives; [`optimise`] finds the minimum; and what is asked of
//! any other right-hand columns goes through [`projection`].

pub mod basis;
pub mod batch;
pub mod covariance;
pub mod cross_products;
pub mod curvature;
pub mod data;
pub mod dense;
pub mod error;
pub mod factor;
pub mod families;
pub mod foresight;
pub mod front;
pub mod generalised;
pub mod inference;
pub mod iterative;
pub mod layout;
pub mod links;
pub mod memory;
pub mod objective;
pub mod optimise;
pub mod packed;
pub mod pairs;
pub mod panels;
pub mod parallel;
pub mod pedigree;
pub mod probes;
pub mod problem;
pub mod projection;
pub mod rough;
pub mod row_major;
pub mod rows;
pub mod sensitivity;
pub mod solve;
pub mod structured;
pub mod sums;
pub mod symbolic;
pub mod watch;
pub mod wide;

pub use data::{Data, Group, Structure, Term};
pub use error::{EngineError, Result};
pub use problem::{Estimates, Problem};
