//! Crossed data whose equations cannot be factorised: the same criterion by conjugate gradients and
//! fixed probes, at a cost per step that is linear in the pairs of levels that occur together.
//!
//! * [`sides`]: one factor is eliminated exactly, small ones are columns like those of X, and the
//!   others are left to conjugate gradients.
//! * [`operator`], [`conjugate`]: S, the Schur complement, its exact diagonal blocks P, and S x = d.
//! * [`right`], [`corner`]: Z'V⁻¹c for X, y and other columns, to a residual that is checked.
//! * [`probes`], [`quadrature`]: what P leaves of log|M| and of the traces, by fixed random signs.
//! * [`point`], [`search`], [`results`]: the criterion, its derivatives, its minimum, the estimates.
//! * [`equations`], [`conditional`]: M⁻¹ times other columns, and the diagonal of M⁻¹.
//! * [`uncertainty`]: what the probes leave open.
//!
//! Whatever is summed is summed in an order that does not depend on the number of threads, and the
//! signs come from a counter: results are the same to the bit in every run.

mod conditional;
pub mod conjugate;
pub mod corner;
pub mod equations;
pub mod operator;
mod panel;
pub mod point;
pub mod probes;
mod problem;
mod quadrature;
pub mod results;
pub mod right;
pub mod search;
pub mod sides;
pub mod uncertainty;

pub use equations::Equations;
pub use problem::{IterativeProblem, bytes_of_rows};
pub use uncertainty::MonteCarlo;
